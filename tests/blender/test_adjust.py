# SPDX-License-Identifier: GPL-3.0-or-later
"""Sliders of finished materials: the groups that hold them, and what they change in a render."""

from __future__ import annotations

import math
import time
from typing import Any

import bpy
import numpy as np
import pytest
from adjusting import module, node, value
from pictures import ALL_MAPS, flat
from test_render import camera, grid, matt, render, sun  # noqa: F401 - fixtures

# --- the shared groups ------------------------------------------------------------------------------------------


def test_materials_share_the_groups(build):
    one, two = build(), build(displacement="NONE", folder="second")
    assert node(one).node_tree == node(two).node_tree
    assert {tree.name for tree in bpy.data.node_groups} == {"Texloom Adjust", "Texloom Tile Size"}
    node(one).inputs["Brightness"].default_value = 0.5
    assert value(two, "Brightness") == 1.0


def test_inputs_have_ranges_units_and_descriptions(scene, build):
    build()
    for name in ("Texloom Adjust", "Texloom Tile Size"):
        for item in bpy.data.node_groups[name].interface.items_tree:
            if item.item_type == "PANEL" or item.in_out == "OUTPUT":
                continue
            assert item.description, item.name
            if item.socket_type == "NodeSocketFloat":
                assert item.min_value <= item.default_value <= item.max_value < 1e7, item.name
    sockets = {item.name: item for item in bpy.data.node_groups["Texloom Adjust"].interface.items_tree}
    assert sockets["Hue Shift"].subtype == "ANGLE" and sockets["Relief Height"].subtype == "DISTANCE"
    assert (sockets["Saturation"].subtype, sockets["Saturation"].max_value) == ("FACTOR", 2.0)
    assert sockets["Measures"].default_closed
    tile = {item.name: item for item in bpy.data.node_groups["Texloom Tile Size"].interface.items_tree}
    assert tile["Tile Width"].subtype == "DISTANCE" and tile["Tile Width"].min_value > 0
    outputs = [item.name for item in sockets.values() if item.item_type == "SOCKET" and item.in_out == "OUTPUT"]
    names = ["Base Color", "Roughness", "Metallic", "Normal", "Displacement"]
    assert [socket.name for socket in bpy.data.node_groups["Texloom Adjust"].nodes["Result"].inputs][:5] == names
    assert set(outputs) <= set(names)


def test_a_group_that_somebody_has_rebuilt_is_theirs(build):
    first = build()
    node(first).node_tree.nodes.remove(node(first).node_tree.nodes["Tinted"])
    second = build(folder="second")
    assert node(second).node_tree != node(first).node_tree
    assert "Tinted" in node(second).node_tree.nodes
    # The next one takes the whole one again.
    assert node(build(folder="third")).node_tree == node(second).node_tree


def test_groups_survive_saving_and_are_found_again(build, tmp_path):
    build().use_fake_user = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
    build(folder="second")
    assert len(bpy.data.node_groups) == 2


def test_a_group_that_vanishes_between_two_steps_is_noticed(scene, result):
    made = result(ALL_MAPS)
    images = {key: image.name for key, image in scene.build.load_images(made).items()}
    with pytest.raises(scene.transaction.Vanished), scene.transaction.all_or_nothing():
        for _ in scene.materials.build_steps(made, images=images):
            if bpy.data.node_groups.get("Texloom Adjust"):
                bpy.data.node_groups.remove(bpy.data.node_groups["Texloom Adjust"])
    assert not bpy.data.materials and not bpy.data.node_groups
    mine = bpy.data.node_groups.new("Mine", "ShaderNodeTree")
    half = bpy.data.node_groups.new("Texloom Adjust", "ShaderNodeTree")
    assert scene.groups.find("adjust") is None, half.name
    scene.groups.sweep()
    assert bpy.data.node_groups[:] == [mine]


