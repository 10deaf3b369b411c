# SPDX-License-Identifier: GPL-3.0-or-later
"""PRX by Photoroom: a light transformer with rotary positions and T5Gemma."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from .base import TEXT_TO_IMAGE, Family


class Prx(Family):
    """PRX; some of its models draw pixels without an autoencoder."""

    id = "prx"
    name = "PRX"
    pipelines: ClassVar[Mapping[str, str]] = {TEXT_TO_IMAGE: "PRXPipeline"}

    def arguments(
        self, parameters: Mapping[str, inspect.Parameter], *, steps: int, guidance: float | None, negative_prompt: str
    ) -> dict[str, Any]:
        """See ``Family``; its cleaning of prompts needs a package that the engine does without."""
        named = super().arguments(parameters, steps=steps, guidance=guidance, negative_prompt=negative_prompt)
        return {**named, "skip_text_cleaning": importlib.util.find_spec("ftfy") is None}
