# SPDX-License-Identifier: GPL-3.0-or-later
"""Power spectra of periodic pictures: how fast they fall, and amplitudes of small windows."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_WINDOW = 16
_GRAINY = [0, 3, 4]  # luma, height and roughness, as the autoencoder's training weighs them
_BANDS = 12


def local_amplitudes(channels: Tensor) -> Tensor:
    """Amplitudes [B, 3, h, w, waves] of windows of 16 pixels of channels [B, 6, H, W]; constant terms left out."""
    windows = channels[:, _GRAINY].unfold(2, _WINDOW, _WINDOW).unfold(3, _WINDOW, _WINDOW)
    hann = torch.hann_window(_WINDOW, device=channels.device)
    amplitude = torch.fft.rfft2(windows * (hann[:, None] * hann), norm="ortho").abs()
    found: Tensor = amplitude.flatten(-2)[..., 1:]
    return found


def slopes(pictures: Tensor) -> Tensor:
    """The slope of each picture's [B, H, W] power over frequency, both as logarithms; [B], not a number where it is
    flat.

    Means over rings of equal width on the logarithmic scale, so that the many high frequencies do not outvote the low
    ones; from 2 waves a picture, and up to half the finest, since what draws and scales pictures smooths the rest.
    """
    height, width = pictures.shape[-2:]
    side = min(height, width)
    power = torch.fft.fft2(pictures.double() - pictures.double().mean((-2, -1), keepdim=True)).abs().square()
    down = torch.fft.fftfreq(height, device=pictures.device) * side
    across = torch.fft.fftfreq(width, device=pictures.device) * side
    radius = (down[:, None].square() + across.square()).sqrt().double()
    low, high = math.log(1.5), math.log(side / 4 + 0.5)
    place = ((radius.clamp(min=1e-6).log() - low) / (high - low) * _BANDS).floor()
    rings = [(place == band) for band in range(_BANDS)]
    rings = [ring for ring in rings if bool(ring.any())]
    levels = torch.stack([power[:, ring].mean(1) for ring in rings], dim=1)
    where = torch.stack([radius[ring].log().mean() for ring in rings])
    seen = levels.log()
    centered = where - where.mean()
    found = (seen - seen.mean(1, keepdim=True)) @ centered / centered.square().sum()
    flat = levels.sum(1) < 1e-9 * height * width
    return torch.where(flat | ~found.isfinite(), torch.full_like(found, math.nan), found).float()
