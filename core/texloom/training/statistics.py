# SPDX-License-Identifier: GPL-3.0-or-later
"""Means with bootstrap intervals, and the seam ratio of a periodic map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Estimate:
    """A mean over ``count`` samples with its 95 % interval."""

    mean: float
    low: float
    high: float
    count: int

    def text(self, digits: int = 1, unit: str = "") -> str:
        """As it stands in a table: "93.1 % (91.0 to 95.0)"."""
        return f"{self.mean:.{digits}f}{unit} ({self.low:.{digits}f} to {self.high:.{digits}f})"

    def scaled(self, factor: float) -> Estimate:
        """All three numbers times ``factor``."""
        return Estimate(self.mean * factor, self.low * factor, self.high * factor, self.count)


def estimate(samples: Sequence[float], seed: int = 0, rounds: int = 1000) -> Estimate:
    """Mean and its bootstrap percentile interval.

    Raises:
        ValueError: no samples.
    """
    values = np.asarray(samples, dtype=np.float64)
    if not len(values):
        raise ValueError("A mean needs at least one sample.")
    rng = np.random.default_rng(seed)
    means = np.array([values[rng.integers(len(values), size=len(values))].mean() for _ in range(rounds)])
    low, high = np.percentile(means, (2.5, 97.5))
    return Estimate(float(values.mean()), float(low), float(high), len(values))


def seam_gradients(field: NDArray[np.number], period: int = 1) -> tuple[float, float, float, float]:
    """Mean absolute steps of a map: across the left-right border, between columns, across top-bottom, rows.

    ``field`` is (height, width) or (height, width, channels).  Of the inside only every ``period``-th step counts,
    those as far from the border as multiples of it: a decoder of blocks draws all their borders rougher, and the
    picture's border is one of them.
    """
    data = field.astype(np.float64)
    across = np.abs(np.roll(data, -1, axis=1) - data)
    down = np.abs(np.roll(data, -1, axis=0) - data)
    columns, rows = across[:, period - 1 : -1 : period], down[period - 1 : -1 : period]
    return float(across[:, -1].mean()), float(columns.mean()), float(down[-1].mean()), float(rows.mean())


def seam_ratio(fields: Sequence[NDArray[np.floating]]) -> float | None:
    """Step across the border over the mean step inside, over many maps of one kind; 1 where nothing shows.

    The sums are taken first, so that a nearly constant map does not count as much as a rich one.  None when
    all maps are constant.
    """
    border = inside = 0.0
    for field in fields:
        left, columns, top, rows = seam_gradients(field)
        border += left + top
        inside += columns + rows
    return border / inside if inside > 0.0 else None


def seam_estimate(gradients: Sequence[tuple[float, float, float, float]], rounds: int = 1000) -> Estimate | None:
    """:func:`seam_ratio` of maps with these :func:`seam_gradients`, with a bootstrap interval; None: all are flat."""
    values = np.asarray(gradients, dtype=np.float64)
    sums = np.stack((values[:, 0] + values[:, 2], values[:, 1] + values[:, 3]), axis=1)
    if sums[:, 1].sum() <= 0.0:
        return None
    rng = np.random.default_rng(0)
    drawn = np.array([sums[rng.integers(len(sums), size=len(sums))].sum(0) for _ in range(rounds)])
    drawn = drawn[drawn[:, 1] > 0.0]
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], (2.5, 97.5))
    border, inside = sums.sum(0)
    return Estimate(float(border / inside), float(low), float(high), len(sums))
