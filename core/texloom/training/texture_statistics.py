# SPDX-License-Identifier: GPL-3.0-or-later
"""What a periodic material is, in numbers that do not depend on where anything lies in it.

Two textures look alike when the joint statistics of what oriented band-pass filters answer agree (J. Portilla and E. P.
Simoncelli, "A parametric texture model based on joint statistics of complex wavelet coefficients", 2000); how these
answers are spread over a tile tells bricks from gravel (J. Bruna and S. Mallat, "Invariant scattering convolution
networks", 2013).  All numbers stay the same when a tile is moved, mirrored or turned by a quarter.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..engine.head import COLOR_MEAN, COLOR_SCALE
from ..engine.learned_channels import CHANNELS, from_channels
from ..engine.procedural.color import srgb_image_to_lab

PARTS: Final = 8
"""Parts of one color each that :func:`palette` finds."""

PART_NUMBERS: Final = 13
"""Numbers of a part: its share of the tile, means and deviations of OKLab, height, roughness and metallic."""

_UNSEEN = 0.02
"""Deviations up to which nobody sees a channel's waves, a hundredth of its range: what they look like tells nothing."""

_SCALES = 5
_ANGLES = 4  # Of filters: a quarter turn apart are the first and the third.
_FINEST = 0.36  # Waves a pixel in the middle of the finest band.
_OCTAVES = 0.5  # Deviation of a band.
_SMALLEST = 16  # Pixels a side, below which no band is shrunk.
_LEVELS = (0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99)
_STRUCTURED = tuple(CHANNELS.index(name) for name in ("luma", "height"))
_WAVES = (0.5, 1.5, 3.0, 6.0, 12.0)  # Of the envelopes' bands, each up to twice that.
_PEAKS = 8
_HALF_OCTAVES = 14
_SLICES = 8
_SEEN_SIDE = 64  # Pixels a side from which a palette is taken.
_ROUNDS = 8


def texture_statistics(channels: Tensor) -> Tensor:
    """Channels [B, 6, S, S] (see :mod:`..engine.learned_channels`), square and periodic, to [B, numbers].

    S is even and 32 at least; the numbers of one size tell nothing about those of another.
    """
    pixels = channels.float().flatten(2)
    found = [*_values(pixels), *_conditions(pixels)]
    sizes: list[list[Tensor]] = []
    for index in range(channels.shape[1]):
        spectrum = torch.fft.fft2(channels[:, index].float())
        answers = [answer.abs() for answer in _bands(spectrum)]
        for answer in answers:
            found += _directions(answer)
            if index in _STRUCTURED:
                found += _envelope(answer.mean(1))
        sizes.append([answer.mean(1).flatten(1) for answer in answers])
        if index in _STRUCTURED:
            found += _rings(spectrum)
    for first, second in itertools.combinations(sizes, 2):
        found += [_correlation(one, two) for one, two in zip(first, second, strict=True)]
    return torch.cat(found, dim=1)


def _values(pixels: Tensor) -> list[Tensor]:
    """What values each channel has, and how channels go together."""
    _, channels, count = pixels.shape
    mean, deviation, skew, tails = _moments(pixels)
    ordered = pixels.sort(dim=2).values
    places = [round(level * (count - 1)) for level in _LEVELS]
    centered = (pixels - mean[..., None]) / (deviation[..., None] + _UNSEEN)
    together = centered @ centered.transpose(1, 2) / count
    above = torch.triu_indices(channels, channels, 1, device=pixels.device)
    return [
        mean, (deviation + _UNSEEN).log(), _pressed(skew), tails.log1p(), ordered[..., places].flatten(1),
        together[:, above[0], above[1]],
    ]  # fmt: skip


def _conditions(pixels: Tensor) -> list[Tensor]:
    """Means of all channels where one is lowest, and so on up to where it is highest: joints are dark and deep."""
    found = []
    for index in _STRUCTURED:
        order = pixels[:, index].argsort(dim=1)
        sorted_by = pixels.gather(2, order[:, None].expand_as(pixels))
        usable = sorted_by.shape[2] // _SLICES * _SLICES
        found.append(sorted_by[..., :usable].unflatten(2, (_SLICES, -1)).mean(3).flatten(1))
    return found


