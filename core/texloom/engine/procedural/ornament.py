# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirrored flourishes of damask: palmettes, scrolls and leaves in a lattice of pointed ovals.

The lattice is the ogee of European silks since the fifteenth century: its border is a cosine, which meets the
borders of the neighbors exactly.  The motif in it is put together from distance functions on folded coordinates.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from .ops import smooth_max
from .tile import Canvas

_OUTSIDE = -1.0


def damask(canvas: Canvas, key: str, repeat: float) -> tuple[Tensor, Tensor]:
    """One repeat of about ``repeat`` metres across holds two ogees, shifted by half against each other.

    Returns the distance to the figure's border in metres, positive in the figure, and the same for the fine veins
    that are cut into it; both (rows, width).
    """
    tile = canvas.tile
    rng = tile.random(f"{key}/motif")
    tall = float(rng.uniform(1.35, 1.6))
    nx, ny = _repeats(tile.width_m, tile.height_m, repeat, tall)
    width = tile.width_m / nx
    tall = tile.height_m / ny / width
    a, b = canvas.u * nx, canvas.v * ny
    x0, y0 = (a - a.round()).abs() + 0.0 * b, b - b.round() + 0.0 * a
    # Which of the two lattices an ogee belongs to: its border runs along a cosine.
    inner = 0.25 + 0.25 * torch.cos(math.tau * y0) - x0
    own = inner > 0.0
    x = torch.where(own, x0, 0.5 - x0)
    y = torch.where(own, y0, y0 - 0.5 * torch.where(y0 >= 0.0, 1.0, -1.0)) * tall
    slope = (0.5 * math.pi / tall) * torch.sin(math.tau * y / tall)
    rim = inner.abs() * torch.rsqrt(1.0 + slope.square())
    figure, veins = _motif(x, y, rim, tall, rng)
    return figure * width, veins * width


def _repeats(width_m: float, height_m: float, repeat: float, tall: float) -> tuple[int, int]:
    """Whole repeats across and down that come nearest to the wanted size and shape."""
    usual = width_m / repeat
    best, least = (1, 1), math.inf
    for nx in {max(1, math.floor(usual)), max(1, round(usual)), math.ceil(usual), math.ceil(usual) + 1}:
        width = width_m / nx
        for ny in {max(1, math.floor(height_m / width / tall)), math.ceil(height_m / width / tall)}:
            off = abs(math.log(height_m / ny / width / tall)) + 0.9 * abs(math.log(width / repeat))
            if off < least:
                best, least = (nx, ny), off
    return best


