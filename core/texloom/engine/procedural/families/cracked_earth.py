# SPDX-License-Identifier: GPL-3.0-or-later
"""Dried-out ground, broken into plates."""

from __future__ import annotations

from ..cells import voronoi
from ..common import relief, scale, variation
from ..family import Family
from ..ops import coverage, dome, smoothstep
from ..parameters import Color, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class CrackedEarth(Family):
    name = "cracked_earth"
    title = "Cracked earth"
    nouns = (
        "cracked earth",
        "dry cracked mud",
        "parched ground",
        "dried mud",
        "cracked clay",
        "dry lake bed",
        "cracked soil",
    )
    rare_nouns = ("drought ground", "desiccated mud", "salt flat")
    modifiers = ("desert", "arid", "wasteland")
    tile_width_m = 1.6
    palettes = (
        {"color": "#a68b6a"}, {"color": "#8f7556"}, {"color": "#b79f80"}, {"color": "#7c6a58"}, {"color": "#9d6f4d"},
        {"color": "#c3b59d"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Earth color", spread=0.016),
        scale("Plate size", 0.04, 0.8, (0.14, 0.24), 0.08, 0.4),
        relief((0.4, 0.8)),
        variation((0.25, 0.6)),
    )
    attributes = ("dirt", "dust", "moss", "snow", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        at = c.warp("bend", s, s * 0.1, octaves=4, gain=0.55)
        plates = voronoi(c, "plates", s, jitter=0.95, at=at, border=True, rounding=s * 0.012)
        fine = voronoi(c, "fine", s * 0.36, jitter=0.95, at=at, border=True)
        assert plates.border is not None and fine.border is not None
        lump = c.noise("lump", s * 0.5, 5, 0.55)
        grain = c.noise("grain", s * 0.04, 4, 0.72)
        width = s * 0.045 * (1.0 + 0.35 * lump)
        inside = plates.border - width
        plate = c.edge(inside, s * 0.008)
        hair = smoothstep(s * 0.012, 0.0, fine.border) * coverage(c.noise("where", s * 1.2, 3), 0.4, 0.3)
        depth = s * 0.16 * (0.3 + p.relief)
        # Plates curl up at their rims as they dry.
        curl = smoothstep(s * 0.2, s * 0.03, inside)
        profile = dome(inside, s * 0.035)
        height = depth * (
            profile * (0.72 + 0.14 * (plates.random("level") - 0.5) + 0.14 * curl) + 0.04 * lump + 0.015 * grain
        )
        height = height - depth * 0.22 * hair * plate
        light = (
            (plates.random("tone") - 0.5) * 0.26 * p.variation + 0.05 * lump + 0.05 * grain + 0.06 * curl - 0.3 * hair
        )
        top = vary(p.color, c, light, warmth=0.005 * lump)
        bottom = vary(p.color, c, -0.5 + 0.1 * grain)
        return surface(
            c, color=blend_colors(c, bottom, top, plate * (0.35 + 0.65 * profile)), height=height,
            low=0.0, high=0.9 * depth, roughness=0.93 + 0.03 * grain,
            cavity=(1.0 - profile + 0.5 * hair).clamp(0.0, 1.0), exposed=plate * curl,
        )  # fmt: skip
