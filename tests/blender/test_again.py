# SPDX-License-Identifier: GPL-3.0-or-later
"""What is changed in Adjust Last Operation counts as if it had been so from the start.

There Blender takes the operation back and runs it once more, with the properties that the operator has kept and the
one that was changed.  That needs no window but for the panel itself: here undo is Blender's own as well.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from asking import everything, values
from pictures import flat, write_png
from test_addon import api, fake, module
from test_refusals import home

__all__ = ["api", "fake", "home"]  # fixtures

Properties = dict[str, Any]


@pytest.fixture
def wall(fake: Any, api: Any, cube: Any, home: Path, texloom: ModuleType) -> Any:
    """A job of three variations, the first of which is on the active cube."""
    obj = cube()
    obj.select_set(True)
    bpy.context.view_layer.objects.active = obj
    job = api.submit("red bricks", target=obj, count=3, size=256)
    job.wait()
    return module(texloom, "bridge").get().entries[job.id]


def run(name: str, properties: Properties) -> Properties:
    """Run an operator as a user would, with an undo step; the properties that it keeps."""
    owner = getattr(bpy.types, f"TEXLOOM_OT_{name}")
    execute, kept = owner.execute, {}

    @functools.wraps(execute)
    def noting(self: Any, context: Any) -> Any:
        answer = execute(self, context)
        given = self.properties
        kept.update({item: plain(getattr(given, item)) for item in given.keys() if given.is_property_set(item)})
        return answer

    own = "execute" in owner.__dict__
    owner.execute = noting
    try:
        assert getattr(bpy.ops.texloom, name)("EXEC_DEFAULT", True, **properties) == {"FINISHED"}
    finally:
        if own:
            owner.execute = execute
        else:
            del owner.execute
    return kept


def plain(value: Any) -> Any:
    """A property's value as an operator takes it."""
    if isinstance(value, (str, int, float, bool, set)):
        return value
    if isinstance(value, bpy.types.bpy_prop_collection):
        names = (
            [item.identifier for item in value[0].bl_rna.properties if item.identifier != "rna_type"] if value else []
        )
        return [{name: getattr(item, name) for name in names} for item in value]
    return tuple(value)


def seen() -> dict[str, Any]:
    """All of the file, and what is not among the settings."""
    found = everything()
    for obj in bpy.data.objects:
        found[f"look of {obj.name}"] = (
            obj.type, tuple(round(side, 5) for side in obj.dimensions), tuple(obj.color), obj.hide_select,
            tuple(round(turn, 5) for turn in obj.rotation_euler), obj.display_type, sorted(obj.keys()),
        )  # fmt: skip
        if obj.asset_data is not None:
            found[f"asset {obj.name}"] = sorted(tag.name for tag in obj.asset_data.tags)
    for material in bpy.data.materials:
        found[f"facts of {material.name}"] = (material.get("texloom_index"), material.get("texloom_request_id"))
        if material.asset_data is not None:
            found[f"asset {material.name}"] = sorted(tag.name for tag in material.asset_data.tags)
        nodes = material.node_tree.nodes if material.node_tree is not None else ()
        found[f"images of {material.name}"] = [node.image.name for node in nodes if node.type == "TEX_IMAGE"]
    for world in bpy.data.worlds:
        nodes = world.node_tree.nodes if world.node_tree is not None else ()
        found[f"world {world.name}"] = [
            (node.name, [values(getattr(item, "default_value", None)) for item in node.inputs]) for node in nodes
        ]
    for camera in bpy.data.cameras:
        found[f"camera {camera.name}"] = [
            (item.image.name, round(item.alpha, 5), item.display_depth, item.frame_method)
            for item in camera.background_images
        ]
    return found


def again(name: str, first: Properties, changed: Properties) -> dict[str, Any]:
    """Adjust an operation; the file is as it would be had it been so from the start."""
    bpy.ops.ed.undo_push(message="Before")
    before = seen()
    kept = run(name, first)
    done = seen()
    bpy.ops.ed.undo()
    assert seen() == before, "it is taken back whole"
    run(name, kept | changed)
    adjusted = seen()
    bpy.ops.ed.undo()
    run(name, first | changed)
    assert adjusted == seen()
    assert adjusted != done, "what was changed makes a difference"
    return adjusted


CASES: list[tuple[str, Callable[[Any, str], Properties], Properties]] = [
    ("apply", lambda entry, file: {"job": entry.id, "index": 1}, {"index": 2}),
    ("step_variation", lambda entry, file: {"job": entry.id}, {"back": True}),
    ("replace_maps", lambda entry, file: {"job": entry.id, "index": 1}, {"index": 2}),
    ("library_apply", lambda entry, file: {"folder": Path(entry.view.folder).name, "index": 1}, {"index": 2}),
    ("library_settings", lambda entry, file: {"folder": Path(entry.view.folder).name}, {"index": 2}),
    ("world_background", lambda entry, file: {}, {"strength": 3.0}),
    ("world_background", lambda entry, file: {"projection": "DOME"}, {"tiles": 5.0}),
    ("reference_from_images", lambda entry, file: {"filepath": file}, {"height": 2.5}),
    ("reference_from_images", lambda entry, file: {"filepath": file}, {"kind": "EMPTY", "opacity": 0.25}),
    ("turnaround", lambda entry, file: {"filepath": file}, {"kind": "PLANE"}),
    ("turnaround", lambda entry, file: {"filepath": file}, {"parts": 3}),
    ("camera_background", lambda entry, file: {"filepath": file}, {"opacity": 0.25, "depth": "FRONT"}),
    ("form_add", lambda entry, file: {"filepath": file}, {"kind": "LINE"}),
    ("form_from_object", lambda entry, file: {}, {"kind": "NORMAL"}),
    ("save_asset", lambda entry, file: {"material": "red bricks 1", "target": "FILE"}, {"tags": "outside"}),
    ("model_use", lambda entry, file: {"model": "sdxl"}, {"model": "sd-1.5"}),
]


