# SPDX-License-Identifier: GPL-3.0-or-later
"""``bench.py --compare``: the whole product, from request to files on disk, beside calling diffusers' pipeline.

Both draw the same pictures with the same steps, turn by turn in one run, each in a process of its own and with new
words every time, so that nobody profits from what was read before.  Standard library only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _support import ROOT, ScriptError, run, say

SIZES = ("tiny", "sd-1.5", "sdxl-half", "sdxl", "z-image", "flux2-klein")
STAGES = ("text", "denoise", "decode", "maps", "files", "rest")
WORDS = ("brick", "slate", "marble", "oak", "gravel", "moss", "rust", "linen", "leather", "sand", "tiles", "bark")


def compare(arguments: argparse.Namespace, python: Path, folder: Path) -> None:
    """Measure and print a Markdown table.

    Args:
        arguments: ``model`` (a folder, or empty), ``random`` (one of :data:`SIZES`), ``steps``, ``size``, ``repeats``
            and ``device``.
        python: the engine's.
        folder: for results and the random model.

    Raises:
        ScriptError: a side could not start.
    """
    from texloom import api

    model = model_of(arguments, python, folder)
    side = arguments.size
    kinds = {
        "product, one picture": {"kind": "texture", "tile_x": False, "tile_y": False},
        "product, one picture that tiles": {"kind": "texture"},
        "product, material of five maps that tiles": {"kind": "material"},
    }
    plain: list[float] = []
    times: dict[str, list[float]] = {name: [] for name in kinds}
    stages: dict[str, list[dict[str, float]]] = {name: [] for name in kinds}
    with (
        api.Session(library=folder / "library", python=python, device=arguments.device) as session,
        _plain(python, model, arguments.device) as pipeline,
    ):
        guidance = arguments.guidance
        for number in range(arguments.repeats + 1):
            prompt = f"{WORDS[number % len(WORDS)]} {number}, seen from above"
            named = {"width": side, "height": side, "seed": number}
            options = {"num_inference_steps": arguments.steps, "guidance_scale": guidance, "prompt": prompt}
            seconds = pipeline(options | named)
            for count, (name, kind) in enumerate(kinds.items()):
                result = session.generate(
                    f"{prompt}, {count}",
                    model=str(model),
                    steps=arguments.steps,
                    guidance_scale=guidance,
                    preview_interval=0,
                    **named,
                    **kind,
                )
                # The first round loads and warms up.
                if number:
                    found = json.loads(Path(result.folder, "manifest.json").read_text(encoding="utf-8"))["timings"]
                    times[name].append(found["total"])
                    stages[name].append(shares(found))
            if number:
                plain.append(seconds)
        say(f"{session.status.device_name or session.status.device}, {model.name}, {side}², {arguments.steps} steps")
    say("")
    say("| What | Seconds, median (smallest to largest) | Beside diffusers | " + " | ".join(STAGES) + " |")
    say("|---|---|---|" + "---|" * len(STAGES))
    base = statistics.median(plain)
    say(f"| diffusers' pipeline alone, no file | {_spread(plain)} | – |" + " – |" * len(STAGES))
    for name in kinds:
        more = statistics.median(times[name]) / base - 1.0
        cells = [statistics.median(found[stage] for found in stages[name]) for stage in STAGES]
        shown = " | ".join(f"{100.0 * cell / statistics.median(times[name]):.1f} %" for cell in cells)
        say(f"| {name} | {_spread(times[name])} | {more:+.1%} | {shown} |")


def model_of(arguments: argparse.Namespace, python: Path, folder: Path) -> Path:
    """The folder of the model that is measured; one with random weights is made below ``folder``."""
    if arguments.model:
        return Path(arguments.model)
    model = folder / str(arguments.random)
    say(f"Making a model of the size of {arguments.random} with random weights …")
    run([python, ROOT / "scripts" / "bench_plain.py", "make", arguments.random, model], quiet=True)
    return model


def shares(timings: dict[str, float]) -> dict[str, float]:
    """Seconds of each stage of :data:`STAGES` from a manifest's timings; maps are made while files are written."""
    text, decode, total = timings.get("text", 0.0), timings.get("decode", 0.0), timings["total"]
    found = {
        "text": text,
        "denoise": max(0.0, timings.get("draw", 0.0) - text - decode),
        "decode": decode,
        "maps": timings.get("derive", 0.0),
        "files": max(0.0, timings.get("write", 0.0) - timings.get("derive", 0.0)),
    }
    return found | {"rest": max(0.0, total - sum(found.values()))}


@contextlib.contextmanager
def _plain(python: Path, model: Path, device: str | None) -> Iterator[Any]:
    """A function that draws by diffusers alone and returns the seconds."""
    command = [str(python), str(ROOT / "scripts" / "bench_plain.py"), "draw", str(model), device or ""]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None and child.stdout is not None
    asks, answers = child.stdin, child.stdout

    def draw(named: dict[str, Any]) -> float:
        asks.write(json.dumps(named) + "\n")
        asks.flush()
        line = answers.readline()
        if not line:
            raise ScriptError("diffusers' pipeline ended; see above.")
        return float(json.loads(line))

    try:
        yield draw
    finally:
        asks.close()
        child.wait()


def _spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.3f} ({min(seconds):.3f} to {max(seconds):.3f})"
