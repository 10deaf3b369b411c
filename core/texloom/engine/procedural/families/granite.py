# SPDX-License-Identifier: GPL-3.0-or-later
"""Granite: interlocked crystals of feldspar, quartz and mica."""

from __future__ import annotations

from ..cells import voronoi
from ..common import gloss, scale
from ..family import Family
from ..ops import mix, smoothstep
from ..parameters import Color, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Granite(Family):
    name = "granite"
    title = "Granite"
    nouns = ("granite", "granite slab", "granite countertop", "speckled granite", "polished granite", "granite stone")
    rare_nouns = ("speckled stone worktop", "igneous rock slab")
    modifiers = ("kitchen", "natural", "solid")
    tile_width_m = 0.5
    palettes = (
        {"color": "#a9a5a0", "second_color": "#2e2c2b", "third_color": "#d8d3cc"},
        {"color": "#a77a68", "second_color": "#33302f", "third_color": "#d0bfb2"},
        {"color": "#3c3d40", "second_color": "#141416", "third_color": "#8b8d92"},
        {"color": "#b4a58c", "second_color": "#4a3b2c", "third_color": "#ddd2bb"},
        {"color": "#6e7a78", "second_color": "#262b2b", "third_color": "#b9c2be"},
    )
    parameters = (
        Color(name="color", label="Feldspar color", spread=0.014),
        Color(name="second_color", label="Mica color", parts=("specks", "speckles", "flecks"), spread=0.01),
        Color(name="third_color", label="Quartz color", parts=("crystals", "quartz"), spread=0.012),
        scale("Crystal size", 0.002, 0.03, (0.005, 0.009), 0.0035, 0.016),
        gloss((0.4, 0.9)),
    )
    attributes = ("wear", "cracks", "dirt", "dust", "moss", "snow", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        at = c.warp("ragged", s * 0.7, s * 0.35, octaves=3, gain=0.6)
        large = voronoi(c, "large", s * 1.8, jitter=0.9, at=at)
        small = voronoi(c, "small", s * 0.8, jitter=0.9, at=at)
        cluster = c.noise("cluster", s * 7.0, 4, 0.55)
        pick = large.random("mineral") + 0.05 * cluster
        quartz = (pick > 0.72).float()
        mica_pick = small.random("mica") + 0.11 * cluster
        mica = smoothstep(0.77, 0.79, mica_pick)
        tone = (large.random("tone") - 0.5) * 0.26 + (small.random("tone") - 0.5) * 0.14
        body = vary(p.color, c, tone)
        body = blend_colors(c, body, vary(p.third_color, c, tone * 0.7), quartz * 0.75)
        lab = blend_colors(c, body, vary(p.second_color, c, tone), mica * 0.92)
        grain = c.noise("grain", s * 0.5, 4, 0.7)
        lab = vary(lab, c, 0.03 * grain)
        broken = 1.0 - p.gloss
        height = s * broken * (0.05 * tone + 0.03 * grain - 0.04 * mica + 0.05 * cluster)
        flash = mica * (small.random("flash") > 0.6).float()
        return surface(
            c,
            color=lab,
            height=height,
            low=-0.12 * s,
            high=0.12 * s,
            roughness=mix(0.78 + 0.05 * grain, 0.07, p.gloss) - flash * 0.15 * broken + mica * 0.06,
            cavity=(mica * 0.5 + (0.3 - 0.2 * cluster)).clamp(0.0, 1.0),
            exposed=(0.4 + 0.3 * grain).clamp(0.0, 1.0),
        )
