# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference plane: size, direction, right way up, where it is kept."""

from __future__ import annotations

import itertools
from math import radians

import bpy
import pytest
from mathutils import Euler, Matrix, Vector
from pictures import flat, write_png


@pytest.fixture
def image(scene, tmp_path):
    # Twice as wide as high.
    return scene.images.load_map(write_png(tmp_path / "ref.png", flat((90, 60, 30), 32, 16)), "Ref", "sRGB")


def corners(plane):
    """World position by UV corner, the way the image lies on the plane."""
    layer = plane.data.uv_layers.active
    mesh = plane.data
    return {
        tuple(round(value) for value in layer.uv[loop.index].vector): plane.matrix_world
        @ mesh.vertices[loop.vertex_index].co
        for loop in mesh.loops
    }


def directions(plane):
    """Image right, image up and the face's front, in the world."""
    at = corners(plane)
    right, up = at[(1, 0)] - at[(0, 0)], at[(0, 1)] - at[(0, 0)]
    return right.normalized(), up.normalized(), plane.matrix_world.to_3x3() @ plane.data.polygons[0].normal


def test_height_aspect_and_base(scene, image):
    plane = scene.planes.add_reference_plane(image, height_m=1.8, location=(1, 2, 3))
    bpy.context.view_layer.update()
    at = corners(plane)
    assert (at[(0, 1)] - at[(0, 0)]).length == pytest.approx(1.8)
    assert (at[(1, 0)] - at[(0, 0)]).length == pytest.approx(3.6)
    assert ((at[(0, 0)] + at[(1, 0)]) / 2 - Vector((1, 2, 3))).length < 1e-6
    assert plane.scale == Vector((1, 1, 1))


def test_height_follows_the_unit_scale(scene, image):
    plane = scene.planes.add_reference_plane(image, height_m=1.8, metres_per_unit=0.01)
    at = corners(plane)
    assert (at[(0, 1)] - at[(0, 0)]).length == pytest.approx(180, rel=1e-5)


@pytest.mark.parametrize(
    ("facing", "front", "right", "up"),
    [
        ("-Y", (0, -1, 0), (1, 0, 0), (0, 0, 1)),
        ("X", (1, 0, 0), (0, 1, 0), (0, 0, 1)),
        ("Y", (0, 1, 0), (-1, 0, 0), (0, 0, 1)),
        ("-X", (-1, 0, 0), (0, -1, 0), (0, 0, 1)),
        ("Z", (0, 0, 1), (1, 0, 0), (0, 1, 0)),
    ],
)
def test_right_way_up_and_not_mirrored(scene, image, facing, front, right, up):
    plane = scene.planes.add_reference_plane(image, facing=facing)
    for found, expected in zip(directions(plane), (right, up, front), strict=True):
        assert (found - Vector(expected)).length < 1e-6


@pytest.mark.parametrize(("tilt", "turn"), list(itertools.product([60, 90, 110], [0, 35, 200])))
def test_facing_the_view_stays_upright(scene, image, tilt, turn):
    camera = Matrix.Translation((4, 5, 6)) @ Euler((radians(tilt), 0, radians(turn))).to_matrix().to_4x4()
    plane = scene.planes.add_reference_plane(image, facing="VIEW", view_matrix=camera.inverted())
    right, up, front = directions(plane)
    assert (up - Vector((0, 0, 1))).length < 1e-6
    back = camera.to_3x3().col[2]
    assert (front - Vector((back.x, back.y, 0)).normalized()).length < 1e-5
    # Seen from the view, the image's right is the view's right.
    assert right.dot(camera.to_3x3().col[0]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("tilt", "turn"), [(0, 0), (0, 70), (180, 0), (10, 30)])
def test_a_view_from_above_or_below_lays_it_flat(scene, image, tilt, turn):
    camera = Euler((radians(tilt), 0, radians(turn))).to_matrix().to_4x4()
    plane = scene.planes.add_reference_plane(image, facing="VIEW", view_matrix=camera.inverted())
    right, up, front = directions(plane)
    assert abs(front.z) == pytest.approx(1)
    assert front.dot(camera.to_3x3().col[2]) > 0.95
    assert up.dot(camera.to_3x3().col[1]) > 0.95
    assert right.dot(camera.to_3x3().col[0]) > 0.95


def test_one_collection_for_all_in_this_scene(scene, image):
    first = scene.planes.add_reference_plane(image)
    second = scene.planes.add_reference_plane(image)
    (collection,) = bpy.context.scene.collection.children
    assert collection.name == "References"
    assert {first.name, second.name} == {obj.name for obj in collection.objects}
    assert not first.hide_select
    other = bpy.data.scenes.new("Other")
    third = scene.planes.add_reference_plane(image, scene=other)
    assert third.name in other.collection.children[0].objects
    assert third.name not in collection.objects


def test_only_the_camera_sees_it(scene, image):
    plane = scene.planes.add_reference_plane(image)
    hidden = ("diffuse", "glossy", "transmission", "volume_scatter", "shadow")
    assert not any(getattr(plane, f"visible_{ray}") for ray in hidden)
    assert plane.visible_camera


def test_alpha_decides_how_it_is_blended(scene, image, tmp_path):
    clear = scene.images.load_map(write_png(tmp_path / "clear.png", flat((1, 2, 3, 4))), "Clear", "sRGB")
    assert scene.planes.add_reference_plane(image).active_material.surface_render_method == "DITHERED"
    assert scene.planes.add_reference_plane(clear).active_material.surface_render_method == "BLENDED"


def test_bad_options_leave_nothing(scene, image, counts):
    before = counts()
    with pytest.raises(ValueError, match="height_m"):
        scene.planes.add_reference_plane(image, height_m=0)
    with pytest.raises(ValueError, match="facing"):
        scene.planes.add_reference_plane(image, facing="SIDEWAYS")
    # No scene to put it in: everything was built by then.
    with pytest.raises(AttributeError):
        scene.planes.add_reference_plane(image, scene=object())
    assert counts() == before


def test_from_a_result(scene, result):
    built = scene.build.reference_plane(result({"image": flat((1, 2, 3), 16, 32)}), height_m=2.0, facing="X")
    plane = bpy.data.objects[built.object]
    assert plane.name.startswith("weathered red brick wall")
    assert max(plane.dimensions) == pytest.approx(2.0)
    assert bpy.data.images[built.images[0]].colorspace_settings.name == "sRGB"
    assert plane.active_material.name == built.material
