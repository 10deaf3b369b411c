# SPDX-License-Identifier: GPL-3.0-or-later
"""Layered rock: sandstone strata, canyon and cliff faces."""

from __future__ import annotations

import torch

from ..common import relief, scale
from ..family import Family
from ..ops import coverage, smoothstep
from ..parameters import Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Sandstone(Family):
    name = "sandstone"
    title = "Sandstone rock"
    nouns = (
        "sandstone",
        "rock",
        "rock face",
        "cliff",
        "layered rock",
        "canyon wall",
        "limestone",
        "boulder",
    )
    rare_nouns = ("sedimentary rock", "crag", "stratified stone")
    modifiers = ("desert", "canyon", "mountain", "natural", "raw")
    tile_width_m = 3.0
    palettes = (
        {"color": "#b58d63", "second_color": "#7f5639"},
        {"color": "#a5694a", "second_color": "#6e3c2a"},
        {"color": "#a89f8f", "second_color": "#716a5e"},
        {"color": "#8c8880", "second_color": "#595650"},
        {"color": "#c6ab82", "second_color": "#94704a"},
        {"color": "#6f6a66", "second_color": "#45413e"},
    )
    parameters = (
        Color(name="color", label="Rock color", spread=0.016),
        Color(name="second_color", label="Layer color", parts=("layers", "bands", "strata"), spread=0.014),
        scale("Layer thickness", 0.05, 1.0, (0.2, 0.4), 0.1, 0.6),
        Number(
            name="layers", label="Layering", natural=(0.3, 0.9),
            words={"layered": 0.9, "stratified": 0.95, "banded": 0.9, "massive": 0.05, "solid": 0.1},
        ),
        relief((0.4, 0.8)),
    )  # fmt: skip

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        lumps = c.noise("lumps", s * 3.0, 7, 0.55)
        fold = c.noise("fold", (s * 7.0, s * 3.0), 3, 0.5)
        rows = max(2, round(c.height_m / s))
        # Layers are lines of equal height of a tilted, folded field; whole numbers close over the tile.
        level = c.v * rows + 0.45 * fold + 0.16 * lumps
        index = level.floor()
        fraction = level - index
        tones = c.table("tones", rows)
        tone = tones[torch.remainder(index, rows).long()]
        step = smoothstep(0.0, 0.16, fraction) * smoothstep(1.0, 0.55, fraction)
        thin = torch.sin(level * 6.2831853 * 5.0 + lumps) * 0.5
        pits = coverage(c.noise("pits", s * 0.16, 3, 0.6), 0.1, 0.12)
        grain = c.noise("grain", s * 0.04, 4, 0.75)
        breaks = smoothstep(0.1, 0.0, c.noise("breaks", (s * 1.3, s * 4.0), 4, 0.55).abs()) * coverage(lumps, 0.45, 0.3)
        depth = 0.16 * s * (0.3 + 1.2 * p.relief)
        strata = p.layers
        height = depth * (0.24 * lumps + strata * (0.42 * step + 0.05 * thin + 0.3 * (tone - 0.5)))
        height = height + depth * (0.02 * grain - 0.16 * pits - 0.3 * breaks)
        gap = smoothstep(0.09, 0.0, fraction) * strata
        lab = blend_colors(
            c, p.color, p.second_color, (strata * 0.75 * smoothstep(0.45, 0.75, tone + 0.05 * lumps)).clamp(0.0, 1.0)
        )
        lab = vary(
            lab, c, 0.05 * lumps + 0.035 * grain + 0.04 * thin * strata - 0.25 * breaks - 0.2 * gap - 0.12 * pits
        )
        return surface(
            c,
            color=lab,
            height=height,
            low=-0.6 * depth,
            high=0.8 * depth,
            roughness=0.88 + 0.03 * grain,
            cavity=(gap + 0.6 * breaks + 0.5 * pits + smoothstep(0.3, -1.5, lumps) * 0.5).clamp(0.0, 1.0),
            exposed=smoothstep(0.0, 1.6, lumps) * (0.5 + 0.5 * step),
        )
