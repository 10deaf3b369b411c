# SPDX-License-Identifier: GPL-3.0-or-later
"""Ground that grows: grass and moss."""

from __future__ import annotations

import torch
from torch import Tensor

from ..common import density, relief, scale, variation
from ..family import Family
from ..ops import coverage, mix, smoothstep
from ..parameters import Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


def blades(
    c: Canvas, key: str, pitch: float, length: float, width: float, lean: float
) -> tuple[Tensor, Tensor, Tensor]:
    """One layer of upright blades, one in each cell of a jittered grid.

    Returns the height above ground (0 to 1), a random number a blade and the place along it (0 root, 1 tip);
    height is 0 where there is no blade.
    """
    nx, ny = c.count(pitch)
    nx, ny = max(nx, 3), max(ny, 3)
    cell_x, cell_y = c.width_m / nx, c.height_m / ny
    # A blade reaches over several cells upwards on screen; look back to the roots it may come from.
    reach_y = max(1, min(4, round(length / cell_y)))
    a, b = c.u * nx, c.v * ny
    i, j = a.floor(), b.floor()
    best = c.zeros()
    which = c.zeros()
    place = c.zeros()
    tables = [c.table(f"{key}/{name}", ny * nx) for name in ("x", "y", "lean", "long", "tone")]
    for dj in range(reach_y + 1):
        for di in (-1, 0, 1):
            row, column = j + dj, i + di
            index = (torch.remainder(row, ny) * nx + torch.remainder(column, nx)).long()
            rx, ry, rl, rt, tone = (table.take(index) for table in tables)
            # Metres from the root, up the screen and across.
            up = (row + ry - b) * cell_y
            side = (a - column - rx) * cell_x
            tall = length * (0.55 + 0.45 * rt)
            t = up / tall
            bend = (rl - 0.5) * 2.0 * lean
            centre = bend * up * (0.4 + 0.6 * t)
            half = width * (1.0 - t * t) * (0.7 + 0.5 * tone)
            cover = ((half - (side - centre).abs()) / max(width * 0.5, c.pixel_m * 0.7)).clamp(0.0, 1.0)
            cover = cover * ((t > 0.0) & (t < 1.0))
            z = cover * (0.35 + 0.65 * t) * (0.75 + 0.25 * tone)
            higher = z > best
            best = torch.where(higher, z, best)
            which = torch.where(higher, tone, which)
            place = torch.where(higher, t, place)
    return best, which, place


class Grass(Family):
    name = "grass"
    title = "Grass"
    nouns = ("grass", "lawn", "meadow", "green grass", "grassy ground", "turf", "grass field", "dry grass")
    rare_nouns = ("grassland", "football pitch", "sward")
    modifiers = ("garden", "park", "summer", "field")
    tile_width_m = 0.8
    palettes = (
        {"color": "#5d7a33", "second_color": "#4a3a26"},
        {"color": "#4b6a2c", "second_color": "#3d3122"},
        {"color": "#748a3f", "second_color": "#55452e"},
        {"color": "#8d8f4d", "second_color": "#5c4a32"},
        {"color": "#3d5c2b", "second_color": "#2d2519"},
        {"color": "#a3934f", "second_color": "#5d4b31"},
    )
    parameters = (
        Color(name="color", label="Grass color", spread=0.016),
        Color(name="second_color", label="Soil color", parts=("soil", "earth", "dirt patches"), spread=0.012),
        scale("Blade length", 0.015, 0.2, (0.045, 0.08), 0.025, 0.12),
        density("Density", (0.75, 1.0)),
        variation((0.3, 0.7)),
    )
    attributes = ("wetness", "snow", "dirt")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        patch = c.noise("patch", s * 4.0, 5, 0.55)
        thin = coverage(patch, 0.85 * (1.0 - p.density), 0.35)
        under_z, under_tone, under_t = blades(c, "under", s * 0.2, s * 0.8, s * 0.032, 0.9)
        over_z, over_tone, over_t = blades(c, "over", s * 0.24, s, s * 0.028, 0.7)
        bare = thin * 0.95
        under_z = under_z * (1.0 - bare)
        over_z = over_z * (1.0 - bare) * (1.0 - 0.4 * thin)
        top = over_z * 1.15 > under_z
        z = torch.maximum(over_z * 1.15, under_z)
        tone = torch.where(top, over_tone, under_tone)
        t = torch.where(top, over_t, under_t)
        blade = smoothstep(0.02, 0.16, z)
        litter = c.noise("litter", s * 0.15, 4, 0.7)
        soil = vary(p.second_color, c, 0.1 * litter - 0.05)
        # A blade is lit towards its tip and dry at times; between the blades it is dark.
        dry = smoothstep(0.86, 0.98, tone) * p.variation
        light = (tone - 0.5) * 0.42 * p.variation + 0.34 * (z - 0.55) + 0.05 * patch + 0.1
        green = vary(p.color, c, light, warmth=0.012 * patch * p.variation)
        green = blend_colors(c, green, vary((0.7, 0.01, 0.085), c, 0.3 * (z - 0.6)), dry * 0.7)
        lower = vary(p.color, c, -0.45 + 0.1 * litter)
        ground = blend_colors(c, lower, soil, thin)
        depth = s * 0.55
        return surface(
            c,
            color=blend_colors(c, ground, green, blade),
            height=depth * (z + 0.04 * litter + 0.06 * patch),
            low=0.0,
            high=depth,
            roughness=mix(0.95, 0.62 + 0.1 * t, blade),
            cavity=smoothstep(0.5, 0.05, z),
            exposed=smoothstep(0.5, 1.0, z),
        )


