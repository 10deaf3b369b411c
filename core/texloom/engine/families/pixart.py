# SPDX-License-Identifier: GPL-3.0-or-later
"""PixArt-Σ (and α): a transformer with fixed waves as positions, and T5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .base import IMAGE_TO_IMAGE, TEXT_TO_IMAGE, Family
from .prompt_room import PromptRoom, room


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

    def prompt_room(self, pipeline: Any, tokenizer: Any, limit: int | None, *, negative: bool) -> PromptRoom:
        """See ``Family``."""
        return room(tokenizer, limit, lowers=True)
