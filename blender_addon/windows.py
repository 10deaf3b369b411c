# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's windows: redrawing, undo steps, and whether the mouse is at work."""

from __future__ import annotations

from typing import Any, Final

import bpy

from . import compat

# While one of these runs, the mouse holds the scene: a result waits until it is let go.
_BUSY: Final = (
    "TRANSFORM_", "SCULPT_", "PAINT_", "MESH_", "CURVE_", "GREASE_PENCIL_", "NODE_OT_",
    "OBJECT_OT_transform", "OBJECT_OT_duplicate",
)  # fmt: skip


def all_windows() -> list[bpy.types.Window]:
    """The open windows; none in the background."""
    manager = bpy.context.window_manager
    return list(manager.windows) if manager is not None else []


def mouse_holds_scene() -> bool:
    """Whether a tool is being used that a change of the scene would disturb."""
    for window in all_windows():
        # Only newer versions tell.
        for operator in getattr(window, "modal_operators", ()):
            if operator.bl_idname.startswith(_BUSY):
                return True
    return False


def push_undo(message: str) -> None:
    """Add an undo step; nothing in the background, where nobody undoes."""
    windows = all_windows()
    if bpy.app.background or not windows:
        return
    override: Any = bpy.context.temp_override(window=windows[0])
    with override:
        bpy.ops.ed.undo_push(message=message)


def redraw() -> None:
    """Draw all panels of the add-on again, and the status bars."""
    for window in all_windows():
        compat.redraw_status_bar(window)
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "IMAGE_EDITOR", "NODE_EDITOR", "PREFERENCES"):
                area.tag_redraw()
