# SPDX-License-Identifier: GPL-3.0-or-later
"""PRX by Photoroom: a light transformer with rotary positions and T5Gemma."""

from __future__ import annotations

import html
import importlib.util
from collections.abc import Mapping
from typing import Any, ClassVar

from .base import IMAGE_TO_IMAGE, TEXT_TO_IMAGE, Family


class Prx(Family):
    """PRX; some of its models draw pixels without an autoencoder."""

    id = "prx"
    name = "PRX"
    pipelines: ClassVar[Mapping[str, str]] = {TEXT_TO_IMAGE: "PRXPipeline", IMAGE_TO_IMAGE: "PRXPipeline"}
    begins = True
    batches = False  # with guidance, it tells the network the time of one picture only

    def prepare(self, pipeline: Any) -> None:
        """Its cleaning of prompts repairs broken encodings by a package that the engine does without."""
        if importlib.util.find_spec("ftfy") is None:
            pipeline.text_preprocessor.clean_text = _cleaned
            pipeline.text_preprocessor.basic_clean = _cleaned


def _cleaned(text: str) -> str:
    return html.unescape(text).strip()
