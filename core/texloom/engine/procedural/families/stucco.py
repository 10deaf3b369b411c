# SPDX-License-Identifier: GPL-3.0-or-later
"""Rough render on outside walls: dashed, trowelled, combed or scraped."""

from __future__ import annotations

import torch
from torch import Tensor

from ..cells import voronoi
from ..common import direction, relief, scale, variation
from ..family import Family
from ..ops import clamp01, ramp, smoothstep
from ..parameters import Choice, Color, Params
from ..scatter import Layer, Piece, scatter
from ..surface import Surface, surface, vary
from ..tile import Canvas


class Stucco(Family):
    name = "stucco"
    title = "Stucco"
    nouns = (
        "stucco", "stucco wall", "roughcast", "pebble dash", "render", "textured stucco", "exterior render",
        "roughcast wall", "rough plaster",
    )  # fmt: skip
    rare_nouns = ("harling", "spatterdash", "scratch coat", "textured render")
    modifiers = ("exterior", "mediterranean", "spanish", "suburban", "santa fe")
    tile_width_m = 0.9
    palettes = (
        {"color": "#d8ccb6"}, {"color": "#c9b08a"}, {"color": "#e3dfd6"}, {"color": "#b9a894"}, {"color": "#c78f6a"},
        {"color": "#a9a7a1"}, {"color": "#d9bd92"}, {"color": "#b5796a"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Color", spread=0.014),
        Choice(
            name="finish", label="Finish",
            options={
                "dashed": ("dashed", "pebble-dashed", "rough-cast", "roughcast", "spattered"),
                "trowelled": ("trowelled", "skip-trowelled", "hand-trowelled"),
                "combed": ("combed", "raked", "with comb lines"),
                "scraped": ("scraped", "worm-patterned", "rilled"),
            },
            weights={"dashed": 1.5, "trowelled": 1.5, "combed": 1.0, "scraped": 1.0},
        ),
        direction(natural="horizontal"),
        scale("Texture size", 0.004, 0.06, (0.011, 0.018), 0.007, 0.03),
        relief((0.35, 0.75)),
        variation((0.2, 0.55)),
    )  # fmt: skip

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, v = canvas, p.scale, p.variation
        cloud = c.noise("cloud", 0.6, 5, 0.55)
        sand = c.noise("sand", max(0.0025, s * 0.18), 3, 0.78)
        swell = c.noise("swell", s * 14.0, 4, 0.5)
        finish = {
            "dashed": self._dashed, "trowelled": self._trowelled, "combed": self._combed, "scraped": self._scraped,
        }[p.finish]  # fmt: skip
        # Shape about 0 to 1, tone of single grains, and how deep the finish is in sizes.
        shape, tone, deep = finish(c, p, sand, swell)
        depth = s * deep * (0.3 + p.relief)
        low = smoothstep(0.35, 0.05, shape)
        light = 0.045 * v * cloud + 0.25 * tone * v + 0.02 * sand + 0.2 * (shape - 0.5) - 0.08 * low
        return surface(
            c,
            color=vary(p.color, c, light, warmth=0.004 * v * cloud + 0.01 * v * tone),
            height=depth * (shape + 0.03 * sand + 0.1 * swell),
            low=0.0,
            high=depth,
            roughness=0.9 + 0.03 * sand - 0.02 * cloud,
            cavity=clamp01(low + 0.3 * smoothstep(0.0, -1.4, swell)),
            exposed=smoothstep(0.55, 0.95, shape),
        )

    @staticmethod
    def _dashed(c: Canvas, p: Params, sand: Tensor, swell: Tensor) -> tuple[Tensor, Tensor, float]:
        """Thrown on: grains of two sizes stuck in lumps of mortar."""
        s = p.scale
        lumps = c.noise("lumps", s * 3.0, 3, 0.5)
        coat = 0.2 + 0.05 * lumps + 0.05 * sand
        best, tone = coat, c.zeros()
        for name, size, share in (("coarse", 1.0, 0.75), ("fine", 0.55, 0.85)):
            grains = voronoi(c, name, s * size, jitter=0.85)
            radius = s * size * (0.28 + 0.24 * grains.random("size"))
            # Broken grit is no ball: the noise gives it corners.
            out = grains.distance / radius * (1.0 + 0.08 * sand)
            ball = torch.sqrt((1.0 - out * out).clamp(min=0.0))
            here = (grains.random("there") < share) & (out < 1.0)
            z = 0.12 + 0.62 * size * ball + 0.05 * lumps + 0.16 * (grains.random("proud") - 0.5)
            z = torch.where(here, z, -1.0)
            tone = torch.where(z > best, grains.random("tone") - 0.5, tone)
            best = torch.maximum(best, z)
        return best, tone * 0.9, 0.55

    @staticmethod
    def _trowelled(c: Canvas, p: Params, sand: Tensor, swell: Tensor) -> tuple[Tensor, Tensor, float]:
        """Short sweeps of the trowel over each other; each leaves a ridge where the mortar ran out."""
        s = p.scale
        half = s * 8.0
        ragged = c.noise("ragged", s * 2.2, 3, 0.5)
        drag = c.noise("drag", s * 0.7, 3, 0.6)

        def sweep(piece: Piece) -> tuple[Tensor, Tensor]:
            t = piece.x / half
            y = piece.y - piece.between("bow", -0.35, 0.35) * half * t * t
            wide = piece.between("wide", 0.34, 0.58) * half * torch.sqrt((1.0 - t * t).clamp(min=0.0))
            inside = wide - y.abs() + ragged * (0.06 * half)
            # Pressed thin on one side, heaped up on the other.
            ridge = smoothstep(0.1 * half, 0.0, (inside - 0.04 * half).abs())
            level = 0.42 - 0.12 * piece.layer + 0.12 * y / (0.5 * half) + piece.between("level", 0.0, 0.1)
            z = level + 0.1 * ridge * smoothstep(-0.3, 0.4, y / (0.5 * half))
            thin = ramp(0.0, 0.05 * half, inside)
            return torch.where(inside > 0.0, z * thin, -1.0), ramp(-0.06 * half, 0.0, inside)

        top = scatter(c, "sweeps", [Layer(half * size, 0.1, share) for size, share in ((1.5, 0.75), (1.3, 1.0))], sweep)
        z = torch.maximum(top.z, 0.25 + 0.03 * ragged)
        shape = z + 0.025 * drag + 0.05 * swell
        return shape * 1.5, (top.random("tone") - 0.5) * 0.25 * (top.z > 0.0), 0.42

    @staticmethod
    def _combed(c: Canvas, p: Params, sand: Tensor, swell: Tensor) -> tuple[Tensor, Tensor, float]:
        """Drawn with a toothed trowel in passes beside each other."""
        s = p.scale
        upright = p.direction == "vertical"
        across_m = c.width_m if upright else c.height_m
        across = c.u if upright else c.v
        passes = max(2, round(across_m / (s * 20.0)))
        teeth = max(4, round(across_m / passes / (s * 1.5)))
        size = (s * 20.0, s * 40.0) if upright else (s * 40.0, s * 20.0)
        place = across * passes + c.noise("hand", size, 3, 0.5) * 0.07
        number = place.floor()
        inside = place - number
        index = torch.remainder(number, passes).long()
        shift = c.table("shift", passes).take(index)
        press = c.table("press", passes).take(index)
        wave = torch.cos((inside * teeth + shift) * 6.2831853)
        crumb = c.noise("crumb", s * 0.5, 4, 0.68)
        torn = c.noise("torn", (s * 3.0, s * 0.9) if not upright else (s * 0.9, s * 3.0), 4, 0.6)
        groove = smoothstep(-0.75, 0.7, wave + 0.16 * crumb)
        strength = (0.75 + 0.25 * press + 0.06 * torn).clamp(0.15, 1.1)
        # Between two passes a burr is left.
        burr = smoothstep(0.035, 0.0, torch.minimum(inside, 1.0 - inside))
        shape = 0.12 + 0.62 * groove * strength + 0.14 * burr * (0.6 + 0.4 * crumb) + 0.03 * crumb + 0.02 * torn
        return shape, (press - 0.5) * 0.2 + 0.05 * torn, 0.45

    @staticmethod
    def _scraped(c: Canvas, p: Params, sand: Tensor, swell: Tensor) -> tuple[Tensor, Tensor, float]:
        """Rubbed with the float while soft: round grains roll and leave furrows."""
        s = p.scale
        half = s * 3.2
        crumb = c.noise("crumb", s * 0.45, 4, 0.65)
        wander = c.noise("wander", s * 3.0, 3, 0.5)

        def furrow(piece: Piece) -> tuple[Tensor, None]:
            t = piece.x / (half * piece.between("long", 0.45, 1.0))
            y = piece.y - wander * (0.32 * s) - piece.between("bow", -0.5, 0.5) * s * t * t
            wide = piece.between("wide", 0.22, 0.44) * s * (0.72 + 0.28 * t) * ramp(1.0, 0.9, t.abs())
            deep = 1.0 - (y / (wide + 1e-6) * (1.0 + 0.08 * crumb)).square()
            return deep * (t.abs() < 1.0), None

        angle = 90.0 if p.direction == "vertical" else 0.0
        layers = [Layer(half * size, 0.5, share, angle, 34.0) for size, share in ((1.4, 0.85), (1.3, 0.8))]
        cut = scatter(c, "furrows", layers, furrow).z.clamp(min=0.0)
        grit = c.noise("grit", s * 0.9, 3, 0.6)
        shape = 0.76 + 0.07 * grit + 0.05 * crumb - 0.62 * torch.sqrt(cut)
        return shape, 0.1 * crumb, 0.36