@pytest.mark.parametrize(("name", "first", "changed"), CASES, ids=[f"{name}-{next(iter(to))}" for name, _, to in CASES])
def test_as_if_from_the_start(
    name: str, first: Any, changed: Properties, wall: Any, texloom: ModuleType, tmp_path: Path
) -> None:
    settings = bpy.context.scene.texloom
    settings.model, settings.catalog_model = "CATALOG", "sdxl"  # a model that follows forms
    if name == "model_use":
        settings.model = "instant"
    file = str(write_png(tmp_path / "front.png", flat((90, 60, 30), 48, 32)))
    again(name, first(wall, file), changed)


def test_references_stay_where_they_were_put(wall: Any, tmp_path: Path) -> None:
    """The cursor and the view may have moved since; the operator has kept where they were."""
    file = str(write_png(tmp_path / "front.png", flat((90, 60, 30), 48, 32)))
    bpy.context.scene.cursor.location = (1, 2, 3)
    bpy.ops.ed.undo_push(message="Before")
    kept = run("reference_from_images", {"filepath": file})
    where = tuple(bpy.data.objects["front"].location)
    bpy.ops.ed.undo()
    bpy.context.scene.cursor.location = (0, 0, 0)
    run("reference_from_images", kept | {"opacity": 0.5})
    assert tuple(bpy.data.objects["front"].location) == pytest.approx(where)
    # Run anew, it stands at the cursor.
    bpy.ops.ed.undo()
    bpy.context.scene.cursor.location = (0, 0, 0)
    run("reference_from_images", {"filepath": file})
    assert tuple(bpy.data.objects["front"].location) != pytest.approx(where)


def test_views_that_were_chosen_by_hand_stay(wall: Any, tmp_path: Path) -> None:
    names = ["a.png", "b.png"]
    for name in names:
        write_png(tmp_path / name, flat((90, 60, 30), 48, 32))
    files = {"directory": f"{tmp_path}/", "files": [{"name": name} for name in names]}
    bpy.ops.ed.undo_push(message="Before")
    kept = run("turnaround", files)
    assert [side["view"] for side in kept["sides"]] == ["FRONT", "BACK"]
    bpy.ops.ed.undo()
    kept["sides"][1]["view"] = "RIGHT"
    kept = run("turnaround", kept)
    bpy.ops.ed.undo()
    kept = run("turnaround", kept | {"margin": 1.0})
    assert [side["view"] for side in kept["sides"]] == ["FRONT", "RIGHT"]


@pytest.mark.parametrize("name", ["reference_lock", "reference_convert"])
def test_references_that_are_there(name: str, wall: Any, api: Any, tmp_path: Path) -> None:
    file = str(write_png(tmp_path / "front.png", flat((90, 60, 30), 48, 32)))
    api.reference_from_images(file)
    changed: Properties = {"lock": False} if name == "reference_lock" else {"kind": "PLANE"}
    again(name, {"object": "front"}, changed)


def test_a_texture_of_a_brush(wall: Any) -> None:
    bpy.ops.object.mode_set(mode="VERTEX_PAINT")
    paint = bpy.context.tool_settings.vertex_paint
    if paint.brush is None:
        pytest.skip("this Blender has no brush in the background")

    def brush() -> tuple[str, str]:
        found = bpy.context.tool_settings.vertex_paint.brush
        return found.texture_slot.map_mode, found.texture.name if found.texture else ""

    before = brush()
    bpy.ops.ed.undo_push(message="Before")
    kept = run("brush_texture", {"mapping": "TILED"})
    first = brush()
    bpy.ops.ed.undo()
    # Blender's undo leaves brushes alone, but not the texture.
    assert brush()[1] == before[1] == "" and not bpy.data.textures
    run("brush_texture", kept | {"mapping": "STENCIL"})
    assert brush() == ("STENCIL", first[1]) and len(bpy.data.textures) == 1
    bpy.ops.object.mode_set(mode="OBJECT")


def test_the_list_follows_what_is_taken_back(wall: Any) -> None:
    """Which variation is in use is asked of the scene, so undo and another choice need no word to it."""
    bpy.ops.ed.undo_push(message="Before")
    run("apply", {"job": wall.id, "index": 1})
    assert wall.used == 1
    bpy.ops.ed.undo()
    assert wall.used == 0
    run("apply", {"job": wall.id, "index": 2})
    assert wall.used == 2
    bpy.ops.ed.undo()
    assert wall.used == 0
    bpy.ops.ed.redo()
    assert wall.used == 2


def test_what_can_be_adjusted_has_something_to_adjust(texloom: ModuleType) -> None:
    """Those that finish later push their own step: Blender would take back the one before."""
    for name in ("generate", "tune_seed", "tune_family"):
        assert getattr(bpy.types, f"TEXLOOM_OT_{name}").bl_options == {"REGISTER"}
    for name, _, changed in CASES:
        assert {"REGISTER", "UNDO"} <= getattr(bpy.types, f"TEXLOOM_OT_{name}").bl_options
        shown = getattr(bpy.ops.texloom, name).get_rna_type().properties
        assert set(changed) <= {item.identifier for item in shown}
