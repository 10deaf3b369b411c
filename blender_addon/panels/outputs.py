# SPDX-License-Identifier: GPL-3.0-or-later
"""World, brush, texture sets."""

from __future__ import annotations

from typing import Any

import bpy

from .. import export_job, outputs
from ..translations import iface
from .common import Part, paragraph, text_width


class Outputs(Part):
    """World, brush, texture sets."""

    key = "outputs"
    bl_label = "Export"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's own form

    def draw(self, context: Any) -> None:
        settings = outputs.of(context)
        layout = self.layout
        column = layout.column()
        row = column.row(align=True)
        row.prop(settings, "source", expand=True)
        name = _name(context)
        if name:
            icon = "MATERIAL" if settings.source == "MATERIAL" else "IMAGE_DATA"
            column.label(text=name, icon=icon, translate=False)
        elif settings.source == "MATERIAL":
            column.label(text="The active object has no material of Texloom", icon="INFO")
        else:
            column.label(text="There is no result yet", icon="INFO")
        _draw_export(layout, settings, bool(name))
        _draw_state(layout, text_width(context))
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.enabled = bool(name)
        _draw_scene(column, settings)


def _draw_export(layout: Any, settings: Any, possible: bool) -> None:
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "preset")
    column.prop(settings, "format")
    if settings.format == "PNG":
        column.prop(settings, "depth")
    column.prop(settings, "normals")
    column.prop(settings, "size")
    column.prop(settings, "directory")
    if settings.directory:
        column.prop(settings, "overwrite")
    if export_job.state().running:
        return
    go = layout.column()
    go.scale_y = 1.3
    go.enabled = possible
    action = go.operator("texloom.export_set", icon="EXPORT")
    for key in ("preset", "format", "depth", "normals", "size", "directory"):
        setattr(action, key, getattr(settings, key))
    action.check_existing = not settings.overwrite


def _draw_state(layout: Any, width: int) -> None:
    """How far an export is, or what came of the last one."""
    state = export_job.state()
    if state.running:
        row = layout.row()
        row.progress(factor=state.fraction, text=iface("Exporting"))
        row.operator("texloom.cancel_export", text="", icon="X")
    elif state.error:
        paragraph(layout, state.error, width - 4, "ERROR")
    elif state.files:
        row = layout.row()
        said = iface("Exported {count} files").format(count=len(state.files))
        row.label(text=said, icon="CHECKMARK", translate=False)
        row.operator("wm.path_open", text="", icon="FILE_FOLDER").filepath = str(state.files[0].parent)
        for message in state.messages():
            paragraph(layout, message, width - 4, "INFO")  # the icon takes room, and file names are long


def _draw_scene(layout: bpy.types.UILayout, settings: Any) -> None:
    layout.separator()
    layout.prop(settings, "projection")
    layout.prop(settings, "strength")
    if settings.projection != "PANORAMA":
        layout.prop(settings, "tiles")
    action: Any = layout.operator("texloom.world_background", icon="WORLD")
    action.strength, action.projection, action.tiles = settings.strength, settings.projection, settings.tiles
    layout.separator()
    layout.prop(settings, "mapping")
    action = layout.operator("texloom.brush_texture", icon="BRUSH_DATA")
    action.mapping = settings.mapping


def _name(context: Any) -> str:
    """What the choice comes to, in a word; empty for nothing."""
    if outputs.of(context).source == "MATERIAL":
        found = outputs.chosen(context)
        return found.material if found is not None else ""
    entry = outputs.latest()
    return str(entry.view.request.prompt) if entry is not None else ""


PARTS: tuple[type[Part], ...] = (Outputs,)
