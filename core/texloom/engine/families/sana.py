# SPDX-License-Identifier: GPL-3.0-or-later
"""Sana and Sana-Sprint: linear attention, convolutions instead of positions, 32 × 32 pixels a latent."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from ..model_folder import ModelFolder
from .base import CONTROL, IMAGE_TO_IMAGE, TEXT_TO_IMAGE, Defaults, Family
from .control_way import ControlWay
from .prompt_room import PromptRoom, room

_SPRINT_STEPS: Final = 2


class Sana(Family):
    """Sana; the 2K and 4K models have positions, the others none."""

    id = "sana"
    name = "Sana"
    pipelines: ClassVar[Mapping[str, str]] = {
        TEXT_TO_IMAGE: "SanaPipeline",
        IMAGE_TO_IMAGE: "SanaPipeline",
        CONTROL: "SanaControlNetPipeline",
    }
    control_ways: ClassVar[tuple[ControlWay, ...]] = (
        ControlWay(
            network="SanaControlNetModel",
            pipelines={TEXT_TO_IMAGE: "SanaControlNetPipeline"},
            alike=("in_channels", "num_attention_heads", "attention_head_dim", "caption_channels"),
        ),
    )
    relatives: ClassVar[tuple[str, ...]] = ("SanaPAGPipeline",)
    begins = True

    def size_step(self, folder: ModelFolder) -> int:
        """See ``Family``; a token is one latent."""
        return folder.latent_pixels

    def prompt_room(self, pipeline: Any, tokenizer: Any, limit: int | None, *, negative: bool) -> PromptRoom:
        """See ``Family``; long instructions go before the prompt, not before the negative one, in room of their own."""
        parameter = inspect.signature(type(pipeline).__call__).parameters.get("complex_human_instruction")
        if negative or parameter is None or limit is None:
            return room(tokenizer, limit, lowers=True)
        before = "\n".join(parameter.default)
        return room(tokenizer, len(tokenizer.encode(before)) + limit - 2, before, lowers=True)

    def convolutional(self, folder: ModelFolder) -> bool:
        """See ``Family``."""
        transformer = folder.component("transformer")
        return transformer is not None and transformer.config.get("interpolation_scale") is None


class SanaSprint(Sana):
    """Sana-Sprint, made for one to four steps; its guidance is an input of the network."""

    id = "sana-sprint"
    name = "Sana-Sprint"
    pipelines: ClassVar[Mapping[str, str]] = {
        TEXT_TO_IMAGE: "SanaSprintPipeline",
        IMAGE_TO_IMAGE: "SanaSprintImg2ImgPipeline",
    }
    relatives = ()
    control_ways = ()
    begins = False

    def defaults(self, folder: ModelFolder, parameters: Mapping[str, inspect.Parameter]) -> Defaults:
        """See ``Family``."""
        return Defaults(steps=_SPRINT_STEPS, guidance=4.5)

    def arguments(
        self, parameters: Mapping[str, inspect.Parameter], *, steps: int, guidance: float | None, negative_prompt: str
    ) -> dict[str, Any]:
        """See ``Family``; the pipeline's place between its two steps fits no other number."""
        named = super().arguments(parameters, steps=steps, guidance=guidance, negative_prompt=negative_prompt)
        return named if steps == _SPRINT_STEPS else {**named, "intermediate_timesteps": None}
