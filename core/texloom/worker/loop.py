# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's two threads: one reads commands, the main one runs jobs in the order they came.

Nothing here knows about torch, so the same loop runs under the contract tests with a scripted engine.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Final, Protocol

from .. import __version__
from ..errors import CancelledError, ErrorCode, OutOfMemoryError, ProtocolError, RequestError, TexloomError
from ..events import Accepted, Cancelled, Event, Failed, Queued
from ..request import GenerationRequest
from ..shortage import is_out_of_memory as is_out_of_memory
from ..wire import (
    MAX_LINE_BYTES,
    Cancel,
    EngineReady,
    Hello,
    Message,
    ModelReady,
    Move,
    Preload,
    Shutdown,
    Submit,
    decode,
    source_digest,
    submitted_id,
)
from .streams import Channel

EXIT_ENGINE_BROKEN: Final = 3
"""Exit status when the engine could not be imported or found no device; the parent tells it from a crash."""

GRACE_SECONDS: Final = 2.0
_TAIL_LINES: Final = 30
_TRACED: Final = frozenset({ErrorCode.INTERNAL, ErrorCode.ENGINE_BROKEN, ErrorCode.OUT_OF_MEMORY})

Emit = Callable[[Event], None]


class Engine(Protocol):
    """What the loop needs of :class:`texloom.engine.service.Engine`."""

    @property
    def device(self) -> str:
        """Torch's name of the device, ``cuda:0`` say."""
        ...

    @property
    def device_name(self) -> str:
        """What people call it."""
        ...

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of the libraries in use."""
        ...

    def run(self, request: GenerationRequest, library: Path, emit: Emit, cancelled: threading.Event) -> None:
        """Do the job: everything between ``Queued`` and ``Completed``, both exclusive and inclusive.

        Raises:
            TexloomError: it failed; CancelledError: it was cancelled.
        """
        ...

    def preload(self, model: str, prompt: str, cancelled: threading.Event) -> None:
        """Load a model ahead of time; raises as :meth:`run` does."""
        ...


class _Job:
    def __init__(self, request: GenerationRequest, library: Path) -> None:
        self.request = request
        self.library = library
        self.cancelled = threading.Event()

    @property
    def id(self) -> str:
        return self.request.id

    @property
    def partial(self) -> Path:
        return self.library / f".partial-{self.id}"


class Loop:
    """One worker's life: :meth:`run` says hello, makes the engine, works, and returns the exit status."""

    def __init__(
        self,
        engine_factory: Callable[[], Engine],
        commands: IO[bytes],
        events: IO[bytes],
        *,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._factory = engine_factory
        self._commands = commands
        self._channel = Channel(events)
        self._grace = grace
        self._changed = threading.Condition()  # guards everything below
        self._open: dict[str, _Job] = {}
        self._waiting: deque[_Job] = deque()
        self._running: _Job | None = None
        self._preload: Preload | None = None
        self._preloading: tuple[str, threading.Event] | None = None
        self._stopping = False
        self._finished = threading.Event()

    def run(self) -> int:
        """Work until the parent says stop or is gone; call it in the main thread.

        When a job does not heed its cancel within the grace time, this does not return: the process exits.
        """
        version = platform.python_version()
        self._channel.send(Hello(version=__version__, source=source_digest(), python=version, pid=os.getpid()))
        threading.Thread(target=self._read, name="texloom-commands", daemon=True).start()
        try:
            return self._work()
        finally:
            self._finished.set()

    # The reader thread.

    def _read(self) -> None:
        try:
            while line := self._next_line():
                try:
                    message = decode(line)
                except (RequestError, ProtocolError) as error:
                    self._refuse(line, error)
                    continue
                if isinstance(message, Shutdown):
                    break
                self._take(message)
        finally:
            # Also after a fault of our own: a worker that cannot hear must not stay.
            self._stop()

    def _next_line(self) -> bytes:
        try:
            return self._commands.readline(MAX_LINE_BYTES + 2)
        except OSError:
            return b""  # a broken pipe is the end of input too

    def _take(self, message: Message) -> None:
        with self._changed:
            if isinstance(message, Submit):
                self._accept(_Job(message.request, Path(message.library)))
            elif isinstance(message, Cancel):
                self._cancel(message.request_id)
            elif isinstance(message, Move):
                self._move(message.request_id, message.position)
            elif isinstance(message, Preload):
                # Only the newest counts: the user has typed on.
                self._preload = message
                self._changed.notify()
            else:
                _log(f"Ignored a {type(message).__name__}.")

    def _accept(self, job: _Job) -> None:
        if job.id in self._open:
            _log(f"Ignored a second request {job.id}.")
            return
        self._open[job.id] = job
        self._channel.send(Accepted(request_id=job.id))
        self._channel.send(Queued(request_id=job.id, position=len(self._waiting)))
        self._waiting.append(job)
        if self._preloading is not None and self._preloading[0] != job.request.model:
            self._preloading[1].set()
        self._changed.notify()

    def _cancel(self, request_id: str) -> None:
        job = self._open.get(request_id)
        if job is None:
            return
        job.cancelled.set()
        if job in self._waiting:
            self._waiting.remove(job)
            self._end(job, Cancelled(request_id=job.id))
            self._tell_positions()

    def _move(self, request_id: str, position: int) -> None:
        job = self._open.get(request_id)
        if job is None or job not in self._waiting:
            return
        self._waiting.remove(job)
        self._waiting.insert(max(0, position), job)
        self._tell_positions()

    def _refuse(self, line: bytes, error: TexloomError) -> None:
        request_id = submitted_id(line)
        _log(f"Refused a line: {error}")
        with self._changed:
            if request_id is not None and request_id not in self._open:
                self._channel.send(Failed.from_error(request_id, error))

    def _stop(self) -> None:
        with self._changed:
            self._stopping = True
            while self._waiting:
                job = self._waiting.popleft()
                self._end(job, Cancelled(request_id=job.id))
            if self._running is not None:
                self._running.cancelled.set()
            if self._preloading is not None:
                self._preloading[1].set()
            self._changed.notify()
        if self._finished.wait(self._grace):
            return
        # The main thread is stuck in a native call or an import.  Nobody wants its result any more.
        running = self._running
        if running is not None:
            shutil.rmtree(running.partial, ignore_errors=True)
        _log("Did not stop in time: exiting.")
        os._exit(1)

    # The main thread.

    def _work(self) -> int:
        try:
            engine = self._factory()
        except Exception as error:  # noqa: BLE001 - boundary: whatever a broken environment raises on import
            return self._engine_broken(error)
        versions = {str(name): str(value) for name, value in engine.versions.items()}
        self._channel.send(EngineReady(device=engine.device, device_name=engine.device_name, versions=versions))
        while (task := self._next()) is not None:
            if isinstance(task, _Job):
                self._run_job(engine, task)
            else:
                self._run_preload(engine, task)
        return 0

    def _next(self) -> _Job | Preload | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._waiting or self._preload)
            if self._stopping:
                return None
            if self._waiting:
                self._running = self._waiting.popleft()
                self._tell_positions()
                return self._running
            task, self._preload = self._preload, None
            if task is not None:
                self._preloading = (task.model, threading.Event())
            return task

    def _run_job(self, engine: Engine, job: _Job) -> None:
        def emit(event: Event) -> None:
            with self._changed:
                # An engine that goes on after its end must not be heard.
                if job.id not in self._open:
                    return
                if event.terminal:
                    self._end(job, event)
                else:
                    self._channel.send(event)

        end: Event
        try:
            if job.cancelled.is_set():
                raise CancelledError
            engine.run(job.request, job.library, emit, job.cancelled)
            end = Failed(
                request_id=job.id,
                code=str(ErrorCode.INTERNAL),
                message="The engine ended this job without a result.",
                advice="Please report this with the log.",
            )
        except CancelledError:
            end = Cancelled(request_id=job.id)
        except Exception as error:  # noqa: BLE001 - boundary: one bad job must not end the worker
            traceback.print_exc()
            end = Cancelled(request_id=job.id) if job.cancelled.is_set() else failure(job.id, error)
        with self._changed:
            self._running = None
            if job.id in self._open:
                self._end(job, end)

    def _run_preload(self, engine: Engine, task: Preload) -> None:
        with self._changed:
            cancelled = self._preloading[1] if self._preloading is not None else threading.Event()
        problem = ""
        try:
            engine.preload(task.model, task.prompt, cancelled)
        except CancelledError as error:
            problem = error.message
        except Exception as error:  # noqa: BLE001 - boundary: a preload is only a favour, the job will tell what is wrong
            traceback.print_exc()
            problem = str(error) or type(error).__name__
        with self._changed:
            self._preloading = None
        self._channel.send(ModelReady(model=task.model, error=problem))

    def _engine_broken(self, error: Exception) -> int:
        traceback.print_exc()
        known = error if isinstance(error, TexloomError) else broken_engine_error(error)
        with self._changed:
            self._stopping = True
            for job in list(self._open.values()):
                self._end(job, Failed.from_error(job.id, known, log_tail=_tail(error)))
            self._waiting.clear()
        return EXIT_ENGINE_BROKEN

    def _end(self, job: _Job, event: Event) -> None:
        # In this order: an event that cannot be put in a line must leave the job open for another end.
        self._channel.send(event)
        del self._open[job.id]

    def _tell_positions(self) -> None:
        for position, job in enumerate(self._waiting):
            self._channel.send(Queued(request_id=job.id, position=position))


