# SPDX-License-Identifier: GPL-3.0-or-later
"""The material: links, real-world numbers, tidy nodes; and its place in the objects' slots."""

from __future__ import annotations

import itertools
import math

import bmesh
import bpy
import numpy as np
import pytest
from pictures import MATERIAL_MAPS, flat

ALL_MAPS = {**MATERIAL_MAPS, "ambient_occlusion": flat(128)}


@pytest.fixture
def build(scene, result):
    """``build(maps=…, **options)``: a material straight from the builder."""

    def make(maps=None, facts=None, **options):
        made = result(maps, **(facts or {}))
        images = scene.build.load_images(made)
        return scene.materials.build_material(made, images=images, **options)

    return make


def source(socket):
    """The node at the other end of an input's only link."""
    (link,) = socket.links
    return link.from_node


def find(material, kind):
    return next((node for node in material.node_tree.nodes if node.bl_idname == kind), None)


def shader(material):
    return find(material, "ShaderNodeBsdfPrincipled")


def picture(material, label):
    return material.node_tree.nodes[f"Texloom {label}"]


def socket(sockets, identifier):
    return next(item for item in sockets if item.identifier == identifier)


# --- links ----------------------------------------------------------------------------------------------------


def sliders(material):
    """The inputs of the node with the sliders."""
    return material.node_tree.nodes["Texloom Adjust"].inputs


def inside(material, kind):
    """A node of a kind within the sliders' group."""
    tree = material.node_tree.nodes["Texloom Adjust"].node_tree
    return next(node for node in tree.nodes if node.bl_idname == kind)


def test_every_map_is_linked_with_its_color_space(build):
    material = build(ALL_MAPS)
    principled, adjust = shader(material), material.node_tree.nodes["Texloom Adjust"]
    for name in ("Base Color", "Roughness", "Metallic", "Normal"):
        (link,) = principled.inputs[name].links
        assert (link.from_node, link.from_socket.name) == (adjust, name)
    for name in ("Base Color", "Ambient Occlusion", "Metallic", "Roughness", "Height"):
        assert source(adjust.inputs[name]) == picture(material, name)
    assert source(adjust.inputs["Normal Map"]) == picture(material, "Normal")
    assert inside(material, "ShaderNodeNormalMap").space == "TANGENT"
    assert source(find(material, "ShaderNodeOutputMaterial").inputs["Surface"]) == principled
    for node in material.node_tree.nodes:
        if node.bl_idname == "ShaderNodeTexImage":
            expected = "sRGB" if node.label == "Base Color" else "Non-Color"
            assert node.image.colorspace_settings.name == expected, node.label
            assert source(node.inputs["Vector"]).bl_idname == "ShaderNodeMapping"
            assert node.extension == "REPEAT"
    for tree in (material.node_tree, adjust.node_tree):
        assert all(link.is_valid for link in tree.links)


def test_one_mapping_and_one_coordinate_node(build):
    material = build(ALL_MAPS)
    kinds = [node.bl_idname for node in material.node_tree.nodes]
    assert kinds.count("ShaderNodeMapping") == kinds.count("ShaderNodeTexCoord") == 1


def test_solid_mode_shows_the_base_colour(build):
    material = build(ALL_MAPS)
    assert material.node_tree.nodes.active == picture(material, "Base Color")


@pytest.mark.parametrize(("displacement", "amount"), [("BUMP", 0.25), ("NONE", 0.25), ("DISPLACEMENT", 0.0)])
def test_ambient_occlusion_darkens_where_nothing_else_does(build, displacement, amount):
    material = build(ALL_MAPS, displacement=displacement)
    assert sliders(material)["Ambient Occlusion Amount"].default_value == amount


def test_a_single_image_becomes_the_base_color(build):
    material = build({"image": flat((1, 2, 3))})
    assert source(sliders(material)["Base Color"]) == picture(material, "Image")
    assert not shader(material).inputs["Normal"].is_linked


