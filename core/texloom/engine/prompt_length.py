# SPDX-License-Identifier: GPL-3.0-or-later
"""Which words of a prompt a pipeline's text encoders do not get to see."""

from __future__ import annotations

import inspect
from typing import Any, Final

_NO_LIMIT: Final = 100_000  # tokenizers without a limit say so by an absurdly large one


def words_dropped(pipeline: Any, prompt: str) -> tuple[str, ...]:
    """Words at the end of ``prompt`` that no text encoder of ``pipeline`` reads, in order.

    Of several encoders the one that reads most counts: what it reads does reach the picture.
    """
    words = prompt.split()
    kept = 0
    found = False
    for name, tokenizer in pipeline.components.items():
        if not name.startswith("tokenizer") or tokenizer is None or not callable(tokenizer):
            continue
        limit = _limit(pipeline, tokenizer)
        if limit is None:
            return ()
        found = True
        kept = max(kept, _words_within(tokenizer, words, limit))
    return tuple(words[kept:]) if found else ()


def _limit(pipeline: Any, tokenizer: Any) -> int | None:
    own = getattr(tokenizer, "model_max_length", None)
    limit = own if isinstance(own, int) and own < _NO_LIMIT else None
    # CLIP's 77 are fixed; encoders of language models are cut by the pipeline.
    if "CLIP" in type(tokenizer).__name__:
        return limit
    parameter = inspect.signature(type(pipeline).__call__).parameters.get("max_sequence_length")
    if parameter is not None and isinstance(parameter.default, int):
        return parameter.default if limit is None else min(limit, parameter.default)
    return limit


def _words_within(tokenizer: Any, words: list[str], limit: int) -> int:
    """How many words from the start fit, by bisection: more words never take fewer tokens."""

    def fits(count: int) -> bool:
        return len(tokenizer(" ".join(words[:count]), truncation=False, verbose=False)["input_ids"]) <= limit

    if fits(len(words)):
        return len(words)
    low, high = 0, len(words)
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low
