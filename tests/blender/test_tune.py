# SPDX-License-Identifier: GPL-3.0-or-later
"""Instant materials stay parametric: sliders from words, drawing again, locks; with the real worker."""

from __future__ import annotations

import os
import signal
import sys
import time
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from test_addon import fake, module, turn
from test_engine import WORKER_PYTHON, engine

__all__ = ["engine", "fake"]  # fixtures

needs_engine = pytest.mark.skipif(not WORKER_PYTHON, reason="TEXLOOM_TEST_PYTHON names no engine environment")
PROMPT = "mossy red brick wall with white mortar"


@pytest.fixture
def bridge(texloom: ModuleType) -> Any:
    return module(texloom, "bridge").get()


@pytest.fixture
def tuner(texloom: ModuleType) -> Any:
    return module(texloom, "tune").get()


@pytest.fixture
def wall(engine: Any, cube: Any) -> Any:
    obj = cube()
    bpy.context.view_layer.objects.active = obj
    engine.generate(PROMPT, target=obj, size=256, seed=5)
    return obj.active_material


def pictures(material: Any) -> dict[str, Any]:
    return {node.label: node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE"}


def pixels(material: Any, label: str = "Base Color") -> Any:
    image = pictures(material)[label]
    found = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(found)
    return found.reshape(image.size[1], image.size[0], -1)


@needs_engine
class TestSliders:
    def test_they_come_from_the_words(self, wall: Any) -> None:
        recipe = wall.texloom
        assert (recipe.family, recipe.family_title) == ("bricks", "Brick wall") and "brick" in recipe.family_words
        moss, width, color = (recipe.parameters[name] for name in ("moss", "joint_width", "color"))
        assert moss.words == "mossy" and moss.source == "prompt" and moss.attribute and moss.amount > 0.4
        assert width.unit == "m" and width.source == "seed" and width.words == ""
        assert width.low <= width.length <= width.high
        assert color.words == "red" and color.color[0] > 1.5 * color.color[1]
        assert recipe.parameters["bond"].choice in {
            item.identifier for item in recipe.parameters["bond"].bl_rna.properties["choice"].enum_items
        } | {"running", "stack", "english", "raking", "header"}

    def test_values_stay_in_their_range(self, wall: Any) -> None:
        width = wall.texloom.parameters["joint_width"]
        for wanted, expected in ((50.0, width.high), (-1.0, width.low)):
            width.length = wanted
            assert width.length == pytest.approx(expected)
        wall.texloom.parameters["moss"].amount = 7.0
        assert wall.texloom.parameters["moss"].amount == 1.0

    def test_lengths_follow_the_scene_units(self, wall: Any) -> None:
        bpy.context.scene.unit_settings.system = "METRIC"
        width = wall.texloom.parameters["joint_width"]
        metres = width.value
        bpy.context.scene.unit_settings.scale_length = 0.01
        assert width.length == pytest.approx(metres * 100)
        width.length = 1.0  # a centimetre
        assert width.value == pytest.approx(0.01)

    def test_a_material_of_another_model_has_none(self, fake: Any, cube: Any, texloom: ModuleType) -> None:
        obj = cube()
        bpy.context.view_layer.objects.active = obj
        module(texloom, "api").generate("bricks", target=obj)
        assert obj.active_material.texloom.family == ""
        assert not bpy.ops.texloom.redraw.poll()
        errors = module(texloom, "core.texloom.errors")
        with pytest.raises(errors.RequestError, match="no material of the instant model"):
            module(texloom, "api").tune(obj.active_material, moss=0.5)


@needs_engine
class TestRedraw:
    def test_the_same_images_show_other_values(self, engine: Any, wall: Any, counts: Any) -> None:
        before, names, old = counts(), {k: v.name for k, v in pictures(wall).items()}, pixels(wall)
        engine.tune(wall, moss=0.0, color="#2244aa")
        assert counts() == before and {k: v.name for k, v in pictures(wall).items()} == names
        assert all(image.packed_file for image in pictures(wall).values())
        new = pixels(wall)
        assert new.shape == old.shape
        # Blue bricks without moss.
        assert new[..., 2].mean() > new[..., 0].mean() and old[..., 2].mean() < old[..., 0].mean()
        assert wall.texloom.parameters["color"].source == "request"

    def test_reset_draws_the_very_first_pixels(self, engine: Any, wall: Any) -> None:
        old = {label: pixels(wall, label) for label in pictures(wall)}
        engine.tune(wall, joint_width=0.03, wear=1.0, bond="stack")
        assert not np.array_equal(pixels(wall), old["Base Color"])
        assert bpy.ops.texloom.tune_reset() == {"FINISHED"}
        for label, before in old.items():
            assert np.array_equal(pixels(wall, label), before), label

    def test_two_materials_stay_two(self, engine: Any, cube: Any, texloom: ModuleType) -> None:
        obj = cube()
        bpy.context.view_layer.objects.active = obj
        engine.generate("knitted lava", target=obj, size=128, seed=5)
        material, title = obj.active_material, module(texloom, "parameters").title
        assert material.texloom.family == "knit"
        assert title(material.texloom) == "Knitted wool + Lava"
        engine.tune(material, wetness=0.9)
        assert title(material.texloom) == "Knitted wool + Lava"
        old = pixels(material)
        engine.tune(material, color="#2244cc")
        assert pixels(material)[..., 2].mean() > old[..., 2].mean() + 0.02  # of the rock as well
        assert bpy.ops.texloom.tune_family(family="cobblestone") == {"FINISHED"}
        assert title(material.texloom) == "Cobblestone"

    def test_relief_follows(self, engine: Any, wall: Any) -> None:
        before = wall["texloom_height_max_m"] - wall["texloom_height_min_m"]
        engine.tune(wall, joint_width=0.04, moss=0.0)
        after = wall["texloom_height_max_m"] - wall["texloom_height_min_m"]
        assert after > 1.5 * before

    def test_other_irregularities_of_the_same_values(self, engine: Any, wall: Any) -> None:
        values, old = {item.name: item.value for item in wall.texloom.parameters}, pixels(wall)
        assert bpy.ops.texloom.tune_seed() == {"FINISHED"}
        assert {item.name: item.value for item in wall.texloom.parameters} == values
        assert not np.array_equal(pixels(wall), old)

    def test_another_kind_keeps_color_and_condition(self, engine: Any, wall: Any) -> None:
        moss = wall.texloom.parameters["moss"].amount
        color = list(wall.texloom.parameters["color"].color)
        assert bpy.ops.texloom.tune_family(family="cobblestone") == {"FINISHED"}
        recipe = wall.texloom
        assert recipe.family == "cobblestone" and "bond" not in recipe.parameters
        assert recipe.parameters["moss"].amount == pytest.approx(moss, abs=1e-4)
        assert list(recipe.parameters["color"].color) == pytest.approx(color, abs=1 / 255)
        # What it is now is what its sliders draw.
        old = pixels(wall)
        assert bpy.ops.texloom.redraw() == {"FINISHED"}
        assert np.array_equal(pixels(wall), old)

    def test_wrong_values_change_nothing(self, engine: Any, wall: Any, texloom: ModuleType) -> None:
        errors = module(texloom, "core.texloom.errors")
        old = pixels(wall)
        for values in ({"moss": 2.0}, {"color": "red"}, {"bond": "none"}, {"feathers": 1.0}, {"wear": "much"}):
            with pytest.raises(errors.RequestError, match=next(iter(values))):
                engine.tune(wall, wear=0.9, **values) if "wear" not in values else engine.tune(wall, **values)
        assert np.array_equal(pixels(wall), old) and wall.texloom.parameters["wear"].source != "request"

    def test_keeping_it_writes_a_result(self, engine: Any, wall: Any, bridge: Any, counts: Any) -> None:
        engine.tune(wall, moss=0.9)
        before = counts()
        assert bpy.ops.texloom.tune_keep() == {"FINISHED"}
        entry = bridge.newest()
        assert entry.view.request.parameters["moss"] == 0.9 and counts() == before
        # It can be put into the scene like any other.
        assert bpy.ops.texloom.apply(job=entry.id) == {"FINISHED"}

    def test_it_works_without_the_library_and_in_another_file(self, engine: Any, wall: Any, tmp_path: Any) -> None:
        import shutil
        from pathlib import Path

        shutil.rmtree(Path(wall["texloom_manifest"]).parent)
        path = str(tmp_path / "moved.blend")
        bpy.ops.wm.save_as_mainfile(filepath=path)
        bpy.ops.wm.open_mainfile(filepath=path)
        material = bpy.data.objects["Cube"].active_material
        old = pixels(material)
        engine.tune(material, wetness=1.0)
        assert not np.array_equal(pixels(material), old)

    def test_an_asset_of_it_shows_what_it_is_now(self, engine: Any, wall: Any, tmp_path: Any) -> None:
        def preview(material: Any) -> Any:
            shown = np.empty(len(material.preview.image_pixels_float), np.float32)
            material.preview.image_pixels_float.foreach_get(shown)
            return shown.reshape(-1, 4).mean(0)[:3]

        engine.save_asset(wall, library=None)
        red = preview(wall)
        wall.asset_clear()
        engine.tune(wall, moss=0.0, color="#2244aa")
        engine.save_asset(wall, library=None)
        blue = preview(wall)
        assert red[0] > red[2] and blue[2] > blue[0]
        assert bpy.ops.texloom.tune_family(family="cobblestone") == {"FINISHED"}
        wall.asset_clear()
        engine.save_asset(wall, library=None)
        assert "Cobblestone" in {tag.name for tag in wall.asset_data.tags}


@needs_engine
class TestDragging:
    """In a window the timer turns the crank; here the test does."""

    def test_drafts_first_then_the_whole_size(self, wall: Any, bridge: Any, tuner: Any, monkeypatch: Any) -> None:
        module = sys.modules[type(tuner).__module__]
        monkeypatch.setattr(module, "DRAFT_SIDES", (64, 64))
        monkeypatch.setattr(module, "QUICK_SECONDS", 0.0)
        monkeypatch.setattr(tuner, "_side", 64)
        bridge.tick()
        seen = []
        recipe = wall.texloom
        for amount in (0.1, 0.5, 0.9):
            recipe.parameters["moss"].amount = amount
            tuner.changed(wall)
            turn(bridge, lambda: pictures(wall)["Base Color"].size[0] == 64 and tuner.busy(wall))
            seen.append(pictures(wall)["Base Color"].size[0])
        turn(bridge, lambda: not tuner.busy(wall))
        assert seen == [64, 64, 64] and tuple(pictures(wall)["Base Color"].size) == (256, 256)
        assert all(image.packed_file for image in pictures(wall).values()) and tuner.problem(wall) == ""

    def test_a_file_is_saved_with_the_whole_pictures(
        self, wall: Any, bridge: Any, tuner: Any, tmp_path: Any, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(sys.modules[type(tuner).__module__], "QUICK_SECONDS", 0.0)
        monkeypatch.setattr(tuner, "_side", 64)
        wall.texloom.parameters["moss"].amount = 0.2
        tuner.changed(wall)
        turn(bridge, lambda: pictures(wall)["Base Color"].size[0] == 64)
        path = str(tmp_path / "saved.blend")
        bpy.ops.wm.save_as_mainfile(filepath=path)
        bpy.ops.wm.open_mainfile(filepath=path)
        image = pictures(bpy.data.objects["Cube"].active_material)["Base Color"]
        assert tuple(image.size) == (256, 256) and image.packed_file

    def test_a_deleted_material_and_another_file_end_it(self, wall: Any, bridge: Any, tuner: Any) -> None:
        tuner.changed(wall)
        bpy.data.materials.remove(wall)
        bridge.tick()
        assert tuner.turn() is False
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        assert tuner.turn() is False

    @pytest.mark.ends
    def test_a_killed_worker_is_told_and_the_next_change_works(
        self, engine: Any, wall: Any, bridge: Any, tuner: Any, counts: Any, texloom: ModuleType
    ) -> None:
        if sys.platform == "win32":
            pytest.skip("needs signals")
        before, old = counts(), pixels(wall)
        tuner.order(wall, width=4096, height=4096)
        bridge.tick()
        time.sleep(0.3)
        os.kill(bridge.session.table.backend._session._child.pid, signal.SIGKILL)
        turn(bridge, lambda: not tuner.busy(wall))
        assert "ended" in tuner.problem(wall) or "process" in tuner.problem(wall)
        assert counts() == before and np.array_equal(pixels(wall), old)
        engine.tune(wall, moss=0.0)
        assert tuner.problem(wall) == "" and not np.array_equal(pixels(wall), old)


@needs_engine
class TestLocks:
    def test_a_locked_value_outlives_prompt_and_seed(self, engine: Any, wall: Any, cube: Any) -> None:
        scene = bpy.context.scene
        wall.texloom.parameters["color"].color = (0.1, 0.2, 0.6)
        wall.texloom.parameters["color"].locked = True
        wall.texloom.parameters["moss"].locked = True
        wall.texloom.parameters["moss"].amount = 0.33
        settings = scene.texloom
        settings.prompt, settings.size = "cobblestone", "512"
        request = settings.request()
        assert request.parameters == {"color": "#1a3399", "moss": 0.33}
        other = cube("Other")
        bpy.ops.object.select_all(action="DESELECT")
        other.select_set(True)
        bpy.context.view_layer.objects.active = other
        assert bpy.ops.texloom.generate() == {"FINISHED"}
        recipe = other.active_material.texloom
        assert recipe.family == "cobblestone" and recipe.parameters["moss"].amount == pytest.approx(0.33, abs=1e-4)
        assert recipe.parameters["color"].locked and not recipe.parameters["wear"].locked
        # Letting go shows on all materials.
        assert bpy.ops.texloom.unlock(name="color") == {"FINISHED"}
        assert not recipe.parameters["color"].locked and not wall.texloom.parameters["color"].locked
        assert "color" not in settings.request().parameters
        bpy.ops.texloom.unlock()
        assert not bpy.ops.texloom.unlock.poll()

    def test_the_kind_of_material_can_be_locked(self, engine: Any, wall: Any) -> None:
        wall.texloom.family_locked = True
        settings = bpy.context.scene.texloom
        settings.prompt = "mossy cobblestone"
        assert settings.request().parameters == {"family": "bricks"}
        wall.texloom.family_locked = False
        assert settings.request().parameters == {}
