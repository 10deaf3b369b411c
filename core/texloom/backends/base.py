# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface between whoever wants a picture and whatever makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from ..events import Event
from ..request import GenerationRequest


class BackendState(StrEnum):
    """Life of the engine behind a backend."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    DEAD = "dead"


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendStatus:
    """A snapshot for interfaces; ``device`` and ``versions`` are empty until the engine has said hello."""

    state: BackendState
    device: str = ""
    device_name: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    message: str = ""


@runtime_checkable
class Backend(Protocol):
    """Contract of every backend.

    * ``submit`` never blocks on the engine: it returns at once, and every fault after it becomes a
      ``Failed`` event, so that a caller has one way to learn of an end.
    * Events of one request come in order: ``Accepted`` first (unless the request fails or is cancelled
      before), exactly one terminal event last, nothing after it.
    * A request id may be submitted once; a second time raises ``RequestError``.
    * ``cancel`` may be called at any time and any number of times; for an ended or unknown id it does nothing.
    * All methods may be called from any thread; ``poll`` from one at a time.
    """

    @property
    def status(self) -> BackendStatus:
        """State of the engine now; never blocks."""
        ...

    def submit(self, request: GenerationRequest, library: Path, position: int | None = None) -> None:
        """Queue ``request``; its result is written below the folder ``library``.

        ``position`` other waiting ones go before it (0: it is next); None: all of them.

        Raises:
            RequestError: the id was submitted before.
        """
        ...

    def cancel(self, request_id: str) -> None:
        """Stop that request; its terminal event tells how it ended."""
        ...

    def move(self, request_id: str, position: int) -> None:
        """Run a waiting request after ``position`` other waiting ones (0: next); ``Queued`` events tell the order.

        For an id that does not wait it does nothing.
        """
        ...

    def preload(self, model: str, prompt: str = "") -> None:
        """Start the engine if need be and load ``model`` in the background; never blocks, never raises."""
        ...

    def poll(self, timeout: float = 0.0) -> list[Event]:
        """All events that have come since the last call; waits up to ``timeout`` seconds for the first."""
        ...

    def close(self) -> None:
        """End the engine; running requests get ``Cancelled``.  Afterwards ``submit`` raises."""
        ...
