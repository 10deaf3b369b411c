# SPDX-License-Identifier: GPL-3.0-or-later
"""Which maps are made, and how strong they are in the material."""

from __future__ import annotations

from typing import Any

from .. import properties
from .common import Part


class Maps(Part):
    """Which maps are made."""

    key = "maps"
    bl_label = "Maps"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's own form

    def draw(self, context: Any) -> None:
        settings = properties.of(context)
        column = self.layout.column()
        column.active = settings.output == "MATERIAL"
        column.prop(settings, "maps")


PARTS: tuple[type[Part], ...] = (Maps,)
