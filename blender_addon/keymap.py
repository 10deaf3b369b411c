# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of the add-on: Ctrl+Enter generates, with the mouse over one of the editors that have the panel."""

from __future__ import annotations

from typing import Any

import bpy

# Name in Blender's preferences, editor, and what to call it.
_PLACES = (
    ("3D View Generic", "VIEW_3D", "3D Viewport"),
    ("Image Generic", "IMAGE_EDITOR", "Image Editor"),
    ("Node Generic", "NODE_EDITOR", "Node Editor"),
)
_ENTERS = ("RET", "NUMPAD_ENTER")
_SHOWN = "texloom.generate"
_items: list[tuple[Any, Any]] = []


def draw(layout: Any) -> None:
    """The keys as Blender's own preferences show them, to be changed there."""
    import rna_keymap_ui

    manager: Any = bpy.context.window_manager
    configuration = manager.keyconfigs.user
    if configuration is None:
        return
    for name, _, label in _PLACES:
        keymap = configuration.keymaps.get(name)
        for item in keymap.keymap_items if keymap is not None else ():
            if item.idname == _SHOWN:
                row = layout.split(factor=0.2)
                row.label(text=label)
                column = row.column()
                column.context_pointer_set("keymap", keymap)
                rna_keymap_ui.draw_kmi(["ADDON", "USER", "DEFAULT"], configuration, keymap, item, column, 0)


def register() -> None:
    """Add the keys; in the background Blender has none."""
    manager: Any = bpy.context.window_manager
    configuration = manager.keyconfigs.addon if manager is not None else None
    if configuration is None:
        return
    user: Any = bpy.context.preferences
    # There Ctrl+Enter renders.
    shift = user.keymap.active_keyconfig == "Industry_Compatible"
    for name, space, _ in _PLACES:
        keymap = configuration.keymaps.new(name=name, space_type=space)
        _items.append((keymap, keymap.keymap_items.new(_SHOWN, "RET", "PRESS", ctrl=True, shift=shift)))
        for key in _ENTERS:
            # The field itself takes the press; its release comes here.
            _items.append((keymap, keymap.keymap_items.new("texloom.generate_on_enter", key, "RELEASE", any=True)))


def unregister() -> None:
    """Take them back."""
    for keymap, item in _items:
        keymap.keymap_items.remove(item)
    _items.clear()
