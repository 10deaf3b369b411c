# SPDX-License-Identifier: GPL-3.0-or-later
"""Wooden boards laid side by side: floors, decks, fences, barn walls."""

from __future__ import annotations

import torch
from torch import Tensor

from ..common import gloss, irregularity, joint_width, scale, variation
from ..family import Family
from ..layout import Pieces, courses
from ..ops import coverage, dome, mix, smoothstep
from ..parameters import Choice, Color, Params
from ..surface import Surface, surface, vary
from ..tile import Canvas


def board_grain(c: Canvas, key: str, pieces: Pieces, size: float, along_v: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Rings, fibre and pores of boards, each about standard normal or 0 to 1.

    Every piece looks up the shared grain at a place of its own, so that no figure runs on over a joint.
    ``size`` is the width of a board in metres.
    """
    ou, ov = pieces.random(f"{key}/du"), pieces.random(f"{key}/dv")
    u, v = c.u + ou, c.v + ov
    short, long = size * 0.32, size * 9.0
    bend = c.noise(f"{key}/bend", (short * 2.5, long * 0.4) if along_v else (long * 0.4, short * 2.5), 3)
    flow = c.noise(f"{key}/flow", (size * 0.9, long) if along_v else (long, size * 0.9), 2, at=(u, v))
    # Contour lines of a drawn-out field are the cathedral figure of a plain-sawn board.
    phase = flow * 3.2 + bend * 0.16
    rings = torch.sin(phase * 6.2831853)
    fibre = c.noise(f"{key}/fibre", (size * 0.035, size * 1.6) if along_v else (size * 1.6, size * 0.035), 3, 0.7)
    pores = coverage(
        c.noise(f"{key}/pores", (size * 0.02, size * 0.35) if along_v else (size * 0.35, size * 0.02), 2), 0.2, 0.25
    )
    return rings, fibre, pores


class Planks(Family):
    name = "planks"
    title = "Wooden planks"
    nouns = (
        "wooden planks", "wood planks", "planks", "wood floor", "wooden floorboards", "floorboards", "wooden boards",
        "timber boards", "decking", "barn wood", "wooden fence", "wooden deck",
    )  # fmt: skip
    rare_nouns = ("plank flooring", "timber planking", "hardwood boards")
    modifiers = ("interior", "barn", "cabin", "farmhouse", "ship")
    tile_width_m = 1.6
    palettes = (
        {"color": "#9a7048", "second_color": "#2b2119"},
        {"color": "#7c5634", "second_color": "#1f1711"},
        {"color": "#b89468", "second_color": "#3a2d20"},
        {"color": "#8b8478", "second_color": "#2a2723"},
        {"color": "#5b3d27", "second_color": "#16100b"},
        {"color": "#a7845c", "second_color": "#30251a"},
        {"color": "#c6a97f", "second_color": "#4b3b29"},
    )
    parameters = (
        Color(name="color", label="Wood color", spread=0.018),
        Color(name="second_color", label="Gap color", parts=("gaps", "seams"), spread=0.01),
        scale("Board width", 0.05, 0.5, (0.11, 0.19), 0.07, 0.28),
        joint_width(0.001, 0.03, (0.002, 0.006), 0.0015, 0.012),
        Choice(
            name="direction", label="Direction",
            options={"horizontal": ("horizontal",), "vertical": ("vertical", "upright")},
            weights={"horizontal": 2.0},
        ),
        variation((0.3, 0.7)),
        irregularity((0.15, 0.5)),
        gloss((0.1, 0.5)),
    )  # fmt: skip

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, width, joint = canvas, p.scale, p.joint_width
        down = p.direction == "vertical"
        boards = courses(
            c, "boards", width * 9.0, width,
            random_shift=True, jitter=0.25, row_jitter=0.12 * p.irregularity, vertical=down,
        )  # fmt: skip
        rings, fibre, pores = board_grain(c, "grain", boards, width, down)
        wobble = c.noise("edge", (width * 0.2, width * 1.5) if down else (width * 1.5, width * 0.2), 4)
        distance = boards.edge(joint, radius=width * 0.01, wobble=wobble * joint * 0.25 * (0.2 + p.irregularity))
        wood = c.edge(distance, joint * 0.05)
        knots, ring = _knots(c, width, down)

        depth = max(joint * 0.8, 0.003)
        worn = 0.3 + 0.7 * p.get("wear")
        top = depth * (0.4 + 0.6 * dome(distance, width * 0.035))
        top = top + (boards.random("level") - 0.5) * depth * 0.35 * p.irregularity
        top = top + width * worn * (0.0016 * rings + 0.0011 * fibre - 0.002 * pores)
        height = mix(c.noise("floor", width, 3) * depth * 0.05, top, wood)

        tone = (boards.random("tone") - 0.5) * 0.42 * p.variation
        light = tone + 0.065 * rings + 0.06 * fibre - 0.13 * pores - 0.42 * knots + 0.06 * ring
        hue = (boards.random("hue") - 0.5) * 0.03 * p.variation
        lab = vary(p.color, c, light, chroma=0.06 * rings + 0.15 * knots, warmth=hue)
        nails = _nails(c, boards, width, down)
        lab = vary(lab, c, -0.5 * nails)
        gap = vary(p.second_color, c, c.noise("gap", width * 0.5, 3) * 0.08)
        rough = mix(0.78, 0.16, p.gloss)
        result = surface(
            c,
            color=mix(gap, lab, wood),
            height=height - nails * 0.0012,
            low=0.0,
            high=depth,
            roughness=mix(0.92, rough + 0.05 * fibre + 0.1 * pores - 0.03 * rings, wood),
            cavity=1.0 - smoothstep(0.0, width * 0.06, distance),
            exposed=wood * smoothstep(width * 0.1, 0.0, distance),
        )
        result.set_metallic(0.6, nails * 0.7)
        return result


def _knots(c: Canvas, width: float, down: bool) -> tuple[Tensor, Tensor]:
    """Mask of knots and of the ring of grain round each."""
    from ..cells import voronoi

    cells = voronoi(c, "knots", (width * 2.2, width * 5.0) if down else (width * 5.0, width * 2.2), jitter=0.9)
    x, y = (cells.dx, cells.dy * 0.6) if down else (cells.dx * 0.6, cells.dy)
    radius = torch.sqrt(x * x + y * y) * (1.0 + 0.12 * c.noise("knot shape", width * 0.1, 3))
    size = width * (0.03 + 0.08 * cells.random("size"))
    there = (cells.random("there") > 0.62).float()
    knot = smoothstep(1.15, 0.5, radius / size) * there
    ring = smoothstep(0.6, 0.0, ((radius / size) - 1.5).abs()) * there
    return knot, ring


def _nails(c: Canvas, boards: Pieces, width: float, down: bool) -> Tensor:
    """Two nail heads at each end of a board."""
    along, half, across = (boards.y, boards.half_y, boards.x) if down else (boards.x, boards.half_x, boards.y)
    a = (half - along.abs()) - width * 0.16
    b = across.abs() - width * 0.27
    return c.edge(width * 0.024 - torch.sqrt(a * a + b * b))
