# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that set up, check and look into the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.props import IntProperty, StringProperty

from .. import bridge, engine_options, preferences, setup_job
from ..core.texloom.errors import TexloomError
from ..core.texloom.runtime.process import default_log_folder
from ..core.texloom.settings import settings_path
from ..translations import iface
from .common import ChoosesFolder, failed, refused, show_folder


class TEXLOOM_OT_setup_engine(bpy.types.Operator):
    """Download and set up the engine's own Python environment, in the background"""

    bl_idname = "texloom.setup_engine"
    bl_label = "Set Up Engine"

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not bpy.app.online_access:
            cls.poll_message_set(iface("Allow online access in the preferences (System) first"))
            return False
        return not setup_job.state().running

    def execute(self, context: Any) -> set[Any]:
        options = preferences.get()
        setup_job.state().set_up(options.accelerator, online=bpy.app.online_access, quantization=options.quantization)
        bridge.get().wake()
        if bpy.app.background:
            setup_job.state().wait()
            if setup_job.state().error:
                return refused(self, setup_job.state().error)
        return {"FINISHED"}


class TEXLOOM_OT_cancel_setup(bpy.types.Operator):
    """Stop setting up; what was there before stays"""

    bl_idname = "texloom.cancel_setup"
    bl_label = "Cancel Set-Up"

    def execute(self, context: Any) -> set[Any]:
        setup_job.state().cancel()
        return {"FINISHED"}


class TEXLOOM_OT_check_engine(bpy.types.Operator):
    """See whether the engine's Python has all it needs"""

    bl_idname = "texloom.check_engine"
    bl_label = "Check Engine"

    def execute(self, context: Any) -> set[Any]:
        state = setup_job.state()
        try:
            python = setup_job.engine_python(preferences.get().engine_python)
        except TexloomError as error:
            return failed(self, error)
        if python is None:
            self.report({"ERROR"}, iface("The engine is not set up yet."))
            return {"CANCELLED"}
        state.check(python)
        bridge.get().wake()
        if bpy.app.background:
            state.wait()
            if state.error:
                return refused(self, state.error)
        return {"FINISHED"}


class TEXLOOM_OT_open_log(bpy.types.Operator):
    """Show the folder with the engine's logs, the newest of which says what went wrong"""

    bl_idname = "texloom.open_log"
    bl_label = "Open Log Folder"

    def execute(self, context: Any) -> set[Any]:
        return show_folder(self, default_log_folder(), iface("The engine has not written a log yet."))


class TEXLOOM_OT_open_settings(bpy.types.Operator):
    """Show the folder with the settings that Blender, scripts and the command line share"""

    bl_idname = "texloom.open_settings"
    bl_label = "Open Settings Folder"

    def execute(self, context: Any) -> set[Any]:
        return show_folder(self, settings_path().parent, iface("There are no settings on this machine yet."))


class TEXLOOM_OT_add_map_model(ChoosesFolder, bpy.types.Operator):
    """Have a Marigold model see the maps of pictures: better than the small network does, and slower"""

    bl_idname = "texloom.add_map_model"
    bl_label = "Add Marigold Model"

    directory: StringProperty(
        name="Folder", description="Folder of a Marigold model", subtype="DIR_PATH", options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        options = preferences.get_registered()
        if options is None or not self.directory.strip():
            return {"CANCELLED"}
        try:
            engine_options.check_map_model(Path(bpy.path.abspath(self.directory)))
        except TexloomError as error:
            return failed(self, error)
        preferences.add_map_model(self.directory)
        return {"FINISHED"}


class TEXLOOM_OT_remove_map_model(bpy.types.Operator):
    """See the maps of pictures without this model; its files stay"""

    bl_idname = "texloom.remove_map_model"
    bl_label = "Remove Marigold Model"

    index: IntProperty(name="Number", description="Which folder, from 0", min=0, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        options = preferences.get_registered()
        if options is None or self.index >= len(options.map_models):
            return {"CANCELLED"}
        options.map_models.remove(self.index)
        context.preferences.is_dirty = True
        return {"FINISHED"}


CLASSES = (
    TEXLOOM_OT_setup_engine,
    TEXLOOM_OT_cancel_setup,
    TEXLOOM_OT_check_engine,
    TEXLOOM_OT_open_log,
    TEXLOOM_OT_open_settings,
    TEXLOOM_OT_add_map_model,
    TEXLOOM_OT_remove_map_model,
)
