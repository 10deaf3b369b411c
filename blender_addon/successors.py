# SPDX-License-Identifier: GPL-3.0-or-later
"""Another variation in the place of one that is in the scene already."""

from __future__ import annotations

from typing import Any

import bpy

from . import target
from .scene import adjust, references
from .scene.build import Built
from .scene.lookup import by_uid
from .scene.result import ResultImages
from .scene.transaction import all_or_nothing
from .target import Placement


def remember(built: Built) -> None:
    """Note what was made in a way that outlives new names."""
    named = {"materials": [built.material], "objects": [built.object], "images": built.images}
    for kind, names in named.items():
        there: Any = getattr(bpy.data, kind)
        built.uids[kind] = {name: there[name].session_uid for name in names if name in there}


def find(built: Built, kind: str, name: str) -> Any:
    """What was made, by its kind (``materials``, ``objects``, ``images``) and its name then; None when it is gone."""
    there: Any = getattr(bpy.data, kind)
    uid = built.uids.get(kind, {}).get(name)
    return there.get(name) if uid is None else by_uid(there, name, uid)


def in_use(built: Built) -> bool:
    """Whether what was made is still there, and shown by something: an undo or another material may have ended that."""
    if built.object:
        plane = find(built, "objects", built.object)
        return bool(plane is not None and plane.users_scene)
    if built.material:
        material = find(built, "materials", built.material)
        return bool(material is not None and material.users > int(material.use_fake_user))
    return any(find(built, "images", name) is not None for name in built.images)


def shown(built: Built, request_id: str, index: int) -> int | None:
    """Which variation of a job what was made shows now: the same material shows one after the other.

    Args:
        built: what was made.
        request_id: of the job.
        index: of the variation that it was made of.

    Returns:
        Its number; None when the material shows another result.
    """
    material = find(built, "materials", built.material) if built.material and not built.object else None
    if material is None or "texloom_index" not in material:
        return index
    return int(material["texloom_index"]) if material.get("texloom_request_id") == request_id else None


def replace_built(result: ResultImages, placement: Placement, before: Built | None) -> Built:
    """Put a result into the scene where an earlier one of the same job stands, or as a new one.

    Raises:
        StorageError: a file is missing or no picture.
    """
    old_plane = find(before, "objects", before.object) if before is not None and before.object else None
    old = find(before, "materials", before.material) if before is not None and before.material else None
    if before is None or (old_plane is None and old is None):
        return target.apply(result, placement)
    if placement.output == "PLANE":
        with all_or_nothing():
            built = target.apply(result, placement)
            if old_plane is not None:
                # The user may have moved it, or made it half transparent.
                plane = references.succeed(bpy.data.objects[built.object], old_plane)
                built.object = plane.name
                built.material = plane.active_material.name if plane.active_material is not None else ""
        return built
    if old is not None and not adjust.problem(old):
        # What a designer has changed in the material stays.
        return target.replace_maps(old, result, placement)
    objects, _ = target.find(placement.objects)
    active = {obj.name: obj.active_material_index or 0 for obj in objects}
    for obj in objects:
        for index, slot in enumerate(obj.material_slots):
            if slot.material == old:
                obj.active_material_index = index
    try:
        return target.apply(result, placement.replace(slot="ACTIVE" if placement.slot != "ALL" else "ALL"))
    finally:
        for obj in objects:
            obj.active_material_index = min(active[obj.name], max(0, len(obj.material_slots) - 1))