def _motif(x: Tensor, y: Tensor, rim: Tensor, tall: float, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """The figure in its ogee; ``x`` is folded on the axis of symmetry, ``y`` runs down, unit is the ogee's width."""

    def pick(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    half = tall * 0.5
    # Border of the ogee: a band, a row of beads inside it.
    band, inset = pick(0.014, 0.022), pick(0.045, 0.06)
    figure = band - rim
    beads = round(tall * pick(15.0, 21.0)) * 2
    bead = ((y / tall * beads) - (y / tall * beads).round()) * (tall / beads)
    figure = torch.maximum(figure, 0.011 - torch.sqrt(bead.square() + (rim - inset).square()))
    veins = 0.0035 - rim

    # A palmette in the middle: petals round a point, the longest upright.
    petals, foot = int(rng.integers(6, 9)), 0.1 * half
    spread, long = pick(1.9, 2.35), pick(0.32, 0.37)
    radius = torch.sqrt(x.square() + (y - foot).square())
    angle = torch.atan2(x, foot - y)
    gap = spread / (petals - 1)
    number = (angle / gap).round().clamp(max=petals - 1)
    away = angle - number * gap
    reach = long * (1.0 - pick(0.4, 0.5) * (number / (petals - 1)).pow(0.8))
    t = (radius / reach).clamp(0.0, 1.0)
    petal = gap * 0.47 * radius.clamp(max=long) * (1.0 - t.pow(6.0)).sqrt() - radius * away.abs()
    petal = torch.minimum(petal, torch.minimum(reach - radius, radius - 0.075))
    figure = torch.maximum(figure, petal)
    veins = torch.maximum(
        veins, torch.minimum(0.0045 * (1.0 - t) + 0.001 - radius * away.abs(), torch.minimum(petal, radius - 0.1))
    )
    # Its heart, and a ring of seeds round it.
    heart = 0.048 - radius
    figure = torch.maximum(figure, heart)
    seed = torch.sqrt((radius - reach - 0.03).square() + (radius * away).square())
    figure = torch.maximum(figure, pick(0.011, 0.015) - seed)
    veins = torch.maximum(veins, torch.minimum(0.004 - (radius - 0.03).abs(), heart))

    # Scrolls on both sides below the palmette, and smaller ones above.
    low_y = foot + pick(0.165, 0.19)
    figure = torch.maximum(figure, _scroll(x, y, pick(0.13, 0.15), low_y, pick(0.085, 0.1), pick(1.6, 2.1), 1.0))
    up_y = -half * pick(0.6, 0.66)
    figure = torch.maximum(figure, _scroll(x, y, pick(0.07, 0.08), up_y, pick(0.045, 0.055), 1.5, -1.0))

    # Leaves: out of the foot up along the border, down from it, and a bud at the top.
    base = half * pick(0.72, 0.78)
    lobes = int(rng.integers(4, 7))
    leaves = (
        (0.012, base, pick(-1.1, -0.92), pick(0.34, 0.4), 0.06, lobes, 0.1),
        (0.01, base + 0.01, pick(-0.2, 0.0), pick(0.15, 0.18), 0.034, 3, -0.12),
        (0.01, foot + 0.36, pick(-0.45, -0.25), pick(0.15, 0.19), 0.036, 3, 0.1),
        (0.0, base - 0.04, math.pi / 2, half - base + 0.02, 0.03, 2, 0.0),
        (0.0, up_y + 0.05, -math.pi / 2, half * pick(0.36, 0.42), 0.042, 3, 0.0),
        (0.012, up_y + 0.1, pick(-0.75, -0.55), pick(0.15, 0.19), 0.034, 3, 0.12),
        (pick(0.27, 0.3), foot + 0.04, pick(-1.45, -1.25), pick(0.2, 0.25), 0.04, 4, 0.12),
    )
    for leaf in leaves:
        body, vein = _leaf(x, y, *leaf)
        figure = torch.maximum(figure, body)
        veins = torch.maximum(veins, vein)
    # The stem that carries it all.
    stem = torch.minimum(0.011 - x, torch.minimum(y - foot - 0.06, base - y))
    return smooth_max(figure, stem, 0.02), veins


def _leaf(
    x: Tensor, y: Tensor, px: float, py: float, angle: float, length: float, width: float, lobes: int, bend: float
) -> tuple[Tensor, Tensor]:
    """A leaf from (px, py) towards ``angle`` (0 to the right, negative up) with lobes along its sides, and its vein."""
    cosine, sine = math.cos(angle), math.sin(angle)
    dx, dy = x - px, y - py
    t = (dx * cosine + dy * sine) / length
    s = t.clamp(0.0, 1.0)
    across = dy * cosine - dx * sine - (4.0 * bend * length) * s * (1.0 - s)
    off = across.abs()
    # Lobes point to the tip, so their pattern leans forward away from the spine.
    wave = torch.cos((t * lobes - off * (0.55 * lobes / width * 0.3)) * math.tau)
    half = width * 2.6 * s.sqrt() * (1.0 - s) * (0.8 + 0.2 * wave)
    body = torch.minimum(half - off, torch.minimum(t, 1.0 - t) * length)
    vein = torch.minimum(0.0045 * (1.0 - s) + 0.0008 - off, torch.minimum(body, (t - 0.08) * length))
    return body, vein


def _scroll(x: Tensor, y: Tensor, px: float, py: float, radius: float, turns: float, side: float) -> Tensor:
    """A volute that winds inwards to a ball, its band thinner towards the middle."""
    dx, dy = x - px, y - py
    r = torch.sqrt(dx.square() + dy.square())
    q = r * (turns / radius) + torch.atan2(dy, -dx) * (side / math.tau)
    distance = (q - q.round()).abs() * (radius / turns)
    band = (0.006 + 0.1 * r).clamp(max=0.02) - distance
    band = torch.minimum(band, radius * 1.05 - r)
    return torch.maximum(band, 0.24 * radius - r)
