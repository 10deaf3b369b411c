# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on images of the file: what they send, what becomes of datablocks, and what the real engine makes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy
import numpy as np
import pytest
from pictures import write_png
from test_addon import api, fake, module

__all__ = ["api", "fake"]  # fixtures

WORKER_PYTHON = os.environ.get("TEXLOOM_TEST_PYTHON")


@pytest.fixture
def sources(texloom: ModuleType) -> Iterator[Any]:
    found = module(texloom, "scene.sources")
    yield found
    found.tidy(())


def scratch() -> list[Path]:
    return sorted(Path(bpy.app.tempdir).glob("texloom-sources/*.png"))


def requests(texloom: ModuleType) -> list[Any]:
    return [entry.view.request for entry in module(texloom, "bridge").get().entries.values()]


def gradient(width: int = 24, height: int = 16, alpha: int = 255) -> np.ndarray:
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[..., 0] = np.arange(width) * 10
    pixels[..., 1] = np.arange(height)[:, None] * 15
    pixels[..., 2], pixels[..., 3] = 77, alpha
    return pixels


def fill(image: Any, pixels: np.ndarray) -> Any:
    image.pixels.foreach_set((pixels[::-1].astype(np.float32) / 255.0).ravel())
    return image


def painted(name: str = "Wall.png", pixels: np.ndarray | None = None, **options: Any) -> Any:
    pixels = gradient() if pixels is None else pixels
    image = bpy.data.images.new(name, pixels.shape[1], pixels.shape[0], **({"alpha": True} | options))
    return fill(image, pixels)


def read_back(path: Path) -> np.ndarray:
    """A PNG's pixels, first row on top, by Blender's own reader."""
    image = bpy.data.images.load(str(path), check_existing=False)
    width, height = image.size
    flat = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(flat)
    bpy.data.images.remove(image)
    return np.rint(flat.reshape(height, width, -1)[::-1] * 255).astype(int)


