# SPDX-License-Identifier: GPL-3.0-or-later
"""The installed extension as a whole: registration, panel properties, operators, bridge, jobs and their results."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest


def module(texloom: ModuleType, name: str) -> Any:
    return importlib.import_module(f"{texloom.__name__}.{name}")


@pytest.fixture
def fake(texloom: ModuleType, tmp_path: Path) -> Iterator[Any]:
    """A bridge whose engine is the scripted one; set ``fake.script`` before submitting."""
    bridge = module(texloom, "bridge").get()
    fakes = module(texloom, "core.texloom.backends.fake")
    backend = fakes.FakeBackend()
    backend.Script = fakes.Script
    bridge.entries.clear()
    bridge.attach(backend)
    preferences = bpy.context.preferences.addons[texloom.__name__].preferences
    preferences.library = str(tmp_path / "library")
    yield backend
    bridge.attach(None)
    bridge.entries.clear()
    bridge.tidy_sources()
    preferences.library = ""


@pytest.fixture
def api(texloom: ModuleType) -> Any:
    return module(texloom, "api")


def turn(bridge: Any, until: Callable[[], bool], seconds: float = 10.0) -> None:
    """Turn the timer's crank by hand, as a window would, until something holds."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "it did not happen in time"
        bridge.tick()
        time.sleep(0.01)


def test_torch_is_nowhere_in_blender(texloom: ModuleType) -> None:
    for name in ("panels", "operators", "bridge", "api", "cli", "preferences", "properties", "setup_job"):
        module(texloom, name)
    assert not {"torch", "transformers", "diffusers"} & set(sys.modules)


def test_everything_is_registered(texloom: ModuleType) -> None:
    for name in ("generate", "cancel", "apply", "setup_engine", "check_engine", "open_folder", "roll_seed"):
        assert hasattr(bpy.types, f"TEXLOOM_OT_{name}")
    for prefix, space in (("", "VIEW_3D"), ("image_", "IMAGE_EDITOR"), ("shader_", "NODE_EDITOR")):
        for name in ("main", "results", "advanced", "maps", "placement", "engine"):
            panel = getattr(bpy.types, f"TEXLOOM_PT_{prefix}{name}")
            assert (panel.bl_space_type, panel.bl_region_type, panel.bl_category) == (space, "UI", "Texloom")
    assert bpy.context.scene.texloom.prompt == ""


def test_disabling_takes_everything_back_and_enabling_works_again(texloom: ModuleType) -> None:
    name = texloom.__name__
    addon_utils = importlib.import_module("addon_utils")
    addon_utils.disable(name)
    assert not hasattr(bpy.types, "TEXLOOM_OT_generate") and not hasattr(bpy.types.Scene, "texloom")
    addon_utils.enable(name)
    assert hasattr(bpy.types, "TEXLOOM_OT_generate") and bpy.context.scene.texloom.size == "1024"


class TestRequests:
    def test_panel_to_request(self, texloom: ModuleType) -> None:
        settings = bpy.context.scene.texloom
        settings.prompt, settings.seed, settings.count, settings.size = "old bricks", 77, 3, "512"
        settings.tiling, settings.maps = "X", {"base_color", "height"}
        request = settings.request()
        assert (request.prompt, request.seed, request.count, request.width, request.height) == (
            "old bricks", 77, 3, 512, 512,
        )  # fmt: skip
        assert (request.tile_x, request.tile_y, request.maps) == (True, False, ("base_color", "height"))
        assert (request.kind, request.model, request.real_world_width) == ("material", "instant", None)

    def test_lengths_follow_the_scene_units(self, texloom: ModuleType) -> None:
        settings = bpy.context.scene.texloom
        settings.prompt = "bricks"
        settings.own_width, settings.real_world_width = True, 250.0
        bpy.context.scene.unit_settings.system = "METRIC"
        bpy.context.scene.unit_settings.scale_length = 0.01
        assert settings.request().real_world_width == pytest.approx(2.5)

    def test_reference_plane_does_not_tile(self, texloom: ModuleType) -> None:
        settings = bpy.context.scene.texloom
        settings.prompt, settings.output = "night sky", "PLANE"
        request = settings.request()
        assert (request.kind, request.tile_x, request.tile_y) == ("reference", False, False)

    def test_no_folder_chosen_is_a_plain_error(self, texloom: ModuleType, fake: Any) -> None:
        settings = bpy.context.scene.texloom
        settings.prompt, settings.model = "bricks", "FOLDER"
        assert settings.request().model != ""

    def test_empty_prompt_is_a_plain_error(self, texloom: ModuleType) -> None:
        with pytest.raises(RuntimeError, match="Type what to make first"):
            bpy.ops.texloom.generate()


