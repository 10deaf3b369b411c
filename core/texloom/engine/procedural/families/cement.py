# SPDX-License-Identifier: GPL-3.0-or-later
"""Cast and spread: concrete and plaster."""

from __future__ import annotations

import torch

from ..common import gloss, relief, scale, variation
from ..family import Family
from ..layout import courses
from ..ops import coverage, smoothstep
from ..parameters import Choice, Color, Params
from ..surface import Surface, surface, vary
from ..tile import Canvas


class Concrete(Family):
    name = "concrete"
    title = "Concrete"
    nouns = (
        "concrete", "concrete wall", "cement", "concrete floor", "bare concrete", "board-formed concrete",
        "exposed concrete", "poured concrete", "concrete panels",
    )  # fmt: skip
    rare_nouns = ("beton brut", "cast cement", "brutalist wall")
    modifiers = ("brutalist", "industrial", "bunker", "parking garage")
    tile_width_m = 2.4
    palettes = (
        {"color": "#9b9993"}, {"color": "#aaa69d"}, {"color": "#85847f"}, {"color": "#b9b5ab"}, {"color": "#77777a"},
        {"color": "#a39a8c"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Color", spread=0.012),
        Choice(
            name="finish", label="Finish",
            options={
                "cast": ("cast", "fair-faced"),
                "boards": ("board-marked", "shuttered", "with board marks"),
                "panels": ("panelled", "with tie holes", "in panels"),
                "broom": ("broomed", "brushed"),
            },
            weights={"cast": 3.0, "boards": 1.5, "panels": 1.5},
        ),
        scale("Board width", 0.05, 1.5, (0.14, 0.24), 0.1, 0.5),
        variation((0.25, 0.65)),
        relief((0.25, 0.6)),
        gloss((0.0, 0.3)),
    )  # fmt: skip

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        cloud = c.noise("cloud", 0.9, 7, 0.56)
        blotch = coverage(c.noise("blotch", 0.5, 5, 0.6), 0.35, 0.5)
        fine = c.noise("fine", 0.02, 5, 0.7)
        sand = c.noise("sand", 0.004, 2, 0.8)
        holes = coverage(c.noise("holes", 0.022, 2, 0.5), 0.012 + 0.012 * p.relief, 0.01)
        small = coverage(c.noise("small", 0.008, 2), 0.012, 0.01)
        runs = c.streaks("runs", 0.12, 1.6)
        v = p.variation
        light = 0.05 * v * cloud + 0.09 * v * (blotch - 0.35) + 0.02 * fine + 0.025 * sand + 0.03 * v * runs
        depth = 0.004 * (0.3 + p.relief)
        height = depth * (0.25 * cloud + 0.16 * fine + 0.06 * sand - 1.2 * holes - 0.6 * small)
        cavity = (holes + 0.6 * small).clamp(0.0, 1.0)
        if p.finish == "boards":
            boards = courses(c, "boards", s * 12.0, s, random_shift=True, jitter=0.3)
            grain = c.noise("grain", (s * 2.5, s * 0.05), 4, 0.7)
            edge = boards.edge(0.0, radius=0.0)
            fin = smoothstep(s * 0.035, 0.0, edge)
            light = light + (boards.random("tone") - 0.5) * 0.16 * v + 0.03 * grain - 0.05 * fin
            height = height + depth * (0.3 * grain + 1.2 * (boards.random("level") - 0.5) + 0.9 * fin)
        elif p.finish == "panels":
            width = max(0.6, min(c.width_m, s * 6.0))
            panels = courses(c, "panels", width, width * 0.75, shift=0.0)
            edge = panels.edge(0.006, radius=0.002)
            seam = 1.0 - c.edge(edge, 0.0006)
            a = panels.x.abs() - panels.half_x * 0.55
            b = panels.y.abs() - panels.half_y * 0.55
            tie = torch.sqrt(a * a + b * b)
            hole = c.edge(0.018 - tie, 0.001)
            rim = smoothstep(0.014, 0.0, (tie - 0.024).abs())
            light = light + (panels.random("tone") - 0.5) * 0.14 * v - 0.45 * seam - 0.5 * hole + 0.03 * rim
            height = height - depth * (2.2 * seam + 4.0 * hole)
            cavity = torch.maximum(cavity, torch.maximum(seam, hole))
        elif p.finish == "broom":
            groove = c.noise("broom", (1.2, 0.006), 2, 0.6)
            light = light + 0.03 * groove
            height = height + depth * 0.5 * groove
        light = light - 0.3 * holes - 0.2 * small
        return surface(
            c, color=vary(p.color, c, light + 0.01, warmth=0.006 * v * cloud), height=height,
            low=-1.2 * depth, high=0.9 * depth,
            roughness=0.88 - 0.6 * p.gloss + 0.04 * fine - 0.08 * blotch,
            cavity=cavity, exposed=smoothstep(0.2, 1.5, cloud) * 0.5,
        )  # fmt: skip


class Plaster(Family):
    name = "plaster"
    title = "Plaster"
    nouns = (
        "plaster", "plaster wall", "painted wall", "rendered wall", "interior plaster",
        "venetian plaster", "lime plaster", "drywall", "adobe",
    )  # fmt: skip
    rare_nouns = ("stuccoed facade", "wall render", "limewashed wall")
    modifiers = ("interior", "mediterranean", "facade", "bedroom")
    tile_width_m = 2.0
    palettes = (
        {"color": "#d8d0c1"}, {"color": "#c9b491"}, {"color": "#b98b66"}, {"color": "#c4c5c1"}, {"color": "#d6c5a4"},
        {"color": "#a9b0a6"}, {"color": "#c79f8a"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Color", spread=0.014),
        Choice(
            name="finish", label="Finish",
            options={
                "smooth": ("smooth", "smoothed"),
                "trowelled": ("trowelled", "hand-trowelled", "swirled"),
                "roughcast": ("rough-cast", "pebble-dashed", "spattered", "coarse"),
            },
            weights={"smooth": 1.5, "trowelled": 2.0, "roughcast": 1.5},
        ),
        relief((0.3, 0.7)),
        variation((0.2, 0.55)),
        gloss((0.0, 0.2)),
    )  # fmt: skip

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, v = canvas, p.variation
        cloud = c.noise("cloud", 0.8, 6, 0.55)
        swell = c.noise("swell", 0.35, 4, 0.5)
        sand = c.noise("sand", 0.006, 3, 0.75)
        if p.finish == "trowelled":
            # Strokes: ridges left at the edge of the trowel, in two crossing families.
            first = c.noise("first", (0.42, 0.12), 4, 0.5)
            second = c.noise("second", (0.13, 0.38), 4, 0.5)
            ridge = smoothstep(0.1, 0.0, first.abs()) * coverage(second, 0.45, 0.4)
            other = smoothstep(0.1, 0.0, (second - 0.5).abs()) * coverage(first, 0.45, 0.4)
            drag = c.noise("drag", (0.3, 0.012), 3, 0.6)
            shape = 0.28 * first + 0.28 * second + 0.5 * (ridge + other) + 0.05 * drag + 0.03 * sand
            unit = 0.0028
        elif p.finish == "roughcast":
            blobs = c.noise("blobs", 0.022, 3, 0.5)
            shape = 0.75 * torch.sqrt((blobs * 0.6 + 0.6).clamp(min=0.0)) + 0.12 * swell + 0.06 * sand - 0.5
            unit = 0.006
        else:
            shape = 0.3 * swell + 0.08 * sand
            unit = 0.0012
        depth = unit * (0.3 + p.relief) * 1.2
        light = 0.035 * v * cloud + 0.05 * v * shape + 0.015 * sand
        light = light + 0.04 * shape * (p.finish == "roughcast")
        return surface(
            c, color=vary(p.color, c, light, warmth=0.004 * v * cloud), height=depth * shape,
            low=-0.7 * depth, high=0.9 * depth,
            roughness=0.9 - 0.55 * p.gloss + 0.03 * sand - 0.03 * cloud,
            cavity=smoothstep(0.1, -0.7, shape), exposed=smoothstep(0.2, 0.9, shape),
        )  # fmt: skip
