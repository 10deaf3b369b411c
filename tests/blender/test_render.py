# SPDX-License-Identifier: GPL-3.0-or-later
"""Small renders with Cycles on the CPU: what is promised is what is seen."""

from __future__ import annotations

from math import radians

import bpy
import numpy as np
import pytest
from pictures import flat, write_png

SIZE = 64


@pytest.fixture
def render(tmp_path):
    """``render(samples=4)``: the camera's picture as floats 0..1 in sRGB, (64, 64, 4), bottom row first."""

    def make(samples: int = 4) -> np.ndarray:
        scene = bpy.context.scene
        scene.render.engine = "CYCLES"
        scene.cycles.device = "CPU"
        scene.cycles.samples = samples
        scene.cycles.use_denoising = False
        scene.cycles.use_adaptive_sampling = False
        scene.render.threads_mode, scene.render.threads = "FIXED", 2
        scene.render.resolution_x = scene.render.resolution_y = SIZE
        scene.render.resolution_percentage = 100
        scene.render.film_transparent = True
        scene.render.dither_intensity = 0.0
        scene.view_settings.view_transform = "Standard"
        scene.render.image_settings.file_format = "PNG"
        scene.render.image_settings.color_mode = "RGBA"
        scene.render.filepath = str(tmp_path / "render.png")
        bpy.ops.render.render(write_still=True)
        picture = bpy.data.images.load(scene.render.filepath, check_existing=False)
        picture.colorspace_settings.name = "Non-Color"
        values = np.empty(SIZE * SIZE * 4, np.float32)
        picture.pixels.foreach_get(values)
        bpy.data.images.remove(picture)
        return values.reshape(SIZE, SIZE, 4)

    return make


@pytest.fixture
def camera():
    """``camera(location, rotation, width)``: an orthographic camera that sees ``width`` units."""

    def make(location, rotation, width):
        data = bpy.data.cameras.new("Camera")
        data.type = "ORTHO"
        data.ortho_scale = width
        obj = bpy.data.objects.new("Camera", data)
        obj.location = location
        obj.rotation_euler = [radians(value) for value in rotation]
        bpy.context.scene.collection.objects.link(obj)
        bpy.context.scene.camera = obj

    return make


@pytest.fixture
def sun():
    """A sun straight from above that lights a white, matt, horizontal surface to exactly 1."""
    data = bpy.data.lights.new("Sun", "SUN")
    data.energy = np.pi
    data.angle = 0.0
    obj = bpy.data.objects.new("Sun", data)
    bpy.context.scene.collection.objects.link(obj)
    return obj


def grid(size: float, cuts: int):
    """A horizontal square with UVs from 0 to 1."""
    bpy.ops.mesh.primitive_grid_add(size=size, x_subdivisions=cuts, y_subdivisions=cuts, calc_uvs=True)
    return bpy.context.object


