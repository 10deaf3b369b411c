# SPDX-License-Identifier: GPL-3.0-or-later
"""Stable Diffusion 1 and 2, SDXL, and Kolors (SDXL's UNet with a Chinese language model): UNets of convolutions."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import ClassVar, Final

from ..model_folder import ModelFolder
from .base import CONTROL, IMAGE_TO_IMAGE, INPAINT, TEXT_TO_IMAGE, Defaults, Family
from .control_way import ControlWay

_CHANNELS: Final = 4
_ALIKE: Final = ("cross_attention_dim", "block_out_channels", "addition_embed_type")
_INPAINTING_CHANNELS: Final = 9  # latents, mask, and latents of what is masked


class StableDiffusion(Family):
    """Stable Diffusion 1.x, 2.x and SD-Turbo."""

    id = "stable-diffusion"
    name = "Stable Diffusion 1 and 2"
    pipelines: ClassVar[Mapping[str, str]] = {
        TEXT_TO_IMAGE: "StableDiffusionPipeline",
        IMAGE_TO_IMAGE: "StableDiffusionImg2ImgPipeline",
        INPAINT: "StableDiffusionInpaintPipeline",
        CONTROL: "StableDiffusionControlNetPipeline",
    }
    clip_prompts = True
    control_ways = (
        ControlWay(
            network="ControlNetModel",
            pipelines={
                TEXT_TO_IMAGE: "StableDiffusionControlNetPipeline",
                IMAGE_TO_IMAGE: "StableDiffusionControlNetImg2ImgPipeline",
                INPAINT: "StableDiffusionControlNetInpaintPipeline",
            },
            several="MultiControlNetModel",
            alike=_ALIKE,
        ),
    )
    image_adapters = True

    def tasks(self, folder: ModelFolder) -> Mapping[str, str]:
        """See ``Family``; a network with inputs for a mask fills in and does nothing else."""
        return _tasks(self.pipelines, folder)

    def defaults(self, folder: ModelFolder, parameters: Mapping[str, inspect.Parameter]) -> Defaults:
        """The usual ones; the pipeline's own 50 steps bring nothing more."""
        return Defaults(steps=30, guidance=7.5)


class StableDiffusionXL(Family):
    """SDXL with its Turbo and Lightning."""

    id = "sdxl"
    name = "SDXL"
    pipelines: ClassVar[Mapping[str, str]] = {
        TEXT_TO_IMAGE: "StableDiffusionXLPipeline",
        IMAGE_TO_IMAGE: "StableDiffusionXLImg2ImgPipeline",
        INPAINT: "StableDiffusionXLInpaintPipeline",
        CONTROL: "StableDiffusionXLControlNetPipeline",
    }
    clip_prompts = True
    control_ways: ClassVar[tuple[ControlWay, ...]] = (
        ControlWay(
            network="ControlNetModel",
            pipelines={
                TEXT_TO_IMAGE: "StableDiffusionXLControlNetPipeline",
                IMAGE_TO_IMAGE: "StableDiffusionXLControlNetImg2ImgPipeline",
                INPAINT: "StableDiffusionXLControlNetInpaintPipeline",
            },
            several="MultiControlNetModel",
            alike=_ALIKE,
        ),
        ControlWay(
            network="ControlNetUnionModel",
            pipelines={
                TEXT_TO_IMAGE: "StableDiffusionXLControlNetUnionPipeline",
                IMAGE_TO_IMAGE: "StableDiffusionXLControlNetUnionImg2ImgPipeline",
                INPAINT: "StableDiffusionXLControlNetUnionInpaintPipeline",
            },
            shares=True,
            # Its order: poses, depth, soft edges, lines, normals, segments.
            modes={"depth": 1, "line": 3, "normal": 4},
            mode_key="num_control_type",
            alike=_ALIKE,
        ),
    )
    image_adapters = True

    def tasks(self, folder: ModelFolder) -> Mapping[str, str]:
        """See ``Family``; a network with inputs for a mask fills in and does nothing else."""
        return _tasks(self.pipelines, folder)

    def defaults(self, folder: ModelFolder, parameters: Mapping[str, inspect.Parameter]) -> Defaults:
        """As for Stable Diffusion, with the guidance that SDXL's pipeline takes."""
        return Defaults(steps=30, guidance=5.0)


class Kolors(StableDiffusionXL):
    """Kolors; its tokenizer is one of sentencepiece."""

    id = "kolors"
    name = "Kolors"
    pipelines: ClassVar[Mapping[str, str]] = {
        TEXT_TO_IMAGE: "KolorsPipeline",
        IMAGE_TO_IMAGE: "KolorsImg2ImgPipeline",
    }
    clip_prompts = False
    control_ways = ()


def _tasks(pipelines: Mapping[str, str], folder: ModelFolder) -> Mapping[str, str]:
    unet = folder.component("unet")
    channels = unet.config.get("in_channels", _CHANNELS) if unet is not None else _CHANNELS
    if channels == _CHANNELS:
        return pipelines
    return {task: name for task, name in pipelines.items() if task == INPAINT and channels == _INPAINTING_CHANNELS}
