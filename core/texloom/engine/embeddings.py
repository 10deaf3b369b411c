# SPDX-License-Identifier: GPL-3.0-or-later
"""Learned words (textual inversions) on a loaded pipeline: taught for a request, forgotten to the last bit after it.

A file's vectors become rows of the CLIPs' tables of tokens, under names that no prompt has by chance.  Prompts get
these names in place of the words, so that counting, weighing and cutting of prompts see as many tokens as there are.
When no word is wanted any more, the very tables and tokenizers that were there before are put back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from .. import learned_words
from ..errors import ModelInvalidError, RequestError
from ..learned_words import LearnedWord
from ..request import GenerationRequest
from .device import is_out_of_memory
from .generator import Context
from .memory_plan import GROUPS, MemoryPlan

_PAIRS: Final = (("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2"))


@dataclass(frozen=True, kw_only=True)
class _Taught:
    """A word that the pipeline knows: ``tokens`` stand for it in prompts."""

    word: LearnedWord
    sha256: str
    tokens: str


@dataclass(frozen=True, kw_only=True)
class _Before:
    """What a text encoder and its tokenizer were before they were taught."""

    tokenizer: Any
    backend: Any
    encoder: Any
    table: nn.Embedding
    size: int


class LearnedWords:
    """The learned words of one pipeline.

    Args:
        pipeline: on its device; other pipelines with the same text encoders know the same words.
        name: the model's, for messages.
    """

    def __init__(self, pipeline: Any, name: str) -> None:
        self._pipeline = pipeline
        self._name = name
        self._known: list[_Taught] = []
        self._before: list[_Before] = []

    @property
    def taught(self) -> Callable[[str], str] | None:
        """Puts the tokens of learned words into a prompt; None where there are none."""
        return self._in_prompt if self._known else None

    def use(self, request: GenerationRequest, plan: MemoryPlan, context: Context) -> dict[str, Any]:
        """Let the model know exactly the request's words from now on; returns what the manifest says of them.

        Raises:
            RequestError: a file is not there, two words are the same, or the model reads no learned words.
            ModelInvalidError: a file is pickled, damaged, or made for other text encoders; the model then knows
                none of the request's words.
            CancelledError: between two files.
        """
        if not request.embeddings:
            self.forget()
            return {}
        pairs = self._pairs()
        found: list[tuple[LearnedWord, str]] = []
        for file in request.embeddings:
            context.check_cancelled()
            word = learned_words.read(file)
            twin = next((other for other, _ in found if other.word.lower() == word.word.lower()), None)
            if twin is not None:
                raise RequestError(
                    f"embeddings: {twin.path.name} and {word.path.name} are the same word.",
                    advice="Rename one of them.",
                )
            found.append((word, _digest(word.path)))
        wanted = [(word.path, digest) for word, digest in found]
        if wanted != [(item.word.path, item.sha256) for item in self._known]:
            self.forget()
            try:
                for word, digest in found:
                    context.check_cancelled()
                    context.loading(f"Learning the word {word.word}")
                    self._teach(word, digest, pairs, plan, context)
            except BaseException:
                self.forget()
                raise
        self._tell_unused(request, context)
        return {
            "embeddings": [
                {"file": str(word.path), "name": word.path.name, "word": word.word, "sha256": digest}
                for word, digest in found
            ]
        }

    def forget(self) -> None:
        """Put back the tables and tokenizers that were there before."""
        while self._before:
            item = self._before.pop()
            now = item.encoder.get_input_embeddings().weight
            # The model may have been moved, or its precision changed, meanwhile; layers that come one by one move
            # themselves.
            if not hasattr(item.table, "_diffusers_hook"):
                nn.Module.to(item.table, now.device, now.dtype)
            item.encoder.set_input_embeddings(item.table)
            item.encoder.config.vocab_size = item.size
            item.tokenizer._tokenizer = item.backend
        self._known.clear()

    def _pairs(self) -> list[tuple[Any, Any]]:
        """Tokenizers and CLIPs of the pipeline.

        Raises:
            RequestError: it has none, or diffusers teaches it no words.
        """
        pairs = [(getattr(self._pipeline, a, None), getattr(self._pipeline, b, None)) for a, b in _PAIRS]
        pairs = [(a, b) for a, b in pairs if a is not None and b is not None and "CLIP" in type(b).__name__]
        if not pairs or not hasattr(self._pipeline, "load_textual_inversion"):
            raise RequestError(
                f"embeddings: {self._name} reads no learned words.",
                advice="Choose a model that does, sd-1.5 or sdxl say, or leave them out.",
            )
        return pairs

    def _teach(
        self, word: LearnedWord, digest: str, pairs: list[tuple[Any, Any]], plan: MemoryPlan, context: Context
    ) -> None:
        names = [f"<{digest[:12]}x{number:02d}>" for number in range(word.vectors)]
        fitting = self._fitted(word, pairs)
        if not self._before:
            self._remember(pairs)
        for (tokenizer, encoder), vectors in fitting:
            rows = vectors.reshape(word.vectors, -1)
            try:
                self._pipeline.load_textual_inversion(
                    list(rows), token=list(names), tokenizer=tokenizer, text_encoder=encoder
                )
            except (ValueError, RuntimeError, KeyError) as error:
                if is_out_of_memory(error):
                    raise
                text = " ".join(str(error).split())[:200]
                raise ModelInvalidError(f"{word.path.name} cannot be taught: {text}") from error
            if plan.offload == GROUPS:
                # The table is new: nobody would bring it to the device.
                nn.Module.to(encoder.get_input_embeddings(), torch.device(context.device))
        self._known.append(_Taught(word=word, sha256=digest, tokens="".join(names)))

    def _fitted(self, word: LearnedWord, pairs: list[tuple[Any, Any]]) -> list[tuple[tuple[Any, Any], Tensor]]:
        """Which text encoder gets which vectors.

        Raises:
            ModelInvalidError: they are for other text encoders.
        """
        from safetensors.torch import load_file

        vectors = load_file(word.path)
        widths = [int(encoder.get_input_embeddings().weight.shape[-1]) for _, encoder in pairs]
        if set(vectors) <= set(learned_words.ENCODERS):
            given = [vectors[key] for key in learned_words.ENCODERS if key in vectors]
        else:
            given = list(vectors.values())
        if [int(tensor.shape[-1]) for tensor in given] != widths:
            own, wanted = (" + ".join(str(width) for width in each) for each in (word.widths, widths))
            told = f"{word.path.name} holds vectors of {own} numbers; {self._name} needs {wanted}."
            if word.made_for:
                told = (
                    f"{word.path.name} holds vectors of {own} numbers, which is for {word.made_for}; {self._name} "
                    f"needs {wanted}."
                )
            raise ModelInvalidError(told, advice="Choose a textual inversion that was made for this model.")
        return list(zip(pairs, given, strict=True))

    def _remember(self, pairs: list[tuple[Any, Any]]) -> None:
        from tokenizers import Tokenizer

        for tokenizer, encoder in pairs:
            backend = getattr(tokenizer, "_tokenizer", None)
            if backend is None:
                raise ModelInvalidError(
                    f"{self._name} has a tokenizer of an older kind, which cannot be taught words for a while.",
                    advice="Set up the engine again.",
                )
            table = encoder.get_input_embeddings()
            self._before.append(
                _Before(
                    tokenizer=tokenizer,
                    backend=backend,
                    encoder=encoder,
                    table=table,
                    size=int(encoder.config.vocab_size),
                )
            )
            # Copies are taught, which libraries do in place; what was there stays untouched.
            tokenizer._tokenizer = Tokenizer.from_str(backend.to_str())
            weight = table.weight.detach().clone()
            encoder.set_input_embeddings(
                nn.Embedding.from_pretrained(weight, freeze=True, padding_idx=table.padding_idx)
            )

    def _in_prompt(self, prompt: str) -> str:
        tokens = {item.word.word: item.tokens for item in self._known}
        return learned_words.replaced(prompt, tokens)

    def _tell_unused(self, request: GenerationRequest, context: Context) -> None:
        said = learned_words.said(f"{request.prompt}\n{request.negative_prompt}", [x.word.word for x in self._known])
        for item in self._known:
            if item.word.word not in said:
                context.warn(
                    "embedding_unused",
                    f"The learned word {item.word.word} is not in the prompt, so it has no effect.",
                    advice=f"Write {item.word.word} where it belongs in the prompt.",
                    words=(item.word.word,),
                )


def _digest(path: Path) -> str:
    # A few kilobytes.
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelInvalidError(f"{path} cannot be read: {error.strerror or error}.") from error
