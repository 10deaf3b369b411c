# SPDX-License-Identifier: GPL-3.0-or-later
"""Printed patterns: stripes, dots, checks, plaid."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..common import direction, scale
from ..family import Family
from ..layout import diagonal_grid
from ..parameters import Choice, Color, Number, Params
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas

_PALETTES = (
    {"color": "#1f3a5f", "second_color": "#efe8da"},
    {"color": "#a8322d", "second_color": "#f2ebdf"},
    {"color": "#2d5a47", "second_color": "#e4dcc6"},
    {"color": "#d9a441", "second_color": "#3a3430"},
    {"color": "#2b2b2d", "second_color": "#ededea"},
    {"color": "#7d5a88", "second_color": "#e8ddea"},
    {"color": "#4a8a98", "second_color": "#f0ede4"},
)
_ATTRIBUTES = ("wear", "dirt", "dust", "wetness")


def _printed(c: Canvas, p: Params, lab: Tensor, size: float) -> Surface:
    """A print on fine cloth-like ground, so that even a plain pattern has a surface."""
    nx, ny = c.count(size / 40.0)
    thread = torch.sin(c.u * nx * 6.2831853) * torch.sin(c.v * ny * 6.2831853)
    # Threads finer than two pixels would only alias.
    thread = thread * min(1.0, max(0.0, size / 40.0 / c.pixel_m / 2.0 - 1.0))
    fine = c.noise("fine", size / 30.0, 4, 0.7)
    cloud = c.noise("cloud", size * 2.0, 4)
    return surface(
        c,
        color=vary(lab, c, 0.012 * fine + 0.008 * cloud + 0.012 * thread),
        height=0.0001 * (thread + 0.4 * fine),
        low=-0.0003,
        high=0.0003,
        roughness=0.78 + 0.03 * fine + 0.02 * cloud,
        cavity=(0.25 - 0.25 * thread).clamp(0.0, 1.0),
        exposed=(0.25 + 0.25 * thread).clamp(0.0, 1.0),
    )


def _colors(first: str, second: str, parts: tuple[str, ...]) -> tuple[Color, Color]:
    return (
        Color(name="color", label=first, spread=0.016),
        Color(name="second_color", label=second, parts=parts, spread=0.012),
    )


class Stripes(Family):
    name = "stripes"
    title = "Stripes"
    nouns = (
        "stripes",
        "striped pattern",
        "stripe pattern",
        "pinstripes",
        "striped wallpaper",
        "striped fabric",
        "striped",
    )
    rare_nouns = ("candy stripes", "banded pattern")
    modifiers = ("retro", "nautical", "graphic")
    tile_width_m = 0.6
    palettes = _PALETTES
    parameters = (
        *_colors("Stripe color", "Ground color", ("background", "ground", "gaps")),
        direction(diagonal=True, natural="vertical"),
        scale("Stripe pitch", 0.005, 0.6, (0.05, 0.12), 0.02, 0.2),
        Number(
            name="ratio", label="Stripe share", low=0.05, high=0.95, natural=(0.4, 0.6),
            words={"thin": 0.15, "narrow": 0.2, "wide": 0.7, "bold": 0.7, "even": 0.5},
        ),
    )  # fmt: skip
    attributes = _ATTRIBUTES

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c = canvas
        if p.direction == "diagonal":
            nx, ny = c.count(p.scale * math.sqrt(2.0))
            t = c.u * nx + c.v * ny
            pitch = 1.0 / math.hypot(nx / c.width_m, ny / c.height_m)
        elif p.direction == "vertical":
            n = c.count(p.scale)[0]
            t, pitch = (c.u * n).expand(c.rows, -1), c.width_m / n
        else:
            n = c.count(p.scale)[1]
            t, pitch = (c.v * n).expand(-1, c.tile.width), c.height_m / n
        offset = (torch.remainder(t, 1.0) - 0.5).abs() * pitch
        stripe = c.edge(p.ratio * 0.5 * pitch - offset)
        return _printed(c, p, blend_colors(c, p.second_color, p.color, stripe), p.scale)


class Dots(Family):
    name = "dots"
    title = "Polka dots"
    nouns = ("polka dots", "dots", "dotted pattern", "polka dot pattern", "spots pattern", "polka dot fabric", "dotted")
    rare_nouns = ("spotted print", "pin dots")
    modifiers = ("retro", "cute", "graphic")
    tile_width_m = 0.4
    palettes = tuple({"color": item["second_color"], "second_color": item["color"]} for item in _PALETTES)
    parameters = (
        *_colors("Ground color", "Dot color", ("dots", "spots", "polka dots")),
        scale("Dot spacing", 0.005, 0.4, (0.04, 0.09), 0.02, 0.15),
        Number(
            name="ratio", label="Dot share", low=0.05, high=0.95, natural=(0.35, 0.6),
            words={"tiny dots": 0.2, "big dots": 0.8, "large dots": 0.8, "small dots": 0.25},
        ),
        Choice(
            name="pattern", label="Arrangement",
            options={"staggered": ("staggered",), "grid": ("in a grid", "in rows"), "scattered": ("random",)},
            weights={"staggered": 4.0},
        ),
    )  # fmt: skip
    attributes = _ATTRIBUTES

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c = canvas
        if p.pattern == "staggered":
            cells = diagonal_grid(c, "dots", p.scale)
            distance = torch.sqrt(cells.x**2 + cells.y**2)
        else:
            nx, ny = c.count(p.scale)
            a, b = c.u * nx, c.v * ny
            i, j = a.floor(), b.floor()
            x, y = a - i - 0.5, b - j - 0.5
            if p.pattern == "scattered":
                index = (torch.remainder(j, ny) * nx + torch.remainder(i, nx)).long()
                room = max(0.0, 1.0 - p.ratio)
                x = x - (c.table("x", nx * ny).take(index) - 0.5) * room
                y = y - (c.table("y", nx * ny).take(index) - 0.5) * room
            distance = torch.sqrt((x * (c.width_m / nx)) ** 2 + (y * (c.height_m / ny)) ** 2)
        dot = c.edge(p.scale * 0.5 * p.ratio - distance)
        return _printed(c, p, blend_colors(c, p.color, p.second_color, dot), p.scale)


class Checks(Family):
    name = "checks"
    title = "Checks"
    nouns = ("checkerboard", "checks", "checkered pattern", "chess board", "checker pattern", "gingham", "checkered")
    rare_nouns = ("chequered print", "vichy check")
    modifiers = ("retro", "racing", "graphic")
    tile_width_m = 0.6
    palettes = _PALETTES
    parameters = (
        *_colors("First color", "Second color", ("squares", "second squares")),
        scale("Square size", 0.005, 0.6, (0.05, 0.12), 0.02, 0.2),
        Choice(
            name="pattern", label="Pattern",
            options={"checker": ("checker",), "gingham": ("gingham style",), "diamond": ("harlequin",)},
            weights={"checker": 4.0},
        ),
    )  # fmt: skip
    attributes = _ATTRIBUTES

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c = canvas
        nx, ny = (max(2, 2 * round(n / 2)) for n in c.count(p.scale))
        a, b = c.u * nx, c.v * ny
        if p.pattern == "diamond":
            nx, ny = max(1, nx // 2), max(1, ny // 2)
            a, b = c.u * nx + c.v * ny, c.u * nx - c.v * ny
        sharp_x = p.scale if p.pattern != "diamond" else p.scale * 0.7

        def square(t: Tensor) -> Tensor:
            # A square wave with its steps softened over a pixel.
            wave = torch.remainder(t, 2.0)
            return c.edge((0.5 - (wave - 0.5).abs()) * sharp_x)

        sa, sb = square(a), square(b)
        mask = (sa + sb) * 0.5 if p.pattern == "gingham" else sa + sb - 2.0 * sa * sb
        return _printed(c, p, blend_colors(c, p.second_color, p.color, mask.expand(c.rows, c.tile.width)), p.scale)


class Plaid(Family):
    name = "plaid"
    title = "Plaid"
    nouns = ("plaid", "tartan", "plaid fabric", "tartan pattern", "flannel", "lumberjack flannel", "scottish tartan")
    rare_nouns = ("kilt cloth", "madras check")
    modifiers = ("scottish", "wool", "cozy")
    tile_width_m = 0.4
    palettes = (
        {"color": "#9c2a26", "second_color": "#1f3328", "third_color": "#e2d6ad"},
        {"color": "#24455f", "second_color": "#24382c", "third_color": "#c9b14e"},
        {"color": "#3f5c43", "second_color": "#1f2c3f", "third_color": "#d7d2c4"},
        {"color": "#b89a6a", "second_color": "#2b2624", "third_color": "#a02c28"},
        {"color": "#6c6f76", "second_color": "#26282c", "third_color": "#e5e3de"},
    )
    parameters = (
        Color(name="color", label="Ground color", spread=0.016),
        Color(name="second_color", label="Band color", parts=("bands", "wide bands"), spread=0.014),
        Color(name="third_color", label="Line color", parts=("lines", "thin lines"), spread=0.014),
        scale("Sett size", 0.02, 0.4, (0.1, 0.16), 0.05, 0.22),
    )
    attributes = _ATTRIBUTES

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c = canvas
        nx, ny = c.count(p.scale)
        threads = 32
        # Twill: each thread of either direction shows in turn along diagonals.
        show = (torch.remainder((c.u * nx * threads).floor() + (c.v * ny * threads).floor(), 4.0) < 2.0).float()
        visible = min(1.0, max(0.0, p.scale / threads / c.pixel_m - 1.0))
        show = 0.5 + (show - 0.5) * visible

        def sett(t: Tensor) -> Tensor:
            f = (torch.remainder(t, 1.0) - 0.5).abs() * p.scale
            band = c.edge(p.scale * 0.17 - f)
            pair = c.edge(p.scale * 0.035 - (f - p.scale * 0.26).abs())
            line = c.edge(p.scale * 0.014 - (f - p.scale * 0.42).abs())
            lab = blend_colors(c, p.color, p.second_color, torch.maximum(band, pair))
            return blend_colors(c, lab, p.third_color, line)

        lab = sett(c.v * ny) * show + sett(c.u * nx) * (1.0 - show)
        return _printed(c, p, lab, p.scale)
