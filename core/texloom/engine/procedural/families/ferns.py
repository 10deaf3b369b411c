# SPDX-License-Identifier: GPL-3.0-or-later
"""Ferns seen from above: single fronds over the rosettes of other plants."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..common import density, scale, variation
from ..family import Family
from ..ops import clamp01, mix, ramp, smoothstep
from ..parameters import Choice, Color, Params
from ..scatter import Layer, Piece, scatter
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Ferns(Family):
    name = "ferns"
    title = "Ferns"
    nouns = ("ferns", "fern", "fern leaves", "fern fronds", "fern foliage", "bracken", "fern undergrowth", "sword fern")
    rare_nouns = ("boston fern", "fern bed", "fern carpet", "pteridophytes")
    modifiers = ("forest", "jungle", "tropical", "shady", "prehistoric")
    tile_width_m = 1.2
    palettes = (
        {"color": "#4f7a2b", "second_color": "#7d9c3f", "ground_color": "#221f15"},
        {"color": "#3c6628", "second_color": "#6b8d3a", "ground_color": "#1d1d13"},
        {"color": "#6a8c35", "second_color": "#9cab4a", "ground_color": "#2b2718"},
        {"color": "#2f5a33", "second_color": "#568150", "ground_color": "#191c15"},
        {"color": "#7f8b3a", "second_color": "#b39a4b", "ground_color": "#332a1b"},
        {"color": "#92642f", "second_color": "#b98c4a", "ground_color": "#33271b"},
    )
    parameters = (
        Color(name="color", label="Frond color", spread=0.016),
        Color(name="second_color", label="Tip color", parts=("tips", "young fronds"), spread=0.014),
        Color(name="ground_color", label="Ground color", parts=("ground", "soil", "earth"), spread=0.01),
        Choice(
            name="shape", label="Frond shape",
            options={
                "feathery": ("feathery", "lacy", "finely divided"),
                "sword": ("sword", "sword-shaped", "ladder-like", "boston"),
                "broad": ("broad", "bracken", "bracken-like", "triangular"),
            },
            weights={"feathery": 2.0, "sword": 1.2, "broad": 1.0},
        ),
        scale("Frond length", 0.08, 1.0, (0.24, 0.38), 0.15, 0.55),
        density("Density", (0.8, 1.0)),
        variation((0.3, 0.7)),
    )  # fmt: skip
    attributes = ("dirt", "dust", "snow", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, v = canvas, p.scale, p.variation
        # Width of a frond, pinnae on a side, slant of a pinna, fronds of a rosette.
        wide, pinnae, slant, fronds = {
            "feathery": (0.19, 17.0, 0.35, 8), "sword": (0.135, 22.0, 0.12, 9), "broad": (0.27, 11.0, 0.42, 6),
        }[p.shape]  # fmt: skip
        sway = c.noise("sway", s * 0.8, 2)
        # Single fronds lie over whole plants, of which they hide the middle.
        sizes = (1.0, 1.1, 1.0)
        share = 0.2 + 0.8 * p.density
        layers = [
            Layer(s * sizes[0] * 0.86, 0.7, share * 0.9), Layer(s * sizes[1] * 0.82, 0.7, share),
            Layer(s * sizes[2] * 1.3, 0.46, min(1.0, share * 1.2)),
        ]  # fmt: skip
        sector = 2.0 * math.pi / fronds

        def single(x: Tensor, y: Tensor, bow: Tensor, size: Tensor | float) -> tuple[Tensor, Tensor]:
            t = x / (s * size) + 0.5
            return t, y - bow * (0.22 * s) * (t * t - 0.3) - 0.02 * s * sway

        def rosette(x: Tensor, y: Tensor, bow: Tensor, size: Tensor | float) -> tuple[Tensor, Tensor, Tensor]:
            """Part of the way along the frond, metres across it, and the frond's number."""
            radius = torch.sqrt(x * x + y * y)
            t = radius / (s * size)
            # More of a bend would shear the pinnae, which stand square to the radius.
            angle = torch.atan2(y, x) + 0.45 * bow * t * t + 0.08 * sway
            turn = (angle / sector).round()
            return t, (angle - turn * sector) * radius, torch.remainder(turn, fronds) * 0.618

        def plant(piece: Piece) -> tuple[Tensor, Tensor]:
            size = sizes[piece.layer]
            bow = piece.between("bow", -0.9, 0.9)
            if piece.layer < 2:
                t, off = single(piece.x, piece.y, bow, size)
                own = piece.random("length")
            else:
                t, off, number = rosette(piece.x, piece.y, bow, size)
                # Every frond of a plant has its own length.
                own = torch.frac(number + piece.random("length"))
            t = t / (0.72 + 0.28 * own)
            width, inside, _ = self._frond(t, off, s * size, wide, pinnae, slant)
            level = 0.68 - 0.24 * piece.layer + 0.3 * t * (1.6 - t) + piece.between("level", 0.0, 0.16)
            level = level - 0.1 * (off / (wide * s * size)).square()
            z = torch.where(inside > 0.0, level, -1.0)
            return z, ramp(1.3, 0.5, off.abs() / (width + 1e-6)) * ramp(1.05, 0.9, t)

        top = scatter(c, "plants", layers, plant)
        pick = top.random
        size = torch.tensor(sizes, device=c.tile.device).take(top.layer.long())
        bow = pick("bow") * 1.8 - 0.9
        is_single = top.layer < 2.0
        t_single, off_single = single(top.x, top.y, bow, size)
        t, off, number = rosette(top.x, top.y, bow, size)
        t, off = torch.where(is_single, t_single, t), torch.where(is_single, off_single, off)
        own = torch.frac(torch.where(is_single, 0.0, number) + pick("length"))
        t = t / (0.72 + 0.28 * own)
        width, _, pinna = self._frond(t, off, s * size, wide, pinnae, slant)
        side = off.abs() / (width + 1e-6)
        there = (top.z > 0.0).to(t.dtype)
        fine = c.noise("fine", s * 0.03, 3, 0.7)
        patch = c.noise("patch", s * 1.2, 4)
        litter = c.noise("litter", s * 0.12, 5, 0.7)

        rachis = smoothstep(0.011, 0.004, off.abs() / (s * size)) * smoothstep(1.0, 0.9, t)
        rib = smoothstep(0.16, 0.05, pinna.abs())
        shadow = smoothstep(0.0, 1.0, top.shade)
        tone = 0.5 * pick("tone") + 0.5 * torch.frac(own * 7.3)
        light = (tone - 0.5) * 0.5 * v + 0.05 * patch + 0.05 * fine - 0.1 * pinna * torch.sign(off) + 0.08 * rib
        light = light - 0.34 * shadow - 0.11 * top.layer + 0.1
        green = blend_colors(
            c, p.color, p.second_color,
            clamp01(0.75 * smoothstep(0.45, 1.05, t) + 0.25 * side + 0.5 * (pick("young") - 0.6) * v),
        )  # fmt: skip
        green = vary(green, c, light, warmth=(pick("warm") - 0.5) * 0.035 * v)
        # Old fronds turn brown from the tip.
        brown = smoothstep(0.0, 0.3, torch.frac(own * 3.1 + pick("tone")) - 1.0 + 0.22 * v + 0.1 * t + 0.03 * fine)
        green = blend_colors(c, green, vary((0.5, 0.03, 0.075), c, light), brown * 0.8)
        green = blend_colors(c, green, vary((0.6, -0.03, 0.095), c, light), rachis * 0.55)
        ground = vary(p.ground_color, c, 0.18 * litter + 0.08 * fine - 0.2 * shadow)
        # Where plants stand close, what shows between them is other leaves in the dark.
        leafy = 0.75 * p.density * smoothstep(-0.9, 0.4, litter)
        ground = blend_colors(c, ground, vary(p.color, c, -0.52 + 0.12 * litter + 0.06 * fine), leafy)
        depth = s * 0.16
        blade = top.z - 0.05 * pinna.abs() * 2.0 + 0.025 * rachis
        return surface(
            c,
            color=blend_colors(c, ground, green, there),
            height=mix(depth * 0.05 * litter, depth * (blade + 0.006 * fine), there),
            low=-0.08 * depth,
            high=1.02 * depth,
            roughness=mix(0.95, 0.6 + 0.05 * fine + 0.15 * brown, there),
            cavity=clamp01(torch.maximum(1.0 - there, shadow * 0.7)),
            exposed=there * smoothstep(0.5, 0.95, top.z) * (1.0 - shadow),
        )

    @staticmethod
    def _frond(
        t: Tensor, off: Tensor, length: Tensor | float, wide: float, pinnae: float, slant: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Half the frond's width (metres), inside positive, and the place across a pinna (-0.5 to 0.5).

        ``t`` runs along the frond (0 to 1), ``off`` is metres across it.
        """
        across = off.abs() / length
        profile = ((t - 0.08) * 6.0).clamp(0.0, 1.0) * (1.0 - t).clamp(min=0.0)
        # Widest below the middle, then evenly down to the point.
        outline = wide * torch.sqrt((profile * (0.35 + 0.65 * (1.0 - t).clamp(min=0.0)) * 1.35).clamp(min=0.0))
        # Pinnae point forward and alternate on the two sides.
        along = (t - across * slant / (0.3 + 0.7 * t.clamp(min=0.05))) * pinnae + 0.5 * (off > 0.0)
        pinna = along - along.floor() - 0.5
        part = across / (outline + 1e-5)
        # Each pinna tapers, and is itself toothed.
        teeth = 0.86 + 0.14 * torch.cos(part * (outline * (pinnae * 25.0)) + 2.0)
        half = 0.46 * torch.sqrt((1.0 - part.square()).clamp(min=0.0)) * teeth
        leaf = torch.minimum(half - pinna.abs(), 1.0 - part)
        stem = 0.008 - across - 10.0 * ((t - 0.5).abs() - 0.48).clamp(min=0.0)
        return outline * length, torch.maximum(leaf, stem * 20.0), pinna
