# SPDX-License-Identifier: GPL-3.0-or-later
"""Texloom from Python inside Blender; the panel itself uses the same functions.

    import bpy
    from bl_ext.user_default.texloom import api

    made = api.generate("mossy cobblestone, wet", target=bpy.context.object, size=2048)
    print(made.material, made.folder)

:func:`generate` waits for the result, :func:`submit` does not: in a window, where waiting would freeze Blender,
use ``submit``; the result is put into the scene when it is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import bridge, outputs, parameters, preferences
from . import target as targets
from . import tune as tuning
from .core.texloom import api as engine_api
from .core.texloom import texture_set
from .core.texloom.errors import CancelledError, ErrorCode, RequestError
from .core.texloom.jobs import JobState, JobView
from .scene import brush, export
from .scene import world as world_module
from .scene.export import Chosen
from .scene.result import ResultImages
from .scene.transaction import all_or_nothing
from .scene import backgrounds, planes, references
from .scene import turnaround as turnarounds
from .scene.objects import metres_per_unit
from .scene.result import ResultImages
from .scene.transaction import all_or_nothing

ReferenceLook = planes.Look
"""How a reference looks: ``ReferenceLook(kind="EMPTY", opacity=0.5, views="AXIS", locked=True)`` and so on."""

KINDS = {"MATERIAL": "material", "IMAGE": "texture", "PLANE": "reference", "LIBRARY": "material"}


@dataclass(frozen=True, kw_only=True)
class Generated:
    """What a job made: names of datablocks (look them up in ``bpy.data``), the folder, and what to tell."""

    folder: Path
    images: tuple[str, ...]
    material: str = ""
    object: str = ""
    assigned: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()


class Job:
    """A submitted job."""

    def __init__(self, entry: bridge.Entry) -> None:
        self._entry = entry

    @property
    def id(self) -> str:
        """Id of the request."""
        return self._entry.id

    @property
    def view(self) -> JobView:
        """State, progress, warnings and error of now."""
        return self._entry.view

    @property
    def done(self) -> bool:
        """Whether it has ended and its result is in the scene."""
        return self._entry.settled

    def cancel(self) -> None:
        """Ask for its end."""
        bridge.get().cancel(self.id)

    def wait(self, timeout: float | None = None) -> Generated:
        """Block until it is done; errors as :func:`generate`."""
        bridge.get().wait(self._entry, timeout)
        return self.result()

    def result(self) -> Generated:
        """What it made.

        Raises:
            RuntimeError: it is not done yet.
            JobFailedError: it failed, or its result could not be put into the scene.
            CancelledError: it was cancelled.
        """
        entry = self._entry
        if not entry.settled:
            raise RuntimeError("The job is not done yet.")
        if entry.view.state is JobState.CANCELLED:
            raise CancelledError
        if entry.problem:
            known = entry.view.error
            code = ErrorCode(known.code) if known is not None and known.code in set(ErrorCode) else ErrorCode.STORAGE
            tail = known.log_tail if known is not None else ""
            raise engine_api.JobFailedError(entry.problem, advice=entry.advice, code=code, log_tail=tail)
        built = entry.built
        return Generated(
            folder=Path(entry.view.folder),
            images=tuple(built.images) if built else (),
            material=built.material if built else "",
            object=built.object if built else "",
            assigned=tuple(built.assigned) if built else (),
            messages=tuple(entry.notices),
        )


def submit(
    prompt: str,
    *,
    target: bpy.types.Object | Sequence[bpy.types.Object] | None = None,
    output: str = "MATERIAL",
    size: int | tuple[int, int] | None = None,
    slot: str | None = None,
    store: str | None = None,
    displacement: str | None = None,
    plane_height: float = 1.8,
    plane_facing: str = "VIEW",
    plane_look: ReferenceLook | None = None,
    **options: Any,
) -> Job:
    """Queue a job and return at once.

    Args:
        prompt: what to make.
        target: object or objects for the material; default the selection.
        output: ``MATERIAL``, ``IMAGE``, ``PLANE``, or ``LIBRARY`` for files only.
        size: pixels, one number or (width, height).
        slot: ``ACTIVE``, ``NEW`` or ``ALL``; default the preferences'.
        store: ``PACK``, ``BESIDE`` or ``LIBRARY``; default the preferences'.
        displacement: ``BUMP``, ``DISPLACEMENT``, ``BOTH`` or ``NONE``; default the preferences'.
        plane_height: metres.
        plane_facing: ``VIEW``, ``X``, ``-X``, ``Y``, ``-Y`` or ``Z``.
        plane_look: opacity, kind and so on of the plane, as :class:`ReferenceLook`.
        **options: further fields of ``GenerationRequest``: seed, count, width, height, model, maps,
            real_world_width, tile_x, tile_y, steps, guidance_scale, negative_prompt, parameters …

    Raises:
        RequestError: something is unknown or out of range; the message names it and the range.
        StorageError: the machine's settings are damaged.
    """
    _check("output", output, tuple(KINDS))
    _check("slot", slot, (None, "ACTIVE", "NEW", "ALL"))
    _check("store", store, (None, "PACK", "BESIDE", "LIBRARY"))
    _check("displacement", displacement, (None, "BUMP", "DISPLACEMENT", "BOTH", "NONE"))
    _check("plane_facing", plane_facing, ("VIEW", "X", "-X", "Y", "-Y", "Z"))
    if not plane_height > 0:
        raise RequestError(f"plane_height: must be above 0 metres, got {plane_height}.")
    if size is not None:
        options["width"], options["height"] = (size, size) if isinstance(size, int) else size
    if output == "PLANE":
        # A picture on a plane has edges.
        options = {"tile_x": False, "tile_y": False} | options
    request = engine_api.make_request(prompt, **{"kind": KINDS[output]} | options)
    objects = [target] if isinstance(target, bpy.types.Object) else target
    placement = targets.capture(
        bpy.context,
        output=output,
        objects=list(objects) if objects is not None else None,
        plane_height_m=plane_height,
        plane_facing=plane_facing,
    )
    placement = placement.replace(slot=slot, store=store, displacement=displacement, plane_look=plane_look)
    return Job(bridge.get().submit(request, placement))


def generate(prompt: str, *, timeout: float | None = None, **options: Any) -> Generated:
    """Make one result, put it into the scene and return what was made; arguments as :func:`submit`.

    Raises:
        RequestError: an argument is unknown or out of range.
        JobFailedError: the engine could not make it; ``advice`` says what to do.
        TimeoutError: it took longer than ``timeout`` seconds; the job is cancelled.
    """
    job = submit(prompt, **options)
    try:
        return job.wait(timeout)
    except (TimeoutError, KeyboardInterrupt):
        job.cancel()
        raise


def apply(
    folder: str | Path,
    index: int = 0,
    *,
    target: bpy.types.Object | Sequence[bpy.types.Object] | None = None,
    output: str = "MATERIAL",
    plane_height: float = 1.8,
    plane_facing: str = "VIEW",
) -> Generated:
    """Put variation ``index`` of a result that lies on disk into the scene.

    Raises:
        RequestError: ``output`` is unknown.
        StorageError: the result is missing or damaged.
    """
    _check("output", output, tuple(KINDS))
    objects = [target] if isinstance(target, bpy.types.Object) else target
    placement = targets.capture(
        bpy.context,
        output=output,
        objects=list(objects) if objects is not None else None,
        plane_height_m=plane_height,
        plane_facing=plane_facing,
    )
    built = targets.apply(ResultImages.from_manifest(Path(folder), index), placement)
    return Generated(
        folder=Path(folder),
        images=tuple(built.images),
        material=built.material,
        object=built.object,
        assigned=tuple(built.assigned),
        messages=tuple(built.messages),
    )


def tune(
    material: bpy.types.Material | str,
    *,
    family: str | None = None,
    seed: int | None = None,
    timeout: float | None = None,
    **values: Any,
) -> None:
    """Draw an instant material again with other values of its parameters; the same images, the same size.

    In the background it waits until they are drawn; in a window it returns at once, and they follow.

    Args:
        material: a material or its name.
        family: make another kind of material of it; ``values`` are then given at the next call.
        seed: of the irregularities.
        timeout: seconds to wait at most in the background.
        **values: parameters by name: numbers (metres for sizes), ``#rrggbb``, names of options.

    Raises:
        RequestError: it is no instant material, has no such parameter, or a value is out of range.
        JobFailedError: the engine could not draw it.
        TimeoutError: it was not drawn within ``timeout`` seconds.
    """
    found = bpy.data.materials.get(material) if isinstance(material, str) else material
    if parameters.of(found) is None:
        raise RequestError(f"material: {material} is no material of the instant model.")
    parameters.set_values(found, values)
    tuner = tuning.get()
    if family is not None:
        tuning.change_family(found, family)
    elif seed is not None:
        tuner.order(found, seed=seed)
    else:
        tuner.changed(found)
    if bpy.app.background:
        if not tuner.finish(found, timeout):
            raise TimeoutError(f"The material was not drawn within {timeout:g} seconds.")
        if problem := tuner.problem(found):
            raise engine_api.JobFailedError(problem, code=ErrorCode.INTERNAL)


def replace(material: bpy.types.Material | str, folder: str | Path, index: int = 0) -> Generated:
    """Show the maps of another result in a material that Texloom made; the material stays the same datablock.

    Its node tree, with nodes and links of your own, stays as well.  Sliders that were moved keep their values, the
    others, real size and height of the relief follow the new maps.

    Args:
        material: the material or its name; with sliders, so made by this version of Texloom.
        folder: the result on disk.
        index: its variation.

    Raises:
        RequestError: there is no such material, it has no sliders, or it is linked from another file.
        StorageError: the result is missing or damaged.  Nothing has changed then.
    """
    found = bpy.data.materials.get(material) if isinstance(material, str) else material
    if found is None:
        raise RequestError(f"material: there is none named {material!r}.")
    built = targets.replace_maps(found, ResultImages.from_manifest(Path(folder), index))
    return Generated(
        folder=Path(folder),
        images=tuple(built.images),
        material=built.material,
        messages=tuple(built.messages),
    )


@dataclass(frozen=True, kw_only=True)
class Exported:
    """The files that were written, and what to tell."""

    files: tuple[Path, ...]
    messages: tuple[str, ...] = ()


def export_set(
    source: str | Path | bpy.types.Material,
    directory: str | Path,
    *,
    index: int = 0,
    preset: str = "BLENDER",
    format: str = "PNG",  # noqa: A002 - the word for it
    depth: str = "AUTO",
    normals: str = "AUTO",
    size: str = "AS_IS",
    name: str = "",
    overwrite: bool = False,
) -> Exported:
    """Write a result's folder, or a Texloom material, as the textures that another program wants; waits.

    Of a material the images in its nodes are written, painted ones as they are painted; what other nodes do to them
    is not.

    Args:
        source: a result's folder, or a material that Texloom made.
        directory: folder for the files; ``//`` is beside the .blend.
        index: which variation of a folder.
        preset: ``UNREAL``, ``UNITY_URP``, ``UNITY_HDRP``, ``GODOT``, ``GLTF`` or ``BLENDER`` (a file for each map).
        format: ``PNG`` or ``EXR``.
        depth: bits of a PNG: ``AUTO``, ``8`` or ``16``.
        normals: ``AUTO`` (the preset's), ``OPENGL`` or ``DIRECTX``.
        size: ``AS_IS``, ``HALF`` or ``POWER_OF_TWO``.
        name: name in the files' names; default from the prompt.
        overwrite: replace files that are there.

    Raises:
        RequestError: an option is unknown.
        StorageError: the source is gone or damaged, files are there already, or they cannot be written.
    """
    plan = texture_set.plan(
        export.texture_set(_chosen(source, index)),
        outputs.export_folder(str(directory)),
        preset=preset.lower(),
        format=format.lower(),
        depth=depth.lower(),
        normals=normals.lower(),
        size=size.lower(),
        name=name,
        overwrite=overwrite,
    )
    written = plan.write()
    return Exported(files=written.files, messages=tuple(str(note) for note in written.notes))


def world_background(
    source: str | Path | bpy.types.Material,
    *,
    index: int = 0,
    scene: bpy.types.Scene | None = None,
    world: bpy.types.World | None = None,
    strength: float = 1.0,
    projection: str = "AUTO",
    tiles: float = 2.0,
    rotation: float = 0.0,
) -> str:
    """Surround a scene with a result's picture; the name of the world.

    Args:
        source: a result's folder, or a material that Texloom made.
        index: which variation of a folder.
        scene: default the context's.
        world: replace the nodes of this world; default a new one, and the old one stays in the file.
        strength: brightness.
        projection: ``AUTO``, ``PANORAMA`` (once around) or ``DOME`` (repeated over the sky).
        tiles: how often the dome shows the picture between horizon and zenith.
        rotation: turn about the vertical, radians.

    Raises:
        RequestError: an option is unknown or out of range.
        StorageError: the source is gone or damaged.
    """
    _check("projection", projection, world_module.PROJECTIONS)
    if not strength >= 0 or not tiles > 0:
        raise RequestError(f"strength must be at least 0 and tiles above 0, got {strength} and {tiles}.")
    with all_or_nothing():
        picture = export.picture(_chosen(source, index), brush.COLOR, store=preferences.get().store)
        made = world_module.world_background(
            picture,
            scene=scene,
            world=world,
            strength=strength,
            projection=projection,  # type: ignore[arg-type,unused-ignore]
            tiles=tiles,
            rotation=rotation,
        )
    return made.name


def brush_texture(
    source: str | Path | bpy.types.Material, *, index: int = 0, mapping: str = "TILED", own_colors: bool = True
) -> str:
    """Make a result's height (in Sculpt Mode) or colors (in painting) the texture of the active brush; its name.

    Args:
        source: a result's folder, or a material that Texloom made.
        index: which variation of a folder.
        mapping: ``TILED``, ``STENCIL``, ``VIEW_PLANE``, ``AREA_PLANE``, ``3D`` or ``RANDOM``.
        own_colors: make the brush white for painting.

    Raises:
        RequestError: ``mapping`` is unknown.
        TexloomError: no mode in which brushes have textures, or no active brush.
        StorageError: the source is gone or damaged, or has no such map.
    """
    _check("mapping", mapping, brush.MAPPINGS)
    with all_or_nothing():
        maps = brush.wanted_maps(brush.paint_mode(bpy.context))
        picture = export.picture(_chosen(source, index), maps, store=preferences.get().store)
        made = brush.brush_texture(
            picture,
            bpy.context,
            mapping=mapping,  # type: ignore[arg-type,unused-ignore]
            own_colors=own_colors,


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


def _chosen(source: str | Path | bpy.types.Material, index: int) -> Chosen:
    if isinstance(source, bpy.types.Material):
        return Chosen(material=source.name)
    return Chosen(folder=str(source), index=index)


def _images(given: bpy.types.Image | str | Path | Sequence[bpy.types.Image | str | Path]) -> list[bpy.types.Image]:
    """The datablocks, of files loaded where they are not yet."""
    items = [given] if isinstance(given, (bpy.types.Image, str, Path)) else list(given)
    return [item if isinstance(item, bpy.types.Image) else references.open_pictures([item])[0] for item in items]


def _check(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise RequestError(f"{name}: must be one of {', '.join(str(item) for item in allowed if item)}, got {value!r}.")
