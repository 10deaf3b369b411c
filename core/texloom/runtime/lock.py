# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock between processes that ends with the process that holds it, however that ends."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..errors import StorageError
from ..storage import storage_error

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


PATIENCE: Final = 30.0
_PAUSE: Final = 0.05


class FolderLock:
    """Held by at most one open file on this machine; the file itself stays, empty."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Try to get it; returns at once whether that worked.

        Raises:
            StorageError: the file cannot be made, or its file system knows no locks.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise storage_error("write", self._path, error) from error
        try:
            if sys.platform == "win32":
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            os.close(descriptor)
            return False
        except OSError as error:
            os.close(descriptor)
            raise storage_error("lock", self._path, error) from error
        self._descriptor = descriptor
        return True

    def free(self) -> None:
        """Let others have it; does nothing when it is not held."""
        if self._descriptor is None:
            return
        if sys.platform == "win32":
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            msvcrt.locking(self._descriptor, msvcrt.LK_UNLCK, 1)
        else:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)
        self._descriptor = None

    @contextlib.contextmanager
    def held(self, patience: float = PATIENCE) -> Iterator[None]:
        """Hold it for a ``with`` block, for something short; another that holds it is waited for.

        Raises:
            StorageError: as :meth:`take`, or the other has not let it go within ``patience`` seconds.
        """
        deadline = time.monotonic() + patience
        while not self.take():
            if time.monotonic() >= deadline:
                raise StorageError(
                    f"{self._path} is held by another program.", advice="End that program, or wait for its end."
                )
            time.sleep(_PAUSE)
        try:
            yield
        finally:
            self.free()
