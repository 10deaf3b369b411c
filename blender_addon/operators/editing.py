# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that change an image by words: parts of it, its sides, its seams; and the mask for them."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from .. import image_jobs, image_settings, looks, properties, shelf
from ..core.texloom.errors import RequestError, TexloomError
from ..image_settings import EDIT_STRENGTH_TEXT, EDIT_TILING_TEXT, GROW_TEXT, IN_PLACE_TEXT, MASKS
from ..properties import TILINGS
from ..reading import later
from ..scene import masks
from ..target import capture
from ..translations import iface
from .common import failed, not_begun
from .images import TILE, OnImage

_SIDES = ("left", "right", "top", "bottom")
_PROMPT_TEXT = "What is to be seen; empty for the panel's prompt"
_REPAIR_PROMPT = "seamless texture"
_WHOLE = 0.9999


class _Edit(OnImage):
    """What the operators share.  Properties that are not given come from the panel."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not super().poll(context):
            return False
        if not shelf.capabilities_of(properties.of(context)).fills:
            cls.poll_message_set(iface("Choose a model that fills in parts of pictures, in Models"))  # type: ignore[attr-defined]
            return False
        return True

    def words(self, context: Any, default: str = "") -> str:
        """The prompt.

        Raises:
            RequestError: there is none.
        """
        settings = properties.of(context)
        written = self.prompt.strip() or settings.effective_prompt.strip() or default  # type: ignore[attr-defined]
        if not written:
            raise RequestError(iface("Type what to make first"))
        return str(written)

    def edit(self, context: Any, operation: str, made: str, prompt: str, tiling: str, **options: Any) -> set[Any]:
        """Queue the job, and in the background wait for it."""
        image = self.chosen(context)
        panel = properties.of(context)
        if panel.new_seed:
            panel.roll()
        in_place = self.setting(context, "in_place")
        placement = image_jobs.made_from(capture(context, output="IMAGE"), image, replace_users=in_place, made=made)
        # Everything but size and picture is as for Generate: model, LoRAs, look, steps, guidance.
        asked = panel.request(prompt)
        heeds = shelf.capabilities_of(panel)
        entry = image_jobs.submit_edit(
            image,
            placement,
            prompt,
            pictures=later(),
            model=asked.model,
            operation=operation,
            tile=TILE[tiling],
            negative_prompt=asked.negative_prompt,
            seed=asked.seed,
            steps=asked.steps,
            guidance_scale=asked.guidance_scale,
            loras=asked.loras,
            **looks.options(panel, style=heeds.look, words=heeds.words),
            preview_interval=asked.preview_interval,
            **options,
        )
        return self.queued(entry)

    def strength(self, context: Any) -> float | None:
        """How much is drawn anew; None for all of it, as not every model can do less."""
        value = float(self.setting(context, "edit_strength"))
        return None if value > _WHOLE else value


class TEXLOOM_OT_inpaint(_Edit, bpy.types.Operator):
    """Draw parts of an image anew from the prompt; all else stays as it is, to the last bit"""

    bl_idname = "texloom.inpaint"
    bl_label = "Draw Masked Parts"

    image: StringProperty(name="Image", description=image_settings.IMAGE_TEXT, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    prompt: StringProperty(name="Prompt", description=_PROMPT_TEXT, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    mask: EnumProperty(name="Draw", description="Where something new is drawn", items=MASKS, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    edit_strength: FloatProperty(
        name="Strength",
        description=EDIT_STRENGTH_TEXT,
        min=0.0,
        max=1.0,
        default=1.0,
        subtype="FACTOR",
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]
    edit_tiling: EnumProperty(
        name="Repeats", description=EDIT_TILING_TEXT, items=TILINGS, default="NONE", options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]
    in_place: BoolProperty(name="In place of the image", description=IN_PLACE_TEXT, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        settings = image_settings.of(context)
        try:
            mask = None
            if self.setting(context, "mask") == "IMAGE":
                mask = settings.mask_image
                if mask is None:
                    raise RequestError(iface("Choose a mask, or make one first."))
            return self.edit(
                context,
                "inpaint",
                "edited",
                self.words(context),
                self.setting(context, "edit_tiling"),
                mask=mask,
                masked=settings.masked_image,
                strength=self.strength(context),
            )
        except TexloomError as error:
            return not_begun(self, error)


class TEXLOOM_OT_outpaint(_Edit, bpy.types.Operator):
    """Make an image larger: what is added on its sides is drawn from the prompt"""

    bl_idname = "texloom.outpaint"
    bl_label = "Extend"

    image: StringProperty(name="Image", description=image_settings.IMAGE_TEXT, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    prompt: StringProperty(name="Prompt", description=_PROMPT_TEXT, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    left: FloatProperty(
        name="Left", description=GROW_TEXT, min=0.0, max=2.0, default=0.25, subtype="FACTOR", options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]
    right: FloatProperty(
        name="Right", description=GROW_TEXT, min=0.0, max=2.0, default=0.25, subtype="FACTOR", options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]
    top: FloatProperty(
        name="Top", description=GROW_TEXT, min=0.0, max=2.0, default=0.25, subtype="FACTOR", options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]
    bottom: FloatProperty(
        name="Bottom", description=GROW_TEXT, min=0.0, max=2.0, default=0.25, subtype="FACTOR", options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]
    in_place: BoolProperty(name="In place of the image", description=IN_PLACE_TEXT, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        try:
            expand = tuple(float(self.setting(context, side)) for side in _SIDES)
            return self.edit(context, "outpaint", "extended", self.words(context), "NONE", expand=expand)
        except TexloomError as error:
            return not_begun(self, error)


class TEXLOOM_OT_repair_seams(_Edit, bpy.types.Operator):
    """Make an image repeat without a seam by drawing it anew where its sides meet; the rest stays as it is"""

    bl_idname = "texloom.repair_seams"
    bl_label = "Repair Seams"

    image: StringProperty(name="Image", description=image_settings.IMAGE_TEXT, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    prompt: StringProperty(name="Prompt", description=_PROMPT_TEXT, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    tiling: EnumProperty(name="Seamless", description=image_settings.TILING_TEXT, items=TILINGS, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    replace_users: BoolProperty(
        name="Replace the image everywhere", description=image_settings.REPLACE_TEXT, options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]

    def setting(self, context: Any, name: str) -> Any:
        # Beside Make Seamless, whose switch it shares.
        return super().setting(context, "replace_users" if name == "in_place" else name)

    def execute(self, context: Any) -> set[Any]:
        try:
            tiling = self.setting(context, "tiling")
            if tiling == "NONE":
                raise RequestError(iface("Choose a direction in which the image is to repeat."))
            words = self.words(context, _REPAIR_PROMPT)
            return self.edit(context, "repair_seams", "seamless", words, tiling)
        except TexloomError as error:
            return not_begun(self, error)


class TEXLOOM_OT_make_mask(OnImage, bpy.types.Operator):
    """Make a copy of the image to paint on, in any color: what is painted over is drawn anew"""

    bl_idname = "texloom.make_mask"
    bl_label = "Paint a Mask"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender's own form

    image: StringProperty(name="Image", description=image_settings.IMAGE_TEXT, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        settings = image_settings.of(context)
        try:
            image = self.chosen(context)
            mask = masks.make(image)
        except TexloomError as error:
            return failed(self, error)
        settings.mask, settings.mask_image, settings.masked_image = "IMAGE", mask, image
        space = _editor(context)
        if space is not None:
            space.image, space.mode = mask, "PAINT"
        else:
            self.report({"INFO"}, iface("Paint on {name} in an image editor.").format(name=mask.name))
        return {"FINISHED"}


class TEXLOOM_OT_leave_mask(bpy.types.Operator):
    """Show the image again instead of its mask; what was painted stays"""

    bl_idname = "texloom.leave_mask"
    bl_label = "Show the Image"

    def execute(self, context: Any) -> set[Any]:
        space, settings = _editor(context), image_settings.of(context)
        if space is None or settings.masked_image is None:
            return {"CANCELLED"}
        space.mode, space.image = "VIEW", settings.masked_image
        return {"FINISHED"}


def _editor(context: Any) -> Any:
    """The image editor that one works in, else the first one in sight; None where there is none."""
    space = context.space_data
    if space is not None and space.type == "IMAGE_EDITOR":
        return space
    areas = context.screen.areas if context.screen is not None else ()
    return next((area.spaces.active for area in areas if area.type == "IMAGE_EDITOR"), None)


CLASSES = (
    TEXLOOM_OT_inpaint,
    TEXLOOM_OT_outpaint,
    TEXLOOM_OT_repair_seams,
    TEXLOOM_OT_make_mask,
    TEXLOOM_OT_leave_mask,
)
