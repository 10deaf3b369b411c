# SPDX-License-Identifier: GPL-3.0-or-later
"""Stones of mixed sizes in courses: pieces cut in two here and there, and courses that sag."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from .layout import Pieces
from .tile import Canvas, Size


def bent(canvas: Canvas, key: str, size: Size, strength: float, octaves: int = 3) -> Canvas:
    """The canvas with its positions displaced by noise of ``strength`` metres, to lay out wavy courses on.

    Only layouts may be drawn on it: its noise would still lie straight.
    """
    other = copy.copy(canvas)
    other.u, other.v = canvas.warp(key, size, strength, octaves)
    return other


def split(pieces: Pieces, name: str, chance: float, *, stacked: bool, low: float = 0.35, high: float = 0.65) -> Pieces:
    """Cut some pieces in two, so that stones of several sizes fit into one course.

    Args:
        name: names the random numbers.
        chance: part of the pieces that are cut, 0 to 1.
        stacked: one part lies on the other, else they stand beside each other.
        low, high: range of the first part's share of the side that is cut.
    """
    place = low + (high - low) * pieces.random(f"{name}/place")
    is_cut = pieces.random(f"{name}/cut") < chance
    middle, half = (pieces.y, pieces.half_y) if stacked else (pieces.x, pieces.half_x)
    # Where the cut lies, in metres from the middle of the piece.
    cut = (2.0 * place - 1.0) * half
    after = middle >= cut
    own_half = torch.where(after, half - cut, half + cut) * 0.5
    own_middle = middle - torch.where(after, half + cut, cut - half) * 0.5
    own_half = torch.where(is_cut, own_half, half)
    own_middle = torch.where(is_cut, own_middle, middle)
    index = pieces.index * 2 + (after & is_cut)
    if stacked:
        return replace(pieces, index=index, number=pieces.number * 2, y=own_middle, half_y=own_half)
    return replace(pieces, index=index, number=pieces.number * 2, x=own_middle, half_x=own_half)
