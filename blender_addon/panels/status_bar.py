# SPDX-License-Identifier: GPL-3.0-or-later
"""Texloom's place in Blender's status bar: for a while what has ended, and progress of the running job."""

from __future__ import annotations

from typing import Any

import bpy

from .. import bridge
from .results import progress, stage


def draw(self: Any, context: Any) -> None:
    """Blender draws it in every window's status bar."""
    queue = bridge.get().queue()
    row = self.layout.row()
    # Beside the bar, not in its place: with more jobs in the queue nobody would see how this one ended.
    if notice := bridge.get().notice:
        said = f"Texloom: {notice}"
        row.label(text=said, icon="SHADERFX", translate=False)
    if queue:
        view = queue[0].view
        row = row.row(align=True)
        bar = row.row()
        bar.ui_units_x = 12
        said = f"Texloom: {stage(view)}"
        bar.progress(factor=progress(view), text=said)
        row.operator("texloom.cancel", text="", icon="X", emboss=False).job = view.id


def register() -> None:
    """Add it to the status bar."""
    header: Any = bpy.types.STATUSBAR_HT_header
    header.append(draw)


def unregister() -> None:
    """Take it back."""
    header: Any = bpy.types.STATUSBAR_HT_header
    header.remove(draw)
