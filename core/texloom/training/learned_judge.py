# SPDX-License-Identifier: GPL-3.0-or-later
"""Says what a drawn material is: its family, main color and attributes.

A small network over fixed statistics of a texture (see :mod:`.texture_statistics`) and the colors of its parts.  It
learns from the corpus alone and knows nothing of the learned model, so that it can judge it; the features before its
last layers are the space in which distributions are compared.

What a material is hangs on statistics of all of it and on how they go together.  Networks of convolutions have to find
that from pixels and were far from it after an hour; over statistics it takes minutes.
"""

from __future__ import annotations

import argparse
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
from .learned_state import default_device
from .texture_statistics import PART_NUMBERS, palette, texture_statistics
from .tiles import Tiles

FEATURES = 128
SIDE = 128
"""Pixels a side that the judge looks at; larger pictures are averaged down."""

STEPS = 3000
"""In which it learns what it can from some thousand materials: see the loss that is reported."""

_WIDTH = 384
_PART_WIDTH = 128
_DROPPED = 0.3
_RATE = 1e-3
_DECAY = 0.05
_SMOOTHED = 0.05
_GRAIN = 0.06  # Channels.
_RANKED = 5
_HOW_MUCH = 1.5
_LACKED = 0.1  # Up to which an attribute is not there.
_TOGETHER = 32  # Tiles whose statistics are worked out at once.
_FARTHEST = 5.0  # Deviations that a number counts for at most.


class _Residual(nn.Module):
    """Two layers beside a shortcut (K. He et al., "Deep residual learning for image recognition", 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Dropout(_DROPPED), nn.Linear(width, width)
        )

    def forward(self, given: Tensor) -> Tensor:
        return given + self.layers(given)  # type: ignore[no-any-return]


class Judge(nn.Module):
    """Channels [B, 6, H, H] to features, families, colors and attributes.

    Args:
        names: families that it tells apart.
        count: how many numbers :func:`.texture_statistics.texture_statistics` gives.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, names: Sequence[str], count: int) -> None:
        super().__init__()
        self.names = tuple(names)
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("scale", torch.ones(count))
        self.first = nn.Sequential(nn.Dropout(_DROPPED), nn.Linear(count, _WIDTH))
        self.blocks = nn.Sequential(_Residual(_WIDTH), _Residual(_WIDTH), nn.LayerNorm(_WIDTH), nn.GELU())
        self.mix = nn.Sequential(nn.Linear(_WIDTH, FEATURES), nn.GELU())
        self.family = nn.Linear(FEATURES, len(names))
        self.attributes = nn.Linear(FEATURES, len(ATTRIBUTES))
        # A material's main color is that of a part of it only: of the bricks and not of the joints.
        around = 2 * PART_NUMBERS + FEATURES
        self.part = nn.Sequential(
            nn.Linear(around, _PART_WIDTH), nn.GELU(), nn.Linear(_PART_WIDTH, _PART_WIDTH), nn.GELU()
        )
        self.which = nn.Linear(_PART_WIDTH, 1)
        self.cleaned = nn.Linear(_PART_WIDTH, 3)
        nn.init.zeros_(self.cleaned.weight)
        nn.init.zeros_(self.cleaned.bias)

    def features(self, channels: Tensor) -> Tensor:
        """[B, 128], the same wherever something lies in the tile."""
        return self._features(seen(channels)[0])

    def _features(self, statistics: Tensor) -> Tensor:
        normal = ((statistics - self.mean) / self.scale).clamp(-_FARTHEST, _FARTHEST)
        return self.mix(self.blocks(self.first(normal)))  # type: ignore[no-any-return]

    def forward(self, channels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features, logits of families, normalized OKLab, and attributes from 0 to 1."""
        return self.of(*seen(channels))

    def of(self, statistics: Tensor, parts: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The same of what :func:`seen` gives."""
        features = self._features(statistics)
        share = parts[..., :1]
        unlike = parts - (parts * share).sum(1, keepdim=True)
        around = features[:, None].expand(-1, parts.shape[1], -1)
        each = self.part(torch.cat((parts, unlike, around), dim=2))
        # Dust and water lie on what is asked for, so each part's color is what it would be without.
        weights = (self.which(each) + (share + 1e-4).log()).softmax(1)
        color = (weights * (parts[..., 1:4] + self.cleaned(each))).sum(1)
        return features, self.family(features), color, self.attributes(features).sigmoid()


def shown(channels: Tensor) -> Tensor:
    """What of channels [B, 6, H, W] the judge looks at."""
    scale = channels.shape[-1] // SIDE
    return F.avg_pool2d(channels, scale) if scale > 1 else channels


def seen(channels: Tensor) -> tuple[Tensor, Tensor]:
    """What the judge sees of channels [B, 6, H, H]: statistics [B, numbers] and parts [B, 8, 13]."""
    looked_at = shown(channels.float())
    return texture_statistics(looked_at), palette(looked_at)


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
    device = judge.mean.device
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
    tiles: Tiles, *, steps: int = STEPS, batch: int = 128, seed: int = 7, device: str = "cpu", varied: int = 1
) -> Judge:
    """Learn from the training part of a corpus: each tile as it is, and ``varied`` times with some of it soft or
    grainy, so that what a material is does not hang on its finest grain."""
    rng = np.random.default_rng(seed)
    # Two materials at once are neither; they are what the judge is asked about.
    train = np.array([index for index in tiles.split()[0] if "second" not in tiles.rows[int(index)]])
    names = sorted({row["family"] for row in tiles.rows})
    truth = targets_of([tiles.rows[int(index)] for index in train], names)
    torch.manual_seed(seed)
    statistics, parts = _all_seen(tiles, train, rng, device, varied)
    return _learned(names, statistics, parts, truth, rng, steps=steps, batch=batch)


