# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scripts share: environments, running commands, finding Blender.  Standard library only."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import _beside

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = (ROOT / ".environments").resolve()
sys.path.insert(0, str(ROOT / "core"))

BPY_FOR_PYTHON = {(3, 11): "bpy==5.0.1", (3, 13): "bpy==5.2.*"}
"""The newest Blender wheel for each Python that has one."""

STAMP = "texloom-stamp.txt"
"""Stands in environments that the scripts made, and says what is in them."""
UNFINISHED = "unfinished"
"""The stamp of an environment that is being made."""

OLDEST_BLENDER = (4, 2)


class ScriptError(Exception):
    """Ends a script with a message."""


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, flush=True)


def run(
    command: list[str | Path], *, env: dict[str, str] | None = None, quiet: bool = False, log: Path | None = None
) -> None:
    """Run a command in the project's folder; what it prints goes to the file ``log``, where one is given.

    Raises:
        ScriptError: it failed, with its output when ``quiet`` kept that back; or the script is being interrupted.
    """
    words = [str(word) for word in command]
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(log.open("wb")) if log else subprocess.PIPE if quiet else None
        try:
            process = _beside.start(
                words, cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT if quiet or log else None
            )
        except InterruptedError:
            raise ScriptError(f"Not begun: {' '.join(words)}") from None
        try:
            told, _ = process.communicate()
        except BaseException:  # Ctrl+C
            process.kill()
            raise
        finally:
            process.wait()
            _beside.ended(process)
    if process.returncode:
        shown = ("\n" + "\n".join(told.splitlines()[-30:])) if quiet else ""
        raise ScriptError(f"Failed with exit status {process.returncode}: {' '.join(words)}{shown}")


def environment_python(folder: Path) -> Path:
    """The Python of a virtual environment."""
    return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


def ensure_environment(name: str, packages: list[str], *, base: Path | None = None) -> Path:
    """A virtual environment with ``packages``; made again when they change.  Returns its Python.

    Raises:
        ScriptError: it could not be made.
    """
    folder = ENVIRONMENTS / name
    python = environment_python(folder)
    wanted = "\n".join([sys.version.split()[0] if base is None else str(base), *packages])
    found = stamp_of(folder)
    if python.is_file() and found == wanted:
        return python
    if found is None and folder.exists():
        raise ScriptError(f"{folder} was not made by these scripts and stays as it is. Move it away, and try again.")
    say(f"Making the environment {name}: {' '.join(packages)}")
    begin_environment(folder)
    run([base or sys.executable, "-m", "venv", folder], quiet=True)
    run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages], quiet=True)
    (folder / STAMP).write_text(wanted, encoding="utf-8")
    return python


