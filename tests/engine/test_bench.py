# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the benchmark for the learned model and for maps of images, with real workers at tiny size."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from test_learned import NETWORK, VAE
from texloom.training.autoencoder import make_autoencoder
from texloom.training.flow import make_network
from texloom.training.learned_folder import write_folder

SCRIPTS = Path(__file__).parents[2] / "scripts"
NAMES = ("_support", "bench", "bench_compare", "bench_learned", "bench_plain", "bench_rows", "bench_together")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script, with this Python as the engine's."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setenv("TEXLOOM_PYTHON", sys.executable)
    import bench

    yield bench
    for name in NAMES:
        sys.modules.pop(name, None)


def _rows(text: str) -> list[str]:
    assert "| What | Seconds, median (smallest to largest) | Worker's largest memory |" in text
    rows = [line for line in text.splitlines() if line.startswith("| ") and "What" not in line]
    memory = r"\d+\.\d\d GB" if sys.platform == "linux" else "–"
    for line in rows:
        assert re.search(rf"\| \d+\.\d\d \(\d+\.\d\d to \d+\.\d\d\) \| {memory} \|$", line), line
    return [line.split("|")[1].strip() for line in rows]


def test_the_learned_model(bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "tiny"
    write_folder(model, vae=make_autoencoder(VAE), network=make_network(config=NETWORK), training={"steps": 0})
    assert bench.main(["--learned", str(model), "--sizes", "64", "96", "--steps", "2", "--repeats", "1"]) == 0
    assert _rows(capsys.readouterr().out) == [
        "learned model, 2 steps, 64², five maps on disk, warm",
        "learned model, 2 steps, 96², five maps on disk, warm",
    ]


def test_maps_of_images(bench: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--maps", "128", "--repeats", "1"]) == 0
    assert _rows(capsys.readouterr().out) == ["five maps on disk from an image of 128², warm"]


def test_a_model_that_is_not_there_is_told(
    bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main(["--learned", str(tmp_path / "none"), "--repeats", "1"]) == 1
    assert "none" in capsys.readouterr().out and os.environ["TEXLOOM_PYTHON"] == sys.executable
