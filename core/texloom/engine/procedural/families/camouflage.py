# SPDX-License-Identifier: GPL-3.0-or-later
"""Camouflage printed on cloth: blots of the woods, pixels, drifts of the desert."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..common import scale
from ..family import Family
from ..ops import smoothstep
from ..parameters import Choice, Color, Params, Rng, Value
from ..suited import suited
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas

_WOODS = (
    {"color": "#6c7046", "second_color": "#4b3b28", "third_color": "#36452c", "fourth_color": "#1b1c19"},
    {"color": "#8d8a5f", "second_color": "#55603a", "third_color": "#5f4a30", "fourth_color": "#262620"},
    {"color": "#9a9b84", "second_color": "#6c7355", "third_color": "#4a4f3a", "fourth_color": "#2c2d28"},
    {"color": "#5b6b4b", "second_color": "#3a4a35", "third_color": "#7d7a55", "fourth_color": "#20261f"},
    {"color": "#8b9096", "second_color": "#62676d", "third_color": "#b3b6b8", "fourth_color": "#33363a"},
    {"color": "#56657c", "second_color": "#35435b", "third_color": "#8593a6", "fourth_color": "#1c2230"},
)
_DESERTS = (
    {"color": "#c4a982", "second_color": "#a07f56", "third_color": "#d8c6a3", "fourth_color": "#6b5238"},
    {"color": "#b8a283", "second_color": "#8d7455", "third_color": "#cfbf9f", "fourth_color": "#5b4a37"},
    {"color": "#d0b894", "second_color": "#b08a66", "third_color": "#9a8f70", "fourth_color": "#74573f"},
)


class Camouflage(Family):
    name = "camouflage"
    title = "Camouflage"
    nouns = (
        "camouflage", "camo", "camouflage pattern", "camo fabric", "military camouflage", "army camouflage",
        "camouflage fabric", "camo print",
    )  # fmt: skip
    rare_nouns = ("army fatigues", "disruptive pattern material", "battle dress uniform")
    modifiers = ("military", "army", "tactical", "hunting")
    tile_width_m = 0.6
    palettes = _WOODS + _DESERTS
    parameters = (
        Color(name="color", label="Ground color", spread=0.012),
        Color(name="second_color", label="Second color", parts=("large patches", "blotches"), spread=0.01),
        Color(name="third_color", label="Third color", parts=("middle patches",), spread=0.01),
        Color(name="fourth_color", label="Fourth color", parts=("small patches", "branches"), spread=0.008),
        Choice(
            name="pattern", label="Pattern",
            options={
                "woodland": ("woodland", "forest", "jungle"),
                "digital": ("digital", "pixelated", "pixel"),
                "desert": ("desert", "arid"),
                "tiger": ("tiger stripe", "tigerstripe"),
            },
            weights={"woodland": 3.0, "digital": 2.0, "desert": 2.0, "tiger": 0.7},
        ),
        scale("Patch size", 0.015, 0.4, (0.055, 0.095), 0.035, 0.17),
        Choice(
            name="weave", label="Weave",
            options={"plain": ("plain weave",), "twill": ("twill", "twill weave"), "ripstop": ("ripstop",)},
            weights={"plain": 2.0, "ripstop": 1.5},
        ),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness")

    @classmethod
    def sample(cls, rng: Rng, given: Mapping[str, Value] | None = None) -> dict[str, Value]:
        """As of every family; where the prompt names no color, the colors are those that suit the pattern."""
        values = super().sample(rng, given)
        palettes = _DESERTS if values["pattern"] == "desert" else _WOODS
        return suited(cls.parameters, values, given, palettes, rng)

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c = canvas
        lab = self._print(c, p)
        shape, rough = self._cloth(c, p.weave)
        fade = c.noise("fade", 0.05, 4, 0.6)
        fold = c.noise("fold", c.width_m / 2.5, 4, 0.5)
        fibre = c.noise("fibre", 0.0012, 3, 0.75)
        return surface(
            c,
            color=vary(lab, c, 0.02 * fade + 0.025 * fibre + 0.05 * shape + 0.015 * fold),
            height=0.00022 * shape + 0.00003 * fibre + 0.0004 * fold,
            low=-0.0008,
            high=0.001,
            roughness=rough + 0.03 * fibre + 0.02 * fade,
            cavity=(0.25 - 0.3 * shape).clamp(0.0, 1.0),
            exposed=(0.3 + 0.4 * shape).clamp(0.0, 1.0),
        )

    def _print(self, c: Canvas, p: Params) -> Tensor:
        # Tiger stripes are narrow for their length.
        s = p.scale * (0.55 if p.pattern == "tiger" else 1.0)
        stretch = {"woodland": 1.5, "digital": 1.25, "desert": 2.6, "tiger": 4.2}[p.pattern]
        if p.pattern == "digital":
            # Square pixels: whole numbers of them fit, and the pattern is looked up at their middles.
            nx, ny = (max(8, n) for n in c.count(max(s / 9.0, 0.002)))
            at: tuple[Tensor, Tensor] | None = (
                ((c.u * nx).floor() + 0.5) / nx + c.zeros(),
                ((c.v * ny).floor() + 0.5) / ny + c.zeros(),
            )
            octaves, gain = 4, 0.68
        else:
            # Printed blots are smooth with bays and tongues, so the pattern bends where it is looked up.
            at = c.warp("bend", s * 0.9, s * 0.16, octaves=2)
            octaves, gain = 3, 0.42

        def field(key: str, size: float, flat: float = 1.0) -> Tensor:
            return c.noise(key, (size * stretch * flat, size), octaves, gain, at=at)

        def blot(values: Tensor, level: float) -> Tensor:
            # About a pixel and a half of softness, as ink has.
            width = 2.2 * c.pixel_m / s
            return smoothstep(-width, width, values - level)

        first, second, third = field("first", s), field("second", s * 0.8), field("third", s * 0.55, 0.8)
        if p.pattern == "woodland":
            layers = (blot(first, 0.15), blot(second, 0.45), blot(third + 0.35 * second, 0.95))
        elif p.pattern == "digital":
            layers = (blot(first, 0.2), blot(second, 0.5), blot(third, 1.05))
        elif p.pattern == "desert":
            layers = (blot(first, 0.35), blot(second, 0.7), blot(third - 0.3 * second, 1.35))
        else:
            layers = (blot(first, 0.1), blot(second, 0.75), blot(third + 0.3 * first, 0.45))
        lab = blend_colors(c, p.color, p.second_color, layers[0])
        lab = blend_colors(c, lab, p.third_color, layers[1])
        return blend_colors(c, lab, p.fourth_color, layers[2])

    @staticmethod
    def _cloth(c: Canvas, weave: str) -> tuple[Tensor, float]:
        """Relief of the threads, about -1 to 1, and the roughness of the cloth."""
        thread = 0.0011
        nx, ny = (max(4, 4 * round(n / 4)) for n in c.count(thread))
        # Threads finer than two pixels would only alias.
        visible = min(1.0, max(0.0, thread / c.pixel_m / 2.0 - 0.6))
        a, b = c.u * (nx * 6.2831853), c.v * (ny * 6.2831853)
        if weave == "twill":
            return visible * torch.sin((a + b) * 0.5) * (0.75 + 0.25 * torch.sin(a)), 0.86
        plain = visible * 0.5 * torch.sin(a * 0.5) * torch.sin(b * 0.5)
        if weave == "plain":
            return plain + c.zeros(), 0.88
        # Ripstop: stronger threads in a grid, two by two.
        gx, gy = c.count(0.0075)
        x = ((c.u * gx) - (c.u * gx).round()).abs() * (c.width_m / gx)
        y = ((c.v * gy) - (c.v * gy).round()).abs() * (c.height_m / gy)
        line = torch.maximum(c.edge(0.0007 - x), c.edge(0.0007 - y))
        return plain * (1.0 - 0.5 * line) + 0.7 * line - 0.1, 0.8
