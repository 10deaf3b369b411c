# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail of interlocked rings, European four in one."""

from __future__ import annotations

import torch

from ..common import gloss, irregularity, scale
from ..family import Family
from ..ops import coverage, mix, smoothstep
from ..parameters import Choice, Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas
from .rust import rust_color

# In radii of a ring, measured to the middle of its wire.  With these, rings of neighbouring rows pass through
# each other, those of a row lie on each other like fallen dominoes, and those two rows apart just miss.
_ACROSS, _DOWN, _TILT = 1.36, 1.2, 0.5


class ChainMail(Family):
    name = "chain_mail"
    title = "Chain mail"
    nouns = (
        "chain mail", "chainmail", "mail armor", "chain maille", "ring mail", "interlocked rings", "metal rings",
        "linked rings",
    )  # fmt: skip
    rare_nouns = ("hauberk", "maille", "chain armor", "butcher glove mesh", "ring mesh")
    modifiers = ("knight", "medieval", "fantasy", "viking")
    tile_width_m = 0.1
    palettes = (
        {"color": "#9a9c9f", "second_color": "#2a2622"},
        {"color": "#77797c", "second_color": "#1f1d1c"},
        {"color": "#b6b7b8", "second_color": "#3a3029"},
        {"color": "#57585b", "second_color": "#191818"},
        {"color": "#b8955a", "second_color": "#33251a"},
        {"color": "#8a7a6a", "second_color": "#241c17"},
        {"color": "#a4714e", "second_color": "#2a2321"},
    )
    parameters = (
        Color(name="color", label="Metal color", spread=0.014),
        Color(
            name="second_color", label="Lining color",
            parts=("lining", "backing", "cloth underneath", "leather underneath"), spread=0.012,
        ),
        Choice(
            name="rings", label="Rings",
            options={"round": ("butted", "round wire"), "flat": ("flat rings", "flattened"), "riveted": ("riveted",)},
            weights={"round": 3.0, "flat": 1.0, "riveted": 2.0},
        ),
        scale("Ring size", 0.002, 0.05, (0.0075, 0.011), 0.005, 0.02),
        irregularity((0.1, 0.5)),
        Number(
            name="rust", label="Rust", natural=(0.0, 0.35), often=0.35,
            words={"rusty": 0.85, "rusting": 0.8, "with rust": 0.8, "rust-free": 0.0, "without rust": 0.0},
        ),
        gloss((0.4, 0.8)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness", "snow")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, rough = canvas, p.irregularity
        radius = p.scale * 0.42
        nx, ny = c.count((radius * _ACROSS, radius * _DOWN))
        nx, ny = max(2, nx), max(2, 2 * round(ny / 2))
        cell_x, cell_y = c.width_m / nx / radius, c.height_m / ny / radius
        flat = p.rings != "round"
        wire = 0.2
        best = c.full(-9.0)
        arc, side, along = c.zeros(), c.zeros(), c.zeros()
        ring = torch.zeros(c.rows, c.tile.width, dtype=torch.long, device=best.device)
        position = c.v * ny
        for lower in (0, 1):
            row = position.floor() + lower
            numbers = torch.remainder(row, ny)
            odd = torch.remainder(row, 2.0)
            t = c.u * nx - 0.5 * odd
            for right in (0, 1):
                column = t.floor() + right
                index = (numbers * nx + torch.remainder(column, nx)).long()

                def random(name: str, index: torch.Tensor = index) -> torch.Tensor:
                    return c.table(f"rings/{name}", nx * ny).take(index) - 0.5

                x = (t - column) * cell_x + random("x") * 0.16 * rough
                y = (position - row) * cell_y + random("y") * 0.12 * rough
                lean = (_TILT + random("tilt") * 0.22 * rough) * (1.0 - 2.0 * odd)
                # Seen from above, a leaning ring is narrower across.
                ex = x * (1.0 + 0.1 + random("wide") * 0.1 * rough)
                ey = y * (1.02 + random("tall") * 0.1 * rough)
                r = torch.sqrt(ex * ex + ey * ey)
                d = (r - 1.0) / wire
                if flat:
                    profile = torch.sqrt((1.0 - d.abs().clamp(max=1.0) ** 5).clamp(min=0.0)) * 0.62
                else:
                    profile = torch.sqrt((1.0 - d * d).clamp(min=0.0))
                z = lean * x + random("sag") * 0.12 * rough + wire * profile
                if p.rings == "riveted":
                    # The ends lap at the side that lies on top, with the rivet's head on them.
                    angle = 1.2 + random("lap") * 1.2 * (0.3 + rough)
                    px, py = torch.cos(angle) * (1.0 - 2.0 * odd), torch.sin(angle)
                    lap2 = (ex - px) ** 2 + (ey - py) ** 2
                    z = z + wire * (
                        0.35 * smoothstep(0.2, 0.04, lap2) + 0.7 * torch.sqrt((1.0 - lap2 / 0.022).clamp(min=0.0))
                    )
                    d = d / (1.0 + 0.35 * smoothstep(0.2, 0.02, lap2))
                z = torch.where(d.abs() < 1.0, z, torch.full_like(z, -9.0))
                higher = z > best
                best = torch.where(higher, z, best)
                arc = torch.where(higher, profile, arc)
                side = torch.where(higher, d, side)
                along = torch.where(higher, ex * 1.3 + ey, along)
                ring = torch.where(higher, index, ring)
        metal = c.edge((1.0 - side.abs()) * wire * radius) * (best > -5.0)
        tone = c.table("rings/tone", nx * ny).take(ring) - 0.5
        wear_tone = c.table("rings/wear", nx * ny).take(ring)
        fine = c.noise("fine", radius * 0.12, 3, 0.7)
        cloud = c.noise("cloud", c.width_m / 3.0, 5, 0.6)
        floor = -0.85
        cloth = c.noise("cloth", (radius * 0.16, radius * 0.16), 3, 0.7)
        z = torch.where(best > -5.0, best, torch.full_like(best, floor))
        level = smoothstep(-0.75, 0.75, z)
        rust, grain = rust_color(c, "rust", radius * 3.0)
        spots = coverage(cloud * 0.75 + 0.3 * fine + 0.9 * tone - 0.5 * (level - 0.5), p.rust, 0.15)
        # Deep in the weave little light arrives; wires bear a dark line where they cross.
        shade = -0.5 * smoothstep(0.55, 0.0, level) - 0.22 * smoothstep(0.6, 1.0, side.abs())
        steel = vary(p.color, c, shade + 0.16 * tone + 0.03 * cloud + 0.03 * fine + 0.07 * smoothstep(0.7, 1.0, arc))
        steel = blend_colors(c, steel, vary(rust, c, shade * 0.8), spots * 0.92)
        lining = vary(p.second_color, c, 0.14 * cloth + 0.05 * cloud - 0.25)
        polish = 0.55 - 0.42 * p.gloss
        bare = metal * (1.0 - spots)
        height = radius * mix(floor + 0.03 * cloth, z + 0.006 * fine + 0.012 * grain * spots, metal)
        return surface(
            c,
            color=blend_colors(c, lining, steel, metal),
            height=height,
            low=-0.85 * radius,
            high=0.72 * radius,
            roughness=mix(0.92, polish + 0.1 * (wear_tone - 0.5) + 0.04 * fine + (0.88 - polish) * spots, metal),
            metallic=bare,
            cavity=(1.0 - level) * 0.8 + 0.2 * (1.0 - metal),
            exposed=metal * smoothstep(0.75, 1.0, level),
        )
