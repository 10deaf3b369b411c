# SPDX-License-Identifier: GPL-3.0-or-later
"""Decode a picture in horizontal stripes, or encode it, with the very result of doing so with all of it.

Autoencoders are usually tiled by decoding overlapping parts and blending them.  Their group norms then see each part
alone, so that colors and contrast jump from part to part, and the picture no longer repeats.  Here every layer goes
over the whole picture before the next one begins: it reads and writes stripes of a feature map that lies in main
memory, norms take their statistics over all stripes first, and stripes overlap by the one row that a convolution of
3 × 3 sees.  What differs from the usual way is the order of sums alone.  The device holds a few stripes at a time;
on the processor, where both are the same memory, about half of the maps are alive at a time.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .seamless import pad

STRIPE_BYTES: Final = 64 * 1024 * 1024
"""About how large one stripe of a feature map is."""
STRIPES_ALIVE: Final = 6
"""Stripes that are on the device at a time, for the forecast: input, norm, activation, padding, result, reserve."""


def can_stripe(vae: nn.Module | None) -> bool:
    """Whether an autoencoder's decoder is of the layers that are known here (those of ``AutoencoderKL``)."""
    return _known(getattr(vae, "decoder", None), "up", "UpDecoderBlock2D")


def _known(network: Any, way: str, kind: str) -> bool:
    """Whether a decoder, or an encoder, has blocks of that kind only, which scale ``way``."""
    blocks = getattr(network, f"{way}_blocks", None)
    if not isinstance(network, nn.Module) or blocks is None or len(blocks) == 0:
        return False
    for block in blocks:
        if type(block).__name__ != kind or not all(_plain_resnet(layer) for layer in block.resnets):
            return False
        scalers = getattr(block, f"{way}samplers") or ()
        if not all(_plain_upsampler(layer) if way == "up" else _plain_downsampler(layer) for layer in scalers):
            return False
    return isinstance(getattr(network, "conv_norm_out", None), nn.GroupNorm)


@contextlib.contextmanager
def striped(
    vae: Any,
    tile_x: bool,
    tile_y: bool,
    *,
    least_pixels: int = 0,
    stripe_bytes: int = STRIPE_BYTES,
    check: Callable[[], None] | None = None,
) -> Iterator[None]:
    """Within the block ``vae`` decodes in stripes, and encodes so where its encoder is known too.

    Its convolutions wrap around at the axes that tile.

    Args:
        vae: see :func:`can_stripe`.
        tile_x: whether right and left meet.
        tile_y: whether bottom and top meet.
        least_pixels: smaller pictures (previews) are decoded in the usual way.
        stripe_bytes: about how large one stripe of a feature map may be.
        check: is called before every stripe; it may raise, since blocks whose layers are computed here are not called.
    """
    stripes = _Stripes(tile_x, tile_y, stripe_bytes, check)
    with contextlib.ExitStack() as stack:
        scale = 2 ** sum(bool(block.upsamplers) for block in vae.decoder.up_blocks)
        stack.enter_context(_instead(vae.decoder, stripes.decode, 1, math.ceil(least_pixels / scale**2)))
        encoder = getattr(vae, "encoder", None)
        if _known(encoder, "down", "DownEncoderBlock2D"):
            scale = 2 ** sum(bool(block.downsamplers) for block in encoder.down_blocks)
            stack.enter_context(_instead(encoder, stripes.encode, scale, least_pixels))
        yield


@contextlib.contextmanager
def _instead(network: Any, forward: Callable[[Any, Tensor], Tensor], step: int, least: int) -> Iterator[None]:
    """Within the block ``forward`` computes maps of at least so many points whose sides are multiples of ``step``."""
    plain, had = network.forward, network.__dict__.get("forward")

    def chosen(sample: Tensor, *args: Any, **named: Any) -> Any:
        rows, columns = sample.shape[-2:]
        if rows * columns < least or rows % step or columns % step or args or any(named.values()):
            return plain(sample, *args, **named)
        return forward(network, sample)

    network.__dict__["forward"] = chosen
    try:
        yield
    finally:
        if had is None:
            del network.__dict__["forward"]
        else:
            network.__dict__["forward"] = had


