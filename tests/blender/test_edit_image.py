# SPDX-License-Identifier: GPL-3.0-or-later
"""Images changed by words: masks, sides, seams; what is asked for, and what becomes of the datablocks."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from layouts import Here, buttons, drawn, fields, texts
from pictures import write_png
from test_addon import api, fake, module
from test_image_tools import fill, gradient, painted, read_back, requests, scratch

__all__ = ["api", "fake"]  # fixtures


@pytest.fixture
def panel(texloom: ModuleType) -> Any:
    """The settings of images, with a model that fills in parts."""
    settings = bpy.context.scene.texloom
    settings.prompt, settings.model, settings.catalog_model = "a drain", "CATALOG", "sdxl"
    return bpy.context.scene.texloom_images


@pytest.fixture
def masks(texloom: ModuleType) -> Any:
    found = module(texloom, "scene.masks")
    yield found
    module(texloom, "scene.sources").tidy(())


def brush(image: Any, left: int, top: int, right: int, bottom: int, color: float = 1.0) -> None:
    """Paint a rectangle; rows count from the top."""
    width, height = image.size
    flat = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(flat)
    flat.reshape(height, width, 4)[::-1][top:bottom, left:right, :3] = color
    image.pixels.foreach_set(flat)


class TestMasks:
    def test_what_is_painted_over_is_white(self, texloom: ModuleType, masks: Any) -> None:
        image = painted(pixels=gradient(40, 24))
        mask = masks.make(image)
        assert (mask.size[0], mask.size[1], mask.name) == (40, 24, "Wall.png mask")
        brush(mask, 4, 2, 10, 8)
        saved = read_back(masks.save(mask, image))
        assert (saved[2:8, 4:10, 0] == 255).all() and saved[..., 0].sum() == 255 * 36

    @pytest.mark.parametrize("space", ["sRGB", "Non-Color"])
    @pytest.mark.parametrize("deep", [False, True])
    def test_nothing_painted_is_nothing_masked(self, texloom: ModuleType, masks: Any, deep: bool, space: str) -> None:
        image = bpy.data.images.new("Light", 64, 16, float_buffer=deep, alpha=True)
        image.colorspace_settings.name = space
        ramp = np.linspace(0, 1, 64 * 16 * 4, dtype=np.float32)
        ramp[3::4] = 1.0
        image.pixels.foreach_set(ramp)
        mask = masks.make(image)
        with pytest.raises(module(texloom, "core.texloom.errors").RequestError, match="Nothing is painted"):
            masks.save(mask, image)
        brush(mask, 0, 0, 64, 16, 0.5)
        assert (read_back(masks.save(mask, image))[..., 0] == 255).mean() > 0.9

    def test_it_survives_saving(self, texloom: ModuleType, masks: Any, panel: Any, tmp_path: Path) -> None:
        image = painted(pixels=gradient(40, 24))
        image.pack()
        panel.image = image
        bpy.ops.texloom.make_mask()
        brush(panel.mask_image, 4, 2, 10, 8)
        panel.mask_image.pack()
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"), check_existing=False)
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
        found = bpy.context.scene.texloom_images
        assert found.mask == "IMAGE" and found.masked_image.name == "Wall.png"
        assert (read_back(masks.save(found.mask_image, found.masked_image))[..., 0] == 255).sum() == 36

    def test_any_image_is_a_mask_as_it_is(self, texloom: ModuleType, masks: Any) -> None:
        pixels = np.zeros((24, 40, 4), np.uint8)
        pixels[:5, :, :3], pixels[..., 3] = 255, 255
        assert (read_back(masks.save(painted("Any", pixels), None))[..., 0] == pixels[..., 0]).all()

    def test_what_cannot_be_used_says_why(self, texloom: ModuleType, masks: Any) -> None:
        errors = module(texloom, "core.texloom.errors")
        mask = masks.make(painted())
        with pytest.raises(errors.RequestError, match="is gone"):
            masks.save(mask, None)
        with pytest.raises(errors.RequestError, match="another size"):
            masks.save(mask, painted("Other", gradient(64, 64)))
        assert scratch() == []

    def test_the_panel_stays_with_the_image_below(self, texloom: ModuleType, panel: Any) -> None:
        subject = module(texloom, "image_settings").subject
        image = painted()
        assert bpy.ops.texloom.make_mask(image=image.name) == {"FINISHED"}
        mask = panel.mask_image
        assert subject(Here(mask, editor=True)) == image and subject(Here(image, editor=True)) == image
        noted = drawn(texloom, "editing.EditImage", Here(mask, editor=True))
        assert {"make_mask", "leave_mask", "inpaint", "outpaint"} <= set(buttons(noted)) and image.name in texts(noted)
        assert bpy.ops.texloom.leave_mask() == {"CANCELLED"}  # there is no editor in the background


class TestOperators:
    def test_masked_parts(self, texloom: ModuleType, fake: Any, panel: Any, api: Any) -> None:
        fake.script = fake.Script(steps=5, step_seconds=0.02)
        image = painted(pixels=gradient(96, 64))
        mask = api.paint_mask(image)
        brush(mask, 10, 10, 30, 30)
        panel.image, panel.mask, panel.mask_image, panel.masked_image = image, "IMAGE", mask, image
        panel.edit_strength, panel.edit_tiling = 0.8, "X"
        assert bpy.ops.texloom.inpaint() == {"FINISHED"}
        (request,) = requests(texloom)
        assert (request.operation, request.model, request.prompt) == ("inpaint", "sdxl", "a drain")
        assert (request.width, request.height, request.tile_x, request.tile_y) == (96, 64, True, False)
        assert request.strength == pytest.approx(0.8) and request.mask.endswith(".png") and request.source
        # Neither source nor mask is left behind, and the result has a name of its own.
        assert scratch() == [] and "Wall edited" in bpy.data.images
        assert panel.image.name == "Wall edited" and bpy.data.images["Wall.png"] == image

    def test_transparent_places(self, texloom: ModuleType, fake: Any, panel: Any) -> None:
        pixels = gradient(96, 64)
        pixels[:20, :20, 3] = 0
        panel.image = painted(pixels=pixels)
        assert bpy.ops.texloom.inpaint(prompt="moss") == {"FINISHED"}
        (request,) = requests(texloom)
        assert (request.prompt, request.mask, request.strength) == ("moss", "", None)
        assert not request.tile_x and not request.tile_y

    def test_in_place_is_one_replacement(self, texloom: ModuleType, fake: Any, panel: Any) -> None:
        image = painted(pixels=gradient(96, 64, alpha=100))
        texture = bpy.data.textures.new("Uses it", "IMAGE")
        texture.image = image
        assert bpy.ops.texloom.inpaint(image=image.name, in_place=True) == {"FINISHED"}
        assert texture.image.name == "Wall edited" and bpy.data.images["Wall.png"].use_fake_user

    def test_sides(self, texloom: ModuleType, fake: Any, panel: Any) -> None:
        panel.image = painted(pixels=gradient(100, 80))
        panel.left, panel.right, panel.top, panel.bottom = 0.5, 0.0, 0.25, 0.0
        assert bpy.ops.texloom.outpaint() == {"FINISHED"}
        assert bpy.ops.texloom.outpaint(image="Wall.png", left=0.0, top=0.0, right=1.0) == {"FINISHED"}
        first, second = requests(texloom)
        assert (first.operation, first.expand) == ("outpaint", (0.5, 0.0, 0.25, 0.0))
        assert (first.width, first.height) == (150, 100) and (second.width, second.height) == (200, 80)
        assert "Wall extended" in bpy.data.images
        with pytest.raises(RuntimeError, match="say by how much"):
            bpy.ops.texloom.outpaint(image="Wall.png", left=0.0, top=0.0, right=0.0, bottom=0.0)

    def test_seams(self, texloom: ModuleType, fake: Any, panel: Any) -> None:
        bpy.context.scene.texloom.prompt = ""
        panel.image, panel.tiling, panel.replace_users = painted(pixels=gradient(96, 64)), "X", True
        texture = bpy.data.textures.new("Uses it", "IMAGE")
        texture.image = panel.image
        assert bpy.ops.texloom.repair_seams() == {"FINISHED"}
        (request,) = requests(texloom)
        assert (request.operation, request.prompt) == ("repair_seams", "seamless texture")
        assert (request.tile_x, request.tile_y, texture.image.name) == (True, False, "Wall seamless")
        with pytest.raises(RuntimeError, match="Choose a direction"):
            bpy.ops.texloom.repair_seams(tiling="NONE")
        # It stands beside its sibling that needs no model.
        noted = drawn(texloom, "images.FromImage", Here())
        assert {"make_seamless", "repair_seams"} <= set(buttons(noted))

    def test_the_model_s_settings_and_loras_count(
        self, texloom: ModuleType, fake: Any, panel: Any, tmp_path: Path
    ) -> None:
        settings = bpy.context.scene.texloom
        (tmp_path / "a.safetensors").write_bytes(b"")
        bpy.ops.texloom.lora_add(filepath=str(tmp_path / "a.safetensors"))
        settings.steps, settings.guidance_scale, settings.negative_prompt = 7, 3.0, "rust"
        settings.new_seed, settings.seed, settings.style = False, 42, "{prompt}, old"
        panel.image = painted(pixels=gradient(96, 64, alpha=9))
        bpy.ops.texloom.inpaint()
        (request,) = requests(texloom)
        assert (request.steps, request.guidance_scale, request.negative_prompt, request.seed) == (7, 3.0, "rust", 42)
        assert request.prompt == "a drain, old" and len(request.loras) == 1

    def test_a_model_that_cannot_is_told_before(self, texloom: ModuleType, fake: Any, panel: Any) -> None:
        panel.image = painted()
        settings = bpy.context.scene.texloom
        for model, catalog in (("instant", ""), ("CATALOG", "sana")):
            settings.model, settings.catalog_model = model, catalog
            assert not bpy.ops.texloom.inpaint.poll() and not bpy.ops.texloom.repair_seams.poll()
            assert "Choose a model that fills in" in texts(drawn(texloom, "editing.EditImage", Here()))

    def test_errors_are_told(self, texloom: ModuleType, fake: Any, panel: Any) -> None:
        image = painted()
        with pytest.raises(RuntimeError, match="Choose an image first"):
            bpy.ops.texloom.inpaint()
        with pytest.raises(RuntimeError, match="Choose a mask"):
            bpy.ops.texloom.inpaint(image=image.name, mask="IMAGE")
        bpy.ops.texloom.make_mask(image=image.name)
        with pytest.raises(RuntimeError, match="Nothing is painted"):
            bpy.ops.texloom.inpaint(image=image.name)
        bpy.context.scene.texloom.prompt = ""
        with pytest.raises(RuntimeError, match="Type what to make first"):
            bpy.ops.texloom.outpaint(image=image.name)
        image.source = "MOVIE"
        assert "movie" in texts(drawn(texloom, "editing.EditImage", Here(image, editor=True)))
        assert requests(texloom) == [] and scratch() == []

    def test_a_failed_one_keeps_what_retry_needs(self, texloom: ModuleType, fake: Any, panel: Any) -> None:
        errors = module(texloom, "core.texloom.errors")
        fake.script = fake.Script(fail={"a drain": errors.DownloadError("No connection.")})
        image = painted(pixels=gradient(96, 64))
        bpy.ops.texloom.make_mask(image=image.name)
        brush(panel.mask_image, 2, 2, 9, 9)
        with pytest.raises(RuntimeError, match="No connection"):
            bpy.ops.texloom.inpaint(image=image.name)
        assert len(scratch()) == 2  # source and mask
        (failed,) = module(texloom, "bridge").get().entries
        fake.script = fake.Script()
        assert bpy.ops.texloom.retry(job=failed) == {"FINISHED"} and scratch() == []

    def test_fields_of_the_panel(self, texloom: ModuleType, fake: Any, panel: Any) -> None:
        panel.image = painted()
        shown = set(fields(drawn(texloom, "editing.EditImage", Here())))
        assert {"mask", "edit_strength", "edit_tiling", "left", "right", "top", "bottom", "in_place"} <= shown
        assert "mask_image" not in shown
        panel.mask = "IMAGE"
        assert "mask_image" in fields(drawn(texloom, "editing.EditImage", Here()))
        panel.image = None
        assert "Choose or open an image" in texts(drawn(texloom, "editing.EditImage", Here()))


class TestScripts:
    def test_operations(self, texloom: ModuleType, fake: Any, api: Any, tmp_path: Path) -> None:
        file = write_png(tmp_path / "yard.png", gradient(96, 64))
        white = fill(bpy.data.images.new("White", 96, 64), np.full((64, 96, 4), 255, np.uint8))
        made = api.inpaint(file, "a drain", model="sdxl", mask=white, seed=3)
        assert len(made.images) == 1
        api.extend(file, "a yard", model="sdxl", right=0.5)
        api.repair_seams(file, model="sdxl", tile="y")
        first, second, third = requests(texloom)
        assert (first.operation, first.seed, first.source) == ("inpaint", 3, str(file)) and first.mask
        assert (second.operation, second.width) == ("outpaint", 144)
        assert (third.tile_x, third.tile_y) == (False, True) and scratch() == []

    def test_arguments_are_checked(self, texloom: ModuleType, fake: Any, api: Any, tmp_path: Path) -> None:
        errors = module(texloom, "core.texloom.errors")
        file = write_png(tmp_path / "yard.png", gradient(96, 64))
        for options, word in (
            ({"operation": "polish"}, "operation"),
            ({"store": "MOON"}, "store"),
            ({"in_place": True}, "in_place"),
            ({"tile": "z"}, "tile"),
            ({"expand": (0.5, 0, 0, 0)}, "expand"),
        ):
            with pytest.raises(errors.RequestError, match=word):
                api.submit_edit(file, "a drain", model="sdxl", **options)
        assert requests(texloom) == []
