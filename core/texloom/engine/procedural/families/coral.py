# SPDX-License-Identifier: GPL-3.0-or-later
"""Stony corals: brain coral, branches, and colonies of cups."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..cells import voronoi
from ..common import relief, scale, variation
from ..family import Family
from ..ops import clamp01, mix, ramp, smoothstep
from ..parameters import Choice, Color, Params
from ..scatter import Layer, Piece, scatter
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas

_TURN = 2.0 * math.pi
_DIRECTIONS = 8


class Coral(Family):
    name = "coral"
    title = "Coral"
    nouns = (
        "coral", "brain coral", "coral reef", "stony coral", "hard coral", "star coral", "staghorn coral",
        "coral surface", "reef coral",
    )  # fmt: skip
    rare_nouns = ("coral colony", "coral skeleton", "cup coral", "madrepore")
    modifiers = ("tropical", "underwater", "reef", "alien", "ocean")
    tile_width_m = 0.4
    palettes = (
        {"color": "#b08a5e", "second_color": "#6d7a45"},
        {"color": "#c97f74", "second_color": "#ead0c0"},
        {"color": "#d18a4a", "second_color": "#f0cf97"},
        {"color": "#7d6a8f", "second_color": "#c6b3d1"},
        {"color": "#7c8f55", "second_color": "#48644c"},
        {"color": "#d8d0c0", "second_color": "#b5a891"},
        {"color": "#a8604f", "second_color": "#d9a98f"},
        {"color": "#c9a94f", "second_color": "#efe2ae"},
    )
    parameters = (
        Color(name="color", label="Coral color", spread=0.018),
        Color(
            name="second_color", label="Second color", parts=("grooves", "tips", "polyps", "cups"), spread=0.016
        ),
        Choice(
            name="form", label="Growth",
            options={
                "brain": ("brain", "brain-like", "grooved", "maze-like", "meandering"),
                "branch": ("branching", "branched", "staghorn", "antler-like"),
                "cup": ("cup-shaped", "cup", "star", "star-patterned", "with round polyps"),
            },
            weights={"brain": 1.5, "branch": 1.2, "cup": 1.2},
        ),
        scale("Pattern size", 0.006, 0.12, (0.02, 0.032), 0.012, 0.055),
        relief((0.4, 0.8)),
        variation((0.3, 0.7)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "moss", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        return {"brain": self._brain, "branch": self._branch, "cup": self._cup}[p.form](canvas, p)

    @staticmethod
    def _brain(c: Canvas, p: Params) -> Surface:
        """Winding walls over grooves, with fine plates square to the walls."""
        s, v = p.scale, p.variation
        wind, slope_x, slope_y = _waves(c, "wind", s * 1.05)
        grain = c.noise("grain", s * 0.07, 3, 0.75)
        swell = c.noise("swell", 0.16, 4, 0.5)
        # Where the field runs flat the wall would widen; dividing by the slope keeps its width.
        steep = torch.sqrt(slope_x * slope_x + slope_y * slope_y + 0.12)
        across = wind / steep
        wall = torch.tanh(1.5 * across + 0.25)
        septa = _plates(c, "plates", s * 0.11, slope_x, slope_y)
        on_slope = smoothstep(0.95, 0.5, wall.abs()) * 0.6 + 0.4
        plate = smoothstep(-0.5, 0.8, septa) * on_slope * smoothstep(-1.0, -0.7, wall)
        crest = smoothstep(0.12, 0.0, (across - 0.75).abs())
        level = 0.5 + 0.36 * wall + 0.1 * plate - 0.05 * crest + 0.012 * grain
        floor = smoothstep(-0.2, -0.85, wall)
        color = blend_colors(
            c, vary(p.color, c, 0.07 * swell * v + 0.05 * grain + 0.17 * wall + 0.16 * (plate - 0.4) - 0.06 * crest,
                    warmth=0.006 * swell * v),
            vary(p.second_color, c, 0.05 * grain + 0.05 * swell * v - 0.3), floor * 0.9,
        )  # fmt: skip
        depth = s * 0.42 * (0.35 + p.relief)
        return surface(
            c, color=color, height=depth * (level + 0.1 * swell), low=0.0, high=depth,
            roughness=0.72 + 0.05 * grain - 0.1 * floor, cavity=floor, exposed=smoothstep(0.5, 1.0, wall),
        )  # fmt: skip

    @staticmethod
    def _cup(c: Canvas, p: Params) -> Surface:
        """Round cups side by side, with plates that run to the middle of each."""
        s, v = p.scale, p.variation
        at = c.warp("bend", s * 1.5, s * 0.06, octaves=2)
        cells = voronoi(c, "cups", s, jitter=0.6, at=at, border=True, rounding=s * 0.05)
        assert cells.border is not None
        grain = c.noise("grain", s * 0.06, 3, 0.75)
        swell = c.noise("swell", 0.16, 4, 0.5)
        # 0 in the middle of a cup, 1 on the border to the next.
        t = cells.distance / (cells.distance + cells.border.clamp(min=0.0) + 1e-6)
        rim_at = 0.56 + 0.14 * cells.random("wide")
        rim = torch.exp(-(((t - rim_at) / 0.13) ** 2))
        pit = smoothstep(0.0, 1.0, 1.0 - t / rim_at)
        angle = torch.atan2(cells.dy, cells.dx) + _TURN * cells.random("turn")
        long = 0.5 + 0.5 * torch.cos(angle * 12.0)
        short = 0.5 + 0.5 * torch.cos(angle * 24.0 + 3.14)
        inside = smoothstep(1.05, 0.85, t / rim_at)
        blade = torch.maximum(long, short * smoothstep(0.45, 0.75, t / rim_at))
        outside = smoothstep(0.95, 1.15, t / rim_at)
        star = blade * (inside * smoothstep(0.12, 0.35, t / rim_at) + 0.45 * outside)
        knob = smoothstep(0.17, 0.05, t / rim_at)
        height = cells.random("tall")
        level = 0.34 + 0.44 * rim * (0.75 + 0.5 * height) - 0.3 * pit + 0.14 * star + 0.14 * knob + 0.012 * grain
        dark = smoothstep(0.1, 0.75, pit) * (1.0 - 0.5 * star)
        tone = (cells.random("tone") - 0.5) * 0.3 * v
        lab = vary(
            p.color, c, tone + 0.16 * rim + 0.09 * (star - 0.3) + 0.05 * grain + 0.06 * swell * v,
            warmth=(cells.random("hue") - 0.5) * 0.03 * v,
        )  # fmt: skip
        fleshy = smoothstep(0.95, 0.7, t / rim_at)
        lab = blend_colors(c, lab, vary(p.second_color, c, tone + 0.12 * (star - 0.5) + 0.05 * grain), 0.8 * fleshy)
        lab = vary(lab, c, -0.5 * dark * (1.0 - knob) - 0.3 * smoothstep(0.8, 1.0, t))
        depth = s * 0.4 * (0.35 + p.relief)
        return surface(
            c, color=lab, height=depth * (level + 0.12 * swell), low=0.0, high=depth,
            roughness=0.72 + 0.05 * grain - 0.12 * fleshy,
            cavity=clamp01(dark + smoothstep(0.82, 1.0, t)), exposed=clamp01(rim * 0.9),
        )  # fmt: skip

    @staticmethod
    def _branch(c: Canvas, p: Params) -> Surface:
        """A thicket of forking branches, seen from above; their tips are paler."""
        s, v = p.scale, p.variation
        sizes = (0.9, 1.0, 1.1)
        half = s * 1.9
        sway = c.noise("sway", s * 2.0, 2)

        def branch(piece: Piece) -> tuple[Tensor, Tensor]:
            long = half * sizes[piece.layer]
            t = piece.x / long
            thick = piece.between("thick", 0.3, 0.42) * s * sizes[piece.layer]
            y = piece.y - piece.between("bow", -0.4, 0.4) * s * t * t - 0.12 * s * sway
            # Forks in two on its way, the stem going on as one of them.
            fork = (t + piece.between("fork", 0.0, 0.35)).clamp(min=0.0)
            y = y.abs() - fork * long * piece.between("apart", 0.35, 0.62)
            radius = thick * (1.0 - 0.42 * (t + 0.2).clamp(min=0.0))
            # Rounded at both ends; the foot goes down into the dark.
            cap = (piece.x.abs() - (long * 0.86 - radius)).clamp(min=0.0)
            off = torch.sqrt(y * y + cap * cap)
            inside = radius - off
            ball = torch.sqrt((radius * radius - off * off).clamp(min=0.0)) / s
            rise = 0.42 * t - 0.5 * smoothstep(-0.1, -0.9, t)
            level = 0.62 - 0.32 * piece.layer + rise + 0.95 * ball + piece.between("level", 0.0, 0.2)
            return torch.where(inside > 0.0, level.clamp(min=0.002), -1.0), ramp(-0.35 * s, 0.0, inside)

        layers = [Layer(half * size * 1.16, 0.28) for size in sizes]
        top = scatter(c, "thicket", layers, branch)
        pick = top.random
        there = (top.z > 0.0).to(sway.dtype)
        t = top.x / half
        warts = voronoi(c, "warts", s * 0.14, jitter=0.7)
        wart = smoothstep(0.6, 0.1, warts.distance / (s * 0.14))
        mouth = smoothstep(0.2, 0.08, warts.distance / (s * 0.14))
        grain = c.noise("grain", s * 0.07, 3, 0.75)
        shadow = smoothstep(0.0, 1.0, top.shade)
        tip = smoothstep(0.45, 0.9, t) * there
        tone = (pick("tone") - 0.5) * 0.3 * v
        lab = vary(
            p.color, c,
            tone + 0.07 * grain + 0.12 * (wart - 0.4) - 0.2 * mouth + 0.32 * (top.z - 0.9) - 0.1 * top.layer,
            warmth=(pick("hue") - 0.5) * 0.03 * v,
        )  # fmt: skip
        lab = blend_colors(c, lab, vary(p.second_color, c, 0.08 * (wart - 0.5) + 0.05 * grain), tip * 0.85)
        lab = vary(lab, c, -0.38 * shadow)
        rubble = vary(p.color, c, -0.66 + 0.1 * grain + 0.05 * sway)
        depth = s * 1.5 * (0.35 + p.relief)
        level = mix(0.03 + 0.02 * grain, 0.12 + 0.55 * top.z + 0.035 * wart - 0.02 * mouth, there)
        return surface(
            c, color=blend_colors(c, rubble, lab, there), height=depth * level, low=0.0, high=depth,
            roughness=mix(0.9, 0.74 + 0.05 * grain, there), cavity=clamp01(1.0 - there + 0.7 * shadow),
            exposed=there * smoothstep(0.6, 1.3, top.z),
        )  # fmt: skip


def _waves(c: Canvas, key: str, length: float, number: int = 24) -> tuple[Tensor, Tensor, Tensor]:
    """Random waves of one length from all sides: their crests wind like a maze.

    Returns the field (standard normal) and its slope across and down, in units of the field over a radian.
    All waves fit whole into the tile, and each is a product of one across and one down, so that the sum is one
    matrix product.
    """
    rng = c.tile.random(key)
    angle = (torch.arange(number, dtype=torch.float64) + torch.from_numpy(rng.random(number))) * (math.pi / number)
    reach = 1.0 + 0.12 * torch.from_numpy(rng.random(number) * 2.0 - 1.0)
    across = torch.round(torch.cos(angle) * reach * (c.width_m / length))
    down = torch.round(torch.sin(angle) * reach * (c.height_m / length))
    phase = torch.from_numpy(rng.random(number)) * _TURN
    device = c.tile.device
    a = (c.u[0].double().cpu()[None, :] * across[:, None] * _TURN).to(device)
    b = (c.v[:, 0].double().cpu()[:, None] * down[None, :] * _TURN + phase[None, :]).to(device)
    right = torch.cat((torch.cos(a), torch.sin(a))).float()
    cosine, sine = torch.cos(b).float(), torch.sin(b).float()
    size = math.sqrt(2.0 / number)
    even = torch.cat((cosine, -sine), dim=1) * size
    odd = torch.cat((sine, cosine), dim=1) * -size
    unit_x = (across * (length / c.width_m)).float().to(device).repeat(2)
    unit_y = (down * (length / c.height_m)).float().to(device).repeat(2)
    return even @ right, (odd * unit_x) @ right, (odd * unit_y) @ right


def _plates(c: Canvas, key: str, length: float, slope_x: Tensor, slope_y: Tensor) -> Tensor:
    """Stripes (-1 to 1) of that length that run along the slope everywhere.

    Straight stripes in a few directions, blended by how well each fits the slope (after the idea of phasor
    fields; directions are compared at twice the angle, since a stripe has no head).
    """
    total = slope_x * slope_x + slope_y * slope_y + 1e-6
    double_x = (slope_x * slope_x - slope_y * slope_y) / total
    double_y = 2.0 * slope_x * slope_y / total
    rng = c.tile.random(key)
    result = c.zeros()
    limit = math.cos(_TURN / _DIRECTIONS)
    for number in range(_DIRECTIONS):
        angle = math.pi * number / _DIRECTIONS
        fit = (double_x * math.cos(2.0 * angle) + double_y * math.sin(2.0 * angle) - limit).clamp_(min=0.0)
        # The wave runs square to the slope's direction.
        across = round(-math.sin(angle) * c.width_m / length)
        down = round(math.cos(angle) * c.height_m / length)
        wave = torch.cos((c.u * across + c.v * down + float(rng.random())) * _TURN)
        result = result.addcmul_(fit, wave)
    return result * (1.0 / (1.0 - limit))
