# SPDX-License-Identifier: GPL-3.0-or-later
"""References that are in the scene: from images, their size, changing their kind, hiding, removing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import bpy
from mathutils import Matrix

from .. import compat
from ..core.texloom.errors import RequestError, StorageError
from ..translations import iface
from . import planes
from .transaction import all_or_nothing, discard

SET: Final = "texloom_reference_set"
"""Custom property, true, of the empty that holds a set of references together."""

VIEW: Final = "texloom_view"
"""Custom property of a reference in a set: the view that it shows, as in :mod:`.turnaround`."""


_paths: Any = bpy.path
IMAGE_FILES: Final = frozenset(_paths.extensions_image)
"""Endings of the files that Blender reads as images, with the dot, in lower case."""


def open_pictures(paths: Iterable[str | Path]) -> list[bpy.types.Image]:
    """The images of some files, each loaded once; their pixels stay in the files.

    Raises:
        StorageError: a file is missing or no picture; then none is loaded.
    """
    found: list[bpy.types.Image] = []
    preferences: Any = bpy.context.preferences
    with all_or_nothing():
        for path in paths:
            full = os.path.abspath(bpy.path.abspath(str(path)))
            known = {item.session_uid for item in bpy.data.images}
            try:
                image: Any = bpy.data.images.load(full, check_existing=True)
            except RuntimeError as error:
                raise StorageError(iface("Could not load {path}.").format(path=full)) from error
            # Loading reads no pixels; asking for the size does, and gives 0 for what is no picture.
            if not all(image.size):
                raise StorageError(iface("{path} is no picture that Blender can read.").format(path=full))
            if image.session_uid not in known and bpy.data.filepath and preferences.filepaths.use_relative_paths:
                try:
                    image.filepath = bpy.path.relpath(full)
                except ValueError:
                    pass  # on another drive of Windows there is no way from here to there
            found.append(image)
    return found


def title(image: bpy.types.Image) -> str:
    """An image's name without the ending of its file."""
    stem, ending = os.path.splitext(image.name)
    return stem if stem and ending.lower() in IMAGE_FILES else image.name


def from_images(
    images: Sequence[bpy.types.Image],
    *,
    height_m: float = 1.8,
    facing: planes.Facing = "VIEW",
    view_matrix: Matrix | None = None,
    location: Sequence[float] = (0.0, 0.0, 0.0),
    gap: float = 0.1,
    look: planes.Look | None = None,
    scene: bpy.types.Scene | None = None,
    metres_per_unit: float = 1.0,
) -> list[bpy.types.Object]:
    """References of one height side by side, the middle of the row's lower edge at ``location``.

    Args:
        gap: distance between neighbours, as a share of the height.
        others: as :func:`.planes.add_reference_plane`.

    Raises:
        RequestError: there are no images, one has no pixels, or an option is out of range.
    """
    if not images:
        raise RequestError(iface("There is no image to show."), advice=iface("Choose at least one."))
    height = height_m / metres_per_unit
    widths = [height * planes.aspect(image) for image in images]
    left = -(sum(widths) + gap * height * (len(images) - 1)) / 2
    turn = planes.rotation(facing, view_matrix)
    made = []
    with all_or_nothing():
        for image, width in zip(images, widths, strict=True):
            place = Matrix.Translation(tuple(location)) @ turn @ Matrix.Translation((left + width / 2, 0.0, 0.0))
            made.append(
                planes.add_reference_plane(
                    image,
                    height_m=height_m,
                    facing=facing,
                    view_matrix=view_matrix,
                    location=tuple(place.translation[:]),
                    name=title(image),
                    scene=scene,
                    metres_per_unit=metres_per_unit,
                    look=look,
                )
            )
            left += width + gap * height
    return made


def is_reference(obj: bpy.types.Object | None) -> bool:
    """Whether an object is a reference of this file, that may be changed."""
    found: Any = obj
    return obj is not None and planes.REFERENCE in found and obj.library is None and obj.type in ("MESH", "EMPTY")


def holds_set(obj: Any) -> bool:
    """Whether an object is the empty of a set, of this file."""
    return obj is not None and SET in obj and obj.library is None


