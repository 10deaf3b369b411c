# SPDX-License-Identifier: GPL-3.0-or-later
"""Stones to walk on: cobbles and slabs."""

from __future__ import annotations

from ..cells import voronoi
from ..common import gloss, irregularity, joint_width, scale, variation
from ..family import Family
from ..layout import courses, grid
from ..ops import coverage, dome, mix, smoothstep
from ..parameters import Choice, Color, Params
from ..surface import Surface, surface, vary
from ..tile import Canvas


class Cobblestone(Family):
    name = "cobblestone"
    title = "Cobblestone"
    nouns = (
        "cobblestone", "cobblestones", "cobbles", "cobblestone street", "cobbled street", "stone setts",
        "cobblestone pavement", "cobbled road", "granite setts", "pebble stone paving",
    )  # fmt: skip
    rare_nouns = ("belgian block", "cobblestone alley", "sett paving")
    modifiers = ("european", "street", "alley", "town square")
    tile_width_m = 1.6
    palettes = (
        {"color": "#7b7873", "second_color": "#4a443c"},
        {"color": "#6a6867", "second_color": "#3c3833"},
        {"color": "#8d8578", "second_color": "#5a5144"},
        {"color": "#7d6f63", "second_color": "#4b4138"},
        {"color": "#5c5e62", "second_color": "#35322f"},
    )
    parameters = (
        Color(name="color", label="Stone color", spread=0.014),
        Color(name="second_color", label="Joint color", parts=("joints", "sand joints", "gaps"), spread=0.012),
        Choice(
            name="shape", label="Shape",
            options={"rounded": ("rounded", "round"), "squared": ("squared", "square cut", "rectangular")},
            weights={"rounded": 1.2, "squared": 1.0},
        ),
        scale("Stone size", 0.04, 0.4, (0.1, 0.15), 0.065, 0.22),
        joint_width(0.002, 0.04, (0.008, 0.016), 0.005, 0.025),
        irregularity((0.3, 0.7)),
        variation((0.35, 0.7)),
    )  # fmt: skip

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, joint, rough = canvas, p.scale, p.joint_width, p.irregularity
        wobble = c.noise("wobble", s * 0.5, 4, 0.55)
        if p.shape == "rounded":
            cells = voronoi(c, "stones", s, jitter=0.35 + 0.5 * rough, border=True, rounding=s * 0.07)
            assert cells.border is not None
            distance = cells.border - joint * 0.5 + wobble * s * 0.012
            random, x, y = cells.random, cells.dx / s, cells.dy / s
            crown = dome(distance, s * 0.42)
        else:
            pieces = courses(
                c, "stones", s * 1.15, s, random_shift=True, jitter=0.1 + 0.2 * rough, row_jitter=0.14 * rough
            )
            distance = pieces.edge(joint, radius=s * 0.16, wobble=-wobble * s * 0.012 * (0.4 + rough))
            random, x, y = pieces.random, pieces.x / s, pieces.y / s
            crown = dome(distance, s * 0.3)
        stone = c.edge(distance, joint * 0.08)
        lump = c.noise("lump", s * 0.6, 5, 0.55)
        chip = c.noise("chip", s * 0.12, 4, 0.65)
        grain = c.noise("grain", s * 0.025, 3, 0.75)
        depth = s * (0.2 if p.shape == "rounded" else 0.13)
        slope = (random("sx") - 0.5) * x + (random("sy") - 0.5) * y
        top = depth * (0.22 + 0.62 * crown + 0.3 * rough * slope + 0.12 * (random("proud") - 0.5) + 0.05 * lump)
        top = top + depth * (0.025 * chip + 0.012 * grain)
        sand = c.noise("sand", s * 0.05, 4, 0.75)
        bed = depth * (0.16 + 0.05 * c.noise("bed", s, 3) + 0.04 * sand)
        tone = (random("tone") - 0.5) * 0.55 * p.variation + 0.05 * lump + 0.05 * chip + 0.05 * grain
        rock = vary(
            p.color, c, tone + 0.1 * (crown - 0.6), chroma=(random("chroma") - 0.5) * 0.8 * p.variation,
            warmth=(random("hue") - 0.5) * 0.028 * p.variation,
        )  # fmt: skip
        # Feet polish the crowns.
        polish = smoothstep(0.75, 1.0, crown) * 0.25
        return surface(
            c,
            color=mix(vary(p.second_color, c, 0.12 * sand), rock, stone),
            height=mix(bed, top.maximum(bed), stone),
            low=0.05 * depth,
            high=0.95 * depth,
            roughness=mix(0.95, 0.8 + 0.05 * chip - polish, stone),
            cavity=1.0 - smoothstep(-joint * 0.2, s * 0.09, distance),
            exposed=stone * smoothstep(0.7, 1.0, crown),
        )


