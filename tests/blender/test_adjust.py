# SPDX-License-Identifier: GPL-3.0-or-later
"""Sliders of finished materials, other maps in the same material, and maps that change while a slider is dragged."""

from __future__ import annotations

import importlib
import math
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from pictures import MATERIAL_MAPS, flat, write_png, write_result
from test_render import camera, grid, matt, render, sun  # noqa: F401 - fixtures

ALL_MAPS = {**MATERIAL_MAPS, "ambient_occlusion": flat(128)}
OTHER_MAPS = {**ALL_MAPS, "base_color": flat((20, 60, 200)), "roughness": flat(90)}


def module(texloom: ModuleType, name: str) -> Any:
    return importlib.import_module(f"{texloom.__name__}.{name}")


@pytest.fixture
def errors(texloom: ModuleType) -> Any:
    return module(texloom, "core.texloom.errors")


@pytest.fixture
def build(scene: Any, result: Any) -> Any:
    """``build(maps=…, facts=…, **options)``: a material from the builder; one of the same result without maps."""
    known: dict[str, Any] = {}

    def make(maps: Any = None, facts: Any = None, folder: str = "job", **options: Any) -> Any:
        if maps is not None or facts is not None or folder not in known:
            known[folder] = result(ALL_MAPS if maps is None else maps, folder, **(facts or {}))
        made = known[folder]
        return scene.materials.build_material(made, images=scene.build.load_images(made), **options)

    return make


@pytest.fixture
def other(result: Any) -> Any:
    """``other(maps=…, **facts)``: another result."""
    return lambda maps=None, **facts: result(OTHER_MAPS if maps is None else maps, "other", **facts)


def node(material: Any, name: str = "Adjust") -> Any:
    return material.node_tree.nodes[f"Texloom {name}"]


def value(material: Any, name: str) -> float:
    found = node(material, "Tile Size" if name in ("Tile Width", "Own Width") else "Adjust").inputs[name]
    return float(found.default_value)


def links(material: Any) -> set[tuple[str, str, str, str]]:
    return {
        (link.from_node.name, link.from_socket.name, link.to_node.name, link.to_socket.name)
        for link in material.node_tree.links
    }


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


# --- other maps in the same material --------------------------------------------------------------------------------


def test_replacing_keeps_the_graph_and_the_sliders(scene, build, other, cube):
    material = build()
    obj = cube()
    obj.data.materials.append(material)
    tree = material.node_tree
    # A designer's own work: a curve between the sliders and the shader, a slider, a keyframe, a muted picture.
    curve = tree.nodes.new("ShaderNodeRGBCurve")
    tree.links.new(node(material).outputs["Base Color"], curve.inputs["Color"])
    tree.links.new(curve.outputs[0], tree.nodes["Principled BSDF"].inputs["Base Color"])
    node(material).inputs["Saturation"].default_value = 0.4
    node(material).inputs["Tint"].default_value = (0.2, 0.4, 0.6, 1.0)
    node(material).inputs["Relief Strength"].keyframe_insert("default_value", frame=1)
    node(material, "Metallic").mute = True
    node(material, "Roughness").interpolation = "Closest"
    before, places = links(material), {item.name: tuple(item.location) for item in tree.nodes}
    replaced = scene.adjust.replace_maps(material, other())
    assert links(material) == before and {item.name: tuple(item.location) for item in tree.nodes} == places
    assert obj.active_material == material and value(material, "Saturation") == pytest.approx(0.4)
    assert tuple(node(material).inputs["Tint"].default_value) == pytest.approx((0.2, 0.4, 0.6, 1.0))
    assert tree.animation_data.action and node(material, "Metallic").mute
    assert node(material, "Roughness").interpolation == "Closest"
    assert sorted(replaced.images) == sorted(
        node(material, scene.materials.LABELS[key]).image.name for key in OTHER_MAPS
    )
    assert not replaced.messages
    # The earlier images are gone, and each shows a file of the other result.
    assert len(bpy.data.images) == len(OTHER_MAPS)
    assert all("other" in image["texloom_source"] for image in bpy.data.images)
    assert all(image.packed_file for image in bpy.data.images)


