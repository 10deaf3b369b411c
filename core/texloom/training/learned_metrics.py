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


def in_units_of(reference: Features, features: Features) -> Features:
    """Features around the mean of ``reference`` and in its root mean square deviation.

    How large a judge's numbers happen to be says nothing, but decides what the kernel's distance is of.
    """
    size = float(np.sqrt(reference.var(0).mean())) or 1.0
    return (features - reference.mean(0)) / size


def frechet(first: Features, second: Features) -> float:
    """Fréchet distance of two sets of features, taken as normal (M. Heusel et al., 2017).

    ``trace((A B)^½)`` is the sum of the roots of the eigenvalues of ``A^½ B A^½``, which are real and not negative.
    """
    difference = first.mean(0) - second.mean(0)
    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(values.clip(0.0))) @ vectors.T
    cross = float(np.sqrt(np.linalg.eigvalsh(root @ b @ root).clip(0.0)).sum())
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


_SHARES = (0.4, 0.55, 0.7, 0.85, 1.0)
_GROUPS = 10


def endless(first: Features, second: Features, seed: int = 0) -> Estimate:
    """The Fréchet distance of endlessly many samples, with a 95 % interval.

    That of few is too large, the more so the fewer they are, and falls with one over their number: the line through
    distances of parts of the sets, drawn on to zero (M. J. Chong and D. Forsyth, 2020).  The interval is that of
    leaving out a tenth of the samples at a time.  Of fewer than 20 it is the distance as it is.
    """
    rng = np.random.default_rng(seed)
    count = min(len(first), len(second))
    if count < 2 * _GROUPS:
        return resampled(frechet, first, second)
    first, second = first[rng.permutation(len(first))[:count]], second[rng.permutation(len(second))[:count]]
    whole = _drawn_on(first, second, rng)
    groups = np.arange(count) % _GROUPS
    parts = np.array([_drawn_on(first[groups != g], second[groups != g], rng) for g in range(_GROUPS)])
    spread = 1.96 * float(np.sqrt((len(parts) - 1) * np.mean(np.square(parts - parts.mean()))))
    return Estimate(whole, whole - spread, whole + spread, count)


def _drawn_on(first: Features, second: Features, rng: np.random.Generator, turns: int = 4) -> float:
    over: list[float] = []
    found: list[float] = []
    for share in _SHARES:
        size = round(share * len(first))
        for _ in range(turns if size < len(first) else 1):
            over.append(1.0 / size)
            chosen = (rng.permutation(len(first))[:size], rng.permutation(len(second))[:size])
            found.append(frechet(first[chosen[0]], second[chosen[1]]))
    # The whole counts as much as its parts together.
    weights = np.where(np.array(over) <= 1.0 / len(first), np.sqrt(turns), 1.0)
    return float(np.polyfit(over, found, 1, w=weights)[1])


def spread_of(features: Features) -> float:
    """Mean distance between all pairs of features of one prompt."""
    distances = np.linalg.norm(features[:, None] - features[None], axis=-1)
    count = len(features)
    return float(distances.sum() / (count * (count - 1)))


def nearest_correlation(pictures: Tensor, known: Tensor, most: int | None = None) -> NDArray[np.float64]:
    """For each picture the largest correlation with any of ``known``, over all cyclic moves; 1 is a copy.

    Mirrored copies are copies, since training mirrors what it learns from.

    Args:
        pictures: [A, H, W], of one map.
        known: [B, H, W] of that map at that size; where they lie is where it is computed.
        most: look only at so many of the known, those whose amplitudes of all waves are the most alike, which do not
            depend on where things lie: a copy is always among them.  None looks at all.
    """
    spectra = torch.fft.rfft2(_normalized(known))
    height, width = known.shape[-2:]
    # Of a real picture half the waves are stored; the others are the same again.
    twice = torch.full((spectra.shape[-1],), 2.0, device=known.device)
    twice[0] = 1.0
    if width % 2 == 0:
        twice[-1] = 1.0
    amplitudes = (spectra.abs() * twice.sqrt()).flatten(1) if most is not None and most < len(known) else None
    best: list[float] = []
    for picture in _normalized(pictures.to(known.device)):
        found = []
        for one in (picture, picture.flip(-1)):
            spectrum = torch.fft.rfft2(one)
            others = spectra
            if amplitudes is not None and most is not None:
                alike = amplitudes @ (spectrum.abs() * twice.sqrt()).flatten()
                others = spectra[alike.topk(most).indices]
            found += [torch.fft.irfft2(spectrum.conj() * part, s=(height, width)).amax() for part in others.split(1024)]
        best.append(float(torch.stack(found).amax()))
    return np.array(best)


def _normalized(values: Tensor) -> Tensor:
    centered = values - values.mean((-2, -1), keepdim=True)
    return centered / centered.square().sum((-2, -1), keepdim=True).sqrt().clamp(min=1e-3)


def table(rows: dict[str, Any]) -> str:
    """Rows of name and text as lines of a Markdown table."""
    return "".join(f"| {name} | {value} |\n" for name, value in rows.items())
