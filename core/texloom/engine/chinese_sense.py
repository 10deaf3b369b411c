# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Chinese prompt is about, and what each of its words means there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from .chinese_words import NOUNS, Entry, Token
from .phrases import stem, words
from .procedural.family import Family, families

_MAKES: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    ("planks", "herringbone"): ("parquet", "parquet"),
    ("planks", "basket weave"): ("parquet", "parquet"),
    ("brushed_metal", "peeling paint"): ("painted_metal", "painted metal"),
}
"""A material and what is said of it that make another one: floorboards laid in a herringbone are parquet."""


_WOODEN: Final = frozenset({"planks", "parquet", "wood", "bark", "roof_tiles"})
_PATTERNS: Final = frozenset({"dots", "stripes", "checks", "plaid"})
_PLACES: Final = frozenset({"里", "中", "上", "边", "里面", "旁", "内", "下", "间"})
_LOOSE_WORDS: Final = frozenset("pbr hd uhd k 2k 4k 8k 16k 3d texture material seamless tileable cm mm m px x".split())
_RESTRICTED: Final = frozenset({"say", "size", "part"})
_NAMES: Final = ("material", "wood", "other")


@dataclass
class Item:
    """A token with the meaning that it has in this prompt."""

    kind: str
    english: str
    start: int
    end: int
    text: str


@dataclass
class Head:
    """The material: its ``family`` where that is known, and the ``token`` that names it.

    ``named`` tells whether anything names it; ``shape`` is what a wood is made into (橡木地板), ``cloth`` what a
    pattern is on, and ``noun`` replaces the English name.
    """

    family: Family | None = None
    token: Token | None = None
    named: bool = False
    shape: Token | None = None
    cloth: Token | None = None
    noun: str = ""


def _first(token: Token, kinds: Collection[str]) -> Entry | None:
    return next((entry for entry in token.entries if entry.kind in kinds), None)


def find_head(clauses: Sequence[Sequence[Token]]) -> Head:
    """What the prompt is about, and what that is by what is said of it: floorboards in a herringbone are parquet."""
    head = _plain_head(clauses)
    said = {entry.english for clause in clauses for token in clause for entry in token.entries if entry.kind == "say"}
    for (name, phrase), (other, noun) in _MAKES.items():
        if head.family is not None and head.family.name == name and phrase in said:
            return replace(head, family=families()[other], noun=noun)
    return head


def _plain_head(clauses: Sequence[Sequence[Token]]) -> Head:
    registry = families()
    for clause in clauses:
        nouns = [token for token in clause if token.is_any(NOUNS) and not _denied(clause, token)]
        nouns = [token for token in nouns if not _placed(clause, token)] or nouns
        pure = [token for token in nouns if not _describes(token, nouns)]
        materials = [token for token in pure or nouns if token.is_any({"material"})]
        named = materials or pure or nouns
        if not named:
            continue
        token = named[-1]
        entry = _first(token, _NAMES)
        assert entry is not None
        family = _named(token)
        if entry.kind == "wood":
            shape = next((item for item in clause if item.start >= token.end and item.is_any({"form"})), None)
            formed = _first(shape, ("form",)) if shape is not None else None
            if formed is not None and formed.families[0] in _WOODEN:
                return Head(registry[formed.families[0]], token, True, shape)
        if family is not None and family.name == "fabric":
            # Cloth is what a pattern is usually on: 波点布 are dots.
            for other in nouns:
                pattern = _first(other, ("material",))
                if pattern is not None and pattern.families[0] in _PATTERNS:
                    return Head(family=registry[pattern.families[0]], token=other, named=True, cloth=token)
        return Head(family, token, True)
    latin = [token.text for clause in clauses for token in clause if token.role == "latin"]
    if any(word.isalpha() and word not in _LOOSE_WORDS for word in latin):
        return Head(_family_of(" ".join(latin)), None, True)
    for kinds in ({"form"}, {"stuff"}):
        for clause in clauses:
            for token in reversed(clause):
                found = _first(token, kinds)
                if found is not None and found.families and not _denied(clause, token):
                    return Head(registry[found.families[0]], token, True)
    return Head()


def _named(token: Token) -> Family | None:
    entry = _first(token, _NAMES)
    return families()[entry.families[0]] if entry is not None and entry.families else None


def _describes(token: Token, nouns: Sequence[Token]) -> bool:
    """Whether a noun also says something of another one beside it: 条纹毛衣 is a sweater."""
    others = [_named(other) for other in nouns if other is not token]
    return any(entry.kind in _RESTRICTED and _fits(entry, family) for entry in token.entries for family in others)


