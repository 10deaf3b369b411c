# SPDX-License-Identifier: GPL-3.0-or-later
"""Training of the network that doubles pictures: ``texloom train upscaler``.

It learns from the corpus that the families of the instant model make (see :mod:`.corpus`): each picture is made smaller
and has to be found again.  Base colors come as they are; heights, roughness and metallic as grey pictures, so that one
network serves all maps.  A stopped run goes on with ``--resume``.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from .. import __version__
from ..engine.device import use_threads
from ..engine.upscale_net import FACTOR, UpscaleConfig, UpscaleNet
from ..engine.upscaler import CONFIG_VERSION, FOLDER, WEIGHTS_FILE
from ..errors import ModelInvalidError
from ..storage import home
from .heads import report
from .learned_state import Average, autocast, load_checkpoint, save_checkpoint, save_small

WORK_FOLDER = home() / "training" / "upscaler"
GREY_MAPS = ("height", "roughness", "metallic")


@dataclass(frozen=True)
class Options:
    """What decides the result; ``crop`` is pixels of the large pictures, ``batch`` pictures a step.

    ``grey`` is the share of maps other than base color, ``even`` that of pictures made smaller by averaging squares
    (the others by a cubic filter), ``edges`` how much steps between neighbours count beside the pixels themselves.
    """

    steps: int = 3000
    rate: float = 2e-3
    crop: int = 96
    batch: int = 8
    grey: float = 0.25
    even: float = 0.6
    edges: float = 0.5
    average: float = 0.998
    seed: int = 1


class Corpus:
    """Large pictures in memory: uint8 [C, H, W] (height uint16 as int32, stretched to its range), grouped by size."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.colors: list[Tensor] = []
        self.greys: list[Tensor] = []
        for folder in folders:
            parts = [load_file(path.with_suffix(".safetensors")) for path in sorted(folder.glob("*.jsonl"))]
            if not parts:
                raise ModelInvalidError(
                    f"{folder} holds no corpus.",
                    advice=f"Make one: python -m texloom.training.corpus --size 512 --out {folder}",
                )
            for part in parts:
                self.colors += list(part["base_color"])
                for name in GREY_MAPS:
                    self.greys += [grey for values in part[name] if (grey := _stretched(values)) is not None]

    def __len__(self) -> int:
        return len(self.colors)

    def crop(self, grey: bool, size: int, rng: np.random.Generator) -> Tensor:
        """One square of ``size`` pixels from anywhere in a periodic tile, mirrored and turned: [3, H, W], 0 to 1."""
        pool = self.greys if grey else self.colors
        found = pool[int(rng.integers(len(pool)))]
        found = found if found.ndim == 3 else found[None]
        rows, columns = (int(rng.integers(side)) for side in found.shape[-2:])
        down = torch.arange(rows, rows + size).remainder(found.shape[-2])
        across = torch.arange(columns, columns + size).remainder(found.shape[-1])
        part = found[:, down][:, :, across].float() / 255.0
        if rng.random() < 0.5:
            part = part.flip(-1)
        if rng.random() < 0.5:
            part = part.transpose(-1, -2)
        if grey and rng.random() < 0.5:
            part = 1.0 - part
        return part.expand(3, -1, -1)


def _stretched(values: Tensor) -> Tensor | None:
    """A map as a grey picture, 0 to 255, float16 where it is a height; None where it is all the same."""
    if values.dtype == torch.uint8:
        return values if int(values.max()) > int(values.min()) else None
    low, high = values.min(), values.max()
    if not float(high - low) > 1e-7:
        return None
    return ((values - low) * (255.0 / (high - low))).half()


def smaller(large: Tensor, even: bool) -> Tensor:
    """[B, 3, H, W] at half the size, rounded to eight bits as files are."""
    if even:
        found = F.avg_pool2d(large, FACTOR)
    else:
        found = F.interpolate(large, scale_factor=1 / FACTOR, mode="bicubic", align_corners=False, antialias=True)
    return (found.clamp(0.0, 1.0) * 255.0).round() / 255.0


