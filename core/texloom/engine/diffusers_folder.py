# SPDX-License-Identifier: GPL-3.0-or-later
"""Any text-to-image model in a diffusers folder, behind the same interface as the embedded one."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import inspect
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import ModelInvalidError, TexloomError
from ..request import IMAGE_MAP, GenerationRequest
from .device import free_memory, is_out_of_memory
from .generator import Context, GeneratedImage, GeneratorInfo
from .model_folder import Component, ModelFolder, hash_files, read_folder
from .prompt_length import words_dropped
from .seamless import circular

PREVIEW_LATENTS: Final = 32
"""Previews decode a latent made smaller than this on its longer side, so they cost a fraction of a step."""

DEFAULT_TILE_M: Final = 1.0

_NOT_NEEDED: Final = ("safety_checker", "feature_extractor", "image_encoder")
_HASH_SHARE: Final = 0.2
_HEADROOM: Final = 1.2


class DiffusersFolderGenerator:
    """Loads a pipeline part by part and draws with it.

    Only text-to-image: its one map is ``image``.  UNet models (and Sana) tile exactly, since all their layers can
    wrap around; of others only the decoder can, and a warning says so.

    Args:
        path: folder with ``model_index.json``.

    Raises:
        ModelInvalidError: no diffusers folder, or one with pickled weights or code of its own.
    """

    def __init__(self, path: Path) -> None:
        self._folder: ModelFolder = read_folder(path)
        self._pipeline: Any = None
        self._parameters: dict[str, inspect.Parameter] = {}
        self._info = self._describe({})

    @property
    def info(self) -> GeneratorInfo:
        """See ``Generator``; hashes of the files, default steps and guidance are known once it is loaded."""
        return self._info

    @property
    def loaded(self) -> bool:
        """See ``Generator``."""
        return self._pipeline is not None

    def load(self, context: Context) -> None:
        """See ``Generator``."""
        if self.loaded:
            return
        context.loading("Checking files", 0.0)
        files = hash_files(self._folder, lambda part: context.loading("Checking files", _HASH_SHARE * part))
        context.loading("Importing libraries", _HASH_SHARE)
        started = time.perf_counter()
        import diffusers

        diffusers.utils.logging.disable_progress_bar()
        context.timing("import", time.perf_counter() - started)
        context.check_cancelled()
        pipeline_class = _pipeline_class(self._folder)
        parameters = dict(inspect.signature(pipeline_class.__call__).parameters)
        _check_call(self._folder, parameters)
        pipeline = self._assembled(pipeline_class, context)
        context.loading("Moving to the device", 0.95)
        self._place(pipeline, context.device)
        self._pipeline = pipeline
        self._parameters = parameters
        self._info = self._describe(files)
        context.loading("Ready", 1.0)

    def unload(self) -> None:
        """See ``Generator``."""
        self._pipeline = None

    def prepare(self, prompt: str) -> None:
        """Nothing is done ahead: each family encodes its prompts in its own way."""

    def generate(self, request: GenerationRequest, context: Context) -> Iterator[GeneratedImage]:
        """See ``Generator``."""
        if self._pipeline is None:
            raise TexloomError(f"{self._info.name} is not loaded.")
        self._warn(request, context)
        named = self._arguments(request)
        for index in range(request.count):
            context.check_cancelled()
            seed = request.variation_seed(index)
            # On the CPU, so that a seed means the same noise on every device.
            generator = torch.Generator("cpu").manual_seed(seed)
            picture = self._draw(request, context, index, {**named, "generator": generator})
            width_m = request.real_world_width or DEFAULT_TILE_M
            yield GeneratedImage(
                index=index,
                seed=seed,
                maps={IMAGE_MAP: picture},
                tile_width_m=width_m,
                tile_height_m=width_m * request.height / request.width,
                # What the request left to the model.
                details={"steps": named["num_inference_steps"], "guidance_scale": named.get("guidance_scale")},
            )

    # Loading.

    def _describe(self, files: dict[str, str]) -> GeneratorInfo:
        folder = self._folder
        steps = self._default("num_inference_steps")
        guidance = self._default("guidance_scale")
        return GeneratorInfo(
            id=str(folder.path),
            name=folder.path.name,
            licence=folder.licence,
            native_maps=(IMAGE_MAP,),
            revision=_revision(files),
            files=files,
            default_steps=steps if isinstance(steps, int) else 30,
            default_guidance_scale=float(guidance) if isinstance(guidance, (int, float)) else None,
            supports_negative_prompt="negative_prompt" in self._parameters,
            size_step=folder.size_step,
            seamless=folder.convolutional,
            details={"bytes": folder.bytes, "pipeline": folder.class_name},
        )

    def _default(self, name: str) -> object:
        parameter = self._parameters.get(name)
        return None if parameter is None or parameter.default is inspect.Parameter.empty else parameter.default

    def _assembled(self, pipeline_class: Any, context: Context) -> Any:
        """Load the parts one by one, which is what makes progress and cancelling possible, and join them."""
        optional = set(getattr(pipeline_class, "_optional_components", ()))
        parts: dict[str, Any] = {name: None for name in _NOT_NEEDED if name in optional}
        wanted = [item for item in self._folder.components if item.name not in parts]
        sizes = [1 + sum((self._folder.path / f).stat().st_size for f in self._files(item)) for item in wanted]
        done = 0
        for item, size in zip(wanted, sizes, strict=True):
            fraction = _HASH_SHARE + (0.95 - _HASH_SHARE) * done / sum(sizes)
            context.loading(f"Loading {item.name.replace('_', ' ')}", fraction)
            parts[item.name] = self._part(item, context.device)
            done += size
        context.check_cancelled()
        if "requires_safety_checker" in inspect.signature(pipeline_class.__init__).parameters:
            parts["requires_safety_checker"] = False
        try:
            pipeline = pipeline_class.from_pretrained(self._folder.path, local_files_only=True, **parts)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._unreadable("the pipeline", error) from error
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def _files(self, item: Component) -> list[Path]:
        return [file for file in self._folder.weights if file.parts[0] == item.name]

    def _part(self, item: Component, device: str) -> Any:
        kind = _class(item)
        folder = self._folder.path / item.name
        named: dict[str, Any] = {"local_files_only": True}
        if inspect.isclass(kind) and issubclass(kind, nn.Module):
            named["use_safetensors"] = True
            named["torch_dtype" if item.library != "transformers" else "dtype"] = self._dtype(device)
            if self._folder.variant:
                named["variant"] = self._folder.variant
        try:
            return kind.from_pretrained(folder, **named)
        except Exception as error:
            # Boundary: readers of weights and tokenizers raise classes of their own that derive from Exception only.
            if is_out_of_memory(error):
                raise
            raise self._unreadable(item.name, error) from error

    def _unreadable(self, what: str, error: Exception) -> TexloomError:
        text = " ".join(str(error).split())[:300]
        return ModelInvalidError(
            f"{what} of the model in {self._folder.path} cannot be loaded: {text}", advice="Download the model again."
        )

    def _dtype(self, device: str) -> torch.dtype:
        kind = torch.device(device).type
        if kind == "cpu":
            return torch.float32
        # UNets were made for half precision; transformers overflow in it.
        if self._folder.component("transformer") is None:
            return torch.float16
        if kind == "cuda" and not torch.cuda.is_bf16_supported():
            return torch.float16
        return torch.bfloat16

    def _place(self, pipeline: Any, device: str) -> None:
        free = free_memory(device)
        if device.startswith(("cuda", "xpu")) and free is not None and self._folder.bytes * _HEADROOM > free:
            # Parts go to the device when their turn comes.
            pipeline.enable_model_cpu_offload(device=device)
        else:
            pipeline.to(device)
        vae = getattr(pipeline, "vae", None)
        # Decoding in tiles would put seams inside the picture.
        if vae is not None and hasattr(vae, "disable_tiling"):
            vae.disable_tiling()

    # Drawing.

    def _warn(self, request: GenerationRequest, context: Context) -> None:
        name = self._info.name
        if request.negative_prompt.strip() and not self._info.supports_negative_prompt:
            context.warn("negative_prompt_ignored", f"{name} does not use a negative prompt.")
        if request.parameters:
            context.warn("parameters_ignored", f"{name} has no parameters to lock; the prompt alone decides.")
        if request.guidance_scale is not None and "guidance_scale" not in self._parameters:
            context.warn("guidance_ignored", f"{name} does not use a guidance scale.")
        if (request.tile_x or request.tile_y) and not self._folder.convolutional:
            context.warn(
                "seamless_approximate",
                f"{name} is a transformer and cannot tile exactly: only its decoder wraps around.",
                advice="A seam may show. For exact tiling choose instant, or a UNet model.",
            )
        dropped = words_dropped(self._pipeline, request.prompt)
        if dropped:
            context.warn(
                "prompt_too_long",
                f"The prompt is longer than {name} can read; it ends before “{dropped[0]}”.",
                advice="Shorten the prompt, or put what matters first.",
                words=dropped,
            )

    def _arguments(self, request: GenerationRequest) -> dict[str, Any]:
        info = self._info
        named: dict[str, Any] = {
            "prompt": request.prompt,
            "width": request.width,
            "height": request.height,
            "num_inference_steps": request.steps if request.steps is not None else info.default_steps,
            "output_type": "pil",
        }
        guidance = request.guidance_scale if request.guidance_scale is not None else info.default_guidance_scale
        if guidance is not None and "guidance_scale" in self._parameters:
            named["guidance_scale"] = guidance
        if request.negative_prompt.strip() and info.supports_negative_prompt:
            named["negative_prompt"] = request.negative_prompt
        return named

    def _draw(
        self, request: GenerationRequest, context: Context, index: int, named: dict[str, Any]
    ) -> NDArray[np.uint8]:
        pipeline = self._pipeline
        steps: int = named["num_inference_steps"]

        def after_step(_pipeline: Any, step: int, _time: Any, values: dict[str, Any]) -> dict[str, Any]:
            # Schedulers of higher order take more calls than steps were asked for.
            total = max(steps, int(getattr(pipeline, "num_timesteps", steps) or steps))
            context.progress(step + 1, total, index=index, stage="Drawing")
            every = request.preview_interval
            if every and (step + 1) % every == 0 and step + 1 < total:
                self._preview(values.get("latents"), request, context, index, step + 1)
            return {}

        if "callback_on_step_end" in self._parameters:
            named = {**named, "callback_on_step_end": after_step}
        networks = [part for part in pipeline.components.values() if isinstance(part, nn.Module)]
        networks = [part for part in networks if type(part).__module__.startswith("diffusers.")]
        context.progress(0, steps, index=index, stage="Drawing")
        try:
            with torch.inference_mode(), circular(networks, request.tile_x, request.tile_y):
                picture = pipeline(**named).images[0]
        finally:
            # A step that raises (cancel does) leaves offloaded parts on the device otherwise.
            with contextlib.suppress(AttributeError):
                pipeline.maybe_free_model_hooks()
        return np.asarray(picture.convert("RGB"), np.uint8)

    def _preview(
        self, latents: Tensor | None, request: GenerationRequest, context: Context, index: int, step: int
    ) -> None:
        """The latents as they are at that step, made small and decoded by the model's own VAE."""
        vae = getattr(self._pipeline, "vae", None)
        config = getattr(vae, "config", None)
        scale = getattr(config, "scaling_factor", None)
        # Families that pack their latents into tokens, or normalise them channel by channel, have no previews.
        if latents is None or latents.ndim != 4 or not isinstance(scale, float) or vae is None:
            context.warn("preview_unavailable", f"{self._info.name} shows no previews.")
            return
        shift = getattr(config, "shift_factor", None) or 0.0
        factor = PREVIEW_LATENTS / max(latents.shape[-2:])
        small = latents[:1].to(vae.dtype)
        if factor < 1.0:
            size = [max(1, round(side * factor)) for side in latents.shape[-2:]]
            small = torch.nn.functional.interpolate(small, size, mode="area")
        decoded = vae.decode(small / scale + shift, return_dict=False)[0][0]
        pixels = ((decoded.float() * 0.5 + 0.5).clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8)
        context.preview(pixels.permute(1, 2, 0).contiguous().cpu().numpy(), index=index, step=step)


