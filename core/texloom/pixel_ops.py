# SPDX-License-Identifier: GPL-3.0-or-later
"""Arithmetic on maps as arrays, for whoever writes them in another form: depth, size, green, floats, normals."""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from .exr import Floats
from .png import Pixels

_BAND: Final = 256
"""Rows that are worked on at a time: a float copy of an 8K picture would take a gigabyte."""

Values = NDArray[np.float32]
Float = TypeVar("Float", np.float16, np.float32)


def top(pixels: Pixels) -> int:
    """The integer that stands for 1."""
    return 255 if pixels.dtype == np.uint8 else 65535


def to_bits(pixels: Pixels, bits: int) -> Pixels:
    """The same values in 8 or 16 bits: to 16 exactly (times 257), to 8 rounded to the nearest."""
    if pixels.dtype.itemsize * 8 == bits:
        return pixels
    if bits == 16:
        return pixels.astype(np.uint16) * np.uint16(257)
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def inverted(pixels: Pixels) -> Pixels:
    """One minus the value, exactly: roughness ↔ smoothness."""
    return np.invert(pixels)


def flip_green(pixels: Pixels) -> Pixels:
    """A normal map of the other convention: OpenGL (green up) ↔ DirectX (green down); twice is the same again."""
    flipped = pixels.copy()
    flipped[..., 1] = np.invert(pixels[..., 1])
    return flipped


def to_floats(pixels: Pixels, *, srgb: bool = False) -> Floats:
    """0 … 1 as floats: half precision for 8 bits, which it tells apart, full precision for 16.

    Args:
        pixels: (height, width[, channels]).
        srgb: the first three channels are sRGB and become linear (IEC 61966-2-1); a fourth is alpha and does not.
    """
    values = np.arange(top(pixels) + 1) / top(pixels)
    if pixels.dtype == np.uint8:
        return _looked_up(pixels, values.astype(np.float16), to_linear(values).astype(np.float16), srgb)
    return _looked_up(pixels, values.astype(np.float32), to_linear(values).astype(np.float32), srgb)


def _looked_up(pixels: Pixels, plain: NDArray[Float], linear: NDArray[Float], srgb: bool) -> NDArray[Float]:
    result: NDArray[Float] = np.empty(pixels.shape, plain.dtype)
    for start in range(0, len(pixels), _BAND):
        band = pixels[start : start + _BAND]
        np.take(linear if srgb else plain, band, out=result[start : start + _BAND], mode="clip")
        if srgb and pixels.ndim == 3 and pixels.shape[2] in (2, 4):
            result[start : start + _BAND, :, -1] = np.take(plain, band[..., -1])
    return result


def resized(pixels: Pixels, width: int, height: int, *, kind: str = "data") -> Pixels:
    """A smaller picture in which every pixel is the mean of the area that it covers; never a larger one.

    Args:
        pixels: (height, width[, channels]).
        width, height: the new size, at most the old one.
        kind: ``color`` (sRGB, averaged as light, and by alpha where there is one), ``normal`` (averaged as
            vectors of length 1), or ``data``.

    Raises:
        ValueError: the new size is larger, or less than a pixel.
    """
    rows, columns = pixels.shape[:2]
    if not 1 <= width <= columns or not 1 <= height <= rows:
        raise ValueError(f"cannot make {columns} × {rows} pixels {width} × {height}")
    if (width, height) == (columns, rows):
        return pixels
    peak = top(pixels)
    planes = pixels.reshape(rows, columns, -1)
    result = np.empty((height, width, planes.shape[2]), pixels.dtype)
    for start in range(0, height, _BAND):
        stop = min(height, start + _BAND)
        above, below = start * rows // height, -(-stop * rows // height)
        values = _unpacked(planes[above:below], peak, kind)
        values = _mean(values, rows / height, start, stop, above, axis=0)
        values = _mean(values, columns / width, 0, width, 0, axis=1)
        result[start:stop] = np.floor(_repacked(values, kind) * peak + np.float32(0.5)).astype(pixels.dtype)
    return result.reshape(height, width, *pixels.shape[2:])


