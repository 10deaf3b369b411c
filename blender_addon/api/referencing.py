# SPDX-License-Identifier: GPL-3.0-or-later
"""Images as references: planes, turnarounds, camera backgrounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from ..scene import backgrounds, references
from ..scene import turnaround as turnarounds
from ..scene.objects import metres_per_unit
from ..scene.transaction import all_or_nothing
from .generation import ReferenceLook


def reference_from_images(
    images: bpy.types.Image | str | Path | Sequence[bpy.types.Image | str | Path],
    *,
    height: float = 1.8,
    facing: str = "-Y",
    location: Sequence[float] | None = None,
    gap: float = 0.1,
    look: ReferenceLook | None = None,
) -> tuple[str, ...]:
    """Show images on upright planes (or image empties) side by side; the names of the objects.

    Args:
        images: image datablocks or files, one or several.
        height: metres.
        facing: ``-Y`` (front), ``Y``, ``X``, ``-X``, ``Z`` (flat) or ``-Z``; in a 3D viewport also ``VIEW``.
        location: middle of the row's lower edge in Blender units; default the 3D cursor.
        gap: distance between neighbours, as a share of the height.
        look: default an opaque plane.

    Raises:
        RequestError: there is no image, one has no pixels, or an argument is out of range.
        StorageError: a file is missing or no picture.  Nothing is left behind.
    """
    scene: Any = bpy.context.scene
    space: Any = bpy.context.space_data
    region = getattr(space, "region_3d", None) if space is not None else None
    direction: Any = facing
    with all_or_nothing():
        made = references.from_images(
            _images(images),
            height_m=height,
            facing=direction,
            view_matrix=region.view_matrix if region is not None else None,
            location=scene.cursor.location if location is None else location,
            gap=gap,
            look=look,
            scene=scene,
            metres_per_unit=metres_per_unit(scene),
        )
    return tuple(obj.name for obj in made)


def turnaround(
    images: bpy.types.Image | str | Path | Sequence[bpy.types.Image | str | Path],
    views: Sequence[str] | None = None,
    *,
    parts: int = 1,
    height: float = 1.8,
    margin: float = 0.25,
    location: Sequence[float] = (0.0, 0.0, 0.0),
    look: ReferenceLook | None = None,
    name: str | None = None,
) -> str:
    """Stand several views of one thing around a point, each on its axis; the name of the empty that holds them.

    Args:
        images: image datablocks or files, at most seven; or one that holds several views side by side.
        views: ``FRONT``, ``BACK``, ``LEFT``, ``RIGHT``, ``TOP``, ``THREE_QUARTER`` or ``BOTTOM`` for each picture;
            default what their names say (``robot_front.png``, 正面), or else that order.
        parts: into how many equal parts one image is split, from left to right (planes only; no pixels are copied).
        height: metres, of all but those that lie flat.
        margin: distance from the box around the thing to the pictures, as a share of the height.
        location: middle of the ground, in Blender units.
        look: default opaque planes that are seen from the front only.
        name: of the empty; default what the images' names begin with.

    Raises:
        RequestError: images, views and parts do not fit, an image has no pixels, or an argument is out of range.
        StorageError: a file is missing or no picture.  Nothing is left behind.
    """
    scene: Any = bpy.context.scene
    with all_or_nothing():
        group = turnarounds.add_turnaround(
            _images(images),
            views,
            parts=parts,
            height_m=height,
            margin=margin,
            location=location,
            look=look,
            name=name,
            scene=scene,
            metres_per_unit=metres_per_unit(scene),
        )
    return str(group.name)


def camera_background(
    image: bpy.types.Image | str | Path,
    camera: bpy.types.Object | None = None,
    *,
    opacity: float = 0.5,
    depth: str = "BACK",
    fit: str = "FIT",
    hide_others: bool = True,
    match_render: bool = False,
) -> str:
    """Show an image in a camera's views; the name of the camera.

    Args:
        image: an image datablock or a file.
        camera: default the scene's, or a new one where it has none.
        opacity: 0 to 1.
        depth: ``BACK`` or ``FRONT``: behind or before the scene.
        fit: ``FIT`` (all of it), ``CROP`` (fill the frame) or ``STRETCH``.
        hide_others: switch other background images of the camera off.
        match_render: give renders the picture's aspect; their width stays.

    Raises:
        RequestError: the image has no pixels, ``camera`` is none or linked, or an argument is out of range.
        StorageError: the file is missing or no picture.
    """
    scene: Any = bpy.context.scene
    place: Any = depth
    frame: Any = fit
    with all_or_nothing():
        made = backgrounds.camera_background(
            _images(image)[0],
            camera or scene.camera,
            opacity=opacity,
            depth=place,
            fit=frame,
            hide_others=hide_others,
            match_render=match_render,
            scene=scene,
            metres_per_unit=metres_per_unit(scene),
        )
    return made.name


def _images(given: bpy.types.Image | str | Path | Sequence[bpy.types.Image | str | Path]) -> list[bpy.types.Image]:
    """The datablocks, of files loaded where they are not yet."""
    items = [given] if isinstance(given, (bpy.types.Image, str, Path)) else list(given)
    return [item if isinstance(item, bpy.types.Image) else references.open_pictures([item])[0] for item in items]
