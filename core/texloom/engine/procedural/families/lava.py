# SPDX-License-Identifier: GPL-3.0-or-later
"""Lava: a dark crust over glowing melt."""

from __future__ import annotations

from ..cells import voronoi
from ..color import hex_to_lab
from ..common import relief, scale
from ..family import Family
from ..ops import coverage, dome, smoothstep
from ..parameters import Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Lava(Family):
    name = "lava"
    title = "Lava"
    nouns = ("lava", "molten lava", "magma", "volcanic lava", "lava rock", "glowing lava", "molten rock", "basalt")
    rare_nouns = ("volcano surface", "cooling magma")
    modifiers = ("volcanic", "hellish", "fantasy", "hot")
    tile_width_m = 4.0
    palettes = (
        {"color": "#2b2523", "second_color": "#ff6a10"},
        {"color": "#221d1c", "second_color": "#f04a08"},
        {"color": "#38302d", "second_color": "#ff9420"},
    )
    parameters = (
        Color(name="color", label="Crust color", spread=0.012),
        Color(name="second_color", label="Glow color", parts=("glow", "glowing cracks", "melt"), spread=0.016),
        scale("Plate size", 0.1, 2.0, (0.5, 0.9), 0.3, 1.4),
        Number(
            name="glow", label="Glow", natural=(0.35, 0.8),
            words={"glowing": 0.8, "molten": 0.9, "cooled": 0.05, "cold": 0.0, "solidified": 0.05, "extinct": 0.0},
        ),
        relief((0.5, 0.9)),
    )  # fmt: skip
    attributes = ("dust", "cracks")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        at = c.warp("bend", s * 1.2, s * 0.3, octaves=4, gain=0.55)
        plates = voronoi(c, "plates", s, jitter=0.95, at=at, border=True, rounding=s * 0.03)
        small = voronoi(c, "small", s * 0.3, jitter=0.95, at=at, border=True)
        assert plates.border is not None and small.border is not None
        rough = c.noise("rough", s * 0.5, 6, 0.65)
        grain = c.noise("grain", s * 0.05, 4, 0.7)
        ropes = c.noise("ropes", (s * 0.9, s * 0.16), 3, 0.5)
        heat = coverage(c.noise("heat", s * 2.2, 4), 0.25 + 0.6 * p.glow, 0.6) * min(1.0, p.glow * 2.5)
        width = s * (0.02 + 0.1 * heat)
        crust = dome(plates.border - width + 0.012 * s * rough, s * 0.3)
        open_ = smoothstep(s * 0.02, -s * 0.02, plates.border - width + 0.012 * s * rough)
        fine = smoothstep(s * 0.014, 0.0, small.border) * heat
        hot = (open_ * heat + 0.7 * fine * heat).clamp(0.0, 1.0)
        halo = smoothstep(s * 0.2, 0.0, plates.border) * heat
        depth = s * 0.2 * (0.3 + p.relief)
        height = depth * (
            crust * (0.75 + 0.25 * plates.random("level")) + 0.09 * rough + 0.07 * ropes * crust + 0.03 * grain
        )
        body = vary(p.color, c, 0.16 * rough + 0.1 * grain + 0.12 * ropes + 0.03)
        # Hotter is yellower: the colour runs from the crust through the glow's dark red to bright.
        light, a, b = p.second_color
        ember = blend_colors(c, (light * 0.55, a, b * 0.8), p.second_color, smoothstep(0.1, 0.7, hot))
        bright = blend_colors(c, ember, hex_to_lab("#ffe08a"), smoothstep(0.75, 1.0, hot) * 0.65)
        lab = blend_colors(c, body, (light * 0.5, a * 0.8, b * 0.7), halo * 0.4)
        lab = blend_colors(c, lab, bright, smoothstep(0.05, 0.5, hot))
        return surface(
            c, color=lab, height=height * (1.0 - 0.9 * open_), low=0.0, high=depth * 0.95,
            roughness=0.85 + 0.06 * grain - 0.35 * hot, cavity=(1.0 - crust) * 0.7, exposed=crust * 0.5,
        )  # fmt: skip
