# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain sheet of wood grain: veneer, table tops, furniture."""

from __future__ import annotations

import torch

from ..cells import voronoi
from ..common import gloss, scale
from ..family import Family
from ..ops import coverage, smoothstep
from ..parameters import Choice, Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Wood(Family):
    name = "wood"
    title = "Wood grain"
    nouns = (
        "wood", "wood grain", "wood veneer", "oak wood", "walnut wood", "polished wood", "timber", "wooden table top",
        "wooden surface", "pine wood", "mahogany", "plywood",
    )  # fmt: skip
    rare_nouns = ("hardwood", "cherry wood", "wooden panel")
    modifiers = ("furniture", "cabinet", "natural", "solid")
    tile_width_m = 0.8
    palettes = (
        {"color": "#a8794a", "second_color": "#6f4825"},
        {"color": "#6d4a30", "second_color": "#3c2617"},
        {"color": "#c9a878", "second_color": "#9a7545"},
        {"color": "#84482b", "second_color": "#4f2414"},
        {"color": "#d4b88c", "second_color": "#b08c5a"},
        {"color": "#4a3325", "second_color": "#261810"},
    )
    parameters = (
        Color(name="color", label="Wood color", spread=0.016),
        Color(name="second_color", label="Grain color", parts=("grain", "veins", "figure"), spread=0.012),
        scale("Figure", 0.03, 0.4, (0.07, 0.13), 0.05, 0.22),
        Choice(
            name="direction", label="Direction",
            options={"vertical": ("vertical", "upright"), "horizontal": ("horizontal",)},
            weights={"vertical": 1.0},
        ),
        Number(
            name="knots", label="Knots", natural=(0.0, 0.35), often=0.4,
            words={"knotty": 0.85, "with knots": 0.7, "gnarled": 0.9, "knot-free": 0.0, "without knots": 0.0},
        ),
        gloss((0.2, 0.7)),
    )  # fmt: skip
    attributes = ("wear", "cracks", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        down = p.direction == "vertical"

        def size(across: float, along: float) -> tuple[float, float]:
            return (across, along) if down else (along, across)

        flow = c.noise("flow", size(s * 1.6, s * 12.0), 3, 0.4)
        bend = c.noise("bend", size(s * 0.5, s * 3.0), 3, 0.5)
        knot = c.zeros()
        if p.knots > 0.02:
            cells = voronoi(c, "knots", size(s * 1.8, s * 3.2), jitter=0.9)
            x, y = (cells.dx, cells.dy * 0.55) if down else (cells.dx * 0.55, cells.dy)
            there = (cells.random("there") < p.knots * 0.6).float()
            distance = torch.sqrt(x * x + y * y) / (s * (0.18 + 0.22 * cells.random("size")))
            # Grain bends round a knot: the field rises towards it like a hill.
            swell = torch.exp(-distance * distance * 0.9) * there
            flow = flow + swell * 1.5
            knot = smoothstep(0.5, 0.25, distance) * there
        phase = flow * 2.6 + bend * 0.1
        saw = torch.remainder(phase * 2.0, 1.0)
        # Early wood turns slowly into dark late wood, then starts afresh.
        rings = saw * saw * smoothstep(1.0, 0.92, saw)
        fibre = c.noise("fibre", size(s * 0.035, s * 1.8), 4, 0.7)
        pores = coverage(c.noise("pores", size(s * 0.018, s * 0.3), 2), 0.2, 0.25)
        shimmer = c.noise("shimmer", size(s * 1.2, s * 0.5), 3)
        tone = (0.12 + 0.62 * rings + 0.09 * fibre + 0.25 * pores).clamp(0.0, 1.0)
        lab = blend_colors(c, p.color, p.second_color, torch.maximum(tone - 0.12, knot))
        lab = vary(lab, c, 0.035 * fibre + 0.025 * shimmer - 0.35 * knot)
        grain = 0.35 + 0.65 * p.get("wear")
        rough = 0.72 - 0.6 * p.gloss
        return surface(
            c,
            color=lab,
            height=s * grain * (0.0012 * rings - 0.0022 * pores + 0.0008 * fibre) - knot * s * 0.004,
            low=-0.004 * s,
            high=0.003 * s,
            roughness=rough + 0.04 * fibre + 0.1 * pores + 0.08 * rings,
            cavity=pores * 0.6,
            exposed=coverage(c.noise("touch", s * 3.0, 4), 0.3, 0.6) * 0.5,
        )
