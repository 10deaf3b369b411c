# SPDX-License-Identifier: GPL-3.0-or-later
"""From an image datablock, or a picture's file, to a job: for the operators and for scripts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bpy

from . import bridge
from .core.texloom import api as engine_api
from .core.texloom.picture_size import fitting_size
from .core.texloom.request import GenerationRequest
from .scene import sources
from .target import ObjectId, Placement


def submit(source: bpy.types.Image | str | Path, placement: Placement, **options: Any) -> bridge.Entry:
    """Queue a job that starts from a picture.

    Args:
        source: an image of the file, which is not changed, or the path of a picture.
        placement: where the result goes; :func:`made_from` for a seamless image.
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
    title = _title(image.name)
    if options.get("kind") == "texture":
        options = {"prompt": f"{title} seamless", "color": not sources.is_data(image)} | options
    options = {"prompt": title} | options
    longest = options.pop("size", None)
    if isinstance(longest, int):
        # Checked before the pixels are written.
        GenerationRequest(prompt="size", width=longest // 8 * 8, height=64)
    if not isinstance(longest, tuple):
        longest = fitting_size(width, height, longest)
    file = sources.save_pixels(image)
    try:
        return bridge.get().submit(engine_api.image_request(file, size=longest, **options), placement)
    except BaseException:
        bridge.get().tidy_sources()
        raise


def made_from(placement: Placement, image: Any, *, replace_users: bool) -> Placement:
    """The placement of a seamless image: it belongs to the one that it is made from."""
    return placement.replace(made_from=ObjectId(name=image.name, uid=image.session_uid), replace_users=replace_users)


def _title(name: str) -> str:
    """An image's name without the ending of its file."""
    stem, suffix = os.path.splitext(name)
    return (stem if suffix[1:].isalpha() else name).strip() or "Image"
