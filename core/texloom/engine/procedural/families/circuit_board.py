# SPDX-License-Identifier: GPL-3.0-or-later
"""Printed circuit boards: traces, pads, vias, chips and small parts."""

from __future__ import annotations

import torch
from torch import Tensor

from ..common import gloss, scale
from ..family import Family
from ..layout import Pieces, courses
from ..ops import clamp01, dome, rounded_box, smoothstep
from ..parameters import Color, Number, Params
from ..subdivide import subdivide
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas

# Lattice steps a side of the blocks that are cut up into regions.
_BLOCK = 32
# Numbers kept ready for the lanes of a region.
_LANES = 64
_CHIP, _PLASTIC, _PRINT = (0.24, 0.0, -0.002), (0.3, 0.0, 0.0), (0.93, 0.0, 0.004)


class CircuitBoard(Family):
    name = "circuit_board"
    title = "Circuit board"
    nouns = (
        "circuit board", "pcb", "printed circuit board", "motherboard", "circuit traces", "electronic board",
        "electronics board", "computer board", "microchips",
    )  # fmt: skip
    rare_nouns = ("mainboard", "logic board", "circuitry", "graphics card board", "breakout board")
    modifiers = ("computer", "electronic", "cyberpunk", "tech")
    tile_width_m = 0.08
    palettes = (
        {"color": "#1c5a36", "second_color": "#c9a24a"},
        {"color": "#0f4a2c", "second_color": "#b9bcbd"},
        {"color": "#17406f", "second_color": "#cfa94f"},
        {"color": "#1b1c1e", "second_color": "#d0aa52"},
        {"color": "#7a1a1c", "second_color": "#c3c5c6"},
        {"color": "#2a6e3c", "second_color": "#b8babb"},
        {"color": "#3d2359", "second_color": "#d3ad58"},
        {"color": "#d8d9d4", "second_color": "#c9a24a"},
    )
    parameters = (
        Color(name="color", label="Board color", spread=0.012),
        Color(
            name="second_color", label="Contact color", parts=("contacts", "pads", "solder", "pins", "vias"),
            spread=0.01,
        ),
        scale("Trace pitch", 0.0002, 0.01, (0.0005, 0.0007), 0.0004, 0.0016),
        Number(
            name="components", label="Components", natural=(0.35, 0.8),
            words={"densely populated": 1.0, "with chips": 0.75, "with components": 0.8, "populated": 0.85,
                   "sparsely populated": 0.2, "unpopulated": 0.0, "bare": 0.0, "without components": 0.0},
        ),
        gloss((0.4, 0.75)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "wetness")

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c = canvas
        blocks_x, blocks_y = (max(1, n) for n in c.count(p.scale * _BLOCK))
        step_x = c.width_m / (blocks_x * _BLOCK)
        step_y = c.height_m / (blocks_y * _BLOCK)
        step = min(step_x, step_y)
        blocks = courses(c, "blocks", c.width_m / blocks_x, c.height_m / blocks_y, shift=0.0)
        regions = subdivide(blocks, "regions", 4, minimum=step * 5.5, stop=0.16, unit=(step_x, step_y))
        # From here on in lattice steps.
        x, y = regions.x / step_x, regions.y / step_y
        hx, hy = regions.half_x / step_x, regions.half_y / step_y
        left, top = x + hx, y + hy
        small = torch.minimum(hx, hy)
        kind = regions.random("kind")
        n = p.components
        chip = (small > 4.4) & (kind < 0.62 * n) & (torch.maximum(hx, hy) < 17.0)
        parts = ~chip & (kind > 0.5) & (kind < 0.5 + 0.36 * n)
        header = ~chip & ~parts & (kind > 0.945 - 0.05 * n)
        field = ~chip & ~parts & ~header & (kind > 0.87)
        bus = ~(chip | parts | header | field)

        trace, clear, via, hole = self._bus(c, regions, left, top, hx, hy, bus, (step_x, step_y))
        pad, body, tall, ink, brown = c.zeros(), c.zeros(), c.zeros(), c.zeros(), c.zeros()
        metal_body = c.zeros()

        # Vias in a lattice that holds planes of copper together.
        fx, fy = torch.remainder(left / 2.0, 1.0) - 0.5, torch.remainder(top / 2.0, 1.0) - 0.5
        fr = torch.sqrt(fx * fx + fy * fy) * 2.0
        seat = (top / 2.0).floor() * 32 + (left / 2.0).floor()
        there = c.table("field vias", 1024).take(torch.remainder(seat + regions.index, 1024).long()) > 0.35
        use = (field & there).float()
        via = torch.maximum(via, c.edge((0.55 - fr) * step) * use)
        hole = torch.maximum(hole, c.edge((0.27 - fr) * step) * use)

        # Rows of large rings for plugs.
        gx, gy = torch.remainder(left / 3.0, 1.0) - 0.5, torch.remainder(top / 3.0, 1.0) - 0.5
        gr = torch.sqrt(gx * gx + gy * gy) * 3.0
        inside = rounded_box(x, y, hx - 0.4, hy - 0.4, 0.3)
        whole = (left < torch.floor(hx * 2.0 / 3.0) * 3.0) & (top < torch.floor(hy * 2.0 / 3.0) * 3.0)
        use = (header & whole).float()
        clear = torch.maximum(clear, c.edge((1.35 - gr) * step) * use)
        pad = torch.maximum(pad, c.edge((1.02 - gr) * step) * use)
        hole = torch.maximum(hole, c.edge((0.52 - gr) * step) * use)
        ink = torch.maximum(ink, c.edge((0.09 - (inside - 0.25).abs()) * step) * header)

        chips = self._chips(c, regions, x, y, hx, hy, chip.float(), step)
        pad, body, tall = torch.maximum(pad, chips[0]), chips[1], chips[2]
        ink, clear = torch.maximum(ink, chips[3]), torch.maximum(clear, chips[4])
        print_on_chip = chips[5]

        small_parts = self._parts(c, regions, left, top, hx, hy, parts.float(), step)
        pad = torch.maximum(pad, small_parts[0])
        body, tall = torch.maximum(body, small_parts[1]), torch.maximum(tall, small_parts[1] * small_parts[2])
        ink, clear = torch.maximum(ink, small_parts[3]), torch.maximum(clear, small_parts[4])
        brown, metal_body = small_parts[5], small_parts[6]

        # Copper fills what traces leave, and keeps its distance from them.
        rim = torch.minimum(hx - x.abs(), hy - y.abs())
        poured = (regions.random("pour") > 0.3).float()
        groove = smoothstep(0.5, 0.28, (rim - 0.1).abs()) * (regions.random("moat") > 0.55)
        copper = clamp01(torch.maximum(trace, poured * (1.0 - clear) * (1.0 - groove)))
        via_ring = via * (1.0 - hole)
        pad = torch.maximum(pad, via_ring) * (1.0 - hole)

        fine = c.noise("fine", step * 0.5, 4, 0.7)
        weave = torch.sin(c.u * (blocks_x * _BLOCK * 1.0) * 6.2831853) * torch.sin(
            c.v * (blocks_y * _BLOCK * 1.0) * 6.2831853
        )
        cloud = c.noise("cloud", c.width_m / 3.0, 5, 0.55)
        solder = c.noise("solder", step * 0.8, 3, 0.6)
        dark_board = p.color[0] < 0.3
        raised = trace * 0.3 + copper * (0.17 if not dark_board else 0.24)
        mask_color = vary(
            p.color,
            c,
            raised + 0.01 * fine + 0.02 * cloud + 0.012 * weave * (1.0 - copper),
            chroma=0.18 * copper - 0.05,
        )
        lab = blend_colors(c, mask_color, vary(_PRINT, c, 0.03 * fine - 0.02), clamp01(ink) * 0.92 * (1.0 - pad))
        contact = vary(p.second_color, c, 0.05 * solder + 0.04 * cloud)
        lab = blend_colors(c, lab, contact, pad)
        lab = vary(lab, c, -0.86 * hole * (1.0 - body))
        tone = regions.random("tone") - 0.5
        plastic = vary(_CHIP, c, 0.05 * fine + 0.25 * tone)
        plastic = blend_colors(c, plastic, (0.52, 0.035, 0.06), brown * 0.85)
        plastic = blend_colors(c, plastic, vary((0.72, 0.0, 0.002), c, 0.05 * cloud), metal_body)
        lab = blend_colors(c, lab, plastic, body)
        lab = blend_colors(c, lab, (0.66, 0.0, 0.0), print_on_chip * 0.7)

        unit = step * 0.06
        height = unit * (0.7 * trace + 0.5 * copper + 0.03 * fine + 0.25 * ink)
        height = height + pad * (1.0 - body) * unit * (1.6 + 0.3 * solder)
        height = torch.where(body > 0.5, step * tall + unit * 0.06 * fine, height) - hole * (1.0 - body) * step * 0.8
        shine = 0.52 - 0.38 * p.gloss
        rough = shine + 0.05 * cloud + 0.02 * fine - 0.05 * copper + 0.25 * ink
        rough = rough + (0.28 + 0.06 * solder - rough) * pad
        rough = rough + (0.55 + 0.04 * fine - 0.2 * metal_body - rough) * body
        return surface(
            c, color=lab, height=height, low=-0.4 * step, high=1.6 * step, roughness=rough + 0.4 * hole,
            metallic=clamp01(pad * (1.0 - body) + metal_body * body) * (1.0 - hole),
            cavity=clamp01((1.0 - copper) * 0.35 + hole) * (1.0 - body),
            exposed=clamp01(body * 0.6 + pad * 0.5),
        )  # fmt: skip

    @staticmethod
    def _bus(
        c: Canvas, regions: Pieces, left: Tensor, top: Tensor, hx: Tensor, hy: Tensor, use: Tensor,
        steps: tuple[float, float],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        """Parallel traces with 45 degree bends that end in vias: trace, its clearance, rings, holes."""
        step = min(steps)
        turned = (hx > hy) ^ (regions.random("turn") > 0.8)
        a = torch.where(turned, left, top)
        b = torch.where(turned, top, left)
        length = torch.where(turned, hx, hy) * 2.0
        shift, slope = torch.zeros_like(a), torch.zeros_like(a)
        for number in range(3):
            jump = torch.floor(regions.random(f"jump{number}") * 13.0) - 6.0
            start = torch.floor(length * (0.08 + 0.26 * number + 0.14 * regions.random(f"bend{number}")))
            run = (a - start).clamp(min=0.0)
            going = (run > 0.0) & (run < jump.abs())
            shift = shift + torch.sign(jump) * torch.minimum(run, jump.abs())
            slope = torch.where(going, 1.0, slope)
        lane_at = b + shift
        # Some regions leave every second lane out, for wider traces.
        wide = regions.random("wide") > 0.6
        every = torch.where(wide, 2.0, 1.0)
        lane = (lane_at / every).floor()
        off = (lane_at / every - lane - 0.5) * every
        index = regions.index * _LANES + torch.remainder(lane, _LANES).long()

        def random(name: str) -> Tensor:
            return c.table(f"lanes/{name}", regions.number * _LANES).take(index)

        slant = torch.where(slope > 0.5, 0.70710678, 1.0)
        across = off.abs() * slant
        begin = torch.where(random("from edge") > 0.45, -1.0, torch.floor(random("begin") * length * 0.45) + 0.5)
        end = torch.where(
            random("to edge") > 0.45, length + 1.0, length - torch.floor(random("end") * length * 0.45) - 0.5
        )
        there = use & (random("there") > 0.2)
        half = torch.where(wide, 0.34 + 0.28 * (random("thick") > 0.6), 0.2)
        long = torch.minimum(a - begin, end - a)
        line = c.edge(torch.minimum((half - across) * step, (long + 0.2) * step)) * there
        # The end of a trace lies in a via; beside a bend there is no room for one.
        reach = torch.minimum((a - begin).abs(), (end - a).abs())
        r = torch.sqrt(reach * reach + off * off)
        room = there & (slope < 0.5)
        ring = c.edge((0.46 - r) * step) * room
        hole = c.edge((0.22 - r) * step) * room
        keep = torch.maximum(
            c.edge((half + 0.22 - across) * step) * there * (long > -0.7), c.edge((0.66 - r) * step) * room
        )
        return torch.maximum(line, ring), keep, ring, hole

    @staticmethod
    def _chips(
        c: Canvas, regions: Pieces, x: Tensor, y: Tensor, hx: Tensor, hy: Tensor, use: Tensor, step: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Pads and pins, body, its height in steps, silk screen, clearance, print on the body."""
        margin = 2.3
        bx, by = (hx - margin).floor(), (hy - margin).floor()
        body_edge = rounded_box(x, y, bx, by, 0.25)
        body = c.edge(body_edge * step) * use
        quad = (regions.random("quad") > 0.45) & ((hx - hy).abs() < 3.0)
        upright = hx < hy
        tall = 0.75 + 0.5 * regions.random("tall")
        crown = dome(body_edge, 0.35)
        dot = torch.sqrt((x + bx - 1.0) ** 2 + (y + by - 1.0) ** 2)
        dimple = smoothstep(0.5, 0.35, dot)

        def pins(along: Tensor, outward: Tensor, reach: Tensor, on: Tensor) -> tuple[Tensor, Tensor]:
            at = torch.remainder(along, 1.0) - 0.5
            span = (reach - 0.5).floor()
            row = smoothstep(0.02, -0.02, along.abs() - span)
            pin = torch.minimum(0.27 - at.abs(), torch.minimum(outward + 0.3, 1.45 - outward))
            return c.edge(pin * step) * row * on * use, c.edge((1.7 - outward) * step) * (outward > 0) * on * use

        side, side_clear = pins(y, x.abs() - bx, by, (quad | upright).float())
        ends, ends_clear = pins(x, y.abs() - by, bx, (quad | ~upright).float())
        outline = rounded_box(x, y, hx - 0.45, hy - 0.45, 0.2)
        ink = c.edge((0.1 - outline.abs()) * step) * use * (regions.random("outline") > 0.35)
        mark = torch.sqrt((x + hx - 0.95) ** 2 + (y + hy - 0.95) ** 2)
        ink = torch.maximum(ink, c.edge((0.3 - mark) * step) * use)
        # Lines of type.
        row = (y / 0.9).floor()
        letter = (x / 0.42).floor()
        bit = torch.remainder(letter + 17.0 * row, 64.0).long() + 64 * torch.remainder(regions.index, 16)
        inside = (x.abs() < bx * 0.68) & (row.abs() < 2.0) & (by > 2.0) & (y / 0.9 - row > 0.3)
        inside = inside & (x / 0.42 - letter < 0.74)
        glyph = (c.table("letters", 1024).take(bit) > 0.3) & inside
        type_ = glyph * body * (regions.random("type") > 0.25)
        height = tall * (0.7 + 0.3 * crown) - 0.08 * dimple
        pads = torch.maximum(side, ends)
        return pads, body, height, ink, torch.maximum(side_clear, ends_clear), type_

    @staticmethod
    def _parts(
        c: Canvas, regions: Pieces, left: Tensor, top: Tensor, hx: Tensor, hy: Tensor, use: Tensor, step: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Two-ended parts in rows: pads, body, height in steps, silk screen, clearance, brown ones, metal cans."""
        flat = regions.random("flat") > 0.5
        long, short = torch.where(flat, left, top), torch.where(flat, top, left)
        room_long, room_short = torch.where(flat, hx, hy) * 2.0, torch.where(flat, hy, hx) * 2.0
        size = torch.where(regions.random("size") > 0.7, 1.6, 1.0)
        cell_long, cell_short = 5.0 * size, 2.6 * size
        i, j = (long / cell_long).floor(), (short / cell_short).floor()
        a, b = (long / cell_long - i - 0.5) * 5.0, (short / cell_short - j - 0.5) * 2.6
        whole = ((i + 1.0) * cell_long <= room_long + 0.01) & ((j + 1.0) * cell_short <= room_short + 0.01)
        index = torch.remainder(regions.index * 7 + (i + 9.0 * j).long(), 1024)
        there = use * whole * (c.table("part there", 1024).take(index) > 0.22)
        which = c.table("part kind", 1024).take(index)
        can = which > 0.9
        pad = torch.minimum(0.72 - (a.abs() - 1.25).abs(), 0.78 - b.abs())
        ends = c.edge(pad * step) * there
        box = torch.minimum(1.72 - a.abs(), 0.66 - b.abs())
        round_ = 1.05 - torch.sqrt(a * a + b * b)
        body = c.edge(torch.where(can, round_, box) * step) * there
        caps = smoothstep(1.05, 1.12, a.abs()) * body * (~can)
        tall = torch.where(can, 1.3, 0.42 + 0.4 * (which > 0.5)) * (
            0.75 + 0.25 * dome(torch.where(can, round_, box), 0.3)
        )
        silk = torch.maximum((0.08 - (b.abs() - 1.08).abs()), torch.full_like(b, -1.0))
        ink = c.edge(torch.minimum(silk, 2.1 - a.abs()) * step) * there
        clear = c.edge(torch.minimum(2.3 - a.abs(), 1.2 - b.abs()) * step) * there
        brown = body * (which > 0.5) * (~can) * (1.0 - caps)
        return (
            ends,
            body,
            tall,
            ink,
            clear,
            brown,
            torch.maximum(caps, can * smoothstep(0.9, 0.75, -round_ + 1.05) * body),
        )
