# SPDX-License-Identifier: GPL-3.0-or-later
"""Hashes of a model's weights: read once, and not at all where a download has compared them just now."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from texloom import hash_cache
from texloom.engine import model_folder
from texloom.engine.model_folder import hash_files, read_folder


def _hashed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, str], int]:
    """The hashes, and how many files were read for them."""
    read: list[int] = []
    real = hashlib.sha256

    def counted() -> object:
        read.append(1)
        return real()

    with monkeypatch.context() as patch:
        patch.setattr(model_folder.hashlib, "sha256", counted)
        return hash_files(read_folder(folder), lambda fraction: None), len(read)


def test_once(stable_diffusion: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, read = _hashed(stable_diffusion, monkeypatch)
    assert read == len(first) == 3
    assert _hashed(stable_diffusion, monkeypatch) == (first, 0)


def test_not_after_a_download(stable_diffusion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(shutil.copytree(stable_diffusion, tmp_path / "model"))
    (tmp_path / "link").symlink_to(folder)
    weights = sorted(folder.rglob("*.safetensors"))
    # As a download notes them, by whatever path the folder is opened later.
    hash_cache.add({path: hashlib.sha256(path.read_bytes()).hexdigest() for path in weights})
    found, read = _hashed(tmp_path / "link", monkeypatch)
    assert read == 0
    weights[0].write_bytes(weights[0].read_bytes())  # at another time, so that it may be another file
    assert _hashed(folder, monkeypatch) == (found, 1)
