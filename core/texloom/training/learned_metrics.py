# SPDX-License-Identifier: GPL-3.0-or-later
"""Distances between sets of materials, in the judge's feature space and in pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .statistics import Estimate

Features = NDArray[np.float64]


def frechet(first: Features, second: Features) -> float:
    """Fréchet distance of two sets of features, taken as normal (M. Heusel et al., 2017).

    ``trace((A B)^½)`` is the sum of the roots of the eigenvalues of A B, which are real and not negative.
    """
    difference = first.mean(0) - second.mean(0)
    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    eigenvalues = np.linalg.eigvals(a @ b)
    cross = float(np.sqrt(np.clip(eigenvalues.real, 0.0, None)).sum())
    return float(difference @ difference + np.trace(a) + np.trace(b) - 2.0 * cross)


def kernel(first: Features, second: Features) -> float:
    """Unbiased squared maximum mean discrepancy with a cubic kernel (M. Bińkowski et al., 2018), times 1000."""
    width = first.shape[1]

    def value(a: Features, b: Features) -> Features:
        return (a @ b.T / width + 1.0) ** 3

    one, two, both = value(first, first), value(second, second), value(first, second)
    m, n = len(first), len(second)
    same = (one.sum() - np.trace(one)) / (m * (m - 1)) + (two.sum() - np.trace(two)) / (n * (n - 1))
    return float(1000.0 * (same - 2.0 * both.mean()))


def resampled(
    measure: Callable[[Features, Features], float], first: Features, second: Features, rounds: int = 100, seed: int = 0
) -> Estimate:
    """The distance with a 95 % interval: half the spread of distances of random halves, around the distance of all.

    Drawing with repetition would put equal samples into both sums and push the distance up.
    """
    whole = measure(first, second)
    rng = np.random.default_rng(seed)
    halves = [
        measure(
            first[rng.permutation(len(first))[: max(4, len(first) // 2)]],
            second[rng.permutation(len(second))[: max(4, len(second) // 2)]],
        )
        for _ in range(rounds)
    ]
    # Halves vary by the root of two more than wholes, and lie off by their size; only their spread counts.
    spread = 1.96 * float(np.std(halves)) / np.sqrt(2.0)
    return Estimate(whole, whole - spread, whole + spread, min(len(first), len(second)))


def spread_of(features: Features) -> float:
    """Mean distance between all pairs of features of one prompt."""
    distances = np.linalg.norm(features[:, None] - features[None], axis=-1)
    count = len(features)
    return float(distances.sum() / (count * (count - 1)))


def nearest_correlation(pictures: Tensor, known: Tensor) -> NDArray[np.float64]:
    """For each picture the largest correlation with any of ``known``, over all cyclic moves; 1 is a copy.

    ``pictures`` [A, H, W] and ``known`` [B, H, W] are lumas of one size.
    """
    one, two = (torch.fft.rfft2(_normalized(value)) for value in (pictures, known))
    best: list[float] = []
    for spectrum in one:
        found = torch.fft.irfft2(spectrum.conj() * two, s=pictures.shape[-2:])
        best.append(float(found.amax()))
    return np.array(best)


def _normalized(values: Tensor) -> Tensor:
    centered = values - values.mean((-2, -1), keepdim=True)
    return centered / centered.square().sum((-2, -1), keepdim=True).sqrt().clamp(min=1e-3)


def table(rows: dict[str, Any]) -> str:
    """Rows of name and text as lines of a Markdown table."""
    return "".join(f"| {name} | {value} |\n" for name, value in rows.items())