@pytest.mark.parametrize("missing", list(ALL_MAPS))
def test_any_map_may_be_missing(build, missing):
    material = build({key: value for key, value in ALL_MAPS.items() if key != missing})
    assert source(find(material, "ShaderNodeOutputMaterial").inputs["Surface"]) == shader(material)
    unlinked = {socket.name for socket in sliders(material) if not socket.is_linked}
    assert unlinked & {"Base Color", "Ambient Occlusion", "Metallic", "Roughness", "Normal Map", "Height"} == {
        {"normal": "Normal Map"}.get(missing, missing.replace("_", " ").title())
    }


def test_where_it_comes_from_is_on_the_material(build):
    material = build()
    assert material["texloom_prompt"] == "weathered red brick wall with white mortar"
    assert material["texloom_request_id"] == "abc123"
    assert material["texloom_seed"] == "4000000000"
    assert material["texloom_model"] == "instant"
    assert material["texloom_manifest"].endswith("manifest.json")
    assert material["texloom_tile_width_m"] == 1.5


def test_bad_options_leave_nothing(scene, result, counts):
    made = result()
    images = scene.build.load_images(made)
    before = counts()
    with pytest.raises(ValueError, match="BUMP, DISPLACEMENT, BOTH or NONE"):
        scene.materials.build_material(made, images=images, displacement="SIDEWAYS")
    with pytest.raises(ValueError, match="at least one"):
        scene.materials.build_material(made, images={})
    # A builder that breaks in the middle: an image that is gone.
    names = {key: image.name for key, image in images.items()}
    with pytest.raises(scene.transaction.Vanished), scene.transaction.all_or_nothing():
        scene.transaction.finish(scene.materials.build_steps(made, images={**names, "roughness": "no such image"}))
    assert counts() == before


def test_a_failed_placement_takes_back_material_and_images(scene, result, cube, slots, counts):
    obj = cube(slots=slots)
    before = counts()
    with pytest.raises(ValueError, match="ACTIVE, NEW or ALL"):
        scene.build.material_on_objects(result(), [obj], slot="OTHER")
    assert counts() == before
    assert names(obj) == ["A", "B", "C"]


# --- numbers --------------------------------------------------------------------------------------------------


def test_the_relief_has_its_height_in_metres(build):
    assert sliders(build())["Relief Height"].default_value == pytest.approx(0.03)
    # One Blender unit is a centimetre: three of them, and a tile of 150.
    scaled = build(metres_per_unit=0.01)
    assert sliders(scaled)["Relief Height"].default_value == pytest.approx(3.0)
    assert scaled.node_tree.nodes["Texloom Tile Size"].inputs["Tile Width"].default_value == pytest.approx(150.0)


@pytest.mark.parametrize("method", ["DISPLACEMENT", "BOTH"])
def test_displacement_runs_from_the_lowest_to_the_highest_point(build, method):
    material = build(displacement=method)
    scale, midlevel = (sliders(material)[name].default_value for name in ("Relief Height", "Midlevel"))
    assert (0 - midlevel) * scale == pytest.approx(-0.02)
    assert (1 - midlevel) * scale == pytest.approx(0.01)
    assert inside(material, "ShaderNodeDisplacement").space == "WORLD"
    assert material.displacement_method == method
    (link,) = find(material, "ShaderNodeOutputMaterial").inputs["Displacement"].links
    assert link.from_socket.name == "Displacement"
    # Nothing of the relief is shaded a second time.
    assert sliders(material)["Normal Map / Bump"].default_value == 0.0


def test_displacement_and_normal_map_do_not_show_the_relief_twice(build):
    material = build(displacement="DISPLACEMENT")
    base = getattr(inside(material, "ShaderNodeNormalMap"), "base", None)
    assert base == "ORIGINAL" or sliders(material)["Normal Map Strength"].default_value == 0.0
    assert getattr(inside(build(), "ShaderNodeNormalMap"), "base", None) != "ORIGINAL"


