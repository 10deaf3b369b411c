# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory and speed of large models, as the add-on's preferences say, told to the engine by its environment.

What stands at its default is not told: then the machine's own settings count.  Nothing here needs Blender.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .core.texloom import map_rows
from .core.texloom.errors import ModelInvalidError
from .core.texloom.settings import IDLE_MINUTES, VARIABLES

AUTOMATIC: Final = "AUTO"
ATTENTIONS: Final = (
    (AUTOMATIC, "Automatic", "What torch chooses for this machine"),
    ("_native_cudnn", "cuDNN", "Of NVIDIA's cuDNN, which comes with torch"),
    ("flash", "FlashAttention 2", "Needs the package flash-attn in the engine's Python"),
    ("_flash_3", "FlashAttention 3", "For Hopper cards; needs the package flash-attn-interface in the engine's Python"),
    ("sage", "SageAttention", "Faster and a little less exact; needs the package sageattention in the engine's Python"),
    ("xformers", "xFormers", "Needs the package xformers in the engine's Python"),
)
"""The ways to compute attention that diffusers has a name for, none of which downloads code."""


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """What the engine is told; see :class:`~.core.texloom.settings.Settings`.

    Attributes:
        map_models: folders of Marigold models.
        idle_minutes: how long a model stays in memory unused; 0: for ever.
        memory_gb: the most memory that models may take; 0: no limit.
        step_cache: how little may change in a step that is left out; 0: none is.
        compile: whether networks are compiled.
        attention: name of diffusers for a way to compute attention, empty for torch's own.
    """

    map_models: tuple[str, ...] = ()
    idle_minutes: int = int(IDLE_MINUTES)
    memory_gb: float = 0.0
    step_cache: float = 0.0
    compile: bool = False
    attention: str = ""

    def environment(self) -> Mapping[str, str]:
        """Variables for the engine's process."""
        told = {
            "map_models": os.pathsep.join(self.map_models),
            "idle_minutes": "" if self.idle_minutes == IDLE_MINUTES else str(self.idle_minutes),
            "memory_gb": f"{self.memory_gb:g}" if self.memory_gb > 0.0 else "",
            "step_cache": f"{self.step_cache:.3g}" if self.step_cache > 0.0 else "",
            "compile": "on" if self.compile else "",
            "attention": self.attention,
        }
        return {VARIABLES[name]: text for name, text in told.items() if text}


def check_map_model(folder: Path) -> None:
    """See that a folder holds a Marigold model.

    Raises:
        ModelInvalidError: it does not.
    """
    if not map_rows.is_map_model(folder):
        raise ModelInvalidError(
            f"{folder} holds no Marigold model.",
            advice="Choose folders of Marigold models for normals, depth or appearance.",
        )


def draw(layout: Any, preferences: Any) -> None:
    """The fields of memory and speed, for the preferences and for the panel."""
    layout.label(text="Memory and Speed of Large Models", icon="MEMORY")
    column = layout.column()
    column.prop(preferences, "idle_minutes")
    column.prop(preferences, "memory_gb")
    column.prop(preferences, "step_cache", slider=True)
    column.prop(preferences, "attention")
    column.prop(preferences, "compile")
    hint = column.row()
    hint.active = False
    hint.label(text="Holds from the next job on.", icon="INFO")
