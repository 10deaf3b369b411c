# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes of objects: how large a UV unit is in the world, and how a texture of a known size is laid on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import bmesh
import bpy
import numpy as np
from mathutils import Matrix

MATERIAL_TYPES: Final = ("MESH", "CURVE", "SURFACE", "FONT", "META")
"""Object types that take a texture on a surface."""

_Triangles = tuple[Any, Any]  # corners in the world (n, 3, 3), and in the UV map (n, 3, 2)

MOST_FACES: Final = 2000
"""Meshes of more faces are measured by a sample: reading all of a million takes as long as many frames."""

FACES_SAMPLED: Final = 256

_AREA_EPSILON: Final = 1e-12
# Sine squared of the smallest angle between two edges that still tells which way a face lies.
_SLIVER: Final = 1e-10
# A face counts as a wall when up, laid into it, keeps this much of its length (60 degrees from level).
_STEEP: Final = 0.85
# Share of the walls' area by which one direction must outweigh the others.
_AGREED: Final = 0.7


@dataclass(frozen=True)
class Projection:
    """How the maps are laid on an object.

    ``kind`` ``UV`` uses the active UV map, ``BOX`` object coordinates from six sides.  ``scale`` goes into the
    Mapping node: tiles per UV unit (``UV``) or per unit of object space (``BOX``), per axis.  ``turns`` are
    the quarter turns, counterclockwise, that bring what is up in the picture up on the object.
    """

    kind: Literal["UV", "BOX"] = "UV"
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    turns: int = 0


def metres_per_unit(scene: bpy.types.Scene | None) -> float:
    """Metres that one Blender unit stands for: the scene's unit scale, or 1 without units."""
    if scene is None or scene.unit_settings.system == "NONE":
        return 1.0
    return scene.unit_settings.scale_length or 1.0


def uv_world_scale(obj: bpy.types.Object, *, slot: int | None = None, selected: bool = False) -> float | None:
    """World size of one UV unit on ``obj``, in Blender units; None where there are no usable UVs.

    It is the square root of the faces' area in the world over their area in UV space, so a tile that is to
    appear *w* wide needs UVs scaled by the result over *w*.  The object's own, its parents' and any mirrored
    scale count; modifiers do not.  Dense meshes (over :data:`MOST_FACES`) are measured by a sample of their faces.

    Args:
        obj: any object; all but meshes give None.
        slot: only faces with this material index.
        selected: only selected faces (in edit mode).
    """
    return _scale_of(_faces(obj, slot, selected))


def _scale_of(triangles: _Triangles | None) -> float | None:
    if triangles is None:
        return None
    world, flat = triangles
    world_area = 0.5 * np.linalg.norm(np.cross(world[:, 1] - world[:, 0], world[:, 2] - world[:, 0]), axis=1)
    first, second = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    uv_area = 0.5 * np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    # Faces that are collapsed in UV space show no texture; they would make the rest look too small.
    mapped = uv_area > _AREA_EPSILON
    total = float(uv_area[mapped].sum())
    area = float(world_area[mapped].sum())
    if total <= 0 or area <= 0 or not math.isfinite(area / total):
        return None
    return math.sqrt(area / total)


def quarter_turns(obj: bpy.types.Object, *, slot: int | None = None, selected: bool = False) -> int:
    """Quarter turns, counterclockwise, that make the picture stand upright on the walls of ``obj``.

    Unwrapping cares for space, not for what is up: on Blender's own cube, a row of bricks runs up the sides.
    0 where the UVs are upright, turned by less than half a quarter, disagree from wall to wall, or where
    there are no walls.  Arguments as in :func:`uv_world_scale`.
    """
    return _turns_of(_faces(obj, slot, selected))


