# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture that a job starts from: an image of the file or a picture on disk, as a request wants it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import bpy

from .core.texloom.errors import RequestError
from .core.texloom.picture_size import fitting_size, picture_size
from .core.texloom.request import GenerationRequest
from .core.texloom.request_makers import DRAWN_STEP
from .reading import Reading
from .scene import sources
from .translations import iface

STARTS = (
    ("NONE", "None", "From the prompt alone", "X", 0),
    ("IMAGE", "Image", "From an image of this file, as it is when the job begins", "IMAGE_DATA", 1),
    ("FILE", "File", "From a picture on disk", "FILE_IMAGE", 2),
)
STRENGTH: Final = 0.6
"""What the engine takes when it is not told: how much of the picture is drawn anew."""

_NEAR: Final = 1e-4


def picture(source: bpy.types.Image | str | Path, pictures: Reading | None = None) -> tuple[Path, int, int]:
    """A file that the engine can read, and its width and height in pixels.

    The pixels of an image of the file are written into Blender's temporary folder: by ``pictures`` when it makes its
    files, else now.

    Raises:
        RequestError: it is no picture that can be used.  StorageError: a file cannot be read or written.
    """
    if isinstance(source, bpy.types.Image):
        width, height = sources.size_of(source)
        if pictures is not None:
            return pictures.image(source), width, height
        return sources.save_pixels(source), width, height
    path = Path(bpy.path.abspath(str(source))).absolute()
    return (path, *picture_size(path))


def chosen(settings: Any) -> bpy.types.Image | Path | None:
    """What the panel starts from; None for nothing.

    Raises:
        RequestError: an image or a file is to be used, and none is given.
    """
    if settings.start == "IMAGE":
        if settings.start_image is None:
            raise RequestError(iface("Choose the image to start from."))
        found: bpy.types.Image = settings.start_image
        return found
    if settings.start == "FILE":
        if not settings.start_file:
            raise RequestError(iface("Choose the picture to start from."))
        return Path(bpy.path.abspath(settings.start_file))
    return None


def begun(
    request: GenerationRequest,
    source: bpy.types.Image | str | Path,
    strength: float | None = None,
    pictures: Reading | None = None,
) -> GenerationRequest:
    """The request, starting from a picture; the longer side stays, the proportions are the picture's.

    Args:
        request: one that starts from nothing yet.
        source: an image of the file, or the path of a picture.
        strength: 0 (it stays) to 1 (only the words count); None for what suits.
        pictures: as for :func:`picture`.

    Raises:
        RequestError, StorageError: as :func:`picture`.
    """
    path, width, height = picture(source, pictures)
    across, down = fitting_size(width, height, max(request.width, request.height), step=DRAWN_STEP)
    return request.replace(source=str(path), strength=strength, width=across, height=down)


def strength_of(settings: Any) -> float | None:
    """The panel's strength; None where it is the engine's own, as not every model has one."""
    value = float(settings.strength)
    return None if abs(value - STRENGTH) < _NEAR else value


def use_file(settings: Any, path: Path) -> None:
    """Start from a picture on disk from now on."""
    settings.start, settings.start_file = "FILE", str(path)


def use_image(settings: Any, image: bpy.types.Image) -> None:
    """Start from an image of the file from now on."""
    settings.start, settings.start_image = "IMAGE", image


def name_of(settings: Any) -> str:
    """The name of what the panel starts from; empty for nothing."""
    if settings.start == "IMAGE":
        return settings.start_image.name if settings.start_image is not None else ""
    return Path(settings.start_file).name if settings.start == "FILE" else ""
