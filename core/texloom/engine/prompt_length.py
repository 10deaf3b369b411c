# SPDX-License-Identifier: GPL-3.0-or-later
"""Which words of a prompt a pipeline's text encoders do not get to see."""

from __future__ import annotations

import inspect
import re
from typing import Any, Final

from .families import Family

_NO_LIMIT: Final = 100_000  # tokenizers without a limit say so by an absurdly large one
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u2e80-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uff65\U00020000-\U0003ffff"  # Chinese, Japanese
)
"""Characters of scripts that set no spaces between words."""

_UNIT: Final = re.compile(f"[{_UNSPACED}]|[^\\s{_UNSPACED}]+")


def words_dropped(pipeline: Any, family: Family, prompt: str, *, negative: bool = False) -> tuple[str, ...]:
    """Words at the end of ``prompt`` that no text encoder of ``pipeline`` reads, in order.

    Of several encoders the one that reads most counts: what it reads does reach the picture.  Scripts without spaces
    are cut between characters, and what of them is dropped in one piece is one word.

    Args:
        pipeline: its tokenizers tell.
        family: knows what the pipeline puts before a prompt.
        prompt: as the pipeline gets it.
        negative: whether it is the negative one.
    """
    ends = [match.end() for match in _UNIT.finditer(prompt)]
    kept = 0
    found = False
    for name, tokenizer in pipeline.components.items():
        if not name.startswith("tokenizer") or tokenizer is None or not callable(tokenizer):
            continue
        if hasattr(tokenizer, "image_processor"):
            tokenizer = tokenizer.tokenizer  # a reader of pictures and words
        room = family.prompt_room(pipeline, tokenizer, _limit(pipeline, tokenizer), negative=negative)
        if room.limit is None or not ends or room.holds(prompt[: ends[-1]]):
            return ()
        found = True
        # By bisection: more of a prompt never takes fewer tokens.
        low, high = 0, len(ends)
        while high - low > 1:
            middle = (low + high) // 2
            if room.holds(prompt[: ends[middle - 1]]):
                low = middle
            else:
                high = middle
        kept = max(kept, low)
    if not found:
        return ()
    return tuple(prompt[ends[kept - 1] if kept else 0 :].split())


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
