# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloading and deleting a model in a thread, while Blender goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import faults
from .core.texloom import model_store
from .core.texloom.catalog_rows import CatalogRow
from .core.texloom.control_rows import ControlRow
from .core.texloom.errors import CancelledError, ErrorCode, TexloomError
from .core.texloom.runtime import download_plan, downloads
from .core.texloom.runtime.downloads import Control, DownloadProgress
from .core.texloom.weights_header import SAFETENSORS
from .model_options import ModelOptions
from .translations import iface


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the hub says of a model before anything is loaded.

    Attributes:
        bytes: how much there is to download.
        missing_bytes: how much of that is not here.
        weights: bytes of its weights, which memory must hold.
        gated: whether its makers ask to accept their terms first.
        licence: what its page names; empty for nothing.
    """

    bytes: int
    missing_bytes: int
    weights: int
    gated: bool
    licence: str

    @classmethod
    def of(cls, what: download_plan.DownloadPlan) -> Answer:
        """Of a plan."""
        return cls(
            bytes=what.bytes,
            missing_bytes=what.missing_bytes,
            weights=sum(file.size for file in what.files if file.name.endswith(SAFETENSORS)),
            gated=what.listing.gated,
            licence=what.listing.licence,
        )


class ModelState:
    """The last job on a model; written by one thread, read by the interface.

    Attributes:
        key: the model that it is about, as a request calls it; empty for none yet.
        name: what people call it.
        stage: what is done now, for the interface to translate.
        progress: of the download, None before its size is known.
        configuration: whether only its configuration is asked for.
        folder: where it lies, once it is there.
        error, advice, code: what went wrong.
        answers: what the hub has said of models, by hub id and whether of the configuration alone.
    """

    def __init__(self) -> None:
        self.key = ""
        self.name = ""
        self.stage = ""
        self.configuration = False
        self.progress: DownloadProgress | None = None
        self.folder: Path | None = None
        self.answers: dict[tuple[str, bool], Answer] = {}
        self.error = ""
        self.advice = ""
        self.code: ErrorCode | None = None
        self.revision = 0
        # Called in the thread at its end.
        self.ended: Callable[[], None] = lambda: None
        self._unfinished = self._try_again = ""
        self._after: Callable[[], None] | None = None
        self._control = Control()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether a job goes on, or something is left to do after it."""
        return self._after is not None or self._alive

    @property
    def paused(self) -> bool:
        """Whether a download waits to be resumed."""
        return self.running and self._control.paused

    @property
    def _alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def ask(
        self,
        options: ModelOptions,
        hub: str,
        *,
        key: str,
        name: str,
        configuration_only: bool = False,
        after: Callable[[], None] | None = None,
    ) -> bool:
        """Ask the hub what a download would be, into ``answers``; False when something runs already.

        Arguments as of :meth:`download`.
        """

        def work(control: Control) -> None:
            source, root = options.hub(), model_store.download_folder(options.settings())
            what = download_plan.plan(
                source, hub, root=root, configuration_only=configuration_only, check=control.check
            )
            control.check()
            self.answers[hub, configuration_only] = Answer.of(what)

        return self._start(work, key, name, "Asking the hub", configuration_only, after)

    def download(
        self,
        options: ModelOptions,
        hub: str,
        *,
        key: str,
        name: str,
        row: CatalogRow | ControlRow | None = None,
        configuration_only: bool = False,
        after: Callable[[], None] | None = None,
    ) -> bool:
        """Start a download, or go on with one; False when something runs already.

        Args:
            options: where from and where to.
            hub: owner/name.
            key, name: see the class.
            row: its row in the catalogue.
            configuration_only: only what a single-file checkpoint lacks.
            after: called in Blender's main thread when it has ended, whatever came of it.
        """

        def work(control: Control) -> None:
            source = options.hub()
            root = model_store.download_folder(options.settings())
            what = download_plan.plan(
                source, hub, row=row, root=root, configuration_only=configuration_only, check=control.check
            )
            control.check()
            self.stage = "Downloading"
            self._forget(hub)  # from now on there is less to load
            self.folder = downloads.download(source, what, self._report, control)

        return self._start(work, key, name, "Asking the hub", configuration_only, after)

    def delete(
        self,
        options: ModelOptions,
        folder: Path,
        *,
        key: str,
        name: str,
        after: Callable[[], None] | None = None,
    ) -> bool:
        """Start deleting what was downloaded; False when something runs already.  ``after`` as of :meth:`download`."""

        def work(control: Control) -> None:
            model_store.delete(folder, options.settings())
            self._forget(model_store.hub_of(folder))

        return self._start(work, key, name, "Deleting", False, after)

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
        self.finish()
        return not self.running

    def finish(self) -> None:
        """What is to be done in Blender's main thread once a job has ended; nothing while one goes on."""
        if self._alive or self._after is None:
            return
        after, self._after = self._after, None
        after()
        self.revision += 1

    def clear(self) -> None:
        """Forget the last outcome."""
        self.key = self.name = self.stage = self.error = self.advice = ""
        self.progress, self.folder, self.code, self.configuration = None, None, None, False
        self.revision += 1

    def _forget(self, hub: str) -> None:
        self.answers = {known: told for known, told in self.answers.items() if known[0] != hub}

    def _report(self, progress: DownloadProgress) -> None:
        self.progress = progress
        self.revision += 1

    def _start(
        self,
        work: Callable[[Control], None],
        key: str,
        name: str,
        stage: str,
        configuration: bool,
        after: Callable[[], None] | None,
    ) -> bool:
        self.finish()
        if self.running:
            return False
        self.clear()
        self.key, self.name, self.stage, self.configuration = key, name, stage, configuration
        self._after = after
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