def test_without_displacement_the_normal_map_shades(build):
    material = build(displacement="NONE")
    assert sliders(material)["Normal Map / Bump"].default_value == 0.0
    assert sliders(material)["Normal Map Strength"].default_value == 1.0
    assert source(shader(material).inputs["Normal"]).name == "Texloom Adjust"
    assert not find(material, "ShaderNodeOutputMaterial").inputs["Displacement"].is_linked


def test_bump_is_preferred_to_the_normal_map(build):
    assert sliders(build())["Normal Map / Bump"].default_value == 1.0
    without = build({key: value for key, value in MATERIAL_MAPS.items() if key != "height"})
    assert sliders(without)["Normal Map / Bump"].default_value == 0.0


def test_a_flat_height_makes_no_relief(build):
    material = build(facts={"height_min_m": 0.0, "height_max_m": 0.0}, displacement="BOTH")
    assert not find(material, "ShaderNodeOutputMaterial").inputs["Displacement"].is_linked
    assert material.displacement_method == "BUMP"
    assert sliders(material)["Relief Height"].default_value == 0.0
    assert sliders(material)["Normal Map Strength"].default_value == 1.0


def test_a_tile_appears_at_its_size(scene, result, cube):
    # Each face of the cube is 2 m wide and a quarter of the UV square: one UV unit is 8 m.
    obj = cube(size=2.0)
    assert scene.objects.uv_world_scale(obj) == pytest.approx(8.0)
    built = scene.build.material_on_objects(result(tile_width_m=0.5, tile_height_m=0.25), [obj])
    mapping = find(bpy.data.materials[built.material], "ShaderNodeMapping")
    # Its UVs lie on their side, and the node scales before it turns.
    assert tuple(mapping.inputs["Scale"].default_value) == pytest.approx((32.0, 16.0, 1.0))
    assert abs(mapping.inputs["Rotation"].default_value[2]) % np.pi == pytest.approx(np.pi / 2)


def test_object_parent_and_unit_scale_count(scene, result, cube):
    obj, parent = cube(), bpy.data.objects.new("Parent", None)
    obj.parent = parent
    obj.scale = (2.0, -2.0, 2.0)
    parent.scale = (3.0, 3.0, 3.0)
    bpy.context.scene.collection.objects.link(parent)
    bpy.context.view_layer.update()
    assert scene.objects.uv_world_scale(obj) == pytest.approx(48.0, rel=1e-5)
    bpy.context.scene.unit_settings.scale_length = 0.01
    built = scene.build.material_on_objects(result(tile_width_m=0.48, tile_height_m=0.48), [obj])
    mapping = find(bpy.data.materials[built.material], "ShaderNodeMapping")
    # One UV unit is 48 Blender units of a centimetre: one tile.
    assert mapping.inputs["Scale"].default_value[0] == pytest.approx(1.0, rel=1e-5)


def test_edit_mode_gives_the_same_size(scene, cube):
    obj = cube()
    bpy.context.view_layer.objects.active = obj
    bpy.ops.object.mode_set(mode="EDIT")
    assert scene.objects.uv_world_scale(obj) == pytest.approx(8.0)
    bpy.ops.object.mode_set(mode="OBJECT")


def test_collapsed_or_missing_uvs_give_no_size(scene, cube):
    obj = cube()
    layer = obj.data.uv_layers.active
    layer.uv.foreach_set("vector", np.full(len(layer.uv) * 2, 0.5, np.float32))
    assert scene.objects.uv_world_scale(obj) is None
    obj.data.uv_layers.remove(layer)
    assert scene.objects.uv_world_scale(obj) is None
    assert scene.objects.uv_world_scale(bpy.data.objects.new("Empty", None)) is None


