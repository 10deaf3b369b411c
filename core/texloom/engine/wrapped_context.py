# SPDX-License-Identifier: GPL-3.0-or-later
"""Make transformers draw pictures that tile: they see each border's other side beyond it.

A transformer knows where in the picture a token is, so that it draws borders as borders.  Here it is given a larger
picture than is wanted: the wanted one in the middle, and around it margins that repeat its opposite side, put there
anew before every run of the network.  What the network predicts for the margins is thrown away, so the wanted
picture's borders are drawn like any place inside it, whatever kind of positions the network has.  Schedulers treat
every latent by itself, so the middle is unaffected by what becomes of the margins in between.

The same idea is known from tiled diffusion (arXiv 2412.15185 copies borders of latents at every step).
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from .families.base import token_pixels
from .seamless import pad

MARGIN_PIXELS: Final = 64
MARGIN_SHARE: Final = 1 / 12
"""A margin is that wide, or that part of its side, whichever is more: a third more work at 1024 pixels."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A picture of ``width`` × ``height`` pixels within margins on both sides (0 where it does not tile)."""

    width: int
    height: int
    margin_x: int = 0
    margin_y: int = 0

    @property
    def full_width(self) -> int:
        """Width with margins."""
        return self.width + 2 * self.margin_x

    @property
    def full_height(self) -> int:
        """Height with margins."""
        return self.height + 2 * self.margin_y

    @property
    def framed(self) -> bool:
        """Whether there are margins."""
        return bool(self.margin_x or self.margin_y)

    def middle(self, grid: Tensor) -> Tensor:
        """The wanted part of a tensor (…, H, W) that covers the whole frame."""
        unit_y, unit_x = self.full_height // grid.shape[-2], self.full_width // grid.shape[-1]
        top, left = self.margin_y // unit_y, self.margin_x // unit_x
        return grid[..., top : top + self.height // unit_y, left : left + self.width // unit_x]

    def wrapped(self, grid: Tensor) -> Tensor:
        """The same tensor (…, H, W) with its margins repeating the middle's opposite sides."""
        middle = self.middle(grid)
        y, x = (grid.shape[-2] - middle.shape[-2]) // 2, (grid.shape[-1] - middle.shape[-1]) // 2
        return pad(middle, (x, x, y, y), True, True)


def frame(
    width: int, height: int, *, tile_x: bool, tile_y: bool, step: int, largest: int | None = None
) -> Frame | None:
    """The frame for a picture; None when the network's positions leave no room for margins.

    Args:
        width: pixels of the wanted picture.
        height: as ``width``.
        tile_x: whether right and left shall meet.
        tile_y: whether bottom and top shall meet.
        step: what sizes must be multiples of.
        largest: the largest side in pixels that the network can draw.
    """
    margins = []
    for side, tile in ((width, tile_x), (height, tile_y)):
        wanted = -(-max(MARGIN_PIXELS, round(side * MARGIN_SHARE)) // step) * step if tile else 0
        # The margin repeats the picture at most once.
        wanted = min(wanted, side)
        room = wanted if largest is None else (largest - side) // 2 // step * step
        if tile and room < step:
            return None
        margins.append(min(wanted, room) if tile else 0)
    return Frame(width=width, height=height, margin_x=margins[0], margin_y=margins[1])


@contextlib.contextmanager
def wrapped_context(denoisers: Iterable[nn.Module], whole: Frame, token: int = 0) -> Iterator[None]:
    """Within the block the latents that ``denoisers`` get have margins that repeat the picture.

    Latents may be grids (…, H, W), lists of them, or tokens (batch, rows × columns, channels) in reading order.
    Tokens of other pictures may follow these; ``token`` is how many pixels wide one is then, else 0.
    """
    with contextlib.ExitStack() as stack:
        if whole.framed:
            for module in denoisers:
                stack.callback(_hook(module, whole, token).remove)
        yield


def _hook(module: nn.Module, whole: Frame, token: int) -> Any:
    # The latents are the first argument of every denoiser in diffusers, under one name or another.
    name = next(key for key in inspect.signature(type(module).forward).parameters if key != "self")

    def renew(_module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        if args:
            return (_wrapped(args[0], whole, token), *args[1:]), named
        return args, {**named, name: _wrapped(named[name], whole, token)}

    return module.register_forward_pre_hook(renew, with_kwargs=True)


def _wrapped(latents: Any, whole: Frame, token: int) -> Any:
    if isinstance(latents, (list, tuple)):
        return [_wrapped(item, whole, token) for item in latents]
    if latents.ndim != 3:
        return whole.wrapped(latents)
    own = (whole.full_width // token) * (whole.full_height // token) if token else latents.shape[1]
    if latents.shape[1] > own:
        # Editors see pictures to follow behind the one that they draw.
        return torch.cat([_wrapped(latents[:, :own], whole, 0), latents[:, own:]], dim=1)
    batch, count, channels = latents.shape
    unit = token_pixels(count, whole.full_width, whole.full_height)
    grid = latents.transpose(1, 2).reshape(batch, channels, whole.full_height // unit, whole.full_width // unit)
    return whole.wrapped(grid).reshape(batch, channels, count).transpose(1, 2)
