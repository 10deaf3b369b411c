# SPDX-License-Identifier: GPL-3.0-or-later
"""Chinese prompts for a model that reads English: translated word by word, and every word remembers where it stood.

The order of the English words is that of the captions that the head was trained with: what stands before the noun,
the noun, "with …" for its parts, and what is said about it after commas.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from .chinese_grammar import Clause, Unit, Writer, gather_colors
from .chinese_sense import find_head, forms, read_clause
from .chinese_words import Entry, Token, is_chinese, tokens
from .phrases import STOP_WORDS, words
from .procedural.family import families

Place = tuple[int, int]
"""Start and end of characters."""


@dataclass(frozen=True)
class Translation:
    """A Chinese prompt in English.

    ``text`` is the English; ``places`` tell for stretches of it from where in ``source`` they come (English start
    and end, source start and end).  ``missing`` are places in the source that are in no dictionary; ``loose`` are
    words that some model may not know (word, place): those written in Latin letters, and names of things that no
    family draws.  ``avoided`` is what the prompt wants to be without and cannot be said in a caption: materials and
    colors, in English, divided by commas.
    """

    source: str
    text: str
    places: tuple[tuple[int, int, int, int], ...]
    missing: tuple[Place, ...] = ()
    loose: tuple[tuple[str, Place], ...] = ()
    avoided: str = ""

    def words_at(self, spans: Sequence[Place]) -> list[str]:
        """The words of the source behind stretches of the English text, each once, in their order."""
        touched = {
            (start, end)
            for left, right, start, end in self.places
            if any(left < stop and right > begin for begin, stop in spans)
        }
        return self._shown(touched)

    def content_words(self) -> tuple[str, ...]:
        """All words of the source that were translated."""
        return tuple(self._shown({(start, end) for _, _, start, end in self.places}))

    def not_understood(self, unknown: Callable[[str], Sequence[str]]) -> tuple[str, ...]:
        """Words of the source that mean nothing, each once, in their order; ``unknown`` judges English words."""
        found = set(self.missing)
        if self.loose:
            strange = {word.lower() for word in unknown(" ".join(word for word, _ in self.loose))}
            found |= {place for word, place in self.loose if strange & set(word.lower().split())}
        return tuple(self._shown(found))

    def not_avoided(self, unread: Collection[str]) -> tuple[str, ...]:
        """The same for a negative prompt: ``unread`` are words of the English text that could not be used."""
        strange = {word.lower() for word in unread}
        found = set(self.missing)
        for left, right, start, end in self.places:
            if strange & {word for word, _, _ in words(self.text[left:right])}:
                found.add((start, end))
        return tuple(self._shown(found))

    def _shown(self, places: Collection[Place]) -> list[str]:
        shown = [self.source[start:end] for start, end in sorted(places)]
        content = [word for word in shown if word.lower() not in STOP_WORDS]
        return list(dict.fromkeys(content or shown))


def translate(prompt: str) -> Translation | None:
    """The prompt in English, or None when it is not Chinese or no word of it is known."""
    if not is_chinese(prompt):
        return None
    cut = tokens(prompt)
    missing = tuple((token.start, token.end) for token in cut if token.role == "unknown")
    clauses = _split(cut)
    head = find_head(clauses)
    avoided: list[str] = []
    made = [Writer(read_clause(clause, head), head.family, avoided).run() for clause in clauses]
    gather_colors(made, head.family)
    text, places = _write(made)
    if not text and not avoided:
        return None
    loose = [(token.text, (token.start, token.end)) for token in cut if token.role == "latin"]
    for token in cut:
        loose += [(entry.english, (token.start, token.end)) for entry in token.entries[:1] if entry.kind == "other"]
    loose.sort(key=lambda item: item[1])
    return Translation(prompt, text, places, missing, tuple(loose), ", ".join(avoided))


def translate_list(prompt: str) -> Translation | None:
    """A negative prompt as a list of English nouns, colors and attributes; None as :func:`translate`."""
    if not is_chinese(prompt):
        return None
    units: list[Unit] = []
    cut = tokens(prompt)
    for token in cut:
        english = token.text if token.role == "latin" else ""
        for entry in token.entries:
            english = _listed(entry)
            if english:
                break
        if english:
            units.append(Unit("say", [(english, token.start, token.end)]))
    text, places = _write([Clause(main=[unit]) for unit in units])
    missing = tuple((token.start, token.end) for token in cut if token.role == "unknown")
    return Translation(prompt, text, places, missing)


def _listed(entry: Entry) -> str:
    if entry.kind in ("material", "form"):
        return families()[entry.families[0]].nouns[0]
    if entry.kind == "stuff":
        return forms(entry.english)[1]
    return entry.english if entry.kind in ("wood", "other", "say", "size", "color", "part") else ""


def _split(cut: list[Token]) -> list[list[Token]]:
    """Tokens of each clause, without the pieces that are not known."""
    clauses: list[list[Token]] = [[]]
    for token in cut:
        if token.role == "stop":
            clauses.append([])
        elif token.role != "unknown":
            clauses[-1].append(token)
    return [clause for clause in clauses if clause]


def _write(clauses: Sequence[Clause]) -> tuple[str, tuple[tuple[int, int, int, int], ...]]:
    text = ""
    places: list[tuple[int, int, int, int]] = []

    def put(unit: Unit, comma: bool) -> None:
        nonlocal text
        for number, (english, start, end) in enumerate(unit.pieces):
            if text:
                text += ", " if comma and number == 0 else " "
            places.append((len(text), len(text) + len(english), start, end))
            text += english

    for clause in clauses:
        last = max((index for index, unit in enumerate(clause.main) if unit.kind == "noun"), default=-1)
        fresh = True
        for index, unit in enumerate(clause.main):
            put(unit, comma=fresh or (index > last >= 0) or (last < 0 and unit.kind != "plain"))
            fresh = False
        for index, unit in enumerate(clause.after):
            put(unit, comma=fresh or index > 0 or unit.kind == "not")
            fresh = False
    return text, tuple(places)
