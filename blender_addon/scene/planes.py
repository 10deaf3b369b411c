# SPDX-License-Identifier: GPL-3.0-or-later
"""An image to look at while modelling: an unlit plane of its aspect, or one of Blender's image empties.

Both lie in their own XY plane, look along +Z and have their origin in the middle of the lower edge, so that one
takes the place of the other without turning.  The opacity of both is the alpha of the object's color.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import radians
from typing import Any, Final, Literal

import bpy
from mathutils import Matrix, Vector

from .. import compat
from ..core.texloom.errors import RequestError
from ..translations import iface
from . import nodes
from .images import dimensions, has_alpha
from .transaction import all_or_nothing

Facing = Literal["VIEW", "X", "-X", "Y", "-Y", "Z", "-Z"]
"""Where the front of the plane looks; ``-Y`` is Blender's front view, ``Z`` lies flat."""

Kind = Literal["PLANE", "EMPTY"]
"""A mesh that renders, or an image empty that only viewports show."""

Views = Literal["ALL", "ORTHO", "AXIS"]
"""Viewports that show an image empty: every one, orthographic ones, or only when they face it squarely."""

COLLECTION: Final = "References"

REFERENCE: Final = "texloom_reference"
"""Custom property, true, of the objects made here, and of the collections that hold them."""

# Above this share of straight up or down, an upright plane would be seen edge-on from the view.
_STEEP: Final = 0.95

# Names of the nodes that are looked up again.
_PICTURE: Final = "Texloom Picture"
_SIDES: Final = "Texloom Sides"


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a reference is shown.

    ``opacity`` is 0 to 1.  ``both_sides``: from behind as well, mirrored.  ``in_renders`` counts for planes,
    ``views`` for image empties.  ``locked`` ones can be neither selected nor moved.
    """

    kind: Kind = "PLANE"
    opacity: float = 1.0
    in_front: bool = False
    both_sides: bool = True
    in_renders: bool = True
    views: Views = "ALL"
    locked: bool = False

    def check(self) -> None:
        """Raise RequestError when a value is none of those allowed."""
        for name, value, allowed in (
            ("kind", self.kind, ("PLANE", "EMPTY")),
            ("views", self.views, ("ALL", "ORTHO", "AXIS")),
        ):
            if value not in allowed:
                raise RequestError(f"{name}: must be one of {', '.join(allowed)}, got {value!r}.")
        if not 0 <= self.opacity <= 1:
            raise RequestError(f"opacity: must be from 0 to 1, got {self.opacity}.")


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
    look: Look | None = None,
) -> bpy.types.Object:
    """A reference that shows ``image`` upright, the middle of its lower edge at ``location``.

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
        look: by default an opaque plane.

    Raises:
        RequestError: ``height_m``, ``facing`` or the look is out of range, or the image has no pixels.
    """
    if not height_m > 0:
        raise RequestError(f"height_m: must be above 0, got {height_m}.")
    matrix = Matrix.Translation(tuple(location)) @ rotation(facing, view_matrix)
    with all_or_nothing():
        obj = make(image, height=height_m / metres_per_unit, name=name or image.name, look=look or Look())
        obj.matrix_world = matrix
        collection(scene).objects.link(obj)
        set_locked(obj, bool(look and look.locked))
    return obj


def make(
    image: bpy.types.Image, *, height: float, name: str, look: Look, part: tuple[float, float] = (0.0, 1.0)
) -> bpy.types.Object:
    """A reference at the origin, in no collection yet and never locked; ``height`` in Blender units.

    ``part`` is what it shows of the image's width, from the left: the middle third is (1/3, 2/3).

    Raises:
        RequestError: the look is out of range, the image has no pixels, or an image empty shall show a part.
    """
    look.check()
    width = height * aspect(image, part)
    if look.kind == "EMPTY":
        if part != (0.0, 1.0):
            raise RequestError(
                iface("An image empty always shows its whole picture."), advice=iface("Planes can show a part of one.")
            )
        obj: Any = bpy.data.objects.new(name, None)
        obj.empty_display_type = "IMAGE"
        obj.data = image
        obj.empty_display_size = max(width, height)
        obj.empty_image_offset = (-0.5, 0.0)
        obj.use_empty_image_alpha = True
    else:
        mesh = _quad(name, width, height, part)
        mesh.materials.append(_unlit(name, image))
        obj = bpy.data.objects.new(name, mesh)
        # It neither lights nor shades, nor is reflected in, what it is a reference for.
        for ray in ("diffuse", "glossy", "transmission", "volume_scatter", "shadow"):
            setattr(obj, f"visible_{ray}", False)
    obj[REFERENCE] = True
    set_look(obj, look)
    return obj


def aspect(image: bpy.types.Image, part: tuple[float, float] = (0.0, 1.0)) -> float:
    """Width over height of what ``part`` shows of an image.

    Raises:
        RequestError: the image has no pixels.
    """
    width, height = dimensions(image)
    if not width or not height:
        raise RequestError(
            iface("Image {name} has no pixels.").format(name=image.name),
            advice=iface("Is its file still there? Reload it, or choose another image."),
        )
    return width * (part[1] - part[0]) / height


def kind(obj: bpy.types.Object) -> Kind:
    """Which of the two kinds a reference is."""
    return "EMPTY" if obj.type == "EMPTY" else "PLANE"


def picture(obj: bpy.types.Object) -> bpy.types.Image | None:
    """The image that a reference shows; None where somebody gave it another material."""
    data: Any = obj.data
    if obj.type == "EMPTY":
        return data if isinstance(data, bpy.types.Image) else None
    node = _node(obj, _PICTURE)
    return node.image if node is not None else None


def part_shown(obj: bpy.types.Object) -> tuple[float, float]:
    """The part of the image's width that a reference shows, as in :func:`make`."""
    mesh: Any = obj.data
    if obj.type != "MESH" or mesh.uv_layers.active is None or len(mesh.loops) != 4:
        return (0.0, 1.0)
    across = [corner.vector[0] for corner in mesh.uv_layers.active.uv]
    return (min(across), max(across)) if across else (0.0, 1.0)


