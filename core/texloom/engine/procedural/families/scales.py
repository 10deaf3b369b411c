# SPDX-License-Identifier: GPL-3.0-or-later
"""Scales of fish, snakes, crocodiles and dragons."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..cells import voronoi
from ..common import gloss, irregularity, relief, scale, variation
from ..family import Family
from ..ops import clamp01, dome, smoothstep
from ..overlap import Overlap, overlapping
from ..parameters import Choice, Color, Params, Rng, Value
from ..suited import suited
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas

_SUITED = {
    "fish": (
        {"color": "#8d979c", "second_color": "#4e5a63"},
        {"color": "#a9aca6", "second_color": "#5f645f"},
        {"color": "#c0843a", "second_color": "#7a3f1b"},
        {"color": "#3f7f86", "second_color": "#1d3f4c"},
        {"color": "#5a7794", "second_color": "#2c3f55"},
    ),
    "snake": (
        {"color": "#8a7a56", "second_color": "#3f3322"},
        {"color": "#5f6f45", "second_color": "#2f3524"},
        {"color": "#a08c68", "second_color": "#4a3826"},
        {"color": "#6f6a5c", "second_color": "#2b2823"},
        {"color": "#5c8a48", "second_color": "#274021"},
    ),
    "crocodile": (
        {"color": "#6a6a48", "second_color": "#35321f"},
        {"color": "#5a4b36", "second_color": "#2c2318"},
        {"color": "#3a3834", "second_color": "#1b1a18"},
        {"color": "#7a6a4e", "second_color": "#3f3424"},
    ),
    "dragon": (
        {"color": "#6d2a22", "second_color": "#2a1512"},
        {"color": "#37634f", "second_color": "#17322a"},
        {"color": "#3a4a52", "second_color": "#1c2429"},
        {"color": "#4b4540", "second_color": "#221f1d"},
        {"color": "#b08a3f", "second_color": "#5b3f1b"},
    ),
}


class Scales(Family):
    name = "scales"
    title = "Scales"
    nouns = (
        "scales", "scaly skin", "reptile scales", "reptile skin", "scaly hide", "overlapping scales",
        "skin with scales", "scale pattern",
    )  # fmt: skip
    rare_nouns = ("lizard skin", "scaled leather", "squamous hide")
    modifiers = ("fantasy", "creature", "animal", "monster")
    tile_width_m = 0.25
    palettes = tuple(palette for palettes in _SUITED.values() for palette in palettes)
    parameters = (
        Color(name="color", label="Scale color", spread=0.018),
        Color(name="second_color", label="Edge color", parts=("edges", "rims", "borders", "gaps"), spread=0.012),
        Choice(
            name="shape", label="Kind",
            options={
                "fish": ("fish", "mermaid", "carp", "rounded"),
                "snake": ("snake", "python", "serpent", "keeled"),
                "crocodile": ("crocodile", "alligator", "caiman"),
                "dragon": ("dragon", "wyvern", "pointed"),
            },
        ),
        scale("Scale size", 0.003, 0.12, (0.012, 0.026), 0.007, 0.05),
        relief((0.4, 0.8)),
        irregularity((0.2, 0.6)),
        variation((0.3, 0.7)),
        gloss((0.4, 0.75)),
    )  # fmt: skip
    attributes = ("wear", "cracks", "dirt", "moss", "dust", "wetness")

    @classmethod
    def sample(cls, rng: Rng, given: Mapping[str, Value] | None = None) -> dict[str, Value]:
        """As of every family; where the prompt names no color, the colors are those of the kind of animal."""
        values = super().sample(rng, given)
        return suited(cls.parameters, values, given, _SUITED[str(values["shape"])], rng)

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        if p.shape == "crocodile":
            return self._plates(canvas, p)
        c, s, v = canvas, p.scale, p.variation
        form = {
            "fish": {"step": 0.52, "reach": 2.2, "width": 1.14, "shoulder": 0.35, "power": 2.0},
            "snake": {"step": 0.66, "reach": 2.4, "width": 1.04, "shoulder": 0.3, "power": 1.5},
            "dragon": {"step": 0.72, "reach": 2.7, "width": 1.28, "shoulder": 0.3, "power": 1.5},
        }[p.shape]
        laid = overlapping(
            c, "scales", s, step=form["step"] * s, reach=form["reach"], width=form["width"], shoulder=form["shoulder"],
            power=form["power"], jitter=0.75 * p.irregularity * (1.3 if p.shape == "dragon" else 0.8), soft=0.2,
        )  # fmt: skip
        shape, edge_color, keel, grain = getattr(self, f"_{p.shape}")(c, p, laid)
        cloud = c.noise("cloud", s * 6.0, 4, 0.55)
        skin = 1.0 - laid.covered.float()
        shadow = laid.shadow * (1.0 - skin)
        tone = laid.random("tone") - 0.5
        light = 0.34 * v * tone + 0.1 * v * cloud + 0.05 * grain + 0.16 * keel - 0.42 * shadow
        light = light + 0.22 * (laid.along - 0.75) + 0.04
        hue = laid.random("hue") - 0.5
        lab = vary(p.color, c, light, chroma=0.35 * v * hue, warmth=0.02 * v * (hue + 0.3 * cloud))
        lab = blend_colors(c, lab, vary(p.second_color, c, 0.6 * light), edge_color)
        lab = blend_colors(c, lab, vary(p.second_color, c, -0.35 + 0.1 * grain), skin)
        thick = s * (0.06 + 0.2 * p.relief)
        height = thick * (0.75 * laid.along + shape + 0.025 * grain + 0.12 * tone) * (1.0 - skin)
        cavity = torch.maximum(torch.maximum(shadow, skin), 0.7 * smoothstep(0.12, 0.0, laid.edge))
        return surface(
            c,
            color=lab,
            height=height + 0.05 * thick * cloud,
            low=0.0,
            high=1.5 * thick,
            roughness=0.74 - 0.55 * p.gloss + 0.05 * grain + 0.25 * shadow + 0.3 * skin + 0.1 * edge_color,
            metallic=0.22 * (1.0 - skin) * (1.0 - edge_color) if p.shape == "fish" else 0.0,
            cavity=cavity,
            exposed=smoothstep(0.6, 1.0, laid.along) * (1.0 - skin) + 0.5 * keel,
        )

    @staticmethod
    def _fish(c: Canvas, p: Params, laid: Overlap) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Thin and smooth, with the rings of its growth."""
        s = p.scale
        fine = c.noise("fine", s * 0.12, 3, 0.7)
        rings = torch.sin(laid.edge * 58.0) * smoothstep(0.02, 0.3, laid.edge)
        rays = torch.sin(torch.atan2(laid.across, 1.25 - laid.along) * 42.0) * smoothstep(0.85, 0.3, laid.edge)
        shape = 0.4 * dome(laid.edge, 0.3) + 0.012 * rings + 0.012 * rays
        rim = smoothstep(0.16, 0.03, laid.edge)
        return shape, 0.5 * rim + 0.3 * laid.shadow, c.zeros(), fine + 0.5 * rings + 0.35 * rays

    @staticmethod
    def _snake(c: Canvas, p: Params, laid: Overlap) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Lozenges with a keel along them, darker in bands across the body."""
        s = p.scale
        fine = c.noise("fine", (s * 0.05, s * 0.3), 3, 0.7)
        keel = smoothstep(0.2, 0.0, laid.across.abs()) * smoothstep(0.1, 0.4, laid.edge)
        shape = 0.55 * dome(laid.edge, 0.5) + 0.16 * keel
        # Markings of a snake keep to whole scales.
        field = c.noise("blotch", (s * 5.5, s * 3.4), 2, 0.45)
        blotch = smoothstep(-0.15, 0.15, field + 0.9 * (laid.random("blotch") - 0.5) - 0.75) * 0.85
        rim = smoothstep(0.2, 0.05, laid.edge)
        return shape, clamp01(0.6 * rim + blotch * p.variation * 1.4), keel, fine

    @staticmethod
    def _dragon(c: Canvas, p: Params, laid: Overlap) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Thick and horny: a ridge, grooves that run to the tip, chipped edges."""
        s = p.scale
        fine = c.noise("fine", s * 0.16, 5, 0.68)
        horn = torch.sin(laid.across * 17.0 + 1.4 * fine + 6.0 * laid.random("horn"))
        horn = horn * smoothstep(0.0, 0.25, laid.edge)
        keel = smoothstep(0.3, 0.0, laid.across.abs()) * smoothstep(0.08, 0.45, laid.edge)
        shape = 0.75 * dome(laid.edge, 0.55) + 0.3 * keel + 0.05 * horn + 0.05 * fine
        rim = smoothstep(0.26, 0.02, laid.edge + 0.04 * fine)
        root = smoothstep(0.75, 0.35, laid.along)
        return shape, clamp01(0.55 * rim + 0.6 * root), 0.8 * keel, 0.9 * fine + 0.4 * horn

    @staticmethod
    def _plates(c: Canvas, p: Params) -> Surface:
        """Horny plates in rows with wrinkled skin between, large ones raised along their middle."""
        s, v = p.scale, p.variation
        at = c.warp("sway", s * 3.0, s * (0.12 + 0.45 * p.irregularity), octaves=3)
        cells = voronoi(
            c,
            "plates",
            (s * 1.2, s),
            jitter=0.2 + 0.45 * p.irregularity,
            at=at,
            border=True,
            rounding=s * 0.05,
            stagger=False,
        )
        assert cells.border is not None
        wrinkle = c.noise("wrinkle", (s * 0.45, s * 0.22), 5, 0.62)
        fine = c.noise("fine", s * 0.1, 4, 0.7)
        groove = s * (0.05 + 0.03 * p.irregularity)
        edge = cells.border - groove + 0.012 * s * wrinkle
        body = dome(edge, s * 0.28)
        bump = smoothstep(0.5 * s, 0.05 * s, torch.sqrt(cells.dx.square() + (1.6 * cells.dy).square()))
        pits = smoothstep(1.2, 2.0, fine) * body
        gap = smoothstep(0.35, 0.0, body)
        cloud = c.noise("cloud", s * 5.0, 4, 0.55)
        tone = cells.random("tone") - 0.5
        light = v * (0.3 * tone + 0.1 * cloud) + 0.05 * fine + 0.04 * wrinkle + 0.12 * bump - 0.15 * pits
        hue = cells.random("hue") - 0.5
        lab = vary(p.color, c, light + 0.05, chroma=0.3 * v * hue, warmth=0.015 * v * (hue + 0.4 * cloud))
        rim = smoothstep(0.16 * s, 0.0, edge)
        lab = blend_colors(c, lab, vary(p.second_color, c, 0.12 * wrinkle - 0.12 * gap), clamp01(0.5 * rim + 0.6 * gap))
        thick = s * (0.06 + 0.26 * p.relief)
        rise = 0.6 * body + 0.34 * bump * (0.5 + cells.random("raised")) + 0.05 * wrinkle + 0.03 * fine - 0.06 * pits
        return surface(
            c, color=lab, height=thick * rise, low=0.0, high=1.1 * thick,
            roughness=0.78 - 0.5 * p.gloss + 0.05 * fine + 0.16 * gap, cavity=torch.maximum(gap, pits), exposed=bump,
        )  # fmt: skip
