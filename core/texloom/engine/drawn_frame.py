# SPDX-License-Identifier: GPL-3.0-or-later
"""At which size a family draws what a request asks for, and within which margins."""

from __future__ import annotations

from dataclasses import dataclass

from ..request import GenerationRequest
from .families import Family
from .model_folder import ModelFolder
from .wrapped_context import MARGIN_PIXELS, Frame, frame


@dataclass(frozen=True, kw_only=True)
class DrawnFrame:
    """``approximate``: the network has no room for margins, so that only its decoder wraps around."""

    frame: Frame
    approximate: bool = False


def drawn_frame(request: GenerationRequest, family: Family, folder: ModelFolder) -> DrawnFrame:
    """The request's own size, or one near it where only parts of what is drawn are used."""
    width, height = request.width, request.height
    if request.operation == "create":
        found = frame_of(request, family, folder, width, height)
        return DrawnFrame(frame=found or Frame(width=width, height=height), approximate=found is None)
    width, height = family.masked_size(folder, width, height)
    tiles = request.tile_x or request.tile_y
    whole = frame_of(request, family, folder, width, height) if family.masked_margins or not tiles else None
    most, shrunk = family.masked_pixels, 1.0
    while whole is not None and most is not None and whole.full_width * whole.full_height > most:
        if min(whole.width, whole.height) <= MARGIN_PIXELS:
            break
        shrunk *= 0.97
        size = round(request.width * shrunk), round(request.height * shrunk)
        whole = frame_of(request, family, folder, *family.masked_size(folder, *size))
    return DrawnFrame(frame=whole or Frame(width=width, height=height), approximate=whole is None)


def frame_of(request: GenerationRequest, family: Family, folder: ModelFolder, width: int, height: int) -> Frame | None:
    """A picture as it is where convolutions wrap or nothing tiles, else in margins; None where they have no room."""
    if family.convolutional(folder):
        return Frame(width=width, height=height)
    return frame(
        width,
        height,
        tile_x=request.tile_x,
        tile_y=request.tile_y,
        step=family.size_step(folder),
        largest=family.largest_side(folder),
    )
