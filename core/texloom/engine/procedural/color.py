# SPDX-License-Identifier: GPL-3.0-or-later
"""Colour: sRGB and OKLab, on plain numbers and on tensors.

Families mix colours in OKLab, where equal steps look equal, and where changing lightness leaves the hue.
Source of the matrices: B. Ottosson, "A perceptual color space for image processing" (2020), public domain.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

Lab = tuple[float, float, float]
"""OKLab: lightness 0 to 1, a (green to red) and b (blue to yellow) about -0.4 to 0.4."""

_TO_LMS = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_LMS_TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
_LAB_TO_LMS = (
    (1.0, 0.3963377774, 0.2158037573),
    (1.0, -0.1055613458, -0.0638541728),
    (1.0, -0.0894841775, -1.2914855480),
)
_TO_LINEAR = (
    (4.0767416621, -3.3077115913, 0.2309699292),
    (-1.2684380046, 2.6097574011, -0.3413193965),
    (-0.0041960863, -0.7034186147, 1.7076147010),
)

_HEX = re.compile(r"#?([0-9a-fA-F]{6})")


def parse_hex(text: str) -> tuple[float, float, float]:
    """sRGB, each 0 to 1, from ``#rrggbb``.

    Raises:
        ValueError: not six hexadecimal digits.
    """
    match = _HEX.fullmatch(text.strip())
    if match is None:
        raise ValueError("must be written as #rrggbb")
    value = int(match[1], 16)
    return (value >> 16) / 255, (value >> 8 & 255) / 255, (value & 255) / 255


def to_hex(rgb: tuple[float, float, float]) -> str:
    """``#rrggbb`` from sRGB; values outside 0 to 1 are clipped."""
    return "#" + "".join(f"{round(min(max(value, 0.0), 1.0) * 255):02x}" for value in rgb)


def _decode(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _encode(value: float) -> float:
    value = max(value, 0.0)
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def _times(matrix: tuple[tuple[float, float, float], ...], vector: tuple[float, float, float]) -> Lab:
    x, y, z = (row[0] * vector[0] + row[1] * vector[1] + row[2] * vector[2] for row in matrix)
    return x, y, z


def srgb_to_lab(rgb: tuple[float, float, float]) -> Lab:
    """OKLab of one sRGB colour."""
    lms = _times(_TO_LMS, (_decode(rgb[0]), _decode(rgb[1]), _decode(rgb[2])))
    return _times(_LMS_TO_LAB, (lms[0] ** (1 / 3), lms[1] ** (1 / 3), lms[2] ** (1 / 3)))


def lab_to_srgb(lab: Lab) -> tuple[float, float, float]:
    """sRGB of one OKLab colour; outside the gamut the channels are clipped."""
    lms = _times(_LAB_TO_LMS, lab)
    linear = _times(_TO_LINEAR, (lms[0] ** 3, lms[1] ** 3, lms[2] ** 3))
    r, g, b = (min(_encode(value), 1.0) for value in linear)
    return r, g, b


def hex_to_lab(text: str) -> Lab:
    """OKLab of ``#rrggbb``."""
    return srgb_to_lab(parse_hex(text))


def lab_to_hex(lab: Lab) -> str:
    """``#rrggbb`` of an OKLab colour."""
    return to_hex(lab_to_srgb(lab))


def lab_image_to_srgb(lab: Tensor) -> Tensor:
    """sRGB 0 to 1 of an OKLab image, both (3, height, width); out-of-gamut channels are clipped."""
    flat = lab.reshape(3, -1)
    lms = torch.tensor(_LAB_TO_LMS, dtype=flat.dtype, device=flat.device) @ flat
    lms = lms * lms * lms
    linear = (torch.tensor(_TO_LINEAR, dtype=flat.dtype, device=flat.device) @ lms).clamp_(0.0, 1.0)
    return linear_to_srgb(linear).reshape(lab.shape)


def linear_to_srgb(linear: Tensor) -> Tensor:
    """The sRGB transfer function (IEC 61966-2-1) on values 0 to 1."""
    curve = linear.clamp(min=1e-8).pow(1 / 2.4).mul_(1.055).sub_(0.055)
    return torch.where(linear <= 0.0031308, linear * 12.92, curve)


def srgb_to_linear(srgb: Tensor) -> Tensor:
    """Inverse of :func:`linear_to_srgb`."""
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055).clamp(min=0).pow(2.4))


def srgb_image_to_lab(srgb: Tensor) -> Tensor:
    """OKLab of an sRGB image with channels from 0 to 1, both (3, …)."""
    linear = srgb_to_linear(srgb).reshape(3, -1)
    lms = torch.tensor(_TO_LMS, dtype=linear.dtype, device=linear.device) @ linear
    lab = torch.tensor(_LMS_TO_LAB, dtype=linear.dtype, device=linear.device) @ lms.clamp(min=0.0).pow(1 / 3)
    return lab.reshape(srgb.shape)
