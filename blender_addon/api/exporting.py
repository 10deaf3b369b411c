# SPDX-License-Identifier: GPL-3.0-or-later
"""Results for other programs, the world and brushes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy

from .. import outputs, preferences
from ..core.texloom import texture_set
from ..core.texloom.errors import RequestError
from ..scene import brush, export
from ..scene import world as world_module
from ..scene.export import Chosen
from ..scene.transaction import all_or_nothing
from .generation import check


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
    check("projection", projection, world_module.PROJECTIONS)
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
    check("mapping", mapping, brush.MAPPINGS)
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
