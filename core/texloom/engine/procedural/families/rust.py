# SPDX-License-Identifier: GPL-3.0-or-later
"""Corroded metals: plain rust, and paint that flakes off over rust."""

from __future__ import annotations

import torch

from ..cells import voronoi
from ..color import hex_to_lab
from ..common import gloss, scale
from ..family import Family
from ..ops import coverage, smoothstep
from ..parameters import Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas

_RUST_DARK, _RUST_MIDDLE, _RUST_LIGHT = hex_to_lab("#3a2018"), hex_to_lab("#6f3c24"), hex_to_lab("#a0633a")


def rust_color(c: Canvas, key: str, size: float) -> tuple[torch.Tensor, torch.Tensor]:
    """OKLab image of rust and its roughly normal relief."""
    coarse = c.noise(f"{key}/coarse", size, 6, 0.62)
    fine = c.noise(f"{key}/fine", size * 0.08, 4, 0.75)
    spots = coverage(c.noise(f"{key}/spots", size * 0.3, 4, 0.6), 0.3, 0.4)
    lab = blend_colors(c, _RUST_DARK, _RUST_MIDDLE, smoothstep(-1.4, 0.5, coarse + 0.35 * fine))
    lab = blend_colors(c, lab, _RUST_LIGHT, (spots * smoothstep(-0.5, 1.5, coarse + 0.5 * fine)).clamp(0.0, 1.0))
    return lab, 0.6 * coarse + 0.5 * fine


class RustedMetal(Family):
    name = "rusted_metal"
    title = "Rusted metal"
    nouns = (
        "rusted metal",
        "rust",
        "rusty metal",
        "rusty iron",
        "corroded metal",
        "corten steel",
        "rusty steel",
        "rusted iron",
    )
    rare_nouns = ("oxidized iron", "rusty sheet metal")
    modifiers = ("industrial", "abandoned", "shipwreck", "post-apocalyptic")
    tile_width_m = 1.0
    palettes = ({"color": "#8c8a86"}, {"color": "#6f6f70"}, {"color": "#a19c94"}, {"color": "#5c5a58"})
    parameters = (
        Color(name="color", label="Metal color", parts=("bare metal", "metal underneath"), spread=0.014),
        Number(
            name="rust", label="Rust", low=0.0, high=1.0, natural=(0.6, 0.95),
            words={"rust-covered": 0.97, "heavily rusted": 0.95, "partly rusted": 0.5, "spots of rust": 0.3,
                   "with rust spots": 0.3, "slightly rusty": 0.3},
        ),
        scale("Patch size", 0.05, 1.0, (0.18, 0.35), 0.1, 0.6),
    )  # fmt: skip
    attributes = ("wear", "cracks", "dirt", "dust", "moss", "wetness", "snow")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        lab, relief = rust_color(c, "rust", s * 0.5)
        field = c.noise("where", s, 7, 0.6) + 0.22 * c.streaks("runs", s * 0.08, s * 1.2)
        mask = coverage(field * 0.9, p.rust, 0.12)
        halo = coverage(field * 0.9, min(1.0, p.rust + 0.12), 0.3)
        cloud = c.noise("cloud", s, 5)
        metal = vary(p.color, c, 0.04 * cloud + 0.02 * c.noise("hair", (s, s * 0.01), 2))
        metal = blend_colors(c, metal, _RUST_MIDDLE, halo * 0.35)
        pits = coverage(c.noise("pits", s * 0.06, 3, 0.6), 0.12, 0.1) * mask
        scale_m = 0.0016
        return surface(
            c,
            color=vary(blend_colors(c, metal, lab, mask), c, -0.25 * pits),
            height=scale_m * (mask * (0.6 + 0.35 * relief) - 0.5 * pits),
            low=-0.2 * scale_m,
            high=1.3 * scale_m,
            roughness=0.42 + 0.05 * cloud + (0.46 - 0.05 * cloud + 0.03 * relief) * mask,
            metallic=1.0 - mask * 0.95,
            cavity=(pits + 0.3 * mask * smoothstep(0.5, -1.0, relief)).clamp(0.0, 1.0),
            exposed=(1.0 - mask) * 0.5 + mask * smoothstep(0.3, 1.5, relief) * 0.4,
        )


