# SPDX-License-Identifier: GPL-3.0-or-later
"""A backend without an engine, for tests of interfaces: it follows the same contract, in one thread of this process.

It writes real results (small flat PNG files with a manifest), so that everything behind the last event works.
"""

from __future__ import annotations

import hashlib
import queue
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .. import __version__
from ..errors import CancelledError, ErrorCode, RequestError, TexloomError
from ..events import Accepted, Artifact, Cancelled, Completed, Event, Failed, ModelLoading, Preview, Progress, Queued
from ..events import Warning as WarningEvent
from ..request import IMAGE_MAP, GenerationRequest
from ..storage import MANIFEST_NAME, MANIFEST_SCHEMA, JobFolder, write_bytes_atomic, write_json_atomic
from .base import BackendState, BackendStatus

_SIDE: Final = 8
_GREY: Final[Mapping[str, tuple[int, ...]]] = {
    "base_color": (150, 90, 70),
    "image": (150, 90, 70),
    "normal": (128, 128, 255),
    "roughness": (180,),
    "metallic": (0,),
    "ambient_occlusion": (230,),
}


@dataclass(frozen=True, kw_only=True)
class Script:
    """What happens to requests: pace, warnings, and the fault of some.

    ``fail`` maps a prompt to the error it meets; ``step_seconds`` is the time of each of ``steps``.
    ``load_seconds`` passes once, before the first job.  ``warn`` maps a prompt to a warning's message.
    """

    steps: int = 3
    step_seconds: float = 0.0
    load_seconds: float = 0.0
    fail: Mapping[str, TexloomError] = field(default_factory=dict)
    warn: Mapping[str, str] = field(default_factory=dict)
    die_on: frozenset[str] = frozenset()


