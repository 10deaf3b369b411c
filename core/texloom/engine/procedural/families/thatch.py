# SPDX-License-Identifier: GPL-3.0-or-later
"""Thatch: layers of straw, reed or palm on a roof."""

from __future__ import annotations

import torch

from ..common import irregularity, scale, variation
from ..family import Family
from ..ops import coverage, mix, smoothstep
from ..parameters import Color, Number, Params
from ..strands import strands
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Thatch(Family):
    name = "thatch"
    title = "Thatch"
    nouns = (
        "thatch", "thatched roof", "straw roof", "straw thatch", "reed roof", "straw", "palm thatch", "hay",
    )  # fmt: skip
    rare_nouns = ("water reed roof", "thatching", "alang roof")
    modifiers = ("cottage", "tropical", "hut", "farm")
    tile_width_m = 0.8
    palettes = (
        {"color": "#b59a5f", "second_color": "#5f4b2c"},
        {"color": "#c9b070", "second_color": "#6f5832"},
        {"color": "#ab9468", "second_color": "#5a4930"},
        {"color": "#9c917f", "second_color": "#514838"},
        {"color": "#a5814b", "second_color": "#523b20"},
        {"color": "#7c6a50", "second_color": "#3c3023"},
        {"color": "#d2c08a", "second_color": "#80683c"},
    )
    parameters = (
        Color(name="color", label="Straw color", spread=0.016),
        Color(name="second_color", label="Underlayer color", parts=("underlayer", "lower straw"), spread=0.012),
        scale("Straw width", 0.0015, 0.02, (0.0028, 0.0042), 0.0022, 0.009),
        Number(
            name="layers", label="Layering", natural=(0.2, 0.8),
            words={"layered": 0.8, "in layers": 0.85, "stepped": 1.0, "unlayered": 0.0, "without layers": 0.0},
        ),
        irregularity((0.3, 0.7)),
        variation((0.3, 0.7)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "moss", "dust", "snow", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        wild, v = p.irregularity, p.variation
        bundle = c.noise("bundle", (s * 14.0, s * 60.0), 3, 0.5)
        # Whole handfuls of straw lie a little askew, and the ones on top cross those below.
        du = (0.25 + wild) * s * 1.9 / c.width_m * c.noise("sway", (s * 12.0, s * 26.0), 3, 0.55)
        v_all = c.v + c.zeros()
        rows = max(2, round(c.height_m / (s * 64.0)))
        # Each straw of a layer ends a little higher or lower than its neighbor.
        ragged = 0.05 * c.noise("ragged", (s * 1.3, s * 60.0), 2, 0.7, at=(c.u + du, v_all)) + 0.05 * bundle
        fall = torch.remainder(c.v * rows + (0.5 + wild) * ragged, 1.0)
        lean = 0.35 + 0.45 * wild
        low = strands(
            c, "low", pitch=s, length=s * 30.0, width=s * 1.15, lean=lean, taper=0.1, at=(c.u - 0.8 * du, v_all)
        )
        high = strands(
            c, "high", pitch=s * 1.3, length=s * 24.0, width=s, lean=lean, taper=0.1, share=0.85, at=(c.u + du, v_all)
        )
        # The upper straws thin out towards the cut end of their layer.
        depth = p.layers
        end = smoothstep(1.0, 0.93, fall) * smoothstep(0.0, 0.02, fall)
        high_z = high.z * mix(1.0, 0.25 + 0.75 * smoothstep(0.0, 0.5, fall) * end, depth)
        top = high_z + 0.12 * (high_z > 0.0) > low.z
        z = torch.where(top, high_z + 0.22, low.z)
        tone = torch.where(top, high.tone, low.tone)
        along = torch.where(top, high.along, low.along)
        body = torch.where(top, high.round, low.round)
        swell = 0.16 * bundle
        under = smoothstep(0.22, 0.0, fall) * smoothstep(-0.01, 0.02, fall) * depth
        fibre = c.noise("fibre", (s * 0.25, s * 6.0), 3, 0.7)
        stain = c.noise("stain", (s * 18.0, s * 45.0), 5, 0.6)
        gap = smoothstep(0.34, 0.0, z)
        light = (tone - 0.45) * 0.62 * v + 0.05 * fibre + 0.22 * (body - 0.8) + 0.3 * (z - 0.6) + 0.05 * stain * v
        light = light - 0.34 * under + 0.08 * depth * fall + 0.05
        # Some straws are bleached, some dark with damp.
        grey = smoothstep(0.6, 0.95, torch.remainder(tone * 7.0, 1.0)) * v
        straw = vary(p.color, c, light, chroma=-0.5 * grey - 0.12 * stain * v, warmth=0.006 * stain * v)
        dark = coverage(stain, 0.3 * v, 0.7) * 0.4 + smoothstep(0.88, 0.97, tone) * 0.5 * v
        straw = blend_colors(c, straw, vary(p.second_color, c, 0.25 + light), dark)
        lab = blend_colors(c, straw, vary(p.second_color, c, -0.12 + 0.1 * fibre - 0.25 * under), gap)
        tip = smoothstep(0.97, 1.0, along) * body
        thickness = s * 5.0
        height = thickness * (0.34 * z + swell + 0.02 * fibre) + s * 9.0 * depth * fall * smoothstep(1.0, 0.97, fall)
        return surface(
            c,
            color=vary(lab, c, 0.25 * tip),
            height=height,
            low=0.0,
            high=thickness * 0.6 + s * 9.0 * depth,
            roughness=0.86 + 0.04 * fibre - 0.1 * body * (1.0 - gap),
            cavity=torch.maximum(gap, under * 0.8),
            exposed=smoothstep(0.6, 1.0, z) * (0.4 + 0.6 * fall),
        )
