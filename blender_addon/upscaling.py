# SPDX-License-Identifier: GPL-3.0-or-later
"""From an image, a picture's file, a result or a material to a job that makes it larger."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import bpy

from . import bridge, image_jobs, starting
from .core.texloom import api as engine_api
from .core.texloom.errors import RequestError
from .core.texloom.storage import MANIFEST_NAME
from .reading import Reading
from .scene import adjust
from .target import ObjectId, Placement, capture
from .translations import iface

LIGHT: Final = "image"
"""The model that comes with Texloom."""

_PICTURES: Final = ("base_color", "image")


def submit_image(
    source: bpy.types.Image | str | Path,
    placement: Placement,
    factor: float,
    *,
    model: str = LIGHT,
    pictures: Reading | None = None,
    **options: Any,
) -> bridge.Entry:
    """Queue a job that makes a picture larger.

    Args:
        source: an image of the file, which is not changed, or the path of a picture.
        placement: where the result goes; :func:`.image_jobs.made_from` for one that follows an image of the file.
        factor: how many times as many pixels each way, above 1 and at most 4.
        model: ``image`` for the network that comes with Texloom, or one that draws over a picture.
        pictures: makes the file of an image, and the job begins then; None makes it now.
        **options: those of ``upscale_request`` of the engine's API: prompt, tile, seed, strength …

    Raises:
        RequestError: nothing can be made from it, or an option is unknown or out of range.
        StorageError: a file cannot be read or written.
    """
    try:
        file, *pixels = starting.picture(source, pictures)
        if isinstance(source, bpy.types.Image):
            options = {"prompt": image_jobs.title(source.name)} | options
        size = (pixels[0], pixels[1])
        request = engine_api.upscale_request(file, factor, model=model, pixels=size, **options)
        return bridge.get().submit(request, placement, pictures)
    except BaseException:
        bridge.get().tidy_sources()
        raise


def submit_result(folder: Path, index: int, factor: float, *, model: str = LIGHT, **options: Any) -> bridge.Entry:
    """Queue a job that makes all maps of a result larger, into a result of its own.

    Materials of the file that show the result show the larger one then, with sliders and nodes as they are; where none
    does, it waits in the library.

    Args:
        folder: the result's.
        index: its variation.
        factor, model, options: as :func:`submit_image`, and ``maps``.

    Raises:
        RequestError: it cannot be upscaled, or an option is unknown or out of range.
        StorageError: it is missing or damaged.
    """
    request = engine_api.upscale_request(folder, factor, model=model, index=index, **options)
    materials = showing(folder, index) if request.kind == "material" else []
    placement = capture(bpy.context, output="MATERIAL" if materials else "LIBRARY", objects=[])
    into = tuple(ObjectId(name=item.name, uid=item.session_uid) for item in materials)
    return bridge.get().submit(request, placement.replace(into=into))


def submit_material(material: bpy.types.Material, factor: float, **options: Any) -> bridge.Entry:
    """Queue a job that makes the maps of a material larger, as they are shown now; arguments as :func:`submit_result`.

    Raises:
        RequestError: Texloom did not make it, or its files are gone; otherwise as :func:`submit_result`.
    """
    if problem := adjust.problem(material):
        raise RequestError(problem)
    found = shown(material)
    if found is None or not (found[0] / MANIFEST_NAME).is_file():
        raise RequestError(
            iface("The files of {name} are gone.").format(name=material.name), advice=iface("Generate it once more.")
        )
    return submit_result(*found, factor, **options)


def shown(material: Any) -> tuple[Path, int] | None:
    """Folder and variation of the result whose pictures a material shows; None where it shows none."""
    for key in _PICTURES:
        texture = adjust.picture(material, key)
        source = texture.image.get("texloom_source", "") if texture is not None and texture.image is not None else ""
        path = Path(str(source))
        number = path.name.partition("_")[0]
        if source and number.isdigit():
            return path.parent, int(number)
    return None


def showing(folder: Path, index: int) -> list[Any]:
    """The materials of the file that show a variation of a result, and can show another."""
    every: Any = bpy.data.materials
    wanted = (Path(folder).absolute(), index)
    return [item for item in every if "texloom_manifest" in item and not adjust.problem(item) and shown(item) == wanted]
