#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the learned model in pieces: ``python3 scripts/train_learned.py --work DIR --minutes 9``.

Each call goes on where the last one stopped, also one that was killed, and ends within its minutes; the exit status is
3 while there is more to do, and 0 at the end.  On a graphics card the whole takes about 25 minutes, evaluation not
counted; ``--processor`` chooses what a processor can learn, in some hours.  Every file that must be carried from piece
to piece, for machines that forget, lies in ``DIR/keep`` and is at most 16 MiB large; corpora, captions and latents are
made again by all cores where they are missing.

Standard library only; the stages themselves run in the engine's Python.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _support import ROOT, ScriptError, ensure_engine, say

MORE = 3
"""Exit status of a stage, and of this script, that stopped before its end."""

PROCESSOR: dict[str, Any] = {
    "device": "cpu", "scale": 15.0, "count": 6000, "large": 0, "crops": 8, "batch": 32, "patch": 4, "rate": 1e-3,
    "pairs": 2048, "compile": False,
}  # fmt: skip
"""What ``--processor`` chooses where nothing else is given; of a transformer, a token for 4 × 4 latents is a quarter of
the work."""

LEAST = 2.0
"""Minutes of a piece in which something is done."""

LARGE = 512
"""Pixels a side of the larger corpus."""

_SHARD = {256: 100, LARGE: 25}
"""Samples a shard: small ones, so that all cores end together and little is lost when the time is up."""
_MINUTES = {"encoder": 5.0, "decoder": 3.0, "grain": 3.0, "pieces": 2.0, "flow": 7.0, "distill": 2.0}
_LEAST_MINUTES = 1.0
"""What must be left of a piece for a stage to start in it."""
_RESERVE = 0.3
"""Minutes of a piece in which stages write down what they have."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One command, in as many pieces as it takes.

    Args:
        name: tells it.
        minutes: at the end of it, of what its checkpoint counts; of a stage without one, what it needs.
        command: is told the minutes of this piece and whether it goes on.
        checkpoint: folder of its state.
        corpora: sizes of those that it reads.
        leaves: folders that nobody needs when it is done.
    """

    name: str
    minutes: float
    command: Callable[[float, bool], list[str]]
    checkpoint: Path | None = None
    corpora: Sequence[int] = ()
    leaves: Sequence[Path] = ()

    @property
    def begun(self) -> bool:
        """Whether there is something to go on from, whoever stopped it."""
        return self.checkpoint is not None and (self.checkpoint / "checkpoint.json").is_file()

    @property
    def left(self) -> float:
        """Minutes that it has to train yet."""
        if self.checkpoint is None or not self.begun:
            return self.minutes
        facts = json.loads((self.checkpoint / "checkpoint.json").read_text(encoding="utf-8"))["facts"]
        return max(0.0, self.minutes - float(facts["seconds"]) / 60.0)


