# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps from any image, seamless images."""

from __future__ import annotations

from typing import Any

from .. import image_settings
from ..scene import sources
from ..translations import iface
from .common import Part, paragraph, text_width


class FromImage(Part):
    """Maps from any image, seamless images."""

    key = "from_image"
    bl_label = "From Image"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's own form

    def draw(self, context: Any) -> None:
        layout = self.layout
        settings = image_settings.of(context)
        image = image_settings.subject(context)
        if context.space_data is None or context.space_data.type != "IMAGE_EDITOR":
            layout.template_ID(settings, "image", open="image.open")
        problem = _say_image(layout, context, image)
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.enabled = image is not None and not problem
        column.prop(settings, "tiling")
        column.prop(settings, "size")
        column.prop(settings, "even_light")
        material = column.column(align=True)
        material.prop(settings, "output", text="Maps")
        material.prop(settings, "real_world_width")
        go = column.column()
        go.scale_y = 1.3
        go.operator("texloom.maps_from_image", icon="MATERIAL")
        seamless = column.column(align=True)
        row = seamless.row(align=True)
        half = row.row(align=True)
        half.enabled = settings.tiling != "NONE"
        half.operator("texloom.make_seamless", icon="MOD_LATTICE")
        half.operator("texloom.repair_seams", icon="MOD_MASK")
        seamless.operator("texloom.tile_preview", icon="MESH_GRID", depress=_repeats(context))
        half = seamless.row()
        half.enabled = settings.tiling != "NONE"
        half.use_property_split = False
        half.prop(settings, "replace_users")
        _draw_upscale(column.column(align=True), context)


def _draw_upscale(layout: Any, context: Any) -> None:
    layout.separator()
    image_settings.draw_upscale(layout, context)
    layout.operator("texloom.upscale", icon="FULLSCREEN_ENTER")
    row = layout.row()
    row.use_property_split = False
    row.prop(image_settings.of(context), "in_place")


def _say_image(layout: Any, context: Any, image: Any) -> str:
    """What the panel is about; returns why nothing can be made of it."""
    if image is None:
        shows = context.space_data is not None and context.space_data.type == "IMAGE_EDITOR"
        layout.label(text="Open an image here first" if shows else "Choose or open an image", icon="INFO")
        return ""
    problem = sources.problem(image)
    if problem:
        paragraph(layout, problem, text_width(context), "ERROR")
        return problem
    # Asking for the size of an image that was not read yet would read it, here in the middle of drawing.
    if image.has_data:
        text = iface("{name}, {width} × {height} pixels")
        text = text.format(name=image.name, width=image.size[0], height=image.size[1])
        layout.label(text=text, icon="IMAGE_DATA", translate=False)
    return ""


def _repeats(context: Any) -> bool:
    space = context.space_data
    return space is not None and space.type == "IMAGE_EDITOR" and space.show_repeat


PARTS: tuple[type[Part], ...] = (FromImage,)
