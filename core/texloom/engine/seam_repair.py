# SPDX-License-Identifier: GPL-3.0-or-later
"""Seams that are left in a picture that is to tile: which ones show, and a repair without a model.

The repair: over each seam a strip from elsewhere in the same picture, that fits best on both its sides, is put in
along two cuts of least difference; see :mod:`.image_cut` for the sources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .generator import Context
from .image_cut import blend, cheapest_path, error
from .seamless import line_steps, seam_ratio

LIMIT: Final = 1.2
"""A seam of a larger ratio is repaired; see :func:`.seamless.seam_ratio`."""

AS_ROUGH: Final = "Lines inside the picture are as rough as its border."
"""Why most seams are left that are; for the manifest."""

_AXES: Final[Mapping[str, int]] = {"x": 1, "y": 0}
_USUAL_LINES: Final = 0.9
_HALF_STRIP: Final = 1 / 8
_LEAST_STRIP: Final = 8
_PLACES: Final = 64


def shows(pixels: NDArray[Any], axis: int, period: int) -> bool:
    """Whether the seam along ``axis`` is rougher than :data:`LIMIT` and than nine of ten lines inside.

    Lines that belong to what is shown, such as joints between bricks, may lie on the border as well as anywhere.

    Args:
        pixels: (height, width, channels).
        axis: 0 compares bottom and top, 1 right and left.
        period: as :func:`.seamless.seam_ratio`.
    """
    if seam_ratio(pixels, axis, period) <= LIMIT:
        return False
    border, steps = line_steps(pixels, axis)
    inside = steps[period - 1 :: period]
    return border > float(np.quantile(inside, _USUAL_LINES)) if len(inside) else True


def ratios(pixels: NDArray[Any], period: int = 1) -> dict[str, float | None]:
    """The seam ratio along ``x`` and ``y``, None where it has no bound; ``period`` as :func:`.seamless.seam_ratio`.

    Borders lie between two latents, so they are compared with other steps between latents.
    """
    found = {name: seam_ratio(pixels, axis, period) for name, axis in _AXES.items()}
    return {name: round(ratio, 3) if np.isfinite(ratio) else None for name, ratio in found.items()}


def unrepaired(
    pixels: NDArray[Any],
    tile: tuple[bool, bool],
    period: int,
    ratio: Mapping[str, float | None],
    otherwise: str = AS_ROUGH,
) -> dict[str, Any]:
    """What the manifest says of seams over :data:`LIMIT` that nobody repairs; nothing where there are none.

    Args:
        pixels: (height, width, channels).
        tile: whether right and left are to meet, and bottom and top.
        period: as :func:`shows`.
        ratio: as :func:`ratios`.
        otherwise: why a seam is left that is rougher than lines inside.
    """
    wanted = dict(zip(_AXES, tile, strict=True))
    over = [name for name, value in ratio.items() if wanted[name] and (value is None or value > LIMIT)]
    if not over:
        return {}
    why = otherwise if any(shows(pixels, _AXES[name], period) for name in over) else AS_ROUGH
    return {"seam_repair": {"way": "none", "axes": over, "why": why}}


def repaired(
    pixels: NDArray[np.uint8],
    tile: tuple[bool, bool],
    period: int,
    draw: Callable[[tuple[bool, bool]], NDArray[np.uint8] | None],
    context: Context,
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """The picture with its seams drawn anew where they show, and what the manifest says of it.

    Args:
        pixels: (height, width, 3).
        tile: whether right and left are to meet, and bottom and top.
        period: as :func:`shows`.
        draw: draws the seams along these two axes anew with a model; None where it cannot.
        context: is warned of a seam that is left.
    """
    if not any(tile):
        return pixels, {}
    before = ratios(pixels, period)
    x, y = tile[0] and shows(pixels, 1, period), tile[1] and shows(pixels, 0, period)
    if not x and not y:
        return pixels, unrepaired(pixels, tile, period, before)
    way, found = "drawn", draw((x, y))
    if found is None:
        # The family cannot fill in parts: strips of the picture itself can.
        way, found = "strips", pixels
        check, device = context.check_cancelled, context.device
        if x:
            found = mended(found, 1, wraps=tile[1] and not y, check=check, device=device)
        if y:
            found = mended(found, 0, wraps=tile[0], check=check, device=device)
    after = ratios(found, period)
    axes = [axis for axis, wanted in (("x", x), ("y", y)) if wanted]
    kept = _worst(after, axes) < _worst(before, axes)
    pixels = found if kept else pixels
    if any(shows(pixels, _AXES[axis], period) for axis in axes):
        context.warn(
            "seam_left",
            "A seam may show where the picture repeats.",
            advice="Make another variation, or repair it with another model.",
        )
    told: dict[str, Any] = {"way": way, "before": before, "kept": kept}
    others = unrepaired(pixels, (tile[0] and not x, tile[1] and not y), period, after if kept else before)
    if others:
        told |= {"left": others["seam_repair"]["axes"], "why": AS_ROUGH}
    return pixels, {"seam_repair": told}


def _worst(ratio: Mapping[str, float | None], axes: Iterable[str]) -> float:
    return max(np.inf if value is None else value for value in (ratio[axis] for axis in axes))


def mended(
    pixels: NDArray[np.uint8],
    axis: int,
    *,
    wraps: bool,
    check: Callable[[], None] = lambda: None,
    device: str = "cpu",
) -> NDArray[np.uint8]:
    """The picture without its seam along ``axis``; only a strip along that border changes.

    Args:
        pixels: (height, width, 3); at least 48 pixels along ``axis``.
        axis: 0 joins bottom and top, 1 right and left.
        wraps: whether the picture repeats along the other axis.
        check: called between the steps; may raise to stop.
        device: torch device.
    """
    upright = pixels if axis == 1 else pixels.transpose(1, 0, 2)
    width = upright.shape[1]
    half = max(_LEAST_STRIP, int(width * _HALF_STRIP))
    middle = width // 2
    rolled = np.ascontiguousarray(np.roll(upright, middle, 1))
    left, right = rolled[:, middle - half : middle], rolled[:, middle : middle + half]
    # Strips that hold no part of the seam and of what is replaced.
    first, last = middle + half, middle - half + width - 2 * half
    places = np.unique(np.linspace(first, last, min(_PLACES, last - first + 1)).round().astype(int))
    every = max(1, rolled.shape[0] // 256)
    strip, least = rolled[:, : 2 * half], np.inf
    for place in places:
        check()
        found = rolled.take(range(int(place), int(place) + 2 * half), 1, mode="wrap")
        apart = _unlike(found[::every, :half], left[::every]) + _unlike(found[::every, half:], right[::every])
        if apart < least:
            strip, least = found, apart
    rolled[:, middle - half : middle] = _joined(left, strip[:, :half], wraps, device)
    check()
    rolled[:, middle : middle + half] = _joined(strip[:, half:], right, wraps, device)
    result = np.roll(rolled, -middle, 1)
    return np.ascontiguousarray(result if axis == 1 else result.transpose(1, 0, 2))


def _unlike(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    return float(np.square(first.astype(np.float32) - second).mean())


def _joined(first: NDArray[np.uint8], second: NDArray[np.uint8], wraps: bool, device: str) -> NDArray[np.uint8]:
    cost = error(first, second, wraps=wraps)
    margin = max(1, first.shape[1] // 4)
    path = cheapest_path(cost[:, margin:-margin], closed=wraps) + margin
    return blend(first, second, path, wraps=wraps, device=device)
