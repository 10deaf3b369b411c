# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of colours for captions, and the colour difference CIEDE2000.

What the names mean is in :mod:`..engine.color_names`.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from functools import cache

from ..engine.color_names import BASIC, MODIFIERS, ColorName, pigment, rows, table
from ..engine.procedural.color import Lab, lab_to_srgb
from ..engine.procedural.parameters import Rng

NEAR = 12.0
"""CIEDE2000 up to which two colors pass for the same one: tones of a wall differ by as much."""

_NEUTRAL = frozenset({"grey", "gray", "black", "white"})


@cache
def held_out(name: str) -> bool:
    """Whether a name is kept out of training, to measure words never seen; those for materials never are."""
    return rows()[name][1] != "texloom" and zlib.crc32(name.encode()) % 17 == 0


def modifiers(name: str) -> tuple[str, ...]:
    """Modifiers that make sense before a listed name."""
    if name == "black":
        return ("deep", "warm", "cool", "faded")
    if name in ("white",):
        return ("warm", "cool", "bright", "soft")
    if name in _NEUTRAL:
        return ("dark", "light", "pale", "very dark", "very light", "warm", "cool", "deep", "soft")
    if name in BASIC:
        return tuple(MODIFIERS)
    if " " in name or name.endswith("ish") or "-" in name or pigment(name)[0] > 0.9:
        return ()
    return ("dark", "light", "pale", "deep", "bright", "muted", "soft")


def sample_name(rng: Rng, names: Sequence[str]) -> ColorName:
    """A colour as people name them: often a basic term, often a modified one."""
    basic = [name for name in BASIC if name in names]
    base = str(rng.choice(basic)) if basic and rng.random() < 0.45 else str(rng.choice(list(names)))
    allowed = modifiers(base)
    modifier = str(rng.choice(allowed)) if allowed and rng.random() < (0.45 if base in BASIC else 0.2) else ""
    if modifier and f"{modifier} {base}" in table():
        return ColorName(f"{modifier} {base}", f"{modifier} {base}")
    return ColorName(f"{modifier} {base}".strip(), base, modifier)


def srgb_to_cielab(rgb: tuple[float, float, float]) -> tuple[float, float, float]:
    """CIE L*a*b* (D65 white) of sRGB 0 to 1."""
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in rgb]
    r, g, b = linear
    x = (0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047
    y = 0.2126729 * r + 0.7151522 * g + 0.0721750 * b
    z = (0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883

    def curve(t: float) -> float:
        return t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116

    return 116 * curve(y) - 16, 500 * (curve(x) - curve(y)), 200 * (curve(y) - curve(z))


def delta_e_2000(first: tuple[float, float, float], second: tuple[float, float, float]) -> float:
    """CIEDE2000 of two CIE L*a*b* colours (G. Sharma, W. Wu, E. Dalal, 2005), with all weights 1."""
    l1, a1, b1 = first
    l2, a2, b2 = second
    mean_c = 0.5 * (math.hypot(a1, b1) + math.hypot(a2, b2))
    g = 0.5 * (1.0 - math.sqrt(mean_c**7 / (mean_c**7 + 25.0**7)))
    a1, a2 = a1 * (1.0 + g), a2 * (1.0 + g)
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1 = math.degrees(math.atan2(b1, a1)) % 360 if c1 else 0.0
    h2 = math.degrees(math.atan2(b2, a2)) % 360 if c2 else 0.0
    dl, dc = l2 - l1, c2 - c1
    dh = h2 - h1
    if c1 * c2 == 0.0:
        dh = 0.0
    elif dh > 180:
        dh -= 360
    elif dh < -180:
        dh += 360
    big_dh = 2.0 * math.sqrt(c1 * c2) * math.sin(math.radians(dh / 2))
    mean_l, mean_c = 0.5 * (l1 + l2), 0.5 * (c1 + c2)
    if c1 * c2 == 0.0:
        mean_h = h1 + h2
    elif abs(h1 - h2) <= 180:
        mean_h = 0.5 * (h1 + h2)
    else:
        mean_h = 0.5 * (h1 + h2 + 360) if h1 + h2 < 360 else 0.5 * (h1 + h2 - 360)
    t = (
        1.0
        - 0.17 * math.cos(math.radians(mean_h - 30))
        + 0.24 * math.cos(math.radians(2 * mean_h))
        + 0.32 * math.cos(math.radians(3 * mean_h + 6))
        - 0.20 * math.cos(math.radians(4 * mean_h - 63))
    )
    turn = 30.0 * math.exp(-(((mean_h - 275.0) / 25.0) ** 2))
    rc = 2.0 * math.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    sl = 1.0 + 0.015 * (mean_l - 50.0) ** 2 / math.sqrt(20.0 + (mean_l - 50.0) ** 2)
    sc = 1.0 + 0.045 * mean_c
    sh = 1.0 + 0.015 * mean_c * t
    rt = -math.sin(math.radians(2.0 * turn)) * rc
    return math.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (big_dh / sh) ** 2 + rt * (dc / sc) * (big_dh / sh))


def difference(first: Lab, second: Lab) -> float:
    """CIEDE2000 of two OKLab colours, as a screen shows them."""
    return delta_e_2000(srgb_to_cielab(lab_to_srgb(first)), srgb_to_cielab(lab_to_srgb(second)))
