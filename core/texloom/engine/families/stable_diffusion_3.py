# SPDX-License-Identifier: GPL-3.0-or-later
"""Stable Diffusion 3 and 3.5: a transformer with a table of positions, two CLIPs and T5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ..model_folder import ModelFolder
from .base import CONTROL, IMAGE_TO_IMAGE, INPAINT, TEXT_TO_IMAGE, Family
from .control_way import ControlWay


class StableDiffusion3(Family):
    """Its table of positions is square and cut from the middle, so pictures have a largest side."""

    id = "sd3"
    name = "Stable Diffusion 3"
    pipelines: ClassVar[Mapping[str, str]] = {
        TEXT_TO_IMAGE: "StableDiffusion3Pipeline",
        IMAGE_TO_IMAGE: "StableDiffusion3Img2ImgPipeline",
        INPAINT: "StableDiffusion3InpaintPipeline",
        CONTROL: "StableDiffusion3ControlNetPipeline",
    }
    # Its pipeline for inpainting wants a network that sees the mask, and follows no form.
    control_ways = (
        ControlWay(
            network="SD3ControlNetModel",
            pipelines={TEXT_TO_IMAGE: "StableDiffusion3ControlNetPipeline"},
            several="SD3MultiControlNetModel",
            alike=("in_channels", "num_attention_heads", "attention_head_dim", "pooled_projection_dim"),
        ),
    )
    image_adapters = True

    def tasks(self, folder: ModelFolder) -> Mapping[str, str]:
        """See ``Family``; its pipeline for inpainting knows networks of these sizes only."""
        transformer = folder.component("transformer")
        if transformer is not None and transformer.config.get("in_channels", 16) in (16, 33):
            return self.pipelines
        return {task: name for task, name in self.pipelines.items() if task != INPAINT}
