# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture that repeats without a seam: which part of it to repeat, and how its ends become one.

The part is a little smaller than the picture, so that its ends overlap with what follows there in the picture itself.
How long it is follows from what is shown: of a wall with ten and a quarter bricks, nine or ten repeat well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from .image_cut import blend, cheapest_path, error

OVERLAP: Final = 1.0 / 6.0
"""Part of the picture's length in which both ends are laid over each other."""

_SHORTEST: Final = 0.5
_LOOK: Final = 384
_LEAST_OVERLAP: Final = 8
_MARGIN: Final = 0.2
_LOSS: Final = 0.8
_STRETCH: Final = 0.75
_TILES: Final = 1.2
_TILES_COARSE: Final = 1.4


@dataclass(frozen=True, kw_only=True)
class Part:
    """What of an axis of ``total`` pixels is repeated: ``length`` pixels from ``start`` on.

    Another ``overlap`` pixels follow, which the beginning is mixed with; 0 where nothing is done.
    """

    start: int
    length: int
    overlap: int
    total: int

    @property
    def share(self) -> float:
        """The part that is repeated, 0 to 1."""
        return self.length / self.total


def whole(total: int) -> Part:
    """All of an axis, as it is."""
    return Part(start=0, length=total, overlap=0, total=total)


def tiles(pixels: NDArray[np.uint8], axis: int) -> bool:
    """Whether a picture (height, width, channels) repeats already along ``axis`` (0 down, 1 across).

    Its ends are compared with neighbouring lines inside, at full size and at a half and a quarter of it.  A few
    strong lines inside must not hide a weak seam, so what most lines are like counts as well as their mean.
    """
    lines = pixels if axis == 0 else pixels.transpose(1, 0, 2)
    every = max(1, lines.shape[1] // 2048)
    field = torch.from_numpy(np.ascontiguousarray(lines[:, ::every, :3])).permute(2, 0, 1).float()
    for factor, limit in ((1, _TILES), (2, _TILES), (4, _TILES_COARSE)):
        if field.shape[1] // factor < 16:
            break
        size = (field.shape[1] // factor, max(1, field.shape[2] // factor))
        small = field if factor == 1 else F.interpolate(field[None], size, mode="area")[0]
        steps = (small - small.roll(1, 1)).abs().mean((0, 2))
        border, inside = float(steps[0]), steps[1:]
        usual = min(limit * float(inside.mean()), 2.0 * float(inside.quantile(0.75)))
        if border > max(usual, 1.0):
            return False
    return True


def find_parts(
    look: Tensor, width: int, height: int, *, make_x: bool, make_y: bool, keep_y: bool, keep_x: bool
) -> tuple[Part, Part]:
    """Which part to repeat, across and down.

    Every length is tried: what counts is how unlike the ends are where they overlap, all over and along the best cut,
    how much of the picture is left out, and that its proportions change little.

    Args:
        look: the picture [3, H, W], 0 to 1, at any size; see :func:`look_of`.
        width, height: of the picture itself.
        make_x, make_y: whether it is to repeat there.
        keep_x, keep_y: whether it may not be cropped there, since it repeats already.
    """
    rows, columns = look.shape[1:]
    across = _scores(look.transpose(1, 2)) if make_x else None
    down = _scores(look) if make_y else None
    if across is not None and down is not None:
        (places_x, scores_x), (places_y, scores_y) = across, down
        stretch = np.abs(np.log(places_x / columns)[:, None] - np.log(places_y / rows)[None, :])
        both = scores_x[:, None] + scores_y[None, :] + _STRETCH * stretch
        best_x, best_y = np.unravel_index(int(both.argmin()), both.shape)
        return _scaled(places_x[best_x], columns, width), _scaled(places_y[best_y], rows, height)
    if across is not None:
        part = _scaled(across[0][int(across[1].argmin())], columns, width)
        return part, whole(height) if keep_y else _cropped(height, part.share)
    if down is not None:
        part = _scaled(down[0][int(down[1].argmin())], rows, height)
        return whole(width) if keep_x else _cropped(width, part.share), part
    return whole(width), whole(height)


def look_of(pixels: NDArray[np.uint8]) -> Tensor:
    """A small copy [3, H, W], 0 to 1, to search in."""
    height, width = pixels.shape[:2]
    scale = min(1.0, _LOOK / max(width, height))
    every = max(1, int(0.25 / scale))
    planes = torch.from_numpy(np.ascontiguousarray(pixels[::every, ::every, :3])).permute(2, 0, 1).float() / 255.0
    size = (max(16, round(height * scale)), max(16, round(width * scale)))
    return F.interpolate(planes[None], size, mode="area")[0]


def refine(pixels: NDArray[np.uint8], part: Part, axis: int) -> Part:
    """The same part to the pixel: lengths near it are tried on the picture itself."""
    if not part.overlap:
        return part
    lines = pixels if axis == 0 else pixels.transpose(1, 0, 2)
    every = max(1, lines.shape[1] // 512)
    field = lines[:, ::every, :3].astype(np.float32)
    reach = max(1, -(-max(part.total, 1) // _LOOK))
    first = field[part.start : part.start + part.overlap]
    found, least = part, np.inf
    for length in range(part.length - reach, part.length + reach + 1):
        begin = part.start + length
        if length < 1 or begin + part.overlap > part.total:
            continue
        apart = float(np.square(field[begin : begin + part.overlap] - first).mean())
        if apart < least:
            least = apart
            found = Part(start=part.start, length=length, overlap=part.overlap, total=part.total)
    return found


def join(
    pixels: NDArray[np.uint8],
    overlap: int,
    axis: int,
    *,
    wraps: bool,
    check: Callable[[], None] = lambda: None,
    device: str = "cpu",
) -> NDArray[np.uint8]:
    """Cut ``overlap`` lines off the end, and mix them into the beginning, which then follows on the new end.

    All lines but the first ``overlap`` stay as they are.

    Args:
        pixels: (height, width, channels).
        overlap: lines.
        axis: 0 joins bottom and top, 1 right and left.
        wraps: whether the picture repeats along the other axis, so that the cut has to.
        check: called between the steps; may raise to stop.
        device: torch device.
    """
    upright = pixels if axis == 1 else pixels.transpose(1, 0, 2)
    kept = upright.shape[1] - overlap
    first, second = upright[:, kept:], upright[:, :overlap]
    cost = error(first, second, wraps=wraps)
    check()
    margin = max(1, int(_MARGIN * overlap))
    path = cheapest_path(cost[:, margin : overlap - margin], closed=wraps) + margin
    check()
    result = np.array(upright[:, :kept])
    result[:, :overlap] = blend(first, second, path, wraps=wraps, device=device)
    return np.ascontiguousarray(result if axis == 1 else result.transpose(1, 0, 2))


def _scores(look: Tensor) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Lengths along the first axis of a picture [3, H, W], with the badness of each: 0 to about 2."""
    total = look.shape[1]
    overlap = _overlap(total)
    lengths = np.arange(max(1, int(_SHORTEST * total)), total - overlap + 1)
    lines = look.permute(1, 2, 0).contiguous().numpy()
    # Ends that have nothing to do with each other differ by twice the variance.
    unlike = 2.0 * float(lines.var(axis=(0, 1)).sum()) + 1e-6
    apart = np.empty((len(lengths), overlap, lines.shape[1]), np.float32)
    for number, length in enumerate(lengths):
        start = (total - int(length) - overlap) // 2
        ends = lines[start + length : start + length + overlap] - lines[start : start + overlap]
        apart[number] = np.square(ends).sum(-1)
    everywhere = apart.mean((1, 2)) / unlike
    lost = 1.0 - lengths / total
    return lengths, (0.5 * everywhere + 0.5 * _cut_costs(apart) / unlike + _LOSS * lost).astype(np.float64)


def _cut_costs(apart: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean cost of the best path through each field (numbers, overlap, steps)."""
    numbers, width, steps = apart.shape
    total = np.full((numbers, width + 2), np.inf)
    total[:, 1:-1] = apart[:, :, 0]
    for step in range(1, steps):
        best = np.minimum(np.minimum(total[:, :-2], total[:, 2:]), total[:, 1:-1])
        total[:, 1:-1] = best + apart[:, :, step]
    found: NDArray[np.float64] = total.min(1) / steps
    return found


def _overlap(total: int) -> int:
    return min(total // 3, max(_LEAST_OVERLAP, round(OVERLAP * total)))


def _scaled(length: int, small: int, total: int) -> Part:
    overlap = _overlap(total)
    long = min(total - overlap, round(int(length) * total / small))
    return Part(start=(total - long - overlap) // 2, length=long, overlap=overlap, total=total)


def _cropped(total: int, share: float) -> Part:
    length = max(1, round(total * share))
    return Part(start=(total - length) // 2, length=length, overlap=0, total=total)