def get_look(obj: bpy.types.Object) -> Look:
    """How a reference is shown now."""
    return Look(
        kind=kind(obj),
        opacity=get_opacity(obj),
        in_front=obj.show_in_front,
        both_sides=get_both_sides(obj),
        in_renders=not obj.hide_render,
        views=get_views(obj),
        locked=obj.hide_select,
    )


def set_look(obj: bpy.types.Object, look: Look) -> None:
    """Show a reference so; its kind stays as it is, and so does its lock."""
    set_opacity(obj, look.opacity)
    set_in_front(obj, look.in_front)
    set_both_sides(obj, look.both_sides)
    obj.hide_render = not look.in_renders
    if obj.type == "EMPTY":
        set_views(obj, look.views)


def get_opacity(obj: bpy.types.Object) -> float:
    """0 is invisible, 1 opaque."""
    color: Any = obj.color
    return min(1.0, max(0.0, float(color[3])))


def set_opacity(obj: bpy.types.Object, value: float) -> None:
    """0 is invisible, 1 opaque."""
    color: Any = obj.color
    color[3] = value
    material: Any = obj.active_material
    if obj.type == "EMPTY" or material is None or material.library is not None:
        return
    material.diffuse_color[3] = value  # what Solid shading heeds
    # Blended surfaces are smooth, but sorted as wholes: only where something shines through.
    image = picture(obj)
    clear = value < 1 or (image is not None and has_alpha(image)) or obj.animation_data is not None
    material.surface_render_method = "BLENDED" if clear else "DITHERED"


def set_in_front(obj: bpy.types.Object, value: bool) -> None:
    """Whether viewports draw it over everything else."""
    obj.show_in_front = value
    if obj.type == "EMPTY":
        obj.empty_image_depth = "FRONT" if value else "DEFAULT"


