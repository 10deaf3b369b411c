# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps that follow from other maps: normal and ambient occlusion from height, a guess at all from a picture.

Everything wraps at the axes that tile, and large pictures are worked on in bands of rows, so that an 8K map needs
little more memory than itself.  Row 0 is the top.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from .generator import Pixels

AO_SIZE: Final = 512
"""Longest side at which occlusion by the surroundings is computed; finer detail is added at full size."""

IMAGE_DEPTH: Final = 0.015
"""Height range guessed for a picture, as a part of the tile's width."""

# A band and what is made of it stay in the processor's cache; graphics cards want few large ones.
_BAND_PIXELS: Final = 1 << 17
_BAND_PIXELS_GPU: Final = 1 << 24
_DIRECTIONS: Final = ((1, 0), (1, 1), (0, 1), (-1, 1))
_DISTANCES: Final = (1, 2, 3, 5, 8, 12, 20, 32)


@dataclass(frozen=True, kw_only=True)
class ImageMaps:
    """What :func:`maps_from_image` makes of a picture: [H, W] float32, 0 to 1; ``height_m`` in metres."""

    height_m: Tensor
    roughness: Tensor
    metallic: Tensor


# --- numbers and pixels -----------------------------------------------------------------------------------


def to_uint8(values: Tensor) -> NDArray[np.uint8]:
    """0 … 1 to 0 … 255, rounded to the nearest; a leading axis of 3 channels goes last.  Colours stay as they are."""
    result = (values.clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8)
    if result.ndim == 3:
        result = result.permute(1, 2, 0).contiguous()
    array: NDArray[np.uint8] = result.cpu().numpy()
    return array


def to_uint16(values: Tensor) -> NDArray[np.uint16]:
    """0 … 1 to 0 … 65535, rounded to the nearest."""
    # torch has few operations on uint16; int32 holds the same numbers.
    whole = (values.clamp(0.0, 1.0) * 65535.0 + 0.5).to(torch.int32)
    return whole.cpu().numpy().astype(np.uint16)


def height_to_pixels(height_m: Tensor) -> tuple[NDArray[np.uint16], float, float]:
    """Metres [H, W] to uint16 that spans them, with the lowest and highest metre (0, 0 for a flat tile)."""
    low, high = float(height_m.min()), float(height_m.max())
    if not high > low:
        return np.zeros(tuple(height_m.shape), np.uint16), low, low
    return to_uint16((height_m - low) / (high - low)), low, high


def height_from_pixels(pixels: Pixels, low: float, high: float, device: str | torch.device = "cpu") -> Tensor:
    """Metres [H, W] float32 from uint8 or uint16 that span ``low`` to ``high``."""
    top = float(np.iinfo(pixels.dtype).max)
    grey = pixels if pixels.ndim == 2 else pixels[..., 0]
    values = torch.from_numpy(grey.astype(np.int32)).to(device)
    return values.float().mul_((high - low) / top).add_(low)


# --- normal -----------------------------------------------------------------------------------------------


def normal_from_height(
    height_m: Tensor, tile_width_m: float, tile_height_m: float, tile_x: bool = True, tile_y: bool = True
) -> Tensor:
    """Unit normals [3, H, W] of a height field [H, W] in metres: x right, y up (OpenGL), z out of the surface."""
    return torch.cat(list(_normal_bands(height_m, tile_width_m, tile_height_m, tile_x, tile_y)), dim=1)


def normal_pixels(
    height_m: Tensor, tile_width_m: float, tile_height_m: float, tile_x: bool = True, tile_y: bool = True
) -> NDArray[np.uint8]:
    """The same as a picture (H, W, 3): −1 … 1 becomes 0 … 255."""
    rows, columns = height_m.shape
    result = np.empty((rows, columns, 3), np.uint8)
    start = 0
    for band in _normal_bands(height_m, tile_width_m, tile_height_m, tile_x, tile_y):
        count = band.shape[1]
        result[start : start + count] = to_uint8(band.mul_(0.5).add_(0.5))
        start += count
    return result


def _normal_bands(
    height_m: Tensor, tile_width_m: float, tile_height_m: float, tile_x: bool, tile_y: bool
) -> Iterator[Tensor]:
    rows, columns = height_m.shape
    # Central differences over two pixels.
    scale_x = columns / (2.0 * tile_width_m)
    scale_y = rows / (2.0 * tile_height_m)
    for start, stop in _bands(height_m):
        padded = _with_border(height_m, start, stop, tile_x, tile_y)
        x = (padded[1:-1, :-2] - padded[1:-1, 2:]).mul_(scale_x)
        # Rows go down and v goes up, so the sign turns once more.
        y = (padded[2:, 1:-1] - padded[:-2, 1:-1]).mul_(scale_y)
        length = torch.addcmul(torch.ones_like(x), x, x).addcmul_(y, y).rsqrt_()
        yield torch.stack((x.mul_(length), y.mul_(length), length))


