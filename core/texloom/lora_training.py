# SPDX-License-Identifier: GPL-3.0-or-later
"""Teaching a model a studio's own materials from a script: ``texloom train lora`` as a child process.

from texloom import api

made = api.train_lora("our tiles", "sdxl", "tiles.safetensors", trigger="studio tile",
                      on_progress=lambda now: print(f"{now.fraction:.0%}", now.loss))
api.generate("studio tile, blue", model="sdxl", loras=(api.Lora(str(made.path), 0.8),))
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from .errors import CancelledError, ErrorCode, RequestError, TexloomError
from .runtime.environment import find_python
from .runtime.environment_use import used
from .runtime.process import child_environment, describe_exit, package_folder

MODULE: Final = "texloom.training.lora"
OUT_OF_TIME: Final = 3
"""Exit status when the time ran out before the last step."""

_POLL: Final = 0.2
_END: Final = 10.0
_TAIL: Final = 30
_FILES: Final = ("caption_file", "prompts", "work")
_TEXTS: Final = ("caption", "trigger", "layers", "tile", "device")
_NUMBERS: Final = (
    "steps", "total", "most", "rate", "batch", "rank", "alpha", "check", "patience", "seed", "size", "variants",
    "sheet", "preview", "draw_steps", "minutes", "threads",
)  # fmt: skip
_SWITCHES: Final = ("mirror", "checkpointing", "resume")


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraProgress:
    """Where training is.

    Attributes:
        step: the number of the last step, of ``steps``.
        steps: how many there are at most.
        fraction: how far it is, 0 to 1.
        seconds: of training so far.
        loss: of that step.
        measured: the last measured loss, on fixed noise; ``measured_first`` before the first step.
        measured_first: see ``measured``.
    """

    step: int
    steps: int
    fraction: float
    seconds: float
    loss: float
    measured: float
    measured_first: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedLora:
    """A LoRA that was made.

    Attributes:
        path: the file.
        sheet: pictures that were learned, and drawn before and after; None where none were wanted.
        finished: False when its ``minutes`` were over before: ``resume=True`` goes on.
        facts: options, losses and times.
        warnings: what the user was told.
    """

    path: Path
    sheet: Path | None
    finished: bool
    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def train_lora(
    images: str | Path,
    model: str,
    out: str | Path,
    *,
    python: str | Path | None = None,
    on_progress: Callable[[LoraProgress], None] | None = None,
    cancelled: threading.Event | None = None,
    **options: Any,
) -> TrainedLora:
    """Make a LoRA of your own materials for a model, and wait for it; ``texloom train lora --help`` tells more.

    Args:
        images: folder of pictures, of folders with maps, or of results.
        model: as of a request.
        out: the file to write, ``.safetensors``.
        python: the engine's Python; default what ``texloom setup`` made.
        on_progress: gets each step, in this thread; may raise to stop.
        cancelled: stops it when set.
        options: of the command, with ``_`` for ``-``: ``caption``, ``caption_file``, ``trigger``, ``steps``, ``rate``,
            ``rank``, ``size``, ``minutes``, ``resume`` …

    Raises:
        RequestError: an option is unknown, or a picture or caption is wrong.
        TexloomError: the engine is missing, the model cannot be taught, or training failed; ``code`` says which.
        CancelledError: ``cancelled`` was set; the last checkpoint stays for ``resume=True``.
    """
    own = _engine(python)
    command = [str(own), "-m", MODULE, "--json", *_arguments(images, model, out, options)]
    stop = cancelled or threading.Event()
    if stop.is_set():
        raise CancelledError
    # Hours, in which a set-up must not take the environment away.
    with (
        used(own),
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=child_environment(package_folder()),
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as child,
    ):
        run = _Run(child, stop)
        try:
            return run.result(on_progress)
        finally:
            run.end()


class _Run:
    """Listens to a child that trains, and ends it when that is asked for."""

    def __init__(self, child: subprocess.Popen[str], stop: threading.Event) -> None:
        assert child.stdout is not None and child.stderr is not None
        self._child, self._stop = child, stop
        self._log: deque[str] = deque(maxlen=_TAIL)
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._read_log, args=(child.stderr,), daemon=True),
            threading.Thread(target=self._watch, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def result(self, on_progress: Callable[[LoraProgress], None] | None) -> TrainedLora:
        """See :func:`train_lora`."""
        last: dict[str, Any] = {}
        warnings: list[str] = []
        assert self._child.stdout is not None
        for line in self._child.stdout:
            event = _event(line)
            kind = event.pop("event", "")
            if kind == "step" and on_progress is not None:
                on_progress(LoraProgress(**event))
            elif kind == "warning":
                warnings.append(str(event.get("message", "")))
            elif kind in ("done", "failed"):
                last = {**event, "event": kind}
        status = self._child.wait()
        if self._stop.is_set():
            raise CancelledError
        if last.get("event") == "failed":
            raise _failure(last)
        if last.get("event") != "done" or status not in (0, OUT_OF_TIME):
            self._threads[0].join(_END)
            raise TexloomError(
                f"Training ended too early ({describe_exit(status)}).", advice=" ".join(list(self._log)[-3:])
            )
        return TrainedLora(
            path=Path(last["path"]),
            sheet=Path(last["sheet"]) if last.get("sheet") else None,
            finished=status == 0,
            facts=last.get("facts", {}),
            warnings=tuple(warnings),
        )

    def end(self) -> None:
        """Leave nothing running."""
        self._over.set()
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(_END)
            except subprocess.TimeoutExpired:
                self._child.kill()
        for thread in self._threads:
            thread.join(_END)

    def _read_log(self, stream: IO[str]) -> None:
        for line in stream:
            if line.strip():
                self._log.append(line.strip())

    def _watch(self) -> None:
        while not self._over.wait(_POLL):
            if self._stop.is_set():
                self._child.terminate()
                return


def _engine(python: str | Path | None) -> Path:
    found = find_python(python)
    if found is None:
        raise TexloomError("The engine is not set up yet.", advice="Run: texloom setup", code=ErrorCode.ENGINE_MISSING)
    return found


def _arguments(images: str | Path, model: str, out: str | Path, options: Mapping[str, Any]) -> list[str]:
    found = ["--images", str(Path(images).absolute()), "--model", str(model), "--out", str(Path(out).absolute())]
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if name in _SWITCHES:
            found += [flag] if value else []
        elif name in _FILES:
            found += [flag, str(Path(value).absolute())]
        elif name in _TEXTS:
            # In one piece: it may begin with a dash.
            found.append(f"{flag}={value}")
        elif name in _NUMBERS:
            found.append(f"{flag}={value}")
        else:
            raise RequestError(f"{name}: there is no such option of training.")
    return found


def _event(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _failure(event: Mapping[str, Any]) -> TexloomError:
    message, advice = str(event.get("message", "")), str(event.get("advice", ""))
    code = event.get("code")
    if code == ErrorCode.INVALID_REQUEST:
        return RequestError(message, advice=advice)
    return TexloomError(message, advice=advice, code=ErrorCode(code) if code in set(ErrorCode) else ErrorCode.INTERNAL)
