# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks of places to draw anew: their soft edges, a little more of them, and colors for what they hide."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Pixels = NDArray[np.uint8]
Wraps = tuple[bool, bool]

FEATHER_SHARE: Final = 1 / 64
"""Width of the soft edge inside a mask, as a part of the picture's shorter side."""
MOST_FEATHER: Final = 32


def soft_edge(mask: Pixels, wraps: Wraps = (False, False)) -> NDArray[np.float32]:
    """How much of each pixel is replaced: 0 outside a mask (height, width), rising to 1 some pixels inside of it.

    In parts of the mask that are thinner than twice the edge it rises to nearly 1 in their middle.  Grey of the mask
    counts as well.  ``wraps`` says whether the mask goes on across its right and its bottom side; where it does not,
    the picture's own rim is no edge.
    """
    reach = int(min(MOST_FEATHER, max(2, min(mask.shape) * FEATHER_SHARE)))
    depth = _depth(mask > 0, reach, wraps)
    deepest = np.maximum(grown(depth, reach, wraps), 1).astype(np.float32)
    share = np.where(depth < deepest, depth / (deepest + 1.0), np.float32(1.0)) * (depth > 0)
    found: NDArray[np.float32] = (share * (mask.astype(np.float32) / 255.0)).astype(np.float32)
    return found


def grown(mask: Pixels, reach: int, wraps: Wraps) -> Pixels:
    """The largest value of (height, width) within a square of ``reach`` pixels each way."""
    for axis, wrap in ((1, wraps[0]), (0, wraps[1])):
        count = mask.shape[axis]
        size = min(reach, count) if wrap else reach
        room = [(0, 0), (0, 0)]
        room[axis] = (size, size)
        values = np.pad(mask, room, mode="wrap") if wrap else np.pad(mask, room)
        # Windows of twice the width at a time: those of 2 * size + 1 are two of these that overlap.
        width, whole = 1, 2 * size + 1
        while width * 2 <= whole:
            values = np.maximum(_part(values, axis, 0, width), _part(values, axis, width, 0))
            width *= 2
        rest = whole - width
        if rest:
            values = np.maximum(_part(values, axis, 0, rest), _part(values, axis, rest, 0))
        mask = np.ascontiguousarray(values)
    return mask


def filled(pixels: Pixels, mask: Pixels) -> Pixels:
    """The picture (height, width, 3) with its masked places in the colors around them, softly."""
    hole = torch.from_numpy((mask > 0).astype(np.float32))[None, None]
    colors = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]
    known = 1.0 - hole
    found = _pulled(colors * known, known)
    result = torch.where(hole > 0, found, colors)
    return result[0].permute(1, 2, 0).clamp(0.0, 255.0).add(0.5).to(torch.uint8).contiguous().numpy()


def _depth(inside: NDArray[np.bool_], reach: int, wraps: Wraps) -> Pixels:
    """Steps across and down to the nearest place outside, at most ``reach``; beyond the picture all is inside."""
    room = [(reach, reach) if wrap else (0, 0) for wrap in (wraps[1], wraps[0])]
    # A mask smaller than the edge is wide goes around more than once.
    padded = np.pad(inside, room, mode="wrap")
    depth = np.where(padded, np.uint8(reach), np.uint8(0))
    for _ in range(2):
        lines = depth
        for order in (range(1, len(lines)), range(len(lines) - 2, -1, -1)):
            step = order.step
            for line in order:
                np.minimum(lines[line], lines[line - step] + np.uint8(1), out=lines[line])
        depth = np.ascontiguousarray(lines.T)
    height, width = inside.shape
    return depth[room[0][0] : room[0][0] + height, room[1][0] : room[1][0] + width]


def _part(values: Pixels, axis: int, before: int, after: int) -> Pixels:
    """All but so many lines at both ends."""
    kept = slice(before, values.shape[axis] - after)
    return values[kept] if axis == 0 else values[:, kept]


def _pulled(colors: Tensor, known: Tensor) -> Tensor:
    """Colors for the unknown places, by averages of ever larger squares.

    Pull and push: S. Gortler et al., "The Lumigraph" (1996).
    """
    height, width = colors.shape[2:]
    if height <= 1 and width <= 1:
        return colors / known.clamp(min=1e-6)
    size = ((height + 1) // 2, (width + 1) // 2)
    coarse = _pulled(F.adaptive_avg_pool2d(colors, size), F.adaptive_avg_pool2d(known, size))
    wide = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    return colors + wide * (1.0 - known.clamp(max=1.0))
