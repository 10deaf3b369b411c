# SPDX-License-Identifier: GPL-3.0-or-later
"""Hashes of large files, remembered from run to run: one counts as long as size and time of its file are the same."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from .errors import StorageError
from .storage import home, read_versioned, write_json_atomic

_SCHEMA: Final = 1


class HashCache:
    """What is remembered, read when it is made."""

    def __init__(self) -> None:
        try:
            files = read_versioned(_path(), schema=_SCHEMA).get("files")
        except StorageError:
            files = {}  # only a cache
        self._files: dict[str, Any] = dict(files) if isinstance(files, dict) else {}
        self._changed = False

    def find(self, path: Path) -> str:
        """The SHA-256 of a file; empty where it is not known, or the file has changed since."""
        entry = self._files.get(os.path.realpath(path))
        if not isinstance(entry, list) or len(entry) != 3 or not isinstance(entry[2], str):
            return ""
        return entry[2] if entry[:2] == _mark(path) else ""

    def add(self, path: Path, sha256: str) -> None:
        """The hash of a file as it is now."""
        self._files[os.path.realpath(path)] = [*_mark(path), sha256]
        self._changed = True

    def save(self) -> None:
        """Keep what was added; files that are gone are forgotten."""
        if not self._changed:
            return
        present = {path: entry for path, entry in self._files.items() if Path(path).is_file()}
        try:
            write_json_atomic(_path(), {"schema": _SCHEMA, "files": present})
        except StorageError:
            pass  # only a cache; the next run hashes again
        self._changed = False


def add(files: Mapping[Path, str]) -> None:
    """Remember the SHA-256 of files that were just compared with it."""
    cache = HashCache()
    for path, sha256 in files.items():
        try:
            cache.add(path, sha256)
        except OSError:
            continue  # somebody has taken it away
    cache.save()


def _mark(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _path() -> Path:
    return home() / "cache" / "hashes.json"
