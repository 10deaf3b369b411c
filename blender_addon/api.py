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
    placement = placement.replace(slot=slot, store=store, displacement=displacement)
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
        )
    return made.name


def _chosen(source: str | Path | bpy.types.Material, index: int) -> Chosen:
    if isinstance(source, bpy.types.Material):
        return Chosen(material=source.name)
    return Chosen(folder=str(source), index=index)


def _check(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise RequestError(f"{name}: must be one of {', '.join(str(item) for item in allowed if item)}, got {value!r}.")
