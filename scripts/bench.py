#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the product as a user meets it: ``python3 scripts/bench.py``.

Cold start to the first result, warm results at several sizes with five maps on disk, and the worker's largest
memory.  All in one run on one machine, so that the figures can be compared.  ``--compare`` sets a large model in the
product beside diffusers alone instead, ``--together`` variations at a time beside one by one.  Standard library only.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import bench_compare
import bench_together
from _support import ScriptError, ensure_engine, say

PROMPTS = ("weathered red brick wall with white mortar", "mossy cobblestone, wet", "white marble with grey veins")


def main(argv: list[str] | None = None) -> int:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[512, 1024, 2048, 4096])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device")
    parser.add_argument("--compare", action="store_true", help="the product beside diffusers' pipeline (one --size)")
    parser.add_argument("--together", type=int, default=0, metavar="N", help="so many variations, at a time and not")
    parser.add_argument("--model", default="", help="a diffusers folder for --compare and --together")
    parser.add_argument("--random", choices=bench_compare.SIZES, default="tiny", help="random weights of that size")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--guidance", type=float, default=5.0)
    arguments = parser.parse_args(argv)
    try:
        python = ensure_engine()
    except ScriptError as error:
        say(str(error))
        return 1
    with tempfile.TemporaryDirectory(prefix="texloom-bench-") as folder:
        if not arguments.compare and not arguments.together:
            measure(arguments, python, Path(folder))
            return 0
        arguments.size = arguments.sizes[0]
        try:
            measured = bench_together.compare if arguments.together else bench_compare.compare
            measured(arguments, python, Path(folder))
        except ScriptError as error:
            say(str(error))
            return 1
    return 0


def measure(arguments: argparse.Namespace, python: Path, library: Path) -> None:
    """Run everything and print it."""
    from texloom import api

    began = time.perf_counter()
    with api.Session(library=library, python=python, device=arguments.device) as session:
        session.generate(PROMPTS[0], width=1024, height=1024, seed=1)
        cold = time.perf_counter() - began
        backend: Any = session.table.backend
        pid = backend._session._child.pid
        say(f"{session.status.device_name or session.status.device}, {os.cpu_count()} cores, {platform.system()},")
        say(f"Python {platform.python_version()}, torch {session.status.versions.get('torch')}")
        say("")
        say("| What | Seconds, median (smallest to largest) | Worker's largest memory |")
        say("|---|---|---|")
        say(f"| cold start to the first 1024² result | {cold:.1f} | {peak(pid)} |")
        for size in arguments.sizes:
            times = []
            for repeat in range(arguments.repeats):
                for number, prompt in enumerate(PROMPTS):
                    start = time.perf_counter()
                    session.generate(prompt, width=size, height=size, seed=10 * repeat + number)
                    times.append(time.perf_counter() - start)
            spread = f"{min(times):.2f} to {max(times):.2f}"
            say(f"| {size}², five maps on disk, warm | {statistics.median(times):.2f} ({spread}) | {peak(pid)} |")
        times = []
        for number, prompt in enumerate(PROMPTS):
            start = time.perf_counter()
            session.generate(prompt, width=1024, height=1024, seed=number, count=4)
            times.append(time.perf_counter() - start)
        spread = f"{min(times):.2f} to {max(times):.2f}"
        say(f"| four variations at 1024², warm | {statistics.median(times):.2f} ({spread}) | {peak(pid)} |")


def peak(pid: int) -> str:
    """The largest resident memory of a process so far; Linux tells it."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM"):
                return f"{int(line.split()[1]) / 1e6:.2f} GB"
    except OSError:
        pass
    return "–"


if __name__ == "__main__":
    sys.exit(main())
