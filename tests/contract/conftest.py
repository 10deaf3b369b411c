# SPDX-License-Identifier: GPL-3.0-or-later
"""Backends for the contract suite, and what every test of them needs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driving import WORKER, Make
from texloom.backends.fake import FakeBackend
from texloom.backends.subprocess import SubprocessBackend


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
