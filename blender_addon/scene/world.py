# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture as the surroundings of the scene: lit by it, and seen behind everything."""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

import bpy

from .. import compat
from ..core.texloom.errors import StorageError
from . import nodes
from .export import Picture
from .images import dimensions
from .transaction import all_or_nothing

Projection = Literal["AUTO", "PANORAMA", "DOME"]
"""``PANORAMA`` wraps a picture of twice its height once around (equirectangular).  ``DOME`` repeats a picture over the
sky.  ``AUTO`` takes the first for pictures that are twice as wide as high."""
PROJECTIONS: Final[tuple[str, ...]] = get_args(Projection)

BACKGROUND: Final = "Texloom Background"
MAPPING: Final = "Texloom Mapping"
PICTURE: Final = "Texloom Picture"

_PANORAMA_ASPECT: Final = 2.0


def world_background(
    picture: Picture,
    *,
    scene: bpy.types.Scene | None = None,
    world: bpy.types.World | None = None,
    strength: float = 1.0,
    projection: Projection = "AUTO",
    tiles: float = 2.0,
    rotation: float = 0.0,
) -> bpy.types.World:
    """Give a scene a world that shows and radiates ``picture``; the old world stays in the file.

    A repeated picture cannot be wrapped around a sphere as a panorama: it would shrink to a point at the poles.
    So the dome uses the stereographic projection, each hemisphere seen from the opposite pole: a direction (x, y, z)
    gets the place (x, y) / (1 + abs(z)) of the endless, repeated picture.  That leaves no seam anywhere and keeps
    shapes (stars stay round); at the horizon things are half as large as overhead, as clouds are.  Below the
    horizon stands the mirror image.

    Args:
        picture: what to show; repeated as it is when it tiles, mirrored when it does not.
        scene: default the context's.
        world: give the nodes of this world up for it; default a new world.
        strength: brightness, 1 as the picture is; at least 0.
        projection: see :data:`Projection`.
        tiles: how often the dome shows the picture between horizon and zenith; above 0.
        rotation: turn about the vertical, radians.

    Raises:
        ValueError: an option is out of range.
        StorageError: the image's file is gone.
    """
    if projection not in PROJECTIONS:
        raise ValueError(f"projection: must be AUTO, PANORAMA or DOME, got {projection!r}.")
    if not strength >= 0 or not tiles > 0:
        raise ValueError(f"strength must be at least 0 and tiles above 0, got {strength} and {tiles}.")
    place: Any = scene or bpy.context.scene
    width, height = dimensions(picture.image)
    if not width or not height:
        raise StorageError(f"The image {picture.image.name} has no pixels; its file is gone.")
    if projection == "AUTO":
        projection = "PANORAMA" if abs(width / height - _PANORAMA_ASPECT) < 0.01 else "DOME"
    with all_or_nothing():
        made: Any = world or bpy.data.worlds.new(picture.name)
        tree = compat.node_tree(made)
        tree.nodes.clear()
        _build(tree, picture, projection, strength, tiles, height / width, rotation)
        made["texloom_prompt"], made["texloom_manifest"] = picture.prompt, picture.manifest
        _keep(place.world, made)
        place.world = made
    return made


def _keep(old: Any, made: Any) -> None:
    """Keep a world that nothing uses any more, as saving would otherwise drop it; but not each of our own."""
    if old is not None and old != made and old.library is None and old.users <= 1 and "texloom_manifest" not in old:
        old.use_fake_user = True


def _build(
    tree: Any, picture: Picture, projection: str, strength: float, tiles: float, aspect: float, rotation: float
) -> None:
    coordinates = tree.nodes.new("ShaderNodeTexCoord")
    mapping = tree.nodes.new("ShaderNodeMapping")
    mapping.name = MAPPING
    background = tree.nodes.new("ShaderNodeBackground")
    background.name = BACKGROUND
    background.inputs["Strength"].default_value = strength
    output = tree.nodes.new("ShaderNodeOutputWorld")
    direction = coordinates.outputs["Generated"]
    steps: list[Any] = []
    if projection == "PANORAMA":
        texture = tree.nodes.new("ShaderNodeTexEnvironment")
        texture.projection = "EQUIRECTANGULAR"
        mapping.inputs["Rotation"].default_value = (0.0, 0.0, rotation)
        tree.links.new(direction, mapping.inputs["Vector"])
    else:
        texture = tree.nodes.new("ShaderNodeTexImage")
        texture.extension = "REPEAT" if picture.tileable else "MIRROR"
        # "Texture" turns before it scales, which keeps the shape of pictures that are not square; it does both the
        # other way round.  Seen from inside, the picture would be its own mirror image without the sign.
        mapping.vector_type = "TEXTURE"
        mapping.inputs["Rotation"].default_value = (0.0, 0.0, -rotation)
        mapping.inputs["Scale"].default_value = (-1.0 / tiles, aspect / tiles, 1.0)
        steps = _stereographic(tree, direction)
        tree.links.new(steps[-1].outputs[0], mapping.inputs["Vector"])
    texture.name = texture.label = PICTURE
    texture.image = picture.image
    tree.links.new(mapping.outputs["Vector"], texture.inputs["Vector"])
    tree.links.new(texture.outputs["Color"], background.inputs["Color"])
    tree.links.new(background.outputs["Background"], output.inputs["Surface"])
    nodes.arrange(
        [[coordinates], *([step] for step in steps), [mapping], [texture], [background], [output]], groups=[steps]
    )
    if steps:
        nodes.frame(tree, "Dome", steps)
    for node in tree.nodes:
        node.select = False
    tree.nodes.active = texture


def _stereographic(tree: Any, direction: Any) -> list[Any]:
    """Nodes for (x, y) / (1 + abs(z)); the last one has the vector."""
    separate = tree.nodes.new("ShaderNodeSeparateXYZ")
    absolute = tree.nodes.new("ShaderNodeMath")
    absolute.operation = "ABSOLUTE"
    add = tree.nodes.new("ShaderNodeMath")
    add.operation = "ADD"
    add.inputs[1].default_value = 1.0
    divide = tree.nodes.new("ShaderNodeVectorMath")
    divide.operation = "DIVIDE"
    tree.links.new(direction, separate.inputs[0])
    tree.links.new(separate.outputs["Z"], absolute.inputs[0])
    tree.links.new(absolute.outputs[0], add.inputs[0])
    tree.links.new(direction, divide.inputs[0])
    tree.links.new(add.outputs[0], divide.inputs[1])
    return [separate, absolute, add, divide]
