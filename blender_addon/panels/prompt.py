# SPDX-License-Identifier: GPL-3.0-or-later
"""The prompt with its history and its styles."""

from __future__ import annotations

from typing import Any

import bpy

from .. import history, preferences, presets, properties
from ..core.texloom.errors import TexloomError
from ..translations import iface
from .common import text_width, wrapped

_LINES = 8
_LISTED = 20
_LETTERS = 64


def draw_prompt(layout: Any, context: Any) -> None:
    """The field, or the text datablock that stands for it, with the history beside."""
    settings = properties.of(context)
    row = layout.row(align=True)
    text = settings.prompt_text
    if text is None:
        field = "prompt_line" if preferences.get().enter else "prompt"
        row.prop(settings, field, text="", placeholder="weathered red brick wall")
    else:
        row.prop(settings, "prompt_text", text="", icon="TEXT")
    row.menu("TEXLOOM_MT_history", text="", icon="TIME")
    row.operator("texloom.prompt_as_text", text="", icon="TEXT" if text is None else "GREASEPENCIL")
    if text is not None:
        box = layout.box().column(align=True)
        box.scale_y = 0.8
        width = text_width(context)
        words = properties.plain_text((line.body for line in text.lines), limit=width * _LINES)
        lines = wrapped(words, width) or [iface("The text is empty")]
        if len(lines) > _LINES:
            lines[_LINES - 1 :] = [f"{lines[_LINES - 1]} …"]
        for line in lines:
            box.label(text=line, translate=False)


def draw_style(layout: Any, context: Any) -> None:
    """The menu of styles and, with one in use, its words and what else it has changed."""
    settings = properties.of(context)
    row = layout.row(align=True)
    name = settings.style_name
    row.menu(presets.MENU, text=iface(name) if name else iface("No Style"), icon="BRUSHES_ALL", translate=False)
    if not (name or settings.style or settings.style_negative):
        return
    row.operator("texloom.remove_style", text="", icon="X")
    box = layout.box().column(align=True)
    box.prop(settings, "style", text="", placeholder="No words")
    if settings.style_negative:
        box.prop(settings, "style_negative", text="", icon="REMOVE")
    if settings.relief != "PREFERENCES":
        box.prop(settings, "relief", text="")
    changed = presets.changes(settings)
    shown = [key for key in changed if key not in ("width", "height", "tile_metres") or "own_width" not in changed]
    if shown:
        names = ", ".join(iface(settings.bl_rna.properties[key].name) for key in shown)
        label = box.row()
        label.active = False
        said = iface("Sets {names}").format(names=names)
        label.label(text=said, translate=False)


class TEXLOOM_MT_styles(bpy.types.Menu):
    """Styles, those that came with Texloom first"""

    bl_label = "Styles"
    preset_subdir = presets.SUBFOLDER
    preset_operator = "script.execute_preset"

    @staticmethod
    def reset_cb(context: Any, path: str) -> None:
        """Called by Blender before it reads a style."""
        presets.begin(properties.of(context))

    @staticmethod
    def post_cb(context: Any, path: str) -> None:
        """Called by Blender after it has read a style."""
        # Blender writes the last name here, which would stay when another file is opened.
        TEXLOOM_MT_styles.bl_label = "Styles"
        presets.end(properties.of(context), presets.display_name(path))

    def draw(self, context: Any) -> None:
        """Blender draws it when it is opened."""
        layout: Any = self.layout
        layout.operator_context = "EXEC_DEFAULT"
        shipped, own = presets.files()
        for path in shipped:
            _style(layout, presets.display_name(path))
        if own:
            layout.separator()
        for path in own:
            row = layout.row(align=True)
            name = presets.display_name(path)
            _style(row, name)
            remove = row.operator("texloom.save_style", text="", icon="REMOVE")
            remove.name, remove.remove_name = name, True
        layout.separator()
        layout.operator("texloom.own_style", icon="GREASEPENCIL")
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("texloom.save_style", text="Save as Style…", icon="ADD")


def _style(layout: Any, name: str) -> None:
    layout.operator("texloom.use_style", text=iface(name), translate=False).name = name


class TEXLOOM_MT_history(bpy.types.Menu):
    """Prompts of late"""

    bl_label = "Prompt History"

    def draw(self, context: Any) -> None:
        """Blender draws it when it is opened."""
        layout: Any = self.layout
        try:
            found = history.entries()
        except TexloomError as error:
            for line in wrapped(str(error), _LETTERS):
                layout.label(text=line, translate=False)
            found = ()
        if not found:
            layout.label(text="What you generate is listed here.")
            return
        layout.operator_context = "EXEC_DEFAULT"
        for entry in found[:_LISTED]:
            label = entry.prompt if len(entry.prompt) <= _LETTERS else f"{entry.prompt[: _LETTERS - 1]}…"
            use = layout.operator("texloom.use_prompt", text=label, translate=False)
            use.prompt, use.negative_prompt = entry.prompt, entry.negative_prompt
        layout.separator()
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("texloom.search_history", text="Search All…", icon="VIEWZOOM")
        layout.operator("texloom.clear_history", text="Clear…", icon="TRASH")


MENUS = (TEXLOOM_MT_styles, TEXLOOM_MT_history)
