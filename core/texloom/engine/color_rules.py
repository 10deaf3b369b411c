# SPDX-License-Identifier: GPL-3.0-or-later
"""Which color of a text is whose: rules of English word order, after the head has read.

The head mixes two colors that are said in one breath, and passes over a lightness without a hue.  Where a text has
such, these rules say what each color word sets; where the head's reading agrees, that is kept.

- Before the noun of a part the color is that part's: "dark grout", "yellow polka dots".
- "A and B stripes": the first is the main color, the second the second, as in the captions of the training.
- "A stripes on B", "on a B background": B is the ground.
- "White terrazzo with pink and green chips": of two colors of one part the second goes to what is like that part.
- "Dark", "light", "pale", "deep" before the material, or alone between commas, choose from the dark or the light part
  of its palettes; before a name that says a color itself ("dark oak") they change that.
- "Charred", "burnt" blacken wood and leave soot on what does not burn.
- A word for an attribute that the material does not have ("rusty" of a diamond plate) is no color.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from .color_names import modify
from .color_words import LIGHTNESS, SEVERAL, SPECIES, WOODEN, ColorPhrase, find_colors, tones
from .head import Said
from .phrases import PREPOSITIONS, denied, touches, words
from .procedural.color import Lab, hex_to_lab
from .procedural.family import Family
from .procedural.parameters import Color, Value
from .unused_words import unused_words

_COLOR: Final = "color"

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
_BURNT: Final = frozenset("burnt burned charred scorched sooty".split())
_SLIGHTLY: Final = frozenset("slightly lightly partly partially".split())
_CHAR: Final = hex_to_lab("#24211f")
_SOOTY: Final = frozenset(
    "ashlar brushed_metal ceramic_tiles cobblestone concrete corrugated_metal dry_stone fabric painted_metal paper "
    "paving plaster roof_tiles rusted_metal stone_wall stucco bricks".split()
)
_FIRED: Final = frozenset((name, word) for name in ("bricks", "roof_tiles") for word in ("burnt", "burned"))
_REACH: Final = 4
_NEAR: Final = 3


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
        taken = set(owners.values())
        # "Light oak, painted blue" is blue.
        colored = [phrase.place for phrase in self._text.phrases if phrase.name and phrase.name.base not in SPECIES]
        given = result[_COLOR].probability >= limit and any(touches(one, colored) for one in result[_COLOR].spans)
        open_ = _COLOR not in owners and not given
        species = self._species(family, noun, taken, result[_COLOR], limit) if open_ else None
        lone = self._lightness(family, noun, taken)
        made = species
        if made is None and lone is not None and result[_COLOR].probability < limit:
            made = _said(family, _COLOR, lone, part=False)
        result[_COLOR] = made if made is not None else result[_COLOR]
        self._burn(family, result, limit)
        return result

    def _burn(self, family: Family, result: dict[str, Said], limit: float) -> None:
        """What fire leaves: black wood, and soot on walls, metal and cloth."""
        text = self._text
        unwanted = denied(text.text)
        for place, word in enumerate(text.plain):
            span = text.starts[place], text.ends[place]
            named = [phrase.place for phrase in text.phrases if phrase.name is not None]
            # "Burnt sienna" is a color, and burnt bricks are fired ones.
            if word not in _BURNT or touches(span, (*named, *unwanted)) or (family.name, word) in _FIRED:
                continue
            slight = place > 0 and text.plain[place - 1] in _SLIGHTLY
            found = {"dirt": 0.45 if slight else 0.8} if family.name in _SOOTY | WOODEN else {}
            if family.name in WOODEN and not slight:
                found["cracks"] = 0.45
                if not any(touches(one, named) for one in result[_COLOR].spans) or result[_COLOR].probability < limit:
                    result[_COLOR] = Said(probability=1.0, value=_CHAR, spread=_SPREAD, spans=(span,))
            for name, value in found.items():
                if name in result and result[name].probability < limit:
                    result[name] = Said(probability=1.0, value=value, spread=(0.02,), spans=(span,))
            return

    def _species(
        self, family: Family, noun: Sequence[tuple[int, int]], taken: set[ColorPhrase], head: Said, limit: float
    ) -> Said | None:
        """A darker or lighter kind of a wood: "dark oak", "light knotty pine", "oak planks, dark"."""
        text = self._text
        places = [place for place, word in enumerate(text.plain) if word in SPECIES]
        if family.name not in WOODEN or not places:
            return None
        lone = self._lightness(family, noun, taken)
        for phrase in text.phrases:
            # "Dark cherry" is a color of other things.
            tone = phrase.tone or (phrase.name.modifier if phrase.name and phrase.name.base in SPECIES else "")
            if tone.removeprefix("very ") not in LIGHTNESS or phrase in taken:
                continue
            reach = phrase.first, min(phrase.last + _NEAR, len(text.plain))
            kind = next((place for place in places if reach[0] <= place < reach[1]), None)
            if kind is not None and not self._connected(phrase.last, kind):
                kind = None
            if kind is None and phrase == lone:
                kind = places[0]
            if kind is not None:
                value = modify(hex_to_lab(SPECIES[text.plain[kind]]), tone)
                if head.probability >= limit and _heard(head.value, value, down=tone.split()[-1] in ("dark", "deep")):
                    return None
                spans = ((phrase.start, phrase.end), (text.starts[kind], text.ends[kind]))
                return Said(probability=1.0, value=value, spread=_SPREAD, spans=tuple(dict.fromkeys(spans)))
        return None

    def _connected(self, start: int, stop: int) -> bool:
        """Whether word ``stop`` belongs to what stands before ``start``: no sign, no preposition between."""
        between = range(start, stop)
        return not any(self._text.plain[place] in PREPOSITIONS | {"and"} for place in between) and not any(
            self._text.clause_ends(place) for place in (*between, stop) if place >= start
        )

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
        owners |= self._alike(family)
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
        order = SEVERAL.get(family.name)
        pair = self._joined(rest)
        if order is not None and (len(pair) > 1 or owners):
            free = (name for name in order if name not in owners)
            owners |= dict(zip(free, pair, strict=False))
        elif len(pair) > 1 and sum(touches(one.place, said[_COLOR].spans) for one in pair) > 1:
            owners.setdefault(_COLOR, pair[0])
        elif owners and len(rest) == 1 and said[_COLOR].probability < limit:
            owners.setdefault(_COLOR, rest[0])
        return owners, parts

    def _alike(self, family: Family) -> dict[str, ColorPhrase]:
        """Several colors of one part, where the family has more such parts: "with pink chips and green chips"."""
        free = [name for name in SEVERAL.get(family.name, ()) if name != _COLOR]
        named = [phrase for phrase in self._text.phrases if phrase.name is not None]
        found: list[ColorPhrase] = []
        first = ""
        for index, phrase in enumerate(named):
            # "With pink and green chips": the pink stands with the green.
            last = next(at for at in range(index, len(named)) if len(self._joined(named[at : at + 2])) < 2)
            name = self._part(family, named[last])
            if name in free and (found or index > 0 or "with" in self._text.plain[: phrase.first]):
                found.append(phrase)
                first = first or name
        if len(free) < 2 or len(found) < 2:
            return {}
        return dict(zip((first, *(name for name in free if name != first)), found, strict=False))

    def parts_of(self, family: Family, *, but: Family) -> list[tuple[int, int]]:
        """Stretches that say a color of a part that ``family`` has and ``but`` has not: "gold veins" of tiles."""
        found: list[tuple[int, int]] = []
        for phrase in self._text.phrases:
            part = self._part_after(family, phrase)
            if part is not None and self._part_after(but, phrase) is None:
                found.append((phrase.start, self._text.ends[part[1] - 1]))
        return found

    def whole(self, family: Family, noun: Sequence[tuple[int, int]], *, but: Family) -> dict[str, ColorPhrase]:
        """Colors that are of no part of ``but``, by the parameters of ``family`` that they set where it is of these.

        ``noun`` are the characters that name the material.
        """
        rest = [phrase for phrase in self._text.phrases if self._part_after(but, phrase) is None]
        named = [phrase for phrase in rest if phrase.name is not None and not self._of_other(phrase, noun)]
        if named:
            return dict(zip(SEVERAL.get(family.name, (_COLOR,)), self._joined(named), strict=False))
        lone = self._lightness(family, noun, set(self._text.phrases) - set(rest))
        return {} if lone is None else {_COLOR: lone}

    def _of_other(self, phrase: ColorPhrase, noun: Sequence[tuple[int, int]]) -> bool:
        """Whether something else than the material follows a color: "in a blue room"."""
        text, at = self._text, phrase.last
        if text.clause_ends(at) or text.plain[at] in PREPOSITIONS | _BETWEEN:
            return False
        reach = range(at, min(at + _REACH, len(text.plain)))
        return not any(touches((text.starts[place], text.ends[place]), noun) for place in reach)

    def _part(self, family: Family, phrase: ColorPhrase) -> str | None:
        """The parameter whose part's noun follows a color: "dark wide joints"."""
        part = self._part_after(family, phrase)
        return part[0] if part is not None else None

    def _part_after(self, family: Family, phrase: ColorPhrase) -> tuple[str, int] | None:
        """The same, with the first word after that noun."""
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
                lengths = [_stands(plain, place, part) for part in parts if place == at or part not in _WHOLE]
                if any(lengths):
                    return item.name, place + max(lengths)
        ground = _GROUND.get(family.name)
        return (ground, at + 1) if ground and at < len(plain) and plain[at] in _GROUND_NOUNS else None

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


def _heard(head: Value, made: Lab, *, down: bool) -> bool:
    """Whether the head's color is one of wood, and as dark or as light as the rule has it."""
    assert isinstance(head, tuple)
    lightness, a, b = head
    return a > 0.0 and b > 0.02 and (lightness <= made[0] if down else lightness >= made[0])


def _stands(plain: Sequence[str], place: int, phrase: str) -> int:
    """How many words a phrase has that stands at a place; 0: it does not."""
    parts = [word for word, _, _ in words(phrase)]
    return len(parts) if list(plain[place : place + len(parts)]) == parts else 0
