# SPDX-License-Identifier: GPL-3.0-or-later
"""The pipeline that draws the learned model's latents; imported when a model is loaded, for diffusers takes seconds."""

from __future__ import annotations

import functools
from typing import Any

from diffusers import AutoencoderDC, SanaPipeline, SanaTransformer2DModel, UNet2DConditionModel
from torch import Tensor

from ..flow_network import sees_sketches, showing, tell_velocity


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
        self._sketch: Tensor | None = None
        if isinstance(transformer, UNet2DConditionModel):
            # What the pipeline asks its network, and tells it, and a UNet does not know: among it how many numbers a
            # latent has, which are not all that its first convolution sees.
            transformer.register_to_config(timestep_scale=1.0, in_channels=transformer.config.out_channels)
            transformer.register_forward_pre_hook(self._told, with_kwargs=True)
            tell_velocity(transformer)

    @functools.wraps(SanaPipeline.__call__)
    def __call__(self, *args: Any, sketch: Tensor | None = None, **named: Any) -> Any:
        """As Sana's; ``sketch`` [B, SKETCH_CHANNELS, H / 8, W / 8] is what the pictures are painted over."""
        if sketch is not None and sees_sketches(self.transformer):
            self._sketch = sketch.to(self._execution_device)
        try:
            return super().__call__(*args, **named)
        finally:
            self._sketch = None

    def _told(
        self, network: Any, args: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        named.pop("attention_kwargs", None)
        return args, named | showing(self._sketch)
