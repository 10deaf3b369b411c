# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of a prompt a text encoder reads: pipelines put sentences of their own before it, which take room too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

_MARK: Final = "\ue000"
"""A character that no template holds: it stands for the prompt."""


@dataclass(frozen=True, kw_only=True)
class PromptRoom:
    """What a text encoder reads of a prompt.

    Attributes:
        count: how many tokens its tokenizer makes of all that it gets up to the end of that much of a prompt.
        limit: so many of them are read; None: all.
    """

    count: Callable[[str], int]
    limit: int | None

    def holds(self, text: str) -> bool:
        """Whether a prompt is read to its end."""
        return self.limit is None or self.count(text) <= self.limit


def room(
    tokenizer: Any, limit: int | None, before: str = "", *, marks: bool = True, lowers: bool = False
) -> PromptRoom:
    """The room for a prompt behind the text ``before``.

    Args:
        tokenizer: the encoder's.
        limit: how many tokens of both are read.
        before: what the pipeline puts before the prompt.
        marks: whether the tokenizer sets its own marks of start and end, which count as well.
        lowers: whether the pipeline makes capitals small and trims the prompt, which may be other tokens.
    """

    def count(text: str) -> int:
        said = before + (text.lower().strip() if lowers else text)
        return len(tokenizer(said, truncation=False, verbose=False, add_special_tokens=marks)["input_ids"])

    return PromptRoom(count=count, limit=limit)


def chat_opening(tokenizer: Any, conversation: Callable[[str], Sequence[Any]], **named: Any) -> str:
    """What the template of a chat puts before a prompt.

    Args:
        tokenizer: has the template.
        conversation: the messages, of a prompt.
        named: what the pipeline tells the template besides.
    """
    text: str = tokenizer.apply_chat_template(conversation(_MARK), tokenize=False, **named)
    return text.partition(_MARK)[0]


def asked(prompt: str) -> list[dict[str, str]]:
    """The conversation of those who ask without a system's sentence."""
    return [{"role": "user", "content": prompt}]
