# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts as the learned model reads them: token states of the text encoder, and what the head makes of them.

Every token's state has the whole text's meaning (:mod:`.meaning`) behind it, so that wherever the network looks, it
sees what is meant; the tokens themselves tell what the head has no number for.  What a prompt means is worked out as
for the instant model, with all its rules, and what it leaves open is decided by the seed (:mod:`.material_plan`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..request import GenerationRequest
from . import chinese
from .generator import Context
from .material_plan import Plan, Planner, Plans, embedded_head, embedded_vocabulary
from .meaning import Layout, meanings
from .text_encoder import TextEncoder, TextEncoding

MAX_TOKENS: Final = 63
"""Tokens of a prompt that the learned model reads, the two marks around it among them."""

USUAL_TOKENS: Final = 16
"""Shorter prompts are padded to as many."""


def token_states(
    encoder: TextEncoder, texts: list[str], device: str, layout: Layout | None = None, tokens: int = USUAL_TOKENS
) -> tuple[Tensor, Tensor]:
    """States [B, T, 384 + the layout's width] and mask [B, T] (1 where there is a token) of ``texts``.

    All are padded to the longest, and to ``tokens``.  An empty text means nothing: it stands for no caption.
    """
    found = encoder.encode([in_english(text) for text in texts])
    count = min(MAX_TOKENS, found.mask.shape[1])
    states, mask = found.token_states[:, :count].to(device, torch.float32), found.mask[:, :count]
    # The same for nearly all prompts: what is empty counts a little in what a text says as a whole.
    missing = max(0, min(MAX_TOKENS, tokens) - count)
    states, mask = F.pad(states * mask[..., None].to(states), (0, 0, 0, missing)), F.pad(mask, (0, missing))
    if layout is not None:
        states = with_meaning(states, _read(encoder, texts, layout))
    return states, mask.to(device, torch.float32)


def _read(encoder: TextEncoder, texts: list[str], layout: Layout) -> Tensor:
    """[B, width] what the head reads in ``texts``; an empty one means nothing, whatever it reads in its two marks."""
    found = torch.zeros(len(texts), layout.width)
    said = [number for number, text in enumerate(texts) if text.strip()]
    if said:
        encoding = encoder.encode([in_english(texts[number]) for number in said])
        found[said] = meanings(embedded_head(), layout, encoding)
    return found


def planned(encoder: TextEncoder, request: GenerationRequest, context: Context) -> Plans:
    """What the variations of a request are to show, as the instant model would draw it; errors as there."""
    return Planner(embedded_head(), embedded_vocabulary(), encoder).plans(request, context, draws_words=True)


def planned_states(
    encoder: TextEncoder,
    plans: Plans | None,
    each: Sequence[Plan],
    negative: str,
    device: str,
    layout: Layout | None,
    tokens: int = USUAL_TOKENS,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """States and mask of the prompt for the variations ``each``, [N, T, width] and [N, T], and of what is not wanted.

    Without ``plans`` nothing is said, of one picture.

    Padded as :func:`token_states` does.  All that the prompt leaves open is decided, so that the network is told of
    everything that it learned to show.
    """
    texts = ["" if plans is None else plans.text, negative]
    count = max(1, len(each))
    if layout is not None and plans is not None:
        # The head has read the prompt for the plans already.
        states, mask = token_states(encoder, texts, device, None, tokens)
        wanted = with_meaning(states[:1].expand(count, -1, -1), torch.stack([meaning_of(one, layout) for one in each]))
        unwanted = with_meaning(states[1:], _read(encoder, texts[1:], layout))
    else:
        states, mask = token_states(encoder, texts, device, layout, tokens)
        wanted, unwanted = states[:1].expand(count, -1, -1), states[1:]
    unwanted = unwanted.expand(count, -1, -1)
    return wanted, mask[:1].expand(count, -1), unwanted, mask[1:].expand(count, -1)


def together(
    encoder: TextEncoder, plans: Sequence[Plans], device: str, layout: Layout | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As :func:`planned_states` for all variations of several prompts, without negative ones."""
    # All as long as the longest, as texts of one batch are in training.
    longest = max(USUAL_TOKENS, encoder.encode([one.text for one in plans]).mask.shape[1])
    parts = [planned_states(encoder, one, one.each, "", device, layout, longest) for one in plans]
    states, mask, unwanted, unwanted_mask = (torch.cat(part) for part in zip(*parts, strict=True))
    return states, mask, unwanted, unwanted_mask


def meaning_of(plan: Plan, layout: Layout) -> Tensor:
    """[width] everything that is to be seen."""
    second = (plan.second["name"], plan.second["mode"]) if plan.second else None
    return layout.told(plan.family.name, plan.family.all_parameters(), plan.values, second)


def with_meaning(states: Tensor, meaning: Tensor) -> Tensor:
    """Token states [B, T, C] with the meaning [B, W] of their text behind each."""
    return torch.cat((states, meaning[:, None].expand(-1, states.shape[1], -1).to(states)), dim=-1)


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
