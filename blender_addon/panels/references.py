# SPDX-License-Identifier: GPL-3.0-or-later
"""Reference planes and image empties: the list, what is selected, adding."""

from __future__ import annotations

from typing import Any

import bpy

from .. import references as settings
from ..scene import planes, references
from ..scene.objects import metres_per_unit
from ..translations import iface
from .common import Part


class References(Part):
    """Pictures to model after."""

    key = "references"
    bl_label = "References"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's own form
    places = ("VIEW_3D",)

    def draw(self, context: Any) -> None:
        layout = self.layout
        _add(layout, context)
        found = settings.listed(context.scene)
        if found is None or not found.objects:
            return
        _list(layout, context, found)
        chosen = settings.targets(context)
        if chosen:
            _controls(layout, context, chosen)


def _add(layout: Any, context: Any) -> None:
    options = context.scene.texloom_references
    name = options.image if options.image in bpy.data.images else ""
    column = layout.column(align=True)
    row = column.row(align=True)
    row.prop_search(options, "image", bpy.data, "images", text="", icon="IMAGE_DATA")
    # Without an image a browser opens, for one file or several.
    text = "Add" if name else "Add from Files…"
    column.operator("texloom.reference_from_images", text=text, icon="IMAGE_REFERENCE").image = name
    text = "Split into Views" if name else "Turnaround…"
    action = column.operator("texloom.turnaround", text=text, icon="MESH_CUBE")
    # One picture is a set only when it holds several views.
    action.image, action.parts = name, 3 if name else 1
    column.operator("texloom.camera_background", icon="CAMERA_DATA").image = name


def _list(layout: Any, context: Any, found: Any) -> None:
    options = context.scene.texloom_references
    every = planes.collections(context.scene)
    if len(every) > 1:
        layout.prop_search(options, "collection", bpy.data, "collections", text="")
    column = layout.column(align=True)
    column.template_list("TEXLOOM_UL_references", "", found, "objects", options, "row", rows=3, maxrows=8)
    row = column.row(align=True)
    for text, lock, icon in (("Lock All", True, "LOCKED"), ("Unlock All", False, "UNLOCKED")):
        action = row.operator("texloom.reference_lock", text=text, icon=icon)
        action.lock, action.every = lock, True


def _controls(layout: Any, context: Any, chosen: list[bpy.types.Object]) -> None:
    options = context.scene.texloom_references
    first = chosen[0]
    kinds = {planes.kind(obj) for obj in chosen}
    box = layout.box()
    row = box.row()
    if len(chosen) > 1:
        row.label(text=iface("{count} references").format(count=len(chosen)), icon="RESTRICT_SELECT_OFF")
    else:
        row.label(text=first.name, icon=_icon(first), translate=False)
        row.label(text=_size(first, context.scene), translate=False)
    box.use_property_split = True
    box.use_property_decorate = False
    column = box.column()
    column.prop(options, "height")
    row = column.row(align=True)
    row.prop(options, "opacity")
    row.operator("texloom.reference_keyframe", text="", icon="KEYFRAME_HLT" if _animated(first) else "KEYFRAME")
    if "EMPTY" in kinds:
        column.prop(options, "views")
    flags = column.column(heading="Show")
    flags.prop(options, "in_front")
    flags.prop(options, "both_sides")
    if "PLANE" in kinds:
        flags.prop(options, "in_renders")
    row = box.row(align=True)
    locked = first.hide_select
    row.operator(
        "texloom.reference_lock", text="Unlock" if locked else "Lock", icon="UNLOCKED" if locked else "LOCKED"
    ).lock = not locked
    if kinds == {"EMPTY"}:
        row.operator("texloom.reference_convert", text="To Plane", icon="MESH_PLANE").kind = "PLANE"
    else:
        row.operator("texloom.reference_convert", text="To Image Empty", icon="IMAGE_REFERENCE").kind = "EMPTY"
    if len(chosen) > 1:
        box.operator("texloom.turnaround", text="Turnaround of These", icon="MESH_CUBE").from_selection = True
    shading = context.space_data.shading
    if "PLANE" in kinds and shading.type == "SOLID" and shading.color_type != "TEXTURE":
        box.operator("texloom.reference_solid", icon="TEXTURE")