def get_both_sides(obj: bpy.types.Object) -> bool:
    """Whether it is seen from behind."""
    if obj.type == "EMPTY":
        return obj.empty_image_side == "DOUBLE_SIDED"
    node = _node(obj, _SIDES)
    return node is None or node.inputs[1].default_value > -0.5


def set_both_sides(obj: bpy.types.Object, value: bool) -> None:
    """Whether it is seen from behind."""
    if obj.type == "EMPTY":
        obj.empty_image_side = "DOUBLE_SIDED" if value else "FRONT"
        return
    node = _node(obj, _SIDES)
    if node is not None:
        node.inputs[1].default_value = 0.0 if value else -1.0
        material: Any = obj.active_material
        material.use_backface_culling = not value


def get_views(obj: bpy.types.Object) -> Views:
    """The viewports that show it."""
    if obj.type != "EMPTY":
        return "ALL"
    if obj.show_empty_image_only_axis_aligned:
        return "AXIS"
    return "ORTHO" if not obj.show_empty_image_perspective else "ALL"


def set_views(obj: bpy.types.Object, value: Views) -> None:
    """Choose the viewports that show an image empty; ``AXIS`` hides its back as well.

    Raises:
        RequestError: it is a plane.
    """
    if obj.type != "EMPTY":
        raise RequestError(
            iface("{name} is a plane, which every view shows.").format(name=obj.name),
            advice=iface("Convert it to an image empty first."),
        )
    obj.show_empty_image_orthographic = True
    obj.show_empty_image_perspective = value != "ORTHO"
    obj.show_empty_image_only_axis_aligned = value == "AXIS"
    if value == "AXIS":
        obj.empty_image_side = "FRONT"


def set_locked(obj: bpy.types.Object, value: bool) -> None:
    """Make it impossible, or possible again, to select and to move an object by mistake."""
    if value and in_layer(obj):
        obj.select_set(False)
    obj.hide_select = value
    for axis in ("location", "rotation", "scale"):
        setattr(obj, f"lock_{axis}", (value,) * 3)


def in_layer(obj: bpy.types.Object) -> bool:
    """Whether the context's view layer has an object; only then it can be selected and hidden."""
    layer: Any = bpy.context.view_layer
    # The layer's list of objects is out of date after linking and removing, until somebody asks like this.
    obj.select_get()
    return layer is not None and layer.objects.get(obj.name) == obj


def rotation(facing: Facing, view_matrix: Matrix | None = None) -> Matrix:
    """Turns what lies in XY to where ``facing`` says; arguments as in :func:`add_reference_plane`.

    Raises:
        RequestError: there is no such ``facing``.
    """
    if facing == "VIEW" and view_matrix is not None:
        return _towards(view_matrix)
    turns: dict[str, float] = {"VIEW": 0, "-Y": 0, "X": 90, "Y": 180, "-X": -90}
    if facing in turns:
        return upright(turns[facing])
    if facing in ("Z", "-Z"):
        return Matrix.Rotation(radians(180 if facing == "-Z" else 0), 4, "X")
    raise RequestError(f"facing: must be one of {', '.join(turns)}, Z, -Z, got {facing!r}.")


def upright(angle: float) -> Matrix:
    """Stands what lies in XY up, its front along -Y turned counterclockwise about the vertical by ``angle`` degrees."""
    return Matrix.Rotation(radians(angle), 4, "Z") @ Matrix.Rotation(radians(90), 4, "X")


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
    return Matrix([right[:], above[:], front[:]]).transposed().to_4x4()


def _quad(name: str, width: float, height: float, part: tuple[float, float]) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new(name)
    half = width / 2
    corners = [(-half, 0.0, 0.0), (half, 0.0, 0.0), (half, height, 0.0), (-half, height, 0.0)]
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    layer = mesh.uv_layers.new(name="UVMap")
    left, right = part
    layer.uv.foreach_set("vector", (left, 0.0, right, 0.0, right, 1.0, left, 1.0))
    mesh.update()
    return mesh