def test_without_uvs_six_sides_at_real_size(scene, result, cube):
    obj = cube()
    obj.data.uv_layers.remove(obj.data.uv_layers.active)
    obj.scale = (2.0, 1.0, 0.5)
    bpy.context.view_layer.update()
    built = scene.build.material_on_objects(result(tile_width_m=0.5, tile_height_m=0.25), [obj])
    material = bpy.data.materials[built.material]
    mapping = find(material, "ShaderNodeMapping")
    assert tuple(mapping.inputs["Scale"].default_value) == pytest.approx((4.0, 2.0, 2.0))
    (link,) = source(mapping.inputs["Vector"]).inputs["Vector"].links
    assert link.from_socket.name == "Object"
    for node in material.node_tree.nodes:
        if node.bl_idname == "ShaderNodeTexImage":
            assert node.projection == "BOX"
            assert 0.2 <= node.projection_blend <= 0.3
    # A tangent-space map means nothing without UVs.
    assert sliders(material)["Normal Map Strength"].default_value == 0.0


def test_one_object_without_uvs_makes_it_box_for_all(scene, cube):
    bare = cube("Bare")
    bare.data.uv_layers.remove(bare.data.uv_layers.active)
    assert scene.objects.projection_for([cube()], 1.0, 1.0).kind == "UV"
    assert scene.objects.projection_for([cube(), bare], 1.0, 1.0).kind == "BOX"


def test_the_active_object_is_the_measure(scene, result, cube):
    small, large = cube("Small", 1.0), cube("Large", 10.0)
    built = scene.build.material_on_objects(result(tile_width_m=1.0, tile_height_m=1.0), [small, large], active=large)
    scale = find(bpy.data.materials[built.material], "ShaderNodeMapping").inputs["Scale"].default_value
    assert scale[0] == pytest.approx(40.0)


def test_projection_can_be_changed_later(scene, build):
    material = build()
    box = scene.objects.Projection("BOX", (2.0, 3.0, 4.0))
    scene.materials.set_projection(material, box)
    mapping, tile = find(material, "ShaderNodeMapping"), material.node_tree.nodes["Texloom Tile Size"]
    assert tile.inputs["Vector"].links[0].from_socket.name == "Object"
    assert tuple(mapping.inputs["Scale"].default_value) == (2.0, 3.0, 4.0)
    assert picture(material, "Height").projection == "BOX"
    assert sliders(material)["Normal Map Strength"].default_value == 0.0
    for turns in (1, 2, 0):
        scene.materials.set_projection(material, scene.objects.Projection("UV", (5.0, 5.0, 1.0), turns))
        assert tile.inputs["Vector"].links[0].from_socket.name == "UV"
        assert picture(material, "Height").projection == "FLAT"
        assert sliders(material)["Normal Map Strength"].default_value == 1.0
        assert mapping.inputs["Rotation"].default_value[2] == pytest.approx(turns * np.pi / 2)
        assert sliders(material)["Normal Map Turn"].default_value == pytest.approx(-turns * np.pi / 2)
    with pytest.raises(KeyError):
        scene.materials.set_projection(bpy.data.materials.new("Other"), box)


# --- a tree that a person can read ----------------------------------------------------------------------------


def check_tidy(scene, tree):
    """No node lies on another, no link runs backwards, no title is cut off."""
    every = list(tree.nodes)
    frames = [node for node in every if node.bl_idname == "NodeFrame"]
    boxes = {node.name: scene.nodes.rectangle(node) for node in every}
    for one, other in itertools.combinations(every, 2):
        if other.parent == one or one.parent == other:
            continue
        a, b = boxes[one.name], boxes[other.name]
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, f"{one.name} {a} lies on {other.name} {b}"
    for link in tree.links:
        assert boxes[link.from_node.name][2] < boxes[link.to_node.name][0], "a link runs backwards"
    assert all(node.width >= 6 * len(node.label) + 30 for node in every if node not in frames), "a title is cut off"
    assert all(frame.label for frame in frames)
    return {frame.label for frame in frames}