def test_sizes_follow_unless_somebody_moved_them(scene, result, other, cube):
    first = result(ALL_MAPS, tile_width_m=1.0, tile_height_m=0.5)
    facts = {"tile_width_m": 2.0, "tile_height_m": 0.25, "height_min_m": -0.01, "height_max_m": 0.09}
    for moved in (False, True):
        built = scene.build.material_on_objects(first, [cube()])
        material = bpy.data.materials[built.material]
        mapping = node(material, "Mapping")
        # The cube's UVs lie on their side: the Mapping node scales x by the tile's height.
        scale = tuple(mapping.inputs["Scale"].default_value)
        if moved:
            node(material, "Tile Size").inputs["Tile Width"].default_value = 3.0
            node(material).inputs["Relief Height"].default_value = 0.5
        scene.adjust.replace_maps(material, other(**facts))
        assert value(material, "Own Width") == 2.0
        assert value(material, "Tile Width") == (3.0 if moved else 2.0)
        assert value(material, "Relief Height") == pytest.approx(0.5 if moved else 0.1)
        assert value(material, "Midlevel") == pytest.approx(0.1)
        assert tuple(mapping.inputs["Scale"].default_value) == pytest.approx((scale[0] * 2, scale[1] / 2, 1.0))
        assert material["texloom_tile_width_m"] == 2.0 and material["texloom_height_max_m"] == 0.09
        fresh = scene.build.material_on_objects(other(**facts), [cube()])
        there = node(bpy.data.materials[fresh.material], "Mapping").inputs["Scale"].default_value
        assert tuple(mapping.inputs["Scale"].default_value) == pytest.approx(tuple(there))


def test_box_projection_keeps_its_sides(scene, result, other, cube):
    obj = cube()
    obj.data.uv_layers.remove(obj.data.uv_layers.active)
    material = bpy.data.materials[scene.build.material_on_objects(result(MATERIAL_MAPS), [obj]).material]
    assert "Texloom Ambient Occlusion" not in material.node_tree.nodes
    scene.adjust.replace_maps(material, other(tile_width_m=0.75, tile_height_m=0.5))
    assert tuple(node(material, "Mapping").inputs["Scale"].default_value) == pytest.approx((1 / 0.75, 1 / 0.75, 2.0))
    assert node(material, "Ambient Occlusion").projection == "BOX"
    assert value(material, "Normal Map Strength") == 0.0


def test_maps_come_and_go(scene, build, other, tmp_path):
    material = build({"base_color": flat((1, 2, 3)), "roughness": flat(5)}, displacement="BUMP")
    start = links(material)
    assert not material.node_tree.nodes["Principled BSDF"].inputs["Normal"].is_linked
    scene.adjust.replace_maps(material, other())
    whole = build(folder="whole")
    assert links(material) == links(whole)
    for item in whole.node_tree.nodes:
        twin = material.node_tree.nodes[item.name]
        assert (twin.parent.name if twin.parent else "") == (item.parent.name if item.parent else "")
    assert value(material, "Normal Map / Bump") == 1.0 and value(material, "Relief Height") == pytest.approx(0.03)
    from test_materials import check_tidy

    check_tidy(scene, material.node_tree)
    scene.adjust.replace_maps(material, scene.result.ResultImages.from_manifest(tmp_path / "job"))
    assert links(material) == start and "Texloom Height" not in material.node_tree.nodes
    assert material["texloom_maps"] == "base_color roughness"


@pytest.mark.parametrize("method", ["DISPLACEMENT", "BOTH"])
def test_displacement_comes_and_goes(scene, build, other, method):
    material = build({"base_color": flat((1, 2, 3))}, displacement=method)
    output = material.node_tree.nodes["Material Output"].inputs["Displacement"]
    assert not output.is_linked
    scene.adjust.replace_maps(material, other())
    assert output.is_linked and value(material, "Normal Map / Bump") == 0.0
    assert node(material).node_tree == node(build(displacement=method, folder="second")).node_tree
    scene.adjust.replace_maps(material, other(height_min_m=0.0, height_max_m=0.0))
    assert not output.is_linked


