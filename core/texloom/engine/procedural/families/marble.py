# SPDX-License-Identifier: GPL-3.0-or-later
"""Marble: clouds and veins that follow warped sheets."""

from __future__ import annotations

from ..common import gloss, scale
from ..family import Family
from ..ops import coverage, smoothstep
from ..parameters import Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Marble(Family):
    name = "marble"
    title = "Marble"
    nouns = (
        "marble",
        "marble slab",
        "carrara marble",
        "polished marble",
        "marble floor",
        "veined marble",
    )
    rare_nouns = ("calacatta", "marble countertop")
    modifiers = ("luxury", "italian", "bathroom", "elegant")
    tile_width_m = 1.2
    palettes = (
        {"color": "#e4e2de", "second_color": "#8b8e94"},
        {"color": "#ded8cc", "second_color": "#a08c6c"},
        {"color": "#23262a", "second_color": "#c9c6bf"},
        {"color": "#3e5446", "second_color": "#bccabb"},
        {"color": "#c9b39a", "second_color": "#7d5a43"},
        {"color": "#d8cfcb", "second_color": "#9c6f68"},
    )
    parameters = (
        Color(name="color", label="Stone color", spread=0.012),
        Color(name="second_color", label="Vein color", parts=("veins", "veining", "streaks"), spread=0.015),
        scale("Vein spacing", 0.05, 1.0, (0.22, 0.4), 0.12, 0.6),
        Number(
            name="contrast", label="Vein strength", natural=(0.35, 0.8),
            words={"strongly veined": 0.95, "bold": 0.9, "dramatic": 0.95, "subtle": 0.2, "faint": 0.15, "soft": 0.25},
        ),
        gloss((0.6, 0.95)),
    )  # fmt: skip
    attributes = ("wear", "cracks", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        u, v = c.warp("bend", s * 1.6, s * 0.55, octaves=4, gain=0.55)
        field = c.noise("sheets", (s * 1.5, s * 0.9), 3, 0.45, at=(u, v))
        second = c.noise("sheets two", (s * 0.8, s * 1.1), 2, 0.5, at=(u + 0.31, v + 0.17))
        mass = c.noise("mass", s * 1.8, 5, 0.55)
        fine = c.noise("fine", s * 0.05, 4, 0.7)
        strength = coverage(c.noise("strength", s * 1.4, 3), 0.55, 0.9)
        # A vein is where the warped field crosses zero: sharp on one side, bleeding on the other.
        sharp = smoothstep(0.07, 0.0, (field + 0.02 * fine).abs()) * (0.35 + 0.65 * strength)
        bleed = smoothstep(0.75, 0.0, field.abs()) * strength
        thread = smoothstep(0.035, 0.0, (second + 0.02 * fine).abs()) * coverage(mass, 0.5, 0.6)
        cloud = coverage(mass + 0.3 * field, 0.45, 0.9)
        vein = (p.contrast * (0.95 * sharp + 0.34 * bleed + 0.6 * thread) + 0.12 * cloud).clamp(0.0, 1.0)
        lab = blend_colors(c, p.color, p.second_color, vein)
        lab = vary(lab, c, 0.012 * fine + 0.018 * mass)
        shine = 0.5 - 0.44 * p.gloss
        return surface(
            c,
            color=lab,
            height=0.00008 * s * (fine * (1.2 - p.gloss)) - 0.0003 * s * sharp * (1.1 - p.gloss),
            low=-0.0004 * s,
            high=0.0003 * s,
            roughness=shine + 0.02 * fine + 0.05 * sharp + 0.03 * mass * (1.0 - p.gloss),
            cavity=sharp * 0.5,
            exposed=c.zeros(),
        )