class TestJobs:
    def test_operator_puts_material_on_selection(self, fake: Any, cube: Any, texloom: ModuleType) -> None:
        one, other = cube("One"), cube("Other")
        for obj in (one, other):
            obj.select_set(True)
        bpy.context.view_layer.objects.active = one
        bpy.context.scene.texloom.prompt = "red bricks"
        assert bpy.ops.texloom.generate() == {"FINISHED"}
        assert one.active_material is other.active_material is bpy.data.materials["red bricks"]

    def test_cancel_leaves_nothing(self, fake: Any, cube: Any, texloom: ModuleType, api: Any, counts: Any) -> None:
        fake.script = fake.Script(steps=200, step_seconds=0.05)
        before = counts()
        job = api.submit("slow bricks", target=cube())
        bridge = module(texloom, "bridge").get()
        turn(bridge, lambda: job.view.step > 1)
        job.cancel()
        turn(bridge, lambda: job.done)
        errors = module(texloom, "core.texloom.errors")
        with pytest.raises(errors.CancelledError):
            job.result()
        after = counts()
        assert after["materials"] == before["materials"] and after["images"] == before["images"]
        assert not [path for path in bridge.library().glob("*") if not path.name.startswith(".")]

    def test_failure_is_told_with_the_way_out_and_the_next_job_works(
        self, fake: Any, cube: Any, texloom: ModuleType, api: Any
    ) -> None:
        errors = module(texloom, "core.texloom.errors")
        engine_api = module(texloom, "core.texloom.api")
        fake.script = fake.Script(fail={"bad": errors.OutOfMemoryError("No memory.", advice="Choose a smaller size.")})
        with pytest.raises(engine_api.JobFailedError, match="No memory") as caught:
            api.generate("bad", target=cube())
        assert caught.value.code == "out_of_memory" and caught.value.advice == "Choose a smaller size."
        assert api.generate("good", target=bpy.data.objects["Cube"]).material == "good"
        with pytest.raises(RuntimeError, match="Choose a smaller size"):
            bpy.context.scene.texloom.prompt = "bad"
            bpy.ops.texloom.generate()

    def test_a_failed_job_is_retried_smaller_in_its_place(
        self, fake: Any, cube: Any, texloom: ModuleType, api: Any
    ) -> None:
        errors = module(texloom, "core.texloom.errors")
        bridge = module(texloom, "bridge").get()
        obj = cube()
        fake.script = fake.Script(
            fail={"bricks": errors.OutOfMemoryError("No memory.", advice="Choose a smaller size.")}
        )
        job = api.submit("bricks", target=obj, size=512, seed=5)
        turn(bridge, lambda: job.done)
        with pytest.raises(RuntimeError, match="no longer in the list"):
            bpy.ops.texloom.retry(job="unknown")
        fake.script = fake.Script()
        assert bpy.ops.texloom.retry(job=job.id, smaller=True) == {"FINISHED"}
        assert job.id not in bridge.entries
        request = list(bridge.entries.values())[-1].view.request
        assert (request.width, request.height, request.seed, request.prompt) == (256, 256, 5, "bricks")
        assert obj.active_material.name == "bricks"

    def test_result_after_another_file_was_opened_lands_in_the_library(
        self, fake: Any, cube: Any, texloom: ModuleType, api: Any
    ) -> None:
        fake.script = fake.Script(steps=10, step_seconds=0.03)
        job = api.submit("late bricks", target=cube())
        bridge = module(texloom, "bridge").get()
        turn(bridge, lambda: job.view.step > 1)
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        turn(bridge, lambda: job.done)
        made = job.result()
        assert not bpy.data.materials and not bpy.data.images
        assert (made.folder / "manifest.json").is_file()
        assert str(made.folder) in made.messages[0]
        # It can still be used there.
        bpy.ops.texloom.apply(job=job.id, index=0)
        assert "late bricks" in bpy.data.materials

    def test_what_the_user_does_between_two_steps_loses_nothing(
        self, fake: Any, cube: Any, texloom: ModuleType, api: Any, counts: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bridge = module(texloom, "bridge").get()
        monkeypatch.setattr(module(texloom, "bridge"), "_STEPS_BUDGET", 0.0)  # one step a turn, on any machine
        obj = cube()
        before = counts()

        def until_half_built() -> Any:
            job = api.submit("bricks", target=obj)
            turn(bridge, lambda: bool(bpy.data.materials))
            assert not job.done and obj.active_material is None
            return job

        # Undo takes the half-built material away: it is built again.
        job = until_half_built()
        bpy.data.materials.remove(bpy.data.materials[0])
        turn(bridge, lambda: job.done)
        made = job.result()
        assert obj.active_material == bpy.data.materials[made.material] and len(bpy.data.materials) == 1
        assert bridge.entries[job.id].restarts == 1

        # Dismissing the job takes away what was made so far.
        obj.data.materials.clear()
        bpy.data.batch_remove([*bpy.data.materials, *bpy.data.images])
        job = until_half_built()
        bridge.forget(job.id)
        assert counts() == before
        # Another file: the result stays in the library.
        job = until_half_built()
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        turn(bridge, lambda: job.done)
        assert not bpy.data.materials and Path(job.result().folder).is_dir()

    def test_deleted_object_is_named_and_the_material_kept(
        self, fake: Any, cube: Any, texloom: ModuleType, api: Any
    ) -> None:
        fake.script = fake.Script(steps=5, step_seconds=0.03)
        obj = cube("Gone")
        job = api.submit("bricks", target=obj)
        bpy.data.objects.remove(obj)
        turn(module(texloom, "bridge").get(), lambda: job.done)
        made = job.result()
        assert "Gone" in made.messages[0] and bpy.data.materials[made.material].use_fake_user

    def test_renamed_object_is_found_again(self, fake: Any, cube: Any, texloom: ModuleType, api: Any) -> None:
        fake.script = fake.Script(steps=5, step_seconds=0.03)
        obj = cube("Before")
        job = api.submit("bricks", target=obj)
        obj.name = "After"
        turn(module(texloom, "bridge").get(), lambda: job.done)
        assert job.result().assigned == ("After",)

    def test_picking_another_variation_replaces_the_first(self, fake: Any, cube: Any, api: Any) -> None:
        obj = cube(slots=(bpy.data.materials.new("Keep"), bpy.data.materials.new("Replace")))
        obj.active_material_index = 1
        job = api.submit("bricks", target=obj, count=3)
        job.wait()
        first = obj.material_slots[1].material.name
        obj.active_material_index = 0
        assert bpy.ops.texloom.apply(job=job.id, index=2) == {"FINISHED"}
        assert obj.material_slots[0].material.name == "Keep"
        assert obj.material_slots[1].material.name != first and len(obj.material_slots) == 2
        assert obj.active_material_index == 0

    def test_picking_another_variation_of_a_moved_plane(self, fake: Any, api: Any) -> None:
        job = api.submit("sky", output="PLANE", count=2)
        plane = bpy.data.objects[job.wait().object]
        plane.location = (1, 2, 3)
        bpy.context.view_layer.update()
        bpy.ops.texloom.apply(job=job.id, index=1)
        planes = [obj for obj in bpy.data.objects if obj.type == "MESH"]
        assert len(planes) == 1 and tuple(planes[0].matrix_world.translation) == (1, 2, 3)

    def test_reference_plane_has_the_asked_height(self, fake: Any, api: Any) -> None:
        made = api.generate("a door", output="PLANE", plane_height=2.2, plane_facing="-Y")
        assert bpy.data.objects[made.object].dimensions.y == pytest.approx(2.2)
        assert made.object in {obj.name for obj in bpy.data.collections["References"].objects}

    def test_timer_stays_within_its_budget(self, fake: Any, cube: Any, texloom: ModuleType, api: Any) -> None:
        # Thousands of events at once must be spread over turns.
        fake.script = fake.Script(steps=4000)
        bridge = module(texloom, "bridge").get()
        job = api.submit("bricks", target=cube())
        time.sleep(1.0)
        turns = []
        for _ in range(2000):
            if job.view.final:
                break
            # The thread's own time, as other programs run on the machine that tests this.
            began = time.thread_time()
            bridge.tick()
            turns.append(time.thread_time() - began)
        assert job.view.final and len(turns) > 1
        assert sorted(turns)[len(turns) // 2] < 0.005

    def test_keeps_a_bounded_list(self, fake: Any, texloom: ModuleType, api: Any) -> None:
        bridge = module(texloom, "bridge")
        for number in range(bridge.KEEP + 3):
            api.generate(f"image {number}", output="IMAGE")
        assert len(bridge.get().entries) <= bridge.KEEP + 1

    def test_results_that_wait_for_the_mouse_are_not_let_go(
        self, fake: Any, texloom: ModuleType, api: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bridge = module(texloom, "bridge")
        monkeypatch.setattr(bridge, "mouse_holds_scene", lambda: True)
        jobs = [api.submit(f"image {number}", output="IMAGE") for number in range(bridge.KEEP + 3)]
        turn(bridge.get(), lambda: all(job.view.final for job in jobs))
        jobs.append(api.submit("one more", output="IMAGE"))
        monkeypatch.setattr(bridge, "mouse_holds_scene", lambda: False)
        turn(bridge.get(), lambda: all(job.done for job in jobs))
        assert len({job.result().images[0] for job in jobs}) == len(jobs) == bridge.KEEP + 4

    def test_wrong_arguments_name_the_range(self, fake: Any, texloom: ModuleType, api: Any) -> None:
        errors = module(texloom, "core.texloom.errors")
        for options in ({"output": "CUBE"}, {"size": 100_000}, {"slot": "THIRD"}, {"sized": 4}, {"plane_height": 0}):
            with pytest.raises(errors.RequestError, match=next(iter(options)) if "size" not in options else "width"):
                api.submit("bricks", **options)

    def test_dismiss_and_reuse(self, fake: Any, texloom: ModuleType, api: Any) -> None:
        job = api.submit("white marble", output="IMAGE", seed=4_000_000_000)
        job.wait()
        bpy.ops.texloom.reuse(job=job.id)
        settings = bpy.context.scene.texloom
        assert settings.prompt == "white marble" and settings.seed == 2**31 - 1 and not settings.new_seed
        bpy.ops.texloom.dismiss(job=job.id)
        assert job.id not in module(texloom, "bridge").get().entries


def test_no_engine_is_a_clear_error(texloom: ModuleType, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEXLOOM_PYTHON", raising=False)
    engine_api = module(texloom, "core.texloom.api")
    with pytest.raises(engine_api.JobFailedError, match="Set up engine") as caught:
        api.generate("bricks", output="IMAGE")
    assert caught.value.code == "engine_missing"


def test_set_up_needs_online_access(texloom: ModuleType) -> None:
    if bpy.app.online_access:
        pytest.skip("this Blender may use the network")
    assert not bpy.ops.texloom.setup_engine.poll()


def test_stopping_what_does_not_run_does_nothing(texloom: ModuleType, counts: Any) -> None:
    before = counts()
    assert bpy.ops.texloom.cancel_setup() == {"FINISHED"}
    assert not module(texloom, "setup_job").state().running
    assert not bpy.ops.texloom.cancel_export.poll() or bpy.ops.texloom.cancel_export() == {"FINISHED"}
    assert counts() == before


def test_the_log_folder_cannot_be_shown_before_there_is_one(
    texloom: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operators = module(texloom, "operators.engine")
    monkeypatch.setattr(operators, "default_log_folder", lambda: tmp_path / "none")
    with pytest.raises(RuntimeError, match="not written a log"):
        bpy.ops.texloom.open_log()


def test_check_of_a_python_without_torch_says_so(texloom: ModuleType, tmp_path: Path) -> None:
    preferences = bpy.context.preferences.addons[texloom.__name__].preferences
    preferences.engine_python = sys.executable
    try:
        with pytest.raises(RuntimeError, match="torch"):
            bpy.ops.texloom.check_engine()
    finally:
        preferences.engine_python = ""


def test_rolling_takes_another_seed(texloom: ModuleType) -> None:
    settings = bpy.context.scene.texloom
    settings.seed = 5
    seeds = set()
    for _ in range(4):
        assert bpy.ops.texloom.roll_seed() == {"FINISHED"}
        seeds.add(settings.seed)
    assert len(seeds - {5}) >= 3 and min(seeds) >= 0
