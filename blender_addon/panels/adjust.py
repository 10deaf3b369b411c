# SPDX-License-Identifier: GPL-3.0-or-later
"""Which maps are made, and how strong they are in the material."""

from __future__ import annotations

from typing import Any

from .. import properties, tune
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
        column = layout.column()
        column.active = settings.output == "MATERIAL"
        column.prop(settings, "maps")
        draw_sliders(layout, tune.material_of(context))


def draw_sliders(layout: Any, material: Any) -> None:
    """The sliders of a material, as the inputs of its group that they are: with undo, keyframes and drivers."""
    if problem := adjust.problem(material):
        layout.label(text=problem, icon="INFO", translate=False)
        return
    row = layout.row(align=True)
    row.label(text=material.name, icon="MATERIAL", translate=False)
    row.operator("texloom.replace_maps", text="", icon="FILE_FOLDER")
    row.operator("texloom.reset_material", text="", icon="LOOP_BACK")
    layout.use_property_split = True
    layout.use_property_decorate = False
    for section, sockets in adjust.sliders(material):
        layout.label(text=iface(section), translate=False)
        column = layout.column(align=True)
        for socket in sockets:
            if socket.is_linked:
                column.label(text=iface("{name}: set by a node").format(name=iface(socket.name)), translate=False)
            else:
                column.prop(socket, "default_value", text=iface(socket.name), translate=False)


PARTS: tuple[type[Part], ...] = (Maps,)
