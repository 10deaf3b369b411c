# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of colours and what they mean on a material; the colour difference CIEDE2000.

``colors.csv`` holds names and hex values.  Source ``xkcd``: the XKCD colour survey (R. Munroe, 2010, CC0),
``css``: CSS Color Module Level 4; ``texloom``: this project's own, chosen for materials.
"""

from __future__ import annotations

import csv
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..engine.procedural.color import Lab, hex_to_lab, lab_to_srgb, srgb_to_lab
from ..engine.procedural.family import Family
from ..engine.procedural.parameters import Rng

BASIC = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "grey", "gray", "black", "white")
"""Basic colour terms: on a material these mean its own pigment (red brick is brick red)."""

_LOUD = frozenset({"neon", "electric", "fluorescent", "radioactive", "acid", "toxic", "hot", "highlighter", "bright"})

# name of a modifier -> lightness towards black (< 0) or white (> 0), factor on chroma
_MODIFIERS: Mapping[str, tuple[float, float]] = {
    "dark": (-0.3, 0.9),
    "very dark": (-0.48, 0.8),
    "deep": (-0.22, 1.08),
    "light": (0.36, 0.8),
    "pale": (0.48, 0.52),
    "very light": (0.6, 0.55),
    "pastel": (0.45, 0.65),
    "bright": (0.1, 1.35),
    "vivid": (0.03, 1.4),
    "muted": (0.03, 0.55),
    "dull": (-0.05, 0.55),
    "faded": (0.16, 0.5),
    "soft": (0.16, 0.7),
    "rich": (-0.08, 1.22),
    "warm": (0.0, 1.0),
    "cool": (0.0, 1.0),
}
_SHIFT: Mapping[str, tuple[float, float]] = {"warm": (0.006, 0.02), "cool": (-0.006, -0.02)}
_NEUTRAL = frozenset({"grey", "gray", "black", "white"})


@dataclass(frozen=True)
class ColorName:
    """A colour as written; ``base`` is its entry in the table and ``modifier`` the word before it, if any."""

    text: str
    base: str
    modifier: str = ""


@cache
def _rows() -> Mapping[str, tuple[str, str]]:
    path = Path(__file__).with_name("colors.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return {row["name"]: (row["hex"], row["source"]) for row in csv.DictReader(file)}


@cache
def table() -> Mapping[str, str]:
    """Names and their ``#rrggbb``."""
    return {name: value for name, (value, _) in _rows().items()}


@cache
def held_out(name: str) -> bool:
    """Whether a name is kept out of training, to measure words never seen; those for materials never are."""
    return _rows()[name][1] != "texloom" and zlib.crc32(name.encode()) % 17 == 0


def pigment(name: str) -> Lab:
    """OKLab of a listed name as a material can have it: loud screen colours are toned down.

    Nothing that lies about reflects a pure screen red or a perfect black; chroma above 0.13 is compressed
    and lightness kept within 0.17 to 0.965.  Names that ask for loudness ("neon") keep most of it.
    """
    lightness, a, b = hex_to_lab(table()[name])
    chroma = math.hypot(a, b)
    limit, slope = (0.2, 0.6) if _LOUD & set(name.split()) else (0.13, 0.45)
    if chroma > limit:
        factor = (limit + (chroma - limit) * slope) / chroma
        a, b = a * factor, b * factor
    return _shown((min(max(lightness, 0.17), 0.965), a, b))


def meaning(color: ColorName, family: type[Family] | Family | None = None, parameter: str = "color") -> Lab:
    """OKLab of a colour for one parameter of a family.

    A basic term means the tone of the family's palettes that one would call so, where there is one, mixed
    with the general pigment; all other names mean the same everywhere.
    """
    lab = pigment(color.base)
    if color.base in BASIC and family is not None:
        own = _natural(color.base, family, parameter)
        if own is not None:
            share = 0.35 if color.base == "white" else 0.6
            lab = tuple(x + (y - x) * share for x, y in zip(lab, own, strict=True))  # type: ignore[assignment]
    return modify(lab, color.modifier)


def modify(lab: Lab, modifier: str) -> Lab:
    """The colour after "dark", "pale" …; unchanged for an empty modifier.

    Raises:
        KeyError: no such modifier.
    """
    if not modifier:
        return lab
    towards, chroma = _MODIFIERS[modifier]
    lightness, a, b = lab
    lightness += towards * (lightness - 0.12 if towards < 0 else 0.96 - lightness)
    da, db = _SHIFT.get(modifier, (0.0, 0.0))
    return _shown((lightness, a * chroma + da, b * chroma + db))


def modifiers(name: str) -> tuple[str, ...]:
    """Modifiers that make sense before a listed name."""
    if name == "black":
        return ("deep", "warm", "cool", "faded")
    if name in ("white",):
        return ("warm", "cool", "bright", "soft")
    if name in _NEUTRAL:
        return ("dark", "light", "pale", "very dark", "very light", "warm", "cool", "deep", "soft")
    if name in BASIC:
        return tuple(_MODIFIERS)
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


def parse_name(text: str) -> ColorName | None:
    """The colour that ``text`` names, or None."""
    text = text.lower().strip()
    if text in table():
        return ColorName(text, text)
    for modifier in _MODIFIERS:
        rest = text.removeprefix(modifier + " ")
        if rest != text and rest in table():
            return ColorName(text, rest, modifier)
    return None


def categories(lab: Lab) -> set[str]:
    """Basic terms that people would call a colour; several at the borders, none between far ones."""
    lightness, a, b = lab
    chroma, hue = math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360
    found: set[str] = set()
    if chroma < 0.035:
        if lightness > 0.84:
            found.add("white")
        if 0.36 < lightness < 0.84:
            found |= {"grey", "gray"}
        if lightness < 0.36:
            found.add("black")
        return found
    if (hue < 44 or hue > 345) and chroma > 0.07 and lightness < 0.68:
        found.add("red")
    if 20 < hue < 95 and lightness < 0.62 and chroma < 0.14:
        found.add("brown")
    if 42 < hue < 75 and lightness > 0.56 and chroma > 0.09:
        found.add("orange")
    if 75 < hue < 112 and lightness > 0.66 and chroma > 0.07:
        found.add("yellow")
    if 112 < hue < 178:
        found.add("green")
    if 205 < hue < 282:
        found.add("blue")
    if 282 < hue < 335 and lightness < 0.72:
        found.add("purple")
    if (hue < 35 or hue > 330) and lightness > 0.66:
        found.add("pink")
    if lightness > 0.88 and chroma < 0.05:
        found.add("white")
    return found


def _natural(name: str, family: type[Family] | Family, parameter: str) -> Lab | None:
    tones = [hex_to_lab(palette[parameter]) for palette in family.palettes if parameter in palette]
    named = [lab for lab in tones if name in categories(lab)]
    if not named:
        return None
    count = len(named)
    return sum(x[0] for x in named) / count, sum(x[1] for x in named) / count, sum(x[2] for x in named) / count


def _shown(lab: Lab) -> Lab:
    return srgb_to_lab(lab_to_srgb(lab))


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
