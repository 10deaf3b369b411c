# SPDX-License-Identifier: GPL-3.0-or-later
"""Images, results and materials made larger: what is asked for, and what becomes of the datablocks."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from layouts import Here, buttons, drawn, fields
from pictures import ALL_MAPS, flat, write_result
from test_addon import api, fake, module
from test_image_tools import gradient, painted, requests, scratch

__all__ = ["api", "fake"]  # fixtures

LARGE = {name: np.kron(pixels, np.ones((8, 8) + (1,) * (pixels.ndim - 2), pixels.dtype)) for name, pixels in ALL_MAPS.items()}  # fmt: skip  # noqa: E501


@pytest.fixture
def settings(texloom: ModuleType) -> Any:
    """The settings of images."""
    return bpy.context.scene.texloom_images


@pytest.fixture
def result_folder(texloom: ModuleType, fake: Any, tmp_path: Path) -> Path:
    """A material of 64² with all maps in the library."""
    return _result(texloom, tmp_path, "20260101-100000-red-bricks-0123abcd")


def _result(texloom: ModuleType, tmp_path: Path, name: str, maps: Any = None, **request: Any) -> Path:
    folder = tmp_path / "library" / name
    manifest = write_result(folder, maps or LARGE)
    data = json.loads(manifest.read_text(encoding="utf-8"))
    kind = module(texloom, "core.texloom.request").GenerationRequest
    given = {"prompt": "red bricks", "width": 64, "height": 64, "maps": tuple(ALL_MAPS)} | request
    data["request"] = kind(**given).to_dict()
    manifest.write_text(json.dumps(data), encoding="utf-8")
    return folder


class TestImages:
    def test_an_image(self, texloom: ModuleType, fake: Any, settings: Any) -> None:
        settings.image, settings.factor = painted(pixels=gradient(96, 64)), 3.0
        assert bpy.ops.texloom.upscale() == {"FINISHED"}
        (request,) = requests(texloom)
        assert (request.operation, request.model, request.kind) == ("upscale", "image", "texture")
        assert (request.width, request.height, request.prompt) == (288, 192, "Wall")
        assert request.strength is None and request.loras == ()
        assert scratch() == [] and settings.image.name == "Wall upscaled" and "Wall.png" in bpy.data.images

    def test_in_place_and_numbers(self, texloom: ModuleType, fake: Any, api: Any) -> None:
        image = painted("Roughness", gradient(64, 64))
        image.colorspace_settings.name = "Non-Color"
        made = api.upscale(image, 2, in_place=True)
        assert made.images == ("Roughness upscaled",)
        assert bpy.data.images[made.images[0]].colorspace_settings.name == "Non-Color"
        assert image.use_fake_user

    def test_by_the_chosen_model(self, texloom: ModuleType, fake: Any, settings: Any) -> None:
        panel = bpy.context.scene.texloom
        settings.image, settings.upscaler, settings.upscale_strength = painted(pixels=gradient(64, 64)), "MODEL", 0.4
        with pytest.raises(RuntimeError, match="draws over pictures"):
            bpy.ops.texloom.upscale()
        panel.model, panel.catalog_model = "CATALOG", "qwen-image-edit"
        panel.steps, panel.new_seed, panel.seed, panel.prompt = 7, False, 12, "old wall"
        with pytest.raises(RuntimeError, match="draws over pictures"):
            bpy.ops.texloom.upscale()
        assert requests(texloom) == []
        panel.catalog_model = "sdxl"
        assert bpy.ops.texloom.upscale(factor=2.5) == {"FINISHED"}
        (request,) = requests(texloom)
        assert (request.model, request.prompt, request.steps, request.seed) == ("sdxl", "old wall", 7, 12)
        assert request.strength == pytest.approx(0.4) and (request.width, request.height) == (160, 160)

    def test_a_file_and_what_cannot_be(self, texloom: ModuleType, fake: Any, api: Any, tmp_path: Path) -> None:
        from pictures import write_png

        errors = module(texloom, "core.texloom.errors")
        file = write_png(tmp_path / "wall.png", flat((9, 9, 9), 100, 80))
        api.upscale(file, 1.5)
        (request,) = requests(texloom)
        assert request.source == str(file) and request.width == 150
        for source, factor, options, words in (
            (file, 5, {}, "^factor"), (file, 2, {"in_place": True}, "^in_place"), (file, 2, {"size": 9}, "Unknown"),
            (tmp_path / "gone.png", 2, {}, "no file"), (painted(pixels=gradient(4096, 9)), 3, {}, "up to 8192"),
        ):  # fmt: skip
            with pytest.raises(errors.RequestError, match=words):
                api.upscale(source, factor, **options)
        assert scratch() == []

    def test_the_panel(self, texloom: ModuleType, settings: Any) -> None:
        image = painted()
        noted = drawn(texloom, "images.FromImage", Here(image, editor=True))
        assert "upscale" in buttons(noted) and {"factor", "upscaler"} <= set(fields(noted))
        assert "upscale_strength" not in fields(noted)
        settings.upscaler = "MODEL"
        assert "upscale_strength" in fields(drawn(texloom, "images.FromImage", Here(image, editor=True)))


class TestResults:
    def test_all_maps_into_the_materials_that_show_it(
        self, texloom: ModuleType, fake: Any, api: Any, cube: Any, result_folder: Path, tmp_path: Path
    ) -> None:
        mine, others = cube("Mine"), cube("Others")
        first = api.apply(result_folder, target=mine)
        foreign = api.apply(_result(texloom, tmp_path, "20260101-100001-other-0123abce"), target=others)
        material: Any = bpy.data.materials[first.material]
        node_count = len(material.node_tree.nodes)
        assert bpy.ops.texloom.library_upscale(folder=result_folder.name, factor=2.0) == {"FINISHED"}
        (request,) = requests(texloom)
        assert (request.operation, request.width, request.kind) == ("upscale", 128, "material")
        assert set(request.source_maps) == set(ALL_MAPS) - {"base_color"}
        assert request.real_world_width == 1.5 and request.height_range == pytest.approx(0.03)
        assert request.parameters == {"height_min_m": -0.02}
        (entry,) = module(texloom, "bridge").get().entries.values()
        larger = Path(entry.view.folder)
        assert larger != result_folder and larger.parent == result_folder.parent
        # The same datablock, with its nodes, shows the larger maps now.
        assert mine.material_slots[0].material == material and len(material.node_tree.nodes) == node_count
        assert material["texloom_manifest"] == str(larger / "manifest.json")
        assert entry.built.material == material.name
        assert bpy.data.materials[foreign.material]["texloom_manifest"] != material["texloom_manifest"]
        # Back to what it was, as with variations.
        assert module(texloom, "upscaling").shown(material) == (larger, 0)
        api.replace(material, result_folder)
        assert module(texloom, "upscaling").showing(result_folder, 0) == [material]

    def test_what_nothing_shows_waits_in_the_library(self, texloom: ModuleType, api: Any, result_folder: Path) -> None:
        made = api.upscale(result_folder, 4)
        assert made.material == "" and made.images == () and len(bpy.data.materials) == 0
        assert (
            made.folder.is_dir() and json.loads((made.folder / "manifest.json").read_text())["request"]["width"] == 256
        )

    def test_a_material_that_has_gone_meanwhile(
        self, texloom: ModuleType, fake: Any, api: Any, cube: Any, result_folder: Path
    ) -> None:
        """Nothing is lost: it is made as a material of its own."""
        fake.script = fake.Script(steps=3, step_seconds=0.05)
        obj = cube()
        shown = api.apply(result_folder, target=obj)
        job = api.submit_upscale(bpy.data.materials[shown.material], 2)
        bpy.data.materials.remove(bpy.data.materials[shown.material])
        made = job.wait(20)
        assert made.material in bpy.data.materials and any("waits in the file" in text for text in made.messages)

    def test_a_material(self, texloom: ModuleType, fake: Any, api: Any, cube: Any, result_folder: Path) -> None:
        errors = module(texloom, "core.texloom.errors")
        obj = cube()
        shown = api.apply(result_folder, target=obj)
        material: Any = bpy.data.materials[shown.material]
        with bpy.context.temp_override(object=obj, active_object=obj):
            bpy.context.view_layer.objects.active = obj
            assert bpy.ops.texloom.upscale_material(factor=2.0) == {"FINISHED"}
        assert "upscaled" not in material.name and requests(texloom)[0].width == 128
        with pytest.raises(errors.RequestError, match="no Texloom sliders"):
            api.upscale(bpy.data.materials.new("Plain"))
        import shutil

        (entry,) = module(texloom, "bridge").get().entries.values()
        shutil.rmtree(entry.view.folder)
        with pytest.raises(errors.RequestError, match="are gone"):
            api.upscale(material)

    def test_a_texture(self, texloom: ModuleType, fake: Any, api: Any, tmp_path: Path) -> None:
        maps = {"image": LARGE["base_color"]}
        folder = _result(texloom, tmp_path, "20260101-100002-sky-0123abcf", maps, kind="texture", tile_x=False)
        made = api.upscale(folder, 2)
        (request,) = requests(texloom)
        assert (request.kind, request.tile_x, request.source_maps) == ("texture", False, {})
        assert made.folder != folder

    def test_the_panel_of_the_library(self, texloom: ModuleType, fake: Any, result_folder: Path) -> None:
        from test_library import drawn as drawn_library
        from test_library import operators, wait

        view = module(texloom, "library_view")
        bpy.context.window_manager.texloom_library.selected = result_folder.name
        drawn_library(texloom)  # which begins to look at the disk
        wait(lambda: not view.watcher().busy)
        (button,) = operators(drawn_library(texloom), "library_upscale")
        assert (button["folder"], button["index"]) == (result_folder.name, 0)
        view.watcher().close()
        bpy.context.window_manager.texloom_library.selected = ""

    def test_use_settings(self, texloom: ModuleType, fake: Any, api: Any, settings: Any, result_folder: Path) -> None:
        made = api.upscale(result_folder, 2.5, model="sdxl", strength=0.2, steps=9, seed=5)
        # The engine keeps a copy; the one of this test does not, so the original is taken.
        settings.upscaler = "LIGHT"
        assert api.restore(made.folder) == []
        assert settings.image.name.startswith("00_base_color") and settings.upscaler == "MODEL"
        assert settings.factor == pytest.approx(2.5) and settings.upscale_strength == pytest.approx(0.2)
        # Its parameter is none of the instant model's.
        locks = module(texloom, "locks")
        assert locks.of(bpy.context.scene) == {}

    def test_damaged(self, texloom: ModuleType, api: Any, result_folder: Path) -> None:
        errors = module(texloom, "core.texloom.errors")
        (result_folder / "manifest.json").write_text("{", encoding="utf-8")
        with pytest.raises(errors.StorageError, match="damaged"):
            api.upscale(result_folder, 2)
        with pytest.raises(RuntimeError, match="damaged"):
            bpy.ops.texloom.library_upscale(folder=result_folder.name)
