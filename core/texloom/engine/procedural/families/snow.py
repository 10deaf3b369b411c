# SPDX-License-Identifier: GPL-3.0-or-later
"""Frozen water: snow and ice."""

from __future__ import annotations

from ..cells import cracks
from ..common import gloss, relief, scale
from ..family import Family
from ..ops import coverage, smoothstep
from ..parameters import Choice, Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Snow(Family):
    name = "snow"
    title = "Snow"
    nouns = ("snow", "fresh snow", "snowy ground", "powder snow", "snow field", "snowdrift", "packed snow")
    rare_nouns = ("winter ground", "snowfall cover")
    modifiers = ("winter", "alpine", "arctic", "mountain")
    tile_width_m = 1.5
    palettes = ({"color": "#eef2f7"}, {"color": "#e4ebf3"}, {"color": "#f2f3f4"}, {"color": "#dfe6ec"})
    parameters = (
        Color(name="color", label="Snow color", spread=0.008),
        Choice(
            name="pattern", label="Surface",
            options={
                "fresh": ("fluffy", "untouched", "soft"),
                "drifted": ("drifted", "wind-packed", "wind-blown"),
                "crusty": ("crusty", "trampled", "with footprints", "lumpy"),
            },
            weights={"fresh": 5.0},
        ),
        scale("Drift size", 0.05, 1.0, (0.2, 0.4), 0.1, 0.6),
        relief((0.3, 0.7)),
    )  # fmt: skip
    attributes = ("dirt", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        depth = s * 0.22 * (0.3 + p.relief)
        crumbs = 1.0
        if p.pattern == "drifted":
            base = c.noise("drift", (s * 1.7, s * 0.9), 5, 0.45)
            shape = 0.3 * base + 0.2 * smoothstep(0.0, 0.7, base)
        elif p.pattern == "crusty":
            base = c.noise("crust", s * 0.9, 6, 0.6)
            shape = 0.28 * base - 0.45 * smoothstep(0.5, 1.3, base)
        else:
            base = c.noise("soft", s * 1.4, 4, 0.42)
            shape = 0.3 * base
            crumbs = 0.5
        grain = c.noise("grain", 0.006, 3, 0.75)
        clumps = c.noise("clumps", 0.04, 4, 0.6)
        sparkle = coverage(c.noise("sparkle", 0.0045, 1), 0.02, 0.02)
        shade = 0.022 * base + 0.018 * grain + 0.012 * clumps
        # Hollows are blue: light that has gone further through the ice.
        lab = blend_colors(c, vary(p.color, c, shade), (0.83, -0.012, -0.035), smoothstep(0.2, -1.0, shape) * 0.35)
        return surface(
            c, color=lab, height=depth * shape + crumbs * (0.0007 * grain + 0.0018 * clumps),
            low=-0.7 * depth, high=0.8 * depth,
            roughness=0.75 + 0.05 * grain - 0.45 * sparkle,
            cavity=smoothstep(0.2, -0.7, shape), exposed=smoothstep(0.0, 0.8, shape),
        )  # fmt: skip


class Ice(Family):
    name = "ice"
    title = "Ice"
    nouns = ("ice", "frozen lake", "cracked ice", "blue ice", "ice sheet", "glacier ice", "frozen water")
    rare_nouns = ("icy surface", "frozen pond", "ice rink")
    modifiers = ("winter", "arctic", "glacial", "clear")
    tile_width_m = 2.0
    palettes = (
        {"color": "#a9c9d8"},
        {"color": "#7fb0c9"},
        {"color": "#c5d8df"},
        {"color": "#5d93ad"},
        {"color": "#8fb7bd"},
    )
    parameters = (
        Color(name="color", label="Ice color", spread=0.016),
        scale("Fracture size", 0.1, 2.0, (0.45, 0.9), 0.25, 1.2),
        Number(
            name="bubbles", label="Bubbles", natural=(0.0, 0.6), often=0.3,
            words={"with bubbles": 0.8, "bubbly": 0.8, "cloudy": 0.7, "clear": 0.0},
        ),
        gloss((0.6, 0.95)),
    )  # fmt: skip
    attributes = ("cracks", "snow", "dirt", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        depth_field = c.noise("depth", s * 1.2, 6, 0.55)
        mist = c.noise("mist", s * 0.5, 5, 0.6)
        wide = cracks(c, "wide", s, width=s * 0.03, wander=0.35)
        fine = cracks(c, "fine", s * 0.35, width=s * 0.008, wander=0.5) * coverage(depth_field, 0.5, 0.5)
        halo = cracks(c, "wide", s, width=s * 0.16, wander=0.35)
        bubbles = coverage(c.noise("bubbles", s * 0.03, 2), 0.05 * p.bubbles, 0.03) * coverage(mist, 0.4, 0.3)
        tone = 0.1 * depth_field + 0.05 * mist
        lab = vary(p.color, c, tone - 0.03, chroma=-0.2 * depth_field)
        white = (0.7 * wide + 0.16 * halo + 0.4 * fine + 0.6 * bubbles + 0.1 * coverage(mist, 0.4, 0.8)).clamp(0.0, 1.0)
        lab = blend_colors(c, lab, (0.95, -0.008, -0.012), white)
        rough = 0.42 - 0.36 * p.gloss
        h = s * 0.008
        return surface(
            c, color=lab, height=h * (0.25 * depth_field - 0.6 * wide - 0.2 * fine), low=-0.7 * h, high=0.7 * h,
            roughness=rough + 0.25 * wide + 0.1 * fine + 0.05 * coverage(mist, 0.5, 0.9),
            cavity=wide, exposed=smoothstep(0.0, 1.5, depth_field) * 0.4,
        )  # fmt: skip
