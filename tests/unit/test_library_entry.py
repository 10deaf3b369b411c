# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes on results, shared by programs and machines, and deleting results."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import texloom
from results_on_disk import write
from texloom import library_entry
from texloom.errors import StorageError
from texloom.request import GenerationRequest
from texloom.storage import folder_name, read_manifest


class TestNotes:
    def test_changes_are_merged(self, tmp_path: Path) -> None:
        folder = write(tmp_path)
        assert library_entry.read_notes(folder) == library_entry.Notes()
        library_entry.change_notes(folder, favourite=True)
        library_entry.change_notes(folder, tags=[" a ", "A", "", "砖 墙"])
        notes = library_entry.change_notes(folder, rating=3)
        assert notes == library_entry.Notes(favourite=True, tags=("a", "砖 墙"), rating=3)
        assert library_entry.change_notes(folder, favourite=False).favourite is False
        assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []

    def test_what_another_version_noted_stays(self, tmp_path: Path) -> None:
        folder = write(tmp_path)
        (folder / "notes.json").write_text('{"schema": 1, "mood": "calm"}')
        library_entry.change_notes(folder, favourite=True)
        assert json.loads((folder / "notes.json").read_text())["mood"] == "calm"

    def test_two_processes_lose_nothing(self, tmp_path: Path) -> None:
        folder = write(tmp_path)
        code = (
            "import sys; from pathlib import Path; from texloom import library_entry as entry\n"
            "folder = Path(sys.argv[1])\n"
            "for turn in range(60):\n"
            "    if sys.argv[2] == 'rating':\n"
            "        entry.change_notes(folder, rating=turn % 5)\n"
            "        seen = entry.read_notes(folder).rating == turn % 5\n"
            "    else:\n"
            "        entry.change_notes(folder, tags=[f'tag{turn}'])\n"
            "        seen = entry.read_notes(folder).tags == (f'tag{turn}',)\n"
            "    assert seen, turn\n"
        )
        env = os.environ | {"PYTHONPATH": str(Path(texloom.__file__).parents[1])}
        running = [
            subprocess.Popen([sys.executable, "-c", code, str(folder), what], env=env, stderr=subprocess.PIPE)
            for what in ("rating", "tags")
        ]
        for process in running:
            _, said = process.communicate(timeout=120)
            assert process.returncode == 0, said.decode()
        assert library_entry.read_notes(folder) == library_entry.Notes(tags=("tag59",), rating=4)

    def test_a_dead_program_s_lock_goes_and_a_living_one_s_is_respected(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = write(tmp_path)
        lock = folder / ".notes.lock"
        lock.touch()
        os.utime(lock, (time.time() - 60,) * 2)
        assert library_entry.change_notes(folder, favourite=True).favourite
        lock.touch()
        monkeypatch.setattr(library_entry, "_LOCK_WAIT", 0.05)
        with pytest.raises(StorageError, match="Another program"):
            library_entry.change_notes(folder, favourite=False)
        assert library_entry.read_notes(folder).favourite and lock.exists()

    def test_a_read_only_folder_is_told_in_words(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = write(tmp_path)

        def refuse(*arguments: Any) -> int:
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(StorageError, match="Read-only file system") as caught:
            library_entry.change_notes(folder, favourite=True)
        assert "may write there" in caught.value.advice

    def test_out_of_range(self, tmp_path: Path) -> None:
        folder = write(tmp_path)
        for wrong in ({"rating": 6}, {"rating": -1}, {"tags": ["x" * 64]}, {"tags": [str(n) for n in range(60)]}):
            with pytest.raises(ValueError, match=r"rating|tags"):
                library_entry.change_notes(folder, **wrong)
        with pytest.raises(StorageError, match="does not exist"):
            library_entry.change_notes(tmp_path / "none", favourite=True)


class TestDeleting:
    def test_only_results_in_the_library(self, tmp_path: Path) -> None:
        library = tmp_path / "library"
        folder = write(library)
        outside = write(tmp_path / "other")
        mine = library / "mine"
        mine.mkdir()
        (mine / "work.blend").write_text("precious")
        link = library / "20260101-000000-link-1"
        link.symlink_to(outside, target_is_directory=True)
        for wrong, why in (
            (outside, "not in the library"),
            (library, "not in the library"),
            (library / ".." / "other" / outside.name, "not in the library"),
            (mine, "does not look like"),
            (link, "link"),
            (library / "none", "does not exist"),
        ):
            with pytest.raises(StorageError, match=why):
                library_entry.delete_result(library, wrong, everything=True)
        assert (mine / "work.blend").is_file() and read_manifest(outside)
        library_entry.delete_result(library, folder)
        assert sorted(path.name for path in library.iterdir()) == [link.name, "mine"]

    def test_links_inside_are_not_followed(self, tmp_path: Path) -> None:
        library = tmp_path / "library"
        folder = write(library)
        precious = tmp_path / "precious"
        precious.mkdir()
        (precious / "file").write_text("x")
        (folder / "way out").symlink_to(precious, target_is_directory=True)
        assert library_entry.foreign_files(folder) == ["way out"]
        library_entry.delete_result(library, folder, everything=True)
        assert (precious / "file").is_file() and not folder.exists()

    def test_files_of_others_are_kept_unless_asked(self, tmp_path: Path) -> None:
        folder = write(tmp_path)
        library_entry.change_notes(folder, favourite=True)
        (folder / "my scene.blend").write_text("x")
        (folder / "renders").mkdir()
        with pytest.raises(StorageError, match=r"my scene\.blend, renders"):
            library_entry.delete_result(tmp_path, folder)
        assert (folder / "manifest.json").is_file()
        library_entry.delete_result(tmp_path, folder, everything=True)
        assert list(tmp_path.iterdir()) == [path for path in tmp_path.iterdir() if path.name == "home"]

    def test_a_folder_in_use_stays_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = write(tmp_path)

        def refuse(*arguments: Any) -> None:
            raise PermissionError(errno.EACCES, "in use")

        monkeypatch.setattr(os, "rename", refuse)
        with pytest.raises(StorageError, match="delete"):
            library_entry.delete_result(tmp_path, folder)
        assert len(list(folder.iterdir())) == 3

    def test_names_that_texloom_gives_look_like_results(self) -> None:
        for prompt in ("red bricks", "砖", "a" * 300, "..", "x - y"):
            name = folder_name(GenerationRequest(prompt=prompt))
            assert library_entry.looks_like_result(Path(name)) and library_entry.looks_like_result(Path(f"{name}-2"))
        for name in ("pictures", "20260101", "20260101-000000", "20260101-holiday"):
            assert not library_entry.looks_like_result(Path(name))
