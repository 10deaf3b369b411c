# SPDX-License-Identifier: GPL-3.0-or-later
"""Backends for the contract suite, and what every test of them needs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from texloom.backends.fake import FakeBackend
from texloom.backends.subprocess import SubprocessBackend
from texloom.events import Event
from texloom.request import GenerationRequest

WORKER = Path(__file__).with_name("scripted_worker.py")
Make = Callable[..., SubprocessBackend]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the user's own is read or written."""
    monkeypatch.setenv("TEXLOOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TEXLOOM_OFFLINE", "1")


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[Make]:
    """``scripted(mode="", **options)``: a backend whose worker runs the scripted engine."""
    made: list[SubprocessBackend] = []

    def make(mode: str = "", **options: Any) -> SubprocessBackend:
        backend = SubprocessBackend(
            None, command=[sys.executable, str(WORKER)], environment={"SCRIPTED": mode},
            log_dir=tmp_path / "logs", **options,
        )  # fmt: skip
        made.append(backend)
        return backend

    yield make
    for backend in made:
        backend.close()


@pytest.fixture(params=["fake", "subprocess"])
def backend(request: pytest.FixtureRequest, scripted: Make) -> Iterator[Any]:
    """Every kind of backend, one after the other."""
    found: Any = FakeBackend() if request.param == "fake" else scripted()
    yield found
    found.close()


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