def stamp_of(folder: Path) -> str | None:
    """What the stamp of an environment says; None where there is none."""
    try:
        return (folder / STAMP).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def begin_environment(folder: Path) -> None:
    """An empty folder, in place of one that the scripts made, with the stamp of what is not finished."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STAMP).write_text(UNFINISHED, encoding="utf-8")


def identity(python: Path) -> str:
    """A text that changes when the environment of ``python`` is made anew in the same place."""
    marks = [path for path in (python.parent.parent / "pyvenv.cfg", python) if path.is_file()]
    return f"{python} {marks[0].stat().st_mtime_ns}" if marks else str(python)


def ensure_engine() -> Path:
    """The engine's environment as the product sets it up, kept in ``.environments``; returns its Python.

    Environments hold their own paths, so one cannot grow elsewhere and then take another's place.  Where there is one
    of other packages, the new one stands beside it, under a name of its packages: programs that run in the old one
    go on, and a set-up that fails takes nothing away.  ``TEXLOOM_PYTHON`` names another Python instead.

    Raises:
        ScriptError: it could not be made.
    """
    from texloom.errors import TexloomError
    from texloom.runtime import environment
    from texloom.storage import files_sum

    given = os.environ.get("TEXLOOM_PYTHON")
    if given:
        return Path(given)
    # What this sets up is no choice of the user's: their own settings stay as they are.
    os.environ.setdefault("TEXLOOM_HOME", str(ENVIRONMENTS / "home"))
    wanted = files_sum(sorted(environment.locks_folder().glob("*.txt")))
    usual, own = ENVIRONMENTS / "engine", ENVIRONMENTS / f"engine-{wanted[:12]}"
    for folder in (usual, own):
        if environment_python(folder).is_file() and stamp_of(folder) == wanted:
            return environment_python(folder)
    folder = usual if not usual.exists() or stamp_of(usual) in (UNFINISHED, wanted) else own
    if folder.exists() and stamp_of(folder) is None:
        raise ScriptError(f"{folder} was not made by these scripts and stays as it is. Move it away, and try again.")
    if folder is own:
        what = "is of other packages" if stamp_of(usual) else "was not made by these scripts"
        say(f"The engine in {usual} {what} and stays as it is. To use it all the same:")
        say(f"  TEXLOOM_PYTHON={environment_python(usual)}")
    say(f"Setting up the engine in {folder} (once; about 1 GB) …")
    done = False

    def begin() -> None:
        # Another script may have made it while this one waited, or be using what lies there.
        nonlocal done
        done = environment_python(folder).is_file() and stamp_of(folder) == wanted
        if done:
            raise TexloomError("It is made already.")
        begin_environment(folder)

    try:
        plan = environment.make_plan(folder=folder)
        environment.set_up(plan, Reporter(), threading.Event(), begin=begin)
    except TexloomError as error:
        if not done:
            raise ScriptError(str(error)) from error
    else:
        (folder / STAMP).write_text(wanted, encoding="utf-8")
    return environment_python(folder)


class Reporter:
    """Prints the progress of a set-up: each stage, and every few seconds where it is."""

    def __init__(self) -> None:
        self._stage = ""
        self._said = 0.0

    def __call__(self, progress: Any) -> None:
        now = time.monotonic()
        if progress.stage != self._stage or now - self._said > 10:
            say(f"  {progress.fraction * 100:3.0f} %  {progress.stage}  {progress.detail}".rstrip())
            self._stage, self._said = progress.stage, now


def private_home() -> dict[str, str]:
    """Environment variables with which nothing outside the project's folder is read or written."""
    home = ENVIRONMENTS / "home"
    return dict(os.environ) | {"TEXLOOM_HOME": str(home), "BLENDER_USER_RESOURCES": str(ENVIRONMENTS / "blender")}


def find_blender() -> Path | None:
    """An installed Blender that is new enough: ``TEXLOOM_BLENDER``, the path, or the usual folders."""
    candidates: list[Path] = []
    for name in (os.environ.get("TEXLOOM_BLENDER"), shutil.which("blender")):
        if name:
            candidates.append(Path(name))
    candidates.append(Path("/Applications/Blender.app/Contents/MacOS/Blender"))
    programs = Path(os.environ.get("PROGRAMFILES", "C:/Program Files")) / "Blender Foundation"
    candidates += sorted(programs.glob("Blender */blender.exe"), reverse=True)
    for path in candidates:
        if path.is_file() and (version := blender_version(path)) is not None and version >= OLDEST_BLENDER:
            return path
    return None


def blender_version(path: Path) -> tuple[int, int] | None:
    """(5, 2) of ``Blender 5.2.0 …``; None when it does not start."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"Blender (\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else None


def blender_command() -> list[str] | None:
    """How to run a script in a Blender without a window, or None when there is none.

    The script's arguments follow after ``--`` either way.
    """
    blender = find_blender()
    if blender is not None:
        return [str(blender), "--background", "--factory-startup", "--python-exit-code", "1", "--python"]
    wheel = BPY_FOR_PYTHON.get(sys.version_info[:2])
    if wheel is None:
        return None
    try:
        python = ensure_environment(wheel.replace("==", "-").rstrip(".*"), [wheel])
    except ScriptError as error:
        say(str(error))
        return None
    done = subprocess.run([python, "-c", "import bpy"], capture_output=True, text=True, check=False)
    if done.returncode:
        say(f"The bpy wheel does not load: {done.stderr.strip().splitlines()[-1]}")
        say("On Debian and Ubuntu its libraries are: libx11-6 libxi6 libxxf86vm1 libxfixes3 libxrender1 libxkbcommon0")
        say("libsm6 libice6 libgl1 libegl1 libgomp1")
        return None
    return [str(python)]
