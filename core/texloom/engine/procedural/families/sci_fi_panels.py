# SPDX-License-Identifier: GPL-3.0-or-later
"""Hull panels of spaceships and stations: plates, vents, bolts, small machinery, lines of light."""

from __future__ import annotations

import torch
from torch import Tensor

from ..common import gloss, scale
from ..family import Family
from ..layout import Pieces, courses
from ..ops import clamp01, coverage, dome, rounded_box, smoothstep
from ..parameters import Choice, Color, Number, Params
from ..subdivide import subdivide
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas


class SciFiPanels(Family):
    name = "sci_fi_panels"
    title = "Sci-fi panels"
    nouns = (
        "sci-fi panels", "spaceship hull", "sci-fi wall", "spaceship panels", "hull panels", "sci-fi floor",
        "space station wall", "futuristic panels", "hull plating", "sci-fi panel",
    )  # fmt: skip
    rare_nouns = ("starship plating", "greebles", "tech panels", "mech plating", "spacecraft hull")
    modifiers = ("futuristic", "space", "cyberpunk", "alien")
    tile_width_m = 2.0
    palettes = (
        {"color": "#7f848a", "second_color": "#5fd0ff", "third_color": "#b5532c"},
        {"color": "#b9bcbd", "second_color": "#ff9a3d", "third_color": "#3c4a58"},
        {"color": "#3d4349", "second_color": "#39e0c8", "third_color": "#8d959c"},
        {"color": "#d6d6d2", "second_color": "#6fb7ff", "third_color": "#c1662f"},
        {"color": "#585d57", "second_color": "#b6f25a", "third_color": "#a88c3c"},
        {"color": "#4a4c58", "second_color": "#c26bff", "third_color": "#7d3340"},
        {"color": "#8b8172", "second_color": "#ffd27a", "third_color": "#5b4a3a"},
    )
    parameters = (
        Color(name="color", label="Panel color", spread=0.014),
        Color(
            name="second_color", label="Glow color", parts=("glow", "glow lines", "lights", "light strips"),
            spread=0.016,
        ),
        Color(
            name="third_color", label="Accent color", parts=("accents", "accent panels", "markings"), spread=0.016
        ),
        Choice(
            name="finish", label="Finish",
            options={
                "painted": ("painted", "coated", "powder-coated"),
                "bare": ("unpainted", "bare metal"),
            },
            weights={"painted": 2.0},
        ),
        scale("Panel size", 0.05, 1.5, (0.28, 0.5), 0.16, 0.8),
        Number(
            name="detail", label="Detail", natural=(0.3, 0.8),
            words={"detailed": 0.85, "highly detailed": 1.0, "intricate": 0.95, "greebled": 1.0, "complex": 0.9,
                   "simple": 0.15, "minimal": 0.05, "clean-lined": 0.1},
        ),
        Number(
            name="glow", label="Glow", natural=(0.25, 0.7), often=0.55,
            words={"glowing": 0.75, "with glow lines": 0.7, "neon-lit": 0.85, "illuminated": 0.75, "brightly lit": 1.0,
                   "unlit": 0.0, "without lights": 0.0},
        ),
        gloss((0.3, 0.65)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness", "snow")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, s = canvas, p.scale
        seam = max(0.0035, s * 0.014)
        plates = courses(c, "plates", s * 2.1, s * 1.5, shift=0.5, jitter=0.28, row_jitter=0.4)
        panels = subdivide(plates, "panels", 2 + (p.detail > 0.25), minimum=s * 0.24, stop=0.3 - 0.2 * p.detail)
        kind = panels.random("kind")
        edge = _cut_corner(panels, panels.edge(seam, radius=s * 0.012), seam, s)
        small = torch.minimum(panels.half_x, panels.half_y)
        roomy = smoothstep(s * 0.1, s * 0.13, small)
        plate_gap = plates.edge(seam * 2.4, radius=s * 0.01)

        depth = s * 0.03
        face = dome(edge, s * 0.014)
        open_ = c.edge(edge)
        z = (0.45 + 0.35 * torch.floor(panels.random("level") * 3.0)) * face * open_
        z = z * c.edge(plate_gap) - 0.5 * (1.0 - c.edge(plate_gap))
        tone = (panels.random("tone") - 0.5) * 0.34
        shade = c.zeros()
        metal_part, dark_part, pit = c.zeros(), c.zeros(), c.zeros()

        # Shares of what fills a panel; the rest stays plain.
        d = p.detail
        inset = (kind < 0.14 + 0.14 * d) * roomy
        vent = ((kind > 0.3) & (kind < 0.33 + 0.16 * d)) * roomy
        holes = ((kind > 0.52) & (kind < 0.53 + 0.08 * d)) * roomy
        machine = ((kind > 0.64) & (kind < 0.62 + 0.24 * d)) * roomy
        accent = (panels.random("accent") < 0.1 + 0.07 * d) * (1.0 - machine)

        margin = s * 0.055
        inner = rounded_box(panels.x, panels.y, panels.half_x - margin, panels.half_y - margin, s * 0.02)
        well = c.edge(inner, s * 0.004)
        rim = smoothstep(s * 0.018, 0.0, inner.abs())

        # A plate let in, with a groove round it.
        groove = smoothstep(s * 0.011, s * 0.005, inner.abs()) * inset
        z = z + inset * (0.4 * well - 0.02) - 0.5 * groove
        shade = shade - 0.3 * groove

        # Slats, along the shorter side of the panel.
        wide = panels.half_x > panels.half_y
        along = torch.where(wide, panels.x, panels.y)
        slat = torch.remainder(along / (s * 0.055) + 0.5, 1.0)
        fin = torch.minimum(slat * 1.6, (1.0 - slat) * 5.0).clamp(max=1.0)
        z = z + vent * well * (fin * 1.1 - 1.35)
        deep = vent * well * smoothstep(0.7, 0.1, fin)
        pit = torch.maximum(pit, deep)
        dark_part = torch.maximum(dark_part, vent * well * 0.6)

        # A perforated plate.
        hx = torch.remainder(panels.x / (s * 0.045) + 0.5, 1.0) - 0.5
        hy = torch.remainder(panels.y / (s * 0.045) + 0.5, 1.0) - 0.5
        hole = smoothstep(0.34, 0.26, torch.sqrt(hx * hx + hy * hy)) * well * holes
        z = z - 1.1 * hole - 0.15 * holes * well
        pit = torch.maximum(pit, hole)

        # Small machinery: blocks of every height in a well.
        blocks = subdivide(panels, "blocks", 4, minimum=s * 0.045, stop=0.12)
        block_edge = blocks.edge(s * 0.011, radius=s * 0.008)
        block = dome(block_edge, s * 0.01) * c.edge(block_edge)
        rise = blocks.random("rise")
        ribs = torch.remainder(torch.where(rise > 0.5, blocks.x, blocks.y) / (s * 0.02), 1.0)
        ribbed = (blocks.random("ribs") > 0.72) * smoothstep(0.5, 0.42, (ribs - 0.5).abs() * 2.0)
        z = z + machine * well * (block * (0.25 + 1.7 * rise * rise + 0.3 * ribbed) - 1.1)
        pit = torch.maximum(pit, machine * well * (1.0 - block) * 0.8)
        metal_part = torch.maximum(metal_part, machine * well)
        shade = shade + machine * well * (0.5 * (blocks.random("tone") - 0.55) - 0.12 * ribbed)

        # Bolts in the corners of larger plates.
        bolt, socket = self._bolts(c, panels, s)
        bolted = (panels.random("bolts") < 0.3 + 0.45 * d) * (1.0 - machine)
        bolt, socket = bolt * bolted, socket * bolted
        z = z + 0.3 * bolt - 0.45 * socket
        pit = torch.maximum(pit, socket * 0.7)

        # Two colors and small signs.
        stripe = self._stripe(c, panels, s) * (1.0 - machine) * (1.0 - vent)
        accent = torch.maximum(accent * (1.0 - rim * inset), stripe)
        marks = self._marks(c, panels, s) * (1.0 - machine) * (1.0 - vent) * (1.0 - holes) * (0.2 + 0.8 * d > 0.3)

        light, halo = self._lights(c, plates, panels, s, p.glow, plate_gap)
        light = light * (1.0 - machine)
        z = z - 0.35 * light

        fine = c.noise("fine", 0.006, 4, 0.72)
        cloud = c.noise("cloud", c.width_m / 2.5, 6, 0.57)
        runs = c.streaks("runs", 0.05, 0.9)
        rubbed = smoothstep(s * 0.02, 0.0, edge) * open_
        chips = coverage(c.noise("chips", 0.05, 5, 0.7) + 1.1 * rubbed, 0.1 + 0.3 * p.get("wear"), 0.06) * rubbed
        grime = coverage(cloud * 0.6 + 0.5 * runs + 1.2 * rubbed - 0.4, 0.22, 0.7)
        gap = torch.maximum(1.0 - open_, 1.0 - c.edge(plate_gap))
        hollow = torch.maximum(gap, pit)

        bare = 1.0 if p.finish == "bare" else 0.0
        light_change = tone + 0.03 * cloud + 0.02 * runs + 0.008 * fine + 0.08 * rubbed - 0.16 * grime + shade
        lab = vary(p.color, c, light_change, warmth=(panels.random("hue") - 0.5) * 0.008)
        lab = blend_colors(c, lab, vary(p.third_color, c, light_change), accent)
        lab = blend_colors(c, lab, vary(p.color, c, light_change - 0.5, chroma=-0.4), dark_part)
        lab = vary(lab, c, 0.5 * marks * (1.0 if p.color[0] < 0.62 else -1.0))
        steel = vary((0.6, 0.0, -0.004), c, 0.6 * shade + 0.02 * cloud + 0.01 * fine)
        lab = blend_colors(c, lab, steel, clamp01(bolt * 0.6 + metal_part * 0.55 + chips * 0.8) * (1.0 - bare * 0.5))
        lab = vary(lab, c, -0.75 * hollow)
        glow = smoothstep(0.0, 0.9, light)
        lightness, a, b = p.second_color
        core = (min(0.97, lightness + 0.2), a * 0.45, b * 0.45)
        lab = blend_colors(c, lab, p.second_color, (halo * 0.32 * (1.0 - hollow * 0.5)).clamp(0.0, 1.0))
        lab = blend_colors(c, lab, blend_colors(c, p.second_color, core, smoothstep(0.45, 1.0, light)), glow)

        shine = 0.66 - 0.46 * p.gloss
        rough = shine + 0.1 * (panels.random("shine") - 0.5) + 0.03 * cloud + 0.02 * fine + 0.2 * grime
        rough = rough + (0.3 - rough) * clamp01(chips + bolt * 0.6) + 0.3 * hollow
        metallic = bare + (1.0 - bare) * clamp01(metal_part * 0.8 + chips + bolt * 0.8)
        return surface(
            c,
            color=lab,
            height=depth * (z + 0.004 * fine - 0.03 * chips),
            low=-0.9 * depth,
            high=1.6 * depth,
            roughness=rough + (0.35 - rough) * glow,
            metallic=metallic * (1.0 - 0.85 * hollow) * (1.0 - glow) * (1.0 - 0.8 * accent * bare),
            cavity=clamp01(hollow * 0.9 + 0.5 * groove) * (1.0 - glow),
            exposed=clamp01(rubbed + bolt * 0.5) * (1.0 - hollow),
        )

    @staticmethod
    def _bolts(c: Canvas, panels: Pieces, s: float) -> tuple[Tensor, Tensor]:
        """Heads of four screws and the slots in them."""
        inset = s * 0.038
        x = panels.half_x - panels.x.abs() - inset
        y = panels.half_y - panels.y.abs() - inset
        r = torch.sqrt(x * x + y * y)
        room = (torch.minimum(panels.half_x, panels.half_y) > s * 0.1).float()
        head = dome(s * 0.016 - r, s * 0.008) * room
        slot = c.edge(s * 0.003 - (x + y * (panels.random("slot") * 2.0 - 1.0)).abs()) * c.edge(s * 0.011 - r) * room
        return head * (1.0 - slot), torch.maximum(slot, smoothstep(s * 0.005, 0.0, (r - s * 0.019).abs()) * 0.5 * room)

    @staticmethod
    def _stripe(c: Canvas, panels: Pieces, s: float) -> Tensor:
        """A painted band across some panels."""
        place = (panels.random("band at") - 0.5) * 1.2
        away = (panels.y - place * panels.half_y).abs()
        band = c.edge(s * (0.02 + 0.05 * panels.random("band width")) - away)
        return band * (panels.random("band") > 0.9)

    @staticmethod
    def _marks(c: Canvas, panels: Pieces, s: float) -> Tensor:
        """Rows of small stencilled signs in a corner of some panels."""
        unit = s * 0.011
        a = (panels.x + panels.half_x - s * 0.075) / unit
        b = (panels.y + panels.half_y - s * 0.06) / (unit * 1.5)
        i, j = a.floor(), b.floor()
        inside = (i >= 0) & (i < 9) & (j >= 0) & (j < 4) & (torch.remainder(j, 2.0) < 1.0)
        room = (panels.half_x > s * 0.14) & (panels.half_y > s * 0.1) & (panels.random("sign") > 0.72)
        bit = (i + 9 * j).clamp(0, 35).long()
        ink = c.table("signs", 36 * 64).take(bit + 36 * (panels.random("word") * 63.99).long()) > 0.42
        gap = (a - i < 0.72) & (b - j > 0.08) & (b - j < 0.92)
        return (inside & room & ink & gap).float()

    @staticmethod
    def _lights(
        c: Canvas, plates: Pieces, panels: Pieces, s: float, amount: float, plate_gap: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Lines of light (0 to 1) and the shine round them."""
        if amount <= 0.02:
            return c.zeros(), c.zeros()
        wide = panels.half_x > panels.half_y
        across = torch.where(wide, panels.y, panels.x)
        along = torch.where(wide, panels.x, panels.y)
        half = torch.where(wide, panels.half_x, panels.half_y)
        short = torch.where(wide, panels.half_y, panels.half_x)
        offset = short * torch.where(panels.random("slot side") > 0.5, 0.45, -0.45)
        thick = s * 0.016
        slot = rounded_box(along, across - offset, half * 0.62, thick, thick)
        lit = (panels.random("lit") < 0.1 + 0.3 * amount) & (half > s * 0.2) & (short > s * 0.09)
        light = c.edge(slot) * (0.55 + 0.45 * smoothstep(0.0, thick, slot)) * lit
        # And some of the wide seams shine.
        seam = c.edge(-plate_gap) * (plates.random("lit") < 0.35 * amount)
        inside = smoothstep(0.0, -s * 0.015, plate_gap)
        light = torch.maximum(light, seam * (0.6 + 0.4 * inside))
        reach = s * 0.11
        halo = smoothstep(-reach, 0.0, slot) ** 2 * lit
        halo = torch.maximum(halo, smoothstep(reach, 0.0, plate_gap) ** 2 * (plates.random("lit") < 0.35 * amount))
        return light, halo * (0.4 + 0.6 * amount)


def _cut_corner(panels: Pieces, edge: Tensor, seam: float, s: float) -> Tensor:
    """Some panels lack a corner, cut at 45 degrees."""
    which = torch.floor(panels.random("corner") * 4.0)
    sx = torch.where(torch.remainder(which, 2.0) < 1.0, 1.0, -1.0)
    sy = torch.where(which < 2.0, 1.0, -1.0)
    cut = s * (0.05 + 0.1 * panels.random("cut size"))
    bevel = (panels.half_x + panels.half_y - seam - cut - panels.x * sx - panels.y * sy) * 0.70710678
    roomy = torch.minimum(panels.half_x, panels.half_y) > s * 0.11
    return torch.where((panels.random("cut") < 0.4) & roomy, torch.minimum(edge, bevel), edge)
