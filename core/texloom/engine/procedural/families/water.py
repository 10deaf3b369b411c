# SPDX-License-Identifier: GPL-3.0-or-later
"""Open water: waves, ripples and foam."""

from __future__ import annotations

import math

import torch

from ..common import relief, scale
from ..family import Family
from ..ops import coverage, smoothstep
from ..parameters import Choice, Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Water(Family):
    name = "water"
    title = "Water"
    nouns = (
        "water",
        "ocean water",
        "sea",
        "water surface",
        "ocean waves",
        "lake water",
        "pool water",
        "river water",
        "sea waves",
    )
    rare_nouns = ("seawater", "rippling lake")
    modifiers = ("tropical", "deep", "calm", "open")
    tile_width_m = 4.0
    palettes = (
        {"color": "#1d4a5c"}, {"color": "#14394c"}, {"color": "#2f6f7c"}, {"color": "#24564f"}, {"color": "#3d8fa0"},
        {"color": "#22344a"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Water color", spread=0.016),
        scale("Wave length", 0.1, 4.0, (0.6, 1.4), 0.35, 2.2),
        Choice(
            name="pattern", label="Surface",
            options={
                "waves": ("wavy", "choppy", "stormy"),
                "ripples": ("rippled", "with ripples"),
                "caustics": ("shallow", "with caustics", "sunlit"),
            },
            weights={"waves": 3.0, "ripples": 2.0},
        ),
        Number(
            name="foam", label="Foam", natural=(0.0, 0.4), often=0.5,
            words={"foamy": 0.85, "with foam": 0.75, "frothy": 0.85, "with whitecaps": 0.7, "without foam": 0.0},
        ),
        relief((0.3, 0.7)),
    )  # fmt: skip
    attributes = ()

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        fine = c.noise("fine", s * 0.2, 5, 0.55)
        if p.pattern == "waves":
            # A sum of trochoid-like waves: sharp crests and round troughs, in directions that close over the tile.
            total, weight = c.zeros(), 0.0
            rng = c.tile.random("waves")
            turn = 0.35 * c.noise("bend", s * 2.0, 3)
            nx, ny = c.count(s)
            for number in range(7):
                angle = rng.normal(0.6, 0.5)
                k = 1.0 + 0.45 * number
                kx, ky = round(nx * k * math.cos(angle)), round(ny * k * math.sin(angle))
                if kx == 0 and ky == 0:
                    kx = 1
                phase = (c.u * kx + c.v * ky) * 6.2831853 + rng.uniform(0, 6.28) + turn * (2.0 + number)
                amplitude = 1.0 / k
                total = total + amplitude * (1.0 - 2.0 * torch.sin(phase * 0.5).abs()) * (1.0 if number < 3 else 0.8)
                weight += amplitude
            # |sin| of half the phase repeats after the whole phase, so it closes as well.
            shape = total / weight * 1.6 + 0.12 * fine
        else:
            a = c.noise("a", s * 0.7, 3, 0.45)
            shape = 0.5 * (1.0 - 1.6 * a.abs()) + 0.1 * fine if p.pattern == "caustics" else 0.4 * a + 0.1 * fine
        depth = s * 0.09 * (0.3 + p.relief)
        lab = vary(p.color, c, 0.12 * shape + 0.02 * fine, chroma=-0.06 * shape)
        if p.pattern == "caustics":
            b = c.noise("b", s * 0.45, 3, 0.45)
            net = smoothstep(0.5, 0.95, shape + 0.25) * 0.6 + smoothstep(0.16, 0.0, b.abs()) * 0.5
            lab = blend_colors(c, lab, (0.93, -0.05, -0.01), (net * 0.5).clamp(0.0, 0.85))
        foam = c.zeros()
        if p.foam > 0.02:
            # Bubbles join into films with round holes, which open into threads where the foam thins out.
            wide, small = c.noise("film", s * 0.13, 2, 0.45).abs(), c.noise("threads", s * 0.055, 3, 0.5).abs()
            web = torch.minimum(wide + 0.1 * small, small + 0.12)
            where = c.noise("foam", s * 0.9, 4, 0.55) * 0.75 + 1.1 * shape + 0.1 * fine
            there = coverage(where, 0.75 * p.foam, 0.9)
            film = smoothstep(0.0, 0.3, 1.2 * there - 0.1 - web)
            foam = (film * (0.6 + 0.4 * there) + 0.22 * there * (1.0 - film)) * (0.93 + 0.07 * fine)
            foam = foam.clamp(0.0, 1.0)
            lab = blend_colors(c, lab, (0.95, -0.006, -0.006), foam * 0.92)
        return surface(
            c, color=lab, height=depth * (shape + 0.06 * foam), low=-depth, high=depth,
            roughness=0.05 + 0.02 * fine.abs() + 0.6 * foam, cavity=c.zeros(), exposed=c.zeros(),
        )  # fmt: skip
