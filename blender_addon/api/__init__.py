# SPDX-License-Identifier: GPL-3.0-or-later
"""Texloom from Python inside Blender; the panel itself uses the same functions.

    import bpy
    from bl_ext.user_default.texloom import api

    made = api.generate("mossy cobblestone, wet", target=bpy.context.object, size=2048)
    print(made.material, made.folder)

    wall = bpy.data.images["wall.jpg"]  # or the path of a picture
    api.make_seamless(wall, replace_users=True)
    api.maps_from_image(wall, target=bpy.context.object, real_world_width=2.5)

    api.download_model("sdxl", accept_terms=True)
    api.generate("mossy", source=wall, strength=0.5, model="sdxl", loras=[("moss.safetensors", 0.7)])
    api.generate("brick wall", style_image=wall)  # in its colors; with other models its whole look
    api.inpaint(wall, "a drain", model="sdxl")  # its transparent places
    form = api.form_picture("depth")  # what the camera sees
    api.generate("a mossy ruin", model="sdxl", controls=[("depth", form, 0.8)], tile_x=False, tile_y=False)
    api.upscale(made.folder, 2)  # all maps, in the same material

:func:`generate` waits for the result, :func:`submit` does not: in a window, where waiting would freeze Blender,
use ``submit``; the result is put into the scene when it is there.
"""

from __future__ import annotations

from .changing import extend, inpaint, paint_mask, repair_seams, submit_edit
from .editing import replace, tune
from .exporting import Exported, brush_texture, export_set, world_background
from .forming import form_picture
from .generation import KINDS, Generated, Job, ReferenceLook, apply, generate, submit
from .keeping import library, save_asset
from .modelling import delete_model, download_model, models, use_model
from .picturing import make_seamless, maps_from_image, submit_image
from .prompting import prompt_history, restore, styled, styles, use_style
from .referencing import camera_background, reference_from_images, turnaround
from .upscaling import submit_upscale, upscale

__all__ = [
    "KINDS", "Exported", "Generated", "Job", "ReferenceLook", "apply", "brush_texture", "camera_background",
    "delete_model", "download_model", "export_set", "extend",
    "form_picture",
    "generate", "inpaint", "library", "make_seamless", "maps_from_image", "models", "paint_mask", "prompt_history",
    "reference_from_images", "repair_seams", "replace",
    "restore", "save_asset", "styled", "styles", "submit", "submit_edit", "submit_image", "submit_upscale",
    "tune", "turnaround", "upscale", "use_model", "use_style", "world_background",
]  # fmt: skip
