# SPDX-License-Identifier: GPL-3.0-or-later
"""The library of results: index, search, what is damaged, and the command line."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import texloom
from results_on_disk import manifest, write
from texloom import cli, library_entry, library_index
from texloom.errors import StorageError
from texloom.library_index import LibraryIndex, find, open_index, read_card
from texloom.library_search import fold, haystack, matches, needles


def scanned(library: Path) -> LibraryIndex:
    index = LibraryIndex(library)
    index.scan()
    return index


class TestSearch:
    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("Weathered red brick wall", "brick weath"),
            ("Weathered red brick wall", "RED"),
            ("crème brûlée tiles", "creme brulee"),
            ("creme tiles", "CRÈME"),
            ("Straße aus Kopfstein", "strasse"),
            ("smørrebrød", "smorre"),
            ("time-worn oak", "worn"),
            ("time-worn oak", "time-worn"),
            ("风化的红砖墙", "红砖"),
            ("風化した煉瓦", "煉瓦"),
            ("오래된 벽돌", "벽돌"),
            ("อิฐแดงเก่า", "แดง"),
            ("made 2026-02-03", "2026-02"),
            ("“mossy” cobblestone, wet", "mossy wet"),
            ("ＦＵＬＬ width", "full"),
            ("anything", ""),
        ],
    )
    def test_finds(self, text: str, query: str) -> None:
        assert matches(haystack([text]), needles(query))

    @pytest.mark.parametrize(
        ("text", "query"),
        [("Weathered red brick", "rick"), ("red brick", "red wall"), ("红砖", "砖红"), ("oak", "oak!x")],
    )
    def test_does_not_find(self, text: str, query: str) -> None:
        assert not matches(haystack([text]), needles(query))

    def test_folding_is_stable(self) -> None:
        for text in ("İstanbul", "ΣΑΣ", "ﬁne", "e\u0301", "\ud800"):
            assert fold(fold(text)) == fold(text)


class TestIndex:
    def test_a_card_tells_everything(self, tmp_path: Path) -> None:
        folder = write(tmp_path)
        library_entry.change_notes(folder, favourite=True, tags=["Kitchen"], rating=4)
        (card,) = scanned(tmp_path).cards
        assert (card.prompt, card.kind, card.model, card.model_name, card.width, card.seed) == (
            "red bricks", "material", "instant", "Instant", 64, 5,
        )  # fmt: skip
        assert card.families == ("Brick wall",) and card.picture() == folder / "00_thumbnail.png"
        assert card.notes == library_entry.Notes(favourite=True, tags=("Kitchen",), rating=4)
        assert card.time == datetime.fromisoformat("2026-02-03T10:00:00+00:00").timestamp() and not card.broken
        for words in ("red", "brick wall", "instant", "kitchen", "2026-02-03", "material", "BRI KIT"):
            assert find([card], words) == [card], words
        assert find([card], "green") == []

    def test_older_results_have_no_thumbnail_and_no_reading(self, tmp_path: Path) -> None:
        data = manifest()
        del data["results"][0]["thumbnail"], data["results"][0]["reading"]
        folder = write(tmp_path, data=data)
        (card,) = scanned(tmp_path).cards
        assert card.picture() == folder / "00_base_color.png" and card.families == ("Bricks",)

    def test_what_comes_goes_and_changes_is_seen(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        index = scanned(tmp_path / "library")
        assert index.cards == ()
        folder = write(tmp_path / "library")
        assert index.changed()
        index.scan()
        assert len(index.cards) == 1
        read: list[Path] = []
        real = library_index.read_manifest
        monkeypatch.setattr(library_index, "read_manifest", lambda path: read.append(path) or real(path))
        revision = index.revision
        index.scan()
        assert read == [] and index.revision == revision
        library_entry.change_notes(folder, favourite=True)
        write(tmp_path / "library", "20260204-100000-more-99999999", prompt="more")
        index.scan()
        assert len(index.cards) == 2 and len(read) == 2 and index.revision > revision
        (folder / "00_base_color.png").unlink()
        index.scan()
        card = index.get(folder.name)
        assert card is not None and "00_base_color.png is missing" in card.error and card.notes.favourite
        library_entry.delete_result(tmp_path / "library", folder)
        index.scan()
        assert [card.prompt for card in index.cards] == ["more"]

    def test_a_quiet_library_is_not_scanned_again(self, tmp_path: Path) -> None:
        write(tmp_path)
        old = time.time() - 60
        os.utime(tmp_path, (old, old))
        index = scanned(tmp_path)
        assert not index.changed()
        (tmp_path / "new").mkdir()
        assert index.changed()

    def test_half_written_and_foreign_folders_are_not_shown(self, tmp_path: Path) -> None:
        write(tmp_path, ".partial-abc")
        (tmp_path / "holiday pictures").mkdir()
        (tmp_path / "notes.txt").write_text("mine")
        assert scanned(tmp_path).cards == ()

    def test_results_from_another_process(self, tmp_path: Path) -> None:
        index = scanned(tmp_path)
        code = (
            "import sys; from pathlib import Path; from texloom import api; from texloom.backends.fake import *;"
            "api.Session(library=sys.argv[1], backend=FakeBackend()).generate('from elsewhere', width=64, height=64)"
        )
        env = os.environ | {"PYTHONPATH": str(Path(texloom.__file__).parents[1])}
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=env, check=True, timeout=60)
        assert index.changed()
        index.scan()
        assert [(card.prompt, card.error) for card in index.cards] == [("from elsewhere", "")]

    def test_order_and_filters(self, tmp_path: Path) -> None:
        write(tmp_path, "20260101-000000-b-1", prompt="Birch", created="2026-01-01T00:00:00Z")
        write(tmp_path, "20260102-000000-a-2", prompt="ash", created="2026-01-02T00:00:00Z")
        write(tmp_path, "20260103-000000-c-3", data="{")
        library_entry.change_notes(tmp_path / "20260101-000000-b-1", favourite=True)
        cards = scanned(tmp_path).cards
        names = lambda **options: [card.prompt or "broken" for card in find(cards, **options)]  # noqa: E731
        assert names() == ["broken", "ash", "Birch"]
        assert names(sort="OLDEST") == ["Birch", "ash", "broken"]
        assert names(sort="NAME") == ["ash", "Birch", "broken"]
        assert names(favourites=True) == ["Birch"] and names(kind="broken") == ["broken"]
        assert names(kind="material", search="bi") == ["Birch"] and names(kind="texture") == []
        with pytest.raises(ValueError, match="sort"):
            find(cards, sort="SIZE")
        with pytest.raises(ValueError, match="kind"):
            find(cards, kind="object")

    def test_the_cache_gives_the_same_and_is_only_a_copy(self, tmp_path: Path, own_home: Path) -> None:
        library = tmp_path / "Bücherei 库"
        for number in range(5):
            write(library, f"20260101-00000{number}-x-{number}", prompt=f"prompt {number} 砖")
        write(library, "20260101-000009-broken-9", data="no json")
        first = open_index(library)
        first.scan()
        first.save()
        (file,) = (own_home / "cache").iterdir()
        second = open_index(library)
        reads: list[Path] = []
        real = library_index.read_card
        library_index.read_card = lambda folder, *rest: reads.append(folder) or real(folder, *rest)  # type: ignore[assignment]
        try:
            second.scan()
        finally:
            library_index.read_card = real
        assert reads == [] and sorted(first.cards, key=str) == sorted(second.cards, key=str)
        for damage in (b"", b"\xff\xfe", b"{}\n{}", file.read_bytes()[:-40], file.read_bytes() + b"\n[1]"):
            file.write_bytes(damage)
            third = open_index(library)
            third.scan()
            assert sorted(third.cards, key=str) == sorted(first.cards, key=str)

    def test_an_unreadable_library_is_an_error_in_words(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("no folder")
        with pytest.raises(StorageError, match="Could not read"):
            LibraryIndex(tmp_path / "file").scan()

    def test_searching_while_a_thread_scans(self, tmp_path: Path) -> None:
        for number in range(300):
            write(tmp_path, f"20260101-{number:06d}-x-{number}", prompt=f"tile {number}")
        index = LibraryIndex(tmp_path)
        progress: list[tuple[int, int]] = []
        thread = threading.Thread(
            target=lambda: index.scan(gently=True, progress=lambda done, of: progress.append((done, of)))
        )
        thread.start()
        counts = []
        while thread.is_alive():
            counts.append(len(find(index.cards, "tile")))
            index.look("20260101-000007-x-7")
        thread.join()
        assert counts == sorted(counts) and len(index.cards) == 300
        assert progress[-1] == (300, 300) and progress[0][1] == 300
        index.scan(stop=lambda: True)  # ends early, forgets nothing
        assert len(index.cards) == 300

    def test_two_thousand_results(self, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
        text = json.dumps(manifest("weathered red brick wall number NUMBER"))
        for number in range(2000):
            write(tmp_path / "library", f"20260101-{number:06d}-x-{number:08x}", text.replace("NUMBER", str(number)))
        index = LibraryIndex(tmp_path / "library", tmp_path / "cache.jsonl")
        times = {}

        def measured(name: str, call: Callable[[], Any]) -> Any:
            began = time.perf_counter()
            made = call()
            times[name] = round((time.perf_counter() - began) * 1000, 2)
            return made

        measured("first scan", index.scan)
        measured("second scan", index.scan)
        again = LibraryIndex(tmp_path / "library", tmp_path / "cache.jsonl")
        measured("scan with cache", again.scan)
        measured("changed", again.changed)
        found = measured("search", lambda: find(again.cards, "brick 1234"))
        record_property("milliseconds", times)
        assert [card.prompt for card in found] == ["weathered red brick wall number 1234"]
        assert len(index.cards) == len(again.cards) == 2000


class Damaged:
    """Ways in which a manifest, or what is beside it, may be spoilt."""

    @staticmethod
    def changed(**changes: Any) -> Callable[[Path], None]:
        def spoil(folder: Path) -> None:
            path = folder / "manifest.json"
            path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")

        return spoil

    @staticmethod
    def result(**changes: Any) -> Callable[[Path], None]:
        def spoil(folder: Path) -> None:
            path = folder / "manifest.json"
            data = json.loads(path.read_text(encoding="utf-8"))
            data["results"][0] |= changes
            path.write_text(json.dumps(data), encoding="utf-8")

        return spoil

    @staticmethod
    def raw(data: bytes) -> Callable[[Path], None]:
        return lambda folder: (folder / "manifest.json").write_bytes(data) and None


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty": (Damaged.raw(b""), "damaged"),
    "binary": (Damaged.raw(b"\xff\x00\x81"), "damaged"),
    "cut": (Damaged.raw(b'{"schema": 1, "request"'), "damaged"),
    "list": (Damaged.raw(b"[]"), "no JSON object"),
    "deep": (Damaged.raw(b"[" * 100_000), "damaged"),
    "missing": (lambda folder: (folder / "manifest.json").unlink(), "does not exist"),
    "directory": (lambda folder: (folder / "manifest.json").unlink() or (folder / "manifest.json").mkdir(), "read"),
    "newer": (Damaged.changed(schema=99), "newer Texloom"),
    "schema text": (Damaged.changed(schema="1"), "schema version"),
    "request text": (Damaged.changed(request="bricks"), "no request"),
    "results text": (Damaged.changed(results="none"), "no results"),
    "results empty": (Damaged.changed(results=[]), "no results"),
    "result text": (Damaged.changed(results=["x"]), "no maps"),
    "maps text": (Damaged.result(maps="x"), "no maps"),
    "maps empty": (Damaged.result(maps={}), "no maps"),
    "no number": (Damaged.result(index="first"), "no number"),
    "outside": (Damaged.result(maps={"base_color": {"file": "../../etc/passwd"}}), "file name"),
    "long name": (Damaged.result(maps={"base_color": {"file": "x" * 5000}}), "missing"),
    "surrogate": (Damaged.result(maps={"base_color": {"file": "\ud800.png"}}), "missing"),
    "file gone": (lambda folder: (folder / "00_base_color.png").unlink(), "missing"),
}
SOUND: dict[str, Callable[[Path], None]] = {
    "created text": Damaged.changed(created="yesterday"),
    "created huge": Damaged.changed(created="9999-12-31T23:59:59+00:00"),
    "created number": Damaged.changed(created=5),
    "model text": Damaged.changed(model="x"),
    "no model": Damaged.changed(model=None),
    "thumbnail outside": Damaged.result(thumbnail="../x.png"),
    "thumbnail gone": lambda folder: (folder / "00_thumbnail.png").unlink(),
    "thumbnail number": Damaged.result(thumbnail=7),
    "reading text": Damaged.result(reading="x", parameters=[]),
    "family list": Damaged.result(reading={"family": ["x"]}),
    "seed text": Damaged.result(seed="5", tile_width_m="wide"),
    "prompt number": Damaged.changed(request={"prompt": 5, "width": "64", "kind": None}),
    "prompt surrogate": Damaged.changed(request={"prompt": "brick \ud800 wall"}),
}


class TestDamage:
    @pytest.mark.parametrize("name", BROKEN)
    def test_broken_results_are_shown_with_the_reason_and_can_be_deleted(self, name: str, tmp_path: Path) -> None:
        spoil, reason = BROKEN[name]
        folder = write(tmp_path)
        spoil(folder)
        sound = write(tmp_path, "20260101-000000-sound-1", prompt="sound")
        cards = {card.name: card for card in scanned(tmp_path).cards}
        card = cards[folder.name]
        assert card.broken and reason in card.error, card.error
        assert card.prompt == "" and card.title == "red bricks" and card.shots == () and card.time > 0
        assert find(list(cards.values()), "red") == [card], "by its name"
        assert not cards[sound.name].broken
        library_entry.delete_result(tmp_path, folder, everything=True)
        assert not folder.exists()

    @pytest.mark.parametrize("name", SOUND)
    def test_what_can_still_be_used_is(self, name: str, tmp_path: Path) -> None:
        folder = write(tmp_path)
        SOUND[name](folder)
        card = read_card(folder)
        assert card is not None and not card.broken and card.picture() is not None
        assert card.picture().parent == folder and card.picture().is_file()
        json.dumps(dataclasses.asdict(card), default=str).encode()
        card.prompt.encode()

    def test_damaged_notes_leave_the_result_usable(self, tmp_path: Path) -> None:
        folder = write(tmp_path)
        for content in ("{", "[]", '{"schema": 9}', '{"schema": 1, "tags": "x"}', '{"schema": 1, "rating": 9}'):
            (folder / "notes.json").write_text(content)
            card = read_card(folder)
            assert card is not None and not card.broken and card.notes_error and not card.notes.favourite
            with pytest.raises(StorageError):
                library_entry.change_notes(folder, favourite=True)
            assert (folder / "notes.json").read_text() == content


class TestCommand:
    @pytest.fixture
    def library(self, tmp_path: Path) -> Path:
        write(tmp_path / "lib", "20260101-000000-red-bricks-1", prompt="red bricks")
        write(tmp_path / "lib", "20260102-000000-oak-2", prompt="old oak planks", created="2026-03-03T00:00:00Z")
        write(tmp_path / "lib", "20260103-000000-bad-3", data="{")
        return tmp_path / "lib"

    def run(self, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[Any], str]:
        status = cli.main(["library", *words])
        out, err = capsys.readouterr()
        return status, [json.loads(line) for line in out.splitlines()] if "--json" in words else out.splitlines(), err

    def test_list_and_search(self, library: Path, capsys: pytest.CaptureFixture[str]) -> None:
        where = ("--folder", str(library))
        assert len(self.run(capsys, *where)[1]) == 3
        assert len(self.run(capsys, "list", *where, "--kind", "material")[1]) == 2
        status, rows, _ = self.run(capsys, *where, "--json", "search", "OAK", "pl")
        assert status == 0 and [row["prompt"] for row in rows] == ["old oak planks"]
        assert rows[0]["favourite"] is False and rows[0]["count"] == 1
        _, rows, _ = self.run(capsys, "list", *where, "--json", "--sort", "name", "--limit", "1", "--kind", "broken")
        assert "damaged" in rows[0]["error"]
        assert self.run(capsys, "search", "nothing", *where)[1] == []

    def test_favourite_tag_delete(self, library: Path, capsys: pytest.CaptureFixture[str]) -> None:
        where = ("--folder", str(library))
        name = "20260102-000000-oak-2"
        assert self.run(capsys, "favourite", name, *where)[0] == 0
        assert self.run(capsys, "tag", *where, str(library / name), "floor", "Client A")[0] == 0
        _, rows, _ = self.run(capsys, "list", *where, "--favourites", "--json")
        assert [row["tags"] for row in rows] == [["floor", "Client A"]]
        assert len(self.run(capsys, "search", "client", *where)[1]) == 1
        assert self.run(capsys, "favourite", "--off", name, *where)[0] == 0
        assert self.run(capsys, "list", *where, "--favourites")[1] == []
        status, _, said = self.run(capsys, "delete", name, *where)
        assert status == cli.EXIT_USAGE and "--yes" in said and (library / name).is_dir()
        assert self.run(capsys, "delete", "--yes", name, *where)[0] == 0 and not (library / name).exists()
        for words in (["favourite", "none"], ["tag", name, "x"], ["delete", "--yes", ".."]):
            status, _, said = self.run(capsys, *words, *where)
            assert status == cli.EXIT_USAGE and "There is no result" in said
        status, _, said = self.run(capsys, "tag", "20260101-000000-red-bricks-1", "x" * 70, *where)
        assert status == cli.EXIT_USAGE and "63 bytes" in said
