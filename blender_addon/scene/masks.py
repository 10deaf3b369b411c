# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks: what of a picture is drawn anew.

A mask is painted over a copy of the picture, so that one sees what lies below: whatever differs from the picture is
masked.  Any other image is taken as it is, white where something new is drawn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import bpy
import numpy as np

from ..core.texloom.errors import RequestError
from ..translations import iface
from . import images, sources

PAINTED_OVER: Final = "texloom_painted_over"
"""Custom property of a mask that is a copy of its picture."""

_TOLERANCE: Final = 3
"""Differences of up to so many of 255 steps come from rounding."""


def make(image: Any) -> bpy.types.Image:
    """A copy of an image to paint on; all of it is unmasked as yet.

    Raises:
        RequestError: as :func:`.sources.size_of`.
    """
    pixels = sources.pixels_of(image)[..., :3]
    height, width = pixels.shape[:2]
    name = iface("{name} mask").format(name=image.name)
    made: Any = bpy.data.images.new(name, width, height, alpha=False)
    if sources.is_data(image):
        images.set_color_space(made, "Non-Color")
    flat = np.ones((height, width, 4), np.float32)
    flat[..., :3] = pixels[::-1].astype(np.float32) / 255.0
    made.pixels.foreach_set(flat.ravel())
    made.update()
    # Else the picture would be gone with the next reload of the file.
    made.pack()
    made[PAINTED_OVER] = True
    return made  # type: ignore[no-any-return]


def is_painted_over(mask: Any) -> bool:
    """Whether that image was made by :func:`make`."""
    return bool(mask.get(PAINTED_OVER, False))


def save(mask: Any, picture: Any) -> Path:
    """Write a mask as the engine wants it, white where it draws, into Blender's temporary folder.

    Args:
        mask: an image; of one that is painted over, what differs from ``picture`` counts.
        picture: the image that it was made from; None when that is gone.

    Raises:
        RequestError: it cannot be used, has another size than its picture, or masks nothing.
        StorageError: the file cannot be written.
    """
    if not is_painted_over(mask):
        return sources.save_pixels(mask)
    if picture is None:
        raise RequestError(
            iface("The picture that {name} was painted over is gone.").format(name=mask.name),
            advice=iface("Make a new mask."),
        )
    painted, below = sources.pixels_of(mask)[..., :3], sources.pixels_of(picture)[..., :3]
    if painted.shape != below.shape:
        raise RequestError(
            iface("{name} has another size than its picture.").format(name=mask.name), advice=iface("Make a new mask.")
        )
    differs = (np.abs(painted.astype(np.int16) - below) > _TOLERANCE).any(-1)
    if not differs.any():
        raise RequestError(
            iface("Nothing is painted on {name} yet.").format(name=mask.name),
            advice=iface("Paint over what is to be drawn anew, in any color."),
        )
    return sources.write(np.repeat(differs[..., None], 3, axis=2).astype(np.uint8) * np.uint8(255))


def image_of(obj: Any) -> Any:
    """The image that an object shows: of its active material the active image node, else the first with colors.

    None where there is none.
    """
    material = obj.active_material if obj is not None else None
    tree = material.node_tree if material is not None else None
    if tree is None:
        return None
    nodes = list(tree.nodes)
    if tree.nodes.active is not None:
        nodes.insert(0, tree.nodes.active)
    for group in [node for node in nodes if node.bl_idname == "ShaderNodeGroup" and node.node_tree is not None]:
        nodes += list(group.node_tree.nodes)
    found = [node.image for node in nodes if node.bl_idname == "ShaderNodeTexImage" and node.image is not None]
    colors = [image for image in found if not sources.is_data(image)]
    return next(iter(colors or found), None)
