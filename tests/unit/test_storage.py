# SPDX-License-Identifier: GPL-3.0-or-later
"""Default folders, atomic files, job folders and the library."""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
from texloom import storage
from texloom.errors import ErrorCode, StorageError
from texloom.library_entry import delete_variation
from texloom.request import GenerationRequest
from texloom.storage import JobFolder, Library


def _request(prompt: str = "weathered red brick wall", **values: object) -> GenerationRequest:
    return GenerationRequest(prompt=prompt, seed=7, id="abcdef0123456789", **values)  # type: ignore[arg-type]


def _publish(library: Path, request: GenerationRequest, when: datetime | None = None) -> Path:
    with JobFolder(library, request) as job:
        (job.path / "00_base_color.png").write_bytes(b"png")
        maps = {"base_color": {"file": "00_base_color.png", "width": 8, "height": 8}}
        manifest = {
            "schema": 1,
            "request": request.to_dict(),
            "created": "2030-01-02T03:04:05+00:00",
            "results": [{"index": 0, "seed": 7, "maps": maps}],
        }
        storage.write_json_atomic(job.path / "manifest.json", manifest)
        return job.publish(when)


class TestPlaces:
    def test_variables_win(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEXLOOM_HOME", str(tmp_path / "home"))
        monkeypatch.delenv("TEXLOOM_LIBRARY", raising=False)
        assert storage.home() == tmp_path / "home"
        assert storage.library_path() == tmp_path / "home" / "library"
        monkeypatch.setenv("TEXLOOM_LIBRARY", str(tmp_path / "elsewhere"))
        assert storage.library_path() == tmp_path / "elsewhere"

    @pytest.mark.parametrize(
        ("platform", "variable", "tail"),
        [
            ("linux", "XDG_DATA_HOME", ("data", "texloom")),
            ("win32", "LOCALAPPDATA", ("data", "texloom")),
            ("darwin", None, ("Library", "Application Support", "texloom")),
        ],
    )
    def test_each_system_has_its_place(
        self,
        platform: str,
        variable: str | None,
        tail: tuple[str, ...],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.delenv("TEXLOOM_HOME", raising=False)
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr(Path, "home", lambda: tmp_path)
        if variable:
            monkeypatch.setenv(variable, str(tmp_path / "data"))
        assert storage.home() == tmp_path.joinpath(*tail)


class TestFiles:
    def test_json_goes_there_and_back(self, tmp_path: Path) -> None:
        path = tmp_path / "new folder" / "settings.json"
        data = {"schema": 1, "prompt": "红砖墙 “ß”", "values": [1, 2.5, None, True]}
        storage.write_json_atomic(path, data)
        assert storage.read_json(path) == data
        assert "红砖墙" in path.read_text(encoding="utf-8")
        assert [item.name for item in path.parent.iterdir()] == ["settings.json"]

    def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "settings.json"
        storage.write_json_atomic(path, {"value": "old"})

        def full(_descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="No space left") as caught:
            storage.write_json_atomic(path, {"value": "new"})
        assert "disk is full" in caught.value.advice
        assert caught.value.code is ErrorCode.STORAGE
        assert storage.read_json(path) == {"value": "old"}
        assert [item.name for item in tmp_path.iterdir()] == ["settings.json"]

    def test_not_json_is_refused_before_the_disk_is_touched(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError):
            storage.write_json_atomic(tmp_path / "a.json", {"value": float("nan")})
        with pytest.raises(StorageError):
            storage.write_json_atomic(tmp_path / "a.json", {"value": object()})
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"null", b"[" * 100_000])
    def test_damaged_files_are_named(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "broken.json"
        path.write_bytes(content)
        with pytest.raises(StorageError, match=r"broken\.json is damaged"):
            storage.read_json(path)

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match="does not exist"):
            storage.read_json(tmp_path / "none.json")

    def test_migrations_run_in_order(self, tmp_path: Path) -> None:
        path = tmp_path / "settings.json"
        storage.write_json_atomic(path, {"schema": 1, "size": 5})
        steps = {
            1: lambda data: {"width": data["size"]},
            2: lambda data: {"width": data["width"] * 2},
        }
        assert storage.read_versioned(path, schema=3, migrations=steps) == {"schema": 3, "width": 10}

    @pytest.mark.parametrize(
        ("schema", "message"), [(2, "newer Texloom"), ("1", "schema version"), (True, "schema"), (None, "schema")]
    )
    def test_schemas_that_cannot_be_read(self, schema: object, message: str, tmp_path: Path) -> None:
        path = tmp_path / "settings.json"
        storage.write_json_atomic(path, {"schema": schema})
        with pytest.raises(StorageError, match=message):
            storage.read_versioned(path, schema=1)

    def test_a_missing_migration_is_an_error(self, tmp_path: Path) -> None:
        path = tmp_path / "settings.json"
        storage.write_json_atomic(path, {"schema": 1})
        with pytest.raises(StorageError, match="no longer reads"):
            storage.read_versioned(path, schema=2)


