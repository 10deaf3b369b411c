# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for further outputs: world, brush, texture sets."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from .. import bridge, compat, export_job, outputs, preferences
from ..core.texloom import texture_set
from ..core.texloom.errors import StorageError, TexloomError
from ..scene import brush, export, world
from ..scene.export import Chosen
from ..scene.transaction import all_or_nothing
from ..translations import iface
from .common import failed, refused


class _OfChosen:
    """Properties that say what an operator works on; without them, what the panel has chosen."""

    folder: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    index: IntProperty(min=0, options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    material: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def chosen(self, context: Any) -> Chosen:
        """What to work on.

        Raises:
            StorageError: there is nothing.
        """
        if self.folder or self.material:
            return Chosen(folder=self.folder, index=self.index, material=self.material)
        found = outputs.chosen(context)
        if found is None:
            raise StorageError(
                iface("There is no result and no Texloom material."), advice=iface("Generate one, or choose the other.")
            )
        return found


class TEXLOOM_OT_world_background(_OfChosen, bpy.types.Operator):
    """Surround the scene with this picture, in a new world; the old world stays in the file"""

    bl_idname = "texloom.world_background"
    bl_label = "World Background"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender's own form

    strength: FloatProperty(name="Strength", description="Brightness of the world", default=1.0, min=0.0, soft_max=10.0)  # type: ignore[valid-type]
    projection: EnumProperty(
        name="Projection", description="How the picture surrounds the scene", items=outputs.PROJECTIONS
    )  # type: ignore[valid-type]
    tiles: FloatProperty(
        name="Tiles",
        description="How often the dome shows the picture between horizon and zenith",
        default=2.0,
        min=0.01,
        soft_min=0.5,
        soft_max=20.0,
    )  # type: ignore[valid-type]
    rotation: FloatProperty(name="Rotation", description="Turn about the vertical", subtype="ANGLE")  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        try:
            with all_or_nothing():
                world.world_background(
                    export.picture(self.chosen(context), brush.COLOR, store=preferences.get().store),
                    scene=context.scene,
                    strength=self.strength,
                    projection=self.projection,
                    tiles=self.tiles,
                    rotation=self.rotation,
                )
        except TexloomError as error:
            return failed(self, error)
        return {"FINISHED"}


class TEXLOOM_OT_brush_texture(_OfChosen, bpy.types.Operator):
    """Make this the texture of the active brush: its height for sculpting, its colors for painting"""

    bl_idname = "texloom.brush_texture"
    bl_label = "Brush Texture"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    mapping: EnumProperty(name="Mapping", description="How the brush lays the texture", items=outputs.MAPPINGS)  # type: ignore[valid-type]
    own_colors: BoolProperty(
        name="Own colors",
        description="Make the brush white for painting, so that the picture keeps its colors",
        default=True,
    )  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not brush.paint_mode(context):
            cls.poll_message_set(iface("Enter Sculpt Mode, Vertex Paint or Texture Paint first"))
            return False
        return True

    def execute(self, context: Any) -> set[Any]:
        try:
            with all_or_nothing():
                maps = brush.wanted_maps(brush.paint_mode(context))
                picture = export.picture(self.chosen(context), maps, store=preferences.get().store)
                made = brush.brush_texture(picture, context, mapping=self.mapping, own_colors=self.own_colors)
        except TexloomError as error:
            return failed(self, error)
        self.report({"INFO"}, iface("Texture of the brush {name}").format(name=made.name))
        return {"FINISHED"}


class TEXLOOM_OT_export_set(_OfChosen, bpy.types.Operator):
    """Write the maps as the texture files that another program wants"""

    bl_idname = "texloom.export_set"
    bl_label = "Export Textures"

    directory: StringProperty(
        name="Folder",
        description="Folder for the files",
        subtype="DIR_PATH",
        maxlen=1024,
        options=compat.RELATIVE_PATH,
    )  # type: ignore[valid-type]
    filter_folder: BoolProperty(default=True, options={"HIDDEN"})  # type: ignore[valid-type]
    preset: EnumProperty(name="Preset", description="The program that the files are for", items=outputs.PRESETS)  # type: ignore[valid-type]
    format: EnumProperty(name="Format", description="Kind of files", items=outputs.FORMATS)  # type: ignore[valid-type]
    depth: EnumProperty(name="Depth", description="Bits for each channel", items=outputs.DEPTHS)  # type: ignore[valid-type]
    normals: EnumProperty(name="Normals", description="Which way green points", items=outputs.NORMALS)  # type: ignore[valid-type]
    size: EnumProperty(name="Size", description="Size of the files in pixels", items=outputs.SIZES)  # type: ignore[valid-type]
    set_name: StringProperty(name="Name", description="Name in the files' names; empty to make one from the prompt")  # type: ignore[valid-type]
    check_existing: BoolProperty(
        name="Keep existing files",
        description="Refuse to replace files that are there",
        default=True,
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        if export_job.state().running:
            cls.poll_message_set(iface("An export is running"))
            return False
        return True

    def invoke(self, context: Any, event: Any) -> set[Any]:
        try:
            if not self.directory:
                self.chosen(context)
                context.window_manager.fileselect_add(self)
                return {"RUNNING_MODAL"}
            there = self._plan(context, overwrite=True).existing
        except TexloomError as error:
            return failed(self, error)
        if there and self.check_existing:
            self.check_existing = False  # for when the answer is yes
            return set(
                context.window_manager.invoke_confirm(
                    self,
                    event,
                    title=iface("Overwrite {count} files?").format(count=len(there)),
                    message=", ".join(path.name for path in there),
                    confirm_text=iface("Overwrite"),
                    translate=False,
                )
            )
        return self.execute(context)

    def execute(self, context: Any) -> set[Any]:
        state = export_job.state()
        try:
            plan = self._plan(context, overwrite=not self.check_existing)
        except TexloomError as error:
            return failed(self, error)
        if not state.start(plan):
            self.report({"ERROR"}, iface("An export is running"))
            return {"CANCELLED"}
        bridge.get().wake()
        if not bpy.app.background:
            if not outputs.of(context).directory:
                outputs.of(context).directory = self.directory
            # The window does not wait, not even for a short one: the panel shows its end as well.
            self.report({"INFO"}, iface("Exporting; the panel shows how far it is"))
            return {"FINISHED"}
        state.wait()
        if state.error:
            return refused(self, state.error)
        for message in state.messages():
            self.report({"WARNING"}, message)
        said = iface("Exported {count} files to {folder}")
        self.report({"INFO"}, said.format(count=len(state.files), folder=plan.directory))
        return {"FINISHED"}

    def _plan(self, context: Any, *, overwrite: bool) -> texture_set.Plan:
        return texture_set.plan(
            export.texture_set(self.chosen(context)),
            outputs.export_folder(self.directory),
            preset=self.preset.lower(),
            format=self.format.lower(),
            depth=self.depth.lower() if self.format == "PNG" else "auto",
            normals=self.normals.lower(),
            size=self.size.lower(),
            name=self.set_name,
            overwrite=overwrite,
        )


class TEXLOOM_OT_cancel_export(bpy.types.Operator):
    """Stop the export; no file of it stays"""

    bl_idname = "texloom.cancel_export"
    bl_label = "Cancel Export"

    def execute(self, context: Any) -> set[Any]:
        export_job.state().cancel()
        return {"FINISHED"}


CLASSES = (
    TEXLOOM_OT_world_background,
    TEXLOOM_OT_brush_texture,
    TEXLOOM_OT_export_set,
    TEXLOOM_OT_cancel_export,
)