def run(
    engine_factory: Callable[[], Engine], commands: IO[bytes], events: IO[bytes], *, grace: float = GRACE_SECONDS
) -> int:
    """Run a worker on two binary streams; returns its exit status.  See :class:`Loop`."""
    return Loop(engine_factory, commands, events, grace=grace).run()


def broken_engine_error(error: BaseException) -> TexloomError:
    """What a failed start of the engine means for the user."""
    detail = str(error) or type(error).__name__
    return TexloomError(
        f"The engine could not start: {detail}.".replace("..", "."),
        advice='Use "Set up engine" in the preferences, or run "texloom setup", to repair its environment.',
        code=ErrorCode.ENGINE_BROKEN,
    )


def failure(request_id: str, error: Exception) -> Failed:
    """The ``Failed`` event for whatever a job raised."""
    if isinstance(error, TexloomError):
        # The others are explained by their words; where the code was at that time helps nobody.
        tail = _tail(error) if error.code in _TRACED else ""
        return Failed.from_error(request_id, error, log_tail=tail)
    if is_out_of_memory(error):
        known = OutOfMemoryError(
            "There was not enough memory for this job.",
            advice="Choose a smaller size or fewer variations, close other programs, or use a smaller model.",
        )
        return Failed.from_error(request_id, known, log_tail=_tail(error))
    return Failed(
        request_id=request_id,
        code=str(ErrorCode.INTERNAL),
        message=f"The engine met an error it did not expect ({type(error).__name__}): {error}",
        advice="Try again; if it comes back, report it with the log.",
        log_tail=_tail(error),
    )


def _tail(error: BaseException) -> str:
    text = "".join(traceback.format_exception(error))
    return "\n".join(text.splitlines()[-_TAIL_LINES:])


def _log(text: str) -> None:
    sys.stderr.write(f"[texloom] {text}\n")
