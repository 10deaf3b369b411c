# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel's part "Models" shows: search and choice; of the interface, not of the file."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import BoolProperty, IntProperty, PointerProperty, StringProperty


def _filter_changed(self: Any, context: bpy.types.Context) -> None:
    self.first = 0


class TexloomModelsView(bpy.types.PropertyGroup):
    """Search and choice among the models."""

    search: StringProperty(
        name="Search",
        description="Words of name, maker, family or licence; every word must be found",
        options={"TEXTEDIT_UPDATE", "SKIP_SAVE"},
        update=_filter_changed,
    )  # type: ignore[valid-type]
    here: BoolProperty(
        name="On this machine",
        description="Show only what is downloaded or lies in a model folder",
        options={"SKIP_SAVE"},
        update=_filter_changed,
    )  # type: ignore[valid-type]
    first: IntProperty(min=0, options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    selected: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]


def of(context: Any) -> Any:
    """The panel's state."""
    return context.window_manager.texloom_models


def register() -> None:
    """Give the window manager the panel's state."""
    bpy.utils.register_class(TexloomModelsView)
    manager: Any = bpy.types.WindowManager
    manager.texloom_models = PointerProperty(type=TexloomModelsView)  # type: ignore[func-returns-value]


def unregister() -> None:
    """Take it back."""
    manager: Any = bpy.types.WindowManager
    del manager.texloom_models
    bpy.utils.unregister_class(TexloomModelsView)
