#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render estimated maps beside the true ones in Blender, under new light: ``python3 scripts/relight_maps.py``.

Materials that the map estimator never saw are shown under random light; it, the heuristic and "flat" make maps of that
picture; Cycles lights truth and estimates from two other sides.  Prints how far the pictures are from the truth's, and
puts that into the model card where it is told to.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from _support import ROOT, ScriptError, blender_command, ensure_engine, private_home, run, say

DEFAULTS = {"count": 0, "size": 192, "samples": 8}
EXPORTED = "maps.json"
MODEL = ROOT / "core" / "texloom" / "models" / "maps"
"""The shipped map estimator, whose maps are exported."""


def main(argv: list[str] | None = None) -> int:
    """0 when the table was printed, 1 when something failed, 4 when there is no Blender."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=DEFAULTS["count"], help="materials (default: one of each family)")
    parser.add_argument("--size", type=int, default=DEFAULTS["size"], help="pixels a side of maps and pictures")
    parser.add_argument("--samples", type=int, default=DEFAULTS["samples"], help="of light for each pixel")
    parser.add_argument("--write", action="store_true", help="put the table into the model card")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave maps and pictures there; goes on where it was")
    parser.add_argument("--python", type=Path, help="the engine's (default: one that is made for scripts)")
    parser.add_argument("--bpy", type=Path, metavar="PYTHON", help="with Blender's wheel (default: any Blender)")
    arguments = parser.parse_args(argv)
    try:
        python = arguments.python or ensure_engine()
        command = [str(arguments.bpy)] if arguments.bpy else blender_command()
        if command is None:
            say("There is no Blender here: install Blender 4.2 or newer, or use Python 3.11 for its wheel.")
            return 4
        with tempfile.TemporaryDirectory(prefix="texloom-relight-") as made:
            folder = (arguments.keep or Path(made)).absolute()
            evaluate = [python, "-m", "texloom.training.evaluate_relit"]
            env = dict(os.environ, PYTHONPATH=str(ROOT / "core"))
            export = ["export", folder, "--count", str(arguments.count), "--size", str(arguments.size)]
            if not exported(folder, arguments):
                run([*evaluate, *export], env=env)
                (folder / EXPORTED).write_text(json.dumps(settings(arguments)), encoding="utf-8")
            say("Blender renders …")
            script = [ROOT / "scripts" / "relight_render.py", "--", folder, str(arguments.samples)]
            run([*command, *script], env=private_home(), quiet=True)
            table = ["table", folder / "relit.json", "--command", shown(arguments)]
            run([*evaluate, *table, *(["--write"] if arguments.write else [])], env=env)
    except ScriptError as error:
        say(str(error))
        return 1
    return 0


def settings(arguments: argparse.Namespace) -> dict[str, int | str]:
    """What decides the maps that are exported."""
    from texloom.storage import files_sum

    model = files_sum(MODEL / name for name in ("config.json", "maps.safetensors"))
    return {"count": arguments.count, "size": arguments.size, "model": model}


def exported(folder: Path, arguments: argparse.Namespace) -> bool:
    """Whether all maps lie in the folder.

    Raises:
        ScriptError: those of other settings do.
    """
    if not (folder / EXPORTED).is_file():
        return False
    if json.loads((folder / EXPORTED).read_text(encoding="utf-8")) != settings(arguments):
        raise ScriptError(
            f"{folder} holds maps of another --count or --size, or of another model. Name another folder with --keep."
        )
    return True


def shown(arguments: argparse.Namespace) -> str:
    """The command that leads to the same table."""
    chosen = {name: getattr(arguments, name) for name in DEFAULTS}
    given = [f"--{name} {value}" for name, value in chosen.items() if value != DEFAULTS[name]]
    return " ".join(["python3 scripts/relight_maps.py --write", *given])


if __name__ == "__main__":
    sys.exit(main())
