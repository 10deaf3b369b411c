# SPDX-License-Identifier: GPL-3.0-or-later
"""A result comes into the scene in small steps, between which the user may do anything; large things stay cheap."""

from __future__ import annotations

import importlib
import math
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from pictures import MATERIAL_MAPS, flat, write_png

ALL_MAPS = {**MATERIAL_MAPS, "ambient_occlusion": flat(128)}


@pytest.fixture
def target(texloom: ModuleType) -> Any:
    return importlib.import_module(f"{texloom.__name__}.target")


@pytest.fixture
def placing(target, result, cube):
    """``placing(**options)``: a result on its way to a new cube."""

    def make(**options):
        obj = cube()
        placement = target.Placement(objects=(target.identify(obj),), active=target.identify(obj), **options)
        return target.Placing(result(ALL_MAPS), placement)

    return make


def look(material):
    """All of a node tree that can be seen, without names that Blender makes unique."""
    return (
        [
            (node.bl_idname, node.name, node.label, tuple(node.location), node.width)
            for node in material.node_tree.nodes
        ],
        sorted(
            (link.from_node.name, link.from_socket.identifier, link.to_node.name, link.to_socket.identifier)
            for link in material.node_tree.links
        ),
    )


@pytest.mark.parametrize("displacement", ["BUMP", "BOTH", "NONE"])
def test_step_by_step_is_the_same_as_all_at_once(target, placing, cube, displacement):
    slow = placing(displacement=displacement)
    count = 0
    while slow.step():
        count += 1
        assert bpy.data.objects["Cube"].active_material is None, "the scene changes in the last step only"
    assert count >= 10
    obj = cube("Other")
    placement = target.Placement(objects=(target.identify(obj),), displacement=displacement)
    fast = target.apply(slow.result, placement)
    assert slow.built.assigned == ["Cube"] and slow.built.images == fast.images
    assert look(bpy.data.materials[slow.built.material]) == look(bpy.data.materials[fast.material])


@pytest.mark.parametrize("output", ["IMAGE", "PLANE"])
def test_images_and_planes_come_in_steps_too(placing, output):
    slow = placing(output=output)
    steps = 1
    while slow.step():
        steps += 1
    assert steps > 1
    assert len(slow.built.images) == (6 if output == "IMAGE" else 1)
    assert bool(slow.built.object) == (output == "PLANE")


def test_what_was_made_goes_when_something_of_it_was_taken_away(scene, placing, counts):
    before = counts()
    slow = placing()
    while not bpy.data.materials:
        assert slow.step()
    bpy.data.materials.remove(bpy.data.materials[0])
    mine = bpy.data.materials.new("Mine")
    with pytest.raises(scene.transaction.Vanished):
        while slow.step():
            pass
    assert bpy.data.materials[:] == [mine]
    bpy.data.materials.remove(mine)
    assert counts() == {**before, "objects": before["objects"] + 1, "meshes": before["meshes"] + 1}


def test_a_missing_file_leaves_nothing_of_the_steps_before(texloom, placing, counts, result, tmp_path):
    errors = importlib.import_module(f"{texloom.__name__}.core.texloom.errors")
    slow = placing()
    before = counts()
    (tmp_path / "job" / "00_metallic.png").unlink()
    with pytest.raises(errors.StorageError, match="metallic"):
        while slow.step():
            pass
    assert counts() == before


def test_files_are_copied_beside_the_blend_while_blender_goes_on(placing, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "wall.blend"))
    slow = placing(store="BESIDE")
    while slow.step():
        pass
    assert len(list((tmp_path / "textures").glob("*.png"))) == 6
    for name in slow.built.images:
        assert bpy.data.images[name].filepath.startswith("//textures")


# --- large images -----------------------------------------------------------------------------------------------


@pytest.fixture
def large(tmp_path):
    """A PNG that is too large to be packed within a turn of the timer."""
    noise = np.random.default_rng(0).integers(0, 256, (1100, 1000, 3), np.uint8)
    return write_png(tmp_path / "large.png", noise)


