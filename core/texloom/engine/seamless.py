# SPDX-License-Identifier: GPL-3.0-or-later
"""Make convolutional image models draw pictures that tile, and measure how well a picture tiles.

A network of convolutions that pad by wrapping around treats its picture as a torus, whatever its weights; layers
that see the whole picture (attention, norms) have no border.  So a UNet with its VAE tiles exactly.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

OWN_PADDING: Final = "_padding"
"""The attribute that holds a layer's padding as F.pad takes it, while the layer itself is told to pad nothing: in
diffusers' causal 3D convolutions of the Wan and Qwen-Image autoencoders, which for 2.1 are of two dimensions."""


MEASURED: Final = 512 * 4096
"""Of so many pixels at most it is measured how rough a picture is inside."""


@contextlib.contextmanager
def circular(modules: Iterable[nn.Module], tile_x: bool = True, tile_y: bool = True) -> Iterator[None]:
    """Within the block, convolutions in ``modules`` and their children wrap around at the axes that tile.

    Covers Conv2d, causal Conv3d as diffusers' autoencoders use it, and diffusers' downsamplers, which pad on one
    side by themselves.  Afterwards every module is as before, also when the block raises.

    Args:
        modules: networks whose tensors are (batch, channels, [frames,] height, width).
        tile_x: wrap from the right border to the left.
        tile_y: wrap from the bottom to the top.
    """
    with contextlib.ExitStack() as stack:
        if tile_x or tile_y:
            for module in modules:
                for part in module.modules():
                    _patch(part, tile_x, tile_y, stack)
        yield


def pad(tensor: Tensor, padding: tuple[int, int, int, int], tile_x: bool, tile_y: bool) -> Tensor:
    """Pad (…, H, W) by (left, right, top, bottom) points, with wrapped values at tiling axes and zeros elsewhere."""
    left, right, top, bottom = padding
    tensor = _pad_axis(tensor, -1, left, right, tile_x)
    return _pad_axis(tensor, -2, top, bottom, tile_y)


def seam_ratio(pixels: NDArray[Any], axis: int, period: int = 1) -> float:
    """How much rougher the border is than the inside: 1 for a picture that tiles well.

    Mean absolute step from the last to the first line along ``axis``, over the mean absolute step between
    neighbouring lines inside.  ``axis`` 0 compares bottom and top, 1 right and left.  A flat picture gives 1.

    Args:
        pixels: (height, width) or (height, width, channels).
        axis: 0 or 1.
        period: only every ``period``-th step inside counts, those as far from the border as multiples of it.  A
            decoder of blocks of 8 pixels may draw all borders of its blocks rougher; the picture's border is one.
    """
    border, steps = line_steps(pixels, axis)
    chosen = steps[period - 1 :: period]
    inside = float((chosen if len(chosen) else steps).mean())
    if inside == 0.0:
        return 1.0 if border == 0.0 else float("inf")
    return border / inside


