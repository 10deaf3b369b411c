# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend that runs the engine in a worker process of its own Python on this machine.

One :class:`_Session` is one life of a worker: its thread starts the process and stays until it has ended, a
second one reads, a third one writes.  All bookkeeping happens under one lock, so a request belongs to exactly
one session and leaves it with exactly one terminal event.
"""

from __future__ import annotations

import atexit
import queue
import shutil
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final

from .. import storage, wire
from ..errors import (
    EngineBrokenError,
    EngineMissingError,
    ErrorCode,
    ProtocolError,
    RequestError,
    TexloomError,
    WorkerDiedError,
)
from ..events import Cancelled, Event, Failed
from ..request import GenerationRequest
from ..runtime.environment_use import used
from ..runtime.process import (
    ChildProcess,
    LogFile,
    child_environment,
    describe_exit,
    package_folder,
    worker_command,
)
from .base import BackendState, BackendStatus

START_TIMEOUT: Final = 60.0
CLOSE_TIMEOUT: Final = 3.0
_DRAIN_SECONDS: Final = 0.5
_KILL_SECONDS: Final = 1.0
_EXIT_ENGINE_BROKEN: Final = 3  # worker.loop says so; importing it here would tie this tier to the worker

_SET_UP: Final = 'Use "Set up engine" in the preferences, or run "texloom setup".'
_REPAIR: Final = 'Use "Set up engine" in the preferences, or run "texloom setup", to repair its environment.'


@dataclass(frozen=True, kw_only=True)
class _Launch:
    """How to start a worker."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    log_dir: Path | None
    start_timeout: float


class _Job:
    def __init__(self, request_id: str, library: Path) -> None:
        self.id = request_id
        self.library = library
        self.sent = False
        self.cancelled = False


