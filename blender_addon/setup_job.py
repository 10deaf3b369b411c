# SPDX-License-Identifier: GPL-3.0-or-later
"""Setting up and checking the engine's environment in a thread, while Blender goes on."""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import bpy

from . import faults
from .core.texloom.errors import CancelledError, TexloomError, together
from .core.texloom.runtime import environment, extras
from .core.texloom.runtime.environment import Check, SetupProgress
from .translations import iface, message


class SetupState:
    """What is known of the environment; written by one thread, read by the interface."""

    def __init__(self) -> None:
        self.fraction = 0.0
        self.stage = ""
        self.detail = ""
        self.error = ""
        self.checked: Check | None = None
        self.revision = 0
        self._not_made = self._failed = ""
        self._cancelled = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether a set-up or a check goes on."""
        return self._thread is not None and self._thread.is_alive()

    def lines(self) -> list[tuple[str, str]]:
        """The last outcome, as texts with icons."""
        if self.error:
            lines = _short(message(self.error))
            return [(line, "ERROR" if number == 0 else "BLANK1") for number, line in enumerate(lines)]
        if self.checked is not None and self.checked.ok:
            torch = self.checked.versions.get("torch", "")
            ready = iface("Ready: {device}, torch {version}").format(device=self.checked.device, version=torch)
            return [(ready, "CHECKMARK")]
        return []

    def set_up(self, accelerator: str, *, online: bool, quantization: bool = False) -> bool:
        """Start making an environment; False when something runs already.

        Args:
            accelerator: the build of torch, or ``AUTO``.
            online: whether the network may be used.
            quantization: whether to install what makes weights smaller, where that build is for NVIDIA's cards.
        """
        wanted = None if accelerator == "AUTO" else environment.Accelerator(accelerator)

        def work() -> Check:
            chosen = wanted or environment.detect_accelerator()
            extra = (extras.QUANTIZATION,) if quantization and chosen == environment.Accelerator.CUDA else ()
            plan = environment.make_plan(accelerator=chosen, extra=(*extra, *environment.extras_to_keep(chosen)))
            return environment.set_up(plan, self._report, self._cancelled, online=online)

        return self._start(work, "Preparing")

    def check(self, python: Path) -> bool:
        """Start checking a Python; False when something runs already."""
        return self._start(lambda: environment.check(python, cancelled=self._cancelled), "Checking")

    def cancel(self) -> None:
        """Stop what runs; what was there before stays."""
        self._cancelled.set()

    def wait(self, timeout: float | None = None) -> None:
        """Block until it has ended (for scripts)."""
        if self._thread is not None:
            self._thread.join(timeout)

    def forget_check(self) -> None:
        """The choice has changed: what was found of the old one does not count."""
        self.checked, self.error = None, ""

    def _report(self, progress: SetupProgress) -> None:
        self.fraction, self.stage, self.detail = progress.fraction, progress.stage, progress.detail
        self.revision += 1

    def _start(self, work: Callable[[], Check], stage: str) -> bool:
        if self.running:
            return False
        self._cancelled = threading.Event()
        # Blender's data, also its translations, may not be asked from another thread.
        self._not_made = iface("The environment could not be made: {error}")
        self._failed = iface("Something unexpected went wrong: {error}. Try again; Blender's console says more.")
        self.fraction, self.stage, self.detail, self.error = 0.0, stage, "", ""
        self._thread = threading.Thread(target=self._run, args=(work,), name="texloom-setup", daemon=True)
        self._thread.start()
        return True

    def _run(self, work: Callable[[], Check]) -> None:
        try:
            self.checked = work()
            if not self.checked.ok:
                self.error = together(self.checked.problem, self.checked.advice)
        except CancelledError:
            self.error = ""
        except TexloomError as error:
            self.error = str(error)
        except OSError as error:
            self.error = self._not_made.format(error=error)
        except Exception as error:  # noqa: BLE001 - boundary: the panel would look as if nothing had been asked for
            self.error = self._failed.format(error=faults.told(error))
        self.revision += 1


_state = SetupState()


def state() -> SetupState:
    """The one state of this Blender."""
    return _state


def engine_python(given: str) -> Path | None:
    """The Python that runs the engine, or None when there is none yet.

    Raises:
        StorageError: the machine's settings are damaged.
    """
    path = bpy.path.abspath(given) if given else None
    # Blender's own Python must not load torch, even if somebody installed it there.
    return environment.find_python(path, use_current=False)


def for_nvidia(accelerator: str, python: Path | None) -> bool:
    """Whether setting up for ``accelerator`` installs the build for NVIDIA's cards, as far as can be told at once.

    Args:
        accelerator: as the preferences have it.
        python: runs the engine now; None where there is none yet.
    """
    if accelerator != "AUTO":
        return accelerator == str(environment.Accelerator.CUDA)
    checked = _state.checked
    if checked is not None and checked.ok:
        # torch calls AMD's cards by the same name.
        return checked.device.startswith("cuda") and "rocm" not in checked.versions.get("torch", "")
    made_for = python.parent.parent.name.rpartition("-")[2] if python is not None else ""
    if made_for in list(environment.Accelerator):
        return made_for == environment.Accelerator.CUDA
    return _has_driver()


@functools.cache
def _has_driver() -> bool:
    """Whether NVIDIA's driver is there, by the tool that comes with it: nothing is run while the interface waits."""
    return shutil.which("nvidia-smi") is not None


def _short(text: str, limit: int = 6) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines if len(lines) <= limit else [lines[0], *lines[-limit + 1 :]]
