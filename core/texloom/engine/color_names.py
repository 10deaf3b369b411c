# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of colours and what they mean on a material.

``color_names.csv`` holds names and hex values.  Source ``xkcd``: the XKCD colour survey (R. Munroe, 2010, CC0),
``css``: CSS Color Module Level 4; ``texloom``: this project's own, chosen for materials.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .procedural.color import Lab, hex_to_lab, lab_to_srgb, srgb_to_lab
from .procedural.family import Family

BASIC = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "grey", "gray", "black", "white")
"""Basic colour terms: on a material these mean its own pigment (red brick is brick red)."""

_LOUD = frozenset({"neon", "electric", "fluorescent", "radioactive", "acid", "toxic", "hot", "highlighter", "bright"})

MODIFIERS: Mapping[str, tuple[float, float]] = {
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
"""Name of a modifier -> lightness towards black (< 0) or white (> 0), factor on chroma."""

_SHIFT: Mapping[str, tuple[float, float]] = {"warm": (0.006, 0.02), "cool": (-0.006, -0.02)}


@dataclass(frozen=True)
class ColorName:
    """A colour as written; ``base`` is its entry in the table and ``modifier`` the word before it, if any."""

    text: str
    base: str
    modifier: str = ""


@cache
def rows() -> Mapping[str, tuple[str, str]]:
    """Names, their ``#rrggbb`` and where each is from."""
    path = Path(__file__).with_name("color_names.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return {row["name"]: (row["hex"], row["source"]) for row in csv.DictReader(file)}


@cache
def table() -> Mapping[str, str]:
    """Names and their ``#rrggbb``."""
    return {name: value for name, (value, _) in rows().items()}


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
    towards, chroma = MODIFIERS[modifier]
    lightness, a, b = lab
    lightness += towards * (lightness - 0.12 if towards < 0 else 0.96 - lightness)
    da, db = _SHIFT.get(modifier, (0.0, 0.0))
    return _shown((lightness, a * chroma + da, b * chroma + db))


def parse_name(text: str) -> ColorName | None:
    """The colour that ``text`` names, or None."""
    text = text.lower().strip()
    if text in table():
        return ColorName(text, text)
    for modifier in MODIFIERS:
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
