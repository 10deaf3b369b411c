# SPDX-License-Identifier: GPL-3.0-or-later
"""FLUX.2 dev and klein: tokens of 128 channels, normalised by the autoencoder's own batch norm."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import torch
from torch import Tensor

from ..model_folder import Component, ModelFolder
from .base import IMAGE_TO_IMAGE, INPAINT, TEXT_TO_IMAGE, Defaults, Family, token_pixels
from .picture_reader import word_reader
from .prompt_room import PromptRoom, asked, chat_opening, room

_READER: Final = "PixtralProcessor"


class Flux2(Family):
    """FLUX.2 dev; guidance is an input of the network."""

    id = "flux2"
    name = "FLUX.2"
    pipelines: ClassVar[Mapping[str, str]] = {
        TEXT_TO_IMAGE: "Flux2Pipeline",
        IMAGE_TO_IMAGE: "Flux2Pipeline",
    }
    follows = (IMAGE_TO_IMAGE,)
    late: ClassVar[tuple[str, ...]] = ("tokenizer",)

    def part(self, item: Component, folder: ModelFolder) -> Any:
        """See ``Family``; the reader of pictures and words that its index names wants torchvision, for pictures.

        Only rewriting of prompts, which the engine leaves out, shows it any; those to follow go to the autoencoder.
        """
        return word_reader(folder.path / item.name) if item.class_name == _READER else None

    def prompt_room(self, pipeline: Any, tokenizer: Any, limit: int | None, *, negative: bool) -> PromptRoom:
        """See ``Family``; the pipeline cuts the whole chat, a system's sentence before the prompt among it."""
        from diffusers.pipelines.flux2.pipeline_flux2 import format_input

        def said(prompt: str) -> list[Any]:
            (conversation,) = format_input([prompt], pipeline.system_message)
            return list(conversation)

        # The template sets the marks.
        return room(tokenizer, limit, chat_opening(tokenizer, said, add_generation_prompt=False), marks=False)

    def decodable(self, pipeline: Any, latents: Tensor, width: int, height: int) -> Tensor | None:
        """See ``Family``."""
        unit = token_pixels(latents.shape[1], width, height)
        grid = latents.transpose(1, 2).reshape(latents.shape[0], -1, height // unit, width // unit)
        return from_batch_norm(pipeline, grid, float(pipeline.vae.config.batch_norm_eps))


class Flux2Klein(Flux2):
    """FLUX.2 klein, distilled to four steps, and its base."""

    id = "flux2-klein"
    name = "FLUX.2 klein"
    pipelines: ClassVar[Mapping[str, str]] = {
        TEXT_TO_IMAGE: "Flux2KleinPipeline",
        IMAGE_TO_IMAGE: "Flux2KleinPipeline",
        INPAINT: "Flux2KleinInpaintPipeline",
    }
    relatives = ("Flux2KleinKVPipeline",)
    late = ()
    follows = (IMAGE_TO_IMAGE, INPAINT)
    masked_pixels = 1024 * 1024

    def defaults(self, folder: ModelFolder, parameters: Mapping[str, inspect.Parameter]) -> Defaults:
        """``is_distilled`` stands in the folder's index."""
        if folder.options.get("is_distilled") is True:
            return Defaults(steps=4, guidance=1.0)
        return Defaults(steps=50, guidance=4.0)

    def prompt_room(self, pipeline: Any, tokenizer: Any, limit: int | None, *, negative: bool) -> PromptRoom:
        """See ``Family``; the pipeline cuts the whole chat."""
        opening = chat_opening(tokenizer, asked, add_generation_prompt=True, enable_thinking=False)
        return room(tokenizer, limit, opening)


def from_batch_norm(pipeline: Any, grid: Tensor, epsilon: float) -> Tensor:
    """(B, 128, H, W) as the network draws them → (B, 32, 2 H, 2 W) for the decoder of FLUX.2's autoencoder."""
    mean, deviation = _batch_norm(pipeline, grid, epsilon)
    batch, channels, height, width = grid.shape
    patches = (grid * deviation + mean).reshape(batch, channels // 4, 2, 2, height, width)
    result: Tensor = patches.permute(0, 1, 4, 2, 5, 3).reshape(batch, channels // 4, height * 2, width * 2)
    return result


def by_batch_norm(pipeline: Any, latents: Tensor, epsilon: float) -> Tensor:
    """(B, 32, 2 H, 2 W) as FLUX.2's autoencoder encodes them → (B, 128, H, W) as the network draws them."""
    batch, channels, height, width = latents.shape
    patches = latents.reshape(batch, channels, height // 2, 2, width // 2, 2).permute(0, 1, 3, 5, 2, 4)
    grid = patches.reshape(batch, channels * 4, height // 2, width // 2)
    mean, deviation = _batch_norm(pipeline, grid, epsilon)
    result: Tensor = (grid - mean) / deviation
    return result


def _batch_norm(pipeline: Any, like: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    norm = pipeline.vae.bn
    mean = norm.running_mean.view(1, -1, 1, 1).to(like)
    return mean, torch.sqrt(norm.running_var.view(1, -1, 1, 1) + epsilon).to(like)
