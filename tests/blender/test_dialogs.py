# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever asks can be left: the file is as it was before, and the question said what it is about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from asking import Asked, ask, everything
from layouts import fields, texts
from pictures import write_png
from test_addon import api, fake, module
from test_image_tools import gradient, painted
from test_models import hub, online, options
from test_refusals import home

__all__ = ["api", "fake", "home", "hub", "online", "options"]  # fixtures

ASKS_NOTHING = {
    "generate_on_enter": "passes on to generate",
    "use_prompt": "passes on to search_history",
    "use_style": "opens the menu of styles",
    "upscale": "its settings stand right above the button",
}
"""Operators with an ``invoke`` that opens no dialog of its own, and why."""


@pytest.fixture
def wall(fake: Any, api: Any, cube: Any, home: Path, texloom: ModuleType, tmp_path: Path) -> Any:
    """A saved file with a material on the active cube, which is a job's first variation of three."""
    obj = cube()
    obj.select_set(True)
    bpy.context.view_layer.objects.active = obj
    bpy.context.scene.texloom.prompt = "red bricks"
    job = api.submit("red bricks", target=obj, count=3, size=256)
    job.wait()
    module(texloom, "history").remember("red bricks", "")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "wall.blend"))
    return module(texloom, "bridge").get().entries[job.id]


def left(name: str, **properties: Any) -> Asked:
    """What was asked; the file is as it was before."""
    before = everything()
    asked = ask(name, **properties)
    assert everything() == before
    assert asked.answer == {"RUNNING_MODAL"} and asked.kind
    return asked


DIALOGS: dict[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    "save_style": ("dialog", lambda entry: {}),
    "save_asset": ("dialog", lambda entry: {"material": bpy.context.object.active_material.name}),
    "library_tags": ("dialog", lambda entry: {"folder": Path(entry.view.folder).name}),
    "library_delete": ("dialog", lambda entry: {"folder": Path(entry.view.folder).name}),
    "library_upscale": ("dialog", lambda entry: {"folder": Path(entry.view.folder).name}),
    "upscale_material": ("dialog", lambda entry: {}),
    "delete_variation": ("confirm", lambda entry: {"job": entry.id, "index": 2}),
    "clear_history": ("confirm", lambda entry: {}),
    "search_history": ("search", lambda entry: {}),
    "export_set": ("browser", lambda entry: {}),
    "replace_maps": ("browser", lambda entry: {}),
    "reference_from_images": ("browser", lambda entry: {}),
    "turnaround": ("browser", lambda entry: {}),
    "camera_background": ("browser", lambda entry: {}),
    "form_add": ("browser", lambda entry: {}),
    "word_add": ("browser", lambda entry: {}),
    "lora_add": ("browser", lambda entry: {}),
    "add_model_folder": ("browser", lambda entry: {}),
    "add_map_model": ("browser", lambda entry: {}),
}
ELSEWHERE = {"generate", "model_download", "model_delete", "tune_family"}
"""Those that need a state of their own have tests of their own below."""


def test_every_operator_that_asks_is_here(texloom: ModuleType) -> None:
    asking = {name for name in dir(bpy.ops.texloom) if hasattr(getattr(bpy.types, f"TEXLOOM_OT_{name}"), "invoke")}
    assert asking == {*DIALOGS, *ELSEWHERE, *ASKS_NOTHING}


@pytest.mark.parametrize("name", DIALOGS)
def test_leaving_it_changes_nothing(name: str, wall: Any, options: Any) -> None:
    kind, properties = DIALOGS[name]
    folders = [item.path for item in options.model_folders]
    asked = left(name, **properties(wall))
    assert asked.kind == kind
    # Beside the files, three browsers show the operator's properties in an order of their own.
    draws = name in ("reference_from_images", "turnaround", "camera_background")
    assert bool(asked.shown) == ((kind == "dialog" and name != "save_style") or draws)
    assert Path(wall.view.folder).is_dir() and len(wall.pictures) == 3
    assert [item.path for item in options.model_folders] == folders and not options.map_models


def test_generate_asks_for_a_prompt_where_none_is_written(wall: Any, texloom: ModuleType) -> None:
    bpy.context.scene.texloom.prompt = ""
    asked = left("generate")
    assert asked.kind == "dialog" and fields(asked.shown) == ["prompt"]
    assert len(module(texloom, "bridge").get().entries) == 1


def test_deleting_a_model_asks_and_keeps_it(wall: Any, options: Any, hub: Any, texloom: ModuleType) -> None:
    assert bpy.ops.texloom.model_download(model="owner/model", accept=True) == {"FINISHED"}
    folder = module(texloom, "model_job").state().folder
    files = sorted(path.name for path in folder.rglob("*"))
    bpy.ops.wm.save_mainfile()
    assert left("model_delete", model="owner/model").kind == "confirm"
    assert sorted(path.name for path in folder.rglob("*")) == files
    assert not module(texloom, "model_job").state().running


def test_a_download_says_what_it_is_and_begins_nothing(
    wall: Any, options: Any, online: None, texloom: ModuleType
) -> None:
    module(texloom, "shelf").watcher().looked("")
    asked = left("model_download", model="sdxl")
    assert asked.kind == "dialog" and "CreativeML" in texts(asked.shown)
    assert not module(texloom, "model_job").state().running


def test_an_export_asks_before_it_replaces_files(wall: Any, texloom: ModuleType, tmp_path: Path) -> None:
    textures = tmp_path / "textures"
    assert bpy.ops.texloom.export_set(directory=str(textures), preset="UNREAL") == {"FINISHED"}
    files = {path: path.read_bytes() for path in textures.iterdir()}
    for path in files:
        path.write_bytes(b"mine")
    bpy.ops.wm.save_mainfile()
    asked = left("export_set", directory=str(textures), preset="UNREAL")
    assert asked.kind == "confirm" and str(len(files)) in asked.given["title"]
    assert all(path.name in asked.given["message"] for path in files)
    assert {path.read_bytes() for path in textures.iterdir()} == {b"mine"}
    # The answer was not kept: who presses again is asked again.
    assert left("export_set", directory=str(textures), preset="UNREAL").kind == "confirm"
    with pytest.raises(RuntimeError):
        bpy.ops.texloom.export_set(directory=str(textures), preset="UNREAL")


def test_a_dialog_that_was_left_is_asked_anew(wall: Any, tmp_path: Path) -> None:
    """Blender keeps the last properties of an operator only when it has finished."""
    file = write_png(tmp_path / "front.png", gradient(32, 64))
    assert left("reference_from_images").kind == "browser"
    assert bpy.ops.texloom.reference_from_images(filepath=str(file)) == {"FINISHED"}
    bpy.ops.wm.save_mainfile()
    assert left("reference_from_images").kind == "browser"
    assert left("turnaround").kind == "browser"


def test_a_kind_of_material_is_searched(wall: Any, texloom: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    # The scripted engine makes no recipes; what poll asks is tested with the real one.
    monkeypatch.setattr(bpy.types.TEXLOOM_OT_tune_family, "poll", classmethod(lambda cls, context: True))
    assert left("tune_family").kind == "search"


def test_the_check_itself_sees_a_change(wall: Any) -> None:
    before = everything()
    bpy.context.scene.texloom.prompt = "other"
    assert everything() != before
    bpy.context.scene.texloom.prompt = "red bricks"
    assert everything() == before
    bpy.context.object.active_material.node_tree.nodes["Texloom Adjust"].inputs["Brightness"].default_value = 0.5
    assert everything() != before
    painted()
    assert "Wall.png" in everything()["images"]
