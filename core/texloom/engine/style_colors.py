# SPDX-License-Identifier: GPL-3.0-or-later
"""The colors of a picture as the colors of a material: how the instant model takes over a style.

The picture's dominant colors are found by k-means in OKLab.  The one that covers most, colorful ones before grey and
dark ones, becomes the material's main color.  Its others get those that stand to it as the family's own palettes have
them: joints that are lighter than their bricks get a lighter color of the picture, if there is one; and they stay
light enough to be seen.
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
from .procedural.color import Lab, lab_to_hex, srgb_image_to_lab
from .procedural.family import Family
from .procedural.parameters import Color, Value

COUNT: Final = 10
"""So many colors are looked for."""
LEAST_SHARE: Final = 0.02
"""Colors that cover less of a picture do not count."""
NEAR: Final = 0.06
"""Colors nearer than this in OKLab are one."""

_SIDE: Final = 224
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
        first = max(found, key=_strikes)
        taken[main] = first.lab
        left = [item for item in found if item is not first]
    anchor = taken.get(main, _lab(values[main]))
    natural = {name: _lab(values[name]) for name in open_names if name != main}
    taken |= _others(anchor, _lab(values[main]), natural, left)
    return {name: _mixed(_lab(values[name]), lab, share) for name, lab in taken.items()}


def _others(anchor: Lab, own: Lab, natural: Mapping[str, Lab], found: Sequence[Dominant]) -> dict[str, Lab]:
    """Colors that suit: as much lighter or darker than ``anchor``, and as colorful, as by nature.

    Args:
        anchor: the material's main color.
        own: what that would be without the picture.
        natural: the other colors, by name, as they would be without it.
        found: what the picture has for them.
    """
    if not natural:
        return {}
    names = list(natural)
    steps = {name: np.subtract(lab, own) for name, lab in natural.items()}

    def cost(name: str, item: Dominant | None) -> float:
        if item is None:
            return _STAND_IN
        light = item.lab[0] - anchor[0] - float(steps[name][0])
        hues = float(np.square(np.subtract(item.lab[1:], natural[name][1:])).sum())
        return _LIGHT * light**2 + _HUES * hues - _SHARE * item.share

    # Where the picture has too few, a color that stands to the main one as by nature.
    choices: list[Dominant | None] = [*found, *[None] * len(names)]
    best: tuple[float, tuple[Dominant | None, ...]] | None = None
    for picked in itertools.permutations(choices, len(names)):
        total = sum(cost(name, item) for name, item in zip(names, picked, strict=True))
        if best is None or total < best[0]:
            best = (total, picked)
    assert best is not None
    return {
        name: _apart(item.lab, anchor, steps[name]) if item is not None else _as_lab(np.array(anchor) + steps[name])
        for name, item in zip(names, best[1], strict=True)
    }


def _apart(lab: Lab, anchor: Lab, step: NDArray[np.floating]) -> Lab:
    """The color, made lighter or darker where it would not be told from ``anchor``; its hue stays."""
    least = _SEEN * float(np.linalg.norm(step))
    rest = least**2 - (lab[1] - anchor[1]) ** 2 - (lab[2] - anchor[2]) ** 2
    if rest <= (lab[0] - anchor[0]) ** 2:
        return lab
    up = step[0] > 0 if abs(step[0]) > _EVEN else lab[0] >= anchor[0]
    light = anchor[0] + (1.0 if up else -1.0) * float(np.sqrt(rest))
    return min(max(light, 0.02), 0.98), lab[1], lab[2]


def _strikes(item: Dominant) -> float:
    """How much a color counts as that of the whole picture."""
    chroma = float(np.hypot(item.lab[1], item.lab[2]))
    return item.share * (1.0 + 4.0 * chroma) * min(1.0, 0.4 + 2.0 * item.lab[0])


# How much lightness, hue and what a color covers count when colors are given to the parts of a material; a stand-in
# costs more than any color of the picture that suits at all.
_LIGHT: Final = 0.25
_HUES: Final = 2.0
_SHARE: Final = 0.2
_STAND_IN: Final = 0.3
# Of the natural difference between two colors so much is kept.
_SEEN: Final = 0.8
_EVEN: Final = 0.01


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
        (Dominant(lab=_typical(points[owner == n]), share=float(shares[n])) for n in range(COUNT) if shares[n]),
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


def _typical(points: NDArray[np.float32]) -> Lab:
    """The mean of (count, 3) colors; colorful ones count more, as they do to the eye."""
    weights = 0.03 + np.hypot(points[:, 1], points[:, 2])
    return _as_lab(np.average(points, axis=0, weights=weights))


def _distance(one: Lab, other: Lab) -> float:
    return float(np.linalg.norm(np.subtract(one, other)))


def _mixed(one: Lab, other: Lab, share: float) -> Lab:
    return _as_lab(np.array(one) * (1.0 - share) + np.array(other) * share)


def _as_lab(values: NDArray[np.floating]) -> Lab:
    return float(values[0]), float(values[1]), float(values[2])


def _lab(value: Value) -> Lab:
    assert isinstance(value, tuple)
    return value