def _unlit(name: str, image: bpy.types.Image) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    tree = compat.node_tree(material)
    tree.nodes.clear()
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.name = _PICTURE
    texture.image = image
    texture.extension = "CLIP"
    info = tree.nodes.new("ShaderNodeObjectInfo")
    geometry = tree.nodes.new("ShaderNodeNewGeometry")
    opacity = _math(tree, "MULTIPLY", "Opacity")
    # 1 in front; behind 1 − 0 or 1 − 1.
    sides = _math(tree, "MULTIPLY_ADD", "Both Sides")
    sides.name = _SIDES
    sides.inputs[1].default_value, sides.inputs[2].default_value = 0.0, 1.0
    seen = _math(tree, "MULTIPLY", "Seen")
    emission = tree.nodes.new("ShaderNodeEmission")
    transparent = tree.nodes.new("ShaderNodeBsdfTransparent")
    mix = tree.nodes.new("ShaderNodeMixShader")
    mix.label = "Alpha"
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(texture.outputs["Color"], emission.inputs["Color"])
    tree.links.new(texture.outputs["Alpha"], opacity.inputs[0])
    tree.links.new(info.outputs["Alpha"], opacity.inputs[1])
    tree.links.new(geometry.outputs["Backfacing"], sides.inputs[0])
    tree.links.new(opacity.outputs[0], seen.inputs[0])
    tree.links.new(sides.outputs[0], seen.inputs[1])
    tree.links.new(seen.outputs[0], mix.inputs[0])
    tree.links.new(transparent.outputs[0], mix.inputs[1])
    tree.links.new(emission.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], output.inputs["Surface"])
    nodes.arrange([[texture, info, geometry], [opacity, sides], [seen, transparent, emission], [mix], [output]])
    tree.nodes.active = texture
    return material


def _math(tree: Any, operation: str, label: str) -> Any:
    node = tree.nodes.new("ShaderNodeMath")
    node.operation, node.label = operation, label
    return node


def _node(obj: bpy.types.Object, name: str) -> Any:
    material: Any = obj.active_material
    tree = material.node_tree if material is not None else None
    return tree.nodes.get(name) if tree is not None else None


def collection(scene: bpy.types.Scene | None) -> bpy.types.Collection:
    """The collection for new references of a scene: one that its view layer shows, or else a new one."""
    place: Any = scene or bpy.context.scene
    for known in collections(place):
        if is_shown(known, place):
            return known
    made: Any = bpy.data.collections.new(COLLECTION)
    made[REFERENCE] = True
    place.collection.children.link(made)
    return made


def collections(scene: bpy.types.Scene) -> list[bpy.types.Collection]:
    """The collections of references that belong to a scene and to this file."""
    root: Any = scene.collection
    # Another scene's is "References", so this one's may be "References.001".
    return [
        item
        for item in root.children_recursive
        if item.library is None and (REFERENCE in item or item.name.split(".")[0] == COLLECTION)
    ]


def first_collection(scene: bpy.types.Scene) -> bpy.types.Collection | None:
    """One of :func:`collections`, found without looking at all where it is in its usual place; None without any."""
    root: Any = scene.collection
    usual = root.children.get(COLLECTION)
    if usual is not None and usual.library is None:
        return usual
    return next(iter(collections(scene)), None)


def is_shown(item: bpy.types.Collection, scene: bpy.types.Scene) -> bool:
    """Whether the view layer (of the context, or else the scene's first) shows a collection."""
    current: Any = bpy.context.view_layer
    layer: Any = current if bpy.context.scene == scene and current is not None else scene.view_layers[0]
    # Where it is made, before a walk through what may be hundreds: panels ask on every move of the mouse.
    waiting = [layer.layer_collection.children.get(item.name), layer.layer_collection]
    while waiting:
        found = waiting.pop(0)
        if found is None:
            continue
        if found.collection == item:
            return bool(found.is_visible) and not found.exclude
        waiting.extend(found.children)
    return False
