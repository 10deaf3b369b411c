# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of a prompt that the head knows but the material it chose has no use for: "rusty" of a diamond plate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from .color_names import BASIC
from .color_words import SEVERAL
from .phrases import ATTRIBUTE_NOUNS, words
from .procedural.family import Family, families
from .procedural.parameters import Choice, Number

Place = tuple[int, int]

# Other options are kinds ("oak", "fish"), whose words stand for things of many sorts.
_ARRANGED: Final = frozenset(("pattern", "weave", "bond"))
# "Highly detailed", "bumpy", "glossy" are wished of any material, most of all by styles: no news where it has none.
_OF_ANY: Final = frozenset(("detail", "relief", "gloss"))
# Said of what shows two colors.
_TWO_COLORS: Final = frozenset(
    [("bicolor",), ("bicolour",), *(("two", word) for word in "tone toned color colored colour coloured".split())]
)
# What a material is by itself needs no parameter.
_BY_NATURE: Final[Mapping[str, tuple[str, ...]]] = {"hammered_metal": ("dented",)}


def unused_words(text: str, family: Family) -> list[Place]:
    """Stretches of an English text that name an attribute or an option of other families than this only."""
    table, longest = _phrases()
    spoken = words(text)
    plain = [word for word, _, _ in spoken]
    own = {item.name for item in family.all_parameters()}
    used = {*_nouns(family), *_BY_NATURE.get(family.name, ())}
    found: list[Place] = []
    at = 0
    while at < len(plain):
        length = next((many for many in (2, 1) if tuple(plain[at : at + many]) in _TWO_COLORS), 0)
        if length:
            if family.name not in SEVERAL:
                found.append((spoken[at][1], spoken[at + length - 1][2]))
            at += length
            continue
        length = next(
            (many for many in range(min(longest, len(plain) - at), 0, -1) if tuple(plain[at : at + many]) in table), 0
        )
        if length == 0:
            at += 1
            continue
        start, end = spoken[at][1], spoken[at + length - 1][2]
        meant = table[tuple(plain[at : at + length])]
        # "Rusty brown" is a color.
        colored = at + length < len(plain) and plain[at + length] in BASIC
        if not colored and not meant & own and not used & set(plain[at : at + length]):
            found.append((start, end))
        at += length
    return found


def _nouns(family: Family) -> Iterator[str]:
    for noun in (*family.nouns, *family.rare_nouns, *family.modifiers):
        yield from (word for word, _, _ in words(noun))


@cache
def _phrases() -> tuple[Mapping[tuple[str, ...], frozenset[str]], int]:
    """Phrases of attributes and options, with the names of the parameters that they set; and the words of the longest.

    Those that also are a noun or say nothing for some family ("plain", "modern") are left out.
    """
    found: dict[tuple[str, ...], set[str]] = {}
    neutral: set[Sequence[str]] = set()
    for family in families().values():
        neutral |= {_split(word) for word in (*family.nouns, *family.rare_nouns, *family.modifiers)}
        for item in family.all_parameters():
            phrases: list[str] = []
            if isinstance(item, Number) and item.name not in _OF_ANY:
                phrases = [*item.words, *ATTRIBUTE_NOUNS.get(item.name, ())]
            elif isinstance(item, Choice) and item.name in _ARRANGED:
                phrases = [phrase for option in item.options.values() for phrase in option]
            for phrase in phrases:
                found.setdefault(_split(phrase), set()).add(item.name)
    kept = {phrase: frozenset(names) for phrase, names in found.items() if phrase not in neutral}
    return kept, max(map(len, kept))


def _split(phrase: str) -> tuple[str, ...]:
    return tuple(word for word, _, _ in words(phrase))
