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
        if options is not None:
            layout.prop(options, "store")
            if settings.output == "MATERIAL":
                layout.prop(options, "displacement")
                layout.prop(options, "slot")
