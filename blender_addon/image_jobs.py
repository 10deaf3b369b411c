# SPDX-License-Identifier: GPL-3.0-or-later
"""From an image datablock, or a picture's file, to a job: for the operators and for scripts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bpy

from . import bridge, looks, starting
from .core.texloom import api as engine_api
from .core.texloom.picture_size import fitting_size
from .core.texloom.request import GenerationRequest
from .core.texloom.request_makers import edited_size
from .reading import Reading
from .scene import masks, sources
from .target import ObjectId, Placement


def submit(
    source: bpy.types.Image | str | Path, placement: Placement, *, pictures: Reading | None = None, **options: Any
) -> bridge.Entry:
    """Queue a job that starts from a picture.

    Args:
        source: an image of the file, which is not changed, or the path of a picture.
        placement: where the result goes; :func:`made_from` for a seamless image.
        pictures: makes the file of an image, in a thread, and the job begins then; by default it is made now.
        **options: those of ``image_request`` of the engine's API: kind, tile, size, even_light …

    Raises:
        RequestError: nothing can be made from it, or an option is unknown or out of range.
        StorageError: a file cannot be read or written.
    """
    if not isinstance(source, bpy.types.Image):
        path = Path(bpy.path.abspath(str(source)))
        return bridge.get().submit(engine_api.image_request(path, **options), placement)
    image: Any = source
    width, height = sources.size_of(image)
    called = title(image.name)
    if options.get("kind") == "texture":
        options = {"prompt": f"{called} seamless", "color": not sources.is_data(image)} | options
    options = {"prompt": called} | options
    longest = options.pop("size", None)
    if isinstance(longest, int):
        # Checked before the pixels are written.
        GenerationRequest(prompt="size", width=longest // 8 * 8, height=64)
    if not isinstance(longest, tuple):
        longest = fitting_size(width, height, longest)
    file, _, _ = starting.picture(image, pictures)
    try:
        return bridge.get().submit(engine_api.image_request(file, size=longest, **options), placement, pictures)
    except BaseException:
        bridge.get().tidy_sources()
        raise


def submit_edit(
    source: bpy.types.Image | str | Path,
    placement: Placement,
    prompt: str,
    *,
    mask: bpy.types.Image | str | Path | None = None,
    masked: bpy.types.Image | None = None,
    pictures: Reading | None = None,
    **options: Any,
) -> bridge.Entry:
    """Queue a job that changes a picture by words.

    Args:
        source: an image of the file, which is not changed, or the path of a picture.
        placement: where the result goes; :func:`made_from` for one that follows an image of the file.
        prompt: what is to be seen.
        mask: for ``inpaint``; None takes the transparent places of ``source``.
        masked: the image that ``mask`` was painted over; default ``source``.
        pictures: as for :func:`submit`.
        **options: those of ``edit_request`` of the engine's API: model, operation, tile, size, expand, strength …

    Raises:
        RequestError: nothing can be made from it, or an option is unknown or out of range.
        StorageError: a file cannot be read or written.
    """
    try:
        if isinstance(mask, bpy.types.Image):
            below = masked if masked is not None else source if isinstance(source, bpy.types.Image) else None
            options["mask"] = masks.save(mask, below) if pictures is None else pictures.mask(mask, below)
        elif mask is not None:
            options["mask"] = Path(bpy.path.abspath(str(mask)))
        file, width, height = starting.picture(source, pictures)
        options = looks.given(options, pictures)
        if not isinstance(options.get("size"), tuple):
            # The file of an image may not be there yet.
            grown = (options.get("operation", "create"), options.get("expand", ()))
            options["size"] = edited_size(width, height, options.get("size"), *grown)
        return bridge.get().submit(engine_api.edit_request(prompt, file, **options), placement, pictures)
    except BaseException:
        bridge.get().tidy_sources()
        raise


def made_from(placement: Placement, image: Any, *, replace_users: bool, made: str = "seamless") -> Placement:
    """The placement of a seamless (or edited, extended) image: it belongs to the one that it is made from."""
    from_image = ObjectId(name=image.name, uid=image.session_uid)
    return placement.replace(made_from=from_image, replace_users=replace_users, made=made)


def title(name: str) -> str:
    """An image's name without the ending of its file."""
    stem, suffix = os.path.splitext(name)
    return (stem if suffix[1:].isalpha() else name).strip() or "Image"
