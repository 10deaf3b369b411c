# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompt, output, Generate."""

from __future__ import annotations

from typing import Any

from .. import bridge, preferences, properties, shelf, trouble
from ..core.texloom.backends.base import BackendState
from ..translations import iface
from . import remedies, welcome
from .common import Part, paragraph, text_width
from .engine import engine_known
from .looks import draw_look
from .prompt import draw_prompt, draw_style
from .starting import draw_start
from .tune import draw_locks


class Main(Part):
    """Prompt, output, Generate."""

    key = "main"
    bl_label = "Texloom"

    def draw(self, context: Any) -> None:
        layout = self.layout
        settings = properties.of(context)
        if welcome.shown():
            welcome.draw(layout, context)
            if not engine_known():
                return
        elif not engine_known():
            preferences.draw_engine(layout.box(), preferences.get_registered())
        column = layout.column()
        draw_prompt(column, context)
        draw_style(column, context)
        if settings.negative_prompt and shelf.capabilities_of(settings).negative:
            column.prop(settings, "negative_prompt", text="", icon="REMOVE")
        draw_start(column, settings)
        draw_look(column, settings)
        draw_locks(column, context)
        column.separator(factor=0.5)
        column.prop(settings, "output", text="")
        if settings.output == "PLANE":
            row = column.row(align=True)
            row.prop(settings, "plane_height")
            row.prop(settings, "plane_facing", text="")
        elif settings.output == "MATERIAL":
            _say_targets(column, context)
        row = column.row(align=True)
        row.prop(settings, "size", text="")
        row.prop(settings, "count")
        if settings.size == "CUSTOM":
            row = column.row(align=True)
            row.prop(settings, "width")
            row.prop(settings, "height")
        go = layout.column()
        go.scale_y = 1.5
        go.operator("texloom.generate", icon="SHADERFX")
        if error := trouble.last():
            paragraph(layout, error.text, text_width(context), "ERROR")
            remedies.draw(layout, error)
        if bridge.get().status.state is BackendState.STARTING:
            layout.label(text="Starting the engine…", icon="SORTTIME")


def _say_targets(layout: Any, context: Any) -> None:
    count = len(context.selected_objects)
    if not count:
        said = iface("Nothing selected: the material waits in the file")
        paragraph(layout, said, text_width(context), "INFO")
    elif count > 1:
        layout.label(text=iface("On {count} selected objects").format(count=count), icon="OBJECT_DATA")
    else:
        name = context.selected_objects[0].name
        layout.label(text=iface("On {name}").format(name=name), icon="OBJECT_DATA", translate=False)
