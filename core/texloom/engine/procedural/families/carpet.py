# SPDX-License-Identifier: GPL-3.0-or-later
"""Carpet: tufts of pile."""

from __future__ import annotations

import torch

from ..cells import voronoi
from ..common import scale, variation
from ..family import Family
from ..ops import dome, smoothstep
from ..parameters import Color, Params
from ..surface import Surface, surface, vary
from ..tile import Canvas


class Carpet(Family):
    name = "carpet"
    title = "Carpet"
    nouns = ("carpet", "rug", "carpet pile", "shaggy carpet", "wool carpet", "tufted rug", "doormat")
    rare_nouns = ("floor rug", "shag pile")
    modifiers = ("hotel", "office", "living room", "soft")
    tile_width_m = 0.3
    palettes = (
        {"color": "#8d8478"}, {"color": "#5e6470"}, {"color": "#7a3a36"}, {"color": "#b7aa93"}, {"color": "#4f5a4c"},
        {"color": "#3a3c42"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Pile color", spread=0.018),
        scale("Tuft size", 0.002, 0.03, (0.0045, 0.008), 0.003, 0.015),
        variation((0.2, 0.6)),
    )
    attributes = ("wear", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        at = c.warp("curl", s * 0.8, s * 0.3, octaves=3, gain=0.6)
        tufts = voronoi(c, "tufts", s, jitter=0.8, at=at, border=True)
        assert tufts.border is not None
        lay = c.noise("lay", s * 25.0, 4, 0.5)
        body = dome(tufts.border, s * 0.42)
        angle = tufts.random("angle") * 6.2831853
        spiral = torch.sin(torch.atan2(tufts.dy, tufts.dx) * 3.0 + tufts.distance * (11.0 / s) + angle)
        fibre = c.noise("fibre", s * 0.16, 3, 0.8)
        tone = (tufts.random("tone") - 0.5) * 0.5 * p.variation + 0.06 * spiral + 0.09 * fibre + 0.05 * lay
        tone = tone - 0.45 * smoothstep(0.6, 0.0, body) + 0.12
        depth = s * 0.7
        return surface(
            c,
            color=vary(p.color, c, tone),
            height=depth * (body * (0.7 + 0.3 * tufts.random("tall")) + 0.06 * spiral + 0.07 * fibre + 0.08 * lay),
            low=0.0,
            high=depth,
            roughness=0.95 + 0.02 * fibre,
            cavity=smoothstep(0.6, 0.0, body),
            exposed=body * 0.5,
        )
