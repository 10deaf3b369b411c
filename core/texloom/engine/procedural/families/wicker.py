# SPDX-License-Identifier: GPL-3.0-or-later
"""Wicker: canes woven round stakes, as in baskets and garden chairs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..common import gloss, irregularity, scale, variation
from ..family import Family
from ..ops import smoothstep
from ..parameters import Choice, Color, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Wicker(Family):
    name = "wicker"
    title = "Wicker"
    nouns = (
        "wicker", "rattan", "woven rattan", "basket weave of cane", "wicker basket", "wickerwork", "woven cane",
        "rattan furniture", "willow basket",
    )  # fmt: skip
    rare_nouns = ("osier work", "basketry", "hurdle of willow")
    modifiers = ("garden", "patio", "boho", "outdoor")
    tile_width_m = 0.25
    palettes = (
        {"color": "#b48a57", "second_color": "#8f683c"},
        {"color": "#d0ad78", "second_color": "#a98553"},
        {"color": "#7d5736", "second_color": "#5f4027"},
        {"color": "#5a3b26", "second_color": "#432b1c"},
        {"color": "#a79a86", "second_color": "#857966"},
        {"color": "#e0d5c1", "second_color": "#bfb097"},
        {"color": "#3b342f", "second_color": "#2a2522"},
    )
    parameters = (
        Color(name="color", label="Cane color", spread=0.016),
        Color(name="second_color", label="Stake color", parts=("stakes", "uprights"), spread=0.012),
        Choice(
            name="weave", label="Weave",
            options={
                "basket": ("basket woven", "randed"),
                "twill": ("twill", "twilled"),
                "mat": ("flat woven", "mat woven", "in flat strips"),
            },
            weights={"basket": 3.0, "mat": 1.5},
        ),
        scale("Cane width", 0.002, 0.03, (0.0055, 0.009), 0.0035, 0.016),
        irregularity((0.25, 0.65)),
        variation((0.3, 0.7)),
        gloss((0.3, 0.65)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        return self._mat(canvas, p) if p.weave == "mat" else self._round(canvas, p)

    def _round(self, c: Canvas, p: Params) -> Surface:
        s = p.scale
        repeat = 2 if p.weave == "basket" else 3
        # Stakes stand apart, canes lie close between them.
        gap = s * (4.2 if p.weave == "basket" else 3.0)
        nx = max(repeat, repeat * round(c.count(gap)[0] / repeat))
        ny = max(repeat, repeat * round(c.count(s)[1] / repeat))
        b = c.v * ny + (0.1 + 0.3 * p.irregularity) * c.noise("sag", (gap * 1.6, s * 2.5), 3)
        a = c.u * nx + 0.07 * p.irregularity * c.noise("sway", (gap, gap * 3.0), 3)
        j = b.floor()
        line = torch.remainder(j, ny).long()
        y = (b - j) * 2.0 - 1.0
        thin = c.table("thin", ny).take(line)
        width = 1.0 - 0.2 * p.irregularity * thin
        profile = (1.0 - (y / width).square()).clamp(min=0.0).sqrt()
        # In front of a stake, then behind it; each cane is one stake further than the one below.
        t = a + torch.remainder(j, repeat)
        if p.weave == "basket":
            wave = torch.cos(t * math.pi)
        else:
            third = torch.remainder(t, 3.0)
            wave = 0.25 + 1.1 * torch.cos((third - 1.5) * (math.tau / 3.0)).clamp(-1.1, 0.7)
        cane = profile * 0.62 + 0.62 * wave
        i = a.round()
        x = (a - i) * (gap / s) * 2.0 / 1.15
        stake_round = (1.0 - x.square()).clamp(min=0.0).sqrt()
        stake = stake_round * 0.75 - 0.35 - (1.0 - (stake_round > 0.0).float()) * 2.0
        top = ((cane - (profile <= 0.0) * 3.0) > stake).float()
        z = torch.maximum(torch.maximum(cane - (profile <= 0.0) * 3.0, stake), c.full(-1.0))
        return self._finish(c, p, z, top, profile, stake_round, along=(a * (gap / s), b), number=line, rows=ny)

    def _mat(self, c: Canvas, p: Params) -> Surface:
        s = p.scale
        nx, ny = (max(2, 2 * round(n / 2)) for n in c.count(s * 1.15))
        wander = 0.1 * p.irregularity
        a = c.u * nx + wander * c.noise("sway", (s * 4.0, s * 12.0), 3)
        b = c.v * ny + wander * c.noise("sag", (s * 12.0, s * 4.0), 3)
        i, j = a.floor(), b.floor()
        x, y = (a - i) * 2.0 - 1.0, (b - j) * 2.0 - 1.0
        line = torch.remainder(j, ny).long()
        width_a = 0.93 - 0.14 * p.irregularity * c.table("wide", nx).take(torch.remainder(i, nx).long())
        width_b = 0.93 - 0.14 * p.irregularity * c.table("thin", ny).take(line)
        # A split cane is flat inside and slightly arched outside.
        flat_a = (1.0 - (x / width_a).abs().pow(5.0)).clamp(min=0.0)
        flat_b = (1.0 - (y / width_b).abs().pow(5.0)).clamp(min=0.0)
        sign = torch.remainder(i + j, 2.0) * 2.0 - 1.0
        cane = flat_b.sqrt() * 0.5 + 0.42 * sign * (0.25 + torch.cos(x * 1.5708)) - (flat_b <= 0.0) * 2.0
        stake = flat_a.sqrt() * 0.5 - 0.42 * sign * (0.25 + torch.cos(y * 1.5708)) - (flat_a <= 0.0) * 2.0
        top = (cane > stake).float()
        z = torch.maximum(torch.maximum(cane, stake), c.full(-0.7))
        return self._finish(c, p, z, top, flat_b, flat_a, along=(a, b), number=line, rows=ny)

    @staticmethod
    def _finish(
        c: Canvas, p: Params, z: Tensor, top: Tensor, cane: Tensor, stake: Tensor, *,
        along: tuple[Tensor, Tensor], number: Tensor, rows: int,
    ) -> Surface:  # fmt: skip
        s, v = p.scale, p.variation
        # Fibres run along the cane; a cane's tone drifts over its length.
        grain_b = c.noise("grain b", (s * 6.0, s * 0.14), 3, 0.7)
        grain_a = c.noise("grain a", (s * 0.14, s * 6.0), 3, 0.7)
        drift = c.noise("drift", (s * 22.0, s * 0.9), 3, 0.6)
        drift_a = c.noise("drift a", (s * 2.0, s * 22.0), 3, 0.6)
        fine = c.noise("fine", s * 0.3, 3, 0.7)
        tone_b = c.table("tone", rows).take(number) - 0.5
        is_cane = top > 0.5
        grain = torch.where(is_cane, grain_b, grain_a)
        spots = smoothstep(1.6, 2.3, torch.where(is_cane, grain_b + drift, grain_a + drift_a)) * v
        light = 0.05 * grain + 0.02 * fine + v * torch.where(is_cane, 0.24 * tone_b + 0.1 * drift, 0.08 * drift_a)
        deep = smoothstep(0.35, -0.75, z)
        light = light - 0.72 * deep + 0.07 - 0.22 * spots
        warmth = 0.007 * v * torch.where(is_cane, drift, drift_a)
        lab = blend_colors(c, p.second_color, p.color, top)
        lab = vary(lab, c, light, chroma=0.3 * deep, warmth=warmth)
        arch = torch.where(is_cane, cane, stake)
        return surface(
            c,
            color=lab,
            height=s * (0.5 * z + 0.014 * grain * (arch > 0.0)),
            low=-0.35 * s,
            high=0.6 * s,
            roughness=0.72 - 0.42 * p.gloss + 0.05 * grain + 0.25 * deep,
            cavity=deep,
            exposed=smoothstep(0.6, 1.15, z),
        )