def _placed(clause: Sequence[Token], token: Token) -> bool:
    """Whether a noun is only where the thing lies: 沙漠里的石头 is a stone."""
    return any(other.start == token.end and other.text in _PLACES for other in clause)


def _denied(clause: Sequence[Token], token: Token) -> bool:
    """Whether "no" stands right before a token, or before what "and" joins it to."""
    index = list(clause).index(token)
    while index > 1 and clause[index - 1].is_any({"and"}):
        index -= 2
    return index > 0 and clause[index - 1].is_any({"no"})


@cache
def _nouns() -> dict[tuple[str, ...], str]:
    """Stems of the registry's nouns and their families."""
    found: dict[tuple[str, ...], str] = {}
    for name, family in families().items():
        for noun in (*family.nouns, *family.rare_nouns):
            found[tuple(stem(word) for word, _, _ in words(noun))] = name
    return found


def _family_of(text: str) -> Family | None:
    """The family that English words name, by the longest noun among them."""
    parts = tuple(stem(word) for word, _, _ in words(text))
    for length in range(min(4, len(parts)), 0, -1):
        for at in range(len(parts) - length, -1, -1):
            name = _nouns().get(parts[at : at + length])
            if name is not None:
                return families()[name]
    return None


# What each word means here.


def read_clause(clause: Sequence[Token], head: Head) -> list[Item]:
    """Each word of a clause with its meaning; kind "aside" is for nouns beside the one that the prompt is about."""
    items = []
    for index, token in enumerate(clause):
        if token.role == "latin":
            plain = not token.text.isalpha() or token.text in _LOOSE_WORDS
            items.append(Item("plain" if plain else "latin", token.text, token.start, token.end, token.text))
            continue
        before = next((item for item in reversed(clause[:index]) if not item.is_any({"skip"})), None)
        after = next((item for item in clause[index + 1 :] if not item.is_any({"skip"})), None)
        entry = _meaning(token, before, after, head)
        kind, english = entry.kind, entry.english
        if head.noun and token is (head.shape or head.token):
            english = head.noun
        if kind == "wood" and not (head.token is not token or head.shape is not None):
            english = english if english.endswith("wood") else f"{english} wood"
        if kind == "form" and token is not head.token and token is not head.shape and head.named:
            # 没有砖的混凝土: what shall not be is none of its words.
            kind = "aside" if _denied(clause, token) else "skip"
            english = families()[entry.families[0]].nouns[0] if kind == "aside" else english
        if kind == "stuff" and token is head.token:
            kind, english = "material", forms(english)[1]
        if kind in ("form", "wood", "other"):
            kind = "material"
        if kind == "material" and token is not head.token and token is not head.shape:
            kind = "skip" if _placed(clause, token) or token is head.cloth else "aside"
        items.append(Item(kind, english, token.start, token.end, token.text))
    return items


def _meaning(token: Token, before: Token | None, after: Token | None, head: Head) -> Entry:
    """The meaning that fits the material and the neighbours."""
    if token is head.token or token is head.shape:
        noun = _first(token, (*_NAMES, "form", "stuff"))
        assert noun is not None
        return noun
    coloring = after is not None and after.is_any({"color"})
    described = any(side is not None and side.is_any({"color", "size"}) for side in (before, after))

    def rank(entry: Entry) -> int:
        if entry.kind == "tone":
            return 0 if coloring else 7
        if entry.kind == "part":
            # Worth a word only with what is said about it; without that 裂缝 in lava is a crack like any other.
            return (1 if described else 5) if entry.families else (4 if described else 6)
        if entry.kind == "skip":
            return 8
        return 2 if entry.families and entry.kind in _RESTRICTED else 3

    fitting = [
        entry
        for entry in token.entries
        if entry.kind not in _RESTRICTED or not entry.families or _fits(entry, head.family)
    ]
    return min(fitting, key=rank, default=Entry("skip", ""))


def _fits(entry: Entry, family: Family | None) -> bool:
    return family is not None and any(
        name == family.name or (name.startswith(":") and family.parameter(name[1:]) is not None)
        for name in entry.families
    )


def forms(english: str) -> tuple[str, str, str]:
    """How a stuff (moss, dust …) is said: before the noun, as a noun, and where there is much of it."""
    parts = english.split("/")
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    return english, english.removeprefix("with "), english
