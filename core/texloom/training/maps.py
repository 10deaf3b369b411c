# SPDX-License-Identifier: GPL-3.0-or-later
"""Training of the network that sees the maps behind a picture: ``texloom train maps``.

It learns from the corpus that the families of the instant model make (see :mod:`.corpus`), shown under random light.
A stopped run goes on with ``--resume``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from .. import __version__
from ..engine.device import use_threads
from ..engine.map_net import MapNet, NetConfig, Seen, height_from_slopes, slopes_of
from ..engine.pbr import ambient_occlusion_from_height
from ..errors import ModelInvalidError
from ..storage import home
from .heads import report
from .learned_state import Average, autocast, save_small
from .relight import normals, render

WORK_FOLDER = home() / "training" / "maps"
MODEL_FOLDER = Path(__file__).parents[1] / "models" / "maps"
CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class Options:
    """What decides the result; ``crop`` and ``tile`` are pixels, the batches are pictures a step."""

    steps: int = 6000
    rate: float = 5e-4
    crop: int = 128
    crops: int = 12
    tiles: int = 3
    tile_every: int = 4
    average: float = 0.998
    seed: int = 1


@dataclass
class Batch:
    """Truth: tensors [B, channels, H, W]; slopes and heights in pixels."""

    base_color: Tensor
    slope: Tensor
    occlusion: Tensor
    roughness: Tensor
    metallic: Tensor
    height: Tensor | None = None


class Corpus:
    """Shards of :mod:`.corpus` in memory; pictures of one size a folder."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.sets: list[dict[str, Tensor]] = []
        for folder in folders:
            parts = [_load_shard(path) for path in sorted(folder.glob("*.jsonl"))]
            if not parts:
                raise ModelInvalidError(
                    f"{folder} holds no corpus.",
                    advice=f"Make one: python -m texloom.training.corpus --out {folder}",
                )
            self.sets.append({name: torch.cat([part[name] for part in parts]) for name in parts[0]})

    def __len__(self) -> int:
        return sum(len(found["height"]) for found in self.sets)

    def pick(self, which: int, index: Tensor) -> Batch:
        """Whole tiles of one size."""
        found = self.sets[which]
        height = found["height"][index].float()
        return Batch(
            base_color=found["base_color"][index].float() / 255.0,
            slope=slopes_of(height),
            occlusion=found["occlusion"][index][:, None].float() / 255.0,
            roughness=found["roughness"][index][:, None].float() / 255.0,
            metallic=found["metallic"][index][:, None].float() / 255.0,
            height=height - height.mean((1, 2), keepdim=True),
        )


def _load_shard(path: Path) -> dict[str, Tensor]:
    """One shard with heights in pixels and its ambient occlusion, which is kept beside it."""
    maps = load_file(path.with_suffix(".safetensors"))
    widths = [json.loads(line)["width_m"] for line in path.read_text(encoding="utf-8").splitlines()]
    kept = path.with_suffix(".occlusion.safetensors")
    if not kept.is_file():
        pairs = zip(maps["height"], widths, strict=True)
        seen = [(ambient_occlusion_from_height(h, w, w) * 255.0 + 0.5).to(torch.uint8) for h, w in pairs]
        save_file({"occlusion": torch.stack(seen)}, kept)
    maps |= load_file(kept)
    size = maps["height"].shape[-1]
    maps["height"] = maps["height"] * (size / torch.tensor(widths))[:, None, None]
    return maps


def turned(batch: Batch, rng: np.random.Generator) -> Batch:
    """The same materials mirrored and turned by quarters: nature has no preferred side, and lights come from any."""
    names = ("base_color", "slope", "occlusion", "roughness", "metallic")
    fields = {name: getattr(batch, name) for name in names}
    height = batch.height
    if rng.random() < 0.5:
        fields = {name: value.flip(-1) for name, value in fields.items()}
        fields["slope"] = fields["slope"] * torch.tensor([-1.0, 1.0]).view(1, 2, 1, 1)
        height = height.flip(-1) if height is not None else None
    if rng.random() < 0.5:
        fields = {name: value.transpose(-1, -2) for name, value in fields.items()}
        fields["slope"] = fields["slope"].flip(1)
        height = height.transpose(-1, -2) if height is not None else None
    return Batch(**fields, height=height)


