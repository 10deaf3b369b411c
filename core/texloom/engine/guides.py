# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of a request's controls as pipelines get them: at the size that is drawn, in the same margins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import control_pictures
from ..errors import RequestError
from ..request import Control, GenerationRequest
from .controls import Wanted
from .families.control_way import Guide
from .generator import Context
from .operations import Start
from .pictures import opaque, open_picture
from .resample import Span, resample
from .seamless import seam_ratio
from .wrapped_context import Frame

Pixels = NDArray[np.uint8]

SEAM_LIMIT: Final = 4.0
"""A control whose border is so much rougher than its inside makes the result break there."""
_PROPORTIONS: Final = 0.02


def guides(
    found: Wanted, request: GenerationRequest, whole: Frame, start: Start | None, context: Context
) -> tuple[Guide, ...]:
    """One guide a control, in their order.

    Args:
        found: the controls with their networks.
        request: for the size of the result and the axes that tile.
        whole: what is drawn, with its margins.
        start: what is drawn over; of a masked picture only a window is drawn, turned perhaps.
        context: is told of pictures that do not fit.

    Raises:
        RequestError, StorageError: a picture cannot be read.
    """
    made = []
    for control, network, mode in zip(found.controls, found.networks, found.modes(), strict=True):
        pixels = control_pixels(control, request, context)
        if control.kind == "normal" and network.row is not None and network.row.red_is_left:
            pixels = pixels.copy()
            pixels[..., 0] = 255 - pixels[..., 0]
        made.append(Guide(picture=placed(pixels, whole, start), strength=control.strength, mode=mode))
    return tuple(made)


def control_pixels(control: Control, request: GenerationRequest, context: Context) -> Pixels:
    """The picture of a control at the size of the result, (height, width, 3); warns where it does not fit the request.

    Depths get the whole range from black to white.  Black lines become white ones, and where a photo is given for
    lines, they are looked for in it.

    Raises:
        RequestError, StorageError: it cannot be read.
    """
    try:
        pixels = opaque(open_picture(Path(control.image)).pixels, black=True)
    except RequestError as error:
        # The reader speaks of the picture that most requests have.
        said = f"controls: the picture for {control.kind} cannot be used."
        raise RequestError(" ".join((said, error.message)), advice=error.advice) from error
    height, width = pixels.shape[:2]
    if abs(np.log((width / height) / (request.width / request.height))) > _PROPORTIONS:
        context.warn(
            "control_stretched",
            f"The picture for {control.kind} has {width} × {height} pixels and is stretched to the size of the result.",
            advice="Make it of the same proportions.",
        )
    axes = [axis for axis, wanted in ((1, request.tile_x), (0, request.tile_y)) if wanted]
    # Of lines every step is a jump; where they meet the border says nothing.
    if control.kind != "line" and any(seam_ratio(pixels, axis) > SEAM_LIMIT for axis in axes):
        context.warn(
            "control_seam",
            f"The picture for {control.kind} does not repeat, so that the result may not either.",
            advice="Make the picture seamless, or turn tiling off.",
        )
    pixels = _fitted(pixels, request.width, request.height)
    if control.kind == "depth":
        return control_pictures.whole_range(pixels)
    if control.kind == "normal":
        return _unit(pixels)
    drawn = control_pictures.drawn_lines(pixels)
    if drawn == "black":
        return np.invert(pixels)
    if drawn == "white":
        return pixels
    context.warn(
        "control_lines_found",
        "The picture for lines is no drawing of white lines on black; its own lines were looked for.",
    )
    return control_pictures.lines(pixels, tile_x=request.tile_x, tile_y=request.tile_y)


def placed(pixels: Pixels, whole: Frame, start: Start | None) -> Image.Image:
    """A control's picture, of the result's size, over what is drawn: ``whole`` with margins of the opposite sides."""
    canvas = pixels
    if start is not None and start.window is not None:
        canvas = np.roll(canvas, start.turned, (0, 1))[start.window.place]
    canvas = _fitted(np.ascontiguousarray(canvas), whole.width, whole.height)
    x, y = whole.margin_x, whole.margin_y
    return Image.fromarray(np.pad(canvas, ((y, y), (x, x), (0, 0)), mode="wrap"))


def _fitted(pixels: Pixels, width: int, height: int) -> Pixels:
    rows, columns = pixels.shape[:2]
    if (columns, rows) == (width, height):
        return pixels
    x = Span(start=0.0, step=columns / width, count=width)
    y = Span(start=0.0, step=rows / height, count=height)
    # They are numbers, not colors.
    return resample(pixels, x, y, color=False)


def _unit(pixels: Pixels) -> Pixels:
    """Normals of length 1 again, after they were made smaller or larger."""
    values = pixels.astype(np.float32) / np.float32(127.5) - np.float32(1.0)
    values /= np.maximum(np.linalg.norm(values, axis=-1, keepdims=True), np.float32(1e-3))
    return ((values + np.float32(1.0)) * np.float32(127.5) + np.float32(0.5)).clip(0, 255).astype(np.uint8)


def own_form(request: GenerationRequest, name: str, context: Context) -> Control:
    """The one control of a model that follows a form by itself (FLUX.1 Depth and Canny).

    Raises:
        RequestError: it cannot follow what the request has.
    """
    active: Sequence[Control] = [control for control in request.controls if control.strength > 0.0]
    if len(active) != 1 or request.source:
        raise RequestError(
            f"controls: {name} follows exactly one picture, given as its source or as the one control.",
            advice="Leave one picture.",
        )
    control = active[0]
    lower = name.lower()
    other = {"depth": "canny", "line": "depth"}.get(control.kind)
    if other is None or other in lower:
        raise RequestError(
            f"controls: {name} reads no pictures of the kind {control.kind}.", advice="Choose another model for it."
        )
    if control.model:
        raise RequestError(
            f"controls: {name} follows the picture by itself and takes no network.", advice="Leave the network out."
        )
    if control.strength != 1.0:
        context.warn("control_strength_ignored", f"{name} follows the picture wholly; its strength has no effect.")
    return control
