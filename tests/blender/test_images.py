# SPDX-License-Identifier: GPL-3.0-or-later
"""Images in a .blend: colour spaces, bits, and where the pixels are kept."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from pictures import flat, write_png, write_result


def pixels(image):
    values = np.empty(image.size[0] * image.size[1] * image.channels, np.float32)
    image.pixels.foreach_get(values)
    return values.reshape(image.size[1], image.size[0], image.channels)


def save(path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False)


def reopen(path: Path) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(path))


def test_manifest_tells_everything_about_a_variation(result):
    made = result()
    assert made.name == "weathered red brick wall with white mortar"
    assert made.request_id == "abc123"
    assert made.seed == 4_000_000_000
    assert (made.height_min_m, made.height_max_m) == (-0.02, 0.01)
    assert made.height_range_m == pytest.approx(0.03)
    assert made.color_spaces["base_color"] == "sRGB"
    assert {made.color_spaces[key] for key in made.maps if key != "base_color"} == {"Non-Color"}
    assert all(path.is_file() for path in made.maps.values())
    assert made.model == "instant"
    assert made.licence == "GPL-3.0-or-later"


def test_a_manifest_without_optional_facts_still_reads(scene, tmp_path):
    data = {"request": {"prompt": "x" * 60}, "results": [{"maps": {"base_color": "a.png", "height": "h.png"}}]}
    made = scene.result.ResultImages.from_dict(data, tmp_path)
    assert made.maps["base_color"] == tmp_path / "a.png"
    assert made.color_spaces == {"base_color": "sRGB", "height": "Non-Color"}
    assert made.tile_width_m == made.tile_height_m == 1.0
    assert made.height_range_m == 0.0
    assert len(made.name) <= 48


def test_a_missing_variation_is_an_error_in_words(scene, tmp_path):
    manifest = write_result(tmp_path / "job")
    with pytest.raises(Exception, match="holds no variation 3") as caught:
        scene.result.ResultImages.from_manifest(manifest, 2)
    assert type(caught.value).__name__ == "StorageError"


def test_warming_up_leaves_nothing(scene, counts):
    before = counts()
    scene.images.warm_up()
    scene.images.warm_up()
    assert counts() == before
    assert not list(Path(bpy.app.tempdir).glob("texloom-pixel*"))


def test_color_spaces(scene, tmp_path):
    path = write_png(tmp_path / "a.png", flat((10, 20, 30)))
    assert scene.images.load_map(path, "a", "sRGB").colorspace_settings.name == "sRGB"
    assert scene.images.load_map(path, "b", "Non-Color").colorspace_settings.name == "Non-Color"


def test_height_keeps_sixteen_bits_when_packed_and_reloaded(scene, tmp_path):
    steps = np.array([[0, 1, 32768, 65535]], np.uint16).repeat(4, 0)
    path = write_png(tmp_path / "height.png", steps)
    name = scene.images.load_map(path, "height", "Non-Color", store="PACK").name
    bpy.data.images[name].use_fake_user = True
    save(tmp_path / "file.blend")
    path.unlink()
    reopen(tmp_path / "file.blend")
    image = bpy.data.images[name]
    assert image.packed_file is not None
    values = pixels(image)[0, :, 0] * 65535
    assert values == pytest.approx([0, 1, 32768, 65535], abs=0.05)


def test_the_same_file_gives_the_same_image(scene, tmp_path):
    path = write_png(tmp_path / "a.png", flat((10, 20, 30)))
    first = scene.images.load_map(path, "a", "sRGB").name
    assert scene.images.load_map(path, "other name", "sRGB").name == first
    # Another colour space is another use of the file.
    assert scene.images.load_map(path, "a", "Non-Color").name != first
    # A painted image is no longer what is on disk.
    bpy.data.images[first].pixels[0] = 0.5
    assert bpy.data.images[first].is_dirty
    assert scene.images.load_map(path, "a", "sRGB").name != first


def test_a_changed_file_gives_a_new_image(scene, tmp_path):
    path = write_png(tmp_path / "a.png", flat((10, 20, 30)))
    first = scene.images.load_map(path, "a", "sRGB").name
    write_png(path, flat((200, 20, 30), 16, 16))
    second = scene.images.load_map(path, "a", "sRGB")
    assert second.name != first
    assert tuple(second.size) == (16, 16)


def test_beside_copies_to_textures_with_a_relative_path(scene, tmp_path):
    (tmp_path / "library").mkdir()
    path = write_png(tmp_path / "library" / "00_base.png", flat((9, 8, 7)))
    (tmp_path / "project").mkdir()
    save(tmp_path / "project" / "file.blend")
    image = scene.images.load_map(path, "Brick Wall - Base Color", "sRGB", store="BESIDE")
    image.use_fake_user = True
    assert image.filepath.startswith("//textures")
    assert image.packed_file is None
    (copy,) = (tmp_path / "project" / "textures").iterdir()
    assert copy.read_bytes() == path.read_bytes()
    assert copy.name == "brick-wall-base-color.png"

    # The project moves to another place without the library.
    bpy.ops.wm.save_mainfile()
    path.unlink()
    (tmp_path / "project").rename(tmp_path / "moved")
    reopen(tmp_path / "moved" / "file.blend")
    image = bpy.data.images["Brick Wall - Base Color"]
    assert tuple(image.size) == (8, 8)
    assert pixels(image)[0, 0, :3] * 255 == pytest.approx([9, 8, 7], abs=0.01)


def test_beside_never_overwrites_another_picture(scene, tmp_path):
    save(tmp_path / "file.blend")
    first = write_png(tmp_path / "a.png", flat((1, 2, 3)))
    second = write_png(tmp_path / "b.png", flat((4, 5, 6)))
    one = scene.images.load_map(first, "Wall", "sRGB", store="BESIDE")
    two = scene.images.load_map(second, "Wall", "sRGB", store="BESIDE")
    assert Path(bpy.path.abspath(one.filepath)).read_bytes() == first.read_bytes()
    assert Path(bpy.path.abspath(two.filepath)).read_bytes() == second.read_bytes()


def test_beside_packs_while_the_file_is_unsaved(scene, tmp_path):
    path = write_png(tmp_path / "a.png", flat((1, 2, 3)))
    image = scene.images.load_map(path, "a", "sRGB", store="BESIDE")
    assert image.packed_file is not None


def test_library_reads_in_place(scene, tmp_path):
    path = write_png(tmp_path / "a.png", flat((1, 2, 3)))
    image = scene.images.load_map(path, "a", "sRGB", store="LIBRARY")
    assert image.packed_file is None
    assert Path(bpy.path.abspath(image.filepath)) == path


@pytest.mark.parametrize("store", ["PACK", "BESIDE", "LIBRARY"])
def test_no_picture_leaves_nothing(scene, tmp_path, counts, store):
    save(tmp_path / "file.blend")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"this is no picture")
    before = counts()
    for path in (broken, tmp_path / "missing.png"):
        with pytest.raises(Exception, match=path.name) as caught:
            scene.images.load_map(path, "a", "sRGB", store=store)
        assert type(caught.value).__name__ == "StorageError"
    assert counts() == before
    assert not list(tmp_path.glob("textures/*"))


def test_a_failure_half_way_takes_back_images_and_copies(scene, result, tmp_path, counts):
    save(tmp_path / "file.blend")
    made = result()
    made.maps["roughness"].write_bytes(b"damaged")
    before = counts()
    with pytest.raises(Exception, match="roughness"):
        scene.build.material_on_objects(made, store="BESIDE")
    assert counts() == before
    assert not list((tmp_path / "textures").iterdir())


def test_discard_keeps_a_copied_file_that_is_still_in_use(scene, tmp_path):
    save(tmp_path / "file.blend")
    path = write_png(tmp_path / "a.png", flat((1, 2, 3)))
    first = scene.images.load_map(path, "a", "sRGB", store="BESIDE")
    second = scene.images.load_map(path, "a", "Non-Color", store="BESIDE")
    assert bpy.path.abspath(first.filepath) == bpy.path.abspath(second.filepath)
    scene.transaction.discard([first])
    assert Path(bpy.path.abspath(second.filepath)).is_file()
    scene.transaction.discard([second])


def test_image_only_survives_saving(scene, result, tmp_path):
    built = scene.build.image_only(result({"image": flat((1, 2, 3, 255))}))
    save(tmp_path / "file.blend")
    reopen(tmp_path / "file.blend")
    (name,) = built.images
    assert bpy.data.images[name].packed_file is not None