def line_steps(pixels: NDArray[Any], axis: int) -> tuple[float, NDArray[np.float64]]:
    """The mean absolute step from the last to the first line along ``axis``, and those between neighbours inside.

    The border is measured whole; of large pictures, steps inside are measured between some points of the lines, the
    same ones each time, :data:`MEASURED` in all, which takes a few hundredths of a second at 4096².

    Args:
        pixels: (height, width) or (height, width, channels).
        axis: 0 for lines below each other, 1 for lines side by side.
    """
    values = np.asarray(pixels)
    values = values[..., None] if values.ndim == 2 else values
    if values.dtype.kind != "u":
        values = values.astype(np.float64)
    border = float(_apart(values.take(0, axis), values.take(-1, axis)).mean())
    points, most = values.shape[1 - axis], max(1, MEASURED // values.shape[axis])
    if points > most:
        # By chance: evenly spread ones could fall into the joints of every row of bricks.
        chosen = np.sort(np.random.default_rng(0).choice(points, most, replace=False))
        values = values.take(chosen, 1 - axis)
    if axis == 1:
        lines = np.ascontiguousarray(values.transpose(0, 2, 1)).reshape(-1, values.shape[1])
        steps = _apart(lines[:, 1:], lines[:, :-1])
        return border, steps.sum(0, dtype=np.float64) / len(lines)
    steps = _apart(values[1:], values[:-1])
    return border, steps.sum((1, 2), dtype=np.float64) / max(1, steps.shape[1] * steps.shape[2])


def _apart(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    """How far two arrays are apart; unsigned numbers stay what they are, so that nothing is copied into wider ones."""
    distance: NDArray[Any] = np.maximum(first, second) - np.minimum(first, second)
    return distance


def _pad_axis(tensor: Tensor, axis: int, before: int, after: int, tile: bool) -> Tensor:
    if before == 0 and after == 0:
        return tensor
    count = tensor.shape[axis]
    if not tile:
        return F.pad(tensor, (before, after) if axis == -1 else (0, 0, before, after))
    if before > count or after > count:
        index = torch.arange(-before, count + after, device=tensor.device).remainder(count)
        return tensor.index_select(axis, index)
    parts = [tensor.narrow(axis, count - before, before), tensor, tensor.narrow(axis, 0, after)]
    return torch.cat([part for part in parts if part.shape[axis]], dim=axis)


def _patch(module: nn.Module, tile_x: bool, tile_y: bool, stack: contextlib.ExitStack) -> None:
    if isinstance(module, (nn.Conv2d, nn.Conv3d)) and isinstance(getattr(module, OWN_PADDING, None), (tuple, list)):
        _patch_causal(module, tile_x, tile_y, stack)
    elif isinstance(module, nn.Conv2d):
        _patch_conv2d(module, tile_x, tile_y, stack)
    elif type(module).__name__ == "Downsample2D" and getattr(module, "padding", None) == 0 and _convolves(module):
        _patch_downsample(module, tile_x, tile_y, stack)
    elif isinstance(module, nn.ZeroPad2d):
        _patch_zero_pad(module, tile_x, tile_y, stack)


def _convolves(module: nn.Module) -> bool:
    return bool(getattr(module, "use_conv", False)) and getattr(module, "norm", None) is None


def _patch_conv2d(module: nn.Conv2d, tile_x: bool, tile_y: bool, stack: contextlib.ExitStack) -> None:
    padding = tuple(module._reversed_padding_repeated_twice)
    if not any(padding):
        return

    def convolve(tensor: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        wrapped = pad(tensor, (padding[0], padding[1], padding[2], padding[3]), tile_x, tile_y)
        return F.conv2d(wrapped, weight, bias, module.stride, 0, module.dilation, module.groups)

    _set(module, "_conv_forward", convolve, stack)


def _patch_causal(module: nn.Conv2d | nn.Conv3d, tile_x: bool, tile_y: bool, stack: contextlib.ExitStack) -> None:
    left, right, top, bottom, *frames = getattr(module, OWN_PADDING)
    convolution: Callable[..., Tensor] = F.conv3d if isinstance(module, nn.Conv3d) else F.conv2d
    if not (left or right or top or bottom):
        return

    def convolve(tensor: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        wrapped = pad(tensor, (left, right, top, bottom), tile_x, tile_y)
        return convolution(wrapped, weight, bias, module.stride, module.padding, module.dilation, module.groups)

    # Frames are still padded by the layer itself, which knows its cache.
    _set(module, OWN_PADDING, (0, 0, 0, 0, *frames), stack)
    _set(module, "_conv_forward", convolve, stack)


def _patch_downsample(module: nn.Module, tile_x: bool, tile_y: bool, stack: contextlib.ExitStack) -> None:
    convolution = module.conv
    assert isinstance(convolution, nn.Module)

    def forward(hidden_states: Tensor, *_args: Any, **_named: Any) -> Tensor:
        result: Tensor = convolution(pad(hidden_states, (0, 1, 0, 1), tile_x, tile_y))
        return result

    _set(module, "forward", forward, stack)


def _patch_zero_pad(module: nn.ZeroPad2d, tile_x: bool, tile_y: bool, stack: contextlib.ExitStack) -> None:
    left, right, top, bottom = module.padding

    def forward(tensor: Tensor) -> Tensor:
        return pad(tensor, (left, right, top, bottom), tile_x, tile_y)

    _set(module, "forward", forward, stack)


def _set(module: nn.Module, name: str, value: object, stack: contextlib.ExitStack) -> None:
    """Set an attribute of the instance; on leaving ``stack`` it is as before, or the class's own again."""
    had = name in module.__dict__
    before = module.__dict__.get(name)
    undo: Callable[[], None]
    if had:

        def undo() -> None:
            module.__dict__[name] = before

    else:

        def undo() -> None:
            module.__dict__.pop(name, None)

    stack.callback(undo)
    module.__dict__[name] = value