def test_large_images_are_packed_when_the_file_is_saved(scene, large, tmp_path):
    assert large.stat().st_size > scene.images.LARGE
    image = scene.images.load_map(large, "Large", "sRGB", pack_large_later=True)
    small = scene.images.load_map(write_png(tmp_path / "a.png", flat(1)), "Small", "Non-Color", pack_large_later=True)
    image.use_fake_user = True
    assert image.packed_file is None and small.packed_file is not None
    # It is the same image, packed or not, and a caller who may take long packs it.
    assert scene.images.load_map(large, "Large", "sRGB", pack_large_later=True) == image
    assert image.packed_file is None
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    assert bpy.data.images["Large"].packed_file is not None
    large.unlink()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
    assert tuple(bpy.data.images["Large"].size) == (1000, 1100)


def test_blocking_callers_pack_at_once(scene, large):
    later = scene.images.load_map(large, "Large", "sRGB", pack_large_later=True)
    assert later.packed_file is None
    assert scene.images.load_map(large, "Large", "sRGB") == later
    assert later.packed_file is not None


def test_an_image_that_got_another_file_is_left_alone(scene, large, tmp_path):
    image = scene.images.load_map(large, "Large", "sRGB", pack_large_later=True)
    image.filepath = str(write_png(tmp_path / "other.png", flat((1, 2, 3))))
    assert scene.images.pack_waiting() == []
    assert image.packed_file is None
    gone = scene.images.load_map(large, "Gone", "sRGB", pack_large_later=True)
    large.unlink()
    assert scene.images.pack_waiting() == [gone.name]


# --- large meshes and scenes ------------------------------------------------------------------------------------


def grid(side: int, metres: float, uv: float) -> bpy.types.Object:
    """An upright grid whose UVs span ``uv`` units, with faces of very different sizes."""
    across = np.linspace(0.0, 1.0, side + 1) ** 2
    x, z = np.meshgrid(across, across)
    points = np.stack((x, np.zeros_like(x), z), -1).reshape(-1, 3) * metres
    corner = (np.arange(side)[:, None] * (side + 1) + np.arange(side)).ravel()
    faces = np.stack((corner, corner + 1, corner + side + 2, corner + side + 1), 1)
    mesh = bpy.data.meshes.new("Grid")
    mesh.from_pydata(points.tolist(), [], faces.tolist())
    layer = mesh.uv_layers.new(name="UVMap")
    flat_uv = np.stack((x, z), -1).reshape(-1, 2)[faces.ravel()] * uv
    layer.uv.foreach_set("vector", flat_uv.astype(np.float32).ravel())
    obj = bpy.data.objects.new("Grid", mesh)
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.update()
    return obj


def test_a_dense_mesh_is_measured_by_a_sample(scene):
    obj = grid(100, 4.0, 2.0)
    assert len(obj.data.polygons) > scene.objects.MOST_FACES
    assert scene.objects.uv_world_scale(obj) == pytest.approx(2.0, rel=1e-4)
    assert scene.objects.quarter_turns(obj) == 0
    # Where the density differs from face to face, the sample comes near the truth.
    uvs = np.empty(len(obj.data.uv_layers[0].uv) * 2, np.float32)
    obj.data.uv_layers[0].uv.foreach_get("vector", uvs)
    obj.data.uv_layers[0].uv.foreach_set("vector", np.sqrt(np.maximum(uvs, 0.0)) * math.sqrt(2.0))
    assert scene.objects.uv_world_scale(obj) == pytest.approx(2.0, rel=0.1)


def test_a_sample_takes_only_the_faces_asked_for(scene):
    obj = grid(100, 4.0, 2.0)
    for _ in range(2):
        obj.data.materials.append(None)
    index = np.zeros(len(obj.data.polygons), np.int32)
    index[:50] = 1
    obj.data.polygons.foreach_set("material_index", index)
    layer = obj.data.uv_layers[0].uv
    for corner in range(50 * 4):
        layer[corner].vector = layer[corner].vector * 4
    assert scene.objects.uv_world_scale(obj, slot=1) == pytest.approx(0.5, rel=1e-3)
    assert scene.objects.uv_world_scale(obj, slot=0) == pytest.approx(2.0, rel=1e-3)
    assert scene.objects.uv_world_scale(obj, slot=7) is None


def test_an_object_is_found_by_its_id_under_another_name(target, cube):
    first, second = cube("First"), cube("Second")
    ids = [target.identify(first), target.identify(second), target.ObjectId(name="Gone", uid=-1)]
    first.name, second.name = "Swap", "First"
    found, missing = target.find(ids)
    assert [obj.name for obj in found] == ["Swap", "First"] and missing == ["Gone"]
