# SPDX-License-Identifier: GPL-3.0-or-later
"""What is put into other words before the head reads a prompt, and where each word stood.

Three things that the head was never taught: colors in numbers ("#7a3b2e"), materials that shall not be ("concrete
instead of brick"), and names of materials that it takes for another one although a family draws them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any, Final

from .color_names import BASIC
from .color_rules import ColorRules
from .color_words import nearest_name
from .head import Head, Reading
from .phrases import (
    ATTRIBUTE_NOUNS,
    KINDS,
    STOP_WORDS,
    after_articles,
    after_negation,
    negations,
    phrase_table,
    touches,
    words,
)
from .procedural.color import Lab, hex_to_lab, srgb_to_lab
from .procedural.family import families
from .two_materials import Named, find_nouns

Place = tuple[int, int]

# Chinese is written without spaces: only Latin letters and digits go on with a word.
_BEFORE: Final = r"(?<![0-9A-Za-z_])"
_AFTER: Final = r"(?![0-9A-Za-z_])"
HEX_COLOR: Final = re.compile(rf"(?<![0-9A-Za-z_#＃])[#＃]([0-9a-fA-F]{{6}}|[0-9a-fA-F]{{3}}){_AFTER}")
_RGB_COLOR: Final = re.compile(
    _BEFORE + r"rgb[(（]\s*(\d{1,3})\s*[,，]\s*(\d{1,3})\s*[,，]\s*(\d{1,3})\s*[)）]", re.IGNORECASE
)

# Names that the head reads as something else, and words by which it reads them right.  Each pair was tried with it.
_NAMES: Final = tuple(
    (re.compile(rf"\b(?:{pattern})(?!\w)", re.IGNORECASE), meant)
    for pattern, meant in (
        # "Scales" have kinds for these; "leather" and "skin" draw the eye to plain leather.
        (r"(?:crocodile|alligator|caiman)[ -](?:embossed )?(?:leather|skin|hide)(?: leather)?", "crocodile scales"),
        (r"(?:snake|python)[ -]?(?:skin|leather)(?: leather)?", "snake scales"),
        # Polished stones with veins, that were read as layers of sandstone and as a circuit board.
        (r"travertine(?! marble)", "travertine marble"),
        (r"onyx(?= (?:slabs?|tiles?|walls?|floors?|countertops?|panels?|stone)\b)", "onyx marble"),
        (r"che(?:ck|qu)ered marble", "checkerboard"),
        # The ornament of damask is a family of its own; on wallpaper it was read as flowers.
        (r"damask wallpaper", "damask"),
        (r"zebra (?:stripes?|print|pattern|skin|hide)", "zebra fur"),
        (r"candy[ -]cane(?: stripes?)?(?: pattern)?", "red and white diagonal stripes"),
        (r"carbon[ -]fib(?:er|re)s?(?: (?:weave|twill|cloth|fabric))?", "black twill fabric"),
        (r"pin[ -]?strip(?:es?|ed)", "thin vertical stripes"),
    )
)  # fmt: skip


_USUAL: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "wall": (("plaster", "plaster"), ("bricks", "brick"), ("concrete", "concrete")),
    "floor": (("concrete", "concrete"), ("ceramic_tiles", "tile"), ("planks", "plank")),
}
"""Families that are most likely meant where only the thing is named, with the words that say so before it."""


@dataclass(frozen=True)
class Wording:
    """A prompt as the head gets it.

    Attributes:
        source: the English prompt.
        text: what the head reads.
        edits: stretches of ``source`` that were put into other words, and where those stand in ``text``.
        exact: colors in numbers, by the characters of ``text`` that stand in their place.
        avoided: families that the prompt does not want.
    """

    source: str
    text: str
    edits: tuple[tuple[Place, Place], ...] = ()
    exact: Mapping[Place, Lab] = field(default_factory=dict)
    avoided: frozenset[str] = frozenset()

    @classmethod
    def of(cls, source: str, original: str | None = None) -> Wording:
        """Put an English prompt into words for the head; ``original`` is what it was translated from, if it was."""
        found: list[tuple[int, int, str, Lab | None]] = list(_numbers(source, original))
        unwanted = list(_unwanted(source))
        found += [(start, end, meant, None) for start, end, meant, _ in unwanted]
        avoided = frozenset[str]().union(*(gone for *_, gone in unwanted))
        found += [(at, at, meant, None) for at, meant in _unnamed(source, unwanted, avoided)]
        found += [
            (match.start(), match.end(), meant, None) for known, meant in _NAMES for match in known.finditer(source)
        ]
        text, at = "", 0
        edits: list[tuple[Place, Place]] = []
        exact: dict[Place, Lab] = {}
        for start, end, meant, lab in sorted(found, key=lambda item: (item[0], -item[1])):
            if start < at:
                continue
            text += source[at:start]
            place = (len(text), len(text) + len(meant))
            text += meant
            at = end
            edits.append(((start, end), place))
            if lab is not None:
                exact[place] = lab
        return cls(source, text + source[at:], tuple(edits), exact, avoided)

    def back(self, spans: Sequence[Place]) -> tuple[Place, ...]:
        """The characters of ``source`` behind those of ``text``."""
        return tuple((self._at(start, first=True), self._at(end, first=False)) for start, end in spans)

    def _at(self, place: int, *, first: bool) -> int:
        moved = 0
        for (start, end), (left, right) in self.edits:
            if place < left or (place == left and not first):
                break
            if place < right or (place == right and not first):
                return start if first else end
            moved = end - right
        return place + moved

    def corrected(self, reading: Reading, text: str | None = None) -> Reading:
        """What the head read, after the rules; ``text`` is what it read where that was a part of :attr:`text`."""
        return reading.corrected(ColorRules(self.text if text is None else text, self.exact), self.back, self.avoided)


def read_prompts(head: Head, encoder: Any, prompts: Sequence[str]) -> list[Reading]:
    """What English prompts with one material mean, by the rules and the head."""
    wordings = [Wording.of(prompt) for prompt in prompts]
    readings = head.read_all(encoder.encode([wording.text for wording in wordings]))
    return [wording.corrected(reading) for wording, reading in zip(wordings, readings, strict=True)]


def _numbers(source: str, original: str | None) -> Iterator[tuple[int, int, str, Lab | None]]:
    """Colors in numbers, with the nearest basic term."""
    for match in HEX_COLOR.finditer(source):
        yield _color(match.start(), match.end(), match[1])
    for match in _RGB_COLOR.finditer(source):
        yield from _levels(match.start(), match.end(), match.groups())
    # A translation keeps the digits and drops the signs around them.
    for code in dict.fromkeys(HEX_COLOR.findall(original or "")):
        for match in re.finditer(rf"(?<![0-9A-Za-z_#]){code}{_AFTER}", source):
            yield _color(match.start(), match.end(), code)
    for levels in dict.fromkeys(_RGB_COLOR.findall(original or "")):
        for match in re.finditer(_BEFORE + r"[ ,]+".join(("rgb", *levels)) + _AFTER, source, re.IGNORECASE):
            yield from _levels(match.start(), match.end(), levels)


def _levels(start: int, end: int, digits: Sequence[str]) -> Iterator[tuple[int, int, str, Lab]]:
    red, green, blue = (int(level) / 255 for level in digits)
    if max(red, green, blue) <= 1.0:
        lab = srgb_to_lab((red, green, blue))
        yield start, end, nearest_name(lab), lab


def _color(start: int, end: int, digits: str) -> tuple[int, int, str, Lab]:
    lab = hex_to_lab("#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)))
    return start, end, nearest_name(lab), lab


@cache
def _attributes() -> frozenset[str]:
    """Words for attributes and for the sides of other numbers."""
    return frozenset((*_attribute_nouns(), *phrase_table(families())))


@cache
def _attribute_nouns() -> frozenset[str]:
    return frozenset(noun for each in ATTRIBUTE_NOUNS.values() for noun in each)


@dataclass(frozen=True)
class _Denied:
    """Words ``start`` to ``stop`` of what shall not be: a material that names ``families``, or an attribute."""

    start: int
    stop: int
    families: frozenset[str] = frozenset()


def _unwanted(source: str) -> Iterator[tuple[int, int, str, frozenset[str]]]:
    """Stretches about what shall not be, the words in their place, and the families that are out with them.

    Materials are left out ("without bricks", "not stone or tiles").  Attributes the head reads, but only the first
    behind a negation: "no moss or cracks" becomes "no moss, no cracks".
    """
    spoken = words(source)
    plain = [word for word, _, _ in spoken]
    places = tuple(negations(plain))
    if not places:
        return
    nouns = {noun.start: noun for noun in find_nouns(source)}
    listed = [(at, _list(source, spoken, nouns, at, place)) for at, place in places]
    out = {item.start for _, items in listed for item in items}
    # "Not smooth bricks, rough bricks": what is named besides is wanted.
    wanted = {noun.family for noun in nouns.values() if noun.start not in out}
    for at, items in listed:
        if not items:
            continue
        said = " ".join(plain[at : after_negation(plain, at)])
        kept = [item for item in items if not item.families or item.families <= wanted]
        gone = frozenset(name for item in items if item not in kept for name in item.families - wanted)
        if not kept:
            yield spoken[at][1], spoken[items[-1].stop - 1][2], "", gone
            continue
        if said == "neither":
            said = "without" if _is_noun(plain, kept[0]) else "not"
            yield spoken[at][1], spoken[at][2], said, frozenset()
        if kept[0] is not items[0]:
            yield spoken[items[0].start][1], spoken[kept[0].start][1], "", gone
        for one, other in pairwise(kept):
            yield spoken[one.stop - 1][2], spoken[other.start][1], f", {said} ", gone
        if kept[-1] is not items[-1]:
            yield spoken[kept[-1].stop - 1][2], spoken[items[-1].stop - 1][2], "", gone


def _unnamed(
    source: str, unwanted: Sequence[tuple[int, int, str, frozenset[str]]], avoided: frozenset[str]
) -> Iterator[tuple[int, str]]:
    """What a wall or a floor is of when the prompt says only what it is not of, and where that is to be said."""
    if not avoided:
        return
    gone = [(start, end) for start, end, _, _ in unwanted]
    left = [item for item in words(source) if not touches(item[1:], gone)]
    places = [(word, start) for word, start, _ in left if word in _USUAL]
    known = {*STOP_WORDS, *_USUAL, *_attributes(), *BASIC}
    if len(places) == 1 and all(word in known for word, _, _ in left):
        word, start = places[0]
        usual = next((noun for family, noun in _USUAL[word] if family not in avoided), None)
        if usual is not None:
            yield start, f"{usual} "


def _list(
    source: str, spoken: Sequence[tuple[str, int, int]], nouns: Mapping[int, Named], at: int, place: int
) -> list[_Denied]:
    """What stands behind a negation, joined by "or", "nor" or "and", and by commas before these."""
    plain = [word for word, _, _ in spoken]
    items: list[_Denied] = []
    sure = 0
    joint, first = "", False
    while (item := _denied(plain, nouns, place)) is not None:
        adjective = not item.families and not _is_noun(plain, item)
        following = plain[item.stop] if item.stop < len(plain) else ""
        # "Not wet and mossy" may be mossy, "no cracks and moss in the joints" has moss there.
        if joint == "and" and (adjective or following in ("in", "on", "between", "over", "everywhere")):
            break
        # "No moss, cracked or worn" is either of these.
        if items and adjective != first:
            break
        first = adjective
        items.append(item)
        # Of things with commas between them it takes an "or" at the end to know that all are meant.
        sure = len(items) if joint != "," else sure
        sign = source[spoken[item.stop - 1][2] : spoken[item.stop][1]].strip() if following else "."
        joint = following if following in ("or", "nor", "and") else sign
        if joint not in ("or", "nor", "and", ",") or sign not in ("", ","):
            break
        place = after_articles(plain, item.stop + (joint != ","))
    return items[:sure]


def _is_noun(plain: Sequence[str], item: _Denied) -> bool:
    return " ".join(plain[item.start : item.stop]) in _attribute_nouns()


def _denied(plain: Sequence[str], nouns: Mapping[int, Named], place: int) -> _Denied | None:
    """What can be denied and begins at a word."""
    for length in (3, 2, 1):
        if place + length <= len(plain) and " ".join(plain[place : place + length]) in _attributes():
            return _Denied(place, place + length)
    noun = nouns.get(place)
    kind = KINDS.get(plain[place]) if place < len(plain) else None
    if kind is not None and (noun is None or noun.stop == place + 1):
        return _Denied(place, place + 1, frozenset(kind))
    if noun is None or noun.bare:
        return None
    return _Denied(noun.start, noun.stop, frozenset((noun.family,)))
