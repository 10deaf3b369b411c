# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things lie on disk, and how they get there whole: folders, atomic JSON, job folders, the library."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from .errors import RequestError, StorageError
from .request import GenerationRequest

MANIFEST_NAME: Final = "manifest.json"
MANIFEST_SCHEMA: Final = 1
PARTIAL_PREFIX: Final = ".partial-"
SLUG_LENGTH: Final = 40

Json = dict[str, Any]
Migration = Callable[[Json], Json]
"""Turns data of schema *n* into data of schema *n* + 1 (the ``schema`` field itself is set by the reader)."""

_FULL: Final = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
_FILE_NAME = re.compile(r"[^/\\:\0]+")


# --- default places ---------------------------------------------------------------------------------------


def home() -> Path:
    """Folder of settings, engine environment and library: ``TEXLOOM_HOME``, or the system's place for data."""
    chosen = os.environ.get("TEXLOOM_HOME")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return (Path(base) if base else Path.home() / "AppData" / "Local") / "texloom"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "texloom"
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "texloom"


def library_path() -> Path:
    """Folder of the results: ``TEXLOOM_LIBRARY``, or ``library`` in :func:`home`."""
    chosen = os.environ.get("TEXLOOM_LIBRARY")
    return Path(chosen).expanduser() if chosen else home() / "library"


# --- whole files ------------------------------------------------------------------------------------------


def storage_error(action: str, path: Path, error: OSError) -> StorageError:
    """An ``OSError`` in plain words with the way out; ``action`` is like "write"."""
    if error.errno in _FULL:
        advice = "The disk is full. Free some space, or choose another library folder in the preferences."
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        advice = "Check that you may write there and that no other program has the file open."
    elif error.errno in (errno.ENAMETOOLONG, errno.ENOTDIR, errno.ENOENT):
        advice = "Choose another folder in the preferences."
    else:
        advice = ""
    return StorageError(f"Could not {action} {path}: {error.strerror or error}.", advice=advice)


def write_bytes_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write ``data`` so that ``path`` holds either its old content or all of the new one, never a part.

    Args:
        path: the file; its folder is made when missing.
        data: the content.
        durable: wait until it is on the medium, so that it survives a loss of power.

    Raises:
        StorageError: the file could not be written; the old one is untouched and nothing is left beside it.
    """
    aside = path.with_name(f".{path.name[:100]}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(aside, "xb") as stream:
            stream.write(data)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        _patiently(lambda: os.replace(aside, path))
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise storage_error("write", path, error) from error


def write_json_atomic(path: Path, data: Mapping[str, Any]) -> None:
    """Write ``data`` as readable UTF-8 JSON, whole or not at all.

    Raises:
        StorageError: see :func:`write_bytes_atomic`; also when ``data`` is not JSON.
    """
    try:
        text = json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False)
        encoded = (text + "\n").encode()
    except (TypeError, ValueError) as error:
        raise StorageError(f"Could not write {path}: {error}.") from error
    write_bytes_atomic(path, encoded)


def read_json(path: Path) -> Json:
    """Read one JSON object.

    Raises:
        StorageError: missing, unreadable, not JSON, or not an object.
    """
    try:
        data = json.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError as error:
        raise StorageError(f"{path} does not exist.") from error
    except OSError as error:
        raise storage_error("read", path, error) from error
    except (ValueError, RecursionError) as error:
        raise StorageError(f"{path} is damaged: {error}.") from error
    if not isinstance(data, dict):
        raise StorageError(f"{path} is damaged: it holds no JSON object.")
    return data


def read_versioned(path: Path, *, schema: int, migrations: Mapping[int, Migration] | None = None) -> Json:
    """Read a JSON object whose ``schema`` field says its version, brought up to ``schema``.

    Args:
        path: the file.
        schema: the version that the caller understands.
        migrations: ``{n: function}`` turning data of schema *n* into *n* + 1.

    Raises:
        StorageError: as :func:`read_json`; also for a newer schema, or one that no migration reads.
    """
    data = read_json(path)
    found = data.get("schema")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise StorageError(f"{path} is damaged: its schema version is {found!r}.")
    if found > schema:
        raise StorageError(
            f"{path} was written by a newer Texloom (schema {found}; this version reads up to {schema}).",
            advice="Update Texloom.",
        )
    while found < schema:
        step = (migrations or {}).get(found)
        if step is None:
            raise StorageError(f"{path} has schema {found}, which this version no longer reads.")
        data = step(data)
        found += 1
        data["schema"] = found
    return data


def _patiently(action: Callable[[], object]) -> None:
    # On Windows a virus scanner or a viewer holds a fresh file for a moment; elsewhere this never repeats.
    for wait in (0.02, 0.1, 0.4):
        try:
            action()
            return
        except PermissionError:
            if sys.platform != "win32":
                raise
            time.sleep(wait)
    action()


# --- job folders ------------------------------------------------------------------------------------------


def slug(text: str, limit: int = SLUG_LENGTH) -> str:
    """``text`` as a part of a file name on every system: lower case letters and digits of any script, hyphens."""
    parts: list[str] = []
    for char in unicodedata.normalize("NFKC", text).lower():
        # Marks belong to the letter before them (Devanagari vowels, for one).
        keep = char.isalnum() or (unicodedata.category(char).startswith("M") and parts and parts[-1] != "-")
        if keep:
            parts.append(char)
        elif parts and parts[-1] != "-":
            parts.append("-")
    return "".join(parts)[:limit].strip("-") or "untitled"


def folder_name(request: GenerationRequest, when: datetime | None = None) -> str:
    """Name of the result's folder: local time, slug of the prompt, first 8 characters of the id."""
    stamp = (when or datetime.now()).strftime("%Y%m%d-%H%M%S")
    return f"{stamp}-{slug(request.prompt)}-{request.id[:8]}"


