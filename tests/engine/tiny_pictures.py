# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures to start from, and how visible a seam in one is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

_TOKEN: int = 16
"""Pixels of a token of most tiny models: what random weights draw differs from place to place within one."""


def smooth(path: Path, width: int, height: int, seed: int = 0) -> Path:
    """A picture of large colored spots that does not repeat."""
    coarse = np.random.default_rng(seed).integers(0, 255, (7, 9, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


def seam_step(picture: Any, axis: str) -> float:
    """How large the step across the seam is, beside those a token away, which are drawn along with it in a repair."""
    pixels = np.asarray(picture).astype(float)
    pixels = pixels if axis == "x" else pixels.swapaxes(0, 1)
    middle = pixels.shape[1] // 2
    steps = np.abs(np.diff(np.roll(pixels, middle, axis=1), axis=1)).mean((0, 2))
    near = (steps[middle - 1 - _TOKEN] + steps[middle - 1 + _TOKEN]) / 2.0
    return float(steps[middle - 1] / near)
