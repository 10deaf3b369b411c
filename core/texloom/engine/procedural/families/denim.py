# SPDX-License-Identifier: GPL-3.0-or-later
"""Denim: an indigo warp over a pale weft, rubbed and washed."""

from __future__ import annotations

import torch

from ..common import irregularity, scale
from ..family import Family
from ..ops import coverage, mix, smoothstep
from ..parameters import Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Denim(Family):
    name = "denim"
    title = "Denim"
    nouns = (
        "denim", "jeans", "denim fabric", "blue jeans", "jean fabric", "denim cloth", "selvedge denim",
        "jeans material",
    )  # fmt: skip
    rare_nouns = ("dungaree cloth", "serge de nimes", "chino twill")
    modifiers = ("fashion", "casual", "workwear", "american")
    tile_width_m = 0.07
    palettes = (
        {"color": "#2f4263", "second_color": "#c9c8c2"},
        {"color": "#1f2a44", "second_color": "#a9adb5"},
        {"color": "#4a6489", "second_color": "#d6d6d2"},
        {"color": "#7b94b3", "second_color": "#dfdfda"},
        {"color": "#26282d", "second_color": "#7d7f84"},
        {"color": "#5d6268", "second_color": "#b9bbbc"},
        {"color": "#33455a", "second_color": "#c8c8c4"},
        {"color": "#b9b2a3", "second_color": "#d9d4c7"},
    )
    parameters = (
        Color(name="color", label="Warp color", spread=0.014),
        Color(name="second_color", label="Weft color", parts=("weft", "cross threads", "threads"), spread=0.01),
        Number(
            name="washing", label="Washing", natural=(0.15, 0.6),
            words={"washed": 0.6, "stonewashed": 0.8, "acid washed": 1.0, "bleached": 0.9, "raw": 0.0, "unwashed": 0.0,
                   "rinsed": 0.2},
        ),
        Number(
            name="slub", label="Slub", natural=(0.2, 0.65),
            words={"slubby": 0.9, "slub": 0.85, "ring-spun": 0.7, "streaky": 0.85, "smooth": 0.05},
        ),
        scale("Thread width", 0.0003, 0.003, (0.0006, 0.0009), 0.0004, 0.0016),
        irregularity((0.2, 0.6)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        # Three over one: the twill closes after four threads each way.
        across, down = c.count((s, s * 1.25))
        nx, ny = (max(4, 4 * round(n / 4)) for n in (across, down))
        wander = 0.1 + 0.2 * p.irregularity
        a = c.u * nx + wander * c.noise("warp wander", (s * 3.0, s * 14.0), 3)
        b = c.v * ny + wander * c.noise("weft wander", (s * 14.0, s * 3.0), 3)
        i, j = a.floor(), b.floor()
        x, y = (a - i) * 2.0 - 1.0, (b - j) * 2.0 - 1.0
        number = torch.remainder(i, nx).long()
        thick = c.table("warp", nx).take(number)
        dye = c.table("dye", nx).take(number)
        # Spun unevenly, a yarn swells and thins over some centimetres.
        slub = c.noise("slub", (s * 0.9, s * 28.0), 3, 0.6) * p.slub
        width = (0.98 - 0.14 * p.irregularity * thick + 0.11 * slub).clamp(0.6, 1.2)
        phase = torch.remainder(i + j, 4.0)
        over = (phase > 0.5).float()
        # How far the warp is into its float of three: it dives under the weft at both ends.
        run = (torch.remainder(i + b, 4.0) - 2.5).abs() / 1.5
        arch = (1.0 - run.square()).clamp(min=0.0)
        round_a = (1.0 - (x / width).square()).clamp(min=0.0).sqrt()
        round_b = (1.0 - y.square()).clamp(min=0.0).sqrt()
        warp = over * (0.45 * round_a + 0.35 * arch * round_a + 0.1 * slub * round_a + 0.08)
        weft = 0.38 * round_b * (1.0 - over * 0.55)
        top = (warp > weft).float()
        z = torch.maximum(warp, weft)
        fibre = c.noise("fibre", (s * 0.22, s * 0.5), 3, 0.75)
        twist = torch.sin((y * 1.6 + x * 1.9) * 3.14159)
        fade = c.noise("fade", c.width_m / 2.0, 5, 0.55)
        worn = coverage(fade + 0.25 * slub, 0.15 + 0.7 * p.washing, 0.9) * p.washing
        # Indigo sits on the outside of the yarn: where the crown is rubbed the white core shows.
        rubbed = smoothstep(0.42, 0.95, z + 0.12 * fibre + 0.1 * slub) * (0.12 + 0.6 * worn)
        tone = 0.12 * (dye - 0.5) + 0.13 * slub + 0.07 * fibre + 0.05 * twist - 0.3 * smoothstep(0.42, 0.05, z)
        blue = vary(p.color, c, tone + 0.03 * fade, chroma=-0.15 * worn)
        # Washed out, a dye keeps its hue while it pales: mixing it with the weft's cream would turn it green.
        faded = (0.5 + 0.45 * p.second_color[0], 0.4 * p.color[1], 0.4 * p.color[2])
        blue = blend_colors(c, blue, faded, (rubbed + 0.28 * worn).clamp(0.0, 0.8))
        pale = vary(p.second_color, c, 0.06 * fibre - 0.34 + 0.3 * smoothstep(0.05, 0.4, z))
        # Dye of the warp rubs off onto the weft.
        pale = blend_colors(c, pale, p.color, c.full(0.3 - 0.15 * p.washing))
        return surface(
            c,
            color=mix(pale, blue, top),
            height=s * (0.5 * z + 0.035 * fibre + 0.02 * twist * top),
            low=0.0,
            high=0.5 * s,
            roughness=0.88 + 0.03 * fibre,
            cavity=smoothstep(0.45, 0.1, z),
            exposed=smoothstep(0.45, 0.95, z),
        )
