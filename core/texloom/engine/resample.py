# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures at another size: a cubic filter that averages when it shrinks, and wraps where the picture repeats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .procedural.color import linear_to_srgb, srgb_to_linear

_BAND: Final = 1 << 22


@dataclass(frozen=True, kw_only=True)
class Span:
    """What is taken along one axis: ``count`` points from ``start`` on (in source pixels), ``step`` apart."""

    start: float
    step: float
    count: int
    wrap: bool = False

    @property
    def same(self) -> bool:
        """Whether the points are the source's own pixels."""
        return self.step == 1.0 and float(self.start).is_integer()


def resample(
    pixels: NDArray[np.uint8],
    across: Span,
    down: Span,
    *,
    color: bool = True,
    gain: Callable[[int, int], Tensor] | None = None,
    check: Callable[[], None] = lambda: None,
    device: str = "cpu",
) -> NDArray[np.uint8]:
    """The picture at the points of two spans.

    Light adds up in linear values, so sRGB colors are shrunk in these; enlarged they are as they are seen, where
    the filter's overshoot shows least.  Straight alpha stays straight.  Where the points are the source's own
    pixels, these come out to the last bit.

    Args:
        pixels: (height, width, 3 or 4) uint8; the fourth channel is alpha.
        across, down: see :class:`Span`.
        color: whether the numbers are sRGB colors; else data, averaged as they are.
        gain: factors for linear values, (rows, columns), of the result's rows from the first number to before the
            second.
        check: called now and then; may raise to stop.
        device: torch device.

    Returns:
        (down.count, across.count, 3 or 4) uint8.
    """
    height, width, channels = pixels.shape
    columns, rows = Taps(across, width, device), Taps(down, height, device)
    linear = color and max(across.step, down.step) > 1.0
    table = torch.arange(256, dtype=torch.float32) / 255.0
    table = (srgb_to_linear(table) if linear else table).to(device)
    plain = (torch.arange(256, dtype=torch.float32) / 255.0).to(device)

    def plane(channel: int) -> Tensor:
        wide = torch.empty(height, across.count, device=device)
        band = max(1, _BAND // width)
        for begin in range(0, height, band):
            check()
            part = torch.from_numpy(np.ascontiguousarray(pixels[begin : begin + band, :, channel])).to(device)
            values = (plain if channel == 3 else table)[part.int()]
            if channels == 4 and channel != 3:
                cover = torch.from_numpy(np.ascontiguousarray(pixels[begin : begin + band, :, 3])).to(device)
                values = values * plain[cover.int()]
            wide[begin : begin + band] = columns.apply(values, 1)
        check()
        return rows.apply(wide, 0)

    result = np.empty((down.count, across.count, channels), np.uint8)
    alpha = plane(3) if channels == 4 else None
    if alpha is not None:
        result[..., 3] = _bytes(alpha)
    for channel in range(3):
        values = plane(channel)
        if alpha is not None:
            values = torch.where(alpha > 1e-4, values / alpha.clamp(min=1e-4), values)
        band = max(1, _BAND // across.count)
        for begin in range(0, down.count, band):
            part = values[begin : begin + band].clamp_(0.0, 1.0)
            if gain is not None and color:
                part = part if linear else srgb_to_linear(part)
                part = linear_to_srgb((part * gain(begin, begin + len(part))).clamp_(0.0, 1.0))
            elif linear:
                part = linear_to_srgb(part)
            result[begin : begin + band, :, channel] = _bytes(part)
    return result


def _bytes(values: Tensor) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = values.clamp(0.0, 1.0).mul_(255.0).add_(0.5).to(torch.uint8).cpu().numpy()
    return found


class Taps:
    """Which source pixels make a point, and how much of each (R. Keys, "Cubic convolution interpolation", 1981)."""

    def __init__(self, span: Span, count: int, device: str) -> None:
        stretch = max(1.0, span.step)
        centers = span.start + (torch.arange(span.count, dtype=torch.float64) + 0.5) * span.step - 0.5
        first = torch.ceil(centers - 2.0 * stretch)
        taps = int(4.0 * stretch) + 1
        places = first[:, None] + torch.arange(taps, dtype=torch.float64)[None, :]
        weights = _cubic((places - centers[:, None]) / stretch)
        self.weights = (weights / weights.sum(1, keepdim=True)).float().to(device)
        index = places.long()
        self.index = (index.remainder(count) if span.wrap else index.clamp(0, count - 1)).to(device)
        self.used = [number for number in range(taps) if bool(self.weights[:, number].abs().max() > 0.0)]

    def apply(self, field: Tensor, axis: int) -> Tensor:
        """The points of ``field`` [H, W] along ``axis``."""
        total: Tensor | None = None
        for number in self.used:
            weights = self.weights[:, number]
            part = field.index_select(axis, self.index[:, number])
            part.mul_(weights[None, :] if axis == 1 else weights[:, None])
            total = part if total is None else total.add_(part)
        assert total is not None
        return total


def _cubic(distance: Tensor) -> Tensor:
    x = distance.abs()
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return torch.where(x < 1.0, near, torch.where(x < 2.0, far, torch.zeros_like(x)))
