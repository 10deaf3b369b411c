# SPDX-License-Identifier: GPL-3.0-or-later
"""The look of a result besides the prompt: a style image, and learned words.

Shown for models that can, and where something is set.
"""

from __future__ import annotations

from typing import Any

from .. import looks, properties, shelf
from ..core.texloom import catalog_rows
from ..translations import iface
from .common import Part, paragraph, text_width


class StyleImage(Part):
    """The picture whose look is taken over."""

    key = "look"
    bl_label = "Style Image"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's own form

    @classmethod
    def shown(cls, context: Any) -> bool:
        settings = properties.of(context)
        return settings.look.source != "NONE" or shelf.capabilities_of(settings).look

    def draw(self, context: Any) -> None:
        layout = self.layout
        settings = properties.of(context)
        look = settings.look
        width = text_width(context)
        takes = shelf.capabilities_of(settings).look
        if not takes:
            paragraph(layout, iface("The chosen model takes no style from a picture; it is left out."), width, "INFO")
        layout.row(align=True).prop(look, "source", expand=True)
        if look.source == "IMAGE":
            layout.template_ID(look, "image", open="image.open")
        elif look.source == "FILE":
            layout.prop(look, "file", text="")
        if look.source == "NONE" or not takes:
            return
        layout.prop(look, "strength", slider=True)
        if settings.model in shelf.BUILT_IN:
            paragraph(layout, iface("Its colors become those of the material, but for those in the prompt."), width,
                      "COLOR")  # fmt: skip
            return
        layout.prop(look, "adapter")
        needed = "" if look.adapter.strip() else _needed(settings)
        if needed:
            row = layout.row()
            row.label(text="It needs an image adapter")
            row.operator("texloom.model_download", text="Download…", icon="IMPORT").model = needed


def _needed(settings: Any) -> str:
    """What must be downloaded before the chosen model takes a style; empty for nothing, or not known yet."""
    known = shelf.watcher().see(settings.own_model)
    row = catalog_rows.find(settings.model_id)
    return known.styles.get(row.family, "") if known is not None and row is not None else ""


class LearnedWords(Part):
    """Words that files teach the model."""

    key = "words"
    bl_label = "Learned Words"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    @classmethod
    def shown(cls, context: Any) -> bool:
        settings = properties.of(context)
        return bool(settings.look.words) or shelf.capabilities_of(settings).words

    def draw(self, context: Any) -> None:
        layout = self.layout
        settings = properties.of(context)
        look = settings.look
        width = text_width(context)
        if not shelf.capabilities_of(settings).words:
            paragraph(layout, iface("The chosen model reads no learned words; they are left out."), width, "INFO")
        row = layout.row()
        row.template_list("TEXLOOM_UL_words", "", look, "words", look, "word_index", rows=3)
        buttons = row.column(align=True)
        buttons.operator("texloom.word_add", text="", icon="ADD")
        buttons.operator("texloom.word_remove", text="", icon="REMOVE")
        if 0 <= look.word_index < len(look.words):
            item = look.words[look.word_index]
            layout.prop(item, "file", text="")
            row = catalog_rows.find(settings.model_id)
            if row is not None and not looks.suits(item, row.family):
                paragraph(layout, iface("It was made for another kind of model."), width, "ERROR")


def draw_look(layout: Any, settings: Any) -> None:
    """One line for the style image, where there is one."""
    name = looks.name_of(settings)
    if not name:
        return
    row = layout.row(align=True)
    row.active = shelf.capabilities_of(settings).look
    row.label(text=iface("Style of {name}").format(name=name), icon="BRUSHES_ALL", translate=False)
    row.operator("texloom.look_none", text="", icon="X", emboss=False)


PARTS: tuple[type[Part], ...] = (StyleImage, LearnedWords)
