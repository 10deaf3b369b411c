# SPDX-License-Identifier: GPL-3.0-or-later
"""Leather: pebbled grain, creases and pores."""

from __future__ import annotations

from ..cells import voronoi
from ..common import gloss, relief, scale, variation
from ..family import Family
from ..ops import coverage, dome, smoothstep
from ..parameters import Color, Params
from ..surface import Surface, surface, vary
from ..tile import Canvas


class Leather(Family):
    name = "leather"
    title = "Leather"
    nouns = ("leather", "leather hide", "faux leather", "grained leather", "cowhide", "leather upholstery", "suede")
    rare_nouns = ("tanned hide", "pigskin", "leatherette")
    modifiers = ("vintage", "car seat", "sofa", "bag")
    tile_width_m = 0.15
    palettes = (
        {"color": "#6a4028"}, {"color": "#8b5a35"}, {"color": "#2a2623"}, {"color": "#7a2c22"}, {"color": "#a8875f"},
        {"color": "#3d2a20"}, {"color": "#c3b49c"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Color", spread=0.018),
        scale("Grain size", 0.0006, 0.01, (0.0016, 0.003), 0.001, 0.006),
        relief((0.3, 0.7)),
        variation((0.2, 0.6)),
        gloss((0.25, 0.65)),
    )
    attributes = ("wear", "cracks", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        at = c.warp("flow", s * 5.0, s * 0.9, octaves=2, gain=0.5)
        cells = voronoi(c, "grain", s, jitter=0.95, at=at, border=True, rounding=s * 0.05)
        assert cells.border is not None
        swell = c.noise("swell", s * 14.0, 4, 0.5)
        crease_field = c.noise("creases", (s * 12.0, s * 5.0), 4, 0.5)
        crease = smoothstep(0.05, 0.0, crease_field.abs()) * coverage(swell, 0.4, 0.5)
        pebble = dome(cells.border - s * 0.035, s * 0.3)
        strength = 0.55 + 0.45 * coverage(c.noise("strength", s * 10.0, 3), 0.6, 0.8)
        pores = smoothstep(s * 0.14, s * 0.05, cells.distance) * (cells.random("pore") > 0.72)
        fine = c.noise("fine", s * 0.25, 4, 0.7)
        depth = s * (0.06 + 0.24 * p.relief)
        height = depth * (strength * pebble + 0.12 * fine - 0.3 * pores + 0.35 * swell - 0.7 * crease)
        valley = (1.0 - pebble) * strength
        tone = 0.1 * p.variation * swell + 0.03 * fine - 0.2 * valley - 0.2 * crease - 0.15 * pores
        tone = tone + (cells.random("tone") - 0.5) * 0.06 + 0.06
        rough = 0.78 - 0.52 * p.gloss
        return surface(
            c,
            color=vary(p.color, c, tone, chroma=0.05 * swell * p.variation),
            height=height,
            low=-0.6 * depth,
            high=1.5 * depth,
            roughness=rough + 0.12 * valley + 0.04 * fine + 0.04 * swell,
            cavity=(valley + crease).clamp(0.0, 1.0),
            exposed=pebble * smoothstep(-0.5, 1.5, swell),
        )