def cropped(batch: Batch, size: int, rng: np.random.Generator) -> Batch:
    """One square of ``size`` pixels from anywhere in each periodic tile."""
    full = batch.slope.shape[-1]
    names = ("base_color", "slope", "occlusion", "roughness", "metallic")
    parts: dict[str, list[Tensor]] = {name: [] for name in names}
    for row in range(len(batch.slope)):
        top, left = (int(rng.integers(full)) for _ in range(2))
        for name in names:
            rolled = getattr(batch, name)[row].roll((-top, -left), (-2, -1))
            parts[name].append(rolled[..., :size, :size])
    return Batch(**{name: torch.stack(found) for name, found in parts.items()})


def wrapped(picture: Tensor, border: int) -> Tensor:
    """A periodic picture with ``border`` more pixels on each side."""
    return F.pad(picture, (border,) * 4, mode="circular")


def loss_of(seen: Seen, truth: Batch) -> dict[str, Tensor]:
    """What is wrong, by map."""
    difference = seen.base_color - truth.base_color
    # How bright the light was cannot be seen: the guess at it must not drown what can.
    exposure = difference.mean((1, 2, 3), keepdim=True)
    edges = (difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()) * 0.5
    cosine = (normals(seen.slope) * normals(truth.slope)).sum(1)
    wanted = truth.slope.clamp(-10.0, 10.0).asinh()
    found = {
        "base_color": (difference - exposure).abs().mean() + 0.1 * exposure.abs().mean() + edges,
        "slope": (seen.slope.asinh() - wanted).abs().mean() + 0.5 * (1.0 - cosine).mean(),
        # Where slopes cannot be told for sure, the likeliest guess is flat; a surface must have the depth of its kind.
        "relief": 0.1 * (_steepness(seen.slope) / _steepness(truth.slope)).log().abs().mean(),
        "roughness": (seen.roughness - truth.roughness).abs().mean(),
        "metallic": 0.3 * F.binary_cross_entropy_with_logits(seen.metallic_logit, truth.metallic),
    }
    if truth.height is not None:
        height = height_from_slopes(seen.slope)
        scale = truth.height.std((1, 2), keepdim=True) + 0.5
        found["height"] = 0.1 * ((height - truth.height) / scale).abs().mean()
    return found


def _steepness(slope: Tensor) -> Tensor:
    """How steep each surface [B, 2, H, W] is altogether: [B], never 0.  Single cliffs do not decide it."""
    return slope.clamp(-10.0, 10.0).square().mean((1, 2, 3)).add(4e-4).sqrt()


