# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a form from the scene, for the argument ``controls``."""

from __future__ import annotations

import bpy

from ..scene import control_pictures
from .generation import check


def form_picture(
    kind: str = "depth",
    *,
    source: bpy.types.Object | bpy.types.Material | None = None,
    size: int | tuple[int, int] = 1024,
) -> bpy.types.Image:
    """A picture of the form that the scene's camera sees, of an object from the front, or of a Texloom material's tile.

    Nothing else of the file is changed.

    Args:
        kind: ``depth`` (near is white), ``normal`` (as the viewer sees them, OpenGL) or ``line`` (white on black).
        source: an object alone, seen from the front without perspective; a material of Texloom, whose own map is
            given back; None for what the camera sees.
        size: pixels, one number or (width, height); a material's maps have their own.

    Raises:
        RequestError: there is no camera, no surface, no such map, or Cycles is switched off.
        StorageError: the temporary file cannot be written.
    """
    check("kind", kind, control_pictures.KINDS)
    if isinstance(source, bpy.types.Material):
        found: bpy.types.Image = control_pictures.from_material(source, kind)
        return found
    width, height = (size, size) if isinstance(size, int) else size
    scene = bpy.context.scene
    assert scene is not None
    if source is None:
        seen = control_pictures.from_camera(scene, width, height)
    else:
        seen = control_pictures.from_object(scene, source, width, height)
    return control_pictures.make_image(seen.picture(kind), kind)
