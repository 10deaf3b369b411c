# SPDX-License-Identifier: GPL-3.0-or-later
"""From a family and its parameters to maps."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .color import lab_image_to_srgb, linear_to_srgb, srgb_to_linear
from .family import Family, families
from .fineness import drawn_width
from .parameters import Params, Value
from .pool import drawing_pool, threads
from .tile import Canvas, Tile
from .weathering import weather

# Up to this many pixels a side, twice as many are drawn and averaged: small pictures show joints and
# strands thinner than a pixel, and drawing them is cheap.
_SUPERSAMPLE_BELOW = 768


@dataclass
class Drawn:
    """Maps of one tile on the drawing device.

    ``base_color`` is uint8 (3, height, width), sRGB; ``height`` float32 metres; ``roughness`` and
    ``metallic`` uint8; the last three (height, width).
    """

    base_color: Tensor
    height: Tensor
    roughness: Tensor
    metallic: Tensor


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One tile to draw.

    Args:
        family: one family or its name.
        values: parsed parameters, all of the family's.
        width, height: pixels.
        width_m: metres across; the height follows from the aspect.  Where pieces would be finer than pixels they
            are drawn larger, and as much deeper (see :func:`drawn_width`).
        seed: of the irregularities (not of the parameters).
        supersample: draw twice the size and average; None does so for small pictures.
        phase: where in the tile the picture begins, 0 to 1 across and down; the same picture, rolled.
        drawn_m: metres that are drawn, where ``width`` does not decide that: a preview is as fine as the picture.
    """

    family: str | Family
    values: Mapping[str, Value]
    width: int
    height: int
    width_m: float
    seed: int
    supersample: bool | None = None
    phase: tuple[float, float] = (0.0, 0.0)
    drawn_m: float | None = None


def draw(
    family: str | Family,
    values: Mapping[str, Value],
    *,
    width: int,
    height: int,
    width_m: float,
    seed: int,
    device: str | torch.device = "cpu",
    on_progress: Callable[[float], None] | None = None,
    supersample: bool | None = None,
    phase: tuple[float, float] = (0.0, 0.0),
) -> Drawn:
    """Draw one tile; the arguments are those of :class:`Drawing` and of :func:`draw_batch`."""
    drawing = Drawing(
        family=family,
        values=values,
        width=width,
        height=height,
        width_m=width_m,
        seed=seed,
        supersample=supersample,
        phase=phase,
    )
    report = None if on_progress is None else lambda index, fraction: on_progress(fraction)
    return next(draw_batch([drawing], device=device, on_progress=report))


def draw_batch(
    drawings: Sequence[Drawing],
    *,
    device: str | torch.device = "cpu",
    on_progress: Callable[[int, float], None] | None = None,
) -> Iterator[Drawn]:
    """Draw several tiles together and yield them in order.

    Their layouts differ in shape, so they are not stacked into one tensor: their bands share one queue, from which
    all threads of the device draw, so that the next tile begins while the last bands of one are still in work.
    A tile comes out the same to the last bit whatever it is drawn together with.

    Args:
        on_progress: called in the caller's thread with the tile's number and its part done (0 to 1) after each
            band; may raise to stop.
    """
    kind = torch.device(device)
    workers = threads(kind)
    pool = drawing_pool(workers)
    waiting: deque[tuple[_Work, deque[Future[int]]]] = deque()
    coming = enumerate(drawings)
    try:
        while True:
            # Enough to keep the threads busy, and no tile begun before that: each takes its own memory.
            while sum(len(futures) for _, futures in waiting) < 2 * workers:
                following = next(coming, None)
                if following is None:
                    break
                work = _Work(following[0], following[1], kind)
                waiting.append((work, deque(pool.submit(work.band, canvas) for canvas in work.tile.bands())))
            if not waiting:
                return
            work, futures = waiting[0]
            rows = futures[0].result()
            futures.popleft()
            work.rows += rows
            if on_progress is not None:
                on_progress(work.number, work.rows / work.tile.height)
            if not futures:
                waiting.popleft()
                yield work.result
                del work
    finally:
        # Whatever happened, no thread draws on after this.
        left = [future for _, futures in waiting for future in futures if not future.cancel()]
        wait(left)


class _Work:
    """A tile being drawn, band by band."""

    def __init__(self, number: int, drawing: Drawing, device: torch.device) -> None:
        self.number = number
        self.rows = 0
        self._family = families()[drawing.family] if isinstance(drawing.family, str) else drawing.family
        self._params = Params(drawing.values)
        width, height = drawing.width, drawing.height
        supersample = drawing.supersample
        if supersample is None:
            supersample = max(width, height) <= _SUPERSAMPLE_BELOW
        self._factor = 2 if supersample else 1
        drawn_m = drawing.drawn_m or drawn_width(self._family, drawing.values, width, drawing.width_m)
        self._deeper = drawing.width_m / drawn_m
        # The family's name takes part, so that two families of one seed do not share their noise.
        self.tile = Tile(
            width * self._factor,
            height * self._factor,
            drawn_m,
            drawn_m * height / width,
            (drawing.seed << 32) | zlib.crc32(self._family.name.encode()),
            device,
            drawing.phase,
        )
        self.result = Drawn(
            torch.empty(3, height, width, dtype=torch.uint8, device=device),
            torch.empty(height, width, dtype=torch.float32, device=device),
            torch.empty(height, width, dtype=torch.uint8, device=device),
            torch.empty(height, width, dtype=torch.uint8, device=device),
        )

    @torch.inference_mode()
    def band(self, canvas: Canvas) -> int:
        """Draw a band into the result; returns its rows."""
        surface = self._family.draw(canvas, self._params)
        weather(canvas, surface, self._params)
        rgb = lab_image_to_srgb(surface.lab)
        fields = (surface.height, surface.roughness, surface.metallic)
        if self._factor == 2:
            # Light adds up in linear values.
            rgb = linear_to_srgb(_halve(srgb_to_linear(rgb)))
            fields = tuple(_halve(field) for field in fields)
        metres, roughness, metallic = fields
        rows = slice(canvas.start // self._factor, (canvas.start + canvas.rows) // self._factor)
        self.result.base_color[:, rows] = _to_byte(rgb)
        self.result.height[rows] = metres if self._deeper == 1.0 else metres * self._deeper
        self.result.roughness[rows] = _to_byte(roughness)
        self.result.metallic[rows] = _to_byte(metallic)
        return canvas.rows


def _halve(field: Tensor) -> Tensor:
    shaped = field if field.dim() == 3 else field[None]
    result = F.avg_pool2d(shaped, 2)
    return result if field.dim() == 3 else result[0]


def _to_byte(field: Tensor) -> Tensor:
    return field.clamp(0.0, 1.0).mul_(255.0).add_(0.5).to(torch.uint8)
