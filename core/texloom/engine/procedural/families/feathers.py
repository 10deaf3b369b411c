# SPDX-License-Identifier: GPL-3.0-or-later
"""Feathers: a bird's plumage, vane over vane."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ..common import irregularity, scale, variation
from ..family import Family
from ..ops import clamp01, smoothstep
from ..overlap import overlapping
from ..parameters import Choice, Color, Number, Params, Rng, Value
from ..suited import suited
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas

_PEACOCK = (
    {"color": "#2f6b4c", "second_color": "#1f3f8a"},
    {"color": "#3b7a5a", "second_color": "#24489c"},
    {"color": "#4f7a3c", "second_color": "#1d5a78"},
)


class Feathers(Family):
    name = "feathers"
    title = "Feathers"
    nouns = (
        "feathers", "plumage", "bird feathers", "feather", "overlapping feathers", "wing feathers", "bird plumage",
    )  # fmt: skip
    rare_nouns = ("quills", "plumes", "feather boa")
    modifiers = ("bird", "angel", "fantasy", "wing")
    tile_width_m = 0.35
    palettes = (
        {"color": "#8a6b4c", "second_color": "#3b2b1f"},
        {"color": "#e9e5dc", "second_color": "#b9b2a6"},
        {"color": "#3a3d42", "second_color": "#191a1d"},
        {"color": "#9a9a98", "second_color": "#4c4d50"},
        {"color": "#3f6f86", "second_color": "#1e2f3d"},
        {"color": "#a83f2a", "second_color": "#3a1a16"},
        {"color": "#3f6b48", "second_color": "#c09a45"},
        {"color": "#b79a6f", "second_color": "#5a4029"},
    )
    parameters = (
        Color(name="color", label="Feather color", spread=0.018),
        Color(name="second_color", label="Marking color", parts=("markings", "tips", "bars", "edges"), spread=0.014),
        Choice(
            name="pattern", label="Markings",
            options={
                "plain": ("plain", "unmarked"),
                "tipped": ("tipped", "with dark tips"),
                "barred": ("barred", "banded"),
                "laced": ("laced", "edged"),
                "eyed": ("peacock", "with eyespots"),
            },
            weights={"plain": 2.0, "tipped": 1.2, "barred": 1.2, "laced": 1.2, "eyed": 0.4},
        ),
        scale("Feather width", 0.008, 0.15, (0.04, 0.065), 0.022, 0.09),
        Number(
            name="fluff", label="Fluff", natural=(0.15, 0.6),
            words={"fluffy": 0.9, "downy": 1.0, "soft": 0.75, "ruffled": 0.7, "sleek": 0.05, "smooth": 0.08},
        ),
        irregularity((0.3, 0.7)),
        variation((0.25, 0.65)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "snow", "wetness")

    @classmethod
    def sample(cls, rng: Rng, given: Mapping[str, Value] | None = None) -> dict[str, Value]:
        """As of every family; where the prompt names no color, feathers with eyes have those of a peacock."""
        values = super().sample(rng, given)
        palettes = _PEACOCK if values["pattern"] == "eyed" else cls.palettes
        return suited(cls.parameters, values, given, palettes, rng)

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, v = canvas, p.scale, p.variation
        laid = overlapping(
            c, "feathers", s, step=0.85 * s, reach=2.9, width=1.2, shoulder=0.3, power=2.0,
            jitter=0.2 + 0.75 * p.irregularity, soft=0.3,
        )  # fmt: skip
        x, t = laid.across, laid.along
        side = torch.where(x < 0.0, -1.0, 1.0)
        # The shaft bends a little to one side.
        bend = (laid.random("bend") - 0.5) * 0.3
        x = x - bend * (t * t - 0.5)
        far = x.abs()
        # Barbs leave the shaft slanting towards the tip; counted in the direction across them.
        ruffle = c.noise("ruffle", (s * 0.5, s * 0.3), 3, 0.6)
        barb = t * 2.9 - 0.8 * far * far.sqrt() + (0.012 + 0.07 * p.fluff) * ruffle
        count = 46.0
        # Barbs finer than two pixels would only alias.
        visible = min(1.0, max(0.0, s / count / c.pixel_m - 0.6))
        line = torch.sin((barb * count + 7.0 * laid.random("comb")) * 3.14159) * visible
        tuft = torch.sin((barb * 7.0 + 9.0 * laid.random("tuft") + side) * 3.14159 + 1.6 * ruffle)
        # Where barbs come apart the vane splits, from its edge inwards.
        split_at = smoothstep(0.9, 1.0, torch.sin(barb * (3.5 + 2.0 * laid.random("part")) + 6.2831853 * bend * 20.0))
        split = split_at * smoothstep(0.2, 0.9, far) * smoothstep(0.25, 0.6, t) * (0.45 + 0.55 * p.irregularity)
        down = clamp01(p.fluff * smoothstep(0.75, 0.4, t) + 0.4 * p.fluff * smoothstep(0.12, 0.0, laid.edge))
        shaft_width = 0.055 * (1.1 - t)
        shaft = smoothstep(0.02, -0.033, far - shaft_width) * smoothstep(0.99, 0.9, t)
        shadow = laid.shadow
        fibre = c.noise("fibre", s * 0.05, 3, 0.75)
        cloud = c.noise("cloud", s * 4.0, 4, 0.55)
        tone = laid.random("tone") - 0.5
        light = 0.26 * v * tone + 0.07 * v * cloud + 0.085 * line + 0.03 * tuft * (0.4 + p.fluff) + 0.03 * fibre
        light = light - 0.3 * split - 0.46 * shadow + 0.1 * (t - 0.7) + 0.05
        hue = laid.random("hue") - 0.5
        lab = vary(p.color, c, light, chroma=0.3 * v * hue - 0.25 * down, warmth=0.012 * v * (hue + 0.3 * cloud))
        mark = self._mark(p, far, t, laid.edge, barb, 0.04 * tuft + 0.025 * ruffle)
        if p.pattern == "eyed":
            # The eye is an iridescent disc in a ring of its own color.
            eye = torch.sqrt((far * 0.8).square() + ((t - 0.8) * 3.0).square())
            ring = smoothstep(0.52, 0.46, eye) * smoothstep(0.3, 0.36, eye)
            lab = blend_colors(c, lab, vary((0.62, 0.04, 0.1), c, light), ring)
        lab = blend_colors(c, lab, vary(p.second_color, c, light), mark)
        pale = (0.45 + 0.5 * p.color[0], 0.35 * p.color[1], 0.35 * p.color[2] + 0.012)
        lab = blend_colors(c, lab, vary(pale, c, 0.5 * light), clamp01(0.55 * shaft + 0.35 * down))
        bare = 1.0 - laid.covered.float()
        lab = vary(lab, c, -0.6 * bare)
        thick = s * 0.12
        arch = (1.0 - x.square()).clamp(min=0.0)
        rise = 0.8 * t + 0.35 * arch + 0.2 * shaft + 0.035 * line + 0.035 * tuft * (0.2 + p.fluff) - 0.2 * split
        height = thick * (rise + 0.2 * tone + 0.03 * fibre) * (1.0 - bare)
        return surface(
            c,
            color=lab,
            height=height,
            low=0.2 * thick,
            high=1.4 * thick,
            roughness=0.62 + 0.06 * fibre + 0.2 * down - 0.12 * shaft + 0.12 * shadow - 0.06 * line,
            cavity=torch.maximum(torch.maximum(shadow, bare), 0.6 * split),
            exposed=smoothstep(0.6, 1.0, t) * 0.7 + 0.3 * shaft,
        )

    @staticmethod
    def _mark(
        p: Params, far: torch.Tensor, t: torch.Tensor, edge: torch.Tensor, barb: torch.Tensor, fray: torch.Tensor
    ) -> torch.Tensor:
        """Where a feather has the color of the markings, 0 to 1."""
        if p.pattern == "tipped":
            return smoothstep(0.8, 0.88, t - 0.12 * far.square() + fray)
        if p.pattern == "barred":
            return smoothstep(0.05, 0.4, torch.sin(barb * 9.5 + 5.0 * fray))
        if p.pattern == "laced":
            return smoothstep(0.24, 0.15, edge + 0.7 * fray)
        if p.pattern == "eyed":
            return smoothstep(0.36, 0.3, torch.sqrt((far * 0.8).square() + ((t - 0.8) * 3.0).square()) + 0.3 * fray)
        return torch.zeros_like(t)
