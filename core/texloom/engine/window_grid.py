# SPDX-License-Identifier: GPL-3.0-or-later
"""A large picture in windows that overlap: where they lie, and how much each counts where.

The shares of all windows add up to 1 at each pixel, so that what was drawn in them is summed up without a second field
of weights, in 16 bits.  Windows go on across the sides of a picture that repeats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .generator import Pixels

OVERLAP: Final = 1 / 4
"""Least part of a window that lies on the next one."""
_UNIT: Final = 255


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """One window along one axis.

    Attributes:
        index: its pixels as those of the picture; where a picture is shorter than what is drawn, or the window goes on
            across a side, not in order.
        share: how much it counts at each of the ``used`` first ones.
        whole: whether it is all of a picture that repeats, whose own sides meet.
    """

    index: NDArray[np.int64]
    share: NDArray[np.float32]
    whole: bool = False

    @property
    def used(self) -> int:
        """How many of its pixels are taken from it."""
        return len(self.share)


def stretches(length: int, side: int, step: int, wraps: bool) -> list[Stretch]:
    """The windows along an axis of ``length`` pixels.

    Args:
        length: of the picture.
        side: of a window, at most; a multiple of ``step``.
        step: what a window's side is a multiple of.
        wraps: whether the picture repeats.
    """
    if length <= side and (not wraps or length % step == 0 or length < step):
        # A little more than the picture is drawn where that is no whole number of steps; it is mirrored there.
        count = -(-length // step) * step
        index = np.arange(count)
        index = np.where(index < length, index, np.maximum(2 * length - 1 - index, 0))
        return [Stretch(index=index, share=np.ones(length, np.float32), whole=wraps and count == length)]
    size = min(side, length // step * step)
    free = size - max(step, round(size * OVERLAP))
    if wraps:
        number = max(2, -(-length // free))
        begins = [place * length // number for place in range(number)]
    else:
        number = -(-(length - size) // free) + 1
        begins = [round(place * (length - size) / (number - 1)) for place in range(number)]
    raw = []
    for place, begin in enumerate(begins):
        before = size - (begin - (begins[place - 1] if place else begins[-1] - length))
        after = size - ((begins[place + 1] if place + 1 < number else begins[0] + length) - begin)
        raw.append(_faded(size, before if wraps or place else 0, after if wraps or place + 1 < number else 0))
    places = [(begin + np.arange(size)) % length for begin in begins]
    total = np.zeros(length, np.float64)
    for where, weight in zip(places, raw, strict=True):
        total[where] += weight
    return [
        Stretch(index=where, share=(weight / total[where]).astype(np.float32))
        for where, weight in zip(places, raw, strict=True)
    ]


class Canvas:
    """What was drawn, summed up by shares; (height, width, 3)."""

    def __init__(self, height: int, width: int) -> None:
        self._sum = np.zeros((height, width, 3), np.uint16)
        self._share = np.zeros((height, width), np.uint8)

    def add(self, drawn: Pixels, across: Stretch, down: Stretch) -> None:
        """Put one window in; every window of the grid once."""
        share = down.share[:, None] * across.share[None, :] * _UNIT
        part = drawn[: down.used, : across.used].astype(np.float32) * share[..., None]
        place = np.ix_(down.index[: down.used], across.index[: across.used])
        self._sum[place] += (part + 0.5).astype(np.uint16)
        self._share[place] = np.minimum(self._share[place] + share, _UNIT).astype(np.uint8)

    def shown(self, before: Pixels, most: int) -> NDArray[np.uint8]:
        """A small copy of at most ``most`` pixels a side; places where nothing is drawn yet are those of ``before``."""
        every = -(-max(before.shape[:2]) // most)
        below = before[every // 2 :: every, every // 2 :: every].astype(np.uint32)
        summed = self._sum[every // 2 :: every, every // 2 :: every].astype(np.uint32)
        share = self._share[every // 2 :: every, every // 2 :: every].astype(np.uint32)[..., None]
        return (
            ((summed + below * (_UNIT - np.minimum(share, _UNIT)) + _UNIT // 2) // _UNIT).clip(0, 255).astype(np.uint8)
        )

    def finished(self) -> NDArray[np.uint8]:
        """The picture, once all windows are in."""
        result = np.empty(self._sum.shape, np.uint8)
        band = max(1, (1 << 22) // self._sum.shape[1])
        for begin in range(0, len(result), band):
            part = self._sum[begin : begin + band].astype(np.uint32)
            result[begin : begin + band] = np.minimum((part + _UNIT // 2) // _UNIT, 255)
        return result


def _faded(size: int, before: int, after: int) -> NDArray[np.float64]:
    """1 in the middle, falling smoothly towards the ends over as many pixels as lie on the neighbours."""
    place = np.arange(size, dtype=np.float64) + 0.5
    rise = np.ones(size) if before <= 0 else np.clip(place / min(before, size), 0.0, 1.0)
    fall = np.ones(size) if after <= 0 else np.clip((size - place) / min(after, size), 0.0, 1.0)
    linear = np.minimum(rise, fall)
    # Never 0, so that every pixel has a share.
    smooth: NDArray[np.float64] = np.maximum(linear * linear * (3.0 - 2.0 * linear), 1e-4)
    return smooth
