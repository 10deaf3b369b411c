# SPDX-License-Identifier: GPL-3.0-or-later
"""What a family draws: the look and shape of a band of the tile."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .color import Lab
from .tile import Canvas


@dataclass
class Surface:
    """A band of material; every field (rows, width), except ``lab`` (3, rows, width) in OKLab.

    ``height`` is in metres.  ``low`` and ``high`` are the heights between which nearly all of it lies: fixed
    numbers of the parameters, so that bands agree.  ``cavity`` (0 to 1) is high in joints, pits and gaps,
    where dirt, moss and water gather; ``exposed`` (0 to 1) is high on edges and tops that wear off.
    """

    lab: Tensor
    height: Tensor
    roughness: Tensor
    metallic: Tensor
    low: float
    high: float
    cavity: Tensor
    exposed: Tensor

    @property
    def level(self) -> Tensor:
        """Height as 0 (low) to 1 (high)."""
        return ((self.height - self.low) / max(self.high - self.low, 1e-9)).clamp_(0.0, 1.0)

    def paint(self, color: Lab | Tensor, mask: Tensor | float) -> None:
        """Lay a colour (OKLab, or an image of it) over the surface where ``mask`` is."""
        target = color_field(color, self.lab)
        self.lab = self.lab + (target - self.lab) * mask

    def shade(self, lightness: Tensor | float, mask: Tensor | float = 1.0) -> None:
        """Multiply the brightness by ``lightness`` (1: as it is); hue and saturation stay."""
        # In OKLab a darker shade of the same paint is all three coordinates scaled together.
        self.lab = self.lab * (1.0 + (lightness - 1.0) * mask)

    def set_roughness(self, value: Tensor | float, mask: Tensor | float) -> None:
        """Blend the roughness towards ``value`` where ``mask`` is."""
        self.roughness = self.roughness + (value - self.roughness) * mask

    def set_metallic(self, value: Tensor | float, mask: Tensor | float) -> None:
        """Blend the metalness towards ``value`` where ``mask`` is."""
        self.metallic = self.metallic + (value - self.metallic) * mask


def color_field(color: Lab | Tensor, like: Tensor) -> Tensor:
    """A colour as (3, 1, 1), or the image itself."""
    if isinstance(color, Tensor):
        return color
    return torch.tensor(color, dtype=like.dtype, device=like.device)[:, None, None]


def surface(
    canvas: Canvas,
    *,
    color: Lab | Tensor,
    height: Tensor,
    low: float,
    high: float,
    roughness: Tensor | float = 0.6,
    metallic: Tensor | float = 0.0,
    cavity: Tensor | None = None,
    exposed: Tensor | None = None,
) -> Surface:
    """A :class:`Surface` from parts that may be plain numbers.

    ``cavity`` and ``exposed`` default to how low and how high a place lies between ``low`` and ``high``.
    """
    zeros = canvas.zeros()
    lab = color_field(color, zeros)
    if lab.shape[-2:] != zeros.shape:
        lab = lab.expand(3, *zeros.shape)
    result = Surface(
        lab=lab,
        height=height + zeros,
        roughness=roughness + zeros,
        metallic=metallic + zeros,
        low=low,
        high=high,
        cavity=zeros,
        exposed=zeros,
    )
    level = result.level if cavity is None or exposed is None else zeros
    result.cavity = (1.0 - level).square() if cavity is None else cavity
    result.exposed = level.square() if exposed is None else exposed
    return result


def blend_colors(canvas: Canvas, first: Lab | Tensor, second: Lab | Tensor, t: Tensor) -> Tensor:
    """OKLab image (3, rows, width) from ``first`` where ``t`` is 0 to ``second`` where it is 1."""
    zeros = canvas.zeros()
    a, b = color_field(first, zeros), color_field(second, zeros)
    return a + (b - a) * t


def vary(
    lab: Lab | Tensor, canvas: Canvas, lightness: Tensor, chroma: Tensor | float = 0.0, warmth: Tensor | float = 0.0
) -> Tensor:
    """OKLab image of a colour whose brightness changes by ``lightness`` (fraction, 0: none) from place to place.

    ``chroma`` changes the saturation likewise; ``warmth`` is added along blue to yellow.
    """
    base = color_field(lab, canvas.zeros())
    scale = 1.0 + lightness
    result = base * torch.stack((scale, scale * (1.0 + chroma), scale * (1.0 + chroma)))
    if isinstance(warmth, Tensor) or warmth:
        result = result.clone()
        result[1] += warmth * 0.35 if isinstance(warmth, float) else warmth.mul(0.35)
        result[2] += warmth
    return result