class Moss(Family):
    name = "moss"
    title = "Moss"
    nouns = ("moss", "mossy ground", "forest moss", "green moss", "moss carpet", "lichen and moss", "sphagnum moss")
    rare_nouns = ("bryophyte mat", "mossy forest floor")
    modifiers = ("forest", "damp", "shady", "fairy tale")
    tile_width_m = 0.6
    palettes = (
        {"color": "#5d7428"}, {"color": "#4a6324"}, {"color": "#7f8a35"}, {"color": "#3f5526"}, {"color": "#8b9140"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Moss color", spread=0.016),
        scale("Cushion size", 0.02, 0.3, (0.06, 0.11), 0.035, 0.18),
        Number(
            name="litter", label="Needles and twigs", natural=(0.0, 0.4), often=0.4,
            words={"with pine needles": 0.8, "with twigs": 0.7, "with fallen leaves": 0.8, "pure": 0.0},
        ),
        relief((0.4, 0.8)),
        variation((0.3, 0.7)),
    )  # fmt: skip
    attributes = ("wetness", "snow", "dirt", "dust")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        cushion = c.noise("cushion", s, 3, 0.45)
        swell = c.noise("swell", s * 3.0, 4, 0.5)
        shape = 0.55 * torch.sqrt((cushion * 0.5 + 1.2).clamp(min=0.0)) + 0.12 * swell
        fronds = c.noise("fronds", s * 0.07, 4, 0.72)
        stars = c.noise("stars", s * 0.035, 2, 0.8)
        gap = smoothstep(-0.7, -1.6, cushion)
        tip = smoothstep(0.3, 1.6, fronds + 0.4 * stars)
        v = p.variation
        light = 0.13 * fronds + 0.05 * stars + 0.06 * cushion + 0.06 * swell * v - 0.3 * gap - 0.03
        lab = vary(p.color, c, light, warmth=0.007 * v * swell)
        lab = blend_colors(c, lab, vary(p.color, c, 0.3 + 0.1 * stars, warmth=0.006), tip * 0.3)
        depth = s * 0.5 * (0.3 + p.relief)
        height = depth * (shape - 0.5 + 0.06 * fronds + 0.035 * stars)
        if p.litter > 0.02:
            needle = c.zeros()
            for number, size in enumerate(((s * 0.7, s * 0.035), (s * 0.035, s * 0.7), (s * 0.3, s * 0.05))):
                line = coverage(c.noise(f"needle{number}", size, 2), 0.05 * p.litter, 0.02)
                needle = torch.maximum(needle, line)
            lab = blend_colors(c, lab, vary((0.47, 0.035, 0.055), c, 0.15 * fronds), needle * 0.9)
            height = height + needle * depth * 0.08
        return surface(
            c, color=lab, height=height, low=-0.1 * depth, high=0.5 * depth, roughness=0.93 + 0.03 * fronds,
            cavity=0.5 * gap + (1.0 - gap) * smoothstep(0.3, -1.5, fronds) * 0.4, exposed=tip * 0.5,
        )  # fmt: skip
