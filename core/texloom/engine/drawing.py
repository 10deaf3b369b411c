# SPDX-License-Identifier: GPL-3.0-or-later
"""One request on one pipeline: its arguments, worked out once, and the pictures that it draws with them."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..request import GenerationRequest
from .denoising import Run
from .families import Family
from .generator import Context, GeneratorInfo
from .model_folder import ModelFolder
from .operations import Start
from .prompts import read_prompts
from .wrapped_context import Frame


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """What drawing needs of a model; ``pipeline`` is the one that moves parts to the device."""

    pipeline: Any
    family: Family
    folder: ModelFolder
    info: GeneratorInfo


class Drawing:
    """A request as a pipeline draws it.

    Args:
        model: on its device.
        pipeline: the model's for ``task``.
        task: what it does.
        request: what to draw.
        context: is told and asked.
        whole: the size and margins of what is drawn.
        start: the picture that it starts from; None: words alone.

    Attributes:
        steps: as the pipeline is told; of a picture that is drawn over, only a part of them is taken.
        guidance: None where the pipeline has none.
        strength: None where it starts from no picture, or has none.
    """

    def __init__(
        self,
        model: LoadedModel,
        pipeline: Any,
        task: str,
        request: GenerationRequest,
        context: Context,
        whole: Frame,
        start: Start | None,
    ) -> None:
        self._model = model
        self._pipeline = pipeline
        self._request = request
        self._context = context
        self._whole = whole
        self._start = start
        family, folder = model.family, model.folder
        self.parameters = dict(inspect.signature(type(pipeline).__call__).parameters)
        self.steps = request.steps if request.steps is not None else model.info.default_steps
        self.guidance: float | None = None
        if family.guidance_argument in self.parameters:
            wanted = request.guidance_scale
            self.guidance = wanted if wanted is not None else model.info.default_guidance_scale
        started: dict[str, Any] = {}
        if start is not None:
            picture, mask = start.images(whole)
            started = family.picture_arguments(self.parameters, picture=picture, mask=mask, strength=start.strength)
        self.strength: float | None = started.get("strength")
        if self.strength:
            # The pipelines leave out the first steps; one at least is to be left.
            self.steps = max(self.steps, math.ceil(1.0 / self.strength - 1e-6))
        named = started | family.arguments(
            self.parameters,
            steps=self.steps,
            guidance=self.guidance,
            negative_prompt=request.negative_prompt.strip(),
        )
        # Editors have no strength: they see the whole picture beside the one that they draw.
        follows = task in family.follows or ("image" in named and "strength" not in named)
        self._token = family.size_step(folder) if follows else 0
        negative = named.pop("negative_prompt", "")
        named |= read_prompts(pipeline, family, request.prompt, negative, model.info.name, context)
        self._named = named | {"num_inference_steps": self.steps}

    def picture(self, index: int, seed: int, *, stage: str = "Drawing") -> NDArray[np.uint8]:
        """Variation ``index``, (height, width, 3) at the size of the result.

        Raises:
            CancelledError: anywhere.
        """
        start = self._start
        if start is not None and self.strength == 0.0:
            return start.finished(start.picture)
        run = Run(
            self._pipeline,
            self._model.family,
            self._whole,
            self._model.family.convolutional(self._model.folder),
            self._request,
            self._context,
            index=index,
            name=self._model.info.name,
            token=self._token,
            owner=self._model.pipeline,
            stage=stage,
        )
        # On the CPU, so that a seed means the same noise on every device.
        drawn = run.draw({**self._named, "generator": torch.Generator("cpu").manual_seed(seed)})
        return start.finished(drawn) if start is not None else drawn