class TestSlug:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Weathered RED brick, white mortar!", "weathered-red-brick-white-mortar"),
            ("../../etc/passwd", "etc-passwd"),
            ("红砖墙 texture", "红砖墙-texture"),
            ("हिन्दी ईंट", "हिन्दी-ईंट"),
            ("???", "untitled"),
            ("con\\nul: a*b|c", "con-nul-a-b-c"),
        ],
    )
    def test_examples(self, text: str, expected: str) -> None:
        assert storage.slug(text) == expected

    def test_is_short(self) -> None:
        assert len(storage.slug("long words " * 50)) <= storage.SLUG_LENGTH


class TestJobFolder:
    def test_published_under_its_final_name(self, tmp_path: Path) -> None:
        when = datetime(2030, 1, 2, 3, 4, 5)
        folder = _publish(tmp_path, _request(), when)
        assert folder == tmp_path / "20300102-030405-weathered-red-brick-wall-abcdef01"
        assert (folder / "00_base_color.png").read_bytes() == b"png"
        assert [item.name for item in tmp_path.iterdir()] == [folder.name]

    def test_the_same_name_is_not_taken_twice(self, tmp_path: Path) -> None:
        when = datetime(2030, 1, 2, 3, 4, 5)
        first, second = (_publish(tmp_path, _request(), when) for _ in range(2))
        assert second.name == first.name + "-2"
        assert (first / "manifest.json").is_file()
        assert (second / "manifest.json").is_file()

    def test_an_exception_leaves_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError), JobFolder(tmp_path, _request()) as job:
            (job.path / "00_base_color.png").write_bytes(b"png")
            raise RuntimeError
        assert list(tmp_path.iterdir()) == []

    def test_remains_of_a_killed_run_go_away(self, tmp_path: Path) -> None:
        (tmp_path / ".partial-abcdef0123456789").mkdir()
        (tmp_path / ".partial-abcdef0123456789" / "07_old.png").write_bytes(b"old")
        folder = _publish(tmp_path, _request())
        assert sorted(item.name for item in folder.iterdir()) == ["00_base_color.png", "manifest.json"]

    def test_a_library_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(StorageError, match="make the folder"):
            JobFolder(tmp_path / "file" / "library", _request()).create()


