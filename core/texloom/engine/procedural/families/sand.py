# SPDX-License-Identifier: GPL-3.0-or-later
"""Loose and wet ground: sand and mud."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import torch

from ..cells import voronoi
from ..common import relief, scale
from ..family import Family
from ..ops import coverage, dome, smoothstep
from ..parameters import Choice, Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas
from ..weathering import WETNESS


class Sand(Family):
    name = "sand"
    title = "Sand"
    nouns = ("sand", "beach sand", "desert sand", "sand dunes", "rippled sand", "sandy ground", "sandy beach")
    rare_nouns = ("dune surface", "seashore ground")
    modifiers = ("desert", "tropical", "beach", "fine")
    tile_width_m = 1.5
    palettes = (
        {"color": "#c8a97a"}, {"color": "#d6bf97"}, {"color": "#b58a5c"}, {"color": "#ddd0b5"}, {"color": "#a5724a"},
        {"color": "#c4b08c"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Sand color", spread=0.016),
        Choice(
            name="pattern", label="Surface",
            options={
                "ripples": ("rippled", "with ripples", "wind-blown", "wavy"),
                "smooth": ("smooth", "raked flat"),
                "trampled": ("trampled", "with footprints", "disturbed"),
            },
            weights={"ripples": 3.0, "smooth": 1.5, "trampled": 1.2},
        ),
        scale("Ripple length", 0.03, 0.6, (0.09, 0.16), 0.06, 0.28),
        Number(
            name="pebbles", label="Pebbles", natural=(0.0, 0.3), often=0.5,
            words={"with pebbles": 0.7, "with shells": 0.6, "gritty": 0.5, "stony": 0.85, "without stones": 0.0},
        ),
        relief((0.35, 0.75)),
    )  # fmt: skip
    attributes = ("wetness", "snow", "dirt")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        swell = c.noise("swell", s * 5.0, 5, 0.5)
        depth = s * 0.16 * (0.25 + p.relief)
        if p.pattern == "ripples":
            rows = max(2, round(c.height_m / s))
            bend = c.noise("bend", (s * 4.0, s * 2.5), 3, 0.45)
            phase = torch.remainder(c.v * rows + 0.55 * bend, 1.0)
            # Wind ripples lean: a long windward slope and a short steep lee.
            crest = smoothstep(0.0, 0.72, phase) * smoothstep(1.0, 0.72, phase)
            fade = coverage(c.noise("fade", s * 4.0, 3), 0.75, 0.8)
            shape = (crest - 0.4) * (0.35 + 0.65 * fade) + 0.25 * swell
        elif p.pattern == "trampled":
            hollow = c.noise("hollows", s * 1.6, 4, 0.45)
            shape = -0.75 * smoothstep(0.0, 1.1, hollow) + 0.22 * smoothstep(-0.3, 0.0, hollow) + 0.22 * swell
        else:
            shape = 0.3 * swell
        grain = c.noise("grain", 0.0035, 2, 0.8)
        coarse = c.noise("coarse", 0.018, 4, 0.7)
        lab = vary(p.color, c, 0.055 * grain + 0.03 * coarse + 0.06 * shape + 0.025 * swell, warmth=0.004 * coarse)
        height = depth * shape + 0.0004 * grain + 0.0007 * coarse
        if p.pebbles > 0.02:
            stones = voronoi(c, "pebbles", 0.035, jitter=0.9)
            radius = 0.035 * (0.1 + 0.24 * stones.random("size")) * (stones.random("there") < 0.55 * p.pebbles)
            inside = radius - stones.distance * (1.0 + 0.12 * coarse)
            mask = c.edge(inside, 0.0006)
            tone = 0.6 + 0.75 * stones.random("tone")
            stone = vary((0.6, 0.006, 0.018), c, tone - 1.0)
            lab = blend_colors(c, lab, stone, mask)
            height = height + mask * 0.012 * dome(inside, 0.012)
        return surface(
            c, color=lab, height=height, low=-0.75 * depth, high=0.75 * depth, roughness=0.92 + 0.03 * grain,
            cavity=smoothstep(0.3, -0.7, shape), exposed=smoothstep(0.2, 0.8, shape),
        )  # fmt: skip


class Mud(Family):
    name = "mud"
    title = "Mud"
    nouns = ("mud", "muddy ground", "dirt", "soil", "earth", "muddy soil", "dirt road", "clay ground", "forest soil")
    rare_nouns = ("loam", "topsoil", "wet earth")
    modifiers = ("forest", "farm", "trail", "swamp")
    tile_width_m = 1.5
    palettes = (
        {"color": "#5b4432"}, {"color": "#6e5238"}, {"color": "#45342a"}, {"color": "#7d6248"}, {"color": "#514a40"},
        {"color": "#80523a"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Soil color", spread=0.016),
        scale("Clod size", 0.02, 0.4, (0.06, 0.12), 0.04, 0.2),
        Number(
            name="stones", label="Stones", natural=(0.0, 0.5), often=0.2,
            words={"stony": 0.85, "with stones": 0.75, "rocky": 0.85, "with small stones": 0.5, "stone-free": 0.0},
        ),
        Number(
            name="litter", label="Straw and roots", natural=(0.0, 0.4), often=0.4,
            words={"with straw": 0.8, "with roots": 0.7, "with twigs": 0.7, "bare": 0.0},
        ),
        relief((0.4, 0.8)),
    )  # fmt: skip
    attributes = ("wetness", "cracks", "moss", "snow", "dust")
    overrides = MappingProxyType(
        {
            "wetness": replace(
                WETNESS, natural=(0.0, 0.7), often=0.25, words={**WETNESS.words, "soggy": 0.9, "boggy": 0.95}
            )
        }
    )

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        depth = s * 0.35 * (0.25 + p.relief)
        swell = c.noise("swell", s * 4.0, 4, 0.5)
        clods = c.noise("clods", s, 6, 0.62)
        lumps = c.noise("lumps", s * 0.3, 4, 0.6).abs()
        grain = c.noise("grain", s * 0.04, 3, 0.75)
        shape = 0.3 * swell + 0.2 * clods - 0.16 * lumps
        tone = 0.07 * clods - 0.06 * lumps + 0.06 * grain + 0.06 * swell + 0.04
        lab = vary(p.color, c, tone, warmth=0.004 * swell)
        height = depth * (shape + 0.03 * grain)
        cavity = smoothstep(0.3, -0.8, shape)
        if p.stones > 0.02:
            cells = voronoi(c, "stones", s * 0.55, jitter=0.95, border=True)
            assert cells.border is not None
            there = cells.random("there") < 0.5 * p.stones
            inside = cells.border - s * (0.05 + 0.16 * cells.random("size")) + 0.006 * s * clods
            inside = torch.where(there, inside, -s)
            mask = c.edge(inside, 0.0008)
            stone = vary((0.56, 0.004, 0.014), c, (cells.random("tone") - 0.5) * 0.55 + 0.05 * grain)
            lab = blend_colors(c, lab, stone, mask)
            height = height + mask * s * 0.16 * dome(inside, s * 0.14)
        if p.litter > 0.02:
            straw = c.zeros()
            for number, size in enumerate(((s * 0.9, s * 0.05), (s * 0.05, s * 0.9), (s * 0.5, s * 0.07))):
                line = c.noise(f"straw{number}", size, 2)
                straw = torch.maximum(straw, coverage(line, 0.05 * p.litter, 0.02) * coverage(clods, 0.5, 0.3))
            lab = blend_colors(c, lab, vary((0.66, 0.015, 0.06), c, 0.1 * grain), straw * 0.85)
            height = height + straw * s * 0.03
        return surface(
            c, color=lab, height=height, low=-0.6 * depth, high=0.6 * depth, roughness=0.9 + 0.04 * grain,
            cavity=cavity, exposed=smoothstep(0.1, 0.7, shape),
        )  # fmt: skip
