# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded default model: a learned head reads the prompt, procedural families draw it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from ..request import IMAGE_MAP, MAPS, GenerationRequest
from . import chinese
from .generator import Context, GeneratedImage, GeneratorInfo, Pixels
from .head import CONFIG_FILE, WEIGHTS_FILE, Head
from .material_plan import FOLDER, Plan, Planner, Plans, check_parameters, details
from .pbr import ambient_occlusion_pixels, height_to_pixels, normal_pixels
from .procedural.draw import Drawing, Drawn, draw_batch
from .procedural.family import families
from .text_encoder import LICENCE as ENCODER_LICENCE
from .text_encoder import TextEncoder
from .vocabulary import EMBEDDINGS_FILE, WORDS_FILE, Vocabulary
from .wording import Wording

ID: Final = "instant"
LICENCE: Final = f"GPL-3.0-or-later (text encoder: {ENCODER_LICENCE})"

_STEPS = 100
_DRAWN = 80
_PREVIEW_SIDE = 192


class InstantGenerator:
    """A :class:`Generator`: text to maps in well under a second on a CPU.

    Args:
        encoder: the text encoder, shared with other generators; loaded when needed.
        folder: where the head and its vocabulary lie; None for the embedded ones.
    """

    def __init__(self, encoder: TextEncoder, folder: Path | None = None) -> None:
        self._encoder = encoder
        self._folder = folder if folder is not None else FOLDER
        self._head: Head | None = None
        self._vocabulary: Vocabulary | None = None

    @cached_property
    def info(self) -> GeneratorInfo:
        """What the model is; the hashes are of the files on disk."""
        files: dict[str, str] = {}
        for name in (WEIGHTS_FILE, CONFIG_FILE, WORDS_FILE, EMBEDDINGS_FILE):
            path = self._folder / name
            if path.is_file():
                files[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return GeneratorInfo(
            id=ID,
            name="Instant",
            licence=LICENCE,
            native_maps=MAPS,
            revision=files.get(WEIGHTS_FILE, "")[:12],
            files=files,
            supports_negative_prompt=True,
            seamless=True,
            details={"families": {name: family.title for name, family in families().items()}},
        )

    @property
    def loaded(self) -> bool:
        """Whether head, vocabulary and text encoder are in memory."""
        return self._head is not None and self._vocabulary is not None and self._encoder.loaded

    def load(self, context: Context) -> None:
        """Read the model; errors as :meth:`Generator.load`."""
        if self.loaded:
            return
        context.loading("Loading the text encoder", 0.0)
        self._encoder.load(context.device, context.check_cancelled)
        context.loading("Loading the instant model", 0.8)
        context.check_cancelled()
        self._head = Head.load(self._folder, families())
        self._vocabulary = Vocabulary.load(self._folder)
        context.loading("Ready", 1.0)

    def unload(self) -> None:
        """Free the head; the encoder stays, others may use it."""
        self._head = None
        self._vocabulary = None

    def prepare(self, prompt: str) -> None:
        """Encode the prompt; the encoder remembers it."""
        translated = chinese.translate(prompt)
        text = Wording.of(translated.text, prompt).text if translated is not None else Wording.of(prompt).text
        if text.strip():
            self._encoder.encode([text])

    def generate(self, request: GenerationRequest, context: Context) -> Iterator[GeneratedImage]:
        """Draw the variations; errors as :meth:`Generator.generate`."""
        check_parameters(request.parameters)
        self.load(context)
        assert self._head is not None and self._vocabulary is not None
        plans = Planner(self._head, self._vocabulary, self._encoder).plans(request, context)
        yield from self._draw(request, context, plans)

    def _draw(self, request: GenerationRequest, context: Context, plans: Plans) -> Iterator[GeneratedImage]:
        """All variations as one batch; first a small picture of each, so that all can be judged at once."""
        if request.preview_interval:
            small = draw_batch([_small(plan, request) for plan in plans.each], device=context.device)
            for index, drawn in enumerate(small):
                context.preview(_color_pixels(drawn), index=index)

        def drawn_part(index: int, fraction: float) -> None:
            context.progress(int(fraction * _DRAWN), _STEPS, index=index, stage="Drawing")

        coarse = False if request.draft else None
        drawings = [plan.drawing(request.width, request.height, coarse) for plan in plans.each]
        for index, drawn in enumerate(draw_batch(drawings, device=context.device, on_progress=drawn_part)):
            plan = plans.each[index]
            began = time.perf_counter()
            result = GeneratedImage(
                index=index,
                seed=plan.seed,
                maps={},
                tile_width_m=plan.width_m,
                tile_height_m=plan.width_m * request.height / request.width,
                parameters={"family": plan.family.name, **plan.family.to_json(plan.values)},
                details={**details(plans.prompt, plans.reading, plan), **plan.style},
            )
            _derive(result, drawn, request, context)
            context.timing("derive", time.perf_counter() - began)
            context.progress(_STEPS, _STEPS, index=index, stage="Done")
            yield result


def _small(plan: Plan, request: GenerationRequest) -> Drawing:
    scale = min(1.0, _PREVIEW_SIDE / max(request.width, request.height))
    width, height = (max(8, round(side * scale)) for side in (request.width, request.height))
    return plan.drawing(width, height, supersample=False)


def _color_pixels(drawn: Drawn) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = drawn.base_color.permute(1, 2, 0).contiguous().cpu().numpy()
    return pixels


def _derive(result: GeneratedImage, drawn: Drawn, request: GenerationRequest, context: Context) -> None:
    """Fill ``result.maps`` with what the request wants, in the usual order."""
    size = (result.tile_width_m, result.tile_height_m, request.tile_x, request.tile_y)
    if request.kind != "material":
        result.maps[IMAGE_MAP] = _color_pixels(drawn)
        return
    for number, name in enumerate(request.maps):
        context.progress(
            _DRAWN + (_STEPS - _DRAWN) * number // len(request.maps), _STEPS, index=result.index, stage="Deriving maps"
        )
        pixels: Pixels
        if name == "base_color":
            pixels = _color_pixels(drawn)
        elif name == "height":
            pixels, result.height_min_m, result.height_max_m = height_to_pixels(drawn.height)
        elif name == "normal":
            pixels = normal_pixels(drawn.height, *size)
        elif name == "ambient_occlusion":
            pixels = ambient_occlusion_pixels(drawn.height, *size)
        else:
            plane: torch.Tensor = getattr(drawn, name)
            pixels = plane.cpu().numpy()
        result.maps[name] = pixels