class TestLibrary:
    def test_a_missing_folder_is_an_empty_library(self, tmp_path: Path) -> None:
        assert Library(tmp_path / "none").scan() == []

    def test_newest_first_with_the_request(self, tmp_path: Path) -> None:
        old = _publish(tmp_path, _request("old wall"), datetime(2030, 1, 1))
        new = _publish(tmp_path, _request("new wall"), datetime(2030, 1, 2))
        (tmp_path / ".partial-running").mkdir()
        (tmp_path / "notes.txt").write_text("not a folder")
        entries = Library(tmp_path).scan()
        assert [entry.folder for entry in entries] == [new, old]
        assert entries[0].prompt == "new wall"
        assert entries[0].created.startswith("2030")
        assert entries[0].request == _request("new wall")
        assert entries[0].files() == {"base_color": new / "00_base_color.png"}
        assert entries[0].files(3) == {}

    def test_broken_entries_are_flagged_not_fatal(self, tmp_path: Path) -> None:
        good = _publish(tmp_path, _request(), datetime(2030, 1, 1))
        lost = _publish(tmp_path, _request(), datetime(2030, 1, 2))
        (lost / "00_base_color.png").unlink()
        (tmp_path / "20300103-000000-empty-0").mkdir()
        entries = Library(tmp_path).scan()
        assert [entry.broken for entry in entries] == [True, True, False]
        assert "does not exist" in entries[0].error
        assert "00_base_color.png is missing" in entries[1].error
        assert entries[2].folder == good
        assert entries[0].prompt == ""
        with pytest.raises(StorageError):
            _ = entries[0].request

    @pytest.mark.parametrize("file", ["../secret.png", "/etc/passwd", "a/b.png", "C:evil.png", "..", "", 5, None])
    def test_a_manifest_cannot_point_outside_its_folder(self, file: object, tmp_path: Path) -> None:
        folder = _publish(tmp_path, _request())
        data = json.loads((folder / "manifest.json").read_text())
        data["results"][0]["maps"]["base_color"]["file"] = file
        storage.write_json_atomic(folder / "manifest.json", data)
        with pytest.raises(StorageError, match="no proper file name"):
            storage.read_manifest(folder)

    @pytest.mark.parametrize("change", [{"request": None}, {"results": None}, {"results": [1]}, {"schema": 99}])
    def test_manifests_of_another_shape(self, change: dict[str, object], tmp_path: Path) -> None:
        folder = _publish(tmp_path, _request())
        data = {**json.loads((folder / "manifest.json").read_text()), **change}
        storage.write_json_atomic(folder / "manifest.json", data)
        with pytest.raises(StorageError):
            storage.read_manifest(folder)

    def test_a_variation_is_deleted_with_its_files_and_the_last_with_the_folder(self, tmp_path: Path) -> None:
        folder = _publish(tmp_path, _request())
        data = json.loads((folder / "manifest.json").read_text())
        second = {"index": 1, "thumbnail": "01_thumbnail.png", "maps": {"base_color": {"file": "01_base_color.png"}}}
        data["results"].append(second)
        for name in ("01_base_color.png", "01_thumbnail.png"):
            (folder / name).write_bytes(b"png")
        storage.write_json_atomic(folder / "manifest.json", data)
        with pytest.raises(StorageError, match="no variation 8"):
            delete_variation(tmp_path, folder, 7)
        assert delete_variation(tmp_path, folder, 1)
        assert sorted(item.name for item in folder.iterdir()) == ["00_base_color.png", "manifest.json"]
        assert [result["index"] for result in storage.read_manifest(folder)["results"]] == [0]
        # What somebody put there is not deleted with it; the kept source of a picture is Texloom's own.
        (folder / "source.jpg").write_bytes(b"jpg")
        (folder / "my notes.txt").write_text("mine")
        with pytest.raises(StorageError, match=r"my notes\.txt"):
            delete_variation(tmp_path, folder, 0)
        (folder / "my notes.txt").unlink()
        assert not delete_variation(tmp_path, folder, 0) and not folder.exists()

    def test_only_old_remains_are_removed(self, tmp_path: Path) -> None:
        old, young = tmp_path / ".partial-old", tmp_path / ".partial-young"
        for folder in (old, young):
            folder.mkdir()
        result = _publish(tmp_path, _request())
        for folder in (old, result):
            os.utime(folder, (time.time() - 90_000, time.time() - 90_000))
        assert Library(tmp_path).remove_stale() == 1
        assert not old.exists()
        assert young.exists()
        assert result.exists()
