# SPDX-License-Identifier: GPL-3.0-or-later
"""Qwen-Image, its editors, and 2.1: true classifier-free guidance and an autoencoder made for video."""

from __future__ import annotations

import importlib.util
import inspect
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from torch import Tensor

from ..model_folder import Component, ModelFolder
from .base import CONTROL, IMAGE_TO_IMAGE, INPAINT, TEXT_TO_IMAGE, Family, channel_statistics, token_pixels, unpacked
from .control_way import ControlWay

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

    def decodable(self, pipeline: Any, latents: Tensor, width: int, height: int) -> Tensor | None:
        """See ``Family``."""
        return channel_statistics(pipeline, unpacked(latents, width, height))


class QwenImage21(QwenImage):
    """Qwen-Image 2.1: one token a latent of 16 × 16 pixels."""

    id = "qwen-image-2.1"
    name = "Qwen-Image 2.1"
    pipelines: ClassVar[Mapping[str, str]] = {TEXT_TO_IMAGE: "QwenImage21Pipeline"}
    control_ways = ()

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

    def tasks(self, folder: ModelFolder) -> Mapping[str, str]:
        """See ``Family``; the first editor and its successors read the picture in different ways."""
        if folder.class_name == "QwenImageEditPipeline":
            return {**self.pipelines, IMAGE_TO_IMAGE: folder.class_name}
        return self.pipelines

    def part(self, item: Component, folder: ModelFolder) -> Any:
        """See ``Family``; diffusers' own reader of pictures and words wants torchvision for its videos alone."""
        if item.class_name != "Qwen2VLProcessor" or importlib.util.find_spec("torchvision") is not None:
            return None
        return picture_reader(folder.path / item.name)


def picture_reader(path: Path) -> Any:
    """A ``Qwen2VLProcessor`` from its folder that does without videos.

    Raises:
        OSError, ValueError: as the readers of transformers.
    """
    from transformers import AutoTokenizer, BatchFeature, Qwen2VLImageProcessorPil, Qwen2VLProcessor

    class Reader(Qwen2VLProcessor):  # type: ignore[misc, no-any-unimported]
        """Puts as many marks into the words as the picture has patches for the language model."""

        def __init__(self, image_processor: Any, tokenizer: Any) -> None:
            # Without the parent's, which insists on a reader of videos.
            self.image_processor = image_processor
            self.tokenizer = tokenizer
            self.image_token = getattr(tokenizer, "image_token", "<|image_pad|>")

        def __call__(self, images: Any = None, text: Any = None, **named: Any) -> Any:
            texts = [text] if isinstance(text, str) else list(text)
            data: dict[str, Any] = {}
            if images is not None:
                data = dict(self.image_processor(images=images, return_tensors="pt"))
                counts = iter(int(grid.prod()) // self.image_processor.merge_size**2 for grid in data["image_grid_thw"])
                parts = [words.split(self.image_token) for words in texts]
                texts = [first + "".join(self.image_token * next(counts) + x for x in rest) for first, *rest in parts]
            words = self.tokenizer(texts, padding=named.get("padding", True), return_tensors="pt")
            return BatchFeature({**words, **data})

    return Reader(
        Qwen2VLImageProcessorPil.from_pretrained(path, local_files_only=True),
        AutoTokenizer.from_pretrained(path, local_files_only=True),
    )