def _directions(answer: Tensor) -> list[Tensor]:
    """How strong a band [B, angles, h, w] is, how much it hangs on direction, and how unevenly it is spread."""
    mean, deviation, skew, _ = _moments(answer.flatten(2))
    strength = (mean + _UNSEEN / 2.0).log()
    uneven = (deviation + _UNSEEN / 2.0).log() - strength
    average = strength.mean(1, keepdim=True)
    straight = strength[:, 0] + strength[:, 2] - strength[:, 1] - strength[:, 3]
    return [
        average,
        strength.sort(dim=1).values - average,
        straight[:, None],
        (strength[:, 0] - strength[:, 2]).abs()[:, None],
        uneven.mean(1, keepdim=True),
        uneven.amax(1, keepdim=True),
        _pressed(skew).mean(1, keepdim=True),
    ]


def _envelope(size: Tensor) -> list[Tensor]:
    """At which distances a band's strength [B, h, w] comes and goes, and whether it does so regularly."""
    power = _power(size)
    whole = size.mean((1, 2)).square() + _UNSEEN**2 / 4.0
    radius = _radius(size.shape[-1], size.device)
    found = [(power * _ring(radius, low, 2.0 * low)).sum((1, 2)) / whole for low in _WAVES]
    return [*((value + 1e-3).log()[:, None] for value in found), *_regularity(power)]


def _rings(spectrum: Tensor) -> list[Tensor]:
    """Power of a channel's spectrum [B, S, S] by frequency, and its regularity."""
    side = spectrum.shape[-1]
    power = spectrum.abs().square() / side**4
    power[:, 0, 0] = 0.0
    radius = _radius(side, spectrum.device)
    edges = [0.5 * 2.0 ** (step / 2.0) for step in range(_HALF_OCTAVES + 1)]
    sums = [(power * _ring(radius, low, high)).sum((1, 2)) for low, high in itertools.pairwise(edges)]
    return [*((value + _UNSEEN**2 / 100.0).log()[:, None] for value in sums), *_regularity(power)]


def _regularity(power: Tensor) -> list[Tensor]:
    """The shares that the strongest wave and the strongest few have of all power [B, h, w]."""
    flat = power.flatten(1)
    whole = flat.sum(1, keepdim=True) + _UNSEEN**2 / 4.0
    return [flat.topk(count, dim=1).values.sum(1, keepdim=True) / whole for count in (1, _PEAKS)]


def _bands(spectrum: Tensor) -> list[Tensor]:
    """Complex answers [B, angles, h, w] of the filters of each scale, no larger than their frequencies need."""
    side = spectrum.shape[-1]
    found = []
    for scale, filters in enumerate(_filters(side, spectrum.device)):
        size = _size(side, scale)
        filtered = spectrum[:, None] * filters
        if size < side:
            half = size // 2
            filtered = torch.cat((filtered[..., :half], filtered[..., -half:]), dim=-1)
            filtered = torch.cat((filtered[..., :half, :], filtered[..., -half:, :]), dim=-2) * (size / side) ** 2
        found.append(torch.fft.ifft2(filtered))
    return found


def _size(side: int, scale: int) -> int:
    return side if scale == 0 else min(side, max(_SMALLEST, side >> (scale - 1)))


@lru_cache(maxsize=8)
def _filters(side: int, device: torch.device) -> tuple[Tensor, ...]:
    """Filters [angles, S, S] of each scale, of one half of the plane, so that answers are free of phase."""
    across = torch.fft.fftfreq(side, device=device)
    radius = (across[:, None].square() + across.square()).sqrt()
    angle = torch.atan2(across[:, None].expand(side, side), across.expand(side, side))
    found = []
    for scale in range(_SCALES):
        octaves = (radius.clamp(min=1e-9) / (_FINEST / 2.0**scale)).log2()
        ring = torch.exp(-octaves.square() / (2.0 * _OCTAVES**2))
        turned = [torch.cos(angle - math.pi * step / _ANGLES).clamp(min=0.0).square() for step in range(_ANGLES)]
        found.append(torch.stack(turned) * ring)
    return tuple(found)


