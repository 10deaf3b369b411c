# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on references that are in the scene: convert, lock, hide, delete, keyframe."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from .. import references as settings
from ..core.texloom.errors import RequestError, TexloomError
from ..scene import planes, references
from ..translations import iface
from .common import failed

_HIDDEN = {"HIDDEN", "SKIP_SAVE"}


class _OnReferences:
    """An operator on one reference by its name, or on those that the panel's controls stand for."""

    object: StringProperty(name="Object", description="One reference; the selected ones unless given", options=_HIDDEN)  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        if planes.first_collection(context.scene) is None:
            owner: Any = cls
            owner.poll_message_set(iface("There is no reference in this scene yet"))
            return False
        return True

    def found(self, context: Any) -> list[bpy.types.Object]:
        """The references.

        Raises:
            RequestError: there is none.
        """
        if not self.object:
            chosen = settings.targets(context)
            if not chosen:
                raise RequestError(
                    iface("No reference is selected."),
                    advice=iface("Select one in the viewport, or click on its row in the list."),
                )
            return chosen
        obj = context.scene.objects.get(self.object)
        if not references.is_reference(obj):
            raise RequestError(iface("There is no reference {name} in this scene.").format(name=self.object))
        return [obj]


class TEXLOOM_OT_reference_convert(_OnReferences, bpy.types.Operator):
    """Make image empties of planes, or planes of image empties, in the same place and with the same look"""

    bl_idname = "texloom.reference_convert"
    bl_label = "Convert References"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    kind: EnumProperty(name="Kind", description="What shows the picture", items=settings.KINDS, default="EMPTY")  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        try:
            chosen = self.found(context)
            references.check_convertible(chosen, self.kind)
            # Each is all or nothing of its own: what replaces one that is gone must stay, whatever happens next.
            for obj in chosen:
                references.convert(obj, self.kind)
        except TexloomError as error:
            return failed(self, error)
        return {"FINISHED"}


class TEXLOOM_OT_reference_lock(_OnReferences, bpy.types.Operator):
    """Lock a reference so that it can be neither selected nor moved, or unlock it again"""

    bl_idname = "texloom.reference_lock"
    bl_label = "Lock References"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    lock: BoolProperty(name="Locked", description="Lock them; off to unlock them", default=True, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    every: BoolProperty(
        name="All in the list",
        description="All references of the scene instead of those selected",
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        try:
            chosen = references.of_scene(context.scene) if self.every else self.found(context)
        except TexloomError as error:
            return failed(self, error)
        references.lock(chosen, self.lock)
        if self.lock and not self.every:
            # What is locked is no longer selected, but its controls may stay.
            context.scene.texloom_references.row_name = chosen[0].name
        return {"FINISHED"}


class TEXLOOM_OT_reference_visibility(_OnReferences, bpy.types.Operator):
    """Hide a reference in the viewports, or show it again"""

    bl_idname = "texloom.reference_visibility"
    bl_label = "Show or Hide References"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[Any]:
        try:
            chosen = self.found(context)
            show = not references.is_visible(chosen[0])
            for obj in chosen:
                references.set_visible(obj, show)
        except TexloomError as error:
            return failed(self, error)
        return {"FINISHED"}


class TEXLOOM_OT_reference_delete(_OnReferences, bpy.types.Operator):
    """Delete a reference with its material; its image stays in the file"""

    bl_idname = "texloom.reference_delete"
    bl_label = "Delete References"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[Any]:
        try:
            references.remove(self.found(context))
        except TexloomError as error:
            return failed(self, error)
        return {"FINISHED"}


class TEXLOOM_OT_reference_keyframe(_OnReferences, bpy.types.Operator):
    """Insert a keyframe of the opacity at this frame"""

    bl_idname = "texloom.reference_keyframe"
    bl_label = "Keyframe Opacity"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[Any]:
        try:
            chosen = self.found(context)
        except TexloomError as error:
            return failed(self, error)
        for obj in chosen:
            obj.keyframe_insert("color", index=3)
            planes.set_opacity(obj, planes.get_opacity(obj))
        return {"FINISHED"}


class TEXLOOM_OT_reference_solid(bpy.types.Operator):
    """Let Solid shading in this viewport show the pictures of planes, and no backs of those seen from the front only"""

    bl_idname = "texloom.reference_solid"
    bl_label = "Show Pictures in Solid Shading"

    @classmethod
    def poll(cls, context: Any) -> bool:
        if context.space_data is None or context.space_data.type != "VIEW_3D":
            cls.poll_message_set(iface("Works in the 3D viewport"))
            return False
        return True

    def execute(self, context: Any) -> set[Any]:
        shading = context.space_data.shading
        shading.color_type = "TEXTURE"
        shading.show_backface_culling = True
        return {"FINISHED"}


CLASSES = (
    TEXLOOM_OT_reference_convert,
    TEXLOOM_OT_reference_lock,
    TEXLOOM_OT_reference_visibility,
    TEXLOOM_OT_reference_delete,
    TEXLOOM_OT_reference_keyframe,
    TEXLOOM_OT_reference_solid,
)
