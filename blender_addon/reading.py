# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of the file → pictures that a job starts from, without keeping Blender waiting.

Only the copy of the pixels has to be made by the main thread.  A thread makes the files of them, and the job begins
when they are there.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import bpy
import numpy as np
from numpy.typing import NDArray

from . import faults
from .core.texloom.errors import CancelledError, ErrorCode, RequestError, TexloomError
from .core.texloom.jobs import JobError, JobState, JobView
from .core.texloom.png import write_png
from .core.texloom.request import GenerationRequest
from .scene import masks, sources
from .translations import iface

STAGE: Final = "Reading the image"
_JOIN_SECONDS: Final = 5.0


class Reading:
    """The pictures of one job.  Files are made by :meth:`begin` in a thread, or by :meth:`write` at once.

    ``error`` is what went wrong in the thread.
    """

    def __init__(self) -> None:
        self.error: TexloomError | None = None
        self._paths: list[Path] = []
        self._left: list[tuple[Path, Callable[[masks.Check], NDArray[np.uint8]]]] = []
        self._dropped = threading.Event()
        self._thread: threading.Thread | None = None
        self._no_memory = self._failed = ""

    def image(self, image: Any) -> Path:
        """Copy the pixels of an image of the file as they are now; the path of the picture that they become.

        Raises:
            RequestError: as :func:`.sources.size_of`.  StorageError: there is no room for it.
        """
        return self._add(sources.copied(image).pixels)

    def mask(self, mask: Any, picture: Any) -> Path:
        """The same of a mask, see :func:`.masks.save`."""
        return self._add(masks.copied(mask, picture))

    def _add(self, make: Callable[[masks.Check], NDArray[np.uint8]]) -> Path:
        path = sources.reserve()
        self._paths.append(path)
        self._left.append((path, make))
        return path

    def write(self) -> None:
        """Make the files.

        Raises:
            RequestError: nothing is masked.  StorageError: a file cannot be written.
            CancelledError: :meth:`drop` was called.
        """
        while self._left:
            path, make = self._left[0]
            write_png(path, make(self._check), check=self._check)
            self._left.pop(0)  # what was copied takes much memory

    def begin(self) -> None:
        """Have a thread make the files; once more what has failed, nothing when that goes on or is done."""
        if not self.done or not self._left:
            return
        self.error = None
        # Blender's data, also its translations, may not be asked from another thread.
        self._no_memory = iface("There is too little memory to read the image.")
        self._failed = iface("The image could not be read: {error}")
        self._thread = threading.Thread(target=self._run, name="texloom-reading", daemon=True)
        _going_on.add(self)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether no thread is at it."""
        return self._thread is None or not self._thread.is_alive()

    @property
    def complete(self) -> bool:
        """Whether all files are there."""
        return not self._left and self.error is None

    def drop(self) -> None:
        """Nobody needs the files any more; those that are being made are removed."""
        self._dropped.set()

    def wait(self, timeout: float | None = None) -> None:
        """Block until the thread has ended, or for ``timeout`` seconds."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _check(self) -> None:
        if self._dropped.is_set():
            raise CancelledError

    def _run(self) -> None:
        try:
            self.write()
        except CancelledError:
            pass
        except RequestError as error:
            self.error = error
            self._left.clear()  # it would be the same another time
        except TexloomError as error:
            self.error = error
        except MemoryError:
            self.error = TexloomError(self._no_memory, code=ErrorCode.INTERNAL)
        except Exception as error:  # noqa: BLE001 - boundary: the job would wait for ever
            self.error = TexloomError(self._failed.format(error=faults.told(error)), code=ErrorCode.INTERNAL)
        if self._dropped.is_set():
            for path in self._paths:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        _going_on.discard(self)


_going_on: set[Reading] = set()


def picture_of(image: Any, pictures: Reading | None) -> Path:
    """The picture that the pixels of an image become: made now, or by ``pictures``.

    Raises:
        RequestError: as :func:`.sources.size_of`.  StorageError: a file cannot be written.
    """
    return sources.save_pixels(image) if pictures is None else pictures.image(image)


def later() -> Reading | None:
    """What an operator gives to :func:`.image_jobs.submit`: in a window a thread makes the files, else it waits."""
    return None if bpy.app.background else Reading()


def waiting(request: GenerationRequest) -> JobView:
    """A job whose pictures are being made."""
    return JobView(request=request, stage=STAGE)


def cancelled(view: JobView) -> JobView:
    """The same job, ended before the engine knew of it."""
    return replace(view, state=JobState.CANCELLED, stage="")


def failed(view: JobView, error: TexloomError) -> JobView:
    """The same job, of which the pictures could not be made, or which the engine did not take."""
    return replace(view, state=JobState.FAILED, stage="", error=JobError.of(error))


def register() -> None:
    """Nothing to do; for symmetry with :func:`unregister`."""


def unregister() -> None:
    """End the threads."""
    for reading in list(_going_on):
        reading.drop()
        reading.wait(_JOIN_SECONDS)
