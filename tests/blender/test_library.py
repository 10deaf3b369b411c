# SPDX-License-Identifier: GPL-3.0-or-later
"""The library in Blender: its thread, the panel's state and drawing, operators, the API."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from pictures import write_result


def module(texloom: ModuleType, name: str) -> Any:
    return importlib.import_module(f"{texloom.__name__}.{name}")


@pytest.fixture
def library(texloom: ModuleType, tmp_path: Path) -> Iterator[Path]:
    """An empty library that the add-on uses."""
    addons = bpy.context.preferences.addons
    folder = tmp_path / "library"
    folder.mkdir()
    addons[texloom.__name__].preferences.library = str(folder)
    state = bpy.context.window_manager.texloom_library
    for name in ("search", "favourites", "kind", "sort", "rows", "first", "selected", "variation"):
        state.property_unset(name)
    yield folder
    module(texloom, "library_view").watcher().close()
    # Asked for anew: those from before are freed memory once a test has disabled the add-on.
    addons[texloom.__name__].preferences.library = ""


@pytest.fixture
def add(library: Path, texloom: ModuleType) -> Callable[..., Path]:
    """``add(name, prompt, **request)``: a result in the library."""
    requests = module(texloom, "core.texloom.request")

    def make(name: str, prompt: str = "red bricks", *, count: int = 1, maps: Any = None, **request: Any) -> Path:
        folder = library / name
        manifest = write_result(folder, maps, prompt=prompt)
        data = json.loads(manifest.read_text(encoding="utf-8"))
        data["request"] = requests.GenerationRequest(prompt=prompt, count=count, **request).to_dict()
        first = data["results"][0]
        data["results"] = [{**first, "index": index, "seed": 7 + index} for index in range(count)]
        manifest.write_text(json.dumps(data), encoding="utf-8")
        return folder

    return make


class Layout:
    """Stands for Blender's layout, which cannot be had without a window: notes what is drawn."""

    def __init__(self, drawn: list[tuple[str, dict[str, Any]]]) -> None:
        self.drawn = drawn

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            self.drawn.append((name, named | {"arguments": arguments}))
            if name == "operator":
                owner, _, which = arguments[0].partition(".")
                properties = getattr(getattr(bpy.ops, owner), which).get_rna_type().properties
                return Strict({item.identifier for item in properties}, self.drawn[-1][1])
            if name == "prop":
                assert arguments[1] in arguments[0].bl_rna.properties
            return Layout(self.drawn)

        return call


class Strict:
    """Takes the properties that an operator has, and no other."""

    def __init__(self, names: set[str], into: dict[str, Any]) -> None:
        object.__setattr__(self, "_given", (names, into))

    def __setattr__(self, name: str, value: Any) -> None:
        names, into = self._given
        assert name in names, name
        into[name] = value


class Context:
    """A context with a sidebar of some width."""

    def __init__(self, width: int) -> None:
        self.region = type("Region", (), {"width": width})
        self.window_manager = bpy.context.window_manager
        # In the background Blender has no screen, and a scale of 0.
        self.preferences = type("Preferences", (), {"system": type("System", (), {"ui_scale": 1.0})})
        self.scene = bpy.context.scene


def drawn(texloom: ModuleType, width: int = 300) -> list[tuple[str, dict[str, Any]]]:
    part = module(texloom, "panels.library").Library()
    noted: list[tuple[str, dict[str, Any]]] = []
    part.layout = Layout(noted)
    part.draw(Context(width))
    return noted


def operators(noted: list[tuple[str, dict[str, Any]]], name: str) -> list[dict[str, Any]]:
    return [call for kind, call in noted if kind == "operator" and call["arguments"][0] == f"texloom.{name}"]


def texts(noted: list[tuple[str, dict[str, Any]]]) -> str:
    return " | ".join(str(call.get("text", "")) for _, call in noted)


