# SPDX-License-Identifier: GPL-3.0-or-later
"""Stone walls: random rubble, and roughly coursed blocks."""

from __future__ import annotations

import torch

from ..cells import voronoi
from ..common import irregularity, joint_width, scale, variation
from ..family import Family
from ..layout import courses
from ..ops import coverage, dome, mix, smoothstep
from ..parameters import Choice, Color, Params
from ..surface import Surface, surface, vary
from ..tile import Canvas


class StoneWall(Family):
    name = "stone_wall"
    title = "Stone wall"
    nouns = (
        "stone wall", "rubble stone wall", "castle wall", "fieldstone wall", "stonework", "stone masonry",
        "rock masonry", "medieval wall",
    )  # fmt: skip
    rare_nouns = ("fortress wall", "wall of stones", "rustic stonework")
    modifiers = ("medieval", "castle", "garden", "rural")
    tile_width_m = 2.4
    palettes = (
        {"color": "#8b857a", "second_color": "#6b665d"},
        {"color": "#a3947c", "second_color": "#857b6b"},
        {"color": "#75726e", "second_color": "#545250"},
        {"color": "#97826a", "second_color": "#b2a794"},
        {"color": "#b3a68f", "second_color": "#8f8674"},
        {"color": "#66645f", "second_color": "#8d8980"},
    )
    parameters = (
        Color(name="color", label="Stone color", spread=0.016),
        Color(name="second_color", label="Mortar color", parts=("mortar", "joints", "pointing"), spread=0.012),
        Choice(
            name="bond", label="Bond",
            options={
                "rubble": ("random rubble", "rubble"),
                "coursed": ("coursed", "roughly coursed"),
                "ashlar": ("squared", "dressed", "cut"),
            },
            weights={"rubble": 3.0, "coursed": 2.0, "ashlar": 1.5},
        ),
        scale("Stone size", 0.06, 1.2, (0.26, 0.4), 0.14, 0.6),
        joint_width(0.002, 0.08, (0.012, 0.026), 0.006, 0.045),
        irregularity((0.3, 0.7)),
        variation((0.35, 0.75)),
    )  # fmt: skip

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, joint = canvas, p.scale, p.joint_width
        rough = p.irregularity
        wobble = c.noise("wobble", s * 0.5, 5, 0.55)
        if p.bond == "rubble":
            at = c.warp("bend", s * 0.9, s * 0.07 * (0.4 + rough), octaves=3)
            cells = voronoi(c, "stones", (s * 1.15, s * 0.8), jitter=0.85, at=at, border=True, rounding=s * 0.035)
            assert cells.border is not None
            distance = cells.border - joint * 0.5
            tilt_x, tilt_y = cells.dx / s, cells.dy / s
            random = cells.random
        else:
            ashlar = p.bond == "ashlar"
            pieces = courses(
                c, "stones", s * (1.7 if ashlar else 1.4), s * (0.8 if ashlar else 0.62),
                random_shift=not ashlar, jitter=0.12 if ashlar else 0.38, row_jitter=0.1 if ashlar else 0.45,
            )  # fmt: skip
            radius = s * (0.03 if ashlar else 0.13)
            distance = pieces.edge(
                joint, radius=radius, wobble=wobble * s * (0.012 + (0.0 if ashlar else 0.035) * rough)
            )
            tilt_x, tilt_y = pieces.x / s, pieces.y / s
            random = pieces.random
        distance = distance + wobble * s * 0.012 * (0.3 + rough)
        stone = c.edge(distance, joint * 0.06)
        lump = c.noise("lump", s * 0.55, 6, 0.58)
        chisel = c.noise("chisel", s * 0.11, 4, 0.65)
        grain = c.noise("grain", s * 0.03, 3, 0.75)
        pits = coverage(c.noise("pits", s * 0.06, 3, 0.6), 0.07, 0.06)
        depth = s * 0.09 * (0.55 + 0.9 * rough) + joint * 0.4
        face = dome(distance, s * (0.1 + 0.16 * rough))
        slope = (random("sx") - 0.5) * tilt_x + (random("sy") - 0.5) * tilt_y
        top = depth * (
            0.3 + 0.5 * face + 0.25 * rough * slope + 0.15 * (random("proud") - 0.5) + 0.09 * lump * (0.4 + rough)
        )
        top = top + depth * (0.035 * chisel + 0.015 * grain - 0.08 * pits)
        sandy = c.noise("mortar", s * 0.05, 4, 0.75)
        bed = depth * (0.06 * c.noise("bed", s * 0.7, 3) + 0.03 * sandy)
        tone = (random("tone") - 0.5) * 0.62 * p.variation + 0.06 * lump + 0.05 * chisel + 0.04 * grain - 0.15 * pits
        hue = (random("hue") - 0.5) * 0.034 * p.variation
        rock = vary(p.color, c, tone, chroma=(random("chroma") - 0.5) * 0.8 * p.variation, warmth=hue)
        fill = vary(p.second_color, c, 0.08 * sandy - 0.16 * smoothstep(s * 0.03, 0.0, -distance) + 0.04)
        return surface(
            c,
            color=mix(fill, rock, stone),
            height=torch.maximum(mix(bed, top, stone), bed - depth * 0.05),
            low=-0.06 * depth,
            high=0.95 * depth,
            roughness=mix(0.94, 0.84 + 0.05 * chisel - 0.06 * (random("smooth") - 0.5), stone),
            cavity=1.0 - smoothstep(-joint * 0.2, s * 0.06, distance),
            exposed=stone * face * smoothstep(0.0, 1.2, lump),
        )
