# SPDX-License-Identifier: GPL-3.0-or-later
"""Damask: an ornament woven into silk by the change of its threads' direction."""

from __future__ import annotations

import torch

from ..common import gloss, relief, scale
from ..family import Family
from ..ops import dome, mix, smoothstep
from ..ornament import damask
from ..parameters import Color, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Damask(Family):
    name = "damask"
    title = "Damask"
    nouns = (
        "damask", "brocade", "ornamental fabric", "damask pattern", "jacquard", "baroque pattern", "silk damask",
        "ornate textile",
    )  # fmt: skip
    rare_nouns = ("lampas", "brocatelle", "rococo ornament")
    modifiers = ("elegant", "royal", "victorian", "luxury")
    tile_width_m = 0.6
    palettes = (
        {"color": "#7a1f2a", "second_color": "#b8843f"},
        {"color": "#2c3d5e", "second_color": "#8a93a8"},
        {"color": "#d9cdb4", "second_color": "#efe7d6"},
        {"color": "#2f4a3c", "second_color": "#a99a5f"},
        {"color": "#8d8577", "second_color": "#b9b1a2"},
        {"color": "#4a2f4f", "second_color": "#8b6a92"},
        {"color": "#b4924f", "second_color": "#dcc48a"},
        {"color": "#26242a", "second_color": "#55515c"},
    )
    parameters = (
        Color(name="color", label="Ground color", spread=0.014),
        Color(
            name="second_color", label="Ornament color", parts=("ornament", "flourishes", "pattern", "motif"),
            spread=0.014,
        ),
        scale("Pattern repeat", 0.03, 0.6, (0.15, 0.3), 0.08, 0.45),
        relief((0.3, 0.75)),
        gloss((0.4, 0.75)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        figure, veins = damask(c, "damask", s)
        inside = c.edge(figure)
        cut = c.edge(veins) * inside
        inside = inside - cut
        # In the ground the warp lies on top, in the figure the weft: threads run down there and across here.
        thread = 0.0005
        warp = c.noise("warp", (thread, thread * 26.0), 3, 0.7)
        weft = c.noise("weft", (thread * 26.0, thread), 3, 0.7)
        slub = c.noise("slub", (0.06, thread * 1.5), 3, 0.6)
        floats = mix(warp, weft, inside)
        fold = c.noise("fold", c.width_m / 2.0, 4, 0.45)
        rim = smoothstep(0.0012, 0.0, figure.abs() - 0.0002)
        light = 0.045 * floats + 0.022 * slub + 0.02 * fold - 0.16 * rim - 0.12 * cut
        lab = blend_colors(c, vary(p.color, c, light), vary(p.second_color, c, light + 0.03), inside)
        depth = 0.00012 + 0.0006 * p.relief
        plump = dome(figure, 0.0035) * inside
        high = depth * (0.75 * plump + 0.25 * inside) + 0.00002 * floats
        shine = 0.5 * p.gloss
        rough = mix(0.82 - 0.7 * shine, 0.72 - 1.0 * shine, inside)
        return surface(
            c,
            color=lab,
            height=high + 0.000012 * slub + 0.0001 * fold,
            low=-0.0003,
            high=depth + 0.0003,
            roughness=(rough + 0.05 * floats + 0.06 * rim).clamp(0.12, 1.0),
            cavity=torch.maximum(0.6 * rim, 0.8 * cut),
            exposed=0.2 + 0.7 * plump,
        )
