# SPDX-License-Identifier: GPL-3.0-or-later
"""Periodic Voronoi cells: stones, gravel, cracked ground, leather grain, chips in terrazzo."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .tile import Canvas, Size


@dataclass
class Cells:
    """What a pixel knows of its cell; all (rows, width), lengths in metres.

    ``distance`` is to the cell's point, ``second`` to the next nearest point, ``border`` to the cell's edge
    (positive inside), ``dx`` and ``dy`` run from the cell's point, and ``index`` numbers the cell.
    """

    canvas: Canvas
    key: str
    number: int
    index: Tensor
    distance: Tensor
    second: Tensor
    dx: Tensor
    dy: Tensor
    border: Tensor | None = None

    def random(self, name: str) -> Tensor:
        """One uniform random number 0 to 1 for each cell, (rows, width)."""
        return self.canvas.table(f"{self.key}/{name}", self.number).take(self.index)


def voronoi(
    canvas: Canvas,
    key: str,
    size: Size,
    *,
    jitter: float = 0.8,
    at: tuple[Tensor, Tensor] | None = None,
    border: bool = False,
    rounding: float = 0.0,
    stagger: bool = True,
) -> Cells:
    """Voronoi cells around one jittered point in each cell of a grid (after S. Worley, 1996).

    Args:
        size: mean metres of a cell, or (across, down).
        jitter: 0 a regular grid (bricks and hexagons), 1 fully irregular.
        at: (u, v) positions to look up instead of the pixel's own, for wavy borders.
        border: also compute the exact distance to the cell's edge (about doubles the time).
        rounding: metres over which the corners of the edge distance are rounded.
        stagger: shift every second row by half a cell, which hides the grid; needs an even number of rows,
            so the number of rows is rounded to one.
    """
    tile = canvas.tile
    nx, ny = canvas.count(size)
    nx = max(nx, 3)
    ny = max(ny, 3)
    if stagger:
        ny = max(4, 2 * round(ny / 2))
    cell_x, cell_y = tile.width_m / nx, tile.height_m / ny
    pad = 2

    def make() -> Tensor:
        offsets = (tile.table(f"{key}/points", 2, ny, nx) - 0.5) * jitter + 0.5
        rows = torch.arange(ny, device=tile.device, dtype=torch.float32)
        shift = 0.5 * (rows % 2)[:, None] - 0.25 if stagger else 0.0
        wide = F.pad(torch.stack((offsets[0] + shift, offsets[1]))[None], (pad,) * 4, mode="circular")[0]
        wide[0] += torch.arange(-pad, nx + pad, device=tile.device)[None, :]
        wide[1] += torch.arange(-pad, ny + pad, device=tile.device)[:, None]
        numbers = torch.arange(nx * ny, device=tile.device, dtype=torch.float32).reshape(1, 1, ny, nx)
        wide_numbers = F.pad(numbers, (pad,) * 4, mode="circular")[0]
        scale = torch.tensor([cell_x, cell_y], device=tile.device)[:, None, None]
        return torch.cat((wide * scale, wide_numbers)).reshape(3, -1).contiguous()

    points = tile.cached(("cells", key, nx, ny, jitter, stagger), make)
    u, v = (canvas.u, canvas.v) if at is None else at
    column = torch.remainder(u, 1.0) * nx
    row = torch.remainder(v, 1.0) * ny
    # remainder of a tiny negative number may round up to 1.0 exactly
    base_x = column.floor().clamp_(max=nx - 1)
    base_y = row.floor().clamp_(max=ny - 1)
    x, y = column * cell_x, row * cell_y
    stride = nx + 2 * pad
    base = ((base_y + pad) * stride + (base_x + pad)).long()

    # With stagger a point may lie up to 0.25 + jitter / 2 outside its cell's middle, still within one cell.
    squares: list[Tensor] = []
    nearest = second = which = None
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            index = base + (dy * stride + dx)
            square = (x - points[0].take(index)).square_().addcmul_(*([y - points[1].take(index)] * 2))
            squares.append(square)
            if nearest is None or second is None or which is None:
                nearest, second, which = square.clone(), torch.full_like(square, 1e9), index
                continue
            closer = square < nearest
            second = torch.minimum(second, torch.maximum(nearest, square))
            nearest = torch.minimum(nearest, square)
            which = torch.where(closer, index, which)
    assert nearest is not None and second is not None and which is not None
    own_x, own_y = points[0].take(which), points[1].take(which)
    edge: Tensor | None = None
    if border:
        total: Tensor | None = None
        position = 0
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                index = base + (dy * stride + dx)
                gap = (points[0].take(index) - own_x).square_().addcmul_(*([points[1].take(index) - own_y] * 2))
                # Half the difference of squares over the gap is the distance to the line halfway between.
                plane = (squares[position] - nearest) * torch.rsqrt(gap.clamp_(min=1e-12)) * 0.5
                plane.masked_fill_(index == which, 1e9)
                position += 1
                if rounding > 0.0:
                    part = torch.exp_(plane.mul_(-1.0 / rounding))
                    total = part if total is None else total.add_(part)
                else:
                    edge = plane if edge is None else torch.minimum(edge, plane)
        if total is not None:
            edge = total.clamp_(min=1e-30).log_().mul_(-rounding)
    return Cells(
        canvas=canvas,
        key=key,
        number=nx * ny,
        index=points[2].take(which).long(),
        distance=nearest.sqrt(),
        second=second.sqrt(),
        dx=x - own_x,
        dy=y - own_y,
        border=edge,
    )


def jagged(canvas: Canvas, key: str, scale: float, wander: float) -> tuple[Tensor, Tensor]:
    """(u, v) displaced as lines wander that break, by parts of ``scale`` metres.

    Gently enough that space is folded hardly anywhere: lines would curl into loops, islands and blots.
    """
    broad = canvas.warp(f"{key}/wander", scale * 1.3, scale * wander * 0.34, octaves=1)
    fine = canvas.warp(f"{key}/jags", scale * 0.3, scale * wander * 0.052, octaves=4, gain=0.42)
    return broad[0] + fine[0] - canvas.u, broad[1] + fine[1] - canvas.v


def cracks(canvas: Canvas, key: str, size: Size, *, width: float, wander: float = 0.3) -> Tensor:
    """Mask 0 to 1 of a network of thin lines about ``width`` metres wide, wandering and of varied strength."""
    scale = size if isinstance(size, float) else min(size)
    at = jagged(canvas, key, scale, wander)
    cells = voronoi(canvas, key, size, jitter=0.9, at=at, border=True)
    assert cells.border is not None
    strength = canvas.noise(f"{key}/strength", scale * 1.5, 2).mul_(0.5).add_(0.8).clamp_(0.0, 1.3)
    half = max(width * 0.5, canvas.pixel_m * 0.5)
    line = (1.0 - cells.border / (half * strength + 1e-6)).clamp_(0.0, 1.0)
    # Thinner than a pixel, a line gets fainter instead of thinner.
    return line * min(1.0, width / canvas.pixel_m)
