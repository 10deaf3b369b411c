# SPDX-License-Identifier: GPL-3.0-or-later
"""A small network that says what a drawn material is: its family, main color and attributes.

It learns from the corpus alone and knows nothing of the learned model, so that it can judge it; the features before
its last layers are the space in which distributions are compared.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..engine.head import COLOR_MEAN, COLOR_SCALE
from ..engine.procedural.color import hex_to_lab
from ..engine.procedural.family import families
from ..engine.procedural.parameters import Lab, Number
from ..engine.procedural.weathering import ATTRIBUTES
from ..errors import ModelInvalidError
from ..storage import home
from .heads import report
from .learned_state import autocast, default_device
from .tiles import Tiles

FEATURES = 128
SIDE = 128
"""Pixels a side that the judge looks at; larger pictures are averaged down."""

_RANKED = 5
_BLOCKS = (1, 2, 2, 1)
_RATE = 2e-3
_GRAIN = 0.06  # Channels.
_LACKED = 0.1  # Up to which an attribute is not there.
_PART = 64  # Tiles.

STEPS = 3000
"""In which it learns what it can from some thousand materials: see the loss that is reported."""


class _Residual(nn.Module):
    """Two convolutions beside a shortcut (K. He et al., "Deep residual learning for image recognition", 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(width, width, 3, 1, 1, bias=False) for _ in range(2))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))
        # What a block adds starts at nothing, so that all of them learn from the first step.
        nn.init.zeros_(self.norms[1].weight)

    def forward(self, given: Tensor) -> Tensor:
        seen = F.relu(self.norms[0](self.convolutions[0](given)))
        return F.relu(given + self.norms[1](self.convolutions[1](seen)))


