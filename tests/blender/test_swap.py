# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps that change while a slider is dragged."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from adjusting import node, value
from pictures import ALL_MAPS, MATERIAL_MAPS, flat, write_png


@pytest.fixture
def drafts(tmp_path: Path) -> dict[str, Path]:
    pixels = {"base_color": flat((0, 255, 0)), "height": flat(7, dtype=np.uint16), "roughness": flat(33)}
    return {key: write_png(tmp_path / f"draft_{key}.png", item) for key, item in pixels.items()}


def first_pixel(image: Any) -> tuple[float, ...]:
    return tuple(round(channel * 255) for channel in image.pixels[:3])


def test_swapped_images_stay_the_same_datablocks(scene, build, drafts):
    material = build()
    image = node(material, "Base Color").image
    assert first_pixel(image) == (200, 100, 50) and image.packed_file
    assert scene.adjust.swap_images(material, drafts) == list(drafts)
    assert node(material, "Base Color").image == image and first_pixel(image) == (0, 255, 0)
    assert image.packed_file is None and image.colorspace_settings.name == "sRGB"
    assert first_pixel(node(material, "Roughness").image)[0] == 33
    assert scene.adjust.settle_images(material, ["base_color"]) == [image.name]
    assert image.packed_file and not node(material, "Roughness").image.packed_file
    assert len(scene.adjust.settle_images(material)) == 2 and scene.adjust.settle_images(material) == []
    for path in drafts.values():
        path.unlink()
    image.reload()
    assert first_pixel(image) == (0, 255, 0) and len(bpy.data.images) == 6


def test_what_is_swapped_is_not_taken_for_the_map_that_it_was(scene, build, drafts):
    material = build()
    scene.adjust.swap_images(material, drafts)
    again = build()
    assert node(again, "Base Color").image != node(material, "Base Color").image
    assert first_pixel(node(again, "Base Color").image) == (200, 100, 50)


def test_images_that_others_use_or_that_were_painted_on_are_left_alone(scene, build, drafts):
    material, twin = build(), build()
    shared = node(twin, "Roughness").image
    scene.adjust.swap_images(material, drafts)
    assert node(twin, "Roughness").image == shared and first_pixel(shared)[0] == 180
    assert first_pixel(node(material, "Roughness").image)[0] == 33
    own = node(material, "Roughness").image
    scene.adjust.swap_images(material, drafts)
    assert node(material, "Roughness").image == own, "one copy is enough"
    painted = node(twin, "Height").image
    painted.pixels[0] = 0.5
    scene.adjust.swap_images(twin, drafts)
    assert painted.use_fake_user and painted.is_dirty and node(twin, "Height").image != painted
    assert len(scene.adjust.settle_images(material)) == 3


@pytest.mark.parametrize("store", ["BESIDE", "LIBRARY"])
def test_settled_images_lie_where_they_lay_before(scene, result, drafts, tmp_path, store):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "wall.blend"))
    made = result(ALL_MAPS)
    material = scene.materials.build_material(made, images=scene.build.load_images(made, store=store))
    scene.adjust.swap_images(material, drafts)
    scene.adjust.settle_images(material)
    image = node(material, "Base Color").image
    assert image.packed_file is None and first_pixel(image) == (0, 255, 0)
    path = Path(bpy.path.abspath(image.filepath))
    assert path.parent == (tmp_path / "textures" if store == "BESIDE" else tmp_path)
    # Blender empties its temporary folder at its end.
    passing = write_png(Path(bpy.app.tempdir) / "passing.png", flat((3, 4, 5)))
    scene.adjust.swap_images(material, {"base_color": passing})
    scene.adjust.settle_images(material)
    assert bool(image.packed_file) == (store == "LIBRARY")


def test_wrong_files_swap_nothing(scene, build, drafts, errors, tmp_path):
    material = build()
    with pytest.raises(errors.RequestError, match="opacity"):
        scene.adjust.swap_images(material, {"opacity": drafts["height"]})
    with pytest.raises(errors.StorageError, match="gone"):
        scene.adjust.swap_images(material, {**drafts, "metallic": tmp_path / "gone.png"})
    assert node(material, "Base Color").image.packed_file
    bare = build({"base_color": flat((1, 2, 3))}, folder="bare")
    assert scene.adjust.swap_images(bare, drafts) == ["base_color"]
    drafts["base_color"].unlink()
    with pytest.raises(errors.StorageError, match="draft_base_color"):
        scene.adjust.settle_images(bare)


def test_swapping_is_cheap(scene, build, tmp_path):
    rng = np.random.default_rng(0)
    noise = {key: rng.integers(0, 256, (512, 512, 3), np.uint8) for key in list(MATERIAL_MAPS)}
    files = {key: write_png(tmp_path / f"{key}.png", pixels) for key, pixels in noise.items()}
    material = build(noise)
    for image in bpy.data.images:
        assert image.size[0] == 512  # decoded, as when it is shown
    times = []
    for _ in range(5):
        began = time.thread_time()
        scene.adjust.swap_images(material, files)
        times.append(time.thread_time() - began)
    assert sorted(times)[2] < 0.005
    assert not any(image.has_data for image in bpy.data.images), "nothing is decoded before it is shown"


def test_relief_follows_what_is_shown(scene, build, other):
    material = build()
    result = other(height_min_m=0.0, height_max_m=0.2, tile_width_m=3.0, tile_height_m=3.0)
    scene.adjust.swap_images(material, result.maps)
    scene.adjust.note_relief(material, result)
    assert value(material, "Relief Height") == pytest.approx(0.2) and value(material, "Tile Width") == 3.0
    assert material["texloom_height_max_m"] == 0.2 and material["texloom_maps"].count(" ") == 5
