#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the README's picture of the panel anew: ``python3 scripts/picture_panel.py``.

A real window on a virtual screen with the built zip installed (see gui_host.py) makes four variations of a brick wall
and adds moss by a slider.  Standard library only.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import gui_host
from _support import ROOT, ScriptError, ensure_engine, say
from bench_window import drive

TARGET = ROOT / "scripts" / "pictures" / "panel.jpg"
SUITE = "sid"


def main(argv: list[str] | None = None) -> int:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=TARGET, help="the file, as JPEG")
    arguments = parser.parse_args(argv)
    try:
        python = ensure_engine()
        gui_host.ensure_host(python, SUITE)
        with tempfile.TemporaryDirectory(prefix="texloom-picture-") as name:
            folder = Path(name)
            script = ROOT / "scripts" / "picture_panel_script.py"
            notes = drive(folder, python, SUITE, script, ROOT / "tests" / "gui" / "driving.py")
            cut = ["-crop", notes["crop"], "+repage", "-quality", "88", "-strip"]
            host = [sys.executable, str(ROOT / "scripts" / "gui_host.py"), "--python", str(python), "--suite", SUITE]
            made = folder / "panel.jpg"
            subprocess.run([*host, "convert", str(folder / "panel.png"), *cut, str(made)], check=True)
            arguments.output.write_bytes(made.read_bytes())
    except (ScriptError, subprocess.CalledProcessError) as error:
        say(str(error))
        return 1
    say(f"{arguments.output} ({arguments.output.stat().st_size // 1000} KB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
