# SPDX-License-Identifier: GPL-3.0-or-later
"""An image on an upright plane of its aspect: unlit, unshaded, seen by the camera and by nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from math import radians
from typing import Any, Final, Literal

import bpy
from mathutils import Matrix, Vector

from .. import compat
from . import nodes
from .images import dimensions, has_alpha
from .transaction import all_or_nothing

Facing = Literal["VIEW", "X", "-X", "Y", "-Y", "Z"]
"""Where the front of the plane looks; ``-Y`` is Blender's front view, ``Z`` lies flat."""

COLLECTION: Final = "References"

# Above this share of straight up or down, an upright plane would be seen edge-on from the view.
_STEEP: Final = 0.95


def add_reference_plane(
    image: bpy.types.Image,
    *,
    height_m: float = 1.0,
    facing: Facing = "-Y",
    view_matrix: Matrix | None = None,
    location: Sequence[float] = (0.0, 0.0, 0.0),
    name: str | None = None,
    scene: bpy.types.Scene | None = None,
    metres_per_unit: float = 1.0,
) -> bpy.types.Object:
    """A plane that shows ``image`` upright, the middle of its lower edge at ``location``.

    Args:
        image: its aspect is the plane's.
        height_m: height in metres, above 0.
        facing: see :data:`Facing`; ``VIEW`` turns it about the vertical towards the viewer, or lays it flat
            when the view looks (almost) straight down or up.
        view_matrix: world → view, as a 3D viewport's ``region_3d.view_matrix``; without one ``VIEW`` is ``-Y``.
        location: in Blender units.
        name: name of the object, by default the image's.
        scene: gets the collection "References"; by default the context's.
        metres_per_unit: metres in one Blender unit.

    Raises:
        ValueError: ``height_m`` or ``facing`` is out of range, or the image has no pixels.
    """
    if not height_m > 0:
        raise ValueError(f"height_m: must be above 0, got {height_m}.")
    width, depth = dimensions(image)
    if not width or not depth:
        raise ValueError(f"Image {image.name} has no pixels.")
    rotation = _rotation(facing, view_matrix)
    height = height_m / metres_per_unit
    with all_or_nothing():
        name = name or image.name
        mesh = _quad(name, height * width / depth, height)
        mesh.materials.append(_unlit(name, image))
        plane = bpy.data.objects.new(name, mesh)
        plane.matrix_world = Matrix.Translation(tuple(location)) @ rotation
        # It neither lights nor shades, nor is reflected in, what it is a reference for.
        for ray in ("diffuse", "glossy", "transmission", "volume_scatter", "shadow"):
            setattr(plane, f"visible_{ray}", False)
        _collection(scene).objects.link(plane)
    return plane


def _rotation(facing: Facing, view_matrix: Matrix | None) -> Matrix:
    # The mesh stands in the XZ plane and looks along -Y.
    if facing == "VIEW":
        return _towards(view_matrix) if view_matrix is not None else Matrix.Identity(4)
    turns: dict[str, tuple[float, Literal["X", "Z"]]] = {
        "-Y": (0, "Z"),
        "X": (90, "Z"),
        "Y": (180, "Z"),
        "-X": (-90, "Z"),
        "Z": (-90, "X"),
    }
    if facing not in turns:
        raise ValueError(f"facing: must be VIEW, {', '.join(turns)}, got {facing!r}.")
    angle, axis = turns[facing]
    return Matrix.Rotation(radians(angle), 4, axis)


def _towards(view_matrix: Matrix) -> Matrix:
    columns: Any = view_matrix.to_3x3().inverted().col
    up, back = columns[1].normalized(), columns[2].normalized()
    if abs(back.z) > _STEEP:
        front = Vector((0.0, 0.0, 1.0 if back.z > 0 else -1.0))
        above = Vector((up.x, up.y, 0.0)).normalized()
    else:
        front = Vector((back.x, back.y, 0.0)).normalized()
        above = Vector((0.0, 0.0, 1.0))
    right: Any = above.cross(front)
    axes = Matrix([right[:], (-front[0], -front[1], -front[2]), above[:]])
    return axes.transposed().to_4x4()


def _quad(name: str, width: float, height: float) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new(name)
    half = width / 2
    corners = [(-half, 0.0, 0.0), (half, 0.0, 0.0), (half, 0.0, height), (-half, 0.0, height)]
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    layer = mesh.uv_layers.new(name="UVMap")
    layer.uv.foreach_set("vector", (0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0))
    mesh.update()
    return mesh


def _unlit(name: str, image: bpy.types.Image) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    tree = compat.node_tree(material)
    tree.nodes.clear()
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    texture.extension = "CLIP"
    emission = tree.nodes.new("ShaderNodeEmission")
    transparent = tree.nodes.new("ShaderNodeBsdfTransparent")
    mix = tree.nodes.new("ShaderNodeMixShader")
    mix.label = "Alpha"
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(texture.outputs["Color"], emission.inputs["Color"])
    tree.links.new(texture.outputs["Alpha"], mix.inputs[0])
    tree.links.new(transparent.outputs[0], mix.inputs[1])
    tree.links.new(emission.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], output.inputs["Surface"])
    nodes.arrange([[texture], [transparent, emission], [mix], [output]])
    tree.nodes.active = texture
    # Blended edges are smooth, but blended surfaces are sorted as wholes: only where there is alpha.
    material.surface_render_method = "BLENDED" if has_alpha(image) else "DITHERED"
    return material


def _collection(scene: bpy.types.Scene | None) -> bpy.types.Collection:
    place: Any = scene or bpy.context.scene
    root = place.collection
    known: list[bpy.types.Collection] = list(root.children_recursive)
    for collection in known:
        # Another scene's is "References", so this one's may be "References.001".
        if collection.library is None and collection.name.split(".")[0] == COLLECTION:
            return collection
    collection = bpy.data.collections.new(COLLECTION)
    root.children.link(collection)
    return collection
