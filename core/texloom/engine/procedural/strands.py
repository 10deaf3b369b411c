# SPDX-License-Identifier: GPL-3.0-or-later
"""Long thin things that lie side by side and over each other: hairs of a fur, straws of a thatch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .tile import Canvas


@dataclass
class Strands:
    """What a pixel knows of the uppermost strand there; all (rows, width).

    ``z`` is its height (0 to about 1; 0 where there is none), ``round`` its profile across (0 on its border, 1 on
    its spine), ``along`` the place on it (0 root, 1 tip) and ``tone`` a random number 0 to 1 of the strand.
    """

    z: Tensor
    round: Tensor
    along: Tensor
    tone: Tensor


def strands(
    canvas: Canvas,
    key: str,
    *,
    pitch: float,
    length: float,
    width: float,
    lean: float = 0.6,
    taper: float = 1.0,
    share: float = 1.0,
    at: tuple[Tensor, Tensor] | None = None,
) -> Strands:
    """One layer of strands that run down the tile, each column of them begun at a place of its own.

    Args:
        pitch: metres between the columns; ``length`` metres of a strand, ``width`` metres of it at its root.
        lean: how far tips go aside, in pitches (up to about 0.8).
        taper: 0 keeps the width (straw), 1 runs out in a point (hair).
        share: the part of strands that are there, 0 to 1.
        at: (u, v) positions to look up instead of the pixel's own, for a coat that flows; each (rows, width).
    """
    tile = canvas.tile
    nx, ny = canvas.count((pitch, length))
    nx, ny = max(nx, 3), max(ny, 2)
    cell_x = tile.width_m / nx
    u, v = (canvas.u, canvas.v) if at is None else at
    across, down = u * nx, v * ny
    column = across.floor()
    starts = tile.table(f"{key}/starts", nx)
    # One random number a strand; further ones are its later digits, which spares look-ups.
    numbers = tile.table(f"{key}/strands", ny * nx)
    half_pixel = canvas.pixel_m * 0.5
    best, profile = canvas.zeros(), canvas.zeros()
    place, which = canvas.zeros(), canvas.zeros()
    for step in (-1.0, 0.0, 1.0):
        number = torch.remainder(column + step, nx).long()
        run = down + starts.take(number)
        row = run.floor()
        beside = across - (column + step + 0.5)
        fraction = run - row
        for back in (0.0, 1.0):
            one = numbers.take(torch.remainder(row - back, ny).long() * nx + number)
            two, three = torch.remainder(one * 61.0, 1.0), torch.remainder(one * 977.0, 1.0)
            # A strand is one to one and a half cells long, so that two lie one over the other at most places.
            t = (fraction + back) / (1.1 + 0.6 * two)
            shift = (three - 0.5) * 0.9 + (two - 0.5) * (2.0 * lean) * t * t
            half = (0.5 * width * (0.7 + 0.6 * three)) * (1.0 - taper * t * t).clamp(min=0.0)
            # A coat is closed all over, so strands narrower than a pixel are drawn as wide as one; how much lower
            # is measured: small pictures of it are then as bright as large ones.
            side = ((beside - shift) * cell_x).abs() / half.clamp(min=half_pixel)
            bow = (1.0 - side * side).clamp(min=0.0).sqrt() * (half / half_pixel).clamp(0.42, 1.0)
            z = bow * (0.3 + 0.35 * one + 0.35 * t) * ((t < 1.0) & (three < share))
            higher = z > best
            best = torch.where(higher, z, best)
            profile = torch.where(higher, bow, profile)
            place = torch.where(higher, t, place)
            which = torch.where(higher, one, which)
    return Strands(z=best, round=profile, along=place, tone=which)