class _Session:
    """One worker from its start to its end; hands every event to ``emit``."""

    def __init__(self, launch: _Launch, emit: Callable[[Event], None]) -> None:
        self._launch = launch
        self._emit = emit
        self._changed = threading.Condition()  # guards everything below
        self._jobs: dict[str, _Job] = {}
        self._outbox: deque[tuple[bytes, _Job | None]] = deque()
        self._greeted = False
        self._closing = False
        self._ended = False
        self._fault: TexloomError | None = None
        self._child: ChildProcess | None = None
        self._log: LogFile | None = None
        self._spoke = threading.Event()  # hello has come, or never will
        self._exited = threading.Event()
        self._over = threading.Event()
        # Replaced whole, so that it can be read without the lock.
        self.status = BackendStatus(state=BackendState.STARTING, message="Starting the engine")
        threading.Thread(target=self._run, name="texloom-worker", daemon=True).start()

    # Called by the backend, from any thread.

    def submit(self, request: GenerationRequest, line: bytes, library: Path) -> bool:
        """Queue an encoded request; False when this worker has ended."""
        with self._changed:
            if self._ended or self._closing:
                return False
            job = _Job(request.id, library)
            self._jobs[job.id] = job
            self._post(line, job)
            return True

    def cancel(self, request_id: str) -> None:
        """Stop that request: at once while the worker has not heard of it, else by a message."""
        with self._changed:
            job = self._jobs.get(request_id)
            if job is None or job.cancelled:
                return
            job.cancelled = True
            if job.sent:
                self._post(wire.encode(wire.Cancel(request_id=request_id)))
                return
            self._outbox = deque(item for item in self._outbox if item[1] is not job)
            del self._jobs[request_id]
            self._emit(Cancelled(request_id=request_id))

    def move(self, request_id: str, position: int) -> None:
        """Give a waiting request another place in the queue."""
        with self._changed:
            job = self._jobs.get(request_id)
            if job is not None and not job.cancelled:
                self._post(wire.encode(wire.Move(request_id=request_id, position=position)))

    def preload(self, line: bytes) -> bool:
        """Queue an encoded preload message; False when this worker has ended."""
        with self._changed:
            if self._ended or self._closing:
                return False
            self._post(line)
            return True

    def close(self, timeout: float) -> None:
        """End the worker: ask, then insist, then kill."""
        with self._changed:
            self._closing = True
            greeted, child = self._greeted, self._child
            self._post(wire.encode(wire.Shutdown()))
        if not greeted and child is not None:
            child.kill()  # nothing has begun that would need an orderly end
        try:
            if self._over.wait(timeout):
                return
            child = self._child
            if child is not None:
                child.terminate()
                self._over.wait(_KILL_SECONDS)
        finally:
            # Also after a second Ctrl+C: what a killed worker leaves half-made is removed before this returns.
            child = self._child
            if child is not None and not self._over.is_set():
                child.kill()
            self._over.wait(2 * _KILL_SECONDS)

    def _post(self, line: bytes, job: _Job | None = None) -> None:
        self._outbox.append((line, job))
        self._changed.notify_all()

    # The session's own thread.

    def _run(self) -> None:
        with used(Path(self._launch.command[0])):
            self._live()

    def _live(self) -> None:
        try:
            log = LogFile.create(self._launch.log_dir)
            child = ChildProcess.spawn(self._launch.command, self._launch.environment, log)
        except OSError as error:
            problem = f"The engine's Python could not be started: {error.strerror or error}."
            self._finish(EngineBrokenError(problem, advice=_REPAIR))
            return
        with self._changed:
            self._log, self._child = log, child
            if self._closing:
                child.kill()
        reader = threading.Thread(target=self._read, args=(child, log), name="texloom-reader", daemon=True)
        writer = threading.Thread(target=self._write, args=(child,), name="texloom-writer", daemon=True)
        reader.start()
        writer.start()
        if not self._spoke.wait(self._launch.start_timeout):
            seconds = self._launch.start_timeout
            self._give_up(EngineBrokenError(f"The engine did not start within {seconds:g} seconds.", advice=_REPAIR))
        status = child.wait()
        self._exited.set()
        # What it said just before its end still counts.
        reader.join(_DRAIN_SECONDS)
        if reader.is_alive():
            child.kill_group()  # a process that it started holds the pipe open
        self._finish(self._reason(status))
        writer.join(_DRAIN_SECONDS)
        if not reader.is_alive() and not writer.is_alive():
            child.close_pipes()

    def _reason(self, status: int) -> TexloomError:
        if self._fault is not None:
            return self._fault
        how = describe_exit(status)
        if status == _EXIT_ENGINE_BROKEN:
            return EngineBrokenError("The engine could not start; its log says why.", advice=_REPAIR)
        if not self._greeted and status >= 0:
            return EngineBrokenError(f"The engine ended while starting ({how}); its log says why.", advice=_REPAIR)
        advice = "Try again: the next request starts a new engine."
        if how == "signal SIGKILL":
            advice += " If this comes back, memory may have run out: choose a smaller size."
        return WorkerDiedError(f"The engine's process ended unexpectedly ({how}).", advice=advice)

    def _finish(self, reason: TexloomError) -> None:
        with self._changed:
            self._ended = True
            jobs = list(self._jobs.values())
            self._jobs.clear()
            self._outbox.clear()
            closing = self._closing
            self._changed.notify_all()
        if closing:
            self.status = BackendStatus(state=BackendState.STOPPED)
        else:
            self.status = BackendStatus(state=BackendState.DEAD, message=str(reason))
        tail = self._log.tail() if self._log is not None else ""
        for job in jobs:
            if job.sent:
                shutil.rmtree(job.library / f"{storage.PARTIAL_PREFIX}{job.id}", ignore_errors=True)
            if closing or job.cancelled:
                self._emit(Cancelled(request_id=job.id))
            else:
                self._emit(Failed.from_error(job.id, reason, log_tail=tail))
        self._over.set()

    def _give_up(self, fault: TexloomError) -> None:
        with self._changed:
            if self._fault is None:
                self._fault = fault
            child = self._child
        if child is not None:
            child.kill()

    # The reader.

    def _read(self, child: ChildProcess, log: LogFile) -> None:
        while True:
            try:
                line = child.stdout.readline(wire.MAX_LINE_BYTES + 2)
            except (OSError, ValueError):
                break
            if not line:
                break
            try:
                message = wire.decode(line)
            except (ProtocolError, RequestError) as error:
                self._take_garbage(line, error, log)
                continue
            self._take(message, log)
        self._spoke.set()
        if not self._exited.wait(_DRAIN_SECONDS):
            child.kill()  # alive, but it can tell us nothing any more

    def _take(self, message: wire.Message, log: LogFile) -> None:
        if isinstance(message, wire.Hello):
            self._greet(message)
        elif not self._greeted:
            log.note(f"Ignored {type(message).__name__} before the hello.")
        elif isinstance(message, Event):
            self._deliver(message, log)
        elif isinstance(message, wire.EngineReady):
            self.status = BackendStatus(
                state=BackendState.READY,
                device=message.device,
                device_name=message.device_name,
                versions=dict(message.versions),
            )
        elif isinstance(message, wire.ModelReady):
            self.status = replace(self.status, message=message.error)
        else:
            log.note(f"Ignored a {type(message).__name__} from the worker.")

    def _greet(self, hello: wire.Hello) -> None:
        fault = check_hello(hello)
        if fault is not None:
            self._give_up(fault)
            return
        with self._changed:
            self._greeted = True
            self._changed.notify_all()
        self._spoke.set()
        self.status = replace(self.status, message="Loading the engine's libraries")

    def _deliver(self, event: Event, log: LogFile) -> None:
        with self._changed:
            if event.request_id not in self._jobs:
                return
            if event.terminal:
                del self._jobs[event.request_id]
            self._emit(event)
            idle = not self._jobs
        if idle:
            log.trim()

    def _take_garbage(self, line: bytes, error: TexloomError, log: LogFile) -> None:
        """Something printed into the pipe is only logged; a damaged event ends the job that it names.

        It may have been the terminal one, and then nobody would ever hear of that job again.
        """
        log.note(f"Unreadable line from the worker ({error}): {line[:200]!r}")
        request_id = wire.event_request_id(line)
        with self._changed:
            job = self._jobs.pop(request_id, None) if request_id is not None else None
            if job is None:
                return
            self._post(wire.encode(wire.Cancel(request_id=job.id)))
            advice = "Restart Blender; if it comes back, " + _REPAIR[0].lower() + _REPAIR[1:]
            fault = ProtocolError(f"The engine sent a message that is not understood: {error}", advice=advice)
            self._emit(Failed.from_error(job.id, fault, log_tail=log.tail()))

    # The writer.

    def _write(self, child: ChildProcess) -> None:
        while True:
            with self._changed:
                # Nothing goes to a worker that may not speak our protocol.
                self._changed.wait_for(lambda: self._ended or (self._greeted and self._outbox))
                if self._ended:
                    return
                line, job = self._outbox.popleft()
                if job is not None:
                    job.sent = True
            try:
                child.stdin.write(line)
                child.stdin.flush()
            except (OSError, ValueError):
                # It ends, or cannot hear any more and must.
                if not self._exited.wait(_DRAIN_SECONDS):
                    child.kill()
                return


