# SPDX-License-Identifier: GPL-3.0-or-later
"""FLUX.1: tokens of two by two latents with rotary positions."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from ..model_folder import ModelFolder
from .base import CONTROL, IMAGE_TO_IMAGE, INPAINT, TEXT_TO_IMAGE, Defaults, Family, unpacked
from .control_way import ControlWay


class Flux(Family):
    """FLUX.1 schnell and dev.

    Their guidance is an input of the network, not the difference of two runs, so negative prompts have no effect.
    """

    id = "flux"
    name = "FLUX.1"
    pipelines: ClassVar[Mapping[str, str]] = {
        TEXT_TO_IMAGE: "FluxPipeline",
        IMAGE_TO_IMAGE: "FluxImg2ImgPipeline",
        INPAINT: "FluxInpaintPipeline",
        CONTROL: "FluxControlNetPipeline",
    }
    control_ways: ClassVar[tuple[ControlWay, ...]] = (
        ControlWay(
            network="FluxControlNetModel",
            pipelines={
                TEXT_TO_IMAGE: "FluxControlNetPipeline",
                IMAGE_TO_IMAGE: "FluxControlNetImg2ImgPipeline",
                INPAINT: "FluxControlNetInpaintPipeline",
            },
            several="FluxMultiControlNetModel",
            # As the networks for several kinds by InstantX and Shakker Labs count them.
            modes={"line": 0, "depth": 2},
            mode_key="num_mode",
            alike=("in_channels", "num_attention_heads", "attention_head_dim", "joint_attention_dim"),
        ),
    )
    image_adapters = True

    def defaults(self, folder: ModelFolder, parameters: Mapping[str, inspect.Parameter]) -> Defaults:
        """Schnell, distilled to few steps, has no input for guidance."""
        transformer = folder.component("transformer")
        if transformer is not None and transformer.config.get("guidance_embeds") is False:
            return Defaults(steps=4, guidance=None)
        return Defaults(steps=28, guidance=3.5)

    def decodable(self, pipeline: Any, latents: Tensor, width: int, height: int) -> Tensor | None:
        """See ``Family``."""
        return super().decodable(pipeline, unpacked(latents, width, height), width, height)


class FluxFill(Flux):
    """FLUX.1 Fill, which starts from a picture and a mask."""

    id = "flux-fill"
    name = "FLUX.1 Fill"
    pipelines: ClassVar[Mapping[str, str]] = {INPAINT: "FluxFillPipeline"}
    control_ways = ()
    image_adapters = False

    def defaults(self, folder: ModelFolder, parameters: Mapping[str, inspect.Parameter]) -> Defaults:
        """Far more guidance than the others."""
        return Defaults(steps=50, guidance=30.0)


class FluxControl(Flux):
    """FLUX.1 Depth and Canny, which start from a picture to follow."""

    id = "flux-control"
    name = "FLUX.1 Depth and Canny"
    pipelines: ClassVar[Mapping[str, str]] = {
        CONTROL: "FluxControlPipeline",
    }
    image_adapters = False
    relatives = ("FluxControlImg2ImgPipeline", "FluxControlInpaintPipeline")
    control_ways = ()
    follows_form = True

    @property
    def source_task(self) -> str:
        """See ``Family``; the picture holds depths or lines."""
        return CONTROL

    def defaults(self, folder: ModelFolder, parameters: Mapping[str, inspect.Parameter]) -> Defaults:
        """As its makers advise for depth."""
        return Defaults(steps=30, guidance=10.0)
