# SPDX-License-Identifier: GPL-3.0-or-later
"""Skies: clouds by day, stars and nebulae by night."""

from __future__ import annotations

from ..cells import voronoi
from ..common import scale
from ..family import Family
from ..ops import coverage, smoothstep
from ..parameters import Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Sky(Family):
    name = "sky"
    title = "Cloudy sky"
    nouns = ("sky", "cloudy sky", "clouds", "blue sky", "sky with clouds", "sunset sky", "overcast sky", "cloudscape")
    rare_nouns = ("cumulus", "heavens by day")
    modifiers = ("summer", "dramatic", "bright")
    tile_width_m = 100.0
    palettes = (
        {"color": "#4f86b8", "second_color": "#f2f4f6"},
        {"color": "#6d9cc4", "second_color": "#ffffff"},
        {"color": "#3e6c9e", "second_color": "#dfe6ee"},
        {"color": "#8a97a5", "second_color": "#d3d7db"},
        {"color": "#c98a6a", "second_color": "#f7d9b5"},
        {"color": "#5d6f9a", "second_color": "#f0b7a4"},
    )
    parameters = (
        Color(name="color", label="Sky color", spread=0.014),
        Color(name="second_color", label="Cloud color", parts=("clouds",), spread=0.01),
        Number(
            name="density", label="Cloud cover", natural=(0.25, 0.65),
            words={"clear": 0.05, "cloudless": 0.0, "overcast": 0.95, "scattered": 0.3, "with a few clouds": 0.2,
                   "dense": 0.85, "sparse": 0.15},
        ),
        scale("Cloud size", 5.0, 100.0, (24.0, 45.0), 12.0, 60.0),
    )  # fmt: skip
    attributes = ()

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        at = c.warp("billow", s * 0.8, s * 0.14, octaves=4, gain=0.55)
        body = c.noise("body", (s * 1.25, s * 0.8), 4, 0.52, at=at)
        detail = c.noise("detail", s * 0.08, 4, 0.6)
        field = 0.92 * body + 0.16 * detail
        cover = coverage(field, p.density, 0.34)
        thick = coverage(field, p.density * 0.6, 0.5)
        veil = coverage(c.noise("veil", (s * 2.2, s * 0.7), 5, 0.6), 0.4 * p.density + 0.15, 0.9)
        # Shadow sides: where the cloud is thicker just above.
        shadow = smoothstep(0.2, 1.0, thick) * smoothstep(-0.8, 0.9, c.noise("shade", s * 0.6, 5, 0.55) - 0.25 * detail)
        light, a, b = p.second_color
        cloud = blend_colors(c, p.second_color, (light * 0.8, a * 0.8 - 0.002, b * 0.8 - 0.018), shadow * 0.75)
        sky = vary(p.color, c, 0.02 * c.noise("haze", s * 2.0, 3))
        lab = blend_colors(c, sky, p.second_color, veil * 0.28)
        lab = blend_colors(c, lab, cloud, cover)
        return surface(
            c, color=lab, height=c.zeros(), low=0.0, high=1e-3,
            roughness=1.0, cavity=c.zeros(), exposed=c.zeros(),
        )  # fmt: skip


class StarrySky(Family):
    name = "starry_sky"
    title = "Starry night"
    nouns = (
        "starry night",
        "starry sky",
        "night sky",
        "stars",
        "space",
        "galaxy",
        "milky way",
        "nebula",
        "outer space",
    )
    rare_nouns = ("cosmos", "star field", "heavens at night")
    modifiers = ("cosmic", "deep", "magical")
    tile_width_m = 100.0
    palettes = (
        {"color": "#0c1226", "second_color": "#4a3f86"},
        {"color": "#070a16", "second_color": "#2f5f92"},
        {"color": "#101021", "second_color": "#8a3f6a"},
        {"color": "#0a1420", "second_color": "#2f7d78"},
    )
    parameters = (
        Color(name="color", label="Night color", spread=0.01),
        Color(name="second_color", label="Nebula color", parts=("nebula", "clouds of gas", "glow"), spread=0.018),
        Number(
            name="density", label="Stars", natural=(0.35, 0.75),
            words={"dense": 0.9, "full of stars": 0.95, "sparse": 0.15, "scattered": 0.3, "with few stars": 0.12},
        ),
        Number(
            name="nebula", label="Nebula", natural=(0.0, 0.7), often=0.25,
            words={"with nebula": 0.8, "with a nebula": 0.8, "colorful": 0.9, "nebulous": 0.8, "clear": 0.0},
        ),
    )  # fmt: skip
    attributes = ()

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, 30.0
        gas_at = c.warp("gas bend", s, s * 0.35, octaves=4, gain=0.55)
        gas = c.noise("gas", s * 1.3, 5, 0.55, at=gas_at)
        dust = c.noise("dust", s * 0.9, 6, 0.6)
        glow = smoothstep(-0.6, 2.2, gas) * p.nebula
        dark = smoothstep(0.2, 1.6, dust) * 0.6
        light, a, b = p.second_color
        lab = vary(p.color, c, 0.1 * dust)
        lab = blend_colors(c, lab, p.second_color, (glow * (1.0 - dark)).clamp(0.0, 0.85))
        core = smoothstep(0.55, 1.0, glow) * (1.0 - dark)
        lab = blend_colors(c, lab, (min(0.95, light + 0.25), -a * 0.3, b * 0.4), core * 0.5)
        for number, (pitch, size, share) in enumerate(((0.6, 0.07, 0.75), (1.6, 0.15, 0.6), (5.0, 0.32, 0.6))):
            cells = voronoi(c, f"stars{number}", pitch, jitter=0.95)
            there = (cells.random("there") < share * (0.15 + p.density)).float()
            radius = size * (0.45 + 0.75 * cells.random("size"))
            # Smaller than a pixel a star gets fainter instead of smaller.
            shown = max(1.0, c.pixel_m * 0.6 / size)
            d = cells.distance / (radius * shown)
            bright = (there * (0.15 + cells.random("bright")) / shown).clamp(0.0, 1.0)
            disc = ((-1.4 * d * d).exp() + 0.05 / (0.4 + d * d) * (number > 0)) * bright * 1.6
            hue = cells.random("hue") - 0.5
            white = vary((0.97, 0.0, 0.0), c, c.zeros()).clone()
            white[2] = white[2] + 0.09 * hue
            lab = blend_colors(c, lab, white, disc.clamp(0.0, 1.0))
        return surface(
            c, color=lab, height=c.zeros(), low=0.0, high=1e-3, roughness=1.0, cavity=c.zeros(), exposed=c.zeros(),
        )  # fmt: skip
