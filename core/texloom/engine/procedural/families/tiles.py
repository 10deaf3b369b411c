# SPDX-License-Identifier: GPL-3.0-or-later
"""Ceramic tiles, mosaic and terrazzo."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..cells import voronoi
from ..common import gloss, irregularity, joint_width, scale, variation
from ..family import Family
from ..layout import courses, diagonal_grid, grid, herringbone, hexagons
from ..ops import coverage, dome, mix, smoothstep
from ..parameters import Choice, Color, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class CeramicTiles(Family):
    name = "ceramic_tiles"
    title = "Ceramic tiles"
    nouns = (
        "tiles", "ceramic tiles", "bathroom tiles", "subway tiles", "wall tiles", "floor tiles", "kitchen tiles",
        "porcelain tiles", "hexagon tiles", "tiled wall", "glazed tiles", "metro tiles", "tile floor",
    )  # fmt: skip
    rare_nouns = ("shower tiles", "tiling", "backsplash")
    modifiers = ("bathroom", "kitchen", "pool", "modern", "hospital")
    tile_width_m = 1.2
    palettes = (
        {"color": "#e6e4de", "second_color": "#a9a59d"},
        {"color": "#3f7c85", "second_color": "#d9d7d0"},
        {"color": "#35526e", "second_color": "#c9c8c3"},
        {"color": "#7f9a86", "second_color": "#dedbd2"},
        {"color": "#c9bca3", "second_color": "#8e867a"},
        {"color": "#2e3134", "second_color": "#7c7c7b"},
        {"color": "#b1563b", "second_color": "#cfc5b4"},
    )
    parameters = (
        Color(name="color", label="Tile color", spread=0.016),
        Color(name="second_color", label="Grout color", parts=("grout", "grout lines", "joints"), spread=0.01),
        Choice(
            name="shape", label="Shape",
            options={
                "square": ("square",),
                "subway": ("subway", "metro", "oblong", "rectangular"),
                "hexagon": ("hexagonal", "hexagon", "honeycomb"),
                "diamond": ("diamond", "diagonal", "set on the diagonal"),
                "herringbone": ("in herringbone pattern", "herringbone", "zigzag"),
            },
            weights={"square": 2.5, "subway": 2.5, "hexagon": 1.5},
        ),
        scale("Tile size", 0.02, 0.8, (0.1, 0.18), 0.05, 0.3),
        joint_width(0.001, 0.015, (0.002, 0.0045), 0.0015, 0.008),
        irregularity((0.05, 0.4)),
        variation((0.1, 0.5)),
        gloss((0.55, 0.95)),
    )  # fmt: skip
    attributes = ("wear", "cracks", "dirt", "moss", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, joint, rough = canvas, p.scale, p.joint_width, p.irregularity
        random: Callable[[str], Tensor]
        if p.shape == "hexagon":
            hexes = hexagons(c, "tiles", s)
            distance, random, x, y = hexes.border - joint * 0.5, hexes.random, hexes.x / s, hexes.y / s
        else:
            if p.shape == "subway":
                pieces = courses(c, "tiles", s * 1.6, s * 0.8, shift=0.5)
            elif p.shape == "diamond":
                pieces = diagonal_grid(c, "tiles", s)
            elif p.shape == "herringbone":
                pieces = herringbone(c, "tiles", s * 1.8, s * 0.6)
            else:
                pieces = grid(c, "tiles", (s, s))
            distance = pieces.edge(joint, radius=s * 0.015)
            random, x, y = pieces.random, pieces.x / s, pieces.y / s
        tile = c.edge(distance, joint * 0.08)
        wave = c.noise("wave", s * 0.6, 4, 0.45)
        pool = c.noise("pool", s * 0.35, 5, 0.55)
        fine = c.noise("fine", s * 0.02, 2, 0.7)
        sand = c.noise("sand", 0.003, 3, 0.75)
        pressed = dome(distance, s * 0.03 + 0.0012)
        depth = 0.0016 + joint * 0.25
        slope = (random("sx") - 0.5) * x + (random("sy") - 0.5) * y
        top = depth * (0.3 + 0.6 * pressed + 0.5 * rough * slope + 0.3 * rough * (random("level") - 0.5))
        top = top + depth * (0.02 + 0.11 * rough) * wave
        tone = (random("tone") - 0.5) * 0.4 * p.variation + 0.035 * pool * (0.3 + p.variation) * (0.5 + rough)
        # Glaze runs thin over the edge.
        rim = smoothstep(s * 0.035, 0.0, distance) * (0.4 + 0.6 * p.variation)
        glaze = vary(
            p.color, c, tone + 0.1 * rim + 0.004 * fine,
            chroma=-0.2 * rim + 0.2 * (random("chroma") - 0.5) * p.variation,
            warmth=(random("hue") - 0.5) * 0.016 * p.variation,
        )  # fmt: skip
        shine = mix(0.62, 0.06, p.gloss)
        return surface(
            c,
            color=mix(vary(p.second_color, c, 0.05 * sand + 0.04 * c.noise("stain", s * 2.0, 4)), glaze, tile),
            height=mix(depth * (0.1 + 0.03 * sand), top, tile),
            low=0.0,
            high=depth,
            roughness=mix(0.9, shine + 0.015 * pool + 0.01 * fine, tile),
            cavity=1.0 - smoothstep(-joint * 0.1, s * 0.02, distance),
            exposed=tile * smoothstep(s * 0.05, 0.0, distance) * 0.7,
        )


class Mosaic(Family):
    name = "mosaic"
    title = "Mosaic"
    nouns = ("mosaic", "mosaic tiles", "glass mosaic", "roman mosaic", "pool mosaic", "mosaic floor", "tesserae")
    rare_nouns = ("byzantine mosaic", "trencadis")
    modifiers = ("roman", "pool", "spa", "decorative")
    tile_width_m = 0.6
    palettes = (
        {"color": "#3d7f94", "second_color": "#cfcabd", "third_color": "#1f4f6e"},
        {"color": "#b8a47f", "second_color": "#8a8173", "third_color": "#7d3b2c"},
        {"color": "#5c8f7b", "second_color": "#d5d2c6", "third_color": "#d1b65c"},
        {"color": "#8a8f98", "second_color": "#c3c0ba", "third_color": "#3a3f49"},
        {"color": "#a8503c", "second_color": "#cfc4ae", "third_color": "#d7b06a"},
    )
    parameters = (
        Color(name="color", label="Main color", spread=0.016),
        Color(name="second_color", label="Grout color", parts=("grout", "joints"), spread=0.01),
        Color(name="third_color", label="Accent color", parts=("accents", "accent pieces", "highlights"), spread=0.016),
        scale("Piece size", 0.004, 0.08, (0.014, 0.022), 0.009, 0.035),
        irregularity((0.25, 0.7)),
        variation((0.4, 0.9)),
        gloss((0.45, 0.9)),
    )
    attributes = ("wear", "cracks", "dirt", "moss", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, rough = canvas, p.scale, p.irregularity
        joint = s * 0.1
        pieces = courses(
            c, "pieces", s, s, shift=0.0, jitter=0.16 * rough, row_jitter=0.2 * rough, random_shift=rough > 0.5
        )
        wobble = c.noise("wobble", s * 0.6, 3) * s * 0.03 * rough
        distance = pieces.edge(joint, radius=s * 0.06, wobble=wobble)
        glass = c.edge(distance, joint * 0.1)
        random = pieces.random
        cloud = c.noise("cloud", s * 7.0, 4, 0.5)
        fine = c.noise("fine", s * 0.1, 3, 0.7)
        accent = smoothstep(0.8, 0.82, random("accent") + 0.06 * cloud)
        tone = (random("tone") - 0.5) * 0.62 * p.variation + 0.03 * fine
        hue = (random("hue") - 0.5) * 0.04 * p.variation
        body = blend_colors(c, vary(p.color, c, tone, warmth=hue), vary(p.third_color, c, tone, warmth=hue), accent)
        slope = (random("sx") - 0.5) * pieces.x / s + (random("sy") - 0.5) * pieces.y / s
        depth = s * 0.1
        top = depth * (
            0.45 + 0.5 * dome(distance, s * 0.1) + 0.5 * rough * slope + 0.25 * rough * (random("level") - 0.5)
        )
        sand = c.noise("sand", s * 0.12, 3, 0.75)
        shine = mix(0.6, 0.07, p.gloss) + 0.12 * (random("shine") - 0.5) * p.variation
        return surface(
            c,
            color=mix(vary(p.second_color, c, 0.06 * sand), body, glass),
            height=mix(depth * (0.15 + 0.05 * sand), top + depth * 0.02 * fine, glass),
            low=0.05 * depth,
            high=depth,
            roughness=mix(0.9, shine + 0.02 * fine, glass),
            cavity=1.0 - smoothstep(-joint * 0.1, s * 0.08, distance),
            exposed=glass * smoothstep(s * 0.2, 0.0, distance) * 0.6,
        )


class Terrazzo(Family):
    name = "terrazzo"
    title = "Terrazzo"
    nouns = ("terrazzo", "terrazzo floor", "terrazzo tiles", "polished terrazzo", "terrazzo slab", "venetian terrazzo")
    rare_nouns = ("chip floor", "marble chip flooring")
    modifiers = ("retro", "lobby", "airport", "modern")
    tile_width_m = 0.6
    palettes = (
        {"color": "#d9d5cb", "second_color": "#8d8a86", "third_color": "#b5745a"},
        {"color": "#c7c3bc", "second_color": "#43474c", "third_color": "#d9b98a"},
        {"color": "#e3ddd2", "second_color": "#6f8b85", "third_color": "#cf9a84"},
        {"color": "#4a4d50", "second_color": "#c9c6be", "third_color": "#8d8f92"},
        {"color": "#b9c2bb", "second_color": "#f0ede6", "third_color": "#5f6f66"},
    )
    parameters = (
        Color(name="color", label="Ground color", spread=0.012),
        Color(name="second_color", label="Chip color", parts=("chips", "flecks", "stones"), spread=0.014),
        Color(name="third_color", label="Second chip color", parts=("accent chips",), spread=0.016),
        scale("Chip size", 0.003, 0.08, (0.012, 0.022), 0.007, 0.035),
        variation((0.4, 0.8)),
        gloss((0.6, 0.95)),
    )
    attributes = ("wear", "cracks", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        fine = c.noise("fine", s * 0.12, 4, 0.7)
        cloud = c.noise("cloud", s * 10.0, 4)
        lab = vary(p.color, c, 0.02 * fine + 0.015 * cloud)
        edge = c.noise("edge", s * 0.35, 3, 0.55)
        chip_all = c.zeros()
        for number, (size, share) in enumerate(((1.3, 0.4), (0.62, 0.5), (0.26, 0.5))):
            cells = voronoi(c, f"chips{number}", s * size, jitter=0.95, border=True)
            assert cells.border is not None
            there = cells.random("there") < share
            inside = cells.border - s * size * (0.08 + 0.12 * cells.random("size")) + edge * s * size * 0.025
            chip = c.edge(inside) * there
            pick = cells.random("kind")
            tone = (cells.random("tone") - 0.5) * 0.5 * p.variation + 0.04 * edge + 0.03 * fine
            first = vary(p.second_color, c, tone)
            stone = blend_colors(c, first, vary(p.third_color, c, tone), (pick > 0.55).float())
            lab = blend_colors(c, lab, stone, chip)
            chip_all = chip.maximum(chip_all)
        return surface(
            c, color=lab, height=0.00002 * (fine + 2.0 * chip_all) * (1.2 - p.gloss), low=-0.0001, high=0.0001,
            roughness=mix(0.66, 0.08, p.gloss) - 0.03 * chip_all * p.gloss + 0.02 * fine + 0.02 * cloud,
            cavity=coverage(fine, 0.05, 0.05), exposed=chip_all * 0.3,
        )  # fmt: skip
