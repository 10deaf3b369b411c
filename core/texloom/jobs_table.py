# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of one backend and their views: the one pump behind the panel's timer and the blocking callers."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from pathlib import Path
from typing import Final

from .backends.base import Backend
from .errors import RequestError
from .events import Event
from .jobs import JobView, reduce
from .request import GenerationRequest

DEFAULT_BUDGET: Final = 0.003
"""Seconds that one :meth:`JobTable.drain` may take: unnoticeable in a frame of 16 ms."""


class JobTable:
    """Submits requests to ``backend``, folds its events into views, and tells what changed.

    All methods may be called from any thread.  A table must be the only caller of its backend's ``poll``.
    An interface calls :meth:`drain` from a timer, a blocking caller :meth:`pump`; both hand out each event
    once, with the view as it was right after that event.
    """

    def __init__(self, backend: Backend, library: Path) -> None:
        self.backend = backend
        self.library = library
        self._views: OrderedDict[str, JobView] = OrderedDict()
        self._waiting: deque[Event] = deque()
        # Two locks, because a blocking poll must not keep other threads from submitting or cancelling.
        self._lock = threading.Lock()
        self._poll_lock = threading.Lock()

    @property
    def views(self) -> OrderedDict[str, JobView]:
        """The views by request id, oldest job first: a copy, safe to iterate while jobs go on."""
        with self._lock:
            return self._views.copy()

    def get(self, request_id: str) -> JobView | None:
        """The view of one job, or None when it is unknown or forgotten."""
        with self._lock:
            return self._views.get(request_id)

    def submit(
        self, request: GenerationRequest, library: Path | None = None, *, position: int | None = None
    ) -> JobView:
        """Queue ``request``; its result is written below ``library`` (None: the table's own).

        ``position`` other waiting ones go before it (0: it is next); None: all of them.

        Raises:
            RequestError: the id was submitted before.
            TexloomError: the backend is closed.
        """
        view = JobView(request=request)
        with self._lock:
            if request.id in self._views:
                raise RequestError(f"id: {request.id} was submitted before; every job needs an id of its own.")
            # Before the backend hears of it: its first event may come while submit() still runs.
            self._views[request.id] = view
        try:
            self.backend.submit(request, library or self.library, position)
        except BaseException:
            self.forget(request.id)
            raise
        return view

    def cancel(self, request_id: str) -> None:
        """Ask for the end of one job; does nothing when it has ended or is unknown.

        Its terminal event, which comes through :meth:`drain`, tells how it ended.
        """
        self.backend.cancel(request_id)

    def cancel_all(self) -> None:
        """Ask for the end of every job of this table that has not ended."""
        for request_id, view in self.views.items():
            if not view.final:
                self.backend.cancel(request_id)

    def move(self, request_id: str, position: int) -> None:
        """Run a waiting job after ``position`` other waiting ones; does nothing for a job that does not wait."""
        self.backend.move(request_id, position)

    def forget(self, request_id: str) -> None:
        """Drop a view.  A job that still runs goes on, and its later events are passed over."""
        with self._lock:
            self._views.pop(request_id, None)

    def drain(self, budget: float = DEFAULT_BUDGET) -> list[tuple[JobView, Event]]:
        """Handle what has come, never blocking and for at most ``budget`` seconds.

        What does not fit waits for the next call; at least one event is handled a call, so that a zero
        budget still gets on.  Returns nothing when another thread is handling events at the moment.
        """
        deadline = time.perf_counter() + budget
        if not self._poll_lock.acquire(blocking=False):
            return []
        try:
            return self._handle(0.0, deadline)
        finally:
            self._poll_lock.release()

    def pump(self, timeout: float) -> list[tuple[JobView, Event]]:
        """Wait up to ``timeout`` seconds for the first event and handle all that have come.

        For blocking callers.  When another thread is pumping, this one waits for its turn, within the
        same timeout.
        """
        deadline = time.perf_counter() + timeout
        if not self._poll_lock.acquire(timeout=max(timeout, 0.0)):
            return []
        try:
            return self._handle(max(deadline - time.perf_counter(), 0.0), None)
        finally:
            self._poll_lock.release()

    def _handle(self, timeout: float, deadline: float | None) -> list[tuple[JobView, Event]]:
        if not self._waiting:
            self._waiting.extend(self.backend.poll(timeout))
        elif deadline is None:
            self._waiting.extend(self.backend.poll(0.0))
        handled: list[tuple[JobView, Event]] = []
        while self._waiting:
            event = self._waiting.popleft()
            with self._lock:
                view = self._views.get(event.request_id)
                if view is not None:
                    view = reduce(view, event)
                    self._views[event.request_id] = view
            if view is not None:
                handled.append((view, event))
            if deadline is not None and time.perf_counter() >= deadline:
                break
        return handled
