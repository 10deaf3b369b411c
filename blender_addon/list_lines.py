# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of the panel's lists: each can be switched off, and has a name and perhaps an amount."""

from __future__ import annotations

from typing import Any


class Lines:
    """Draws the lines of a list of Blender's; what they show is for :meth:`line`."""

    def draw_item(
        self,
        context: Any,
        layout: Any,
        data: Any,
        item: Any,
        icon: int | None,
        active_data: Any,
        active_property: str | None,
        index: int | None = 0,
        flt_flag: int | None = 0,
    ) -> None:
        """Blender draws one line."""
        row = layout.row(align=True)
        row.prop(item, "use", text="")
        self.line(row, item, index or 0)

    def line(self, row: Any, item: Any, index: int) -> None:
        """Draw what stands behind the switch of line ``index``."""
        raise NotImplementedError

    @staticmethod
    def name(row: Any, item: Any, text: str, icon: str = "NONE") -> None:
        """The name, pale where the line is switched off."""
        part = row.row()
        part.active = item.use
        part.label(text=text, icon=icon, translate=False)

    @staticmethod
    def amount(row: Any, item: Any, name: str) -> None:
        """A number at the end of the line."""
        part = row.row()
        part.ui_units_x = 3.2
        part.active = item.use
        part.prop(item, name, text="")