def _with_border(field: Tensor, start: int, stop: int, tile_x: bool, tile_y: bool) -> Tensor:
    """Rows ``start`` to ``stop`` with one more line all around: wrapped, or going on straight."""
    rows = field.shape[0]
    above = field[start - 1] if start else (field[-1] if tile_y else 2 * field[0] - field[min(1, rows - 1)])
    below = field[stop] if stop < rows else (field[0] if tile_y else 2 * field[-1] - field[max(rows - 2, 0)])
    band = torch.cat((above[None], field[start:stop], below[None]))
    if tile_x:
        return torch.cat((band[:, -1:], band, band[:, :1]), dim=1)
    second, second_last = band[:, 1:2], band[:, -2:-1]
    return torch.cat((2 * band[:, :1] - second, band, 2 * band[:, -1:] - second_last), dim=1)


# --- ambient occlusion ------------------------------------------------------------------------------------


def ambient_occlusion_from_height(
    height_m: Tensor, tile_width_m: float, tile_height_m: float, tile_x: bool = True, tile_y: bool = True
) -> Tensor:
    """Part of the sky [H, W] that each point of a height field [H, W] in metres sees; 1 is open, float32.

    In eight directions the steepest rise to a point within 32 steps is the horizon; a cosine-weighted sky above a
    horizon at slope s gives 1 / (1 + s²).  This runs at up to 512 points a side.  At full size, what is lower than
    its surroundings at that scale gets darker by the same formula, so cracks and pores stay sharp.
    """
    return torch.cat(list(_occlusion_bands(height_m, tile_width_m, tile_height_m, tile_x, tile_y)))


def ambient_occlusion_pixels(
    height_m: Tensor, tile_width_m: float, tile_height_m: float, tile_x: bool = True, tile_y: bool = True
) -> NDArray[np.uint8]:
    """The same as a picture (H, W)."""
    parts = _occlusion_bands(height_m, tile_width_m, tile_height_m, tile_x, tile_y)
    return np.concatenate([to_uint8(band) for band in parts])


def _occlusion_bands(
    height_m: Tensor, tile_width_m: float, tile_height_m: float, tile_x: bool, tile_y: bool
) -> Iterator[Tensor]:
    rows, columns = height_m.shape
    factor = max(1.0, max(rows, columns) / AO_SIZE)
    small_rows, small_columns = max(1, round(rows / factor)), max(1, round(columns / factor))
    small = F.interpolate(height_m[None, None], (small_rows, small_columns), mode="area")[0, 0]
    pixel_x, pixel_y = tile_width_m / small_columns, tile_height_m / small_rows
    coarse = _horizon_occlusion(small, pixel_x, pixel_y, tile_x, tile_y)
    if factor == 1.0:
        yield coarse
        return
    both = torch.stack((coarse, small))
    across = _Lerp(columns, small_columns, tile_x, height_m.device)
    down = _Lerp(rows, small_rows, tile_y, height_m.device)
    wide = across.apply(both, 2, 0, columns)
    scale = 1.0 / max(pixel_x, pixel_y)
    for start, stop in _bands(height_m):
        occlusion, around = down.apply(wide, 1, start, stop)
        slope = (around - height_m[start:stop]).mul_(scale).clamp_(min=0.0)
        yield occlusion / slope.mul_(slope).add_(1.0)


