# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job starts from: a picture, and LoRAs.  Shown for models that can, and where something is set."""

from __future__ import annotations

from typing import Any

import bpy

from .. import properties, shelf, starting
from ..core.texloom import catalog_rows
from ..translations import iface
from .common import Part, paragraph, text_width


class StartPicture(Part):
    """The picture that a job starts from."""

    key = "start"
    bl_label = "Start from a Picture"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's own form

    @classmethod
    def shown(cls, context: Any) -> bool:
        settings = properties.of(context)
        return settings.start != "NONE" or shelf.capabilities_of(settings).starts

    def draw(self, context: Any) -> None:
        layout = self.layout
        settings = properties.of(context)
        heeds = shelf.capabilities_of(settings)
        if not heeds.starts:
            paragraph(layout, iface("The chosen model draws from words alone; the picture is left out."),
                      text_width(context), "INFO")  # fmt: skip
        layout.row(align=True).prop(settings, "start", expand=True)
        if settings.start == "IMAGE":
            layout.template_ID(settings, "start_image", open="image.open")
        elif settings.start == "FILE":
            layout.prop(settings, "start_file", text="")
        layout.operator("texloom.start_from_object", icon="OBJECT_DATA")
        if settings.start != "NONE" and heeds.strength:
            layout.prop(settings, "strength", slider=True)


class Loras(Part):
    """Small files that change the model."""

    key = "loras"
    bl_label = "LoRA"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    @classmethod
    def shown(cls, context: Any) -> bool:
        settings = properties.of(context)
        return bool(settings.loras) or shelf.capabilities_of(settings).loras

    def draw(self, context: Any) -> None:
        layout = self.layout
        settings = properties.of(context)
        if not shelf.capabilities_of(settings).loras:
            paragraph(layout, iface("The chosen model takes no LoRA; they are left out."), text_width(context), "INFO")
        row = layout.row()
        row.template_list("TEXLOOM_UL_loras", "", settings, "loras", settings, "lora_index", rows=3)
        if not settings.loras:
            paragraph(layout, iface("Small files made for the chosen model, which add a style or a subject."),
                      text_width(context), "INFO")  # fmt: skip
        buttons = row.column(align=True)
        buttons.operator("texloom.lora_add", text="", icon="ADD")
        buttons.operator("texloom.lora_remove", text="", icon="REMOVE")
        if len(settings.loras) > 1:
            buttons.separator()
            buttons.operator("texloom.lora_move", text="", icon="TRIA_UP").down = False
            buttons.operator("texloom.lora_move", text="", icon="TRIA_DOWN").down = True
        if 0 <= settings.lora_index < len(settings.loras):
            layout.prop(settings.loras[settings.lora_index], "file", text="")


def draw_start(layout: Any, settings: Any) -> None:
    """One line for each of what is not as usual: the model, the picture; nothing for the instant model alone."""
    if settings.model != shelf.INSTANT:
        key = settings.model_id
        known = shelf.watcher().see(settings.own_model)
        item = known.find(key) if known is not None and key else None
        catalog = catalog_rows.find(key) if key else None
        if settings.model in shelf.BUILT_IN:
            name = iface(shelf.BUILT_IN[settings.model])
        else:
            name = item.name if item else catalog.name if catalog else bpy.path.display_name_from_filepath(key)
        row = layout.row(align=True)
        row.label(text=name or iface("No model is chosen"), icon="PACKAGE", translate=False)
        if item is not None and not item.here and item.hub:
            row.operator("texloom.model_download", text="Download…", icon="IMPORT").model = item.key
        row.operator("texloom.model_use", text="", icon="X", emboss=False).model = shelf.INSTANT
    name = starting.name_of(settings)
    if settings.start != "NONE" and name:
        row = layout.row(align=True)
        row.active = shelf.capabilities_of(settings).starts
        said = iface("From {name}").format(name=name)
        row.label(text=said, icon="IMAGE_DATA", translate=False)
        row.operator("texloom.start_from_nothing", text="", icon="X", emboss=False)


PARTS: tuple[type[Part], ...] = (StartPicture, Loras)
