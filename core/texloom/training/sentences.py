# SPDX-License-Identifier: GPL-3.0-or-later
"""How a name and facts become words: word order, articles, punctuation, slips of the pen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..engine.procedural.family import Family
from ..engine.procedural.parameters import Rng, Value
from . import phrasing

FAMILY = "family"
"""Key of spans that name the material itself."""


@dataclass(frozen=True)
class Span:
    """Characters ``start`` to ``end`` of the text set ``key``, a parameter's name or :data:`FAMILY`."""

    start: int
    end: int
    key: str


@dataclass(frozen=True)
class Fact:
    """Something that can be said: ``text`` placed before ("pre"), after ("post") or about ("is") the noun."""

    text: str
    place: str
    key: str
    value: Value
    color: str = ""


_Piece = tuple[str, str]


class Writer:
    """Puts a noun and facts into words, as pieces with the key they set."""

    def __init__(self, rng: Rng, family: Family, noun: str, facts: Sequence[Fact]) -> None:
        self.rng = rng
        self.family = family
        self.noun = noun
        self.pre = [fact for fact in facts if fact.place == "pre"]
        self.post = [fact for fact in facts if fact.place == "post"]
        self.tag = [fact for fact in facts if fact.place == "tag"]
        self.about = [fact for fact in facts if fact.place == "is"]
        self.sentences = [fact for fact in facts if fact.place == "sentence"]

    def write(self) -> list[_Piece]:
        """Pieces in order; a key of "" sets nothing."""
        style = self.rng.random()
        body = self._tags() if style < 0.16 else self._natural()
        return self._dress(body)

    def _chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def _one(self, options: Sequence[str]) -> str:
        return str(options[int(self.rng.integers(len(options)))])

    def _noun_pieces(self) -> list[_Piece]:
        if not self.noun:
            return [(self._one(phrasing.UNNAMED), "")]
        noun = self.noun
        if self._chance(0.08):
            noun = phrasing.other_number(noun)
        pieces: list[_Piece] = []
        if self.family.modifiers and self._chance(0.15):
            pieces.append((self._one(self.family.modifiers), ""))
        return [*pieces, (noun, FAMILY)]

    def _tags(self) -> list[_Piece]:
        parts = [[(fact.text, fact.key)] for fact in (*self.pre, *self.about, *self.tag, *self.post)]
        self.rng.shuffle(parts)
        noun = self._noun_pieces()
        parts.insert(0 if self._chance(0.6) else int(self.rng.integers(len(parts) + 1)), noun)
        if self._chance(0.3):
            parts.append([(self._one(phrasing.SUFFIXES), "")])
        pieces: list[_Piece] = []
        separator = self._one((",", ",", ",", ";", " /", "" if not (self.post or self.tag) else ","))
        for index, part in enumerate(parts):
            if index and separator:
                pieces.append((separator, ""))
            pieces.extend(part)
        return pieces + self._extra_sentences()

    def _natural(self) -> list[_Piece]:
        pre = list(self.pre)
        self.rng.shuffle(pre)  # type: ignore[arg-type]
        late = [*self.about, *pre[3:]]
        pieces: list[_Piece] = []
        for index, fact in enumerate(pre[:3]):
            if index:
                joint = self._one(("", "", "", ",", ",", "and"))
                if joint:
                    pieces.append((joint, ""))
            pieces.append((fact.text, fact.key))
        pieces += self._noun_pieces()
        if self._chance(0.05):
            pieces = [(self._one(phrasing.CARRIERS), ""), ("made of", ""), *pieces]
        post = [*self.post, *self.tag]
        self.rng.shuffle(post)  # type: ignore[arg-type]
        for index, fact in enumerate(post):
            if fact.place == "tag":
                pieces.append((",", ""))
            elif index and not fact.text.startswith("and "):
                joint = self._one(("", ",", "and"))
                if joint:
                    pieces.append((joint, ""))
            pieces.append((fact.text, fact.key))
        return pieces + self._late(late) + self._extra_sentences()

    def _late(self, facts: Sequence[Fact]) -> list[_Piece]:
        if not facts:
            return []
        pieces: list[_Piece] = []
        style = self._one(
            (", ", ", ", ", ", "that is", "which is", "that looks", ". it is", ". it looks", "but", "and")
        )
        if style == ", ":
            for fact in facts:
                pieces += [(",", ""), (fact.text, fact.key)]
            return pieces
        if style.startswith("."):
            pieces.append((".", ""))
            style = style[2:]
        pieces.append((style, ""))
        for index, fact in enumerate(facts):
            if index:
                pieces.append((self._one(("and", ",")), ""))
            pieces.append((fact.text, fact.key))
        return pieces

    def _extra_sentences(self) -> list[_Piece]:
        pieces: list[_Piece] = []
        for fact in self.sentences:
            pieces += [(self._one((".", ",", ", and", ";")), ""), (fact.text, fact.key)]
        return pieces

    def _dress(self, body: list[_Piece]) -> list[_Piece]:
        pieces = body
        chance = self.rng.random()
        if chance < 0.2:
            pieces = [(self._one(phrasing.PREFIXES), ""), *pieces]
        elif chance < 0.5:
            first = self._one(phrasing.TITLES)
            if first == "a":
                first = phrasing.article(body[0][0])
            if first:
                pieces = [(first, ""), *pieces]
        if self._chance(0.18):
            suffix = self._one(phrasing.SUFFIXES)
            if self._chance(0.4):
                pieces = [*pieces, (",", "")]
            pieces = [*pieces, (suffix, "")]
        if self._chance(0.1):
            pieces = [*pieces, *([(",", "")] if self._chance(0.3) else []), (self._one(phrasing.PLACES), "")]
        if self._chance(0.08):
            pieces = [*pieces, (self._one((".", "!", "...", "please", "thanks")), "")]
        return pieces


def join(pieces: Sequence[_Piece], rng: Rng, *, careless: bool) -> tuple[str, tuple[Span, ...]]:
    """Text of the pieces and where each key stands in it."""
    edited = [(phrasing.spelling(text, rng), key) for text, key in pieces]
    if careless and rng.random() < 0.06:
        index = int(rng.integers(len(edited)))
        edited[index] = (phrasing.typo(edited[index][0], rng), edited[index][1])
    text = ""
    spans: list[Span] = []
    for piece, key in edited:
        if text and not piece.startswith((",", ".", ";", "!")):
            text += " "
        start = len(text)
        text += piece
        if key:
            spans.append(Span(start, len(text), key))
    return phrasing.case(text, rng), tuple(spans)