def _turns_of(triangles: _Triangles | None) -> int:
    if triangles is None:
        return 0
    world, flat = triangles
    edges = world[:, 1:] - world[:, :1]
    sides = flat[:, 1:] - flat[:, :1]
    # Up within the plane of each face, as a sum of its two edges (normal equations), is the same sum of UVs.
    gram = edges @ edges.transpose(0, 2, 1)
    squared = gram[:, 0, 0] * gram[:, 1, 1] - gram[:, 0, 1] ** 2
    # Slivers have no plane to speak of, and their equations no solution.
    keep = (squared > (2 * _AREA_EPSILON) ** 2) & (squared > _SLIVER * gram[:, 0, 0] * gram[:, 1, 1])
    edges, sides, gram, area = edges[keep], sides[keep], gram[keep], 0.5 * np.sqrt(squared[keep])
    parts = np.linalg.solve(gram, edges[:, :, 2:])
    steep = np.linalg.norm((parts.transpose(0, 2, 1) @ edges)[:, 0], axis=1) > _STEEP
    up = (parts.transpose(0, 2, 1) @ sides)[:, 0]
    length = np.linalg.norm(up, axis=1)
    used = steep & (length > _AREA_EPSILON)
    total = float(area[used].sum())
    if total <= 0:
        return 0
    across, along = (up[used] / length[used, None] * area[used, None]).sum(0) / total
    if math.hypot(across, along) < _AGREED:
        return 0
    return round((math.pi / 2 - math.atan2(along, across)) / (math.pi / 2)) % 4


def projection_for(
    objects: Iterable[bpy.types.Object],
    tile_width_m: float,
    tile_height_m: float,
    *,
    metres_per_unit: float = 1.0,
    slot: int | None = None,
    selected: bool = False,
) -> Projection:
    """How to lay a tile of ``tile_width_m`` × ``tile_height_m`` metres on ``objects`` at its real size.

    One material has one mapping, so the **first** object's size is the measure: pass the active one first.
    Box projection is chosen as soon as one of the objects has no UVs, because it suits them all.  With it,
    the object's height is the tile's height; on faces that look up or down, a tile that is not square is
    stretched (one Mapping node cannot know the side).  ``slot`` and ``selected`` as in :func:`uv_world_scale`,
    for the first object only.
    """
    targets = [obj for obj in objects if obj.type in MATERIAL_TYPES]
    across, along = tile_width_m / metres_per_unit, tile_height_m / metres_per_unit
    if not targets:
        return Projection()
    triangles = _faces(targets[0], slot, selected)
    first = _scale_of(triangles)
    if first is not None and all(uv_world_scale(obj) is not None for obj in targets[1:]):
        turns = _turns_of(triangles)
        if turns % 2:
            across, along = along, across  # the Mapping node scales before it turns
        return Projection("UV", (first / across, first / along, 1.0), turns)
    x, y, z = world_scale(targets[0].matrix_world)
    return Projection("BOX", (x / across, y / across, z / along))


def world_scale(matrix: Matrix) -> tuple[float, float, float]:
    """Length of each local axis in the world; 1 for an axis that is collapsed to nothing."""
    columns: Any = matrix.to_3x3().col
    x, y, z = (column.length or 1.0 for column in columns)
    return x, y, z


def active_first(objects: Sequence[bpy.types.Object], active: bpy.types.Object | None) -> list[bpy.types.Object]:
    """``objects`` in the same order, the active one first where it is among them."""
    return sorted(objects, key=lambda obj: obj != active)


def _faces(obj: bpy.types.Object, slot: int | None, selected: bool) -> _Triangles | None:
    """The triangles of an object that has UVs; of a dense mesh those of some faces, spread over all of it."""
    if obj.type != "MESH":
        return None
    mesh: Any = obj.data
    if not mesh.uv_layers.active:
        return None
    if mesh.is_editmode:
        corners = _edit_triangles(mesh, slot, selected)
    elif len(mesh.polygons) > MOST_FACES:
        corners = _sampled_triangles(mesh, slot, selected)
    else:
        corners = _triangles(mesh, slot, selected)
    if corners is None:
        return None
    positions, uvs = corners
    matrix = np.array(obj.matrix_world, float)[:3, :3]
    return positions @ matrix.T, uvs


def _triangles(mesh: Any, slot: int | None, selected: bool) -> _Triangles | None:
    uv_data = mesh.uv_layers.active.uv
    mesh.calc_loop_triangles()
    count = len(mesh.loop_triangles)
    if not count or not len(uv_data):
        return None
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    uvs = np.empty(len(uv_data) * 2, np.float32)
    uv_data.foreach_get("vector", uvs)
    vertices, loops, faces = np.empty(count * 3, np.int32), np.empty(count * 3, np.int32), np.empty(count, np.int32)
    mesh.loop_triangles.foreach_get("vertices", vertices)
    mesh.loop_triangles.foreach_get("loops", loops)
    mesh.loop_triangles.foreach_get("polygon_index", faces)
    wanted = _wanted_faces(mesh, slot, selected)
    keep = slice(None) if wanted is None else wanted[faces]
    return (
        points.astype(float).reshape(-1, 3)[vertices.reshape(-1, 3)[keep]],
        uvs.astype(float).reshape(-1, 2)[loops.reshape(-1, 3)[keep]],
    )


