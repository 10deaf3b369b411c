# SPDX-License-Identifier: GPL-3.0-or-later
"""Which maps are made, and how strong they are in the material."""

from __future__ import annotations

from typing import Any

from .. import properties, tune
from ..core.texloom.request import MAPS
from ..scene import adjust
from ..translations import iface
from .common import Part


class Maps(Part):
    """Which maps are made, and how they show in the active material."""

    key = "maps"
    bl_label = "Maps"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's own form

    def draw(self, context: Any) -> None:
        layout = self.layout
        settings = properties.of(context)
        grid = layout.grid_flow(row_major=True, columns=2, even_columns=True, align=True)
        grid.active = settings.output == "MATERIAL"
        for name in MAPS:
            grid.prop_enum(settings, "maps", name)
        layout.separator()
        draw_sliders(layout, tune.material_of(context))


def draw_sliders(layout: Any, material: Any) -> None:
    """The sliders of a material, as the inputs of its group that they are: with undo, keyframes and drivers."""
    if problem := adjust.problem(material):
        layout.label(text=problem, icon="INFO", translate=False)
        return
    row = layout.row(align=True)
    row.label(text=material.name, icon="MATERIAL", translate=False)
    row.operator("texloom.upscale_material", text="", icon="FULLSCREEN_ENTER")
    row.operator("texloom.replace_maps", text="", icon="FILE_FOLDER")
    row.operator("texloom.reset_material", text="", icon="LOOP_BACK")
    for _, sockets in adjust.sliders(material):
        column = layout.column(align=True)
        for socket in sockets:
            _draw_slider(column, socket)


def _draw_slider(column: Any, socket: Any) -> None:
    name = iface(socket.name)
    if socket.is_linked:
        column.label(text=iface("{name}: set by a node").format(name=name), icon="LINKED", translate=False)
    elif socket.type == "RGBA":
        row = column.split(factor=0.4, align=True)
        row.label(text=name, translate=False)
        row.prop(socket, "default_value", text="")
    else:
        column.prop(socket, "default_value", text=name, translate=False)


PARTS: tuple[type[Part], ...] = (Maps,)
