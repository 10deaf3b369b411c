# SPDX-License-Identifier: GPL-3.0-or-later
"""What the status bar says of a job that has just ended, as its panel may be out of sight."""

from __future__ import annotations

import time
from typing import Final

from .core.texloom.jobs import JobState
from .entry import Entry
from .translations import iface

NOTICE_SECONDS: Final = 8.0


class Notice:
    """The last one; it goes by itself."""

    def __init__(self) -> None:
        self._text = ""
        self._until = 0.0

    @property
    def text(self) -> str:
        """What to say now; empty for nothing."""
        return self._text if time.monotonic() < self._until else ""

    def tell(self, entry: Entry) -> None:
        """A job has ended."""
        words = {
            JobState.COMPLETED: iface("Ready: {prompt}"),
            JobState.FAILED: iface("Failed: {prompt}"),
            JobState.CANCELLED: iface("Cancelled: {prompt}"),
        }
        text = words[JobState.FAILED if entry.problem else entry.view.state]
        self._text = text.format(prompt=entry.view.request.prompt[:60])
        self._until = time.monotonic() + NOTICE_SECONDS
