# SPDX-License-Identifier: GPL-3.0-or-later
"""Slate as it splits: riven slabs, stacked strips of it, and rock faces."""

from __future__ import annotations

import torch
from torch import Tensor

from ..common import gloss, relief, scale, variation
from ..family import Family
from ..layout import courses
from ..masonry import bent, split
from ..ops import clamp01, coverage, mix, smoothstep
from ..parameters import Choice, Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Slate(Family):
    name = "slate"
    title = "Slate"
    nouns = (
        "slate", "slate rock", "split slate", "riven slate", "slate cladding", "slate wall", "natural slate",
        "slate surface", "slate stone",
    )  # fmt: skip
    rare_nouns = ("slate rock face", "ledger stone", "cleft slate")
    modifiers = ("welsh", "natural", "quarry", "modern")
    tile_width_m = 1.2
    palettes = (
        {"color": "#4c5157", "second_color": "#7a5a3d"},
        {"color": "#3a3d41", "second_color": "#5f5348"},
        {"color": "#5c6460", "second_color": "#7d6b4c"},
        {"color": "#57505a", "second_color": "#6e5a4a"},
        {"color": "#6d7276", "second_color": "#8a7357"},
        {"color": "#2c2e31", "second_color": "#4b4641"},
        {"color": "#706a60", "second_color": "#9a6b3f"},
    )
    parameters = (
        Color(name="color", label="Slate color", spread=0.012),
        Color(name="second_color", label="Stain color", parts=("stains", "rust stains", "mineral veins"), spread=0.014),
        Choice(
            name="pattern", label="Form",
            options={
                "riven": ("riven", "in one piece", "natural cleft"),
                "cladding": ("in stacked strips", "ledger-paneled", "cladding"),
                "cliff": ("craggy", "cliff-like", "rock face"),
            },
            weights={"riven": 2.0, "cladding": 1.6, "cliff": 1.0},
        ),
        scale("Piece size", 0.06, 1.2, (0.24, 0.42), 0.14, 0.7),
        Number(
            name="stains", label="Rust stains", natural=(0.0, 0.6), often=0.25,
            words={"rust-stained": 0.8, "with rust stains": 0.8, "multicolored": 0.95, "with ochre stains": 0.7,
                   "unstained": 0.0},
        ),
        relief((0.35, 0.75)),
        variation((0.3, 0.7)),
        gloss((0.15, 0.45)),
    )  # fmt: skip

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, v = canvas, p.scale, p.variation
        grain = c.noise("grain", (0.02, 0.012), 4, 0.72)
        if p.pattern == "riven":
            level, edge, tone, hue, gap, unit = self._riven(c, s, p.relief)
        else:
            level, edge, tone, hue, gap, unit = self._stacked(c, s, p.relief, p.pattern == "cliff")
        sheen = c.noise("sheen", (s * 0.9, s * 0.5), 5, 0.6)
        stain = coverage(0.7 * c.noise("stain", s * 0.5, 6, 0.68) + 2.2 * (hue - 0.5), 0.5 * p.stains, 0.3)
        light = (tone - 0.5) * 0.6 * v + 0.05 * sheen + 0.04 * grain + 0.18 * edge * p.relief
        lab = vary(
            p.color, c, light + 0.01, chroma=(hue - 0.5) * 0.9 * v, warmth=(tone - 0.5) * 0.014 * v + 0.003 * sheen
        )
        lab = blend_colors(
            c, lab, vary(p.second_color, c, light + 0.06 * sheen), stain * (0.5 + 0.2 * sheen).clamp(0.0, 0.85)
        )
        lab = vary(lab, c, -0.6 * gap)
        rough = mix(0.82, 0.36, p.gloss) + 0.05 * grain + 0.05 * sheen + 0.15 * stain
        return surface(
            c,
            color=lab,
            height=unit * level + 0.0004 * (0.4 + p.relief) * grain,
            low=0.0,
            high=unit,
            roughness=mix(rough, 0.92, gap),
            cavity=clamp01(gap + 0.35 * smoothstep(0.3, 0.0, level) * (1.0 - edge)),
            exposed=clamp01(edge),
        )

    @staticmethod
    def _riven(c: Canvas, s: float, deep: float) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, float]:
        """Sheets that broke off along the cleavage: flat terraces with ragged edges.

        Returns level (0 to 1), sharp edges, tone and hue of a sheet (0 to 1), gaps, and metres of the relief.
        """
        swell = c.noise("swell", (s * 2.2, s * 1.4), 6, 0.5)
        ragged = c.noise("ragged", (s * 0.16, s * 0.09), 4, 0.66)
        flake = c.noise("flake", (s * 0.8, s * 0.45), 5, 0.55)
        ripple = c.noise("ripple", (s * 0.7, s * 0.06), 3, 0.55)
        total = c.zeros()
        edge = c.zeros()
        gap = c.zeros()
        # Thick sheets, and thin flakes that come off them.
        steps = (swell * 1.25 + 0.045 * ragged + 6.0, flake * 1.7 + 0.9 * swell + 0.1 * ragged + 12.0)
        for field, weight in zip(steps, (1.0, 0.32), strict=True):
            base = field.floor()
            part = field - base
            # Nearly flat over a sheet, then broken off steeply.
            total = total + weight * (base + smoothstep(0.95, 0.995, part) + 0.3 * part)
            edge = edge + weight * (smoothstep(0.9, 1.0, part) + 0.5 * smoothstep(0.05, 0.0, part))
            gap = gap + weight * smoothstep(0.84, 0.95, part) * smoothstep(0.985, 0.95, part)
        sheet = torch.remainder(steps[0].floor() * 7.0 + steps[1].floor(), 64.0).long()
        tone = c.table("sheet tone", 64).take(sheet) * 0.5 + 0.25 + 0.14 * flake + 0.14 * ripple
        hue = c.table("sheet hue", 64).take(sheet)
        level = ((total - 6.0 - 0.32 * 12.0) / 9.0 + 0.45 + 0.008 * ripple + 0.006 * ragged).clamp(-0.2, 1.2)
        unit = s * 0.09 * (0.25 + deep)
        return level, edge.clamp(0.0, 1.0) * 0.7, tone, hue, gap.clamp(0.0, 1.0) * 0.22, unit

    @staticmethod
    def _stacked(c: Canvas, s: float, deep: float, wild: bool) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, float]:
        """Slate seen on its edges: strips of a cladding, or with ``wild`` the beds of a rock face."""
        strip = s * (0.1 if wild else 0.12)
        layout = bent(c, "bend", s * 1.5, strip * 1.1, octaves=4) if wild else c
        pieces = courses(
            layout, "strips", s * (1.3 if wild else 1.0), strip, random_shift=True,
            jitter=0.42, row_jitter=0.75 if wild else 0.45,
        )  # fmt: skip
        pieces = split(pieces, "thin", 0.5 if wild else 0.3, stacked=True, low=0.3, high=0.7)
        pieces = split(pieces, "short", 0.3, stacked=False, low=0.2, high=0.8)
        ragged = c.noise("ragged", strip * 1.2, 5, 0.62)
        joint = strip * 0.02
        distance = pieces.edge(joint, radius=strip * 0.04, wobble=ragged * strip * 0.02)
        inside = c.edge(distance, strip * 0.015)
        face = c.noise("face", (s * 0.35, strip * 0.5), 5, 0.58)
        # Broken faces show finer beds still.
        beds = c.noise("beds", (s * 1.2, strip * 0.16), 3, 0.6)
        facet = (face * 1.4).floor() * 0.09 + 0.05 * face
        slope = (pieces.random("sx") - 0.5) * pieces.x / s + (pieces.random("sy") - 0.5) * 0.5 * pieces.y / strip
        level = 0.18 + 0.62 * pieces.random("proud") + 0.3 * slope + 0.9 * facet + 0.04 * beds + 0.03 * ragged
        if wild:
            level = level * 0.6 + 0.2 + 0.13 * c.noise("crag", s * 1.8, 4, 0.5)
        edge = smoothstep(strip * 0.12, 0.0, distance) * inside
        level = mix(torch.full_like(level, 0.02), level - 0.05 * edge, inside)
        # Strips that stand back lie in the shadow of the others.
        tone = pieces.random("tone") * 0.8 + 0.1 + 0.1 * beds + 0.1 * face + 0.5 * (level - 0.5)
        gap = (1.0 - inside) * 0.85 + 0.2 * smoothstep(strip * 0.14, 0.0, distance) * inside
        return level, edge * 0.4, tone, pieces.random("hue"), gap.clamp(0.0, 1.0), s * 0.1 * (0.25 + deep)
