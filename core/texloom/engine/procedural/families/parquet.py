# SPDX-License-Identifier: GPL-3.0-or-later
"""Parquet floors: herringbone, basket weave, strips."""

from __future__ import annotations

import torch
from torch import Tensor

from ..common import gloss, scale, variation
from ..family import Family
from ..layout import Pieces, courses, herringbone
from ..ops import coverage, dome, mix, smoothstep
from ..parameters import Choice, Color, Params
from ..surface import Surface, surface, vary
from ..tile import Canvas


class Parquet(Family):
    name = "parquet"
    title = "Parquet"
    nouns = (
        "parquet", "parquet floor", "parquetry", "herringbone parquet", "oak parquet", "parquet flooring",
        "wood block floor", "basket weave parquet",
    )  # fmt: skip
    rare_nouns = ("inlaid wood floor", "parquet tiles")
    modifiers = ("ballroom", "apartment", "museum", "interior")
    tile_width_m = 1.4
    palettes = (
        {"color": "#a67a4b", "second_color": "#3a281a"},
        {"color": "#b98e5e", "second_color": "#4a3524"},
        {"color": "#80552f", "second_color": "#2a1b10"},
        {"color": "#5e3a22", "second_color": "#1d120a"},
        {"color": "#caa679", "second_color": "#5c452e"},
        {"color": "#93714f", "second_color": "#33261a"},
    )
    parameters = (
        Color(name="color", label="Wood color", spread=0.016),
        Color(name="second_color", label="Joint color", parts=("joints", "seams"), spread=0.01),
        Choice(
            name="pattern", label="Pattern",
            options={
                "herringbone": ("in herringbone pattern", "herringbone", "zigzag"),
                "basket": ("basket weave", "in basket weave pattern", "checkerboard", "mosaic pattern"),
                "strip": ("in strips", "brick pattern", "strip pattern"),
            },
            weights={"herringbone": 4.0, "basket": 2.0},
        ),
        scale("Block width", 0.03, 0.2, (0.06, 0.09), 0.045, 0.12),
        variation((0.35, 0.75)),
        gloss((0.35, 0.8)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness", "cracks")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, width = canvas, p.scale
        if p.pattern == "herringbone":
            blocks = herringbone(c, "blocks", width * 5.0, width)
        elif p.pattern == "basket":
            blocks = _basket(c, width)
        else:
            blocks = courses(c, "blocks", width * 6.0, width, random_shift=True)
        turned = blocks.turned if blocks.turned is not None else c.zeros()
        along = torch.where(turned > 0.5, blocks.y, blocks.x)
        across = torch.where(turned > 0.5, blocks.x, blocks.y)
        rings, fibre, pores = _grain(c, blocks, along, across, width)
        distance = blocks.edge(width * 0.012, radius=width * 0.01)
        wood = c.edge(distance, width * 0.004)

        depth = 0.0012
        top = depth * (0.5 + 0.5 * dome(distance, width * 0.03)) + (blocks.random("level") - 0.5) * depth * 0.25
        top = top + (0.00004 * rings + 0.00005 * fibre - 0.0001 * pores) * mix(c.full(1.0), 0.3, p.gloss)
        tone = (blocks.random("tone") - 0.5) * 0.46 * p.variation
        light = tone + 0.05 * rings + 0.045 * fibre - 0.1 * pores
        lab = vary(p.color, c, light, chroma=0.05 * rings, warmth=(blocks.random("hue") - 0.5) * 0.028 * p.variation)
        rough = mix(0.7, 0.12, p.gloss)
        return surface(
            c,
            color=mix(vary(p.second_color, c, c.zeros()), lab, wood),
            height=mix(c.zeros(), top, wood),
            low=0.0,
            high=depth,
            roughness=mix(0.85, rough + 0.035 * fibre + 0.08 * pores + 0.05 * c.noise("film", width * 4, 4), wood),
            cavity=1.0 - smoothstep(0.0, width * 0.05, distance),
            exposed=wood * smoothstep(width * 0.12, 0.0, distance),
        )


def _grain(c: Canvas, blocks: Pieces, along: Tensor, across: Tensor, width: float) -> tuple[Tensor, Tensor, Tensor]:
    """Grain along each block whichever way it lies: looked up in the block's own frame."""
    # The tables are periodic, so any offset is as good as another.
    u = along / c.width_m + blocks.random("du")
    v = across / c.height_m + blocks.random("dv")
    flow = c.noise("flow", (width * 7.0, width * 1.1), 2, at=(u, v))
    rings = torch.sin(flow * 17.0)
    fibre = c.noise("fibre", (width * 1.2, width * 0.05), 2, 0.7, at=(u, v))
    pores = coverage(c.noise("pores", (width * 0.4, width * 0.03), 1, at=(u, v)), 0.16, 0.25)
    return rings, fibre, pores


def _basket(c: Canvas, width: float) -> Pieces:
    """Squares of four blocks each, every second one turned by a right angle."""
    side = width * 4.0
    nx = max(2, 2 * round(c.width_m / side / 2))
    ny = max(2, 2 * round(c.height_m / side / 2))
    px, py = c.u * nx, c.v * ny
    i, j = px.floor().clamp(max=nx - 1), py.floor().clamp(max=ny - 1)
    turned = torch.remainder(i + j, 2.0)
    fx, fy = px - i, py - j
    sx, sy = c.width_m / nx, c.height_m / ny
    line = torch.where(turned > 0.5, fx, fy + fx * 0) * 4.0
    k = line.floor().clamp(max=3)
    rest = line - k - 0.5
    x = torch.where(turned > 0.5, rest * (sx / 4.0), (fx - 0.5) * sx)
    y = torch.where(turned > 0.5, (fy - 0.5) * sy, rest * (sy / 4.0))
    half_x = torch.where(turned > 0.5, sx / 8.0, sx / 2.0)
    half_y = torch.where(turned > 0.5, sy / 2.0, sy / 8.0)
    index = ((j * nx + i) * 4 + k).long()
    return Pieces(c, "blocks", nx * ny * 4, index, x, y, half_x, half_y, turned)
