# SPDX-License-Identifier: GPL-3.0-or-later
"""Where results go: slots, images, relief, reference planes."""

from __future__ import annotations

from typing import Any

from .. import preferences, properties
from .common import Part


class Placement(Part):
    """Where results go."""

    key = "placement"
    bl_label = "Placement"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's own form

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = properties.of(context)
        options = preferences.get_registered()
        if settings.output == "PLANE":
            layout.prop(settings, "plane_height")
            layout.prop(settings, "plane_facing")
            _draw_look(layout, context.scene.texloom_references)
        if options is not None:
            layout.prop(options, "store")
            if settings.output == "MATERIAL":
                layout.prop(options, "displacement")
                layout.prop(options, "slot")


def _draw_look(layout: Any, look: Any) -> None:
    """How the plane will look."""
    layout.prop(look, "new_kind")
    layout.prop(look, "new_opacity")
    if look.new_kind == "EMPTY":
        layout.prop(look, "new_views")
    column = layout.column(heading="Show")
    column.prop(look, "new_in_front")
    column.prop(look, "new_both_sides")
    if look.new_kind == "PLANE":
        column.prop(look, "new_in_renders")
    layout.prop(look, "new_locked")
