# SPDX-License-Identifier: GPL-3.0-or-later
"""The adapter that every family refines; used as it is, it takes a pipeline at the word of its own signature."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import torch
from torch import Tensor

from ...catalog_rows import GUIDANCE_INSIDE, GUIDANCE_OFF
from ...request import IMAGE_MAP
from ..generator import Pixels
from ..material_plan import Plan, Plans
from ..model_folder import Component, ModelFolder
from ..text_encoder import TextEncoder
from .control_way import ControlWay
from .prompt_room import PromptRoom, room

if TYPE_CHECKING:
    from PIL import Image

TEXT_TO_IMAGE: Final = "text_to_image"
IMAGE_TO_IMAGE: Final = "image_to_image"
INPAINT: Final = "inpaint"
CONTROL: Final = "control"
TASKS: Final = (TEXT_TO_IMAGE, IMAGE_TO_IMAGE, INPAINT, CONTROL)

_FALLBACK_STEPS: Final = 30


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Maps of one picture, as :class:`~texloom.engine.generator.GeneratedImage` takes them."""

    maps: dict[str, Pixels]
    height_min_m: float = 0.0
    height_max_m: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What a request leaves to the model; ``guidance`` None where the family has none."""

    steps: int
    guidance: float | None


class Family:
    """How a family's pipelines want to be called, and what their latents look like.

    Attributes:
        id: name in the catalogue.
        name: what people call it.
        pipelines: class in diffusers by task (:data:`TASKS`); text to image is always there but for editors.
        relatives: further pipeline classes whose folders hold the same parts, old names among them.
        guidance_argument: the argument of a pipeline's call that a request's guidance scale goes to; empty where there
            is none.
        guidance_off: up to this guidance the negative prompt has no effect.
        clip_prompts: whether CLIPs alone read the prompt, so that it may be of any length and have weights.
        follows: tasks in which tokens of the picture to follow come behind those of the picture that is drawn.
        masked_pixels: the most pixels that its pipeline draws to fill in parts of a picture; None: no limit.
        masked_margins: whether that pipeline draws at the size it is told, so that there may be margins.
        unused: parts that are not loaded where the pipeline can do without.
        absent: parts that its folders never hold, which the pipeline is told.
        late: parts that go into the pipeline once it stands: diffusers would not take :meth:`part`'s for what its
            index names.
        begins: whether its pipeline draws from words alone, so that a picture to draw over becomes the latents that it
            begins with (:mod:`..from_latents`); :meth:`begun` makes them.
        batches: whether its pipeline draws several pictures at a time when it is told to.
        native_maps: the maps that it draws itself; other than ``image`` alone, :meth:`maps` makes them of what its
            autoencoder decodes.
        shared_text: whether the engine's text encoder reads its prompts, by :meth:`text`.
        control_ways: the networks that its pipelines take to follow the form in a picture.
        follows_form: whether the model does that by itself, with the picture in place of one to start from.
        image_adapters: whether a picture can give it a style, by an image adapter (:mod:`..style`).
    """

    id: ClassVar[str] = "generic"
    name: ClassVar[str] = "Other diffusers models"
    pipelines: ClassVar[Mapping[str, str]] = {}
    relatives: ClassVar[tuple[str, ...]] = ()
    guidance_argument: ClassVar[str] = "guidance_scale"
    guidance_off: ClassVar[float] = GUIDANCE_OFF
    clip_prompts: ClassVar[bool] = False
    follows: ClassVar[tuple[str, ...]] = ()
    masked_pixels: ClassVar[int | None] = None
    masked_margins: ClassVar[bool] = True
    unused: ClassVar[tuple[str, ...]] = ("safety_checker", "feature_extractor", "image_encoder")
    absent: ClassVar[tuple[str, ...]] = ()
    late: ClassVar[tuple[str, ...]] = ()
    begins: ClassVar[bool] = False
    batches: ClassVar[bool] = True
    native_maps: ClassVar[tuple[str, ...]] = (IMAGE_MAP,)
    shared_text: ClassVar[bool] = False
    control_ways: ClassVar[tuple[ControlWay, ...]] = ()
    follows_form: ClassVar[bool] = False
    image_adapters: ClassVar[bool] = False

    @property
    def members(self) -> tuple[str, ...]:
        """All pipeline classes of the family."""
        return tuple(dict.fromkeys((*self.pipelines.values(), *self.relatives)))

    def tasks(self, folder: ModelFolder) -> Mapping[str, str]:
        """Those of :attr:`pipelines` that the folder's weights are made for."""
        return self.pipelines

    @property
    def negative(self) -> bool:
        """Whether negative prompts work."""
        return self.id not in GUIDANCE_INSIDE

    @property
    def source_task(self) -> str:
        """The task of a request that starts from a whole picture."""
        return IMAGE_TO_IMAGE

    def masked_size(self, folder: ModelFolder, width: int, height: int) -> tuple[int, int]:
        """The size at which parts of a picture are filled in: the nearest that it can draw."""
        step = self.size_step(folder)
        across, down = (max(step, round(side / step) * step) for side in (width, height))
        return across, down

    def own_class(self, name: str) -> Any:
        """A class that stands for the one of that name in diffusers; None for nearly all."""
        return None

    def part(self, item: Component, folder: ModelFolder) -> Any:
        """A part that cannot be loaded in the usual way; None for all others."""
        return None

    def picture_arguments(
        self,
        parameters: Mapping[str, inspect.Parameter],
        *,
        picture: Image.Image,
        mask: Image.Image | None,
        strength: float,
    ) -> dict[str, Any]:
        """Arguments for a pipeline that starts from a picture, at the size that is drawn."""
        named: dict[str, Any] = {}
        if mask is not None:
            named["mask_image"] = mask
        if "strength" in parameters:
            named["strength"] = strength
        # Those with a network for the form take both: the picture to start from, and the one to follow.
        follows = "control_image" in parameters and "image" not in parameters and mask is None
        return named | {"control_image" if follows else "image": picture}

    def control_config(self, file: Path, folder: ModelFolder) -> dict[str, Any] | None:
        """The configuration of a network for the form in a single file; None where that needs a folder.

        Raises:
            ModelInvalidError: the file is damaged.
        """
        return None

    def claims(self, folder: ModelFolder) -> bool:
        """Whether that folder is of this family."""
        return folder.class_name in self.members

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
        """Arguments of the pipeline's call that say the prompt for the variations ``each``, of families with
        ``shared_text``; without ``plans`` nothing is said.  ``size`` is the width and height of the pictures."""
        raise NotImplementedError(f"{self.id} reads prompts with a text encoder of its own.")

    def prompt_room(self, pipeline: Any, tokenizer: Any, limit: int | None, *, negative: bool) -> PromptRoom:
        """What is read of a prompt: of the prompt alone here, up to ``limit`` tokens as the pipeline's call has it.

        Args:
            pipeline: what reads it.
            tokenizer: one of the pipeline's.
            limit: None where there is none.
            negative: whether it is the negative prompt, which some pipelines read in another way.
        """
        return room(tokenizer, limit)

    def preview(self, decoded: Tensor) -> Tensor:
        """Red, green and blue [3, H, W] from 0 to 1 of what the autoencoder decoded, [channels, H, W]."""
        return decoded[:3].float() * 0.5 + 0.5

    def maps(self, decoded: Tensor, tile_width_m: float) -> Drawn:
        """The maps in what the autoencoder decoded, [channels, H, W], of families with maps of their own."""
        raise NotImplementedError(f"{self.id} draws pictures only.")

    def defaults(self, folder: ModelFolder, parameters: Mapping[str, inspect.Parameter]) -> Defaults:
        """Steps and guidance for that folder; ``parameters`` are those of the pipeline's call (empty: unknown yet)."""
        steps = _default(parameters, "num_inference_steps")
        guidance = _default(parameters, self.guidance_argument)
        return Defaults(
            steps=steps if isinstance(steps, int) else _FALLBACK_STEPS,
            guidance=float(guidance) if isinstance(guidance, (int, float)) else None,
        )

    def arguments(
        self, parameters: Mapping[str, inspect.Parameter], *, steps: int, guidance: float | None, negative_prompt: str
    ) -> dict[str, Any]:
        """Arguments of the pipeline's call besides prompt, size, steps, generator and kind of output."""
        named: dict[str, Any] = {}
        if guidance is not None and self.guidance_argument in parameters:
            named[self.guidance_argument] = guidance
        if negative_prompt and self.negative and "negative_prompt" in parameters:
            named["negative_prompt"] = negative_prompt
        # Binning draws at a size the model was trained for and scales the picture, which would break its tiling.
        if "use_resolution_binning" in parameters:
            named["use_resolution_binning"] = False
        # Cleaning takes letters of other scripts and marks away from the prompt.
        if "clean_caption" in parameters:
            named["clean_caption"] = False
        return named

    def prepare(self, pipeline: Any) -> None:
        """Once for every pipeline: when it has been loaded, or made of the parts of another one."""

    def uses_negative_prompt(self, guidance: float | None) -> bool:
        """Whether a negative prompt has an effect at that guidance."""
        return self.negative and (guidance is None or guidance > self.guidance_off)

    def convolutional(self, folder: ModelFolder) -> bool:
        """Whether its denoiser tiles exactly once its convolutions wrap: no layer knows where in the picture it is."""
        unet = folder.component("unet")
        return unet is not None and unet.class_name == "UNet2DConditionModel" and folder.component("prior") is None

    def size_step(self, folder: ModelFolder) -> int:
        """What width and height must be multiples of."""
        return folder.size_step

    def largest_side(self, folder: ModelFolder) -> int | None:
        """The largest width or height in pixels that its positions reach; None where there is no limit."""
        transformer = folder.component("transformer")
        if transformer is None:
            return None
        lengths = transformer.config.get("axes_lens")  # rotary tables: text, rows, columns
        if isinstance(lengths, list) and len(lengths) == 3:
            return min(int(length) for length in lengths[1:]) * self.size_step(folder)
        tokens = transformer.config.get("pos_embed_max_size")
        if not isinstance(tokens, int):
            return None
        # AuraFlow counts all tokens of its table, the others those of a side.
        side = math.isqrt(tokens) if transformer.class_name == "AuraFlowTransformer2DModel" else tokens
        return int(side) * self.size_step(folder)

    def decodable(self, pipeline: Any, latents: Tensor, width: int, height: int) -> Tensor | None:
        """Latents of a step as the VAE's decoder takes them, (batch, channels, [frames,] height, width).

        ``width`` and ``height`` are the picture's in pixels.  None where it is not known how.
        """
        config = pipeline.vae.config
        scale = getattr(config, "scaling_factor", None)
        if latents.ndim != 4 or not isinstance(scale, float):
            return None
        return latents / scale + (getattr(config, "shift_factor", None) or 0.0)

    def begun(self, pipeline: Any, picture: Tensor) -> Tensor:
        """What the network would draw for a picture without noise: the other way round than :meth:`decodable`.

        ``picture`` is (batch, 3, height, width) from -1 to 1, in the precision of the autoencoder.  For families that
        ``begins``; without an autoencoder the network draws pixels.
        """
        vae = getattr(pipeline, "vae", None)
        if vae is None:
            return picture
        shift = getattr(vae.config, "shift_factor", None) or 0.0
        return (encoded(vae, picture) - shift) * float(vae.config.scaling_factor)


