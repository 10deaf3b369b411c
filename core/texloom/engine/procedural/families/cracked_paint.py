# SPDX-License-Identifier: GPL-3.0-or-later
"""Old paint that cracks, curls and flakes off wood or off a wall."""

from __future__ import annotations

from torch import Tensor

from ..cells import voronoi
from ..common import gloss, relief, scale
from ..family import Family
from ..layout import courses
from ..ops import clamp01, coverage, mix, smoothstep
from ..parameters import Choice, Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas
from .planks import board_grain


class CrackedPaint(Family):
    name = "cracked_paint"
    title = "Cracked paint"
    nouns = (
        "cracked paint", "peeling paint", "flaking paint",
        "flaky paint", "peeling wall paint", "peeling paint on wood", "paint flakes",
        "crackled paint", "cracked paint on a wall", "paint layers", "alligatored paint",
    )  # fmt: skip
    rare_nouns = ("craquelure", "paint coming off", "scaling paint", "shabby paint", "peeled paint")
    modifiers = ("abandoned", "farmhouse", "vintage", "derelict")
    tile_width_m = 0.8
    palettes = (
        {"color": "#7fa3a0", "second_color": "#8a745c", "third_color": "#c9c2ad"},
        {"color": "#d9d3c3", "second_color": "#7b6a58", "third_color": "#a8b3a2"},
        {"color": "#4d6f86", "second_color": "#94816a", "third_color": "#b7b9ac"},
        {"color": "#9c3d31", "second_color": "#7d6852", "third_color": "#c4a98a"},
        {"color": "#6c8560", "second_color": "#a09382", "third_color": "#d5cdb8"},
        {"color": "#c9a85b", "second_color": "#8c7863", "third_color": "#8fa19b"},
        {"color": "#b9b2a7", "second_color": "#a89c8d", "third_color": "#7e8f95"},
        {"color": "#3f6b58", "second_color": "#86705a", "third_color": "#c2b58f"},
    )
    parameters = (
        Color(name="color", label="Paint color", spread=0.018),
        Color(
            name="second_color", label="Ground color",
            parts=("wood underneath", "wall underneath", "plaster underneath", "bare spots"), spread=0.014,
        ),
        Color(name="third_color", label="Old coat color", parts=("undercoat", "older coat", "primer"), spread=0.016),
        Choice(
            name="ground", label="Ground",
            options={
                "wood": ("on wood", "on boards", "on planks"),
                "wall": ("on plaster", "on a wall", "on concrete"),
            },
            weights={"wood": 1.2},
        ),
        scale("Flake size", 0.003, 0.3, (0.02, 0.045), 0.012, 0.09),
        Number(
            name="peeling", label="Peeling", natural=(0.2, 0.65),
            words={"peeling": 0.6, "flaking": 0.6, "chipped": 0.4, "badly peeling": 0.9, "intact": 0.0,
                   "half bare": 0.65, "slightly peeling": 0.25},
        ),
        relief((0.35, 0.8)),
        gloss((0.1, 0.5)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "moss", "dust", "wetness", "snow")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        wood = p.ground == "wood"
        under, under_z, long_field = self._wood(c, p) if wood else self._wall(c, p)

        # Paint splits along the grain first: flakes on wood are longer than wide.
        size = (s * 0.75, s * 1.7) if wood else (s, s)
        at = c.warp("wander", s * 0.9, s * 0.24, octaves=4, gain=0.62)
        flakes = voronoi(c, "flakes", size, jitter=0.95, at=at, border=True)
        assert flakes.border is not None
        border = flakes.border
        field = 0.62 * c.noise("peel", s * 5.0, 6, 0.58) + 0.42 * c.noise("bite", s * 1.1, 4, 0.55) + 0.3 * long_field
        hold = (flakes.random("hold") - 0.5) * 1.5
        amount = p.peeling
        bare_level = 1.08 * (field + hold)
        # Near a bare place the rim of a flake breaks off unevenly.
        crumble = c.noise("crumble", s * 0.16, 4, 0.65)
        bare = coverage(bare_level + 0.05 * crumble + 0.25 * smoothstep(s * 0.09, 0.0, border), amount * 0.8, 0.035)
        under_coat = coverage(
            bare_level - 0.7 + 0.3 * crumble + 0.5 * (c.noise("coat", s * 2.0, 4, 0.6)), amount * 0.75, 0.05
        )
        near = coverage(0.85 * field, min(1.0, amount * 0.8 + 0.35), 0.8)

        # Cracks: wide between flakes that are about to go, hairlines elsewhere.
        wide = s * 0.05 * (0.45 + near) * (0.6 + 0.4 * crumble.clamp(-1.0, 1.5)).clamp(min=0.15)
        gap = (1.0 - border / (wide + 1e-6)).clamp(0.0, 1.0) * (0.5 + 0.5 * near)
        hair = voronoi(c, "hair", (s * 0.3, s * 0.55) if wood else (s * 0.4, s * 0.4), jitter=0.95, at=at, border=True)
        assert hair.border is not None
        line = smoothstep(s * 0.013, 0.0, hair.border) * coverage(c.noise("hair on", s * 2.2, 3), 0.5, 0.5)
        line = line * min(1.0, s * 0.02 / c.pixel_m)

        # Flakes curl up at their rims, the more the looser they sit; each tilts a little.
        loose = clamp01((0.2 + 0.8 * near) * (0.3 + 1.1 * flakes.random("loose")))
        rim = smoothstep(s * 0.3, 0.0, border)
        tilt = ((flakes.random("sx") - 0.5) * flakes.dx + (flakes.random("sy") - 0.5) * flakes.dy) / s
        film = s * 0.03 * (0.25 + p.relief)
        brush = c.noise("brush", (s * 0.05, s * 4.0) if wood else (s * 0.5, s * 0.5), 3, 0.6)
        cloud = c.noise("cloud", c.width_m / 2.5, 6, 0.57)
        fine = c.noise("fine", s * 0.05, 3, 0.75)
        curl = loose * (1.5 * rim * rim + 1.1 * tilt)
        paint_z = film * (1.0 + curl + 0.05 * brush + 0.02 * fine - 0.9 * gap - 0.25 * line)
        paint_z = paint_z + under_z * 0.5
        coat_z = film * (0.45 + 0.03 * fine) + under_z * 0.8
        height = mix(paint_z, mix(under_z, coat_z, under_coat), bare)

        light = 0.035 * cloud + 0.025 * brush + 0.012 * fine + 0.1 * (flakes.random("tone") - 0.5) * near
        light = light + 0.09 * rim * loose - 0.42 * line - 0.72 * gap
        chalk = coverage(cloud + 0.4 * long_field, 0.35, 0.8)
        paint = vary(p.color, c, light + 0.06 * chalk, chroma=-0.2 * chalk - 0.2 * gap, warmth=0.006 * cloud)
        dirt_in = blend_colors(c, paint, (0.3, 0.01, 0.02), 0.45 * clamp01(gap + 0.6 * line))
        coat = vary(p.third_color, c, 0.05 * fine + 0.04 * cloud - 0.05 * crumble)
        # The flake beside throws its shadow on the ground.
        lip = smoothstep(0.5, 0.95, coverage(bare_level + 0.05 * crumble, min(1.0, amount * 0.8 + 0.02), 0.1)) * (
            1.0 - bare
        )
        ground = blend_colors(c, under, coat, under_coat)
        lab = blend_colors(c, dirt_in, ground, bare)
        lab = vary(lab, c, 0.1 * lip - 0.12 * bare * smoothstep(s * 0.05, 0.0, border))
        shine = 0.8 - 0.55 * p.gloss
        return surface(
            c, color=lab, height=height, low=-0.6 * film, high=2.4 * film,
            roughness=mix(shine + 0.12 * chalk + 0.03 * fine + 0.1 * gap, 0.92 - 0.12 * under_coat, bare),
            cavity=clamp01(0.45 * bare * (1.0 - 0.5 * under_coat) + gap + 0.4 * line),
            exposed=(1.0 - bare) * clamp01(rim * loose + 0.2 * near),
        )  # fmt: skip

    @staticmethod
    def _wood(c: Canvas, p: Params) -> tuple[Tensor, Tensor, Tensor]:
        """Weathered boards: color, relief in metres, and a field drawn out along the grain."""
        width = c.width_m / max(2, round(c.width_m / 0.16))
        boards = courses(c, "boards", c.height_m * 2.0, width, shift=0.0, row_jitter=0.12, vertical=True)
        rings, fibre, pores = board_grain(c, "grain", boards, width, True)
        edge = boards.half_x - boards.x.abs()
        joint = 1.0 - c.edge(edge - 0.0016)
        light = 0.1 * rings + 0.1 * fibre - 0.2 * pores + (boards.random("tone") - 0.5) * 0.22 - 0.65 * joint
        color = vary(p.second_color, c, light, chroma=0.08 * rings)
        depth = p.scale * 0.012 * (0.4 + p.relief)
        z = depth * (0.45 * rings + 0.5 * fibre - 0.7 * pores) - 0.004 * joint - 0.0015 * smoothstep(0.004, 0.0, edge)
        long_field = c.noise("along", (p.scale * 0.35, p.scale * 7.0), 4, 0.6) + 0.8 * smoothstep(0.012, 0.0, edge)
        return color, z, long_field

    @staticmethod
    def _wall(c: Canvas, p: Params) -> tuple[Tensor, Tensor, Tensor]:
        """Rough plaster: color, relief in metres, and a field of damp that the paint follows."""
        sand = c.noise("sand", 0.004, 3, 0.78)
        lump = c.noise("lump", 0.09, 5, 0.55)
        damp = c.noise("damp", c.width_m / 2.0, 5, 0.6)
        pits = coverage(c.noise("pits", 0.014, 3, 0.6), 0.05, 0.06)
        stain = coverage(damp, 0.35, 0.6)
        color = vary(p.second_color, c, 0.06 * sand + 0.06 * lump - 0.3 * pits - 0.13 * stain, warmth=0.008 * damp)
        depth = p.scale * 0.02 * (0.4 + p.relief)
        return color, depth * (0.3 * lump + 0.14 * sand - 0.9 * pits), damp
