# SPDX-License-Identifier: GPL-3.0-or-later
"""Events of several jobs to those who wait for them, each in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections import deque

from .events import Event
from .jobs import JobView
from .jobs_table import JobTable


class Post:
    """Keeps the events of each job of ``table`` until that job is waited for; may be used from any thread.

    One of those that wait pumps the table for all; the others sleep until something has come.
    """

    def __init__(self, table: JobTable) -> None:
        self._table = table
        self._changed = threading.Condition()  # guards everything below
        self._boxes: dict[str, deque[tuple[JobView, Event]]] = {}
        self._delivered: set[str] = set()  # jobs whose last event is or was in a box
        self._pumping = False

    def take(self, request_id: str, timeout: float) -> tuple[JobView, Event] | None:
        """The next event of one job with the view after it; None when none has come within ``timeout`` seconds.

        None also, and at once, when the job has ended and all its events were taken.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            self._changed.wait_for(lambda: self._known(request_id) or not self._pumping, timeout)
            if self._known(request_id) or self._pumping or self._final(request_id):
                return self._next(request_id)
            self._pumping = True
        heard: list[tuple[JobView, Event]] = []
        try:
            heard = self._table.pump(max(0.0, deadline - time.monotonic()))
        finally:
            with self._changed:
                self._pumping = False
                for view, event in heard:
                    self._boxes.setdefault(view.id, deque()).append((view, event))
                    if event.terminal:
                        self._delivered.add(view.id)
                self._changed.notify_all()
        with self._changed:
            return self._next(request_id)

    def ended(self, request_id: str) -> bool:
        """Whether the job has ended and all its events were taken."""
        with self._changed:
            if request_id in self._boxes:
                return False
            # A table that somebody else pumps as well never delivers here.
            return request_id in self._delivered or (not self._pumping and self._final(request_id))

    def _next(self, request_id: str) -> tuple[JobView, Event] | None:
        box = self._boxes.get(request_id)
        if box is None:
            return None
        found = box.popleft()
        if not box:
            del self._boxes[request_id]
        return found

    def _known(self, request_id: str) -> bool:
        return request_id in self._boxes or request_id in self._delivered

    def _final(self, request_id: str) -> bool:
        view = self._table.get(request_id)
        return view is None or view.final