def _pipeline_class(folder: ModelFolder) -> Any:
    """The text-to-image class for the folder's pipeline, which may itself be the image-to-image sister, say."""
    import diffusers
    from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING, _get_task_class

    try:
        return _get_task_class(AUTO_TEXT2IMAGE_PIPELINES_MAPPING, folder.class_name)
    except ValueError:
        pass  # not every text-to-image pipeline is in that table
    kind = getattr(diffusers, folder.class_name, None)
    if not inspect.isclass(kind) or not issubclass(kind, diffusers.DiffusionPipeline):
        raise ModelInvalidError(
            f"{folder.path} needs the pipeline {folder.class_name}, which this version of diffusers does not have.",
            advice="Update the engine, or choose another model.",
        )
    return kind


def _check_call(folder: ModelFolder, parameters: dict[str, inspect.Parameter]) -> None:
    needed = {"prompt", "width", "height", "num_inference_steps", "generator", "output_type"}
    given = needed | {"self"}
    others = [
        name
        for name, parameter in parameters.items()
        if name not in given
        and parameter.default is inspect.Parameter.empty
        and parameter.kind not in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    ]
    if not needed <= set(parameters) or others or "num_frames" in parameters:
        raise ModelInvalidError(
            f"{folder.path} holds a {folder.class_name}, which makes no pictures from text alone.",
            advice="Choose a text-to-image model.",
        )


def _class(item: Component) -> Any:
    library = item.library if item.library in ("diffusers", "transformers") else f"diffusers.pipelines.{item.library}"
    found = getattr(importlib.import_module(library), item.class_name, None)
    if found is None:
        raise ModelInvalidError(
            f"The part {item.name} needs {item.library}.{item.class_name}, which is not in the installed version.",
            advice="Update the engine, or choose another model.",
        )
    return found


def _revision(files: dict[str, str]) -> str:
    """One short name for the exact weights."""
    if not files:
        return ""
    text = "\n".join(f"{name} {digest}" for name, digest in sorted(files.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
