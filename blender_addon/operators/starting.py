# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on what a job starts from: a picture, and LoRAs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from .. import library_view, loras, properties, shelf, starting
from ..core.texloom.errors import StorageError, TexloomError
from ..core.texloom.storage import read_manifest
from ..scene import masks
from ..scene.result import ResultImages
from ..translations import iface
from .common import AddsFiles, failed
from .library import _OnVariation


class TEXLOOM_OT_start_from_object(bpy.types.Operator):
    """Start from the image that the active object shows: of its material the active image node, else its color"""

    bl_idname = "texloom.start_from_object"
    bl_label = "Start from the Object's Texture"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender's own form

    @classmethod
    def poll(cls, context: Any) -> bool:
        if masks.image_of(context.active_object) is None:
            cls.poll_message_set(iface("The active object shows no image"))
            return False
        return True

    def execute(self, context: Any) -> set[Any]:
        starting.use_image(properties.of(context), masks.image_of(context.active_object))
        return {"FINISHED"}


class TEXLOOM_OT_start_from_nothing(bpy.types.Operator):
    """Start from no picture any more: from the prompt alone"""

    bl_idname = "texloom.start_from_nothing"
    bl_label = "Start from No Picture"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[Any]:
        properties.of(context).start = "NONE"
        return {"FINISHED"}


class TEXLOOM_OT_library_variations(_OnVariation, bpy.types.Operator):
    """Start from this result's picture with its prompt; the model stays the one of the panel"""

    bl_idname = "texloom.library_variations"
    bl_label = "Variations of This"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[Any]:
        settings = properties.of(context)
        try:
            card = library_view.card_of(context, self.folder)
            maps = ResultImages.from_manifest(card.folder, self.index).maps
            path = maps.get("base_color") or maps.get("image")
            if path is None or not Path(path).is_file():
                raise StorageError(iface("This result has no picture to start from."))
            prompt = read_manifest(card.folder)["request"].get("prompt", "")
        except TexloomError as error:
            return failed(self, error)
        settings.prompt_text = None
        settings.prompt = prompt if isinstance(prompt, str) else settings.prompt
        starting.use_file(settings, Path(path))
        if not shelf.capabilities_of(settings).starts:
            self.report({"WARNING"}, iface("Choose a model that starts from pictures, in Models."))
        return {"FINISHED"}


class TEXLOOM_OT_lora_add(AddsFiles, bpy.types.Operator):
    """Add LoRAs to the model: .safetensors files made for it"""

    bl_idname = "texloom.lora_add"
    bl_label = "Add LoRA"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    filepath: StringProperty(name="File", description="A LoRA", subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def add(self, context: Any, file: str) -> None:
        loras.add(properties.of(context), file)


class _OnLora:
    @classmethod
    def poll(cls, context: Any) -> bool:
        if not properties.of(context).loras:
            cls.poll_message_set(iface("The list is empty"))  # type: ignore[attr-defined]
            return False
        return True


class TEXLOOM_OT_lora_remove(_OnLora, bpy.types.Operator):
    """Take the chosen LoRA out of the list; its file stays"""

    bl_idname = "texloom.lora_remove"
    bl_label = "Remove LoRA"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[Any]:
        settings = properties.of(context)
        index = min(settings.lora_index, len(settings.loras) - 1)
        settings.loras.remove(index)
        settings.lora_index = max(0, min(index, len(settings.loras) - 1))
        return {"FINISHED"}


class TEXLOOM_OT_lora_move(_OnLora, bpy.types.Operator):
    """Move the chosen LoRA up or down; they are added in this order"""

    bl_idname = "texloom.lora_move"
    bl_label = "Move LoRA"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    down: BoolProperty(name="Down", description="Move it down instead of up", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        settings = properties.of(context)
        here = settings.lora_index
        to = here + (1 if self.down else -1)
        if not 0 <= to < len(settings.loras):
            return {"CANCELLED"}
        settings.loras.move(here, to)
        settings.lora_index = to
        return {"FINISHED"}


CLASSES = (
    TEXLOOM_OT_start_from_object,
    TEXLOOM_OT_start_from_nothing,
    TEXLOOM_OT_library_variations,
    TEXLOOM_OT_lora_add,
    TEXLOOM_OT_lora_remove,
    TEXLOOM_OT_lora_move,
)