def _learned(
    names: Sequence[str],
    statistics: Tensor,
    parts: Tensor,
    truth: Targets,
    rng: np.random.Generator,
    *,
    steps: int,
    batch: int,
) -> Judge:
    """A judge of what :func:`_all_seen` gives and the truth of it."""
    device = statistics.device
    judge = Judge(names, statistics.shape[2]).to(device)
    judge.mean.copy_(statistics[0].mean(0))
    judge.scale.copy_(statistics[0].std(0) + 1e-3)
    weights = balance(truth)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=_RATE, weight_decay=_DECAY)
    began = time.monotonic()
    judge.train()
    for step in range(steps):
        chosen = torch.from_numpy(rng.choice(len(weights), size=batch))
        which = torch.from_numpy(rng.choice(len(statistics), size=batch))
        for group in optimizer.param_groups:
            group["lr"] = _RATE * (0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * step / steps)))
        _, family, color, attributes = judge.of(statistics[which, chosen], parts[which, chosen])
        wanted = Targets(*(value[chosen].to(device) for value in vars(truth).values()))
        share = weights[chosen].to(device)
        loss = F.cross_entropy(family, wanted.family, label_smoothing=_SMOOTHED)
        loss = loss + ((color - wanted.color).abs().mean(1) * wanted.colored).mean()
        # The first says whether it is there, the second how much of it.
        off = F.binary_cross_entropy(attributes, wanted.attributes, reduction="none")
        off = off + _HOW_MUCH * (attributes - wanted.attributes).abs()
        loss = loss + 2.0 * (off * share).sum() / share.sum().clamp(min=1.0)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step % 500 == 499:
            minutes = (time.monotonic() - began) / 60
            report(f"judge: step {step + 1}/{steps}  {minutes:.1f} min  loss {float(loss.detach()):.3f}")
    return judge.eval().cpu()


@torch.no_grad()
def _all_seen(
    tiles: Tiles, index: np.ndarray[Any, Any], rng: np.random.Generator, device: str, varied: int
) -> tuple[Tensor, Tensor]:
    """Statistics [1 + varied, N, numbers] and parts [1 + varied, N, 8, 13] of N tiles, first as they are."""
    report(f"judge: looking at {len(index)} materials")
    turns: list[tuple[list[Tensor], list[Tensor]]] = [([], []) for _ in range(1 + varied)]
    for group in np.array_split(index, -(-len(index) // _TOGETHER)):
        channels = shown(tiles.whole(group).to(device))
        for turn, (statistics, parts) in enumerate(turns):
            numbers, colors = seen(_varied(channels, rng) if turn else channels)
            statistics.append(numbers)
            parts.append(colors)
    return torch.stack([torch.cat(turn[0]) for turn in turns]), torch.stack([torch.cat(turn[1]) for turn in turns])


def _varied(channels: Tensor, rng: np.random.Generator) -> Tensor:
    """Channels [B, 6, H, W], most of them softer, with grain, or both."""
    count = len(channels)
    for share in (0.7, 0.35):
        soft = torch.from_numpy(rng.random((count, 1, 1, 1)) * (rng.random((count, 1, 1, 1)) < share)).to(channels)
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
    """``--judge`` and ``--judge-steps``, as :func:`judge_for` wants them."""
    place = home() / "training" / "judge.safetensors"
    parser.add_argument("--judge", type=Path, default=place, help="made when missing")
    parser.add_argument("--judge-steps", type=int, default=STEPS)


def judge_for(arguments: argparse.Namespace, tiles: Tiles | None = None) -> Judge:
    """The judge in the file that a command was told; trained and written there when it is missing.

    Args:
        arguments: those of :func:`add_judge_arguments`, ``corpus``, and ``device`` where there is one.
        tiles: what it learns from; None reads the corpus for it, and only when it is missing.

    Raises:
        ModelInvalidError: the file holds no judge, or there is no corpus to learn from.
    """
    if arguments.judge.is_file():
        return load_judge(arguments.judge)
    device = getattr(arguments, "device", None) or default_device()
    tiles = tiles if tiles is not None else Tiles(arguments.corpus, device=device)
    judge = train_judge(tiles, steps=arguments.judge_steps, device=device)
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
        weights = load_file(path)
        judge = Judge(names, len(weights["mean"]))
        judge.load_state_dict(weights)
    except (SafetensorError, OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise ModelInvalidError(f"{path} holds no judge: {error}", advice="Leave --judge out to train one.") from error
    return judge.eval()
