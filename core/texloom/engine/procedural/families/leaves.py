# SPDX-License-Identifier: GPL-3.0-or-later
"""Fallen leaves lying over each other on the ground."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..common import density, scale, variation
from ..family import Family
from ..ops import clamp01, coverage, mix, ramp, smoothstep
from ..parameters import Choice, Color, Number, Params
from ..scatter import Layer, Piece, Scattered, scatter
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas

# Sizes of the layers of leaves, and the angle between two points of a maple leaf.
_LAYERS = (0.95, 1.0, 0.86)
_POINTS = math.radians(52.0)


def oval_leaf(piece: Piece, half: float, wide: Tensor, lobes: Tensor | float = 0.0) -> Tensor:
    """Metres inside the outline of a pointed oval leaf, negative outside; x runs from stalk to tip.

    ``wide`` is the width as a part of the length, ``lobes`` how deep the bays of an oak leaf are (0: none).
    """
    t = piece.x / half
    # Widest a little towards the stalk, pointed at the tip.
    profile = (1.0 - t * t).clamp(min=0.0) * (1.0 - 0.25 * t)
    width = torch.sqrt(profile + 1e-6) * (0.55 + 0.45 * profile) * (wide * half)
    if isinstance(lobes, Tensor) or lobes:
        width = width * (1.0 - lobes * (0.5 + 0.5 * torch.cos((t - 0.45 * piece.y.abs() / half) * 12.0 + 0.6)))
    blade = width - piece.y.abs()
    stalk = half * 0.022 - (piece.y - 0.06 * half * (t + 1.0)).abs() - half * 4.0 * (t.abs() - 1.1).clamp(min=0.0)
    return torch.maximum(blade * 0.8, stalk * (t < 0.0) - (t >= 0.0).float() * half)


def palmate_leaf(piece: Piece, half: float, lobes: float, teeth: float) -> Tensor:
    """Metres inside the outline of a maple leaf, negative outside; ``lobes`` is how deep its bays are."""
    x = piece.x + 0.28 * half
    y = piece.y.abs()
    angle = torch.atan2(y, x)
    radius = torch.sqrt(x * x + y * y)
    # Five points 52 degrees apart, the outer ones shorter; a notch where the stalk comes in.
    phase = angle * (1.0 / _POINTS)
    ray = (phase - phase.round().clamp_(max=2.0)).abs()
    reach = (1.0 - lobes) + lobes * (1.0 - 2.0 * ray).clamp(min=-0.2)
    reach = reach * (1.0 - 0.36 * smoothstep(0.3, 2.0, angle)) * 1.22
    if teeth:
        reach = reach * (1.0 + teeth * torch.cos(ray * 26.0))
    blade = reach * half - radius
    stalk = (
        half * 0.025
        - (piece.y + 0.15 * (x + 0.1 * half)).abs()
        - half * 4.0 * (x + half * 0.45).abs().sub_(half * 0.5).clamp_(min=0.0)
    )
    return torch.maximum(blade * 0.7, stalk)


def fan_leaf(piece: Piece, half: float) -> Tensor:
    """Metres inside the outline of a ginkgo leaf, negative outside."""
    x = piece.x + 0.62 * half
    y = piece.y.abs()
    angle = torch.atan2(y, x)
    radius = torch.sqrt(x * x + y * y)
    reach = (1.32 + 0.05 * torch.cos(angle * 19.0)) * half * smoothstep(1.28, 0.98, angle)
    reach = reach * (1.0 - 0.3 * smoothstep(0.09, 0.0, angle))
    blade = torch.minimum(reach - radius, (radius - 0.08 * half) * 3.0)
    stalk = half * 0.025 - y - half * 4.0 * ((x + 0.12 * half).abs() - half * 0.3).clamp(min=0.0)
    return torch.maximum(blade * 0.7, stalk)


class Leaves(Family):
    name = "leaves"
    title = "Fallen leaves"
    nouns = (
        "fallen leaves", "autumn leaves", "leaves", "leaf litter", "leaf pile", "dead leaves", "dry leaves",
        "leaf-covered ground",
    )  # fmt: skip
    rare_nouns = (
        "leaf carpet", "fall foliage", "leaf mulch", "maple leaves", "oak leaves", "beech leaves", "ginkgo leaves",
    )  # fmt: skip
    modifiers = ("autumn", "forest", "park", "october")
    tile_width_m = 0.6
    palettes = (
        {"color": "#a1622f", "second_color": "#c9963f", "ground_color": "#3a2e22"},
        {"color": "#7a4b2a", "second_color": "#9a6b3f", "ground_color": "#2f261c"},
        {"color": "#a83c22", "second_color": "#d0862f", "ground_color": "#372a20"},
        {"color": "#d2a23a", "second_color": "#a9792e", "ground_color": "#40352a"},
        {"color": "#8b7454", "second_color": "#6a5238", "ground_color": "#352c22"},
        {"color": "#7b7d36", "second_color": "#b58c35", "ground_color": "#33301f"},
        {"color": "#8a2f23", "second_color": "#b5532b", "ground_color": "#2e241d"},
    )
    parameters = (
        Color(name="color", label="Leaf color", spread=0.018),
        Color(name="second_color", label="Second leaf color", parts=("other leaves", "some leaves"), spread=0.018),
        Color(name="ground_color", label="Ground color", parts=("ground", "soil", "earth"), spread=0.012),
        Choice(
            name="shape", label="Leaf shape",
            options={
                "oval": ("oval", "beech", "pointed oval"),
                "oak": ("oak", "wavy-edged"),
                "maple": ("maple", "star-shaped", "five-pointed"),
                "ginkgo": ("ginkgo", "fan-like"),
                "mixed": ("mixed", "assorted"),
            },
            weights={"oval": 1.5, "oak": 1.2, "maple": 1.8, "ginkgo": 0.5, "mixed": 2.5},
        ),
        scale("Leaf length", 0.02, 0.3, (0.07, 0.11), 0.04, 0.17),
        density("Cover", (0.75, 1.0)),
        Number(
            name="curl", label="Curl", natural=(0.25, 0.7),
            words={"curled": 0.9, "shriveled": 1.0, "withered": 0.95, "crisp": 0.75, "freshly fallen": 0.2,
                   "pressed": 0.05, "flattened": 0.05},
        ),
        variation((0.45, 0.9)),
    )  # fmt: skip
    attributes = ("dirt", "moss", "dust", "snow", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, v = canvas, p.scale, p.variation
        half = s * 0.5
        bare = 0.88 * (1.0 - p.density**1.5)
        # The lowest layer thins out last.
        layers = [
            Layer(s * size * 0.81, 0.64, 1.0 - bare ** (1.0 + 0.5 * number)) for number, size in enumerate(_LAYERS)
        ]
        buckle = c.noise("buckle", s * 0.45, 3, 0.5)

        def leaf(piece: Piece) -> tuple[Tensor, Tensor]:
            long = half * _LAYERS[piece.layer]
            # Curled along its length, the sides bent up; every leaf lies tilted its own way.
            inside = self._outline(piece, p.shape, long)
            level = 0.66 - 0.24 * piece.layer + piece.between("level", 0.0, 0.16)
            tilt = (piece.x * piece.between("tilt", -0.12, 0.12) + piece.y * piece.between("roll", -0.2, 0.2)) / long
            z = torch.where(inside > 0.0, level + tilt, -1.0)
            return z, ramp(-0.09 * s, 0.01 * s, inside)

        top = scatter(c, "leaves", layers, leaf)
        pick = top.random
        long = torch.tensor(_LAYERS, device=c.tile.device).take(top.layer.long()) * half
        t, side = top.x / long, top.y / long
        veins, midrib = self._veins(top, p.shape, t, side)
        inside = top.z > 0.0
        fine = c.noise("fine", s * 0.03, 3, 0.75)
        blotch = c.noise("blotch", s * 0.16, 4, 0.6)
        soil = c.noise("soil", s * 0.22, 5, 0.7)

        tone, hue, dry = pick("tone"), pick("hue"), pick("dry")
        # Leaves turn from the rim and between the veins; some are brown through.
        rim = clamp01(t.square() + 1.6 * side.square())
        turned = smoothstep(0.35, 0.75, hue * 0.75 + 0.35 * rim * pick("rim") + 0.12 * blotch - 0.1 * veins)
        lab = blend_colors(
            c, vary(p.color, c, (tone - 0.5) * 0.42 * v, warmth=(pick("warm") - 0.5) * 0.04 * v),
            vary(p.second_color, c, (tone - 0.5) * 0.42 * v), turned * (0.25 + 0.75 * v),
        )  # fmt: skip
        brown = smoothstep(1.0 - 0.55 * v, 1.02, dry + 0.09 * blotch)
        lab = blend_colors(c, lab, vary((0.43, 0.03, 0.05), c, 0.35 * (tone - 0.5)), brown * 0.85)
        spots = coverage(c.noise("spots", s * 0.07, 2), 0.1, 0.06) * smoothstep(0.4, 0.7, pick("spotted"))
        pale = smoothstep(0.72, 0.78, pick("underside"))
        light = 0.045 * fine + 0.04 * blotch + (0.16 - 0.2 * pale) * veins + 0.16 * midrib - 0.35 * spots * v
        shadow = smoothstep(0.0, 1.0, top.shade)
        light = light - 0.42 * shadow - 0.12 * top.layer / 2.0 + 0.06
        lab = vary(lab, c, light + 0.06 * pale, chroma=-0.35 * pale)
        ground = vary(p.ground_color, c, 0.16 * soil + 0.08 * fine)
        mask = inside.to(lab.dtype)

        curl = p.curl
        bend = curl * (0.5 * t * t + 1.1 * side * side) * (0.35 + pick("curl"))
        unit = s * 0.09
        level = top.z + 1.3 * bend + curl * 0.1 * buckle + 0.03 * veins * (1.0 - 2.0 * pale) - 0.05 * midrib
        height = mix(unit * (0.08 * soil - 0.02), unit * (level + 0.015 * fine), mask)
        gap = torch.maximum(1.0 - mask, shadow * 0.8)
        return surface(
            c,
            color=blend_colors(c, ground, lab, mask),
            height=height,
            low=-0.1 * unit,
            high=unit * (1.05 + 0.8 * curl),
            roughness=mix(0.96, 0.66 + 0.05 * fine + 0.12 * brown + 0.1 * pale, mask),
            cavity=clamp01(gap),
            exposed=mask * smoothstep(0.6, 1.3, level) * (1.0 - shadow),
        )

    @staticmethod
    def _outline(piece: Piece, shape: str, half: float) -> Tensor:
        # In a mixture each layer has its own kind.
        kind = ("maple", "oval", "oak")[piece.layer] if shape == "mixed" else shape
        if kind == "maple":
            return palmate_leaf(piece, half * 0.94, 0.54, 0.05)
        if kind == "ginkgo":
            return fan_leaf(piece, half * 0.85)
        if kind == "oak":
            return oval_leaf(piece, half, piece.between("wide", 0.62, 0.78), 0.4)
        return oval_leaf(piece, half, piece.between("wide", 0.42, 0.72))

    @staticmethod
    def _veins(top: Scattered, shape: str, t: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
        """Side veins and midrib, each 0 to 1."""
        across = side.abs()
        midrib = smoothstep(0.035, 0.012, across - 0.008 * (1.0 - t))
        # Side veins leave the midrib at a slant.
        slant = (t - across * 0.9) * 5.2
        feather = smoothstep(0.1, 0.03, (slant - slant.round()).abs()) * smoothstep(0.0, 0.08, across)
        if shape in ("oval", "oak"):
            return feather * 0.8, midrib
        x = t + (0.53 if shape == "ginkgo" else 0.26)
        angle = torch.atan2(across, x)
        radius = torch.sqrt(x * x + across * across)
        if shape == "ginkgo":
            spokes = 0.5 + 0.5 * torch.cos(angle * 60.0)
            return spokes * 0.7, torch.zeros_like(spokes)
        ray = angle * (1.0 / _POINTS)
        off = (ray - ray.round().clamp_(max=2.0)).abs() * radius
        palm = smoothstep(0.03, 0.012, off) * smoothstep(0.02, 0.06, radius)
        branch = (radius - off * 1.2) * 6.0
        palm_side = smoothstep(0.1, 0.03, (branch - branch.round()).abs()) * 0.6
        if shape == "maple":
            return palm_side, palm
        maple = (top.layer == 0.0).to(t.dtype)
        return mix(feather * 0.8, palm_side, maple), mix(midrib, palm, maple)