def of_scene(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The references of a scene."""
    return [obj for item in planes.collections(scene) for obj in item.all_objects if is_reference(obj)]


def size(obj: bpy.types.Object) -> tuple[float, float]:
    """Width and height in the world, in Blender units."""
    columns: Any = world_matrix(obj).to_3x3().col
    width, height = _own_size(obj)
    return width * columns[0].length, height * columns[1].length


def set_height(obj: bpy.types.Object, height: float) -> None:
    """Scale a reference about its origin so that it is ``height`` Blender units high; the width follows.

    Raises:
        RequestError: ``height`` is not above 0, or the object has no height to start from.
    """
    now = size(obj)[1]
    if not height > 0:
        raise RequestError(f"height: must be above 0, got {height}.")
    if not now > 0:
        raise RequestError(iface("{name} is scaled to nothing.").format(name=obj.name))
    obj.scale = obj.scale * (height / now)


def _own_size(obj: bpy.types.Object) -> tuple[float, float]:
    if obj.type == "EMPTY":
        image: Any = planes.picture(obj)
        across, along = image.size if image is not None else (0, 0)
        if not across or not along:
            return obj.empty_display_size, obj.empty_display_size
        unit = obj.empty_display_size / max(across, along)
        return across * unit, along * unit
    corners = [tuple(corner) for corner in obj.bound_box]
    return tuple(  # type: ignore[return-value]
        max(corner[axis] for corner in corners) - min(corner[axis] for corner in corners) for axis in (0, 1)
    )


def world_matrix(obj: bpy.types.Object) -> Matrix:
    """Where an object is, also when it was moved a moment ago and Blender has not looked since."""
    if obj.parent is None and not obj.constraints:
        return obj.matrix_basis.copy()
    if obj.parent is None or obj.parent_type != "OBJECT" or obj.constraints:
        return obj.matrix_world.copy()
    return world_matrix(obj.parent) @ obj.matrix_parent_inverse @ obj.matrix_basis


def lock(objects: Iterable[bpy.types.Object], value: bool) -> None:
    """Lock or unlock references; the empty of a set is locked while all of its references are."""
    parents: set[Any] = set()
    for obj in objects:
        planes.set_locked(obj, value)
        if holds_set(obj.parent):
            parents.add(obj.parent)
    for parent in parents:
        planes.set_locked(parent, all(child.hide_select for child in parent.children if is_reference(child)))


def is_visible(obj: bpy.types.Object) -> bool:
    """Whether viewports show it, as far as that is its own affair."""
    return not obj.hide_viewport and not obj.hide_get()


def set_visible(obj: bpy.types.Object, value: bool) -> None:
    """Show it in viewports, or hide it in those of this view layer, as Blender's eye does.

    Raises:
        RequestError: its collection is excluded from the view layer.
    """
    if not planes.in_layer(obj):
        raise RequestError(
            iface("{name} is not in this view layer.").format(name=obj.name),
            advice=iface("Show its collection in the Outliner first."),
        )
    obj.hide_set(not value)
    if value:
        obj.hide_viewport = False


def check_convertible(objects: Iterable[bpy.types.Object], kind: planes.Kind) -> None:
    """Whether :func:`convert` can do it for all of them, so that none is changed when it cannot.

    Raises:
        RequestError: as :func:`convert`, and where a picture has no pixels.
    """
    for obj in objects:
        if planes.kind(obj) == kind:
            continue
        _leave_alone_in_edit_mode(obj)
        shown = planes.picture(obj)
        if shown is None:
            raise RequestError(
                iface("{name} shows no picture.").format(name=obj.name), advice=iface("Give it its material back.")
            )
        planes.aspect(shown)
        if kind == "EMPTY" and planes.part_shown(obj) != (0.0, 1.0):
            raise RequestError(
                iface("{name} shows a part of its picture, which an image empty cannot.").format(name=obj.name),
                advice=iface("Leave it a plane."),
            )


def convert(obj: bpy.types.Object, kind: planes.Kind) -> bpy.types.Object:
    """Make an image empty of a plane or a plane of an image empty, in the same place; what it becomes.

    Name, size, look, parent, children, collections, constraints and animation stay; modifiers and changes to the
    mesh or the material do not.

    Raises:
        RequestError: it is in Edit Mode, shows no picture, or a part of one, which image empties cannot.
    """
    if planes.kind(obj) == kind:
        return obj
    check_convertible([obj], kind)
    image: Any = planes.picture(obj)
    with all_or_nothing():
        look = planes.get_look(obj)
        changed = planes.Look(**{**vars(look), "kind": kind})
        new = planes.make(image, height=_own_size(obj)[1], name=obj.name, look=changed, part=planes.part_shown(obj))
        name = obj.name
        take_place(new, obj)
        new.name = name
    return new


def succeed(new: bpy.types.Object, old: bpy.types.Object) -> bpy.types.Object:
    """Let another picture's reference take the place of one, which is removed, in the kind of that; what it becomes.

    Raises:
        RequestError: the old one is in Edit Mode.
    """
    _leave_alone_in_edit_mode(old)
    new = convert(new, planes.kind(old))
    take_place(new, old)
    return new


def take_place(new: bpy.types.Object, old: bpy.types.Object) -> None:
    """Put one reference in the place of another, which is removed; picture, name, kind and own size stay.

    Raises:
        RequestError: the old one is in Edit Mode.
    """
    _leave_alone_in_edit_mode(old)
    layer: Any = bpy.context.view_layer
    in_layer = planes.in_layer(old)
    active, selected = in_layer and layer.objects.active == old, in_layer and old.select_get()
    hidden = in_layer and old.hide_get()
    look = planes.get_look(old)
    for item in list(new.users_collection):
        item.objects.unlink(new)
    for item in old.users_collection:
        item.objects.link(new)
    source: Any = old
    marked: Any = new
    for key, value in source.items():
        if isinstance(value, (bool, int, float, str)):
            marked[key] = value
    new.rotation_mode = old.rotation_mode
    new.parent, new.parent_type, new.parent_bone = old.parent, old.parent_type, old.parent_bone
    new.matrix_parent_inverse = old.matrix_parent_inverse
    new.matrix_basis = old.matrix_basis
    for constraint in old.constraints:
        new.constraints.copy(constraint)
    for child in old.children:
        inverse = child.matrix_parent_inverse.copy()
        child.parent = new
        child.matrix_parent_inverse = inverse
    new.color = old.color
    compat.copy_animation(old, new)
    planes.set_look(new, planes.Look(**{**vars(look), "kind": planes.kind(new)}))
    new.hide_viewport = old.hide_viewport
    remove([old])
    planes.set_locked(new, look.locked)
    if planes.in_layer(new):
        new.hide_set(hidden)
        new.select_set(selected and not look.locked)
        if active:
            layer.objects.active = new


def remove(objects: Sequence[bpy.types.Object]) -> None:
    """Remove references with what was made for them alone; images stay, and so do other things with that data.

    The empty of a set goes with its last reference.

    Raises:
        RequestError: one is in Edit Mode; then none is removed.
    """
    for obj in objects:
        _leave_alone_in_edit_mode(obj)
    doomed: list[bpy.types.ID] = list(objects)
    going = set(objects)
    for obj in objects:
        parent = obj.parent
        if parent is not None and holds_set(parent) and set(parent.children) <= going:
            doomed.append(parent)
            going.add(parent)
        mesh: Any = obj.data
        if obj.type != "MESH" or mesh is None:
            continue
        materials = [item for item in mesh.materials if item is not None]
        if mesh.users == 1 and not mesh.use_fake_user:
            doomed.append(mesh)
            # A material that stands in one slot of this mesh only.
            doomed += [item for item in materials if item.users == 1 and not item.use_fake_user]
    discard(doomed)


def _leave_alone_in_edit_mode(obj: bpy.types.Object) -> None:
    if obj.mode != "OBJECT":
        raise RequestError(
            iface("{name} is being edited.").format(name=obj.name), advice=iface("Go back to Object Mode first.")
        )
