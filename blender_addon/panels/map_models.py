# SPDX-License-Identifier: GPL-3.0-or-later
"""The models that see the maps of pictures: those that do, and those that can be downloaded for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .. import properties, shelf
from ..shelf import Item
from .model_facts import short_note


def draw(layout: Any, options: Any) -> None:
    """The folders that the preferences name, and Texloom's list; ``options`` are the preferences."""
    row = layout.row()
    row.label(text="Maps of Pictures", icon="NODE_TEXTURE")
    row.operator("texloom.add_map_model", text="", icon="ADD")
    column = layout.column()
    for number, folder in enumerate(options.map_models):
        row = column.row(align=True)
        row.prop(folder, "path", text="Seen by")
        row.operator("texloom.remove_map_model", text="", icon="REMOVE").index = number
    if not options.map_models:
        column.label(text="Seen by the small network that comes with Texloom.", icon="BLANK1")
    found = shelf.watcher().see(properties.of(bpy.context).own_model)
    if found is None:
        return
    used = {Path(bpy.path.abspath(item.path)) for item in options.map_models}
    for item in found.maps:
        _draw_row(layout.row(align=True), item, used)
    if not bpy.app.online_access and not all(item.here for item in found.maps):
        layout.label(text="A download needs online access.", icon="INTERNET_OFFLINE")
        layout.operator("texloom.allow_online", icon="INTERNET")


def _draw_row(row: Any, item: Item, used: set[Path]) -> None:
    row.label(text=item.name, icon="CHECKMARK" if item.path in used else "BLANK1", translate=False)
    size = row.row()
    size.ui_units_x = 3.4
    size.active = item.here
    size.label(text=short_note(item), translate=False)
    if item.path is None:
        if bpy.app.online_access:
            row.operator("texloom.model_download", text="Download…", icon="IMPORT").model = item.key
    elif item.path not in used:
        row.operator("texloom.add_map_model", text="Use", icon="ADD").directory = str(item.path)
    if item.own:
        row.operator("texloom.model_delete", text="", icon="TRASH").model = item.key
