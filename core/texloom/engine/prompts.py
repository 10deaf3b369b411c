# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts on their way into a pipeline: nothing is left out without a word."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any, Final

import torch

from . import clip_prompts
from .denoising import stopping
from .families import Family
from .generator import Context
from .prompt_cache import PromptCache
from .prompt_length import words_dropped

_QUOTED: Final = 24
"""So many characters of a word are quoted at most: scripts without spaces have words as long as the prompt."""


def read_prompts(
    pipeline: Any,
    family: Family,
    prompt: str,
    negative: str,
    name: str,
    context: Context,
    words: Callable[[str], str] | None = None,
    *,
    compares: bool = True,
    kept: PromptCache | None = None,
) -> dict[str, Any]:
    """Arguments of the pipeline's call for both prompts: as they are, or read here where it would cut them.

    Args:
        pipeline: on its device.
        family: its adapter.
        prompt: may be long and have weights such as ``(moss:1.4)``.
        negative: as ``prompt``; empty for none.
        name: the model's, for warnings.
        context: is warned of what the model does not get to see.
        words: puts the tokens of learned words into a prompt, for the CLIPs that know them.
        compares: whether the negative prompt has an effect.
        kept: what was read before; None: nothing is.

    Raises:
        CancelledError: in a text encoder.
    """
    if family.clip_prompts:
        if words is not None:
            prompt, negative = words(prompt), words(negative)
        if clip_prompts.is_plain(pipeline, prompt, negative):
            return _named(prompt, negative)
        encoders = [part for key, part in pipeline.components.items() if key.startswith("text_encoder") and part]
        with torch.inference_mode(), stopping(encoders, context.check_cancelled):
            # As a method, as the pipeline's own way of reading is one.
            encode, given = MethodType(clip_prompts.encoded, pipeline), (prompt, negative, pipeline._execution_device)
            return dict(kept.read(pipeline, encode, given, {}) if kept is not None else encode(*given))
    plain, plain_negative = clip_prompts.without_weights(prompt), clip_prompts.without_weights(negative)
    if plain != prompt or (compares and plain_negative != negative):
        context.warn(
            "weights_ignored",
            f"{name} reads sentences: weights of words have no effect.",
            advice="Say in words what matters more.",
        )
    tell_dropped(words_dropped(pipeline, family, plain), name, context)
    if compares:
        tell_dropped(words_dropped(pipeline, family, plain_negative, negative=True), name, context, negative=True)
    named = _named(plain, plain_negative)
    if words is not None:
        # The encoder of sentences beside the CLIP does not know their tokens.
        named = {key: words(text) for key, text in named.items()} | {f"{key}_2": text for key, text in named.items()}
    return named


def tell_dropped(words: tuple[str, ...], name: str, context: Context, *, negative: bool = False) -> None:
    """Warn that the model of that name does not read ``words`` at a prompt's end; of none there is nothing to tell."""
    if not words:
        return
    first = words[0] if len(words[0]) <= _QUOTED else words[0][:_QUOTED] + "…"
    if negative:
        context.warn(
            "negative_prompt_too_long",
            f"The negative prompt is longer than {name} can read; it ends before “{first}”.",
            advice="Shorten the negative prompt, or put what matters first.",
            words=words,
        )
        return
    context.warn(
        "prompt_too_long",
        f"The prompt is longer than {name} can read; it ends before “{first}”.",
        advice="Shorten the prompt, or put what matters first.",
        words=words,
    )


def _named(prompt: str, negative: str) -> dict[str, Any]:
    return {"prompt": prompt} | ({"negative_prompt": negative} if negative else {})