def test_no_step_takes_long(scene, result):
    made = result(ALL_MAPS)
    images = {key: image.name for key, image in scene.build.load_images(made).items()}
    steps, longest = scene.materials.build_steps(made, images=images), []
    while True:
        began = time.thread_time()
        try:
            next(steps)
        except StopIteration:
            break
        finally:
            longest.append(time.thread_time() - began)
    # The processor's time, as other programs run on the machine that tests this; 3 ms were measured.
    assert len(longest) > 15 and max(longest) < 0.01


# --- sliders ------------------------------------------------------------------------------------------------------


def test_every_slider_is_found_and_translated(texloom, scene, build):
    dictionary = module(texloom, "translations").LANGUAGES["zh_HANS"]
    sections = scene.adjust.sliders(build())
    names = [socket.name for _, sockets in sections for socket in sockets]
    assert [name for name, _ in sections] == ["Color", "Roughness", "Relief", "Size"]
    assert {"Tint", "Tint Amount", "Brightness", "Roughness Minimum", "Relief Strength", "Tile Width"} < set(names)
    assert not set(names) - set(dictionary)
    labels = {*scene.materials.LABELS.values()}
    assert not labels - set(dictionary)


def test_reset_puts_back_what_the_maps_say(scene, build, errors):
    material = build()
    before = {socket.name: getattr(socket, "default_value", None) for socket in node(material).inputs}
    before = {name: tuple(item) if hasattr(item, "__len__") else item for name, item in before.items()}
    for _, sockets in scene.adjust.sliders(material):
        for socket in sockets:
            socket.default_value = (0.1, 0.2, 0.3, 1.0) if socket.type == "RGBA" else 0.37
    noise = material.node_tree.nodes.new("ShaderNodeTexNoise")
    material.node_tree.links.new(noise.outputs[0], node(material).inputs["Brightness"])
    scene.adjust.reset(material)
    for name, item in before.items():
        now = node(material).inputs[name].default_value
        assert (tuple(now) if hasattr(now, "__len__") else now) == pytest.approx(item), name
    assert value(material, "Tile Width") == 1.5
    assert node(material).inputs["Brightness"].is_linked
    with pytest.raises(errors.RequestError, match="no Texloom sliders"):
        scene.adjust.reset(bpy.data.materials.new("Other"))


def test_sliders_are_found_by_their_group_whatever_the_node_is_called(scene, build):
    material = build()
    adjust = node(material)
    adjust.name = "Mine"
    assert scene.adjust.group_node(material) == adjust
    picture = node(material, "Roughness")
    picture.name = "My roughness"
    material["texloom_maps"] = "base_color roughness"
    assert scene.adjust.picture(material, "roughness") == picture


def test_facts_that_no_longer_make_sense_have_defaults(scene, build):
    material = build()
    facts = scene.facts.Facts.of(material)
    assert facts.maps == set(ALL_MAPS) and facts.tile_width_m == 1.5 and facts.displacement == "BUMP"
    for name in ("tile_width_m", "height_min_m", "turns", "displacement", "metres_per_unit"):
        material[f"texloom_{name}"] = "nonsense"
    material["texloom_tile_height_m"] = -1.0
    facts = scene.facts.Facts.of(material)
    assert (facts.tile_width_m, facts.tile_height_m, facts.turns, facts.displacement) == (1.0, 1.0, 0, "BUMP")


def test_operators_explain_when_there_is_nothing_to_adjust(texloom, scene, result, cube, build):
    assert not bpy.ops.texloom.reset_material.poll() and not bpy.ops.texloom.replace_maps.poll()
    obj = cube()
    bpy.context.view_layer.objects.active = obj
    assert not bpy.ops.texloom.reset_material.poll()
    obj.data.materials.append(build())
    node(obj.active_material).inputs["Saturation"].default_value = 0.0
    assert bpy.ops.texloom.reset_material() == {"FINISHED"}
    assert value(obj.active_material, "Saturation") == 1.0


# --- what is seen ---------------------------------------------------------------------------------------------------


