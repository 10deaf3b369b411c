# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a form from other pictures: lines of a photo, the whole range of a depth."""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Values = NDArray[np.float32]
Number = TypeVar("Number", np.float32, np.bool_)

BLUR: Final = 1.4
"""Pixels over which a photo is smoothed before lines are looked for."""
STRONG: Final = 0.2
"""A step of that part of the steepest one begins a line."""
WEAK: Final = 0.08
"""A step of that part goes on with one."""

_DARK: Final = 64
_LIGHT: Final = 192
_MOST_BETWEEN: Final = 0.3
_MOST_DRAWN: Final = 0.6


def drawn_lines(pixels: Pixels) -> str:
    """What a picture (height, width, 3) looks like: ``white`` lines on black, ``black`` lines on white, or neither.

    Lines are grey, few, and have little between them and their ground.
    """
    if int(np.ptp(pixels.astype(np.int16), axis=-1).max()) > _DARK:
        return ""
    grey = pixels.mean(-1)
    dark, light = float((grey < _DARK).mean()), float((grey >= _LIGHT).mean())
    if 1.0 - dark - light > _MOST_BETWEEN * (1.0 - max(dark, light)) + 0.1:
        return ""
    if dark >= 1.0 - _MOST_DRAWN:
        return "white"
    return "black" if light >= 1.0 - _MOST_DRAWN else ""


def lines(pixels: Pixels, *, tile_x: bool = False, tile_y: bool = False) -> Pixels:
    """White lines on black where a picture changes, a pixel wide (Canny, 1986).

    Args:
        pixels: (height, width, 3) or (height, width).
        tile_x: whether it goes on across its right side, so that the border is no line.
        tile_y: as ``tile_x``, across the bottom.

    Returns:
        (height, width, 3).
    """
    grey = pixels.astype(np.float32).mean(-1) if pixels.ndim == 3 else pixels.astype(np.float32)
    smooth = _smoothed(_smoothed(grey, 1, tile_x), 0, tile_y)
    across, down = _slope(smooth, 1, tile_x), _slope(smooth, 0, tile_y)
    steep = np.hypot(across, down)
    top = float(steep.max())
    if top <= 1.0:
        return np.zeros((*grey.shape, 3), np.uint8)
    ridge = _ridges(steep, across, down, tile_x, tile_y)
    return as_picture(_connected(ridge >= top * STRONG, ridge >= top * WEAK, tile_x, tile_y))


def as_picture(mask: NDArray[np.bool_]) -> Pixels:
    """White (255) where ``mask`` (height, width) is true, black elsewhere; (height, width, 3)."""
    return np.repeat(np.where(mask, np.uint8(255), np.uint8(0))[..., None], 3, axis=2)


def whole_range(pixels: Pixels) -> Pixels:
    """A depth of any contrast from black to white, as networks were trained with; a flat one stays as it is."""
    low, high = int(pixels.min()), int(pixels.max())
    if high - low < 2 or (low, high) == (0, 255):
        return pixels
    values = (pixels.astype(np.float32) - low) * np.float32(255.0 / (high - low))
    return (values + np.float32(0.5)).astype(np.uint8)


def _shifted(values: NDArray[Number], offset: int, axis: int, tile: bool) -> NDArray[Number]:
    """The values ``offset`` further on; beyond a border that does not repeat, those of the border."""
    if tile:
        return np.roll(values, -offset, axis)
    index = np.clip(np.arange(values.shape[axis]) + offset, 0, values.shape[axis] - 1)
    return np.take(values, index, axis=axis)


def _smoothed(values: Values, axis: int, tile: bool) -> Values:
    reach = int(3 * BLUR)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / BLUR) ** 2).astype(np.float32)
    weights /= weights.sum()
    total = np.zeros_like(values)
    for offset, weight in zip(range(-reach, reach + 1), weights, strict=True):
        total += weight * _shifted(values, offset, axis, tile)
    return total


def _slope(values: Values, axis: int, tile: bool) -> Values:
    found: Values = _shifted(values, 1, axis, tile) - _shifted(values, -1, axis, tile)
    return found


def _ridges(steep: Values, across: Values, down: Values, tile_x: bool, tile_y: bool) -> Values:
    """``steep`` where it is the most along its own direction, 0 elsewhere."""
    turn = np.rint(np.arctan2(down, across) / (np.pi / 4)).astype(np.int8) % 4
    ridge = np.zeros_like(steep)
    for number, (x, y) in enumerate(((1, 0), (1, 1), (0, 1), (-1, 1))):
        ahead = _shifted(_shifted(steep, x, 1, tile_x), y, 0, tile_y)
        behind = _shifted(_shifted(steep, -x, 1, tile_x), -y, 0, tile_y)
        # Of two equal ones the first is taken, so that lines stay thin.
        most = (turn == number) & (steep > ahead) & (steep >= behind)
        ridge[most] = steep[most]
    return ridge


def _connected(strong: NDArray[np.bool_], weak: NDArray[np.bool_], tile_x: bool, tile_y: bool) -> NDArray[np.bool_]:
    """What is strong, and what is weak and hangs together with it."""
    found = strong
    while True:
        wide = found | _shifted(found, 1, 1, tile_x) | _shifted(found, -1, 1, tile_x)
        wide = wide | _shifted(wide, 1, 0, tile_y) | _shifted(wide, -1, 0, tile_y)
        more = found | (wide & weak)
        if bool((more == found).all()):
            return found
        found = more