class FakeBackend:
    """Implements :class:`texloom.backends.base.Backend` by a :class:`Script`."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.preloads: list[tuple[str, str]] = []
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._waiting: deque[tuple[GenerationRequest, Path]] = deque()
        self._open: dict[str, threading.Event] = {}
        self._seen: set[str] = set()
        self._closed = False
        self._loaded = False
        self._thread: threading.Thread | None = None
        self._status = BackendStatus(state=BackendState.STOPPED)

    @property
    def status(self) -> BackendStatus:
        """State of the pretended engine."""
        return self._status

    def submit(self, request: GenerationRequest, library: Path, position: int | None = None) -> None:
        """See ``Backend``."""
        with self._changed:
            if self._closed:
                raise TexloomError("This engine was closed.")
            if request.id in self._seen:
                raise RequestError(f"id: {request.id} was submitted before; every request needs its own.")
            self._seen.add(request.id)
            self._open[request.id] = threading.Event()
            self._waiting.append((request, Path(library)))
            self._events.put(Accepted(request_id=request.id))
            self._events.put(Queued(request_id=request.id, position=len(self._waiting) - 1))
            if position is not None:
                self.move(request.id, position)
            self._start()
            self._changed.notify_all()

    def cancel(self, request_id: str) -> None:
        """See ``Backend``."""
        with self._changed:
            token = self._open.get(request_id)
            if token is None:
                return
            token.set()
            kept = deque(item for item in self._waiting if item[0].id != request_id)
            if len(kept) < len(self._waiting):
                self._waiting = kept
                self._end(Cancelled(request_id=request_id))

    def move(self, request_id: str, position: int) -> None:
        """See ``Backend``."""
        with self._changed:
            found = next((item for item in self._waiting if item[0].id == request_id), None)
            if found is None:
                return
            self._waiting.remove(found)
            self._waiting.insert(max(0, position), found)
            self._tell_positions()

    def _tell_positions(self) -> None:
        for place, (request, _) in enumerate(self._waiting):
            self._events.put(Queued(request_id=request.id, position=place))

    def preload(self, model: str, prompt: str = "") -> None:
        """See ``Backend``; the calls are kept in ``preloads``."""
        with self._changed:
            if not self._closed:
                self.preloads.append((model, prompt))
                self._start()

    def poll(self, timeout: float = 0.0) -> list[Event]:
        """See ``Backend``."""
        found: list[Event] = []
        try:
            found.append(self._events.get(block=timeout > 0, timeout=timeout if timeout > 0 else None))
            while True:
                found.append(self._events.get_nowait())
        except queue.Empty:
            return found

    def close(self) -> None:
        """See ``Backend``."""
        with self._changed:
            self._closed = True
            for request, _ in self._waiting:
                self._end(Cancelled(request_id=request.id))
            self._waiting.clear()
            for token in self._open.values():
                token.set()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(5.0)
        self._status = BackendStatus(state=BackendState.STOPPED)

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="texloom-fake", daemon=True)
            self._thread.start()
        self._status = BackendStatus(
            state=BackendState.READY, device="cpu", device_name="Fake", versions={"texloom": __version__}
        )

    def _end(self, event: Event) -> None:
        if self._open.pop(event.request_id, None) is not None:
            self._events.put(event)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                request, library = self._waiting.popleft()
                self._tell_positions()
                token = self._open[request.id]
            end: Event
            try:
                end = self._job(request, library, token)
            except CancelledError:
                end = Cancelled(request_id=request.id)
            except TexloomError as error:
                end = Failed.from_error(request.id, error)
            with self._changed:
                self._end(end)

    def _job(self, request: GenerationRequest, library: Path, token: threading.Event) -> Event:
        script = self.script
        if not self._loaded:
            self._events.put(ModelLoading(request_id=request.id, model=request.model, stage="Loading", fraction=0.0))
            _pause(script.load_seconds, token)
            self._loaded = True
        if request.prompt in script.die_on:
            self._loaded = False
            return Failed(request_id=request.id, code=str(ErrorCode.WORKER_DIED), message="The engine's process ended.")
        if request.prompt in script.fail:
            raise script.fail[request.prompt]
        started = time.monotonic()
        with JobFolder(library, request) as job:
            if request.prompt in script.warn:
                message = script.warn[request.prompt]
                self._events.put(WarningEvent(request_id=request.id, code="prompt", message=message))
            for step in range(1, script.steps + 1):
                _pause(script.step_seconds, token)
                self._events.put(self._progress(request, step))
                if request.preview_interval and step % request.preview_interval == 0:
                    self._preview(request, job.path, step)
            results = [_variation(request, index, job.path) for index in range(request.count)]
            for preview in job.path.glob("preview_*.png"):
                preview.unlink()
            write_json_atomic(job.path / MANIFEST_NAME, _manifest(request, results))
            _pause(0.0, token)
            folder = job.publish()
        for result in results:
            for name, entry in result["maps"].items():
                self._events.put(
                    Artifact(
                        request_id=request.id, index=result["index"], map=name, path=str(folder / entry["file"]),
                        width=_SIDE, height=_SIDE, color_space=entry["color_space"], sha256=entry["sha256"],
                    )
                )  # fmt: skip
        manifest = str(folder / MANIFEST_NAME)
        seconds = time.monotonic() - started
        return Completed(request_id=request.id, folder=str(folder), manifest=manifest, seconds=seconds)

    def _progress(self, request: GenerationRequest, step: int) -> Progress:
        steps = self.script.steps
        return Progress(
            request_id=request.id, fraction=step / steps, step=step, steps=steps, count=request.count, stage="Drawing"
        )

    def _preview(self, request: GenerationRequest, folder: Path, step: int) -> None:
        path = folder / "preview_00.png"
        write_bytes_atomic(path, flat_png((120, 120, 120), _SIDE, _SIDE), durable=False)
        self._events.put(Preview(request_id=request.id, path=str(path), width=_SIDE, height=_SIDE, step=step))


def _pause(seconds: float, token: threading.Event) -> None:
    if token.wait(seconds) if seconds else token.is_set():
        raise CancelledError


def _variation(request: GenerationRequest, index: int, folder: Path) -> dict[str, Any]:
    maps: dict[str, Any] = {}
    for name in request.maps if request.kind == "material" else (IMAGE_MAP,):
        data = (
            flat_png((128 * 257,), _SIDE, _SIDE, depth=16) if name == "height" else flat_png(_GREY[name], _SIDE, _SIDE)
        )
        file = f"{index:02d}_{name}.png"
        write_bytes_atomic(folder / file, data, durable=False)
        maps[name] = {
            "file": file,
            "width": _SIDE,
            "height": _SIDE,
            "sha256": hashlib.sha256(data).hexdigest(),
            "color_space": "sRGB" if name in ("base_color", IMAGE_MAP) else "Non-Color",
            "bit_depth": 16 if name == "height" else 8,
        }
    width = request.real_world_width or 1.0
    return {
        "index": index, "seed": request.variation_seed(index), "tile_width_m": width,
        "tile_height_m": width * request.height / request.width, "height_min_m": 0.0, "height_max_m": 0.01,
        "parameters": {}, "maps": maps,
    }  # fmt: skip


def _manifest(request: GenerationRequest, results: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "schema": MANIFEST_SCHEMA, "request": request.to_dict(), "texloom_version": __version__,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
        "model": {"id": "fake", "name": "Fake", "revision": "", "licence": "", "files": {}},
        "device": "Fake", "versions": {}, "timings": {}, "warnings": [], "results": results,
    }  # fmt: skip


def flat_png(color: tuple[int, ...], width: int, height: int, *, depth: int = 8) -> bytes:
    """A PNG of one colour (W3C PNG, third edition); one channel is grey, three are RGB."""
    kind = 2 if len(color) == 3 else 0
    pixel = b"".join(value.to_bytes(depth // 8, "big") for value in color)
    rows = (b"\0" + pixel * width) * height
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
