# SPDX-License-Identifier: GPL-3.0-or-later
"""Driving a backend from a test: small requests, and waiting for what comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from texloom.backends.subprocess import SubprocessBackend
from texloom.events import Event
from texloom.request import GenerationRequest

WORKER = Path(__file__).with_name("scripted_worker.py")
Make = Callable[..., SubprocessBackend]


def ask(prompt: str = "print", **options: Any) -> GenerationRequest:
    """A small request."""
    return GenerationRequest(prompt=prompt, width=64, height=64, **options)


def collect(backend: Any, *ids: str, seconds: float = 20.0) -> list[Event]:
    """Events until each of ``ids`` has ended, and whatever comes in a little while after."""
    found: list[Event] = []
    open_ids = set(ids)
    deadline = time.monotonic() + seconds
    while open_ids:
        assert time.monotonic() < deadline, f"no end of {open_ids}; came: {found}"
        for event in backend.poll(0.2):
            found.append(event)
            if event.terminal:
                open_ids.discard(event.request_id)
    found += backend.poll(0.15)
    return found


def until(backend: Any, kind: str, seconds: float = 20.0) -> list[Event]:
    """Events up to the first of a type."""
    found: list[Event] = []
    deadline = time.monotonic() + seconds
    while not any(event.type == kind for event in found):
        assert time.monotonic() < deadline, f"no {kind}; came: {found}"
        found += backend.poll(0.2)
    return found


def kinds(events: list[Event], request_id: str) -> list[str]:
    """Types of the events of one request."""
    return [event.type for event in events if event.request_id == request_id]
