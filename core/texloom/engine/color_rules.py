# SPDX-License-Identifier: GPL-3.0-or-later
"""Which color of a text is whose: rules of English word order, after the head has read.

The head mixes two colors that are said in one breath, and passes over a lightness without a hue.  Where a text has
such, these rules say what each color word sets; where the head's reading agrees, that is kept.

- Before the noun of a part the color is that part's: "dark grout", "yellow polka dots".
- "A and B stripes": the first is the main color, the second the second, as in the captions of the training.
- "A stripes on B", "on a B background": B is the ground.
- "Dark", "light", "pale", "deep" before the material, or alone between commas, choose from the dark or the light part
  of its palettes.
- A word for an attribute that the material does not have ("rusty" of a diamond plate) is no color.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from .color_words import ColorPhrase, find_colors, tones
from .head import Said
from .phrases import PREPOSITIONS, touches, words
from .procedural.color import Lab
from .procedural.family import Family
from .procedural.parameters import Color
from .unused_words import unused_words

_COLOR: Final = "color"

# Families that show several colors at once, and which come first.  Where the second is a joint, grout or soil, two
# colors of a text are no such pair and the head's reading stays.
_ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "camouflage": ("color", "second_color", "third_color", "fourth_color"),
    "checks": ("color", "second_color"), "damask": ("color", "second_color"), "dots": ("color", "second_color"),
    "fabric": ("color", "second_color"), "feathers": ("color", "second_color"), "fur": ("color", "second_color"),
    "granite": ("color", "second_color", "third_color"), "knit": ("color", "second_color"),
    "leaves": ("color", "second_color"), "marble": ("color", "second_color"), "mosaic": ("color", "third_color"),
    "plaid": ("color", "second_color", "third_color"), "scales": ("color", "second_color"),
    "splatter": ("color", "second_color"), "stripes": ("color", "second_color"),
    "terrazzo": ("color", "second_color", "third_color"), "wallpaper": ("color", "second_color"),
}  # fmt: skip

_GROUND: Final[Mapping[str, str]] = {
    "damask": "color", "dots": "color", "knit": "color", "plaid": "color", "splatter": "third_color",
    "stripes": "second_color", "terrazzo": "color", "wallpaper": "color",
}  # fmt: skip
_GROUND_NOUNS: Final = frozenset("background backdrop ground base".split())
# Families that are deep themselves: there "deep" is no color.
_DEPTH: Final = frozenset(
    "bark carpet cracked_earth cracked_paint ferns forest_floor fur grass gravel ice lava leaves moss mud sand sky "
    "snow starry_sky thatch water".split()
)
_BETWEEN: Final = frozenset("and with or in plus".split())
_WHOLE: Final = frozenset("pattern print".split())
_FILLERS: Final = frozenset("colored coloured toned tone hued".split())
_AGREES: Final = 0.08
"""Distance in OKLab up to which the head's reading of a color is kept."""
_SPREAD: Final = (0.012, 0.006, 0.006)
_REACH: Final = 4


@dataclass(frozen=True)
class _Text:
    """A text, its words, and the colors in it."""

    text: str
    plain: list[str]
    starts: list[int]
    ends: list[int]
    phrases: list[ColorPhrase]

    def clause_ends(self, place: int) -> bool:
        """Whether a sign of punctuation, or nothing, follows the word before ``place``."""
        after = self.text[self.ends[place - 1] : self.starts[place] if place < len(self.plain) else len(self.text)]
        return place >= len(self.plain) or any(sign in after for sign in ",;.:()")

    def clause_begins(self, place: int) -> bool:
        """The same for what stands before word ``place``."""
        return place == 0 or self.clause_ends(place)


