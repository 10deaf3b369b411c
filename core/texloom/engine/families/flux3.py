# SPDX-License-Identifier: GPL-3.0-or-later
"""FLUX.3: FLUX.2's autoencoder, Qwen3-VL for the text, and a pipeline that diffusers has only in blocks ("modular").

The blocks do the drawing here as well.  Around them stands a pipeline of the usual kind, so that all the rest of the
engine (parts moved to the device when they are needed, LoRAs, previews, cancelling) finds what it knows.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

import torch
from torch import Tensor

from ..model_folder import Component, ModelFolder
from .base import IMAGE_TO_IMAGE, TEXT_TO_IMAGE, Defaults, encoded, packed, token_pixels
from .flux2 import Flux2, by_batch_norm
from .picture_reader import word_reader
from .prompt_room import PromptRoom, asked, chat_opening, room

DISTILLED: Final = "Flux3DistilledModularPipeline"

_LEFT_OUT: Final = ("prompt_upsampler", "vae_encoder")
_LOGGERS: Final = ("modular_pipeline", "modular_pipeline_utils")


class Flux3(Flux2):
    """FLUX.3 Image klein, distilled to sixteen steps without guidance.

    The language model that would first write a longer prompt is left out, as for ERNIE-Image: it draws lots, so a seed
    would no longer mean one picture, and it takes billions of parameters more.
    """

    id = "flux3"
    name = "FLUX.3"
    pipelines: ClassVar[Mapping[str, str]] = {TEXT_TO_IMAGE: DISTILLED, IMAGE_TO_IMAGE: DISTILLED}
    guidance_argument = ""
    follows = ()
    late = ()
    begins = True
    unused = ("prompt_upsampler", "prompt_upsampler_processor", "image_processor")

    def own_class(self, name: str) -> Any:
        """See ``Family``."""
        return distilled_pipeline() if name == DISTILLED else None

    def defaults(self, folder: ModelFolder, parameters: Mapping[str, inspect.Parameter]) -> Defaults:
        """See ``Family``."""
        return Defaults(steps=16, guidance=None)

    def part(self, item: Component, folder: ModelFolder) -> Any:
        """See ``Family``; the reader of pictures and words that its index names wants torchvision, for pictures."""
        return word_reader(folder.path / item.name) if item.name == "tokenizer" else None

    def prompt_room(self, pipeline: Any, tokenizer: Any, limit: int | None, *, negative: bool) -> PromptRoom:
        """See ``Family``; the whole chat is cut."""
        return room(tokenizer, limit, chat_opening(tokenizer, asked, add_generation_prompt=True))

    def begun(self, pipeline: Any, picture: Tensor) -> Tensor:
        """See ``Family``."""
        grid = by_batch_norm(pipeline, encoded(pipeline.vae, picture), float(pipeline.vae.config.batch_norm_eps))
        return packed(grid, 1)


class _Words:
    """A tokenizer where the blocks want a reader of pictures and words."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def apply_chat_template(self, conversation: Any, **named: Any) -> Any:
        """As the reader's."""
        return self.tokenizer.apply_chat_template(conversation, **named)


