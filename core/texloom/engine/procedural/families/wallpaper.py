# SPDX-License-Identifier: GPL-3.0-or-later
"""Printed wallpaper: its pattern, the seams of its lengths, where it peels and what has soaked through."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..cells import voronoi
from ..common import scale
from ..family import Family
from ..ops import clamp01, coverage, smoothstep, uniform
from ..ornament import damask
from ..parameters import Choice, Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas

_STAIN_RIM, _STAIN = (0.42, 0.03, 0.06), (0.62, 0.022, 0.062)
_PAPER_CORE = (0.88, 0.004, 0.018)


class Wallpaper(Family):
    name = "wallpaper"
    title = "Wallpaper"
    nouns = (
        "wallpaper", "printed wallpaper", "patterned wallpaper", "floral wallpaper", "wall paper", "old wallpaper",
        "peeling wallpaper", "vintage wallpaper", "victorian wallpaper",
    )  # fmt: skip
    rare_nouns = ("wall covering", "anaglypta", "papered wall")
    modifiers = ("bedroom", "hallway", "retro", "interior")
    tile_width_m = 1.06
    palettes = (
        {"color": "#e3d9c3", "second_color": "#8b9a7c", "third_color": "#b8ad9b"},
        {"color": "#d8c7a4", "second_color": "#8a5a3c", "third_color": "#a79a88"},
        {"color": "#5f7568", "second_color": "#a9a878", "third_color": "#b5aa99"},
        {"color": "#7c3b3a", "second_color": "#b98a55", "third_color": "#a3978a"},
        {"color": "#b9c6c9", "second_color": "#6b8391", "third_color": "#c2b8a9"},
        {"color": "#d9b7ab", "second_color": "#a55f5c", "third_color": "#bcae9d"},
        {"color": "#39424d", "second_color": "#8f8a76", "third_color": "#9d9589"},
        {"color": "#e9e4d8", "second_color": "#b7a98c", "third_color": "#c4bbae"},
    )
    parameters = (
        Color(name="color", label="Paper color", spread=0.014),
        Color(
            name="second_color", label="Print color", parts=("print", "flowers", "ornament", "pattern", "motif"),
            spread=0.014,
        ),
        Color(name="third_color", label="Wall color", parts=("wall underneath", "bare wall", "plaster"), spread=0.012),
        Choice(
            name="pattern", label="Pattern",
            options={
                "damask": ("ornamental", "baroque", "damask style"),
                "floral": ("floral", "flowery", "with flowers"),
                "stripes": ("striped", "with stripes"),
                "trellis": ("trellis", "with a trellis", "lattice"),
                "plain": ("plain", "woodchip", "unprinted"),
            },
            weights={"damask": 2.0, "floral": 2.0, "stripes": 1.2, "trellis": 1.0, "plain": 0.6},
        ),
        scale("Pattern repeat", 0.03, 0.6, (0.12, 0.24), 0.07, 0.35),
        Number(
            name="peeling", label="Peeling", natural=(0.05, 0.35), often=0.6,
            words={"peeling": 0.55, "torn": 0.65, "flaking": 0.5, "badly peeling": 0.85, "ripped": 0.75,
                   "half torn off": 0.8, "intact": 0.0, "freshly papered": 0.0},
        ),
        Number(
            name="stains", label="Water stains", natural=(0.1, 0.5), often=0.55,
            words={"water-stained": 0.75, "with water stains": 0.7, "yellowed": 0.55, "moldy": 0.9,
                   "damp-stained": 0.8, "without water stains": 0.0},
        ),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c = canvas
        ink, tone, emboss = self._print(c, p)
        fine = c.noise("fine", 0.004, 4, 0.7)
        fibre = c.noise("fibre", (0.012, 0.0035), 3, 0.7)
        cloud = c.noise("cloud", 0.35, 5, 0.55)
        lab = blend_colors(c, vary(p.color, c, 0.012 * fine + 0.015 * cloud), p.second_color, ink)
        # Ink of a block sits unevenly on the grain of the paper.
        lab = vary(lab, c, tone + 0.02 * fibre * ink)
        height = 0.00014 * emboss + 0.000035 * fine + 0.0004 * cloud
        rough = 0.78 - 0.1 * ink + 0.03 * fine
        # Lengths of 53 cm meet at seams that have opened a little over the years.
        lengths = max(1, round(c.width_m / 0.53))
        off = (c.u * lengths - (c.u * lengths).round()) * (c.width_m / lengths)
        sway = 0.0006 * c.noise("sway", (0.2, 0.12), 3)
        seam = smoothstep(0.0012, 0.0, (off + sway).abs())
        near = smoothstep(0.05, 0.0, off.abs())
        lab = vary(lab, c, -0.2 * seam - 0.02 * near * coverage(cloud, 0.5, 0.9))
        height = height - 0.0003 * seam
        if p.stains > 0.02:
            lab, rough = self._stain(c, p.stains, lab, rough)
        cavity = 0.6 * seam
        if p.peeling > 0.02:
            lab, height, rough, cavity = self._peel(c, p, lab, height, rough, cavity, near)
        return surface(
            c, color=lab, height=height, low=-0.0025, high=0.0035, roughness=rough, cavity=cavity,
            exposed=clamp01(0.25 + 0.3 * emboss),
        )  # fmt: skip

    # What is printed: ink 0 to 1, change of tone, and relief about 0 to 1.
    def _print(self, c: Canvas, p: Params) -> tuple[Tensor, Tensor, Tensor]:
        s = p.scale
        if p.pattern == "damask":
            figure, veins = damask(c, "print", s)
            ink = c.edge(figure) * (1.0 - c.edge(veins))
            return ink, 0.0 * ink, ink
        if p.pattern == "stripes":
            return self._stripes(c, s)
        if p.pattern == "floral":
            return self._floral(c, s)
        if p.pattern == "trellis":
            return self._trellis(c, s)
        # Woodchip: splinters of wood between two layers of paper, painted over.
        chips = smoothstep(0.9, 2.0, c.noise("chips", (0.009, 0.005), 2, 0.6))
        chips = torch.maximum(chips, smoothstep(1.0, 2.1, c.noise("chips across", (0.005, 0.009), 2, 0.6)))
        return c.zeros(), 0.05 * chips - 0.01, 7.0 * chips

    @staticmethod
    def _stripes(c: Canvas, s: float) -> tuple[Tensor, Tensor, Tensor]:
        """A wide stripe between two fine lines, in every repeat."""
        n = max(1, c.count(s * 0.7)[0])
        x = ((c.u * n) - (c.u * n).round()).abs() * (c.width_m / n) + c.zeros()
        pitch = c.width_m / n
        wide = c.edge(0.2 * pitch - x)
        lines = c.edge(0.012 * pitch - (x - 0.245 * pitch).abs())
        middle = c.edge(0.008 * pitch - (x - 0.47 * pitch).abs())
        moire = 0.012 * c.noise("moire", (0.05, 0.004), 3, 0.6) * wide
        return torch.maximum(0.8 * wide, torch.maximum(lines, middle)), moire, 0.5 * wide

    @staticmethod
    def _trellis(c: Canvas, s: float) -> tuple[Tensor, Tensor, Tensor]:
        """Crossing laths, a small flower where they meet and one in each lozenge."""
        nx, ny = (max(1, n) for n in c.count((s * 0.7, s * 0.95)))
        a, b = c.u * nx + c.v * ny, c.u * nx - c.v * ny
        side = 1.0 / math.hypot(nx / c.width_m, ny / c.height_m)
        fa, fb = a - a.round(), b - b.round()
        far = torch.minimum(fa.abs(), fb.abs()) * side
        lath = c.edge(0.036 * side - far) - c.edge(0.014 * side - far)

        def flower(u: Tensor, v: Tensor, radius: float, petals: int) -> Tensor:
            # Back from the slanting axes to upright ones.
            x, y = (u + v) * (0.5 * c.width_m / nx), (u - v) * (0.5 * c.height_m / ny)
            r = torch.sqrt(x.square() + y.square())
            edge = radius * side * (0.72 + 0.28 * torch.cos(petals * torch.atan2(x, -y)))
            return c.edge(edge - r) - c.edge(radius * side * 0.22 - r) + c.edge(radius * side * 0.1 - r)

        knot = flower(fa, fb, 0.12, 4)
        middle = flower(a - a.floor() - 0.5, b - b.floor() - 0.5, 0.2, 6)
        covered = c.edge(0.13 * side - torch.sqrt(fa.square() + fb.square()) * side)
        ink = clamp01(lath * (1.0 - covered) + knot + middle)
        return ink, 0.0 * ink, ink

    @staticmethod
    def _floral(c: Canvas, s: float) -> tuple[Tensor, Tensor, Tensor]:
        """Open blossoms with leaves round them, strewn over the paper, and small ones between."""
        ink, tone = c.zeros(), c.zeros()
        for key, size, share in (("sprigs", 0.42, 0.85), ("blossoms", 0.8, 1.0)):
            cells = voronoi(c, key, s * size, jitter=0.45)
            there = cells.random("there") < share
            angle = torch.atan2(cells.dy, cells.dx) + cells.random("turn") * math.tau
            radius = s * size * (0.3 + 0.07 * cells.random("size"))
            r = cells.distance / radius
            # Leaves in threes, pointed, with a vein; the stalk lies under the flower.
            third = torch.remainder(angle * (3.0 / math.tau) + 0.5, 1.0) - 0.5
            along = ((r - 0.45) / 1.05).clamp(0.0, 1.0)
            half = 0.62 * along.sqrt() * (1.0 - along)
            across = r * third.abs() * (math.tau / 3.0)
            leaf = c.edge((half - across) * radius) * (r > 0.45) * (r < 1.5)
            vein = c.edge((0.035 * (1.0 - along) - across) * radius)
            rib = 0.5 + 0.5 * torch.cos((along * 9.0 - across * 7.0) * math.tau)
            # Two rings of petals, the inner one turned by half a petal.
            outer = 0.8 + 0.2 * torch.cos(5.0 * angle).abs().sqrt()
            petal = c.edge((outer * 0.78 - r) * radius)
            crease = smoothstep(0.35, 0.0, torch.cos(2.5 * angle).abs()) * smoothstep(0.25, 0.6, r)
            inner = c.edge((0.42 + 0.09 * torch.cos(5.0 * angle + math.pi) - r) * radius)
            line = c.edge((0.028 - (r - 0.44 - 0.09 * torch.cos(5.0 * angle + math.pi)).abs()) * radius)
            heart = c.edge((0.15 - r) * radius)
            shade = 0.26 * smoothstep(0.75, 0.35, r) * (1.0 - inner) + 0.5 * crease + 0.55 * line * petal
            flower = petal * (0.92 - 0.8 * clamp01(shade) - 0.35 * inner + 0.6 * heart)
            part = torch.where(petal > 0.5, flower, leaf * (0.75 - 0.7 * vein - 0.12 * rib)) * there
            edge_tone = torch.where(petal > 0.5, 0.1 * (1.0 - r), -0.1 * leaf) * there
            shown = torch.maximum(petal, leaf) * there
            ink = ink * (1.0 - shown) + clamp01(part)
            tone = tone * (1.0 - shown) + edge_tone * shown
        return clamp01(ink), tone, ink

    @staticmethod
    def _stain(c: Canvas, amount: float, lab: Tensor, rough: Tensor) -> tuple[Tensor, Tensor]:
        """Water that dried leaves a brown tide line; several tides lie one in the other."""
        field = c.noise("stain", (0.3, 0.42), 5, 0.52)
        level = uniform(field) - (1.0 - 0.55 * amount)
        wet = smoothstep(0.0, 0.02, level)
        rim = smoothstep(0.028, 0.0, level.abs()) * smoothstep(-0.012, 0.0, level)
        second = level - 0.14 - 0.05 * c.noise("tide", 0.2, 4, 0.55)
        rim = torch.maximum(rim, 0.6 * smoothstep(0.02, 0.0, second.abs()))
        mottle = c.noise("mottle", 0.05, 5, 0.6)
        runs = coverage(c.streaks("runs", 0.02, 0.8) + 0.4 * field, 0.22 * amount, 0.6)
        lab = vary(lab, c, -0.06 * amount * smoothstep(-0.4, 0.4, field), warmth=0.02 * amount * wet)
        lab = blend_colors(c, lab, _STAIN, clamp01(0.3 * amount * wet * (0.8 + 0.3 * mottle) + 0.2 * runs))
        lab = blend_colors(c, lab, _STAIN_RIM, clamp01(0.5 * amount * rim * (0.8 + 0.4 * mottle)))
        mold = coverage(c.noise("mold", 0.012, 4, 0.75) + 0.9 * mottle + field, 0.2 * max(0.0, amount - 0.6), 0.16)
        lab = blend_colors(c, lab, (0.3, 0.0, 0.012), 0.6 * mold)
        return lab, rough + 0.08 * wet

    @staticmethod
    def _peel(
        c: Canvas, p: Params, lab: Tensor, height: Tensor, rough: Tensor, cavity: Tensor, near: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Paper comes off from the seams, downwards in tongues; what is left curls and shows its white core."""
        tear = c.noise("tear", (0.16, 0.42), 5, 0.4) + 0.4 * near
        jag = 0.016 * c.noise("jag", 0.02, 5, 0.6)
        level = uniform(tear) + jag - (1.0 - 0.72 * p.peeling)
        bare = smoothstep(-0.004, 0.004, level)
        # The printed layer tears further back than the paper under it.
        split = 0.035 * (0.6 + uniform(c.noise("split", 0.05, 3)))
        core = smoothstep(0.0, 0.006, level + split) * (1.0 - bare)
        lifted = smoothstep(-0.22, -0.01, level) * (1.0 - bare) * smoothstep(-0.4, 0.8, c.noise("lift", 0.12, 3))
        shadow = smoothstep(0.07, 0.0, level) * bare
        grit = c.noise("grit", 0.006, 4, 0.7)
        blotch = c.noise("blotch", 0.12, 5, 0.58)
        # Scraps of backing paper still stick to the plaster.
        scrap = smoothstep(-0.01, 0.012, 0.16 - level + 0.11 * c.noise("scrap", 0.035, 5, 0.6)) * bare
        scrap = scrap * smoothstep(0.3, 0.7, uniform(blotch))
        wall = vary(p.third_color, c, 0.035 * grit + 0.06 * blotch, warmth=0.006 * blotch)
        wall = blend_colors(c, wall, vary(_PAPER_CORE, c, 0.03 * grit - 0.08), 0.65 * scrap)
        wall = vary(wall, c, -0.34 * shadow)
        lab = vary(lab, c, 0.06 * lifted)
        lab = blend_colors(c, lab, vary(_PAPER_CORE, c, 0.03 * grit), core * 0.9)
        lab = blend_colors(c, lab, wall, bare)
        paper = height + 0.0007 + 0.0022 * lifted.square() - 0.0002 * core
        base = 0.00025 * grit + 0.0003 * blotch - 0.0006 + 0.00025 * scrap
        height = paper + (base - paper) * bare
        rough = rough + (0.92 - rough) * torch.maximum(bare, core)
        return lab, height, rough, torch.maximum(cavity * (1.0 - bare), shadow)
