# SPDX-License-Identifier: GPL-3.0-or-later
"""Pebbles that a river or the sea has rounded, loose or bedded in sand."""

from __future__ import annotations

import torch
from torch import Tensor

from ..common import gloss, scale, variation
from ..family import Family
from ..ops import clamp01, mix, smoothstep
from ..parameters import Choice, Color, Params
from ..scatter import Layer, Piece, scatter
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class Pebbles(Family):
    name = "pebbles"
    title = "River pebbles"
    nouns = (
        "pebbles", "river pebbles", "beach pebbles", "river stones", "rounded pebbles", "smooth pebbles",
        "pebble beach", "pebble floor", "river rocks",
    )  # fmt: skip
    rare_nouns = ("water-worn stones", "shingle of pebbles", "cobble bar")
    modifiers = ("river", "beach", "garden", "zen", "aquarium")
    tile_width_m = 0.6
    palettes = (
        {"color": "#8b877f", "second_color": "#8f7f68"},
        {"color": "#a59a8a", "second_color": "#b09a78"},
        {"color": "#74787b", "second_color": "#7c7466"},
        {"color": "#9a8571", "second_color": "#a08a69"},
        {"color": "#c3bcae", "second_color": "#c2b08f"},
        {"color": "#5d6064", "second_color": "#6b6456"},
        {"color": "#8a938d", "second_color": "#86806c"},
    )
    parameters = (
        Color(name="color", label="Stone color", spread=0.014),
        Color(name="second_color", label="Sand color", parts=("sand", "bed", "grit"), spread=0.012),
        Choice(
            name="pattern", label="Laying",
            options={
                "loose": ("loose", "heaped", "piled"),
                "bedded": ("in sand", "embedded", "half buried"),
            },
            weights={"loose": 2.0, "bedded": 1.0},
        ),
        scale("Pebble size", 0.008, 0.2, (0.03, 0.055), 0.016, 0.09),
        variation((0.4, 0.9)),
        gloss((0.15, 0.45)),
    )  # fmt: skip
    attributes = ("dirt", "moss", "dust", "snow", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, v = canvas, p.scale, p.variation
        loose = p.pattern == "loose"
        lump = c.noise("lump", s * 0.7, 3, 0.5)
        # Metres above the bed that the middles of a layer lie at, in sizes; large ones on small ones.
        sizes = (1.2, 0.85, 0.55, 0.34) if loose else (1.15, 0.7, 0.4)
        lifts = (0.24, 0.16, 0.1, 0.02) if loose else (0.0, 0.0, 0.0)
        shares = (0.6, 0.85, 1.0, 1.0) if loose else (0.62, 0.8, 0.75)

        def pebble(piece: Piece) -> tuple[Tensor, None]:
            size = s * sizes[piece.layer]
            long = piece.between("size", 0.46, 0.62) * size
            wide = piece.between("slim", 0.58, 0.94)
            qx, qy = piece.x / long, piece.y / (long * wide)
            # A little squarer than an ellipse, egg-shaped by the skew.
            qy = qy * (1.0 + piece.between("egg", -0.18, 0.18) * qx)
            square = qx * qx + qy * qy + 0.35 * qx * qx * qy * qy
            top = torch.sqrt((1.0 - square * (1.0 + 0.05 * lump)).clamp(min=0.0))
            thick = piece.between("thick", 0.24, 0.36) * size
            sunk = 0.0 if loose else piece.between("sunk", -0.056, 0.104) * size
            base = lifts[piece.layer] * s + sunk
            return torch.where(top > 0.0, base + thick * top, -1.0), None

        layers = [Layer(s * size * 1.08, 0.84, share) for size, share in zip(sizes, shares, strict=True)]
        stones = scatter(c, "pebbles", layers, pebble)
        grain = c.noise("grain", s * 0.06, 3, 0.7)
        fine = c.noise("fine", s * 0.025, 2, 0.75)
        sand = c.noise("sand", 0.0035, 3, 0.8)
        swell = c.noise("swell", s * 2.5, 3)
        bed = s * (0.03 * swell + 0.006 * grain) + 0.0005 * sand + (0.0 if loose else s * 0.13)
        z = stones.z
        stone = c.edge(z - bed, s * 0.012)

        size = torch.tensor(sizes, device=z.device).take(stones.layer.long()) * s
        pick = stones.random
        kind, tone, hue = pick("kind"), pick("tone"), pick("hue")
        # Where the stone has layers they run through it, and show as bands across its own axes.
        slope = (pick("dip") - 0.5) * 2.4
        depth = (stones.x + slope * stones.y) / size + 0.25 * lump
        bands = torch.sin(depth * (9.0 + 26.0 * pick("bands")) + 6.3 * kind + 0.8 * grain)
        banded = smoothstep(0.68, 0.74, kind) * (1.0 - smoothstep(0.9, 0.92, kind))
        # A white quartz vein through some, speckled granite in others.
        offset = depth + (pick("vein") - 0.5) * 0.6
        vein = smoothstep(0.055, 0.02, offset.abs()) * smoothstep(0.55, 0.6, pick("veined"))
        speckled = smoothstep(0.35, 0.3, kind)
        specks = speckled * (smoothstep(0.9, 1.4, fine) - 0.8 * smoothstep(0.9, 1.4, -fine))
        quartz = smoothstep(0.955, 0.97, pick("quartz")) * min(1.0, 2.0 * v)
        dark = smoothstep(0.88, 0.92, tone) * v
        light = (tone - 0.5) * 0.72 * v - 0.18 * dark + 0.03 * lump + 0.035 * grain + 0.07 * bands * banded
        light = light + 0.26 * vein + 0.16 * specks
        lab = vary(
            p.color, c, light, chroma=(hue - 0.5) * 1.1 * v - 0.6 * vein,
            warmth=(pick("warm") - 0.42) * 0.05 * v,
        )  # fmt: skip
        lab = blend_colors(c, lab, vary((0.83, 0.004, 0.014), c, 0.05 * grain + 0.04 * lump), quartz * 0.85)
        # Close to the ground light hardly gets between the stones.
        ground = z / s
        deep = smoothstep(0.44, 0.1, ground) if loose else smoothstep(s * 0.1, 0.0, z - bed) * 0.35
        lab = vary(lab, c, -0.55 * deep)
        around = 0.25 + 0.75 * smoothstep(-0.3, 0.5, swell)
        earth = vary(p.second_color, c, 0.12 * sand + 0.04 * grain - (0.55 if loose else 0.0) - 0.06 * around)
        rough = mix(0.74, 0.3, p.gloss) + 0.05 * grain + 0.1 * (pick("polish") - 0.5) + 0.05 * speckled
        return surface(
            c,
            color=mix(earth, lab, stone),
            height=mix(bed, torch.maximum(z, bed) + s * 0.003 * (grain + 0.5 * fine), stone),
            low=-0.02 * s if loose else 0.07 * s,
            high=(0.62 if loose else 0.45) * s,
            roughness=mix(0.95, rough, stone),
            cavity=clamp01(deep + 0.8 * (1.0 - stone)) if loose else clamp01(1.0 - stone + deep),
            exposed=stone * smoothstep(0.3, 0.55, ground),
        )