class _Stripes:
    def __init__(self, tile_x: bool, tile_y: bool, stripe_bytes: int, check: Callable[[], None] | None) -> None:
        self._tile_x = tile_x
        self._tile_y = tile_y
        self._bytes = stripe_bytes
        self._check = check

    def decode(self, decoder: Any, latents: Tensor) -> Tensor:
        """What ``decoder(latents)`` gives."""
        device = latents.device
        # Up to here maps are as small as latents, and attention sees all of them.
        sample = decoder.mid_block(decoder.conv_in(latents))
        sample = sample.to(next(iter(decoder.up_blocks.parameters())).dtype).cpu()
        for block in decoder.up_blocks:
            for layer in block.resnets:
                sample = self._resnet(layer, sample, device)
            for layer in block.upsamplers or ():
                sample = self._upsampled(layer, sample, device)
        norm, act, last = decoder.conv_norm_out, decoder.conv_act, decoder.conv_out
        scale, shift = self._factors(norm, sample, device)
        result: Tensor = sample.new_empty((sample.shape[0], last.out_channels, *sample.shape[-2:]), device=device)
        for first, end in self._rows(sample):
            rows = act(self._normed(self._taken(sample, first, end, device), scale, shift))
            result[..., first:end, :] = self._convolved(last, self._inside(rows, sample, first, end))
        return result

    def encode(self, encoder: Any, picture: Tensor) -> Tensor:
        """What ``encoder(picture)`` gives."""
        device, first_layer = picture.device, encoder.conv_in
        picture = picture.cpu()
        sample = picture.new_empty((picture.shape[0], first_layer.out_channels, *picture.shape[-2:]))
        for first, end in self._rows(sample):
            sample[..., first:end, :] = self._convolved(first_layer, self._taken(picture, first, end, device))
        for block in encoder.down_blocks:
            for layer in block.resnets:
                sample = self._resnet(layer, sample, device)
            for layer in block.downsamplers or ():
                sample = self._downsampled(layer.conv, sample, device)
        # From here on maps are as small as latents.
        sample = encoder.mid_block(sample.to(device))
        result: Tensor = encoder.conv_out(encoder.conv_act(encoder.conv_norm_out(sample)))
        return result

    def _resnet(self, layer: Any, sample: Tensor, device: torch.device) -> Tensor:
        act = layer.nonlinearity
        scale, shift = self._factors(layer.norm1, sample, device)
        inner = sample.new_empty((sample.shape[0], layer.conv1.out_channels, *sample.shape[-2:]))
        for first, end in self._rows(sample):
            rows = act(self._normed(self._taken(sample, first, end, device), scale, shift))
            inner[..., first:end, :] = self._convolved(layer.conv1, self._inside(rows, sample, first, end))
        scale, shift = self._factors(layer.norm2, inner, device)
        # The second convolution reads the inner map alone, so the result can go where the input was.
        same = sample.shape[1] == layer.conv2.out_channels
        result = sample if same else sample.new_empty((sample.shape[0], layer.conv2.out_channels, *sample.shape[-2:]))
        for first, end in self._rows(inner):
            rows = act(self._normed(self._taken(inner, first, end, device), scale, shift))
            rows = self._convolved(layer.conv2, self._inside(rows, inner, first, end))
            before = sample[..., first:end, :].to(device)
            if layer.conv_shortcut is not None:
                before = F.conv2d(before, layer.conv_shortcut.weight, layer.conv_shortcut.bias)
            result[..., first:end, :] = (before + rows) / layer.output_scale_factor
        return result

    def _upsampled(self, layer: Any, sample: Tensor, device: torch.device) -> Tensor:
        rows, columns = sample.shape[-2:]
        convolution = layer.conv
        result = sample.new_empty((sample.shape[0], convolution.out_channels, 2 * rows, 2 * columns))
        for first, end in self._rows(sample, 4):
            taken = F.interpolate(self._taken(sample, first, end, device), scale_factor=2.0, mode="nearest")
            # Of the doubled rows around the stripe the nearer ones are seen.
            result[..., 2 * first : 2 * end, :] = self._convolved(convolution, taken[..., 1:-1, :])
        return result

    def _downsampled(self, convolution: nn.Conv2d, sample: Tensor, device: torch.device) -> Tensor:
        rows, columns = sample.shape[-2:]
        result = sample.new_empty((sample.shape[0], convolution.out_channels, rows // 2, columns // 2))
        for first, end in self._rows(result, 4):
            # It pads on one side only: of the rows around the stripe the one above is not seen.
            taken = self._taken(sample, 2 * first, 2 * end, device)[..., 1:, :]
            taken = pad(taken, (0, 1, 0, 0), self._tile_x, self._tile_y)
            result[..., first:end, :] = F.conv2d(taken, convolution.weight, convolution.bias, stride=2)
        return result

    def _rows(self, sample: Tensor, growth: int = 1) -> Iterator[tuple[int, int]]:
        """Stripes of a map: first row, and the one after the last."""
        rows = sample.shape[-2]
        row_bytes = sample[..., :1, :].numel() * sample.element_size() * growth
        count = max(1, min(rows, self._bytes // max(1, row_bytes)))
        for first in range(0, rows, count):
            if self._check is not None:
                self._check()
            yield first, min(rows, first + count)

    def _taken(self, sample: Tensor, first: int, end: int, device: torch.device) -> Tensor:
        """Rows with one more at each side: those of the other side of the picture, or zeros."""
        rows = sample.shape[-2]
        above, below = sample[..., first - 1 : first, :], sample[..., end : end + 1, :]
        if first == 0:
            above = sample[..., rows - 1 :, :] if self._tile_y else torch.zeros_like(sample[..., :1, :])
        if end == rows:
            below = sample[..., :1, :] if self._tile_y else torch.zeros_like(sample[..., :1, :])
        return torch.cat([above, sample[..., first:end, :], below], dim=-2).to(device)

    def _inside(self, rows: Tensor, sample: Tensor, first: int, end: int) -> Tensor:
        """With zeros beyond the borders that do not meet: padding comes after norm and activation."""
        if not self._tile_y:
            if first == 0:
                rows[..., :1, :] = 0.0
            if end == sample.shape[-2]:
                rows[..., -1:, :] = 0.0
        return rows

    def _normed(self, rows: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        # In full precision, as torch's own norm does it, whatever the precision of the map.
        return torch.addcmul(shift, rows.float(), scale).to(rows.dtype)

    def _convolved(self, layer: nn.Conv2d, rows: Tensor) -> Tensor:
        return F.conv2d(pad(rows, (1, 1, 0, 0), self._tile_x, self._tile_y), layer.weight, layer.bias)

    def _factors(self, norm: nn.GroupNorm, sample: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """What a group norm multiplies each channel by and adds to it, (batch, channels, 1, 1)."""
        batch, channels = sample.shape[:2]
        sums = torch.zeros((2, batch, norm.num_groups), dtype=torch.float64, device=device)
        # Around the first row of each channel, so that squares of large values do not drown their differences.
        middle = sample[..., :1, :].to(device).float().mean((-2, -1), keepdim=True)
        middle = middle.reshape(batch, norm.num_groups, -1).mean(-1)
        for first, end in self._rows(sample):
            rows = sample[..., first:end, :].to(device).float().reshape(batch, norm.num_groups, -1)
            rows = rows - middle[..., None]
            sums[0] += rows.sum(-1).double()
            sums[1] += rows.square().sum(-1).double()
        count = sample[0, : channels // norm.num_groups].numel()
        offset = sums[0] / count
        deviation = (sums[1] / count - offset.square() + norm.eps).rsqrt()
        mean = (middle.double() + offset).repeat_interleave(channels // norm.num_groups, dim=1)
        scale = deviation.repeat_interleave(channels // norm.num_groups, dim=1)
        shift = -mean * scale
        if norm.weight is not None:
            scale, shift = scale * norm.weight.double(), shift * norm.weight.double() + norm.bias.double()
        return scale.float()[..., None, None], shift.float()[..., None, None]


def _plain_resnet(layer: Any) -> bool:
    return (
        type(layer).__name__ == "ResnetBlock2D"
        and layer.time_emb_proj is None
        and layer.upsample is None
        and layer.downsample is None
        and isinstance(layer.norm1, nn.GroupNorm)
        and layer.conv1.kernel_size == layer.conv2.kernel_size == (3, 3)
        and (layer.conv_shortcut is None or layer.conv_shortcut.kernel_size == (1, 1))
    )


def _plain_upsampler(layer: Any) -> bool:
    convolution = getattr(layer, "conv", None)
    return (
        type(layer).__name__ == "Upsample2D"
        and layer.norm is None
        and not layer.use_conv_transpose
        and isinstance(convolution, nn.Conv2d)
        and convolution.kernel_size == (3, 3)
    )


def _plain_downsampler(layer: Any) -> bool:
    convolution = getattr(layer, "conv", None)
    return (
        type(layer).__name__ == "Downsample2D"
        and layer.norm is None
        and layer.padding == 0
        and isinstance(convolution, nn.Conv2d)
        and (convolution.kernel_size, convolution.stride, convolution.padding) == ((3, 3), (2, 2), (0, 0))
    )
