# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of materials under random light, as cameras and image models make them, with the maps behind them.

Reflection is a Lambert base with a GGX highlight (B. Walter et al., "Microfacet models for refraction", 2007) and
Schlick's Fresnel term; the sky is a soft gradient, so that metals reflect something.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..engine.procedural.color import linear_to_srgb, srgb_to_linear

UNLIT_SHARE = 0.35
"""Part of the pictures that is base color alone: textures that were made without light."""


def normals(slope: Tensor) -> Tensor:
    """Unit normals [B, 3, H, W], y up, of slopes [B, 2, H, W] (right and down)."""
    raw = torch.cat((-slope[:, :1], slope[:, 1:], torch.ones_like(slope[:, :1])), dim=1)
    return F.normalize(raw, dim=1)


def render(
    base_color: Tensor, slope: Tensor, occlusion: Tensor, roughness: Tensor, metallic: Tensor, rng: torch.Generator
) -> Tensor:
    """Pictures [B, 3, H, W], sRGB, seen from straight above under a light of each picture's own.

    Args:
        base_color: [B, 3, H, W], sRGB, 0 to 1.
        slope: [B, 2, H, W]; occlusion, roughness, metallic: [B, 1, H, W], 0 to 1.
        rng: decides lights, exposure, white balance and which pictures are unlit.
    """
    count = base_color.shape[0]

    def uniform(low: float, high: float, channels: int = 1) -> Tensor:
        return low + (high - low) * torch.rand(count, channels, 1, 1, generator=rng)

    color = srgb_to_linear(base_color)
    normal = normals(slope)
    azimuth, elevation = uniform(0.0, 6.2832), uniform(0.3, 1.35)
    light = torch.cat((azimuth.cos() * elevation.cos(), azimuth.sin() * elevation.cos(), elevation.sin()), dim=1)
    facing = (normal * light).sum(1, keepdim=True).clamp(min=0.0)
    half = F.normalize(light + torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1), dim=1)
    near = (normal * half).sum(1, keepdim=True).clamp(0.0, 1.0)
    alpha = roughness.square().clamp(min=0.02)
    spread = near.square() * (alpha.square() - 1.0) + 1.0
    highlight = (alpha / spread).square() / 3.1416
    mirror = torch.lerp(torch.full_like(color, 0.04), color, metallic)
    fresnel = mirror + (1.0 - mirror) * (1.0 - (half[:, 2:3]).clamp(0.0, 1.0)).pow(5)
    diffuse = color * (1.0 - metallic)
    ambient = uniform(0.25, 0.75)
    tint = 1.0 + uniform(-0.08, 0.08, 3)
    sky = (0.55 + 0.45 * normal[:, 1:2] * uniform(-1.0, 1.0) + 0.35 * normal[:, :1] * uniform(-1.0, 1.0)).clamp(0.05)
    lit = diffuse * (ambient * occlusion + (1.0 - ambient) * facing * 1.4)
    shine = mirror * sky * occlusion * (1.0 - 0.5 * roughness) + fresnel * highlight * facing * (1.0 - ambient) * 0.8
    picture = (lit + shine) * tint * uniform(0.65, 1.35)
    rows, columns = picture.shape[-2:]
    down = torch.linspace(-1.0, 1.0, rows).view(1, 1, rows, 1)
    across = torch.linspace(-1.0, 1.0, columns).view(1, 1, 1, columns)
    # Light falls off over a photographed wall.
    picture = picture * (1.0 + uniform(-0.25, 0.25) * down + uniform(-0.25, 0.25) * across)
    picture = linear_to_srgb(picture.clamp(0.0, 1.0))
    picture = picture + torch.randn(picture.shape, generator=rng) * uniform(0.0, 0.012)
    unlit = (torch.rand(count, 1, 1, 1, generator=rng) < UNLIT_SHARE).to(picture.dtype)
    return (picture * (1.0 - unlit) + base_color * unlit).clamp(0.0, 1.0)
