# SPDX-License-Identifier: GPL-3.0-or-later
"""Qwen-Image, its editors, and 2.1: true classifier-free guidance and an autoencoder made for video."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from .base import CONTROL, IMAGE_TO_IMAGE, INPAINT, TEXT_TO_IMAGE, Family, channel_statistics, token_pixels, unpacked


class QwenImage(Family):
    """Qwen-Image.  Its guidance is off without a negative prompt; a blank one stands for none."""

    id = "qwen-image"
    name = "Qwen-Image"
    pipelines: ClassVar[Mapping[str, str]] = {
        TEXT_TO_IMAGE: "QwenImagePipeline",
        IMAGE_TO_IMAGE: "QwenImageImg2ImgPipeline",
        INPAINT: "QwenImageInpaintPipeline",
        CONTROL: "QwenImageControlNetPipeline",
    }
    guidance_argument = "true_cfg_scale"

    def arguments(
        self, parameters: Mapping[str, inspect.Parameter], *, steps: int, guidance: float | None, negative_prompt: str
    ) -> dict[str, Any]:
        """See ``Family``."""
        if not self.uses_negative_prompt(guidance):
            negative_prompt = ""
        elif not negative_prompt:
            negative_prompt = " "
        return super().arguments(parameters, steps=steps, guidance=guidance, negative_prompt=negative_prompt)

    def decodable(self, pipeline: Any, latents: Tensor, width: int, height: int) -> Tensor | None:
        """See ``Family``."""
        return channel_statistics(pipeline, unpacked(latents, width, height))


class QwenImage21(QwenImage):
    """Qwen-Image 2.1: one token a latent of 16 × 16 pixels."""

    id = "qwen-image-2.1"
    name = "Qwen-Image 2.1"
    pipelines: ClassVar[Mapping[str, str]] = {TEXT_TO_IMAGE: "QwenImage21Pipeline"}

    def decodable(self, pipeline: Any, latents: Tensor, width: int, height: int) -> Tensor | None:
        """See ``Family``."""
        unit = token_pixels(latents.shape[1], width, height)
        grid = latents.transpose(1, 2).reshape(latents.shape[0], -1, height // unit, width // unit)
        return channel_statistics(pipeline, grid)


class QwenImageEdit(QwenImage):
    """The editors, which start from a picture."""

    id = "qwen-image-edit"
    name = "Qwen-Image Edit"
    pipelines: ClassVar[Mapping[str, str]] = {
        IMAGE_TO_IMAGE: "QwenImageEditPlusPipeline",
        INPAINT: "QwenImageEditInpaintPipeline",
    }
    relatives = ("QwenImageEditPipeline",)
