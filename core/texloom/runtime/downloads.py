# SPDX-License-Identifier: GPL-3.0-or-later
"""Download models: what is asked for and no more, whole or not at all, and going on where a broken one stopped.

Every file grows in a folder aside under the name of its hash, is checked, and then takes its place.  So a download
that was paused, cancelled or killed goes on later with what is there, and no half file is ever taken for a whole one.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import http.client
import os
import re
import shutil
import threading
import time
import urllib.error
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from .. import model_store, storage
from ..catalog_rows import CatalogRow
from ..errors import CancelledError, DownloadError, StorageError, TexloomError
from ..model_store import PARTIAL, RECORD
from .hub import Hub, Listing, RemoteFile, safe_name
from .lock import FolderLock

CONNECTIONS: Final = 4
ATTEMPTS: Final = 6
"""Broken connections in a row, without a byte in between, until a file is given up."""

SPARE_BYTES: Final = 512 * 1024 * 1024
RECORD_SCHEMA: Final = 1
_BLOCK: Final = 1024 * 1024
_TELL_SECONDS: Final = 0.1
_WAIT_LIMIT: Final = 20.0
_PICKLES: Final = frozenset({".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle"})
_CONFIGURATION: Final = frozenset({".json", ".txt", ".model", ".md", ".jinja", ".tiktoken", ""})
_UNUSED_FOLDERS: Final = ("safety_checker", "feature_extractor")
_SHARD: Final = re.compile(r"-\d+-of-\d+$")

_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, kw_only=True, slots=True)
class DownloadProgress:
    """Where a download is, in bytes; ``speed`` in bytes a second, ``waiting`` says for what it waits, if it does."""

    done: int
    total: int
    speed: float
    file: str
    waiting: str = ""

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


@dataclass(frozen=True, kw_only=True)
class DownloadPlan:
    """What a download would do: nothing has been loaded yet.

    Attributes:
        listing: what the hub has.
        files: the files wanted.
        folder: where they go.
        missing: those that are not there yet.
        bytes: size of all files wanted.
        missing_bytes: how much is still to load.
    """

    listing: Listing
    files: tuple[RemoteFile, ...]
    folder: Path
    missing: tuple[RemoteFile, ...]
    configuration_only: bool = False
    partial: dict[str, int] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """See the class."""
        return sum(file.size for file in self.files)

    @property
    def missing_bytes(self) -> int:
        """See the class."""
        return sum(file.size - min(file.size, self.partial.get(file.key, 0)) for file in _distinct(self.missing))


def plan(
    hub: Hub,
    model: str,
    *,
    row: CatalogRow | None = None,
    revision: str = "",
    root: Path | None = None,
    configuration_only: bool = False,
) -> DownloadPlan:
    """Ask the hub what a download of ``model`` would be.

    Args:
        hub: where from.
        model: owner/name.
        row: its row in the catalogue, which may name the files wanted and the revision.
        revision: a branch, tag or commit; empty: the row's, else the newest.
        root: the model folder; default: the first of the settings.
        configuration_only: only the small files, to open a single-file checkpoint of that family with.

    Raises:
        As ``Hub.list``; DownloadError: there is nothing in it that Texloom can use.
    """
    listing = hub.list(model, revision or (row.revision if row else ""))
    files = select(listing.files, row.only if row else (), row.skip if row else ())
    if configuration_only:
        files = tuple(file for file in files if Path(file.name).suffix in _CONFIGURATION)
    if not files:
        pickled = any(Path(file.name).suffix in _PICKLES for file in listing.files)
        raise DownloadError(
            f"{model} holds no safetensors weights."
            + (" It holds pickle files, which can run any program." if pickled else ""),
            advice="Choose another model.",
        )
    folder = model_store.folder_for(model, root or model_store.download_folder())
    missing = tuple(file for file in files if not _there(folder / file.name, file, folder))
    partial = {file.key: _size(_aside(folder, file)) for file in missing}
    return DownloadPlan(
        listing=listing,
        files=files,
        folder=folder,
        missing=missing,
        configuration_only=configuration_only,
        partial={key: size for key, size in partial.items() if size},
    )


def select(files: Sequence[RemoteFile], only: Sequence[str] = (), skip: Sequence[str] = ()) -> tuple[RemoteFile, ...]:
    """The files of a repository that the engine reads.

    Weights as safetensors in the folders of the parts, half precision where there is the choice; configurations and
    tokenizers; the licence.  No pickles, no other frameworks' formats, no checker that is never loaded.
    """
    chosen = [file for file in files if not only or any(fnmatch.fnmatch(file.name, glob) for glob in only)]
    chosen = [file for file in chosen if not any(fnmatch.fnmatch(file.name, glob) for glob in skip)]
    diffusers = any(file.name in model_store.INDEX_NAMES for file in chosen)
    kept = []
    for file in chosen:
        path = Path(file.name)
        if path.suffix == ".safetensors":
            # Beside a diffusers folder lie copies of the same weights in one file.
            wanted = bool(only) or not diffusers or len(path.parts) == 2
        else:
            wanted = path.suffix in _CONFIGURATION and not path.name.startswith(".") and len(path.parts) <= 2
        if wanted and path.parts[0] not in _UNUSED_FOLDERS:
            kept.append(file)
    weights = [file for file in kept if file.name.endswith(".safetensors")]
    others = _other_variants(weights)
    return tuple(file for file in kept if file.name not in others) if weights or only else ()


def _other_variants(weights: Sequence[RemoteFile]) -> set[str]:
    """Weights of another precision than the one taken: fp16, then bf16, where every part has it; else the plain."""
    tags: dict[str, dict[str, list[str]]] = {}
    for file in weights:
        path = Path(file.name)
        tag = _SHARD.sub("", path.stem).partition(".")[2]
        tags.setdefault(str(path.parent), {}).setdefault(tag, []).append(file.name)
    for wanted in ("fp16", "bf16", ""):
        if all(wanted in found for found in tags.values()):
            return {name for found in tags.values() for tag, names in found.items() if tag != wanted for name in names}
    return set()


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


def verify(folder: Path, tell: Callable[[float], None] = lambda fraction: None) -> tuple[str, ...]:
    """Names of the files of a downloaded model that are missing or not as they were loaded.

    Raises:
        StorageError: the folder has no record of a download, or a file cannot be read.
    """
    record = storage.read_versioned(folder / RECORD, schema=RECORD_SCHEMA)
    files = [RemoteFile(name=name, **entry) for name, entry in record["files"].items()]
    total, done, wrong = max(1, sum(file.size for file in files)), 0, []
    for file in files:
        path = folder / file.name
        if _size(path) != file.size or _Hash(file).read(path) != file.key:
            wrong.append(file.name)
        done += file.size
        tell(done / total)
    return tuple(wrong)


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
            missing = [file for file in self._plan.files if not _there(folder / file.name, file, folder)]
            _tidy(folder, missing)
            to_load = sum(file.size - min(file.size, _size(_aside(folder, file))) for file in _distinct(missing))
            _check_room(folder, to_load)
            self._done = self._plan.bytes - to_load
            self._report("", force=True)
            self._load(_distinct(missing))
            # Only now, so that a model that was there before stays whole until the new one is.
            _place(folder, missing)
            self._record(folder)
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

    def _one(self, file: RemoteFile) -> None:
        aside = _aside(self._plan.folder, file)
        fresh, broken = False, 0
        while True:
            self._check()
            before = _size(aside)
            try:
                self._transfer(file, aside)
            except _StoppedError:
                continue  # the connection is closed; the check above waits, or ends it
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, _DiskError):
                    raise storage.storage_error("write", aside, error.error) from error
                broken = 0 if _size(aside) > before else broken + 1
                if broken >= ATTEMPTS or not _passing(error):
                    raise self._given_up(file, error) from error
                self._pause_after(error, broken, file)
                continue
            if _Hash(file).read(aside) == file.key:
                break
            # What lay there may have been damaged long ago; what comes fresh may not.
            self._count(-_size(aside), file.name)
            aside.unlink(missing_ok=True)
            if fresh or before == 0:
                raise DownloadError(
                    f"{file.name} of {self._plan.listing.hub} did not arrive as the hub promised: its hash is another.",
                    advice="Try again later; if a mirror is set, try without it.",
                )
            fresh = True

    def _transfer(self, file: RemoteFile, aside: Path) -> None:
        """Load the rest of a file; returns when it has its size."""
        start = _size(aside)
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
            with _opened(aside, start) as stream:
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
            block = answer.read1(min(_BLOCK, left))
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
        if self._plan.configuration_only:
            return
        listing = self._plan.listing
        files = {
            file.name: {"size": file.size, "sha256": file.sha256, "git_sha1": file.git_sha1}
            for file in sorted(self._plan.files, key=lambda file: file.name)
        }
        for name in set(_recorded(folder)) - set(files):
            # A file that this revision no longer has would be taken for a part of it.
            if safe_name(name):
                (folder / name).unlink(missing_ok=True)
        storage.write_json_atomic(
            folder / RECORD,
            {"schema": RECORD_SCHEMA, "hub": listing.hub, "revision": listing.revision, "files": files},
        )

    def _count(self, count: int, name: str) -> None:
        with self._lock:
            self._done += count
        self._report(name)

    def _report(self, name: str, *, waiting: str = "", force: bool = False) -> None:
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
                DownloadProgress(done=self._done, total=self._plan.bytes, speed=speed, file=name, waiting=waiting)
            )


class _StoppedError(Exception):
    """A transfer was left in the middle, to pause or to end."""


class _DiskError(OSError):
    """A write that failed, told apart from a connection that did."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class _Hash:
    """Of a file's content, as the hub gives it."""

    def __init__(self, file: RemoteFile) -> None:
        self._digest = hashlib.sha256() if file.sha256 else hashlib.sha1(f"blob {file.size}\0".encode())

    def read(self, path: Path) -> str:
        """The hash of that file; empty when it is not there."""
        try:
            with open(path, "rb") as stream:
                while block := stream.read(_BLOCK):
                    self._digest.update(block)
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise storage.storage_error("read", path, error) from error
        return self._digest.hexdigest()


