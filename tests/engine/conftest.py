# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiny real models, made once a run, and a home of the run's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_corpus
import tiny_families
import tiny_models
from texloom.engine import seam_repair
from texloom.engine.text_encoder import TextEncoder


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches of a test go to its own folder; nothing comes from the network."""
    monkeypatch.setenv("TEXLOOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TEXLOOM_OFFLINE", "1")
    monkeypatch.delenv("TEXLOOM_DEVICE", raising=False)


@pytest.fixture
def unrepaired(monkeypatch: pytest.MonkeyPatch) -> None:
    """What networks draw by themselves: small random pictures have seams by chance."""
    monkeypatch.setattr(seam_repair, "LIMIT", math.inf)


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    found = TextEncoder()
    found.load("cpu")
    return found


@pytest.fixture(scope="session")
def stable_diffusion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the Stable Diffusion kind; read only."""
    return tiny_models.save_stable_diffusion(tmp_path_factory.mktemp("models") / "tiny-sd")


@pytest.fixture(scope="session")
def z_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the Z-Image kind; read only."""
    return tiny_models.save_z_image(tmp_path_factory.mktemp("models") / "tiny-z")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Tiny models by family, made when first asked for; read only."""
    made: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in made:
            made[name] = tiny_families.save(name, tmp_path_factory.mktemp("families") / name)
        return made[name]

    return get


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus as its own command writes it."""
    return tiny_corpus.write(tmp_path_factory.mktemp("corpus"))
