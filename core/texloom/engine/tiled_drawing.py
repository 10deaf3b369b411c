# SPDX-License-Identifier: GPL-3.0-or-later
"""Upscaling by a large model: the light result first, then every window of it drawn over with little strength.

Windows overlap and are mixed by weights, as in "MultiDiffusion" (Bar-Tal et al., 2023), but only once they are drawn:
so the model needs the memory of one window, whatever the picture's size.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Final, Protocol

import numpy as np

from ..errors import RequestError
from ..request import IMAGE_MAP, SEED_LIMIT, GenerationRequest
from .families import IMAGE_TO_IMAGE, Family
from .generator import Context, GeneratedImage, GeneratorInfo, Pixels
from .model_folder import ModelFolder
from .operations import Start
from .pictures import opaque
from .pipelines import pipeline_class
from .upscaling import seam, upscaled
from .window_grid import Canvas, Stretch, stretches

STRENGTH: Final = 0.3
"""How much of each window is drawn anew where the request does not tell: detail, and no other things."""

_PREVIEW_SIDE: Final = 512
# Neighbours with the same noise would show it as a pattern.
_SEED_STRIDE: Final = 7919


class DrawOver(Protocol):
    """Draws variation ``index`` of a window over."""

    def __call__(self, request: GenerationRequest, start: Start, index: int, context: Context) -> GeneratedImage: ...


def check_model(folder: ModelFolder, info: GeneratorInfo, family: Family) -> None:
    """Whether a model can draw over a picture with little strength; editors see it beside the one that they draw.

    Raises:
        RequestError: not.
    """
    if family.source_task == IMAGE_TO_IMAGE and IMAGE_TO_IMAGE in info.tasks:
        kind = pipeline_class(folder, IMAGE_TO_IMAGE)
        if "strength" in inspect.signature(kind.__call__).parameters:
            return
    raise RequestError(
        f"operation: {info.name} cannot upscale a picture.",
        advice="The model image can, and so can models that draw over a picture.",
    )


class _Unit:
    """A context for one of ``total`` parts of a variation, of which ``number`` are done."""

    def __init__(self, context: Context, number: int, total: int, index: int) -> None:
        self.device = context.device
        self._context = context
        self._number, self._total, self._index = number, total, index

    def check_cancelled(self) -> None:
        self._context.check_cancelled()

    def loading(self, stage: str, fraction: float | None = None) -> None:
        self._context.loading(stage, fraction)

    def progress(self, step: int, steps: int, *, index: int = 0, stage: str = "") -> None:
        steps = max(1, steps)
        done = self._number * steps + min(step, steps)
        self._context.progress(done, self._total * steps, index=self._index, stage=stage)

    def preview(self, pixels: Pixels, *, index: int = 0, step: int = 0) -> None:
        """Parts are not shown on their own."""

    def warn(self, code: str, message: str, *, advice: str = "", words: tuple[str, ...] = ()) -> None:
        self._context.warn(code, message, advice=advice, words=words)

    def timing(self, stage: str, seconds: float) -> None:
        self._context.timing(stage, seconds)


def tiled(
    request: GenerationRequest, context: Context, draw_over: DrawOver, *, side: int, step: int
) -> Iterator[GeneratedImage]:
    """The variations of a request that is to be upscaled.

    Of a material only the base color is drawn over; the other maps come the light way.

    Args:
        request: the whole.
        context: is told one progress over all windows, and asked in and between their steps.
        draw_over: the model.
        side: pixels that the model likes to draw, and that it can.
        step: what the sides of what it draws are multiples of.

    Raises:
        As :func:`.upscaling.upscaled`, and as the model.
    """
    side = max(step, side // step * step)
    strength = STRENGTH if request.strength is None else request.strength
    name = "base_color" if request.kind == "material" else IMAGE_MAP
    _, windows = _grid(request, (request.tile_x, request.tile_y), side, step)
    base = upscaled(request.replace(count=1), _Unit(context, 0, len(windows) + 1, 0))
    light = base.details["upscale"]
    large = opaque(base.maps[name].astype(np.uint8, copy=False))
    sides, windows = _grid(request, tuple(light["wraps"]), side, step)
    for index in range(request.count):
        canvas = Canvas(request.height, request.width)
        facts: dict[str, Any] = {}
        for number, (across, down) in enumerate(windows):
            context.check_cancelled()
            part = np.ascontiguousarray(large[np.ix_(down.index, across.index)])
            job = request.replace(
                operation="create",
                kind="texture",
                width=len(across.index),
                height=len(down.index),
                tile_x=across.whole,
                tile_y=down.whole,
                source_maps={},
                height_range=None,
                parameters={},
                preview_interval=0,
                seed=(request.seed + number * _SEED_STRIDE) % SEED_LIMIT,
            )
            unit = _Unit(context, number + 1, len(windows) + 1, index)
            drawn = draw_over(job, Start(picture=part, strength=strength), index, unit)
            facts = {key: value for key, value in drawn.details.items() if key not in ("seam_ratio", "seam_repair")}
            canvas.add(drawn.maps[IMAGE_MAP], across, down)
            if request.preview_interval and number + 1 < len(windows):
                context.preview(canvas.shown(large, _PREVIEW_SIDE), index=index, step=number + 1)
        context.check_cancelled()
        pixels = canvas.finished()
        told = {
            "way": "drawn",
            "light": light["way"],
            "windows": [len(side) for side in sides],
            "window": [len(sides[0][0].index), len(sides[1][0].index)],
            "seam_ratio": {axis: seam(pixels, which, light["factor"]) for axis, which in (("x", 1), ("y", 0))},
        }
        yield GeneratedImage(
            index=index,
            seed=request.variation_seed(index),
            maps={**base.maps, name: pixels},
            tile_width_m=base.tile_width_m,
            tile_height_m=base.tile_height_m,
            height_min_m=base.height_min_m,
            height_max_m=base.height_max_m,
            details={**facts, "strength": strength, "upscale": light | told},
        )


def _grid(
    request: GenerationRequest, wraps: tuple[bool, ...], side: int, step: int
) -> tuple[tuple[list[Stretch], list[Stretch]], list[tuple[Stretch, Stretch]]]:
    """The windows across and down, and all pairs of them."""
    across = stretches(request.width, side, step, wraps[0])
    down = stretches(request.height, side, step, wraps[1])
    return (across, down), [(x, y) for y in down for x in across]