class Trainer:
    """Owns network, optimizer and their average; every step is decided by the seed and its number."""

    def __init__(self, corpus: Corpus, options: Options, config: UpscaleConfig | None = None) -> None:
        torch.manual_seed(options.seed)
        self.corpus, self.options = corpus, options
        self.net = UpscaleNet(config).to(memory_format=torch.channels_last)
        self._average = Average(self.net, options.average)
        self.mean: UpscaleNet = self._average.model
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=options.rate)
        self.step = 0
        self.seconds = 0.0

    def run(self, minutes: float | None, work: Path) -> bool:
        """Train until the last step or until the time is up; whether it is the last."""
        began = saved = time.monotonic()
        before, losses = self.seconds, []
        while self.step < self.options.steps:
            losses.append(self._one())
            now = time.monotonic()
            self.seconds = before + now - began
            if self.step % 100 == 0:
                plain, found = np.mean(losses, axis=0)
                report(
                    f"step {self.step}/{self.options.steps}  {self.seconds / 60:.1f} min  "
                    f"mean error {found * 255:.3f} of 255, cubic {plain * 255:.3f}"
                )
                losses = []
            late = minutes is not None and now - began > minutes * 60
            if now - saved > 60 or late:
                self.save(work)
                saved = now
            if late:
                return self.step >= self.options.steps
        self.save(work)
        return True

    def _one(self) -> tuple[float, float]:
        """One step; the mean errors of the cubic filter and of the network."""
        options = self.options
        rng = np.random.default_rng((options.seed, self.step))
        grey, even = rng.random(options.batch) < options.grey, rng.random() < options.even
        parts = [self.corpus.crop(bool(one), options.crop, rng) for one in grey]
        large = torch.stack(parts).contiguous(memory_format=torch.channels_last)
        small = smaller(large, bool(even)).contiguous(memory_format=torch.channels_last)
        done = self.step / options.steps
        warm = max(1, min(100, options.steps // 10))
        rate = options.rate * min(1.0, (self.step + 1) / warm) * (0.5 + 0.5 * math.cos(math.pi * done))
        for group in self.optimizer.param_groups:
            group["lr"] = max(rate, options.rate * 0.005)
        with autocast("cpu"):
            found = self.net(small).float()
        # Near the border of a crop the network does not see what it will see in a whole picture.
        edge = 4 * FACTOR
        difference = (found - large)[..., edge:-edge, edge:-edge]
        steps = difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()
        error = difference.abs().mean()
        self.optimizer.zero_grad(set_to_none=True)
        (error + options.edges * 0.5 * steps).backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 0.1)
        self.optimizer.step()
        self.step += 1
        self._average.update(self.net, self.step)
        with torch.no_grad():
            plain = F.interpolate(small, scale_factor=FACTOR, mode="bicubic", align_corners=False) - large
        return float(plain[..., edge:-edge, edge:-edge].abs().mean()), float(error.detach())

    def save(self, work: Path) -> None:
        """Write everything that is needed to go on."""
        save_checkpoint(
            work,
            models={"net": self.net, "mean": self.mean},
            optimizers={"adam": self.optimizer},
            facts={"step": self.step, "seconds": self.seconds, "options": asdict(self.options)},
        )

    def resume(self, work: Path) -> None:
        """Go on where :meth:`save` was.

        Raises:
            ModelInvalidError: there is no checkpoint, or it is of other options.
        """
        facts = load_checkpoint(work, models={"net": self.net, "mean": self.mean}, optimizers={"adam": self.optimizer})
        if facts["options"] != asdict(self.options):
            raise ModelInvalidError(f"The checkpoint in {work} is of other options.", advice="Start without --resume.")
        self.step, self.seconds = int(facts["step"]), float(facts["seconds"])


def save_model(net: UpscaleNet, folder: Path, training: dict[str, Any]) -> None:
    """Write half-precision weights and the config; ``training`` are facts for the record."""
    config = {"version": CONFIG_VERSION, "net": net.config.to_dict(), "training": training}
    save_small(net, folder / WEIGHTS_FILE, config)


def main(argv: Sequence[str] | None = None) -> int:
    """``texloom train upscaler``: exit status 0, or 3 when the time ran out before the last step."""
    parser = argparse.ArgumentParser(prog="texloom train upscaler", description=__doc__)
    parser.add_argument("--corpus", type=Path, nargs="+", required=True, help="folders of shards")
    parser.add_argument("--steps", type=int, default=Options.steps)
    parser.add_argument("--seed", type=int, default=Options.seed)
    parser.add_argument("--minutes", type=float, help="stop after this time, to go on with --resume")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--work", type=Path, default=WORK_FOLDER)
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args(argv)
    use_threads(arguments.threads)
    options = Options(steps=arguments.steps, seed=arguments.seed)
    try:
        trainer = Trainer(Corpus(arguments.corpus), options)
        if arguments.resume:
            trainer.resume(arguments.work)
            report(f"resumed at step {trainer.step}")
        finished = trainer.run(arguments.minutes, arguments.work)
    except ModelInvalidError as error:
        report(" ".join(part for part in (str(error), error.advice) if part))
        return 1
    facts = {
        "version": __version__, "options": asdict(options), "samples": len(trainer.corpus), "steps": trainer.step,
        "seconds": round(trainer.seconds), "parameters": sum(p.numel() for p in trainer.net.parameters()),
        "torch": torch.__version__, "threads": torch.get_num_threads(),
    }  # fmt: skip
    save_model(trainer.mean, arguments.out, facts)
    report(f"wrote {arguments.out}")
    return 0 if finished else 3


if __name__ == "__main__":
    sys.exit(main())
