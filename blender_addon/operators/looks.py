# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on the look of a result: the style image, and learned words."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import IntProperty, StringProperty

from .. import looks, properties
from ..core.texloom import learned_words
from ..translations import iface
from .common import AddsFiles


class TEXLOOM_OT_look_none(bpy.types.Operator):
    """Take the look of no picture any more"""

    bl_idname = "texloom.look_none"
    bl_label = "No Style Image"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender's own form

    def execute(self, context: Any) -> set[Any]:
        looks.of(properties.of(context)).source = "NONE"
        return {"FINISHED"}


class TEXLOOM_OT_word_add(AddsFiles, bpy.types.Operator):
    """Add learned words: textual inversions as .safetensors files, made for the model"""

    bl_idname = "texloom.word_add"
    bl_label = "Add Learned Word"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    filepath: StringProperty(name="File", description="A learned word", subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def add(self, context: Any, file: str) -> None:
        looks.add_word(properties.of(context), file)


class TEXLOOM_OT_word_remove(bpy.types.Operator):
    """Take the chosen learned word out of the list; its file stays"""

    bl_idname = "texloom.word_remove"
    bl_label = "Remove Learned Word"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not looks.of(properties.of(context)).words:
            cls.poll_message_set(iface("The list is empty"))
            return False
        return True

    def execute(self, context: Any) -> set[Any]:
        look = looks.of(properties.of(context))
        index = min(look.word_index, len(look.words) - 1)
        look.words.remove(index)
        look.word_index = max(0, min(index, len(look.words) - 1))
        return {"FINISHED"}


class TEXLOOM_OT_word_insert(bpy.types.Operator):
    """Write this word at the end of the prompt, where it is not in it yet"""

    bl_idname = "texloom.word_insert"
    bl_label = "Put Word into Prompt"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    index: IntProperty(name="Line", description="Of the list, from 0", min=0, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        settings = properties.of(context)
        words = looks.of(settings).words
        word = looks.word_of(words[self.index]) if self.index < len(words) else ""
        if not word or learned_words.said(settings.written, [word]):
            return {"CANCELLED"}
        if settings.prompt_text is not None:
            settings.prompt_text.write(f" {word}")
        else:
            settings.prompt = f"{settings.prompt.rstrip()}, {word}" if settings.prompt.strip() else word
        return {"FINISHED"}


CLASSES = (TEXLOOM_OT_look_none, TEXLOOM_OT_word_add, TEXLOOM_OT_word_remove, TEXLOOM_OT_word_insert)
