# SPDX-License-Identifier: GPL-3.0-or-later
"""Between Blender and the engine: owns the session, the jobs and the one timer.

Panel, scripts and command line all come through here.  In a window the timer handles what has come from the
engine, a few milliseconds a time; blocking callers (:meth:`Bridge.wait`) turn the same crank without it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import bpy
from bpy.app.handlers import persistent

from . import engine_link, export_job, model_job, preferences, reading, setup_job, target
from .core.texloom import api as engine_api
from .core.texloom.backends.base import Backend, BackendState, BackendStatus
from .core.texloom.errors import StorageError, TexloomError
from .core.texloom.jobs import JobState, JobView
from .core.texloom.library_entry import delete_variation
from .core.texloom.request import RANGES, SIZE_STEP, GenerationRequest, new_id
from .engine_link import EngineLink
from .entry import Entry
from .notice import Notice
from .reading import Reading
from .scene import images, kept, sources
from .scene.build import Built
from .scene.result import ResultImages
from .scene.transaction import Vanished
from .successors import remember, replace_built
from .target import Placement
from .translations import iface
from .windows import mouse_holds_scene, push_undo, redraw

INTERVAL: Final = 0.05
BUDGET: Final = 0.003
KEEP: Final = 12
_TYPING_PAUSE: Final = 0.6
_RESTARTS: Final = 3
_THREADS: Final = (setup_job, export_job, model_job)
# A turn begins another step of putting a result into the scene only within this time; a step takes up to 3 ms.
_STEPS_BUDGET: Final = 0.0005
_NEXT_STEP: Final = 0.01


class Bridge:
    """The jobs of this Blender."""

    def __init__(self) -> None:
        self.entries: OrderedDict[str, Entry] = OrderedDict()
        self.slowest: dict[str, float] = {}
        self.busiest: dict[str, float] = {}
        self._engine = EngineLink()
        self._file = 0
        self._typed: tuple[float, str, str] | None = None
        self._seen: tuple[object, ...] = ()
        self._notice = Notice()
        # Further work of the timer; each is called every turn and says whether it needs another one.
        self.extras: list[Callable[[], bool]] = []

    # The engine.

    @property
    def session(self) -> engine_api.Session:
        """The session for the preferences of now.

        Raises:
            StorageError: the machine's settings are damaged.
        """
        return self._engine.get(busy=any(entry.running for entry in self.entries.values()))

    def library(self) -> Path:
        """Folder of the results; errors as :func:`.engine_link.library`."""
        return engine_link.library()

    @property
    def status(self) -> BackendStatus:
        """State of the engine."""
        return self._engine.status

    @property
    def has_own_backend(self) -> bool:
        """Whether :meth:`attach` gave it a backend."""
        return self._engine.has_own_backend

    def attach(self, backend: Backend | None) -> None:
        """Use another backend from now on (None: the worker on this machine); running jobs are cancelled."""
        self._see(self._engine.attach(backend))

    def close(self) -> None:
        """End the engine; what runs is cancelled."""
        self._see(self._engine.close())

    def _see(self, views: Iterable[JobView]) -> None:
        for view in views:
            if (entry := self.entries.get(view.id)) is not None:
                entry.view = view

    # Jobs.

    def submit(self, request: GenerationRequest, placement: Placement, pictures: Reading | None = None) -> Entry:
        """Queue a job; its result goes to ``placement`` when it is done, and it begins when ``pictures`` are there.

        Raises:
            RequestError: the id was submitted before.
            StorageError: the machine's settings are damaged.
        """
        self._typed = None
        session = self.session
        if pictures is not None and not pictures.complete:
            pictures.begin()
            entry = Entry(view=reading.waiting(request), placement=placement, file=self._file, reading=pictures)
        else:
            session.submit(request)
            entry = Entry(view=_known(session, request.id), placement=placement, file=self._file)
        self.entries[request.id] = entry
        ended = [item.id for item in self.entries.values() if item.settled and not item.pinned]
        for request_id in ended[: max(0, len(self.entries) - KEEP)]:
            self.forget(request_id)
        self.wake()
        return entry

    def retry(self, entry: Entry, *, smaller: bool = False) -> Entry:
        """Queue an ended job again, to the same place; ``smaller`` at half the width and height.

        It takes the old one's place in the list.

        Raises:
            StorageError: the machine's settings are damaged.
        """
        request = entry.view.request
        width, height = request.width, request.height
        if smaller:
            smallest = int(RANGES["width"][0])
            width, height = (max(smallest, value // (2 * SIZE_STEP) * SIZE_STEP) for value in (width, height))
        again = dataclasses.replace(request, id=new_id(), width=width, height=height)
        kept_only = entry.placement.output == "LIBRARY"
        placement = entry.placement if kept_only else self._placement_now(entry)
        made = self.submit(again, placement, entry.reading)
        self.forget(entry.id)
        return made

    def cancel(self, request_id: str) -> None:
        """Ask for the end of one job."""
        entry = self.entries.get(request_id)
        if entry is not None and entry.reading is not None:  # the engine does not know it yet
            entry.view = reading.cancelled(entry.view) if entry.running else entry.view
            self.wake()
        elif self._engine.session is not None:
            self._engine.session.table.cancel(request_id)
            self.wake()

    def submit_aside(self, request: GenerationRequest, library: Path) -> None:
        """Queue a job of the add-on itself: it is next, is not in the list, and nothing is put into the scene.

        Follow it by :meth:`view`, and :meth:`forget` it.

        Raises:
            RequestError, StorageError: as :meth:`submit`.
        """
        self.session.table.submit(request, library, position=0)
        self.wake()

    def view(self, request_id: str) -> JobView | None:
        """What is known of a job, or None when this engine does not know it."""
        return self._engine.session.table.get(request_id) if self._engine.session is not None else None

    def pump(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds for news from the engine and take them in; for blocking callers."""
        self._take(self.session.table.pump(timeout))
        self._submit_read()

    def cancel_all(self) -> None:
        """Ask for the end of all jobs, waiting ones first so that none of them begins."""
        for entry in reversed(self.queue()):
            self.cancel(entry.id)

    def queue(self) -> list[Entry]:
        """Jobs that have not ended: the running one, then the waiting ones in their order."""
        # The sort is stable: jobs of which no place is known yet stay in the order of their submission.
        waiting = {entry.id: 1 + entry.view.position for entry in self.entries.values() if entry.waiting}
        return sorted((entry for entry in self.entries.values() if entry.running), key=lambda e: waiting.get(e.id, 0))

    def newest(self) -> Entry | None:
        """The job that was completed last."""
        return next(
            (entry for entry in reversed(self.entries.values()) if entry.view.state is JobState.COMPLETED), None
        )

    def move(self, request_id: str, offset: int) -> None:
        """Let a waiting job run ``offset`` places later, earlier when negative."""
        entry = self.entries.get(request_id)
        if entry is None or not entry.waiting or self._engine.session is None:
            return
        self._engine.session.table.move(request_id, max(0, entry.view.position + offset))
        self.wake()

    def remove(self, entry: Entry, index: int) -> None:
        """Delete variation ``index`` of a completed job from the disk; the last one takes the job with it.

        Images of the open file that still read from it are packed first, so that no material loses its maps.

        Raises:
            StorageError: the variation is gone already, or its files may not be deleted.
        """
        folder = Path(entry.view.folder)
        files = ResultImages.from_manifest(folder, index).maps.values()
        images.pack_from(files)
        kept.keep(files)
        left = delete_variation(folder.parent, folder, index)
        entry.pinned.discard(index)
        entry.forget_pictures()
        if not left:
            self.forget(entry.id)

    @property
    def notice(self) -> str:
        """What the status bar says for a while: a job that has just ended."""
        return self._notice.text

    def forget(self, request_id: str) -> None:
        """Take an ended job out of the list; its result stays in the library."""
        entry = self.entries.pop(request_id, None)
        if entry is not None and entry.placing is not None and entry.file == self._file:
            entry.placing.drop()
        if entry is not None and entry.reading is not None:
            if all(other.reading is not entry.reading for other in self.entries.values()):  # unless Retry needs it
                entry.reading.drop()
        if self._engine.session is not None:
            self._engine.session.table.forget(request_id)
        self.tidy_sources()
        self.wake()  # its pictures are let go in the next turn

    def tidy_sources(self) -> None:
        """Remove pictures in the temporary folder that no job starts from any more, also not by Retry."""
        entries = self.entries.values()
        done = {entry.id for entry in entries if entry.settled and entry.view.state is JobState.COMPLETED}
        requests = [entry.view.request for entry in entries if entry.id not in done]
        sources.tidy({path for request in requests for path in request.pictures.values()})

    def typed(self, prompt: str, model: str) -> None:
        """The prompt has changed: after a pause the engine starts and encodes it ahead of time."""
        if bpy.app.background or not preferences.get().preload or not prompt.strip():
            return
        self._typed = (time.monotonic() + _TYPING_PAUSE, prompt, model)
        self.wake()

    def wait(self, entry: Entry, timeout: float | None = None) -> None:
        """Block until a job has ended and its result is in the scene.

        Raises:
            TimeoutError: it goes on after ``timeout`` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not entry.settled:
            left = 0.1 if deadline is None else min(0.1, deadline - time.monotonic())
            if left <= 0:
                raise TimeoutError(f"The job has not ended within {timeout:g} seconds.")
            if entry.running:
                self.pump(left)
            self._settle(wait_for_mouse=False)

    def apply(self, entry: Entry, index: int) -> Built:
        """Put variation ``index`` of an ended job into the scene, in place of what was put there before.

        Raises:
            StorageError: its files are gone or damaged.
        """
        result = ResultImages.from_manifest(Path(entry.view.folder), index)
        if entry.placing is not None:
            entry.placing.drop()  # the first one was on its way; this one was chosen
            entry.placing = None
        placement = self._placement_now(entry)
        built = replace_built(result, placement, entry.built if entry.file == self._file else None)
        self._note(entry, built, index, placement)
        entry.settled = True
        return built

    def _placement_now(self, entry: Entry) -> Placement:
        """Where a job's result goes: as asked, or, once another file is open, to what is selected there."""
        output = entry.placement.output
        if output == "LIBRARY":  # nowhere yet
            output = {"material": "MATERIAL", "texture": "IMAGE", "reference": "PLANE"}[entry.view.request.kind]
        elif entry.file == self._file:
            return entry.placement
        return target.capture(bpy.context, output=output)

    # The crank.

    def wake(self) -> None:
        """Start the timer; in the background blocking callers do its work."""
        if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=INTERVAL, persistent=True)

    def tick(self) -> float | None:
        """One turn; seconds until the next, None when nothing is left to wait for."""
        with self.timed("turn"):
            return self._turn()

    def _turn(self) -> float | None:
        with self.timed("preload"):
            self._preload()
        with self.timed("events"):
            if self._engine.session is not None:
                self._take(self._engine.session.table.drain(BUDGET))
            self._submit_read()
        self._settle(wait_for_mouse=True)
        with self.timed("redraw"):
            self._redraw()
        with self.timed("extras"):
            busy = [_guarded(extra) for extra in self.extras]
        # While the engine starts for a preload, its state is worth showing.
        starting = self.status.state is BackendState.STARTING
        open_ends = any(not entry.settled for entry in self.entries.values()) or bool(self.notice)
        if any(busy) or any(entry.placing is not None and not entry.settled for entry in self.entries.values()):
            return _NEXT_STEP
        threads = any(part.state().running for part in _THREADS)
        return INTERVAL if open_ends or starting or self._typed or threads else None

    def file_loaded(self) -> None:
        """Another file is open: results of earlier jobs stay in the library."""
        self._file += 1
        for entry in self.entries.values():
            entry.placing = None  # what it has made is gone with the file

    @contextlib.contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Keep for whoever measures, in seconds: the longest time that each part of a turn took, and its longest work.

        The second is processor time: without what the system gave to others, as happens where the processor also
        draws the window and runs the engine.
        """
        began, worked = time.perf_counter(), time.thread_time()
        yield
        self.slowest[part] = max(self.slowest.get(part, 0.0), time.perf_counter() - began)
        self.busiest[part] = max(self.busiest.get(part, 0.0), time.thread_time() - worked)

    def _preload(self) -> None:
        if self._typed is None or time.monotonic() < self._typed[0]:
            return
        _, prompt, model = self._typed
        self._typed = None
        try:
            if self._engine.can_start:
                self.session.preload(prompt, model)
        except StorageError:
            pass  # Generate will say it

    def _take(self, handled: list[tuple[JobView, Any]]) -> None:
        self._see(view for view, _ in handled)

    def _submit_read(self) -> None:
        """Give the engine the jobs whose pictures are there by now."""
        for entry in list(self.entries.values()):
            if entry.reading is None or not entry.running or not entry.reading.done:
                continue
            try:
                if entry.reading.error is not None:
                    raise entry.reading.error
                session = self.session
                session.submit(entry.view.request)
            except TexloomError as error:
                entry.view = reading.failed(entry.view, error)
                continue
            entry.view, entry.reading = _known(session, entry.id), None

    def _settle(self, *, wait_for_mouse: bool) -> None:
        """Deal with one ended job a turn."""
        for entry in self.entries.values():
            if entry.settled or entry.running:
                continue
            in_scene = entry.placement.output != "LIBRARY"
            if entry.view.state is JobState.COMPLETED and entry.file == self._file and in_scene:
                if wait_for_mouse and mouse_holds_scene():
                    return
                began = time.perf_counter()
                while self._place_part(entry):
                    if not wait_for_mouse:
                        time.sleep(0.001)  # a file is being copied
                    elif time.perf_counter() - began > _STEPS_BUDGET:
                        return
            entry.settled = True
            self._notice.tell(entry)
            self.tidy_sources()
            if entry.view.state is JobState.COMPLETED and entry.file != self._file:
                entry.notices = [
                    iface("Another file was opened meanwhile; the result is in {folder}.").format(
                        folder=entry.view.folder
                    )
                ]
            elif entry.view.state is JobState.COMPLETED and not in_scene:
                entry.notices = [warning.message for warning in entry.view.warnings]
            elif entry.view.error is not None:
                entry.problem, entry.advice = entry.view.error.message, entry.view.error.advice
                if entry.view.error.log_tail:
                    print(entry.view.error.log_tail)  # noqa: T201 - Blender's console is its log
            return

    def _place_part(self, entry: Entry) -> bool:
        """Do the next step of putting a result into the scene; whether there are more."""
        try:
            with self.timed("build"):
                if entry.restarts > _RESTARTS:  # somebody undoes again and again
                    built = self.apply(entry, 0)
                else:
                    placing = entry.placing or self._placing(entry)
                    if placing.step():
                        return True
                    assert placing.built is not None
                    built = placing.built
                    self._note(entry, built, 0, entry.placement)
        except Vanished:
            entry.placing, entry.restarts = None, entry.restarts + 1
            return True
        except TexloomError as error:
            entry.problem, entry.advice = error.message, error.advice
            return False
        except Exception as error:  # noqa: BLE001 - boundary: an exception would end the timer and all other jobs
            traceback.print_exc()
            entry.problem = iface("The result could not be put into the scene: {error}").format(error=error)
            entry.advice = iface("It is in {folder}.").format(folder=entry.view.folder)
            return False
        entry.placing = None
        with self.timed("undo step"):
            push_undo(f"Texloom: {built.material or built.object or ', '.join(built.images)}")
        return False

    def _placing(self, entry: Entry) -> target.Placing:
        result = ResultImages.from_manifest(Path(entry.view.folder), 0)
        entry.placing = target.Placing(result, entry.placement)
        return entry.placing

    def _note(self, entry: Entry, built: Built, index: int, placement: Placement) -> None:
        remember(built)
        entry.made = entry.made if entry.file == self._file else []
        entry.note(built, index)
        entry.file, entry.placement = self._file, placement
        entry.notices = [*(warning.message for warning in entry.view.warnings), *built.messages]

    def _redraw(self) -> None:
        jobs = [(item.view, item.settled) for item in self.entries.values()]
        threads = [(part.state().revision, part.state().running) for part in _THREADS]
        seen = (self.status, self.notice, *threads, *jobs)
        if seen == self._seen:
            return
        self._seen = seen
        redraw()


def _known(session: engine_api.Session, request_id: str) -> JobView:
    view = session.table.get(request_id)
    assert view is not None
    return view


def _guarded(extra: Callable[[], bool]) -> bool:
    try:
        return extra()
    except Exception:  # noqa: BLE001 - boundary: an exception would end the timer and all jobs
        traceback.print_exc()
        return False


_bridge = Bridge()


def get() -> Bridge:
    """The one bridge of this Blender."""
    return _bridge


def typed(prompt: str, model: str) -> None:
    """See :meth:`Bridge.typed`."""
    _bridge.typed(prompt, model)


def _tick() -> float | None:
    return _bridge.tick()


@persistent  # type: ignore[misc]
def _file_loaded(*arguments: object) -> None:
    _bridge.file_loaded()


@persistent  # type: ignore[misc]
def _before_save(*arguments: object) -> None:
    for name in images.pack_waiting():
        print(f"Texloom: {name} could not be packed, its file is gone.")  # noqa: T201 - Blender's console is its log


def _handlers() -> list[tuple[list[Any], Any]]:
    return [(bpy.app.handlers.load_post, _file_loaded), (bpy.app.handlers.save_pre, _before_save)]


def register() -> None:
    """Hear of loaded files, and of those about to be saved."""
    for listeners, handler in _handlers():
        listeners.append(handler)


def unregister() -> None:
    """End the engine and everything that runs."""
    for part in _THREADS:
        part.state().cancel()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    for listeners, handler in _handlers():
        if handler in listeners:
            listeners.remove(handler)
    _bridge.close()
    for entry in _bridge.entries.values():
        if entry.placing is not None:
            entry.placing.drop()
    _bridge.entries.clear()
    _bridge.tidy_sources()
