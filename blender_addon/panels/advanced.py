# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seldom changed: model, seed, tiling, size of a tile."""

from __future__ import annotations

from typing import Any

from .. import properties
from .common import Part


class Advanced(Part):
    """What is seldom changed."""

    key = "advanced"
    bl_label = "Advanced"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's own form

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = properties.of(context)
        layout.prop(settings, "negative_prompt")
        layout.prop(settings, "prompt_text")
        layout.prop(settings, "model")
        if settings.model == "FOLDER":
            layout.prop(settings, "model_folder")
            layout.prop(settings, "steps")
            layout.prop(settings, "guidance_scale")
        row = layout.row(align=True)
        value = row.row(align=True)
        value.active = not settings.new_seed
        value.prop(settings, "seed")
        row.operator("texloom.roll_seed", text="", icon="FILE_REFRESH")
        row.prop(settings, "new_seed", text="", icon="MOD_NOISE")
        if settings.output != "PLANE":
            layout.prop(settings, "tiling")
            layout.prop(settings, "own_width")
            if settings.own_width:
                layout.prop(settings, "real_world_width")
