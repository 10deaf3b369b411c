# SPDX-License-Identifier: GPL-3.0-or-later
"""The Chinese words that are known, and a Chinese text cut into them.

``glossary_zh.csv`` has a row for each English phrase: ``kind`` (see :class:`Entry`), ``family``, ``english`` and the
Chinese words for it, divided by "|"; a color ending in "~" stands with and without 色.  ``traditional_zh.csv`` maps
traditional characters and variants to the simplified ones that the glossary is written in, one to one, so that
places in a text stay what they are.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

GLOSSARY: Final = Path(__file__).with_name("glossary_zh.csv")
TRADITIONAL: Final = Path(__file__).with_name("traditional_zh.csv")

NOUNS: Final = frozenset({"material", "wood", "other"})
"""Kinds that name a material by themselves."""
_THINGS: Final = NOUNS | {"stuff"}
_SAYING: Final = _THINGS | {"form", "say", "size", "tone", "color", "part"}

HAN: Final = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0002ffff々〇"
_HAN = re.compile(f"[{HAN}]")
# Kana and Hangul: Japanese and Korean share characters with Chinese and are other languages.
_OTHER = re.compile("[\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f\u1100-\u11ff\uac00-\ud7af]")
_RUNS = re.compile(
    rf"(?P<words>[{HAN}]+|[^\W_{HAN}]+(?:['’./×-][^\W_{HAN}]+)*)|(?P<and>[、&+])|(?P<stop>[,.;:!?。！？…|()\[\]【】《》\n]+)"
)

# Small words that may stand beside anything; any other single character beside an unknown one is part of its word.
_PARTICLES: Final = frozenset("的了着是为有带和与及或又在上里中下被把用很没无不")
_UNKNOWN_COST: Final = 4.0
_SINGLE_COST: Final = 1.5


@dataclass(frozen=True)
class Entry:
    """One meaning of a Chinese word.

    Kinds: ``material`` and ``wood`` (a species) name a material, ``other`` something that no family may draw;
    ``form`` says what it is made into and names a material only by itself; ``stuff`` lies on a material or is one
    (english: adjective/noun/covered); ``say`` is a phrase about a parameter; ``size``, ``tone`` (of a color),
    ``color``, ``part`` (that has a color of its own); ``degree``, ``quantity``, ``cover``, ``have``, ``no``, ``not``,
    ``and``; ``unit``; ``skip`` says nothing.

    ``families``: what a noun names; for ``say``, ``size`` and ``part`` where the meaning holds, all where empty;
    ":gloss" stands for the families that have that parameter.
    """

    kind: str
    english: str
    families: tuple[str, ...] = ()


@dataclass(frozen=True)
class Token:
    """Characters ``start`` to ``end``; ``entries`` are the meanings of a known Chinese word."""

    start: int
    end: int
    role: Literal["known", "latin", "unknown", "stop"]
    text: str
    entries: tuple[Entry, ...] = ()

    def is_any(self, kinds: frozenset[str] | set[str]) -> bool:
        """Whether one of its meanings is of these kinds."""
        return any(entry.kind in kinds for entry in self.entries)


def is_chinese(text: str) -> bool:
    """Whether a text has Chinese characters, and no Japanese or Korean ones."""
    return _HAN.search(text) is not None and _OTHER.search(text) is None


@cache
def _simplified() -> Mapping[int, str]:
    """Full-width to ASCII characters and traditional to simplified ones, each one to one."""
    table = {0xFF01 + index: chr(0x21 + index) for index in range(94)} | {0x3000: " "}
    with TRADITIONAL.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            table |= {ord(letter): row["simplified"] for letter in row["traditional"]}
    return table


def plain(text: str) -> str:
    """The text in simplified characters, half-width and lower case, of the same length."""
    changed = text.translate(_simplified())
    lower = changed.lower()
    # A few capitals, such as İ, have two small letters.
    return lower if len(lower) == len(text) else changed


@cache
def english_words() -> frozenset[str]:
    """The English words, in lower case, that materials, colors and attributes are translated to."""
    return frozenset(
        word.lower()
        for entries in glossary().values()
        for entry in entries
        if entry.kind not in ("other", "skip", "unit")
        for word in re.findall(r"[A-Za-z]+", entry.english)
    )


@cache
def glossary() -> Mapping[str, tuple[Entry, ...]]:
    """All known words, in the form of :func:`plain`, with their meanings in the order of the file."""
    found: dict[str, tuple[Entry, ...]] = {}
    # Simplified as a whole: row by row it takes ten times as long.
    for row in csv.DictReader(plain(GLOSSARY.read_text(encoding="utf-8")).splitlines()):
        entry = Entry(row["kind"], row["english"], tuple(filter(None, row["family"].split("|"))))
        # Shared by the words of a row: thousands of small tuples would set off the garbage collector.
        alone = (entry,)
        for word in row["chinese"].split("|"):
            for form in (word[:-1], word[:-1] + "色") if word.endswith("~") else (word,):
                meanings = found.get(form)
                if meanings is None:
                    found[form] = alone
                elif entry not in meanings:
                    found[form] = (*meanings, entry)
    return found


@cache
def _longest() -> int:
    return max(map(len, glossary()))


def tokens(text: str) -> list[Token]:
    """Cut a text into known words, Latin words, pieces that are not known, and punctuation that ends a clause."""
    simple = plain(text)
    found: list[Token] = []
    run: tuple[int, int] | None = None
    for match in _RUNS.finditer(simple):
        start, end = match.span()
        if match["words"]:
            if run is not None and run[1] == start:
                run = (run[0], end)
                continue
            if run is not None:
                found += _cut(simple, *run)
            run = (start, end)
            continue
        if run is not None:
            found += _cut(simple, *run)
            run = None
        if match["and"]:
            found.append(Token(start, end, "known", match[0], (Entry("and", ""),)))
        else:
            found.append(Token(start, end, "stop", match[0]))
    return found + (_cut(simple, *run) if run is not None else [])


def _cut(text: str, start: int, end: int) -> list[Token]:
    """The cheapest way through a run: few and long words, unknown characters only where nothing fits."""
    known = glossary()
    costs = [0.0] + [float("inf")] * (end - start)
    steps: list[tuple[int, bool]] = [(0, False)] * (end - start + 1)
    for left in range(start, end):
        base = costs[left - start]
        if base == float("inf"):
            continue
        latin = not _HAN.match(text[left])
        right = left + 1
        while latin and right < end and not _HAN.match(text[right]):
            right += 1
        choices = [(right, False, 1.0 if latin else _UNKNOWN_COST)]
        for stop in range(left + 1, min(end, left + _longest()) + 1):
            if text[left:stop] in known:
                length = stop - left
                # Of two ways with as many words the one with the longer last word is usually meant.
                worth = 0.001 * length * length * (1.0 + 0.01 * (stop - start))
                choices.append((stop, True, (_SINGLE_COST if length == 1 else 1.0) - worth))
        for stop, hit, cost in choices:
            if base + cost < costs[stop - start]:
                costs[stop - start], steps[stop - start] = base + cost, (left, hit)
    found: list[Token] = []
    at = end
    while at > start:
        left, hit = steps[at - start]
        word = text[left:at]
        role: Literal["known", "latin", "unknown"] = "known" if hit else "unknown" if _HAN.match(word) else "latin"
        found.append(Token(left, at, role, word, known[word] if hit else ()))
        at = left
    return _doubtful(text, found[::-1])


def _doubtful(text: str, cut: list[Token]) -> list[Token]:
    """Take single characters for parts of unknown words where they would make nonsense: 水果 is no water."""
    unknown = [token.role == "unknown" for token in cut]
    for index, token in enumerate(cut):
        if token.role != "known" or token.end - token.start > 1 or token.text in _PARTICLES:
            continue
        before, after = index > 0, index + 1 < len(cut)
        sides = [*cut[max(index - 1, 0) : index], *cut[index + 1 : index + 2]]
        strangers = [side for side in sides if side.role == "unknown"]
        if strangers:
            # 红绸缎 is still red: what follows a describing word may be any noun, if it is a whole word.
            describing = not token.is_any(_THINGS) and token.is_any(_SAYING) and not token.is_any({"form"})
            free = after and describing and _stretch(cut, index + 1) > 1 and not (before and unknown[index - 1])
            unknown[index] = not free
        elif token.is_any(_THINGS) and not token.is_any({"say", "size", "color", "part", "form"}):
            unknown[index] = any(
                side.end - side.start == 1 and side.is_any(_THINGS) and not side.is_any({"form"}) for side in sides
            )
    joined: list[Token] = []
    for token, strange in zip(cut, unknown, strict=True):
        if not strange:
            joined.append(token)
        elif joined and joined[-1].role == "unknown":
            joined[-1] = Token(joined[-1].start, token.end, "unknown", text[joined[-1].start : token.end])
        else:
            joined.append(Token(token.start, token.end, "unknown", token.text))
    return joined


def _stretch(cut: list[Token], index: int) -> int:
    """How many unknown characters stand together from a place on."""
    end = index
    while end < len(cut) and cut[end].role == "unknown":
        end += 1
    return end - index
