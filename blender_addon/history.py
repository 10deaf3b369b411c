# SPDX-License-Identifier: GPL-3.0-or-later
"""The prompts of late, kept for all files and all Blenders of this user.

The file is the only truth: whoever writes reads it again first, under a lock, so that Blenders that run side by
side add to the same list.  Nothing here needs Blender.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final

from .core.texloom import storage
from .core.texloom.errors import StorageError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FILE_NAME: Final = "prompts.json"
SCHEMA: Final = 1
KEEP: Final = 50
_PATIENCE: Final = 2.0


@dataclass(frozen=True)
class Entry:
    """What was asked for once."""

    prompt: str
    negative_prompt: str = ""


_cached: tuple[tuple[str, int, int], tuple[Entry, ...]] | None = None


def path() -> Path:
    """The file of the history."""
    return storage.home() / FILE_NAME


def with_newest(entries: Sequence[Entry], newest: Entry) -> tuple[Entry, ...]:
    """The list with one more in front, each once, at most :data:`KEEP`."""
    return (newest, *(entry for entry in entries if entry != newest))[:KEEP]


def entries() -> tuple[Entry, ...]:
    """All of them, newest first; read again only when the file has changed.

    Raises:
        StorageError: the file cannot be read, is damaged or of a newer version.  It stays as it is.
    """
    global _cached
    file = path()
    try:
        facts = file.stat()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise storage.storage_error("read", file, error) from error
    key = (str(file), facts.st_mtime_ns, facts.st_size)
    if _cached is None or _cached[0] != key:
        _cached = (key, _read(file))
    return _cached[1]


def remember(prompt: str, negative_prompt: str = "") -> None:
    """Put a prompt in front.  A damaged file is moved aside, never lost.

    Raises:
        StorageError: it could not be written, or the file is of a newer version, which is left alone.
    """
    prompt, negative_prompt = " ".join(prompt.split()), " ".join(negative_prompt.split())
    if not prompt:
        return
    with _locked():
        _write(with_newest(_readable(), Entry(prompt, negative_prompt)))


def clear() -> None:
    """Forget all of them.

    Raises:
        StorageError: as :func:`remember`.
    """
    with _locked():
        _readable()
        _write(())


def _read(file: Path) -> tuple[Entry, ...]:
    data = storage.read_versioned(file, schema=SCHEMA)
    listed = data.get("prompts")
    if not isinstance(listed, list):
        raise StorageError(f"{file} is damaged: it holds no list of prompts.")
    found = []
    for item in listed:
        prompt = item.get("prompt") if isinstance(item, dict) else None
        negative = item.get("negative_prompt", "") if isinstance(item, dict) else None
        if not isinstance(prompt, str) or not isinstance(negative, str):
            raise StorageError(f"{file} is damaged: an entry holds no prompt.")
        found.append(Entry(prompt, negative))
    return tuple(found[:KEEP])


def _readable() -> tuple[Entry, ...]:
    """The entries of now, read from the file; a damaged file is moved aside."""
    file = path()
    if not file.exists():
        return ()
    try:
        return _read(file)
    except StorageError as error:
        # What cannot be opened, or was written by a newer version, is not damaged.
        if isinstance(error.__cause__, OSError) or error.advice:
            raise
    kept = file.with_name(f"{file.stem}.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}{file.suffix}")
    try:
        os.replace(file, kept)
    except OSError as problem:
        raise storage.storage_error("move aside", file, problem) from problem
    return ()


def _write(listed: Sequence[Entry]) -> None:
    data = {"schema": SCHEMA, "prompts": [asdict(entry) for entry in listed]}
    text = json.dumps(data, ensure_ascii=False, indent=1) + "\n"
    # Waiting for the medium would make the button feel slow, and a lost prompt is no catastrophe.
    storage.write_bytes_atomic(path(), text.encode("utf-8", "replace"), durable=False)


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """Keep other Blenders from writing meanwhile.  The system lets go of it when a process dies."""
    file = path().with_suffix(".lock")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = open(file, "a+b")
    except OSError as error:
        raise storage.storage_error("write", file, error) from error
    with stream:
        end = time.monotonic() + _PATIENCE
        while not _lock(stream):
            if time.monotonic() > end:
                raise StorageError(f"Another program keeps {file} locked.", advice="Close it and try again.")
            time.sleep(0.01)
        yield


def _lock(stream: IO[bytes]) -> bool:
    """Try to lock; closing the file lets go."""
    try:
        if sys.platform == "win32":
            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True  # a network drive without locks: better an unlocked history than none
    return True
