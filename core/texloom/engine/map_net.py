# SPDX-License-Identifier: GPL-3.0-or-later
"""The small network that sees the maps behind a picture, and the height that its slopes add up to."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SHRINK = 2
"""The first layer folds squares of this many pixels a side into channels, the last one unfolds them."""


@dataclass(frozen=True)
class NetConfig:
    """Channels of each level, from the finest, and residual blocks on the way down and up."""

    channels: tuple[int, ...] = (32, 64, 112, 160)
    blocks: tuple[int, ...] = (1, 1, 2, 2)

    def to_dict(self) -> dict[str, object]:
        """JSON types."""
        return {name: list(value) for name, value in asdict(self).items()}

    @property
    def multiple(self) -> int:
        """What the sides of a picture must be multiples of, in pixels."""
        return int(SHRINK * 2 ** (len(self.channels) - 1))


@dataclass
class Seen:
    """What the network says of a picture, [B, …, H, W].

    ``base_color`` (3) is sRGB without light and shade, 0 to 1; ``slope`` (2) the rise of the surface over a
    step right and a step down, both in pixels; ``roughness`` and ``metallic`` (1) are 0 to 1.
    """

    base_color: Tensor
    slope: Tensor
    roughness: Tensor
    metallic_logit: Tensor

    @property
    def metallic(self) -> Tensor:
        """0 to 1."""
        return self.metallic_logit.sigmoid()


def _bent(x: Tensor) -> Tensor:
    """Never quite zero: without norms, a large step can push plain rectifiers out of reach of any gradient."""
    return F.leaky_relu(x, 0.1)


class _Block(nn.Module):
    """Two convolutions beside a shortcut; no norms, which processors are slow at."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        # A block begins as nothing, so that deep stacks train without norms (Zhang et al., Fixup, 2019).
        nn.init.zeros_(self.second.weight)
        assert self.second.bias is not None
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(_bent(self.first(_bent(x))))


class MapNet(nn.Module):
    """A U-Net (Ronneberger et al., 2015) from an sRGB picture to base color, slopes, roughness and metallic."""

    def __init__(self, config: NetConfig | None = None) -> None:
        super().__init__()
        self.config = config or NetConfig()
        channels, blocks = self.config.channels, self.config.blocks
        square = SHRINK * SHRINK
        self.enter = nn.Conv2d(3 * square, channels[0], 3, padding=1)
        self.down = nn.ModuleList()
        self.shrink = nn.ModuleList()
        self.grow = nn.ModuleList()
        self.up = nn.ModuleList()
        for level, width in enumerate(channels):
            self.down.append(nn.Sequential(*(_Block(width) for _ in range(blocks[level]))))
            if level + 1 < len(channels):
                wider = channels[level + 1]
                self.shrink.append(nn.Conv2d(width, wider, 4, stride=2, padding=1))
                self.grow.append(nn.Conv2d(wider, width, 1))
                self.up.append(nn.Sequential(*(_Block(width) for _ in range(blocks[level]))))
        self.leave = nn.Conv2d(channels[0], 7 * square, 3, padding=1)
        nn.init.zeros_(self.leave.weight)

    def forward(self, rgb: Tensor) -> Seen:
        """``rgb`` is [B, 3, H, W], sRGB, 0 to 1; the sides are multiples of ``config.multiple``."""
        x = self.enter(F.pixel_unshuffle((rgb - 0.5) * 2.0, SHRINK))
        kept = []
        for level, stage in enumerate(self.down):
            x = stage(x)
            if level < len(self.shrink):
                kept.append(x)
                x = self.shrink[level](x)
        for level in reversed(range(len(self.up))):
            x = kept[level] + self.grow[level](F.interpolate(x, scale_factor=2.0, mode="nearest"))
            x = self.up[level](x)
        out = F.pixel_shuffle(self.leave(_bent(x)), SHRINK).float()
        color, slope, rough, metal = out.split((3, 2, 1, 1), dim=1)
        return Seen(
            base_color=(rgb + 0.5 * color).clamp(0.0, 1.0),
            # Slopes have long tails: the network speaks of their logarithm, in effect.
            slope=torch.sinh(slope.clamp(-3.0, 3.0)),
            roughness=(rough + 0.3).sigmoid(),
            metallic_logit=metal - 2.0,
        )


def height_from_slopes(slope: Tensor) -> Tensor:
    """The periodic height [B, H, W], in pixels and with mean 0, whose slopes are nearest to ``slope`` [B, 2, H, W].

    Least squares over all frequencies at once (R. Frankot and R. Chellappa, 1988), for central differences, which is
    how normal maps are made from heights.
    """
    rows, columns = slope.shape[-2:]
    across, down = torch.fft.rfft2(slope[:, 0]), torch.fft.rfft2(slope[:, 1])
    fx = torch.sin(2.0 * torch.pi * torch.fft.rfftfreq(columns, device=slope.device))
    fy = torch.sin(2.0 * torch.pi * torch.fft.fftfreq(rows, device=slope.device))[:, None]
    power = fx * fx + fy * fy
    # Central differences do not see the highest frequencies; nothing may be made up there.
    unseen = power < 1e-6
    spectrum = -1j * (fx * across + fy * down) / power.masked_fill(unseen, 1.0)
    height: Tensor = torch.fft.irfft2(spectrum.masked_fill(unseen, 0.0), s=(rows, columns))
    return height


def slopes_of(height_px: Tensor) -> Tensor:
    """Central differences [B, 2, H, W] of a periodic height [B, H, W]; the inverse of :func:`height_from_slopes`."""
    across = (height_px.roll(-1, -1) - height_px.roll(1, -1)) * 0.5
    down = (height_px.roll(-1, -2) - height_px.roll(1, -2)) * 0.5
    return torch.stack((across, down), dim=1)
