# SPDX-License-Identifier: GPL-3.0-or-later
"""A real worker process, with the real loop and streams, around an engine that does what the prompt says.

The prompt's words are instructions, carried out in order: ``load:SECONDS``, ``sleep:SECONDS``, ``deaf:SECONDS``,
``print``, ``fail``, ``memory``, ``garbage``, ``die``, ``partial``, ``forget``.  Then a real result is written.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from texloom.backends.fake import FakeBackend, Script
from texloom.errors import CancelledError, ModelNotFoundError, OutOfMemoryError
from texloom.events import Event, ModelLoading, Progress
from texloom.request import GenerationRequest
from texloom.storage import PARTIAL_PREFIX
from texloom.worker.__main__ import start


class ScriptedEngine:
    """Stands for the torch engine; everything else in this process is the product's own."""

    device = "cpu"
    device_name = "Scripted"
    versions = {"scripted": "1"}  # noqa: RUF012

    def run(
        self, request: GenerationRequest, library: Path, emit: Callable[[Event], None], cancelled: threading.Event
    ) -> None:
        for word in request.prompt.split():
            name, _, value = word.partition(":")
            if name == "load":
                emit(ModelLoading(request_id=request.id, model=request.model, stage="Loading"))
            if name in ("load", "sleep"):
                emit(Progress(request_id=request.id, fraction=0.1, step=1, steps=2))
                wait(float(value), cancelled)
            elif name == "deaf":
                emit(Progress(request_id=request.id, fraction=0.1, step=1, steps=2))
                time.sleep(float(value))
            elif name == "print":
                print(  # noqa: T201 - what libraries do
                    '{"type":"completed","request_id":"' + request.id + '"}', flush=True
                )
                os.write(1, b"from a native library\n")
            elif name == "fail":
                raise ValueError("this engine does not like it")
            elif name == "memory":
                raise OutOfMemoryError("Too little memory.", advice="Smaller.")
            elif name == "missing":
                raise ModelNotFoundError("No configuration.", advice="Load it.", download="sd-1.5", configuration=True)
            elif name == "partial":
                folder = library / f"{PARTIAL_PREFIX}{request.id}"
                folder.mkdir(parents=True)
                (folder / "half.png").write_bytes(b"half")
            elif name == "die":
                sys.stderr.write("last words\n")
                sys.stderr.flush()
                os._exit(7)
            elif name == "forget":
                return
        self.finish(request, library, emit)

    def finish(self, request: GenerationRequest, library: Path, emit: Callable[[Event], None]) -> None:
        backend = FakeBackend(Script(steps=1))
        backend.submit(request, library)
        while True:
            for event in backend.poll(1.0):
                if event.type in ("artifact", "completed"):
                    emit(event)
                if event.terminal:
                    backend.close()
                    return

    def preload(self, model: str, prompt: str, cancelled: threading.Event) -> None:
        wait(float(prompt) if prompt else 0.0, cancelled)
        if model == "broken":
            raise ValueError("no such model")


def wait(seconds: float, cancelled: threading.Event) -> None:
    if cancelled.wait(seconds):
        raise CancelledError


def factory() -> ScriptedEngine:
    mode = os.environ.get("SCRIPTED", "")
    if mode == "broken":
        raise ImportError("No module named 'torch'")
    if mode == "slow":
        time.sleep(1.0)
    return ScriptedEngine()


if __name__ == "__main__":
    if os.environ.get("SCRIPTED") == "mute":
        time.sleep(60)
    if os.environ.get("SCRIPTED") == "other":
        from texloom import wire

        wire.source_digest = lambda package=None: "0" * 16
        from texloom.worker import loop

        loop.source_digest = wire.source_digest
    start(factory)
