# SPDX-License-Identifier: GPL-3.0-or-later
"""Metal beaten with a round hammer: copper, brass, silver, iron."""

from __future__ import annotations

import torch

from ..cells import Cells, voronoi
from ..common import gloss, irregularity, relief, scale
from ..family import Family
from ..ops import coverage, smooth_min, smoothstep
from ..parameters import Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas
from .metals import scratches


class HammeredMetal(Family):
    name = "hammered_metal"
    title = "Hammered metal"
    nouns = (
        "hammered metal", "hammered copper", "hammered brass", "beaten copper", "hammered steel", "hammered silver",
        "beaten metal", "hammered gold", "hammered bronze", "dimpled metal",
    )  # fmt: skip
    rare_nouns = ("hand-hammered metal", "planished metal", "martele", "beaten brass", "hammered iron")
    modifiers = ("artisan", "oriental", "craft", "bowl")
    tile_width_m = 0.25
    palettes = (
        {"color": "#c07a52", "second_color": "#3d2a22"},
        {"color": "#a9643f", "second_color": "#4f7d6c"},
        {"color": "#c8a455", "second_color": "#453620"},
        {"color": "#b9babb", "second_color": "#3a3b3d"},
        {"color": "#8f6a42", "second_color": "#33291f"},
        {"color": "#86888b", "second_color": "#2c2c2f"},
        {"color": "#d2ae58", "second_color": "#4a371c"},
        {"color": "#5f5d5c", "second_color": "#232324"},
    )
    parameters = (
        Color(name="color", label="Metal color", spread=0.014),
        Color(name="second_color", label="Patina color", parts=("patina", "tarnish", "hollows"), spread=0.014),
        scale("Dent size", 0.003, 0.08, (0.011, 0.02), 0.007, 0.034),
        relief((0.35, 0.8)),
        irregularity((0.3, 0.8)),
        Number(
            name="patina", label="Patina", natural=(0.05, 0.5), often=0.2,
            words={"patinated": 0.75, "tarnished": 0.7, "antique": 0.75, "oxidized": 0.85, "darkened": 0.65,
                   "with patina": 0.65, "untarnished": 0.0, "newly polished": 0.0},
        ),
        gloss((0.5, 0.9)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, rough = canvas, p.scale, p.irregularity
        at = c.warp("bend", s * 2.5, s * 0.1 * rough, octaves=1)
        depth = s * 0.085 * (0.25 + p.relief)
        # A round hammer leaves a spherical hollow; where two meet, a crest stays.  Blows of a second round lie
        # over those of the first wherever they went deeper.
        first = voronoi(c, "blows", s, jitter=0.3 + 0.5 * rough, at=at)
        second = voronoi(c, "later", s * 1.45, jitter=0.9, at=at)
        radius = s * 0.62

        def hollow(cells: Cells, size: float, uneven: float) -> torch.Tensor:
            near, far = (cells.distance / size) ** 2, (cells.second / size) ** 2
            # Depths differ in the middle of a hollow only, so that the crests meet.
            deep = (cells.random("deep") - 0.5) * smoothstep(0.0, 1.1, far - near)
            return smooth_min(near, far, 0.24) + uneven * deep

        z = hollow(first, radius, 0.5 * rough)
        later = hollow(second, radius * 1.3, 0.0) + 1.5 * smoothstep(0.5, 0.0, (second.second - second.distance) / s)
        strike = second.random("strike") < 0.2 + 0.3 * rough
        later = torch.where(strike, later + 0.25 * second.random("deep"), torch.full_like(later, 9.0))
        over = later < z
        z = smooth_min(z, later, 0.35)
        tone = torch.where(over, second.random("tone"), first.random("tone")) - 0.5
        crest = smoothstep(0.3, 0.95, z)
        fine = c.noise("fine", s * 0.08, 4, 0.7)
        peen = c.noise("peen", s * 0.3, 3, 0.55)
        cloud = c.noise("cloud", c.width_m / 2.5, 6, 0.58)
        marks = scratches(c, "scratch", s * 4.0, 0.45)
        hold = cloud * 0.7 + 0.22 * fine + 0.9 * (0.45 - z) + 0.4 * tone
        film = coverage(hold, 0.85 * p.patina, 0.55) * min(1.0, 0.35 + p.patina)
        film = film * (1.0 - 0.65 * crest)
        heat = c.noise("heat", c.width_m / 3.0, 4)
        metal = vary(
            p.color, c, 0.05 * tone + 0.025 * cloud + 0.012 * fine + 0.05 * crest + 0.08 * marks,
            chroma=0.05 * heat, warmth=0.004 * heat,
        )  # fmt: skip
        film_color = vary(p.second_color, c, 0.1 * cloud + 0.08 * fine)
        shine = 0.5 - 0.38 * p.gloss
        return surface(
            c,
            color=blend_colors(c, metal, film_color, film * 0.85),
            height=depth * (z + 0.018 * peen + 0.006 * fine - 0.012 * marks),
            low=0.0,
            high=depth,
            roughness=shine + 0.03 * cloud + 0.025 * fine + 0.08 * tone * rough + 0.1 * marks + (0.62 - shine) * film,
            metallic=1.0 - 0.75 * film,
            cavity=smoothstep(0.45, 0.0, z),
            exposed=crest,
        )