def test_the_only_picture_takes_the_place_of_the_base_color(scene, build, other):
    material = build()
    ramp = material.node_tree.nodes.new("ShaderNodeValToRGB")
    material.node_tree.links.new(node(material, "Base Color").outputs[0], ramp.inputs[0])
    scene.adjust.replace_maps(material, other({"image": flat((9, 9, 9))}))
    assert ramp.inputs[0].links[0].from_node == node(material, "Image")
    assert node(material).inputs["Base Color"].links[0].from_node == node(material, "Image")
    assert material.node_tree.nodes.active == node(material, "Image")
    scene.adjust.replace_maps(material, other())
    assert ramp.inputs[0].links[0].from_node == node(material, "Base Color")


def test_what_a_designer_took_away_or_put_in_stays_so(scene, build, other):
    material = build()
    tree = material.node_tree
    tree.nodes.remove(node(material, "Ambient Occlusion"))
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    tree.links.new(node(material, "Roughness").outputs[0], ramp.inputs[0])
    tree.links.new(ramp.outputs[0], node(material).inputs["Roughness"])
    own = bpy.data.images.new("Mine", 4, 4)
    node(material, "Metallic").image = own
    rough = node(material, "Roughness").image
    fewer = {key: pixels for key, pixels in OTHER_MAPS.items() if key != "roughness"}
    messages = scene.adjust.replace_maps(material, other(fewer)).messages
    assert "Texloom Ambient Occlusion" not in tree.nodes
    assert node(material, "Metallic").image == own and any("Mine" in text for text in messages)
    assert node(material, "Roughness").image == rough and any("Roughness" in text for text in messages)
    # Where something else is linked, a map that is new does not push it away.
    bare = build({"base_color": flat((1, 2, 3))}, folder="bare")
    noise = bare.node_tree.nodes.new("ShaderNodeTexNoise")
    bare.node_tree.links.new(noise.outputs[0], node(bare).inputs["Roughness"])
    messages = scene.adjust.replace_maps(bare, other()).messages
    assert node(bare).inputs["Roughness"].links[0].from_node == noise and len(messages) == 1
    assert "Texloom Roughness" not in bare.node_tree.nodes
    assert not [image for image in bpy.data.images if not image.users and "other" in image["texloom_source"]]


def test_images_of_others_and_painted_ones_stay(scene, build, other):
    material, twin = build(), build()
    assert node(material, "Roughness").image == node(twin, "Roughness").image
    # With the twin, each image has two users.
    painted, third = node(material, "Base Color").image, other()
    scene.adjust.replace_maps(material, third)
    assert node(twin, "Roughness").image.users == 1 and node(twin, "Base Color").image == painted
    painted.pixels[0] = 1.0
    assert painted.is_dirty
    messages = scene.adjust.replace_maps(twin, third).messages
    assert painted.users == 1 and painted.use_fake_user and any(painted.name in text for text in messages)
    assert len(bpy.data.images) == len(OTHER_MAPS) + 1


def test_files_beside_the_blend_stay_for_undo_and_the_saved_file(scene, build, result, other, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "wall.blend"))
    made = result(ALL_MAPS)
    images = scene.build.load_images(made, store="BESIDE")
    material = scene.materials.build_material(made, images=images)
    files = set((tmp_path / "textures").iterdir())
    scene.adjust.replace_maps(material, other(), store="BESIDE")
    assert files < set((tmp_path / "textures").iterdir())
    assert all(image.filepath.startswith("//textures") for image in bpy.data.images)


def test_the_name_follows_what_is_shown_unless_somebody_chose_it(scene, build, result):
    auto, named, asset = build(), build(), build()
    assert named.name == "weathered red brick wall with white mortar.001"
    named.name = "Facade"
    asset.asset_mark()
    kept = asset.name
    tiles = scene.result.ResultImages.from_manifest(
        write_result(Path(bpy.app.tempdir) / "tiles", OTHER_MAPS, prompt="blue tiles")
    )
    for material in (auto, named, asset):
        scene.adjust.replace_maps(material, tiles)
    assert (auto.name, named.name, asset.name) == ("blue tiles", "Facade", kept)
    assert named["texloom_prompt"] == "blue tiles"


