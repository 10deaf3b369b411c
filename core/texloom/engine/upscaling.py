# SPDX-License-Identifier: GPL-3.0-or-later
"""The operation ``upscale``: a picture, or all maps of a material, with up to four times as many pixels each way.

This is the light way, without a large model.  The small network is better than plain filters for every kind of map, as
``models/upscale/MODEL_CARD.md`` shows; alpha alone is enlarged by a cubic filter.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import RequestError
from ..request import IMAGE_MAP, GenerationRequest
from ..upscale_request import HEIGHT_MIN, LARGEST_FACTOR
from . import pbr
from .generator import Context, GeneratedImage, Pixels
from .image_seams import tiles
from .masks import filled
from .pictures import Picture, open_map, open_picture
from .seamless import seam_ratio
from .upscaler import Upscaler, enlarge, facts, shipped

FOLLOWING: Final = ("normal", "ambient_occlusion")
"""Maps that follow from the height; they are made anew where they are what the source's height gives."""

_STEPS: Final = 100
_STAGE: Final = "Upscaling"
_PROPORTIONS: Final = 0.02
_SAME: Final = 1.5
"""Mean difference, of 255, up to which a map counts as what the height gives."""
_REPEATS: Final = 1.5
"""Up to this seam ratio sides count as meeting."""
_WIDTH_M: Final = 1.0


def upscaled(request: GenerationRequest, context: Context) -> GeneratedImage:
    """The one result of a request that is to be upscaled.

    Where the request says that it tiles, pixels next to a side are made with those of the other side in view; a lone
    picture is looked at first, since most photographs do not repeat.

    Raises:
        RequestError: the sizes do not fit, maps are missing, or as :func:`.pictures.open_picture`.
        ModelNotFoundError, ModelInvalidError: as :meth:`.upscaler.Upscaler.load`.
    """
    _check(request)
    context.progress(0, _STEPS, stage="Reading the picture")
    began = time.perf_counter()
    picture = open_picture(Path(request.source))
    height, width = picture.pixels.shape[:2]
    check_size(request, width, height)
    context.timing("read", time.perf_counter() - began)
    material = request.kind == "material"
    wraps = request.tile_x, request.tile_y
    if not request.source_maps:
        wraps = wraps[0] and _repeats(picture.pixels, 1), wraps[1] and _repeats(picture.pixels, 0)
    sources = _maps(request, width, height)
    following = _following(request, sources)
    kept = [name for name in sources if name not in following]
    maps: dict[str, Pixels] = {}
    share = 1.0 / (len(kept) + 1)

    def told(number: int) -> Callable[[float], None]:
        return lambda part: context.progress(round(_STEPS * share * (number + part)), _STEPS, stage=_STAGE)

    first = "base_color" if material else IMAGE_MAP
    maps[first] = _picture(picture, request, wraps, context, told(0))
    for number, name in enumerate(kept, start=1):
        pixels = _enlarged(sources[name], request, wraps, shipped(), context, told(number))
        maps[name] = _normalised(pixels) if name == "normal" else pixels
    context.check_cancelled()
    width_m = request.real_world_width or _WIDTH_M
    low = float(request.parameters.get(HEIGHT_MIN, 0.0))
    depth = request.height_range or 0.0
    result = GeneratedImage(
        index=0,
        seed=request.variation_seed(0),
        maps=maps,
        tile_width_m=width_m,
        tile_height_m=width_m * request.height / request.width,
        height_min_m=low if "height" in maps else 0.0,
        height_max_m=low + depth if "height" in maps else 0.0,
        details={"upscale": _facts(request, (width, height), wraps, following, maps[first])},
    )
    context.progress(_STEPS, _STEPS, stage=_STAGE)
    return result


def check_size(request: GenerationRequest, width: int, height: int) -> None:
    """Whether a source of that size may become one of the request's.

    Raises:
        RequestError: not; the message says what may be.
    """
    across, down = request.width / width, request.height / height
    if abs(np.log(across / down)) > _PROPORTIONS:
        raise RequestError(
            f"width, height: {request.width} × {request.height} does not fit the proportions of {width} × {height}.",
            advice="Give a factor instead.",
        )
    if max(across, down) <= 1.0 or min(across, down) < 1.0:
        raise RequestError(
            f"width, height: the picture has {width} × {height} pixels already.",
            advice="Upscaling needs a larger size.",
        )
    # Rounding of the sides to whole pixels may go a little beyond.
    if max((request.width - 1) / width, (request.height - 1) / height) > LARGEST_FACTOR:
        raise RequestError(
            f"width, height: {width} × {height} pixels become at most {LARGEST_FACTOR:g} times as many each way.",
            advice="Choose a smaller size.",
        )


def _check(request: GenerationRequest) -> None:
    unknown = sorted(set(request.parameters) - {HEIGHT_MIN})
    if unknown:
        raise RequestError(f"parameters: upscaling has no {', '.join(unknown)}.")
    low = request.parameters.get(HEIGHT_MIN, 0.0)
    if isinstance(low, bool) or not isinstance(low, (int, float)):
        raise RequestError(f"parameters: {HEIGHT_MIN} must be a number of metres, got {low!r}.")
    if request.kind != "material":
        if request.source_maps:
            raise RequestError("source_maps: only a material has other maps.", advice="Choose the kind material.")
        return
    there = {"base_color", *request.source_maps}
    if "height" in there and request.height_range:
        there |= set(FOLLOWING)
    missing = [name for name in request.maps if name not in there]
    if missing:
        raise RequestError(
            f"maps: {', '.join(missing)} cannot be upscaled, since the source has none.",
            advice="Leave them away, or make maps of the picture first.",
        )


