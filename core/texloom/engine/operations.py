# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model starts from when it changes a picture, and how what it drew gets back into that picture.

Models draw at multiples of a step, within a mask rounded to their latents, and their autoencoder changes every pixel a
little.  So only what is masked is taken from them, with a soft edge inside the mask; all other pixels stay as they
were, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from ..errors import RequestError
from ..request import GenerationRequest
from .from_image import start_from
from .generator import Context
from .masks import filled, grown, soft_edge
from .pictures import opaque, open_picture
from .resample import Span, resample
from .wrapped_context import Frame

Pixels = NDArray[np.uint8]

CROSS_SHARE: Final = 1 / 8
"""Part of a side that is drawn anew to repair the seam across it."""
LEAST_CROSS: Final = 48

_PROPORTIONS: Final = 0.02
_AROUND: Final = 0.25
_WORTH: Final = 0.7


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a pipeline gets, and what its picture is put into.

    Attributes:
        picture: (height, width, 3) at the size that is drawn.
        mask: (height, width), 255 where it is drawn; None: everywhere.
        canvas: the whole picture at the size of the result, for a masked one.
        window: the part of the canvas that is drawn.
        share: (height, width) of the window, 0 to 1: how much of each pixel comes from what was drawn.
        turned: rows and columns that the canvas was rolled by.
        strength: how much is drawn anew.
    """

    picture: Pixels
    strength: float
    mask: Pixels | None = None
    canvas: Pixels | None = None
    window: Window | None = None
    share: NDArray[np.float32] | None = None
    turned: tuple[int, int] = (0, 0)

    def images(self, whole: Frame) -> tuple[Image.Image, Image.Image | None]:
        """Picture and mask in their margins, which repeat the opposite sides."""
        x, y = whole.margin_x, whole.margin_y
        picture = np.pad(self.picture, ((y, y), (x, x), (0, 0)), mode="wrap")
        if self.mask is None:
            return Image.fromarray(picture), None
        return Image.fromarray(picture), Image.fromarray(np.pad(self.mask, ((y, y), (x, x)), mode="wrap"))

    def finished(self, drawn: Pixels) -> Pixels:
        """The result: what was drawn, put into the canvas where there is one."""
        if self.canvas is None or self.window is None or self.share is None:
            return drawn
        pixels = self.canvas.copy()
        below = pixels[self.window.place]
        fitted = resized(drawn, self.window.width, self.window.height).astype(np.float32)
        share = self.share[..., None]
        mixed = below + (fitted - below) * share
        below[:] = np.where(share > 0.0, (mixed + 0.5).astype(np.uint8), below)
        return np.ascontiguousarray(np.roll(pixels, (-self.turned[0], -self.turned[1]), (0, 1)))


def from_whole(request: GenerationRequest, strength: float, context: Context) -> Start:
    """Image to image: the source at the request's size, made to repeat where the result is to tile.

    Raises:
        RequestError, StorageError: as :func:`.pictures.open_picture`.
    """
    picture = open_picture(Path(request.source))
    if picture.has_alpha:
        picture = replace(picture, pixels=opaque(picture.pixels))
    return Start(picture=start_from(picture, request, context), strength=strength)


@dataclass(frozen=True, kw_only=True)
class Window:
    """A part of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def place(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


@dataclass(frozen=True, kw_only=True)
class Masked:
    """A picture (height, width, 3) with a mask of what is drawn anew, both at the size of the result.

    ``wraps`` says whether it goes on across its right and its bottom side; ``turned`` by how many rows and columns
    it was rolled.
    """

    canvas: Pixels
    mask: Pixels
    wraps: tuple[bool, bool]
    turned: tuple[int, int] = (0, 0)

    def window(self, least: int) -> Window:
        """What is drawn: the masked places with what surrounds them, in a large picture; else all of it.

        Args:
            least: pixels of each side at least, as many as the model likes to draw.
        """
        height, width = self.mask.shape
        if any(self.wraps):
            return Window(top=0, left=0, height=height, width=width)
        top, tall = _stretch(self.mask.any(1), least)
        left, wide = _stretch(self.mask.any(0), least)
        if tall * wide > _WORTH * height * width:
            return Window(top=0, left=0, height=height, width=width)
        return Window(top=top, left=left, height=tall, width=wide)

    def start(self, window: Window, size: tuple[int, int], strength: float, latent: int) -> Start:
        """What a pipeline gets.

        Args:
            window: see :meth:`window`.
            size: width and height at which it is drawn.
            strength: how much is drawn anew.
            latent: pixels of a latent, by which the drawn mask is larger than the one that is pasted, so that thin
                lines do not slip through between two latents.
        """
        across, down = size
        mask = np.ascontiguousarray(self.mask[window.place])
        wide = grown((mask > 0).astype(np.uint8) * 255, latent, self.wraps)
        large = F.interpolate(torch.from_numpy(wide)[None, None], (down, across), mode="nearest")[0, 0]
        return Start(
            picture=resized(filled(np.ascontiguousarray(self.canvas[window.place]), mask), across, down),
            strength=strength,
            mask=large.numpy(),
            canvas=self.canvas,
            window=window,
            share=soft_edge(mask, self.wraps),
            turned=self.turned,
        )


def masked(request: GenerationRequest) -> Masked:
    """Inpaint, outpaint or the repair of seams, as the request says; its operation is not ``create``.

    Raises:
        RequestError: nothing is masked, or the sizes do not fit; as :func:`.pictures.open_picture`.
        StorageError: a file may not be read.
    """
    pixels = open_picture(Path(request.source)).pixels
    if request.operation == "inpaint":
        canvas, mask = _to_inpaint(pixels, request)
    elif request.operation == "outpaint":
        canvas, mask = _to_outpaint(pixels, request)
    else:
        return across_seams(_at_size(opaque(pixels), request), request.tile_x, request.tile_y)
    if not mask.any():
        raise RequestError(
            "mask: nothing in it is to be drawn.",
            advice="Paint white into the mask, or make places of the picture transparent.",
        )
    return Masked(canvas=canvas, mask=mask, wraps=(request.tile_x, request.tile_y))


def across_seams(canvas: Pixels, tile_x: bool, tile_y: bool) -> Masked:
    """The picture rolled by half, so that its sides meet inside, with a cross over them to draw anew.

    Args:
        canvas: (height, width, 3).
        tile_x: whether right and left are to meet.
        tile_y: whether bottom and top are to meet.
    """
    height, width = canvas.shape[:2]
    turned = (height // 2 if tile_y else 0, width // 2 if tile_x else 0)
    mask = np.zeros((height, width), np.uint8)
    if tile_x:
        half = _half_cross(width)
        mask[:, turned[1] - half : turned[1] + half] = 255
    if tile_y:
        half = _half_cross(height)
        mask[turned[0] - half : turned[0] + half] = 255
    rolled = np.ascontiguousarray(np.roll(canvas, turned, (0, 1)))
    return Masked(canvas=rolled, mask=mask, wraps=(tile_x, tile_y), turned=turned)


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """A picture (height, width, 3) at another size; the same array where the size is the same."""
    rows, columns = pixels.shape[:2]
    if (columns, rows) == (width, height):
        return pixels
    x = Span(start=0.0, step=columns / width, count=width)
    y = Span(start=0.0, step=rows / height, count=height)
    return resample(pixels, x, y, color=True)


def _stretch(found: NDArray[np.bool_], least: int) -> tuple[int, int]:
    """Where the masked lines begin, and how many there are, with what is to be seen around them."""
    lines = np.flatnonzero(found)
    first, count = int(lines[0]), int(lines[-1] - lines[0] + 1)
    wanted = min(len(found), max(least, round(count * (1.0 + 2.0 * _AROUND))))
    start = min(max(0, first - (wanted - count) // 2), len(found) - wanted)
    return start, wanted


def _to_inpaint(pixels: Pixels, request: GenerationRequest) -> tuple[Pixels, Pixels]:
    if request.mask:
        shown = open_picture(Path(request.mask)).pixels
        if shown.shape[:2] != pixels.shape[:2]:
            raise RequestError(
                f"mask: it has {shown.shape[1]} × {shown.shape[0]} pixels, the picture {pixels.shape[1]} × "
                f"{pixels.shape[0]}.",
                advice="Make the mask as large as the picture.",
            )
        mask = opaque(shown, black=True).mean(-1).round().astype(np.uint8)
    elif pixels.shape[2] == 4:
        mask = 255 - pixels[..., 3]
    else:
        raise RequestError(
            "mask: the picture has no transparent places, and there is no mask.",
            advice="Give a mask that is white where something new is to be drawn.",
        )
    # Colors under a separate mask are kept as they are; those of transparent places mean nothing.
    canvas = _at_size(pixels[..., :3] if not request.mask else opaque(pixels), request)
    if mask.shape != canvas.shape[:2]:
        grey = np.repeat(mask[..., None], 3, axis=2)
        mask = resized(grey, request.width, request.height)[..., 0]
    return canvas, np.ascontiguousarray(mask)


def _to_outpaint(pixels: Pixels, request: GenerationRequest) -> tuple[Pixels, Pixels]:
    left, right, top, bottom = request.expand
    rows, columns = pixels.shape[:2]
    width = _inner(columns, request.width, left, right)
    height = _inner(rows, request.height, top, bottom)
    if abs(np.log((width / height) / (columns / rows))) > _PROPORTIONS + 2.0 / min(width, height):
        raise RequestError(
            "width, height: do not fit the proportions of the picture and what is added.",
            advice="Leave the size away; it follows from the picture.",
        )
    inner = resized(opaque(pixels), width, height)
    x, y = (min(round(side * size), room) for side, size, room in (
        (left, width, request.width - width), (top, height, request.height - height),
    ))  # fmt: skip
    canvas = np.zeros((request.height, request.width, 3), np.uint8)
    mask = np.full((request.height, request.width), 255, np.uint8)
    canvas[y : y + height, x : x + width] = inner
    mask[y : y + height, x : x + width] = 0
    return canvas, mask


def _inner(side: int, total: int, before: float, after: float) -> int:
    """How many of ``total`` pixels the picture itself gets; as many as it has, where that fits."""
    if round(side * before) + side + round(side * after) == total:
        return side
    return max(1, min(total, round(total / (1.0 + before + after))))


def _at_size(pixels: Pixels, request: GenerationRequest) -> Pixels:
    height, width = pixels.shape[:2]
    if abs(np.log((width / height) / (request.width / request.height))) > _PROPORTIONS:
        raise RequestError(
            "width, height: do not fit the proportions of the picture.",
            advice="Leave the size away; it follows from the picture.",
        )
    return resized(np.ascontiguousarray(pixels[..., :3]), request.width, request.height)


def _half_cross(side: int) -> int:
    return max(1, min(side // 4, max(LEAST_CROSS, round(side * CROSS_SHARE)) // 2))
