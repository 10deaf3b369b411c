# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleting what was downloaded: only that, and only where Texloom put it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from texloom import model_store
from texloom.errors import StorageError
from texloom.runtime.lock import FolderLock
from texloom.settings import Settings


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TEXLOOM_MODELS", raising=False)
    return Settings(model_folders=str(tmp_path / "models"))


def downloaded(tmp_path: Path, *, names: tuple[str, ...] = ("model_index.json", "unet/a.safetensors")) -> Path:
    folder = tmp_path / "models" / "owner--model"
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"12345")
    record = {"schema": 1, "hub": "owner/model", "revision": "x", "files": {name: {} for name in names}}
    (folder / model_store.RECORD).write_text(json.dumps(record), encoding="utf-8")
    return folder


def test_all_of_it_goes_and_its_bytes_are_told(tmp_path: Path, chosen: Settings) -> None:
    folder = downloaded(tmp_path)
    assert model_store.find("owner/model", chosen=chosen) == folder and model_store.deletable(folder, chosen)
    assert model_store.delete(folder, chosen) == 10
    assert not folder.exists() and folder.parent.is_dir()


def test_files_of_others_stay(tmp_path: Path, chosen: Settings) -> None:
    folder = downloaded(tmp_path)
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    model_store.delete(folder, chosen)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert model_store.find("owner/model", chosen=chosen) is None


def test_a_record_reaches_no_further_than_its_folder(tmp_path: Path, chosen: Settings) -> None:
    outside = tmp_path / "models" / "precious.txt"
    folder = downloaded(tmp_path)
    outside.write_text("keep", encoding="utf-8")
    record = json.loads((folder / model_store.RECORD).read_text(encoding="utf-8"))
    record["files"]["../precious.txt"] = {}
    (folder / model_store.RECORD).write_text(json.dumps(record), encoding="utf-8")
    model_store.delete(folder, chosen)
    assert outside.read_text(encoding="utf-8") == "keep"


def test_what_others_put_there_is_not_deleted(tmp_path: Path, chosen: Settings) -> None:
    own = tmp_path / "models" / "mine"
    own.mkdir(parents=True)
    (own / "model_index.json").write_text("{}", encoding="utf-8")
    elsewhere = downloaded(tmp_path).rename(tmp_path / "elsewhere")
    for folder in (own, elsewhere):
        with pytest.raises(StorageError, match="was not downloaded by Texloom"):
            model_store.delete(folder, chosen)
        assert (folder / "model_index.json").is_file()


def test_not_while_it_is_being_downloaded(tmp_path: Path, chosen: Settings) -> None:
    folder = downloaded(tmp_path)
    (folder / model_store.PARTIAL).mkdir()
    lock = FolderLock(folder / model_store.PARTIAL / "lock")
    assert lock.take()
    try:
        with pytest.raises(StorageError, match="is being downloaded now"):
            model_store.delete(folder, chosen)
    finally:
        lock.free()
    assert model_store.delete(folder, chosen) == 10


def test_parts_of_an_unfinished_download_count_and_go(tmp_path: Path, chosen: Settings) -> None:
    folder = tmp_path / "models" / "owner--model"
    (folder / model_store.PARTIAL).mkdir(parents=True)
    (folder / model_store.PARTIAL / "abc").write_bytes(bytes(100))
    assert model_store.unfinished_bytes("owner/model", chosen) == 100
    assert model_store.unfinished_bytes("owner/other", chosen) == 0
    assert model_store.delete(folder, chosen) == 100 and not folder.exists()
