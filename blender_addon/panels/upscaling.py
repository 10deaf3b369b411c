# SPDX-License-Identifier: GPL-3.0-or-later
"""How images and results are made larger: the settings, and the button for an image."""

from __future__ import annotations

from typing import Any

from .. import image_settings


def draw_settings(layout: Any, context: Any) -> None:
    """Factor, and what makes the pixels."""
    settings = image_settings.of(context)
    layout.prop(settings, "factor")
    layout.prop(settings, "upscaler")
    if settings.upscaler == "MODEL":
        layout.prop(settings, "upscale_strength", slider=True)


def draw(layout: Any, context: Any) -> None:
    """The settings and the button."""
    layout.separator()
    draw_settings(layout, context)
    layout.operator("texloom.upscale", icon="FULLSCREEN_ENTER")
    row = layout.row()
    row.use_property_split = False
    row.prop(image_settings.of(context), "in_place")
