# SPDX-License-Identifier: GPL-3.0-or-later
"""Bare metals: brushed, and stamped tread plate."""

from __future__ import annotations

import torch

from ..common import direction, gloss, relief, scale
from ..family import Family
from ..ops import coverage, dome, smoothstep
from ..parameters import Choice, Color, Number, Params
from ..surface import Surface, surface, vary
from ..tile import Canvas

_METALS = (
    {"color": "#b8b9bb"}, {"color": "#9fa2a6"}, {"color": "#c7c3bc"}, {"color": "#d4af6a"}, {"color": "#b5784f"},
    {"color": "#8b8d90"},
)  # fmt: skip


def scratches(c: Canvas, key: str, size: float, amount: float) -> torch.Tensor:
    """Fine scratches in several directions, 0 to 1."""
    total = c.zeros()
    # Straight lines that close over the tile lie on whole-number slopes.
    for number, (nx, ny) in enumerate(((3, 1), (1, 2), (2, -3), (-1, 4))):
        line = torch.remainder(c.u * (nx * 5) + c.v * (ny * 5) + 0.02 * c.noise(f"{key}/bow{number}", size * 6, 2), 1.0)
        place = torch.sin(line * 6.2831853 * 9.0 + c.noise(f"{key}/jump{number}", size * 2.5, 3) * 6.0)
        on = coverage(c.noise(f"{key}/on{number}", size, 3, 0.6), 0.22 * amount, 0.1)
        total = torch.maximum(total, smoothstep(0.975, 1.0, place) * on)
    return total


class BrushedMetal(Family):
    name = "brushed_metal"
    title = "Brushed metal"
    nouns = (
        "brushed metal", "metal", "steel", "brushed steel", "aluminium", "brushed aluminum", "stainless steel",
        "sheet metal", "brass", "copper", "gold metal", "titanium", "iron", "chrome",
    )  # fmt: skip
    rare_nouns = ("metal sheet", "satin steel", "bronze plate")
    modifiers = ("industrial", "appliance", "machined", "solid")
    tile_width_m = 0.5
    palettes = _METALS
    parameters = (
        Color(name="color", label="Metal color", spread=0.014),
        direction(),
        Number(
            name="brushing", label="Brushing", natural=(0.35, 0.8),
            words={"brushed": 0.8, "heavily brushed": 1.0, "unbrushed": 0.0, "hairline": 0.6},
        ),
        Number(
            name="scratches", label="Scratches", natural=(0.0, 0.4), often=0.3,
            words={"scratched": 0.8, "scuffed": 0.75, "with scratches": 0.7, "unscratched": 0.0},
        ),
        gloss((0.45, 0.8)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, span = canvas, 0.5
        thin, long = span / 700.0, span / 1.3
        size = (long, thin) if p.direction == "horizontal" else (thin, long)
        hair = c.noise("hair", size, 1)
        broad = c.noise(
            "broad", (size[0], size[1] * 9.0) if p.direction == "horizontal" else (size[0] * 9.0, size[1]), 3
        )
        cloud = c.noise("cloud", span / 3.0, 5, 0.55)
        marks = scratches(c, "scratch", span / 5.0, p.scratches) if p.scratches > 0.02 else c.zeros()
        fine = c.noise("fine", span / 300.0, 2)
        b = p.brushing
        tone = b * (0.045 * hair + 0.014 * broad) + 0.018 * cloud + 0.16 * marks + 0.01 * fine
        rough = 0.55 - 0.46 * p.gloss
        return surface(
            c,
            color=vary(p.color, c, tone),
            height=0.00003 * b * (hair + broad) - 0.00006 * marks + 0.000004 * fine,
            low=-0.0001,
            high=0.0001,
            roughness=rough + b * (0.05 * hair + 0.05 * broad) + 0.03 * cloud + 0.2 * marks,
            metallic=1.0,
            cavity=c.zeros(),
            exposed=coverage(cloud, 0.4, 0.8) * 0.6,
        )


class DiamondPlate(Family):
    name = "diamond_plate"
    title = "Diamond plate"
    nouns = (
        "diamond plate",
        "tread plate",
        "checker plate",
        "metal floor plate",
        "diamond plate steel",
        "embossed metal",
    )
    rare_nouns = ("chequered plate", "anti-slip metal")
    modifiers = ("industrial", "truck", "ramp", "factory")
    tile_width_m = 0.4
    palettes = _METALS
    parameters = (
        Color(name="color", label="Metal color", spread=0.014),
        Choice(
            name="pattern", label="Pattern",
            options={"single": ("single bar",), "five": ("five bar",), "studs": ("studded", "with studs")},
            weights={"single": 4.0, "five": 1.5, "studs": 1.0},
        ),
        scale("Bar length", 0.01, 0.1, (0.03, 0.042), 0.02, 0.06),
        relief((0.4, 0.8)),
        gloss((0.35, 0.75)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        nx, ny = (max(2, 2 * round(n / 2)) for n in c.count(s))
        a, b = c.u * nx, c.v * ny
        i, j = a.floor(), b.floor()
        cell_x, cell_y = c.width_m / nx, c.height_m / ny
        x, y = (a - i - 0.5) * cell_x, (b - j - 0.5) * cell_y
        turn = torch.remainder(i + j, 2.0) * 2.0 - 1.0
        # Bars lie at 45 degrees, turned the other way in every second cell.
        long = (x + turn * y) * 0.70710678
        short = (x - turn * y) * 0.70710678
        if p.pattern == "five":
            pitch = s * 0.16
            short = torch.remainder(short + pitch * 2.5, pitch) - pitch * 0.5 + ((short.abs() > pitch * 2.5) * s)
            half_long, half_short = s * 0.36, s * 0.055
        else:
            half_long, half_short = s * 0.54, s * 0.135
        if p.pattern == "studs":
            distance = s * 0.3 - torch.sqrt(x * x + y * y)
        else:
            # A lens: two arcs that meet in points.
            t = (long / half_long).clamp(-1.0, 1.0)
            distance = half_short * (1.0 - t * t) - short.abs() - (long.abs() - half_long).clamp(min=0.0)
        bar = dome(distance, s * (0.05 if p.pattern == "five" else 0.09))
        depth = s * 0.07 * (0.3 + p.relief)
        fine = c.noise("fine", s * 0.06, 4, 0.7)
        cloud = c.noise("cloud", s * 4.0, 5, 0.55)
        rub = bar * smoothstep(0.8, 1.0, bar)
        # What boots leave behind stays round the foot of each bar.
        foot = smoothstep(-s * 0.09, 0.0, distance) * (1.0 - smoothstep(0.0, s * 0.03, distance))
        foot = foot * (0.75 + 0.25 * cloud).clamp(0.3, 1.2)
        marks = scratches(c, "scratch", s * 2.5, 0.5)
        rough = 0.55 - 0.42 * p.gloss
        return surface(
            c,
            color=vary(p.color, c, 0.03 * cloud + 0.02 * fine + 0.17 * rub + 0.1 * marks - 0.09 - 0.2 * foot),
            height=depth * (bar + 0.015 * fine),
            low=0.0,
            high=depth,
            roughness=rough + 0.05 * cloud + 0.02 * fine - 0.08 * rub + 0.12 * marks,
            metallic=1.0,
            cavity=smoothstep(s * 0.05, 0.0, distance.abs()) * 0.8 + 0.1,
            exposed=rub,
        )