class TestPixels:
    def test_painted_and_unsaved(self, texloom: ModuleType, sources: Any) -> None:
        image = painted()
        assert image.is_dirty
        path = sources.save_pixels(image)
        assert (read_back(path)[..., :3] == gradient()[..., :3]).all()
        assert image.is_dirty and image.source == "GENERATED" and not image.filepath
        sources.tidy(())
        assert not path.exists()

    def test_alpha_stays_straight(self, texloom: ModuleType, sources: Any) -> None:
        path = sources.save_pixels(painted(pixels=gradient(alpha=100)))
        image = bpy.data.images.load(str(path))
        image.alpha_mode = "CHANNEL_PACKED"
        flat = np.empty(24 * 16 * 4, np.float32)
        image.pixels.foreach_get(flat)
        assert (np.rint(flat.reshape(16, 24, 4)[::-1] * 255).astype(int) == gradient(alpha=100)).all()

    def test_packed_and_changed_since(self, texloom: ModuleType, sources: Any, tmp_path: Path) -> None:
        file = write_png(tmp_path / "on-disk.png", gradient()[..., :3].copy())
        image = bpy.data.images.load(str(file))
        image.pack()
        file.unlink()
        assert (read_back(sources.save_pixels(image))[..., :3] == gradient()[..., :3]).all()
        other = gradient()[:, ::-1]
        fill(image, other)
        assert (read_back(sources.save_pixels(image))[..., :3] == other[..., :3]).all()
        assert image.packed_file is not None and image.is_dirty

    def test_float_pictures_are_encoded(self, texloom: ModuleType, sources: Any) -> None:
        image = bpy.data.images.new("Light", 16, 8, float_buffer=True, alpha=True)
        values = np.empty((8, 16, 4), np.float32)
        values[..., 0], values[..., 1], values[..., 2], values[..., 3] = 0.2140, 7.0, 0.0, 1.0
        image.pixels.foreach_set(values.ravel())
        assert read_back(sources.save_pixels(image))[0, 0, :3].tolist() == [127, 255, 0]
        image.colorspace_settings.name = "Non-Color"
        image.pixels.foreach_set(values.ravel())  # another color space takes the pixels away
        assert read_back(sources.save_pixels(image))[0, 0, 0] == round(0.2140 * 255)

    def test_rows_of_more_than_one_band(self, texloom: ModuleType, sources: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr(sources, "_BAND", 24 * 5)
        assert (read_back(sources.save_pixels(painted()))[..., :3] == gradient()[..., :3]).all()

    def test_what_nothing_can_be_made_of(self, texloom: ModuleType, sources: Any, tmp_path: Path) -> None:
        errors = module(texloom, "core.texloom.errors")
        for source, word in (("MOVIE", "movie"), ("SEQUENCE", "sequence"), ("TILED", "UDIM")):
            image = painted(f"An {word}")
            image.source = source
            assert word in sources.problem(image)
            with pytest.raises(errors.RequestError, match=word):
                sources.save_pixels(image)
        for kind, word in (("COMPOSITING", "render"), ("RENDER_RESULT", "render"), ("MULTILAYER", "layers")):
            # Blender makes these only with a compositor, a render or a file of layers.
            assert word in sources.problem(SimpleNamespace(name="Such", type=kind, source="VIEWER"))
        file = write_png(tmp_path / "gone.png", gradient())
        missing = bpy.data.images.load(str(file))
        file.unlink()
        assert sources.problem(missing) == ""
        with pytest.raises(errors.RequestError, match="missing"):
            sources.save_pixels(missing)
        with pytest.raises(errors.RequestError, match="4 × 4"):
            sources.save_pixels(painted("Tiny", gradient(4, 4)))
        assert scratch() == []


class TestOperators:
    def test_a_material_of_the_picked_image(self, fake: Any, cube: Any, texloom: ModuleType) -> None:
        obj = cube()
        obj.select_set(True)
        settings = bpy.context.scene.texloom_images
        settings.image = painted(pixels=gradient(120, 80))
        settings.real_world_width, settings.tiling, settings.even_light = 2.5, "X", False
        bpy.context.scene.unit_settings.scale_length = 0.1
        assert bpy.ops.texloom.maps_from_image() == {"FINISHED"}
        (request,) = requests(texloom)
        assert (request.kind, request.model, request.prompt) == ("material", "image", "Wall")
        assert (request.width, request.height, request.tile_x, request.tile_y) == (120, 80, True, False)
        assert request.real_world_width == pytest.approx(0.25)
        assert request.parameters == {"even_light": False, "color": True}
        assert obj.active_material.name == "Wall" and scratch() == []

    def test_properties_win_over_the_panel(self, fake: Any, cube: Any, texloom: ModuleType) -> None:
        painted("Other", gradient(512, 256))
        bpy.context.scene.texloom_images.image = painted()
        done = bpy.ops.texloom.maps_from_image(image="Other", size="1024", tiling="NONE", output="IMAGE")
        (request,) = requests(texloom)
        assert done == {"FINISHED"} and (request.width, request.height) == (1024, 512)
        assert not request.tile_x and not request.tile_y and request.prompt == "Other"
        assert not bpy.data.materials and "Other - Base Color" in bpy.data.images

    def test_a_seamless_image_beside_the_old_one(self, fake: Any, texloom: ModuleType) -> None:
        old = painted(pixels=gradient(64, 64))
        texture = bpy.data.textures.new("Uses it", "IMAGE")
        texture.image = old
        bpy.context.scene.texloom_images.image = old
        assert bpy.ops.texloom.make_seamless() == {"FINISHED"}
        new = bpy.data.images["Wall seamless"]
        assert texture.image == old and new.use_fake_user and new.colorspace_settings.name == "sRGB"
        # The preview and the next button are about what was made.
        assert bpy.context.scene.texloom_images.image == new

    def test_or_in_its_place(self, fake: Any, texloom: ModuleType) -> None:
        old = painted(pixels=gradient(64, 64))
        old.colorspace_settings.name = "Non-Color"
        texture = bpy.data.textures.new("Uses it", "IMAGE")
        texture.image = old
        assert bpy.ops.texloom.make_seamless(image="Wall.png", replace_users=True) == {"FINISHED"}
        new = bpy.data.images["Wall seamless"]
        assert texture.image == new and new.colorspace_settings.name == "Non-Color"
        assert bpy.data.images["Wall.png"] == old and old.use_fake_user
        (request,) = requests(texloom)
        assert request.parameters["color"] is False and request.kind == "texture"

    def test_the_image_went_away_meanwhile(self, fake: Any, texloom: ModuleType, api: Any) -> None:
        fake.script = fake.Script(steps=5, step_seconds=0.02)
        old = painted(pixels=gradient(64, 64))
        job = api.submit_image(old, make="SEAMLESS", replace_users=True)
        bpy.data.images.remove(old)
        made = job.wait(10)
        assert len(made.images) == 1 and made.images[0] in bpy.data.images

    def test_renamed_meanwhile(self, fake: Any, texloom: ModuleType, api: Any) -> None:
        fake.script = fake.Script(steps=5, step_seconds=0.02)
        old = painted(pixels=gradient(64, 64))
        job = api.submit_image(old, make="SEAMLESS")
        old.name = "House.png"
        assert job.wait(10).images == ("House seamless",)

    def test_errors_are_told(self, fake: Any, texloom: ModuleType) -> None:
        assert not bpy.ops.texloom.make_seamless.poll()
        image = painted()
        with pytest.raises(RuntimeError, match="Choose an image first"):
            bpy.ops.texloom.make_seamless()
        with pytest.raises(RuntimeError, match="There is no image Nobody"):
            bpy.ops.texloom.maps_from_image(image="Nobody")
        with pytest.raises(RuntimeError, match="Choose a direction"):
            bpy.ops.texloom.make_seamless(image=image.name, tiling="NONE")
        with pytest.raises(RuntimeError, match="needs a window"):
            bpy.ops.texloom.tile_preview(image=image.name)
        image.source = "MOVIE"
        with pytest.raises(RuntimeError, match="movie"):
            bpy.ops.texloom.maps_from_image(image=image.name)
        assert requests(texloom) == [] and scratch() == []

    def test_the_scratch_picture_lives_as_long_as_a_job_needs_it(
        self, fake: Any, texloom: ModuleType, api: Any
    ) -> None:
        errors = module(texloom, "core.texloom.errors")
        bridge = module(texloom, "bridge").get()
        fake.script = fake.Script(fail={"Wall": errors.OutOfMemoryError("No memory.")})
        with pytest.raises(RuntimeError, match="No memory"):
            bpy.ops.texloom.maps_from_image(image=painted(pixels=gradient(128, 128)).name)
        assert len(scratch()) == 1  # Retry needs it
        (failed,) = bridge.entries
        fake.script = fake.Script()
        assert bpy.ops.texloom.retry(job=failed, smaller=True) == {"FINISHED"}
        assert scratch() == [] and requests(texloom)[0].width == 64
        fake.script = fake.Script(steps=100, step_seconds=0.05)
        job = api.submit_image(bpy.data.images["Wall.png"])
        deadline = time.monotonic() + 10
        while job.view.step < 1:
            assert time.monotonic() < deadline
            bridge.tick()
            time.sleep(0.01)
        job.cancel()
        with pytest.raises(errors.CancelledError):
            job.wait(10)
        assert len(scratch()) == 1
        bpy.ops.texloom.dismiss(job=job.id)
        assert scratch() == []


class TestScripts:
    def test_arguments_are_checked(self, fake: Any, texloom: ModuleType, api: Any, tmp_path: Path) -> None:
        errors = module(texloom, "core.texloom.errors")
        image = painted()
        for options, word in (
            ({"make": "SOUP"}, "make"),
            ({"make": "SEAMLESS", "output": "MATERIAL"}, "output"),
            ({"tile": "z"}, "tile"),
            ({"size": 100_000}, "width"),
            ({"sized": 3}, "sized"),
            ({"slot": "THIRD"}, "slot"),
        ):
            with pytest.raises(errors.RequestError, match=word):
                api.submit_image(image, **options)
        with pytest.raises(errors.RequestError, match=r"no file .*nothing\.png"):
            api.maps_from_image(tmp_path / "nothing.png")
        assert scratch() == []

    def test_a_path_needs_no_datablock(self, fake: Any, texloom: ModuleType, api: Any, tmp_path: Path) -> None:
        file = write_png(tmp_path / "yard.png", gradient(96, 64))
        made = api.make_seamless(file, tile="y")
        (request,) = requests(texloom)
        assert request.source == str(file) and (request.width, request.height) == (96, 64)
        assert made.images == ("yard seamless - Image",) and file.is_file()


def test_every_text_of_the_settings_is_translated(texloom: ModuleType) -> None:
    known = module(texloom, "translations").LANGUAGES["zh_HANS"]
    same = {"1K", "2K", "4K", "8K", "512", ""}
    for item in module(texloom, "image_settings").TexloomImageSettings.bl_rna.properties:
        if item.identifier in ("rna_type", "name"):
            continue
        texts = {item.name, item.description}
        for option in item.enum_items if item.type == "ENUM" else ():
            texts |= {option.name, option.description}
        assert texts - same <= set(known), item.identifier


@pytest.fixture(scope="module")
def engine(texloom: ModuleType) -> Iterator[Any]:
    """The add-on's API with the engine at hand."""
    if not WORKER_PYTHON:
        pytest.skip("TEXLOOM_TEST_PYTHON names no engine environment")
    os.environ["TEXLOOM_PYTHON"] = str(WORKER_PYTHON)
    bridge = module(texloom, "bridge").get()
    bridge.attach(None)
    yield module(texloom, "api")
    bridge.attach(None)
    del os.environ["TEXLOOM_PYTHON"]


def pebbles(side: int = 256, seed: int = 3) -> np.ndarray:
    """Cells of several colors with dark joints, darker to the right: no two borders fit."""
    rng = np.random.default_rng(seed)
    centers, colors = rng.random((90, 2)) * 1.2 - 0.1, rng.integers(110, 230, (90, 3))
    y, x = np.mgrid[:side, :side] / side
    apart = np.hypot(x[..., None] - centers[:, 0], y[..., None] - centers[:, 1])
    order = np.sort(apart, axis=-1)
    pixels = colors[apart.argmin(-1)] * np.clip((order[..., 1] - order[..., 0]) * 40, 0.3, 1.0)[..., None]
    pixels = pixels * (1.0 - 0.4 * x)[..., None] + rng.normal(0, 5, (side, side, 1))
    return np.concatenate((pixels, np.full((side, side, 1), 255)), 2).clip(0, 255).astype(np.uint8)


def grey(image: Any) -> np.ndarray:
    width, height = image.size
    flat = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(flat)
    return flat.reshape(height, width, -1)[..., :3].mean(-1)


def seams(image: Any) -> list[float]:
    """Across and down: the share of lines inside that differ more from the next than the ends do."""
    field = grey(image)
    found = []
    for lines in (field.T, field):
        steps = np.abs(np.diff(lines, axis=0)).mean(1)
        found.append(float((steps > np.abs(lines[0] - lines[-1]).mean()).mean()))
    return found


def test_with_the_real_engine(engine: Any, texloom: ModuleType, cube: Any) -> None:
    obj = cube()
    wall = painted("Pebbles", pebbles())
    assert seams(wall) == [0.0, 0.0]
    made = engine.make_seamless(wall)
    new = bpy.data.images[made.images[0]]
    assert new.name == "Pebbles seamless" and tuple(new.size) == (256, 256)
    assert min(seams(new)) > 0.02
    material = engine.maps_from_image(wall, target=obj, real_world_width=3.0, size=128)
    assert obj.active_material.name == material.material == "Pebbles" and len(material.images) == 5
    height = next(image for image in bpy.data.images if image.name.endswith("Height"))
    assert height.colorspace_settings.name == "Non-Color" and tuple(height.size) == (128, 128)
    # The original may go: the result is made again from what is kept with it.
    again = module(texloom, "core.texloom.api").Result.read(material.folder)
    assert again.source is not None and again.source.is_file() and scratch() == []
