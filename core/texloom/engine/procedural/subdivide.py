# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces cut again and again into smaller ones, as hull plates and the regions of a circuit board are."""

from __future__ import annotations

import torch

from .layout import Pieces

_CUTS = (1 / 3, 1 / 2, 2 / 3, 0.25, 0.75)


def subdivide(
    pieces: Pieces,
    key: str,
    levels: int,
    *,
    minimum: float,
    stop: float = 0.2,
    unit: tuple[float, float] | None = None,
) -> Pieces:
    """Cut every piece in two at a random place across its longer side, ``levels`` times over.

    Args:
        pieces: what to cut; its own joints stay where they are.
        key: names the random numbers, and those of the result.
        levels: how often to cut; the result numbers ``2 ** levels`` pieces for each of ``pieces``.
        minimum: metres; no side gets shorter than that.
        stop: chance of each piece at each level to stay whole.
        unit: (across, down) metres of a lattice on which the cuts lie, seen from a piece's own corner; None
            for anywhere.
    """
    c = pieces.canvas
    index, number = pieces.index, pieces.number
    half_x, half_y = pieces.half_x, pieces.half_y
    # From the piece's upper left corner.
    left, top = pieces.x + half_x, pieces.y + half_y
    width, height = half_x * 2.0, half_y * 2.0
    cuts = torch.tensor(_CUTS, device=left.device)
    for level in range(levels):
        place = c.table(f"{key}/place{level}", number).mul(len(_CUTS)).long().clamp_(max=len(_CUTS) - 1)
        share = cuts[place].take(index)
        turn = c.table(f"{key}/turn{level}", number).take(index) * 0.7 + 0.65
        go = c.table(f"{key}/go{level}", number).take(index) >= stop
        upright = width * turn > height
        length = torch.where(upright, width, height)
        at = share * length
        if unit is not None:
            step = torch.where(upright, unit[0], unit[1])
            at = torch.round(at / step) * step
        go = go & (torch.minimum(at, length - at) >= minimum)
        beyond = torch.where(upright, left, top) >= at
        first = torch.where(beyond, at, 0.0)
        rest = torch.where(beyond, length - at, at)
        across, down = go & upright, go & ~upright
        left = torch.where(across, left - first, left)
        width = torch.where(across, rest, width)
        top = torch.where(down, top - first, top)
        height = torch.where(down, rest, height)
        index = index * 2 + (go & beyond).long()
        number *= 2
    return Pieces(
        canvas=c,
        key=key,
        number=number,
        index=index,
        x=left - width * 0.5,
        y=top - height * 0.5,
        half_x=width * 0.5,
        half_y=height * 0.5,
    )
