# SPDX-License-Identifier: GPL-3.0-or-later
"""The stack of LoRAs in the scene: files with weights, each of which can be switched off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import bpy
from bpy.props import BoolProperty, FloatProperty, StringProperty

from .core.texloom.errors import RequestError
from .core.texloom.request import LORA_RANGE, MAX_LORAS, Lora
from .list_lines import Lines
from .translations import iface

SUFFIX: Final = ".safetensors"


class TexloomLora(bpy.types.PropertyGroup):
    """One LoRA of the stack."""

    file: StringProperty(
        name="LoRA",
        description="A .safetensors file that changes the model's weights: a style, a subject, fewer steps",
        subtype="FILE_PATH",
    )  # type: ignore[valid-type]
    weight: FloatProperty(
        name="Weight",
        description="How much of it is added; 1 as it was trained, below 0 its opposite",
        min=LORA_RANGE[0],
        max=LORA_RANGE[1],
        soft_min=0.0,
        soft_max=1.5,
        default=1.0,
    )  # type: ignore[valid-type]
    use: BoolProperty(name="Use", description="Whether it is added at all", default=True)  # type: ignore[valid-type]


class TEXLOOM_UL_loras(Lines, bpy.types.UIList):
    """The stack, in the order in which it is added"""

    def line(self, row: Any, item: Any, index: int) -> None:
        self.name(row, item, bpy.path.display_name_from_filepath(item.file) or iface("No file"))
        self.amount(row, item, "weight")


def of(settings: Any) -> tuple[Lora, ...]:
    """Those that are switched on, as a request wants them.

    Raises:
        RequestError: the same file twice, or too many.
    """
    return tuple(Lora(bpy.path.abspath(item.file), item.weight) for item in settings.loras if item.use and item.file)


def add(settings: Any, file: str, weight: float = 1.0) -> None:
    """Put one more at the end of the stack.

    Raises:
        RequestError: it stands there already, is no safetensors file, or there are :data:`.request.MAX_LORAS`.
    """
    if Path(file).suffix.lower() != SUFFIX:
        raise RequestError(iface("{file} is no .safetensors file; others may run any program.").format(file=file))
    if len(settings.loras) >= MAX_LORAS:
        raise RequestError(iface("There is room for {count} LoRAs.").format(count=MAX_LORAS))
    wanted = bpy.path.abspath(file)
    if any(bpy.path.abspath(item.file) == wanted for item in settings.loras):
        raise RequestError(iface("{file} is in the list already.").format(file=Path(file).name))
    item = settings.loras.add()
    item.file, item.weight = file, weight
    settings.lora_index = len(settings.loras) - 1


def put(settings: Any, loras: Sequence[Lora]) -> None:
    """Let the stack be exactly these."""
    settings.loras.clear()
    for lora in loras:
        item = settings.loras.add()
        item.file, item.weight = lora.file, lora.weight
    settings.lora_index = 0


def register() -> None:
    """Make them known to Blender."""
    bpy.utils.register_class(TexloomLora)
    bpy.utils.register_class(TEXLOOM_UL_loras)


def unregister() -> None:
    """Take them back."""
    bpy.utils.unregister_class(TEXLOOM_UL_loras)
    bpy.utils.unregister_class(TexloomLora)
