# SPDX-License-Identifier: GPL-3.0-or-later
"""Roofs: flat clay tiles, pantiles, slates."""

from __future__ import annotations

import torch

from ..common import irregularity, scale, variation
from ..family import Family
from ..ops import coverage, smoothstep
from ..parameters import Choice, Color, Params
from ..surface import Surface, surface, vary
from ..tile import Canvas


class RoofTiles(Family):
    name = "roof_tiles"
    title = "Roof tiles"
    nouns = (
        "roof tiles", "clay roof tiles", "slate roof", "terracotta roof", "pantiles",
        "tiled roof", "roofing",
    )  # fmt: skip
    rare_nouns = ("rooftop", "house roof covering", "roof slates")
    modifiers = ("house", "cottage", "mediterranean", "village")
    tile_width_m = 2.0
    palettes = (
        {"color": "#9c5238"}, {"color": "#b3674a"}, {"color": "#55585c"}, {"color": "#7a4434"}, {"color": "#6b5f55"},
        {"color": "#3f464e"}, {"color": "#8a7a68"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Tile color", spread=0.018),
        Choice(
            name="shape", label="Shape",
            options={
                "flat": ("flat", "plain"),
                "rounded": ("fish-scale", "scalloped", "beavertail"),
                "wave": ("wave-shaped", "s-shaped", "barrel"),
            },
            weights={"flat": 2.0, "rounded": 1.0, "wave": 1.5},
        ),
        scale("Tile width", 0.06, 0.6, (0.18, 0.26), 0.12, 0.36),
        irregularity((0.2, 0.6)),
        variation((0.3, 0.75)),
    )  # fmt: skip

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s, rough = canvas, p.scale, p.irregularity
        wave = p.shape == "wave"
        nx, ny = c.count((s, s * (1.3 if wave else 1.05)))
        ny = max(2, 2 * round(ny / 2))
        cell_x, cell_y = c.width_m / nx, c.height_m / ny
        grain = c.noise("grain", s * 0.05, 4, 0.72)
        lump = c.noise("lump", s * 0.6, 4, 0.5)
        best = c.zeros() - 1.0
        tone, hue, edge_mask = c.zeros(), c.zeros(), c.zeros()
        # A pixel may be covered by its own course or by the one above, which hangs over it.
        for back in (1, 0):
            b = c.v * ny
            row = b.floor() - back
            numbers = torch.remainder(row, ny)
            shift = 0.0 if wave else 0.5 * torch.remainder(row, 2.0)
            a = c.u * nx + shift
            column = a.floor()
            index = (numbers * nx + torch.remainder(column, nx)).long()
            table = {
                name: c.table(f"tiles/{name}", ny * nx).take(index)
                for name in ("x", "y", "tone", "hue", "tilt", "lift")
            }
            x = (a - column - 0.5 + (table["x"] - 0.5) * 0.05 * rough) * cell_x
            down = (b - row) * cell_y
            length = cell_y * (1.24 + (table["y"] - 0.5) * 0.14 * rough)
            if p.shape == "rounded":
                half = cell_x * 0.5
                length = length - half * (1.0 - torch.sqrt((1.0 - (x / half) ** 2).clamp(min=0.0))) * 0.8
            inside = torch.minimum(
                length - down + 0.006 * s * lump * rough, cell_x * 0.492 - x.abs() if not wave else length
            )
            cover = c.edge(inside, s * 0.003)
            t = (down / cell_y).clamp(0.0, 1.6)
            # Each tile lies on the one below, so it rises towards its lower end.
            z = 0.16 + 0.5 * t + 0.06 * (table["lift"] - 0.5) * rough + 0.1 * rough * (table["tilt"] - 0.5) * (x / s)
            if wave:
                z = z + 0.95 * (0.5 + 0.5 * torch.cos(x / cell_x * 6.2831853))
            z = z - 0.05 * smoothstep(s * 0.05, 0.0, inside)
            z = torch.where(cover > 0.02, z, torch.full_like(z, -1.0))
            higher = z > best
            best = torch.where(higher, z, best)
            tone = torch.where(higher, table["tone"], tone)
            hue = torch.where(higher, table["hue"], hue)
            edge_mask = torch.where(higher, smoothstep(s * 0.06, 0.0, inside), edge_mask)
        z = best.clamp(min=0.0)
        gap = (best < 0.0).float()
        depth = s * 0.12
        spots = coverage(c.noise("lichen", s * 0.3, 4, 0.6), 0.06, 0.1)
        light = (tone - 0.5) * 0.55 * p.variation + 0.05 * lump + 0.05 * grain + 0.1 * edge_mask - 0.6 * gap
        shadow = smoothstep(0.42, 0.2, z - 0.95 * wave * 0.5)
        lab = vary(
            p.color, c, light - 0.22 * shadow * (1.0 - edge_mask) + 0.06, warmth=(hue - 0.5) * 0.03 * p.variation
        )
        lab = vary(lab, c, 0.18 * spots, chroma=-0.5 * spots)
        return surface(
            c,
            color=lab,
            height=depth * (z + 0.012 * grain + 0.02 * lump * rough),
            low=0.05 * depth,
            high=(0.85 + 0.9 * wave) * depth,
            roughness=0.82 + 0.05 * grain,
            cavity=(shadow + gap).clamp(0.0, 1.0),
            exposed=edge_mask,
        )
