# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a texture set in a thread, while Blender goes on."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from . import faults
from .core.texloom.errors import CancelledError, TexloomError
from .core.texloom.export_presets import Note
from .core.texloom.texture_set import Plan
from .translations import iface


class ExportState:
    """The last export; written by one thread, read by the interface."""

    def __init__(self) -> None:
        self.fraction = 0.0
        self.error = ""
        self.files: tuple[Path, ...] = ()
        self.notes: tuple[Note, ...] = ()
        self.revision = 0
        self._no_memory = self._failed = ""
        self._cancelled = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether an export goes on."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, plan: Plan) -> bool:
        """Start writing; False when something is written already."""
        if self.running:
            return False
        self.clear()
        self._cancelled = threading.Event()
        # Blender's data, also its translations, may not be asked from another thread.
        self._no_memory = iface("There is too little memory for this export; half the size needs a quarter.")
        self._failed = iface("The textures could not be exported: {error}. Try again; Blender's console says more.")
        self._thread = threading.Thread(target=self._run, args=(plan,), name="texloom-export", daemon=True)
        self._thread.start()
        return True

    def cancel(self) -> None:
        """Stop what runs; nothing of it stays."""
        self._cancelled.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until it has ended, or for ``timeout`` seconds; whether it has ended."""
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.running

    def clear(self) -> None:
        """Forget the last outcome."""
        self.fraction, self.error, self.files, self.notes = 0.0, "", (), ()

    def messages(self) -> list[str]:
        """What there is to tell of the last export, in the language of the interface."""
        return [iface(note.text).format(**note.values) for note in self.notes]

    def _progress(self, fraction: float) -> None:
        self.fraction = fraction
        self.revision += 1

    def _run(self, plan: Plan) -> None:
        try:
            # One processor is left for Blender, which goes on meanwhile.
            threads = max(1, min(4, (os.cpu_count() or 1) - 1))
            written = plan.write(self._progress, self._cancelled, threads=threads)
            self.notes, self.files = written.notes, written.files
        except CancelledError:
            pass
        except TexloomError as error:
            self.error = str(error)
        except MemoryError:
            self.error = self._no_memory
        except Exception as error:  # noqa: BLE001 - boundary: the panel would not say that nothing was written
            self.error = self._failed.format(error=faults.told(error))
        self.revision += 1


_state = ExportState()


def state() -> ExportState:
    """The one state of this Blender."""
    return _state
