# SPDX-License-Identifier: GPL-3.0-or-later
"""``bench.py --together N``: N variations in one call of the pipeline beside one by one, by the whole product.

Both ways take turns in one run, with the memory that the plan foresaw beside what was used.  Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from pathlib import Path

from _support import say
from bench_compare import WORDS, model_of

WAYS = {"one by one": "off", "at a time": "on"}


def compare(arguments: argparse.Namespace, python: Path, folder: Path) -> None:
    """Measure and print a Markdown table.

    Args:
        arguments: as for ``bench_compare.compare``, and ``together``, the number of variations.
        python: the engine's.
        folder: for results, settings and the random model.

    Raises:
        ScriptError: the model could not be made.
    """
    from texloom import api, settings

    model = model_of(arguments, python, folder)
    # Settings of its own, which the worker reads for every job.
    os.environ["TEXLOOM_HOME"] = str(folder / "home")
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    memory: dict[str, dict[str, int]] = {}
    with api.Session(library=folder / "library", python=python, device=arguments.device) as session:
        for number in range(arguments.repeats + 1):
            for name, choice in WAYS.items():
                settings.Settings(batch=choice).save()
                result = session.generate(
                    f"{WORDS[number % len(WORDS)]} {number}",
                    model=str(model),
                    width=arguments.size,
                    height=arguments.size,
                    steps=arguments.steps,
                    guidance_scale=arguments.guidance,
                    count=arguments.together,
                    seed=number,
                    preview_interval=0,
                    kind="texture",
                )
                manifest = json.loads(Path(result.folder, "manifest.json").read_text(encoding="utf-8"))
                # The first round loads and warms up.
                if number:
                    times[name].append(manifest["timings"]["draw"])
                    memory[name] = manifest["results"][0]["memory"]
        device = session.status.device_name or session.status.device
    say(f"{device}, {model.name}, {arguments.together} variations of {arguments.size}², {arguments.steps} steps")
    say("")
    say("| Variations | Seconds to draw all, median (smallest to largest) | Foreseen | Used at most |")
    say("|---|---|---|---|")
    for name, seconds in times.items():
        spread = f"{statistics.median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f})"
        foreseen, used = memory[name]["forecast_bytes"] / 1e9, memory[name]["peak_bytes"] / 1e9
        say(f"| {name} | {spread} | {foreseen:.2f} GB | {used:.2f} GB |")
