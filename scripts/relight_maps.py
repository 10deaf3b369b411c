#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render estimated maps beside the true ones in Blender, under new light: ``python3 scripts/relight_maps.py``.

Materials that the map estimator never saw are shown under random light; it, the heuristic and "flat" make maps of that
picture; Cycles lights truth and estimates from two other sides.  Prints how far the pictures are from the truth's.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from _support import ROOT, ScriptError, blender_command, ensure_engine, private_home, run, say

WAYS = ("estimator", "heuristic", "flat")


def main(argv: list[str] | None = None) -> int:
    """0 when the table was printed, 1 when something failed, 4 when there is no Blender."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256, help="pixels of maps and pictures")
    parser.add_argument("--every", type=int, default=3, help="each how many families one is shown")
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave maps and pictures there")
    arguments = parser.parse_args(argv)
    try:
        python = ensure_engine()
        command = blender_command()
        if command is None:
            say("There is no Blender here: install Blender 4.2 or newer, or use Python 3.11 for its wheel.")
            return 4
        with tempfile.TemporaryDirectory(prefix="texloom-relight-") as made:
            folder = (arguments.keep or Path(made)).absolute()
            export = ["--export", folder, "--every", str(arguments.every), "--size", str(arguments.size)]
            run(
                [python, "-m", "texloom.training.evaluate_maps", *export],
                env=dict(os.environ, PYTHONPATH=str(ROOT / "core")),
            )
            script = [ROOT / "scripts" / "relight_render.py", "--", folder, str(arguments.samples)]
            run([*command, *script], env=private_home(), quiet=True)
            print_table(json.loads((folder / "relit.json").read_text(encoding="utf-8")))
    except ScriptError as error:
        say(str(error))
        return 1
    return 0


def print_table(found: dict[str, dict[str, float]]) -> None:
    """Means over all materials, of 255."""
    say(f"{len(found)} materials under two new lights, rendered by Cycles; RMS difference from the truth, of 255")
    say("")
    say("| | " + " | ".join(WAYS) + " |")
    say("|---|" + "---|" * len(WAYS))
    means = (statistics.mean(row[way] for row in found.values()) for way in WAYS)
    say("| All | " + " | ".join(f"{value:.1f}" for value in means) + " |")
    better = sum(row["estimator"] < min(row["heuristic"], row["flat"]) for row in found.values())
    say("")
    say(f"The estimator is nearest to the truth for {better} of {len(found)}.")


if __name__ == "__main__":
    sys.exit(main())
