# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures stand upright on walls, whatever way the UVs lie."""

from __future__ import annotations

import bpy
import numpy as np
import pytest


def test_bricks_lie_on_blenders_own_cube(scene, result):
    bpy.ops.mesh.primitive_cube_add(calc_uvs=True)
    obj = bpy.context.object
    assert scene.objects.quarter_turns(obj) == 1 or scene.objects.quarter_turns(obj) == 3
    built = scene.build.material_on_objects(result(tile_width_m=0.5, tile_height_m=0.25), [obj])
    mapping = bpy.data.materials[built.material].node_tree.nodes[scene.materials.MAPPING]
    scale = np.array(mapping.inputs["Scale"].default_value)[:2]
    angle = mapping.inputs["Rotation"].default_value[2]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    layer = obj.data.uv_layers.active.data
    for face in obj.data.polygons:
        if abs(face.normal.z) > 0.5:
            continue
        corners = [
            (obj.data.vertices[obj.data.loops[loop].vertex_index].co.z, layer[loop].uv) for loop in face.loop_indices
        ]
        placed = [(z, turn @ (scale * np.array(uv))) for z, uv in corners]
        low = np.mean([uv for z, uv in placed if z < 0], axis=0)
        high = np.mean([uv for z, uv in placed if z > 0], axis=0)
        # 2 m of wall hold eight rows of a tile that is 0.25 m high.
        assert high - low == pytest.approx([0.0, 8.0], abs=1e-3)


def test_walls_that_disagree_and_floors_are_left_as_they_are(scene):
    bpy.ops.mesh.primitive_plane_add(calc_uvs=True)
    assert scene.objects.quarter_turns(bpy.context.object) == 0
    bpy.ops.mesh.primitive_uv_sphere_add(calc_uvs=True)
    assert scene.objects.quarter_turns(bpy.context.object) == 0
    assert scene.objects.quarter_turns(bpy.data.objects.new("Empty", None)) == 0


def test_slivers_do_not_count(scene):
    mesh = bpy.data.meshes.new("Slivers")
    mesh.from_pydata([(0, 0, 0), (1e6, 0, 1e6), (5e5, 1e-7, 5e5), (0, 0, 1)], [], [(0, 1, 2), (0, 0, 3)])
    mesh.uv_layers.new(name="UVMap")
    assert scene.objects.quarter_turns(bpy.data.objects.new("Slivers", mesh)) == 0
