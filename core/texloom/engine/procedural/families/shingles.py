# SPDX-License-Identifier: GPL-3.0-or-later
"""Shingles: split and sawn wood, and bitumen sheets strewn with grit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..common import irregularity, scale, variation
from ..family import Family
from ..ops import coverage, smoothstep
from ..parameters import Choice, Color, Params, Rng, Value
from ..suiting import suit_color
from ..surface import Surface, surface, vary
from ..tile import Canvas

_GRIT = ("#4b4a4c", "#5a5855", "#6d4a3c", "#586059", "#5a5148", "#444b55", "#787673")


@dataclass
class _Course:
    """The shingle of one course that a pixel would lie in: metres from its middle, half its width, its number."""

    x: Tensor
    down: Tensor
    half: Tensor
    row: Tensor
    index: Tensor
    number: int

    def random(self, c: Canvas, name: str) -> Tensor:
        return c.table(f"shingles/{name}", self.number).take(self.index)


def _course(c: Canvas, nx: int, ny: int, back: int, jitter: float) -> _Course:
    """Shingles of the course that begins ``back`` courses above the pixel; widths vary by ``jitter``."""
    position = c.v * ny
    row = position.floor() - back
    numbers = torch.remainder(row, ny).long()
    # Even courses are shifted by half a shingle, so that no joint lies over another.
    t = c.u * nx + 0.5 * torch.remainder(row, 2.0)
    moves = (c.table("shingles/joint", ny, nx) - 0.5) * jitter

    def joint(k: Tensor) -> Tensor:
        return k + moves[numbers, torch.remainder(k, nx).long()]

    piece = t.floor()
    piece = torch.where(t < joint(piece), piece - 1.0, torch.where(t >= joint(piece + 1.0), piece + 1.0, piece))
    left, right = joint(piece), joint(piece + 1.0)
    cell = c.width_m / nx
    return _Course(
        x=(t - (left + right) * 0.5) * cell,
        down=((position - row) * (c.height_m / ny)).expand_as(t),
        half=(right - left) * (0.5 * cell),
        row=row,
        index=numbers * nx + torch.remainder(piece, nx).long(),
        number=nx * ny,
    )


class Shingles(Family):
    name = "shingles"
    title = "Shingles"
    nouns = (
        "shingle roof", "shingles", "wooden shingles", "roof shingles",
        "cedar shingles", "asphalt shingles", "wood shakes", "bitumen shingles", "shingle siding",
        "shingled roof", "shake roof", "asphalt roof",
    )  # fmt: skip
    rare_nouns = ("felt shingles", "architectural shingles", "shingle cladding", "cedar roof", "wood shingles")
    modifiers = ("house", "cottage", "cabin", "suburban")
    tile_width_m = 2.0
    palettes = (
        {"color": "#8d6b4c"}, {"color": "#857d73"}, {"color": "#6f5842"}, {"color": "#968c80"}, {"color": "#a07a54"},
        {"color": "#6f6a64"}, {"color": "#7b5540"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Shingle color", spread=0.016),
        Choice(
            name="kind", label="Kind",
            options={
                "shakes": ("hand-split", "split", "shake"),
                "sawn": ("sawn", "cedar", "wooden"),
                "tabs": ("asphalt", "bitumen", "bituminous", "three-tab", "felt"),
                "laminated": ("laminated", "architectural"),
            },
            weights={"shakes": 2.0, "sawn": 2.0, "tabs": 1.5, "laminated": 1.0},
        ),
        scale("Shingle width", 0.05, 0.6, (0.13, 0.2), 0.09, 0.3),
        irregularity((0.25, 0.65)),
        variation((0.35, 0.8)),
    )  # fmt: skip

    @classmethod
    def sample(cls, rng: Rng, given: Mapping[str, Value] | None = None) -> dict[str, Value]:
        """As for every family; a color nobody asked for suits the kind."""
        values = super().sample(rng, given)
        suit_color(values, given or {}, "kind", {"tabs": _GRIT, "laminated": _GRIT}, rng)
        return values

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        return self._wood(canvas, p) if p.kind in ("shakes", "sawn") else self._bitumen(canvas, p)

    @staticmethod
    def _count(c: Canvas, width: float, height: float) -> tuple[int, int, float]:
        nx, ny = c.count((width, height))
        nx, ny = max(2, nx), max(2, 2 * round(ny / 2))
        return nx, ny, c.height_m / ny

    def _wood(self, c: Canvas, p: Params) -> Surface:
        split, rough, s = p.kind == "shakes", p.irregularity, p.scale
        nx, ny, cell = self._count(c, s, s * 1.15)
        thick = s * (0.11 if split else 0.06)
        gap = s * (0.012 + 0.03 * rough)
        ragged = c.noise("ragged", (s * 0.09, s * 0.5), 4, 0.65)
        swell = c.noise("swell", s * 0.7, 3)
        best = c.full(-1.0)
        x, down, inside = c.zeros(), c.zeros(), c.full(-1.0)
        index = torch.zeros(c.rows, c.tile.width, dtype=torch.long, device=best.device)
        for back in (1, 0):
            course = _course(c, nx, ny, back, 0.85 * (0.35 + 0.65 * rough))
            # A shake ends unevenly, and no two of them at the same level.
            reach = cell * (1.15 + (course.random(c, "reach") - 0.5) * (0.05 + 0.2 * rough))
            slant = (course.random(c, "slant") - 0.5) * 0.09 * rough * course.x
            ends = reach + slant - course.down + ragged * s * (0.013 if split else 0.004) * (0.3 + rough)
            sides = course.half - gap * (0.4 + 0.6 * course.random(c, "gap")) - course.x.abs()
            sides = sides + swell * gap * 0.22
            distance = torch.minimum(ends, sides)
            # Thin at the hidden top, thick at the butt, and lifted where it lies on the next course.
            t = course.down / cell
            bow = (course.x / course.half) ** 2 * (course.random(c, "cup") - 0.35) * 0.35 * rough
            z = 0.55 * t + 0.45 + bow + 0.25 * (course.random(c, "lift") - 0.5) * (0.3 + rough)
            z = torch.where(distance > 0.0, z, torch.full_like(z, -1.0))
            higher = z > best
            best = torch.where(higher, z, best)
            x, down = torch.where(higher, course.x, x), torch.where(higher, course.down, down)
            inside = torch.where(higher, distance, inside)
            index = torch.where(higher, course.index + 0 * index, index)
        wood = (best > -0.5).float()

        def random(name: str) -> Tensor:
            return c.table(f"shingles/{name}", nx * ny).take(index)

        # Every shingle shows a piece of grain of its own.
        at = (c.u + random("du"), c.v + random("dv"))
        flow = c.noise("flow", (s * 0.22, s * 2.6), 3, 0.55, at=at)
        fibre = c.noise("fibre", (s * 0.02, s * 0.9), 3, 0.75)
        furrow = smoothstep(0.5, 1.6, c.noise("furrow", (s * 0.05, s * 1.3), 3, 0.65))
        split_line = smoothstep(0.05, 0.0, flow.abs()) * (random("split") > 0.72 - 0.2 * rough)
        ring = torch.sin(flow * (5.0 if split else 9.0))
        rim = smoothstep(s * 0.045, 0.0, inside) * wood
        butt = smoothstep(0.75 * cell, 1.15 * cell, down)
        # The lee of the butt above keeps its color; below it, sun and rain have bleached the wood.
        shelter = smoothstep(0.42, 0.06, (down - cell * 0.12) / cell)
        v = p.variation
        light = (
            (random("tone") - 0.5) * 0.6 * v + 0.07 * ring + 0.06 * fibre - 0.2 * furrow - 0.5 * split_line
            + 0.05 * swell - 0.13 * shelter + 0.06 * butt + 0.1 * rim
        )  # fmt: skip
        grey = smoothstep(0.55, 1.0, random("hue") + 0.1 * swell) * v
        lab = vary(
            p.color, c, light + 0.08, chroma=0.35 * (random("chroma") - 0.5) * v - 0.55 * grey + 0.2 * shelter,
            warmth=(random("hue") - 0.5) * 0.022 * v,
        )  # fmt: skip
        lab = vary(lab, c, -0.72 * (1.0 - wood))
        texture = (0.09 if split else 0.02) * ring + (0.07 if split else 0.035) * fibre
        texture = texture - (0.2 if split else 0.08) * furrow - 0.5 * split_line
        height = thick * (best.clamp(min=-0.15) + (texture * (0.5 + 0.5 * rough) - 0.12 * rim) * wood)
        shadow = (smoothstep(0.2 * cell, 0.0, down - cell * 0.14) * 0.7 + 0.12 * furrow + split_line) * wood
        return surface(
            c, color=lab, height=height, low=0.2 * thick, high=1.4 * thick,
            roughness=0.86 + 0.04 * fibre + 0.04 * furrow,
            cavity=(shadow + (1.0 - wood)).clamp(0.0, 1.0), exposed=(rim * (0.3 + 0.7 * butt)).clamp(0.0, 1.0),
        )  # fmt: skip

    def _bitumen(self, c: Canvas, p: Params) -> Surface:
        s, rough, v = p.scale * 1.5, p.irregularity, p.variation
        nx, ny, cell = self._count(c, s, s * 0.62)
        thick = s * 0.03
        laminated = p.kind == "laminated"
        grit = c.noise("grit", 0.006, 2, 0.85)
        coarse = c.noise("coarse", 0.012, 2, 0.7)
        wave = c.noise("wave", s * 0.9, 4, 0.5)
        course = _course(c, nx, ny, 0, 0.6 if laminated else 0.04 * rough)
        above = _course(c, nx, ny, 1, 0.6 if laminated else 0.04 * rough)
        # The butts of the course above end a little way down this one.
        lap = cell * (0.06 + 0.02 * rough * (above.random(c, "reach") - 0.5)) + wave * s * 0.003 * rough
        over = c.edge(lap - course.down, s * 0.002)
        slot = s * 0.02
        if laminated:
            # Teeth of a second layer, tapering, on every second shingle or so.
            taper = course.half - slot * (0.3 + 2.5 * course.down / cell) - course.x.abs()
            tooth = c.edge(taper, s * 0.002) * (course.random(c, "tooth") > 0.42)
            tooth_above = c.edge(above.half - slot * 3.0 - above.x.abs()) * (above.random(c, "tooth") > 0.42)
            low = thick * (0.35 + 0.65 * tooth)
            high = thick * (0.75 + 0.65 * tooth_above)
            tone = course.random(c, "tone") - 0.5 + 0.25 * (tooth - 0.5)
            cut = smoothstep(slot, 0.0, taper.abs()) * (1.0 - tooth) * 0.5
            cut_above = torch.zeros_like(cut)
        else:
            cut = 1.0 - c.edge(course.half - slot * 0.5 - course.x.abs(), s * 0.002)
            cut_above = 1.0 - c.edge(above.half - slot * 0.5 - above.x.abs(), s * 0.002)
            low, high = thick * (0.5 - 0.45 * cut), thick * (1.35 - 0.85 * cut_above)
            tone = course.random(c, "tone") - 0.5
        tone = tone + (above.random(c, "tone") - 0.5 - tone) * over
        hole = cut + (cut_above - cut) * over
        t = course.down / cell
        lip = smoothstep(cell * 0.05, 0.0, lap - course.down) * over
        height = low + thick * 0.35 * t
        height = height + (high + thick * 0.35 - height) * over
        curl = (course.random(c, "lift") - 0.4) * rough * smoothstep(0.55, 1.05, t) * (course.x / course.half) ** 2
        height = height + thick * (0.5 * curl * (1.0 - over) + 0.07 * wave * rough + 0.09 * grit + 0.06 * coarse)
        bald = coverage(c.noise("bald", s * 0.5, 5, 0.6) + 0.6 * lip, 0.02 + 0.08 * rough, 0.4)
        shade = smoothstep(cell * 0.22, 0.0, course.down - lap) * (1.0 - over)
        pale = smoothstep(0.9, 2.0, coarse + 0.5 * grit)
        dark = smoothstep(-0.8, -1.9, coarse + 0.5 * grit)
        light = (
            0.36 * tone * v + 0.1 * grit + 0.28 * pale - 0.3 * dark + 0.05 * wave * v - 0.35 * shade
            - 0.55 * hole * (1.0 - 0.5 * over) + 0.07 * lip - 0.12 * bald
        )  # fmt: skip
        hue = smoothstep(0.6, 1.4, c.noise("hue", 0.009, 2, 0.8))
        lab = vary(
            p.color, c, light + 0.02, chroma=0.8 * (hue - 0.25) * v - 0.25 * bald, warmth=0.014 * (hue - 0.2) * v
        )
        return surface(
            c, color=lab, height=height, low=0.2 * thick, high=1.8 * thick, roughness=0.92 + 0.03 * grit - 0.15 * bald,
            cavity=(shade + hole * 0.8).clamp(0.0, 1.0), exposed=lip,
        )  # fmt: skip