def _repeats(pixels: NDArray[np.uint8], axis: int) -> bool:
    """Whether a picture seems to repeat; in doubt yes, since taking a tile for a photograph makes the worse seam."""
    if tiles(pixels, axis):
        return True
    ratio = seam(pixels, axis)
    return ratio is not None and ratio <= _REPEATS


def _maps(request: GenerationRequest, width: int, height: int) -> dict[str, Pixels]:
    """The other maps that are wanted, and the height that some may follow from."""
    wanted = {name for name in request.source_maps if name in request.maps}
    if "height" in request.source_maps:
        wanted.add("height")
    found: dict[str, Pixels] = {}
    for name, path in request.source_maps.items():
        if name not in wanted:
            continue
        found[name] = open_map(Path(path), 3 if name == "normal" else 1)
        rows, columns = found[name].shape[:2]
        if (columns, rows) != (width, height):
            raise RequestError(
                f"source_maps: {name} has {columns} × {rows} pixels, the base color {width} × {height}.",
                advice="Give maps of one size.",
            )
    return found


def _following(request: GenerationRequest, sources: dict[str, Pixels]) -> set[str]:
    """Which of the maps are what the height gives, and so are left to be made of the larger height."""
    if "height" not in sources or not request.height_range or not request.real_world_width:
        return set()
    grey = sources["height"]
    rows, columns = grey.shape[:2]
    metres = pbr.height_from_pixels(grey, 0.0, request.height_range)
    tile = (request.real_world_width, request.real_world_width * rows / columns)
    ways = {"normal": pbr.normal_pixels, "ambient_occlusion": pbr.ambient_occlusion_pixels}
    found = set()
    for name, way in ways.items():
        if name in sources:
            given = way(metres, *tile, request.tile_x, request.tile_y)
            apart = np.abs(given.astype(np.int16) - _eight(sources[name])).mean()
            if apart <= _SAME:
                found.add(name)
    return found


def _eight(pixels: Pixels) -> NDArray[np.int16]:
    return (pixels // 257 if pixels.dtype == np.uint16 else pixels).astype(np.int16)


def _picture(
    picture: Picture,
    request: GenerationRequest,
    wraps: tuple[bool, bool],
    context: Context,
    done: Callable[[float], None],
) -> NDArray[np.uint8]:
    pixels = picture.pixels
    if not picture.has_alpha:
        return _enlarged(pixels, request, wraps, shipped(), context, done).astype(np.uint8, copy=False)
    # Colors of what cannot be seen would come in from the rim.
    hidden = (pixels[..., 3] == 0).astype(np.uint8) * 255
    colors = np.ascontiguousarray(pixels[..., :3])
    if hidden.any():
        colors = filled(colors, hidden)
    large = _enlarged(colors, request, wraps, shipped(), context, done)
    alpha = _enlarged(np.ascontiguousarray(pixels[..., 3]), request, wraps, None, context, lambda part: None)
    return np.dstack([large, alpha]).astype(np.uint8, copy=False)


def _enlarged(
    pixels: Pixels,
    request: GenerationRequest,
    wraps: tuple[bool, bool],
    upscaler: Upscaler | None,
    context: Context,
    done: Callable[[float], None],
) -> Pixels:
    return enlarge(
        pixels,
        request.width,
        request.height,
        wraps=wraps,
        upscaler=upscaler,
        check=context.check_cancelled,
        done=done,
        device=context.device,
    )


def _normalised(pixels: Pixels) -> NDArray[np.uint8]:
    """Normals (height, width, 3) of length 1 again, some rows at a time."""
    result = np.empty(pixels.shape, np.uint8)
    band = max(1, (1 << 22) // pixels.shape[1])
    for begin in range(0, len(pixels), band):
        part = pixels[begin : begin + band].astype(np.float32) / 127.5 - 1.0
        length = np.sqrt(np.square(part).sum(-1, keepdims=True))
        part = np.where(length > 1e-3, part / np.maximum(length, 1e-3), np.float32([0.0, 0.0, 1.0]))
        result[begin : begin + band] = (part * 127.5 + 128.0).clip(0.0, 255.0).astype(np.uint8)
    return result


def _facts(
    request: GenerationRequest,
    size: tuple[int, int],
    wraps: tuple[bool, bool],
    following: set[str],
    pixels: NDArray[Any],
) -> dict[str, Any]:
    """For the manifest."""
    return {
        "from": list(size),
        "factor": round(request.width / size[0], 4),
        "wraps": list(wraps),
        "made_of_height": sorted(following),
        "seam_ratio": {name: seam(pixels, axis, request.width / size[0]) for name, axis in (("x", 1), ("y", 0))},
        **facts(shipped()),
    }


def seam(pixels: NDArray[Any], axis: int, factor: float = 1.0) -> float | None:
    """The seam ratio of some lines across the seam; None where it has no bound.

    In a picture that was made ``factor`` times as large, steps between pixels that come of the same one are smaller by
    nature, so only the others count inside.
    """
    every = max(1, pixels.shape[1 - axis] // 1024)
    lines = pixels[::every] if axis == 1 else pixels[:, ::every]
    ratio = seam_ratio(lines, axis, max(1, round(factor)))
    return round(ratio, 4) if np.isfinite(ratio) else None