def check_hello(hello: wire.Hello) -> TexloomError | None:
    """What is wrong with a worker that says ``hello``, None when it fits this side."""
    source = wire.source_digest()
    if hello.protocol == wire.PROTOCOL_VERSION and hello.source == source:
        return None
    return ProtocolError(
        f"The engine runs another version of Texloom ({hello.version}, protocol {hello.protocol}, "
        f"source {hello.source}) than this side (protocol {wire.PROTOCOL_VERSION}, source {source}).",
        advice="Restart Blender after an update; if it comes back, remove other copies of texloom from the "
        "engine's Python.",
    )


class SubprocessBackend:
    """Runs requests in a worker process; implements :class:`texloom.backends.base.Backend`.

    The worker starts with the first ``submit`` or ``preload`` and again after it died.  It never outlives this
    process.

    Args:
        python: the engine environment's Python; None when there is none yet, then every request fails with
            ``engine_missing``.
        package_dir: the folder that holds the ``texloom`` package; default the one this code comes from.
        device: torch's name of the device, ``cuda:1`` say; None for the worker's own choice.
        environment: variables to set in the worker besides this process's.
        log_dir: folder of the worker's logs; default one in the temporary folder.
        command: the whole command line instead of ``python -m texloom.worker``, for embedding and tests.
        start_timeout: seconds until the worker must have said hello.
        close_timeout: seconds that ``close`` waits before it kills the worker.
    """

    def __init__(
        self,
        python: Path | None,
        *,
        package_dir: Path | None = None,
        device: str | None = None,
        environment: Mapping[str, str] | None = None,
        log_dir: Path | None = None,
        command: Sequence[str] | None = None,
        start_timeout: float = START_TIMEOUT,
        close_timeout: float = CLOSE_TIMEOUT,
    ) -> None:
        self._python = python
        self._package_dir = package_dir if package_dir is not None else package_folder()
        self._extra = dict(environment or {})
        if device:
            self._extra["TEXLOOM_DEVICE"] = device
        self._log_dir = log_dir
        self._command = tuple(command) if command is not None else None
        self._start_timeout = start_timeout
        self._close_timeout = close_timeout
        self._lock = threading.Lock()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._seen: set[str] = set()
        self._session: _Session | None = None
        self._status = BackendStatus(state=BackendState.STOPPED)
        self._closed = False

    def __enter__(self) -> SubprocessBackend:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def status(self) -> BackendStatus:
        """State of the worker now; never blocks."""
        session = self._session
        return self._status if session is None else session.status

    def submit(self, request: GenerationRequest, library: Path, position: int | None = None) -> None:
        """Queue ``request``; its result is written below the folder ``library``.

        ``position`` other waiting ones go before it (0: it is next); None: all of them.

        Raises:
            RequestError: the id was submitted before.
            TexloomError: the backend is closed.
        """
        library = Path(library).absolute()
        with self._lock:
            if self._closed:
                raise TexloomError("This engine was closed.", code=ErrorCode.INTERNAL)
            if request.id in self._seen:
                raise RequestError(f"id: {request.id} was submitted before; every request needs its own.")
            self._seen.add(request.id)
            try:
                line = wire.encode(wire.Submit(request=request, library=str(library)))
                if position is not None:
                    # Sent as one: each time that the writer wakes, the caller may lose the processor to it.
                    line += wire.encode(wire.Move(request_id=request.id, position=position))
                self._use_session(lambda session: session.submit(request, line, library))
            except TexloomError as error:
                self._events.put(Failed.from_error(request.id, error))

    def cancel(self, request_id: str) -> None:
        """Stop that request; does nothing for an ended or unknown id."""
        session = self._session
        if session is not None:
            session.cancel(request_id)

    def move(self, request_id: str, position: int) -> None:
        """Give a waiting request another place in the queue; see ``Backend``."""
        session = self._session
        if session is not None:
            session.move(request_id, position)

    def preload(self, model: str, prompt: str = "") -> None:
        """Start the worker if need be and load ``model`` there while it is idle; the status tells of faults."""
        with self._lock:
            if self._closed:
                return
            try:
                line = wire.encode(wire.Preload(model=model, prompt=prompt))
                self._use_session(lambda session: session.preload(line))
            except TexloomError as error:
                if self._session is None:
                    self._status = BackendStatus(state=BackendState.DEAD, message=str(error))

    def poll(self, timeout: float = 0.0) -> list[Event]:
        """All events that have come since the last call; waits up to ``timeout`` seconds for the first."""
        events: list[Event] = []
        try:
            events.append(self._events.get(block=timeout > 0, timeout=timeout if timeout > 0 else None))
            while True:
                events.append(self._events.get_nowait())
        except queue.Empty:
            return events

    def close(self) -> None:
        """End the worker, by force when it does not heed; running requests get ``Cancelled``."""
        with self._lock:
            self._closed = True
            session, self._session = self._session, None
        if session is not None:
            session.close(self._close_timeout)
        self._status = BackendStatus(state=BackendState.STOPPED)
        atexit.unregister(self.close)

    def _use_session(self, use: Callable[[_Session], bool]) -> None:
        if self._session is not None and use(self._session):
            return
        self._session = None
        launch = self._launch()
        atexit.register(self.close)
        self._session = _Session(launch, self._events.put)
        # A session that has just begun can end only after its thread has run; then it has failed the job.
        if not use(self._session):
            raise EngineBrokenError("The engine ended while starting.", advice=_REPAIR)

    def _launch(self) -> _Launch:
        command = self._command
        if command is None:
            if self._python is None:
                raise self._missing("The engine is not set up yet.")
            if not self._python.is_file():
                raise self._missing(f"The engine's Python is not there: {self._python}.")
            command = tuple(worker_command(self._python))
        return _Launch(
            command=command,
            environment=child_environment(self._package_dir, extra=self._extra),
            log_dir=self._log_dir,
            start_timeout=self._start_timeout,
        )

    def _missing(self, message: str) -> EngineMissingError:
        self._status = BackendStatus(state=BackendState.DEAD, message=f"{message} {_SET_UP}")
        return EngineMissingError(message, advice=_SET_UP)
