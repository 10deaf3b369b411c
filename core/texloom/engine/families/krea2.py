# SPDX-License-Identifier: GPL-3.0-or-later
"""Krea 2: Qwen-Image's autoencoder, Qwen3-VL for the text, rotary positions."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from ..model_folder import ModelFolder
from .base import (
    IMAGE_TO_IMAGE,
    TEXT_TO_IMAGE,
    Defaults,
    Family,
    by_channel_statistics,
    channel_statistics,
    encoded,
    packed,
    unpacked,
)
from .prompt_room import PromptRoom, room


class Krea2(Family):
    """Krea 2 and its distilled Turbo.  Its guidance adds to the prompt's own direction, so 0 is off."""

    id = "krea2"
    name = "Krea 2"
    pipelines: ClassVar[Mapping[str, str]] = {TEXT_TO_IMAGE: "Krea2Pipeline", IMAGE_TO_IMAGE: "Krea2Pipeline"}
    begins = True
    guidance_off = 0.0

    def defaults(self, folder: ModelFolder, parameters: Mapping[str, inspect.Parameter]) -> Defaults:
        """``is_distilled`` stands in the folder's index."""
        if folder.options.get("is_distilled") is True:
            return Defaults(steps=8, guidance=0.0)
        return Defaults(steps=28, guidance=4.5)

    def prompt_room(self, pipeline: Any, tokenizer: Any, limit: int | None, *, negative: bool) -> PromptRoom:
        """See ``Family``; what closes the chat has its own place, and its opening is left out behind the encoder."""
        if limit is not None:
            limit += pipeline.prompt_template_encode_start_idx - pipeline.prompt_template_encode_num_suffix_tokens
        return room(tokenizer, limit, pipeline.prompt_template_encode_prefix)

    def decodable(self, pipeline: Any, latents: Tensor, width: int, height: int) -> Tensor | None:
        """See ``Family``."""
        return channel_statistics(pipeline, unpacked(latents, width, height, int(pipeline.config.patch_size)))

    def begun(self, pipeline: Any, picture: Tensor) -> Tensor:
        """See ``Family``; for its autoencoder a picture is a film of one frame."""
        grid = by_channel_statistics(pipeline, encoded(pipeline.vae, picture.unsqueeze(2)))
        return packed(grid, int(pipeline.config.patch_size))