class Paving(Family):
    name = "paving"
    title = "Paving slabs"
    nouns = (
        "paving stones", "flagstones", "paving slabs", "pavement", "stone floor", "slate floor", "stone tiles",
        "concrete pavers", "patio stones", "sidewalk", "crazy paving", "paved floor",
    )  # fmt: skip
    rare_nouns = ("flagstone patio", "stone flags", "walkway slabs")
    modifiers = ("patio", "garden", "terrace", "dungeon", "temple")
    tile_width_m = 2.4
    palettes = (
        {"color": "#8f8b84", "second_color": "#5c564d"},
        {"color": "#a59a88", "second_color": "#6f665a"},
        {"color": "#6f7276", "second_color": "#46423d"},
        {"color": "#b4a58d", "second_color": "#83776a"},
        {"color": "#5b5f63", "second_color": "#393633"},
        {"color": "#9a7f6c", "second_color": "#665547"},
    )
    parameters = (
        Color(name="color", label="Slab color", spread=0.014),
        Color(name="second_color", label="Joint color", parts=("joints", "gaps", "grout"), spread=0.012),
        Choice(
            name="pattern", label="Layout",
            options={
                "crazy": ("crazy", "irregular shaped", "polygonal"),
                "grid": ("in a grid", "square"),
                "running": ("in rows", "staggered"),
            },
            weights={"crazy": 2.0, "grid": 1.5, "running": 1.5},
        ),
        scale("Slab size", 0.1, 1.5, (0.35, 0.55), 0.2, 0.8),
        joint_width(0.002, 0.05, (0.006, 0.016), 0.004, 0.03),
        irregularity((0.15, 0.6)),
        variation((0.3, 0.65)),
        gloss((0.05, 0.35)),
    )  # fmt: skip

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, joint, rough = canvas, p.scale, p.joint_width, p.irregularity
        wobble = c.noise("wobble", s * 0.3, 5, 0.55)
        if p.pattern == "crazy":
            at = c.warp("bend", s, s * 0.04, octaves=3)
            cells = voronoi(c, "slabs", s * 1.1, jitter=0.9, at=at, border=True)
            assert cells.border is not None
            distance = cells.border - joint * 0.7
            random, x, y = cells.random, cells.dx / s, cells.dy / s
        else:
            if p.pattern == "grid":
                pieces = grid(c, "slabs", (s, s))
            else:
                pieces = courses(c, "slabs", s * 1.35, s, random_shift=rough > 0.4, jitter=0.2 * rough, row_jitter=0.0)
            distance = pieces.edge(joint, radius=s * 0.015)
            random, x, y = pieces.random, pieces.x / s, pieces.y / s
        distance = distance + wobble * s * 0.007 * (0.15 + rough)
        slab = c.edge(distance, joint * 0.06)
        layers = c.noise("layers", s * 0.7, 6, 0.55)
        cleft = smoothstep(-0.06, 0.06, layers - 0.35) * 0.5 + smoothstep(-0.05, 0.05, layers + 0.5) * 0.5
        chip = c.noise("chip", s * 0.05, 4, 0.65)
        grain = c.noise("grain", s * 0.012, 3, 0.75)
        pits = coverage(c.noise("pits", s * 0.03, 2, 0.6), 0.04, 0.05)
        depth = joint * 0.6 + 0.004
        slope = (random("sx") - 0.5) * x + (random("sy") - 0.5) * y
        top = depth * (
            0.55 + 0.4 * dome(distance, s * 0.03) + 0.2 * rough * slope + 0.25 * rough * (random("level") - 0.5)
        )
        top = top + depth * (0.22 * rough * cleft + 0.05 * chip * (0.3 + rough) + 0.015 * grain - 0.12 * pits)
        sand = c.noise("sand", 0.012, 3, 0.75)
        tone = (random("tone") - 0.5) * 0.42 * p.variation + 0.05 * layers + 0.03 * chip + 0.035 * grain - 0.12 * pits
        rock = vary(
            p.color, c, tone + 0.02, chroma=(random("chroma") - 0.5) * 0.6 * p.variation,
            warmth=(random("hue") - 0.5) * 0.022 * p.variation + 0.004 * layers,
        )  # fmt: skip
        rough_top = mix(0.86, 0.22, p.gloss)
        return surface(
            c,
            color=mix(vary(p.second_color, c, 0.1 * sand), rock, slab),
            height=mix(depth * (0.12 + 0.05 * sand), top, slab),
            low=0.0,
            high=1.1 * depth,
            roughness=mix(0.94, rough_top + 0.04 * chip + 0.03 * layers, slab),
            cavity=1.0 - smoothstep(0.0, s * 0.02, distance) + pits * 0.4,
            exposed=slab * smoothstep(s * 0.05, 0.0, distance),
        )