@pytest.fixture
def shown(scene: Any, result: Any, render: Any, camera: Any) -> Any:  # noqa: F811
    """``shown(output, maps=…, **sliders)``: the mean color, linear, that comes out of the sliders' node."""

    def look(output: str, maps: Any = None, displacement: str = "BUMP", facts: Any = None, **sliders: Any) -> Any:
        obj = grid(1.0, 1)
        made = result(MAPS_SEEN if maps is None else maps, **(facts or {}))
        built = scene.build.material_on_objects(made, [obj], displacement=displacement)
        material = bpy.data.materials[built.material]
        for name, setting in sliders.items():
            node(material).inputs[name].default_value = setting
        tree = material.node_tree
        emission = tree.nodes.new("ShaderNodeEmission")
        tree.links.new(node(material).outputs[output], emission.inputs["Color"])
        tree.links.new(emission.outputs[0], tree.nodes["Material Output"].inputs["Surface"])
        if bpy.context.scene.camera is None:
            camera((0, 0, 5), (0, 0, 0), 0.5)
        seen = linear(render(samples=1)[16:-16, 16:-16, :3].mean((0, 1)))
        bpy.data.objects.remove(obj)
        return seen

    return look


COLOR = np.array([200, 100, 50])
MAPS_SEEN = {
    "base_color": flat(tuple(map(int, COLOR))),
    "roughness": flat(180),
    "metallic": flat(102),
    "ambient_occlusion": flat(128),
}


def linear(values: Any) -> Any:
    values = np.asarray(values, float)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def test_defaults_show_the_maps_as_they_are(shown):
    base = linear(COLOR / 255)
    assert shown("Base Color") == pytest.approx(base * (0.75 + 0.25 * 128 / 255), abs=0.006)
    assert shown("Base Color", displacement="BOTH") == pytest.approx(base, abs=0.006)
    assert shown("Roughness") == pytest.approx(180 / 255, abs=0.006)
    assert shown("Metallic") == pytest.approx(102 / 255, abs=0.006)


def test_color_sliders_do_what_they_say(shown):
    base = linear(COLOR / 255)
    plain = {"Ambient Occlusion Amount": 0.0}
    tint = np.array([0.5, 1.0, 0.2])
    assert shown("Base Color", **plain, Tint=(*tint, 1.0)) == pytest.approx(base * tint, abs=0.006)
    half = shown("Base Color", **plain, **{"Tint": (*tint, 1.0), "Tint Amount": 0.5})
    assert half == pytest.approx(base * (0.5 + 0.5 * tint), abs=0.006)
    assert shown("Base Color", **plain, Brightness=0.5) == pytest.approx(base * 0.5, abs=0.006)
    # More than all light is not reflected.
    assert shown("Base Color", **plain, Brightness=2.0)[0] == pytest.approx(1.0, abs=0.006)
    assert shown("Base Color", **plain, Saturation=0.0) == pytest.approx(np.full(3, base[0]), abs=0.006)
    # A third of the color wheel turns red into green, green into blue.
    turned = shown("Base Color", **plain, **{"Hue Shift": math.radians(120)})
    assert turned == pytest.approx(base[[2, 0, 1]], abs=0.006)
    full = shown("Base Color", **{"Ambient Occlusion Amount": 1.0})
    assert full == pytest.approx(base * 128 / 255, abs=0.006)


def test_roughness_runs_between_its_limits(shown):
    limits = {"Roughness Minimum": 0.2, "Roughness Maximum": 0.6}
    assert shown("Roughness", **limits) == pytest.approx(0.2 + 0.4 * 180 / 255, abs=0.006)
    # Without a map it is a slider.
    plain = {"base_color": flat((1, 2, 3))}
    assert shown("Roughness", plain, Roughness=0.8) == pytest.approx(0.8, abs=0.006)


