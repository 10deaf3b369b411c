# SPDX-License-Identifier: GPL-3.0-or-later
"""Which words of a prompt the instant model knows, and what a negative prompt asks to leave out."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import ModelInvalidError, ModelNotFoundError
from .chinese_words import english_words
from .eight_bits import encode_rows
from .phrases import ATTRIBUTE_NOUNS, STOP_WORDS, negate, phrase_table, stem, words
from .procedural.color import Lab, hex_to_lab, lab_to_hex
from .procedural.family import Family
from .procedural.parameters import Number, Value
from .procedural.weathering import ATTRIBUTES

WORDS_FILE: Final = "vocabulary.json"
EMBEDDINGS_FILE: Final = "vocabulary.safetensors"
VERSION: Final = 1

NEAR: Final = 0.56
"""Cosine to the nearest known word from which an unlisted word counts as understood (tuned, see the tests)."""

NEAR_RARE: Final = 0.71
"""The same for a word that the encoder has in no piece of its own, so that its vector tells its letters first.

Such are words of other languages ("piedra" 0.70 to piebald, "ziegelmauer" 0.62 to zigzag), while rare English ones
that mean the same as a known word lie above ("artisanal" 0.91, "scifi" 0.84, "minimalist" 0.73).
"""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?(?:[xk×]\d*|mm|cm|m|px|inch|in|ft|d|s|st|nd|rd|th|%)*")
_MEASURES = frozenset("mm cm m meter meters metre metres px pixel pixels inch inches ft k x by".split())


class TextEncoder(Protocol):
    """The part of the text encoder that is used here."""

    def encode(self, texts: Sequence[str]) -> Any: ...


@dataclass(frozen=True)
class Unknown:
    """Words of a prompt that were not understood, as they stand there; ``foreign`` when in another script."""

    words: tuple[str, ...] = ()
    foreign: bool = False


@dataclass(frozen=True)
class Avoided:
    """What a negative prompt asks for: parameters with their values, families and colours not to be drawn."""

    numbers: Mapping[str, float] = field(default_factory=dict)
    families: frozenset[str] = frozenset()
    colors: tuple[Lab, ...] = ()
    unknown: tuple[str, ...] = ()

    def joined(self, other: Avoided) -> Avoided:
        """What either asks for."""
        return Avoided(
            {**other.numbers, **self.numbers},
            self.families | other.families,
            self.colors + other.colors,
            self.unknown + other.unknown,
        )

    def given(self, family: Family) -> dict[str, Value]:
        """Values for the parameters of ``family`` that are to be left out."""
        result: dict[str, Value] = {}
        for name, meant in self.numbers.items():
            item = family.parameter(name)
            if isinstance(item, Number):
                result[name] = negate(item, item.clip(meant))
        return result


class Vocabulary:
    """Known words with the encoder's vectors of them, and named colours.

    ``words`` are in lower case; ``vectors`` (words, 384) have length 1, in the order of ``words``.
    """

    def __init__(self, known: Sequence[str], vectors: Tensor, colors: Mapping[str, Lab]) -> None:
        self.words = tuple(known)
        self.vectors = vectors
        self.colors = dict(colors)
        self._known = frozenset(known)
        self._stems = frozenset(stem(word) for word in known)
        self._near_typos = {cut for word in known if len(word) >= 5 for cut in _cuts(word)}

    @classmethod
    def build(cls, known: Iterable[str], colors: Mapping[str, Lab], encoder: TextEncoder) -> Vocabulary:
        """Encode the known words; stop words and numbers need none."""
        kept = sorted({word for word in known if word not in STOP_WORDS and not _NUMBER.fullmatch(word)})
        parts = [encoder.encode(kept[start : start + 64]).pooled.float().cpu() for start in range(0, len(kept), 64)]
        return cls(kept, torch.cat(parts), colors)

    def save(self, folder: Path) -> None:
        """Write the words and colours as JSON and the vectors in eight bits."""
        folder.mkdir(parents=True, exist_ok=True)
        data = {
            "version": VERSION,
            "words": list(self.words),
            "colors": {name: lab_to_hex(lab) for name, lab in sorted(self.colors.items())},
        }
        text = json.dumps(data, ensure_ascii=False, indent=0)
        (folder / WORDS_FILE).write_text(text + "\n", encoding="utf-8", newline="\n")
        codes, peaks = encode_rows(self.vectors)
        tensors = {"codes": codes.contiguous(), "peaks": peaks.half().contiguous()}
        save_file(tensors, folder / EMBEDDINGS_FILE, metadata={"format": "pt"})

    @classmethod
    def load(cls, folder: Path) -> Vocabulary:
        """Read what :meth:`save` wrote.

        Raises:
            ModelNotFoundError, ModelInvalidError.
        """
        advice = "Run: texloom train instant."
        try:
            data = json.loads((folder / WORDS_FILE).read_text(encoding="utf-8"))
            tensors = load_file(folder / EMBEDDINGS_FILE)
            if data["version"] != VERSION or len(data["words"]) != len(tensors["codes"]):
                raise ValueError("the words do not fit their vectors")
            vectors = tensors["codes"].float() / 127.0 * tensors["peaks"].float()
            colors = {name: hex_to_lab(value) for name, value in data["colors"].items()}
            known = [str(word) for word in data["words"]]
        except FileNotFoundError as error:
            raise ModelNotFoundError(f"The instant model lacks {error.filename}.", advice=advice) from error
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise ModelInvalidError(
                f"The instant model's vocabulary cannot be read: {error}.", advice=advice
            ) from error
        return cls(known, torch.nn.functional.normalize(vectors, dim=-1), colors)

    def knows(self, word: str) -> bool:
        """Whether a word (lower case) is listed, up to its ending and one wrong letter, or says nothing."""
        if word in STOP_WORDS or word in self._known or _NUMBER.fullmatch(word) or word in _MEASURES:
            return True
        if len(word) == 1 or stem(word) in self._stems:
            return True
        if len(word) >= 5 and _cuts(word) & self._near_typos and any(_one_apart(word, known) for known in self.words):
            return True
        # "redbrick", "cobble stone" written in one.
        return any(
            word[:cut] in self._known and (word[cut:] in self._known or stem(word[cut:]) in self._stems)
            for cut in range(3, len(word) - 2)
        )

    def _near(self, unlisted: Sequence[str], encoder: TextEncoder) -> list[bool]:
        """Whether each word is near enough to a known one to be understood."""
        found = encoder.encode(list(unlisted))
        cosines = (found.pooled.float().cpu() @ self.vectors.T).amax(dim=1).tolist()
        # Of the pieces [CLS] and [SEP] are two.
        pieces = (found.mask.sum(dim=1) - 2).tolist()
        return [cosine >= (NEAR if own <= 1 else NEAR_RARE) for cosine, own in zip(cosines, pieces, strict=True)]

    def unknown(self, text: str, encoder: TextEncoder) -> Unknown:
        """The words of ``text`` that mean nothing to the instant model, each once, in their order."""
        found: dict[str, str] = {}
        foreign = False
        unlisted: list[str] = []
        parts = words(text)
        for index, (word, start, end) in enumerate(parts):
            if not _latin(word):
                foreign = True
                found.setdefault(word, text[start:end])
                continue
            joined = [a[0] + b[0] for a, b in zip(parts[index - 1 : index + 1], parts[index : index + 2], strict=False)]
            # What Chinese is translated to has been chosen for being read well, also where it is rare.
            listed = self.knows(word) or word in english_words()
            if not listed and not any(pair in self._known for pair in joined):
                unlisted.append(word)
                found.setdefault(word, text[start:end])
        if unlisted:
            for word, near in zip(unlisted, self._near(unlisted, encoder), strict=True):
                if near:
                    found.pop(word, None)
        return Unknown(tuple(found.values()), foreign)

    def content_words(self, text: str) -> tuple[str, ...]:
        """Words of ``text`` other than stop words, each once."""
        return tuple(dict.fromkeys(text[a:b] for word, a, b in words(text) if word not in STOP_WORDS))

    def avoid(self, text: str, families: Mapping[str, Family]) -> Avoided:
        """Read a negative prompt: phrases of attributes, nouns of materials, and colours, divided by anything."""
        table = phrase_table(families)
        nouns = {noun.lower(): name for name, family in families.items() for noun in family.nouns}
        stems = {_stems(phrase): phrase for phrase in (*self.colors, *nouns, *table)}
        single = {noun: name for name, all_nouns in ATTRIBUTE_NOUNS.items() for noun in all_nouns}
        numbers: dict[str, float] = {}
        out: set[str] = set()
        avoided: list[Lab] = []
        unread: list[str] = []
        parts = words(text)
        index = 0
        while index < len(parts):
            for length in (4, 3, 2, 1):
                taken = parts[index : index + length]
                phrase = stems.get(tuple(stem(word) for word, _, _ in taken)) if len(taken) == length else None
                if phrase is not None:
                    break
            if phrase is None:
                word = parts[index][0]
                if not (word in STOP_WORDS or word in ("any", "visible")):
                    unread.append(text[parts[index][1] : parts[index][2]])
                index += 1
                continue
            if phrase in single:
                numbers[single[phrase]] = ATTRIBUTES[single[phrase]].high
            elif phrase in table:
                numbers.update(table[phrase])
            elif phrase in nouns:
                out.add(nouns[phrase])
            else:
                avoided.append(self.colors[phrase])
            index += length
        return Avoided(numbers, frozenset(out), tuple(avoided), tuple(dict.fromkeys(unread)))


def _stems(phrase: str) -> tuple[str, ...]:
    return tuple(stem(word) for word, _, _ in words(phrase))


def _latin(word: str) -> bool:
    return all("LATIN" in unicodedata.name(letter, "") for letter in word if letter.isalpha())


def _cuts(word: str) -> set[str]:
    """The word, and the word with each of its letters left out: two words one edit apart share one of these."""
    return {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}


def _one_apart(first: str, second: str) -> bool:
    """Whether one letter added, dropped, changed, or two neighbours swapped make one word the other."""
    if abs(len(first) - len(second)) > 1:
        return False
    start = 0
    while start < min(len(first), len(second)) and first[start] == second[start]:
        start += 1
    a, b = first[start:], second[start:]
    if len(a) == len(b):
        return a[1:] == b[1:] or (len(a) > 1 and a[0] == b[1] and a[1] == b[0] and a[2:] == b[2:])
    return a[1:] == b if len(a) > len(b) else a == b[1:]
