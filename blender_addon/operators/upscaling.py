# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that make images, results and materials larger."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from .. import image_jobs, image_settings, library_view, properties, shelf, tune, upscaling
from ..core.texloom.errors import RequestError, TexloomError
from ..image_settings import FACTOR_TEXT, IN_PLACE_TEXT, UPSCALE_STRENGTH_TEXT, UPSCALER_TEXT, UPSCALERS
from ..reading import later
from ..scene import adjust
from ..target import capture
from ..translations import iface
from .common import not_begun
from .images import OnImage


class _Upscale(OnImage):
    """What the operators share.  Properties that are not given come from the panel."""

    factor: FloatProperty(
        name="Factor",
        description=FACTOR_TEXT,
        min=1.1,
        max=4.0,
        default=2.0,
        step=50,
        precision=2,
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]
    upscaler: EnumProperty(name="By", description=UPSCALER_TEXT, items=UPSCALERS, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    upscale_strength: FloatProperty(
        name="Strength",
        description=UPSCALE_STRENGTH_TEXT,
        min=0.0,
        max=1.0,
        default=0.3,
        subtype="FACTOR",
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]

    def invoke(self, context: Any, event: Any) -> set[Any]:
        """Ask for the settings first."""
        return set(context.window_manager.invoke_props_dialog(self, width=320, confirm_text=iface("Upscale")))

    def draw(self, context: Any) -> None:
        layout: Any = self.layout  # type: ignore[attr-defined]
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        image_settings.draw_upscale(column, context)

    def asked(self, context: Any) -> dict[str, Any]:
        """Model, factor and what else the panel says of them.

        Raises:
            RequestError: the chosen model cannot upscale.
        """
        found: dict[str, Any] = {"factor": round(float(self.setting(context, "factor")), 4)}
        if self.setting(context, "upscaler") == "LIGHT":
            return found
        panel = properties.of(context)
        if not shelf.capabilities_of(panel).upscales:
            raise RequestError(iface("Choose a model that draws over pictures, in Models."))
        if panel.new_seed:
            panel.roll()
        # Everything but size and picture is as for Generate: model, LoRAs, steps, guidance.
        request = panel.request("upscale")
        return found | {
            "model": request.model,
            "strength": float(self.setting(context, "upscale_strength")),
            "negative_prompt": request.negative_prompt,
            "seed": request.seed,
            "steps": request.steps,
            "guidance_scale": request.guidance_scale,
            "loras": request.loras,
            "preview_interval": request.preview_interval,
        }


class TEXLOOM_OT_upscale(_Upscale, bpy.types.Operator):
    """Make a new image of an image with more pixels"""

    bl_idname = "texloom.upscale"
    bl_label = "Upscale"

    image: StringProperty(name="Image", description=image_settings.IMAGE_TEXT, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    prompt: StringProperty(
        name="Prompt", description="What is to be seen; empty for the panel's prompt", options={"SKIP_SAVE"}
    )  # type: ignore[valid-type]
    in_place: BoolProperty(name="In place of the image", description=IN_PLACE_TEXT, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def invoke(self, context: Any, event: Any) -> set[Any]:
        # The settings stand right above the button.
        return self.execute(context)

    def execute(self, context: Any) -> set[Any]:
        try:
            image = self.chosen(context)
            options = self.asked(context)
            written = self.prompt.strip() or properties.of(context).effective_prompt.strip()
            if "model" in options and written:
                options["prompt"] = written
            in_place = self.setting(context, "in_place")
            placement = image_jobs.made_from(
                capture(context, output="IMAGE"), image, replace_users=in_place, made="upscaled"
            )
            return self.queued(upscaling.submit_image(image, placement, pictures=later(), **options))
        except TexloomError as error:
            return not_begun(self, error)


class TEXLOOM_OT_library_upscale(_Upscale, bpy.types.Operator):
    """Make all maps of this result larger, into a result of its own; materials that show it show the larger one"""

    bl_idname = "texloom.library_upscale"
    bl_label = "Upscale Result"

    folder: StringProperty(
        name="Folder",
        description="Name of the result's folder in the library; empty for the one chosen in the panel",
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]
    index: IntProperty(name="Variation", description="Which variation, from 0", min=0, options={"SKIP_SAVE"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        return True

    def execute(self, context: Any) -> set[Any]:
        try:
            card = library_view.card_of(context, self.folder)
            return self.queued(upscaling.submit_result(card.folder, self.index, **self.asked(context)))
        except TexloomError as error:
            return not_begun(self, error)


class TEXLOOM_OT_upscale_material(_Upscale, bpy.types.Operator):
    """Make the maps of the active material larger; sliders and nodes of your own stay, and so does its real size"""

    bl_idname = "texloom.upscale_material"
    bl_label = "Upscale Material"

    @classmethod
    def poll(cls, context: Any) -> bool:
        problem = adjust.problem(tune.material_of(context))
        if problem:
            cls.poll_message_set(problem)  # type: ignore[attr-defined]
        return not problem

    def execute(self, context: Any) -> set[Any]:
        try:
            return self.queued(upscaling.submit_material(tune.material_of(context), **self.asked(context)))
        except TexloomError as error:
            return not_begun(self, error)


CLASSES = (TEXLOOM_OT_upscale, TEXLOOM_OT_library_upscale, TEXLOOM_OT_upscale_material)
