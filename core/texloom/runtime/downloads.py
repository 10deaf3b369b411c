# SPDX-License-Identifier: GPL-3.0-or-later
"""Download models: what is asked for and no more, whole or not at all, and going on where a broken one stopped.

Every file grows in a folder aside under the name of its hash, is checked, and then takes its place.  So a download
that was paused, cancelled or killed goes on later with what is there, and no half file is ever taken for a whole one.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import threading
import time
import urllib.error
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from .. import hash_cache, storage
from ..errors import CancelledError, DownloadError, StorageError, TexloomError
from ..model_store import CONFIGURATION_RECORD, PARTIAL, RECORD
from .download_plan import (
    BLOCK,
    RECORD_SCHEMA,
    DownloadPlan,
    FileHash,
    aside_path,
    distinct,
    in_place,
    recorded,
    size_of,
)
from .hub import Hub, RemoteFile, safe_name
from .lock import FolderLock

CONNECTIONS: Final = 4
ATTEMPTS: Final = 6
"""Broken connections in a row, without a byte in between, until a file is given up."""

SPARE_BYTES: Final = 512 * 1024 * 1024
_TELL_SECONDS: Final = 0.1
_WAIT_LIMIT: Final = 20.0
_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, kw_only=True, slots=True)
class DownloadProgress:
    """Where a download is, in bytes; ``speed`` in bytes a second, ``waiting`` says for what it waits, if it does.

    ``comparing`` is how much of ``file`` is compared with its hash, 0 to 1, while that is done; else None.
    """

    done: int
    total: int
    speed: float
    file: str
    waiting: str = ""
    comparing: float | None = None

    @property
    def fraction(self) -> float:
        """0 to 1."""
        return self.done / self.total if self.total else 1.0

    @property
    def seconds_left(self) -> float | None:
        """At this speed, or None."""
        return (self.total - self.done) / self.speed if self.speed > 0 else None


class Control:
    """Stops and pauses a download from another thread."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._running = threading.Event()
        self._running.set()

    def cancel(self) -> None:
        """End it; what was loaded stays for the next time."""
        self._cancelled.set()
        self._running.set()

    def pause(self) -> None:
        """Close the connections and wait."""
        self._running.clear()

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        self._running.set()

    @property
    def paused(self) -> bool:
        """Whether it waits."""
        return not self._running.is_set()

    @property
    def cancelled(self) -> bool:
        """Whether it was ended."""
        return self._cancelled.is_set()

    def check(self) -> None:
        """Wait while paused.

        Raises:
            CancelledError: it was ended.
        """
        self._running.wait()
        if self._cancelled.is_set():
            raise CancelledError

    def sleep(self, seconds: float) -> None:
        """Wait, but not for a cancel."""
        self._cancelled.wait(seconds)
        self.check()


def download(
    hub: Hub,
    what: DownloadPlan,
    tell: Callable[[DownloadProgress], None] = lambda progress: None,
    control: Control | None = None,
    *,
    connections: int = CONNECTIONS,
) -> Path:
    """Load what is missing; returns the folder of the model.

    Another process that loads the same model is waited for.  ``tell`` is called often, by one thread at a time; what
    it raises ends the download.

    Raises:
        CancelledError; OfflineError: the network may not be used; ModelNotFoundError: the hub refuses;
        DownloadError: the connection breaks again and again, or the server sends something else;
        StorageError: no room, or the folder cannot be written.
    """
    return _Download(hub, what, tell, control or Control(), max(1, min(CONNECTIONS, connections))).run()


