# SPDX-License-Identifier: GPL-3.0-or-later
"""The card that leads from a fresh install to the first texture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bpy

from .. import bridge, preferences, presets, setup_job
from ..core.texloom.errors import StorageError
from ..translations import iface
from .common import icon, paragraph, text_width
from .engine import engine_known

EXAMPLES = (
    ("Brick", "weathered red brick wall with white mortar", "bricks.jpg"),
    ("Cobble", "mossy cobblestone, wet", "cobblestone.jpg"),
    ("Parquet", "dark walnut herringbone parquet, polished, clean", "parquet.jpg"),
)
"""Label, prompt and picture (made by the built-in model) of what the last step offers."""

_seen = False
_nothing_made: bool | None = None


def shown() -> bool:
    """Whether the card has its place now: asked for, or neither an engine nor a result when Blender started."""
    global _seen
    state = preferences.get().first_steps
    if state == "NEW" and not _seen:
        _seen = not engine_known() and not setup_job.state().running and _is_new()
    return state == "OPEN" or (state == "NEW" and _seen)


def draw(layout: Any, context: Any) -> None:
    """The three steps, the next one ready to press."""
    box = layout.box()
    row = box.row()
    row.label(text="Your first texture", icon="SHADERFX")
    row.operator("texloom.first_steps", text="", icon="X", emboss=False).show = False
    width = text_width(context)
    ready = engine_known()
    online = ready or bpy.app.online_access
    _online(box, online, width)
    _engine(box, online, ready, width)
    # As wide as three pictures side by side can be, in units of Blender's buttons.
    units = context.region.width / (20.0 * context.preferences.system.ui_scale)
    _example(box, ready, width, min(7.0, max(2.0, (units - 4.0) / 3.0)))


def forget() -> None:
    """Look again whether there is a result."""
    global _seen, _nothing_made
    _seen, _nothing_made = False, None


def _is_new() -> bool:
    # Once: panels are drawn on every move of the mouse.
    global _nothing_made
    if _nothing_made is None:
        try:
            with os.scandir(bridge.get().library()) as found:
                _nothing_made = next(found, None) is None
        except FileNotFoundError:
            _nothing_made = True
        except (OSError, StorageError):
            _nothing_made = False
    return _nothing_made


def _step(layout: Any, text: str, *, done: bool, next_one: bool) -> Any:
    """The line of a step; a column for what it needs."""
    column = layout.column(align=True)
    line = column.row()
    line.active = done or next_one
    line.label(text=text, icon="CHECKMARK" if done else "RADIOBUT_ON" if next_one else "RADIOBUT_OFF")
    return column


def _online(layout: Any, done: bool, width: int) -> None:
    column = _step(layout, "1. Go online once", done=done, next_one=not done)
    if not done:
        paragraph(column, iface("The engine is downloaded once; what you make stays on this machine."), width, "BLANK1")
        column.separator(factor=0.5)
        button = column.row()
        button.scale_y = 1.3
        button.operator("texloom.allow_online", icon="INTERNET")


def _engine(layout: Any, online: bool, done: bool, width: int) -> None:
    column = _step(layout, "2. Set up the engine", done=done, next_one=online and not done)
    state = setup_job.state()
    if state.running:
        column.progress(factor=state.fraction, text=iface(state.stage))
        column.operator("texloom.cancel_setup", text="Cancel", icon="X")
    elif online and not done:
        for text, mark in state.lines():
            paragraph(column, text, width, mark)
        paragraph(column, iface("About 1 GB for the processor, more for a graphics card."), width, "BLANK1")
        column.separator(factor=0.5)
        button = column.row(align=True)
        button.scale_y = 1.3
        button.operator("texloom.setup_engine", icon="IMPORT")
        button.operator("preferences.addon_show", text="", icon="PREFERENCES").module = preferences.MODULE


def _example(layout: Any, ready: bool, width: int, scale: float) -> None:
    column = _step(layout, "3. Choose what to make", done=False, next_one=ready)
    column.separator(factor=0.5)
    grid = column.grid_flow(row_major=True, columns=3, even_columns=True, align=True)
    grid.enabled = ready
    for label, prompt, file in EXAMPLES:
        cell = grid.column(align=True)
        path = str(presets.FOLDER / "examples" / file)
        if picture := icon(path, path):
            cell.template_icon(icon_value=picture, scale=scale)
        cell.operator("texloom.try_example", text=label).prompt = prompt
    if ready:
        paragraph(column, iface("Or write your own below."), width, "BLANK1")


def pictures() -> list[Path]:
    """The files of the examples' pictures."""
    return [presets.FOLDER / "examples" / file for _, _, file in EXAMPLES]
