# SPDX-License-Identifier: GPL-3.0-or-later
"""The drawing surface: one periodic tile in metres, drawn band by band so that memory stays bounded."""

from __future__ import annotations

import math
import threading
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Size = float | tuple[float, float]

# Fine lattices repeat after this many cells.  It bounds memory at 8K, and the repeat cannot be seen, since the
# coarser octaves under it differ.
_MAX_LATTICE = 512
# Pieces with random numbers of their own do not repeat, so there must not be more of them side by side.  Only what is
# far finer than a pixel would be.
MOST_CELLS = 2048
# Mean over the cell of the sum of squared cubic B-spline weights, per axis.
_SPLINE_POWER = 151.0 / 315.0


class Tile:
    """One tile: ``width`` × ``height`` pixels, ``width_m`` × ``height_m`` metres, periodic in both axes.

    Everything random comes from tables named by a key: the same seed and key give the same numbers on every
    device and at every resolution.
    """

    def __init__(
        self,
        width: int,
        height: int,
        width_m: float,
        height_m: float,
        seed: int,
        device: str | torch.device = "cpu",
        phase: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self.phase = phase
        self.width = width
        self.height = height
        self.width_m = width_m
        self.height_m = height_m
        self.seed = seed
        self.device = torch.device(device)
        self._tables: dict[tuple[object, ...], Tensor] = {}
        # Bands are drawn side by side; what one of them makes for all is made once.
        self._lock = threading.RLock()

    @property
    def pixel_m(self) -> float:
        """Width of a pixel in metres (the coarser axis)."""
        return max(self.width_m / self.width, self.height_m / self.height)

    def count(self, size: Size) -> tuple[int, int]:
        """How many whole cells of about ``size`` metres fit across and down: at least one each, and not too many."""
        across, down = size if isinstance(size, tuple) else (size, size)
        return whole(self.width_m / across), whole(self.height_m / down)

    def random(self, key: str) -> np.random.Generator:
        """Generator for the few numbers that concern the whole tile."""
        return np.random.Generator(np.random.PCG64([self.seed, zlib.crc32(key.encode())]))

    def table(self, key: str, *shape: int) -> Tensor:
        """Uniform random numbers 0 to 1 of that shape, float32, the same whenever asked for."""

        def make() -> Tensor:
            values = self.random(key).random(shape, dtype=np.float32)
            return torch.from_numpy(values).to(self.device)

        return self.cached((key, shape), make)

    def cached(self, name: tuple[object, ...], make: Callable[[], Tensor]) -> Tensor:
        """A tensor made once a tile by the function ``make``."""
        found = self._tables.get(name)
        if found is None:
            with self._lock:
                found = self._tables.get(name)
                if found is None:
                    found = self._tables[name] = make()
        return found

    def bands(self, rows: int | None = None) -> Iterator[Canvas]:
        """Canvases of at most ``rows`` rows each, from the top; None picks a size that suits the caches."""
        if rows is None:
            budget = 1 << 18 if self.device.type == "cpu" else 1 << 23
            # Whole multiples, so that averaging pairs of rows never crosses a band.
            rows = max(16, budget // self.width // 16 * 16)
        for start in range(0, self.height, rows):
            yield Canvas(self, start, min(rows, self.height - start))


class Canvas:
    """Rows ``start`` to ``start + rows`` of a tile.

    ``u`` (1, width) and ``v`` (rows, 1) are positions across and down in tiles, from the phase on (0 to 1 where
    that is 0) at pixel centres;
    ``x`` and ``y`` the same in metres.  Functions of a family return tensors of shape (rows, width).
    """

    def __init__(self, tile: Tile, start: int, rows: int) -> None:
        self.tile = tile
        self.start = start
        self.rows = rows
        kind = {"dtype": torch.float32, "device": tile.device}
        across, down = tile.phase
        self.u = ((torch.arange(tile.width, **kind) + 0.5) / tile.width + across)[None, :]
        self.v = ((torch.arange(start, start + rows, **kind) + 0.5) / tile.height + down)[:, None]

    # The tile's own facts, at hand for families.
    @property
    def width_m(self) -> float:
        """Width of the tile in metres."""
        return self.tile.width_m

    @property
    def height_m(self) -> float:
        """Height of the tile in metres."""
        return self.tile.height_m

    @property
    def pixel_m(self) -> float:
        """Size of a pixel in metres: nothing sharper than this should be drawn."""
        return self.tile.pixel_m

    @property
    def x(self) -> Tensor:
        """Metres from the left, (1, width)."""
        return self.u * self.tile.width_m

    @property
    def y(self) -> Tensor:
        """Metres from the top, (rows, 1)."""
        return self.v * self.tile.height_m

    def count(self, size: Size) -> tuple[int, int]:
        """See :meth:`Tile.count`."""
        return self.tile.count(size)

    def table(self, key: str, *shape: int) -> Tensor:
        """See :meth:`Tile.table`."""
        return self.tile.table(key, *shape)

    def zeros(self) -> Tensor:
        """A field of zeros, (rows, width)."""
        return torch.zeros(self.rows, self.tile.width, device=self.tile.device)

    def full(self, value: float) -> Tensor:
        """A constant field, (rows, width)."""
        return torch.full((self.rows, self.tile.width), value, device=self.tile.device)

    def edge(self, distance: Tensor, softness: float = 0.0) -> Tensor:
        """Anti-aliased mask: 1 where ``distance`` (metres) is positive, over at least a pixel."""
        width = max(softness, self.pixel_m * 0.75)
        t = (distance / (2.0 * width) + 0.5).clamp_(0.0, 1.0)
        return t * t * (3.0 - 2.0 * t)

    def noise(
        self, key: str, size: Size, octaves: int = 5, gain: float = 0.5, at: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """Fractal noise of standard normal distribution, (rows, width).

        Args:
            key: names the random numbers.
            size: metres of the coarsest features, one number or (across, down) for grain and fibres.
            octaves: each halves the size; those finer than two pixels are left out, which is what makes the
                same pattern sharper at a higher resolution.
            gain: amplitude of each octave relative to the one before (0.5 smooth … 0.8 rough).
            at: (u, v) positions in tiles for a distorted pattern, each broadcastable to (rows, width); slower.
        """
        size_x, size_y = size if isinstance(size, tuple) else (size, size)
        across = _settled(self.width_m / size_x, self.tile.width)
        down = _settled(self.height_m / size_y, self.tile.height)
        power = sum(gain ** (2 * octave) for octave in range(octaves))
        scale = 1.0 / (math.sqrt(power) * (1.0 / math.sqrt(12.0)) * _SPLINE_POWER)
        result: Tensor | None = None
        for octave in range(octaves):
            nx, ny = across << octave, down << octave
            # Beyond Nyquist in both axes nothing is left to see; in one axis, averaging would remove it too.
            if octave and (nx > self.tile.width // 2 or ny > self.tile.height // 2):
                break
            amplitude = scale * gain**octave
            name = f"{key}/{octave}"
            part = self._lattice(name, nx, ny) if at is None else self._lattice_at(name, nx, ny, *at)
            result = part.mul_(amplitude) if result is None else result.add_(part, alpha=amplitude)
        assert result is not None
        return result

    def warp(self, key: str, size: Size, strength: float, octaves: int = 3, gain: float = 0.5) -> tuple[Tensor, Tensor]:
        """(u, v) displaced by noise of ``strength`` metres, for ``at=`` and for cells."""
        du = self.noise(f"{key}/x", size, octaves, gain) * (strength / self.width_m)
        dv = self.noise(f"{key}/y", size, octaves, gain) * (strength / self.height_m)
        return self.u + du, self.v + dv

    def streaks(self, key: str, width: float, length: float, octaves: int = 4, gain: float = 0.6) -> Tensor:
        """Noise drawn out down the tile, as water leaves on a wall."""
        return self.noise(key, (width, length), octaves, gain)

    def _lattice(self, key: str, nx: int, ny: int) -> Tensor:
        """Cubic B-spline through a periodic random lattice, on the regular grid: separable and cheap."""
        mx, my = _period(nx), _period(ny)
        table = self.table(key, my, mx) - 0.5
        index_x, weight_x = self._taps("u", self.u[0], nx, mx)
        index_y, weight_y = self._taps(("v", self.start, self.rows), self.v[:, 0], ny, None)
        first = int(index_y[0, 0])
        last = int(index_y[3, -1])
        lines = torch.arange(first, last + 1, device=table.device) % my
        lines_table = table.index_select(0, lines)
        across = lines_table.index_select(1, index_x[0]).mul_(weight_x[0])
        for tap in range(1, 4):
            across.addcmul_(lines_table.index_select(1, index_x[tap]), weight_x[tap])
        local = index_y - first
        if len(lines) <= 96:
            matrix = torch.zeros(self.rows, len(lines), device=table.device)
            matrix.scatter_add_(1, local.T, weight_y.T)
            return matrix @ across
        result = across.index_select(0, local[0]).mul_(weight_y[0][:, None])
        for tap in range(1, 4):
            result.addcmul_(across.index_select(0, local[tap]), weight_y[tap][:, None])
        return result

    def _taps(self, name: object, position: Tensor, count: int, period: int | None) -> tuple[Tensor, Tensor]:
        def make() -> Tensor:
            t = position.double() * count
            floor = t.floor()
            f = (t - floor).float()
            weights = _spline_weights(f)
            index = floor + torch.arange(-1.0, 3.0, device=position.device, dtype=torch.float64)[:, None]
            if period is not None:
                index = torch.remainder(index, period)
            return torch.stack((index, torch.stack(weights).double()))

        both = self.tile.cached(("taps", name, count, period), make)
        return both[0].long(), both[1].float()

    def _lattice_at(self, key: str, nx: int, ny: int, u: Tensor, v: Tensor) -> Tensor:
        """The same lattice at free positions, by the device's bicubic sampler on a spline-filtered table."""
        mx, my = _period(nx), _period(ny)

        def make() -> Tensor:
            raw = self.table(key, my, mx) - 0.5
            # The sampler interpolates (Keys), the regular path approximates (B-spline): filtering the table
            # with the spline's own taps at the nodes makes both show the same smooth field.
            taps = torch.tensor([1.0, 4.0, 1.0], device=raw.device) / 6.0
            padded = F.pad(raw[None, None], (1, 1, 1, 1), mode="circular")
            smooth = F.conv2d(F.conv2d(padded, taps[None, None, None, :]), taps[None, None, :, None])
            return F.pad(_wrap(smooth), (2, 2, 2, 2), mode="circular")

        padded = self.tile.cached(("filtered", key, nx, ny), make)
        height, width = padded.shape[-2:]
        column = torch.remainder(u * nx, mx) + 2.0
        row = torch.remainder(v * ny, my) + 2.0
        grid = torch.stack(
            torch.broadcast_tensors(column * (2.0 / (width - 1)) - 1.0, row * (2.0 / (height - 1)) - 1.0),
            dim=-1,
        )
        sampled = F.grid_sample(padded, grid[None], mode="bicubic", padding_mode="border", align_corners=True)
        return sampled[0, 0]


def whole(number: float, unit: int = 1) -> int:
    """The whole multiple of ``unit`` nearest to a number of pieces, at least one and within :data:`MOST_CELLS`."""
    return unit * max(1, min(round(number / unit), MOST_CELLS // unit))


def _settled(number: float, pixels: int) -> int:
    """About that number of cells, as many as can be seen, repeating after :data:`_MAX_LATTICE` of them or fewer."""
    count = max(1, min(round(number), max(pixels, _MAX_LATTICE)))
    if count <= _MAX_LATTICE:
        return count
    # An odd number would repeat after all of its cells only.
    step = 1 << (-(-count // _MAX_LATTICE) - 1).bit_length()
    return max(1, round(count / step)) * step


def _wrap(table: Tensor) -> Tensor:
    """Make a lattice of fewer than two cells an axis wide enough for circular padding of two."""
    repeat_y = 2 if table.shape[-2] < 2 else 1
    repeat_x = 2 if table.shape[-1] < 2 else 1
    return table.repeat(1, 1, repeat_y, repeat_x) if repeat_x * repeat_y > 1 else table


def _period(count: int) -> int:
    while count > _MAX_LATTICE and count % 2 == 0:
        count //= 2
    return count


def _spline_weights(f: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Cubic B-spline basis at fraction ``f`` of a cell, for the nodes -1, 0, 1, 2."""
    g = 1.0 - f
    return (
        g * g * g / 6.0,
        (4.0 - 6.0 * f * f + 3.0 * f * f * f) / 6.0,
        (4.0 - 6.0 * g * g + 3.0 * g * g * g) / 6.0,
        f * f * f / 6.0,
    )
