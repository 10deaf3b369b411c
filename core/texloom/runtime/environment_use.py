# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses an environment of the engine now, so that a set-up beside it leaves it alone.

Each user holds the lock of a file of its own in the environment; the system lets it go with the process.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .. import storage
from ..errors import StorageError
from .lock import FolderLock

PREFIX: Final = "env-"
_USERS: Final = "in-use"


def engines_folder() -> Path:
    """Folder of the environments that a set-up makes."""
    return storage.home() / "engine"


@contextlib.contextmanager
def used(python: Path) -> Iterator[None]:
    """Tell, for a ``with`` block, that ``python`` runs; only environments that a set-up made are watched."""
    folder = python.parent.parent
    lock: FolderLock | None = None
    path = folder / _USERS / f"{os.getpid()}-{secrets.token_hex(4)}"
    # One that may not be written cannot be removed by a set-up either.
    with contextlib.suppress(OSError, StorageError):
        if _made_here(folder) and python.is_file():
            path.parent.mkdir(exist_ok=True)
            lock = FolderLock(path)
            lock.take()
    try:
        yield
    finally:
        if lock is not None:
            lock.free()
            with contextlib.suppress(OSError):
                path.unlink()


def in_use(folder: Path) -> bool:
    """Whether a program runs the environment ``folder`` at the moment."""
    for path in (folder / _USERS).glob("*"):
        lock = FolderLock(path)
        try:
            free = lock.take()
        except StorageError:
            return True  # when in doubt
        lock.free()
        if not free:
            return True
    return False


def _made_here(folder: Path) -> bool:
    return folder.parent == engines_folder() and folder.name.startswith(PREFIX)
