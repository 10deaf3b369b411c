# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on images of the file: maps from any image, seamless, a look at it repeated."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from .. import bridge, image_jobs, image_settings, tile_preview
from ..core.texloom.errors import RequestError, TexloomError
from ..entry import Entry
from ..image_settings import (
    IMAGE_OUTPUTS,
    IMAGE_SIZES,
    IMAGE_TEXT,
    LIGHT_TEXT,
    OUTPUT_TEXT,
    REPLACE_TEXT,
    SIZE_TEXT,
    TILING_TEXT,
    WIDTH_TEXT,
)
from ..properties import TILINGS
from ..reading import later
from ..scene.images import warm_up
from ..target import Placement, capture
from ..translations import iface
from .common import failed, not_begun, refused

TILE = {"XY": "xy", "X": "x", "Y": "y", "NONE": "none"}


class OnImage:
    """What the operators on an image share.  Properties that are not given come from the panel."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not bpy.data.images:
            cls.poll_message_set(iface("There is no image in this file yet"))  # type: ignore[attr-defined]
            return False
        return True

    def chosen(self, context: Any) -> Any:
        """The image.

        Raises:
            RequestError: there is none.
        """
        name = self.image  # type: ignore[attr-defined]
        found = bpy.data.images.get(name) if name else image_settings.subject(context)
        if found is None:
            raise RequestError(
                iface("There is no image {name}.").format(name=name) if name else iface("Choose an image first.")
            )
        return found

    def setting(self, context: Any, name: str) -> Any:
        """A property of the operator, or else of the panel."""
        given = self.properties.is_property_set(name)  # type: ignore[attr-defined]
        return getattr(self if given else image_settings.of(context), name)

    def run(self, context: Any, image: Any, placement: Placement, **options: Any) -> set[Any]:
        """Queue the job, and in the background wait for it."""
        size = self.setting(context, "size")
        entry = image_jobs.submit(
            image,
            placement,
            pictures=later(),
            tile=TILE[self.setting(context, "tiling")],
            size=None if size == "SOURCE" else int(size),
            even_light=self.setting(context, "even_light"),
            **options,
        )
        return self.queued(entry)

    def queued(self, entry: Entry) -> set[Any]:
        """In the background wait for the job; the operator's result."""
        if bpy.app.background:
            bridge.get().wait(entry)
        else:
            warm_up()
        if entry.problem:
            return refused(self, entry.problem, entry.advice)
        return {"FINISHED"}


class TEXLOOM_OT_maps_from_image(OnImage, bpy.types.Operator):
    """Make a PBR material of an image: seamless, with normal, height, roughness and metallic estimated from it"""

    bl_idname = "texloom.maps_from_image"
    bl_label = "Make PBR Material"

    image: StringProperty(name="Image", description=IMAGE_TEXT, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    output: EnumProperty(name="Output", description=OUTPUT_TEXT, items=IMAGE_OUTPUTS, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    size: EnumProperty(name="Size", description=SIZE_TEXT, items=IMAGE_SIZES, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    tiling: EnumProperty(name="Seamless", description=TILING_TEXT, items=TILINGS, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    even_light: BoolProperty(name="Even out light", description=LIGHT_TEXT, default=True, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    real_world_width: FloatProperty(
        name="Real width",
        description=WIDTH_TEXT,
        min=0.001,
        max=10000.0,
        default=1.0,
        subtype="DISTANCE",
        unit="LENGTH",
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        try:
            placement = capture(context, output=self.setting(context, "output"))
            width = image_settings.width_m(context, self.setting(context, "real_world_width"))
            return self.run(context, self.chosen(context), placement, kind="material", real_world_width=width)
        except TexloomError as error:
            return not_begun(self, error)


class TEXLOOM_OT_make_seamless(OnImage, bpy.types.Operator):
    """Make a new image of an image that repeats without a seam"""

    bl_idname = "texloom.make_seamless"
    bl_label = "Make Seamless"

    image: StringProperty(name="Image", description=IMAGE_TEXT, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    size: EnumProperty(name="Size", description=SIZE_TEXT, items=IMAGE_SIZES, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    tiling: EnumProperty(name="Seamless", description=TILING_TEXT, items=TILINGS, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    even_light: BoolProperty(name="Even out light", description=LIGHT_TEXT, default=True, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    replace_users: BoolProperty(name="Replace the image everywhere", description=REPLACE_TEXT, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        try:
            image = self.chosen(context)
            replace = self.setting(context, "replace_users")
            placement = image_jobs.made_from(capture(context, output="IMAGE"), image, replace_users=replace)
            if self.setting(context, "tiling") == "NONE":
                raise RequestError(iface("Choose a direction in which the image is to repeat."))
            return self.run(context, image, placement, kind="texture")
        except TexloomError as error:
            return not_begun(self, error)


class TEXLOOM_OT_tile_preview(OnImage, bpy.types.Operator):
    """Show an image repeated three times each way, or once again; outside image editors in a window of its own"""

    bl_idname = "texloom.tile_preview"
    bl_label = "Preview 3×3"

    image: StringProperty(name="Image", description=IMAGE_TEXT, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        try:
            image = self.chosen(context)
            if bpy.app.background:
                raise RequestError(iface("A preview needs a window."))
            if context.area is not None and context.area.type == "IMAGE_EDITOR":
                tile_preview.toggle(context.window, context.area, image)
            else:
                tile_preview.toggle_window(context, image)
        except TexloomError as error:
            return failed(self, error)
        return {"FINISHED"}


CLASSES = (TEXLOOM_OT_maps_from_image, TEXLOOM_OT_make_seamless, TEXLOOM_OT_tile_preview)
