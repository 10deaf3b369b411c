#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the product as a user meets it: ``python3 scripts/bench.py``.

Cold start to the first result, warm results at several sizes with five maps on disk, and the worker's largest
memory.  All in one run on one machine, so that the figures can be compared.  Instead of these, ``--learned`` measures
the learned model, ``--maps`` the maps of images, ``--compare`` a large model in the product beside diffusers alone, and
``--together`` variations at a time beside one by one.  Standard library only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import bench_compare
import bench_learned
import bench_together
from _support import ScriptError, ensure_engine, say
from bench_rows import PROMPTS, asked, head, peak, row, timed, worker

SIZES = (512, 1024, 2048, 4096)
COMPARED_STEPS = 4


def main(argv: list[str] | None = None) -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", metavar="N", help="pixels a side (default: what suits the row)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device")
    parser.add_argument("--learned", type=Path, metavar="FOLDER", help="the learned model in that folder")
    parser.add_argument(
        "--maps", type=int, nargs="*", metavar="N", help="maps of images of so many pixels a side (default: 1024)"
    )
    parser.add_argument("--compare", action="store_true", help="the product beside diffusers' pipeline (one --size)")
    parser.add_argument("--together", type=int, default=0, metavar="N", help="so many variations, at a time and not")
    parser.add_argument("--model", default="", help="a diffusers folder for --compare and --together")
    parser.add_argument("--random", choices=bench_compare.SIZES, default="tiny", help="random weights of that size")
    parser.add_argument("--steps", type=int, help=f"default: the learned model's own, {COMPARED_STEPS} of others")
    parser.add_argument("--guidance", type=float, default=5.0)
    arguments = parser.parse_args(argv)
    from texloom.errors import TexloomError

    try:
        python = ensure_engine()
    except ScriptError as error:
        say(str(error))
        return 1
    with tempfile.TemporaryDirectory(prefix="texloom-bench-") as folder:
        try:
            way(arguments)(arguments, python, Path(folder))
        except (ScriptError, TexloomError) as error:
            say(str(error))
            return 1
    return 0


def way(arguments: argparse.Namespace) -> Callable[[argparse.Namespace, Path, Path], None]:
    """What is to be measured; fills in what it takes where the arguments leave it open."""
    if arguments.learned is not None:
        return bench_learned.learned
    if arguments.maps is not None:
        return bench_learned.maps
    if not arguments.compare and not arguments.together:
        return measure
    arguments.size = (arguments.sizes or SIZES)[0]
    arguments.steps = COMPARED_STEPS if arguments.steps is None else arguments.steps
    return bench_together.compare if arguments.together else bench_compare.compare


def measure(arguments: argparse.Namespace, python: Path, library: Path) -> None:
    """Run everything of the default model and print it."""
    from texloom import api

    began = time.perf_counter()
    with api.Session(library=library, python=python, device=arguments.device) as session:
        session.generate(PROMPTS[0], width=1024, height=1024, seed=1)
        cold = time.perf_counter() - began
        head(session)
        say(f"| cold start to the first 1024² result | {cold:.1f} | {peak(worker(session))} |")
        for side in arguments.sizes or SIZES:
            size = {"width": side, "height": side}
            seconds = [
                timed(partial(session.generate, prompt, seed=seed, **size)) for prompt, seed in asked(arguments.repeats)
            ]
            row(session, f"{side}², five maps on disk, warm", seconds)
        four = {"width": 1024, "height": 1024, "count": 4}
        seconds = [timed(partial(session.generate, prompt, seed=seed, **four)) for prompt, seed in asked(1)]
        row(session, "four variations at 1024², warm", seconds)


if __name__ == "__main__":
    sys.exit(main())
