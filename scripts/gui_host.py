#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Blender for tests in a window: ``python3 scripts/gui_host.py blender …`` runs it from a Debian of its own.

For Linux systems whose own packages do not fit.  Needs root, ``debootstrap`` and ``unshare``.  The first call
makes the system below ``.environments`` (a minute or two, 1.6 GB).  Nothing stays mounted afterwards: every
command gets mounts of its own, so the folder may simply be deleted.  Standard library only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

from _support import ENVIRONMENTS, ROOT, ScriptError, run, say

SUITES = {"sid": "5.2", "trixie": "4.3"}
"""Debian's suites and the Blender that each has."""

PACKAGES = (
    "blender", "python3-cattr", "python3-numpy", "python3-requests", "python3-venv", "xvfb", "xdotool",
    "imagemagick", "libgl1-mesa-dri", "libegl-mesa0", "fonts-noto-cjk",
)  # fmt: skip

_ENTER = """
set -e
root=$1; binds=$2; shift 2
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
printf '%s\\n' "$binds" | while read -r folder; do
    mkdir -p "$root$folder"
    mount --bind "$folder" "$root$folder"
done
exec chroot "$root" "$@"
"""


def missing(python: str | Path) -> str:
    """Why there can be no such system here, for a worker of that Python; empty when there can."""
    if not sys.platform.startswith("linux"):
        return "Only Linux can hold another Linux system in a folder."
    if os.geteuid() != 0:
        return "Making a system in a folder needs root."
    for tool in ("debootstrap", "unshare", "chroot"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed."
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        return "This system does not let root make mounts of its own."
    if Path("/usr") in _python_folders(python):
        return "The worker's Python lies in /usr, which the other system has for itself; use one from elsewhere."
    return ""


def _python_folders(python: str | Path) -> list[Path]:
    """Where a Python and its packages lie."""
    ask = "import os, sys; print(sys.prefix); print(os.path.realpath(sys.base_prefix)); print(sys.base_prefix)"
    done = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    return [Path(line) for line in done.stdout.splitlines()]


def enter(folder: Path, python: str | Path, words: list[str]) -> list[str]:
    """The command that runs ``words`` inside; the project, that Python and the temporary folder are seen there."""
    folders = {ROOT, Path(tempfile.gettempdir()).resolve(), *_python_folders(python)}
    binds = "\n".join(str(path) for path in sorted(folders))
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", _ENTER, "sh", str(folder), binds, *words]


def ensure_host(python: str | Path = sys.executable, suite: str = "sid") -> Path:
    """The system's folder, made when it is not there yet.

    Raises:
        ScriptError: it cannot be made here.
    """
    folder = ENVIRONMENTS / f"window-{suite}"
    stamp = folder / "texloom-stamp.txt"
    wanted = " ".join(PACKAGES)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        _share_certificates(folder)
        return folder
    reason = missing(python)
    if reason:
        raise ScriptError(reason)
    say(f"Making a Debian {suite} with Blender {SUITES[suite]} for tests in a window (once; 1.6 GB) …")
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # What it mounts is its own too, so that nothing of that stays where it is interrupted.
    alone = ["unshare", "--mount", "--propagation", "private"]
    run([*alone, "debootstrap", "--variant=minbase", suite, folder], quiet=True)
    # A system that is made again when it is not finished need not wait for the disk after every file.
    (folder / "etc" / "dpkg" / "dpkg.cfg.d" / "texloom").write_text("force-unsafe-io\n", encoding="utf-8")
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *PACKAGES]
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive"]
    run(enter(folder, python, [*quiet, *install]), quiet=True)
    _share_certificates(folder)
    stamp.write_text(wanted, encoding="utf-8")
    return folder


def _share_certificates(folder: Path) -> None:
    """Trust the authorities that this system trusts, so that downloads also pass its proxy there."""
    bundle = ssl.get_default_verify_paths().cafile
    if bundle is not None and Path(bundle).is_file():
        target = folder / "etc" / "ssl" / "certs" / "ca-certificates.crt"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle, target)


def main(argv: list[str] | None = None) -> int:
    """Run a command inside."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", choices=sorted(SUITES), default="sid", help="Debian's suite: sid has Blender 5.2")
    parser.add_argument("--python", default=sys.executable, help="the worker's Python, to be seen inside")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what to run inside, with its arguments")
    arguments = parser.parse_args(argv)
    try:
        folder = ensure_host(arguments.python, arguments.suite)
    except ScriptError as error:
        say(str(error))
        return 1
    # In place of this process, so that a signal meant for the command reaches it.
    command = enter(folder, arguments.python, arguments.command or ["true"])
    os.execvp(command[0], command)


if __name__ == "__main__":
    sys.exit(main())
