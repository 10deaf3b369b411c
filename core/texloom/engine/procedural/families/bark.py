# SPDX-License-Identifier: GPL-3.0-or-later
"""Tree bark: plates between deep upright furrows, or smooth with bands."""

from __future__ import annotations

import torch

from ..cells import voronoi
from ..common import relief, scale, variation
from ..family import Family
from ..ops import coverage, dome, mix, smoothstep
from ..parameters import Choice, Color, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Bark(Family):
    name = "bark"
    title = "Tree bark"
    nouns = ("bark", "tree bark", "oak bark", "tree trunk", "pine bark", "bark of a tree", "birch bark")
    rare_nouns = ("trunk of a tree", "rind of a tree")
    modifiers = ("forest", "natural", "old growth")
    tile_width_m = 0.8
    palettes = (
        {"color": "#6b5a4a", "second_color": "#251c15"},
        {"color": "#5a4636", "second_color": "#1d140e"},
        {"color": "#7d7264", "second_color": "#2e261f"},
        {"color": "#84664c", "second_color": "#2f1f15"},
        {"color": "#54504a", "second_color": "#1c1a17"},
    )
    parameters = (
        Color(name="color", label="Bark color", spread=0.016),
        Color(name="second_color", label="Furrow color", parts=("furrows", "crevices"), spread=0.01),
        Choice(
            name="kind", label="Kind",
            options={
                "furrowed": ("furrowed", "ridged"),
                "plated": ("plated", "scaly"),
                "smooth": ("peeling", "papery"),
            },
            weights={"furrowed": 3.0, "plated": 2.0, "smooth": 0.6},
        ),
        scale("Ridge width", 0.01, 0.15, (0.035, 0.06), 0.02, 0.09),
        relief((0.4, 0.8)),
        variation((0.3, 0.7)),
    )  # fmt: skip
    attributes = ("moss", "dirt", "snow", "wetness", "dust", "cracks")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        depth = s * (0.12 + 0.5 * p.relief)
        fine = c.noise("fine", (s * 0.12, s * 0.4), 4, 0.7)
        rough = c.noise("rough", (s * 0.4, s * 1.2), 5, 0.65)
        if p.kind == "smooth":
            bands = coverage(c.noise("bands", (s * 2.2, s * 0.16), 3, 0.6), 0.16, 0.1)
            curl = coverage(c.noise("curl", (s * 4.0, s * 2.0), 5, 0.6), 0.3, 0.08)
            lab = vary(p.color, c, 0.05 * rough + 0.04 * fine)
            lab = blend_colors(c, lab, p.second_color, (bands * 0.85 + curl * 0.35).clamp(0.0, 1.0))
            height = depth * (0.12 * (1.0 - curl) + 0.04 * rough + 0.03 * fine - 0.1 * bands)
            return surface(
                c, color=lab, height=height, low=-0.05 * depth, high=0.2 * depth,
                roughness=0.68 + 0.06 * fine + 0.15 * curl, cavity=(bands + curl * 0.5).clamp(0.0, 1.0),
            )  # fmt: skip
        tall = 4.5 if p.kind == "furrowed" else 1.7
        at = c.warp("wander", (s * 1.4, s * 3.0), s * 0.28, octaves=4, gain=0.55)
        cells = voronoi(c, "plates", (s * 1.25, s * tall), jitter=0.85, at=at, border=True, rounding=s * 0.04)
        assert cells.border is not None
        distance = cells.border - s * 0.05 * (1.0 + 0.6 * rough)
        plate = c.edge(distance, s * 0.03)
        layers = torch.sin(c.noise("layers", (s * 0.8, s * 2.0), 3) * 7.0 + rough * 1.5)
        profile = dome(distance, s * 0.3)
        height = depth * (profile * (0.75 + 0.2 * (cells.random("level") - 0.5)) + 0.035 * layers * plate)
        height = height + depth * (0.05 * rough + 0.035 * fine)
        tone = (cells.random("tone") - 0.5) * 0.3 * p.variation + 0.08 * rough + 0.07 * fine + 0.04 * layers
        furrow = smoothstep(0.75, 0.05, profile + 0.12 * rough)
        lab = blend_colors(c, vary(p.color, c, tone + 0.03), p.second_color, furrow * 0.9)
        return surface(
            c,
            color=lab,
            height=height,
            low=0.0,
            high=depth * 0.95,
            roughness=mix(c.full(0.95), 0.86 + 0.05 * fine, plate),
            cavity=furrow,
            exposed=plate * profile * 0.7,
        )
