# SPDX-License-Identifier: GPL-3.0-or-later
"""Ashlar: walls of stones cut square, with the faces masons give them."""

from __future__ import annotations

import torch
from torch import Tensor

from ..cells import voronoi
from ..common import irregularity, joint_width, scale, variation
from ..family import Family
from ..layout import Pieces, courses
from ..masonry import split
from ..ops import clamp01, coverage, dome, mix, smoothstep
from ..parameters import Choice, Color, Params
from ..surface import Surface, surface, vary
from ..tile import Canvas


class Ashlar(Family):
    name = "ashlar"
    title = "Ashlar masonry"
    nouns = (
        "ashlar", "ashlar wall", "cut stone blocks", "stone blocks", "dressed stone wall", "ashlar masonry",
        "stone block wall", "cut stone wall",
    )  # fmt: skip
    rare_nouns = ("hewn stone blocks", "freestone wall", "quadratum masonry")
    modifiers = ("palace", "cathedral", "castle", "ancient", "temple", "roman")
    tile_width_m = 2.8
    palettes = (
        {"color": "#c2b79f", "second_color": "#a89d89"},
        {"color": "#b3a184", "second_color": "#93866f"},
        {"color": "#9a958c", "second_color": "#7c776f"},
        {"color": "#bf9f77", "second_color": "#9d8768"},
        {"color": "#7f7e7b", "second_color": "#66635f"},
        {"color": "#d3cbb9", "second_color": "#b9b09d"},
        {"color": "#9b7460", "second_color": "#b0a08d"},
        {"color": "#5f6062", "second_color": "#8a8782"},
    )
    parameters = (
        Color(name="color", label="Stone color", spread=0.014),
        Color(name="second_color", label="Mortar color", parts=("mortar", "joints", "pointing"), spread=0.012),
        Choice(
            name="finish", label="Face",
            options={
                "rubbed": ("smooth-faced", "rubbed", "sawn"),
                "tooled": ("tooled", "chiseled", "combed"),
                "hammered": ("bush-hammered", "pecked", "hammered"),
                "rock": ("rock-faced", "quarry-faced", "rough-hewn"),
                "rusticated": ("rusticated", "with beveled edges", "chamfered"),
            },
            weights={"rubbed": 2.0, "tooled": 1.3, "hammered": 1.0, "rock": 1.6, "rusticated": 0.8},
        ),
        Choice(
            name="bond", label="Courses",
            options={
                "regular": ("in regular courses", "regularly coursed"),
                "random": ("random-coursed", "in broken courses", "with blocks of mixed sizes"),
            },
            weights={"regular": 1.6, "random": 1.0},
        ),
        scale("Block length", 0.15, 2.0, (0.5, 0.8), 0.3, 1.2),
        joint_width(0.001, 0.04, (0.004, 0.01), 0.003, 0.02),
        irregularity((0.1, 0.5)),
        variation((0.3, 0.65)),
    )  # fmt: skip

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, joint, rough, v = canvas, p.scale, p.joint_width, p.irregularity, p.variation
        course = s * 0.5
        if p.bond == "regular":
            wall = courses(c, "blocks", s, course, shift=0.5, jitter=0.02 + 0.12 * rough)
        else:
            wall = courses(c, "blocks", s * 1.15, course * 1.15, random_shift=True, jitter=0.34, row_jitter=0.3)
            wall = split(wall, "stack", 0.38, stacked=True)
            wall = split(wall, "halve", 0.3, stacked=False, low=0.3, high=0.7)
        wobble = c.noise("wobble", course * 0.5, 5, 0.55)
        grain = c.noise("grain", 0.012, 3, 0.78)
        body = c.noise("body", course * 0.8, 5, 0.58)
        # Corners and arrises that have broken off.
        chips = coverage(c.noise("chips", course * 0.25, 4, 0.6), 0.05 + 0.12 * rough + 0.3 * p.get("wear"), 0.12)
        worn = course * (0.004 + 0.014 * rough)
        distance = wall.edge(joint, radius=course * (0.012 + 0.05 * rough), wobble=wobble * worn * 0.5)
        distance = distance - chips * smoothstep(course * 0.07, 0.0, distance) * course * 0.035
        stone = c.edge(distance, joint * 0.08)

        relief, face, light, margin = self._face(c, p.finish, wall, distance, course, rough)
        pits = coverage(c.noise("pits", 0.02, 3, 0.6), 0.05, 0.05) * (
            0.4 + 0.6 * smoothstep(0.3, 0.8, wall.random("p"))
        )
        proud = (wall.random("proud") - 0.5) * (0.1 + 0.9 * rough) * 0.006
        depth = joint * 0.7 + 0.003
        edge = dome(distance, course * (0.012 + 0.04 * rough))
        top = (
            depth * (0.25 + 0.75 * edge)
            + relief * face
            + proud
            + 0.0004 * grain
            + 0.0008 * rough * body
            - 0.0012 * pits
        )
        sandy = c.noise("mortar", 0.01, 3, 0.75)
        bed = depth * (0.1 + 0.08 * c.noise("bed", course, 3) + 0.05 * sandy)

        # Bedding of the rock, level in each stone and different in each.
        beds = c.noise("beds", (course * 4.0, course * 0.07), 3, 0.6, at=(
            c.u + wall.random("bed u"), c.v + wall.random("bed v"),
        ))  # fmt: skip
        layered = smoothstep(0.35, 0.8, wall.random("layered"))
        tone = (wall.random("tone") - 0.5) * 0.42 * v + 0.035 * body + 0.035 * grain - 0.2 * pits + light
        tone = tone + 0.028 * layered * beds + 0.035 * margin
        rock = vary(
            p.color, c, tone + 0.01, chroma=(wall.random("chroma") - 0.5) * 0.6 * v + 0.06 * body,
            warmth=(wall.random("hue") - 0.5) * 0.028 * v + 0.003 * layered * beds,
        )  # fmt: skip
        fill = vary(p.second_color, c, 0.07 * sandy - 0.12 * smoothstep(joint * 0.6, 0.0, -distance))
        high = {"rubbed": 0.0, "tooled": 0.001, "hammered": 0.002, "rock": 0.09 * course, "rusticated": 0.06 * course}
        return surface(
            c,
            color=mix(fill, rock, stone),
            height=mix(bed, torch.maximum(top, bed), stone),
            low=0.0,
            high=depth * 1.1 + high[p.finish],
            roughness=mix(0.94, (0.74 if p.finish == "rubbed" else 0.84) + 0.04 * grain + 0.03 * body, stone),
            cavity=clamp01(1.0 - smoothstep(-joint * 0.2, course * 0.05, distance) + 0.5 * pits),
            exposed=stone * clamp01(smoothstep(course * 0.08, 0.0, distance) + 0.7 * smoothstep(0.5, 1.0, face)),
        )

    @staticmethod
    def _face(
        c: Canvas, finish: str, wall: Pieces, distance: Tensor, course: float, rough: float
    ) -> tuple[float, Tensor, Tensor, Tensor]:
        """Metres of relief, its shape (about 0 to 1), change of tone, and the drafted margin (0 to 1)."""
        if finish == "rubbed":
            swell = c.noise("swell", course * 1.5, 3)
            return 0.0008, 0.5 + 0.3 * swell, c.zeros(), c.zeros()
        if finish == "rusticated":
            bevel = (distance / (course * 0.11)).clamp(0.0, 1.0)
            swell = c.noise("swell", course, 3)
            return course * 0.055, bevel + 0.02 * swell, 0.02 * (bevel - 0.6), c.zeros()
        if finish == "rock":
            # Hewn off in flakes: every facet is a plane of its own slope.
            at = c.warp("flake", course * 0.4, course * 0.035, octaves=3)
            flakes = voronoi(c, "flakes", course * 0.42, jitter=1.0, at=at)
            slope = (flakes.random("sx") - 0.5) * flakes.dx + (flakes.random("sy") - 0.5) * flakes.dy
            lump = c.noise("lump", course * 0.55, 5, 0.55)
            rise = smoothstep(0.0, course * 0.24, distance)
            face = rise * (0.6 + 0.16 * lump + 1.15 * slope / course + 0.06 * (flakes.random("level") - 0.5))
            face = face.clamp(min=0.0)
            tone = (flakes.random("tone") - 0.5) * 0.07 + 0.06 * (face - 0.5)
            return course * (0.09 + 0.05 * rough), face, tone, c.zeros()
        width = course * 0.075
        inner = smoothstep(width * 0.92, width * 1.08, distance)
        margin = 1.0 - inner
        if finish == "tooled":
            # Parallel strokes of a broad chisel, slanted another way on every stone.
            lines = 1.0 + torch.round(wall.random("slant") * 2.0)
            across = (wall.x * (lines - 2.0) * 0.7 + wall.y * torch.where(lines == 2.0, 0.0, 0.7)) + torch.where(
                lines == 2.0, wall.x, 0.0
            )
            wave = across / (course * 0.022) + 0.5 * c.noise("hand", course * 0.3, 3)
            stroke = 0.5 + 0.5 * torch.sin(6.2831853 * wave)
            force = c.noise("force", course * 0.35, 3).mul_(0.25).add_(0.75)
            face = inner * (0.5 + stroke * force * 0.5) + margin * 0.45
            return 0.0026, face, 0.06 * inner * (stroke - 0.5) * force, margin
        picks = c.noise("picks", 0.014, 2, 0.6)
        face = inner * (0.75 - 0.5 * smoothstep(0.3, 1.6, picks) + 0.1 * picks) + margin * 0.4
        return 0.0032, face, inner * (0.03 - 0.07 * smoothstep(0.2, 1.6, picks)), margin
