# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloth with a cut pile: velvet and corduroy are told from woven cloth by their name, not by a parameter."""

from __future__ import annotations

import re
from typing import Final

from ..phrases import negations, words
from .families.fabric import Fabric
from .family import Family
from .ops import clamp01, mix, smoothstep
from .parameters import Params
from .surface import Surface, surface, vary
from .tile import Canvas

_VELVET: Final = re.compile(r"\b(velvet|velvets|velour|velours|velveteen|plush|velvety)\b", re.IGNORECASE)
_CORDUROY: Final = re.compile(r"\b(corduroy|corduroys|cord fabric|wale)\b", re.IGNORECASE)

# Metres from cord to cord for a thread of one metre: fine threads make pinwale.
_CORD: Final = 2.6


def piled(family: Family, text: str) -> Family | None:
    """What draws ``family`` as the English prompt calls it; None where it is drawn as it stands."""
    if not isinstance(family, Fabric):
        return None
    if _wanted(_CORDUROY, text):
        return _Piled(ribbed=True)
    return _Piled(ribbed=False) if _wanted(_VELVET, text) else None


def _wanted(name: re.Pattern[str], text: str) -> bool:
    """Whether a name stands anywhere but right behind a negation."""
    spoken = words(text)
    unwanted = {spoken[place][1] for _, place in negations([word for word, _, _ in spoken]) if place < len(spoken)}
    return any(match.start() not in unwanted for match in name.finditer(text))


class _Piled(Fabric):
    """Fabric whose threads stand on end; the nap lies one way here and another there, as hands have left it."""

    def __init__(self, *, ribbed: bool) -> None:
        self._ribbed = ribbed

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        """See :class:`Family`."""
        c, s, rough = canvas, p.scale, p.irregularity
        span = min(c.width_m, c.height_m)
        stroke = c.noise("stroke", span / 3.0, 4, 0.45)
        # Where the nap changes its way, it does so along a line.
        nap = smoothstep(-0.5, 0.5, stroke) - 0.5 + 0.25 * c.noise("lay", (span / 14.0, span / 5.0), 3, 0.5)
        tuft = c.noise("tuft", s * 0.22, 2, 0.8)
        comb = c.noise("comb", (s * 0.3, s * 1.8), 2, 0.7)
        light = (0.12 + 0.14 * rough) * nap + 0.05 * tuft + 0.022 * comb - 0.02
        z = 0.5 + 0.1 * tuft + 0.05 * comb + 0.3 * nap
        cavity = smoothstep(-0.5, -1.6, tuft) * 0.5
        if self._ribbed:
            count = c.count(s * _CORD)[0]
            sway = 0.12 * rough * c.noise("sway", (span / 6.0, span / 2.0), 2)
            across = ((c.u * count + sway) - (c.u * count + sway).floor() - 0.5).abs() * 2.0
            cord = (1.0 - across.pow(2.4)).clamp(min=0.0).sqrt()
            groove = smoothstep(0.72, 1.0, across)
            z = 0.8 * cord + 0.03 * comb + 0.03 * tuft
            light = light - 0.3 * groove + 0.05 * (cord - 0.6)
            cavity = clamp01(cavity + groove)
        # The ground shows only where the pile parts.
        lab = mix(vary(p.color, c, light, chroma=-0.12 * nap), vary(p.second_color, c, light - 0.2), 0.25 * cavity)
        depth = s * (0.8 if self._ribbed else 0.16)
        return surface(
            c,
            color=lab,
            height=depth * z,
            low=0.0,
            high=depth,
            roughness=0.88 - 0.08 * nap + 0.03 * tuft,
            cavity=cavity,
            exposed=smoothstep(0.6, 1.1, z),
        )
