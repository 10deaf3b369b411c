# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces that lie over each other in rows, root under the row above and tip free: scales and feathers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .ops import smoothstep
from .tile import Canvas


@dataclass
class Overlap:
    """What a pixel knows of the uppermost piece there; all (rows, width).

    ``across`` is -1 to 1 over the piece's width, ``along`` 0 (root) to 1 (tip), ``edge`` 0 on its border to 1 on its
    spine, ``shadow`` 1 right below the tip of a piece that lies over this one, fading to 0; ``covered`` is false
    where no piece is, and ``index`` numbers the piece.
    """

    canvas: Canvas
    key: str
    number: int
    index: Tensor
    across: Tensor
    along: Tensor
    edge: Tensor
    shadow: Tensor
    covered: Tensor

    def random(self, name: str) -> Tensor:
        """One uniform random number 0 to 1 for each piece, (rows, width)."""
        return self.canvas.table(f"{self.key}/{name}", self.number).take(self.index)


def overlapping(
    canvas: Canvas,
    key: str,
    pitch: float,
    *,
    step: float,
    reach: float,
    width: float = 1.1,
    shoulder: float = 0.45,
    power: float = 2.0,
    jitter: float = 0.0,
    soft: float = 0.12,
) -> Overlap:
    """Staggered rows of pieces that hang down the tile, each row over the one below it.

    Args:
        pitch: metres from piece to piece in a row.
        step: metres from row to row; ``reach`` the length of a piece in steps (1 to 4).
        width: width of a piece in pitches (up to 1.6).
        shoulder: how far along the piece its sides run before they bend to the tip, 0 to 1.
        power: shape of the tip: 2 an ellipse, 1.2 nearly a point, 3 blunt.
        jitter: how far pieces are moved, turned and resized, 0 to 1.
        soft: reach of the shadow of the piece above, in half widths.
    """
    tile = canvas.tile
    nx = max(3, canvas.count(pitch)[0])
    ny = max(4, 2 * round(canvas.count(step)[1] / 2))
    a, b = canvas.u * nx, canvas.v * ny
    base = b.floor()
    moves = tile.table(f"{key}/moves", ny * nx) if jitter > 0.0 else None
    zeros = canvas.zeros()
    index = torch.zeros(zeros.shape, dtype=torch.long, device=zeros.device)
    across, along, edge, shadow = zeros, zeros.clone(), zeros.clone(), zeros.clone()
    covered = torch.zeros_like(index, dtype=torch.bool)
    aspect = (tile.height_m / ny) / (tile.width_m / nx)
    half_width = width * 0.5
    # Jittered pieces may begin half a step lower or higher.
    rows = math.ceil(reach + 0.45 * jitter)
    for back in range(rows):
        row = base - back
        shift = 0.5 * torch.remainder(row, 2.0)
        middle = (a - shift).floor()
        line = torch.remainder(row, ny).long() * nx
        # A piece reaches beyond its cell by what it is wider and moved.
        for side in (-1.0, 0.0, 1.0) if width * (1.0 + 0.2 * jitter) > 1.0 or jitter > 0.0 else (0.0,):
            column = middle + side
            number = line + torch.remainder(column, nx).long()
            x = a - shift - column - 0.5
            y = b - row
            size: Tensor | float = 1.0
            if moves is not None:
                one = moves.take(number)
                two, three = torch.remainder(one * 61.0, 1.0), torch.remainder(one * 977.0, 1.0)
                y = y - (one - 0.5) * (0.7 * jitter)
                x = x - (two - 0.5) * (0.35 * jitter) - (three - 0.5) * (0.3 * jitter) * y * aspect
                size = 1.0 + (one - 0.5) * (0.3 * jitter)
            t = y / reach
            n = (x / (half_width * size)).abs()
            bend = ((t - shoulder) / (1.0 - shoulder)).clamp(min=0.0)
            # Distance from the spine's end to the power, 1 on the border; the root is drawn once, at the end.
            q = _raise(n, power) + _raise(bend, power)
            here = (q < 1.0) & (t > 0.0)
            if side == 0.0 or width > 1.0:
                # Neighbours of one row: the one whose spine is nearer lies on top.
                same = (covered & (index >= line) & (index < line + nx)) if side > -1.0 else None
                if same is not None:
                    here = here & ~(same & (edge < q))
            beside = smoothstep(1.0 + soft * power, 1.0, q) * (t > 0.0)
            shadow = torch.where(here, torch.zeros_like(shadow), torch.maximum(shadow, beside))
            index = torch.where(here, number, index)
            across = torch.where(here, x / (half_width * size), across)
            along = torch.where(here, t, along)
            edge = torch.where(here, q, edge)
            covered = covered | here
    return Overlap(
        canvas=canvas,
        key=key,
        number=nx * ny,
        index=index,
        across=across,
        along=along,
        edge=(1.0 - edge.pow(1.0 / power)) * covered,
        shadow=shadow,
        covered=covered,
    )


def _raise(x: Tensor, power: float) -> Tensor:
    """``x`` to the power, without the slow general way where a root will do."""
    if power == 2.0:
        return x * x
    if power == 1.5:
        return x * x.sqrt()
    return x.pow(power)
