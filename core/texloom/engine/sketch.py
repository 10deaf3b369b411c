# SPDX-License-Identifier: GPL-3.0-or-later
"""What the learned model is shown of a material's form, beside the words: its relief and its pattern, two pixels to a
latent.

What lies where is what a small network learns last: bricks, planks and stones come out of noise only after many times
the training that colors, grain and gloss need.  Families know it already.  So the network paints over a sketch, as
ControlNets do (L. Zhang et al., "Adding conditional control to text-to-image diffusion models", 2023), whose numbers go
in beside the latents (as in T. Brooks et al., "InstructPix2Pix", 2023).  A sketch tells no color, no gloss and no
depth: these are the words' own, so that one material's form can be painted as another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from .learned_channels import CHANNELS, maps_to_channels
from .material_plan import Plan
from .procedural.draw import draw_batch

MAPS: Final = ("height", "luma")
"""What it shows: where it is high and where it is bright, each around its mean and in its own deviations."""

SKETCH_CHANNELS: Final = len(MAPS) * 4
"""Numbers to a latent, which is two pixels of the sketch wide and high."""

_FLAT: Final = 0.03  # Channels; what deviates less is grain that must not be blown up to a pattern.
_MOST: Final = 4.0


def sketch_of(channels: Tensor, pixels: int) -> Tensor:
    """[B, SKETCH_CHANNELS, H / pixels, W / pixels] of materials [B, 6, H, W] as in :mod:`.learned_channels`, for an
    autoencoder whose latents are ``pixels`` wide."""
    return _packed(F.avg_pool2d(_shown(channels), pixels // 2))


def _packed(maps: Tensor) -> Tensor:
    """[B, maps, h, w] of sketches → [B, SKETCH_CHANNELS, h / 2, w / 2]."""
    maps = maps - maps.mean((2, 3), keepdim=True)
    deviation = maps.square().mean((2, 3), keepdim=True).sqrt()
    return F.pixel_unshuffle((maps / (deviation + _FLAT)).clamp(-_MOST, _MOST), 2)


def planned_sketches(plans: Sequence[Plan], width: int, height: int, pixels: int, device: str) -> Tensor:
    """[N, SKETCH_CHANNELS, height / pixels, width / pixels] of what ``plans`` are to show in a picture of that size;
    errors as :func:`draw_batch`."""
    size = width * 2 // pixels, height * 2 // pixels
    # As fine as the whole picture will be: the plan says how many meters are drawn.
    small = [plan.drawing(*size) for plan in plans]
    maps: list[Tensor] = []
    for plan, drawn in zip(plans, draw_batch(small, device=device), strict=True):
        # Heights in pixels of the picture, not of the sketch.
        height = drawn.height.float() * (width / plan.width_m)
        own = {name: getattr(drawn, name)[None] for name in ("base_color", "roughness", "metallic")}
        maps.append(_shown(maps_to_channels(own | {"height": (height - height.mean())[None]})))
    return _packed(torch.cat(maps))


def _shown(channels: Tensor) -> Tensor:
    return channels[:, [CHANNELS.index(name) for name in MAPS]].float()
