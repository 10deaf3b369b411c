# SPDX-License-Identifier: GPL-3.0-or-later
"""The uneven light of a photograph: a smooth surface through its brightness, and the factors that level it.

Light from a lamp or window, and a lens that darkens corners, change slowly over the picture, so few polynomials hold
them; stains, stones and joints do not fit these and stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from .procedural.color import srgb_to_linear

DEGREE: Final = 4

LEAST: Final = 0.05
"""A standard deviation of the light, in natural logarithms, below which a picture counts as evenly lit."""

_FITTED: Final = 8
_SURE: Final = 3.0
_FLOOR: Final = 0.003
_LARGEST: Final = 4.0
_ROUNDS: Final = 12


@dataclass(frozen=True, kw_only=True)
class Light:
    """A smooth logarithm of brightness: ``weights`` of polynomials of two variables, −1 to 1; see :func:`measure`.

    ``deviation`` is its standard deviation over the picture.
    """

    weights: Tensor
    deviation: float

    @property
    def uneven(self) -> bool:
        """Whether it is worth levelling."""
        return self.deviation >= LEAST

    def gain(self, x: Tensor, y: Tensor) -> Tensor:
        """Factors [len(y), len(x)] for linear values that level the light; places are −1 to 1 over the picture."""
        across, down = _legendre(x.double(), DEGREE), _legendre(y.double(), DEGREE)
        level = torch.zeros(len(y), len(x), dtype=torch.float64)
        for weight, (i, j) in zip(self.weights.tolist(), _terms(DEGREE), strict=True):
            if weight:
                level += weight * down[j][:, None] * across[i][None, :]
        return torch.exp(-level).clamp_(1.0 / _LARGEST, _LARGEST).float()


def measure(rgb: Tensor, cover: Tensor | None = None, *, tiles_x: bool = False, tiles_y: bool = False) -> Light:
    """The light in an sRGB picture [3, H, W], 0 to 1; best a small one, some 64 points a side.

    A fit by iteratively reweighted least squares with Tukey's biweight, which what is unlike its surroundings does
    not bend.  What the picture shows has slow changes too.  How strong these are is seen in the degrees just above
    those of light: terms that do not stand out from them are taken for content, the others shrink by it.

    Args:
        rgb: the picture.
        cover: alpha [H, W]; what is transparent does not count.
        tiles_x, tiles_y: whether the picture repeats there; then the light is the same all along that axis, as
            levelling it would tear the picture's ends apart.
    """
    shares = torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64)
    luminance = (srgb_to_linear(rgb.double().cpu()) * shares[:, None, None]).sum(0)
    rows, columns = luminance.shape
    x = (torch.arange(columns, dtype=torch.float64) + 0.5) * 2.0 / columns - 1.0
    y = (torch.arange(rows, dtype=torch.float64) + 0.5) * 2.0 / rows - 1.0
    across, down = _legendre(x, _FITTED), _legendre(y, _FITTED)
    terms = _terms(_FITTED)
    basis = torch.stack([(down[j][:, None] * across[i][None, :]).flatten() for i, j in [(0, 0), *terms]], dim=1)
    # A floor keeps black places, whose logarithm is far away, from counting more than they show.
    goal = (luminance + _FLOOR).log().flatten()
    sure = cover.double().cpu().flatten() if cover is not None else torch.ones_like(goal)
    trust = sure
    found = torch.zeros(basis.shape[1], dtype=torch.float64)
    for _ in range(_ROUNDS):
        weighted = basis * trust[:, None]
        ridge = 1e-4 * (float(trust.sum()) + 1.0) * torch.eye(basis.shape[1], dtype=torch.float64)
        found = torch.linalg.solve(weighted.T @ basis + ridge, weighted.T @ goal)
        rest = (goal - basis @ found).abs()
        spread = 1.4826 * float(rest.median()) + 1e-6
        trust = sure * (1.0 - (rest / (4.685 * spread)) ** 2).clamp(min=0.0) ** 2
    degrees = torch.tensor([i + j for i, j in terms])
    values = found[1:]
    content = float(values[degrees > DEGREE].square().mean())
    values = values[degrees <= DEGREE]
    kept = (1.0 - _SURE**2 * content / values.square().clamp(min=1e-12)).clamp(min=0.0) * values
    wraps = torch.tensor([(tiles_x and i > 0) or (tiles_y and j > 0) for i, j in _terms(DEGREE)])
    kept = kept.masked_fill(wraps, 0.0)
    return Light(weights=kept, deviation=float(kept.square().sum().sqrt()))


def _terms(degree: int) -> list[tuple[int, int]]:
    """Degrees across and down, without the constant."""
    return [(i, total - i) for total in range(1, degree + 1) for i in range(total + 1)]


def _legendre(x: Tensor, degree: int) -> list[Tensor]:
    """Legendre polynomials up to ``degree``, by Bonnet's recursion, each with mean square 1 on −1 to 1."""
    found = [torch.ones_like(x), x]
    for n in range(1, degree):
        found.append(((2 * n + 1) * x * found[n] - n * found[n - 1]) / (n + 1))
    return [value * (2 * n + 1) ** 0.5 for n, value in enumerate(found)]
