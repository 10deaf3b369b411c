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
SIZE_TEXT = "Pixels of the longer side; the proportions stay"
TILING_TEXT = "Directions in which the result repeats without a seam"
LIGHT_TEXT = (
    "Level light that changes slowly over the picture, such as a dark corner; it would show wherever it repeats"
)
WIDTH_TEXT = "Real width of everything that the picture shows"
REPLACE_TEXT = "Whatever uses the image uses the seamless one from then on; the image itself stays in the file"


class TexloomImageSettings(bpy.types.PropertyGroup):
    """What to make of an image."""

    image: PointerProperty(name="Image", description="The image to make something of", type=bpy.types.Image)  # type: ignore[valid-type]
    output: EnumProperty(name="Output", items=IMAGE_OUTPUTS, default="MATERIAL")  # type: ignore[valid-type]
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


def of(context: Any) -> Any:
    """The settings of the context's scene."""
    return context.scene.texloom_images


def subject(context: Any) -> Any:
    """The image that the panel is about: the one shown in an image editor, elsewhere the one picked; may be None."""
    space = context.space_data
    return space.image if space is not None and space.type == "IMAGE_EDITOR" else of(context).image


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
