# SPDX-License-Identifier: GPL-3.0-or-later
"""Dry-laid walls: flat stones stacked without mortar."""

from __future__ import annotations

import torch

from ..common import irregularity, scale, variation
from ..family import Family
from ..layout import courses
from ..masonry import bent, split
from ..ops import clamp01, coverage, dome, mix, smoothstep
from ..parameters import Choice, Color, Number, Params
from ..surface import Surface, surface, vary
from ..tile import Canvas

# Height of a course in lengths of a stone.
_FLATNESS = {"flat": 0.3, "thin": 0.15, "blocky": 0.52}


class DryStone(Family):
    name = "dry_stone"
    title = "Dry stone wall"
    nouns = (
        "dry stone wall", "stacked stone wall", "dry-laid stone wall", "drystone wall", "dry stack wall",
        "stacked stones", "stacked flat stones", "field wall",
    )  # fmt: skip
    rare_nouns = ("drystane dyke", "mortarless wall", "clawdd stonework")
    modifiers = ("rural", "garden", "irish", "yorkshire", "terrace", "highland")
    tile_width_m = 2.0
    palettes = (
        {"color": "#8a857b"}, {"color": "#a0927a"}, {"color": "#6f6d69"}, {"color": "#95846c"}, {"color": "#b5aa93"},
        {"color": "#64666a"}, {"color": "#7d7768"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Stone color", spread=0.016),
        Choice(
            name="shape", label="Stones",
            options={
                "flat": ("flat-stoned", "slabby", "made of flat stones"),
                "thin": ("thin-layered", "made of thin slabs", "sheet-like"),
                "blocky": ("blocky", "chunky", "made of thick stones"),
            },
            weights={"flat": 2.5, "thin": 1.2, "blocky": 1.2},
        ),
        scale("Stone length", 0.08, 1.2, (0.26, 0.42), 0.16, 0.6),
        Number(
            name="gaps", label="Gaps", natural=(0.3, 0.7),
            words={"with wide gaps": 0.95, "loosely stacked": 0.9, "tightly stacked": 0.1, "closely fitted": 0.05,
                   "gappy": 0.85},
        ),
        irregularity((0.3, 0.8)),
        variation((0.35, 0.75)),
    )  # fmt: skip

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, rough, v = canvas, p.scale, p.irregularity, p.variation
        flat = _FLATNESS[p.shape]
        course = s * flat
        sagging = bent(c, "sag", s * 1.6, course * (0.06 + 0.3 * rough), octaves=2)
        wall = courses(
            sagging, "stones", s, course, random_shift=True, jitter=0.2 + 0.24 * rough, row_jitter=0.3 + 0.4 * rough
        )
        if p.shape != "thin":
            wall = split(wall, "stack", 0.3 + 0.2 * rough, stacked=True, low=0.28, high=0.72)
        wall = split(wall, "halve", 0.2 + 0.25 * rough, stacked=False, low=0.25, high=0.75)
        wobble = c.noise("wobble", course * 0.7, 4, 0.58)
        gap = course * (0.03 + 0.11 * p.gaps)
        # Thin stones keep most of their height.
        shrink = torch.minimum(gap * 0.5 * (0.3 + 1.4 * wall.random("shrink")), wall.half_y * 0.28)
        distance = wall.edge(
            0.0, radius=course * (0.07 + 0.18 * rough), wobble=shrink + wobble * course * (0.018 + 0.03 * rough)
        )
        stone = c.edge(distance, gap * 0.06)

        lump = c.noise("lump", s * 0.4, 4, 0.55)
        # Split faces: the beds of the stone show as ledges, and run level.
        beds = c.noise("beds", (s * 0.9, course * 0.16), 3, 0.62)
        ledge = smoothstep(-0.5, 0.5, torch.sin(beds * 3.2 + 6.3 * wall.random("ledge")))
        chip = c.noise("chip", course * 0.22, 3, 0.62)
        grain = c.noise("grain", 0.012, 3, 0.78)
        lichen = coverage(c.noise("lichen", s * 0.14, 3, 0.6) + 0.8 * (wall.random("lichen") - 0.5), 0.08, 0.06)
        depth = 0.16 * s * (0.5 + 0.9 * flat + 0.4 * p.gaps)
        face = dome(distance, course * (0.14 + 0.14 * rough))
        tilt = (wall.random("sx") - 0.5) * wall.x / s + (wall.random("sy") - 0.5) * wall.y / course
        top = 0.32 + 0.38 * face + 0.32 * rough * tilt + 0.26 * (wall.random("proud") - 0.5)
        top = top + 0.045 * lump + (0.05 + 0.05 * rough) * ledge + 0.02 * chip + 0.006 * grain
        # Small stones and rubble show deep in the gaps.
        core = c.noise("core", course * 0.3, 3, 0.6)
        bed = 0.06 + 0.05 * core

        tone = (wall.random("tone") - 0.5) * 0.6 * v + 0.04 * lump + 0.05 * chip + 0.04 * grain
        tone = tone + 0.05 * (ledge - 0.5) + 0.03 * beds
        rock = vary(
            p.color, c, tone + 0.02, chroma=(wall.random("chroma") - 0.5) * 0.9 * v,
            warmth=(wall.random("hue") - 0.5) * 0.036 * v + 0.004 * beds,
        )  # fmt: skip
        # Iron in some of the stones has stained them.
        iron = smoothstep(0.86, 0.96, wall.random("iron") + 0.05 * lump) * v
        rock = vary(rock, c, -0.06 * iron, chroma=0.5 * iron, warmth=0.022 * iron)
        rock = vary(rock, c, 0.24 * lichen, chroma=-0.35 * lichen)
        under = smoothstep(course * 0.16, 0.0, distance)
        rock = vary(rock, c, -0.2 * under)
        dark = vary(p.color, c, -0.72 + 0.1 * core)
        return surface(
            c,
            color=mix(dark, rock, stone),
            height=depth * mix(bed, torch.maximum(top, bed), stone),
            low=0.0,
            high=0.95 * depth,
            roughness=mix(0.96, 0.86 + 0.04 * chip, stone),
            cavity=clamp01(1.0 - smoothstep(-gap * 0.3, course * 0.14, distance)),
            exposed=stone * face * smoothstep(0.45, 0.85, top),
        )
