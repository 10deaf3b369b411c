# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel's part "From Image" asks for, kept in the scene."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, PointerProperty

from .properties import SIZES, TILINGS
from .scene.objects import metres_per_unit

IMAGE_SIZES = (
    ("SOURCE", "As the image", "As many pixels as the image has"),
    *((key, name, text) for key, name, text in SIZES if key != "CUSTOM"),
)
IMAGE_OUTPUTS = (
    ("MATERIAL", "Material", "A material of all maps on the selected objects", "MATERIAL", 0),
    ("IMAGE", "Images only", "Images, without touching any object", "IMAGE_DATA", 1),
)
OUTPUT_TEXT = "What becomes of the maps in the scene"
SIZE_TEXT = "Pixels of the longer side; the proportions stay"
TILING_TEXT = "Directions in which the result repeats without a seam"
LIGHT_TEXT = (
    "Level light that changes slowly over the picture, such as a dark corner; it would show wherever it repeats"
)
WIDTH_TEXT = "Real width of everything that the picture shows"
MASKS = (
    ("ALPHA", "Transparent places", "Draw where the image is transparent", "IMAGE_ALPHA", 0),
    ("IMAGE", "Mask image", "Draw where a mask is painted", "MOD_MASK", 1),
)
EDIT_STRENGTH_TEXT = "How much is drawn anew: 0 leaves the image as it is, at 1 only the words count"
GROW_TEXT = "How much is added on this side, in parts of the image's width or height"
EDIT_TILING_TEXT = "Directions in which the image repeats; what is drawn goes on across its sides"
MASK_TEXT = "Image that is white where something new is drawn, or a copy of the image that was painted over"
IMAGE_TEXT = "Name of the image; empty for the one that is shown or picked"
REPLACE_TEXT = "Whatever uses the image uses the seamless one from then on; the image itself stays in the file"
IN_PLACE_TEXT = "Whatever uses the image uses the changed one from then on; the image itself stays in the file"
UPSCALERS = (
    (
        "LIGHT",
        "Texloom's own",
        "A small network that comes with Texloom; nothing is made up",
        "IMAGE_DATA",
        0,
    ),
    ("MODEL", "Chosen model", "The model chosen in the panel draws detail of its own over the result", "SHADERFX", 1),
)
FACTOR_TEXT = "How many times as many pixels each way"
UPSCALER_TEXT = "What makes the pixels"
UPSCALE_STRENGTH_TEXT = "How much the model draws anew: little adds detail, much changes what is shown"


class TexloomImageSettings(bpy.types.PropertyGroup):
    """What to make of an image."""

    image: PointerProperty(name="Image", description="The image to make something of", type=bpy.types.Image)  # type: ignore[valid-type]
    output: EnumProperty(name="Output", description=OUTPUT_TEXT, items=IMAGE_OUTPUTS, default="MATERIAL")  # type: ignore[valid-type]
    size: EnumProperty(name="Size", description=SIZE_TEXT, items=IMAGE_SIZES, default="SOURCE")  # type: ignore[valid-type]
    tiling: EnumProperty(name="Seamless", description=TILING_TEXT, items=TILINGS, default="XY")  # type: ignore[valid-type]
    even_light: BoolProperty(name="Even out light", description=LIGHT_TEXT, default=True)  # type: ignore[valid-type]
    real_world_width: FloatProperty(
        name="Real width",
        description=WIDTH_TEXT,
        min=0.001,
        max=10000.0,
        default=1.0,
        subtype="DISTANCE",
        unit="LENGTH",
    )  # type: ignore[valid-type]
    replace_users: BoolProperty(name="Replace the image everywhere", description=REPLACE_TEXT)  # type: ignore[valid-type]
    # To change an image by words.
    mask: EnumProperty(name="Draw", description="Where something new is drawn", items=MASKS, default="ALPHA")  # type: ignore[valid-type]
    mask_image: PointerProperty(name="Mask", description=MASK_TEXT, type=bpy.types.Image)  # type: ignore[valid-type]
    masked_image: PointerProperty(
        name="Masked image", description="The image that the mask was painted over", type=bpy.types.Image
    )  # type: ignore[valid-type]
    edit_strength: FloatProperty(
        name="Strength", description=EDIT_STRENGTH_TEXT, min=0.0, max=1.0, default=1.0, subtype="FACTOR"
    )  # type: ignore[valid-type]
    edit_tiling: EnumProperty(name="Repeats", description=EDIT_TILING_TEXT, items=TILINGS, default="NONE")  # type: ignore[valid-type]
    in_place: BoolProperty(name="In place of the image", description=IN_PLACE_TEXT)  # type: ignore[valid-type]
    # To make images and results larger.
    factor: FloatProperty(name="Factor", description=FACTOR_TEXT, min=1.1, max=4.0, default=2.0, step=50, precision=2)  # type: ignore[valid-type]
    upscaler: EnumProperty(name="By", description=UPSCALER_TEXT, items=UPSCALERS, default="LIGHT")  # type: ignore[valid-type]
    upscale_strength: FloatProperty(
        name="Strength", description=UPSCALE_STRENGTH_TEXT, min=0.0, max=1.0, default=0.3, subtype="FACTOR"
    )  # type: ignore[valid-type]
    left: FloatProperty(name="Left", description=GROW_TEXT, min=0.0, max=2.0, default=0.25, subtype="FACTOR")  # type: ignore[valid-type]
    right: FloatProperty(name="Right", description=GROW_TEXT, min=0.0, max=2.0, default=0.25, subtype="FACTOR")  # type: ignore[valid-type]
    top: FloatProperty(name="Top", description=GROW_TEXT, min=0.0, max=2.0, default=0.25, subtype="FACTOR")  # type: ignore[valid-type]
    bottom: FloatProperty(name="Bottom", description=GROW_TEXT, min=0.0, max=2.0, default=0.25, subtype="FACTOR")  # type: ignore[valid-type]


def of(context: Any) -> Any:
    """The settings of the context's scene."""
    return context.scene.texloom_images


def draw_upscale(layout: Any, context: Any) -> None:
    """How images and results are made larger: factor, and what makes the pixels."""
    settings = of(context)
    layout.prop(settings, "factor")
    layout.prop(settings, "upscaler")
    if settings.upscaler == "MODEL":
        layout.prop(settings, "upscale_strength", slider=True)


def subject(context: Any) -> Any:
    """The image that the panel is about: the one shown in an image editor, elsewhere the one picked; may be None.

    While its mask is painted there, it is still the image below.
    """
    space = context.space_data
    settings = of(context)
    if space is None or space.type != "IMAGE_EDITOR":
        return settings.image
    below = settings.masked_image
    return below if below is not None and space.image == settings.mask_image else space.image


def width_m(context: Any, width: float) -> float:
    """A length of the properties, which hold Blender units, in metres."""
    return width * metres_per_unit(context.scene)


def register() -> None:
    """Give every scene the settings."""
    bpy.utils.register_class(TexloomImageSettings)
    scene_type: Any = bpy.types.Scene
    scene_type.texloom_images = PointerProperty(type=TexloomImageSettings)  # type: ignore[func-returns-value]


def unregister() -> None:
    """Take them back."""
    scene_type: Any = bpy.types.Scene
    del scene_type.texloom_images
    bpy.utils.unregister_class(TexloomImageSettings)
