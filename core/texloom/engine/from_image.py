# SPDX-License-Identifier: GPL-3.0-or-later
"""The model ``image``: starts from a picture, makes it repeat without a seam, and estimates its PBR maps."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..errors import RequestError
from ..request import IMAGE_MAP, GenerationRequest
from . import even_light, map_models, pbr, upscaling
from .generator import Context, GeneratedImage, GeneratorInfo, Pixels
from .image_seams import Part, find_parts, join, look_of, refine, tiles, whole
from .pictures import Picture, opaque, open_picture
from .procedural.color import linear_to_srgb, srgb_to_linear
from .resample import Span, resample
from .seamless import seam_ratio

ID: Final = "image"
LICENCE: Final = "that of the picture"
PICTURE_WIDTH_M: Final = 1.0
"""Width of what a picture shows, in metres, where the request does not tell."""

EVEN_LIGHT: Final = "even_light"
COLOR: Final = "color"
_DEFAULTS: Final[Mapping[str, bool]] = {EVEN_LIGHT: True, COLOR: True}
"""``even_light``: level light that changes slowly.  ``color``: the picture holds colors, not numbers of a map."""

_STEPS: Final = 100
_LIGHT_SIDE: Final = 64


class ImageGenerator:
    """A :class:`~.generator.Generator` with no weights but the map estimator's; needs ``request.source``."""

    info = GeneratorInfo(
        id=ID, name="Image", licence=LICENCE, native_maps=(IMAGE_MAP,), seamless=True, source="required"
    )
    loaded = True

    def load(self, context: Context) -> None:
        """There is nothing to read."""

    def unload(self) -> None:
        """There is nothing to free."""

    def prepare(self, prompt: str) -> None:
        """There is nothing to prepare."""

    def generate(self, request: GenerationRequest, context: Context) -> Iterator[GeneratedImage]:
        """Make the one result; errors as :meth:`.generator.Generator.generate`, and of :func:`.open_picture`."""
        if request.count != 1:
            raise RequestError(f"count: the model image makes one result of a picture, got {request.count}.")
        if request.operation == "upscale":
            if request.steps is not None or request.guidance_scale is not None or request.negative_prompt.strip():
                context.warn(
                    "settings_ignored", "The model image has no steps, no guidance scale and no negative prompt."
                )
            yield upscaling.upscaled(request, context)
            return
        options = _options(request)
        context.progress(0, _STEPS, stage="Reading the picture")
        began = time.perf_counter()
        picture = open_picture(Path(request.source))
        context.timing("read", time.perf_counter() - began)
        context.progress(20, _STEPS, stage="Reading the picture")
        if request.kind == "material" and picture.has_alpha:
            context.warn(
                "alpha_dropped", "A material has no transparent places: they got the mean color of the others."
            )
            picture = replace(picture, pixels=opaque(picture.pixels))
        plan = _plan(picture, request, options, context)
        context.progress(40, _STEPS, stage="Making it seamless")
        pixels = _made(picture.pixels, plan, request, options, context)
        shown_m = request.real_world_width or PICTURE_WIDTH_M
        width_m = shown_m * plan.x.length / picture.pixels.shape[1]
        result = GeneratedImage(
            index=0,
            seed=request.variation_seed(0),
            maps={},
            tile_width_m=width_m,
            tile_height_m=width_m * plan.y.length / plan.x.length,
            parameters=dict(options),
            details={"picture": _facts(picture, plan, pixels)},
        )
        if request.kind == "material":
            _add_maps(result, pixels, request, context)
        else:
            result.maps[IMAGE_MAP] = pixels
        context.progress(_STEPS, _STEPS, stage="Done")
        yield result


def start_from(picture: Picture, request: GenerationRequest, context: Context) -> NDArray[np.uint8]:
    """The picture at the request's size and proportions, repeating without a seam where the request tiles.

    What models start from that draw over a picture.  (height, width, 3); of a picture without alpha.
    """
    height, width = picture.pixels.shape[:2]
    # Sizes that models draw are multiples of 32: what that takes off the proportions is nobody's news.
    rounded = 16.0 / request.width + 16.0 / request.height
    ratio = (width / height) / (request.width / request.height)
    quiet = _Quiet(context, tells_crop=abs(np.log(ratio)) > rounded)
    plan = _plan(picture, request, {EVEN_LIGHT: False, COLOR: True}, quiet)
    return _made(picture.pixels, plan, request, {EVEN_LIGHT: False, COLOR: True}, quiet)


