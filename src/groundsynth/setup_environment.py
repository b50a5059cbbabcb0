"""Sets up ``.venv`` with the exact versions of the lock; run by ``make setup``.

Standard library only, and readable by old interpreters, so that a machine that lacks something
gets a sentence instead of a traceback. A stamp says which lock the environment was made from;
an environment whose making was interrupted has none and is completed at the next call.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys

UV = "uv==0.13.8"
NEEDED_GB = 9
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "groundsynth.stamp")
PYTHON = os.path.join(VENV, "bin", "python")


def main(extras: list) -> int:
    """Make or complete the environment with the given extras of pyproject.toml; 0 on success."""
    problem = unfit_machine()
    if problem:
        print(problem, file=sys.stderr)
        return 1
    with open(os.path.join(ROOT, ".venv.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once: the second waits and finds it done
        if up_to_date(extras):
            return 0
        return install(extras)


def unfit_machine() -> "str | None":
    """What this machine lacks, in one sentence; None if it lacks nothing."""
    version = "%d.%d" % sys.version_info[:2]
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return (
            "Python %s cannot run Groundsynth: install Python 3.11, 3.12 or 3.13 and name it, as "
            "in 'make setup PYTHON=python3.12'." % version
        )
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "Groundsynth runs on Linux x86-64; this is %s %s." % (
            platform.system(),
            platform.machine(),
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return (
            "Python %s here cannot make virtual environments: install its venv package (on Debian "
            "and Ubuntu 'apt install python%s-venv')." % (version, version)
        )
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < NEEDED_GB and not os.path.exists(STAMP):
        return "The environment takes 6.6 GB and %s has %.1f GB free: make room for %d GB." % (
            ROOT,
            free,
            NEEDED_GB,
        )
    return None


def wanted_stamp(extras: list) -> list:
    """Digest of everything that the environment is made from."""
    digest = hashlib.sha256((UV + sys.version).encode())
    for name in ("pyproject.toml", "requirements.lock"):
        with open(os.path.join(ROOT, name), "rb") as stream:
            digest.update(stream.read())
    return [digest.hexdigest(), *sorted(extras)]


def up_to_date(extras: list) -> bool:
    """Whether the environment was completed from this lock with at least these extras."""
    try:
        with open(STAMP) as stream:
            found = stream.read().split()
    except OSError:
        return False
    wanted = wanted_stamp(extras)
    return found[:1] == wanted[:1] and set(wanted) <= set(found)


def install(extras: list) -> int:
    """Make the environment; keeps what an interrupted installation has finished."""
    print(
        "Setting up .venv: the packages take 6.6 GB on disk (PyTorch with its CUDA libraries); "
        "this runs once.",
        flush=True,
    )
    if (
        subprocess.call([PYTHON, "-c", ""], stderr=subprocess.DEVNULL)
        if os.path.exists(PYTHON)
        else 1
    ):
        run(sys.executable, "-m", "venv", "--clear", VENV)
    words = ["-r", "pyproject.toml", "-c", "requirements.lock"]
    for extra in extras:
        words += ["--extra", extra]
    run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV)
    run(PYTHON, "-m", "uv", "pip", "install", "--quiet", "--python", PYTHON, *words)
    with open(STAMP, "w") as stream:
        stream.write(" ".join(wanted_stamp(extras)) + "\n")
    return 0


def run(*words: str) -> None:
    """Run a command in the root folder; on failure end with its exit code and a sentence."""
    code = subprocess.call(words, cwd=ROOT)
    if code:
        print(
            "Setting up .venv stopped at '%s' (exit code %d): see the lines above; check the "
            "network and the disk, then start again: it goes on where it was." % (words[2], code),
            file=sys.stderr,
        )
        sys.exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