@lru_cache(maxsize=16)
def _radius(side: int, device: torch.device) -> Tensor:
    waves = torch.fft.fftfreq(side, device=device) * side
    return (waves[:, None].square() + waves.square()).sqrt()


def _ring(radius: Tensor, low: float, high: float) -> Tensor:
    return ((radius >= low) & (radius < high)).float()


def _power(picture: Tensor) -> Tensor:
    power = torch.fft.fft2(picture).abs().square() / picture.shape[-1] ** 4
    power[:, 0, 0] = 0.0
    return power


def _moments(values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean, deviation, skewness and kurtosis along the last axis; what is flat has neither of the last two."""
    mean = values.mean(-1)
    off = values - mean[..., None]
    square = off.square()
    deviation = square.mean(-1).sqrt()
    unit = deviation + _UNSEEN
    return mean, deviation, (square * off).mean(-1) / unit**3, square.square().mean(-1) / unit**4


def _pressed(values: Tensor) -> Tensor:
    return values.sign() * values.abs().log1p()


def _correlation(one: Tensor, two: Tensor) -> Tensor:
    one, two = one - one.mean(1, keepdim=True), two - two.mean(1, keepdim=True)
    sizes = (one.square().mean(1).sqrt() + _UNSEEN / 4.0) * (two.square().mean(1).sqrt() + _UNSEEN / 4.0)
    return ((one * two).mean(1) / sizes)[:, None]


def palette(channels: Tensor) -> Tensor:
    """The parts of one color each of which channels [B, 6, H, W] are made: [B, 8, 13], the commonest first.

    By k-means over OKLab, height, roughness and metallic.  Numbers of a part are its share of the tile, then the means
    and then the deviations of these six; OKLab is normalized as the head's colors are, the others are halves of
    channels.  Parts that are not needed have a share of 0.
    """
    step = max(1, min(channels.shape[-2:]) // _SEEN_SIDE)
    points = _points(channels[..., ::step, ::step].float())
    centers = _first_centers(points)
    for _ in range(_ROUNDS):
        nearest = F.one_hot(torch.cdist(points, centers).argmin(2), PARTS).float()
        counts = nearest.sum(1)[..., None]
        means = nearest.transpose(1, 2) @ points / counts.clamp(min=1.0)
        centers = torch.where(counts > 0, means, centers)
    squares = nearest.transpose(1, 2) @ points.square() / counts.clamp(min=1.0)
    deviations = (squares - centers.square()).clamp(min=0.0).sqrt() * (counts > 0)
    parts = torch.cat((counts / points.shape[1], centers, deviations), dim=2)
    order = parts[..., 0].argsort(dim=1, descending=True)
    return parts.gather(1, order[..., None].expand_as(parts))


def _points(channels: Tensor) -> Tensor:
    """Pixels [B, P, 6] as :func:`palette` compares them."""
    colors = from_channels(channels).base_color
    lab = srgb_image_to_lab(colors.transpose(0, 1)).flatten(2).permute(1, 2, 0)
    mean, scale = lab.new_tensor(COLOR_MEAN), lab.new_tensor(COLOR_SCALE)
    return torch.cat(((lab - mean) / scale, channels[:, 3:].flatten(2).transpose(1, 2) * 0.5), dim=2)


def _first_centers(points: Tensor) -> Tensor:
    """Pixels [B, 8, 6] that are far from each other, the first near the mean; not the farthest, which are stray."""
    rows = torch.arange(len(points), device=points.device)
    stray = max(1, points.shape[1] // 64)
    first = (points - points.mean(1, keepdim=True)).square().sum(2).argmin(1)
    chosen = [points[rows, first]]
    away = torch.full(points.shape[:2], math.inf, device=points.device)
    while len(chosen) < PARTS:
        away = torch.minimum(away, (points - chosen[-1][:, None]).square().sum(2))
        chosen.append(points[rows, away.topk(stray, dim=1).indices[:, -1]])
    return torch.stack(chosen, dim=1)
