# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a rebuilt material is from the true one: what the learned model's autoencoder is trained by."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNEL_WEIGHTS = (1.0, 2.0, 2.0, 1.5, 0.6, 0.4)

_STEP = 0.05  # Channels; what is flatter shows no grid.

_GRAINY = [0, 3, 4]  # luma, height and roughness; colors follow luma, and metal has no grain


def reconstruction_loss(seen: Tensor, truth: Tensor, spectral: float, exact: float = 1.0) -> dict[str, Tensor]:
    """Distance of channels [B, 6, H, W]: values at five scales, steps between neighbours at two, and local spectra.

    ``exact`` weighs the finest scale and the steps: averages of four by four pixels always count in full.

    Absolute differences of single pixels alone stay where they start: their pull is the same from every pixel,
    grain outvotes color, and the network learns one gray for everything.  Means over growing squares have no grain.
    """
    weights = torch.tensor(CHANNEL_WEIGHTS).to(seen.device, non_blocking=True).view(1, -1, 1, 1)
    difference = (seen - truth) * weights
    values, steps = difference.new_zeros(()), difference.new_zeros(())
    scaled = difference
    for scale in range(5):
        share = exact if scale < 2 else 1.0
        values = values + share * F.smooth_l1_loss(scaled, torch.zeros_like(scaled), beta=0.1)
        if scale < 2:
            steps = steps + scaled.diff(dim=-1).abs().mean() + scaled.diff(dim=-2).abs().mean()
        scaled = F.avg_pool2d(scaled, 2)
    found = {"values": values, "steps": steps * 0.5 * exact}
    if spectral:
        found["spectra"] = spectral * (_spectra(seen[:, _GRAINY]) - _spectra(truth[:, _GRAINY])).abs().mean()
    return found


def grid_cost(seen: Tensor, truth: Tensor, side: int = 8) -> Tensor:
    """What of a grid of blocks of ``side`` pixels shows, and how far steps between neighbours are from the true ones'
    mean size; all in shares of it.

    A decoder draws a block from each latent, and steps more from one block to the next than within one, or repeats a
    weave in all of them, by too little for pixel by pixel losses to mind and enough for eyes.  So three things are told
    apart: the mean size of steps, since in a soft picture larger ones, at whatever place, would be nearer to the truth;
    how they are spread over the places within blocks; and what all blocks have in common that the true ones lack.
    """
    found = []
    size = truth.new_zeros(())
    for axis in (-1, -2):
        own, wanted = (
            (one - one.roll(1, axis)).abs().mean(-3 - axis).unflatten(-1, (-1, side)).mean(-2) for one in (seen, truth)
        )
        own_mean, mean = own.mean(-1, keepdim=True), wanted.mean(-1, keepdim=True)
        found.append(((own_mean - mean).abs() / (mean + _STEP)).mean())
        found.append((own / (own_mean + _STEP) - wanted / (mean + _STEP)).abs().mean())
        size = size + 0.5 * mean[..., None]
    block = (seen - truth).unflatten(-1, (-1, side)).unflatten(-3, (-1, side)).mean((-4, -2))
    block = block - block.mean((-2, -1), keepdim=True)
    return torch.stack(found).sum() / 2.0 + (block.abs() / (size + _STEP)).mean()


def _spectra(channels: Tensor, side: int = 16) -> Tensor:
    """Amplitudes of windows of ``side`` pixels, side by side; constant terms left out."""
    windows = channels.unfold(2, side, side).unfold(3, side, side)
    hann = torch.hann_window(side, device=channels.device)
    spectrum = torch.fft.rfft2(windows * (hann[:, None] * hann), norm="ortho")
    amplitude = (spectrum.real.square() + spectrum.imag.square() + 1e-6).sqrt()
    return amplitude.flatten(-2)[..., 1:]


class Discriminator(nn.Module):
    """Judges patches of about 34 pixels a side; gives scores and the features behind them."""

    def __init__(self, channels: int = 6, width: int = 32) -> None:
        super().__init__()
        widths = (channels, width, width * 2, width * 4)
        self.layers = nn.ModuleList(nn.Conv2d(before, after, 4, 2, 1) for before, after in itertools.pairwise(widths))
        self.last = nn.Conv2d(widths[-1], 1, 3, 1, 1)

    def forward(self, channels: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Scores [B, 1, H/8, W/8] of pictures [B, 6, H, W], and the features of each layer."""
        features = []
        for layer in self.layers:
            channels = F.leaky_relu(layer(channels), 0.2)
            features.append(channels)
        return self.last(channels), features
