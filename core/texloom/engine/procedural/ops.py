# SPDX-License-Identifier: GPL-3.0-or-later
"""Small shaping functions on tensors that every family uses."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

Scalar = Tensor | float


def clamp01(x: Tensor) -> Tensor:
    """Limit to 0 … 1."""
    return x.clamp(0.0, 1.0)


def smoothstep(low: float, high: float, x: Tensor) -> Tensor:
    """0 below ``low``, 1 above ``high``, a smooth cubic between; ``high`` < ``low`` turns it round."""
    t = ((x - low) / (high - low)).clamp_(0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def ramp(low: float, high: float, x: Tensor) -> Tensor:
    """As :func:`smoothstep`, linear between."""
    return ((x - low) / (high - low)).clamp_(0.0, 1.0)


def mix(a: Scalar, b: Scalar, t: Scalar) -> Any:
    """``a`` where ``t`` is 0, ``b`` where it is 1; a tensor if any argument is one, else a number."""
    return a + (b - a) * t


def smooth_min(a: Tensor, b: Tensor, radius: float) -> Tensor:
    """Minimum with its crease rounded over ``radius`` (polynomial, after I. Quilez)."""
    h = (radius - (a - b).abs()).clamp(min=0.0) / max(radius, 1e-9)
    return torch.minimum(a, b) - h * h * (radius * 0.25)


def smooth_max(a: Tensor, b: Tensor, radius: float) -> Tensor:
    """Maximum with its crease rounded over ``radius``."""
    return -smooth_min(-a, -b, radius)


def uniform(normal: Tensor) -> Tensor:
    """Turn a field of standard normal distribution into a uniform one on 0 … 1 (its cumulative distribution).

    A threshold at ``1 - c`` then covers the fraction ``c`` of the tile.
    """
    # The logistic curve is within 0.01 of the normal distribution's and several times cheaper.
    return torch.sigmoid(normal * 1.702)


def coverage(normal: Tensor, amount: Scalar, softness: float = 0.08) -> Tensor:
    """Mask that covers about the fraction ``amount`` (0 to 1) of a standard normal field, with soft edges."""
    level = uniform(normal)
    t = ((level - (1.0 - amount)) / softness + 0.5).clamp_(0.0, 1.0)
    # At 0 and 1 the soft edge would leave a rest, so it fades out there.
    if isinstance(amount, Tensor):
        t = t * (amount > 0.004)
    elif amount <= 0.004:
        return torch.zeros_like(level)
    return t * t * (3.0 - 2.0 * t)


def ridge(normal: Tensor) -> Tensor:
    """0 to 1 with a sharp crest where the field crosses zero."""
    return 1.0 - (normal.abs() * 0.9).clamp_(max=1.0)


def rounded_box(x: Tensor, y: Tensor, half_x: Scalar, half_y: Scalar, radius: float) -> Tensor:
    """Distance to the border of a box around 0, positive inside, in the unit of ``x`` and ``y``."""
    qx = x.abs() - half_x + radius
    qy = y.abs() - half_y + radius
    outside = torch.sqrt(qx.clamp(min=0.0) ** 2 + qy.clamp(min=0.0) ** 2)
    return radius - outside - torch.maximum(qx, qy).clamp(max=0.0)


def dome(distance: Tensor, width: float) -> Tensor:
    """Rounded edge profile: 0 on the border, 1 at ``width`` inside and further, a quarter circle between."""
    t = 1.0 - (distance / max(width, 1e-9)).clamp_(0.0, 1.0)
    return torch.sqrt((1.0 - t * t).clamp_(min=0.0))


def rotate(x: Tensor, y: Tensor, degrees: float) -> tuple[Tensor, Tensor]:
    """Turn coordinates by an angle (counter-clockwise on screen, rows running down)."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return x * cosine - y * sine, x * sine + y * cosine