def _horizon_occlusion(field: Tensor, pixel_x: float, pixel_y: float, tile_x: bool, tile_y: bool) -> Tensor:
    rows, columns = field.shape
    # Per direction and its opposite: the steepest rise so far.
    slopes = field.new_zeros(2 * len(_DIRECTIONS), rows, columns)
    level = field
    for distance in _DISTANCES:
        if distance >= max(rows, columns):
            break
        if distance >= 5:
            # Far away, what counts is the height around a point: else a thin ridge is met or missed by chance.
            level = _soften(level, distance // 5, tile_x, tile_y)
        padded = _pad(level, distance, tile_x, tile_y)
        for number, (step_x, step_y) in enumerate(_DIRECTIONS):
            run = ((step_x * pixel_x) ** 2 + (step_y * pixel_y) ** 2) ** 0.5 * distance
            for side, sign in enumerate((1, -1)):
                top, left = distance * (1 + sign * step_y), distance * (1 + sign * step_x)
                rise = (padded[top : top + rows, left : left + columns] - field).mul_(1.0 / run)
                slot = slopes[2 * number + side]
                torch.maximum(slot, rise, out=slot)
    return slopes.mul_(slopes).add_(1.0).reciprocal_().mean(0)


def _soften(field: Tensor, radius: int, tile_x: bool, tile_y: bool) -> Tensor:
    """Mean over three points ``radius`` apart, in both axes."""
    rows, columns = field.shape
    padded = _pad(field, radius, tile_x, tile_y)
    across = padded[:, :columns] + padded[:, radius : radius + columns] + padded[:, 2 * radius :]
    return (across[:rows] + across[radius : radius + rows] + across[2 * radius :]).mul_(1.0 / 9.0)


def _pad(field: Tensor, size: int, tile_x: bool, tile_y: bool) -> Tensor:
    """``size`` more points on every side: wrapped as often as need be, or the border repeated."""
    for axis, tile in ((0, tile_y), (1, tile_x)):
        count = field.shape[axis]
        index = torch.arange(-size, count + size, device=field.device)
        index = index.remainder(count) if tile else index.clamp(0, count - 1)
        field = field.index_select(axis, index)
    return field


class _Lerp:
    """Linear interpolation along one axis from ``small`` points to ``large``, pixel centres aligned."""

    def __init__(self, large: int, small: int, tile: bool, device: torch.device) -> None:
        position = (torch.arange(large, device=device, dtype=torch.float32) + 0.5) * (small / large) - 0.5
        floor = position.floor()
        self.weight = position - floor
        first = floor.long()
        if tile:
            self.first, self.second = first.remainder(small), (first + 1).remainder(small)
        else:
            self.first, self.second = first.clamp(0, small - 1), (first + 1).clamp(0, small - 1)

    def apply(self, field: Tensor, axis: int, start: int, stop: int) -> Tensor:
        """Points ``start`` to ``stop`` of the result."""
        shape = [1] * field.ndim
        shape[axis] = stop - start
        first = field.index_select(axis, self.first[start:stop])
        second = field.index_select(axis, self.second[start:stop])
        return first.lerp_(second, self.weight[start:stop].view(shape))


# --- from a picture ---------------------------------------------------------------------------------------


def maps_from_image(rgb: Tensor, tile_width_m: float, tile_x: bool = True, tile_y: bool = True) -> ImageMaps:
    """Guess height, roughness and metallic from an sRGB picture [3, H, W], 0 to 1.

    A heuristic, not a measurement: what is darker than its surroundings is taken to be lower, dark and strongly
    coloured places to be rougher than bright ones, and nothing to be metal.  Brightness that changes slowly over
    the tile is taken for lighting or colour and left out.
    """
    weights = torch.tensor([0.2126, 0.7152, 0.0722], device=rgb.device)
    luminance = (rgb * weights[:, None, None]).sum(0)
    detail = luminance - _blur(luminance, tile_x, tile_y)
    # The middle 98 %, of a regular sample since quantiles sort: a few highlights must not flatten everything else.
    step = max(1, int((detail.numel() / 1_000_000) ** 0.5))
    low, high = torch.quantile(detail[::step, ::step].flatten(), torch.tensor([0.01, 0.99], device=rgb.device))
    contrast = float(high - low)
    if contrast < 1.0 / 255.0:
        height = torch.zeros_like(luminance)
    else:
        # A flat picture stays nearly flat: full depth from a contrast of one quarter on.
        depth = IMAGE_DEPTH * tile_width_m * min(1.0, contrast / 0.25)
        height = ((detail - low) / contrast).clamp_(0.0, 1.0).mul_(depth)
    saturation = rgb.amax(0) - rgb.amin(0)
    roughness = (0.8 - 0.3 * luminance + 0.1 * saturation - 0.6 * detail).clamp_(0.2, 0.95)
    return ImageMaps(height_m=height, roughness=roughness, metallic=torch.zeros_like(luminance))


def _blur(field: Tensor, tile_x: bool, tile_y: bool) -> Tensor:
    """Very soft copy: features smaller than about a quarter of the tile are gone."""
    rows, columns = field.shape
    small_rows = max(1, min(rows, 64))
    small_columns = max(1, min(columns, 64))
    small = F.interpolate(field[None, None], (small_rows, small_columns), mode="area")[0, 0]
    for radius in (1, 2, 4):
        small = _soften(small, radius, tile_x, tile_y)
    wide = _Lerp(columns, small_columns, tile_x, field.device).apply(small, 1, 0, columns)
    return _Lerp(rows, small_rows, tile_y, field.device).apply(wide, 0, 0, rows)


def _bands(field: Tensor) -> Iterator[tuple[int, int]]:
    rows, columns = field.shape
    count = max(1, (_BAND_PIXELS if field.device.type == "cpu" else _BAND_PIXELS_GPU) // columns)
    for start in range(0, rows, count):
        yield start, min(start + count, rows)
