# SPDX-License-Identifier: GPL-3.0-or-later
"""Colors in an English text, each with its place: "dark blue", "terracotta", "#7a3b2e", and "dark" without a hue.

What a name means on a material is the table that the head was trained with (``color_names.csv``); the words for
lightness are its modifiers.  So a rule that sets a color by its name agrees with what the head has learned of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from .color_names import BASIC, ColorName, meaning, modify, parse_name
from .phrases import phrase_table, words
from .procedural.color import Lab, hex_to_lab
from .procedural.family import Family, families
from .two_materials import family_nouns

LIGHTNESS: Final[Mapping[str, str]] = {
    "dark": "dark", "darker": "dark", "light": "light", "lighter": "light", "pale": "pale", "deep": "deep",
}  # fmt: skip
"""Words that say how light a color is, and the modifier each stands for."""

WOODEN: Final = frozenset("parquet planks wood".split())
SPECIES: Final[Mapping[str, str]] = {
    word: value
    for names, value in (
        ("oak oakwood hickory", "#b68a58"),
        ("walnut wenge", "#5f412c"),
        ("mahogany sapele rosewood padauk cocobolo bubinga", "#6b2f22"),
        ("cherry cherrywood", "#99553a"),
        ("ebony", "#2b2320"),
        ("teak teakwood iroko acacia", "#9a6a3f"),
        ("pine pinewood spruce fir larch", "#d3a76c"),
        ("maple birch beech beechwood ash ashwood basswood balsa poplar linden hinoki", "#d9bd92"),
        ("cedar cedarwood redwood yew", "#a5623f"),
        ("purpleheart", "#5f2c4c"),
    )
    for word in names.split()
}
"""What a species means on the families in :data:`WOODEN`, as the head was taught it."""

SEVERAL: Final[Mapping[str, tuple[str, ...]]] = {
    "camouflage": ("color", "second_color", "third_color", "fourth_color"),
    "checks": ("color", "second_color"), "damask": ("color", "second_color"), "dots": ("color", "second_color"),
    "fabric": ("color", "second_color"), "feathers": ("color", "second_color"), "fur": ("color", "second_color"),
    "granite": ("color", "second_color", "third_color"), "knit": ("color", "second_color"),
    "leaves": ("color", "second_color"), "marble": ("color", "second_color"), "mosaic": ("color", "third_color"),
    "plaid": ("color", "second_color", "third_color"), "scales": ("color", "second_color"),
    "splatter": ("color", "second_color"), "stripes": ("color", "second_color"),
    "terrazzo": ("color", "second_color", "third_color"), "wallpaper": ("color", "second_color"),
}  # fmt: skip
"""Families that show several colors at once, and which come first.

Where the second is a joint, grout or soil, two colors of a text are no such pair and the head's reading stays.
"""

_LONGEST: Final = 4
# Up to (dark) or from (light) this OKLab lightness a tone is what the word says; a part, such as grout, is small and
# stands beside something lighter or darker, so more is meant there.
_LIMITS: Final[Mapping[str, tuple[float, float]]] = {
    "dark": (0.50, 0.40), "very dark": (0.36, 0.32), "deep": (0.50, 0.42), "light": (0.72, 0.78),
    "very light": (0.84, 0.86), "pale": (0.80, 0.82),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ColorPhrase:
    """Words ``first`` up to ``last`` (not with it), characters ``start`` to ``end``, that say a color.

    ``name`` is the color; None where only its lightness is said, which ``tone`` has then.  ``exact`` is a color that
    was given in numbers.
    """

    first: int
    last: int
    start: int
    end: int
    name: ColorName | None = None
    tone: str = ""
    exact: Lab | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Its characters."""
        return self.start, self.end

    def lab(self, family: Family, parameter: str) -> Lab:
        """What the name means for a parameter."""
        if self.exact is not None:
            return self.exact
        assert self.name is not None
        return meaning(self.name, family, parameter)


def find_colors(text: str, exact: Mapping[tuple[int, int], Lab] | None = None) -> list[ColorPhrase]:
    """The colors of a text in their order; ``exact`` are those given in numbers, by the characters that stand there."""
    spoken = words(text)
    plain = [word for word, _, _ in spoken]
    found: list[ColorPhrase] = []
    at = 0
    while at < len(plain):
        for length in range(min(_LONGEST, len(plain) - at), 0, -1):
            name = _color(tuple(plain[at : at + length]))
            if name is not None:
                break
        start = spoken[at][1]
        if name is not None:
            end = spoken[at + length - 1][2]
            numbers = (exact or {}).get((start, end))
            found.append(ColorPhrase(first=at, last=at + length, start=start, end=end, name=name, exact=numbers))
        else:
            length = 2 if plain[at] == "very" and at + 1 < len(plain) and plain[at + 1] in LIGHTNESS else 1
            tone = LIGHTNESS.get(plain[at + length - 1])
            if tone is not None:
                tone = f"very {tone}" if length == 2 and f"very {tone}" in _LIMITS else tone
                end = spoken[at + length - 1][2]
                found.append(ColorPhrase(first=at, last=at + length, start=start, end=end, tone=tone))
        at += length
    return found


def tones(family: Family, parameter: str, tone: str, *, part: bool = False) -> tuple[Lab, ...]:
    """Colors of the family's palettes that are dark (light, pale …), made so where they are not; for ``part``s more."""
    natural = sorted({hex_to_lab(palette[parameter]) for palette in family.palettes if parameter in palette})
    if not natural:
        return ()
    half = math.ceil(len(natural) / 2)
    limit = _LIMITS[tone][part]
    down = tone.removeprefix("very ") in ("dark", "deep")
    return tuple(_moved(lab, tone, limit, down) for lab in (natural[:half] if down else natural[-half:]))


def nearest_name(lab: Lab) -> str:
    """The basic color term nearest to a color."""

    def distance(name: str) -> float:
        parsed = parse_name(name)
        assert parsed is not None
        return math.dist(meaning(parsed), lab)

    return min(BASIC, key=distance)


def _moved(lab: Lab, tone: str, limit: float, down: bool) -> Lab:
    if lab[0] <= limit if down else lab[0] >= limit:
        return lab
    lightness, a, b = modify(lab, tone)
    return (min(lightness, limit) if down else max(lightness, limit)), a, b


@cache
def _color(phrase: tuple[str, ...]) -> ColorName | None:
    """The color that words name.  A name that is a material or an attribute as well ("sand", "rust") is none here."""
    name = parse_name(" ".join(phrase))
    if name is None or (name.modifier and name.base in _other_meanings()):
        return None
    return None if len(phrase) == 1 and phrase[0] in _other_meanings() else name


@cache
def _other_meanings() -> frozenset[str]:
    nouns = {" ".join(noun) for noun in family_nouns()}
    return frozenset((nouns | set(phrase_table(families()))) - set(BASIC))
