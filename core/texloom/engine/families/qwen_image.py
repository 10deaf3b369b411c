# SPDX-License-Identifier: GPL-3.0-or-later
"""Qwen-Image, its editors, and 2.1: true classifier-free guidance and an autoencoder made for video."""

from __future__ import annotations

import importlib.util
import inspect
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from torch import Tensor

from ..model_folder import Component, ModelFolder
from .base import CONTROL, IMAGE_TO_IMAGE, INPAINT, TEXT_TO_IMAGE, Family, channel_statistics, token_pixels, unpacked
from .control_way import ControlWay
from .picture_reader import CLASSES, picture_reader
from .prompt_room import PromptRoom, room

_MASKED_PIXELS: Final = 1024 * 1024


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
    # The pipeline for inpainting wants a network that sees the mask.
    control_ways: ClassVar[tuple[ControlWay, ...]] = (
        ControlWay(
            network="QwenImageControlNetModel",
            pipelines={TEXT_TO_IMAGE: "QwenImageControlNetPipeline"},
            several="QwenImageMultiControlNetModel",
            shares=True,
            alike=("in_channels", "num_attention_heads", "attention_head_dim", "joint_attention_dim"),
        ),
    )

    def arguments(
        self, parameters: Mapping[str, inspect.Parameter], *, steps: int, guidance: float | None, negative_prompt: str
    ) -> dict[str, Any]:
        """See ``Family``."""
        if not self.uses_negative_prompt(guidance):
            negative_prompt = ""
        elif not negative_prompt:
            negative_prompt = " "
        return super().arguments(parameters, steps=steps, guidance=guidance, negative_prompt=negative_prompt)

    def part(self, item: Component, folder: ModelFolder) -> Any:
        """See ``Family``; diffusers' own reader of pictures and words wants torchvision for its videos alone."""
        if item.class_name not in CLASSES or importlib.util.find_spec("torchvision") is not None:
            return None
        return picture_reader(folder.path / item.name)

    def prompt_room(self, pipeline: Any, tokenizer: Any, limit: int | None, *, negative: bool) -> PromptRoom:
        """See ``Family``; the opening of its chat is left out behind the encoder."""
        if limit is not None:
            limit += pipeline.prompt_template_encode_start_idx
        return room(tokenizer, limit, pipeline.prompt_template_encode.partition("{}")[0])

    def decodable(self, pipeline: Any, latents: Tensor, width: int, height: int) -> Tensor | None:
        """See ``Family``."""
        return channel_statistics(pipeline, unpacked(latents, width, height))


class QwenImage21(QwenImage):
    """Qwen-Image 2.1: one token a latent of 16 × 16 pixels."""

    id = "qwen-image-2.1"
    name = "Qwen-Image 2.1"
    pipelines: ClassVar[Mapping[str, str]] = {TEXT_TO_IMAGE: "QwenImage21Pipeline"}
    control_ways = ()

    def prompt_room(self, pipeline: Any, tokenizer: Any, limit: int | None, *, negative: bool) -> PromptRoom:
        """See ``Family``; nothing is cut."""
        return room(tokenizer, None)

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
    control_ways = ()
    follows = (IMAGE_TO_IMAGE, INPAINT)
    masked_margins = False

    def masked_size(self, folder: ModelFolder, width: int, height: int) -> tuple[int, int]:
        """See ``Family``; its pipeline draws a megapixel of the same proportions, whatever it is told."""
        across = math.sqrt(_MASKED_PIXELS * width / height)
        down = across / (width / height)
        return round(across / 32) * 32, round(down / 32) * 32

    def prompt_room(self, pipeline: Any, tokenizer: Any, limit: int | None, *, negative: bool) -> PromptRoom:
        """See ``Family``; whatever their call says of lengths, the editors cut nothing."""
        return room(tokenizer, None)

    def tasks(self, folder: ModelFolder) -> Mapping[str, str]:
        """See ``Family``; the first editor and its successors read the picture in different ways."""
        if folder.class_name == "QwenImageEditPipeline":
            return {**self.pipelines, IMAGE_TO_IMAGE: folder.class_name}
        return self.pipelines
