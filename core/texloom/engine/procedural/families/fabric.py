# SPDX-License-Identifier: GPL-3.0-or-later
"""Woven cloth: linen, canvas, twill, burlap."""

from __future__ import annotations

import torch
from torch import Tensor

from ..common import irregularity, scale
from ..family import Family
from ..ops import mix, smoothstep
from ..parameters import Choice, Color, Params
from ..surface import Surface, surface, vary
from ..tile import Canvas


class Fabric(Family):
    name = "fabric"
    title = "Woven fabric"
    nouns = (
        "fabric", "woven fabric", "cloth", "linen", "canvas", "burlap", "cotton fabric", "textile",
        "upholstery", "tweed", "sackcloth",
    )  # fmt: skip
    rare_nouns = ("woven textile", "jute cloth", "couch cover")
    modifiers = ("soft", "natural", "sofa", "curtain")
    tile_width_m = 0.1
    palettes = (
        {"color": "#b7a88d", "second_color": "#a39377"},
        {"color": "#3f5674", "second_color": "#8fa1b8"},
        {"color": "#8b2f33", "second_color": "#7a2529"},
        {"color": "#6f7a64", "second_color": "#5f6a55"},
        {"color": "#d8d0c0", "second_color": "#cac1b0"},
        {"color": "#4a4a4c", "second_color": "#3a3a3d"},
        {"color": "#9a7b55", "second_color": "#876a46"},
    )
    parameters = (
        Color(name="color", label="Warp color", spread=0.016),
        Color(name="second_color", label="Weft color", parts=("weft", "cross threads", "threads"), spread=0.012),
        Choice(
            name="weave", label="Weave",
            options={
                "plain": ("plain weave", "plain woven"),
                "twill": ("twill", "twill weave"),
                "basket": ("basket woven", "hopsack"),
                "satin": ("sateen", "satin weave"),
            },
            weights={"plain": 3.0, "twill": 2.0},
        ),
        scale("Thread width", 0.0003, 0.006, (0.0009, 0.0018), 0.0006, 0.003),
        irregularity((0.2, 0.6)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        # The weave repeats every 2 (plain), 4 (twill, basket) or 5 (satin) threads, so whole repeats must fit.
        repeat = {"plain": 2, "twill": 4, "basket": 4, "satin": 5}[p.weave]
        across, down = c.count(s)
        nx, ny = (max(repeat, repeat * round(n / repeat)) for n in (across, down))
        wander = 0.22 * p.irregularity
        a = c.u * nx + wander * c.noise("warp wander", (s * 3.0, s * 12.0), 3)
        b = c.v * ny + wander * c.noise("weft wander", (s * 12.0, s * 3.0), 3)
        i, j = a.floor(), b.floor()
        x, y = (a - i) * 2.0 - 1.0, (b - j) * 2.0 - 1.0
        over = _over(p.weave, i, j)
        thick_a = c.table("warp width", nx).take(torch.remainder(i, nx).long())
        thick_b = c.table("weft width", ny).take(torch.remainder(j, ny).long())
        slub = c.noise("slub", (s * 1.5, s * 30.0), 3) * 0.06 * p.irregularity
        width_a = 1.02 - 0.2 * p.irregularity * thick_a + slub
        width_b = 1.02 - 0.2 * p.irregularity * thick_b + slub
        # A thread is an arc across, and runs from over its neighbours to under them without a break.
        round_a = torch.sqrt((1.0 - (x / width_a) ** 2).clamp(min=0.0))
        round_b = torch.sqrt((1.0 - (y / width_b) ** 2).clamp(min=0.0))
        run_a = over + (_over(p.weave, i, j + torch.sign(y)) - over) * smoothstep(0.05, 0.95, y.abs() * 0.5)
        run_b = over + (_over(p.weave, i + torch.sign(x), j) - over) * smoothstep(0.05, 0.95, x.abs() * 0.5)
        warp_z = 0.62 * round_a + 0.8 * run_a - 0.4
        weft_z = 0.62 * round_b - 0.8 * run_b + 0.4
        top = c.edge((warp_z - weft_z) * s * 0.5)
        z = torch.maximum(warp_z, weft_z)
        strand = torch.maximum(round_a, round_b)
        # Twisted fibres run obliquely along each thread, finer ones along it.
        is_warp = warp_z > weft_z
        twist = torch.sin(torch.where(is_warp, y * 1.6 + x * 2.4, x * 1.6 - y * 2.4) * 3.14159)
        along = torch.where(
            is_warp, c.noise("warp fibre", (s * 0.12, s * 0.9), 1), c.noise("weft fibre", (s * 0.9, s * 0.12), 1)
        )
        tone = (mix(thick_b, thick_a, top) - 0.5) * 0.2 * (0.4 + p.irregularity)
        shade = -0.3 * smoothstep(0.75, 0.1, z) + 0.03 * twist + 0.075 * along + tone
        lab = mix(vary(p.second_color, c, shade), vary(p.color, c, shade), top)
        gap = smoothstep(0.25, 0.0, strand)
        lab = vary(lab, c, -0.3 * gap)
        folds = c.noise("folds", c.width_m / 2.0, 3)
        return surface(
            c,
            color=vary(lab, c, 0.025 * folds),
            height=s * (0.42 * z + 0.02 * twist + 0.03 * along),
            low=0.1 * s,
            high=0.44 * s,
            roughness=(0.55 if p.weave == "satin" else 0.86) + 0.04 * along + 0.06 * gap,
            cavity=smoothstep(0.7, 0.1, z),
            exposed=smoothstep(0.6, 1.0, z),
        )


def _over(weave: str, i: Tensor, j: Tensor) -> Tensor:
    """1 where the warp passes over the weft."""
    if weave == "plain":
        return torch.remainder(i + j, 2.0)
    if weave == "basket":
        return torch.remainder((i * 0.5).floor() + (j * 0.5).floor(), 2.0)
    if weave == "twill":
        return (torch.remainder(i + j, 4.0) < 2.0).float()
    return (torch.remainder(i * 2.0 + j, 5.0) != 0.0).float()
