# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model starts from when it changes a picture, and how what it drew gets back into that picture.

Models draw at multiples of a step, within a mask rounded to their latents, and their autoencoder changes every pixel a
little.  So only what is masked is taken from them, with a soft edge inside the mask; all other pixels stay as they
were, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..errors import RequestError
from ..request import GenerationRequest
from .from_image import start_from
from .generator import Context
from .pictures import opaque, open_picture
from .resample import Span, resample
from .wrapped_context import Frame

Pixels = NDArray[np.uint8]

FEATHER_SHARE: Final = 1 / 64
"""Width of the soft edge inside a mask, as a part of the picture's shorter side."""
MOST_FEATHER: Final = 32

CROSS_SHARE: Final = 1 / 8
"""Part of a side that is drawn anew to repair the seam across it."""
LEAST_CROSS: Final = 48

_PROPORTIONS: Final = 0.02


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a pipeline gets, and what its picture is put into.

    Attributes:
        picture: (height, width, 3) at the size that is drawn.
        mask: (height, width), 255 where it is drawn; None: everywhere.
        canvas: the whole picture at the size of the result, for a masked one.
        share: (height, width) at the size of the result, 0 to 1: how much of each pixel comes from what was drawn.
        turned: rows and columns that the canvas was rolled by.
        strength: how much is drawn anew.
    """

    picture: Pixels
    strength: float
    mask: Pixels | None = None
    canvas: Pixels | None = None
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
        if self.canvas is None or self.share is None:
            return drawn
        height, width = self.canvas.shape[:2]
        fitted = resized(drawn, width, height)
        share = self.share[..., None]
        mixed = self.canvas + (fitted.astype(np.float32) - self.canvas) * share
        pixels = np.where(share > 0.0, (mixed + 0.5).astype(np.uint8), self.canvas)
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


def from_masked(request: GenerationRequest, strength: float, size: tuple[int, int], latent: int) -> Start:
    """Inpaint, outpaint or the repair of seams, as the request says.

    Args:
        request: its operation is not ``create``.
        strength: how much is drawn anew.
        size: width and height that are drawn.
        latent: pixels of a latent, by which the drawn mask is larger than the one that is pasted.

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
        return repairing(
            _at_size(opaque(pixels), request), request.tile_x, request.tile_y, strength, size=size, latent=latent
        )
    wraps = (request.tile_x, request.tile_y)
    return _masked(canvas, mask, wraps, strength, size=size, latent=latent)


def repairing(
    canvas: Pixels, tile_x: bool, tile_y: bool, strength: float, *, size: tuple[int, int], latent: int
) -> Start:
    """The picture rolled by half, so that its sides meet inside, with a cross over them to draw anew.

    Args:
        canvas: (height, width, 3).
        tile_x: whether right and left are to meet.
        tile_y: whether bottom and top are to meet.
        strength: how much is drawn anew.
        size: as :func:`from_masked`.
        latent: as :func:`from_masked`.
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
    return _masked(rolled, mask, (tile_x, tile_y), strength, size=size, latent=latent, turned=turned)


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """A picture (height, width, 3) at another size; the same array where the size is the same."""
    rows, columns = pixels.shape[:2]
    if (columns, rows) == (width, height):
        return pixels
    x = Span(start=0.0, step=columns / width, count=width)
    y = Span(start=0.0, step=rows / height, count=height)
    return resample(pixels, x, y, color=True)


def soft_edge(mask: Pixels, wraps: tuple[bool, bool] = (False, False)) -> NDArray[np.float32]:
    """How much of each pixel is replaced: 0 outside a mask (height, width), rising to 1 some pixels inside of it.

    In parts of the mask that are thinner than twice the edge it rises to 1 in their middle.  Grey of the mask counts
    as well.  ``wraps`` says whether the mask goes on across its right and its bottom side.
    """
    reach = int(min(MOST_FEATHER, max(2, min(mask.shape) * FEATHER_SHARE)))
    inside = torch.from_numpy((mask > 0).astype(np.float32))[None, None]
    depth = inside.clone()
    left = inside
    for _ in range(reach - 1):
        # Beyond the picture's sides counts as inside, else the picture's own rim would be softened.
        left = -_pooled(-left, 1, wraps, outside=-1.0)
        depth += left
    deepest = _pooled(depth, reach, wraps, outside=0.0).clamp(min=1.0)
    share = torch.where(depth < deepest, depth / (deepest + 1.0), torch.ones(())) * inside
    return np.asarray(share[0, 0].numpy() * (mask.astype(np.float32) / 255.0), np.float32)


def filled(pixels: Pixels, mask: Pixels) -> Pixels:
    """The picture (height, width, 3) with its masked places in the colors around them, softly."""
    hole = torch.from_numpy((mask > 0).astype(np.float32))[None, None]
    colors = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]
    known = 1.0 - hole
    found = _pulled(colors * known, known)
    result = torch.where(hole > 0, found, colors)
    return result[0].permute(1, 2, 0).clamp(0.0, 255.0).add(0.5).to(torch.uint8).contiguous().numpy()


def _masked(
    canvas: Pixels,
    mask: Pixels,
    wraps: tuple[bool, bool],
    strength: float,
    *,
    size: tuple[int, int],
    latent: int,
    turned: tuple[int, int] = (0, 0),
) -> Start:
    if not mask.any():
        raise RequestError(
            "mask: nothing in it is to be drawn.",
            advice="Paint white into the mask, or make places of the picture transparent.",
        )
    across, down = size
    # Thin lines must not slip through between two latents.
    wide = _pooled(torch.from_numpy((mask > 0).astype(np.float32))[None, None], latent, wraps, outside=0.0)
    large = F.interpolate(wide, (down, across), mode="nearest")[0, 0]
    return Start(
        picture=resized(filled(canvas, mask), across, down),
        strength=strength,
        mask=(large.numpy() * 255.0).astype(np.uint8),
        canvas=canvas,
        share=soft_edge(mask, wraps),
        turned=turned,
    )


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


def _pooled(values: Tensor, reach: int, wraps: tuple[bool, bool], *, outside: float) -> Tensor:
    """The largest value (1, 1, H, W) within ``reach`` pixels of each."""
    for axis, wrap in ((3, wraps[0]), (2, wraps[1])):
        count = min(reach, values.shape[axis]) if wrap else reach
        size = [0, 0, 0, 0]
        size[0 if axis == 3 else 2] = size[1 if axis == 3 else 3] = count
        padded = F.pad(values, size, mode="circular") if wrap else F.pad(values, size, value=outside)
        kernel = (1, 2 * count + 1) if axis == 3 else (2 * count + 1, 1)
        values = F.max_pool2d(padded, kernel, stride=1)
    return values


def _pulled(colors: Tensor, known: Tensor) -> Tensor:
    """Colors for the unknown places, by averages of ever larger squares (pull and push: S. Gortler et al., "The
    Lumigraph", 1996)."""
    height, width = colors.shape[2:]
    if height <= 1 and width <= 1:
        return colors / known.clamp(min=1e-6)
    size = ((height + 1) // 2, (width + 1) // 2)
    below: Callable[[Tensor], Tensor] = lambda plane: F.adaptive_avg_pool2d(plane, size)  # noqa: E731
    coarse = _pulled(below(colors), below(known))
    wide = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    cover = known.clamp(max=1.0)
    return colors + wide * (1.0 - cover)
