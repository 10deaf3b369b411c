# SPDX-License-Identifier: GPL-3.0-or-later
"""Foams: soap bubbles, expanded beads, sponge-like open cells, builder's foam."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..cells import Cells, voronoi
from ..common import relief, scale, variation
from ..family import Family
from ..ops import coverage, dome, smooth_max, smoothstep
from ..parameters import Choice, Color, Params, Rng, Value
from ..suiting import suit_color
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas

# Sizes of bubbles, relative to the usual one, and the share of places that have one.
_LAYERS = ((0.3, 1.0), (0.55, 0.8), (1.0, 0.65), (1.8, 0.45), (3.2, 0.25))

_COLORS = {
    "soap": ("#eef1f2", "#e4edf2", "#f1efea", "#dfe8ea"),
    "beads": ("#f1f2f2", "#eceef0", "#f3f0e8"),
    "open": ("#d9c48a", "#8d9094", "#e2d9c4", "#4c4e52", "#c9b58c", "#7f98ad"),
    "sprayed": ("#e9d5a0", "#e6c67a", "#f0e2bf", "#d8b36a"),
}


class Foam(Family):
    name = "foam"
    title = "Foam"
    nouns = (
        "foam", "soap foam", "bubbles", "soap bubbles", "styrofoam", "polystyrene foam", "expanded foam",
        "polyurethane foam", "bath foam", "foam rubber",
    )  # fmt: skip
    rare_nouns = ("suds", "lather", "froth", "spray foam", "insulation foam", "packing foam")
    modifiers = ("household", "soft", "lightweight")
    tile_width_m = 0.2
    palettes = (
        {"color": "#eef1f2"}, {"color": "#e4edf2"}, {"color": "#f3efe4"}, {"color": "#f0dfb8"}, {"color": "#e9dcc0"},
        {"color": "#dfe8ea"}, {"color": "#e6b95a"}, {"color": "#b9c1c4"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Foam color", spread=0.014),
        Choice(
            name="kind", label="Kind",
            options={
                "soap": ("soap", "soapy", "bubble", "bath", "lather", "suds", "froth"),
                "beads": ("polystyrene", "styrofoam", "beaded", "packing"),
                "open": ("open-cell", "spongy", "porous", "rubber"),
                "sprayed": ("sprayed", "expanding", "polyurethane", "insulation"),
            },
            weights={"soap": 2.5, "beads": 1.2, "open": 1.2, "sprayed": 1.2},
        ),
        scale("Bubble size", 0.001, 0.08, (0.006, 0.012), 0.003, 0.022),
        relief((0.4, 0.8)),
        variation((0.3, 0.7)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness")

    @classmethod
    def sample(cls, rng: Rng, given: Mapping[str, Value] | None = None) -> dict[str, Value]:
        """As for every family; a color nobody asked for suits the kind."""
        values = super().sample(rng, given)
        suit_color(values, given or {}, "kind", _COLORS, rng)
        return values

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        return {"soap": _soap, "beads": _beads, "open": _open, "sprayed": _sprayed}[p.kind](canvas, p)


def _soap(c: Canvas, p: Params) -> Surface:
    """Bubbles of many sizes; large ones lie among the small, and show them through their skin."""
    s, v = p.scale, p.variation
    swell = c.noise("swell", s * 6.0, 3, 0.5)
    thin = c.noise("thin", s * 2.0, 3, 0.55)
    z, light, glass = c.full(-0.1), c.full(-0.3), c.zeros()
    hue, skin = c.zeros(), c.zeros()
    for number, (size, share) in enumerate(_LAYERS):
        cells = voronoi(c, f"bubbles{number}", s * size, jitter=0.9)
        r = s * size * (0.3 + 0.26 * cells.random("size"))
        d = cells.distance / r
        # Bubbles of one size press each other flat where they meet, and share a wall there.
        meet = (cells.second - cells.distance) / (s * size)
        wall = smoothstep(0.16, 0.0, meet)
        # The smallest fill every gap; larger ones end at that wall too.
        d = 1.0 - smoothstep(0.0, 0.5, meet) if number == 0 else torch.maximum(d, 1.0 - 3.0 * meet)
        round_ = torch.sqrt((1.0 - d * d).clamp(min=0.0))
        there = (cells.random("there") < share * (1.0 if number < 2 else 0.5 + 0.6 * v)).float()
        there = there * c.edge((1.0 - d) * r) if number else torch.ones_like(there)
        # A thin skin: clear where one looks straight at it, white along the edge.
        edge = torch.maximum(smoothstep(0.72, 0.98, d), 0.8 * wall) * 0.9
        edge = edge + 0.25 * smoothstep(0.35, 0.75, d)
        clear = min(1.0, 0.45 + 0.2 * number) * (0.7 + 0.3 * cells.random("clear"))
        own = -0.01 - 0.15 * clear + 0.24 * edge.clamp(max=1.0) + 0.05 * (cells.random("tone") - 0.5)
        seen = light * 0.55 * clear
        light = light + (own + seen - light) * there
        glass = glass + (clear * (1.0 - 0.7 * edge.clamp(max=1.0)) - glass) * there
        skin = skin + (edge.clamp(max=1.0) - skin) * there
        hue = hue + ((cells.random("hue") - 0.5) * 2.0 + 1.4 * cells.dy / (s * size) + 0.25 * thin - hue) * there
        top = 0.42 * size * round_ + 0.05 * number + 0.02
        z = torch.where(there > 0.5, torch.maximum(z, top), z)
    fine = c.noise("fine", s * 0.1, 3, 0.7)
    lab = vary(p.color, c, light + 0.02 * swell + 0.012 * fine - 0.02)
    # Interference in the skin: faint bands of color.
    phase = hue * 5.0
    sheen = torch.stack((torch.zeros_like(hue), torch.sin(phase) * 0.035, torch.cos(phase * 1.3) * 0.04))
    lab = lab + sheen * ((0.25 + 0.75 * glass) * (0.25 + 0.75 * v) * 0.8)
    unit = s * 0.32 * (0.3 + p.relief)
    return surface(
        c, color=lab, height=unit * (z + 0.1 * swell), low=-0.2 * unit, high=1.4 * unit,
        roughness=0.12 + 0.14 * skin * (1.0 - glass) + 0.01 * fine,
        cavity=smoothstep(0.3, 0.0, z), exposed=smoothstep(0.4, 1.1, z),
    )  # fmt: skip


def _beads(c: Canvas, p: Params) -> Surface:
    """Beads blown up until they fill the mould: round-cornered cells with flat tops and fine seams."""
    s = p.scale * 0.55
    at = c.warp("edge", s * 0.5, s * 0.05, octaves=3)
    cells = voronoi(c, "beads", s, jitter=0.72, at=at, border=True, rounding=s * 0.05)
    assert cells.border is not None
    fine = c.noise("fine", s * 0.12, 4, 0.72)
    tiny = voronoi(c, "tiny", s * 0.11, jitter=0.9)
    skin = smoothstep(0.6, 0.1, tiny.distance / (s * 0.11))
    cloud = c.noise("cloud", c.width_m / 3.0, 5, 0.55)
    body = dome(cells.border, s * 0.26)
    # Where three beads meet a pit may stay open; some beads were torn out.
    seam = smoothstep(s * 0.06, 0.0, cells.border)
    pit = smoothstep(s * 0.035, -s * 0.06, cells.border + 0.02 * s * fine) * coverage(
        c.noise("pits", s * 0.8, 2), 0.4, 0.3
    )
    lost = (cells.random("lost") > 1.0 - 0.035 * p.variation).float()
    bowl = (1.0 - (cells.distance / (s * 0.62)) ** 2).clamp(min=0.0)
    unit = s * 0.16 * (0.3 + p.relief)
    z = body * (0.85 + 0.3 * (cells.random("level") - 0.5)) - 0.5 * pit
    z = z + (0.5 - 1.9 * bowl - z) * lost
    z = z + 0.025 * skin + 0.02 * fine
    light = 0.1 * (cells.random("tone") - 0.5) * p.variation - 0.16 * seam - 0.3 * pit + 0.02 * fine + 0.015 * cloud
    light = light + 0.02 * skin - 0.16 * lost * bowl
    return surface(
        c, color=vary(p.color, c, light + 0.02), height=unit * z, low=-0.8 * unit, high=1.1 * unit,
        roughness=0.62 + 0.06 * fine - 0.06 * skin, cavity=(seam * 0.8 + pit + 0.5 * lost * bowl).clamp(0.0, 1.0),
        exposed=smoothstep(0.6, 1.0, body) * 0.7,
    )  # fmt: skip


def _open(c: Canvas, p: Params) -> Surface:
    """A net of struts with pores of many sizes, as in a sponge or a cushion."""
    s, v = p.scale * 0.5, p.variation
    wide = c.warp("bend", s * 1.2, s * 0.16, octaves=3)
    hollow = c.zeros() - 1.0
    for number, (size, depth) in enumerate(((0.62, 0.55), (1.0, 0.9), (1.9, 1.25))):
        cells = voronoi(c, f"pores{number}", s * size, jitter=0.9, at=wide)
        r = s * size * (0.36 + 0.24 * cells.random("size"))
        x = cells.dx * (1.0 + 0.5 * (cells.random("squash") - 0.5))
        d = torch.sqrt(x * x + cells.dy**2) / r
        there = cells.random("there") < (1.0, 0.8, 0.22 + 0.3 * v)[number]
        bowl = torch.where(there, depth * (1.0 - d * d), torch.full_like(d, -1.0))
        hollow = smooth_max(hollow, bowl.clamp(min=-1.0), 0.16)
    fine = c.noise("fine", s * 0.2, 4, 0.72)
    cloud = c.noise("cloud", c.width_m / 2.5, 5, 0.55)
    deep = smoothstep(-0.05, 0.95, hollow)
    z = -hollow.clamp(min=-0.35) - 0.25 * deep * deep + 0.05 * fine
    unit = s * 0.45 * (0.3 + p.relief)
    strut = smoothstep(0.12, -0.2, hollow)
    light = 0.09 * strut - 0.5 * deep + 0.035 * fine + 0.035 * cloud * v
    return surface(
        c, color=vary(p.color, c, light, chroma=0.25 * deep, warmth=0.006 * cloud * v), height=unit * z,
        low=-1.3 * unit, high=0.35 * unit, roughness=0.9 + 0.03 * fine, cavity=deep, exposed=strut * 0.8,
    )  # fmt: skip


def _sprayed(c: Canvas, p: Params) -> Surface:
    """Builder's foam as it comes from the can: puffs that ran into each other, under a thin skin with pin holes."""
    s, v = p.scale * 2.8, p.variation
    at = c.warp("bend", s * 0.7, s * 0.12, octaves=3)
    big = voronoi(c, "puffs", s, jitter=0.95, at=at)
    small = voronoi(c, "puffs small", s * 0.5, jitter=0.95, at=at)
    lump = c.noise("lump", s * 1.2, 3, 0.5)

    def puff(cells: Cells, size: float) -> Tensor:
        # Balls of one size, with the cleft between two of them blown half full.
        near, far = ((1.0 - (d / (size * 0.8)) ** 2).clamp(min=0.0).sqrt() for d in (cells.distance, cells.second))
        return smooth_max(near, far, 0.22)

    body = puff(big, s)
    knob = puff(small, s * 0.5) - 0.75
    z = 0.85 * body + 0.34 * knob + 0.1 * lump
    fine = c.noise("fine", s * 0.03, 4, 0.72)
    wrinkle = c.noise("wrinkle", s * 0.2, 3, 0.5)
    cells = voronoi(c, "pin holes", s * 0.1, jitter=0.95)
    size = 0.08 + 0.26 * cells.random("size") ** 3
    hole = smoothstep(1.0, 0.6, cells.distance / (s * 0.1 * size)) * (cells.random("there") < 0.3)
    cut = coverage(c.noise("cut", s * 1.4, 4, 0.55), 0.12 * v, 0.06)
    cloud = c.noise("cloud", c.width_m / 2.5, 5, 0.55)
    crease = smoothstep(0.72, 0.38, body) * 0.7 + smoothstep(-0.02, -0.3, knob) * 0.4
    unit = s * 0.36 * (0.3 + p.relief)
    pores = voronoi(c, "torn", s * 0.055, jitter=0.9)
    torn = cut * smoothstep(0.2, 0.75, pores.distance / (s * 0.05))
    z = z + 0.012 * wrinkle * (1.0 - cut) + 0.008 * fine - 0.06 * hole - 0.05 * cut + 0.04 * torn
    light = 0.025 * wrinkle + 0.012 * fine + 0.04 * cloud * v - 0.2 * crease - 0.4 * hole - 0.1 * cut + 0.18 * torn
    lab = vary(
        p.color, c, light + 0.03, chroma=0.35 * crease + 0.3 * cloud * 0.2, warmth=0.012 * crease + 0.005 * cloud
    )
    return surface(
        c, color=blend_colors(c, lab, vary(p.color, c, light + 0.1, chroma=-0.2), cut * 0.5), height=unit * z,
        low=-0.1 * unit, high=1.2 * unit, roughness=0.58 + 0.04 * fine + 0.25 * cut + 0.1 * crease,
        cavity=(crease * 0.8 + hole).clamp(0.0, 1.0), exposed=smoothstep(0.7, 1.1, z),
    )  # fmt: skip
