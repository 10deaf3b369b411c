# SPDX-License-Identifier: GPL-3.0-or-later
"""Loose stones: gravel, pebbles, crushed rock."""

from __future__ import annotations

import torch
from torch import Tensor

from ..cells import voronoi
from ..common import scale, variation
from ..family import Family
from ..ops import coverage, smoothstep
from ..parameters import Choice, Color, Params
from ..surface import Surface, surface, vary
from ..tile import Canvas


class Gravel(Family):
    name = "gravel"
    title = "Gravel"
    nouns = (
        "gravel",
        "loose gravel",
        "gravel path",
        "crushed stone",
        "gravel ground",
        "ballast",
    )
    rare_nouns = ("shingle beach", "loose stones", "railway ballast")
    modifiers = ("driveway", "garden", "beach", "railroad")
    tile_width_m = 0.8
    palettes = (
        {"color": "#8d877d"}, {"color": "#a2978a"}, {"color": "#75736f"}, {"color": "#b7a68d"}, {"color": "#6b625a"},
        {"color": "#9b8574"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Stone color", spread=0.014),
        Choice(
            name="shape", label="Shape",
            options={"round": ("rounded", "round", "river-worn"), "crushed": ("crushed", "angular", "sharp-edged")},
            weights={"round": 1.0, "crushed": 1.0},
        ),
        scale("Stone size", 0.005, 0.15, (0.02, 0.04), 0.01, 0.07),
        variation((0.45, 0.9)),
    )  # fmt: skip

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        grain = c.noise("grain", s * 0.08, 4, 0.7)
        lump = c.noise("lump", s * 0.8, 4, 0.5)
        best = c.zeros() - 1.0
        tone = c.zeros()
        hue = c.zeros()
        speck = c.zeros()
        # Three layers of stones lie on each other: the upper ones larger and fewer.
        for number, (size, share) in enumerate(((0.8, 1.0), (1.0, 0.62), (1.35, 0.34))):
            z, random = self._layer(c, f"layer{number}", s * size, share, p.shape == "round", lump)
            z = z * size + 0.14 * number * (z > 0.0)
            higher = z > best
            best = torch.where(higher, z, best)
            tone = torch.where(higher, random[0], tone)
            hue = torch.where(higher, random[1], hue)
            speck = torch.where(higher, random[2], speck)
        z = best.clamp(min=0.0)
        veins = smoothstep(0.06, 0.0, (lump + speck * 2.0 - 1.0).abs()) * (speck > 0.7)
        light = (tone - 0.5) * 0.8 * p.variation + 0.06 * grain + 0.3 * (z - 0.62) + 0.2 * veins
        lab = vary(
            p.color, c, light + 0.05, chroma=(hue - 0.5) * 1.0 * p.variation, warmth=(hue - 0.5) * 0.03 * p.variation
        )
        gap = smoothstep(0.34, 0.05, z)
        return surface(
            c,
            color=vary(lab, c, -0.55 * gap),
            height=s * 0.42 * (z + 0.015 * grain),
            low=0.05 * s,
            high=0.5 * s,
            roughness=0.82 + 0.05 * grain - 0.2 * (speck - 0.5) * (p.shape == "round"),
            cavity=gap,
            exposed=smoothstep(0.7, 1.1, z),
        )

    @staticmethod
    def _layer(
        c: Canvas, key: str, s: float, share: float, is_round: bool, lump: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        cells = voronoi(c, key, s, jitter=0.75)
        turn = cells.random("turn") * 6.2831853
        cosine, sine = torch.cos(turn), torch.sin(turn)
        x = cells.dx * cosine + cells.dy * sine
        y = (cells.dy * cosine - cells.dx * sine) * (1.15 + 0.6 * cells.random("long"))
        radius = s * (0.5 + 0.16 * cells.random("size"))
        if is_round:
            d = torch.sqrt(x * x + y * y) / radius + 0.04 * lump
            z = torch.sqrt((1.0 - d * d).clamp(min=0.0))
        else:
            # A broken stone: the lowest of a few planes with random slopes.
            d = torch.maximum((x + 0.35 * y).abs(), (y - 0.25 * x).abs() * 1.05)
            d = torch.maximum(d, (0.7 * x - 0.75 * y).abs()) / radius + 0.05 * lump
            z = ((1.0 - d) * 2.2).clamp(0.0, 0.62) + 0.22 * (
                (cells.random("sx") - 0.5) * x + (cells.random("sy") - 0.5) * y
            ) / radius
            z = torch.where(d < 1.0, z + 0.1, torch.zeros_like(z)).clamp(min=0.0)
        z = z * (cells.random("there") < share)
        return z, [cells.random("tone"), cells.random("hue"), cells.random("speck")]


class Asphalt(Family):
    name = "asphalt"
    title = "Asphalt"
    nouns = ("asphalt", "asphalt road", "tarmac", "road surface", "street asphalt", "bitumen", "road", "parking lot")
    rare_nouns = ("blacktop", "highway surface", "macadam")
    modifiers = ("city", "highway", "street", "urban")
    tile_width_m = 1.6
    palettes = (
        {"color": "#4a4a4b"},
        {"color": "#5b5a58"},
        {"color": "#38383a"},
        {"color": "#6b6863"},
        {"color": "#454240"},
    )
    parameters = (
        Color(name="color", label="Color", spread=0.012),
        scale("Grit size", 0.003, 0.03, (0.007, 0.011), 0.005, 0.018),
        Choice(
            name="repairs", label="Repairs",
            options={"none": ("unrepaired", "seamless"), "patched": ("patched", "repaired", "with tar seams")},
            weights={"none": 3.0, "patched": 1.0},
        ),
        variation((0.25, 0.6)),
    )  # fmt: skip

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        stones = voronoi(c, "grit", s, jitter=0.9, border=True)
        assert stones.border is not None
        fine = c.noise("fine", s * 0.35, 3, 0.75)
        cloud = c.noise("cloud", 0.5, 6, 0.55)
        size = s * (0.1 + 0.16 * stones.random("size"))
        grit = smoothstep(0.0, s * 0.09, stones.border - size * 0.4) * (stones.random("there") > 0.22)
        bare = coverage(cloud, 0.55, 0.9)
        light = (stones.random("tone") - 0.42) * 0.7 * grit * (0.45 + 0.55 * bare) * (0.5 + p.variation)
        light = light - 0.2 * (1.0 - grit) + 0.07 * fine + 0.08 * cloud * p.variation + 0.08
        lab = vary(p.color, c, light, warmth=(stones.random("hue") - 0.5) * 0.016 * grit)
        height = s * (0.26 * grit * (0.6 + 0.4 * stones.random("proud")) + 0.04 * fine) + 0.0006 * cloud
        rough = 0.9 + 0.03 * fine - 0.06 * grit * bare
        if p.repairs == "patched":
            from ..cells import cracks

            seam = cracks(c, "seams", 0.9, width=0.022, wander=0.55)
            tar = smoothstep(0.0, 0.35, seam)
            lab = mix_dark(lab, tar)
            height = height * (1.0 - 0.75 * tar) + 0.0018 * tar
            rough = rough + (0.38 - rough) * tar
        return surface(
            c, color=lab, height=height, low=0.0, high=0.32 * s, roughness=rough,
            cavity=(1.0 - grit) * 0.7, exposed=grit * 0.5,
        )  # fmt: skip


def mix_dark(lab: Tensor, mask: Tensor) -> Tensor:
    """Towards the black of fresh tar."""
    tar = torch.tensor([0.22, 0.0, 0.002], device=lab.device)[:, None, None]
    return lab + (tar - lab) * (mask * 0.9)
