# SPDX-License-Identifier: GPL-3.0-or-later
"""A home of its own for every test."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings and library of the test's own."""
    for name in ("TEXLOOM_PYTHON", "TEXLOOM_LIBRARY", "TEXLOOM_DEVICE", "TEXLOOM_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEXLOOM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
