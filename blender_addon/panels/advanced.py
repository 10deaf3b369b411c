# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seldom changed: model, seed, tiling, size of a tile."""

from __future__ import annotations

from typing import Any

import bpy

from .. import properties, shelf
from ..core.texloom import catalog_rows
from ..translations import iface
from .common import Part


class Advanced(Part):
    """What is seldom changed."""

    key = "advanced"
    bl_label = "Advanced"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's own form

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = properties.of(context)
        heeds = shelf.capabilities_of(settings)
        if heeds.negative:
            layout.prop(settings, "negative_prompt", text="Negative")  # the whole name has no room
        layout.prop(settings, "prompt_text")
        layout.prop(settings, "model")
        if settings.model == "FOLDER":
            layout.prop(settings, "model_folder")
            shelf.watcher().see(settings.own_model)  # what it can do decides what is shown
        elif settings.model == "CATALOG":
            split = layout.split(factor=0.4)
            split.label(text="")
            split.menu("TEXLOOM_MT_models", text=_chosen(settings), translate=False)
        if heeds.steps:
            layout.prop(settings, "steps")
            if settings.steps == 0 and heeds.default_steps is not None:
                _say(layout, iface("{number} of its own").format(number=heeds.default_steps))
        if heeds.guidance:
            layout.prop(settings, "guidance_scale")
            if settings.guidance_scale == 0 and heeds.default_guidance is not None:
                _say(layout, iface("{number} of its own").format(number=f"{heeds.default_guidance:g}"))
        row = layout.row(align=True)
        value = row.row(align=True)
        value.active = not settings.new_seed
        value.prop(settings, "seed")
        row.operator("texloom.roll_seed", text="", icon="FILE_REFRESH")
        row.prop(settings, "new_seed", text="", icon="MOD_NOISE")
        if settings.output != "PLANE":
            layout.prop(settings, "tiling")
            layout.prop(settings, "own_width")
            if settings.own_width:
                layout.prop(settings, "real_world_width")


def _chosen(settings: Any) -> str:
    row = catalog_rows.find(settings.catalog_model) if settings.catalog_model else None
    return row.name if row is not None else settings.catalog_model or iface("Choose a model")


def _say(layout: Any, text: str) -> None:
    """A remark below a field, where its values stand."""
    split = layout.split(factor=0.4)
    split.label(text="")
    row = split.row()
    row.active = False
    row.label(text=text, translate=False)


class TEXLOOM_MT_models(bpy.types.Menu):
    """Models that Texloom knows, those on this machine first"""

    bl_label = "Models"

    def draw(self, context: Any) -> None:
        """Blender draws it when it is opened."""
        layout: Any = self.layout
        found = shelf.watcher().see(properties.of(context).own_model)
        here = {item.key for item in found.items if item.here} if found is not None else set()
        rows = catalog_rows.rows()
        for row in (*(row for row in rows if row.id in here), *(row for row in rows if row.id not in here)):
            icon = "CHECKMARK" if row.id in here else "IMPORT"
            layout.operator("texloom.model_use", text=row.name, icon=icon, translate=False).model = row.id


MENUS = (TEXLOOM_MT_models,)
