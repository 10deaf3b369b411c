# SPDX-License-Identifier: GPL-3.0-or-later
"""Change an image by words: masked parts, and its sides."""

from __future__ import annotations

from typing import Any

from .. import image_settings, properties, shelf
from ..scene import sources
from ..translations import iface
from .common import Part, paragraph, text_width


class EditImage(Part):
    """Change an image by words."""

    key = "edit_image"
    bl_label = "Edit Image"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's own form

    @classmethod
    def shown(cls, context: Any) -> bool:
        # Its home is the image editor; elsewhere it shows up with a model that can.
        space = context.space_data
        at_home = space is not None and space.type == "IMAGE_EDITOR"
        return at_home or shelf.capabilities_of(properties.of(context)).fills

    def draw(self, context: Any) -> None:
        layout = self.layout
        settings = image_settings.of(context)
        image = image_settings.subject(context)
        space = context.space_data
        in_editor = space is not None and space.type == "IMAGE_EDITOR"
        if not shelf.capabilities_of(properties.of(context)).fills:
            said = iface("Choose a model that fills in parts of pictures, in Models.")
            paragraph(layout, said, text_width(context), "INFO")
        if not in_editor:
            layout.template_ID(settings, "image", open="image.open")
        if image is None:
            layout.label(text="Open an image here first" if in_editor else "Choose or open an image", icon="INFO")
            return
        problem = sources.problem(image)
        if problem:
            paragraph(layout, problem, text_width(context), "ERROR")
            return
        layout.label(text=image.name, icon="IMAGE_DATA", translate=False)
        if properties.of(context).written.strip():
            layout.label(text=f"“{properties.of(context).written[:60]}”", icon="BLANK1", translate=False)
        masking = in_editor and space.image is not None and space.image == settings.mask_image
        if masking:
            said = iface("Paint over what is to be drawn anew, in any color.")
            paragraph(layout, said, text_width(context), "BRUSH_DATA")
        _draw_parts(layout, settings, masking=masking)
        _draw_sides(layout, settings)
        layout.prop(settings, "in_place")


def _draw_parts(layout: Any, settings: Any, *, masking: bool) -> None:
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "mask")
    if settings.mask == "IMAGE":
        column.prop(settings, "mask_image")
    column.prop(settings, "edit_strength", slider=True)
    column.prop(settings, "edit_tiling")
    row = layout.row(align=True)
    row.operator("texloom.make_mask", icon="BRUSH_DATA")
    if masking:
        row.operator("texloom.leave_mask", text="", icon="LOOP_BACK")
    go = layout.column()
    go.scale_y = 1.3
    go.operator("texloom.inpaint", icon="MOD_MASK")


def _draw_sides(layout: Any, settings: Any) -> None:
    layout.separator()
    grid = layout.grid_flow(row_major=True, columns=2, even_columns=True, align=True)
    for side in ("left", "right", "top", "bottom"):
        grid.prop(settings, side, slider=True)
    layout.operator("texloom.outpaint", icon="FULLSCREEN_ENTER")


PARTS: tuple[type[Part], ...] = (EditImage,)
