# SPDX-License-Identifier: GPL-3.0-or-later
"""What people change in a result's folder: their notes on it (favourite, tags, rating), and deleting it.

The notes lie beside the manifest, so every .blend file, program and machine that sees the folder sees them.  Each
change is read, merged and written under a lock: two programs that note different things lose nothing.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .errors import StorageError
from .storage import (
    MANIFEST_NAME,
    PARTIAL_PREFIX,
    read_manifest,
    read_versioned,
    storage_error,
    write_json_atomic,
)

NOTES_NAME: Final = "notes.json"
NOTES_SCHEMA: Final = 1
MAX_RATING: Final = 5
MAX_TAGS: Final = 50
TAG_LENGTH: Final = 63
"""As long as a tag of Blender's assets may be, in bytes of UTF-8."""

_LOCK_NAME: Final = ".notes.lock"
_LOCK_WAIT: Final = 2.0
# Whoever holds the lock writes one small file; after this long it has died.
_LOCK_STALE: Final = 10.0
# As storage.folder_name makes them: time, words of the prompt, start of the id, number where there are several.
_RESULT_NAME = re.compile(r"\d{8}-\d{6}-.+-[0-9A-Za-z_-]{1,8}(-\d+)?")
_OWN_FILE = re.compile(
    r"\d{2,}_[a-z_]+\.png|preview_\d+\.png|(source(_[a-z_]+)?|mask|style_image|control_\d+)(\.[a-z0-9]+)?"
    r"|manifest\.json|notes\.json|\..+\.tmp|\.notes\.lock"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Notes:
    """What the user noted on a result; ``rating`` is 0 (none) to 5."""

    favourite: bool = False
    tags: tuple[str, ...] = ()
    rating: int = 0


def read_notes(folder: Path) -> Notes:
    """The notes in a result's folder; empty ones where there are none.

    Raises:
        StorageError: they are damaged or of a newer version.
    """
    path = folder / NOTES_NAME
    if not path.is_file():
        return Notes()
    return _checked(read_versioned(path, schema=NOTES_SCHEMA), path)


def change_notes(
    folder: Path, *, favourite: bool | None = None, tags: Sequence[str] | None = None, rating: int | None = None
) -> Notes:
    """Change some of the notes and leave the others; returns them all.

    Args:
        folder: the result's folder.
        favourite, tags, rating: None leaves what is there.

    Raises:
        StorageError: they could not be written, are damaged, of a newer version, or locked by another program.
        ValueError: a rating or tag is out of range.
    """
    changes: dict[str, Any] = {}
    if favourite is not None:
        changes["favourite"] = bool(favourite)
    if tags is not None:
        changes["tags"] = list(clean_tags(tags))
    if rating is not None:
        if not 0 <= rating <= MAX_RATING:
            raise ValueError(f"rating: must be from 0 to {MAX_RATING}, got {rating}.")
        changes["rating"] = rating
    path = folder / NOTES_NAME
    if not folder.is_dir():
        raise StorageError(f"{folder} does not exist.")
    with _locked(folder):
        # What another version of the same schema noted besides stays in it.
        data = read_versioned(path, schema=NOTES_SCHEMA) if path.is_file() else {"schema": NOTES_SCHEMA}
        _checked(data, path)
        data.update(changes)
        write_json_atomic(path, data)
        return _checked(data, path)


def clean_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Tags without blanks around them, empty ones and repetitions.

    Raises:
        ValueError: there are too many, or one is too long.
    """
    found: dict[str, str] = {}
    for tag in tags:
        text = " ".join(tag.split())
        if len(text.encode("utf-8", "replace")) > TAG_LENGTH:
            raise ValueError(f"tags: at most {TAG_LENGTH} bytes each, “{text[:20]}…” is longer.")
        if text:
            found.setdefault(text.casefold(), text)
    if len(found) > MAX_TAGS:
        raise ValueError(f"tags: at most {MAX_TAGS}, got {len(found)}.")
    return tuple(found.values())


def _checked(data: dict[str, Any], path: Path) -> Notes:
    favourite, tags, rating = data.get("favourite", False), data.get("tags", []), data.get("rating", 0)
    sound = isinstance(favourite, bool) and isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)
    if not sound or isinstance(rating, bool) or not isinstance(rating, int) or not 0 <= rating <= MAX_RATING:
        raise StorageError(f"{path} is damaged: a note has the wrong type.", advice="Correct or delete the file.")
    return Notes(favourite=favourite, tags=tuple(tags), rating=rating)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, a file that only one can make; it works between machines as well."""
    path = folder / _LOCK_NAME
    deadline = time.monotonic() + _LOCK_WAIT
    while True:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except OSError as error:
            # Windows denies access while the other one removes its lock.
            if error.errno not in (errno.EEXIST, errno.EACCES) or (error.errno == errno.EACCES and not path.exists()):
                raise storage_error("write notes into", folder, error) from error
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _LOCK_STALE:
                path.unlink()
                continue
        if time.monotonic() > deadline:
            raise StorageError(f"Another program is changing the notes in {folder}.", advice="Try again in a moment.")
        time.sleep(0.01)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


# --- deleting ---------------------------------------------------------------------------------------------


def looks_like_result(folder: Path) -> bool:
    """Whether a folder is one that Texloom made: by its name, or by what its manifest holds, damaged or not."""
    if _RESULT_NAME.fullmatch(folder.name):
        return True
    try:
        data = json.loads((folder / MANIFEST_NAME).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(data, dict) and "request" in data and "results" in data


def foreign_files(folder: Path) -> list[str]:
    """Names in a result's folder that Texloom did not make, sorted.

    Raises:
        StorageError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            return sorted(
                item.name for item in found if not _OWN_FILE.fullmatch(item.name) or item.is_dir(follow_symlinks=False)
            )
    except OSError as error:
        raise storage_error("read", folder, error) from error


def check_deletable(library: Path, folder: Path, *, everything: bool = False) -> None:
    """Whether :func:`delete_result`, which has the same arguments, may delete this.

    Raises:
        StorageError: it is not directly in the library, a link, no result, or holds other files.
    """
    if os.path.abspath(folder.parent) != os.path.abspath(library):
        raise StorageError(f"{folder} is not in the library {library}.")
    if _is_link(folder):
        raise StorageError(
            f"{folder} is a link to another place.", advice="Delete the link in the file manager if you do not need it."
        )
    if not folder.is_dir():
        raise StorageError(f"{folder} does not exist.")
    if folder.name.startswith(".") or not looks_like_result(folder):
        raise StorageError(f"{folder} does not look like a result.", advice="Delete it in the file manager.")
    others = foreign_files(folder)
    if others and not everything:
        names = ", ".join(others[:5]) + (" …" if len(others) > 5 else "")
        raise StorageError(f"{folder} also holds files that Texloom did not make: {names}.", advice="Move them first.")


def delete_result(library: Path, folder: Path, *, everything: bool = False) -> None:
    """Delete one result from the library, for good.

    It disappears at once or not at all: the folder is hidden by renaming it before its files go.

    Args:
        library: the folder of all results.
        folder: the result's folder, directly in ``library``.
        everything: also delete files that Texloom did not make.

    Raises:
        StorageError: as :func:`check_deletable`; also when a file is in use, or the folder may not be changed.
    """
    check_deletable(library, folder, everything=everything)
    # What is left there, should a file resist, goes with what killed jobs leave: see Library.remove_stale.
    hidden = folder.with_name(f"{PARTIAL_PREFIX}deleted-{secrets.token_hex(8)}")
    try:
        os.rename(folder, hidden)
    except OSError as error:
        raise storage_error("delete", folder, error) from error
    shutil.rmtree(hidden, ignore_errors=True)  # it removes links themselves and never what they lead to


def delete_variation(library: Path, folder: Path, index: int) -> bool:
    """Delete variation ``index`` of a result; the last one takes the whole result with it.

    The manifest goes first, so that a result is never short of a file that it names.

    Returns:
        Whether the result is still there.

    Raises:
        StorageError: the result is damaged or has no such variation; otherwise as :func:`delete_result`.
    """
    data = read_manifest(folder)
    gone = [result for result in data["results"] if result.get("index") == index]
    if not gone:
        raise StorageError(f"{folder} holds no variation {index + 1}.")
    kept = [result for result in data["results"] if result.get("index") != index]
    if not kept:
        delete_result(library, folder)
        return False
    write_json_atomic(folder / MANIFEST_NAME, data | {"results": kept})
    for result in gone:
        names = [entry["file"] for entry in result["maps"].values()]
        thumbnail = result.get("thumbnail")
        if isinstance(thumbnail, str) and _OWN_FILE.fullmatch(thumbnail):
            names.append(thumbnail)
        for name in names:
            with contextlib.suppress(OSError):
                (folder / name).unlink()
    return True


def _is_link(folder: Path) -> bool:
    if folder.is_symlink():
        return True
    # Windows has a second kind of link.
    is_junction = getattr(os.path, "isjunction", None)
    return bool(is_junction is not None and is_junction(folder))
