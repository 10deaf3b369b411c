# SPDX-License-Identifier: GPL-3.0-or-later
"""Texloom's own learned materials: a small UNet that draws latents, whose autoencoder decodes all maps at once.

The folder is one of SanaPipeline, the flow of which it draws by; its denoiser is a UNet2DConditionModel or Sana's own
transformer.  What tells it apart is an autoencoder of six channels (see :mod:`..learned_channels`).  It has no text
encoder: the engine's own reads the prompts.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from torch import Tensor

from ...storage import read_json
from .. import pbr
from ..learned_channels import CHANNELS, from_channels
from ..learned_text import planned_states
from ..material_plan import Plan, Plans
from ..meaning import Layout
from ..model_folder import ModelFolder
from ..sketch import planned_sketches
from ..text_encoder import TextEncoder
from .base import TEXT_TO_IMAGE, Defaults, Drawn, Family

STEPS: Final = 8
GUIDANCE: Final = 1.0
"""Over a sketch there is little left to guess that guidance would have to decide: away from the mean of all pictures it
leads to colors too strong."""

TRAINING_FILE: Final = "training.json"
"""Facts of its training, beside the weights."""

_PIPELINE_STEP: Final = 32  # SanaPipeline takes no other sizes, whatever its autoencoder can do


def distilled_steps(folder: Path) -> int | None:
    """In how few steps the model in ``folder`` draws, by the record of its training; None for one not distilled."""
    record = folder / TRAINING_FILE
    few = read_json(record).get("distilled_steps") if record.is_file() else None
    return few if isinstance(few, int) else None


class Learned(Family):
    """Base color, height, roughness and metallic in one latent."""

    id = "learned"
    name = "Learned materials"
    pipelines: ClassVar[Mapping[str, str]] = {TEXT_TO_IMAGE: "SanaPipeline"}
    absent = ("tokenizer", "text_encoder")
    native_maps = ("base_color", "height", "roughness", "metallic")
    shared_text = True

    def claims(self, folder: ModelFolder) -> bool:
        """See ``Family``."""
        vae = folder.component("vae")
        return (
            super().claims(folder)
            and vae is not None
            and vae.config.get("in_channels") == len(CHANNELS)
            and folder.component("text_encoder") is None
        )

    def defaults(self, folder: ModelFolder, parameters: Mapping[str, inspect.Parameter]) -> Defaults:
        """See ``Family``; a distilled model's record says in how few steps it draws, and it has its guidance in it."""
        few = distilled_steps(folder.path)
        return Defaults(steps=STEPS, guidance=GUIDANCE) if few is None else Defaults(steps=few, guidance=1.0)

    def own_class(self, name: str) -> Any:
        """See ``Family``; Sana's pipeline with a UNet in it."""
        from .material_pipeline import MaterialPipeline

        return MaterialPipeline if name == "SanaPipeline" else None

    def arguments(
        self, parameters: Mapping[str, inspect.Parameter], *, steps: int, guidance: float | None, negative_prompt: str
    ) -> dict[str, Any]:
        """See ``Family``; the negative prompt goes with the prompt, in :meth:`text`."""
        return super().arguments(parameters, steps=steps, guidance=guidance, negative_prompt="")

    def text(
        self,
        folder: ModelFolder,
        encoder: TextEncoder,
        plans: Plans | None,
        each: Sequence[Plan],
        negative_prompt: str,
        device: str,
        size: tuple[int, int],
    ) -> dict[str, Any]:
        """See ``Family``; no negative prompt means what training meant by no caption: an empty text."""
        layout = Layout.load(folder.path)
        drawing = folder.component("transformer")
        sees = drawing is not None and drawing.config.get("in_channels", 0) > drawing.config.get("out_channels", 0)
        states, mask, unwanted, unwanted_mask = planned_states(encoder, plans, each, negative_prompt, device, layout)
        return {
            "prompt": None,
            "negative_prompt": None,
            "prompt_embeds": states,
            "prompt_attention_mask": mask,
            "negative_prompt_embeds": unwanted,
            "negative_prompt_attention_mask": unwanted_mask,
            "sketch": planned_sketches(each, *size, folder.latent_pixels, device) if each and sees else None,
        }

    def convolutional(self, folder: ModelFolder) -> bool:
        """See ``Family``; linear attention and wrapped convolutions know no place."""
        transformer = folder.component("transformer")
        return transformer is not None and transformer.config.get("interpolation_scale") is None

    def size_step(self, folder: ModelFolder) -> int:
        """See ``Family``."""
        transformer = folder.component("transformer")
        patch = transformer.config.get("patch_size", 1) if transformer is not None else 1
        return max(_PIPELINE_STEP, folder.latent_pixels * int(patch))

    def preview(self, decoded: Tensor) -> Tensor:
        """See ``Family``."""
        return from_channels(decoded[None].float()).base_color[0]

    def maps(self, decoded: Tensor, tile_width_m: float) -> Drawn:
        """See ``Family``; heights are drawn in pixels, and a pixel measures what the tile's width says."""
        surface = from_channels(decoded[None].float())
        meters = surface.height[0, 0] * (tile_width_m / decoded.shape[-1])
        height, low, high = pbr.height_to_pixels(meters - meters.mean())
        return Drawn(
            maps={
                "base_color": pbr.to_uint8(surface.base_color[0]),
                "height": height,
                "roughness": pbr.to_uint8(surface.roughness[0, 0]),
                "metallic": pbr.to_uint8(surface.metallic[0, 0]),
            },
            height_min_m=low,
            height_max_m=high,
        )
