# SPDX-License-Identifier: GPL-3.0-or-later
"""Other maps in a material that is in the scene: what a designer has changed stays."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest
from adjusting import links, module, node, value
from pictures import ALL_MAPS, MATERIAL_MAPS, OTHER_MAPS, flat, write_result
from test_materials import check_tidy


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
