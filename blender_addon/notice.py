# SPDX-License-Identifier: GPL-3.0-or-later
"""What the status bar says of jobs that have just ended, as their panel may be out of sight."""

from __future__ import annotations

import time
from typing import Final

from .core.texloom.jobs import JobState
from .entry import Entry
from .translations import iface

NOTICE_SECONDS: Final = 8.0
_LETTERS: Final = 60


class Notice:
    """The ends that followed each other; all go together, some seconds after the last one."""

    def __init__(self) -> None:
        self._ended: list[tuple[JobState, str]] = []
        self._text = ""
        self._until = 0.0

    @property
    def text(self) -> str:
        """What to say now; empty for nothing."""
        return self._text if time.monotonic() < self._until else ""

    def tell(self, entry: Entry) -> None:
        """A job has ended; those that are still being told stay."""
        if not self.text:
            self._ended = []
        state = JobState.FAILED if entry.problem else entry.view.state
        self._ended.append((state, entry.view.request.prompt))
        self._text = _words(self._ended)
        self._until = time.monotonic() + NOTICE_SECONDS


def _words(ended: list[tuple[JobState, str]]) -> str:
    """All ends in a line, what has failed first: one of a kind by its prompt, more by their number."""
    kinds = (
        (JobState.FAILED, iface("Failed: {prompt}"), iface("{count} failed")),
        (JobState.COMPLETED, iface("Ready: {prompt}"), iface("{count} ready")),
        (JobState.CANCELLED, iface("Cancelled: {prompt}"), iface("{count} cancelled")),
    )
    said = []
    for state, one, more in kinds:
        prompts = [prompt for known, prompt in ended if known is state]
        if prompts:
            text = one if len(prompts) == 1 else more
            said.append(text.format(prompt=prompts[0][:_LETTERS], count=len(prompts)))
    return " · ".join(said)