def normals_from_height(
    height: Pixels,
    *,
    height_range_m: float,
    tile_width_m: float,
    tile_height_m: float,
    tile_x: bool = True,
    tile_y: bool = True,
) -> NDArray[np.uint8]:
    """An OpenGL normal map (height, width, 3) of a height map, by central differences over two pixels.

    The same slopes as the engine's own normal maps have.

    Args:
        height: (height, width), black to white over ``height_range_m`` metres.
        tile_width_m, tile_height_m: size of the picture in metres.
        tile_x, tile_y: whether it goes on at its other side; otherwise it goes on straight.
    """
    grey = (height if height.ndim == 2 else height[..., 0]).astype(np.float32) * np.float32(
        height_range_m / top(height)
    )
    rows, columns = grey.shape
    padded = np.pad(grey, 1, mode="wrap")
    if not tile_y:
        padded[0, 1:-1], padded[-1, 1:-1] = 2 * grey[0] - grey[min(1, rows - 1)], 2 * grey[-1] - grey[max(rows - 2, 0)]
    if not tile_x:
        padded[:, 0] = 2 * padded[:, 1] - padded[:, min(2, columns)]
        padded[:, -1] = 2 * padded[:, -2] - padded[:, max(columns - 1, 1)]
    result = np.empty((rows, columns, 3), np.uint8)
    for start in range(0, rows, _BAND):
        band = padded[start : min(rows, start + _BAND) + 2]
        x = (band[1:-1, :-2] - band[1:-1, 2:]) * np.float32(columns / (2 * tile_width_m))
        # Rows go down and green points up, so the sign turns once more.
        y = (band[2:, 1:-1] - band[:-2, 1:-1]) * np.float32(rows / (2 * tile_height_m))
        normal = np.stack((x, y, np.ones_like(x)), axis=-1)
        normal /= np.sqrt(x * x + y * y + 1)[..., None]
        result[start : start + len(normal)] = (normal * np.float32(127.5) + np.float32(128.0)).astype(np.uint8)
    return result


def _unpacked(pixels: Pixels, peak: int, kind: str) -> Values:
    values = pixels.astype(np.float32) / np.float32(peak)
    if kind == "color":
        values[..., :3] = to_linear(values[..., :3])
        if values.shape[2] == 4:
            values[..., :3] *= values[..., 3:]
    elif kind == "normal":
        values = values * 2 - 1
    return values


def _repacked(values: Values, kind: str) -> Values:
    if kind == "color":
        if values.shape[2] == 4:
            values[..., :3] /= np.maximum(values[..., 3:], np.float32(1e-6))
        values[..., :3] = from_linear(values[..., :3])
    elif kind == "normal":
        values = values / np.maximum(np.linalg.norm(values, axis=-1, keepdims=True), np.float32(1e-6))
        values = values * np.float32(0.5) + np.float32(0.5)
    return np.clip(values, 0.0, 1.0)


def _mean(values: Values, ratio: float, start: int, stop: int, offset: int, *, axis: int) -> Values:
    """Means over ``ratio`` lines each, for the new lines ``start`` to ``stop``; ``values`` begin at line ``offset``."""
    low = np.arange(start, stop) * ratio
    high = low + ratio
    first = np.floor(low + 1e-9).astype(np.intp)
    total: Values | None = None
    for step in range(int(np.ceil(ratio)) + 1):
        line = first + step
        weight = np.clip(np.minimum(high, line + 1) - np.maximum(low, line), 0.0, None) / ratio
        taken = np.take(values, np.minimum(line - offset, values.shape[axis] - 1), axis=axis)
        part = taken * weight.astype(np.float32).reshape([-1 if place == axis else 1 for place in range(3)])
        total = part if total is None else total + part
    assert total is not None
    return total


def to_linear(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """sRGB, 0 to 1, as light (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def from_linear(values: Values) -> Values:
    """Light, 0 to 1, as sRGB."""
    curve = np.float32(1.055) * np.maximum(values, 0) ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.where(values <= 0.0031308, values * np.float32(12.92), curve).astype(np.float32)
