# SPDX-License-Identifier: GPL-3.0-or-later
"""From a family and its parameters to maps."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .color import lab_image_to_srgb, linear_to_srgb, srgb_to_linear
from .family import Family, families
from .parameters import Params, Value
from .tile import Tile
from .weathering import weather

# Up to this many pixels a side, twice as many are drawn and averaged: small pictures show joints and
# strands thinner than a pixel, and drawing them is cheap.
_SUPERSAMPLE_BELOW = 768


@dataclass
class Drawn:
    """Maps of one tile on the drawing device.

    ``base_color`` is uint8 (3, height, width), sRGB; ``height`` float32 metres; ``roughness`` and
    ``metallic`` uint8; the last three (height, width).
    """

    base_color: Tensor
    height: Tensor
    roughness: Tensor
    metallic: Tensor


@torch.inference_mode()
def draw(
    family: str | Family,
    values: Mapping[str, Value],
    *,
    width: int,
    height: int,
    width_m: float,
    seed: int,
    device: str | torch.device = "cpu",
    on_progress: Callable[[float], None] | None = None,
    supersample: bool | None = None,
    phase: tuple[float, float] = (0.0, 0.0),
) -> Drawn:
    """Draw one tile.

    Args:
        values: parsed parameters, all of the family's.
        width, height: pixels.
        width_m: metres across; the height follows from the aspect.
        seed: of the irregularities (not of the parameters).
        on_progress: called with 0 to 1 after each band; may raise to stop.
        supersample: draw twice the size and average; None does so for small pictures.
        phase: where in the tile the picture begins, 0 to 1 across and down; the same picture, rolled.
    """
    family = families()[family] if isinstance(family, str) else family
    params = Params(values)
    if supersample is None:
        supersample = max(width, height) <= _SUPERSAMPLE_BELOW
    factor = 2 if supersample else 1
    # The family's name takes part, so that two families of one seed do not share their noise.
    tile = Tile(
        width * factor,
        height * factor,
        width_m,
        width_m * height / width,
        (seed << 32) | zlib.crc32(family.name.encode()),
        device,
        phase,
    )
    base_color = torch.empty(3, height, width, dtype=torch.uint8, device=tile.device)
    metres = torch.empty(height, width, dtype=torch.float32, device=tile.device)
    roughness = torch.empty(height, width, dtype=torch.uint8, device=tile.device)
    metallic = torch.empty(height, width, dtype=torch.uint8, device=tile.device)
    for canvas in tile.bands():
        surface = family.draw(canvas, params)
        weather(canvas, surface, params)
        rgb = lab_image_to_srgb(surface.lab)
        if supersample:
            # Light adds up in linear values.
            rgb = linear_to_srgb(_halve(srgb_to_linear(rgb)))
        rows = slice(canvas.start // factor, (canvas.start + canvas.rows) // factor)
        base_color[:, rows] = _to_byte(rgb)
        metres[rows] = _halve(surface.height) if supersample else surface.height
        roughness[rows] = _to_byte(_halve(surface.roughness) if supersample else surface.roughness)
        metallic[rows] = _to_byte(_halve(surface.metallic) if supersample else surface.metallic)
        if on_progress is not None:
            on_progress((canvas.start + canvas.rows) / tile.height)
    return Drawn(base_color, metres, roughness, metallic)


def _halve(field: Tensor) -> Tensor:
    shaped = field if field.dim() == 3 else field[None]
    result = F.avg_pool2d(shaped, 2)
    return result if field.dim() == 3 else result[0]


def _to_byte(field: Tensor) -> Tensor:
    return field.clamp(0.0, 1.0).mul_(255.0).add_(0.5).to(torch.uint8)
