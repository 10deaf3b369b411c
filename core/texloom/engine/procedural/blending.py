# SPDX-License-Identifier: GPL-3.0-or-later
"""Two families in one material: the form of one in the matter of another, a print, or one lying on the other.

A blend is drawn like any family, band by band; dirt, moss, wear and wetness come over both of them afterwards.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch

from .family import Family
from .fineness import drawn_width
from .ops import coverage, mix, smoothstep
from .parameters import Params, Value
from .surface import Surface
from .tile import Canvas, Tile

MATTER: Final = "matter"
PRINT: Final = "print"
COVER: Final = "cover"
MODES: Final = (MATTER, PRINT, COVER)
"""The first's form in the second's matter (marble tiles); the second's colors on the first (camouflage leather); the
second lying on the first (concrete with patches of grass)."""

# Features of a material whose tile is so much wider would lie outside the picture: it is shown smaller then.
_WIDEST: Final = 2.5
_OTHER_SEED: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True, kw_only=True)
class Second:
    """The other material of a blend.

    Attributes:
        mode: one of :data:`MODES`.
        family: what it is.
        values: all its parsed parameters.
        amount: of a cover, how much of the surface it takes, 0 to 1.
        width: pixels of the whole picture, so that a smaller preview shows the same; 0: those that are drawn.
    """

    mode: str
    family: Family
    values: Mapping[str, Value]
    amount: float = 0.5
    width: int = 0


class Blended(Family):
    """A family that draws ``first`` with ``second``; name and parameters are those of ``first``."""

    def __init__(self, first: Family, second: Second) -> None:
        self.first = first
        self.second = second
        self.name = first.name  # type: ignore[misc]
        self.title = first.title  # type: ignore[misc]
        self.tile_width_m = first.tile_width_m  # type: ignore[misc]
        self._params = Params(second.values)
        self._tiles: weakref.WeakKeyDictionary[Tile, Tile] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        """See :class:`Family`."""
        below = self.first.draw(canvas, p)
        other = self._other(canvas)
        above = self.second.family.draw(other, self._params)
        # What is shown smaller is lower by as much, what is shown larger is higher.
        above.height = above.height * (canvas.width_m / other.width_m)
        above.low, above.high = (value * canvas.width_m / other.width_m for value in (above.low, above.high))
        if self.second.mode == COVER:
            return _covered(canvas, below, above, self.second)
        return _made_of(below, above, p.get("color")[0], printed=self.second.mode == PRINT)

    def _other(self, canvas: Canvas) -> Canvas:
        """The same band of a tile of the second's own chance, in its own measure where that is much larger."""
        tile = canvas.tile
        with self._lock:
            found = self._tiles.get(tile)
            if found is None:
                natural = self.second.family.tile_width_m
                width = natural if natural > _WIDEST * tile.width_m else tile.width_m
                width = drawn_width(self.second.family, self.second.values, self.second.width or tile.width, width)
                height = tile.height_m * width / tile.width_m
                seed = tile.seed ^ _OTHER_SEED
                found = Tile(tile.width, tile.height, width, height, seed, tile.device, tile.phase)
                self._tiles[tile] = found
        return Canvas(found, canvas.start, canvas.rows)


def _made_of(form: Surface, matter: Surface, usual: float, *, printed: bool) -> Surface:
    """Joints and gaps stay those of the form; its bodies take colors, and unless ``printed`` all else, of the matter.

    ``usual`` is the lightness of the form's main color.
    """
    body = 1.0 - smoothstep(0.45, 0.85, form.cavity)
    # Stones and threads are of different brightness: that is part of the form.
    shade = (form.lab[0] / max(usual, 0.1)).clamp(0.4, 1.4)
    shade = 1.0 + (shade - 1.0) * 0.8
    form.lab = mix(form.lab, matter.lab * shade, body)
    if printed:
        return form
    relief = max(form.high - form.low, 1e-5)
    # Fine relief on the bodies must not drown their form.
    scale = min(1.0, 0.35 * relief / max(matter.high - matter.low, 1e-6))
    form.height = form.height + (matter.height - 0.5 * (matter.low + matter.high)) * (scale * body)
    form.roughness = mix(form.roughness, matter.roughness, body)
    form.metallic = mix(form.metallic, matter.metallic, body)
    form.cavity = torch.maximum(form.cavity, matter.cavity * (0.5 * body))
    return form


def _covered(canvas: Canvas, ground: Surface, cover: Surface, second: Second) -> Surface:
    """Patches of the cover: they begin in joints and pits, and have ragged borders of the cover's own relief."""
    span = min(canvas.width_m, canvas.height_m)
    where = canvas.noise("blend/where", span / 3.0, 6, 0.58)
    field = where * 0.85 + (ground.cavity - 0.2) * 0.7 + (cover.level - 0.55) * 0.2
    mask = coverage(field, second.amount, 0.06)
    thick = coverage(field, second.amount, 0.5) * mask
    ground.lab = mix(ground.lab, cover.lab, mask)
    ground.roughness = mix(ground.roughness, cover.roughness, mask)
    ground.metallic = mix(ground.metallic, cover.metallic, mask)
    # It fills what lies under it and rises a little above.
    own = cover.height - cover.low
    rise = 0.5 * (cover.high - cover.low) + 0.3 * (ground.high - ground.low)
    filled = ground.low + 0.6 * (ground.high - ground.low)
    ground.height = mix(ground.height, mix(ground.height, filled, 0.7) + own * 0.5, mask) + rise * 0.4 * thick
    ground.high = max(ground.high, filled + 0.5 * (cover.high - cover.low) + rise * 0.4)
    ground.cavity = mix(ground.cavity, cover.cavity, mask)
    ground.exposed = mix(ground.exposed, cover.exposed, mask)
    return ground
