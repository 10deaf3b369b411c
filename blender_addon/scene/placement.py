# SPDX-License-Identifier: GPL-3.0-or-later
"""A material → material slots of objects, never touching a slot that was not asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import bmesh
import bpy
import numpy as np

from ..translations import iface
from .objects import MATERIAL_TYPES

Slot = Literal["ACTIVE", "NEW", "ALL"]
"""Replace the active slot's material, add a slot, or replace every slot's."""


@dataclass
class Placement:
    """What :func:`assign_material` did.  Names of objects; ``skipped``, ``refused`` and ``notes`` are sentences."""

    assigned: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def messages(self) -> list[str]:
        """Everything that the user should know, the worst first."""
        return [*self.refused, *self.skipped, *self.notes]


@dataclass(frozen=True)
class Faces:
    """Some faces of a mesh of ``count``; ``numbers`` are theirs, int32 as bytes, so that placements are values."""

    count: int
    numbers: bytes


def selected_faces(objects: Sequence[bpy.types.Object]) -> dict[int, Faces]:
    """The selected faces of those meshes that are in Edit Mode and have any, by the session ids of the objects."""
    found = {}
    for obj in objects:
        if obj.type == "MESH" and obj.mode == "EDIT" and _has_selected_faces(obj):
            obj.update_from_editmode()
            mesh: Any = obj.data
            chosen = np.empty(len(mesh.polygons), bool)
            mesh.polygons.foreach_get("select", chosen)
            found[obj.session_uid] = Faces(len(chosen), np.flatnonzero(chosen).astype(np.int32).tobytes())
    return found


def assign_material(
    objects: Sequence[bpy.types.Object],
    material: bpy.types.Material,
    *,
    slot: Slot = "ACTIVE",
    faces: Mapping[int, Faces] | None = None,
) -> Placement:
    """Give ``material`` to every object that can take one.

    An object without slots gets one.  In edit mode with faces selected, only those faces get the material, in
    a slot of their own, as Blender's Assign does it.  Where mesh data is shared with objects that are not in
    ``objects``, the slot is linked to the object, so that the others keep their look.

    Args:
        faces: what :func:`selected_faces` found when this was asked for, which may be a while ago; None for now.

    Linked objects are refused, and objects of types without surface are skipped; the rest is done all the same.

    Raises:
        ValueError: ``slot`` is none of the three.
    """
    if slot not in ("ACTIVE", "NEW", "ALL"):
        raise ValueError(f"slot: must be ACTIVE, NEW or ALL, got {slot!r}.")
    placement = Placement()
    chosen = set(objects)
    faces = selected_faces(objects) if faces is None else faces
    for obj in dict.fromkeys(objects):
        if obj.type not in MATERIAL_TYPES or obj.data is None:
            text = iface("{name} was left as it is: it has no surface for a texture.")
            placement.skipped.append(text.format(name=obj.name))
            continue
        problem = _problem(obj)
        if problem:
            placement.refused.append(problem)
            continue
        if obj.session_uid in faces and obj.type == "MESH":
            _assign_to_faces(obj, material, placement, faces[obj.session_uid])
        else:
            _assign_to_slots(obj, material, slot, chosen)
        placement.assigned.append(obj.name)
    return placement


def _problem(obj: bpy.types.Object) -> str:
    """Why nothing can be assigned to this object, in a sentence; empty when it can."""
    if obj.library is not None:
        return iface(
            "{name} is linked from {file} and cannot be changed here; make it local or a library override first."
        ).format(name=obj.name, file=bpy.path.basename(obj.library.filepath))
    data: Any = obj.data
    if data.library is not None and not obj.material_slots:
        return iface(
            "{name} has no material slot, and its linked data cannot get one here; make the data local first."
        ).format(name=obj.name)
    return ""


def _assign_to_slots(
    obj: bpy.types.Object, material: bpy.types.Material, slot: Slot, chosen: set[bpy.types.Object]
) -> None:
    data: Any = obj.data  # of one of MATERIAL_TYPES: all have materials
    if not obj.material_slots or (slot == "NEW" and data.library is None):
        data.materials.append(None)
        indices = [len(obj.material_slots) - 1]
        obj.active_material_index = indices[0]
    elif slot == "ALL":
        indices = list(range(len(obj.material_slots)))
    else:
        indices = [min(obj.active_material_index or 0, len(obj.material_slots) - 1)]
    shared = data.library is not None or any(other not in chosen for other in _users(obj))
    for index in indices:
        target = obj.material_slots[index]
        # A slot that is linked to the object already shows nothing of the data's own material.
        if shared:
            target.link = "OBJECT"
        target.material = material


def _users(obj: bpy.types.Object) -> list[bpy.types.Object]:
    """The other objects that use the same data."""
    data: Any = obj.data
    if data.users < 2:
        return []
    return [other for other in bpy.data.objects if other.data == data and other != obj]


def _has_selected_faces(obj: bpy.types.Object) -> bool:
    mesh: Any = obj.data
    return bool(mesh.total_face_sel)


def _assign_to_faces(obj: bpy.types.Object, material: bpy.types.Material, placement: Placement, faces: Faces) -> None:
    mesh: Any = obj.data
    edit: Any = bmesh.from_edit_mesh(mesh) if obj.mode == "EDIT" else None
    numbers = np.frombuffer(faces.numbers, np.int32)
    unchanged = faces.count == (len(edit.faces) if edit is not None else len(mesh.polygons))
    index = next((number for number, item in enumerate(obj.material_slots) if item.material == material), None)
    if index is None:
        # The first slot is what faces show that were never assigned: without any slot, the other faces would
        # get the material as well.
        if not obj.material_slots and not (unchanged and len(numbers) == faces.count):
            mesh.materials.append(None)
        mesh.materials.append(material)
        index = len(obj.material_slots) - 1
    obj.active_material_index = index
    if not unchanged:
        text = iface("The mesh of {name} has changed: select its faces and assign {material} to them.")
        placement.notes.append(text.format(name=obj.name, material=material.name))
        return
    if edit is not None:
        edit.faces.ensure_lookup_table()
        for number in numbers:
            edit.faces[int(number)].material_index = index
        bmesh.update_edit_mesh(mesh, loop_triangles=False, destructive=False)
    else:
        indices = np.empty(faces.count, np.int32)
        mesh.polygons.foreach_get("material_index", indices)
        indices[numbers] = index
        mesh.polygons.foreach_set("material_index", indices)
        mesh.update()
    if _users(obj):
        placement.notes.append(
            iface("The faces of {name} belong to mesh {mesh}, which other objects use: they change as well.").format(
                name=obj.name, mesh=mesh.name
            )
        )
