# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on materials that are in the scene: adjust, replace their maps."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bpy
from bpy.props import IntProperty, StringProperty

from .. import bridge, target, tune
from ..core.texloom.errors import TexloomError
from ..core.texloom.jobs import JobState
from ..scene import adjust
from ..scene.result import ResultImages
from ..translations import iface
from .common import failed


def _adjustable(cls: Any, context: Any) -> bool:
    """For ``poll``: whether the active material has sliders, and if not, why."""
    problem = adjust.problem(tune.material_of(context))
    if problem:
        cls.poll_message_set(problem)
    return not problem


class TEXLOOM_OT_replace_maps(bpy.types.Operator):
    """Show the maps of another result in the active material; sliders and nodes of your own stay"""

    bl_idname = "texloom.replace_maps"
    bl_label = "Replace Maps"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender's own form

    folder: StringProperty(name="Folder", description="Folder of the result", subtype="DIR_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    index: IntProperty(
        name="Variation", description="Which variation of the result, the first is 0", min=0, options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]
    # What the file browser calls it.
    directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _adjustable(cls, context)

    def invoke(self, context: Any, event: Any) -> set[Any]:
        if self.folder or self.job:
            return self.execute(context)
        try:
            self.directory = os.path.join(bridge.get().library(), "")
        except TexloomError as error:
            return failed(self, error)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[Any]:
        folder = bpy.path.abspath(self.folder or self.directory)
        if self.job:
            entry = bridge.get().entries.get(self.job)
            if entry is None or entry.view.state is not JobState.COMPLETED:
                self.report({"ERROR"}, iface("This result is no longer in the list; it is in the library."))
                return {"CANCELLED"}
            folder = entry.view.folder
        if not folder:
            self.report({"ERROR"}, iface("Choose the folder of a result."))
            return {"CANCELLED"}
        try:
            built = target.replace_maps(tune.material_of(context), ResultImages.from_manifest(Path(folder), self.index))
        except TexloomError as error:
            return failed(self, error)
        for message in built.messages:
            self.report({"WARNING"}, message)
        return {"FINISHED"}


class TEXLOOM_OT_reset_material(bpy.types.Operator):
    """Set the sliders of the active material so that it shows its maps as they are, at their real size"""

    bl_idname = "texloom.reset_material"
    bl_label = "Reset Sliders"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _adjustable(cls, context)

    def execute(self, context: Any) -> set[Any]:
        try:
            adjust.reset(tune.material_of(context))
        except TexloomError as error:
            return failed(self, error)
        return {"FINISHED"}


CLASSES = (TEXLOOM_OT_replace_maps, TEXLOOM_OT_reset_material)
