# SPDX-License-Identifier: GPL-3.0-or-later
"""Man-made sheets: plastic, rubber and paper."""

from __future__ import annotations

import torch

from ..cells import voronoi
from ..common import gloss, relief, scale
from ..family import Family
from ..ops import coverage, dome, smoothstep
from ..parameters import Choice, Color, Number, Params
from ..surface import Surface, surface, vary
from ..tile import Canvas


class Plastic(Family):
    name = "plastic"
    title = "Plastic and rubber"
    nouns = (
        "plastic",
        "rubber",
        "molded plastic",
        "vinyl",
        "plastic surface",
        "rubber mat",
        "silicone",
        "textured plastic",
    )
    rare_nouns = ("polymer sheet", "acrylic", "neoprene")
    modifiers = ("industrial", "toy", "dashboard", "technical")
    tile_width_m = 0.2
    palettes = (
        {"color": "#2a2b2d"}, {"color": "#d8d7d3"}, {"color": "#b3402f"}, {"color": "#2f5f8f"}, {"color": "#d8a92e"},
        {"color": "#4d7a4e"}, {"color": "#7a7c80"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Color", spread=0.016),
        Choice(
            name="pattern", label="Surface",
            options={"grained": ("grained",), "plain": ("plain",), "studded": ("dimpled",), "ribbed": ("grooved",)},
            weights={"grained": 3.0, "plain": 2.0},
        ),
        scale("Pattern size", 0.0005, 0.03, (0.0016, 0.006), 0.001, 0.012),
        relief((0.25, 0.7)),
        gloss((0.2, 0.75)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness", "cracks")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        fine = c.noise("fine", 0.0012, 3, 0.7)
        cloud = c.noise("cloud", 0.08, 4, 0.5)
        smudge = coverage(c.noise("smudge", 0.05, 5, 0.6), 0.25, 0.6)
        depth = s * 0.22 * (0.15 + p.relief)
        if p.pattern == "grained":
            cells = voronoi(c, "grain", s, jitter=0.95, border=True, rounding=s * 0.06)
            assert cells.border is not None
            shape = dome(cells.border, s * 0.34) * (0.7 + 0.3 * cells.random("level"))
        elif p.pattern == "studded":
            nx, ny = c.count(s)
            x, y = torch.remainder(c.u * nx, 1.0) - 0.5, torch.remainder(c.v * ny, 1.0) - 0.5
            shape = dome(0.36 - torch.sqrt(x * x + y * y), 0.3)
        elif p.pattern == "ribbed":
            n = c.count(s)[0]
            shape = (0.5 + 0.5 * torch.cos(c.u * n * 6.2831853)).expand(c.rows, -1).sqrt()
        else:
            shape = c.full(0.6)
        rough = 0.68 - 0.58 * p.gloss
        return surface(
            c, color=vary(p.color, c, 0.02 * cloud + 0.012 * fine - 0.1 * smoothstep(0.35, 0.0, shape) + 0.012),
            height=depth * shape + 0.000008 * fine, low=0.0, high=depth,
            roughness=rough + 0.02 * fine + 0.08 * smudge, cavity=smoothstep(0.5, 0.0, shape), exposed=shape * 0.6,
        )  # fmt: skip


class Paper(Family):
    name = "paper"
    title = "Paper and cardboard"
    nouns = (
        "paper",
        "cardboard",
        "old paper",
        "parchment",
        "kraft paper",
        "watercolor paper",
        "crumpled paper",
        "corrugated cardboard",
    )
    rare_nouns = ("vellum", "pasteboard", "papyrus")
    modifiers = ("vintage", "recycled", "craft", "antique")
    tile_width_m = 0.3
    palettes = (
        {"color": "#e9e2d2"}, {"color": "#d8c39a"}, {"color": "#b58e62"}, {"color": "#f1efe9"}, {"color": "#c9b58d"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Paper color", spread=0.014),
        Number(
            name="crumple", label="Crumple", natural=(0.0, 0.4), often=0.5,
            words={"crumpled": 0.8, "wrinkled": 0.7, "creased": 0.55, "folded": 0.5, "flat": 0.0, "unwrinkled": 0.0},
        ),
        Number(
            name="fibers", label="Fibres", natural=(0.2, 0.7),
            words={"fibrous": 0.95, "with fibers": 0.85, "coarse": 0.9, "fine": 0.1},
        ),
        relief((0.3, 0.6)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, span = canvas, 0.3
        tooth = c.noise("tooth", span / 220.0, 3, 0.7)
        cloud = c.noise("cloud", span / 6.0, 6, 0.62)
        fibre = c.zeros()
        for number, size in enumerate(
            ((span / 18.0, span / 420.0), (span / 420.0, span / 18.0), (span / 60.0, span / 300.0))
        ):
            fibre = torch.maximum(fibre, coverage(c.noise(f"fibre{number}", size, 2), 0.03 + 0.05 * p.fibers, 0.05))
        fold = c.zeros()
        ridge = c.zeros()
        if p.crumple > 0.02:
            # Facets between sharp folds: the maximum of smooth slopes.
            for number, size in enumerate((span / 2.2, span / 5.0, span / 11.0)):
                at = c.warp(f"fold bend{number}", size, size * 0.25, octaves=2)
                cells = voronoi(c, f"fold{number}", size, jitter=0.95, at=at)
                gap = cells.second - cells.distance
                fold = fold + (cells.distance / size - 0.45) * size * (0.2 if number else 0.26)
                ridge = torch.maximum(ridge, smoothstep(size * 0.05, 0.0, gap) * (1.0 - 0.25 * number))
        amount = p.crumple
        light = 0.018 * cloud + 0.014 * tooth * p.relief + 0.035 * fibre * p.fibers - 0.045 * ridge * amount
        lab = vary(p.color, c, light - 0.01, warmth=0.004 * cloud)
        return surface(
            c, color=lab, height=amount * fold + 0.00008 * (0.3 + p.relief) * (tooth + 0.6 * fibre),
            low=-0.02 * amount - 0.0002, high=0.02 * amount + 0.0003, roughness=0.9 + 0.02 * tooth,
            cavity=ridge * amount, exposed=ridge * amount * 0.5,
        )  # fmt: skip
