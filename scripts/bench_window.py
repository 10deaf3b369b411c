#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how fluid Blender stays: ``python3 scripts/bench_window.py``.

A real window on a virtual screen with the built zip installed draws its viewport without a pause, while nothing
happens, while the engine is set up, starts and loads its model, while results of several sizes come in, and while a
slider is dragged.  All in one run, so that the rows can be compared with the first.  Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import gui_host
from _support import ROOT, ScriptError, ensure_engine, run, say


def main(argv: list[str] | None = None) -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--suite", choices=sorted(gui_host.SUITES), default="sid", help="which Debian, so which Blender"
    )
    arguments = parser.parse_args(argv)
    try:
        python = ensure_engine()
        gui_host.ensure_host(python, arguments.suite)
        with tempfile.TemporaryDirectory(prefix="texloom-bench-") as folder:
            script = ROOT / "scripts" / "bench_window_script.py"
            print_table(drive(Path(folder), python, arguments.suite, script))
    except ScriptError as error:
        say(str(error))
        return 1
    return 0


def drive(folder: Path, python: Path, suite: str, script: Path, *others: Path) -> dict[str, Any]:
    """Run a script in a window with the extension installed, and return what it noted in ``notes.json``.

    Args:
        folder: where all that it writes goes.
        python: the worker's.
        suite: which Debian.
        script: what Blender runs; ``others`` are what it imports.

    Raises:
        ScriptError: it ended without notes.
    """
    run([sys.executable, "scripts/build_extension.py", "--output", folder], quiet=True)
    (archive,) = folder.glob("*.zip")
    for file in (script, *others):
        shutil.copy(file, folder)
    host = [sys.executable, str(ROOT / "scripts" / "gui_host.py"), "--python", str(python), "--suite", suite]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TEXLOOM_")}
    env = kept | {
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "BLENDER_USER_RESOURCES": str(folder / "blender"),
        "TEXLOOM_HOME": str(folder / "home"),
        "TEXLOOM_PYTHON": str(python),
        "HOME": str(folder),
    }
    # It takes the first screen that is free, and says which.
    words = [*host, "Xvfb", "-displayfd", "1", "-screen", "0", "1500x1000x24"]
    screen = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert screen.stdout is not None
    try:
        env["DISPLAY"] = f":{screen.stdout.readline().strip()}"
        install = ["blender", "--command", "extension", "install-file", "-r", "user_default", "-e", str(archive)]
        subprocess.run([*host, *install], env=env, check=True, capture_output=True, timeout=180)
        quiet = "import bpy; bpy.context.preferences.view.show_splash = False; bpy.ops.wm.save_userpref()"
        hidden = [*host, "blender", "--background", "--python-expr", quiet]
        subprocess.run(hidden, env=env, check=True, capture_output=True, timeout=180)
        command = ["blender", "--window-geometry", "0", "0", "1500", "1000", "--python"]
        with (folder / "blender.log").open("wb") as log:
            words = [*host, *command, str(folder / script.name), "--", str(folder)]
            subprocess.run(words, env=env, stdout=log, stderr=subprocess.STDOUT, check=False, timeout=900)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise ScriptError(str(error)) from error
    finally:
        screen.terminate()
        screen.wait(10)
    notes = folder / "notes.json"
    if not notes.is_file():
        raise ScriptError((folder / "blender.log").read_text(errors="replace")[-3000:])
    found: dict[str, Any] = json.loads(notes.read_text(encoding="utf-8"))
    if "error" in found:
        raise ScriptError(found["error"])
    return found


def print_table(notes: dict[str, Any]) -> None:
    """Times in milliseconds."""
    say(
        f"Blender {notes['blender']}, {os.cpu_count()} cores that also draw the window and run the engine; milliseconds"
    )
    say("")
    columns = ["While", "Between redraws: median", "99 of 100", "longest"]
    columns += ["Add-on: longest turn", "most work in one", "longest call else"]
    say(f"| {' | '.join(columns)} |")
    say("|" + "---|" * len(columns))
    for phase in notes["phases"]:
        gaps = sorted(gap * 1000 for gap in phase["gaps"])
        if not gaps:
            continue
        cells = [
            statistics.median(gaps),
            gaps[int(len(gaps) * 0.99)],
            gaps[-1],
            phase["turn"] * 1000,
            phase["work"] * 1000,
            phase["call"] * 1000,
        ]
        first, rest = cells[:3], cells[3:]
        shown = [f"{value:.0f}" for value in first] + [f"{value:.1f}" for value in rest]
        say(f"| {phase['name']} | {' | '.join(shown)} {phase['other']} |")
    times = sorted(notes["slider_seconds"])
    middle, last = times[len(times) // 2], times[-1]
    say("")
    say("Work is processor time: a turn is longer where the system gives the processor to the engine in between.")
    say(f"From a slider's change until all maps are seen at 1024²: median {middle:.2f} s, longest {last:.2f} s;")
    say("the viewport without anti-aliasing, of which each change takes eight passes.")


if __name__ == "__main__":
    sys.exit(main())
