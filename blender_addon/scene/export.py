# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be taken from a result on disk or from a material in the file: its pictures, and its texture set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import bpy
import numpy as np

from ..core.texloom.errors import StorageError
from ..core.texloom.pixel_ops import from_linear
from ..core.texloom.png import Pixels
from ..core.texloom.texture_set import Source, TextureSet, provenance
from . import images
from .materials import LABELS, image_name
from .result import ResultImages

_COLORS: Final = ("base_color", "image")


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A variation of a result on disk, or, where ``material`` is its name, a Texloom material of the file."""

    folder: str = ""
    index: int = 0
    material: str = ""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One map as an image datablock, and what is known of it."""

    image: bpy.types.Image
    map: str
    name: str
    prompt: str
    manifest: str
    tileable: bool


def is_texloom(material: Any) -> bool:
    """Whether a material is one that Texloom made."""
    return material is not None and "texloom_manifest" in material


def texture_set(chosen: Chosen) -> TextureSet:
    """What :mod:`texture_set` exports.

    Raises:
        StorageError: the result is missing or damaged, or there is no such material, or it has no maps (any more).
    """
    if not chosen.material:
        return TextureSet.from_folder(_folder(chosen), chosen.index)
    material = _material(chosen)
    maps = material_images(material)
    if not maps:
        raise StorageError(
            f"The material {material.name} has no maps of Texloom any more.",
            advice="Choose the result itself instead of the material.",
        )
    low, high = float(material.get("texloom_height_min_m", 0.0)), float(material.get("texloom_height_max_m", 0.0))
    return TextureSet(
        name=material.name,
        maps={key: _source(image, key) for key, image in maps.items()},
        tile_width_m=float(material.get("texloom_tile_width_m", 1.0)),
        tile_height_m=float(material.get("texloom_tile_height_m", 1.0)),
        height_range_m=abs(high - low),
        origin=provenance(
            str(material.get("texloom_prompt", "")),
            str(material.get("texloom_seed", "")),
            str(material.get("texloom_model", "")),
        ),
    )


def picture(chosen: Chosen, maps: Sequence[str], *, store: images.Store = "PACK") -> Picture:
    """The first of some maps that there is, as an image of the file.

    Raises:
        StorageError: there is none of them, or it cannot be read.
    """
    if chosen.material:
        material = _material(chosen)
        have = material_images(material)
        key = _first(maps, have, material.name)
        return Picture(
            image=have[key],
            map=key,
            name=material.name,
            prompt=str(material.get("texloom_prompt", "")),
            manifest=str(material.get("texloom_manifest", "")),
            tileable=True,
        )
    result = ResultImages.from_manifest(_folder(chosen), chosen.index)
    key = _first(maps, result.maps, result.name)
    image = images.load_map(result.maps[key], image_name(result, key), result.color_spaces[key], store=store)
    return Picture(
        image=image,
        map=key,
        name=result.name,
        prompt=result.prompt,
        manifest=str(result.manifest or ""),
        tileable=result.tile_x and result.tile_y,
    )


def material_images(material: bpy.types.Material) -> dict[str, bpy.types.Image]:
    """The images in the nodes of a Texloom material, by map name."""
    tree: Any = material.node_tree
    if tree is None:
        return {}
    nodes = {key: tree.nodes.get(f"Texloom {label}") for key, label in LABELS.items()}
    return {key: node.image for key, node in nodes.items() if getattr(node, "image", None) is not None}


def _folder(chosen: Chosen) -> Path:
    path = Path(bpy.path.abspath(chosen.folder))
    return path.parent if path.is_file() else path


def _material(chosen: Chosen) -> Any:
    material = bpy.data.materials.get(chosen.material)
    if material is None:
        raise StorageError(f"There is no material {chosen.material} (any more).")
    return material


def _first(maps: Sequence[str], have: Any, name: str) -> str:
    found = next((key for key in maps if key in have), None)
    if found is None:
        wanted = " or ".join(dict.fromkeys(LABELS.get(key, key).lower() for key in maps))
        raise StorageError(f"{name} has no {wanted} map.", advice="Make it again with that map.")
    return found


def _source(image: Any, key: str) -> Source:
    """The image's own PNG file where there is one, byte by byte; otherwise its pixels as Blender has them."""
    if not image.is_dirty:
        if image.packed_file is not None:
            data = bytes(image.packed_file.data)
            if data.startswith(b"\x89PNG"):
                return data
        else:
            path = Path(bpy.path.abspath(image.filepath, library=image.library))
            if images.read_png_header(path) is not None:
                return path
    return _pixels(image, key)


def _pixels(image: Any, key: str) -> Pixels:
    width, height = image.size
    if not width or not height:
        raise StorageError(
            f"The image {image.name} has no pixels; its file is gone.", advice="Find or replace its file."
        )
    values = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(values)
    values = values.reshape(height, width, image.channels)[::-1]
    if image.is_float and not image.colorspace_settings.is_data:
        # Blender has made floats linear; bytes stay as they are in the file.
        values = np.concatenate((from_linear(values[..., :3]), values[..., 3:]), axis=-1)
    if key not in _COLORS and key != "normal":
        values = values[..., 0]
    elif values.shape[2] == 4 and (key == "normal" or bool((values[..., 3] == 1).all())):
        values = values[..., :3]
    peak, dtype = (65535, np.uint16) if image.is_float else (255, np.uint8)
    pixels: Pixels = np.floor(np.clip(values, 0.0, 1.0) * np.float32(peak) + np.float32(0.5)).astype(dtype)
    return pixels
