# SPDX-License-Identifier: GPL-3.0-or-later
"""Forest floor: dark earth under needles, twigs and small leaves."""

from __future__ import annotations

import torch
from torch import Tensor

from ..color import hex_to_lab
from ..common import density, scale, variation
from ..family import Family
from ..ops import clamp01, coverage, mix, ramp, smoothstep
from ..parameters import Choice, Color, Number, Params
from ..scatter import Layer, Piece, scatter
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas

# Layers of leaves and of needles, under one layer of twigs.
_LAYERS = {"needles": (1, 4), "leaves": (2, 2), "mixed": (1, 3)}


class ForestFloor(Family):
    name = "forest_floor"
    title = "Forest floor"
    nouns = (
        "forest floor", "forest ground", "woodland floor", "pine needles", "needle litter", "woodland ground",
        "forest litter", "twigs and needles",
    )  # fmt: skip
    rare_nouns = ("forest duff", "pine straw", "woodland humus")
    modifiers = ("pine", "woodland", "shady", "autumn", "fairy tale")
    tile_width_m = 0.6
    palettes = (
        {"color": "#463727", "second_color": "#9a6a3c", "leaf_color": "#80603a"},
        {"color": "#372c22", "second_color": "#7d5836", "leaf_color": "#6d5334"},
        {"color": "#4f4232", "second_color": "#a98555", "leaf_color": "#8d7547"},
        {"color": "#2f2a22", "second_color": "#6b5138", "leaf_color": "#5c5a31"},
        {"color": "#53402d", "second_color": "#b17440", "leaf_color": "#84532f"},
        {"color": "#3d382b", "second_color": "#8a7850", "leaf_color": "#777236"},
    )
    parameters = (
        Color(name="color", label="Earth color", spread=0.012),
        Color(
            name="second_color", label="Needle color", parts=("needles", "twigs", "litter"), spread=0.014
        ),
        Color(name="leaf_color", label="Leaf color", parts=("leaves", "small leaves"), spread=0.016),
        Choice(
            name="cover", label="Cover",
            options={
                "needles": ("coniferous", "under pines", "needle-covered", "pine needle"),
                "leaves": ("broadleaf", "deciduous", "with small leaves"),
                "mixed": ("with needles and leaves",),
            },
            weights={"needles": 1.3, "leaves": 1.0, "mixed": 1.7},
        ),
        scale("Needle length", 0.015, 0.15, (0.045, 0.075), 0.03, 0.1),
        density("Litter", (0.6, 1.0)),
        Number(
            name="twigs", label="Twigs", natural=(0.2, 0.8), often=0.1,
            words={"with twigs": 0.75, "twiggy": 0.9, "with sticks": 0.9, "without twigs": 0.0},
        ),
        variation((0.4, 0.8)),
    )  # fmt: skip
    attributes = ("dirt", "moss", "dust", "snow", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, v = canvas, p.scale, p.variation
        swell = c.noise("swell", s * 3.0, 4, 0.5)
        clod = c.noise("clod", s * 0.32, 5, 0.62)
        crumb = c.noise("crumb", s * 0.07, 3, 0.75)
        half, leaf_half = s * 0.5, s * 0.27
        thin = max(0.0004 + 0.011 * s, c.pixel_m * 0.45)
        needles = {"needles": 1.0, "leaves": 0.4, "mixed": 0.9}[p.cover] * p.density
        leaves = {"needles": 0.12, "leaves": 0.85, "mixed": 0.8}[p.cover] * p.density
        leafy, needled = _LAYERS[p.cover]
        first_needle = 1 + leafy
        bend = swell * (0.07 * s)

        def strewn(piece: Piece) -> tuple[Tensor, Tensor | None]:
            if piece.layer == 0:
                return self._twig(piece, s * 1.05, s, clod * (0.03 * s) + bend)
            if piece.layer < first_needle:
                t = piece.x / leaf_half
                wide = piece.between("wide", 0.34, 0.68) * leaf_half
                inside = (1.0 - t * t) * (1.0 - 0.22 * t) * wide - piece.y.abs()
                level = 0.5 - 0.2 * piece.layer + piece.between("level", 0.0, 0.14)
                curl = (t * t + (piece.y / wide).square()) * piece.between("curl", 0.0, 0.3)
                tilt = piece.x * piece.between("tilt", -0.2, 0.2) / leaf_half
                shading = ramp(-0.06 * s, 0.01 * s, inside)
                return torch.where(inside > 0.0, level + curl + tilt, -1.0), shading
            # Two needles from one sheath, each a little bent.
            t = piece.x / half
            apart = (t + 1.0) * piece.between("apart", 0.02, 0.12) * s
            y = piece.y - piece.between("bow", -0.14, 0.14) * s * t * t + bend * 0.5
            across = (y.abs() - apart).abs()
            cover = ramp(thin * 1.6, thin * 0.4, across) * ramp(1.0, 0.94, t.abs())
            level = 0.36 - 0.07 * (piece.layer - first_needle) + piece.between("level", 0.0, 0.12)
            return torch.where(cover > 0.02, (level + 0.06 * t) * (0.6 + 0.4 * cover), -1.0), None

        layers = [Layer(s * 1.9, 0.7, 0.75 * p.twigs)]
        layers += [Layer(leaf_half * (2.0 - 0.1 * number), 0.9, leaves) for number in range(leafy)]
        layers += [
            Layer(s * (0.8 - 0.04 * number), 0.66, min(1.0, needles * (0.8 + 0.1 * number)))
            for number in range(needled)
        ]
        top = scatter(c, "litter", layers, strewn)
        pick = top.random
        there = smoothstep(0.0, 0.12, top.z)
        tone, hue = pick("tone"), pick("hue")
        is_twig = (top.layer == 0.0).to(tone.dtype)
        is_leaf = ((top.layer >= 1.0) & (top.layer < first_needle)).to(tone.dtype)
        depth = 1.0 - 0.12 * (top.layer - first_needle).clamp(min=0.0)

        needle = vary(
            p.second_color, c, (tone - 0.58) * 0.66 * v + 0.05 * crumb, warmth=(hue - 0.5) * 0.05 * v
        ) * depth  # fmt: skip
        # A few needles are still green.
        fresh = smoothstep(0.94, 0.97, hue) * v
        needle = blend_colors(c, needle, hex_to_lab("#6f7a36"), fresh * 0.7)
        grey = vary(hex_to_lab("#6f6253"), c, (tone - 0.5) * 0.7 + 0.12 * crumb + 0.08 * clod)
        t, side = top.x / leaf_half, top.y.abs() / leaf_half
        rib = smoothstep(0.05, 0.015, side) * is_leaf
        slant = (t - side * 0.9) * 4.5
        veins = smoothstep(0.12, 0.04, (slant - slant.round()).abs()) * is_leaf
        leaf = vary(
            p.leaf_color, c,
            (tone - 0.5) * 0.65 * v + 0.05 * crumb + 0.05 * clod + 0.12 * rib + 0.08 * veins,
            chroma=(hue - 0.6) * 0.7 * v, warmth=(pick("warm") - 0.5) * 0.04 * v,
        )  # fmt: skip
        litter = blend_colors(c, blend_colors(c, needle, leaf, is_leaf), grey, is_twig)
        shadow = smoothstep(0.0, 1.0, top.shade)
        litter = vary(litter, c, -0.4 * shadow)
        # Bits too small to tell what they were.
        flakes = coverage(c.noise("flakes", s * 0.06, 2, 0.6), 0.16 + 0.16 * p.density, 0.1)
        bits = coverage(c.noise("bits", s * 0.11, 3, 0.7), 0.2, 0.12)
        earth = vary(p.color, c, 0.12 * clod + 0.12 * crumb + 0.08 * swell * v - 0.05)
        earth = blend_colors(c, earth, vary(p.second_color, c, 0.2 * crumb - 0.22), flakes * 0.6)
        earth = blend_colors(c, earth, vary(p.leaf_color, c, 0.2 * clod - 0.3), bits * 0.45 * p.density)
        earth = vary(earth, c, -0.3 * shadow)

        unit = s * 0.13
        ground = unit * (0.2 * swell + 0.14 * clod + 0.05 * crumb + 0.06 * flakes + 0.05 * bits)
        lying = unit * (0.2 * swell + 0.1 + top.z * 0.95 - 0.03 * veins + 0.02 * crumb)
        height = torch.maximum(ground, mix(ground, lying, there))
        return surface(
            c,
            color=blend_colors(c, earth, litter, there),
            height=height,
            low=-0.5 * unit,
            high=1.0 * unit,
            roughness=mix(0.95, 0.78 - 0.08 * is_leaf + 0.04 * crumb, there),
            cavity=clamp01((1.0 - there) * smoothstep(0.4, -1.2, clod) + 0.6 * shadow),
            exposed=there * smoothstep(0.3, 0.7, top.z),
        )

    @staticmethod
    def _twig(piece: Piece, half: float, s: float, wander: Tensor) -> tuple[Tensor, Tensor]:
        t = piece.x / half
        radius = piece.between("thick", 0.016, 0.04) * s * (1.0 - 0.35 * t) * ramp(1.0, 0.97, t.abs())
        y = piece.y - wander - piece.between("bow", -0.22, 0.22) * s * t * t
        # A side twig leaves the stem somewhere on its way.
        start = piece.between("fork", -0.7, 0.4)
        along = t - start
        side = (y - along * half * piece.between("branch", -0.9, 0.9)).abs()
        reach = ramp(0.0, 0.02, along) * ramp(0.42, 0.36, along)
        inside = torch.maximum(radius - y.abs(), (radius * 0.6 - side) * reach - (1.0 - reach) * s)
        round_top = torch.sqrt((inside * (2.0 * radius - inside)).clamp(min=0.0))
        z = torch.where(inside > 0.0, 0.55 + 7.0 * round_top / s, -1.0)
        return z, ramp(-0.07 * s, 0.01 * s, inside)