def wait(until: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


class TestWatcher:
    def test_reads_in_a_thread_and_hears_of_new_results(self, texloom: ModuleType, library: Path, add: Any) -> None:
        watcher = module(texloom, "library_view").watcher()
        add("20260101-000000-red-bricks-1")
        began = time.perf_counter()
        watcher.see()
        assert time.perf_counter() - began < 0.1
        wait(lambda: not watcher.busy)
        state = bpy.context.window_manager.texloom_library
        assert [card.prompt for card in watcher.found(state)] == ["red bricks"]
        add("20260102-000000-oak-2", "oak")
        wait(lambda: len(watcher.found(state)) == 2)
        state.search = "OA"
        assert [card.prompt for card in watcher.found(state)] == ["oak"]
        assert watcher.found(state) is watcher.found(state), "worked out once"
        state.search = ""
        thread = watcher._thread
        watcher.close()
        assert thread is not None and not thread.is_alive()

    def test_another_library_takes_over(self, texloom: ModuleType, library: Path, add: Any, tmp_path: Path) -> None:
        watcher = module(texloom, "library_view").watcher()
        state = bpy.context.window_manager.texloom_library
        add("20260101-000000-red-bricks-1")
        watcher.see()
        wait(lambda: len(watcher.found(state)) == 1)
        bpy.context.preferences.addons[texloom.__name__].preferences.library = str(tmp_path / "empty")
        watcher.see()
        assert watcher.found(state) == []
        wait(lambda: not watcher.busy)
        assert watcher.found(state) == [] and watcher.error == ""

    def test_an_unreadable_library_is_told_and_recovers(self, texloom: ModuleType, library: Path) -> None:
        watcher = module(texloom, "library_view").watcher()
        library.rmdir()
        library.write_text("no folder")
        watcher.see()
        wait(lambda: bool(watcher.error))
        assert "Could not read" in watcher.error
        assert "Could not read" in texts(drawn(texloom))
        library.unlink()
        library.mkdir()
        wait(lambda: not watcher.error)

    def test_ends_when_nobody_looks(self, texloom: ModuleType, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        view = module(texloom, "library_view")
        monkeypatch.setattr(view, "_IDLE", 0.05)
        monkeypatch.setattr(view, "_LOOK", 0.05)
        watcher = view.watcher()
        watcher.see()
        thread = watcher._thread
        wait(lambda: not thread.is_alive())
        assert watcher.tick() is None
        watcher.see()
        assert watcher._thread.is_alive() and watcher.tick() is not None

    def test_pictures_out_of_sight_are_let_go(
        self, texloom: ModuleType, library: Path, add: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        view, common = module(texloom, "library_view"), module(texloom, "panels.common")
        real = common.icon
        # Blender numbers no icons in the background.
        monkeypatch.setattr(common, "icon", lambda path, name: real(path, name) or int(Path(path).is_file()))
        paths = []
        for number in range(12):
            folder = add(f"20260101-0000{number:02d}-x-{number}")
            paths.append(folder / "00_base_color.png")
            assert view.picture(paths[-1]) > 0
        assert view.picture(paths[0]) == view.picture(paths[0]) and view.picture(library / "none.png") == 0
        view.forget_pictures_out_of_sight(5)
        assert len(view._pictures) == 12, "they were drawn a moment ago"
        view._IN_SIGHT, before = 0.0, view._IN_SIGHT
        try:
            view.forget_pictures_out_of_sight(5)
        finally:
            view._IN_SIGHT = before
        assert len(view._pictures) == 5 and f"library:{paths[0]}" in view._pictures
        assert sum(name.startswith("library:") for name in common._previews) == 5
        assert view.picture(paths[1]) > 0


class TestPanel:
    def ready(self, texloom: ModuleType) -> None:
        watcher = module(texloom, "library_view").watcher()
        watcher.see()
        wait(lambda: not watcher.busy)

    def test_stands_in_all_editors_and_is_closed(self, texloom: ModuleType) -> None:
        for prefix in ("", "image_", "shader_"):
            panel = getattr(bpy.types, f"TEXLOOM_PT_{prefix}library")
            assert "DEFAULT_CLOSED" in panel.bl_options

    def test_reading_empty_and_nothing_found(
        self, texloom: ModuleType, library: Path, add: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        open_index = module(texloom, "core.texloom.library_index").open_index
        watcher = module(texloom, "library_view").watcher()
        monkeypatch.setattr(watcher, "_opened", lambda folder: time.sleep(0.5) or open_index(folder))
        assert "Reading the library…" in texts(drawn(texloom))
        self.ready(texloom)
        monkeypatch.undo()
        assert "What you make appears here." in texts(drawn(texloom))
        add("20260101-000000-x-1")
        wait(lambda: bool(operators(drawn(texloom), "library_select")))
        bpy.context.window_manager.texloom_library.search = "zzz"
        assert "Nothing matches." in texts(drawn(texloom))
        bpy.ops.texloom.library_show_all()
        assert operators(drawn(texloom), "library_select")

    def test_pages_fit_the_width(self, texloom: ModuleType, library: Path, add: Any) -> None:
        for number in range(20):
            add(f"20260101-0000{number:02d}-x-{number}", f"prompt {number}")
        self.ready(texloom)
        state = bpy.context.window_manager.texloom_library
        state.rows = 2
        narrow, wide = (
            operators(drawn(texloom, 220), "library_select"),
            operators(drawn(texloom, 500), "library_select"),
        )
        assert len(narrow) == 4 and len(wide) == 10
        seen = []
        for _ in range(5):
            noted = drawn(texloom, 220)
            seen += [call["text"] for call in operators(noted, "library_select")]
            bpy.ops.texloom.library_page(first=operators(noted, "library_page")[1]["first"])
        assert len(set(seen)) == 20
        state.search = "prompt 1"
        assert state.first == 0 and "1–4 of 11" in texts(drawn(texloom, 220))

    def test_a_chosen_result_shows_what_made_it(self, texloom: ModuleType, library: Path, add: Any) -> None:
        folder = add("20260101-000000-x-1", "mossy cobblestone, wet", count=3, width=512, height=256)
        self.ready(texloom)
        bpy.ops.texloom.library_select(folder=folder.name, index=2)
        noted = drawn(texloom)
        text = texts(noted)
        for part in ("mossy cobblestone", "512 × 256", "9", "Instant"):
            assert part in text
        for name in ("apply", "settings", "open", "delete", "favourite", "tags"):
            assert [call["folder"] for call in operators(noted, f"library_{name}")] == [folder.name]
        assert operators(noted, "library_apply")[0]["index"] == operators(noted, "save_asset")[0]["index"] == 2
        assert [call["index"] for call in operators(noted, "library_select")] == [0, 0, 1, 2]
        bpy.ops.texloom.library_close()
        assert not operators(drawn(texloom), "library_apply")

    def test_a_damaged_result_says_why_and_offers_what_helps(
        self, texloom: ModuleType, library: Path, add: Any
    ) -> None:
        folder = add("20260101-000000-x-1")
        (folder / "manifest.json").write_text("{")
        self.ready(texloom)
        bpy.ops.texloom.library_select(folder=folder.name)
        noted = drawn(texloom)
        assert "damaged" in texts(noted)
        assert operators(noted, "library_open") and operators(noted, "library_delete")
        assert not operators(noted, "library_apply")
        description = bpy.types.TEXLOOM_OT_library_select.description(
            bpy.context, type("Values", (), {"folder": folder.name})
        )
        assert "damaged" in description

    def test_drawing_reads_no_file_and_is_quick_with_thousands(
        self, texloom: ModuleType, library: Path, add: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        view = module(texloom, "library_view")
        index_module = module(texloom, "core.texloom.library_index")
        folder = add("20260101-000000-x-1")
        self.ready(texloom)
        watcher = view.watcher()
        (card,) = watcher.index.cards
        replace = importlib.import_module("dataclasses").replace
        watcher._stop.set()
        watcher._wake.set()
        watcher._thread.join(10)
        watcher.index._cards |= {
            f"n{number}": replace(card, folder=library / f"n{number}", hay=f" brick {number}") for number in range(5000)
        }
        watcher.index.revision += 1
        bpy.ops.texloom.library_select(folder=folder.name)
        monkeypatch.setattr(index_module, "read_manifest", None)
        state = bpy.context.window_manager.texloom_library
        monkeypatch.setattr(watcher, "see", lambda: watcher.index)
        drawn(texloom)
        times = []
        for _ in range(20):
            began = time.perf_counter()
            drawn(texloom)
            times.append(time.perf_counter() - began)
        assert sorted(times)[10] < 0.02, "the noting layout itself takes most of it"
        state.search = "brick 49"
        began = time.perf_counter()
        assert len(watcher.found(state)) == 111
        print(f"\ndraw {sorted(times)[10] * 1e3:.2f} ms, search {(time.perf_counter() - began) * 1e3:.2f} ms")  # noqa: T201


class TestOperators:
    def test_favourite_and_tags_are_shared_through_the_folder(
        self, texloom: ModuleType, add: Any, library: Path
    ) -> None:
        folder = add("20260101-000000-x-1")
        assert bpy.ops.texloom.library_favourite(folder=folder.name) == {"FINISHED"}
        assert bpy.ops.texloom.library_tags(folder=folder.name, tags="Kitchen, floor,,") == {"FINISHED"}
        api = module(texloom, "api")
        (card,) = api.library("kitchen", favourites=True)
        assert card.notes.favourite and card.notes.tags == ("Kitchen", "floor")
        bpy.ops.texloom.library_favourite(folder=folder.name, favourite=False)
        assert api.library(favourites=True) == []
        with pytest.raises(RuntimeError, match="63 bytes"):
            bpy.ops.texloom.library_tags(folder=folder.name, tags="x" * 70)

    def test_apply_puts_the_variation_on_the_selection(
        self, texloom: ModuleType, add: Any, library: Path, cube: Any
    ) -> None:
        folder = add("20260101-000000-x-1", "red bricks", count=2)
        obj = cube()
        obj.select_set(True)
        bpy.context.view_layer.objects.active = obj
        bpy.ops.texloom.library_select(folder=folder.name, index=1)
        assert bpy.ops.texloom.library_apply(index=1) == {"FINISHED"}
        assert obj.active_material.name == "red bricks 2" and obj.active_material["texloom_index"] == 1
        bpy.context.scene.texloom.output = "PLANE"
        assert bpy.ops.texloom.library_apply(folder=folder.name) == {"FINISHED"}
        assert "References" in bpy.data.collections
        bpy.context.scene.texloom.output = "IMAGE"
        before = len(bpy.data.materials)
        assert bpy.ops.texloom.library_apply(folder=str(folder), index=1) == {"FINISHED"}
        assert len(bpy.data.materials) == before

    def test_a_failing_apply_leaves_nothing(
        self, texloom: ModuleType, add: Any, library: Path, cube: Any, counts: Any
    ) -> None:
        folder = add("20260101-000000-x-1")
        (folder / "00_normal.png").write_bytes(b"no picture")
        cube().select_set(True)
        before = counts()
        with pytest.raises(RuntimeError, match="picture"):
            bpy.ops.texloom.library_apply(folder=folder.name)
        with pytest.raises(RuntimeError, match="variation 5"):
            bpy.ops.texloom.library_apply(folder=folder.name, index=4)
        (folder / "00_normal.png").unlink()
        with pytest.raises(RuntimeError, match="missing"):
            bpy.ops.texloom.library_apply(folder=folder.name)
        assert counts() == before

    def test_nothing_chosen_or_gone_is_told(self, texloom: ModuleType, library: Path) -> None:
        for name in ("apply", "settings", "open", "delete", "favourite", "tags"):
            with pytest.raises(RuntimeError, match="Choose a result"):
                getattr(bpy.ops.texloom, f"library_{name}")()
            with pytest.raises(RuntimeError, match="no longer"):
                getattr(bpy.ops.texloom, f"library_{name}")(folder="gone")
        assert bpy.ops.texloom.library_refresh() == {"FINISHED"}

    def test_delete_keeps_the_scene_whole(self, texloom: ModuleType, add: Any, library: Path, cube: Any) -> None:
        folder = add("20260101-000000-x-1")
        obj = cube()
        obj.select_set(True)
        preferences = bpy.context.preferences.addons[texloom.__name__].preferences
        preferences.store = "LIBRARY"
        try:
            bpy.ops.texloom.library_apply(folder=folder.name)
        finally:
            preferences.store = "PACK"
        images = [image for image in bpy.data.images if image.source == "FILE"]
        assert images and not any(image.packed_file for image in images)
        (folder / "mine.blend").write_text("x")
        with pytest.raises(RuntimeError, match=r"mine\.blend"):
            bpy.ops.texloom.library_delete(folder=folder.name)
        assert folder.is_dir() and not any(image.packed_file for image in images)
        assert bpy.ops.texloom.library_delete(folder=folder.name, everything=True) == {"FINISHED"}
        assert not folder.exists() and all(image.packed_file for image in images)

    def test_delete_stays_inside_the_library(self, texloom: ModuleType, library: Path, tmp_path: Path) -> None:
        outside = tmp_path / "20260101-000000-outside-1"
        write_result(outside)
        for name in (str(outside), f"../{outside.name}"):
            with pytest.raises(RuntimeError, match="not in the library"):
                bpy.ops.texloom.library_delete(folder=name)
        assert (outside / "manifest.json").is_file()


class TestUseSettings:
    def test_everything_comes_back(self, texloom: ModuleType, add: Any, library: Path) -> None:
        requests = module(texloom, "core.texloom.request")
        folder = add(
            "20260101-000000-x-1", "oak floor", width=2048, height=2048, seed=123, count=4, tile_y=False,
            real_world_width=2.5,
        )  # fmt: skip
        data = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        data["request"]["maps"] = ["base_color", "height"]
        (folder / "manifest.json").write_text(json.dumps(data), encoding="utf-8")
        bpy.context.scene.unit_settings.scale_length = 0.01
        assert bpy.ops.texloom.library_settings(folder=folder.name) == {"FINISHED"}
        wanted = requests.GenerationRequest.from_dict(data["request"])
        got = bpy.context.scene.texloom.request()
        for name in ("prompt", "kind", "model", "width", "height", "seed", "count", "tile_x", "tile_y", "maps"):
            assert getattr(got, name) == getattr(wanted, name), name
        assert got.real_world_width == pytest.approx(2.5) and not bpy.context.scene.texloom.new_seed
        bpy.ops.texloom.library_settings(folder=folder.name, index=2)
        assert (bpy.context.scene.texloom.seed, bpy.context.scene.texloom.count) == (125, 1)

    @pytest.mark.parametrize(
        ("changes", "named", "kept"),
        [
            ({"seed": 4_000_000_000}, "Seed", {"seed": 2**31 - 1}),
            ({"parameters": {"family": "bricks", "wear": 0.5}}, "", {}),
            ({"parameters": {"wear": [0.5]}}, "wear", {}),
            ({"source": "/tmp/photo.png"}, "photo.png", {}),
            ({"sheen": 0.5}, "Sheen", {}),
            ({"kind": "hologram"}, "hologram", {"output": "IMAGE"}),
            ({"model": "/no/such/folder"}, "/no/such/folder", {"model": "FOLDER"}),
            ({"model": "future"}, "future", {"model": "instant"}),
            ({"model": 7}, "7", {}),
            ({"prompt": "x" * 20000}, "Prompt", {}),
            ({"prompt": None}, "", {"prompt": ""}),
            ({"width": 100_000}, "100000", {}),
            ({"width": 640, "height": 320}, "", {"size": "CUSTOM", "width": 640, "height": 320}),
            ({"maps": ["base_color", "glitter"]}, "glitter", {"maps": {"base_color"}}),
            ({"maps": "all"}, "Maps", {}),
            ({"count": 99}, "99", {"count": 1}),
            ({"steps": 30, "guidance_scale": 7.5}, "", {"steps": 30, "guidance_scale": 7.5}),
            ({"real_world_width": "wide"}, "", {"own_width": False}),
            ({"kind": "reference", "tile_x": False, "tile_y": False}, "", {"output": "PLANE", "tiling": "XY"}),
        ],
    )
    def test_what_cannot_be_restored_is_named(
        self, texloom: ModuleType, changes: dict[str, Any], named: str, kept: dict[str, Any]
    ) -> None:
        requests = module(texloom, "core.texloom.request")
        settings = bpy.context.scene.texloom
        settings.output = "IMAGE"
        request = requests.GenerationRequest(prompt="oak", seed=1).to_dict() | changes
        sentences = module(texloom, "restore").restore(settings, request)
        assert named in " ".join(sentences) and bool(sentences) == bool(named)
        for name, value in kept.items():
            assert getattr(settings, name) == value
        assert settings.prompt.strip("x") in ("oak", "")
        kept_values = {item.name: item.value for item in bpy.context.scene.texloom_locks}
        assert kept_values == ({"family": '"bricks"', "wear": "0.5"} if "family" in str(changes) else {})

    def test_a_request_of_an_older_version(self, texloom: ModuleType) -> None:
        settings = bpy.context.scene.texloom
        sentences = module(texloom, "restore").restore(
            settings, {"schema": 1, "prompt": "sand", "seed": 3, "width": 512}
        )
        assert settings.prompt == "sand" and settings.seed == 3 and settings.tiling == "XY"
        assert sentences == [] and (settings.width, settings.height) == (512, 1024)


class TestApi:
    def test_library(self, texloom: ModuleType, add: Any, library: Path) -> None:
        api, errors = module(texloom, "api"), module(texloom, "core.texloom.errors")
        add("20260101-000000-x-1", "red bricks")
        add("20260102-000000-x-2", "红砖墙 red")
        (library / "20260103-000000-x-3").mkdir()
        assert [card.prompt for card in api.library("RED")] == ["红砖墙 red", "red bricks"]
        assert [card.prompt for card in api.library("砖墙")] == ["红砖墙 red"]
        (broken,) = api.library(kind="broken")
        assert "does not exist" in broken.error
        with pytest.raises(errors.RequestError, match="sort"):
            api.library(sort="SIZE")

    def test_survives_another_file_and_disabling(self, texloom: ModuleType, add: Any, library: Path) -> None:
        folder = add("20260101-000000-x-1")
        watcher = module(texloom, "library_view").watcher()
        watcher.see()
        wait(lambda: not watcher.busy)
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        assert operators(drawn(texloom), "library_select")[0]["folder"] == folder.name
        addon_utils = importlib.import_module("addon_utils")
        addon_utils.disable(texloom.__name__)
        assert not hasattr(bpy.types.WindowManager, "texloom_library") and watcher._thread is None
        addon_utils.enable(texloom.__name__)
        assert bpy.context.window_manager.texloom_library.search == ""


@pytest.mark.skipif(sys.platform != "linux", reason="what opens a folder has another name there")
def test_folders_open_in_the_file_manager(
    library: Path, add: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, opened, manager = add("bricks"), tmp_path / "opened", tmp_path / "bin" / "xdg-open"
    manager.parent.mkdir()
    manager.write_text(f'#!/bin/sh\nprintf "%s" "$1" > "{opened}"\n', encoding="utf-8")
    manager.chmod(0o755)
    monkeypatch.setenv("PATH", str(manager.parent), prepend=os.pathsep)
    assert bpy.ops.texloom.library_open(folder="bricks") == {"FINISHED"}
    assert Path(opened.read_text(encoding="utf-8")) == folder
    assert bpy.ops.texloom.open_folder() == {"FINISHED"}
    assert Path(opened.read_text(encoding="utf-8")) == library
    with pytest.raises(RuntimeError):
        bpy.ops.texloom.library_open(folder="nothing of that name")
