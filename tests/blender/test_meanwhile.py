# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user does while something is made, put into the scene, or taken back again."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from layouts import drawn, texts
from test_addon import api, fake, module, turn

__all__ = ["api", "fake"]


@pytest.fixture
def bridge(texloom: ModuleType) -> Any:
    return module(texloom, "bridge").get()


@pytest.fixture
def recipes(texloom: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of the scripted engine have a slider, which each variation sets to another value."""
    fakes = module(texloom, "core.texloom.backends.fake")
    make = fakes._variation
    moss = {"name": "moss", "kind": "number", "label": "Moss", "source": "seed", "words": [], "low": 0.0, "high": 1.0}

    def variation(request: Any, index: int, folder: Path) -> Any:
        found = make(request, index, folder)
        family = {"name": "bricks", "title": "Brick wall", "words": []}
        found["reading"] = {"family": family, "parameters": [moss]}
        found["parameters"] = {"moss": 0.1 * (index + 1), "family": "bricks", **request.parameters}
        return found

    monkeypatch.setattr(fakes, "_variation", variation)


def halfway(bridge: Any, entry: Any) -> None:
    """A few steps of putting a result into the scene are done."""
    while entry.running:
        bridge.pump(0.05)
    placing = bridge._placing(entry)
    for _ in range(4):
        assert placing.step()


class TestSliders:
    def test_another_variation_ends_what_is_drawn_for_a_slider(
        self, fake: Any, bridge: Any, api: Any, cube: Any, recipes: None, texloom: ModuleType
    ) -> None:
        fake.script = fake.Script(step_seconds=0.02)
        tuner, parameters = module(texloom, "tune").get(), module(texloom, "parameters")
        job = api.submit("brick", target=cube(), count=3, size=1024)
        job.wait()
        material = bpy.data.objects["Cube"].active_material
        material.texloom.parameters["moss"].amount = 0.77
        tuner.changed(material)  # as in a window
        tuner.turn()
        assert tuner.busy(material)
        assert bpy.ops.texloom.apply(job=job.id, index=2) == {"FINISHED"}
        assert not tuner.busy(material)
        images = {node.image.filepath for node in material.node_tree.nodes if node.type == "TEX_IMAGE"}
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            bridge.tick()
            time.sleep(0.01)
        assert parameters.values(material)["moss"] == pytest.approx(0.3) and not tuner.busy(material)
        assert images == {node.image.filepath for node in material.node_tree.nodes if node.type == "TEX_IMAGE"}

    def test_a_slider_that_is_keyframed_comes_to_rest(
        self, fake: Any, bridge: Any, api: Any, cube: Any, recipes: None, texloom: ModuleType
    ) -> None:
        tuner = module(texloom, "tune").get()
        api.submit("brick", target=cube(), size=256).wait()
        material = bpy.data.objects["Cube"].active_material
        item = material.texloom.parameters["moss"]
        item.amount = 0.4
        tuner.changed(material)
        with module(texloom, "parameters")._silently():
            item.value = 0.6  # moved by Blender: nobody is told
        turn(bridge, lambda: not tuner.busy(material))

    def test_what_the_engine_refuses_is_not_sent_again(
        self, fake: Any, api: Any, cube: Any, recipes: None, texloom: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tune, errors = module(texloom, "tune"), module(texloom, "core.texloom.errors")
        api.submit("brick", target=cube(), size=256).wait()
        material = bpy.data.objects["Cube"].active_material
        asked = []

        def refuse(*arguments: Any) -> None:
            asked.append(arguments)
            raise errors.StorageError("The settings are damaged.")

        monkeypatch.setattr(tune.bridge.get(), "submit_aside", refuse)
        tune.reseed(material)
        for _ in range(5):
            tune.get().turn()
        assert len(asked) == 1 and tune.get().problem(material) == "The settings are damaged."

    def test_reset_leaves_locked_values(
        self, fake: Any, api: Any, cube: Any, recipes: None, texloom: ModuleType
    ) -> None:
        locks = module(texloom, "locks")
        obj = cube()
        bpy.context.view_layer.objects.active = obj
        job = api.submit("brick", target=obj, count=2, size=256)
        job.wait()
        item = obj.active_material.texloom.parameters["moss"]
        item.amount = 0.77
        item.locked = True
        assert bpy.ops.texloom.tune_reset() == {"FINISHED"}
        assert item.amount == pytest.approx(0.77) and item.locked
        # A closed lock beside a value that is not the kept one would lie.
        assert bpy.ops.texloom.apply(job=job.id, index=1) == {"FINISHED"}
        item = obj.active_material.texloom.parameters["moss"]
        assert item.amount == pytest.approx(0.2) and not item.locked
        assert locks.of(bpy.context.scene) == {"moss": pytest.approx(0.77)}
        locks.drop(bpy.context.scene)


class TestPlacing:
    def test_a_variation_that_is_chosen_meanwhile_stays(self, fake: Any, bridge: Any, api: Any, cube: Any) -> None:
        obj = cube()
        job = api.submit("brick", target=obj, count=3)
        halfway(bridge, bridge.entries[job.id])
        materials = len(bpy.data.materials)
        assert bpy.ops.texloom.apply(job=job.id, index=2) == {"FINISHED"}
        for _ in range(20):
            bridge.tick()
        assert obj.active_material["texloom_index"] == 2 and bridge.entries[job.id].index == 2
        assert len(bpy.data.materials) <= materials + 1

    def test_disabling_takes_half_a_result_away(
        self, fake: Any, bridge: Any, api: Any, cube: Any, texloom: ModuleType, counts: Any
    ) -> None:
        obj = cube()
        before = counts()
        entry = bridge.entries[api.submit("stone", target=obj).id]
        halfway(bridge, entry)
        assert counts() != before
        module(texloom, "bridge").unregister()
        module(texloom, "bridge").register()
        assert counts() == before

    def test_retry_of_what_is_only_kept_in_the_library(
        self, fake: Any, bridge: Any, api: Any, cube: Any, texloom: ModuleType
    ) -> None:
        errors = module(texloom, "core.texloom.errors")
        obj = cube()
        obj.select_set(True)
        bpy.context.view_layer.objects.active = obj
        own = bpy.data.materials.new("Own")
        obj.data.materials.append(own)
        fake.script = fake.Script(fail={"brick": errors.OutOfMemoryError("No memory.")})
        job = api.submit("brick", output="LIBRARY")
        turn(bridge, lambda: job.done)
        fake.script = fake.Script()
        assert bpy.ops.texloom.retry(job=job.id) == {"FINISHED"}
        assert obj.active_material == own and len(obj.material_slots) == 1


def faces(obj: Any) -> list[str]:
    """The material that each face shows."""
    return [getattr(obj.material_slots[face.material_index].material, "name", "") for face in obj.data.polygons]


class TestFaces:
    @pytest.fixture
    def edited(self, cube: Any) -> Any:
        """A cube in Edit Mode with one face selected."""
        obj = cube()
        obj.data.materials.append(bpy.data.materials.new("Own"))
        for face in obj.data.polygons:
            face.select = face.index == 2
        bpy.ops.object.select_all(action="DESELECT")
        obj.select_set(True)
        bpy.context.view_layer.objects.active = obj
        bpy.context.tool_settings.mesh_select_mode = (False, False, True)
        bpy.ops.object.mode_set(mode="EDIT")
        yield obj
        if obj.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")

    def place(self, bridge: Any, texloom: ModuleType, meanwhile: Any) -> Any:
        target, engine = module(texloom, "target"), module(texloom, "core.texloom.api")
        placement = target.capture(bpy.context)
        meanwhile()
        entry = bridge.submit(engine.make_request("stone"), placement)
        bridge.wait(entry)
        return entry

    def test_selected_ones_get_it_when_edit_mode_was_left(
        self, fake: Any, bridge: Any, edited: Any, texloom: ModuleType
    ) -> None:
        def leave() -> None:
            bpy.ops.object.mode_set(mode="OBJECT")
            for face in edited.data.polygons:
                face.select = True

        self.place(bridge, texloom, leave)
        assert faces(edited) == ["Own", "Own", "stone", "Own", "Own", "Own"]

    def test_others_may_be_selected_meanwhile(self, fake: Any, bridge: Any, edited: Any, texloom: ModuleType) -> None:
        self.place(bridge, texloom, lambda: bpy.ops.mesh.select_all(action="SELECT"))
        bpy.ops.object.mode_set(mode="OBJECT")
        assert faces(edited) == ["Own", "Own", "stone", "Own", "Own", "Own"]

    def test_the_whole_object_gets_it_when_edit_mode_was_entered(
        self, fake: Any, bridge: Any, edited: Any, texloom: ModuleType
    ) -> None:
        bpy.ops.object.mode_set(mode="OBJECT")
        self.place(bridge, texloom, lambda: bpy.ops.object.mode_set(mode="EDIT"))
        bpy.ops.object.mode_set(mode="OBJECT")
        assert faces(edited) == ["stone"] * 6

    def test_a_mesh_with_other_faces_is_left_to_the_user(
        self, fake: Any, bridge: Any, edited: Any, texloom: ModuleType
    ) -> None:
        def subdivide() -> None:
            bpy.ops.mesh.subdivide()
            bpy.ops.object.mode_set(mode="OBJECT")

        entry = self.place(bridge, texloom, subdivide)
        assert set(faces(edited)) == {"Own"} and edited.active_material.name == "stone"
        assert any("has changed" in notice for notice in entry.notices)


class TestUndo:
    def test_the_panel_follows_what_undo_brings_back(
        self, fake: Any, bridge: Any, api: Any, cube: Any, texloom: ModuleType
    ) -> None:
        job = api.submit("bricks", target=cube(), count=3)
        job.wait()
        entry = bridge.entries[job.id]
        bpy.ops.texloom.apply(job=job.id, index=2)
        assert (entry.index, entry.used) == (2, 2)
        material = bpy.data.objects["Cube"].active_material
        material["texloom_index"] = 0  # what undo does to it
        assert (entry.index, entry.used) == (0, 0)
        assert bpy.ops.texloom.step_variation(job=job.id) == {"FINISHED"} and entry.index == 1
        material["texloom_request_id"] = "another"
        assert entry.used is None and texts(drawn(texloom, "results.Results")).split("\n").count("In use") == 0

    def test_a_plane_of_before_is_replaced_and_not_doubled(self, fake: Any, bridge: Any, api: Any) -> None:
        job = api.submit("a door", output="PLANE", count=3)
        made = job.wait()
        entry = bridge.entries[job.id]
        first, kept = bpy.data.objects[made.object], list(entry.made)
        # Undo brings back the first one, and its data; here nothing was taken away yet.
        entry.note(module_built(entry), 1)
        assert entry.index == 0 and entry.used == 0 and entry.made[0] == kept[0]
        assert bpy.ops.texloom.apply(job=job.id, index=2) == {"FINISHED"}
        assert entry.index == 2 and len([o for o in bpy.data.objects if o.name.startswith("a door")]) == 1
        with pytest.raises(ReferenceError):
            _ = first.name

    def test_files_of_a_deleted_variation_are_there_for_undo(
        self, fake: Any, bridge: Any, api: Any, cube: Any, texloom: ModuleType, tmp_path: Path
    ) -> None:
        preferences = bpy.context.preferences.addons[texloom.__name__].preferences
        preferences.store = "LIBRARY"
        try:
            job = api.submit("bricks", target=cube(), count=2)
            made = job.wait()
        finally:
            preferences.store = "PACK"
        image = bpy.data.images[made.images[0]]
        path = bpy.path.abspath(image.filepath)
        assert bpy.ops.texloom.delete_variation(job=job.id, index=0) == {"FINISHED"}
        assert image.packed_file is not None and not Path(path).exists()
        # What undo brings back: the image as it was before it was packed.
        image.unpack(method="REMOVE")
        image.filepath = path
        kept = module(texloom, "scene.kept")
        assert kept.bring_back() == [image.name] and Path(bpy.path.abspath(image.filepath)).is_file()
        image.reload()
        assert tuple(image.size) != (0, 0)
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "kept.blend"))
        assert image.packed_file is not None
        assert kept.bring_back() == []


def module_built(entry: Any) -> Any:
    """What a later variation made, gone again."""
    built = type(entry.made[0][0])(object="gone")
    built.uids = {"objects": {"gone": -1}}
    return built


def test_the_engine_of_other_preferences_ends_aside(
    texloom: ModuleType, bridge: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    preferences = bpy.context.preferences.addons[texloom.__name__].preferences
    released, closed = threading.Event(), []
    first = bridge.session
    monkeypatch.setattr(first, "close", lambda: (released.wait(5.0), closed.append(threading.current_thread().name)))
    preferences.device = "cpu:0"
    try:
        second = bridge.session  # would wait for ever if it waited
        assert second is not first and not closed
    finally:
        released.set()
        preferences.device = ""
        bridge.close()
    while not closed:
        time.sleep(0.01)
    assert closed == ["texloom-ending"]
