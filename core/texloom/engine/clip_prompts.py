# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts of any length, with weights, for models whose text encoders are CLIPs.

A CLIP reads 77 tokens with its marks of start and end.  A longer prompt is read in pieces of 75, each with its own
marks, and what the encoder says of them is put in a row: the network's attention takes rows of any length (as known
from other programs with Stable Diffusion).  ``(moss:1.4)`` makes what the encoder says of a word larger or smaller;
the whole keeps its mean, so that one loud word does not change the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

WEIGHTS: Final = (0.0, 3.0)
"""The least and the largest weight of a word; other numbers are text."""

_MARKED: Final = re.compile(r"\(([^():]*[^():\s][^():]*):\s*(\d{0,2}\.?\d{1,3})\s*\)")


@dataclass(frozen=True, slots=True)
class Part:
    """Words of a prompt with their weight."""

    text: str
    weight: float = 1.0


def parts_of(prompt: str) -> tuple[Part, ...]:
    """A prompt cut into stretches of one weight, in order."""
    found: list[Part] = []
    at = 0
    for match in _MARKED.finditer(prompt):
        weight = float(match[2])
        if not WEIGHTS[0] <= weight <= WEIGHTS[1]:
            continue
        found += [Part(prompt[at : match.start()]), Part(match[1], weight)]
        at = match.end()
    found.append(Part(prompt[at:]))
    return tuple(part for part in found if part.text)


def without_weights(prompt: str) -> str:
    """The words alone; the same text where nothing is weighted."""
    return "".join(part.text for part in parts_of(prompt))


def is_plain(pipeline: Any, *prompts: str) -> bool:
    """Whether the pipeline itself reads these prompts to their ends: short, and without weights."""
    for prompt in prompts:
        if any(part.weight != 1.0 for part in parts_of(prompt)) or without_weights(prompt) != prompt:
            return False
        for tokenizer, _ in _encoders(pipeline):
            count = len(tokenizer(prompt, truncation=False, verbose=False)["input_ids"])
            if count > tokenizer.model_max_length:
                return False
    return True


def encoded(pipeline: Any, prompt: str, negative_prompt: str, device: Any) -> dict[str, Tensor]:
    """Arguments of a pipeline's call that stand for both prompts.

    Args:
        pipeline: of Stable Diffusion 1 or 2, or SDXL.
        prompt: of any length, with weights.
        negative_prompt: as ``prompt``; empty for none.
        device: where the text encoders run.

    Returns:
        ``prompt_embeds`` and ``negative_prompt_embeds`` (1, tokens, channels), of equal length; for SDXL both pooled
        ones (1, channels) as well.
    """
    two = getattr(pipeline, "tokenizer_2", None) is not None
    pieces = [
        max(_piece_count(tokenizer, text) for text in (prompt, negative_prompt)) for tokenizer, _ in _encoders(pipeline)
    ]
    results = []
    for text in (prompt, negative_prompt):
        rows, pooled = [], None
        for tokenizer, encoder in _encoders(pipeline):
            row, last = _encode(tokenizer, encoder, text, max(pieces), device, penultimate=two)
            rows.append(row)
            pooled = last
        results.append((torch.cat(rows, dim=-1), pooled))
    (positive, pooled), (negative, negative_pooled) = results
    if two and not negative_prompt and getattr(pipeline.config, "force_zeros_for_empty_prompt", False):
        negative, negative_pooled = torch.zeros_like(positive), torch.zeros_like(pooled)
    named = {"prompt_embeds": positive, "negative_prompt_embeds": negative}
    if two:
        named |= {"pooled_prompt_embeds": pooled, "negative_pooled_prompt_embeds": negative_pooled}
    return named


def _encoders(pipeline: Any) -> list[tuple[Any, Any]]:
    pairs = [
        (getattr(pipeline, f"tokenizer{n}", None), getattr(pipeline, f"text_encoder{n}", None)) for n in ("", "_2")
    ]
    return [(tokenizer, encoder) for tokenizer, encoder in pairs if tokenizer is not None and encoder is not None]


def _tokens(tokenizer: Any, prompt: str) -> list[list[tuple[int, float]]]:
    """Tokens with weights of each word."""
    words: list[list[tuple[int, float]]] = []
    for part in parts_of(prompt):
        for word in part.text.split():
            ids = tokenizer(word, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
            words.append([(int(number), part.weight) for number in ids])
    return words


def _pieces(tokenizer: Any, prompt: str) -> list[list[tuple[int, float]]]:
    """As many tokens as fit between the marks, at a time; words are kept whole where they can be."""
    room = tokenizer.model_max_length - 2
    pieces: list[list[tuple[int, float]]] = [[]]
    for word in _tokens(tokenizer, prompt):
        if len(word) <= room < len(pieces[-1]) + len(word):
            pieces.append([])
        for token in word:
            if len(pieces[-1]) == room:
                pieces.append([])
            pieces[-1].append(token)
    return pieces


def _piece_count(tokenizer: Any, prompt: str) -> int:
    return len(_pieces(tokenizer, prompt))


def _encode(
    tokenizer: Any, encoder: Any, prompt: str, count: int, device: Any, *, penultimate: bool
) -> tuple[Tensor, Tensor | None]:
    """What an encoder says of a prompt in ``count`` pieces, (1, tokens, channels), and pooled of the first."""
    room = tokenizer.model_max_length - 2
    pieces = _pieces(tokenizer, prompt)
    pieces += [[] for _ in range(count - len(pieces))]
    padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    ids, weights = [], []
    for piece in pieces:
        rest = room - len(piece)
        ids.append([tokenizer.bos_token_id, *(n for n, _ in piece), tokenizer.eos_token_id, *[padding] * rest])
        weights.append([1.0, *(weight for _, weight in piece), 1.0, *[1.0] * rest])
    output = encoder(torch.tensor(ids, device=device), output_hidden_states=True)
    states = output.hidden_states[-2] if penultimate else output[0]
    factors = torch.tensor(weights, device=states.device, dtype=torch.float32)[..., None]
    if bool((factors != 1.0).any()):
        plain = states.float()
        louder = plain * factors
        # Over each piece, so that other pieces are as they would be alone.
        scale = plain.abs().mean((1, 2), keepdim=True) / louder.abs().mean((1, 2), keepdim=True).clamp(min=1e-6)
        states = (louder * scale).to(states.dtype)
    pooled = output[0][:1] if penultimate and output[0].ndim == 2 else None
    return states.reshape(1, -1, states.shape[-1]), pooled
