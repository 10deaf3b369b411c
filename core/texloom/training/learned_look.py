# SPDX-License-Identifier: GPL-3.0-or-later
"""What measuring takes of each picture in passing: the judge's verdict, small maps to look for copies with, seams.

Pictures themselves are let go, so that a thousand of them need no more memory than a few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..engine.generator import GeneratedImage
from ..engine.learned_channels import CHANNELS
from .learned_draw import channels_of
from .learned_judge import Judge, Verdict, judge_all
from .learned_metrics import Features, endless, frechet, in_units_of, kernel, nearest_correlation, resampled
from .shards import shards
from .statistics import Estimate, estimate, seam_estimate, seam_gradients
from .tiles import VALIDATION_STRIDE

BATCH = 16

LOOKED_AT = ("luma", "height")
"""The maps in which copies are looked for."""

COPY = 0.95
"""Two pictures that agree so much show the same."""

_SIDE = 64
_ALIKE = 512
_SEAMS = ("base_color", "height", "roughness", "metallic")


@dataclass
class Look:
    """Of N pictures: the verdict, and maps [N, 2, 64, 64] of :data:`LOOKED_AT`."""

    verdict: Verdict
    small: Tensor


def look(judge: Judge, batches: Iterable[Tensor]) -> Look:
    """Look at batches of channels."""
    small = [torch.zeros(0, len(LOOKED_AT), _SIDE, _SIDE)]

    def passing() -> Iterator[Tensor]:
        for batch in batches:
            small.append(made_small(batch).cpu())
            yield batch

    verdict = judge_all(judge, passing())
    return Look(verdict, torch.cat(small))


@dataclass
class Seams:
    """Gradients at the borders of finished maps, by map; ``blocks`` beside those at borders of the decoder's blocks,
    which are ``side`` pixels long, so that a seam can be told from a grid."""

    side: int = 16
    gradients: dict[str, list[tuple[float, float, float, float]]] = field(default_factory=dict)
    blocks: dict[str, list[tuple[float, float, float, float]]] = field(default_factory=dict)

    def batches(self, images: Iterable[GeneratedImage]) -> Iterator[Tensor]:
        """Finished pictures as batches of channels; what lies at their borders is noted."""
        waiting: list[Tensor] = []
        for image in images:
            for name in _SEAMS:
                pixels = image.maps[name]
                self.gradients.setdefault(name, []).append(seam_gradients(pixels))
                if self.side < min(pixels.shape[:2]):
                    self.blocks.setdefault(name, []).append(seam_gradients(pixels, self.side))
            waiting.append(channels_of(image))
            if len(waiting) == BATCH:
                yield torch.stack(waiting)
                waiting = []
        if waiting:
            yield torch.stack(waiting)

    def rows(self) -> dict[str, Estimate]:
        """Seam ratios of the maps that are not flat."""
        return _ratios(self.gradients)

    def rows_of_blocks(self) -> dict[str, Estimate]:
        """The same, against the steps at borders of blocks alone."""
        return _ratios(self.blocks)


def _ratios(gradients: Mapping[str, list[tuple[float, float, float, float]]]) -> dict[str, Estimate]:
    found = {name: seam_estimate(values) for name, values in gradients.items()}
    return {name: value for name, value in found.items() if value is not None}


def made_small(channels: Tensor) -> Tensor:
    """Channels [B, 6, H, W] as [B, 2, 64, 64] of :data:`LOOKED_AT`."""
    chosen = channels[:, [CHANNELS.index(name) for name in LOOKED_AT]]
    return F.interpolate(chosen.float(), (_SIDE, _SIDE), mode="area")


def trained_on(corpus: Path, device: str) -> Tensor:
    """All samples of the corpus that training saw, small: [B, 2, 64, 64].

    Raises:
        ModelInvalidError: the folder holds no corpus.
    """
    every = [made_small(batch).cpu() for _, found in shards(corpus) for batch in found.batches(BATCH, device)]
    small = torch.cat(every)
    kept = np.arange(len(small)) % VALIDATION_STRIDE == VALIDATION_STRIDE - 1
    return small[torch.from_numpy(~kept)]


def nearest(looks: Mapping[str, Look], known: Tensor, device: str) -> dict[str, dict[str, Estimate]]:
    """By map the largest correlation with any training sample, and the share in per cent that are copies in both.

    Of training samples the 512 are looked at whose waves are most like the picture's.
    """
    found: dict[str, dict[str, Estimate]] = {name: {} for name in (*LOOKED_AT, "copies")}
    every: dict[str, list[Any]] = {name: [] for name in looks}
    for channel, name in enumerate(LOOKED_AT):
        there = known[:, channel].to(device)
        for which, one in looks.items():
            values = nearest_correlation(one.small[:, channel], there, most=_ALIKE)
            found[name][which] = estimate(values.tolist())
            every[which].append(values)
    for which, both in every.items():
        copies = np.minimum.reduce(both) >= COPY
        found["copies"][which] = estimate(copies.astype(float).tolist()).scaled(100.0)
    return found


def distances(features: Mapping[str, Features], reference: Features) -> dict[str, dict[str, Estimate]]:
    """Distances of sets from one reference, in units of its deviation: Fréchet at this number of samples and of
    endlessly many, and kernel."""
    features = {name: in_units_of(reference, one) for name, one in features.items()}
    reference = in_units_of(reference, reference)
    return {
        "frechet": {name: resampled(frechet, one, reference) for name, one in features.items()},
        "frechet_endless": {name: endless(one, reference) for name, one in features.items()},
        "kernel": {name: resampled(kernel, one, reference) for name, one in features.items()},
    }