class _Download:
    def __init__(
        self, hub: Hub, what: DownloadPlan, tell: Callable[[DownloadProgress], None], control: Control, connections: int
    ) -> None:
        self._hub = hub
        self._plan = what
        self._tell = tell
        self._control = control
        self._connections = connections
        self._lock = threading.Lock()  # guards everything below
        self._failed: BaseException | None = None
        self._done = 0
        self._told = 0.0
        self._marks: list[tuple[float, int]] = []

    def run(self) -> Path:
        folder = self._plan.folder
        self._control.check()
        try:
            (folder / PARTIAL).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage.storage_error("make the folder", folder, error) from error
        with self._locked(folder):
            # Another process may have loaded some of it in the meantime.
            missing = [
                file
                for file in self._plan.files
                if not in_place(folder / file.name, file, folder, self._compared(file))
            ]
            _tidy(folder, self._plan.listing.files)
            to_load = sum(file.size - min(file.size, size_of(aside_path(folder, file))) for file in distinct(missing))
            _check_room(folder, to_load)
            self._done = self._plan.bytes - to_load
            self._report("", force=True)
            self._load(distinct(missing))
            # Only now, so that a model that was there before stays whole until the new one is.
            _place(folder, missing)
            self._record(folder)
            # The engine need not read them all again to say what it draws with.
            hash_cache.add({folder / file.name: file.sha256 for file in missing if file.sha256})
        self._report("", force=True)
        return folder

    @contextlib.contextmanager
    def _locked(self, folder: Path) -> Iterator[None]:
        lock = FolderLock(folder / PARTIAL / "lock")
        while not lock.take():
            self._report("", waiting="another program to finish this download", force=True)
            self._control.sleep(0.5)
        try:
            yield
        finally:
            lock.free()

    def _load(self, files: Sequence[RemoteFile]) -> None:
        # Large files first, so that no connection is left with the largest at the end.
        ordered = sorted(files, key=lambda file: -file.size)
        with ThreadPoolExecutor(self._connections, thread_name_prefix="texloom-download") as pool:
            jobs = [pool.submit(self._guarded, file) for file in ordered]
            try:
                wait(jobs)
            except BaseException as error:  # Ctrl+C, which comes to this thread alone
                self._fail(error)
                raise
        if self._failed is not None:
            raise self._failed

    def _guarded(self, file: RemoteFile) -> None:
        try:
            self._one(file)
        except BaseException as error:
            self._fail(error)
            raise

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._failed = self._failed or error

    def _check(self) -> None:
        """Between any two blocks: paused, cancelled, or another file has failed."""
        self._control.check()
        if self._failed is not None:
            raise CancelledError

    def _compared(self, file: RemoteFile) -> Callable[[int], None]:
        """What tells how much of a file is compared with its hash, which takes long for a large one."""
        done = 0

        def tell(count: int) -> None:
            nonlocal done
            done += count
            self._check()
            self._report(file.name, comparing=min(1.0, done / max(1, file.size)))

        return tell

    def _one(self, file: RemoteFile) -> None:
        aside = aside_path(self._plan.folder, file)
        fresh, broken = False, 0
        while True:
            self._check()
            before = size_of(aside)
            try:
                self._transfer(file, aside)
            except _StoppedError:
                continue  # the connection is closed; the check above waits, or ends it
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, _DiskError):
                    raise storage.storage_error("write", aside, error.error) from error
                broken = 0 if size_of(aside) > before else broken + 1
                if broken >= ATTEMPTS or not _passing(error):
                    raise self._given_up(file, error) from error
                self._pause_after(error, broken, file)
                continue
            if FileHash(file).read(aside, self._compared(file)) == file.key:
                break
            # What lay there may have been damaged long ago; what comes fresh may not.
            self._count(-size_of(aside), file.name)
            aside.unlink(missing_ok=True)
            if fresh or before == 0:
                raise DownloadError(
                    f"{file.name} of {self._plan.listing.hub} did not arrive as the hub promised: its hash is another.",
                    advice="Try again later; if a mirror is set, try without it.",
                )
            fresh = True

    def _transfer(self, file: RemoteFile, aside: Path) -> None:
        """Load the rest of a file; returns when it has its size."""
        start = size_of(aside)
        if start > file.size:
            self._count(file.size - start, file.name)
            _truncate(aside, 0)
            self._count(-file.size, file.name)
            start = 0
        if start == file.size:
            if file.size == 0:
                _truncate(aside, 0)
            return
        with self._hub.open(self._plan.listing, file, start) as answer:
            if start and answer.status != 206:
                # This server cannot go on in the middle.
                _truncate(aside, 0)
                self._count(-start, file.name)
                start = 0
            elif start and not (answer.headers.get("Content-Range") or "").startswith(f"bytes {start}-"):
                raise http.client.HTTPException("it went on at another place")
            self._check_length(file, answer, start)
            with _writing(aside, start) as stream:
                self._copy(file, answer, stream, file.size - start)

    def _check_length(self, file: RemoteFile, answer: http.client.HTTPResponse, start: int) -> None:
        length = answer.headers.get("Content-Length")
        if length is not None and length.isdigit() and int(length) != file.size - start:
            raise DownloadError(
                f"{file.name} of {self._plan.listing.hub} should have {file.size} bytes, but the server offers "
                f"{int(length) + start}.",
                advice="Try again later; if a mirror is set, try without it.",
            )

    def _copy(self, file: RemoteFile, answer: http.client.HTTPResponse, stream: IO[bytes], left: int) -> None:
        while left:
            if self._control.paused or self._control.cancelled or self._failed is not None:
                raise _StoppedError
            block = answer.read1(min(BLOCK, left))
            if not block:
                raise http.client.HTTPException("the connection ended early")
            try:
                stream.write(block)
            except OSError as error:
                raise _DiskError(error) from error
            left -= len(block)
            self._count(len(block), file.name)
        if answer.read1(1):
            raise DownloadError(
                f"{file.name} of {self._plan.listing.hub} is longer than the {file.size} bytes that the hub promised.",
                advice="Try again later; if a mirror is set, try without it.",
            )

    def _pause_after(self, error: Exception, broken: int, file: RemoteFile) -> None:
        asked = getattr(error, "headers", None)
        text = (asked.get("Retry-After") or "") if asked is not None else ""
        seconds = float(text) if text.isdigit() else 0.25 * 2.0**broken
        self._report(file.name, waiting="the connection", force=True)
        self._control.sleep(min(_WAIT_LIMIT, seconds))

    def _given_up(self, file: RemoteFile, error: Exception) -> TexloomError:
        said = getattr(error, "reason", None) or error
        return DownloadError(
            f"{file.name} of {self._plan.listing.hub} cannot be loaded: {said}.",
            advice="Check the connection and start again; what was loaded is kept.",
        )

    def _record(self, folder: Path) -> None:
        listing = self._plan.listing
        files = {
            file.name: {"size": file.size, "sha256": file.sha256, "git_sha1": file.git_sha1}
            for file in sorted(self._plan.files, key=lambda file: file.name)
        }
        record = {"schema": RECORD_SCHEMA, "hub": listing.hub, "revision": listing.revision, "files": files}
        if self._plan.configuration_only:
            if not (folder / RECORD).is_file():
                storage.write_json_atomic(folder / CONFIGURATION_RECORD, record)
            return
        for name in ({*recorded(folder), *recorded(folder, CONFIGURATION_RECORD)}) - set(files):
            # A file that this revision no longer has would be taken for a part of it.
            if safe_name(name):
                (folder / name).unlink(missing_ok=True)
        storage.write_json_atomic(folder / RECORD, record)
        (folder / CONFIGURATION_RECORD).unlink(missing_ok=True)

    def _count(self, count: int, name: str) -> None:
        with self._lock:
            self._done += count
        self._report(name)

    def _report(self, name: str, *, waiting: str = "", comparing: float | None = None, force: bool = False) -> None:
        with self._lock:
            now = time.monotonic()
            if not force and now - self._told < _TELL_SECONDS:
                return
            self._told = now
            self._marks = [mark for mark in self._marks if now - mark[0] < 10.0][-100:]
            self._marks.append((now, self._done))
            (first, bytes_then), seconds = self._marks[0], now - self._marks[0][0]
            speed = max(0.0, (self._done - bytes_then) / seconds) if seconds > 0 and first < now else 0.0
            self._tell(
                DownloadProgress(
                    done=self._done,
                    total=self._plan.bytes,
                    speed=speed,
                    file=name,
                    waiting=waiting,
                    comparing=comparing,
                )
            )


