# SPDX-License-Identifier: GPL-3.0-or-later
"""The pipeline that draws the learned model's latents; imported when a model is loaded, for diffusers takes seconds."""

from __future__ import annotations

from typing import Any

from diffusers import AutoencoderDC, SanaPipeline, SanaTransformer2DModel, UNet2DConditionModel

from ..flow_network import tell_velocity


class MaterialPipeline(SanaPipeline):  # type: ignore[misc]
    """Sana's pipeline, which follows a flow whatever network tells it where to go: here a UNet, or Sana's own."""

    def __init__(
        self,
        tokenizer: Any,
        text_encoder: Any,
        vae: AutoencoderDC,
        transformer: SanaTransformer2DModel | UNet2DConditionModel,
        scheduler: Any,
    ) -> None:
        super().__init__(tokenizer, text_encoder, vae, transformer, scheduler)
        if isinstance(transformer, UNet2DConditionModel):
            # What the pipeline asks its network, and tells it, and a UNet does not know.
            transformer.register_to_config(timestep_scale=1.0)
            transformer.register_forward_pre_hook(_without_attention_kwargs, with_kwargs=True)
            tell_velocity(transformer)


def _without_attention_kwargs(
    network: Any, args: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    named.pop("attention_kwargs", None)
    return args, named
