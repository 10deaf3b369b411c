# SPDX-License-Identifier: GPL-3.0-or-later
"""Corrugated and trapezoidal sheets: sheds, roofs, containers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..color import hex_to_lab
from ..common import relief, scale
from ..family import Family
from ..ops import coverage, smoothstep
from ..parameters import Choice, Color, Number, Params, Rng, Value
from ..suiting import suit_color
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas
from .rust import rust_color

_BARE = ("#a9acaf", "#b8babb", "#96999c", "#a5a49f")
_RUN = hex_to_lab("#7a4527")


class CorrugatedMetal(Family):
    name = "corrugated_metal"
    title = "Corrugated metal"
    nouns = (
        "corrugated metal", "corrugated iron", "corrugated sheet", "corrugated steel", "tin roof", "metal roof",
        "trapezoidal sheet", "container wall", "metal siding", "corrugated roof",
    )  # fmt: skip
    rare_nouns = (
        "wriggly tin",
        "shipping container wall",
        "standing seam roof",
        "metal cladding",
        "corrugated tin",
        "ribbed metal",
    )
    modifiers = ("shed", "industrial", "warehouse", "slum", "farm")
    tile_width_m = 2.0
    palettes = (
        {"color": "#a9acaf"}, {"color": "#b8babb"}, {"color": "#8c8f92"}, {"color": "#4f6d84"}, {"color": "#7d3b2e"},
        {"color": "#5d7360"}, {"color": "#c3bfb2"}, {"color": "#b3703c"},
    )  # fmt: skip
    parameters = (
        Color(name="color", label="Sheet color", spread=0.016),
        Choice(
            name="profile", label="Profile",
            options={
                "wave": ("sine-wave", "wavy"),
                "trapezoid": ("trapezoidal", "box profile", "container"),
                "ribs": ("standing-seam", "narrow-ribbed"),
            },
            weights={"wave": 3.0, "trapezoid": 2.0, "ribs": 0.8},
        ),
        Choice(
            name="finish", label="Finish",
            options={
                "bare": ("galvanized", "galvanised", "bare metal", "unpainted"),
                "painted": ("painted", "coated", "powder-coated"),
            },
        ),
        Choice(
            name="direction", label="Direction",
            options={"vertical": ("vertical", "upright"), "horizontal": ("horizontal",)},
            weights={"vertical": 6.0},
        ),
        scale("Rib spacing", 0.015, 0.6, (0.07, 0.13), 0.04, 0.25),
        relief((0.4, 0.75)),
        Number(
            name="rust", label="Rust", natural=(0.05, 0.6), often=0.15,
            words={"rusty": 0.8, "rusting": 0.7, "rusted": 0.85, "with rust": 0.65, "rust-covered": 0.97,
                   "heavily rusted": 0.95, "slightly rusty": 0.3, "rust-free": 0.0, "without rust": 0.0},
        ),
        Number(
            name="dents", label="Dents", natural=(0.05, 0.5), often=0.2,
            words={"dented": 0.8, "bent": 0.9, "buckled": 0.95, "undented": 0.0, "straight": 0.0},
        ),
    )  # fmt: skip
    attributes = ("wear", "dirt", "moss", "dust", "snow", "wetness")

    @classmethod
    def sample(cls, rng: Rng, given: Mapping[str, Value] | None = None) -> dict[str, Value]:
        """As for every family; a color nobody asked for suits the finish, and the finish a color asked for."""
        given = given or {}
        values = super().sample(rng, given)
        if "color" in given and "finish" not in given and _is_paint(values["color"]):
            values["finish"] = "painted"
        suit_color(values, given, "finish", {"bare": _BARE}, rng)
        return values

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        upright = p.direction == "vertical"
        across, down = (c.u, c.v) if upright else (c.v, c.u)
        width, height = (c.width_m, c.height_m) if upright else (c.height_m, c.width_m)
        number = max(2, round(width / (s * (3.0 if p.profile == "ribs" else 1.0))))
        pitch = width / number

        def size(wide: float, long: float) -> tuple[float, float]:
            return (wide, long) if upright else (long, wide)

        # Hits bend the ribs and press them flat.
        knock = c.noise("knock", size(0.3, 0.42), 4, 0.5)
        dent = smoothstep(0.7, 2.3, knock) * p.dents
        sway = c.noise("sway", size(0.6, 0.7), 3) * (0.05 * p.dents)
        t = across * number + sway
        rib = _profile(p.profile, t)
        depth = pitch * {"wave": 0.25, "trapezoid": 0.28, "ribs": 0.09}[p.profile] * (0.35 + p.relief)

        # Sheets of a few ribs lie over each other at their long sides, and with their ends.
        ribs_a_sheet = max(2, number // max(1, round(width / 0.95)))
        sheets = max(1, number // ribs_a_sheet)
        rows = max(1, round(height / 1.9))
        long = torch.remainder(down, 1.0) * rows
        row = torch.remainder((down * rows).floor(), rows)
        from_end = (long - long.floor()) * (height / rows)
        sheet_position = torch.remainder(t, number) * (sheets / number)
        sheet = torch.remainder(sheet_position.floor(), sheets)
        from_side = (sheet_position - sheet_position.floor()) * (width / sheets)
        index = (sheet + row * sheets).long()
        wobble = c.noise("lap", 0.25, 4, 0.6)
        end = c.edge(from_end - 0.0, 0.0006) if rows > 1 or height > 0.9 else torch.ones_like(rib)
        lap_end = smoothstep(0.07, 0.0, from_end) * end
        lap_side = smoothstep(0.035, 0.0, from_side + 0.0015 * wobble)
        level = c.table("sheet level", sheets * rows).take(index) - 0.5
        tone = c.table("sheet tone", sheets * rows).take(index) - 0.5

        screw, washer, below = self._screws(c, p.profile, t, down, number, pitch, height, upright)

        fine = c.noise("fine", 0.006, 4, 0.75)
        cloud = c.noise("cloud", 0.9, 6, 0.58)
        streak = c.noise("streak", size(0.03, 1.4), 5, 0.62)
        valley = 1.0 - rib
        rust, grain = rust_color(c, "rust", 0.3)
        # Rust begins at laps, screws and scratches, creeps along the ribs and runs down.
        field = 0.62 * c.noise("rust where", size(0.4, 0.8), 7, 0.62) + 0.42 * streak
        field = field + 0.9 * lap_end + 0.55 * lap_side + 0.8 * below + 0.14 * (valley - 0.5) + 0.5 * dent + 0.35 * tone
        rusted = coverage(field * 0.8, p.rust * 0.92, 0.11)
        halo = coverage(field * 0.8, min(1.0, p.rust * 0.92 + 0.13 * min(1.0, p.rust * 3.0)), 0.3)
        runs = coverage(streak + 0.9 * below + 0.5 * lap_end, 0.5 * p.rust, 0.5)

        if p.finish == "bare":
            flowers, spread = self._spangle(c)
            base = vary(
                p.color, c, 0.12 * (flowers - 0.5) + 0.06 * tone + 0.03 * cloud + 0.02 * streak + 0.012 * fine,
                chroma=0.3 * (spread - 0.5),
            )  # fmt: skip
            dull = coverage(cloud + 0.3 * streak, 0.35, 0.8)
            base = vary(base, c, 0.07 * dull)
            rough = 0.34 + 0.14 * (flowers - 0.5) + 0.16 * dull + 0.02 * fine
            metallic: Tensor | float = 1.0 - 0.25 * dull
        else:
            chalk = coverage(cloud + 0.35 * streak, 0.3, 0.8)
            base = vary(
                p.color, c, 0.14 * tone + 0.035 * cloud + 0.03 * streak + 0.01 * fine + 0.1 * chalk,
                chroma=-0.22 * chalk,
            )  # fmt: skip
            rough = 0.42 + 0.2 * chalk + 0.02 * fine
            metallic = 0.0
        base = blend_colors(c, base, _RUN, (runs * 0.5 * (1.0 - rusted)).clamp(0.0, 1.0))
        base = blend_colors(c, base, _RUN, halo * 0.38)
        lab = blend_colors(c, base, rust, rusted)
        # Grime in the valleys and under the end of a sheet.
        shade = 0.11 * valley * valley + 0.35 * smoothstep(0.02, 0.0, (height / rows) - from_end)
        lab = vary(lab, c, -shade * (0.6 + 0.2 * streak).clamp(0.2, 1.0) + 0.03)
        head = screw * (1.0 - 0.8 * rusted)
        lab = blend_colors(c, lab, vary((0.64, 0.0, 0.004), c, 0.05 * fine), head * 0.7)
        lab = vary(lab, c, -0.4 * washer)

        film = 0.0009
        sag = c.noise("sag", size(0.5, 0.9), 3) * 0.0012 * (0.5 + p.dents)
        relief_m = depth * rib * (1.0 - 0.55 * dent) - 0.35 * depth * dent + sag
        relief_m = relief_m + film * (1.6 * lap_end * smoothstep(0.0, 0.003, from_end) + 1.2 * lap_side + level)
        relief_m = relief_m + rusted * film * (0.35 + 0.4 * grain) + 0.00005 * fine
        relief_m = relief_m + 0.0035 * screw + 0.0012 * washer
        return surface(
            c, color=lab, height=relief_m, low=0.0, high=depth + 0.002,
            roughness=rough + (0.88 + 0.03 * grain - rough) * rusted + 0.1 * runs * (1.0 - rusted),
            metallic=(metallic + (1.0 - metallic) * head) * (1.0 - 0.95 * rusted),
            cavity=(valley * valley * 0.55 + 0.4 * lap_end + 0.5 * washer).clamp(0.0, 1.0),
            exposed=smoothstep(0.75, 1.0, rib) * 0.8,
        )  # fmt: skip

    @staticmethod
    def _spangle(c: Canvas) -> tuple[Tensor, Tensor]:
        """The crystal flowers of hot-dip zinc: a tone and a second random number for each."""
        from ..cells import voronoi

        at = c.warp("spangle edge", 0.012, 0.004, octaves=2)
        cells = voronoi(c, "spangle", 0.022, jitter=0.95, at=at)
        return cells.random("tone"), cells.random("spread")

    @staticmethod
    def _screws(
        c: Canvas, profile: str, t: Tensor, down: Tensor, number: int, pitch: float, height: float, upright: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Heads of screws, their washers, and what runs down below them, each 0 to 1."""
        every = 2 if number % 2 == 0 and pitch < 0.2 else 1
        lines = max(1, round(height / 0.55))
        place = t / every
        column = place.floor()
        x = (place - column - 0.5) * (pitch * every)
        # Waves and trapezoids have their crest at half a rib; screws stand there.
        if every == 2:
            x = x + pitch * 0.5
            x = torch.where(x > pitch, x - 2.0 * pitch, x)
        along = down * lines
        line = along.floor()
        y = (along - line - 0.5) * (height / lines)
        columns = number // every
        index = (torch.remainder(column, columns) + columns * torch.remainder(line, lines)).long()
        x = x + (c.table("screw x", columns * lines).take(index) - 0.5) * 0.006
        y = y + (c.table("screw y", columns * lines).take(index) - 0.5) * 0.025
        r = torch.sqrt(x * x + y * y)
        there = (c.table("screw there", columns * lines).take(index) > 0.05).float()
        if profile == "ribs":
            there = there * 0.0
        head = torch.sqrt((1.0 - (r / 0.007) ** 2).clamp(min=0.0)) * there
        washer = c.edge(0.011 - r, 0.0005) * (1.0 - c.edge(0.0075 - r, 0.0005)) * there
        run = y if upright else x.abs() * 3.0
        below = smoothstep(0.022, 0.0, x.abs()) * smoothstep(-0.01, 0.004, run) * smoothstep(0.22, 0.0, run) * there
        return head, washer, below


def _profile(profile: str, t: Tensor) -> Tensor:
    """Height 0 to 1 across the ribs, one a unit of ``t``, the crest at half a unit."""
    f = t - t.floor()
    if profile == "wave":
        return 0.5 - 0.5 * torch.cos(f * 6.2831853)
    away = (f - 0.5).abs()
    if profile == "trapezoid":
        return smoothstep(0.34, 0.2, away) + 0.06 * smoothstep(0.035, 0.0, (away - 0.45).abs())
    # A sharp upright seam, and two low swages on the pan between.
    return smoothstep(0.035, 0.02, away) + 0.1 * smoothstep(0.03, 0.0, (away - 0.33).abs())


def _is_paint(color: Value) -> bool:
    """Whether no bare zinc has that color (OKLab)."""
    assert isinstance(color, tuple)
    light, a, b = color
    return (a * a + b * b) ** 0.5 > 0.03 or light > 0.88 or light < 0.45