class Judge(nn.Module):
    """Channels [B, 6, H, W] to features, families, colors and attributes."""

    def __init__(self, names: Sequence[str], width: int = 32) -> None:
        super().__init__()
        self.names = tuple(names)
        widths = (width, width * 2, width * 4, width * 6)
        self.first = nn.Conv2d(8, width, 4, 2, 1)
        self.down = nn.ModuleList(nn.Conv2d(before, after, 3, 2, 1) for before, after in itertools.pairwise(widths))
        self.blocks = nn.ModuleList(
            nn.Sequential(*(_Residual(wide) for _ in range(count))) for wide, count in zip(widths, _BLOCKS, strict=True)
        )
        # Means say what there is of everything, maxima that there is any at all: a crack, a patch of moss.
        self.mix = nn.Linear(widths[-1] * 2, FEATURES)
        self.where = nn.Conv2d(widths[-2], 1, 1)
        self.family = nn.Linear(FEATURES, len(names))
        self.color = nn.Linear(FEATURES + 3, 3)
        self.attributes = nn.Linear(FEATURES, len(ATTRIBUTES))

    def features(self, channels: Tensor) -> Tensor:
        """[B, 128]: means and maxima over the tile, so that it does not matter where something lies."""
        return self._seen(shown(channels))[0]

    def _seen(self, channels: Tensor) -> tuple[Tensor, Tensor]:
        """Features, and the color [B, 3] of those places that tell the main one."""
        height = channels[:, 3:4]
        # How steep it is says more than how high.
        slopes = torch.cat((height.roll(-1, -1) - height, height.roll(-1, -2) - height), dim=1) * 4.0
        seen = F.relu(self.first(torch.cat((channels, slopes), dim=1).contiguous(memory_format=torch.channels_last)))
        color = channels[:, :3]
        for level, blocks in enumerate(self.blocks):
            if level:
                seen = F.relu(self.down[level - 1](seen))
            seen = blocks(seen)
            if level == len(self.blocks) - 2:
                # A material's main color is that of a part of it only: of the bricks and not of the joints.
                weights = self.where(seen).float().flatten(2).softmax(2)
                color = F.adaptive_avg_pool2d(color.float(), seen.shape[2:]).flatten(2)
                color = (color * weights).sum(2)
        pooled = torch.cat((seen.float().mean((2, 3)), seen.float().amax((2, 3))), dim=1)
        return F.relu(self.mix(pooled).float()), color

    def forward(self, channels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features, logits of families, normalized OKLab, and attributes from 0 to 1."""
        features, color = self._seen(shown(channels))
        lab = self.color(torch.cat((features, color.to(features.dtype)), dim=1))
        return features, self.family(features), lab, self.attributes(features).sigmoid()


def shown(channels: Tensor) -> Tensor:
    """What of channels [B, 6, H, W] the judge looks at."""
    scale = channels.shape[-1] // SIDE
    return F.avg_pool2d(channels, scale) if scale > 1 else channels


@dataclass
class Verdict:
    """What the judge says of B materials: ``features`` [B, 128], best family, OKLab, attributes by name; in ``ranked``
    the five likeliest families."""

    features: np.ndarray[Any, np.dtype[np.float64]]
    family: list[str]
    color: list[Lab]
    attributes: list[dict[str, float]]
    ranked: list[tuple[str, ...]] = field(default_factory=list)


@torch.no_grad()
def judge_all(judge: Judge, batches: Iterable[Tensor]) -> Verdict:
    """Judge batches of channels, on the device where the judge is."""
    verdict = Verdict(np.zeros((0, FEATURES)), [], [], [])
    parts = [verdict.features]
    device = judge.first.weight.device
    for batch in batches:
        features, family, color, attributes = (value.cpu() for value in judge.eval()(batch.to(device).float()))
        parts.append(features.double().numpy())
        for row in family.topk(min(_RANKED, len(judge.names)), dim=1).indices.tolist():
            verdict.ranked.append(tuple(judge.names[index] for index in row))
            verdict.family.append(verdict.ranked[-1][0])
        for row in color.double().numpy():
            light, green, blue = (row * COLOR_SCALE + COLOR_MEAN).tolist()
            verdict.color.append((light, green, blue))
        verdict.attributes += [dict(zip(ATTRIBUTES, row.tolist(), strict=True)) for row in attributes]
    verdict.features = np.concatenate(parts)
    return verdict


@dataclass
class Targets:
    """Truth of N samples; ``told`` [N, attributes] where the family has that attribute, ``colored`` [N] a color."""

    family: Tensor
    color: Tensor
    colored: Tensor
    attributes: Tensor
    told: Tensor


def targets_of(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> Targets:
    """Truth of samples of the corpus."""
    registry = families()
    place = {name: index for index, name in enumerate(names)}
    color, colored = torch.zeros(len(rows), 3), torch.zeros(len(rows))
    attributes, told = torch.zeros(len(rows), len(ATTRIBUTES)), torch.zeros(len(rows), len(ATTRIBUTES))
    for index, row in enumerate(rows):
        parameters = row["parameters"]
        if "color" in parameters:
            lab = (np.array(hex_to_lab(parameters["color"])) - COLOR_MEAN) / COLOR_SCALE
            color[index], colored[index] = torch.from_numpy(lab).float(), 1.0
        items = {item.name: item for item in registry[row["family"]].all_parameters()}
        for column, name in enumerate(ATTRIBUTES):
            item = items.get(name)
            if isinstance(item, Number) and name in parameters:
                attributes[index, column] = item.to_unit(float(parameters[name]))
                told[index, column] = 1.0
    return Targets(torch.tensor([place[row["family"]] for row in rows]), color, colored, attributes, told)


def train_judge(
    tiles: Tiles,
    *,
    steps: int = STEPS,
    batch: int = 32,
    seed: int = 7,
    device: str = "cpu",
    judge: Judge | None = None,
) -> Judge:
    """Learn from the training part of a corpus: rolled, mirrored and turned at random, some of it soft or grainy,
    so that what a material is does not hang on its finest grain.  With ``judge`` that one learns on."""
    torch.manual_seed(seed)
    judge = judge or Judge(sorted({row["family"] for row in tiles.rows}))
    names = judge.names
    judge = judge.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    # Two materials at once are neither; they are what the judge is asked about.
    train = np.array([index for index in tiles.split()[0] if "second" not in tiles.rows[int(index)]])
    # Made once: a tile is looked at many times.
    looked_at = torch.cat([shown(tiles.whole(part)).half() for part in np.array_split(train, -(-len(train) // _PART))])
    truth = targets_of([tiles.rows[int(index)] for index in train], names)
    weights = balance(truth)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=_RATE, weight_decay=2e-2)
    rng = np.random.default_rng(seed)
    began = time.monotonic()
    for step in range(steps):
        chosen = torch.from_numpy(rng.choice(len(train), size=batch))
        channels = _varied(looked_at[chosen.to(looked_at.device)].to(device).float(), rng)
        for group in optimizer.param_groups:
            group["lr"] = _RATE * (0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * step / steps)))
        judge.train()
        with autocast(device):
            _, family, color, attributes = judge(channels)
        wanted = Targets(*(value[chosen].to(device) for value in vars(truth).values()))
        share = weights[chosen].to(device)
        loss = F.cross_entropy(family.float(), wanted.family)
        loss = loss + ((color.float() - wanted.color).abs().mean(1) * wanted.colored).mean()
        off = F.binary_cross_entropy(attributes.float(), wanted.attributes, reduction="none")
        loss = loss + 2.0 * (off * share).sum() / share.sum().clamp(min=1.0)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step % 100 == 99:
            minutes = (time.monotonic() - began) / 60
            report(f"judge: step {step + 1}/{steps}  {minutes:.1f} min  loss {float(loss.detach()):.3f}")
    return judge.eval().cpu()


def _varied(channels: Tensor, rng: np.random.Generator) -> Tensor:
    """Channels [B, 6, H, W] at another place of their tiles, mirrored and turned, some softer and some with grain."""
    channels = channels.roll((int(rng.integers(channels.shape[2])), int(rng.integers(channels.shape[3]))), (-2, -1))
    channels = channels.flip(-1) if rng.random() < 0.5 else channels
    channels = channels.transpose(-2, -1) if rng.random() < 0.5 else channels
    count = len(channels)
    soft = torch.from_numpy(rng.random((count, 1, 1, 1)) * (rng.random((count, 1, 1, 1)) < 0.5)).to(channels)
    channels = channels.lerp(F.avg_pool2d(F.pad(channels, (1, 1, 1, 1), mode="circular"), 3, 1), soft)
    grain = torch.from_numpy(_GRAIN * rng.random((count, 1, 1, 1)) * (rng.random((count, 1, 1, 1)) < 0.5)).to(channels)
    return channels + grain * torch.randn_like(channels)


def balance(truth: Targets) -> Tensor:
    """How much each attribute [N, attributes] counts, so that those who have it and those who lack it count as much
    together: most materials lack most of them, and a judge that always says so would seldom be wrong."""
    there = (truth.attributes > _LACKED).float() * truth.told
    lacking = truth.told - there
    half = truth.told.sum(0) / 2.0
    return there * (half / there.sum(0).clamp(min=1.0)) + lacking * (half / lacking.sum(0).clamp(min=1.0))


def add_judge_arguments(parser: argparse.ArgumentParser) -> None:
    """``--judge``, ``--judge-steps`` and ``--judge-more``, as :func:`judge_for` wants them."""
    place = home() / "training" / "judge.safetensors"
    parser.add_argument("--judge", type=Path, default=place, help="made when missing")
    parser.add_argument("--judge-steps", type=int, default=STEPS)
    parser.add_argument("--judge-more", type=int, default=0, help="steps that one that is there learns on first")


def judge_for(arguments: argparse.Namespace, tiles: Tiles | None = None) -> Judge:
    """The judge in the file that a command was told; trained and written there when it is missing.

    Args:
        arguments: those of :func:`add_judge_arguments`, ``corpus``, and ``device`` where there is one.
        tiles: what it learns from; None reads the corpus for it, and only when it is missing.

    Raises:
        ModelInvalidError: the file holds no judge, or there is no corpus to learn from.
    """
    found = load_judge(arguments.judge) if arguments.judge.is_file() else None
    if found is not None and not arguments.judge_more:
        return found
    device = getattr(arguments, "device", None) or default_device()
    tiles = tiles if tiles is not None else Tiles(arguments.corpus, device=device)
    steps = arguments.judge_steps if found is None else arguments.judge_more
    # Other tiles, moved and grained otherwise, than those that it has begun with.
    judge = train_judge(tiles, steps=steps, seed=7 if found is None else 7 + steps, device=device, judge=found)
    save_judge(judge, arguments.judge)
    return judge


def save_judge(judge: Judge, path: Path) -> None:
    """Write it; the names of families go into the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.contiguous() for name, value in judge.state_dict().items()}
    save_file(tensors, path, metadata={"families": json.dumps(judge.names)})


def load_judge(path: Path) -> Judge:
    """Read what :func:`save_judge` wrote.

    Raises:
        ModelInvalidError: it is no such file.
    """
    try:
        with safe_open(path, "pt") as stream:
            names = json.loads(stream.metadata()["families"])
        judge = Judge(names)
        judge.load_state_dict(load_file(path))
    except (SafetensorError, OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise ModelInvalidError(f"{path} holds no judge: {error}", advice="Leave --judge out to train one.") from error
    return judge.eval()
