# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts as the learned model reads them: token states of the text encoder, cut to a length and padded."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from .text_encoder import TextEncoder, TextEncoding

MAX_TOKENS: Final = 63
"""Tokens of a prompt that the learned model reads, the two marks around it among them."""


def token_states(encoder: TextEncoder, texts: list[str], device: str) -> tuple[Tensor, Tensor]:
    """States [B, T, 384] and mask [B, T] (1 where there is a token) of ``texts``, all padded to the longest."""
    found = encoder.encode(texts)
    count = min(MAX_TOKENS, found.mask.shape[1])
    return found.token_states[:, :count].to(device, torch.float32), found.mask[:, :count].to(device, torch.float32)


def words_dropped(encoding: TextEncoding, prompt: str) -> tuple[str, ...]:
    """Words at the end of ``prompt`` that lie beyond :data:`MAX_TOKENS`; ``encoding`` is that of this one text."""
    if encoding.mask.shape[1] <= MAX_TOKENS:
        return ()
    end = int(encoding.offsets[0, MAX_TOKENS - 1, 1])
    return tuple(prompt[end:].split())
