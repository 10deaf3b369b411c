# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished result → the scene, in one call per kind, all or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import bpy
from mathutils import Matrix

from . import images, materials, objects, placement, planes
from .result import ResultImages
from .transaction import all_or_nothing


@dataclass
class Built:
    """Names of what was made (names, because undo and file loading invalidate pointers), and what to tell.

    ``uids`` are Blender's numbers of material, object and images for this session, by name, which renaming leaves.
    """

    images: list[str] = field(default_factory=list)
    material: str = ""
    object: str = ""
    assigned: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    uids: dict[str, dict[str, int]] = field(default_factory=dict)


def load_images(result: ResultImages, *, store: images.Store = "PACK") -> dict[str, bpy.types.Image]:
    """All maps of a result, by map name.

    Raises:
        StorageError: a file is missing or no picture; then none is loaded.
    """
    with all_or_nothing():
        return {
            key: images.load_map(path, materials.image_name(result, key), result.color_spaces[key], store=store)
            for key, path in result.maps.items()
        }


def material_on_objects(
    result: ResultImages,
    targets: Sequence[bpy.types.Object] = (),
    *,
    active: bpy.types.Object | None = None,
    store: images.Store = "PACK",
    displacement: materials.Displacement = "BUMP",
    slot: placement.Slot = "ACTIVE",
    scene: bpy.types.Scene | None = None,
) -> Built:
    """A material of all maps, at its real size on ``targets``; without targets it gets a fake user.

    The size on the active object (or else the first) counts where sizes differ.

    Raises:
        StorageError: a file is missing or no picture.
        ValueError: an option is out of range.
    """
    with all_or_nothing():
        maps = load_images(result, store=store)
        material = materials.build_material(
            result,
            images=maps,
            displacement=displacement,
            projection=measure(result, targets, active=active, slot=slot, scene=scene),
            metres_per_unit=objects.metres_per_unit(scene or bpy.context.scene),
        )
        return assign(material, targets, active=active, slot=slot, images=[image.name for image in maps.values()])


def measure(
    result: ResultImages,
    targets: Sequence[bpy.types.Object],
    *,
    active: bpy.types.Object | None = None,
    slot: placement.Slot = "ACTIVE",
    scene: bpy.types.Scene | None = None,
    faces: Mapping[int, placement.Faces] | None = None,
) -> objects.Projection:
    """How the result is laid on ``targets`` at its real size; arguments as :func:`material_on_objects`.

    ``faces`` are as :func:`.placement.assign_material` takes them.
    """
    ordered = objects.active_first(list(targets), active)
    suited = [obj for obj in ordered if obj.type in objects.MATERIAL_TYPES and obj.library is None]
    measured, selected = _measured_part(suited[0], slot, faces) if suited else (None, False)
    return objects.projection_for(
        suited,
        result.tile_width_m,
        result.tile_height_m,
        metres_per_unit=objects.metres_per_unit(scene or bpy.context.scene),
        slot=measured,
        selected=selected,
    )


def assign(
    material: bpy.types.Material,
    targets: Sequence[bpy.types.Object],
    *,
    active: bpy.types.Object | None = None,
    slot: placement.Slot = "ACTIVE",
    images: Sequence[str] = (),
    faces: Mapping[int, placement.Faces] | None = None,
) -> Built:
    """Give a finished material to ``targets``; ``images`` are the names of its maps' datablocks.

    ``faces`` are as :func:`.placement.assign_material` takes them.
    """
    ordered = objects.active_first(list(targets), active)
    report = placement.assign_material(ordered, material, slot=slot, faces=faces)
    if not report.assigned:
        # Nobody uses it yet; without this it would be gone after saving and loading.
        material.use_fake_user = True
    return Built(images=list(images), material=material.name, assigned=report.assigned, messages=report.messages)


def _measured_part(
    obj: bpy.types.Object, slot: placement.Slot, faces: Mapping[int, placement.Faces] | None
) -> tuple[int | None, bool]:
    """The faces that will show the material, as ``slot`` and ``selected`` of :func:`objects.uv_world_scale`."""
    if obj.mode == "EDIT" and (faces is None or obj.session_uid in faces):
        return None, objects.uv_world_scale(obj, selected=True) is not None
    if slot == "ACTIVE" and len(obj.material_slots) > 1:
        index = min(obj.active_material_index or 0, len(obj.material_slots) - 1)
        # A slot that no face uses yet says nothing about the size.
        return (index if objects.uv_world_scale(obj, slot=index) is not None else None), False
    return None, False


def image_only(result: ResultImages, *, store: images.Store = "PACK") -> Built:
    """The image datablocks alone; each gets a fake user, so that saving keeps it.

    Raises:
        StorageError: a file is missing or no picture.
    """
    maps = load_images(result, store=store)
    for image in maps.values():
        image.use_fake_user = True
    return Built(images=[image.name for image in maps.values()])


def reference_plane(
    result: ResultImages,
    *,
    height_m: float = 1.0,
    facing: planes.Facing = "VIEW",
    view_matrix: Matrix | None = None,
    location: Sequence[float] = (0.0, 0.0, 0.0),
    store: images.Store = "PACK",
    scene: bpy.types.Scene | None = None,
    look: planes.Look | None = None,
) -> Built:
    """The result's picture (``image``, or else the base colour) on a plane; arguments as in :mod:`.planes`.

    Raises:
        StorageError: the file is missing or no picture.
        ValueError: an option is out of range.
    """
    key = plane_map(result)
    with all_or_nothing():
        image = images.load_map(
            result.maps[key], materials.image_name(result, key), result.color_spaces[key], store=store
        )
        plane = planes.add_reference_plane(
            image,
            height_m=height_m,
            facing=facing,
            view_matrix=view_matrix,
            location=location,
            name=result.name,
            scene=scene,
            metres_per_unit=objects.metres_per_unit(scene or bpy.context.scene),
            look=look,
        )
        # A plane was made a moment ago with this one material; an image empty has none.
        material = plane.material_slots[0].name if plane.material_slots else ""
    return Built(images=[image.name], material=material, object=plane.name)


def plane_map(result: ResultImages) -> str:
    """The map that a reference plane shows."""
    return next((name for name in ("image", "base_color") if name in result.maps), next(iter(result.maps)))
