# SPDX-License-Identifier: GPL-3.0-or-later
"""Comb of bees: wax cells, some with honey, some sealed."""

from __future__ import annotations

import copy
import math

import torch

from ..common import irregularity, scale, variation
from ..family import Family
from ..layout import hexagons
from ..ops import mix, smooth_min, smoothstep, uniform
from ..parameters import Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Honeycomb(Family):
    name = "honeycomb"
    title = "Honeycomb"
    nouns = (
        "honeycomb", "beeswax", "beehive", "honey cells", "wax cells", "bee comb", "honeycomb wax", "comb honey",
    )  # fmt: skip
    rare_nouns = ("brood comb", "hive frame", "wax comb", "apiary comb")
    modifiers = ("bee", "natural", "golden", "organic")
    tile_width_m = 0.1
    palettes = (
        {"color": "#d9a648", "second_color": "#b8650f", "third_color": "#e6c687"},
        {"color": "#e3c27a", "second_color": "#d08a1c", "third_color": "#f0dfb2"},
        {"color": "#b97a2c", "second_color": "#7d3d0a", "third_color": "#c99a58"},
        {"color": "#8a5a2b", "second_color": "#5e2c0a", "third_color": "#a37a4c"},
        {"color": "#ecd9a6", "second_color": "#e0a53c", "third_color": "#f5ebd0"},
        {"color": "#c98f30", "second_color": "#9c4c08", "third_color": "#d9b574"},
    )
    parameters = (
        Color(name="color", label="Wax color", spread=0.016),
        Color(name="second_color", label="Honey color", parts=("honey", "filling", "syrup"), spread=0.016),
        Color(name="third_color", label="Lid color", parts=("lids", "caps", "cappings"), spread=0.014),
        scale("Cell size", 0.002, 0.1, (0.0048, 0.0062), 0.0035, 0.015),
        Number(
            name="filled", label="Filled cells", natural=(0.3, 0.75), often=0.15,
            words={"filled": 0.8, "full of honey": 0.97, "with honey": 0.75, "honey-filled": 0.85,
                   "partly filled": 0.45, "empty": 0.0, "without honey": 0.0},
        ),
        Number(
            name="sealed", label="Sealed cells", natural=(0.1, 0.45), often=0.35,
            words={"sealed": 0.8, "capped": 0.8, "with wax lids": 0.6, "fully capped": 1.0, "open": 0.0,
                   "uncapped": 0.0},
        ),
        irregularity((0.15, 0.5)),
        variation((0.25, 0.7)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, rough, v = canvas, p.scale, p.irregularity, p.variation
        bent = copy.copy(c)
        bent.u, bent.v = c.warp("bend", s * 4.0, s * 0.32 * rough, octaves=2)
        cells = hexagons(bent, "cells", s)
        # Where the middle of the cell lies in the unbent comb, in tiles: patches of honey go by whole cells.
        across = max(1, round(c.width_m / s))
        down = max(1, round(c.height_m / (s * math.sqrt(3.0))))
        mid_u = bent.u - cells.x / c.width_m
        mid_v = bent.v - cells.y * (across / (c.width_m * math.sqrt(3.0))) / down
        patch = c.noise("patch", c.width_m / 2.2, 3, at=(mid_u, mid_v))
        own = cells.random("own") - 0.5
        level = uniform(0.85 * patch + 1.6 * own)
        filled = (level > 1.0 - p.filled).float() * (1.0 if p.filled > 0.01 else 0.0)
        cap_level = uniform(
            0.9 * c.noise("caps", c.width_m / 2.0, 3, at=(mid_u, mid_v)) + 1.1 * (cells.random("cap") - 0.5)
        )
        sealed = (cap_level > 1.0 - p.sealed).float() * (1.0 if p.sealed > 0.01 else 0.0)

        fine = c.noise("fine", s * 0.09, 4, 0.7)
        lump = c.noise("lump", s * 0.5, 4, 0.55)
        cloud = c.noise("cloud", c.width_m / 3.0, 5, 0.55)
        wall = s * (0.048 + 0.03 * rough * (lump * 0.5 + cells.random("wall")))
        border = cells.border - wall
        # The mouth of a cell is rounder than its walls.
        r = torch.sqrt(cells.x**2 + cells.y**2)
        mouth = smooth_min(border, s * 0.47 - wall - r * 0.96, s * 0.12)
        lip = smoothstep(s * 0.05, -s * 0.02, mouth)
        depth = s * 1.1
        # Walls lean a little; at the bottom three faces meet.
        bottom = -1.0 + 0.14 * (
            1.0 - torch.maximum(cells.x.abs(), 0.5 * cells.x.abs() + 0.87 * cells.y.abs()) / (s * 0.5)
        )
        shaft = torch.maximum(bottom, -(1.0 - (1.0 - (mouth / (s * 0.13)).clamp(0.0, 1.0)) ** 2))
        empty = mix(shaft, torch.zeros_like(shaft), lip)
        # Honey climbs a little where it touches the wall.
        fill = -0.1 - 0.5 * (1.0 - cells.random("fill")) ** 2
        meniscus = 0.1 * smoothstep(s * 0.12, 0.0, mouth)
        honey = torch.maximum(shaft, fill + meniscus)
        wet = smoothstep(-0.004, 0.004, (fill + meniscus) - shaft) * filled * (1.0 - lip) * (1.0 - sealed)
        wrinkle = c.noise("wrinkle", s * 0.22, 4, 0.6)
        cap = 0.02 + 0.1 * smoothstep(0.0, s * 0.32, mouth) * (0.4 + cells.random("bulge")) + 0.035 * wrinkle
        cap = cap - 0.05 * smoothstep(s * 0.05, 0.0, (mouth - s * 0.015).abs())
        z = mix(empty, torch.maximum(honey, empty), filled)
        rim = 0.05 * dome_lip(border, wall) * (1.0 + 0.4 * lump) + 0.015 * fine
        z = mix(z + rim * lip, cap + rim * lip * 0.7, sealed)
        hole = (cells.random("nibbled") > 0.93) * sealed * smoothstep(s * 0.13, s * 0.08, r + 0.05 * s * lump)
        z = z - 0.4 * hole

        deep = smoothstep(-0.05, -0.8, z)
        tone = own * 0.3 * v
        light = tone + 0.04 * cloud + 0.03 * fine + 0.09 * lip - 0.56 * deep
        wax = vary(p.color, c, light, chroma=0.25 * deep + 0.1 * cloud, warmth=(cells.random("hue") - 0.5) * 0.02 * v)
        # Thick honey is darker and more saturated; light comes through the walls near the rim.
        thick = smoothstep(0.0, s * 0.3, mouth) * (0.4 + 0.6 * cells.random("fill"))
        syrup = vary(
            p.second_color, c, 0.22 - 0.34 * thick + (cells.random("honey") - 0.5) * 0.3 * v, chroma=0.15 * thick
        )
        lid = vary(
            p.third_color, c,
            0.06 * wrinkle + 0.04 * cloud + (cells.random("lid") - 0.5) * 0.24 * v
            - 0.12 * smoothstep(0.4, -1.6, wrinkle) - 0.1 * smoothstep(s * 0.06, 0.0, mouth),
        )  # fmt: skip
        lab = blend_colors(c, wax, syrup, wet * 0.95)
        lab = blend_colors(c, lab, lid, sealed * (1.0 - 0.35 * lip))
        lab = vary(lab, c, -0.6 * hole)
        rough_wax = 0.52 + 0.05 * fine - 0.05 * cloud
        return surface(
            c, color=lab, height=depth * z, low=-1.0 * depth, high=0.14 * depth,
            roughness=mix(rough_wax + 0.1 * sealed, 0.08 + 0.01 * fine, wet),
            cavity=torch.maximum(deep * 0.9 * (1.0 - wet), hole), exposed=lip * (1.0 - 0.5 * sealed),
        )  # fmt: skip


def dome_lip(border: torch.Tensor, wall: torch.Tensor) -> torch.Tensor:
    """Rounded top of the wall between two cells: 1 over its middle, 0 where it falls off."""
    t = ((border + wall) / (wall * 1.8)).clamp(0.0, 1.0)
    return torch.sqrt((1.0 - t * t).clamp(min=0.0))