def _size(obj: bpy.types.Object, scene: Any) -> str:
    """Width and height as the scene's units have it."""
    system = scene.unit_settings.system
    scale = metres_per_unit(scene)
    texts = []
    for value in references.size(obj):
        if system == "NONE":
            texts.append(f"{value:.4g}")
        else:
            texts.append(bpy.utils.units.to_string(system, "LENGTH", value * scale, precision=3, compatible_unit=False))
    return " × ".join(texts)


def _animated(obj: bpy.types.Object) -> bool:
    return obj.animation_data is not None and obj.animation_data.action is not None


def _icon(obj: bpy.types.Object) -> str:
    return "IMAGE_REFERENCE" if obj.type == "EMPTY" else "MESH_PLANE"


class TEXLOOM_UL_references(bpy.types.UIList):
    """References of a collection, each with its picture."""

    def draw_item(
        self, context: Any, layout: Any, data: Any, item: Any, icon: Any, active: Any, prop: Any, index: Any = 0,
        flag: Any = 0,
    ) -> None:  # fmt: skip
        picture = planes.picture(item)
        row = layout.row(align=True)
        shown = references.is_visible(item)
        name = row.row()
        name.active = shown
        split = name.split(factor=0.68)
        thumbnail = bpy.types.UILayout.icon(picture) if picture is not None else 0
        if thumbnail:
            split.prop(item, "name", text="", emboss=False, icon_value=thumbnail)
        else:
            split.prop(item, "name", text="", emboss=False, icon=_icon(item))
        split.prop(item, "texloom_opacity", text="", slider=True)
        row.operator(
            "texloom.reference_visibility", text="", icon="HIDE_OFF" if shown else "HIDE_ON", emboss=False
        ).object = item.name
        action = row.operator(
            "texloom.reference_lock", text="", icon="LOCKED" if item.hide_select else "UNLOCKED", emboss=False
        )
        action.object, action.lock = item.name, not item.hide_select
        row.operator("texloom.reference_delete", text="", icon="X", emboss=False).object = item.name

    def filter_items(self, context: Any, data: Any, prop: str) -> Any:
        objects = getattr(data, prop)
        wanted = self.filter_name.lower()
        flags = [
            self.bitflag_filter_item if references.is_reference(obj) and wanted in obj.name.lower() else 0
            for obj in objects
        ]
        if self.use_filter_invert and wanted:
            flags = [
                self.bitflag_filter_item if references.is_reference(obj) and not flag else 0
                for obj, flag in zip(objects, flags, strict=True)
            ]
        # Always by name: what is converted is another object, at the end of the collection.
        return flags, bpy.types.UI_UL_list.sort_items_by_name(objects)


class TEXLOOM_FH_references(bpy.types.FileHandler):
    """Image files dropped on a 3D viewport while the sidebar shows Texloom."""

    bl_idname = "TEXLOOM_FH_references"
    bl_label = "References"
    bl_import_operator = "texloom.reference_from_images"
    bl_file_extensions = ";".join(sorted(references.IMAGE_FILES))

    @classmethod
    def poll_drop(cls, context: Any) -> bool:
        # Blender has image empties for drops of its own; only who has this panel open wants the choice.
        area = context.area
        if area is None or area.type != "VIEW_3D":
            return False
        sidebar = next((region for region in area.regions if region.type == "UI"), None)
        return sidebar is not None and sidebar.width > 1 and sidebar.active_panel_category == "Texloom"


PARTS: tuple[type[Part], ...] = (References,)
CLASSES: tuple[Any, ...] = (TEXLOOM_UL_references, TEXLOOM_FH_references)