class _Quiet:
    """A context that passes on only what concerns a job that goes on afterwards."""

    def __init__(self, context: Context, *, tells_crop: bool) -> None:
        self.device = context.device
        self._context = context
        self._passed_over = {"tiles_already"} | (set() if tells_crop else {"picture_cropped"})

    def check_cancelled(self) -> None:
        self._context.check_cancelled()

    def loading(self, stage: str, fraction: float | None = None) -> None:
        self._context.check_cancelled()

    def progress(self, step: int, steps: int, *, index: int = 0, stage: str = "") -> None:
        self._context.check_cancelled()

    def preview(self, pixels: Pixels, *, index: int = 0, step: int = 0) -> None:
        pass

    def warn(self, code: str, message: str, *, advice: str = "", words: tuple[str, ...] = ()) -> None:
        if code not in self._passed_over:
            self._context.warn(code, message, advice=advice, words=words)

    def timing(self, stage: str, seconds: float) -> None:
        self._context.timing(stage, seconds)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Which part of the picture becomes the tile, and how."""

    x: Part
    y: Part
    wraps_x: bool
    wraps_y: bool
    light: even_light.Light | None


def _options(request: GenerationRequest) -> dict[str, bool]:
    unknown = sorted(set(request.parameters) - set(_DEFAULTS))
    if unknown:
        raise RequestError(f"parameters: unknown {', '.join(unknown)}; allowed are {', '.join(sorted(_DEFAULTS))}.")
    options = dict(_DEFAULTS)
    for name, value in request.parameters.items():
        if not isinstance(value, bool):
            raise RequestError(f"parameters: {name} must be true or false, got {value!r}.")
        options[name] = value
    if request.kind == "material" and not options[COLOR]:
        raise RequestError("parameters: a material is made of a picture's colors; color must be true.")
    return options


def _plan(picture: Picture, request: GenerationRequest, options: Mapping[str, bool], context: Context) -> _Plan:
    pixels = picture.pixels
    height, width = pixels.shape[:2]
    context.check_cancelled()
    has_x = request.tile_x and tiles(pixels, 1)
    has_y = request.tile_y and tiles(pixels, 0)
    if (has_x or not request.tile_x) and (has_y or not request.tile_y) and (has_x or has_y):
        context.warn("tiles_already", "The picture repeats without a seam already.")
    context.progress(30, _STEPS, stage="Looking for what repeats")
    small = _small(pixels)
    light = None
    if options[EVEN_LIGHT] and options[COLOR]:
        cover = small[3] if picture.has_alpha else None
        light = even_light.measure(small[:3], cover, tiles_x=has_x, tiles_y=has_y)
        light = light if light.uneven else None
    window_x, window_y = _window(width, height, request, fixed_x=has_x, fixed_y=has_y, context=context)
    inside = pixels[
        window_y.start : window_y.start + window_y.length, window_x.start : window_x.start + window_x.length
    ]
    look = look_of(inside)
    if light is not None:
        look = _levelled(look, light, window_x, window_y)
    x, y = find_parts(
        look,
        window_x.length,
        window_y.length,
        make_x=request.tile_x and not has_x,
        make_y=request.tile_y and not has_y,
        keep_x=has_x,
        keep_y=has_y,
    )
    context.check_cancelled()
    x, y = refine(inside, x, 1), refine(inside, y, 0)
    return _Plan(x=_moved(x, window_x), y=_moved(y, window_y), wraps_x=has_x, wraps_y=has_y, light=light)


def _small(pixels: NDArray[np.uint8]) -> Tensor:
    """The picture, 0 to 1, averaged to some points a side, for its light."""
    every = max(1, min(pixels.shape[:2]) // (8 * _LIGHT_SIDE))
    planes = torch.from_numpy(np.ascontiguousarray(pixels[::every, ::every])).permute(2, 0, 1).float() / 255.0
    return F.interpolate(planes[None], (_LIGHT_SIDE, _LIGHT_SIDE), mode="area")[0]


def _window(
    width: int, height: int, request: GenerationRequest, *, fixed_x: bool, fixed_y: bool, context: Context
) -> tuple[Part, Part]:
    """The middle of the picture, of the request's proportions."""
    ratio = (width / height) / (request.width / request.height)
    # Sizes are multiples of 8, so proportions seldom fit exactly.
    if abs(np.log(ratio)) <= 6.0 / min(request.width, request.height):
        return whole(width), whole(height)
    crops_x = ratio > 1.0
    if fixed_x if crops_x else fixed_y:
        return whole(width), whole(height)  # cropping would end the repetition
    context.warn("picture_cropped", "The picture has other proportions: only its middle was used.")
    if crops_x:
        length = max(1, round(width / ratio))
        return Part(start=(width - length) // 2, length=length, overlap=0, total=width), whole(height)
    length = max(1, round(height * ratio))
    return whole(width), Part(start=(height - length) // 2, length=length, overlap=0, total=height)


def _moved(part: Part, window: Part) -> Part:
    return replace(part, start=part.start + window.start, total=window.total)


def _levelled(look: Tensor, light: even_light.Light, x: Part, y: Part) -> Tensor:
    rows, columns = look.shape[1:]
    across = (x.start + (torch.arange(columns) + 0.5) * x.length / columns) * 2.0 / x.total - 1.0
    down = (y.start + (torch.arange(rows) + 0.5) * y.length / rows) * 2.0 / y.total - 1.0
    linear = srgb_to_linear(look) * light.gain(across, down)
    return linear_to_srgb(linear.clamp_(0.0, 1.0))


def _made(
    pixels: NDArray[np.uint8], plan: _Plan, request: GenerationRequest, options: Mapping[str, bool], context: Context
) -> NDArray[np.uint8]:
    """The tile at the size asked for."""
    x, extra_x = _span(plan.x, request.width, plan.wraps_x)
    y, extra_y = _span(plan.y, request.height, plan.wraps_y)
    device = context.device
    gain = None
    light = plan.light
    if light is not None:
        across = (x.start + (torch.arange(x.count) + 0.5) * x.step) * 2.0 / plan.x.total - 1.0

        def gain(begin: int, end: int) -> Tensor:
            down = (y.start + (torch.arange(begin, end) + 0.5) * y.step) * 2.0 / plan.y.total - 1.0
            return light.gain(across, down).to(device)

    tile = resample(pixels, x, y, color=options[COLOR], gain=gain, check=context.check_cancelled, device=device)
    context.progress(60, _STEPS, stage="Making it seamless")
    if extra_x:
        tile = join(tile, extra_x, 1, wraps=plan.wraps_y, check=context.check_cancelled, device=device)
    if extra_y:
        # Right and left fit by now, so this cut has to meet itself there.
        wraps = plan.wraps_x or bool(extra_x)
        tile = join(tile, extra_y, 0, wraps=wraps, check=context.check_cancelled, device=device)
    return tile


def _span(part: Part, count: int, wraps: bool) -> tuple[Span, int]:
    """Where to take the points of a tile of ``count``, and how many more of the overlap follow these."""
    step = part.length / count
    extra = int(part.overlap / step)
    return Span(start=float(part.start), step=step, count=count + extra, wrap=wraps), extra


def _add_maps(result: GeneratedImage, pixels: NDArray[np.uint8], request: GenerationRequest, context: Context) -> None:
    """Fill ``result.maps``; normal and occlusion follow from the height later."""
    result.maps["base_color"] = pixels
    wanted = set(request.maps) - {"base_color"}
    if not wanted:
        return
    context.progress(75, _STEPS, stage="Estimating maps")
    began = time.perf_counter()
    rgb = torch.from_numpy(pixels).to(context.device).permute(2, 0, 1).float().div_(255.0)
    guess, result.details["map_models"] = map_models.estimate(
        rgb,
        result.tile_width_m,
        tile_x=request.tile_x,
        tile_y=request.tile_y,
        check=context.check_cancelled,
        warn=context.warn,
    )
    height: Pixels
    height, result.height_min_m, result.height_max_m = pbr.height_to_pixels(guess.height_m)
    result.maps["height"] = height
    result.maps["roughness"] = pbr.to_uint8(guess.roughness)
    result.maps["metallic"] = pbr.to_uint8(guess.metallic)
    context.timing("derive", time.perf_counter() - began)
    context.check_cancelled()


def _facts(picture: Picture, plan: _Plan, pixels: NDArray[np.uint8]) -> dict[str, Any]:
    """For the manifest: the picture, the part of it that is repeated, and the seams that are left."""
    height, width = picture.pixels.shape[:2]
    return {
        "width": width,
        "height": height,
        "format": picture.format,
        "part": [plan.x.start, plan.y.start, plan.x.length, plan.y.length],
        "overlap": [plan.x.overlap, plan.y.overlap],
        "tiled_already": [plan.wraps_x, plan.wraps_y],
        "uneven_light": round(plan.light.deviation, 4) if plan.light is not None else 0.0,
        "seam_before": [_seam(picture.pixels, 1), _seam(picture.pixels, 0)],
        "seam_after": [_seam(pixels, 1), _seam(pixels, 0)],
    }


def _seam(pixels: NDArray[np.uint8], axis: int) -> float | None:
    """The seam ratio; None where it has no bound."""
    ratio = seam_ratio(pixels, axis)
    return round(ratio, 4) if np.isfinite(ratio) else None