@pytest.mark.parametrize("displacement", ["BUMP", "DISPLACEMENT", "BOTH", "NONE"])
@pytest.mark.parametrize("maps", [ALL_MAPS, MATERIAL_MAPS, {"base_color": flat((1, 2, 3))}], ids=["all", "five", "one"])
def test_nothing_lies_on_anything_else(scene, build, maps, displacement):
    material = build(maps, displacement=displacement)
    assert check_tidy(scene, material.node_tree) == {"Placement", "Maps"}
    nodes = material.node_tree.nodes
    assert check_tidy(scene, nodes["Texloom Adjust"].node_tree) == {"Color", "Roughness", "Relief"}
    assert check_tidy(scene, nodes["Texloom Tile Size"].node_tree) == set()


# --- slots ----------------------------------------------------------------------------------------------------


@pytest.fixture
def material():
    return bpy.data.materials.new("New")


@pytest.fixture
def slots():
    return tuple(bpy.data.materials.new(name) for name in "ABC")


def names(obj):
    return [slot.material.name if slot.material else None for slot in obj.material_slots]


def test_only_the_active_slot_changes(scene, cube, slots, material):
    obj = cube(slots=slots)
    obj.active_material_index = 1
    indices = [index % 3 for index in range(len(obj.data.polygons))]
    obj.data.polygons.foreach_set("material_index", indices)
    report = scene.placement.assign_material([obj], material)
    assert names(obj) == ["A", "New", "C"]
    assert report.assigned == [obj.name]
    assert [face.material_index for face in obj.data.polygons] == indices


def test_an_object_without_slots_gets_one(scene, cube, material):
    obj = cube()
    scene.placement.assign_material([obj], material)
    assert names(obj) == ["New"]


def test_new_and_all(scene, cube, slots, material):
    obj, other = cube(slots=slots), cube(slots=slots)
    scene.placement.assign_material([obj], material, slot="NEW")
    assert names(obj) == ["A", "B", "C", "New"]
    assert obj.active_material_index == 3
    scene.placement.assign_material([other], material, slot="ALL")
    assert names(other) == ["New", "New", "New"]
    with pytest.raises(ValueError, match="ACTIVE, NEW or ALL"):
        scene.placement.assign_material([obj], material, slot="OTHER")


@pytest.mark.parametrize("kind", ["curve", "text", "surface", "metaball"])
def test_every_kind_of_surface(scene, result, kind):
    add = {
        "curve": bpy.ops.curve.primitive_bezier_circle_add,
        "text": bpy.ops.object.text_add,
        "surface": bpy.ops.surface.primitive_nurbs_surface_sphere_add,
        "metaball": bpy.ops.object.metaball_add,
    }
    add[kind]()
    obj = bpy.context.object
    built = scene.build.material_on_objects(result(), [obj])
    assert names(obj) == [built.material]
    assert picture(bpy.data.materials[built.material], "Base Color").projection == "BOX"


def test_objects_without_surface_are_skipped_with_a_word(scene, cube, material):
    empty, light = bpy.data.objects.new("Target", None), bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    obj = cube()
    report = scene.placement.assign_material([empty, light, obj], material)
    assert report.assigned == [obj.name]
    assert ["Target" in report.skipped[0], "Sun" in report.skipped[1]] == [True, True]


def test_sharing_mesh_data_changes_only_the_chosen_object(scene, cube, slots, material):
    obj = cube(slots=slots)
    other = bpy.data.objects.new("Other", obj.data)
    bpy.context.scene.collection.objects.link(other)
    scene.placement.assign_material([obj], material)
    assert names(obj) == ["New", "B", "C"]
    assert names(other) == ["A", "B", "C"]
    assert obj.material_slots[0].link == "OBJECT"


def test_sharing_without_slots_leaves_the_other_bare(scene, cube, material):
    obj = cube()
    other = bpy.data.objects.new("Other", obj.data)
    scene.placement.assign_material([obj], material)
    assert names(obj) == ["New"]
    assert names(other) == [None]