def _wanted_faces(mesh: Any, slot: int | None, selected: bool) -> Any:
    """Which polygons count, as an array of bool; None where all do."""
    wanted = None
    for name, value, kind in (("material_index", slot, np.int32), (".select_poly", selected or None, bool)):
        if value is None:
            continue
        # Both are attributes of their own, absent while all are 0; polygons would be asked one by one.
        attribute = mesh.attributes.get(name)
        stored = np.zeros(len(mesh.polygons), kind)
        if attribute is not None and attribute.domain == "FACE":
            attribute.data.foreach_get("value", stored)
        wanted = stored == value if wanted is None else wanted & (stored == value)
    return wanted


def _sampled_triangles(mesh: Any, slot: int | None, selected: bool) -> _Triangles | None:
    uv_data = mesh.uv_layers.active.uv
    if not len(uv_data):
        return None
    wanted = _wanted_faces(mesh, slot, selected)
    positions: list[list[Any]] = []
    uvs: list[list[Any]] = []
    polygons, loops, vertices = mesh.polygons, mesh.loops, mesh.vertices
    for index in _sample(len(polygons), None if wanted is None else lambda index: bool(wanted[index])):
        polygon = polygons[index]
        start = polygon.loop_start
        corners = range(start, start + polygon.loop_total)
        _add_fan(positions, [vertices[loops[corner].vertex_index].co[:] for corner in corners])
        _add_fan(uvs, [uv_data[corner].vector[:] for corner in corners])
    return (np.array(positions, float), np.array(uvs, float)) if positions else None


def _edit_triangles(mesh: Any, slot: int | None, selected: bool) -> _Triangles | None:
    # In edit mode the mesh's own arrays are out of date, and its UVs cannot be read at all.
    edit: Any = bmesh.from_edit_mesh(mesh)
    layer = edit.loops.layers.uv.active
    if layer is None or (selected and not mesh.total_face_sel):
        return None
    faces = edit.faces
    faces.ensure_lookup_table()

    def wanted(index: int) -> bool:
        face = faces[index]
        return (slot is None or face.material_index == slot) and (not selected or face.select)

    positions: list[list[Any]] = []
    uvs: list[list[Any]] = []
    for index in _sample(len(faces), wanted if selected or slot is not None else None):
        loops = faces[index].loops
        _add_fan(positions, [loop.vert.co[:] for loop in loops])
        _add_fan(uvs, [loop[layer].uv[:] for loop in loops])
    return (np.array(positions, float), np.array(uvs, float)) if positions else None


def _sample(count: int, wanted: Callable[[int], bool] | None) -> list[int]:
    """At most :data:`FACES_SAMPLED` of the numbers below ``count`` for which ``wanted`` holds, evenly spread."""
    if wanted is None:
        return _spread(count, FACES_SAMPLED)
    found = [index for index in _spread(count, 4 * FACES_SAMPLED) if wanted(index)]
    if len(found) < FACES_SAMPLED // 4:
        # Few are wanted: only a look at every face finds them.
        found = [index for index in range(count) if wanted(index)]
    return [found[place] for place in _spread(len(found), FACES_SAMPLED)]


def _spread(count: int, most: int) -> list[int]:
    """At most ``most`` of the numbers below ``count``, evenly spread but in no step that a grid of faces repeats."""
    if count <= most:
        return list(range(count))
    steps = (np.arange(most) + np.random.default_rng(0).random(most)) * (count / most)
    numbers: list[int] = np.minimum(steps.astype(np.int64), count - 1).tolist()
    return numbers


def _add_fan(triangles: list[list[Any]], corners: list[Any]) -> None:
    triangles.extend([corners[0], corners[k], corners[k + 1]] for k in range(1, len(corners) - 1))
