# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running job tells and asks: the engine's :class:`~texloom.engine.generator.Context`."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from .. import events
from ..errors import CancelledError
from ..png import write_png
from ..request import GenerationRequest
from .generator import Pixels, PlanLine

Emit = Callable[[events.Event], None]

LOAD_SHARE: Final = 0.3
"""Part of the whole that loading gets, when a model must be loaded."""
WRITE_SHARE: Final = 0.05
_INTERVAL: Final = 0.05
_ESTIMATE_AFTER: Final = 0.3


class SilentContext:
    """For loading ahead of time: nobody listens, but it can be cancelled."""

    def __init__(self, device: str, cancelled: threading.Event) -> None:
        self.device = device
        self._cancelled = cancelled

    def check_cancelled(self) -> None:
        """Raise ``CancelledError`` when asked to stop."""
        if self._cancelled.is_set():
            raise CancelledError

    def loading(self, stage: str, fraction: float | None = None) -> None:
        """See ``Context``."""
        self.check_cancelled()

    def progress(self, step: int, steps: int, *, index: int = 0, stage: str = "") -> None:
        """See ``Context``."""
        self.check_cancelled()

    def preview(self, pixels: Pixels, *, index: int = 0, step: int = 0) -> None:
        """See ``Context``."""

    def warn(self, code: str, message: str, *, advice: str = "", words: tuple[str, ...] = ()) -> None:
        """See ``Context``."""

    def timing(self, stage: str, seconds: float) -> None:
        """See ``Context``."""


class JobContext(SilentContext):
    """Turns a generator's reports into events of one request.

    Its methods may be called from several threads: events leave one at a time, and the overall fraction never
    falls.

    Args:
        request: the job.
        device: where it runs.
        emit: gets every event; an exception it raises ends the job.
        cancelled: set by whoever wants the job to stop.
        folder: the job's partial folder, for previews.
        loads: whether the model must be loaded first.
        files: how many files will be written.
    """

    def __init__(
        self,
        request: GenerationRequest,
        device: str,
        emit: Emit,
        cancelled: threading.Event,
        folder: Path,
        *,
        loads: bool,
        files: int,
    ) -> None:
        super().__init__(device, cancelled)
        self.warnings: list[events.Warning] = []
        self.timings: dict[str, float] = {}
        self._request = request
        self._emit = emit
        self._folder = folder
        self._load_share = LOAD_SHARE if loads else 0.0
        self._files = max(1, files)
        self._lock = threading.RLock()
        self._fraction = 0.0
        self._drawn_part = 0.0
        self._written = 0
        self._last = events.Progress(request_id=request.id, fraction=0.0, step=0, steps=1, count=request.count)
        self._sent_at = -_INTERVAL
        self._draws_since: float | None = None
        self._plan = ""
        self._previews: set[Path] = set()

    def loading(self, stage: str, fraction: float | None = None) -> None:
        """See ``Context``."""
        self.check_cancelled()
        with self._lock:
            if isinstance(stage, PlanLine):
                self._plan = str(stage)
            self._emit(
                events.ModelLoading(
                    request_id=self._request.id,
                    model=self._request.model,
                    stage=str(stage),
                    fraction=fraction,
                    plan=self._plan,
                )
            )
            if fraction is not None:
                self._fraction = max(self._fraction, self._load_share * min(1.0, fraction))

    def start_drawing(self) -> None:
        """The model is in memory; from now on time left can be estimated."""
        self._draws_since = time.perf_counter()

    def progress(self, step: int, steps: int, *, index: int = 0, stage: str = "") -> None:
        """See ``Context``; reports that follow each other at once are left out, a variation's last one never."""
        self.check_cancelled()
        with self._lock:
            steps = max(1, steps)
            self._drawn_part = max(self._drawn_part, (index + min(1.0, step / steps)) / self._request.count)
            self._send(step, steps, index, stage or "Drawing", force=step >= steps)

    def drawn(self, index: int) -> None:
        """Variation ``index`` is ready to be written, whatever the generator reported."""
        self.check_cancelled()
        with self._lock:
            last = self._last
            self._drawn_part = max(self._drawn_part, (index + 1) / self._request.count)
            self._send(last.steps, last.steps, index, last.stage or "Drawing", force=last.step < last.steps)

    def written(self, index: int) -> None:
        """One more file is on disk, of variation ``index``."""
        self.check_cancelled()
        with self._lock:
            self._written += 1
            last = self._last
            # While the next variation is drawn, its steps are the news.
            stage = last.stage if self._drawn_part < 1.0 else "Writing"
            self._send(last.step, last.steps, max(index, last.index), stage, force=self._written == self._files)

    def preview(self, pixels: Pixels, *, index: int = 0, step: int = 0) -> None:
        """See ``Context``."""
        self.check_cancelled()
        path = self._folder / f"preview_{index:02d}.png"
        write_png(path, pixels, srgb=True)
        height, width = pixels.shape[:2]
        with self._lock:
            self._previews.add(path)
            self._emit(
                events.Preview(
                    request_id=self._request.id, path=str(path), width=width, height=height, index=index, step=step
                )
            )

    def remove_previews(self) -> None:
        """Take the previews out of the folder, before it is published."""
        for path in self._previews:
            with contextlib.suppress(OSError):
                path.unlink()

    def warn(self, code: str, message: str, *, advice: str = "", words: tuple[str, ...] = ()) -> None:
        """See ``Context``."""
        event = events.Warning(request_id=self._request.id, code=code, message=message, advice=advice, words=words)
        with self._lock:
            # The same code may come with another sentence: memory that runs out twice makes do with less twice.
            if event not in self.warnings:
                self.warnings.append(event)
                self._emit(event)

    def timing(self, stage: str, seconds: float) -> None:
        """See ``Context``."""
        with self._lock:
            self.timings[stage] = self.timings.get(stage, 0.0) + seconds

    @contextlib.contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timing(stage, time.perf_counter() - start)

    def emit(self, event: events.Event) -> None:
        """Send an event of another kind."""
        with self._lock:
            self._emit(event)

    def _send(self, step: int, steps: int, index: int, stage: str, *, force: bool) -> None:
        draw_share = 1.0 - self._load_share - WRITE_SHARE
        work = draw_share * self._drawn_part + WRITE_SHARE * min(1.0, self._written / self._files)
        self._fraction = min(1.0, max(self._fraction, self._load_share + work))
        now = time.perf_counter()
        self._last = events.Progress(
            request_id=self._request.id,
            fraction=self._fraction,
            step=step,
            steps=steps,
            index=index,
            count=self._request.count,
            stage=stage,
            seconds_left=self._seconds_left(now, work / (draw_share + WRITE_SHARE)),
        )
        if force or now - self._sent_at >= _INTERVAL:
            self._sent_at = now
            self._emit(self._last)

    def _seconds_left(self, now: float, done: float) -> float | None:
        if self._draws_since is None or done <= 0.01:
            return None
        passed = now - self._draws_since
        if passed < _ESTIMATE_AFTER:
            return None
        return max(0.0, passed * (1.0 - done) / done)