class ColorRules:
    """The rules for one text.

    Args:
        text: English, as the head read it.
        exact: colors that were given in numbers, by the characters of ``text`` that stand in their place.
    """

    def __init__(self, text: str, exact: Mapping[tuple[int, int], Lab] | None = None) -> None:
        spoken = words(text)
        self._text = _Text(
            text,
            [word for word, _, _ in spoken],
            [start for _, start, _ in spoken],
            [end for _, _, end in spoken],
            find_colors(text, exact),
        )

    def apply(
        self, family: Family, said: Mapping[str, Said], noun: Sequence[tuple[int, int]], limit: float
    ) -> dict[str, Said]:
        """What is said of ``family``, with the colors as the rules have them.

        Args:
            family: whose parameters ``said`` is of.
            said: the head's reading.
            noun: the characters that name the family.
            limit: probability from which a parameter counts as said.
        """
        result = dict(said)
        named = {item.name for item in family.parameters if isinstance(item, Color)}
        if _COLOR not in named:
            return result
        owners, parts = self._owners(family, said, limit)
        changed: list[tuple[int, int]] = []
        for name, phrase in owners.items():
            made = _said(family, name, phrase, part=name in parts)
            if made is not None and not _agree(result[name], made, phrase, limit):
                result[name] = made
                changed.append(phrase.place)
        for name in named - set(owners):
            # The head gave one word to two parameters: now it is known whose it is.
            spans = result[name].spans
            if result[name].probability >= limit and spans and all(touches(span, changed) for span in spans):
                result[name] = replace(result[name], probability=0.0)
        self._drop_others(family, result, limit)
        self._exact(family, result, owners, limit)
        lone = self._lightness(family, noun, set(owners.values()))
        if lone is not None and result[_COLOR].probability < limit:
            made = _said(family, _COLOR, lone, part=False)
            result[_COLOR] = made if made is not None else result[_COLOR]
        return result

    def _drop_others(self, family: Family, result: dict[str, Said], limit: float) -> None:
        """An attribute that the family does not have is no color of it: "rusty diamond plate"."""
        others = unused_words(self._text.text, family)
        colors = [phrase.place for phrase in self._text.phrases]
        for item in family.parameters:
            spans = result[item.name].spans
            if not others or not isinstance(item, Color) or result[item.name].probability < limit or not spans:
                continue
            if all(touches(span, others) and not touches(span, colors) for span in spans):
                result[item.name] = replace(result[item.name], probability=0.0)

    def _owners(
        self, family: Family, said: Mapping[str, Said], limit: float
    ) -> tuple[dict[str, ColorPhrase], frozenset[str]]:
        """Parameters and the colors that are theirs by the rules; and which have them as named parts."""
        owners: dict[str, ColorPhrase] = {}
        for phrase in self._text.phrases:
            name = self._part(family, phrase)
            if name is not None:
                # "White polka dots with red dots": the later says it, the earlier is of the whole.
                owners[name] = phrase
        parts = frozenset(owners)
        ground = _GROUND.get(family.name)
        if ground is not None and ground not in owners:
            on = [phrase for phrase in self._text.phrases if phrase.name and self._lies_under(phrase)]
            if on and on[0] not in owners.values():
                owners[ground] = on[0]
        taken = set(owners.values())
        rest = [phrase for phrase in self._text.phrases if phrase.name is not None and phrase not in taken]
        if not rest:
            return owners, parts
        order = _ORDER.get(family.name)
        pair = self._joined(rest)
        if order is not None and (len(pair) > 1 or owners):
            free = (name for name in order if name not in owners)
            owners |= dict(zip(free, pair, strict=False))
        elif len(pair) > 1 and sum(touches(one.place, said[_COLOR].spans) for one in pair) > 1:
            owners.setdefault(_COLOR, pair[0])
        elif owners and len(rest) == 1 and said[_COLOR].probability < limit:
            owners.setdefault(_COLOR, rest[0])
        return owners, parts

    def _part(self, family: Family, phrase: ColorPhrase) -> str | None:
        """The parameter whose part's noun follows a color: "dark wide joints"."""
        plain = self._text.plain
        at = phrase.last
        while at < len(plain) and plain[at] in _FILLERS:
            at += 1
        for place in (at, at + 1):
            if self._text.clause_ends(place) or (place > at and plain[at] in PREPOSITIONS | _BETWEEN):
                break
            for item in family.parameters:
                parts = item.parts if isinstance(item, Color) else ()
                # "Red pattern" is the ornament's, "red damask pattern" the whole's.
                if any(_stands(plain, place, part) for part in parts if place == at or part not in _WHOLE):
                    return item.name
        ground = _GROUND.get(family.name)
        return ground if at < len(plain) and plain[at] in _GROUND_NOUNS else None

    def _lies_under(self, phrase: ColorPhrase) -> bool:
        """Whether "on", "on a" … stands before a color."""
        before = self._text.plain[max(0, phrase.first - 2) : phrase.first]
        return before[-1:] in (["on"], ["over"]) or before in (["on", "a"], ["on", "an"], ["on", "the"])

    def _joined(self, rest: Sequence[ColorPhrase]) -> list[ColorPhrase]:
        """The first of the colors and those said in one breath with it."""
        found = [rest[0]]
        for phrase in rest[1:]:
            between = self._text.plain[found[-1].last : phrase.first]
            if len(between) > 1 or not set(between) <= _BETWEEN:
                break
            if not between and not self._text.clause_ends(phrase.first):
                break  # "ivory white": one color.
            found.append(phrase)
        return found

    def _exact(self, family: Family, result: dict[str, Said], owners: Mapping[str, ColorPhrase], limit: float) -> None:
        """Colors in numbers mean just themselves, for whatever the head takes the name in their place."""
        for phrase in self._text.phrases:
            if phrase.exact is None or phrase in owners.values():
                continue
            place = (phrase.start, phrase.end)
            names = [item.name for item in family.parameters if isinstance(item, Color) and item.name not in owners]
            told = [name for name in names if result[name].probability >= limit and result[name].spans]
            open_names = [name for name in names if name not in told]
            takes = [name for name in told if touches(place, result[name].spans)][:1] or open_names[:1]
            for name in takes:
                result[name] = Said(probability=1.0, value=phrase.exact, spread=(0.0,) * 3, spans=(place,))

    def _lightness(
        self, family: Family, noun: Sequence[tuple[int, int]], taken: set[ColorPhrase]
    ) -> ColorPhrase | None:
        """A lightness without a hue that is said of the whole."""
        text = self._text
        for phrase in text.phrases:
            if phrase.name is not None or phrase in taken or (phrase.tone == "deep" and family.name in _DEPTH):
                continue
            if text.clause_begins(phrase.first) and text.clause_ends(phrase.last):
                return phrase
            for place in range(phrase.last, min(phrase.last + _REACH, len(text.plain))):
                if text.clause_ends(place) or text.plain[place] in PREPOSITIONS | {"and"}:
                    break
                if touches((text.starts[place], text.ends[place]), noun):
                    return phrase
        return None


def _said(family: Family, name: str, phrase: ColorPhrase, *, part: bool) -> Said | None:
    spans = ((phrase.start, phrase.end),)
    if phrase.name is not None:
        spread = (0.0,) * 3 if phrase.exact is not None else _SPREAD
        return Said(probability=1.0, value=phrase.lab(family, name), spread=spread, spans=spans)
    among = tones(family, name, phrase.tone, part=part)
    if not among:
        return None
    return Said(probability=1.0, value=among[len(among) // 2], spread=_SPREAD, spans=spans, among=among)


def _agree(head: Said, made: Said, phrase: ColorPhrase, limit: float) -> bool:
    if head.probability < limit or phrase.name is None or phrase.exact is not None:
        return False
    assert isinstance(head.value, tuple) and isinstance(made.value, tuple)
    return math.dist(head.value, made.value) <= _AGREES


def _stands(plain: Sequence[str], place: int, phrase: str) -> bool:
    parts = [word for word, _, _ in words(phrase)]
    return list(plain[place : place + len(parts)]) == parts
