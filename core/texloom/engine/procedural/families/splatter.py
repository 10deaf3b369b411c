# SPDX-License-Identifier: GPL-3.0-or-later
"""Paint thrown onto a ground: blots with their rays and droplets, threads of paint, runs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..cells import voronoi
from ..common import density, gloss, scale
from ..family import Family
from ..ops import clamp01, coverage, dome, smoothstep
from ..parameters import Choice, Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Splatter(Family):
    name = "splatter"
    title = "Paint splatter"
    nouns = (
        "paint splatter", "splatter", "paint splashes", "splattered paint", "paint drips", "ink splatter",
        "paint stains", "paint spatter", "drop cloth",
    )  # fmt: skip
    rare_nouns = ("action painting", "ink blots", "spatter pattern")
    modifiers = ("artistic", "abstract", "studio", "grunge")
    tile_width_m = 1.2
    palettes = (
        {"color": "#c23a2e", "second_color": "#2f5d8c", "third_color": "#e9e5dc"},
        {"color": "#22252a", "second_color": "#8a8d90", "third_color": "#f0ede6"},
        {"color": "#e0a52c", "second_color": "#2f7f86", "third_color": "#dcd6ca"},
        {"color": "#2e6fb0", "second_color": "#e3c23c", "third_color": "#ece8e0"},
        {"color": "#f0ece2", "second_color": "#c9503a", "third_color": "#33363b"},
        {"color": "#c9417f", "second_color": "#3aa39a", "third_color": "#e6e1d8"},
        {"color": "#5a8a4a", "second_color": "#d77a2e", "third_color": "#c9bfae"},
    )
    parameters = (
        Color(name="color", label="Paint color", spread=0.016),
        Color(name="second_color", label="Second paint color", parts=("second paint", "other paint"), spread=0.014),
        Color(
            name="third_color", label="Ground color", parts=("background", "ground", "canvas", "base"), spread=0.012
        ),
        Choice(
            name="paints", label="Paints",
            options={
                "one": ("single-color", "of one paint"),
                "two": ("two-color", "of two paints"),
                "many": ("colorful", "multicolored", "rainbow"),
            },
            weights={"one": 1.0, "two": 1.5, "many": 1.5},
        ),
        scale("Splash size", 0.02, 0.8, (0.12, 0.24), 0.06, 0.4),
        density("Amount of paint", (0.3, 0.7)),
        Number(
            name="threads", label="Paint threads", natural=(0.1, 0.5), often=0.4,
            words={"with threads of paint": 0.7, "dripped": 0.8, "stringy": 0.8, "without threads": 0.0},
        ),
        Number(
            name="runs", label="Runs", natural=(0.1, 0.5), often=0.6,
            words={"with runs": 0.7, "running down": 0.85, "with drips": 0.7, "without runs": 0.0},
        ),
        gloss((0.4, 0.85)),
    )  # fmt: skip
    attributes = ("wear", "cracks", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        grain = c.noise("grain", 0.004, 4, 0.7)
        cloud = c.noise("cloud", 0.4, 5, 0.55)
        lab = vary(p.third_color, c, 0.03 * grain + 0.03 * cloud)
        height = 0.00012 * grain + 0.00022 * cloud
        rough = 0.85 + 0.03 * grain
        thick, total = c.zeros(), c.zeros()
        wobble = c.noise("wobble", s * 0.12, 3, 0.55)
        coats = {"one": 1, "two": 2, "many": 3}[p.paints]
        drops = [self._drops(c, f"drops{n}", s * size, wobble) for n, size in enumerate((0.3, 0.15, 0.07))]
        for number in range(coats):
            size = s * (1.0, 0.78, 0.88)[number]
            cover = self._coat(c, p, size, wobble, drops, number, coats)
            mask = c.edge(cover)
            plump = dome(cover, size * 0.05)
            color = self._color(c, p, number)
            rim = smoothstep(size * 0.02, 0.0, cover.abs())
            paint = vary(color, c, 0.05 * (plump - 0.6) - 0.05 * rim + 0.012 * cloud + 0.006 * grain)
            lab = blend_colors(c, lab, paint, mask)
            # Later coats lie on the ones before.
            thick = thick + mask * (0.35 + 0.65 * plump)
            total = torch.maximum(total, mask)
            fresh = (0.62 - 0.55 * p.gloss) * (0.85 + 0.3 * c.tile.random(f"{number}/dry").random())
            rough = rough + (fresh + 0.03 * cloud * 0.5 - rough) * mask
        coat = 0.0009
        return surface(
            c,
            color=lab,
            height=height * (1.0 - 0.5 * total) + coat * thick,
            low=-0.0006,
            high=3.0 * coat,
            roughness=rough,
            cavity=0.3 * (1.0 - total),
            exposed=clamp01(0.6 * thick),
        )

    @staticmethod
    def _color(c: Canvas, p: Params, number: int) -> Tensor | tuple[float, float, float]:
        if p.paints == "one" or number == 0:
            return tuple(p.color)
        if p.paints == "two":
            return tuple(p.second_color if number == 1 else p.color)
        if number == 1:
            return tuple(p.second_color)
        # Further paints are as strong as the first two, in hues between and beyond them.
        rng = c.tile.random(f"paint{number}")
        chroma = max(math.hypot(*p.color[1:]), math.hypot(*p.second_color[1:]), 0.1)
        hue = math.atan2(p.color[2], p.color[1]) + (2.1 if number == 2 else 4.0) + float(rng.uniform(-0.5, 0.5))
        light = float(rng.uniform(0.5, 0.82))
        return light, 0.9 * chroma * math.cos(hue), 0.9 * chroma * math.sin(hue)

    @staticmethod
    def _drops(c: Canvas, key: str, cell: float, wobble: Tensor) -> tuple[Tensor, Tensor]:
        """One droplet in each cell of a grid: metres to its border, and its random number 0 to 1.

        A droplet stays within its cell, the smaller it is the nearer to the border, so no neighbors are searched.
        """
        nx, ny = (max(3, n) for n in c.count(cell))
        a, b = c.u * nx, c.v * ny
        i, j = a.floor(), b.floor()
        index = (torch.remainder(j, ny) * nx + torch.remainder(i, nx)).long()
        one = c.table(key, nx * ny).take(index)
        two, three = torch.remainder(one * 61.0, 1.0), torch.remainder(one * 977.0, 1.0)
        four = c.table(f"{key}/turn", nx * ny).take(index)
        unit = min(c.width_m / nx, c.height_m / ny)
        radius = 0.06 + 0.2 * four * four * four
        # Thrown drops are oval, and lie in any direction.
        stretch = 1.0 + 0.7 * torch.remainder(four * 31.0, 1.0).square()
        room = 0.5 - 1.1 * radius * stretch
        x = a - i - 0.5 - (2.0 * two - 1.0) * room
        y = b - j - 0.5 - (2.0 * three - 1.0) * room
        angle = four * (math.tau * 7.0)
        cosine, sine = torch.cos(angle), torch.sin(angle)
        r = torch.sqrt(((x * cosine + y * sine) / stretch).square() + (y * cosine - x * sine).square())
        return unit * (radius * (1.0 + 0.06 * wobble) - r), one

    def _coat(
        self,
        c: Canvas,
        p: Params,
        s: float,
        wobble: Tensor,
        drops: list[tuple[Tensor, Tensor]],
        number: int,
        coats: int,
    ) -> Tensor:
        """Metres to the border of what one paint covers, positive inside."""
        key = f"coat{number}"
        nothing = c.full(-s)
        # Blots: few large ones, more small ones; rays of all lengths stand out of their border.
        blots = voronoi(c, f"{key}/blots", s * (1.2 if coats == 1 else 1.5), jitter=0.95)
        there = blots.random("there") < 0.15 + 0.75 * p.density
        grow = blots.random("size")
        radius = s * (0.07 + 0.42 * grow * grow * grow) * (0.75 + 0.5 * p.density)
        turn = torch.atan2(blots.dy, blots.dx) * (1.0 / math.tau) + 0.5
        sectors = 26
        place = turn * sectors
        sector = place.floor().clamp(max=sectors - 1)
        ray = c.table(f"{key}/rays", blots.number * sectors).take(blots.index * sectors + sector.long())
        spike = 1.0 - (2.0 * (place - sector) - 1.0).abs()
        spike = spike * spike * spike * ray * ray * ray * ray * (0.35 + 1.0 * blots.random("wild"))
        lumps = torch.sin(turn * (2.0 * math.tau) + 7.0 * grow) + torch.sin(turn * (5.0 * math.tau) + 29.0 * grow)
        reach = radius * (1.0 + 0.07 * lumps + spike) + (0.012 * s + 0.05 * radius) * wobble
        cover = torch.where(there, reach - blots.distance, nothing)
        # Droplets: dense round the blots, some everywhere; each belongs to one coat.
        close = torch.exp(-(blots.distance - radius).clamp(min=0.0) / (s * 0.25)) * there
        chance = 0.1 + 0.3 * p.density + 0.55 * close
        for inside, random in drops:
            mine = torch.remainder(random * 389.0, 1.0)
            mine = (
                (mine >= number / coats)
                & (mine < (number + 1) / coats)
                & (torch.remainder(random * 53.0, 1.0) < chance)
            )
            cover = torch.maximum(cover, torch.where(mine, inside, nothing))
        if p.threads > 0.02 and number < 2:
            # A stick trails paint in loops: the contour of a slow field is such a line.
            loops = c.noise(f"{key}/loops", s * 2.6, 3, 0.42)
            pace = c.noise(f"{key}/pace", s * 0.7, 3, 0.5)
            thin = s * 0.012 * (1.0 + 0.7 * pace).clamp(0.15, 2.6)
            # The field's slope is about its inverse size, which turns its value into metres.
            line = thin - loops.abs() * (s * 0.9)
            on = coverage(c.noise(f"{key}/on", s * 3.0, 2), 0.35 + 0.6 * p.threads, 0.15)
            cover = torch.maximum(cover, torch.where(on > 0.5, line, nothing))
        if p.runs > 0.02 and number < 2:
            cover = torch.maximum(cover, self._runs(c, p, key, s))
        return cover

    @staticmethod
    def _runs(c: Canvas, p: Params, key: str, s: float) -> Tensor:
        """Thin runs down the wall that end in a drop."""
        nx, ny = c.count((s * 0.42, s * 3.0))
        nx, ny = max(nx, 3), max(ny, 1)
        a = c.u * nx + 0.1 * c.noise(f"{key}/lean", (s * 0.5, s * 1.2), 3)
        column = a.floor()
        number = torch.remainder(column, nx).long()
        start = c.table(f"{key}/run start", nx).take(number)
        b = c.v * ny + start
        row = b.floor()
        index = torch.remainder(row, ny).long() * nx + number
        there = c.table(f"{key}/run there", nx * ny).take(index) < 0.4 * p.runs
        long = 0.25 + 0.6 * c.table(f"{key}/run long", nx * ny).take(index)
        wide = s * (0.011 + 0.016 * c.table(f"{key}/run wide", nx * ny).take(index))
        x = (a - column - 0.5).abs() * (c.width_m / nx)
        t = (b - row) / long
        left = (1.0 - t) * long * (c.height_m / ny)
        body = wide * (1.25 - 0.55 * t.clamp(0.0, 1.0)) - x
        body = torch.minimum(body, torch.minimum(left, (b - row) * (c.height_m / ny)))
        drop = wide * 1.35 - torch.sqrt(x.square() + (left - 1.2 * wide).square() * 0.5)
        # It starts from a splash.
        head = wide * 3.4 - torch.sqrt(x.square() + ((b - row - 0.04) * (c.height_m / ny)).square())
        return torch.where(there, torch.maximum(torch.maximum(body, drop), head), c.full(-s))
