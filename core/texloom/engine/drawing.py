# SPDX-License-Identifier: GPL-3.0-or-later
"""One request on one pipeline: its arguments, worked out once, and the pictures that it draws with them."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..request import GenerationRequest
from .denoising import Run
from .embeddings import LearnedWords
from .families import Drawn, Family
from .families.control_way import Guide, control_arguments
from .generator import Context, GeneratorInfo
from .learned_text import planned, unread
from .material_plan import Plan, Plans, tile_width
from .model_folder import ModelFolder
from .operations import Start
from .preview_decoder import PreviewDecoder
from .prompt_cache import PromptCache
from .prompts import read_prompts, tell_dropped
from .style import StyleStack
from .text_encoder import TextEncoder
from .wrapped_context import Frame


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """What drawing needs of a model; ``pipeline`` is the one that moves parts to the device.

    ``encoder`` is the engine's text encoder, where the family reads prompts with it; ``style`` and ``words`` are what
    the request adds to the model; ``tiny`` decodes previews; ``prompts`` keeps what was read.
    """

    pipeline: Any
    family: Family
    folder: ModelFolder
    info: GeneratorInfo
    encoder: TextEncoder | None = None
    style: StyleStack | None = None
    words: LearnedWords | None = None
    tiny: PreviewDecoder | None = None
    prompts: PromptCache | None = None


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
        guides: the pictures that it follows, where the pipeline takes some.

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
        guides: Sequence[Guide] = (),
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
        self.plans: Plans | None = None
        self._token = family.size_step(folder) if follows else 0
        self._guided = bool(guides)
        if guides:
            named |= control_arguments(self.parameters, guides)
        negative = named.pop("negative_prompt", "")
        compares = family.uses_negative_prompt(self.guidance)
        if model.encoder is not None:
            negative = request.negative_prompt.strip()
            self.plans = planned(model.encoder, request, context)
            tell_dropped(unread(model.encoder, request.prompt), model.info.name, context)
            if compares:
                tell_dropped(unread(model.encoder, negative), model.info.name, context, negative=True)
        else:
            words = None if model.words is None else model.words.taught
            named |= read_prompts(
                pipeline,
                family,
                request.prompt,
                negative,
                model.info.name,
                context,
                words,
                compares=compares,
                kept=model.prompts,
            )
        if model.style is not None:
            named |= model.style.arguments(self.parameters, self.guidance)
        self._named = named | {"num_inference_steps": self.steps}

    def picture(self, index: int, seed: int, *, stage: str = "Drawing") -> NDArray[np.uint8]:
        """Variation ``index``, (height, width, 3) at the size of the result.

        Raises:
            CancelledError: anywhere.
        """
        start = self._start
        if start is not None and self.strength == 0.0:
            return start.finished(start.picture)
        with self._same_chance(seed):
            (drawn,) = self._run(index, stage).draw(self._seeded(index, [seed]))
        return start.finished(drawn) if start is not None else drawn

    def pictures(self, first: int, seeds: Sequence[int]) -> list[NDArray[np.uint8]]:
        """Variations from ``first`` on, one for each seed, at a time; only where :attr:`batches`."""
        return self._run(first, "Drawing", len(seeds)).draw(self._seeded(first, seeds))

    def maps(self, first: int, seeds: Sequence[int]) -> list[Drawn]:
        """As :meth:`pictures` for a family with maps of its own; errors as there."""
        widths = [tile_width(self._request, self.plan(index)) for index in range(first, first + len(seeds))]
        return self._run(first, "Drawing", len(seeds)).draw_maps(self._seeded(first, seeds), widths)

    def plan(self, index: int) -> Plan | None:
        """What variation ``index`` is to show, where the model is told as the instant one is."""
        return None if self.plans is None else self.plans.each[index]

    @property
    def batches(self) -> bool:
        """Whether several variations can be drawn at a time: from words alone."""
        told = self._model.family.batches and "num_images_per_prompt" in self.parameters
        style = self._model.style
        return told and self._start is None and not self._guided and not (style is not None and style.active)

    def _seeded(self, first: int, seeds: Sequence[int]) -> dict[str, Any]:
        # On the CPU, so that a seed means the same noise on every device; one for each, so that it means the same
        # noise whatever is drawn beside it.
        generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        chance = generators[0] if len(seeds) == 1 else generators
        if self.plans is not None:
            model, negative = self._model, self._request.negative_prompt.strip()
            assert model.encoder is not None
            each = self.plans.each[first : first + len(seeds)]
            size, device = (self._whole.full_width, self._whole.full_height), self._context.device
            said = model.family.text(model.folder, model.encoder, self.plans, each, negative, device, size)
            return {**self._named, **said, "generator": chance}
        if len(seeds) == 1:
            return {**self._named, "generator": chance}
        return {**self._named, "generator": chance, "num_images_per_prompt": len(seeds)}

    @contextlib.contextmanager
    def _same_chance(self, seed: int) -> Iterator[None]:
        """Some pipelines encode the pictures that they follow by chance of their own, past the generator."""
        if not self._guided:
            yield
            return
        device = torch.device(self._context.device)
        number = torch.cuda.current_device() if device.type == "cuda" and device.index is None else device.index
        devices = [number] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            yield

    def tell_ignored(self) -> None:
        """Warn of what the request asks for and this model does not have."""
        request, context, family, info = self._request, self._context, self._model.family, self._model.info
        name, guidance = info.name, self.guidance
        # A model that draws what is planned keeps clear of what is not wanted in any case.
        if request.negative_prompt.strip() and self.plans is None:
            if not info.supports_negative_prompt:
                context.warn("negative_prompt_ignored", f"{name} does not use a negative prompt.")
            elif not family.uses_negative_prompt(guidance):
                context.warn(
                    "negative_prompt_ignored",
                    f"{name} does not use a negative prompt at guidance scale {guidance:g}.",
                    advice=f"Choose a guidance scale above {family.guidance_off:g}, which takes twice the time.",
                )
        if request.parameters and self.plans is None:
            context.warn("parameters_ignored", f"{name} has no parameters to lock; the prompt alone decides.")
        if request.guidance_scale is not None and guidance is None:
            context.warn("guidance_ignored", f"{name} does not use a guidance scale.")
        if request.strength is not None and "strength" not in self.parameters:
            context.warn("strength_ignored", f"{name} changes a picture by words alone and has no strength.")

    def _run(self, index: int, stage: str, count: int = 1) -> Run:
        return Run(
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
            tiny=self._model.tiny,
            count=count,
        )
