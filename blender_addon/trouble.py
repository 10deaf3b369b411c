# SPDX-License-Identifier: GPL-3.0-or-later
"""What kept the last job from beginning: it is in no list, so the panel tells it until another one begins."""

from __future__ import annotations

from . import bridge
from .core.texloom.errors import ErrorCode, TexloomError
from .core.texloom.jobs import JobError
from .windows import redraw

_last: tuple[JobError, frozenset[str]] | None = None


def note(error: TexloomError) -> None:
    """A job could not begin; the jobs of now are remembered, as any other one shows that it is over."""
    global _last
    # What was asked for wrongly is told at once and put right where it was asked; nothing would take the sentence away.
    wrong = error.code is ErrorCode.INVALID_REQUEST
    _last = None if wrong else (JobError.of(error), frozenset(bridge.get().entries))
    redraw()


def last() -> JobError | None:
    """What to show; None for nothing."""
    if _last is None or not bridge.get().entries.keys() <= _last[1]:
        return None
    return _last[0]
