# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks: what of a picture is drawn anew.

A mask is painted over a copy of the picture, so that one sees what lies below: whatever differs from the picture is
masked.  Any other image is taken as it is, white where something new is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.texloom.errors import RequestError
from ..translations import iface
from . import images, sources

PAINTED_OVER: Final = "texloom_painted_over"
"""Custom property of a mask that is a copy of its picture."""

Check = Callable[[], None] | None

_BAND: Final = 1 << 20
_TOLERANCE: Final = 3
"""Differences of up to so many of 255 steps come from rounding."""


def make(image: Any) -> bpy.types.Image:
    """A copy of an image to paint on; all of it is unmasked as yet.

    Raises:
        RequestError: as :func:`.sources.size_of`.
    """
    # Packed, as it would be gone with the next reload of the file; and from a file of our own, as Blender takes far
    # longer to make one of pixels.
    path = sources.write(sources.pixels_of(image)[..., :3])
    try:
        made: Any = bpy.data.images.load(str(path), check_existing=False)
        made.pack()
    finally:
        sources.remove(path)
    made.name = iface("{name} mask").format(name=image.name)
    made.filepath_raw = ""
    if sources.is_data(image):
        images.set_color_space(made, "Non-Color")
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
    return sources.write(copied(mask, picture)(None))


def copied(mask: Any, picture: Any) -> Callable[[Check], NDArray[np.uint8]]:
    """Copy what :func:`save` needs from the images; what comes back makes the mask of it, in any thread.

    That takes a function that is called now and then and may raise to stop; it raises RequestError when nothing is
    masked, and returns (height, width, 3 or 4) uint8.

    Raises:
        RequestError: the mask cannot be used, or has another size than its picture.
    """
    if not is_painted_over(mask):
        return sources.copied(mask).pixels
    if picture is None:
        raise RequestError(
            iface("The picture that {name} was painted over is gone.").format(name=mask.name),
            advice=iface("Make a new mask."),
        )
    if sources.size_of(mask) != sources.size_of(picture):
        raise RequestError(
            iface("{name} has another size than its picture.").format(name=mask.name), advice=iface("Make a new mask.")
        )
    painted, below = sources.copied(mask), sources.copied(picture)
    # Blender's data, also its translations, may not be asked from another thread.
    blank = RequestError(
        iface("Nothing is painted on {name} yet.").format(name=mask.name),
        advice=iface("Paint over what is to be drawn anew, in any color."),
    )

    def differing(check: Check) -> NDArray[np.uint8]:
        one, other = painted.pixels(check)[..., :3], below.pixels(check)[..., :3]
        result = np.zeros(one.shape, np.uint8)
        rows = max(1, _BAND // one.shape[1])
        for start in range(0, len(one), rows):
            if check is not None:
                check()
            band = slice(start, start + rows)
            differs = (np.abs(one[band].astype(np.int16) - other[band]) > _TOLERANCE).any(-1)
            result[band] = differs[..., None] * np.uint8(255)
        if not result.any():
            raise blank
        return result

    return differing


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
