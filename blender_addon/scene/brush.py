# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture as the texture of the active brush, in sculpting and painting."""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

import bpy

from .. import compat
from ..core.texloom.errors import ErrorCode, TexloomError
from ..translations import iface
from .export import Picture
from .images import dimensions
from .transaction import all_or_nothing

Mapping = Literal["TILED", "STENCIL", "VIEW_PLANE", "AREA_PLANE", "3D", "RANDOM"]
MAPPINGS: Final[tuple[str, ...]] = get_args(Mapping)

HEIGHT: Final = ("height", "image", "base_color")
"""What a sculpting brush takes, the best first: a picture raises by its brightness."""
COLOR: Final = ("base_color", "image")

_PAINTS: Final = {"SCULPT": "sculpt", "PAINT_VERTEX": "vertex_paint", "PAINT_TEXTURE": "image_paint"}
_MADE: Final = "texloom_manifest"
_STENCIL: Final = 256.0


def paint_mode(context: Any) -> str:
    """``SCULPT``, ``PAINT_VERTEX`` or ``PAINT_TEXTURE``; empty where brushes have no texture."""
    space = context.space_data
    if space is not None and space.type == "IMAGE_EDITOR":
        return "PAINT_TEXTURE" if space.mode == "PAINT" else ""
    return context.mode if context.mode in _PAINTS else ""


def wanted_maps(mode: str) -> tuple[str, ...]:
    """The maps that suit a mode's brushes, the best first."""
    return HEIGHT if mode == "SCULPT" else COLOR


def brush_texture(
    picture: Picture, context: Any, *, mapping: Mapping = "TILED", own_colors: bool = True
) -> bpy.types.Brush:
    """Make ``picture`` the texture of the active brush.

    A brush of Blender's own library cannot hold a texture of this file: then a copy of it, kept in this file, gets
    the texture and becomes the active brush.

    Args:
        picture: a height map for sculpting, colors for painting.
        context: says the mode; see :func:`paint_mode`.
        mapping: how the texture lies; ``TILED`` over the screen, ``STENCIL`` as a stencil to be moved.
        own_colors: for painting, make the brush white, which is what the picture's colors are multiplied by.

    Raises:
        TexloomError: no mode in which brushes have textures, or no active brush.
    """
    mode = paint_mode(context)
    if not mode:
        raise _error(iface("No brush is in use."), iface("Enter Sculpt Mode, Vertex Paint or Texture Paint first."))
    paint = getattr(context.tool_settings, _PAINTS[mode])
    brush = paint.brush if paint is not None else None
    if brush is None:
        raise _error(iface("No brush is active."), iface("Choose a brush first."))
    with all_or_nothing():
        texture: Any = bpy.data.textures.new(picture.name, "IMAGE")
        texture.image = picture.image
        texture.extension = "REPEAT"
        texture[_MADE] = picture.manifest
        if brush.library is not None:
            brush = _local_copy(paint, brush, picture.name)
        old = brush.texture
        brush.texture = texture
        _set_mapping(brush, picture, mapping)
        if own_colors and mode != "SCULPT":
            unified = compat.unified_paint(context.tool_settings, paint)
            (unified if unified.use_unified_color else brush).color = (1.0, 1.0, 1.0)
        if old is not None and not old.users and _MADE in old:
            bpy.data.textures.remove(old)
    return brush


def _local_copy(paint: Any, brush: Any, name: str) -> Any:
    copy = brush.copy()
    copy.name = f"{name} ({brush.name})"
    if not compat.activate_brush(paint, copy):
        said = iface(
            "The brush {name} belongs to a library and cannot be changed, and a copy could not be made active."
        )
        advice = iface("Duplicate the brush in the asset shelf, and try again with the duplicate.")
        raise _error(said.format(name=brush.name), advice)
    return copy


def _set_mapping(brush: Any, picture: Picture, mapping: str) -> None:
    brush.texture_slot.map_mode = mapping
    width, height = dimensions(picture.image)
    if mapping == "STENCIL" and width and height:
        longer = max(width, height)
        brush.stencil_dimension = (_STENCIL * width / longer, _STENCIL * height / longer)


def _error(message: str, advice: str) -> TexloomError:
    return TexloomError(message, advice=advice, code=ErrorCode.INVALID_REQUEST)