def matt(material) -> None:
    """Take away reflections, so that what is left is the base colour."""
    shader = next(node for node in material.node_tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    shader.inputs["Specular IOR Level"].default_value = 0.0


def test_a_reference_shows_its_colours_without_light(scene, render, camera, tmp_path):
    # Four quarters, as seen: red and green above, blue and grey below.
    pixels = np.empty((8, 8, 3), np.uint8)
    pixels[:4, :4], pixels[:4, 4:], pixels[4:, :4], pixels[4:, 4:] = (
        (220, 30, 20),
        (40, 180, 60),
        (20, 40, 200),
        (128, 128, 128),
    )
    image = scene.images.load_map(write_png(tmp_path / "ref.png", pixels), "Ref", "sRGB")
    scene.planes.add_reference_plane(image, height_m=2.0, location=(0, 0, -1))
    camera((0, -5, 0), (90, 0, 0), 2.0)
    seen = render() * 255
    high, low = SIZE * 3 // 4, SIZE // 4
    assert seen[high, low, :3] == pytest.approx([220, 30, 20], abs=2)
    assert seen[high, high, :3] == pytest.approx([40, 180, 60], abs=2)
    assert seen[low, low, :3] == pytest.approx([20, 40, 200], abs=2)
    assert seen[low, high, :3] == pytest.approx([128, 128, 128], abs=2)


def test_alpha_is_transparent(scene, render, camera, tmp_path):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, :, :3] = (200, 100, 50)
    pixels[:, 4:, 3] = 255
    image = scene.images.load_map(write_png(tmp_path / "ref.png", pixels), "Ref", "sRGB")
    scene.planes.add_reference_plane(image, height_m=2.0, location=(0, 0, -1))
    camera((0, -5, 0), (90, 0, 0), 2.0)
    seen = render(samples=8) * 255
    assert seen[SIZE // 2, SIZE // 8, 3] == pytest.approx(0, abs=1)
    assert seen[SIZE // 2, SIZE * 7 // 8] == pytest.approx([200, 100, 50, 255], abs=2)


def test_a_reference_neither_lights_nor_shades(scene, render, camera, sun, tmp_path):
    grid(4.0, 1)
    image = scene.images.load_map(write_png(tmp_path / "ref.png", flat((255, 255, 255))), "Ref", "sRGB")
    camera((0, 0, 5), (0, 0, 0), 2.0)
    before = render(samples=16)
    # One flat above the ground between sun and ground, outside the picture's frame but for its shadow, and
    # one upright at its edge.
    scene.planes.add_reference_plane(image, height_m=2.0, facing="Z", location=(0, -1, 8))
    scene.planes.add_reference_plane(image, height_m=2.0, facing="-Y", location=(0, 1.2, 0))
    assert np.abs(render(samples=16) - before).max() <= 1.5 / 255


def test_the_material_shows_its_base_colour(scene, result, render, camera, sun):
    obj = grid(2.0, 1)
    built = scene.build.material_on_objects(result(), [obj], displacement="NONE")
    matt(bpy.data.materials[built.material])
    camera((0, 0, 5), (0, 0, 0), 1.0)
    seen = render(samples=16)[SIZE // 4 : -SIZE // 4, SIZE // 4 : -SIZE // 4, :3].mean((0, 1)) * 255
    # A normal map of 8 bits has no exact middle: half a step off vertical is the tolerance.
    assert seen == pytest.approx([200, 100, 50], abs=3)


def test_a_tile_is_seen_at_its_size(scene, result, render, camera, sun):
    # Stripes, dark and light, one pair to a tile of half a metre, on a square of two metres.
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, 8:] = 230
    obj = grid(2.0, 1)
    made = result({"base_color": stripes}, tile_width_m=0.5, tile_height_m=0.5)
    built = scene.build.material_on_objects(made, [obj])
    matt(bpy.data.materials[built.material])
    camera((0, 0, 5), (0, 0, 0), 2.0)
    row = render(samples=8)[SIZE // 2, :, 0] > 0.45
    # Four pairs across two metres: seven edges inside.
    assert int(np.abs(np.diff(row.astype(int))).sum()) == 7


def test_box_projection_has_the_same_size(scene, result, render, camera, sun):
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, 8:] = 230
    obj = grid(1.0, 1)
    obj.data.uv_layers.remove(obj.data.uv_layers.active)
    obj.scale = (2.0, 2.0, 2.0)
    bpy.context.view_layer.update()
    built = scene.build.material_on_objects(result({"base_color": stripes}, tile_width_m=0.5, tile_height_m=0.5), [obj])
    matt(bpy.data.materials[built.material])
    camera((0, 0, 5), (0, 0, 0), 2.0)
    # On faces that look up, box projection lays the picture's width along y.
    row = render(samples=8)[:, SIZE // 2, 0] > 0.45
    assert int(np.abs(np.diff(row.astype(int))).sum()) == 7


@pytest.mark.parametrize(("value", "expected"), [(0, -0.4), (65535, 0.2)])
def test_displaced_ground_lies_at_the_promised_height(scene, result, render, camera, value, expected):
    # A flat height map moves the whole ground; seen from the side its silhouette tells how far.
    obj = grid(1.0, 8)
    obj.scale = (0.5, 0.5, 0.5)
    bpy.context.view_layer.update()
    made = result(
        {"base_color": flat((255, 255, 255)), "height": flat(value, dtype=np.uint16)},
        height_min_m=-0.4,
        height_max_m=0.2,
    )
    scene.build.material_on_objects(made, [obj], displacement="DISPLACEMENT")
    # Looking slightly down, so that the ground is a strip; its middle is the ground's height.
    camera((0, -5 * np.cos(0.2), 5 * np.sin(0.2)), (90 - np.degrees(0.2), 0, 0), 1.6)
    alpha = render(samples=16)[:, SIZE // 2, 3]
    centre = (alpha * (np.arange(SIZE) + 0.5)).sum() / alpha.sum()
    height = (centre / SIZE - 0.5) * 1.6 / np.cos(0.2)
    assert height == pytest.approx(expected, abs=0.01)


def test_bump_slope_is_the_slope_in_metres(scene, result, render, camera, sun):
    # A ramp of 0 to 0.3 m over a tile of 1 m: under a sun from above it is darker by the cosine of its slope.
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    obj = grid(1.0, 1)
    made = result(
        {"base_color": flat((255, 255, 255)), "height": ramp},
        tile_width_m=1.0,
        tile_height_m=1.0,
        height_min_m=0.0,
        height_max_m=0.3,
    )
    built = scene.build.material_on_objects(made, [obj], displacement="BUMP")
    matt(bpy.data.materials[built.material])
    # The sun leans by 45 degrees towards the falling side, which makes the shading steep in the slope.
    sun.rotation_euler = (0.0, radians(45), 0.0)
    camera((0, 0, 5), (0, 0, 0), 0.5)
    seen = render(samples=16)[SIZE // 2, SIZE // 4 : -SIZE // 4, :3].mean()
    linear = ((seen + 0.055) / 1.055) ** 2.4
    slope = np.array([-0.3, 0.0, 1.0]) / np.hypot(0.3, 1.0)
    light = np.array([np.sin(radians(45)), 0.0, np.cos(radians(45))])
    assert linear == pytest.approx(float(slope @ light), abs=0.02)


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("displacement", ["BUMP", "NONE"])
def test_normal_map_and_bump_show_the_same_relief(scene, result, render, camera, sun, axis, displacement):
    # A slope of 0.3 rising to the right or upwards, in both maps; green up (OpenGL) is what makes y agree.
    slope = 0.3
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    normal = np.array([-slope, 0.0, 1.0] if axis == "x" else [0.0, -slope, 1.0]) / np.hypot(slope, 1.0)
    maps = {
        "base_color": flat((255, 255, 255)),
        "height": ramp if axis == "x" else ramp.T[::-1].copy(),
        "normal": flat(tuple(int(value) for value in np.round((normal * 0.5 + 0.5) * 255))),
    }
    obj = grid(1.0, 1)
    made = result(maps, tile_width_m=1.0, tile_height_m=1.0, height_min_m=0.0, height_max_m=slope)
    built = scene.build.material_on_objects(made, [obj], displacement=displacement)
    matt(bpy.data.materials[built.material])
    angle = radians(45)
    sun.rotation_euler = (0.0, angle, 0.0) if axis == "x" else (-angle, 0.0, 0.0)
    camera((0, 0, 5), (0, 0, 0), 0.5)
    seen = render(samples=16)[SIZE // 4 : -SIZE // 4, SIZE // 4 : -SIZE // 4, :3].mean()
    light = np.array([np.sin(angle), 0.0, np.cos(angle)] if axis == "x" else [0.0, np.sin(angle), np.cos(angle)])
    assert ((seen + 0.055) / 1.055) ** 2.4 == pytest.approx(float(normal @ light), abs=0.02)


def wall(turns: int):
    """A wall of 2 × 1 m that faces the front, its UVs turned counterclockwise by quarters."""
    mesh = bpy.data.meshes.new("Wall")
    mesh.from_pydata([(-1, 0, 0), (1, 0, 0), (1, 0, 1), (-1, 0, 1)], [], [(0, 1, 2, 3)])
    layer = mesh.uv_layers.new(name="UVMap")
    corners = np.array([(0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (0.0, 1.0)])
    c, s = np.round(np.cos(turns * np.pi / 2)), np.round(np.sin(turns * np.pi / 2))
    turned = corners @ np.array([[c, s], [-s, c]])
    layer.uv.foreach_set("vector", turned.astype(np.float32).ravel())
    obj = bpy.data.objects.new("Wall", mesh)
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.update()
    return obj


@pytest.mark.parametrize("displacement", ["BUMP", "NONE"])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_pictures_and_their_normals_stand_upright_on_walls(scene, result, render, camera, sun, turns, displacement):
    # Wide bricks (0.5 × 0.25 m): red lower left, green lower right, blue above; a slope to the right and one up.
    color = np.zeros((16, 32, 3), np.uint8)
    color[8:, :16], color[8:, 16:], color[:8] = (220, 60, 60), (60, 220, 60), (60, 60, 220)
    normal = np.array([-0.3, -0.2, 1.0]) / np.linalg.norm([0.3, 0.2, 1.0])
    across, up = np.meshgrid(np.arange(32) / 64, np.arange(15, -1, -1) / 64)
    height = 0.3 * across + 0.2 * up
    maps = {
        "base_color": color,
        "height": np.round(height / height.max() * 65535).astype(np.uint16),
        "normal": flat(tuple(int(value) for value in np.round((normal * 0.5 + 0.5) * 255)), 32, 16),
    }
    made = result(maps, tile_width_m=0.5, tile_height_m=0.25, height_min_m=0.0, height_max_m=float(height.max()))
    sun.rotation_euler = (radians(50), radians(15), 0.0)
    camera((0, -5, 0.5), (90, 0, 0), 0.9)
    seen = []
    for quarters in (0, turns):
        obj = wall(quarters)
        assert scene.objects.quarter_turns(obj) == -quarters % 4
        built = scene.build.material_on_objects(made, [obj], displacement=displacement)
        matt(bpy.data.materials[built.material])
        seen.append(render(samples=16)[..., :3])
        bpy.data.objects.remove(obj)
    assert seen[0].std() > 0.1
    # Single pixels on the edges of bricks may fall to either side.
    assert np.median(np.abs(seen[0] - seen[1])) < 0.01
    assert np.mean(np.abs(seen[0] - seen[1])) < 0.02