class _StoppedError(Exception):
    """A transfer was left in the middle, to pause or to end."""


class _DiskError(OSError):
    """A write that failed, told apart from a connection that did."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


def _place(folder: Path, files: Sequence[RemoteFile]) -> None:
    last = {file.key: file.name for file in files}
    for file in files:
        aside, target = aside_path(folder, file), folder / file.name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if last[file.key] == file.name:
                os.replace(aside, target)
            else:
                copy = aside.with_suffix(".copy")
                shutil.copyfile(aside, copy)
                os.replace(copy, target)
        except OSError as error:
            raise storage.storage_error("write", target, error) from error


@contextlib.contextmanager
def _writing(path: Path, start: int) -> Iterator[IO[bytes]]:
    stream = _opened(path, start)
    try:
        yield stream
    finally:
        try:
            stream.close()  # which writes what is still held back
        except OSError as error:
            raise _DiskError(error) from error


def _opened(path: Path, start: int) -> IO[bytes]:
    try:
        stream = open(path, "r+b" if start else "wb")
    except OSError as error:
        raise _DiskError(error) from error
    stream.seek(start)
    return stream


def _truncate(path: Path, size: int) -> None:
    with open(path, "ab") as stream:
        stream.truncate(size)


def _tidy(folder: Path, files: Sequence[RemoteFile]) -> None:
    """Remove parts of files that an older revision had; other files of this one may be wanted by another download."""
    wanted = {file.key for file in files} | {"lock"}
    for path in (folder / PARTIAL).iterdir():
        if path.name not in wanted:
            path.unlink(missing_ok=True)


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed and free < needed + SPARE_BYTES:
        raise StorageError(
            f"{folder.parent} has {_gigabytes(free)} free, but {_gigabytes(needed)} must be loaded.",
            advice="Free some space, or choose another model folder in the preferences.",
        )


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def _passing(error: Exception) -> bool:
    """Whether to try again: everything but a clear answer of the server."""
    return error.code in _TRANSIENT if isinstance(error, urllib.error.HTTPError) else True
