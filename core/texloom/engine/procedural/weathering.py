# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes that compose with any family: worn, cracked, dirty, mossy, dusty, snowy, wet.

They act in the order in which nature applies them: wear and cracks belong to the material, dirt and growth
lie on it, water comes last.
"""

from __future__ import annotations

import math

import torch

from .cells import cracks
from .color import hex_to_lab
from .ops import clamp01, coverage, mix, smoothstep
from .parameters import Number, Params
from .surface import Surface, blend_colors
from .tile import Canvas

WEAR = Number(
    name="wear", label="Wear", natural=(0.0, 0.25), often=0.25,
    words={
        "worn": 0.75, "weathered": 0.75, "old": 0.7, "aged": 0.7, "ancient": 0.9, "battered": 0.9, "eroded": 0.85,
        "chipped": 0.75, "distressed": 0.75, "time-worn": 0.8, "new": 0.0, "brand new": 0.0, "pristine": 0.0,
        "freshly made": 0.0,
    },
)  # fmt: skip
CRACKS = Number(
    name="cracks", label="Cracks", natural=(0.0, 0.2), often=0.75,
    words={"cracked": 0.75, "fractured": 0.8, "split": 0.65, "with cracks": 0.7, "full of cracks": 1.0,
           "hairline cracks": 0.4, "fissured": 0.75, "uncracked": 0.0, "without cracks": 0.0},
)  # fmt: skip
DIRT = Number(
    name="dirt", label="Dirt", natural=(0.0, 0.2), often=0.5,
    words={"dirty": 0.75, "grimy": 0.85, "stained": 0.7, "sooty": 0.9, "muddy": 0.8, "filthy": 1.0, "soiled": 0.7,
           "grubby": 0.7, "clean": 0.0, "spotless": 0.0},
)  # fmt: skip
MOSS = Number(
    name="moss", label="Moss", natural=(0.0, 0.15), often=0.92,
    words={"mossy": 0.7, "moss-covered": 0.95, "overgrown with moss": 0.95, "with moss": 0.65, "moss in the gaps": 0.45,
           "covered in moss": 0.95, "overgrown": 0.85, "with patches of moss": 0.5, "without moss": 0.0},
)  # fmt: skip
DUST = Number(
    name="dust", label="Dust", natural=(0.0, 0.2), often=0.6,
    words={"dusty": 0.75, "dust-covered": 0.95, "covered in dust": 0.95, "with dust": 0.6, "powdery": 0.6,
           "dust-free": 0.0},
)  # fmt: skip
SNOW = Number(
    name="snow", label="Snow cover", natural=(0.0, 0.0), often=1.0,
    words={"snowy": 0.6, "snow-covered": 0.85, "dusted with snow": 0.4, "covered in snow": 0.9, "frosty": 0.3,
           "with snow": 0.6},
)  # fmt: skip
WETNESS = Number(
    name="wetness", label="Wetness", natural=(0.0, 0.0), often=1.0,
    words={"wet": 0.75, "damp": 0.4, "moist": 0.4, "rain-soaked": 1.0, "soaked": 1.0, "drenched": 1.0, "rainy": 0.8,
           "after rain": 0.85, "with puddles": 1.0, "dripping": 0.9, "dry": 0.0},
)  # fmt: skip

ATTRIBUTES: dict[str, Number] = {item.name: item for item in (WEAR, CRACKS, DIRT, MOSS, DUST, SNOW, WETNESS)}
"""Attributes that a family may name in ``Family.attributes``; each adds its parameter."""

_MOSS_DARK, _MOSS_LIGHT = hex_to_lab("#2c3a12"), hex_to_lab("#7f8f38")
_DUST = hex_to_lab("#b3a78f")
_DIRT = hex_to_lab("#2e261c")
_SNOW = hex_to_lab("#f1f5fa")


def weather(canvas: Canvas, surface: Surface, params: Params) -> None:
    """Apply every attribute that ``params`` has to ``surface``, in place."""
    if (amount := params.get("wear")) > 0.02:
        wear(canvas, surface, amount)
    if (amount := params.get("cracks")) > 0.02:
        crack(canvas, surface, amount)
    if (amount := params.get("dirt")) > 0.02:
        dirt(canvas, surface, amount)
    if (amount := params.get("moss")) > 0.02:
        moss(canvas, surface, amount)
    if (amount := params.get("dust")) > 0.02:
        dust(canvas, surface, amount)
    if (amount := params.get("snow")) > 0.02:
        snow(canvas, surface, amount)
    if (amount := params.get("wetness")) > 0.02:
        wet(canvas, surface, amount)


def _span(canvas: Canvas) -> float:
    return min(canvas.width_m, canvas.height_m)


def _relief(surface: Surface) -> float:
    return max(surface.high - surface.low, 1e-5)


def wear(canvas: Canvas, s: Surface, amount: float) -> None:
    """Bleach the colour in patches, scuff what is rubbed, lighten exposed edges and break chips off them."""
    span = _span(canvas)
    rubbed = canvas.noise("wear/patches", span / 4, 5, 0.6)
    patches = coverage(rubbed, 0.8 * amount, 0.45)
    edges = s.exposed * coverage(canvas.noise("wear/edges", span / 24, 4, 0.65), 0.25 + 0.5 * amount, 0.5)
    scuffs = coverage(canvas.noise("wear/scuffs", span / 10, 7, 0.82), 0.4 * amount, 0.5) * (0.4 + 0.6 * patches)
    chips = coverage(canvas.noise("wear/chips", span / 60, 4, 0.65), 0.14 * amount, 0.06)
    # Off edges of pieces: what is flat is scuffed and bleached only.
    relief = _relief(s)
    chips = chips * smoothstep(0.1, 0.5, s.exposed) * min(1.0, relief / (0.004 * span))
    bleached = s.lab * torch.tensor([0.82, 0.62, 0.62], device=s.lab.device)[:, None, None]
    bleached[0] = bleached[0] + 0.145
    s.lab = s.lab + (bleached - s.lab) * (patches * 0.85 * amount)
    s.shade(1.0 + 0.14 * amount, scuffs)
    s.shade(1.0 + 0.2 * amount, edges)
    s.shade(0.8, chips)
    s.height = s.height - (edges * 0.08 * amount + chips * 0.25) * relief
    s.set_roughness((s.roughness + 0.2).clamp_(max=0.95), torch.maximum(patches * amount, chips))


def crack(canvas: Canvas, s: Surface, amount: float) -> None:
    """A network of cracks with finer ones between; ``amount`` sets how many and how wide."""
    span = _span(canvas)
    line = cracks(canvas, "cracks/wide", span / (2.0 + 2.0 * amount), width=span * 0.0045 * (0.5 + amount), wander=0.5)
    fine = cracks(canvas, "cracks/fine", span / 11.0, width=span * 0.002, wander=0.6)
    where = coverage(canvas.noise("cracks/where", span / 3, 3), 0.35 + 0.65 * amount, 0.3)
    fine = fine * coverage(canvas.noise("cracks/finer", span / 4, 3), 0.55 * amount, 0.3)
    line = torch.maximum(line * where, fine * 0.7)
    s.shade(0.38, smoothstep(0.05, 0.7, line))
    depth = max(0.5 * _relief(s), 0.0012 * span)
    s.height = s.height - line * depth * 0.8
    s.set_roughness(0.9, line)
    s.set_metallic(0.0, line * 0.6)
    s.cavity = torch.maximum(s.cavity, line)


def dirt(canvas: Canvas, s: Surface, amount: float) -> None:
    """Grime in cavities, blotches and faint runs down the tile."""
    span = _span(canvas)
    blotch = coverage(canvas.noise("dirt/blotch", span / 3, 6, 0.6), 0.55 * amount, 0.6)
    runs = coverage(canvas.streaks("dirt/runs", span / 30, span / 1.5), 0.35 * amount, 0.7)
    grain = canvas.noise("dirt/grain", span / 60, 3, 0.6).mul_(0.18).add_(0.85)
    mask = clamp01((s.cavity * 0.75 + blotch * 0.55 + runs * 0.3) * grain * amount).mul_(0.85)
    s.paint(_DIRT, mask)
    s.set_roughness(0.85, mask * 0.8)
    s.set_metallic(0.0, mask * 0.8)


def moss(canvas: Canvas, s: Surface, amount: float) -> None:
    """Soft cushions that start in cavities and, with more of it, creep over everything."""
    span = _span(canvas)
    field = canvas.noise("moss/where", span / 4, 5, 0.6) * 0.75 + (s.cavity - 0.35) * 2.4
    body = coverage(field * 0.75, 0.12 + 0.78 * amount, 0.22)
    if amount < 0.25:
        body = body * (amount / 0.25)
    clumps = canvas.noise("moss/clumps", span / 30, 4, 0.7)
    fibre = canvas.noise("moss/fibre", span / 160, 3, 0.8)
    tone = clamp01(0.42 + 0.2 * clumps + 0.16 * fibre)
    s.paint(blend_colors(canvas, _MOSS_DARK, _MOSS_LIGHT, tone), body.clamp(max=0.97))
    thickness = max(0.35 * _relief(s), 0.002 * span)
    s.height = s.height + body * thickness * (0.55 + 0.16 * clumps + 0.1 * fibre)
    s.set_roughness(0.95, body)
    s.set_metallic(0.0, body)
    s.cavity = s.cavity * (1.0 - body)


def dust(canvas: Canvas, s: Surface, amount: float) -> None:
    """A pale film, thicker in low and sheltered places, that dulls the shine."""
    span = _span(canvas)
    film = coverage(canvas.noise("dust/film", span / 3, 6, 0.6) + s.cavity, 0.25 + 0.65 * amount, 0.9)
    specks = canvas.noise("dust/specks", span / 200, 2, 0.7).mul_(0.12).add_(0.9)
    mask = clamp01(film * specks).mul_(0.25 + 0.55 * amount)
    s.paint(_DUST, mask)
    s.set_roughness(0.95, clamp01(film * (0.5 + 0.5 * amount)))
    s.set_metallic(0.0, mask)


def snow(canvas: Canvas, s: Surface, amount: float) -> None:
    """Snow that settles in gaps first and closes over the tops with more of it; a breath of frost below 0.35."""
    span = _span(canvas)
    drift = canvas.noise("snow/drift", span / 4, 5, 0.55)
    body = coverage(drift * 0.7 + (s.cavity - 0.35) * 1.1, 0.08 + 0.9 * amount, 0.22)
    frost = coverage(canvas.noise("snow/frost", span / 120, 3, 0.75) + 0.5 * drift, 0.3, 0.8) * (
        0.4 * min(1.0, amount * 2.0)
    )
    soft = canvas.noise("snow/soft", span / 12, 4, 0.5)
    sparkle = canvas.noise("snow/sparkle", span / 250, 2, 0.8)
    mask = clamp01(body + frost * 0.8)
    tone = clamp01(0.62 + 0.22 * soft + 0.1 * sparkle)
    s.paint(blend_colors(canvas, hex_to_lab("#cdd9ea"), _SNOW, tone), mask.clamp(max=0.98))
    thickness = max(0.7 * _relief(s), 0.004 * span) * amount
    # It fills what lies under it, so that only large shapes show through.
    lying = s.height + (s.low + 0.7 * _relief(s) - s.height) * (0.65 * amount)
    s.height = mix(s.height, lying + thickness * (1.0 + 0.15 * soft + 0.03 * sparkle), body)
    s.set_roughness(0.72, mask)
    s.set_metallic(0.0, mask)
    s.cavity = s.cavity * (1.0 - body)


def wet(canvas: Canvas, s: Surface, amount: float) -> None:
    """Darken and gloss what water soaks; above about 0.5 it stands in the low places as puddles.

    Soaked matter is darker and more saturated since light is caught under the film (after J. Lekner and
    M. Dorf, "Why some things are darker when wet", 1988).
    """
    span = _span(canvas)
    patch = coverage(canvas.noise("wet/patch", span / 2.5, 4, 0.5) + s.cavity * 0.8, 0.3 + 0.75 * amount, 0.5)
    soaked = clamp01(patch + max(0.0, amount - 0.6)) * min(1.0, 0.35 + amount)
    darker = 1.0 - 0.30 * soaked * (1.0 - s.metallic)
    s.shade(darker)
    s.lab = torch.cat((s.lab[:1], s.lab[1:] * (1.0 + 0.18 * soaked)))
    s.set_roughness((s.roughness * 0.35 + 0.03).clamp_(max=0.4), soaked * min(1.0, 0.45 + 0.6 * amount))
    if amount > 0.5:
        _puddles(canvas, s, (amount - 0.5) * 2.0)


def _puddles(canvas: Canvas, s: Surface, amount: float) -> None:
    """Water in the low places; the ground sinks a little here and there, so that it also stands in broad pools."""
    span, relief = _span(canvas), _relief(s)
    lie = canvas.noise("wet/lie", span / 4.5, 5, 0.5)
    # Pools come late: what is merely wet has water in its joints and pits only.
    sunk = coverage(lie, 0.28 * max(0.0, 2.0 * amount - 1.0), 0.3)
    ground = s.height - sunk * min(1.4 * relief, 0.005 * span) + (0.13 * relief) * (0.4 - lie).clamp(0.0, 1.3)
    # One level for the whole tile: water lies flat.
    level = s.low + (0.03 + 0.15 * amount) * relief
    depth = (level - ground) / relief
    under = smoothstep(-0.03, 0.05, depth)
    s.height = mix(ground, torch.maximum(ground, ground.new_tensor(level)), under)
    s.set_roughness(0.03, under)
    s.set_metallic(0.0, under)
    # Light is lost on its way down and back, and what lies deep shows less.
    s.shade(1.0 - 0.12 * under - 0.14 * smoothstep(0.0, 0.9, depth))
    s.cavity = s.cavity * (1.0 - under)


def size_words(small: float, large: float) -> dict[str, float]:
    """Phrases for a size parameter, given what counts as small and as large."""
    middle = math.sqrt(small * large)
    return {
        "small": small, "tiny": small * 0.75, "little": small, "large": large, "big": large, "huge": large * 1.35,
        "medium-sized": middle, "oversized": large * 1.35, "small-scale": small, "large-scale": large,
    }  # fmt: skip
