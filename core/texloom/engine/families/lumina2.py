# SPDX-License-Identifier: GPL-3.0-or-later
"""Lumina Image 2.0: a transformer with rotary positions and Gemma 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .base import IMAGE_TO_IMAGE, TEXT_TO_IMAGE, Family
from .prompt_room import PromptRoom, room


class Lumina2(Family):
    """Lumina Image 2.0."""

    id = "lumina2"
    name = "Lumina 2"
    pipelines: ClassVar[Mapping[str, str]] = {TEXT_TO_IMAGE: "Lumina2Pipeline", IMAGE_TO_IMAGE: "Lumina2Pipeline"}
    begins = True
    relatives = ("Lumina2Text2ImgPipeline",)

    def prompt_room(self, pipeline: Any, tokenizer: Any, limit: int | None, *, negative: bool) -> PromptRoom:
        """See ``Family``; a system's sentence goes before the prompt, not before the negative one."""
        return room(tokenizer, limit, "" if negative else f"{pipeline.system_prompt} <Prompt Start> ")
