# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a form: depth, normals and lines of known bodies; the user's file stays as it was."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector
from test_addon import module

SIDE = 64
KINDS = (
    "scenes", "objects", "meshes", "cameras", "materials", "images", "collections", "node_groups", "worlds", "actions",
    "texts", "linestyles",
)  # fmt: skip


@pytest.fixture
def form(texloom: ModuleType) -> ModuleType:
    return importlib.import_module(f"{texloom.__name__}.scene.control_pictures")


def sphere(radius: float = 1.0, place: Any = (0, 0, 0), name: str = "Ball") -> Any:
    import bmesh

    mesh = bpy.data.meshes.new(name)
    edit = bmesh.new()
    bmesh.ops.create_uvsphere(edit, u_segments=64, v_segments=48, radius=radius)
    edit.to_mesh(mesh)
    edit.free()
    mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))
    obj = bpy.data.objects.new(name, mesh)
    obj.location = place
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.update()
    return obj


def camera(place: Any = (0, -6, 0), *, ortho: float = 0.0, look: Any = (0, 0, 0)) -> Any:
    data = bpy.data.cameras.new("Eye")
    if ortho:
        data.type, data.ortho_scale = "ORTHO", ortho
    obj = bpy.data.objects.new("Eye", data)
    obj.location = place
    obj.rotation_euler = (Vector(look) - Vector(place)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.scene.camera = obj
    bpy.context.view_layer.update()
    return obj


def directions(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(float) / 127.5 - 1.0


class TestSphere:
    def test_normals_are_those_of_a_sphere(self, form: ModuleType) -> None:
        ball = sphere()
        camera(ortho=2.1)
        seen = form.from_camera(bpy.context.scene, SIDE, SIDE)
        # Pixel centres in the units of the scene; up is up, right is right.
        across = (np.arange(SIDE) + 0.5) / SIDE * 2.1 - 1.05
        x, y = np.meshgrid(across, -across)
        inside = x**2 + y**2 < 0.9**2
        z = np.sqrt(np.maximum(0.0, 1.0 - x**2 - y**2))
        wanted = np.stack((x, y, z), axis=-1)
        found = directions(seen.picture("normal"))
        assert np.abs(found - wanted)[inside].max() < 0.06
        assert ball.users == 1
        # The background looks straight at the viewer.
        assert np.abs(found[0, 0] - (0, 0, 1)).max() < 0.01

    def test_depth_falls_with_the_distance(self, form: ModuleType) -> None:
        sphere()
        camera(ortho=2.1)
        depth = form.from_camera(bpy.context.scene, SIDE, SIDE).picture("depth")[..., 0].astype(int)
        middle = SIDE // 2
        row = depth[middle, middle : middle + 30]
        assert depth[middle, middle] >= 253 and (np.diff(row) <= 0).all() and row[-1] < 150
        assert depth[0, 0] == 0 and depth[depth > 0].min() >= 25
        # As on the sphere: at 0.6 of the radius to the side it lies 0.2 further back, of 1 at the rim.
        at = middle + round(0.6 * SIDE / 2.1)
        assert depth[middle, at] == pytest.approx(255 * (0.1 + 0.9 * 0.8), abs=12)

    def test_lines_run_round_it(self, form: ModuleType) -> None:
        sphere()
        camera(ortho=2.1)
        lines = form.from_camera(bpy.context.scene, SIDE, SIDE).picture("line")[..., 0]
        rows, columns = np.nonzero(lines)
        distance = np.hypot(rows - SIDE / 2 + 0.5, columns - SIDE / 2 + 0.5) / SIDE * 2.1
        assert len(rows) > 80 and (np.abs(distance - 1.0) < 0.08).all()


class TestCube:
    def test_its_faces_have_one_direction_each(self, form: ModuleType, cube: Callable[..., Any]) -> None:
        obj = cube()
        obj.rotation_euler = (0, 0, math.radians(45))
        bpy.context.view_layer.update()
        seen = form.from_object(bpy.context.scene, obj, SIDE, SIDE)
        normals = directions(seen.picture("normal"))
        half = math.sqrt(0.5)
        # From the front two faces are seen, the left one looks to the left.
        assert np.abs(normals[SIDE // 2, 16] - (-half, 0, half)).max() < 0.02
        assert np.abs(normals[SIDE // 2, 48] - (half, 0, half)).max() < 0.02
        depth = seen.picture("depth")[..., 0].astype(int)
        ridge = int(depth[SIDE // 2].argmax())
        assert abs(ridge - SIDE // 2) <= 1
        row = depth[SIDE // 2]
        assert (np.diff(row[8:ridge]) >= 0).all() and (np.diff(row[ridge:56]) <= 0).all()
        lines = seen.picture("line")[..., 0] > 0
        # The ridge, and the outline.
        assert lines[SIDE // 2].sum() == 3 and lines[SIDE // 2, 30:34].any()
        assert not lines[20, 8:28].any()

    def test_it_fills_the_picture_whatever_its_proportions(self, form: ModuleType, cube: Callable[..., Any]) -> None:
        obj = cube(size=0.2)
        obj.location = (30, -20, 7)
        bpy.context.view_layer.update()
        for width, height in ((96, 64), (64, 96), (64, 64)):
            seen = form.from_object(bpy.context.scene, obj, width, height)
            assert seen.covered.shape == (height, width)
            rows, columns = seen.covered.any(1).sum(), seen.covered.any(0).sum()
            assert rows == pytest.approx(columns, abs=1) and rows > 0.9 * min(width, height)

    def test_from_the_viewport(self, form: ModuleType, cube: Callable[..., Any]) -> None:
        obj = cube()
        obj.scale = (1, 1, 2)
        bpy.context.view_layer.update()
        # From above it is a square, from the front twice as high as wide.
        above = form.from_object(bpy.context.scene, obj, SIDE, SIDE, view=Matrix.Identity(4))
        front = form.from_object(bpy.context.scene, obj, SIDE, SIDE)
        assert above.covered.any(0).sum() == pytest.approx(above.covered.any(1).sum(), abs=1)
        assert front.covered.any(1).sum() == pytest.approx(2 * front.covered.any(0).sum(), abs=2)
        # All of one face: no gradient to show, which is no error.
        assert set(np.unique(above.picture("depth"))) == {0, 255}


class TestCamera:
    def test_the_nearer_body_is_brighter(self, form: ModuleType) -> None:
        sphere(0.5, (-1, 0, 0), "Near")
        sphere(0.5, (1.5, 4, 0), "Far")
        camera(look=(0, 0, 0))
        seen = form.from_camera(bpy.context.scene, 128, 64)
        depth = seen.picture("depth")[..., 0]
        left, right = depth[:, :64].max(), depth[:, 64:].max()
        assert left == 255 and 25 < right < 160
        assert (seen.picture("line")[..., 0] > 0).sum() > 40

    def test_hidden_objects_and_focus_do_not_count(self, form: ModuleType) -> None:
        sphere(0.6)
        wall = sphere(3.0, (0, 0, 0), "Hidden")
        wall.hide_render = True
        excluded = bpy.data.collections.new("Off")
        bpy.context.scene.collection.children.link(excluded)
        other = sphere(2.5, (0, 0, 0), "Excluded")
        bpy.context.scene.collection.objects.unlink(other)
        excluded.objects.link(other)
        excluded.hide_render = True
        eye = camera(ortho=4.0)
        eye.data.dof.use_dof = True
        eye.data.dof.aperture_fstop = 0.01
        seen = form.from_camera(bpy.context.scene, SIDE, SIDE)
        assert seen.covered.mean() == pytest.approx(math.pi * 0.6**2 / 16, abs=0.01)
        assert eye.data.dof.use_dof

    def test_modifiers_and_instances_are_seen(self, form: ModuleType, cube: Callable[..., Any]) -> None:
        obj = cube(size=0.5)
        array = obj.modifiers.new("Array", "ARRAY")
        array.count, array.relative_offset_displace = 3, (2.0, 0.0, 0.0)
        bpy.context.view_layer.update()
        seen = form.from_object(bpy.context.scene, obj, 96, 48)
        starts = np.flatnonzero(np.diff(seen.covered[24].astype(int)) == 1)
        assert len(starts) == 3 or (len(starts) == 2 and seen.covered[24, 0])
        group = bpy.data.collections.new("Group")
        group.objects.link(obj)
        empty = bpy.data.objects.new("Placed", None)
        empty.instance_type, empty.instance_collection = "COLLECTION", group
        empty.location = (0, 0, 10)
        bpy.context.scene.collection.objects.link(empty)
        bpy.context.view_layer.update()
        placed = form.from_object(bpy.context.scene, empty, 96, 48)
        assert placed.covered.sum() == pytest.approx(seen.covered.sum(), rel=0.05)


class TestCleanliness:
    def test_nothing_stays(self, form: ModuleType, cube: Callable[..., Any]) -> None:
        obj = cube()
        camera()
        scene = bpy.context.scene
        scene.render.filepath = "//mine"
        before = {kind: sorted(item.name_full for item in getattr(bpy.data, kind)) for kind in KINDS}
        settings = (scene.render.engine, scene.render.filepath, scene.render.resolution_x, scene.camera.name)
        form.from_camera(scene, SIDE, SIDE)
        form.from_object(scene, obj, SIDE, SIDE)
        assert {kind: sorted(item.name_full for item in getattr(bpy.data, kind)) for kind in KINDS} == before
        assert (scene.render.engine, scene.render.filepath, scene.render.resolution_x, scene.camera.name) == settings
        assert obj.users == 1 and len(obj.users_scene) == 1 and bpy.context.scene == scene

    @pytest.mark.parametrize("broken", ["_read", "_set_up", "_numbers_material"])
    def test_also_when_it_fails(
        self, form: ModuleType, cube: Callable[..., Any], broken: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cube()
        camera()
        before = {kind: sorted(item.name_full for item in getattr(bpy.data, kind)) for kind in KINDS}

        def fail(*_args: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(form, broken, fail)
        with pytest.raises(KeyboardInterrupt):
            form.from_camera(bpy.context.scene, SIDE, SIDE)
        assert {kind: sorted(item.name_full for item in getattr(bpy.data, kind)) for kind in KINDS} == before

    def test_what_cannot_be_seen_is_said(self, form: ModuleType, texloom: ModuleType) -> None:
        errors = module(texloom, "core.texloom.errors")
        scene = bpy.context.scene
        with pytest.raises(errors.RequestError, match="no camera"):
            form.from_camera(scene, SIDE, SIDE)
        camera(look=(0, -20, 0))
        with pytest.raises(errors.RequestError, match="Nothing is to be seen"):
            form.from_camera(scene, SIDE, SIDE)
        with pytest.raises(errors.RequestError, match="no surface"):
            form.from_object(scene, scene.camera, SIDE, SIDE)


class TestMaterial:
    def test_the_maps_of_a_tile_say_its_form(self, form: ModuleType, build: Any, texloom: ModuleType) -> None:
        errors = module(texloom, "core.texloom.errors")
        material = build()
        names = module(texloom, "scene.materials").picture_name
        for kind, key in (("depth", "height"), ("normal", "normal")):
            assert form.from_material(material, kind) == material.node_tree.nodes[names(key)].image
        lines = form.from_material(material, "line")
        assert lines[form.MADE] == "line" and lines.packed_file is not None
        assert lines.colorspace_settings.is_data
        with pytest.raises(errors.RequestError, match="no map of Texloom"):
            form.from_material(bpy.data.materials.new("Plain"), "depth")
        with pytest.raises(errors.RequestError, match="no map of Texloom"):
            form.from_material(None, "depth")


def test_what_the_user_has_rendered_stays(form: ModuleType, tmp_path: Path) -> None:
    sphere()
    camera(ortho=2.1)
    render: Any = bpy.context.scene.render
    before = (render.engine, render.resolution_x, render.resolution_y)
    render.engine, render.resolution_x, render.resolution_y = "CYCLES", 48, 32
    bpy.context.scene.cycles.samples = 1
    try:
        bpy.ops.render.render()
    finally:
        render.engine, render.resolution_x, render.resolution_y = before
    result: Any = bpy.data.images["Render Result"]

    def shown(name: str) -> np.ndarray:
        result.save_render(str(tmp_path / name))
        image = bpy.data.images.load(str(tmp_path / name))
        pixels = np.empty(len(image.pixels), np.float32)
        image.pixels.foreach_get(pixels)
        bpy.data.images.remove(image)
        return pixels

    mine = shown("before.png")
    assert mine.size == 48 * 32 * 4
    form.from_camera(bpy.context.scene, SIDE, SIDE)
    assert np.array_equal(shown("after.png"), mine) and result.render_slots.active_index == 0
