# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a form from the scene: depth, normals and lines as a camera sees them, or of a material's own maps.

They are rendered in a scene of their own by one material that shows numbers instead of colors: the direction of the
surface in the camera's eyes, and its depth.  One ray a pixel does, and nothing of the user's file is changed: the
scene, its camera, the material and the file go away again whatever happens.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from ..core.texloom import control_pictures
from ..core.texloom.errors import RequestError
from ..core.texloom.storage import storage_error
from ..translations import iface
from . import images, sources

Pixels = NDArray[np.uint8]
Values = NDArray[np.float32]

KINDS: Final = ("depth", "normal", "line")

FARTHEST: Final = 0.1
"""How bright the farthest point of a form is before a black background."""
SHARP: Final = math.radians(25.0)
"""Surfaces that meet at more than this make a line."""
STEP: Final = 0.03
"""A jump in depth of that part of the whole range makes a line."""
MADE: Final = "texloom_form"
"""Custom property of an image that was made here: the kind."""

_SURFACES: Final = ("MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "EMPTY")
_NAMES: Final = {"depth": "Form depth", "normal": "Form normals", "line": "Form lines"}
_BORDER: Final = 1.05
_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a camera sees; arrays (height, width), first row on top.

    ``near`` is larger the nearer a point is, in no particular unit; ``x`` and ``y`` are the direction of the surface
    to the right and up, -1 to 1; ``covered`` is where there is anything.
    """

    near: Values
    x: Values
    y: Values
    covered: NDArray[np.bool_]

    def picture(self, kind: str) -> Pixels:
        """One of :data:`KINDS`, (height, width, 3) uint8."""
        if kind == "depth":
            return _depth(self)
        return _normals(self) if kind == "normal" else control_pictures.as_picture(_lines(self))


def from_camera(scene: bpy.types.Scene, width: int, height: int) -> Seen:
    """What the scene's camera sees of all that is rendered.

    Args:
        scene: of the user; its current frame.
        width: of the picture in pixels; ``height`` as well.

    Raises:
        RequestError: there is no camera, nothing is seen, or Cycles is not there.
        StorageError: the temporary file cannot be written.
    """
    found: Any = scene
    if found.camera is None or found.camera.type != "CAMERA":
        raise RequestError(iface("The scene has no camera."), advice=iface("Add one, or use an object."))
    data = found.camera.data
    if data.type == "PANO":
        raise RequestError(iface("Panoramic cameras give no picture of a form."))
    graph = bpy.context.evaluated_depsgraph_get()
    matrix = found.camera.evaluated_get(graph).matrix_world.normalized()
    seen = _render(found, _rendered(found), data.copy, matrix, (width, height))
    return _seen(seen, perspective=data.type == "PERSP")


def from_object(
    scene: bpy.types.Scene, obj: bpy.types.Object, width: int, height: int, *, view: Matrix | None = None
) -> Seen:
    """One object alone, without perspective, as large as it fits.

    Args:
        scene: of the user; its current frame.
        obj: what is seen.
        width: of the picture in pixels; ``height`` as well.
        view: turns the viewer: world ← view, as the rotation of a 3D viewport; None looks straight from the front.

    Raises:
        RequestError, StorageError: as :func:`from_camera`.
    """
    shown: Any = obj
    if shown.type not in _SURFACES or (shown.type == "EMPTY" and shown.instance_type != "COLLECTION"):
        raise RequestError(iface("{name} has no surface.").format(name=obj.name), advice=iface("Choose a mesh."))
    turn = (view or Matrix.Rotation(math.pi / 2, 4, "X")).to_3x3().normalized()
    graph = bpy.context.evaluated_depsgraph_get()
    corners = [turn.transposed() @ corner for corner in _corners(shown, graph)]
    low = Vector([min(corner[axis] for corner in corners) for axis in range(3)])
    high = Vector([max(corner[axis] for corner in corners) for axis in range(3)])
    size, middle = high - low, (low + high) / 2
    reach = max(size.length, 1e-6)
    # The scale of such a camera is that of the longer side of the picture.
    longest = max(width, height)
    scale = max(size.x * longest / width, size.y * longest / height, reach * 1e-3) * _BORDER

    def camera() -> Any:
        data: Any = bpy.data.cameras.new("Texloom form")
        data.type, data.ortho_scale = "ORTHO", scale
        data.clip_start, data.clip_end = reach * 0.01, reach * 4
        return data

    place: Any = turn @ Vector((middle.x, middle.y, high.z + reach))
    matrix = Matrix.Translation(place) @ turn.to_4x4()
    return _seen(_render(scene, [shown], camera, matrix, (width, height)), perspective=False)


def from_material(material: Any, kind: str) -> Any:
    """The image of a Texloom material that says the form of its tile; lines are drawn from its relief.

    Raises:
        RequestError: it has no such map.
    """
    from .materials import picture_name

    tree = material.node_tree if material is not None else None
    wanted = ("normal",) if kind == "normal" else ("height",)
    node = next((tree.nodes[name] for name in map(picture_name, wanted) if name in tree.nodes), None) if tree else None
    if node is None or node.image is None:
        raise RequestError(
            iface("The active material has no map of Texloom that shows its form."),
            advice=iface("Select an object with a Texloom material that has height and normal maps."),
        )
    if kind != "line":
        return node.image
    pixels = sources.pixels_of(node.image)[..., :3]
    return make_image(control_pictures.lines(pixels, tile_x=True, tile_y=True), kind)


def make_image(pixels: Pixels, kind: str) -> bpy.types.Image:
    """An image datablock of (height, width, 3) pixels, packed, with numbers instead of colors."""
    height, width = pixels.shape[:2]
    made: Any = bpy.data.images.new(iface(_NAMES[kind]), width, height, alpha=False)
    images.set_color_space(made, "Non-Color")
    flat = np.ones((height, width, 4), np.float32)
    flat[..., :3] = pixels[::-1].astype(np.float32) / 255.0
    made.pixels.foreach_set(flat.ravel())
    made.update()
    # Else the picture would be gone with the next reload of the file.
    made.pack()
    made[MADE] = kind
    return made  # type: ignore[no-any-return]


def _rendered(scene: Any) -> Iterator[Any]:
    """The objects that a render of the scene's active view layer would show."""
    layer: Any = bpy.context.view_layer if bpy.context.scene == scene else scene.view_layers[0]
    seen: set[str] = set()
    pending: list[Any] = [layer.layer_collection]
    while pending:
        part = pending.pop()
        if part.exclude or part.collection.hide_render:
            continue
        pending += list(part.children)
        for obj in part.collection.objects:
            if obj.name_full not in seen and not obj.hide_render and obj.type in _SURFACES:
                seen.add(obj.name_full)
                yield obj


def _corners(obj: Any, graph: Any) -> list[Vector]:
    """Corners of the box around an object, and around what it instances, in the world."""
    found = []
    for instance in graph.object_instances:
        owner = instance.parent if instance.is_instance else instance.object
        if owner is not None and owner.original == obj:
            found += [instance.matrix_world @ Vector(corner) for corner in instance.object.bound_box]
    if not found:
        found = [obj.matrix_world @ Vector(corner) for corner in obj.bound_box]
    return found


def _seen(pixels: Values, *, perspective: bool) -> Seen:
    covered = pixels[..., 3] > 0.5
    if not covered.any():
        raise RequestError(iface("Nothing is to be seen there."), advice=iface("Move the camera, or show the object."))
    # The film holds colors with alpha multiplied in; a ray hits or it does not.
    x, y = (np.where(covered, pixels[..., axis] * 2.0 - 1.0, 0.0).astype(np.float32) for axis in (0, 1))
    depth = np.where(covered, np.maximum(pixels[..., 2], 1e-9), 1.0)
    # With perspective a plane is even in one over the depth, without in the depth itself.
    near = 1.0 / depth if perspective else -depth
    return Seen(near=near.astype(np.float32), x=x, y=y, covered=covered)


def _render(
    scene: Any, objects: Iterable[Any], camera: Callable[[], Any], matrix: Matrix, size: tuple[int, int]
) -> Values:
    """(height, width, 4), first row on top: direction to the right and up (0 to 1), depth, 1 where something is."""
    path = Path(bpy.app.tempdir) / f"texloom-form-{os.getpid()}-{next(_numbers)}.exr"
    with contextlib.ExitStack() as stack:
        stack.callback(_forget_file, path)
        result = bpy.data.images.get("Render Result")
        if result is None:
            stack.callback(_remove, bpy.data.images, "Render Result")
        own: Any = bpy.data.scenes.new("Texloom form")
        stack.callback(bpy.data.scenes.remove, own)
        data = camera()
        stack.callback(bpy.data.cameras.remove, data)
        if data.dof is not None:
            data.dof.use_dof = False
        eye: Any = bpy.data.objects.new("Texloom form", data)
        stack.callback(bpy.data.objects.remove, eye)
        material = _numbers_material()
        stack.callback(bpy.data.materials.remove, material)
        eye.matrix_world = matrix
        own.collection.objects.link(eye)
        for obj in objects:
            own.collection.objects.link(obj)
        own.camera = eye
        _set_up(own, scene, material, size, path)
        try:
            bpy.ops.render.render(write_still=True, scene=own.name)
        except RuntimeError as error:
            raise RequestError(iface("The form cannot be rendered: {reason}").format(reason=error)) from error
        if not path.is_file():
            raise storage_error("write", path, OSError("nothing was written"))
        return _read(path)


def _set_up(own: Any, scene: Any, material: Any, size: tuple[int, int], path: Path) -> None:
    own.frame_set(scene.frame_current, subframe=scene.frame_subframe)
    own.view_layers[0].material_override = material
    render = own.render
    try:
        render.engine = "CYCLES"
    except TypeError as error:
        raise RequestError(
            iface("Pictures of a form need Cycles, which is switched off."),
            advice=iface("Enable Cycles in Blender's preferences, under Add-ons."),
        ) from error
    own.cycles.device = "CPU"
    own.cycles.samples = 1
    own.cycles.max_bounces = 0
    own.cycles.use_denoising = False
    own.cycles.use_adaptive_sampling = False
    # One ray through the middle of each pixel: numbers must not be mixed.
    own.cycles.pixel_filter_type = "BOX"
    own.cycles.filter_width = 0.01
    render.filepath = str(path)
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    render.film_transparent = True
    render.use_compositing = render.use_sequencer = render.use_motion_blur = False
    render.use_file_extension = False
    render.image_settings.file_format = "OPEN_EXR"
    render.image_settings.color_mode = "RGBA"
    render.image_settings.color_depth = "32"
    render.image_settings.exr_codec = "ZIP"


def _numbers_material() -> Any:
    """A surface that shines by its direction in the camera's eyes and its depth."""
    from .. import compat

    made: Any = bpy.data.materials.new("Texloom form")
    tree: Any = compat.node_tree(made)
    tree.nodes.clear()
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    shine = tree.nodes.new("ShaderNodeEmission")
    join = tree.nodes.new("ShaderNodeCombineXYZ")
    surface = tree.nodes.new("ShaderNodeNewGeometry")
    turn = tree.nodes.new("ShaderNodeVectorTransform")
    turn.vector_type, turn.convert_from, turn.convert_to = "NORMAL", "WORLD", "CAMERA"
    parts = tree.nodes.new("ShaderNodeSeparateXYZ")
    eye = tree.nodes.new("ShaderNodeCameraData")
    tree.links.new(surface.outputs["Normal"], turn.inputs["Vector"])
    tree.links.new(turn.outputs["Vector"], parts.inputs["Vector"])
    for axis in ("X", "Y"):
        # Light cannot be negative.
        half = tree.nodes.new("ShaderNodeMath")
        half.operation = "MULTIPLY_ADD"
        half.inputs[1].default_value = half.inputs[2].default_value = 0.5
        tree.links.new(parts.outputs[axis], half.inputs[0])
        tree.links.new(half.outputs["Value"], join.inputs[axis])
    tree.links.new(eye.outputs["View Z Depth"], join.inputs["Z"])
    tree.links.new(join.outputs["Vector"], shine.inputs["Color"])
    tree.links.new(shine.outputs["Emission"], output.inputs["Surface"])
    return made


def _read(path: Path) -> Values:
    image: Any = bpy.data.images.load(str(path), check_existing=False)
    try:
        images.set_color_space(image, "Non-Color")
        width, height = image.size
        flat = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(flat)
        return np.ascontiguousarray(flat.reshape(height, width, image.channels)[::-1])
    finally:
        bpy.data.images.remove(image)


def _remove(collection: Any, name: str) -> None:
    found = collection.get(name)
    if found is not None:
        collection.remove(found)


def _forget_file(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _depth(seen: Seen) -> Pixels:
    inside = seen.near[seen.covered]
    low, high = float(inside.min()), float(inside.max())
    floor = 0.0 if seen.covered.all() else FARTHEST
    share = (seen.near - low) / max(high - low, 1e-12) if high - low > 1e-7 * max(abs(high), 1.0) else 1.0
    grey = np.where(seen.covered, floor + (1.0 - floor) * share, 0.0)
    return np.repeat((grey * 255.0 + 0.5).astype(np.uint8)[..., None], 3, axis=2)


def _normals(seen: Seen) -> Pixels:
    values = np.stack((seen.x, seen.y, _towards(seen)), axis=-1)
    return ((values * 0.5 + 0.5).clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _towards(seen: Seen) -> Values:
    """How far surfaces look at the viewer; nothing is seen from behind, and the background is flat."""
    return np.sqrt(np.maximum(0.0, 1.0 - seen.x**2 - seen.y**2)).astype(np.float32)


def _lines(seen: Seen) -> NDArray[np.bool_]:
    """Where the form ends, folds, or another part of it lies behind."""
    inside = seen.near[seen.covered]
    reach = max(float(inside.max() - inside.min()), 1e-12)
    near = np.where(seen.covered, seen.near, inside.min() - reach)
    direction = np.stack((seen.x, seen.y, _towards(seen)), axis=-1)
    found = np.zeros(seen.covered.shape, bool)
    for axis in (0, 1):

        def ahead(values: NDArray[Any], axis: int = axis) -> NDArray[Any]:
            return np.concatenate((np.delete(values, 0, axis), np.take(values, [-1], axis)), axis)

        def behind(values: NDArray[Any], axis: int = axis) -> NDArray[Any]:
            return np.concatenate((np.take(values, [0], axis), np.delete(values, -1, axis)), axis)

        ends = seen.covered != ahead(seen.covered)
        both = seen.covered & ahead(seen.covered)
        folds = both & ((direction * ahead(direction)).sum(-1) < math.cos(SHARP))
        # A plane at a slant changes evenly; at a jump the change is unlike that on either side.
        change = ahead(near) - near
        jump = np.minimum(np.abs(change - behind(change)), np.abs(change - ahead(change)))
        jump = np.minimum(jump, np.abs(change))
        found |= ends | folds | (both & (jump > STEP * reach))
    return found