def test_when_all_users_are_chosen_the_data_gets_it(scene, cube, material):
    obj = cube()
    other = bpy.data.objects.new("Other", obj.data)
    scene.placement.assign_material([obj, other], material)
    assert names(obj) == names(other) == ["New"]
    assert obj.material_slots[0].link == "DATA"
    assert len(obj.data.materials) == 1


def test_linked_objects_are_refused_by_name(scene, cube, material, tmp_path):
    cube("Chair")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "assets.blend"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(tmp_path / "assets.blend"), link=True) as (_there, here):
        here.objects = ["Chair"]
    linked, local = bpy.data.objects["Chair"], cube("Local")
    material = bpy.data.materials.new("New")
    report = scene.placement.assign_material([linked, local], material)
    assert report.assigned == ["Local"]
    (sentence,) = report.refused
    assert "Chair" in sentence
    assert "assets.blend" in sentence
    assert names(linked) == []
    # A local object on linked data has no slot of its own to use, and cannot get one.
    half = bpy.data.objects.new("Half", linked.data)
    assert "Half" in scene.placement.assign_material([half], material).refused[0]


def edit(obj, selected):
    """Enter edit mode with only these faces selected."""
    bpy.context.view_layer.objects.active = obj
    bpy.ops.object.mode_set(mode="EDIT")
    mesh = bmesh.from_edit_mesh(obj.data)
    for face in mesh.faces:
        face.select_set(False)
    mesh.faces.ensure_lookup_table()
    for index in selected:
        mesh.faces[index].select_set(True)
    bmesh.update_edit_mesh(obj.data)


def test_selected_faces_get_a_slot_of_their_own(scene, cube, slots, material):
    obj = cube(slots=slots[:1])
    edit(obj, [0, 2])
    scene.placement.assign_material([obj], material)
    bpy.ops.object.mode_set(mode="OBJECT")
    assert names(obj) == ["A", "New"]
    assert [face.material_index for face in obj.data.polygons] == [1, 0, 1, 0, 0, 0]


def test_selected_faces_of_a_bare_mesh_leave_the_others_bare(scene, cube, material):
    obj = cube()
    edit(obj, [5])
    scene.placement.assign_material([obj], material)
    # Again with other faces: the slot is found, not added once more.
    edit_again = bmesh.from_edit_mesh(obj.data)
    edit_again.faces.ensure_lookup_table()
    edit_again.faces[4].select_set(True)
    scene.placement.assign_material([obj], material)
    bpy.ops.object.mode_set(mode="OBJECT")
    assert names(obj) == [None, "New"]
    assert [face.material_index for face in obj.data.polygons] == [0, 0, 0, 0, 1, 1]


def test_edit_mode_without_selection_uses_the_active_slot(scene, cube, slots, material):
    obj = cube(slots=slots)
    edit(obj, [])
    scene.placement.assign_material([obj], material)
    bpy.ops.object.mode_set(mode="OBJECT")
    assert names(obj) == ["New", "B", "C"]


def test_the_faces_of_the_slot_are_the_measure(scene, result, cube, slots):
    obj = cube(slots=slots[:2])
    # Face 0 belongs to slot 1, and its UVs are half as wide as the others'.
    obj.data.polygons[0].material_index = 1
    layer = obj.data.uv_layers.active
    for corner in obj.data.polygons[0].loop_indices:
        layer.uv[corner].vector = layer.uv[corner].vector * 0.5
    obj.active_material_index = 1
    built = scene.build.material_on_objects(result(tile_width_m=1.0, tile_height_m=1.0), [obj])
    scale = find(bpy.data.materials[built.material], "ShaderNodeMapping").inputs["Scale"].default_value
    assert scale[0] == pytest.approx(16.0)
    assert math.isclose(scene.objects.uv_world_scale(obj, slot=0), 8.0, rel_tol=1e-6)


def test_a_material_without_objects_survives_saving(scene, result, tmp_path):
    name = scene.build.material_on_objects(result()).material
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
    assert shader(bpy.data.materials[name]) is not None