def test_wrong_inputs_change_nothing(scene, build, other, errors, tmp_path, counts, texloom):
    material = build()
    images = {item.name: item.image for item in material.node_tree.nodes if item.bl_idname == "ShaderNodeTexImage"}
    broken = other()
    (tmp_path / "other" / "00_normal.png").unlink()
    before, facts = counts(), scene.facts.Facts.of(material)
    with pytest.raises(errors.StorageError, match="normal"):
        scene.adjust.replace_maps(material, broken)
    with pytest.raises(errors.RequestError, match="no map"):
        scene.adjust.replace_maps(material, other({"opacity": flat(1)}))
    with pytest.raises(errors.RequestError, match="no Texloom sliders"):
        scene.adjust.replace_maps(bpy.data.materials.new("Other"), broken)
    bpy.data.materials.remove(bpy.data.materials["Other"])
    assert counts() == before and scene.facts.Facts.of(material) == facts
    assert all(material.node_tree.nodes[name].image == image for name, image in images.items())
    api = module(texloom, "api")
    with pytest.raises(errors.RequestError, match="Nothing"):
        api.replace("Nothing", tmp_path / "job")
    with pytest.raises(errors.StorageError):
        api.replace(material, tmp_path / "nowhere")
    with pytest.raises(errors.StorageError, match="variation 8"):
        api.replace(material, tmp_path / "job", 7)


def test_linked_materials_are_refused(scene, build, other, errors, tmp_path):
    build().use_fake_user = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "assets.blend"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(tmp_path / "assets.blend"), link=True) as (there, here):
        here.materials = there.materials
    with pytest.raises(errors.RequestError, match="linked"):
        scene.adjust.replace_maps(bpy.data.materials[0], other())


def test_api_and_operator_replace(texloom, build, other, cube, tmp_path):
    material = build()
    obj = cube()
    obj.data.materials.append(material)
    bpy.context.view_layer.objects.active = obj
    other()
    made = module(texloom, "api").replace(material.name, tmp_path / "other")
    assert made.material == material.name and len(made.images) == 6 and not made.messages
    assert bpy.ops.texloom.replace_maps(folder=str(tmp_path / "job")) == {"FINISHED"}
    assert "job" in node(material, "Height").image["texloom_source"] and obj.active_material == material
    with pytest.raises(RuntimeError, match="variation 4"):
        bpy.ops.texloom.replace_maps(folder=str(tmp_path / "job"), index=3)
    with pytest.raises(RuntimeError, match="no longer in the list"):
        bpy.ops.texloom.replace_maps(job="unknown")
    with pytest.raises(RuntimeError, match="Choose the folder"):
        bpy.ops.texloom.replace_maps()


def test_another_variation_keeps_what_was_changed(texloom, cube, tmp_path):
    bridge, fakes = module(texloom, "bridge").get(), module(texloom, "core.texloom.backends.fake")
    preferences = bpy.context.preferences.addons[texloom.__name__].preferences
    preferences.library = str(tmp_path / "library")
    bridge.attach(fakes.FakeBackend())
    try:
        obj = cube()
        job = module(texloom, "api").submit("bricks", target=obj, count=3)
        material = bpy.data.materials[job.wait().material]
        node(material).inputs["Saturation"].default_value = 0.25
        assert bpy.ops.texloom.apply(job=job.id, index=2) == {"FINISHED"}
        assert obj.active_material == material and len(bpy.data.materials) == 1
        assert value(material, "Saturation") == 0.25 and material["texloom_index"] == 2
        assert "02_" in node(material, "Base Color").image["texloom_source"]
        # Taken off the object meanwhile, it comes back to it.
        obj.data.materials.clear()
        bpy.ops.texloom.apply(job=job.id, index=1)
        assert obj.active_material == material and material["texloom_index"] == 1
        bpy.context.view_layer.objects.active = obj
        assert bpy.ops.texloom.replace_maps(job=job.id, index=0) == {"FINISHED"}
        assert material["texloom_index"] == 0
        # Without its sliders a material is built anew, as before.
        material.node_tree.nodes.remove(node(material))
        bpy.ops.texloom.apply(job=job.id, index=2)
        assert obj.active_material != material and value(obj.active_material, "Saturation") == 1.0
    finally:
        bridge.attach(None)
        bridge.entries.clear()
        preferences.library = ""


# --- while a slider is dragged --------------------------------------------------------------------------------------


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