def _there(path: Path, file: RemoteFile, folder: Path) -> bool:
    """Whether a file is in its place; files are put there only when they are whole."""
    if _size(path) != file.size or not path.is_file():
        return False
    recorded = _recorded(folder).get(file.name)
    if recorded is not None:
        return bool(recorded == file.key)
    return _Hash(file).read(path) == file.key


def _recorded(folder: Path) -> dict[str, str]:
    try:
        files = storage.read_versioned(folder / RECORD, schema=RECORD_SCHEMA)["files"]
        return {name: entry["sha256"] or entry["git_sha1"] for name, entry in files.items()}
    except (StorageError, KeyError, TypeError, AttributeError):
        return {}


def _distinct(files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """One file of each content: repositories hold the same vocabulary twice."""
    return list({file.key: file for file in files}.values())


def _place(folder: Path, files: Sequence[RemoteFile]) -> None:
    last = {file.key: file.name for file in files}
    for file in files:
        aside, target = _aside(folder, file), folder / file.name
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


def _aside(folder: Path, file: RemoteFile) -> Path:
    return folder / PARTIAL / file.key


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


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


def _tidy(folder: Path, missing: Sequence[RemoteFile]) -> None:
    """Parts of files that an older revision had."""
    wanted = {file.key for file in missing} | {"lock"}
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
