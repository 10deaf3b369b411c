# SPDX-License-Identifier: GPL-3.0-or-later
"""Knitted wool: columns of V-shaped stitches."""

from __future__ import annotations

import torch

from ..common import irregularity, scale
from ..family import Family
from ..ops import mix, smoothstep
from ..parameters import Choice, Color, Params
from ..surface import Surface, surface, vary
from ..tile import Canvas


class Knit(Family):
    name = "knit"
    title = "Knitted wool"
    nouns = (
        "knit",
        "knitted wool",
        "knitted fabric",
        "wool sweater",
        "knitwear",
        "knitted sweater",
        "jersey knit",
        "wool",
    )
    rare_nouns = ("woolen jumper", "crochet", "cardigan")
    modifiers = ("cozy", "warm", "chunky", "winter")
    tile_width_m = 0.12
    palettes = (
        {"color": "#c9bfae", "second_color": "#8d2b2e"},
        {"color": "#7b2d30", "second_color": "#d7cdbb"},
        {"color": "#3b4a5e", "second_color": "#c7c9c9"},
        {"color": "#6b7a62", "second_color": "#d8d0bd"},
        {"color": "#8e8a86", "second_color": "#3d3d40"},
        {"color": "#c28f3f", "second_color": "#5a3a22"},
    )
    parameters = (
        Color(name="color", label="Yarn color", spread=0.016),
        Color(name="second_color", label="Second yarn", parts=("stripes", "bands"), spread=0.014),
        Choice(
            name="pattern", label="Pattern",
            options={"plain": ("plain",), "striped": ("striped",), "ribbed": ("ribbed", "rib knit")},
            weights={"plain": 5.0, "ribbed": 1.5},
        ),
        scale("Stitch width", 0.002, 0.03, (0.005, 0.008), 0.0035, 0.014),
        irregularity((0.2, 0.6)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        nx, ny = c.count((s, s * 0.78))
        if p.pattern != "plain":
            nx, ny = max(4, 4 * round(nx / 4)), max(8, 8 * round(ny / 8))
        loose = 0.14 * p.irregularity
        a = c.u * nx + loose * c.noise("a", s * 2.0, 3)
        b = c.v * ny + loose * c.noise("b", s * 2.0, 3)
        i = a.floor()
        x = a - i
        # Two legs lean towards each other; a leg's centre line runs down while it moves to the middle.
        left = (x < 0.5).float()
        across = torch.where(left > 0.5, x, 1.0 - x) * 2.0
        lean = b + 0.75 * (1.0 - across) - 0.3
        j = lean.floor()
        along = lean - j
        stitch = (torch.remainder(j, ny) * nx + torch.remainder(i, nx)).long()
        random = c.table("stitch", ny * nx).take(stitch)
        # Each leg is a teardrop: fat in the middle of its run, tucked under the next at both ends.
        d_across = (across - 0.5) * 2.0
        d_along = (along - 0.5) * 2.0
        body = 1.0 - d_across**2 * 0.95 - (d_along.abs() ** 2.5) * 0.62
        z = torch.sqrt(body.clamp(min=0.0))
        ply = torch.sin((along * 2.6 + across * 1.5 * (left * 2.0 - 1.0)) * 6.2831853)
        fuzz = c.noise("fuzz", s * 0.2, 4, 0.75)
        hair = c.noise("hair", (s * 0.5, s * 0.06), 3, 0.7)
        rib = c.zeros()
        if p.pattern == "ribbed":
            rib = torch.sin(c.u * (nx / 4) * 6.2831853).expand(c.rows, -1)
        color = vary(p.color, c, c.zeros())
        if p.pattern == "striped":
            striped = (torch.remainder(j, 8.0) >= 5.0).float()
            color = mix(color, vary(p.second_color, c, c.zeros()), striped)
        shade = -0.42 * smoothstep(0.6, 0.0, z) + 0.05 * ply * z + 0.07 * fuzz + 0.05 * hair + (random - 0.5) * 0.09
        depth = s * 0.4
        return surface(
            c,
            color=vary(color, c, shade + 0.1 + 0.1 * rib),
            height=depth * (z + 0.08 * ply * z + 0.1 * fuzz + 0.06 * hair + 0.9 * rib),
            low=-0.2 * depth,
            high=1.1 * depth,
            roughness=0.93 + 0.03 * fuzz,
            cavity=smoothstep(0.6, 0.0, z),
            exposed=smoothstep(0.6, 1.0, z),
        )