class Trainer:
    """Owns network, optimizer and their average; every step is decided by the seed and its number."""

    def __init__(self, corpus: Corpus, options: Options, config: NetConfig | None = None) -> None:
        torch.manual_seed(options.seed)
        self.corpus, self.options = corpus, options
        self.net = MapNet(config).to(memory_format=torch.channels_last)
        self._average = Average(self.net, options.average)
        self.mean: MapNet = self._average.model
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=options.rate, weight_decay=1e-3)
        self.step = 0
        self.seconds = 0.0

    def run(self, minutes: float | None, work: Path) -> bool:
        """Train until the last step or until the time is up; whether it is the last."""
        began, saved = time.monotonic(), time.monotonic()
        before, losses = self.seconds, {}
        while self.step < self.options.steps:
            found = self._one()
            for name, value in found.items():
                losses.setdefault(name, []).append(float(value.detach()))
            now = time.monotonic()
            self.seconds = before + now - began
            if self.step % 100 == 0:
                told = " ".join(f"{name} {np.mean(values):.4f}" for name, values in losses.items())
                report(f"step {self.step}/{self.options.steps}  {self.seconds / 60:.1f} min  {told}")
                losses = {}
            late = minutes is not None and now - began > minutes * 60
            if now - saved > 120 or late:
                self.save(work)
                saved = now
            if late:
                return self.step >= self.options.steps
        self.save(work)
        return True

    def _one(self) -> dict[str, Tensor]:
        options = self.options
        rng = np.random.default_rng((options.seed, self.step))
        light = torch.Generator().manual_seed(int(rng.integers(2**31)))
        whole = self.step % options.tile_every == options.tile_every - 1
        sets = self.corpus.sets
        which = 0 if whole else int(rng.choice(len(sets), p=_shares(sets)))
        count = options.tiles if whole else options.crops
        index = torch.from_numpy(rng.integers(len(sets[which]["height"]), size=count))
        truth = turned(self.corpus.pick(which, index), rng)
        border = 32 if whole else 0
        if not whole:
            truth = cropped(truth, options.crop, rng)
        picture = render(truth.base_color, truth.slope, truth.occlusion, truth.roughness, truth.metallic, light)
        picture = wrapped(picture, border).contiguous(memory_format=torch.channels_last)
        done = self.step / options.steps
        warm = max(1, min(200, options.steps // 10))
        rate = options.rate * min(1.0, (self.step + 1) / warm) * (0.5 + 0.5 * math.cos(math.pi * done))
        for group in self.optimizer.param_groups:
            group["lr"] = max(rate, options.rate * 0.01)
        with autocast("cpu"):
            seen = self.net(picture)
        if border:
            seen = Seen(*(value[..., border:-border, border:-border] for value in vars(seen).values()))
        found = loss_of(seen, truth)
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(found.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        self._average.update(self.net, self.step)
        return found

    def save(self, work: Path) -> None:
        """Write everything that is needed to go on."""
        work.mkdir(parents=True, exist_ok=True)
        tensors = {f"net.{k}": v.contiguous() for k, v in self.net.state_dict().items()}
        tensors |= {f"mean.{k}": v.contiguous() for k, v in self.mean.state_dict().items()}
        for number, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{number}.{key}": value.contiguous() for key, value in state.items()}
        facts = {"step": str(self.step), "seconds": str(self.seconds), "options": json.dumps(asdict(self.options))}
        aside = work / f".{CHECKPOINT}.tmp"
        save_file(tensors, aside, metadata=facts)
        os.replace(aside, work / CHECKPOINT)

    def resume(self, work: Path) -> None:
        """Go on where :meth:`save` was.

        Raises:
            ModelInvalidError: there is no checkpoint, or it is of other options.
        """
        from safetensors import safe_open

        path = work / CHECKPOINT
        if not path.is_file():
            raise ModelInvalidError(f"There is no checkpoint in {work}.", advice="Start without --resume.")
        tensors = load_file(path)
        with safe_open(path, "pt") as stream:
            facts = stream.metadata()
        if json.loads(facts["options"]) != asdict(self.options):
            raise ModelInvalidError(f"The checkpoint in {work} is of other options.", advice="Start without --resume.")
        self.net.load_state_dict({k[4:]: v for k, v in tensors.items() if k.startswith("net.")})
        self.mean.load_state_dict({k[5:]: v for k, v in tensors.items() if k.startswith("mean.")})
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("adam."):
                _, number, key = name.split(".", 2)
                state.setdefault(int(number), {})[key] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.step, self.seconds = int(facts["step"]), float(facts["seconds"])


def _shares(sets: Sequence[dict[str, Tensor]]) -> list[float]:
    counts = [len(found["height"]) for found in sets]
    return [count / sum(counts) for count in counts]


def save_model(net: MapNet, folder: Path, training: dict[str, Any]) -> None:
    """Write half-precision weights and the config; ``training`` are facts for the record."""
    config = {"version": 1, "net": net.config.to_dict(), "training": training}
    save_small(net, folder / "maps.safetensors", config)


def main(argv: Sequence[str] | None = None) -> int:
    """``texloom train maps``: exit status 0, or 3 when the time ran out before the last step."""
    parser = argparse.ArgumentParser(prog="texloom train maps", description=__doc__)
    parser.add_argument("--corpus", type=Path, nargs="+", required=True, help="folders of shards, one a size")
    parser.add_argument("--steps", type=int, default=Options.steps)
    parser.add_argument("--seed", type=int, default=Options.seed)
    parser.add_argument("--minutes", type=float, help="stop after this time, to go on with --resume")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=MODEL_FOLDER)
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
        report(str(error))
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
