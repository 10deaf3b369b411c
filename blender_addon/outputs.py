# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of world, brush and export, kept in the scene, and what they apply to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, PointerProperty, StringProperty

from . import bridge, compat
from .core.texloom.errors import StorageError
from .core.texloom.jobs import JobState
from .scene.export import Chosen, is_texloom
from .translations import iface

SOURCES = (
    ("RESULT", "Latest result", "The newest result in the list above, in the variation that is in use"),
    ("MATERIAL", "Active material", "The active object's material, where Texloom made it"),
)
PRESETS = (
    ("BLENDER", "Plain (Blender)", "One file for each map, as they are"),
    ("UNREAL", "Unreal Engine", "T_Name_BC, _N, _ORM, _H: packed, normals for DirectX"),
    ("UNITY_URP", "Unity (URP)", "Base map, normal, metallic with occlusion and smoothness in one, height"),
    ("UNITY_HDRP", "Unity (HDRP)", "Base map, normal, mask map, height"),
    ("GODOT", "Godot", "Albedo, normal, ORM, height"),
    ("GLTF", "glTF", "Base color, normal, and occlusion, roughness and metallic in one"),
)
FORMATS = (
    ("PNG", "PNG", "Whole numbers of 8 or 16 bits"),
    ("EXR", "OpenEXR", "Floats: colors become linear, height keeps all its bits"),
)
DEPTHS = (
    ("AUTO", "As made", "The bits of each map: 16 for height, 8 for the others"),
    ("8", "8 bits", "Everything in 8 bits; height shows steps"),
    ("16", "16 bits", "Everything in 16 bits"),
)
NORMALS = (
    ("AUTO", "As the preset", "What the chosen program expects"),
    ("OPENGL", "OpenGL (green up)", "As Blender, Unity, Godot and glTF have it"),
    ("DIRECTX", "DirectX (green down)", "As Unreal Engine has it"),
)
SIZES = (
    ("AS_IS", "As made", "The size of the maps"),
    ("HALF", "Half", "Half the width and height"),
    ("POWER_OF_TWO", "Power of two", "The next smaller power of two, where it is none already"),
)
PROJECTIONS = (
    ("AUTO", "Automatic", "Panorama for pictures that are twice as wide as high, dome for all others"),
    ("PANORAMA", "Panorama", "Once around, from straight down to straight up"),
    ("DOME", "Dome", "Repeated over the sky, without seams or poles; below the horizon lies its mirror image"),
)
MAPPINGS = (
    ("TILED", "Tiled", "Repeated over the view"),
    ("STENCIL", "Stencil", "As a stencil that you move with the right mouse button"),
    ("VIEW_PLANE", "View plane", "Moves with the brush, facing the view"),
    ("AREA_PLANE", "Area plane", "Moves with the brush, along the surface; for sculpting"),
    ("RANDOM", "Random", "Moves with the brush, from another place each time"),
)


class TexloomOutputs(bpy.types.PropertyGroup):
    """What the part Export of the panel asks for."""

    source: EnumProperty(name="Source", description="What is exported", items=SOURCES)  # type: ignore[valid-type]
    preset: EnumProperty(name="Preset", description="The program that the files are for", items=PRESETS)  # type: ignore[valid-type]
    format: EnumProperty(name="Format", description="Kind of files", items=FORMATS)  # type: ignore[valid-type]
    depth: EnumProperty(name="Depth", description="Bits for each channel", items=DEPTHS)  # type: ignore[valid-type]
    normals: EnumProperty(name="Normals", description="Which way green points", items=NORMALS)  # type: ignore[valid-type]
    size: EnumProperty(name="Size", description="Size of the files in pixels", items=SIZES)  # type: ignore[valid-type]
    directory: StringProperty(
        name="Folder",
        description="Folder for the files; empty to be asked",
        subtype="DIR_PATH",
        maxlen=1024,
        options=compat.RELATIVE_PATH,
    )  # type: ignore[valid-type]
    overwrite: BoolProperty(name="Overwrite", description="Replace files that are there, without asking")  # type: ignore[valid-type]
    strength: FloatProperty(name="Strength", description="Brightness of the world", default=1.0, min=0.0, soft_max=10.0)  # type: ignore[valid-type]
    projection: EnumProperty(name="Projection", description="How the picture surrounds the scene", items=PROJECTIONS)  # type: ignore[valid-type]
    tiles: FloatProperty(
        name="Tiles",
        description="How often the dome shows the picture between horizon and zenith",
        default=2.0,
        min=0.01,
        soft_min=0.5,
        soft_max=20.0,
    )  # type: ignore[valid-type]
    mapping: EnumProperty(name="Mapping", description="How the brush lays the texture", items=MAPPINGS)  # type: ignore[valid-type]


def of(context: bpy.types.Context) -> Any:
    """The settings of the context's scene."""
    scene: Any = context.scene
    return scene.texloom_outputs


def chosen(context: Any) -> Chosen | None:
    """What the panel's choice comes to now; None when there is nothing of that kind."""
    if of(context).source == "MATERIAL":
        material: Any = context.object.active_material if context.object is not None else None
        return Chosen(material=material.name) if is_texloom(material) else None
    entry = latest()
    return Chosen(folder=entry.view.folder, index=entry.index) if entry is not None else None


def latest() -> bridge.Entry | None:
    """The newest completed job of the list."""
    for entry in reversed(bridge.get().entries.values()):
        if entry.view.state is JobState.COMPLETED:
            return entry
    return None


def export_folder(directory: str) -> Path:
    """The folder that a directory property names.

    Raises:
        StorageError: it names none, or lies beside a .blend that is not saved yet.
    """
    if not directory:
        raise StorageError(iface("No folder is chosen."), advice=iface("Choose a folder for the files."))
    if directory.startswith("//") and not bpy.data.filepath:
        raise StorageError(
            iface("The folder lies beside the .blend file, which has no place yet."),
            advice=iface("Save the file first, or choose another folder."),
        )
    return Path(bpy.path.abspath(directory))


def register() -> None:
    """Give every scene the settings."""
    bpy.utils.register_class(TexloomOutputs)
    scene_type: Any = bpy.types.Scene
    scene_type.texloom_outputs = PointerProperty(type=TexloomOutputs)  # type: ignore[func-returns-value]


def unregister() -> None:
    """Take them back."""
    scene_type: Any = bpy.types.Scene
    del scene_type.texloom_outputs
    bpy.utils.unregister_class(TexloomOutputs)
