# SPDX-License-Identifier: GPL-3.0-or-later
"""Things strewn over the tile: leaves, needles, twigs, pebbles, fern fronds, coral branches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .tile import Canvas


@dataclass(frozen=True)
class Layer:
    """One jittered grid of pieces, at most one a cell.

    ``pitch`` is metres of a cell.  ``jitter`` is by what part of a cell a piece may lie off its middle (0 to 1):
    a piece must not reach further than ``(1 - jitter / 2) * pitch`` from its own middle, else it is cut off.
    ``share`` is the part of the cells that hold a piece.  ``angle`` and ``spread`` are degrees: pieces point within
    ``spread`` around ``angle`` (0 to the right, 90 down); 180 is every way.
    """

    pitch: float
    jitter: float = 0.8
    share: float = 1.0
    angle: float = 0.0
    spread: float = 180.0


@dataclass
class Piece:
    """One candidate for every pixel: the pieces of one of the four nearest cells.

    ``x`` and ``y`` are metres along and across the piece from its middle, (rows, width), of a piece at its full size:
    where the cells had to be made smaller so that whole ones fit, it is drawn smaller.  ``layer`` is its layer.
    """

    canvas: Canvas
    key: str
    layer: int
    number: int
    first: int
    cells: tuple[int, int]
    rows: Tensor
    columns: Tensor
    x: Tensor
    y: Tensor

    def random(self, name: str) -> Tensor:
        """One uniform random number 0 to 1 for each piece, (rows, width)."""
        return self._pick(self.canvas.table(f"{self.key}/{name}", self.number))

    def between(self, name: str, low: float, high: float) -> Tensor:
        """The same number stretched to ``low`` … ``high``."""
        canvas = self.canvas
        table = canvas.tile.cached(
            ("scatter", self.key, name, self.number, low, high),
            lambda: canvas.table(f"{self.key}/{name}", self.number) * (high - low) + low,
        )
        return self._pick(table)

    def _pick(self, table: Tensor) -> Tensor:
        across, down = self.cells
        own = table[self.first : self.first + across * down].reshape(down, across)
        # By rows, then by columns: several times faster than one index a pixel.
        return own.index_select(0, self.rows).index_select(1, self.columns)


@dataclass
class Scattered:
    """The topmost piece at every pixel; all (rows, width).

    ``z`` is what the shape gave (0 or less: no piece), ``x`` and ``y`` metres along and across the piece, ``layer``
    its layer, ``shade`` 0 to 1 how much a piece of a layer above covers the surroundings of the place.
    """

    canvas: Canvas
    key: str
    number: int
    index: Tensor
    z: Tensor
    x: Tensor
    y: Tensor
    layer: Tensor
    shade: Tensor

    def random(self, name: str) -> Tensor:
        """One uniform random number 0 to 1 for each piece, (rows, width)."""
        return self.canvas.table(f"{self.key}/{name}", self.number).take(self.index)


Shape = Callable[[Piece], tuple[Tensor, Tensor | None]]
"""Height of a candidate (0 or less outside it), and how it shades what lies below (0 to 1) or None."""


def scatter(canvas: Canvas, key: str, layers: Sequence[Layer], shape: Shape) -> Scattered:
    """Strew pieces and keep the highest one at every pixel.

    Only the four nearest cells of each layer are looked at, which bounds the reach of a piece (see
    :class:`Layer`) and makes a layer cost less than half of one that searches all neighbors.

    Args:
        key: names the random numbers.
        layers: from the top down; only layers above a piece shade it.
        shape: called for each candidate.
    """
    tile = canvas.tile
    grids = []
    number = 0
    for layer in layers:
        nx, ny = canvas.count(layer.pitch)
        grids.append((layer, nx, ny, number))
        number += nx * ny
    z = canvas.zeros() - 1.0
    x, y, shade = canvas.zeros(), canvas.zeros(), canvas.zeros()
    index, which = canvas.zeros(), canvas.zeros()
    halo: Tensor | None = None
    for position, (layer, nx, ny, first) in enumerate(grids):
        cell_x, cell_y = tile.width_m / nx, tile.height_m / ny
        # Whole cells may come out smaller than asked for; the pieces shrink with them, else they would be cut off.
        grow = max(1.0, layer.pitch / min(cell_x, cell_y))
        places = _places(canvas, key, layer, nx, ny, first, number, grow)
        a, b = canvas.u * nx - 0.5, canvas.v * ny - 0.5
        i, j = a.floor(), b.floor()
        above = halo
        for dj in (0, 1):
            for di in (0, 1):
                column, row = i + di, j + dj
                columns = torch.remainder(column, nx).long()[0]
                rows = torch.remainder(row, ny).long()[:, 0]

                def pick(table: Tensor, rows: Tensor = rows, columns: Tensor = columns) -> Tensor:
                    return table.index_select(0, rows).index_select(1, columns)

                dx = (a - column) * (cell_x * grow) - pick(places[0])
                dy = (b - row) * (cell_y * grow) - pick(places[1])
                cosine, sine = pick(places[2]), pick(places[3])
                piece = Piece(
                    canvas, key, position, number, first, (nx, ny), rows, columns,
                    dx * cosine + dy * sine, dy * cosine - dx * sine,
                )  # fmt: skip
                height, shading = shape(piece)
                if layer.share < 1.0:
                    there = pick(places[4])
                    height = height * there - (1.0 - there)
                    shading = None if shading is None else shading * there
                higher = height > z
                z = torch.where(higher, height, z)
                x = torch.where(higher, piece.x, x)
                y = torch.where(higher, piece.y, y)
                # Whole numbers up to 2^24 are exact, and floats select faster.
                own = (rows * nx + first)[:, None].to(z.dtype) + columns.to(z.dtype)
                index = torch.where(higher, own, index)
                which = torch.where(higher, float(position), which)
                shade = torch.where(higher, 0.0 if above is None else above, shade)
                if shading is not None:
                    halo = shading if halo is None else torch.maximum(halo, shading)
    return Scattered(canvas, key, number, index.long(), z, x, y, which, shade)


def _places(canvas: Canvas, key: str, layer: Layer, nx: int, ny: int, first: int, number: int, grow: float) -> Tensor:
    """Offsets (metres), cosine and sine of the direction, and presence of the pieces of a layer, (5, ny, nx)."""
    tile = canvas.tile

    def make() -> Tensor:
        def own(name: str) -> Tensor:
            return tile.table(f"{key}/{name}", number)[first : first + nx * ny].reshape(ny, nx)

        angle = math.radians(layer.angle) + (own("turn") - 0.5) * (2.0 * math.radians(layer.spread))
        return torch.stack(
            (
                (own("across") - 0.5) * (layer.jitter * grow * tile.width_m / nx),
                (own("down") - 0.5) * (layer.jitter * grow * tile.height_m / ny),
                torch.cos(angle),
                torch.sin(angle),
                (own("there") < layer.share).float(),
            )
        )

    return tile.cached(("scatter places", key, layer, nx, ny, first), make)
