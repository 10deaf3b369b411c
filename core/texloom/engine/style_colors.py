# SPDX-License-Identifier: GPL-3.0-or-later
"""The colors of a picture as the colors of a material: how the instant model takes over a style.

The picture's dominant colors are found by k-means in OKLab.  The one that covers most becomes the material's main
color.  Its others get those that stand to it as the family's own palettes have them: joints that are lighter than
their bricks get a lighter color of the picture, if there is one.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from .pictures import Picture, open_style
from .procedural.color import Lab, hex_to_lab, lab_to_hex, srgb_image_to_lab
from .procedural.family import Family
from .procedural.parameters import Color, Value

COUNT: Final = 6
"""So many colors are looked for."""
LEAST_SHARE: Final = 0.02
"""Colors that cover less of a picture do not count."""
NEAR: Final = 0.05
"""Colors nearer than this in OKLab are one."""

_SIDE: Final = 96
_ROUNDS: Final = 24
_HUE: Final = 1.6  # hue tells colors apart more than light and shadow do


@dataclass(frozen=True, kw_only=True, slots=True)
class Dominant:
    """A color of a picture, and how much of it it covers, 0 to 1."""

    lab: Lab
    share: float

    def to_dict(self) -> dict[str, str | float]:
        """For the manifest."""
        return {"color": lab_to_hex(self.lab), "share": round(self.share, 3)}


def dominant_colors(path: Path) -> tuple[Dominant, ...]:
    """The colors that cover most of a picture, the largest first; what is transparent does not count.

    Raises:
        RequestError: no picture that can be read.
        StorageError: it may not be read.
    """
    return _clusters(_points(open_style(path)))


def set_colors(
    family: Family,
    values: Mapping[str, Value],
    fixed: Collection[str],
    found: Sequence[Dominant],
    share: float,
) -> dict[str, Value]:
    """The colors of a material that a picture decides, by name.

    Args:
        family: of the material.
        values: what it would be without the picture.
        fixed: names that the words or the request decide.
        found: the picture's colors, the largest first.
        share: 0 (as ``values``) to 1 (as the picture).
    """
    names = [item.name for item in family.parameters if isinstance(item, Color)]
    open_names = [name for name in names if name not in fixed]
    if not open_names or not found:
        return {}
    taken: dict[str, Lab] = {}
    main, left = names[0], found
    if main in open_names:
        taken[main] = found[0].lab
        left = found[1:]
    anchor = taken.get(main, _lab(values[main]))
    others = [name for name in open_names if name != main]
    taken |= _others(family, main, anchor, others, left)
    return {name: _mixed(_lab(values[name]), lab, share) for name, lab in taken.items()}


def _others(family: Family, main: str, anchor: Lab, names: Sequence[str], found: Sequence[Dominant]) -> dict[str, Lab]:
    """Colors for ``names`` that suit: as much lighter or darker than ``anchor``, and as colorful, as by nature."""
    if not names:
        return {}
    palettes = [{name: np.array(hex_to_lab(palette[name])) for name in (main, *names)} for palette in family.palettes]
    steps = {name: np.mean([palette[name] - palette[main] for palette in palettes], axis=0) for name in names}

    def cost(name: str, item: Dominant | None) -> float:
        if item is None:
            return _STAND_IN
        light = item.lab[0] - anchor[0]
        apart = [
            _LIGHT * (light - float((palette[name] - palette[main])[0])) ** 2
            + _HUES * float(np.square(np.array(item.lab[1:]) - palette[name][1:]).sum())
            for palette in palettes
        ]
        return float(np.mean(apart)) - _SHARE * item.share

    # Where the picture has too few, a color that stands to the main one as by nature.
    choices: list[Dominant | None] = [*found, *[None] * len(names)]
    best: tuple[float, tuple[Dominant | None, ...]] | None = None
    for picked in itertools.permutations(choices, len(names)):
        total = sum(cost(name, item) for name, item in zip(names, picked, strict=True))
        if best is None or total < best[0]:
            best = (total, picked)
    assert best is not None
    return {
        name: item.lab if item is not None else _as_lab(np.array(anchor) + steps[name])
        for name, item in zip(names, best[1], strict=True)
    }


# How much lightness, hue and what a color covers count when colors are given to the parts of a material; a stand-in
# costs more than any color of the picture that suits at all.
_LIGHT: Final = 0.25
_HUES: Final = 2.0
_SHARE: Final = 0.2
_STAND_IN: Final = 0.3


def _points(picture: Picture) -> NDArray[np.float32]:
    """(count, 3) in OKLab, of the picture made small."""
    pixels = torch.from_numpy(np.ascontiguousarray(picture.pixels)).permute(2, 0, 1)[None].float() / 255.0
    scale = min(1.0, _SIDE / max(pixels.shape[-2:]))
    size = [max(1, round(side * scale)) for side in pixels.shape[-2:]]
    small = F.interpolate(pixels, size, mode="area")[0]
    points = srgb_image_to_lab(small[:3]).reshape(3, -1).T
    if picture.has_alpha:
        seen = small[3].flatten() > 0.5
        points = points[seen] if bool(seen.any()) else points
    return points.numpy().astype(np.float32)


def _clusters(points: NDArray[np.float32]) -> tuple[Dominant, ...]:
    """k-means from starts that lie far apart: the same for the same picture, without dice."""
    scaled = points * (1.0, _HUE, _HUE)
    centres = [scaled.mean(0)]
    while len(centres) < COUNT:
        nearest = np.min([np.square(scaled - centre).sum(1) for centre in centres], axis=0)
        centres.append(scaled[int(nearest.argmax())])
    places = np.array(centres)
    owner = np.zeros(len(scaled), np.int64)
    for _ in range(_ROUNDS):
        owner = np.square(scaled[:, None] - places[None]).sum(2).argmin(1)
        moved = np.array([scaled[owner == n].mean(0) if (owner == n).any() else places[n] for n in range(COUNT)])
        if np.allclose(moved, places, atol=1e-5):
            break
        places = moved
    shares = np.bincount(owner, minlength=COUNT) / len(owner)
    found = sorted(
        (Dominant(lab=_as_lab(points[owner == n].mean(0)), share=float(shares[n])) for n in range(COUNT) if shares[n]),
        key=lambda item: -item.share,
    )
    kept: list[Dominant] = []
    for item in found:
        near = next((i for i, other in enumerate(kept) if _distance(item.lab, other.lab) < NEAR), None)
        if near is not None:
            other = kept[near]
            total = other.share + item.share
            mixed = np.array(other.lab) * (other.share / total) + np.array(item.lab) * (item.share / total)
            kept[near] = Dominant(lab=_as_lab(mixed), share=total)
        elif item.share >= LEAST_SHARE or not kept:
            kept.append(item)
    return tuple(sorted(kept, key=lambda item: -item.share))


def _distance(one: Lab, other: Lab) -> float:
    return float(np.linalg.norm(np.subtract(one, other)))


def _mixed(one: Lab, other: Lab, share: float) -> Lab:
    return _as_lab(np.array(one) * (1.0 - share) + np.array(other) * share)


def _as_lab(values: NDArray[np.floating]) -> Lab:
    return float(values[0]), float(values[1]), float(values[2])


def _lab(value: Value) -> Lab:
    assert isinstance(value, tuple)
    return value