def test_the_shader_gets_the_roughness(scene, result, render, camera, sun):  # noqa: F811
    # A white metal under a sun from above is darker, the more it scatters the light.
    camera((0, 0, 5), (0, 0, 0), 0.5)
    maps = {"base_color": flat((255, 255, 255)), "roughness": flat(255), "metallic": flat(255)}
    seen = []
    sun.data.energy = 0.3
    for limit in (0.5, 0.9):
        obj = grid(1.0, 1)
        built = scene.build.material_on_objects(result(maps), [obj])
        material = bpy.data.materials[built.material]
        node(material).inputs["Roughness Maximum"].default_value = limit
        with_slider = linear(render(samples=16)[16:-16, 16:-16, :3]).mean()
        shader = material.node_tree.nodes["Principled BSDF"]
        material.node_tree.links.remove(shader.inputs["Roughness"].links[0])
        shader.inputs["Roughness"].default_value = limit
        assert with_slider == pytest.approx(linear(render(samples=16)[16:-16, 16:-16, :3]).mean(), abs=0.004)
        seen.append(with_slider)
        bpy.data.objects.remove(obj)
    assert seen[0] > 1.5 * seen[1] > 0.01


@pytest.mark.parametrize("displacement", ["BUMP", "NONE"])
@pytest.mark.parametrize("strength", [0.0, 1.0, 2.0])
def test_relief_strength_scales_the_slope(scene, result, render, camera, sun, displacement, strength):  # noqa: F811
    # A ramp of 0 to 0.3 m over a tile of 1 m, in the height and in the normal map.
    normal = np.array([-0.3, 0.0, 1.0]) / np.hypot(0.3, 1.0)
    maps = {
        "base_color": flat((255, 255, 255)),
        "height": np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1)),
        "normal": flat(tuple(int(item) for item in np.round((normal * 0.5 + 0.5) * 255))),
    }
    obj = grid(1.0, 1)
    made = result(maps, tile_width_m=1.0, tile_height_m=1.0, height_min_m=0.0, height_max_m=0.3)
    material = bpy.data.materials[scene.build.material_on_objects(made, [obj], displacement=displacement).material]
    matt(material)
    node(material).inputs["Relief Strength"].default_value = strength
    sun.rotation_euler = (0.0, math.radians(45), 0.0)
    camera((0, 0, 5), (0, 0, 0), 0.5)
    seen = linear(render(samples=16)[24:-24, 16:-16, :3]).mean()
    steep = np.array([-0.3 * strength, 0.0, 1.0])
    light = np.array([math.sin(math.radians(45)), 0.0, math.cos(math.radians(45))])
    assert seen == pytest.approx(float(steep / np.linalg.norm(steep) @ light), abs=0.02)


def test_a_wider_tile_is_larger_in_every_direction(scene, result, render, camera, sun):  # noqa: F811
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, 8:] = 230
    obj = grid(2.0, 1)
    made = result({"base_color": stripes}, tile_width_m=0.5, tile_height_m=0.5)
    material = bpy.data.materials[scene.build.material_on_objects(made, [obj]).material]
    matt(material)
    node(material, "Tile Size").inputs["Tile Width"].default_value = 1.0
    camera((0, 0, 5), (0, 0, 0), 2.0)
    row = render(samples=8)[32, :, 0] > 0.45
    # Two pairs across two metres: three edges inside.
    assert int(np.abs(np.diff(row.astype(int))).sum()) == 3


@pytest.mark.parametrize(("strength", "width"), [(0.5, 1.5), (1.0, 3.0)])
def test_displacement_follows_strength_and_size(scene, result, render, camera, strength, width):  # noqa: F811
    obj = grid(1.0, 8)
    obj.scale = (0.5, 0.5, 0.5)
    bpy.context.view_layer.update()
    made = result(
        {"base_color": flat((255, 255, 255)), "height": flat(65535, dtype=np.uint16)},
        height_min_m=-0.4,
        height_max_m=0.2,
    )
    material = bpy.data.materials[scene.build.material_on_objects(made, [obj], displacement="DISPLACEMENT").material]
    node(material).inputs["Relief Strength"].default_value = strength
    node(material, "Tile Size").inputs["Tile Width"].default_value = width
    camera((0, -5 * np.cos(0.2), 5 * np.sin(0.2)), (90 - np.degrees(0.2), 0, 0), 1.6)
    alpha = render(samples=16)[:, 32, 3]
    middle = (alpha * (np.arange(64) + 0.5)).sum() / alpha.sum()
    assert (middle / 64 - 0.5) * 1.6 / np.cos(0.2) == pytest.approx(0.2 * strength * width / 1.5, abs=0.01)
