# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of the learned model for measuring and looking: through the engine's own loader, as users get them."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..engine import learned_text, pbr
from ..engine.context import SilentContext
from ..engine.denoising import Run
from ..engine.diffusers_folder import DiffusersFolderGenerator
from ..engine.drawn_frame import drawn_frame
from ..engine.generator import GeneratedImage, Generator
from ..engine.learned_channels import Surface, to_channels
from ..engine.learned_text import planned
from ..engine.material_plan import tile_width
from ..engine.meaning import Layout
from ..engine.ready import pictured
from ..engine.sketch import planned_sketches
from ..engine.text_encoder import TextEncoder
from ..request import GenerationRequest
from .learned_state import default_device


def quiet(device: str | None = None) -> SilentContext:
    """A context that nobody listens to; on the best device unless told."""
    return SilentContext(device or default_device(), threading.Event())


def drawing(model: Path, encoder: TextEncoder | None = None, device: str | None = None) -> DiffusersFolderGenerator:
    """The model in the folder ``model``, loaded.

    Raises:
        ModelInvalidError: it cannot be.
    """
    generator = DiffusersFolderGenerator(model, encoder=encoder)
    generator.load(quiet(device))
    return generator


def drawn(
    generator: Generator,
    prompts: Sequence[str],
    *,
    size: int,
    seeds: Sequence[int],
    device: str | None = None,
    **options: Any,
) -> Iterator[GeneratedImage]:
    """One picture for each prompt and its seed; ``options`` are further fields of the request."""
    context = quiet(device)
    for prompt, seed in zip(prompts, seeds, strict=True):
        request = GenerationRequest(prompt=prompt, width=size, height=size, seed=seed, **options)
        yield next(iter(generator.generate(request, context)))


def drawn_together(
    generator: DiffusersFolderGenerator,
    prompts: Sequence[str],
    *,
    size: int,
    seeds: Sequence[int],
    together: int = 1,
    device: str | None = None,
) -> Iterator[GeneratedImage]:
    """As :func:`drawn`, ``together`` prompts in one batch, which is what a card needs to be busy.

    The same run of the same pipeline; only the texts are read together.  A batch rounds a little otherwise than one.
    """
    model, context = generator.opened, quiet(device)
    if together < 2 or model.encoder is None:
        yield from drawn(generator, prompts, size=size, seeds=seeds, device=device)
        return
    parameters = dict(inspect.signature(type(model.pipeline).__call__).parameters)
    steps, guidance = model.info.default_steps, model.info.default_guidance_scale
    layout, pixels = Layout.load(model.folder.path), model.folder.latent_pixels
    for start in range(0, len(prompts), together):
        texts, own = list(prompts[start : start + together]), seeds[start : start + together]
        requests = [
            GenerationRequest(prompt=text, width=size, height=size, seed=seed)
            for text, seed in zip(texts, own, strict=True)
        ]
        plans = [planned(model.encoder, request, context) for request in requests]
        firsts = [one.each[0] for one in plans]
        states, mask, unwanted, unwanted_mask = learned_text.together(model.encoder, plans, context.device, layout)
        named = model.family.arguments(parameters, steps=steps, guidance=guidance, negative_prompt="") | {
            "prompt": None,
            "negative_prompt": None,
            "prompt_embeds": states,
            "prompt_attention_mask": mask,
            "negative_prompt_embeds": unwanted,
            "negative_prompt_attention_mask": unwanted_mask,
            "sketch": planned_sketches(firsts, size, size, pixels, context.device),
            "num_inference_steps": steps,
            "generator": [torch.Generator("cpu").manual_seed(seed) for seed in own],
        }
        count = len(texts)
        whole = drawn_frame(requests[0], model.family, model.folder).frame
        run = Run(
            model.pipeline, model.family, whole, model.family.convolutional(model.folder), requests[0], context,
            index=start, name=model.info.name, count=count,
        )  # fmt: skip
        widths = [tile_width(request, one.each[0]) for request, one in zip(requests, plans, strict=True)]
        for index, maps in enumerate(run.draw_maps(named, widths)):
            heights = (maps.height_min_m, maps.height_max_m)
            yield pictured(requests[index], 0, own[index], maps.maps, heights, {}, plans[index])


def channels_of(image: GeneratedImage) -> Tensor:
    """What a finished result shows, [6, H, W] as in :mod:`..engine.learned_channels`."""
    maps = image.maps
    height = pbr.height_from_pixels(maps["height"], image.height_min_m, image.height_max_m)
    pixels = height * (height.shape[-1] / image.tile_width_m)
    gray = [torch.from_numpy(maps[name].astype(np.float32) / 255.0)[None, None] for name in ("roughness", "metallic")]
    color = torch.from_numpy(maps["base_color"].astype(np.float32) / 255.0).permute(2, 0, 1)[None]
    level = (pixels - pixels.mean())[None, None]
    return to_channels(Surface(base_color=color, height=level, roughness=gray[0], metallic=gray[1]))[0]
