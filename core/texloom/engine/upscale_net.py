# SPDX-License-Identifier: GPL-3.0-or-later
"""The small network that doubles the size of a picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

import torch.nn.functional as F
from torch import Tensor, nn

FACTOR: Final = 2


@dataclass(frozen=True)
class UpscaleConfig:
    """``channels`` of each layer, and how many residual ``blocks`` of two convolutions there are."""

    channels: int = 48
    blocks: int = 4

    def to_dict(self) -> dict[str, int]:
        """JSON types."""
        return asdict(self)

    @property
    def reach(self) -> int:
        """How many pixels away from a place the network, or the cubic filter beside it, still looks."""
        return max(4, 2 * self.blocks + 3)


class _Block(nn.Module):
    """Two convolutions beside a shortcut, without norms (Lim et al., "Enhanced deep residual networks", 2017)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.bend = nn.PReLU(channels, init=0.1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        # A block begins as nothing, so that the stack trains without norms.
        nn.init.zeros_(self.second.weight)
        assert self.second.bias is not None
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.bend(self.first(x)))


class UpscaleNet(nn.Module):
    """What a cubic filter leaves out when it doubles a picture.

    It works at the size of the picture it gets and unfolds channels into pixels at the end (Shi et al., "Real-time
    single image and video super-resolution using an efficient sub-pixel convolutional neural network", 2016).
    """

    def __init__(self, config: UpscaleConfig | None = None) -> None:
        super().__init__()
        self.config = config or UpscaleConfig()
        channels = self.config.channels
        self.enter = nn.Conv2d(3, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(_Block(channels) for _ in range(self.config.blocks)))
        self.bend = nn.PReLU(channels, init=0.1)
        self.middle = nn.Conv2d(channels, channels, 3, padding=1)
        self.leave = nn.Conv2d(channels, 3 * FACTOR * FACTOR, 3, padding=1)
        # At first the result is the cubic filter's.
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)

    def forward(self, picture: Tensor) -> Tensor:
        """[B, 3, H, W], 0 to 1, to [B, 3, 2 H, 2 W]; pixels keep their places, values may leave 0 to 1 a little."""
        x = self.enter((picture - 0.5) * 2.0)
        x = self.middle(self.bend(x + self.blocks(x)))
        detail = F.pixel_shuffle(self.leave(x), FACTOR).to(picture.dtype)
        return doubled(picture) + 0.1 * detail


def doubled(picture: Tensor) -> Tensor:
    """[B, C, H, W] at twice the size by a cubic filter; lines beyond the sides are taken to be like the last one."""
    return F.interpolate(picture, scale_factor=FACTOR, mode="bicubic", align_corners=False)