class Recipe:
    """The commands of all stages."""

    def __init__(self, work: Path, keep: Path, arguments: argparse.Namespace) -> None:
        self.work, self.keep, self.arguments = work, keep, arguments
        self.vae = arguments.autoencoder or keep / "vae"
        self.model, self.few = keep / "model", keep / "few"
        self.sizes = [arguments.size, *([LARGE] if arguments.large and arguments.size != LARGE else [])]
        self._device = ["--device", arguments.device] if arguments.device else []
        self._threads = ["--threads", str(arguments.threads)]
        self._minutes = {name: minutes * arguments.scale for name, minutes in _MINUTES.items()}
        self._slower = max(1.0, arguments.scale / 3.0)

    def corpus(self, size: int) -> Path:
        """Folder of the corpus of ``size`` pixels a side."""
        return self.work / f"corpus-{size}"

    def count(self, size: int) -> int:
        """How many samples it has."""
        return int(self.arguments.count if size == self.arguments.size else self.arguments.large)

    def stages(self) -> list[Stage]:
        """What is done, in order."""
        given = self.arguments
        found = [] if given.autoencoder else self._autoencoder()
        found += [self._flow("pieces"), self._flow("flow")]
        return [*found, self._distill(), self._sheet(), self._evaluation(), self._comparison()]

    def _train(
        self, module: str, work: str, out: Path, total: float, piece: float, again: bool, sizes: Sequence[int] = ()
    ) -> list[str]:
        folders = [str(self.corpus(size)) for size in sizes or self.sizes]
        found = ["-m", f"texloom.training.{module}", "--corpus", *folders, "--work", str(self.keep / work)]
        found += ["--out", str(out), "--total", f"{total:g}", "--minutes", f"{piece:.2f}"]
        return [*found, *self._threads, *self._device, *(["--resume"] if again else [])]

    def _autoencoder(self) -> list[Stage]:
        folder = self.keep / "autoencoder"
        first = self._minutes["encoder"]
        total = first + self._minutes["decoder"]

        def stage(name: str, until: float, leaves: Sequence[Path]) -> Stage:
            def command(piece: float, again: bool) -> list[str]:
                # The decoder goes on from the encoder's training, whatever piece it is.
                frozen = name == "decoder"
                minutes = min(piece, max(0.01, own.left))
                words = self._train("autoencoder", "autoencoder", self.vae, total, minutes, again or frozen)
                words += ["--batch", str(self.arguments.crops)]
                return [*words, *(["--freeze-encoder"] if frozen else [])]

            own = Stage(name=name, minutes=until, command=command, checkpoint=folder, corpora=self.sizes, leaves=leaves)
            return own

        return [stage("encoder", first, ()), stage("decoder", total, (folder,)), self._grain()]

    def _grain(self) -> Stage:
        """The decoder learns on whole tiles to draw grain of the right kind, sharp and without a grid of its blocks."""
        work, size, total = self.keep / "grain", self.arguments.size, self._minutes["grain"]

        def command(piece: float, again: bool) -> list[str]:
            words = self._train("autoencoder", work.name, self.vae, total, piece, again, [size])
            words += ["--start", str(self.vae), "--freeze-encoder", "--crop", str(size)]
            words += ["--batch", str(max(2, self.arguments.crops // 8)), "--rate", "3e-4", "--exact", "0.25"]
            return [*words, "--grid", "0.6", "--adversarial", "0", "--adversarial-weight", "0.6"]

        return Stage(name="grain", minutes=total, command=command, checkpoint=work, corpora=[size], leaves=(work,))

    def _flow(self, name: str) -> Stage:
        """What words look like from small pieces of tiles, then how these hang together from whole ones."""
        given = self.arguments
        begun, pieces = self.keep / "begun", name == "pieces"
        start = given.start if pieces else begun

        def command(piece: float, again: bool) -> list[str]:
            words = self._train("flow", name, begun if pieces else self.model, self._minutes[name], piece, again)
            words += ["--autoencoder", str(self.vae), "--cache", str(self.work / "latents")]
            words += ["--network", given.network, "--layers", str(given.layers), "--patch", str(given.patch)]
            words += ["--rate", f"{given.rate:g}", "--batch", str(given.batch * (4 if pieces else 1))]
            if pieces:
                # A UNet halves them twice, and sees the borders of pieces less in larger ones.
                words += ["--crop", "16" if given.network == "unet" else "8"]
            if start is not None and not again:
                words += ["--start", str(start)]
            return [*words, *(["--compile"] if given.compile else [])]

        folder = self.keep / name
        return Stage(
            name=name, minutes=self._minutes[name], command=command, checkpoint=folder, corpora=self.sizes,
            leaves=(folder,) if pieces else (folder, begun),
        )  # fmt: skip

    def _distill(self) -> Stage:
        given = self.arguments

        def command(piece: float, again: bool) -> list[str]:
            words = self._train("distill", "distill", self.few, self._minutes["distill"], piece, again)
            words += ["--model", str(self.model), "--cache", str(self.work / "latents")]
            words += ["--pairs", str(given.pairs), "--batch", str(given.batch)]
            return [*words, *(["--compile"] if given.compile else [])]

        folder = self.keep / "distill"
        return Stage(
            name="distill", minutes=self._minutes["distill"], command=command, checkpoint=folder, corpora=self.sizes,
            leaves=(folder,),
        )  # fmt: skip

    def _sheet(self) -> Stage:
        def command(piece: float, again: bool) -> list[str]:
            module = ["-m", "texloom.training.learned_sheets", "--model", str(self.model)]
            return [*module, "--out", str(self.keep / "sheet.png"), *self._threads, *self._device]

        return Stage(name="sheet", minutes=2.0 * self._slower, command=command)

    def _evaluation(self) -> Stage:
        def command(piece: float, again: bool) -> list[str]:
            module = ["-m", "texloom.training.learned_evaluate", "--model", str(self.model)]
            return [*module, *self._measured("evaluation.json")]

        return Stage(name="evaluation", minutes=6.0 * self._slower, command=command, corpora=self.sizes[:1])

    def _comparison(self) -> Stage:
        """The model, the one of few steps, and others of the same latents, side by side."""

        def command(piece: float, again: bool) -> list[str]:
            models = [str(folder) for folder in (self.model, self.few, *self.arguments.compare)]
            module = ["-m", "texloom.training.learned_compare", *models, "--autoencoder", str(self.vae)]
            return [*module, *self._measured("comparison.json")]

        return Stage(name="comparison", minutes=4.0 * self._slower, command=command, corpora=self.sizes[:1])

    def _measured(self, out: str) -> list[str]:
        judge = ["--judge", str(self.keep / "judge.safetensors"), "--out", str(self.keep / out)]
        truth = ["--truth", str(self.work / "true")]
        return ["--corpus", str(self.corpus(self.arguments.size)), *judge, *truth, *self._threads, *self._device]


class Piece:
    """What one call does, until its time is up."""

    def __init__(self, recipe: Recipe, python: Path, minutes: float) -> None:
        self.recipe, self.python, self.minutes = recipe, python, minutes
        self._began = time.monotonic()
        self._notes = recipe.keep / "pieces.json"
        self._environment = os.environ | {"PYTHONPATH": str(ROOT / "core")}
        self._environment |= {"TORCHINDUCTOR_CACHE_DIR": str(recipe.work / "compiled")}
        if recipe.arguments.text_encoder is not None:
            self._environment |= {"TEXLOOM_TEXT_ENCODER": str(recipe.arguments.text_encoder.absolute())}

    @property
    def left(self) -> float:
        """Minutes of this piece, but for what is kept back to write."""
        return self.minutes - _RESERVE - (time.monotonic() - self._began) / 60.0

    def run(self) -> int:
        """Go through the stages.

        Raises:
            ScriptError: one failed.
        """
        done: list[str] = json.loads(self._notes.read_text(encoding="utf-8")) if self._notes.is_file() else []
        for stage in self.recipe.stages():
            if stage.name in done:
                continue
            for size in stage.corpora:
                if not self._make_corpus(size):
                    return MORE
            # What has no checkpoint must be done in one piece; a short one tries it at its start.
            whole = stage.checkpoint is None
            if self.left < (min(stage.minutes, 0.8 * self.minutes) if whole else _LEAST_MINUTES):
                return MORE
            say(f"{stage.name}: {stage.left:.1f} of {stage.minutes:g} minutes to go, {self.left:.1f} in this piece")
            status = self._call(stage.command(self.left, stage.begun))
            if status not in (0, MORE):
                raise ScriptError(f"{stage.name} failed; the messages above say why.")
            if status == MORE and (not stage.begun or stage.left > 0.05):
                return MORE
            done.append(stage.name)
            aside = self._notes.with_suffix(".tmp")
            aside.write_text(json.dumps(done), encoding="utf-8")
            aside.replace(self._notes)
            for folder in stage.leaves:
                shutil.rmtree(folder, ignore_errors=True)
        return 0

    def _make_corpus(self, size: int) -> bool:
        """Make the shards that are not there yet; whether they all are."""
        folder, count, shard = self.recipe.corpus(size), self.recipe.count(size), _SHARD.get(size, 100)
        if all((folder / f"{index:06d}.jsonl").is_file() for index in range(-(-count // shard))):
            return True
        if self.left < 0.1:
            return False
        given = self.recipe.arguments
        status = self._call([
            "-m", "texloom.training.corpus", "--count", str(count), "--size", str(size), "--shard", str(shard),
            "--seed", str(self.recipe.sizes.index(size)), "--out", str(folder), "--device", given.drawn_on,
            "--processes", str(given.threads), "--minutes", f"{self.left:.2f}",
        ])  # fmt: skip
        if status not in (0, MORE):
            raise ScriptError("The corpus could not be made; the messages above say why.")
        return status == 0

    def _call(self, command: list[str]) -> int:
        return subprocess.run([self.python, *command], env=self._environment, check=False).returncode


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for; ``--processor`` changes what stands for what was not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder of everything")
    parser.add_argument("--keep", type=Path, help="folder of what must be carried (default: keep in --work)")
    parser.add_argument("--minutes", type=float, default=9.0, help=f"how long this piece may take; {LEAST:g} and more")
    parser.add_argument("--processor", action="store_true", help="choose what a processor can learn in some hours")
    parser.add_argument("--scale", type=float, default=1.0, help="times the minutes of a graphics card")
    parser.add_argument("--count", type=int, default=9000, help="samples of the corpus")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument(
        "--large", type=int, default=800, help=f"samples at {LARGE}² besides; each takes four times as long"
    )
    parser.add_argument("--crops", type=int, default=64, help="crops that the autoencoder sees a step")
    parser.add_argument("--batch", type=int, default=256, help="tiles that the flow sees a step")
    parser.add_argument("--rate", type=float, default=8e-4, help="of learning of the flow")
    parser.add_argument("--network", choices=("unet", "transformer"), default="unet")
    parser.add_argument("--layers", type=int, default=8, help="of a transformer")
    parser.add_argument("--patch", type=int, default=2, help="latents a side of its tokens; 4 on processors")
    parser.add_argument("--pairs", type=int, default=4096, help="pictures that the model of few steps learns from")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True, help="compile the networks")
    parser.add_argument("--autoencoder", type=Path, help="folder of one that is trained already")
    parser.add_argument("--start", type=Path, help="folder of a model whose weights the flow begins with")
    parser.add_argument(
        "--compare", type=Path, nargs="*", default=[], help="models of the same autoencoder to measure too"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", help="cuda or cpu (default: the best there is)")
    parser.add_argument("--drawn-on", default="cpu", help="device that draws the corpora, in --threads processes")
    parser.add_argument("--text-encoder", type=Path, help="folder of all-MiniLM-L6-v2 where the engine has none")
    parser.add_argument("--python", type=Path, help="the engine's Python (default: made when missing)")
    if parser.parse_known_args(argv)[0].processor:
        parser.set_defaults(**PROCESSOR)
    found = parser.parse_args(argv)
    if not found.minutes >= LEAST:
        parser.error(f"--minutes must be {LEAST:g} or more: in less, no stage would begin")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run one piece."""
    arguments = parsed(argv)
    work = arguments.work.absolute()
    keep = (arguments.keep or work / "keep").absolute()
    keep.mkdir(parents=True, exist_ok=True)
    recipe = Recipe(work, keep, arguments)
    try:
        status = Piece(recipe, arguments.python or ensure_engine(), arguments.minutes).run()
    except ScriptError as error:
        say(str(error))
        return 1
    if status == 0:
        say(f"Done: {recipe.model}")
    return status


if __name__ == "__main__":
    sys.exit(main())
