# SPDX-License-Identifier: GPL-3.0-or-later
"""Bamboo: canes side by side, as a fence or a screen."""

from __future__ import annotations

import torch
from torch import Tensor

from ..common import direction, gloss, irregularity, scale, variation
from ..family import Family
from ..ops import coverage, smoothstep
from ..parameters import Choice, Color, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Bamboo(Family):
    name = "bamboo"
    title = "Bamboo"
    nouns = (
        "bamboo", "bamboo canes", "bamboo fence", "bamboo wall", "bamboo poles", "bamboo screen", "bamboo stalks",
        "bamboo mat",
    )  # fmt: skip
    rare_nouns = ("bamboo slats", "reed fence", "culms")
    modifiers = ("asian", "japanese", "tropical", "garden")
    tile_width_m = 0.6
    palettes = (
        {"color": "#c2a162", "second_color": "#7d6438"},
        {"color": "#d3b980", "second_color": "#94794a"},
        {"color": "#8a9a4f", "second_color": "#b7b27a"},
        {"color": "#6f8440", "second_color": "#a5a667"},
        {"color": "#9a7240", "second_color": "#5b4023"},
        {"color": "#a79d8a", "second_color": "#6d6455"},
        {"color": "#4a3424", "second_color": "#2b1f17"},
    )
    parameters = (
        Color(name="color", label="Cane color", spread=0.016),
        Color(name="second_color", label="Node color", parts=("nodes", "rings", "knots"), spread=0.012),
        Choice(
            name="shape", label="Shape",
            options={"round": ("round", "whole"), "split": ("slatted", "in slats", "flattened")},
            weights={"round": 3.0},
        ),
        direction(natural="vertical"),
        scale("Cane width", 0.006, 0.12, (0.03, 0.05), 0.015, 0.08),
        irregularity((0.25, 0.65)),
        variation((0.3, 0.7)),
        gloss((0.4, 0.75)),
    )  # fmt: skip
    attributes = ("wear", "cracks", "dirt", "moss", "dust", "snow", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, v = canvas, p.scale, p.variation
        upright = p.direction == "vertical"

        def size(across: float, along: float) -> tuple[float, float]:
            return (across, along) if upright else (along, across)

        across, along = (c.u, c.v) if upright else (c.v, c.u)
        across_m, along_m = (c.width_m, c.height_m) if upright else (c.height_m, c.width_m)
        count = max(2, round(across_m / s))
        pitch = across_m / count
        # Canes stand crooked, each side bent by the same sway so that they never cross.
        bend = (0.05 + 0.22 * p.irregularity) * c.noise("bend", size(s * 2.5, s * 14.0), 3, 0.45)
        t = across * count + bend
        base = t.floor()
        # Borders between canes are moved so that thick and thin ones stand beside each other.
        moves = (c.table("border", count) - 0.5) * (0.75 * p.irregularity)

        def border(k: Tensor) -> Tensor:
            moved: Tensor = k + moves.take(torch.remainder(k, count).long())
            return moved

        base = torch.where(t < border(base), base - 1.0, torch.where(t >= border(base + 1.0), base + 1.0, base))
        left, right = border(base), border(base + 1.0)
        number = torch.remainder(base, count).long()
        half = (right - left) * 0.5
        x = (t - (left + right) * 0.5) / half * 1.02
        width = half * (2.0 * pitch)
        random = {key: c.table(key, count).take(number) for key in ("tone", "start", "hue", "depth")}
        # Whole internodes only; a cane starts anywhere, and its nodes are not quite evenly spaced.
        nodes = max(1, round(along_m / (s * 5.5)))
        place = along * nodes + random["start"] + 0.0 * t
        joint = torch.remainder((place + 0.5).floor(), nodes).long()
        uneven = (c.table("node", nodes * count).take(number * nodes + joint) - 0.5) * 0.45
        away = (place + 0.5 - (place + 0.5).floor() - 0.5 - uneven) * (along_m / nodes)
        # The stem below the next node: a random number for each internode.
        stem = torch.remainder(joint - (away < 0.0).long(), nodes)
        stem_tone = c.table("stem", nodes * count).take(number * nodes + stem) - 0.5
        ring = torch.exp(-(away / (0.065 * width)).square())
        groove = torch.exp(-((away + 0.11 * width) / (0.035 * width)).square())
        sheath = smoothstep(0.9 * width, 0.0, away.abs())
        if p.shape == "split":
            profile = (1.0 - x.abs().pow(5.0)).clamp(min=0.0).sqrt() * (0.8 + 0.2 * (1.0 - x * x))
            relief = 0.16
        else:
            profile = (1.0 - x * x).clamp(min=0.0).sqrt()
            relief = 0.5
        gap = smoothstep(0.55 if p.shape == "round" else 0.75, 0.1, profile)
        grain = c.noise("grain", size(s * 0.035, s * 4.0), 3, 0.7)
        streak = c.noise("streak", size(s * 0.3, s * 6.0), 4, 0.6)
        cloud = c.noise("cloud", size(s * 1.2, s * 5.0), 4, 0.55)
        freckle = coverage(c.noise("freckle", s * 0.06, 3, 0.7) + 0.9 * cloud, 0.028 * v, 0.05)
        light = 0.26 * v * (random["tone"] - 0.5) + 0.1 * v * stem_tone + 0.022 * grain + 0.035 * streak
        light = light + 0.04 * v * cloud - 0.7 * gap + 0.06 * profile - 0.18 * groove - 0.04 * sheath
        warmth = 0.02 * v * (random["hue"] - 0.5) + 0.005 * v * cloud
        lab = vary(p.color, c, light, chroma=0.25 * (random["hue"] - 0.5) * v, warmth=warmth)
        # Powdery and pale right under the node, dark on the scar.
        lab = blend_colors(c, lab, vary(p.second_color, c, 0.3 * light - 0.6 * gap), (0.75 * ring).clamp(0.0, 1.0))
        bloom = torch.exp(-((away - 0.28 * width) / (0.16 * width)).square()) * (1.0 - gap)
        lab = vary(lab, c, 0.1 * bloom - 0.22 * freckle, chroma=-0.25 * bloom)
        rise = profile + 0.1 * ring * profile - 0.07 * groove * profile
        height = width * relief * rise + 0.2 * s * relief * random["depth"] + s * 0.0025 * (grain + streak)
        return surface(
            c,
            color=lab,
            height=height,
            low=0.0,
            high=0.65 * s * relief * 2.0,
            roughness=0.72 - 0.48 * p.gloss + 0.03 * streak + 0.2 * ring + 0.12 * bloom + 0.15 * freckle + 0.25 * gap,
            cavity=torch.maximum(gap, 0.5 * groove),
            exposed=smoothstep(0.75, 1.0, profile) * (0.5 + 0.5 * ring),
        )
