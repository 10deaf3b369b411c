# SPDX-License-Identifier: GPL-3.0-or-later
"""PixArt-Σ (and α): a transformer with fixed waves as positions, and T5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .base import IMAGE_TO_IMAGE, TEXT_TO_IMAGE, Family


class PixArtSigma(Family):
    """PixArt-Σ."""

    id = "pixart-sigma"
    name = "PixArt-Σ"
    pipelines: ClassVar[Mapping[str, str]] = {
        TEXT_TO_IMAGE: "PixArtSigmaPipeline",
        IMAGE_TO_IMAGE: "PixArtSigmaPipeline",
    }
    begins = True
    relatives = ("PixArtAlphaPipeline", "PixArtSigmaPAGPipeline")
