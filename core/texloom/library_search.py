# SPDX-License-Identifier: GPL-3.0-or-later
"""Searching the library: every word must be the beginning of a word of the result, whatever its case and accents.

Scripts that write without blanks (Chinese, Japanese, Thai …) match anywhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

_LETTERS: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"})
_WORD = re.compile(r"\w+")
# Thai to Lao, Myanmar, Hangul letters, Khmer, Chinese and Japanese with their extensions, Hangul syllables.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]")  # fmt: skip  # noqa: E501


def fold(text: str) -> str:
    """``text`` without case, accents and other forms of the same letters."""
    plain = unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS)
    if plain.isascii():
        return plain
    return "".join(letter for letter in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(letter))


def haystack(parts: Iterable[str]) -> str:
    """What :func:`matches` looks through, made once a result: its words, folded, each after a blank."""
    words: dict[str, None] = {}
    for part in parts:
        for chunk in fold(part).split():
            # The whole ("2026-01-05", "time-worn") and its pieces are words.
            words[chunk.strip("“”\"'.,;:!?()[]")] = None
            words.update(dict.fromkeys(_WORD.findall(chunk)))
    return " " + " ".join(word for word in words if word)


def needles(query: str) -> tuple[str, ...]:
    """The words of a query, as :func:`matches` takes them."""
    found: list[str] = []
    for word in fold(query).split():
        word = word.strip("“”\"',;:!?()[]")
        if word:
            found.append(word if _UNSPACED.search(word) else f" {word}")
    return tuple(dict.fromkeys(found))


def matches(hay: str, words: Sequence[str]) -> bool:
    """Whether every word of the query (:func:`needles`) is in a result's text (:func:`haystack`)."""
    return all(word in hay for word in words)
