# SPDX-License-Identifier: GPL-3.0-or-later
"""Brick walls in several bonds."""

from __future__ import annotations

from ..common import irregularity, joint_width, scale, variation
from ..family import Family
from ..layout import courses
from ..ops import clamp01, coverage, dome, mix, smoothstep
from ..parameters import Choice, Color, Params
from ..surface import Surface, surface, vary
from ..tile import Canvas

_BONDS = {
    "running": ((0.0, 1.0), (0.5, 1.0)),
    "stack": ((0.0, 1.0),),
    "english": ((0.0, 1.0), (0.25, 0.5)),
    "raking": ((0.0, 1.0), (1 / 3, 1.0), (2 / 3, 1.0)),
    "header": ((0.0, 0.5), (0.5, 0.5)),
}


class Bricks(Family):
    name = "bricks"
    title = "Brick wall"
    nouns = ("brick wall", "bricks", "brickwork", "brick", "brick facade", "wall of bricks", "clay bricks")
    rare_nouns = ("masonry", "brick masonry", "house bricks")
    modifiers = ("exterior", "industrial", "urban", "factory", "garden", "street")
    tile_width_m = 1.6
    palettes = (
        {"color": "#8e4230", "second_color": "#c4b9a8"},
        {"color": "#a4523a", "second_color": "#b5aa99"},
        {"color": "#74352a", "second_color": "#9a9186"},
        {"color": "#b5694a", "second_color": "#d2c8b8"},
        {"color": "#7d6a5c", "second_color": "#a39a8e"},
        {"color": "#c08a5a", "second_color": "#cfc4b2"},
        {"color": "#cfc7bb", "second_color": "#b7b0a5"},
        {"color": "#5b5654", "second_color": "#8b8782"},
    )
    parameters = (
        Color(name="color", label="Brick color", spread=0.018),
        Color(name="second_color", label="Mortar color", parts=("mortar", "joints", "pointing", "grout lines")),
        Choice(
            name="bond",
            label="Bond",
            options={
                "running": ("running bond", "stretcher bond"),
                "stack": ("stack bond", "stacked"),
                "english": ("english bond",),
                "raking": ("raking bond", "third bond"),
                "header": ("header bond", "heading bond"),
            },
            weights={"running": 8.0, "english": 2.0},
        ),
        scale("Brick length", 0.08, 0.6, (0.2, 0.26), 0.14, 0.38),
        joint_width(0.002, 0.04, (0.008, 0.014), 0.005, 0.022),
        irregularity((0.2, 0.6)),
        variation((0.3, 0.7)),
    )

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, rough = canvas, p.irregularity
        length = p.scale
        course = length * 0.31 + p.joint_width * 0.5
        wall = courses(
            c, "bricks", length, course,
            pattern=_BONDS[p.bond], jitter=0.05 * rough, row_jitter=0.06 * rough,
        )  # fmt: skip
        wobble = c.noise("edge", course * 0.8, 5, 0.6)
        joint = p.joint_width
        distance = wall.edge(
            joint, radius=course * (0.05 + 0.08 * rough), wobble=wobble * (joint * (0.08 + 0.3 * rough))
        )
        # Chips: bites out of the edge where a coarser noise is high.
        chips = coverage(c.noise("chips", course * 0.45, 4, 0.6), 0.06 + 0.3 * p.get("wear") + 0.1 * rough, 0.15)
        distance = distance - chips * smoothstep(course * 0.22, 0.0, distance) * course * 0.12
        brick = c.edge(distance, joint * 0.06)

        grain = c.noise("grain", course * 0.12, 4, 0.75)
        body = c.noise("body", course * 1.1, 5, 0.6)
        pits = coverage(c.noise("pits", course * 0.09, 3, 0.6), 0.06 + 0.05 * rough, 0.05)
        tilt = (wall.random("tilt x") - 0.5) * (wall.x / length) + (wall.random("tilt y") - 0.5) * (wall.y / course)
        depth = joint * 0.55
        face = dome(distance, course * (0.06 + 0.12 * rough))
        top = depth * (0.35 + 0.65 * face) + joint * 0.12 * rough * (tilt + wall.random("proud") - 0.5 + 0.35 * body)
        top = top + grain * (joint * (0.008 + 0.02 * rough)) - pits * joint * 0.09
        mortar_grain = c.noise("mortar", course * 0.1, 4, 0.75)
        mortar = joint * (0.06 * c.noise("mortar swell", course * 1.5, 3) + 0.035 * mortar_grain)
        height = mix(mortar, top, brick)

        tone = (wall.random("tone") - 0.5) * 0.5 * p.variation
        burnt = smoothstep(0.9, 1.0, wall.random("burnt") + 0.06 * body) * p.variation
        lightness = tone + 0.045 * body * (0.5 + p.variation) + 0.035 * grain - 0.38 * burnt - 0.22 * pits
        warmth = (wall.random("hue") - 0.5) * 0.03 * p.variation
        stones = vary(
            p.color, c, lightness, chroma=(wall.random("chroma") - 0.5) * 0.4 * p.variation - 0.5 * burnt, warmth=warmth
        )
        fill = vary(p.second_color, c, 0.07 * mortar_grain + 0.05 * body - 0.1 * (1.0 - smoothstep(0.0, 1.0, face)))
        # Mortar smears on the rim of a brick.
        smear = smoothstep(course * 0.09, 0.0, distance) * coverage(c.noise("smear", course * 0.6, 4, 0.6), 0.45, 0.4)
        lab = mix(fill, stones, clamp01(brick * (1.0 - 0.55 * smear)))
        return surface(
            c,
            color=lab,
            height=height,
            low=-0.06 * joint,
            high=depth * 1.08,
            roughness=mix(0.93, 0.82 + 0.05 * grain - 0.25 * burnt, brick),
            cavity=1.0 - smoothstep(0.0, course * 0.1, distance),
            exposed=brick * smoothstep(course * 0.16, 0.0, distance),
        )
