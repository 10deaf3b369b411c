# SPDX-License-Identifier: GPL-3.0-or-later
"""The form that a job follows: pictures of depth, normals or lines.  Shown for models that can, or where it is set."""

from __future__ import annotations

from typing import Any

from .. import controls, properties, shelf
from ..core.texloom.control_rows import ControlRow
from ..shelf import Shelf
from ..translations import iface
from .common import Part, paragraph, text_width
from .model_facts import gigabytes, short_terms


class Form(Part):
    """The pictures, what reads them, and where they may come from."""

    key = "form"
    bl_label = "Form"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's own form

    @classmethod
    def shown(cls, context: Any) -> bool:
        settings = properties.of(context)
        return bool(settings.controls) or shelf.capabilities_of(settings).controls

    def draw(self, context: Any) -> None:
        layout = self.layout
        settings = properties.of(context)
        if not shelf.capabilities_of(settings).controls:
            text = iface("The chosen model follows no form; the pictures are left out.")
            paragraph(layout, text, text_width(context), "INFO")
        column = layout.column(align=True)
        for name, icon in (("camera", "CAMERA_DATA"), ("object", "OBJECT_DATA"), ("material", "MATERIAL")):
            column.operator_menu_enum(f"texloom.form_from_{name}", "kind", icon=icon)
        row = layout.row()
        row.template_list("TEXLOOM_UL_controls", "", settings, "controls", settings, "control_index", rows=2)
        buttons = row.column(align=True)
        buttons.operator_menu_enum("texloom.form_add", "kind", text="", icon="ADD")
        buttons.operator("texloom.form_remove", text="", icon="REMOVE")
        if not 0 <= settings.control_index < len(settings.controls):
            return
        item = settings.controls[settings.control_index]
        layout.prop(item, "kind", expand=True)
        layout.template_ID(item, "image", open="image.open")
        if item.image is None:
            layout.prop(item, "file", text="")
        layout.prop(item, "strength", slider=True)
        layout.prop(item, "network")
        network = controls.network_row(settings, item)
        if network is not None:
            _draw_network(layout, network, shelf.watcher().see(settings.own_model))


def _draw_network(layout: Any, network: ControlRow, known: Shelf | None) -> None:
    line = layout.row(align=True)
    line.label(text=network.name, icon="NODETREE", translate=False)
    if known is not None and network.id in known.networks:
        line.label(text="here", icon="CHECKMARK")
        return
    line.operator("texloom.model_download", text="", icon="IMPORT").model = network.id
    column = layout.column(align=True)
    column.scale_y = 0.85
    size = gigabytes(network.download_bytes) if network.download_bytes else iface("size not known")
    for text in (size, short_terms(network)):
        column.label(text=text, icon="BLANK1", translate=False)


PARTS: tuple[type[Part], ...] = (Form,)
