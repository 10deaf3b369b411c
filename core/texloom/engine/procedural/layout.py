# SPDX-License-Identifier: GPL-3.0-or-later
"""Regular layouts: courses of bricks, grids of tiles, hexagons, herringbone; with jitter and exact edges."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .ops import rounded_box
from .tile import Canvas, whole


@dataclass
class Pieces:
    """What a pixel knows of the piece (brick, plank, tile) it lies in; lengths in metres.

    ``x`` and ``y`` run from the piece's middle, ``half_x`` and ``half_y`` are half its sides (joint
    included), ``index`` numbers the piece.  ``turned`` is 1 where the piece's long side runs down the tile.
    """

    canvas: Canvas
    key: str
    number: int
    index: Tensor
    x: Tensor
    y: Tensor
    half_x: Tensor
    half_y: Tensor
    turned: Tensor | None = None

    def random(self, name: str) -> Tensor:
        """One uniform random number 0 to 1 for each piece, (rows, width)."""
        return self.canvas.table(f"{self.key}/{name}", self.number).take(self.index)

    def edge(self, joint: float, radius: float, wobble: Tensor | float = 0.0) -> Tensor:
        """Metres to the piece's edge, positive inside; ``joint`` is the full gap between two pieces.

        ``radius`` rounds the corners; ``wobble`` (metres) makes the edge uneven.
        """
        gap = joint * 0.5 + wobble
        return rounded_box(self.x, self.y, self.half_x - gap, self.half_y - gap, radius)


def courses(
    canvas: Canvas,
    key: str,
    length: float,
    height: float,
    *,
    shift: float = 0.5,
    pattern: tuple[tuple[float, float], ...] | None = None,
    jitter: float = 0.0,
    row_jitter: float = 0.0,
    random_shift: bool = False,
    vertical: bool = False,
) -> Pieces:
    """Rows of oblong pieces.

    Args:
        length, height: metres of a piece with its joint; adjusted a little so that whole pieces fit.
        shift: by what part of a piece each row is shifted against the one before (0.5 running bond, 0 stack,
            1/3 raking).  Rows are made to close over the tile.
        pattern: for each row of a repeating group (shift in pieces, length factor); overrides ``shift``.
            English bond is ``((0, 1), (0.25, 0.5))``.
        jitter: moves the upright joints by up to that part of a piece (0 to 0.45).
        row_jitter: likewise for the level joints.
        random_shift: each row starts anywhere (planks).
        vertical: rows run down the tile instead of across.
    """
    tile = canvas.tile
    along_m, across_m = (tile.height_m, tile.width_m) if vertical else (tile.width_m, tile.height_m)
    along = canvas.v if vertical else canvas.u
    across = canvas.u if vertical else canvas.v
    count = whole(along_m / length)
    group = pattern
    if group is None:
        period = 1 if random_shift or shift == 0 else max(2, round(1 / shift)) if shift < 1 else 2
        group = tuple(((i * shift) % 1.0, 1.0) for i in range(period))
    rows = whole(across_m / height, len(group))
    device = tile.device

    position = across * rows
    row = position.floor()
    if row_jitter > 0.0:
        # Joint k sits at k + offset; the offset table wraps, so the last joint is the first of the next tile.
        offset = (tile.table(f"{key}/level", rows) - 0.5) * row_jitter
        below = offset[((row + 1) % rows).long()] + 1.0
        above = offset[(row % rows).long()]
        inside = position - row
        row = torch.where(inside < above, row - 1, torch.where(inside >= below, row + 1, row))
        numbers = row.long() % rows
        top = row + offset[numbers]
        bottom = row + 1 + offset[(numbers + 1) % rows]
    else:
        numbers = row.long() % rows
        top, bottom = row, row + 1.0
    half_across = (bottom - top) * (0.5 * across_m / rows)
    local_across = (position - (top + bottom) * 0.5) * (across_m / rows)

    shifts = torch.tensor([item[0] for item in group], device=device)[numbers % len(group)]
    factors = torch.tensor([1.0 / item[1] for item in group], device=device)[numbers % len(group)]
    if random_shift:
        shifts = tile.table(f"{key}/start", rows)[numbers]
    pieces = torch.round(count * factors)
    widest = max(1, round(count * max(1.0 / item[1] for item in group)))
    t = along * pieces + shifts
    piece = t.floor()
    if jitter > 0.0:
        moves = (tile.table(f"{key}/upright", rows, widest) - 0.5) * (2.0 * jitter)

        def joint(k: Tensor) -> Tensor:
            return k + moves[numbers, torch.remainder(k, pieces).long()]

        left, right = joint(piece), joint(piece + 1.0)
        piece = torch.where(t < left, piece - 1.0, torch.where(t >= right, piece + 1.0, piece))
        left, right = joint(piece), joint(piece + 1.0)
    else:
        left, right = piece, piece + 1.0
    metres = along_m / pieces
    half_along = (right - left) * 0.5 * metres
    local_along = (t - (left + right) * 0.5) * metres
    index = numbers * widest + torch.remainder(piece, pieces).long()
    shape = (canvas.rows, tile.width)
    x, y, hx, hy = local_along, local_across, half_along, half_across
    if vertical:
        x, y, hx, hy = y, x, hy, hx
    return Pieces(
        canvas=canvas,
        key=key,
        number=rows * widest,
        index=index.expand(shape),
        x=x.expand(shape),
        y=y.expand(shape),
        half_x=hx.expand(shape),
        half_y=hy.expand(shape),
    )


def grid(canvas: Canvas, key: str, size: tuple[float, float]) -> Pieces:
    """A plain grid of pieces of about ``size`` metres."""
    return courses(canvas, key, size[0], size[1], shift=0.0)


def diagonal_grid(canvas: Canvas, key: str, size: float) -> Pieces:
    """A grid of squares standing on their corners; ``size`` is the side in metres.

    ``x`` and ``y`` run along the squares' own sides.
    """
    tile = canvas.tile
    diagonal = size * math.sqrt(2.0)
    nx, ny = whole(tile.width_m / diagonal), whole(tile.height_m / diagonal)
    a = canvas.u * nx + canvas.v * ny
    b = canvas.u * nx - canvas.v * ny
    i, j = a.floor(), b.floor()
    # (i, j) and (i + nx, j + nx) are the same square a tile to the right, (i + ny, j - ny) a tile down.
    column, line = i + j, i - j
    index = torch.remainder(column, 2 * nx) * (2 * ny) + torch.remainder(line, 2 * ny)
    # Real sides differ a little when the tile's aspect forces unequal counts.
    side = 1.0 / math.hypot(nx / tile.width_m, ny / tile.height_m)
    half = torch.full_like(a, side * 0.5)
    return Pieces(
        canvas=canvas,
        key=key,
        number=4 * nx * ny,
        index=index.long(),
        x=(a - i - 0.5) * side,
        y=(b - j - 0.5) * side,
        half_x=half,
        half_y=half,
    )


@dataclass
class Hexagons:
    """Regular hexagons: ``border`` is metres to the edge, ``x`` and ``y`` metres from the middle."""

    canvas: Canvas
    key: str
    number: int
    index: Tensor
    x: Tensor
    y: Tensor
    border: Tensor

    def random(self, name: str) -> Tensor:
        """One uniform random number 0 to 1 for each hexagon, (rows, width)."""
        return self.canvas.table(f"{self.key}/{name}", self.number).take(self.index)


def hexagons(canvas: Canvas, key: str, size: float) -> Hexagons:
    """Hexagons with upright sides, ``size`` metres between them (flat to flat).

    Their number is rounded so that the pattern closes, which stretches them by a few per cent at most when
    the tile holds some.
    """
    tile = canvas.tile
    nx = whole(tile.width_m / size)
    # Two rows repeat every sqrt(3) sizes.
    ny = whole(tile.height_m / (size * math.sqrt(3.0)))
    px, py = canvas.u * nx, canvas.v * ny

    def nearest(offset: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        i, j = (px - offset).round(), (py - offset).round()
        return i, j, px - offset - i, py - offset - j

    root = math.sqrt(3.0)
    i0, j0, x0, y0 = nearest(0.0)
    i1, j1, x1, y1 = nearest(0.5)
    first = x0 * x0 + (root * y0) ** 2 < x1 * x1 + (root * y1) ** 2
    x, y = torch.where(first, x0, x1), torch.where(first, y0, y1) * root
    i, j = torch.where(first, i0, i1), torch.where(first, j0, j1)
    index = (torch.remainder(j, ny) * nx + torch.remainder(i, nx)) * 2 + torch.where(first, 0, 1)
    unit = tile.width_m / nx
    border = 0.5 - torch.maximum(x.abs(), 0.5 * x.abs() + 0.5 * root * y.abs())
    return Hexagons(canvas, key, 2 * nx * ny, index.long(), x * unit, y * unit, border * unit)


def herringbone(canvas: Canvas, key: str, length: float, width: float) -> Pieces:
    """Oblong pieces laid at right angles to each other, at 45 degrees to the tile.

    The ratio of the sides is rounded to a whole number from 2; the pattern is the classic one on a lattice
    of squares, turned by 45 degrees so that it reads as a zigzag running across.
    """
    tile = canvas.tile
    ratio = max(2, round(length / width))
    # In the frame (a, b) of the pieces' sides, in widths, the plain herringbone repeats after (1, 1) and
    # (ratio, -ratio).  Turned by 45 degrees these become the tile's own axes p (across) and q (down).
    nx = whole(tile.width_m / (width * math.sqrt(2.0)))
    ny = whole(tile.height_m / (width * ratio * math.sqrt(2.0)))
    p = canvas.u * nx
    q = canvas.v * (ny * ratio)
    a, b = p + q, p - q
    i, j = a.floor(), b.floor()
    d = torch.remainder(i - j, 2 * ratio)
    # Cells with (i - j) mod 2r below r belong to a piece lying along a, the others to one lying along b.
    flat = d < ratio
    start_a = torch.where(flat, i - d, i)
    start_b = torch.where(flat, j, j - (2 * ratio - 1 - d))
    unit_a = 1.0 / math.hypot(nx / tile.width_m, ny * ratio / tile.height_m)
    half_long, half_short = ratio * 0.5, 0.5
    x = torch.where(flat, a - start_a - half_long, a - start_a - half_short)
    y = torch.where(flat, b - start_b - half_short, b - start_b - half_long)
    half_x = torch.where(flat, half_long, half_short)
    half_y = torch.where(flat, half_short, half_long)
    column = torch.remainder(start_a + start_b, 2 * nx)
    line = torch.remainder(start_a - start_b, 2 * ny * ratio)
    index = (column * (2 * ny * ratio) + line) * 2 + torch.where(flat, 0, 1)
    return Pieces(
        canvas=canvas,
        key=key,
        number=8 * nx * ratio * ny,
        index=index.long(),
        x=x * unit_a,
        y=y * unit_a,
        half_x=half_x * unit_a,
        half_y=half_y * unit_a,
        turned=torch.where(flat, 0.0, 1.0),
    )
