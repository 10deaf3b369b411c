# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on the parameters of an instant material."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import EnumProperty, StringProperty

from .. import bridge, catalogue, locks, parameters, tune
from ..core.texloom.errors import TexloomError
from ..core.texloom.request import new_id
from ..target import Placement
from ..translations import iface
from .common import failed, not_begun, refused


class _OnMaterial:
    """Works on the active object's material, or the one that a shader editor shows."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        if parameters.of(tune.material_of(context)) is None:
            cls.poll_message_set(iface("Select an object with a material of the instant model"))  # type: ignore[attr-defined]
            return False
        if tune.material_of(context).library is not None or tune.material_of(context).override_library is not None:
            cls.poll_message_set(iface("Make the material local first: it is linked from another file"))  # type: ignore[attr-defined]
            return False
        return True

    def _drawn(self, material: Any) -> set[Any]:
        """Wait in the background; in a window the timer does it."""
        if bpy.app.background:
            tune.get().finish(material)
            if problem := tune.get().problem(material):
                return refused(self, problem)
        return {"FINISHED"}


class TEXLOOM_OT_redraw(_OnMaterial, bpy.types.Operator):
    """Draw the images of this material again as its sliders stand"""

    bl_idname = "texloom.redraw"
    bl_label = "Redraw Material"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender's own form

    def execute(self, context: Any) -> set[Any]:
        material = tune.material_of(context)
        tune.get().again(material)
        return self._drawn(material)


class TEXLOOM_OT_tune_reset(_OnMaterial, bpy.types.Operator):
    """Set all sliders back to what the words made of them"""

    bl_idname = "texloom.tune_reset"
    bl_label = "Reset Parameters"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[Any]:
        material = tune.material_of(context)
        tune.reset(material)
        return self._drawn(material)


class TEXLOOM_OT_tune_seed(_OnMaterial, bpy.types.Operator):
    """Draw the same material with other irregularities"""

    bl_idname = "texloom.tune_seed"
    bl_label = "Other Irregularities"
    # Without UNDO: the pictures come later and bring the step, so that one step takes all back.
    bl_options = {"REGISTER"}  # noqa: RUF012

    def execute(self, context: Any) -> set[Any]:
        material = tune.material_of(context)
        try:
            tune.reseed(material)
        except TexloomError as error:
            return failed(self, error)
        return self._drawn(material)


class TEXLOOM_OT_tune_family(_OnMaterial, bpy.types.Operator):
    """Make another kind of material of it, with its color and condition"""

    bl_idname = "texloom.tune_family"
    bl_label = "Kind of Material"
    # Without UNDO: the pictures come later and bring the step, so that one step takes all back.
    bl_options = {"REGISTER"}  # noqa: RUF012
    bl_property = "family"

    family: EnumProperty(
        name="Kind",
        description="The kind of material that it becomes",
        items=catalogue.family_items,
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]

    def invoke(self, context: Any, event: Any) -> set[Any]:
        context.window_manager.invoke_search_popup(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[Any]:
        material = tune.material_of(context)
        try:
            tune.change_family(material, self.family)
        except TexloomError as error:
            return failed(self, error)
        return self._drawn(material)


class TEXLOOM_OT_tune_keep(_OnMaterial, bpy.types.Operator):
    """Write the material as it is now into the library"""

    bl_idname = "texloom.tune_keep"
    bl_label = "Keep in Library"

    def execute(self, context: Any) -> set[Any]:
        try:
            request = parameters.request_of(tune.material_of(context))
            assert request is not None  # poll saw to it
            entry = bridge.get().submit(request.replace(id=new_id()), Placement(output="LIBRARY"))
            if bpy.app.background:
                bridge.get().wait(entry)
        except TexloomError as error:
            return not_begun(self, error)
        if entry.problem:
            return refused(self, entry.problem, entry.advice)
        return {"FINISHED"}


class TEXLOOM_OT_unlock(bpy.types.Operator):
    """Let the prompt and the seed decide this value again"""

    bl_idname = "texloom.unlock"
    bl_label = "Unlock Values"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    name: StringProperty(name="Parameter", description="Which value; all of them when empty", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not len(context.scene.texloom_locks):
            cls.poll_message_set(iface("No value is locked"))
            return False
        return True

    def execute(self, context: Any) -> set[Any]:
        locks.drop(context.scene, self.name)
        locks.show(context.scene)
        return {"FINISHED"}


CLASSES: tuple[Any, ...] = (
    TEXLOOM_OT_redraw,
    TEXLOOM_OT_tune_reset,
    TEXLOOM_OT_tune_seed,
    TEXLOOM_OT_tune_family,
    TEXLOOM_OT_tune_keep,
    TEXLOOM_OT_unlock,
)