class JobFolder:
    """The folder of one running job: hidden until it is whole, then renamed to its final name.

    Use as a context manager: leaving it without :meth:`publish` removes everything.
    """

    def __init__(self, library: Path, request: GenerationRequest) -> None:
        self.library = library
        self.request = request
        self.path = library / f"{PARTIAL_PREFIX}{request.id}"
        self._published = False

    def create(self) -> JobFolder:
        """Make the folder, empty; what a killed run of the same request left there goes away.

        Raises:
            StorageError: it could not be made.
        """
        try:
            if self.path.exists():
                shutil.rmtree(self.path)
            self.path.mkdir(parents=True)
        except OSError as error:
            raise storage_error("make the folder", self.path, error) from error
        return self

    def publish(self, when: datetime | None = None) -> Path:
        """Give the folder its final name, one that nothing has yet, and return it.

        Raises:
            StorageError: it could not be renamed.
        """
        name = folder_name(self.request, when)
        for attempt in range(1, 1000):
            target = self.library / (name if attempt == 1 else f"{name}-{attempt}")
            if os.path.lexists(target):
                continue
            try:
                _patiently(lambda target=target: os.rename(self.path, target))  # type: ignore[misc]
            except OSError as error:
                if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                    continue
                raise storage_error("name the folder", target, error) from error
            self._published = True
            self.path = target
            return target
        raise StorageError(f"{self.library} has too many results named {name}.")

    def discard(self) -> None:
        """Remove the folder with everything in it, unless it is published; never raises."""
        if not self._published:
            shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self) -> JobFolder:
        return self.create()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


# --- manifests and the library ----------------------------------------------------------------------------