class PaintedMetal(Family):
    name = "painted_metal"
    title = "Painted metal"
    nouns = (
        "painted metal", "painted steel", "chipped paint on metal", "car paint", "enamelled metal",
        "metal with peeling paint", "powder coated metal",
    )  # fmt: skip
    rare_nouns = ("lacquered steel", "coated sheet metal")
    modifiers = ("industrial", "container", "machine", "vehicle")
    tile_width_m = 1.0
    palettes = (
        {"color": "#35607a"}, {"color": "#8a2b22"}, {"color": "#4e6b45"}, {"color": "#c9a227"}, {"color": "#c8c6bf"},
        {"color": "#3b3e42"}, {"color": "#a85a24"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Paint color", spread=0.02),
        Number(
            name="peeling", label="Peeling", natural=(0.02, 0.4), often=0.15,
            words={"peeling": 0.6, "flaking": 0.6, "chipped": 0.4, "badly peeling": 0.85, "intact": 0.0,
                   "freshly painted": 0.0, "half bare": 0.6},
        ),
        Number(
            name="rust", label="Rust", natural=(0.3, 0.9),
            words={"rusty": 0.85, "rusting": 0.8, "with rust": 0.8, "rust-free": 0.0, "without rust": 0.0},
        ),
        scale("Patch size", 0.05, 1.0, (0.18, 0.35), 0.1, 0.6),
        gloss((0.35, 0.8)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness", "snow")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        field = c.noise("peel", s, 6, 0.58) * 0.9
        flake_at = c.warp("flakes wander", s * 0.2, s * 0.05, octaves=3)
        flakes = voronoi(c, "flakes", s * 0.12, jitter=0.95, at=flake_at, border=True)
        assert flakes.border is not None
        # Paint breaks along cracks, so whole flakes go or stay.
        field = field + (flakes.random("hold") - 0.5) * 0.5
        bare = coverage(field, p.peeling * 0.75, 0.05)
        near = coverage(field, min(1.0, p.peeling * 0.75 + 0.14 * min(1.0, p.peeling * 5.0)), 0.2)
        crazed = smoothstep(s * 0.007, 0.0, flakes.border) * near
        rust, relief = rust_color(c, "rust", s * 0.4)
        spots = coverage(c.noise("rust where", s * 0.7, 5, 0.6), p.rust, 0.15)
        cloud = c.noise("cloud", s * 2.0, 5)
        orange_peel = c.noise("orange peel", s * 0.012, 2)
        metal = blend_colors(c, vary((0.62, 0.0, 0.003), c, 0.04 * cloud), rust, spots)
        runs = coverage(c.streaks("runs", s * 0.1, s * 2.5) + 0.7 * field, 0.25 * p.peeling * p.rust, 0.5)
        paint = vary(p.color, c, 0.025 * cloud + 0.006 * orange_peel)
        paint = blend_colors(c, paint, _RUST_MIDDLE, runs * 0.5 + crazed * 0.55 * p.rust)
        film = 0.0009
        rough_paint = 0.6 - 0.5 * p.gloss
        rough_bare = 0.45 + 0.42 * spots
        height = film * (1.0 - bare) * (1.0 + 0.25 * near * flakes.random("curl")) + 0.00002 * orange_peel
        return surface(
            c,
            color=blend_colors(c, paint, metal, bare),
            height=height + bare * spots * film * (0.3 + 0.25 * relief) - 0.4 * film * crazed,
            low=0.0,
            high=1.2 * film,
            roughness=rough_paint + 0.02 * cloud + (rough_bare - rough_paint) * bare + 0.2 * runs,
            metallic=bare * (1.0 - 0.95 * spots),
            cavity=(crazed + 0.4 * bare).clamp(0.0, 1.0),
            exposed=near * (1.0 - bare) * 0.6,
        )
