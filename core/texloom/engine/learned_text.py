# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts as the learned model reads them: token states of the text encoder, and what the head makes of them.

Every token's state has the whole text's meaning (:mod:`.meaning`) behind it, so that wherever the network looks, it
sees what is meant; the tokens themselves tell what the head has no number for.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import torch
from torch import Tensor

from . import chinese
from .head import Head
from .instant import FOLDER
from .meaning import Layout, meanings
from .procedural.family import families
from .text_encoder import TextEncoder, TextEncoding

MAX_TOKENS: Final = 63
"""Tokens of a prompt that the learned model reads, the two marks around it among them."""


@cache
def embedded_head() -> Head:
    """The head of the embedded default model, on the processor.

    Raises:
        ModelNotFoundError, ModelInvalidError: see :meth:`Head.load`.
    """
    return Head.load(FOLDER, families())


def token_states(
    encoder: TextEncoder, texts: list[str], device: str, layout: Layout | None = None
) -> tuple[Tensor, Tensor]:
    """States [B, T, 384 + the layout's width] and mask [B, T] (1 where there is a token) of ``texts``.

    All are padded to the longest.  An empty text means nothing: it stands for no caption.
    """
    found = encoder.encode([in_english(text) for text in texts])
    count = min(MAX_TOKENS, found.mask.shape[1])
    states, mask = found.token_states[:, :count].to(device, torch.float32), found.mask[:, :count]
    if layout is not None:
        meaning = meanings(embedded_head(), layout, found).to(device)
        said = torch.tensor([bool(text.strip()) for text in texts], device=device)
        states = with_meaning(states, meaning * said[:, None])
    return states, mask.to(device, torch.float32)


def with_meaning(states: Tensor, meaning: Tensor) -> Tensor:
    """Token states [B, T, C] with the meaning [B, W] of their text behind each."""
    return torch.cat((states, meaning[:, None].expand(-1, states.shape[1], -1).to(states.dtype)), dim=-1)


def in_english(text: str) -> str:
    """The text as the encoder knows its words: Chinese ones translated."""
    translated = chinese.translate(text)
    return translated.text if translated is not None else text


def words_dropped(encoding: TextEncoding, prompt: str) -> tuple[str, ...]:
    """Words at the end of ``prompt`` that lie beyond :data:`MAX_TOKENS`; ``encoding`` is that of this one text."""
    if encoding.mask.shape[1] <= MAX_TOKENS:
        return ()
    end = int(encoding.offsets[0, MAX_TOKENS - 1, 1])
    return tuple(prompt[end:].split())


def unread(encoder: TextEncoder, prompt: str) -> tuple[str, ...]:
    """Words of ``prompt``, as it was written, that the learned model does not get to see; none of an empty one."""
    if not prompt:
        return ()
    translated = chinese.translate(prompt)
    if translated is None:
        return words_dropped(encoder.encode([prompt]), prompt)
    found = encoder.encode([translated.text])
    if found.mask.shape[1] <= MAX_TOKENS:
        return ()
    return tuple(translated.words_at([(int(found.offsets[0, MAX_TOKENS - 1, 1]), len(translated.text))]))