def encoded(vae: Any, picture: Tensor) -> Tensor:
    """The latents of a picture, the likeliest ones where the autoencoder gives a distribution."""
    found = vae.encode(picture, return_dict=False)[0]
    latents: Tensor = found if isinstance(found, Tensor) else found.mode()
    return latents


def packed(grid: Tensor, patch: int = 2) -> Tensor:
    """(batch, channels, height, width) → (batch, rows × columns, channels × patch²); undoes :func:`unpacked`."""
    batch, channels, height, width = grid.shape
    rows, columns = height // patch, width // patch
    tokens = grid.reshape(batch, channels, rows, patch, columns, patch).permute(0, 2, 4, 1, 3, 5)
    return tokens.reshape(batch, rows * columns, channels * patch**2)


def unpacked(tokens: Tensor, width: int, height: int, patch: int = 2) -> Tensor:
    """(batch, rows × columns, channels × patch²) → (batch, channels, height, width) in latents.

    The order of the channels is the one of FLUX.1, Qwen-Image and Krea 2: channel, then row and column in the patch.
    """
    batch, count, size = tokens.shape
    unit = token_pixels(count, width, height)
    rows, columns = height // unit, width // unit
    grid = tokens.view(batch, rows, columns, size // patch**2, patch, patch).permute(0, 3, 1, 4, 2, 5)
    return grid.reshape(batch, size // patch**2, rows * patch, columns * patch)


def token_pixels(count: int, width: int, height: int) -> int:
    """How many pixels wide one of ``count`` square tokens of a picture is.

    Raises:
        ValueError: no whole number of pixels fits.
    """
    side = math.isqrt(width * height // max(1, count))
    if side < 1 or width % side or height % side or (width // side) * (height // side) != count:
        raise ValueError(f"{count} tokens do not make a picture of {width} × {height} pixels.")
    return side


def channel_statistics(pipeline: Any, latents: Tensor) -> Tensor:
    """Undo the normalisation channel by channel of the Qwen-Image autoencoders; (B, C, H, W) → (B, C, 1, H, W)."""
    mean, deviation = _statistics(pipeline, latents)
    return latents.unsqueeze(2) * deviation + mean


def by_channel_statistics(pipeline: Any, latents: Tensor) -> Tensor:
    """Normalise what a Qwen-Image autoencoder encoded; (B, C, 1, H, W) → (B, C, H, W)."""
    mean, deviation = _statistics(pipeline, latents)
    return ((latents - mean) / deviation).squeeze(2)


def _statistics(pipeline: Any, like: Tensor) -> tuple[Tensor, Tensor]:
    config = pipeline.vae.config
    mean, deviation = (torch.tensor(x).to(like).view(1, -1, 1, 1, 1) for x in (config.latents_mean, config.latents_std))
    return mean, deviation


def _default(parameters: Mapping[str, inspect.Parameter], name: str) -> object:
    parameter = parameters.get(name)
    return None if parameter is None or parameter.default is inspect.Parameter.empty else parameter.default