def read_manifest(folder: Path) -> Json:
    """The manifest of a result's folder, checked: schema, request, results, and that every file is there.

    Raises:
        StorageError: the manifest or a file is missing, damaged, or of a newer version.
    """
    path = folder / MANIFEST_NAME
    data = read_versioned(path, schema=MANIFEST_SCHEMA)
    if not isinstance(data.get("request"), dict):
        raise StorageError(f"{path} is damaged: it holds no request.")
    results = data.get("results")
    if not isinstance(results, list):
        raise StorageError(f"{path} is damaged: it holds no results.")
    for result in results:
        maps = result.get("maps") if isinstance(result, dict) else None
        if not isinstance(maps, dict):
            raise StorageError(f"{path} is damaged: a result holds no maps.")
        for name, entry in maps.items():
            file = entry.get("file") if isinstance(entry, dict) else None
            # A manifest may come from anybody: it names files of its own folder and nothing else.
            if not isinstance(file, str) or not _FILE_NAME.fullmatch(file) or file in (".", ".."):
                raise StorageError(f"{path} is damaged: map {name} has no proper file name.")
            if not is_file(folder / file):
                raise StorageError(f"{folder / file} is missing.", advice="Make this result again from its settings.")
    return data


def files_sum(paths: Iterable[Path]) -> str:
    """SHA-256, in hexadecimal, of what these files hold one after the other, to tell when any of it has changed.

    Raises:
        OSError: one cannot be read.
    """
    found = hashlib.sha256()
    for path in paths:
        found.update(path.read_bytes())
    return found.hexdigest()


def is_file(path: Path) -> bool:
    """Whether ``path`` is a file; False, too, for names that the system does not take."""
    try:
        return path.is_file()
    except OSError:  # a name that is too long for the system, say
        return False


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryEntry:
    """One result on disk; ``error`` says what is wrong with it, and ``manifest`` is then empty."""

    folder: Path
    manifest: Mapping[str, Any]
    error: str = ""

    @property
    def broken(self) -> bool:
        """Whether the result cannot be used."""
        return bool(self.error)

    @property
    def created(self) -> str:
        """ISO time, UTC; empty for a broken entry."""
        value = self.manifest.get("created", "")
        return value if isinstance(value, str) else ""

    @property
    def prompt(self) -> str:
        """The prompt; empty for a broken entry."""
        value = self.manifest.get("request", {}).get("prompt", "")
        return value if isinstance(value, str) else ""

    @property
    def request(self) -> GenerationRequest:
        """The request that made it.

        Raises:
            StorageError: the entry is broken, or its request is of another version.
        """
        if self.broken:
            raise StorageError(self.error)
        try:
            return GenerationRequest.from_dict(self.manifest["request"])
        except RequestError as error:
            raise StorageError(f"The request in {self.folder} cannot be read: {error}") from error

    def files(self, index: int = 0) -> dict[str, Path]:
        """Map name → file of variation ``index``; empty when there is none."""
        for result in self.manifest.get("results", ()):
            if result.get("index") == index:
                return {name: self.folder / entry["file"] for name, entry in result["maps"].items()}
        return {}


class Library:
    """The folder of all results."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path if path is not None else library_path()

    def scan(self) -> list[LibraryEntry]:
        """All results, newest first; broken ones are in the list, flagged.  A missing folder is an empty library.

        Raises:
            StorageError: the folder cannot be read.
        """
        entries: list[LibraryEntry] = []
        for folder in self._folders():
            if folder.name.startswith("."):
                continue
            try:
                entries.append(LibraryEntry(folder=folder, manifest=read_manifest(folder)))
            except StorageError as error:
                entries.append(LibraryEntry(folder=folder, manifest={}, error=str(error)))
        # Folder names begin with the time, so broken ones find their place as well.
        return sorted(entries, key=lambda entry: entry.folder.name, reverse=True)

    def remove_stale(self, older_than: float = 24 * 3600.0) -> int:
        """Remove what killed jobs left ``older_than`` seconds ago or longer; returns how many.  Never raises."""
        removed = 0
        with contextlib.suppress(StorageError):
            for folder in self._folders():
                if not folder.name.startswith(PARTIAL_PREFIX):
                    continue
                with contextlib.suppress(OSError):
                    # Writing a file touches its folder, so a running job is always recent.
                    if time.time() - folder.stat().st_mtime >= older_than:
                        shutil.rmtree(folder)
                        removed += 1
        return removed

    def _folders(self) -> list[Path]:
        try:
            return [item for item in self.path.iterdir() if item.is_dir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise storage_error("read", self.path, error) from error
