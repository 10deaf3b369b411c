# SPDX-License-Identifier: GPL-3.0-or-later
"""Chroma: FLUX.1's layout without CLIP, with real negative prompts."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from ..model_folder import ModelFolder
from .base import IMAGE_TO_IMAGE, INPAINT, TEXT_TO_IMAGE, Defaults, Family
from .flux import Flux


class Chroma(Flux):
    """Chroma1."""

    id = "chroma"
    name = "Chroma"
    pipelines: ClassVar[Mapping[str, str]] = {
        TEXT_TO_IMAGE: "ChromaPipeline",
        IMAGE_TO_IMAGE: "ChromaImg2ImgPipeline",
        INPAINT: "ChromaInpaintPipeline",
    }
    control_ways = ()

    def prepare(self, pipeline: Any) -> None:
        """Its pipeline for inpainting asks for a setting that its network does not have."""
        if "guidance_embeds" not in pipeline.transformer.config:
            pipeline.transformer.register_to_config(guidance_embeds=False)

    def defaults(self, folder: ModelFolder, parameters: Mapping[str, inspect.Parameter]) -> Defaults:
        """See ``Family``."""
        return Family.defaults(self, folder, parameters)
