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
from typing import Any, Final

from .color_rules import ColorRules
from .color_words import nearest_name
from .head import Head, Reading
from .phrases import ATTRIBUTE_NOUNS, after_articles, negations, phrase_table, words
from .procedural.color import Lab, hex_to_lab, srgb_to_lab
from .procedural.family import families
from .two_materials import find_nouns

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
        found += [(start, end, "", None) for start, end, _ in unwanted]
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
        return cls(source, text + source[at:], tuple(edits), exact, frozenset(name for _, _, name in unwanted))

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
    return frozenset((*(noun for each in ATTRIBUTE_NOUNS.values() for noun in each), *phrase_table(families())))


def _unwanted(source: str) -> Iterator[tuple[int, int, str]]:
    """Stretches that say which material shall not be, with its family: "without bricks", "not stone or tiles".

    A word for an attribute is none ("no moss"): the head reads those.
    """
    spoken = words(source)
    plain = [word for word, _, _ in spoken]
    places = tuple(negations(plain))
    if not places:
        return
    nouns = {noun.start: noun for noun in find_nouns(source)}
    taken: list[tuple[int, int, int, str]] = []
    for at, place in places:
        while place < len(plain):
            noun = nouns.get(place)
            if noun is None or noun.bare or " ".join(plain[noun.start : noun.stop]) in _attributes():
                break
            taken.append((at, noun.start, noun.stop, noun.family))
            place = after_articles(plain, noun.stop + 1)
            if noun.stop >= len(plain) or plain[noun.stop] not in ("or", "nor"):
                break
    starts = {start for _, start, _, _ in taken}
    # "Not smooth bricks, rough bricks": what is named besides is wanted.
    wanted = {noun.family for noun in nouns.values() if noun.start not in starts}
    for first, _, stop, family in taken:
        if family not in wanted:
            yield spoken[first][1], spoken[stop - 1][2], family
