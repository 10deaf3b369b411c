# SPDX-License-Identifier: GPL-3.0-or-later
"""Cork: granules pressed together, as on a pin board."""

from __future__ import annotations

import torch

from ..cells import voronoi
from ..common import relief, scale, variation
from ..family import Family
from ..ops import dome, smoothstep
from ..parameters import Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Cork(Family):
    name = "cork"
    title = "Cork"
    nouns = ("cork", "cork board", "corkboard", "pressed cork", "cork tile", "cork sheet", "pinboard", "cork granules")
    rare_nouns = ("agglomerated cork", "notice board cork", "wine stopper")
    modifiers = ("office", "eco", "portuguese", "natural")
    tile_width_m = 0.2
    palettes = (
        {"color": "#b98a5a", "second_color": "#5e3d22"},
        {"color": "#c99b6a", "second_color": "#73492a"},
        {"color": "#a57a4e", "second_color": "#4a301c"},
        {"color": "#d2ab7c", "second_color": "#8a5d38"},
        {"color": "#8a6140", "second_color": "#3a2616"},
        {"color": "#5b402b", "second_color": "#2b1d13"},
        {"color": "#b89c7c", "second_color": "#6e5741"},
    )
    parameters = (
        Color(name="color", label="Cork color", spread=0.014),
        Color(
            name="second_color", label="Dark granule color", parts=("dark granules", "dark grains", "specks", "flecks"),
            spread=0.012,
        ),
        scale("Granule size", 0.0008, 0.02, (0.003, 0.0055), 0.0016, 0.01),
        Number(
            name="flecks", label="Dark granules", natural=(0.2, 0.5),
            words={"flecked": 0.7, "speckled": 0.75, "heavily flecked": 1.0, "unflecked": 0.0,
                   "without dark grains": 0.0},
        ),
        relief((0.25, 0.6)),
        variation((0.35, 0.75)),
    )  # fmt: skip
    attributes = ("wear", "cracks", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, v = canvas, p.scale, p.variation
        # Crumbs of all sizes were pressed: large ones, and small ones that fill what is left between.
        at = c.warp("press", s * 0.5, s * 0.14, octaves=3, gain=0.6)
        large = voronoi(c, "large", s, jitter=0.95, at=at, border=True)
        small = voronoi(c, "small", s * 0.42, jitter=0.95, at=at, border=True)
        assert large.border is not None and small.border is not None
        keep = large.border - s * (0.02 + 0.16 * large.random("keep"))
        is_large = (keep > 0.0) & (large.random("there") > 0.3)
        edge = torch.where(is_large, keep, small.border)
        tone = torch.where(is_large, large.random("tone"), small.random("tone"))
        hue = torch.where(is_large, large.random("hue"), small.random("hue"))
        dark_at = torch.where(is_large, large.random("dark"), small.random("dark"))
        level = torch.where(is_large, large.random("level"), small.random("level"))
        fine = c.noise("fine", s * 0.14, 4, 0.72)
        lump = c.noise("lump", s * 0.7, 4, 0.55)
        cloud = c.noise("cloud", s * 14.0, 4, 0.5)
        seam = smoothstep(s * 0.06, 0.0, edge + 0.012 * s * fine)
        # A crumb of the outer bark is dark throughout, others only in a lens or along a border.
        share = 0.5 * p.flecks
        dark = smoothstep(share + 0.03, share - 0.03, dark_at)
        lens = smoothstep(0.75, 1.3, lump + 1.6 * (dark_at - 0.55)) * 0.55 * (0.3 + p.flecks)
        pore = smoothstep(1.35, 1.9, c.noise("pores", s * 0.26, 3, 0.6)) * (0.35 + 0.65 * level)
        light = v * (0.34 * (tone - 0.5) + 0.03 * cloud) + 0.05 * fine + 0.04 * lump - 0.26 * seam - 0.3 * pore
        lab = vary(p.color, c, light + 0.04, chroma=0.3 * v * (hue - 0.5), warmth=0.02 * v * (hue - 0.5))
        deep = vary(p.second_color, c, 0.3 * v * (tone - 0.5) + 0.1 * fine - 0.2 * seam)
        lab = blend_colors(c, lab, deep, torch.maximum(dark, lens))
        depth = s * (0.05 + 0.3 * p.relief)
        body = dome(edge, s * 0.2)
        height = depth * (0.45 * body + 0.35 * (level - 0.5) + 0.07 * fine + 0.1 * lump - 0.55 * pore)
        return surface(
            c,
            color=lab,
            height=height,
            low=-0.5 * depth,
            high=0.75 * depth,
            roughness=0.86 + 0.03 * fine - 0.06 * dark,
            cavity=torch.maximum(0.7 * seam, pore),
            exposed=body * level,
        )
