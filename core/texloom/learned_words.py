# SPDX-License-Identifier: GPL-3.0-or-later
"""Learned words (textual inversions, arXiv 2208.01618): what a file of vectors is for, and its word in a prompt.

The word is the file's stem; in prompts it may be written with spaces, hyphens or underscores, in ``<…>`` or after
``embedding:``, as other programs want it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .errors import ModelInvalidError, RequestError
from .weights_header import TEXTUAL_INVERSION, identify

MAX_VECTORS: Final = 75
"""A CLIP reads no more at a time."""

MADE_FOR: Final[Mapping[tuple[int, ...], str]] = {
    (768,): "Stable Diffusion 1, FLUX.1",
    (1024,): "Stable Diffusion 2",
    (1280,): "OpenCLIP ViT-bigG",
    (768, 1280): "SDXL",
    (4096,): "T5",
}
"""Widths of the vectors, in order, and the models or text encoders that have them."""

FAMILIES: Final[Mapping[tuple[int, ...], tuple[str, ...]]] = {
    (768,): ("stable-diffusion", "flux"),
    (1024,): ("stable-diffusion",),
    (768, 1280): ("sdxl",),
}

ENCODERS: Final = {"clip_l": "text_encoder", "clip_g": "text_encoder_2"}
"""Names in files for two text encoders, and the parts of a pipeline that they mean."""

_CHUNK: Final = re.compile(r"[^\W_]+")
_BETWEEN: Final = r"[\s_.\-]*"


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnedWord:
    """A file of vectors.

    Attributes:
        path: the file.
        word: what stands for it in a prompt.
        vectors: how many tokens it takes.
        shapes: (vectors, width) or (width,) of each tensor, by its name in the file.
    """

    path: Path
    word: str
    vectors: int
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def widths(self) -> tuple[int, ...]:
        """Of its vectors, one for each text encoder, in order."""
        return tuple(sorted(shape[-1] for shape in self.shapes.values()))

    @property
    def made_for(self) -> str:
        """The models that it is for, in words; empty when that is not known."""
        return MADE_FOR.get(self.widths, "")

    @property
    def families(self) -> tuple[str, ...]:
        """The families of models that may take it; empty when that is not known."""
        return FAMILIES.get(self.widths, ())


def word_of(path: str | Path) -> str:
    """The word that stands for a file in prompts.

    Raises:
        RequestError: nothing of the file's name can be written in a prompt.
    """
    chunks = _CHUNK.findall(Path(path).stem)
    if not chunks:
        raise RequestError(
            f"embeddings: {Path(path).name} has no name that could be a word.", advice="Rename the file."
        )
    return "_".join(chunks)


def replaced(prompt: str, tokens: Mapping[str, str]) -> str:
    """The prompt with each word of ``tokens`` replaced by what stands for it."""
    if not tokens:
        return prompt
    words = _longest_first(tokens)
    return _pattern(words).sub(lambda match: tokens[_which(match, words)], prompt)


def said(prompt: str, words: Iterable[str]) -> frozenset[str]:
    """Those of ``words`` that are in the prompt."""
    known = _longest_first(words)
    if not known:
        return frozenset()
    return frozenset(_which(match, known) for match in _pattern(known).finditer(prompt))


def _longest_first(words: Iterable[str]) -> tuple[str, ...]:
    """So that of ``moss`` and ``moss_green`` the longer one is found."""
    return tuple(sorted(words, key=lambda word: (-len(word), word)))


@functools.lru_cache(maxsize=32)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    parts = []
    for number, word in enumerate(words):
        inner = _BETWEEN.join(re.escape(chunk) for chunk in _CHUNK.findall(word))
        parts.append(rf"(?P<w{number}><{inner}>|(?<!\w)(?:embedding:)?{inner}(?!\w))")
    return re.compile("|".join(parts), re.IGNORECASE)


def _which(match: re.Match[str], words: tuple[str, ...]) -> str:
    assert match.lastgroup is not None
    return words[int(match.lastgroup[1:])]


def read(path: str | Path) -> LearnedWord:
    """Look at a file; its vectors are not read.

    Raises:
        RequestError: there is no such file.
        ModelInvalidError: it is pickled, damaged, or holds no learned word.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise RequestError(f"embeddings: there is no file {file}.", advice="Give the path of a .safetensors file.")
    found = identify(file)
    counts = {shape[0] if len(shape) == 2 else 1 for shape in found.shapes.values()}
    if found.kind != TEXTUAL_INVERSION or not all(shape for shape in found.shapes.values()):
        raise ModelInvalidError(
            f"{file.name} holds no learned word.", advice="Choose a textual inversion, or give a LoRA as a LoRA."
        )
    if len(counts) != 1 or not 1 <= min(counts) <= MAX_VECTORS:
        raise ModelInvalidError(
            f"{file.name} holds a word of {max(counts)} vectors; a text encoder reads up to {MAX_VECTORS}.",
            advice="Choose another textual inversion.",
        )
    return LearnedWord(path=file, word=word_of(file), vectors=counts.pop(), shapes=found.shapes)
