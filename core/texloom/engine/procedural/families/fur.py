# SPDX-License-Identifier: GPL-3.0-or-later
"""Fur: hairs in tufts, plain or with the markings of an animal."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..cells import voronoi
from ..common import scale, variation
from ..family import Family
from ..ops import clamp01, smoothstep
from ..parameters import Choice, Color, Number, Params, Rng, Value
from ..strands import strands
from ..suited import suited
from ..surface import Surface, blend_colors, surface, vary
from ..tile import Canvas

_WHITE = {"color": "#efeae0", "second_color": "#2a2724"}
_PLAIN = (
    {"color": "#8a6a48", "second_color": "#2e2118"},
    {"color": "#b98c57", "second_color": "#3a2617"},
    {"color": "#d8cdbb", "second_color": "#3b342d"},
    {"color": "#6b6661", "second_color": "#25231f"},
    {"color": "#3a2e26", "second_color": "#17120f"},
    {"color": "#a8602f", "second_color": "#2b1a10"},
    {"color": "#9b958b", "second_color": "#4a453f"},
    _WHITE,
)
_TAWNY = (
    {"color": "#c4975a", "second_color": "#2b1d12"},
    {"color": "#d0ab74", "second_color": "#35261a"},
    {"color": "#b98550", "second_color": "#241811"},
)
_TIGER = ({"color": "#c4742e", "second_color": "#1d1510"}, {"color": "#cf8a45", "second_color": "#251a12"})
_ZEBRA = ({"color": "#eae6dc", "second_color": "#1f1d1c"}, {"color": "#e2dccf", "second_color": "#2a2320"})
_COW = (
    _WHITE,
    {"color": "#ece4d6", "second_color": "#6b4024"},
    {"color": "#e8e2d8", "second_color": "#2c2623"},
    {"color": "#f0e9dc", "second_color": "#9a6236"},
)
_SUITED = {"plain": _PLAIN, "spots": _TAWNY, "rosettes": _TAWNY, "stripes": _TIGER, "zebra": _ZEBRA, "patches": _COW}


class Fur(Family):
    name = "fur"
    title = "Fur"
    nouns = (
        "fur", "animal fur", "faux fur", "fake fur", "shaggy fur", "pelt", "animal hair", "sheepskin", "fur coat",
    )  # fmt: skip
    rare_nouns = ("furry hide", "peltry", "fleece of a sheep")
    modifiers = ("cozy", "soft", "warm", "wild")
    tile_width_m = 0.4
    palettes = (*_PLAIN, *_TAWNY, *_TIGER)
    parameters = (
        Color(name="color", label="Fur color", spread=0.016),
        Color(
            name="second_color", label="Marking color", parts=("markings", "spots", "stripes", "rosettes", "patches"),
            spread=0.012,
        ),
        Choice(
            name="pattern", label="Markings",
            options={
                "plain": ("plain", "unmarked"),
                "spots": ("spotted", "cheetah", "with spots"),
                "rosettes": ("leopard", "jaguar", "with rosettes"),
                "stripes": ("tiger", "striped", "with stripes"),
                "zebra": ("zebra",),
                "patches": ("piebald", "cow", "with patches"),
            },
            weights={"plain": 4.0, "spots": 0.8, "rosettes": 0.8, "stripes": 0.7, "zebra": 0.5, "patches": 0.7},
        ),
        Number(
            name="hair_length", label="Hair length", low=0.004, high=0.12, natural=(0.015, 0.045), log=True, unit="m",
            words={"short-haired": 0.007, "short": 0.008, "long": 0.06, "long-haired": 0.06, "shaggy": 0.07,
                   "fluffy": 0.045, "velvety": 0.005},
        ),
        scale("Marking size", 0.01, 0.2, (0.035, 0.07), 0.02, 0.1),
        Number(
            name="clumping", label="Clumping", natural=(0.25, 0.65),
            words={"matted": 1.0, "tufted": 0.8, "clumped": 0.85, "tangled": 0.9, "sleek": 0.08, "groomed": 0.1,
                   "combed": 0.1},
        ),
        variation((0.3, 0.7)),
    )  # fmt: skip
    attributes = ("wear", "dirt", "dust", "snow", "wetness")

    @classmethod
    def sample(cls, rng: Rng, given: Mapping[str, Value] | None = None) -> dict[str, Value]:
        """As of every family; where the prompt names no color, the colors are those of the marked animal."""
        values = super().sample(rng, given)
        return suited(cls.parameters, values, given, _SUITED[str(values["pattern"])], rng)

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        c, long, v = canvas, p.hair_length, p.variation
        # Short hair is finer and stands closer.
        width = 0.0007 + 0.014 * long
        curl = c.noise("flow", long * 3.2, 3, 0.5)
        tuft = long * 0.36 * (0.6 + p.clumping)
        locks = voronoi(c, "locks", (tuft, tuft * 2.4), jitter=0.95, at=self._bent(c, curl, long * 0.3))
        # Hairs of a lock run together towards its tip.
        pull = p.clumping * 0.55 * smoothstep(-1.3 * tuft, 1.5 * tuft, locks.dy)
        swirl = (locks.random("swirl") - 0.5) * (0.5 + p.clumping) * (locks.dy + tuft)
        du = (long * 0.3 * curl + pull * locks.dx + 0.4 * swirl) / c.width_m
        at = (c.u + du, c.v + c.zeros())
        under = strands(c, "under", pitch=width * 1.25, length=long * 0.8, width=width * 1.3, lean=0.75, at=at)
        guard = strands(c, "guard", pitch=width * 1.7, length=long, width=width, lean=0.8, share=0.8, at=at)
        top = guard.z + 0.1 * (guard.z > 0.0) > under.z
        z = torch.where(top, guard.z + 0.15, under.z)
        tone = torch.where(top, guard.tone, under.tone)
        along = torch.where(top, guard.along, under.along)
        body = torch.where(top, guard.round, under.round)
        # A lock is highest along its middle and sinks between the locks.
        ridge = smoothstep(0.95 * tuft, 0.1 * tuft, locks.distance)
        mass = p.clumping * (0.55 * ridge + 0.3 * (locks.random("tall") - 0.5))
        lay = c.noise("lay", long * 5.0, 4, 0.5)
        deep = smoothstep(0.55, 0.05, z) * 0.75 + 0.35 * p.clumping * smoothstep(0.45, 0.0, ridge)
        mark = self._mark(c, p, at)
        tip = smoothstep(0.25, 1.0, along)
        light = (tone - 0.5) * 0.34 * (0.35 + v) + 0.2 * (tip - 0.5) + 0.1 * (body - 0.6) - 0.46 * clamp01(deep)
        light = light + 0.05 * v * lay + 0.12 * mass + 0.1
        base = vary(p.color, c, light, chroma=-0.25 * tip * v + 0.2 * deep, warmth=0.006 * v * lay)
        lab = blend_colors(c, base, vary(p.second_color, c, light, chroma=-0.2 * tip), mark)
        depth = 0.22 * long + 0.0012
        return surface(
            c,
            color=lab,
            height=depth * (0.45 * z + 0.9 * mass + 0.12 * lay),
            low=-0.2 * depth,
            high=1.1 * depth,
            roughness=0.66 - 0.1 * body * tip + 0.25 * clamp01(deep),
            cavity=clamp01(deep),
            exposed=clamp01(z - 0.35) * tip,
        )

    @staticmethod
    def _bent(c: Canvas, curl: Tensor, strength: float) -> tuple[Tensor, Tensor]:
        return c.u + curl * (strength / c.width_m), c.v + c.zeros()

    @staticmethod
    def _mark(c: Canvas, p: Params, at: tuple[Tensor, Tensor]) -> Tensor:
        """Where the hair has the color of the markings, 0 to 1; their borders follow the hairs."""
        s = p.scale
        if p.pattern == "plain":
            return c.zeros()
        # Looked up along the hair, a border comes out frayed.
        fray = c.noise("fray", (0.0018, 0.012), 2, 0.7) * 0.09
        if p.pattern == "patches":
            return smoothstep(-0.06, 0.06, c.noise("patches", s * 2.2, 3, 0.5, at=at) + fray - 0.25)
        if p.pattern in ("stripes", "zebra"):
            # Bands across that branch and end: the steep flanks of a slow field, cut by another.
            bands = c.count(s * 1.1)[1]
            sway = c.noise("sway", (s * 2.4, s * 3.6), 3, 0.5, at=at)
            wave = torch.sin((c.v * bands + 0.45 * sway) * 6.2831853)
            ends = c.noise("ends", (s * 2.2, s * 0.9), 3, 0.5, at=at)
            # A zebra is about half black, a tiger has thinner stripes that end within the flank.
            wave = wave + (0.1 + 0.4 * ends if p.pattern == "zebra" else 0.62 * ends - 0.25)
            return smoothstep(-0.12, 0.12, wave + fray)
        bent = c.noise("bent", s * 0.6, 3, 0.55)
        cells = voronoi(c, "spots", (s, s * 0.95), jitter=0.75, at=at)
        size = s * (0.25 + 0.12 * cells.random("size")) * (0.75 if p.pattern == "spots" else 1.1)
        radius = cells.distance / size + 0.13 * bent + fray
        if p.pattern == "spots":
            return smoothstep(1.06, 0.94, radius)
        # A rosette: a ring broken in a few places round a darker middle.
        turn = torch.atan2(cells.dy, cells.dx) + 6.2831853 * cells.random("turn")
        petals = 3.0 + (cells.random("petals") * 2.99).floor()
        broken = torch.cos(turn * petals) + 0.6 * bent
        ring = smoothstep(0.3, 0.2, (radius - 0.95).abs()) * smoothstep(-0.85, -0.6, broken)
        middle = smoothstep(1.0, 0.6, radius) * 0.28
        return torch.maximum(ring, middle)
