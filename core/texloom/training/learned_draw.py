# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of the learned model for measuring and looking: through the engine's own loader, as users get them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..engine import pbr
from ..engine.context import SilentContext
from ..engine.diffusers_folder import DiffusersFolderGenerator
from ..engine.generator import GeneratedImage
from ..engine.learned_channels import Surface, to_channels
from ..engine.text_encoder import TextEncoder
from ..request import GenerationRequest
from .learned_state import default_device


def quiet() -> SilentContext:
    """A context that nobody listens to."""
    return SilentContext(default_device(), threading.Event())


def drawing(model: Path, encoder: TextEncoder | None = None) -> DiffusersFolderGenerator:
    """The model in the folder ``model``, loaded.

    Raises:
        ModelInvalidError: it cannot be.
    """
    generator = DiffusersFolderGenerator(model, encoder=encoder)
    generator.load(quiet())
    return generator


def drawn(
    generator: DiffusersFolderGenerator, prompts: Sequence[str], *, size: int, seeds: Sequence[int], **options: Any
) -> Iterator[GeneratedImage]:
    """One picture for each prompt and its seed; ``options`` are further fields of the request."""
    for prompt, seed in zip(prompts, seeds, strict=True):
        request = GenerationRequest(prompt=prompt, width=size, height=size, seed=seed, **options)
        yield next(iter(generator.generate(request, quiet())))


def channels_of(image: GeneratedImage) -> Tensor:
    """What a finished result shows, [6, H, W] as in :mod:`..engine.learned_channels`."""
    maps = image.maps
    height = pbr.height_from_pixels(maps["height"], image.height_min_m, image.height_max_m)
    pixels = height * (height.shape[-1] / image.tile_width_m)
    gray = [torch.from_numpy(maps[name].astype(np.float32) / 255.0)[None, None] for name in ("roughness", "metallic")]
    color = torch.from_numpy(maps["base_color"].astype(np.float32) / 255.0).permute(2, 0, 1)[None]
    level = (pixels - pixels.mean())[None, None]
    return to_channels(Surface(base_color=color, height=level, roughness=gray[0], metallic=gray[1]))[0]
