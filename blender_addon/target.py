# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a result goes.  It holds ids and plain numbers only: undo and loading make pointers invalid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import bpy
from mathutils import Matrix

from . import preferences
from .scene import build, images, materials
from .scene.result import ResultImages
from .translations import iface

OUTPUTS = ("MATERIAL", "IMAGE", "PLANE")


@dataclass(frozen=True, kw_only=True)
class ObjectId:
    """An object, to be looked up again: by its session id while that lasts, or else by its name."""

    name: str
    uid: int


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where one job's result goes.

    ``output`` is ``MATERIAL``, ``IMAGE`` or ``PLANE``.  ``view`` is the 16 numbers of a view matrix by rows, or
    None; ``cursor`` is in Blender units.  Options that are None come from the preferences.
    """

    output: str = "MATERIAL"
    objects: tuple[ObjectId, ...] = ()
    active: ObjectId | None = None
    scene: str = ""
    view: tuple[float, ...] | None = None
    cursor: tuple[float, float, float] = (0.0, 0.0, 0.0)
    plane_height_m: float = 1.8
    plane_facing: str = "VIEW"
    store: str | None = None
    displacement: str | None = None
    slot: str | None = None

    def replace(self, **changes: Any) -> Placement:
        """A copy with other values."""
        return replace(self, **changes)


def identify(obj: bpy.types.Object) -> ObjectId:
    """The id of an object."""
    return ObjectId(name=obj.name, uid=obj.session_uid)


def capture(
    context: bpy.types.Context,
    *,
    output: str = "MATERIAL",
    objects: Sequence[bpy.types.Object] | None = None,
    plane_height_m: float = 1.8,
    plane_facing: str = "VIEW",
) -> Placement:
    """The placement for what is selected and seen now; ``objects`` stand for the selection when given."""
    scene: Any = context.scene
    if objects is None:
        objects = [obj for obj in context.view_layer.objects if obj.select_get()] if context.view_layer else []
    active = context.view_layer.objects.active if context.view_layer else None
    region = getattr(context.space_data, "region_3d", None) if context.space_data else None
    return Placement(
        output=output,
        objects=tuple(identify(obj) for obj in objects),
        active=identify(active) if active is not None and active in list(objects) else None,
        scene=scene.name,
        view=tuple(value for row in region.view_matrix for value in row) if region is not None else None,
        cursor=tuple(scene.cursor.location),
        plane_height_m=plane_height_m,
        plane_facing=plane_facing,
    )


def find(ids: Sequence[ObjectId]) -> tuple[list[bpy.types.Object], list[str]]:
    """The objects that are still there, and the names of those that are not."""
    by_uid = {obj.session_uid: obj for obj in bpy.data.objects}
    found, missing = [], []
    for item in ids:
        obj = by_uid.get(item.uid) or bpy.data.objects.get(item.name)
        if obj is None:
            missing.append(item.name)
        else:
            found.append(obj)
    return found, missing


def load_map(result: ResultImages, name: str, placement: Placement) -> None:
    """Load one map ahead of :func:`apply`, which then finds it.

    Raises:
        StorageError: the file is missing or no picture.
    """
    store: Any = placement.store or preferences.get().store
    images.load_map(
        result.maps[name],
        materials.image_name(result, name),
        result.color_spaces[name],
        store=store,
    )


def apply(result: ResultImages, placement: Placement) -> build.Built:
    """Put a result into the scene; all or nothing.

    Raises:
        StorageError: a file is missing or no picture.
    """
    options = preferences.get()
    store: Any = placement.store or options.store
    facing: Any = placement.plane_facing
    displacement: Any = placement.displacement or options.displacement
    slot: Any = placement.slot or options.slot
    scene = bpy.data.scenes.get(placement.scene) or bpy.context.scene
    if placement.output == "IMAGE":
        return build.image_only(result, store=store)
    if placement.output == "PLANE":
        view = placement.view
        matrix = Matrix([view[row : row + 4] for row in range(0, 16, 4)]) if view is not None else None
        return build.reference_plane(
            result,
            height_m=placement.plane_height_m,
            facing=facing,
            view_matrix=matrix,
            location=placement.cursor,
            store=store,
            scene=scene,
        )
    objects, missing = find(placement.objects)
    active, _ = find([placement.active]) if placement.active is not None else ([], [])
    built = build.material_on_objects(
        result,
        objects,
        active=active[0] if active else None,
        store=store,
        displacement=displacement,
        slot=slot,
        scene=scene,
    )
    if missing:
        built.messages.insert(0, iface("No longer there: {names}.").format(names=", ".join(missing)))
    if not placement.objects:
        built.messages.append(
            iface("Nothing was selected; the material {name} waits in the file.").format(name=built.material)
        )
    return built
