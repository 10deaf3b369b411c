#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the learned model in pieces: ``python3 scripts/train_learned.py --work DIR --minutes 9``.

Each call goes on where the last one stopped and ends within its minutes; the exit status is 3 while there is more to
do, and 0 at the end.  On a graphics card the whole takes about 25 minutes; on a processor give ``--scale``, which
multiplies the minutes of all stages.  Every file that must be carried from piece to piece, for machines that forget,
lies in ``DIR/keep`` and is at most 16 MiB large; corpus and latents are made again where they are missing.

Standard library only; the stages themselves run in the engine's Python.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from _support import ROOT, ScriptError, ensure_engine, say

MORE = 3
"""Exit status of a stage, and of this script, that stopped before its end."""

_LEAST_MINUTES = 1.0
"""What must be left of a piece for a stage to start in it; the evaluation, which cannot stop, takes three."""


@dataclass(frozen=True)
class Stage:
    """``minutes`` of training in all; ``command`` is told the minutes of this piece and whether it goes on."""

    name: str
    minutes: float
    command: Callable[[float, bool], list[str]]


def stages(work: Path, arguments: argparse.Namespace) -> list[Stage]:
    """What is done, in order."""
    corpus, keep = work / "corpus", work / "keep"
    vae, encoder, model = keep / "vae", keep / "autoencoder", keep / "model"
    device = ["--device", arguments.device] if arguments.device else []
    threads = ["--threads", str(arguments.threads)]
    minutes = {name: value * arguments.scale for name, value in (("encoder", 7.0), ("decoder", 4.0), ("flow", 9.0))}

    def train(module: str, folder: Path, out: Path, total: float) -> Callable[[float, bool], list[str]]:
        def command(piece: float, again: bool) -> list[str]:
            own = ["-m", f"texloom.training.{module}", "--corpus", str(corpus), "--work", str(folder)]
            own += ["--out", str(out), "--total", f"{total:g}", "--minutes", f"{piece:.2f}", *threads, *device]
            return own + (["--resume"] if again else [])

        return command

    both = minutes["encoder"] + minutes["decoder"]
    first = train("autoencoder", encoder, vae, both)
    second = train("flow", keep / "flow", model, minutes["flow"])
    batch = ["--batch", str(arguments.batch)]

    def frozen(piece: float, again: bool) -> list[str]:
        # The decoder goes on from the encoder's training, whatever piece it is.
        return [*first(piece, True), *batch, "--freeze-encoder"]

    def generator(piece: float, again: bool) -> list[str]:
        network = ["--layers", str(arguments.layers), "--patch", str(arguments.patch), *batch]
        cache = ["--cache", str(work / "latents")]
        return [*second(piece, again), "--autoencoder", str(vae), *network, *cache]

    def evaluation(piece: float, again: bool) -> list[str]:
        return [
            "-m", "texloom.training.learned_evaluate", "--model", str(model), "--corpus", str(corpus),
            "--judge", str(keep / "judge.safetensors"), "--out", str(keep / "evaluation.json"), *threads,
        ]  # fmt: skip

    return [
        Stage("encoder", minutes["encoder"], lambda piece, again: [*first(piece, again), *batch]),
        Stage("decoder", minutes["decoder"], frozen),
        Stage("flow", minutes["flow"], generator),
        Stage("evaluation", 3.0 * arguments.scale, evaluation),
    ]


def make_corpus(python: Path, work: Path, arguments: argparse.Namespace, environment: dict[str, str]) -> None:
    """Make the shards that are not there yet.

    Raises:
        ScriptError: it failed.
    """
    command = [
        python, "-m", "texloom.training.corpus", "--count", str(arguments.count), "--size", str(arguments.size),
        "--out", str(work / "corpus"), "--device", arguments.device or "cpu",
    ]  # fmt: skip
    if subprocess.run(command, env=environment, check=False).returncode:
        raise ScriptError("The corpus could not be made; the messages above say why.")


def main(argv: list[str] | None = None) -> int:
    """Run one piece."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder of everything")
    parser.add_argument("--minutes", type=float, default=9.0, help="how long this piece may take")
    parser.add_argument("--scale", type=float, default=1.0, help="times the minutes of a graphics card")
    parser.add_argument("--count", type=int, default=6000, help="samples of the corpus")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--patch", type=int, default=1, help="latents a side of a token; 2 on processors")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", help="cuda or cpu (default: the best there is)")
    parser.add_argument("--python", type=Path, help="the engine's Python (default: made when missing)")
    arguments = parser.parse_args(argv)
    began = time.monotonic()
    work = arguments.work.absolute()
    (work / "keep").mkdir(parents=True, exist_ok=True)
    notes = work / "keep" / "pieces.json"
    spent: dict[str, float] = json.loads(notes.read_text(encoding="utf-8")) if notes.is_file() else {}
    try:
        python = arguments.python or ensure_engine()
        environment = os.environ | {"PYTHONPATH": str(ROOT / "core")}
        make_corpus(python, work, arguments, environment)
        for stage in stages(work, arguments):
            left = stage.minutes - spent.get(stage.name, 0.0)
            if spent.get(stage.name, 0.0) < 0.0 or (left < 0.05 and stage.name != "evaluation"):
                continue  # done, or its minutes are up
            piece = arguments.minutes - (time.monotonic() - began) / 60.0
            least = _LEAST_MINUTES if stage.name != "evaluation" else min(3.0, 0.9 * arguments.minutes)
            if piece < least:
                return MORE
            say(f"{stage.name}: {min(left, piece):.1f} of {stage.minutes:g} minutes")
            command = [python, *stage.command(min(left, piece), stage.name in spent)]
            status = subprocess.run(command, env=environment, check=False).returncode
            if status not in (0, MORE):
                raise ScriptError(f"{stage.name} failed; the messages above say why.")
            # What a stage needs to get ready counts for the piece, not for its training.
            spent[stage.name] = -1.0 if status == 0 else spent.get(stage.name, 0.0) + min(left, piece)
            notes.write_text(json.dumps(spent), encoding="utf-8")
            if status == MORE and spent[stage.name] < stage.minutes - 0.05:
                return MORE
    except ScriptError as error:
        say(str(error))
        return 1
    say(f"Done: {work / 'keep' / 'model'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
