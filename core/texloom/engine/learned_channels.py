# SPDX-License-Identifier: GPL-3.0-or-later
"""A material as the six channels that the learned model draws, and back.

Luma and two color differences say what red, green and blue say without saying it three times.  Heights are in pixels
of the picture, so that a slope means the same whatever the tile measures, and pressed together by asinh, since some
materials are a hundred times deeper than others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

CHANNELS: Final = ("luma", "blue", "red", "height", "roughness", "metallic")

_LUMA: Final = (0.299, 0.587, 0.114)
_CHROMA_SCALE: Final = 2.5
_HEIGHT_UNIT: Final = 0.5
_HEIGHT_SCALE: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Surface:
    """Maps of B materials: ``base_color`` [B, 3, H, W], sRGB from 0 to 1; the others [B, 1, H, W].

    ``height`` is in pixels of the picture, around any level; ``roughness`` and ``metallic`` from 0 to 1.
    """

    base_color: Tensor
    height: Tensor
    roughness: Tensor
    metallic: Tensor


def to_channels(surface: Surface) -> Tensor:
    """[B, 6, H, W] as in :data:`CHANNELS`, roughly from -1 to 1; heights best around their tile's mean."""
    color = surface.base_color
    luma = (color * _column(_LUMA, color)).sum(1, keepdim=True)
    blue, red = color[:, 2:3] - luma, color[:, :1] - luma
    return torch.cat(
        (
            luma * 2.0 - 1.0,
            blue * _CHROMA_SCALE,
            red * _CHROMA_SCALE,
            (surface.height / _HEIGHT_UNIT).asinh() * _HEIGHT_SCALE,
            surface.roughness * 2.0 - 1.0,
            surface.metallic * 2.0 - 1.0,
        ),
        dim=1,
    )


def maps_to_channels(maps: Mapping[str, Tensor]) -> Tensor:
    """[B, 6, H, W] of maps as families draw them: ``base_color`` [B, 3, H, W], ``roughness`` and ``metallic`` [B, H, W]
    from 0 to 255, ``height`` [B, H, W] in pixels."""
    return to_channels(
        Surface(
            base_color=maps["base_color"].float() / 255.0,
            height=maps["height"][:, None].float(),
            roughness=maps["roughness"][:, None].float() / 255.0,
            metallic=maps["metallic"][:, None].float() / 255.0,
        )
    )


def from_channels(channels: Tensor) -> Surface:
    """The maps behind :func:`to_channels`; whatever lies outside their ranges is clamped."""
    luma = (channels[:, :1] + 1.0) * 0.5
    blue = luma + channels[:, 1:2] / _CHROMA_SCALE
    red = luma + channels[:, 2:3] / _CHROMA_SCALE
    green = (luma - _LUMA[0] * red - _LUMA[2] * blue) / _LUMA[1]
    # Nothing in the corpus is deeper than a few hundred pixels; a stray value must not become infinite.
    height = (channels[:, 3:4].clamp(-4.0, 4.0) / _HEIGHT_SCALE).sinh() * _HEIGHT_UNIT
    return Surface(
        base_color=torch.cat((red, green, blue), dim=1).clamp(0.0, 1.0),
        height=height,
        roughness=((channels[:, 4:5] + 1.0) * 0.5).clamp(0.0, 1.0),
        metallic=((channels[:, 5:6] + 1.0) * 0.5).clamp(0.0, 1.0),
    )


def _column(values: tuple[float, ...], like: Tensor) -> Tensor:
    # Without waiting for the card: training asks for this at each step.
    return torch.tensor(values, dtype=like.dtype).to(like.device, non_blocking=True).view(1, -1, 1, 1)