@functools.cache
def distilled_pipeline() -> Any:
    """The class of pipelines that run diffusers' ``Flux3DistilledAutoBlocks`` from words; made once."""
    from diffusers import DiffusionPipeline, FlowMatchEulerDiscreteScheduler, Flux3DistilledModularPipeline
    from diffusers.loaders import Flux3LoraLoaderMixin
    from diffusers.modular_pipelines.flux3.modular_blocks_flux3_distilled import Flux3DistilledAutoBlocks
    from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
    from diffusers.utils.torch_utils import randn_tensor

    class Runner(Flux3DistilledModularPipeline):  # type: ignore[misc, no-any-unimported]
        """Draws with the parts of a pipeline, which knows best on which device that happens."""

        _owner: Any = None

        @property
        def _execution_device(self) -> Any:
            return self._owner._execution_device

    class Flux3DistilledPipeline(DiffusionPipeline, Flux3LoraLoaderMixin):  # type: ignore[misc, no-any-unimported]
        """FLUX.3 in the usual form of diffusers' pipelines; without a scheduler it takes the blocks' own."""

        model_cpu_offload_seq = "text_encoder->transformer->vae"
        _optional_components = ("scheduler",)

        def __init__(
            self, text_encoder: Any, tokenizer: Any, vae: Any, transformer: Any, scheduler: Any = None
        ) -> None:
            super().__init__()
            blocks = _blocks(Flux3DistilledAutoBlocks())
            if scheduler is None:
                spec = next(item for item in blocks.expected_components if item.name == "scheduler")
                scheduler = FlowMatchEulerDiscreteScheduler.from_config(dict(spec.config))
            self.register_modules(
                text_encoder=text_encoder,
                tokenizer=tokenizer,
                vae=vae,
                transformer=transformer,
                scheduler=scheduler,
            )
            self._blocks = blocks

        def encode_prompt(self, prompt: str, max_sequence_length: int = 8192) -> Tensor:
            """What the text encoder says of a prompt, (1, tokens, channels)."""
            embeds: Tensor = self._run(
                self._blocks.sub_blocks["text_encoder"],
                "prompt_embeds",
                prompt=prompt,
                max_sequence_length=max_sequence_length,
            )
            return embeds

        def prepare_latents(
            self, pictures: int, height: int, width: int, generator: Any = None, latents: Tensor | None = None
        ) -> Tensor:
            """Noise for so many pictures, (pictures, rows × columns, channels); ``latents`` where they are given."""
            dtype, device = self.transformer.dtype, self._execution_device
            if latents is not None:
                return latents.to(device=device, dtype=dtype)
            unit = 2 ** len(self.vae.config.block_out_channels)
            shape = (pictures, self.transformer.config.in_channels, height // unit, width // unit)
            # As the blocks do it: what is drawn in other precisions is other noise.
            return packed(randn_tensor(shape, generator=generator, device=device, dtype=torch.float32), 1).to(dtype)

        def __call__(
            self,
            prompt: str,
            height: int = 1024,
            width: int = 1024,
            num_inference_steps: int = 16,
            num_images_per_prompt: int = 1,
            generator: Any = None,
            latents: Tensor | None = None,
            output_type: str = "pil",
            max_sequence_length: int = 8192,
        ) -> Any:
            """Draw ``prompt``; ``latents`` are as :meth:`prepare_latents` gives them."""
            embeds = self.encode_prompt(prompt, max_sequence_length=max_sequence_length)
            noise = self.prepare_latents(num_images_per_prompt, height, width, generator, latents)
            unit = token_pixels(noise.shape[1], width, height)
            found: Tensor = self._run(
                self._blocks.sub_blocks["denoise"],
                "latents",
                prompt_embeds=embeds,
                height=height,
                width=width,
                num_inference_steps=num_inference_steps,
                num_images_per_prompt=num_images_per_prompt,
                # A grid, as a view: who mixes a picture into the noise does so once the schedule is known.
                latents=noise.transpose(1, 2).unflatten(2, (height // unit, width // unit)),
            )
            if output_type != "latent":
                found = self._run(self._blocks.sub_blocks["decode"], "images", latents=found, output_type=output_type)
            self.maybe_free_model_hooks()
            return ImagePipelineOutput(images=found)

        def _run(self, block: Any, output: str, **named: Any) -> Any:
            runner = Runner(blocks=block)
            runner._owner = self
            wanted = set(runner.component_names)
            parts = {**self.components, "tokenizer": _Words(self.tokenizer)}
            with _quiet():
                runner.update_components(**{name: part for name, part in parts.items() if name in wanted})
                return runner(output=output, **named)

    return Flux3DistilledPipeline


def _blocks(blocks: Any) -> Any:
    """Without what is left out, and without bars that tell of progress."""
    for name in _LEFT_OUT:
        blocks.sub_blocks.pop(name)
    waiting = [blocks]
    while waiting:
        block = waiting.pop()
        if hasattr(block, "set_progress_bar_config"):
            block.set_progress_bar_config(disable=True)
        waiting += getattr(block, "sub_blocks", {}).values()
    return blocks


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without diffusers' own report of what passes through a block: cancelling looks like an error there.

    Nothing is lost, since every error is raised as well.
    """
    loggers = [logging.getLogger(f"diffusers.modular_pipelines.{name}") for name in _LOGGERS]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
