# SPDX-License-Identifier: GPL-3.0-or-later
"""Two pictures that overlap become one: the cut along which they differ least, and a blend along it.

The cut: A. Efros and W. Freeman, "Image Quilting for Texture Synthesis and Transfer" (2001), minimum error boundary
cut.  The blend: P. Burt and E. Adelson, "A Multiresolution Spline With Application to Image Mosaics" (1983), over a
stack of equal size instead of a pyramid, so that it wraps exactly.  Contrast: in the manner of E. Heitz and
F. Neyret, "High-Performance By-Example Noise using a Histogram-Preserving Blending Operator" (2018), the variance
that averaging takes from unlike pictures is given back, here band by band.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_LEVELS: Final = 6
_TAPS: Final = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def error(first: NDArray[np.uint8], second: NDArray[np.uint8], *, wraps: bool) -> NDArray[np.float32]:
    """Cost of cutting at each point: how unlike two pictures (rows, columns, channels) are around it.

    Args:
        first, second: the same place in both.
        wraps: whether the rows go on from the last to the first.
    """
    apart = first.astype(np.int16) - second
    square = np.square(apart, dtype=np.int32).sum(-1).astype(np.float32)
    # A little over the neighbours, else the path slips through single pixels that are alike by chance.
    rows = np.concatenate((square[-1:], square, square[:1])) if wraps else np.pad(square, ((1, 1), (0, 0)), "edge")
    square = rows[:-2] + 2.0 * rows[1:-1] + rows[2:]
    columns = np.pad(square, ((0, 0), (1, 1)), "edge")
    result: NDArray[np.float32] = (columns[:, :-2] + 2.0 * columns[:, 1:-1] + columns[:, 2:]) / 16.0
    return result


def cheapest_path(cost: NDArray[np.float32], *, closed: bool) -> NDArray[np.int64]:
    """One column for each row of ``cost``, at most one further from row to row, with the least sum.

    Args:
        cost: (rows, columns).
        closed: whether the last row's column must be next to the first's.  The place where such a ring begins is
            taken from a path twice around, which is the best ring's or near it.
    """
    if not closed:
        return _path(cost)
    rows = len(cost)
    begin = int(_path(np.concatenate((cost, cost)))[rows])
    fixed = cost.copy()
    high = np.float32(cost.max() * 4.0 * rows + 1.0)
    columns = np.arange(cost.shape[1])
    fixed[0, columns != begin] += high
    fixed[-1, np.abs(columns - begin) > 1] += high
    return _path(fixed)


def _path(cost: NDArray[np.float32]) -> NDArray[np.int64]:
    rows, columns = cost.shape
    total = np.full((rows, columns + 2), np.inf, np.float64)
    total[0, 1:-1] = cost[0]
    for row in range(1, rows):
        above = total[row - 1]
        best = np.minimum(np.minimum(above[:-2], above[2:]), above[1:-1])
        np.add(best, cost[row], out=total[row, 1:-1])
    path = np.empty(rows, np.int64)
    path[-1] = int(total[-1].argmin())
    for row in range(rows - 2, -1, -1):
        place = path[row + 1]
        # Straight on where it costs the same.
        path[row] = min((place, place - 1, place + 1), key=lambda column: total[row, column])
    return path - 1


def blend(
    first: NDArray[np.uint8], second: NDArray[np.uint8], path: NDArray[np.int64], *, wraps: bool, device: str = "cpu"
) -> NDArray[np.uint8]:
    """``first`` left of the path, ``second`` right of it; coarse features fade over more pixels than fine ones.

    Columns further from the path than it is from the border stay to the last bit what they were.

    Args:
        first, second: (rows, columns, channels).
        path: a column for each row; ``second`` begins there.
        wraps: whether the rows go on from the last to the first.
        device: torch device.
    """
    columns = first.shape[1]
    room = int(min(path.min(), columns - path.max()))
    levels = max(1, min(_LEVELS, int(np.log2(max(2.0, room / 2.0 + 1.0)))))
    a, b = (
        torch.from_numpy(np.ascontiguousarray(item.transpose(2, 0, 1))).to(device).float() for item in (first, second)
    )
    places = torch.arange(columns)[None, :] < torch.from_numpy(path)[:, None]
    mask = places.float()[None].to(device)
    total = torch.zeros_like(a)
    for level in range(levels):
        smooth_a, smooth_b = _smooth(a, level, wraps), _smooth(b, level, wraps)
        total += _mixed(a - smooth_a, b - smooth_b, mask, level, wraps)
        a, b, mask = smooth_a, smooth_b, _smooth(mask, level, wraps)
    total += a * mask + b * (1.0 - mask)
    pixels = total.clamp_(0.0, 255.0).add_(0.5).to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
    # What lies beyond the blend's reach is the pictures' own, whatever rounding did.
    reach = 2 * (2**levels - 1)
    left, right = max(0, int(path.min()) - reach), min(columns, int(path.max()) + reach)
    pixels[:, :left], pixels[:, right:] = first[:, :left], second[:, right:]
    found: NDArray[np.uint8] = pixels
    return found


def _mixed(a: Tensor, b: Tensor, mask: Tensor, level: int, wraps: bool) -> Tensor:
    """One band of both, with the variance that it has on either side of the cut."""
    mean = a * mask + b * (1.0 - mask)
    if level == 0:
        return mean  # a hard edge there, which averages nothing

    def around(field: Tensor) -> Tensor:
        field = field.sum(0, keepdim=True)
        return _smooth(_smooth(field, level, wraps), level + 1, wraps)

    alike = (around(a * b) / (around(a * a) * around(b * b)).clamp(min=1e-6).sqrt()).clamp(0.0, 1.0)
    other = 1.0 - mask
    return mean / (mask * mask + other * other + 2.0 * mask * other * alike).sqrt()


def _smooth(field: Tensor, level: int, wraps: bool) -> Tensor:
    """[channels, rows, columns] smoothed by five binomial taps 2**level apart, both ways."""
    step = 1 << level
    return _along(_along(field, 1, step, wraps), 2, step, False)


def _along(field: Tensor, axis: int, step: int, wraps: bool) -> Tensor:
    count = field.shape[axis]
    index = torch.arange(-2 * step, count + 2 * step, device=field.device)
    index = index.remainder(count) if wraps else index.clamp(0, count - 1)
    padded = field.index_select(axis, index)
    result = padded.narrow(axis, 2 * step, count) * _TAPS[2]
    for number in (0, 1, 3, 4):
        result += padded.narrow(axis, number * step, count) * _TAPS[number]
    return result
