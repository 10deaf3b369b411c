# SPDX-License-Identifier: GPL-3.0-or-later
"""Texloom's place in Blender's status bar: progress of the running job, and for a while what has ended."""

from __future__ import annotations

from typing import Any

import bpy

from .. import bridge
from .results import progress, stage


def draw(self: Any, context: Any) -> None:
    """Blender draws it in every window's status bar."""
    queue = bridge.get().queue()
    row = self.layout.row(align=True)
    if queue:
        view = queue[0].view
        bar = row.row()
        bar.ui_units_x = 12
        said = f"Texloom: {stage(view)}"
        bar.progress(factor=progress(view), text=said)
        row.operator("texloom.cancel", text="", icon="X", emboss=False).job = view.id
    elif notice := bridge.get().notice:
        said = f"Texloom: {notice}"
        row.label(text=said, icon="SHADERFX", translate=False)


def register() -> None:
    """Add it to the status bar."""
    header: Any = bpy.types.STATUSBAR_HT_header
    header.append(draw)


def unregister() -> None:
    """Take it back."""
    header: Any = bpy.types.STATUSBAR_HT_header
    header.remove(draw)
