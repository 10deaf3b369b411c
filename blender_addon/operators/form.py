# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on the form that a job follows: pictures from the camera, an object, a material or disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, StringProperty

from .. import controls, properties, starting
from ..core.texloom.errors import RequestError, TexloomError
from ..core.texloom.picture_size import fitting_size
from ..scene import control_pictures
from ..translations import iface
from .common import failed

LARGEST: Final = 2048
"""Pictures of a form need no more pixels than models draw."""

VIEWS = (
    ("FRONT", "Front", "Straight from the front", "AXIS_FRONT", 0),
    ("VIEW", "View", "As the 3D viewport looks at it now", "VIEW3D", 1),
)


def _size(context: Any) -> tuple[int, int]:
    """As large as the result will be, up to :data:`LARGEST`."""
    settings = properties.of(context)
    width, height = (settings.width, settings.height) if settings.size == "CUSTOM" else (int(settings.size),) * 2
    if settings.start != "NONE":
        try:
            found = starting.chosen(settings)
            if found is not None:
                _path, across, down = starting.picture(found)
                width, height = fitting_size(across, down, max(width, height))
        except TexloomError:
            pass  # told when the job begins
    return fitting_size(width, height, min(LARGEST, max(width, height)))


def _view(context: Any) -> Any:
    """The rotation of the 3D viewport: world ← view; None where there is none."""
    space = context.space_data
    region = getattr(space, "region_3d", None) if space is not None else None
    if region is None and context.screen is not None:
        areas = (area for area in context.screen.areas if area.type == "VIEW_3D")
        region = next((area.spaces.active.region_3d for area in areas), None)
    return region.view_rotation.to_matrix().to_4x4() if region is not None else None


class _OfKind:
    kind: EnumProperty(name="Kind", description="What the picture shows", items=controls.KINDS, default="DEPTH")  # type: ignore[valid-type]

    def made(self, context: Any, seen: control_pictures.Seen) -> set[Any]:
        image = control_pictures.make_image(seen.picture(self.kind.lower()), self.kind.lower())
        return self.put(context, image)

    def put(self, context: Any, image: Any) -> set[Any]:
        try:
            controls.put(properties.of(context), self.kind.lower(), image=image)
        except RequestError:
            if control_pictures.MADE in image and not image.users:
                bpy.data.images.remove(image)
            raise
        return {"FINISHED"}


class TEXLOOM_OT_form_from_camera(_OfKind, bpy.types.Operator):
    """Follow the form that the scene's camera sees; nothing of the scene is changed"""

    bl_idname = "texloom.form_from_camera"
    bl_label = "From Camera"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender's own form

    @classmethod
    def poll(cls, context: Any) -> bool:
        if context.scene.camera is None:
            cls.poll_message_set(iface("The scene has no camera."))
            return False
        return True

    def execute(self, context: Any) -> set[Any]:
        try:
            return self.made(context, control_pictures.from_camera(context.scene, *_size(context)))
        except TexloomError as error:
            return failed(self, error)


class TEXLOOM_OT_form_from_object(_OfKind, bpy.types.Operator):
    """Follow the form of the active object alone, seen without perspective"""

    bl_idname = "texloom.form_from_object"
    bl_label = "From Object"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    view: EnumProperty(name="Seen from", description="Where the viewer stands", items=VIEWS, default="FRONT")  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        if context.active_object is None:
            cls.poll_message_set(iface("Select an object"))
            return False
        return True

    def execute(self, context: Any) -> set[Any]:
        view = _view(context) if self.view == "VIEW" else None
        try:
            size = _size(context)
            return self.made(
                context, control_pictures.from_object(context.scene, context.active_object, *size, view=view)
            )
        except TexloomError as error:
            return failed(self, error)


class TEXLOOM_OT_form_from_material(_OfKind, bpy.types.Operator):
    """Follow the form of the active object's Texloom material: its height and normal maps"""

    bl_idname = "texloom.form_from_material"
    bl_label = "From Material"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        obj = context.active_object
        if obj is None or obj.active_material is None:
            cls.poll_message_set(iface("The active object has no material"))
            return False
        return True

    def execute(self, context: Any) -> set[Any]:
        try:
            material = context.active_object.active_material
            return self.put(context, control_pictures.from_material(material, self.kind.lower()))
        except TexloomError as error:
            return failed(self, error)


class TEXLOOM_OT_form_add(_OfKind, bpy.types.Operator):
    """Follow the form in pictures on disk"""

    bl_idname = "texloom.form_add"
    bl_label = "Add Picture of a Form"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    filepath: StringProperty(name="File", description="A picture", subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    filter_image: BoolProperty(default=True, options={"HIDDEN"})  # type: ignore[valid-type]

    def invoke(self, context: Any, event: Any) -> set[Any]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[Any]:
        paths = [str(Path(self.directory) / item.name) for item in self.files if item.name]
        paths = paths or ([self.filepath] if self.filepath else [""])
        try:
            for path in paths:
                controls.put(properties.of(context), self.kind.lower(), file=path)
        except TexloomError as error:
            return failed(self, error)
        return {"FINISHED"}


class TEXLOOM_OT_form_remove(bpy.types.Operator):
    """Take the chosen picture out of the list"""

    bl_idname = "texloom.form_remove"
    bl_label = "Remove Picture of a Form"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not properties.of(context).controls:
            cls.poll_message_set(iface("The list is empty"))
            return False
        return True

    def execute(self, context: Any) -> set[Any]:
        settings = properties.of(context)
        index = min(settings.control_index, len(settings.controls) - 1)
        settings.controls.remove(index)
        settings.control_index = max(0, min(index, len(settings.controls) - 1))
        return {"FINISHED"}


CLASSES = (
    TEXLOOM_OT_form_from_camera,
    TEXLOOM_OT_form_from_object,
    TEXLOOM_OT_form_from_material,
    TEXLOOM_OT_form_add,
    TEXLOOM_OT_form_remove,
)
