"""``.venv`` as one file, unpacked once on each node's own disk: ``make pack``, ``make unpack``.

For clusters whose shared file system is slow with, or closed to, a hundred thousand small files.
Standard library only, and readable by old interpreters, because it runs before there is an
environment. Every job calls ``unpack`` first (``precommand`` in a profile): the first on a node
unpacks, the others find it there, or wait for it. The base interpreter that the environment was
made from (its ``bin/python`` is a link) must have the same path on the nodes.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import time

NAME = "groundsynth.packed"
"""First file of a pack: the identity of its content."""
UNUSED_DAYS = 7
"""A version that no job asked for so long is removed; longer than any job."""


class PackError(Exception):
    """A sentence for the user."""


def main(words: list) -> int:
    """``pack ENVIRONMENT FILE`` or ``unpack FILE [--folder FOLDER]``; 0 on success."""
    parser = argparse.ArgumentParser(prog="packed_environment.py", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    packing = verbs.add_parser("pack", help="write an environment to one file")
    packing.add_argument("environment")
    packing.add_argument("file")
    unpacking = verbs.add_parser("unpack", help="print the folder where it is, unpacked if need be")
    unpacking.add_argument("file")
    unpacking.add_argument("--folder", default="/tmp", help="on the node's own disk")
    options = parser.parse_args(words)
    try:
        if options.verb == "pack":
            pack(options.environment, options.file)
        else:
            print(unpack(options.file, options.folder))
    except PackError as error:
        print("groundsynth: %s" % error, file=sys.stderr)
        return 1
    return 0


def pack(environment: str, file: str) -> None:
    """Write the folder ``environment`` to ``file``, a plain tar archive (atomic).

    Not compressed: that takes longer than every later reading.
    """
    origins = sorted({os.path.abspath(environment), os.path.realpath(environment)})
    environment = os.path.realpath(environment)
    if not os.path.exists(os.path.join(environment, "pyvenv.cfg")):
        raise PackError("%s is no environment; run 'make setup' first." % environment)
    part = "%s.part%d" % (file, os.getpid())
    head = "%s.head%d" % (file, os.getpid())
    os.makedirs(head)
    try:
        with open(os.path.join(head, NAME), "w") as stream:
            stream.write("\n".join([identity(environment), *origins]))
        run_tar("--create", "--file", part, "-C", head, NAME, "-C", environment, ".")
        os.replace(part, file)
    finally:
        shutil.rmtree(head)
        if os.path.exists(part):
            os.unlink(part)


def identity(environment: str) -> str:
    """Digest of the names, sizes and times of all files."""
    digest = hashlib.sha256()
    for folder, names, files in os.walk(environment):
        names.sort()
        for name in sorted(files):
            path = os.path.join(folder, name)
            about = os.lstat(path)
            line = "%s %d %d\n" % (
                os.path.relpath(path, environment),
                about.st_size,
                about.st_mtime,
            )
            digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def unpack(file: str, root: str) -> str:
    """Folder with the content of the pack ``file`` under ``root``, unpacked by whoever is first."""
    name, origins = read_head(file)
    home = os.path.join(root, "groundsynth-%d" % os.getuid())
    os.makedirs(home, mode=0o700, exist_ok=True)
    if os.lstat(home).st_uid != os.getuid() or os.path.islink(home):
        raise PackError("%s belongs to somebody else; give another --folder." % home)
    target = os.path.join(home, name)
    with open(os.path.join(home, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released by the system if this process is killed
        remove_old(home, target)
        if not os.path.exists(target):
            unpack_into(file, target, origins)
        os.utime(target)
    return target


def read_head(file: str) -> tuple:
    """Identity of a pack, and the paths that its environment had."""
    try:
        with tarfile.open(file) as archive:
            member = archive.next()
            stream = archive.extractfile(member) if member and member.name == NAME else None
            words = stream.read().decode().splitlines() if stream else []
    except OSError as error:
        reason = error.strerror
    except tarfile.TarError:
        reason = "no tar archive"
    else:
        reason = "made by something else" if len(words) < 2 or not words[0].isalnum() else ""
    if reason:
        raise PackError("%s is no packed environment (%s): run 'make pack'." % (file, reason))
    return words[0], words[1:]


def remove_old(home: str, target: str) -> None:
    """Remove what a killed unpacking left, and versions long unused; called under the lock."""
    for name in os.listdir(home):
        path = os.path.join(home, name)
        if path == target or not os.path.isdir(path):
            continue
        if name.endswith(".part") or time.time() - os.stat(path).st_mtime > UNUSED_DAYS * 86400:
            shutil.rmtree(path)


def unpack_into(file: str, target: str, origins: list) -> None:
    """Unpack to ``target`` (whole or not at all) and let its programs find their interpreter."""
    needed, free = os.path.getsize(file), shutil.disk_usage(os.path.dirname(target)).free
    if needed > free:
        raise PackError(
            "The environment takes %.1f GB and %s has %.1f GB free: give another --folder."
            % (needed / 1e9, os.path.dirname(target), free / 1e9)
        )
    part = target + ".part"
    os.makedirs(part)
    run_tar("--extract", "--file", file, "-C", part)
    rename_interpreter(os.path.join(part, "bin"), origins, target)
    interpreter = os.path.realpath(os.path.join(part, "bin", "python"))
    if not os.path.exists(interpreter):
        raise PackError(
            "The environment was made with %s, which is not on this machine: make it with a Python "
            "that all nodes have, and pack it again." % interpreter
        )
    os.rename(part, target)
    print("groundsynth: unpacked %s to %s" % (file, target), file=sys.stderr)


def rename_interpreter(folder: str, origins: list, target: str) -> None:
    """Put the new place of the environment into the first lines of its programs.

    Two lines, because long paths stand in the second one, behind ``#!/bin/sh``.
    """
    new = os.fsencode(os.path.join(target, "bin", ""))
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.islink(path) or not os.path.isfile(path):
            continue
        with open(path, "rb") as stream:
            text = stream.read()
        if text[:2] == b"#!":
            head = b"\n".join(text.split(b"\n", 2)[:2])
            renamed = head
            for origin in origins:
                renamed = renamed.replace(os.fsencode(os.path.join(origin, "bin", "")), new)
            with open(path, "wb") as stream:
                stream.write(renamed + text[len(head) :])


def run_tar(*words: str) -> None:
    """Run tar; its own sentence on failure."""
    answer = subprocess.run(["tar", *words], stderr=subprocess.PIPE)
    if answer.returncode:
        said = answer.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        raise PackError("tar stopped: %s; make room and start again." % said[-1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
