# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloading and deleting a model in a thread, while Blender goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from . import faults
from .core.texloom import model_store
from .core.texloom.catalog_rows import CatalogRow
from .core.texloom.control_rows import ControlRow
from .core.texloom.errors import CancelledError, ErrorCode, TexloomError
from .core.texloom.runtime import download_plan, downloads
from .core.texloom.runtime.downloads import Control, DownloadProgress
from .model_options import ModelOptions
from .translations import iface


class ModelState:
    """The last job on a model; written by one thread, read by the interface.

    Attributes:
        key: the model that it is about, as a request calls it; empty for none yet.
        name: what people call it.
        stage: what is done now, for the interface to translate.
        progress: of the download, None before its size is known.
        folder: where it lies, once it is there.
        error, advice, code: what went wrong.
    """

    def __init__(self) -> None:
        self.key = ""
        self.name = ""
        self.stage = ""
        self.progress: DownloadProgress | None = None
        self.folder: Path | None = None
        self.error = ""
        self.advice = ""
        self.code: ErrorCode | None = None
        self.revision = 0
        # Called in the thread at its end.
        self.ended: Callable[[], None] = lambda: None
        self._unfinished = self._try_again = ""
        self._control = Control()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether a job goes on."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def paused(self) -> bool:
        """Whether a download waits to be resumed."""
        return self.running and self._control.paused

    def download(
        self,
        options: ModelOptions,
        hub: str,
        *,
        key: str,
        name: str,
        row: CatalogRow | ControlRow | None = None,
        configuration_only: bool = False,
    ) -> bool:
        """Start a download, or go on with one; False when something runs already.

        Args:
            options: where from and where to.
            hub: owner/name.
            key, name: see the class.
            row: its row in the catalogue.
            configuration_only: only what a single-file checkpoint lacks.
        """

        def work(control: Control) -> None:
            source = options.hub()
            root = model_store.download_folder(options.settings())
            what = download_plan.plan(source, hub, row=row, root=root, configuration_only=configuration_only)
            control.check()
            self.stage = "Downloading"
            self.folder = downloads.download(source, what, self._report, control)

        return self._start(work, key, name, "Asking the hub")

    def delete(self, options: ModelOptions, folder: Path, *, key: str, name: str) -> bool:
        """Start deleting what was downloaded; False when something runs already."""

        def work(control: Control) -> None:
            model_store.delete(folder, options.settings())

        return self._start(work, key, name, "Deleting")

    def pause(self) -> None:
        """Close the connections and wait."""
        self._control.pause()
        self.revision += 1

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        self._control.resume()
        self.revision += 1

    def cancel(self) -> None:
        """End it; what was loaded stays for the next time."""
        self._control.cancel()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until it has ended, or for ``timeout`` seconds; whether it has ended."""
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.running

    def clear(self) -> None:
        """Forget the last outcome."""
        self.key = self.name = self.stage = self.error = self.advice = ""
        self.progress, self.folder, self.code = None, None, None
        self.revision += 1

    def _report(self, progress: DownloadProgress) -> None:
        self.progress = progress
        self.revision += 1

    def _start(self, work: Callable[[Control], None], key: str, name: str, stage: str) -> bool:
        if self.running:
            return False
        self.clear()
        self.key, self.name, self.stage = key, name, stage
        # Blender's data, also its translations, may not be asked from another thread.
        self._unfinished = iface("It could not be finished: {error}")
        self._try_again = iface("Try again; Blender's console says more.")
        self._control = Control()
        self._thread = threading.Thread(target=self._run, args=(work,), name="texloom-model", daemon=True)
        self._thread.start()
        return True

    def _run(self, work: Callable[[Control], None]) -> None:
        try:
            work(self._control)
        except CancelledError:
            self.progress = None
        except TexloomError as error:
            self.error, self.advice, self.code = error.message, error.advice, error.code
        except OSError as error:
            self.error = self._unfinished.format(error=error)
        except Exception as error:  # noqa: BLE001 - boundary: the panel would not say that it has ended
            self.error, self.advice = self._unfinished.format(error=faults.told(error)), self._try_again
        self.stage = ""
        self.ended()
        self.revision += 1


_state = ModelState()


def state() -> ModelState:
    """The one state of this Blender."""
    return _state
