# SPDX-License-Identifier: GPL-3.0-or-later
"""An image behind or before everything that a camera sees."""

from __future__ import annotations

from typing import Any, Final, Literal

import bpy
from mathutils import Matrix

from ..core.texloom.errors import RequestError
from ..translations import iface
from .images import dimensions
from .planes import upright

Depth = Literal["BACK", "FRONT"]
Fit = Literal["FIT", "CROP", "STRETCH"]
"""Show all of the picture, fill the frame with it, or stretch it."""

# A camera that nobody placed: before the ground's middle at the height of a person, looking along +Y.
_STANDPOINT: Final = (0.0, -8.0, 1.7)


def camera_background(
    image: bpy.types.Image,
    camera: bpy.types.Object | None = None,
    *,
    opacity: float = 0.5,
    depth: Depth = "BACK",
    fit: Fit = "FIT",
    hide_others: bool = True,
    match_render: bool = False,
    view_matrix: Matrix | None = None,
    scene: bpy.types.Scene | None = None,
    metres_per_unit: float = 1.0,
) -> bpy.types.Object:
    """Show ``image`` in a camera's views; the camera.

    An image that is there already gets the new settings instead of coming twice.

    Args:
        image: any that has pixels.
        camera: by default a new one, which becomes the scene's when it has none.
        opacity: 0 to 1.
        depth: behind or before everything.
        fit: see :data:`Fit`.
        hide_others: switch the camera's other background images off; they stay in its list.
        match_render: give renders the picture's aspect; their width stays.
        view_matrix: world → view: where a new camera stands.
        scene: by default the context's.
        metres_per_unit: metres in one Blender unit.

    Raises:
        RequestError: the image has no pixels, ``camera`` is none or cannot be changed, or an option is out of range.
    """
    for name, value, allowed in (("depth", depth, ("BACK", "FRONT")), ("fit", fit, ("FIT", "CROP", "STRETCH"))):
        if value not in allowed:
            raise RequestError(f"{name}: must be one of {', '.join(allowed)}, got {value!r}.")
    if not 0 <= opacity <= 1:
        raise RequestError(f"opacity: must be from 0 to 1, got {opacity}.")
    width, height = dimensions(image)
    if not width or not height:
        raise RequestError(
            iface("Image {name} has no pixels.").format(name=image.name),
            advice=iface("Is its file still there? Reload it, or choose another image."),
        )
    place: Any = scene or bpy.context.scene
    if camera is not None:
        _check_camera(camera)
    seen = camera or _new_camera(place, view_matrix, metres_per_unit)
    data: Any = seen.data
    shown = next((item for item in data.background_images if item.source == "IMAGE" and item.image == image), None)
    if shown is None:
        shown = data.background_images.new()
        shown.source = "IMAGE"
        shown.image = image
    for item in data.background_images:
        if item == shown or hide_others:
            item.show_background_image = item == shown
    shown.alpha = opacity
    shown.display_depth = depth
    shown.frame_method = fit
    data.show_background_images = True
    if match_render:
        place.render.resolution_y = max(4, round(place.render.resolution_x * height / width))
        place.render.pixel_aspect_x = place.render.pixel_aspect_y = 1.0
    return seen


def _check_camera(camera: bpy.types.Object) -> None:
    if camera.type != "CAMERA" or camera.data is None:
        raise RequestError(iface("{name} is no camera.").format(name=camera.name), advice=iface("Choose a camera."))
    if camera.data.library is not None:
        raise RequestError(
            iface("{name} comes from another file and cannot be changed here.").format(name=camera.name),
            advice=iface("Make it local, or add a new camera."),
        )


def _new_camera(scene: Any, view_matrix: Matrix | None, metres_per_unit: float) -> bpy.types.Object:
    data = bpy.data.cameras.new("Camera")
    obj = bpy.data.objects.new("Camera", data)
    if view_matrix is not None:
        obj.matrix_world = view_matrix.inverted()
    else:
        obj.matrix_world = Matrix.Translation([value / metres_per_unit for value in _STANDPOINT]) @ upright(0)
    scene.collection.objects.link(obj)
    if scene.camera is None:
        scene.camera = obj
    return obj
