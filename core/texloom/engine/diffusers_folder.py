# SPDX-License-Identifier: GPL-3.0-or-later
"""Any text-to-image model in a diffusers folder, behind the same interface as the embedded one."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..catalog_rows import CatalogRow
from ..errors import ModelInvalidError, TexloomError
from ..request import IMAGE_MAP, GenerationRequest
from .denoising import Run
from .device import free_memory, is_out_of_memory
from .families import TEXT_TO_IMAGE, Defaults, Drawn, Family, family_of
from .generator import Context, GeneratedImage, GeneratorInfo
from .learned_text import words_dropped as shared_words_dropped
from .model_folder import Component, ModelFolder, hash_files, read_folder
from .prompt_length import words_dropped
from .seamless import seam_ratio
from .text_encoder import TextEncoder
from .wrapped_context import Frame, frame

DEFAULT_TILE_M: Final = 1.0

_HASH_SHARE: Final = 0.2
_HEADROOM: Final = 1.2


class DiffusersFolderGenerator:
    """Loads a pipeline part by part and draws with it; what differs by family is in :mod:`.families`.

    Only text-to-image: its one map is ``image``, but for families with maps of their own.  UNets (and Sana) tile
    exactly, since all their layers can wrap around; other networks draw within margins that repeat the picture
    (:mod:`.wrapped_context`).

    Args:
        path: folder with ``model_index.json``.
        row: its row in the catalogue, for what suits it.
        file: weights in a single file that stand in for the folder's: all of them, or those of ``part``.
        part: the part that ``file`` holds; empty: the whole model, of which the folder gives the configuration.
        encoder: the engine's, for the families that share it; None makes one when it is needed.

    Raises:
        ModelInvalidError: no diffusers folder, or one with pickled weights or code of its own.
    """

    def __init__(
        self,
        path: Path,
        *,
        row: CatalogRow | None = None,
        file: Path | None = None,
        part: str = "",
        encoder: TextEncoder | None = None,
    ) -> None:
        folder = read_folder(path, configuration_only=file is not None and not part)
        if file is not None:
            folder = replace(folder, weights=(*(own for own in folder.weights if own.parts[0] != part), file))
        self._folder: ModelFolder = folder
        self._row = row
        self._file = file
        self._file_part = part
        self._family: Family = family_of(self._folder)
        self._encoder = (encoder or TextEncoder()) if self._family.shared_text else None
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
        _check_packages(self._folder.path, self._row.needs if self._row is not None else ())
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
        if self._encoder is not None:
            context.loading("Loading the text encoder", _HASH_SHARE)
            self._encoder.load(context.device, context.check_cancelled)
        pipeline = self._assembled(pipeline_class, context)
        self._family.prepare(pipeline)
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
        """Encodes it where the engine's text encoder reads it; other families do that in ways of their own."""
        if self._encoder is not None and self.loaded:
            self._encoder.encode([prompt])

    def generate(self, request: GenerationRequest, context: Context) -> Iterator[GeneratedImage]:
        """See ``Generator``."""
        if self._pipeline is None:
            raise TexloomError(f"{self._info.name} is not loaded.")
        whole = self._frame(request)
        if whole is None:
            whole = Frame(width=request.width, height=request.height)
            context.warn(
                "seamless_approximate",
                f"{self._info.name} cannot draw pictures of that size that tile: only its decoder wraps around.",
                advice="A seam may show. Choose a smaller size.",
            )
        steps, guidance = self._effective(request)
        self._warn(request, guidance, context)
        named = self._family.arguments(
            self._parameters, steps=steps, guidance=guidance, negative_prompt=request.negative_prompt.strip()
        )
        named |= self._prompt(request, context.device) | {"num_inference_steps": steps}
        for index in range(request.count):
            context.check_cancelled()
            seed = request.variation_seed(index)
            # On the CPU, so that a seed means the same noise on every device.
            generator = torch.Generator("cpu").manual_seed(seed)
            run = Run(
                self._pipeline,
                self._family,
                whole,
                self._family.convolutional(self._folder),
                request,
                context,
                index=index,
                name=self._info.name,
            )
            width_m = request.real_world_width or DEFAULT_TILE_M
            if self._family.native_maps == (IMAGE_MAP,):
                drawn = Drawn(maps={IMAGE_MAP: run.draw({**named, "generator": generator})})
            else:
                drawn = run.draw_maps({**named, "generator": generator}, width_m)
            picture = drawn.maps[self._family.native_maps[0]]
            yield GeneratedImage(
                index=index,
                seed=seed,
                maps=drawn.maps,
                height_min_m=drawn.height_min_m,
                height_max_m=drawn.height_max_m,
                tile_width_m=width_m,
                tile_height_m=width_m * request.height / request.width,
                # What the request left to the model.
                details={"steps": steps, "guidance_scale": guidance, "seam_ratio": self._seams(picture)},
            )

    # Loading.

    def _describe(self, files: dict[str, str]) -> GeneratorInfo:
        folder, row = self._folder, self._row
        defaults = self._family.defaults(folder, self._parameters)
        if row is not None:
            defaults = Defaults(steps=row.steps, guidance=row.guidance)
        where = folder.path if self._file is None else self._file
        licence = folder.licence if folder.licence != "unknown" or row is None else row.licence
        return GeneratorInfo(
            id=str(where),
            name=row.name if row is not None else where.stem if where == self._file else where.name,
            # A file of somebody else's weights has terms of its own, which it does not tell.
            licence=licence if self._file is None or row is not None else "unknown",
            native_maps=self._family.native_maps,
            revision=_revision(files),
            files=files,
            default_steps=defaults.steps,
            default_guidance_scale=defaults.guidance,
            supports_negative_prompt=self._family.negative and "negative_prompt" in self._parameters,
            size_step=self._family.size_step(folder),
            seamless=True,
            details={
                "bytes": folder.bytes,
                "pipeline": folder.class_name,
                "family": self._family.id,
                "hub": row.hub if row is not None else "",
            },
        )

    def _assembled(self, pipeline_class: Any, context: Context) -> Any:
        """Load the parts one by one, which is what makes progress and cancelling possible, and join them."""
        if self._file is not None and not self._file_part:
            return self._from_file(pipeline_class, context)
        optional = set(getattr(pipeline_class, "_optional_components", ()))
        parts: dict[str, Any] = {name: None for name in self._family.unused if name in optional}
        parts |= dict.fromkeys(self._family.absent)
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
        self._set_scheduler(pipeline)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def _set_scheduler(self, pipeline: Any) -> None:
        """What the catalogue's row wants of it; distilled networks need other steps than their base."""
        wanted = dict(self._row.scheduler) if self._row is not None else {}
        name = wanted.pop("class_name", type(pipeline.scheduler).__name__)
        if wanted or name != type(pipeline.scheduler).__name__:
            import diffusers

            pipeline.scheduler = getattr(diffusers, name).from_config(pipeline.scheduler.config, **wanted)

    def _from_file(self, pipeline_class: Any, context: Context) -> Any:
        """A whole model in one file, in the layout of its makers; diffusers gives its parts their own names."""
        context.loading("Loading the file", _HASH_SHARE)
        named: dict[str, Any] = {"config": str(self._folder.path), "local_files_only": True}
        signature = inspect.signature(pipeline_class.__init__).parameters
        named |= {name: None for name in self._family.unused if name in signature}
        try:
            pipeline = pipeline_class.from_single_file(
                str(self._file), torch_dtype=self._dtype(context.device), **named
            )
        except Exception as error:
            # Boundary: the conversion meets files of any origin and raises whatever it stumbles over.
            if is_out_of_memory(error):
                raise
            raise self._unreadable(str(self._file), error) from error
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def _files(self, item: Component) -> list[Path]:
        if item.name == self._file_part and self._file is not None:
            return [self._file]
        return [file for file in self._folder.weights if file.parts[0] == item.name]

    def _part(self, item: Component, device: str) -> Any:
        kind = _class(item)
        folder = self._folder.path / item.name
        if item.name == self._file_part and self._file is not None:
            return self._part_from_file(kind, folder, device)
        named: dict[str, Any] = {"local_files_only": True}
        if inspect.isclass(kind) and issubclass(kind, nn.Module):
            named["use_safetensors"] = True
            named["torch_dtype" if item.library != "transformers" else "dtype"] = self._dtype(device)
            if self._folder.variant:
                named["variant"] = self._folder.variant
        try:
            return kind.from_pretrained(folder, **named)
        except ImportError as error:
            text = " ".join(str(error).split())[:300]
            raise ModelInvalidError(
                f"{item.name} of the model in {self._folder.path} needs a package that the engine does without: {text}",
                advice="Install it into the engine's Python, or choose another model.",
            ) from error
        except Exception as error:
            # Boundary: readers of weights and tokenizers raise classes of their own that derive from Exception only.
            if is_out_of_memory(error):
                raise
            raise self._unreadable(item.name, error) from error

    def _part_from_file(self, kind: Any, folder: Path, device: str) -> Any:
        try:
            part = kind.from_single_file(
                str(self._file), config=str(folder), local_files_only=True, torch_dtype=self._dtype(device)
            )
        except Exception as error:
            # Boundary: as for whole models in one file.
            if is_out_of_memory(error):
                raise
            raise self._unreadable(str(self._file), error) from error
        return part.eval()

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

    def _prompt(self, request: GenerationRequest, device: str) -> dict[str, Any]:
        if self._encoder is None:
            return {"prompt": request.prompt}
        return self._family.text(self._encoder, request.prompt, request.negative_prompt.strip(), device)

    def _dropped(self, prompt: str) -> tuple[str, ...]:
        if self._encoder is None:
            return words_dropped(self._pipeline, prompt)
        return shared_words_dropped(self._encoder.encode([prompt]), prompt)

    def _warn(self, request: GenerationRequest, guidance: float | None, context: Context) -> None:
        name = self._info.name
        if request.negative_prompt.strip():
            if not self._info.supports_negative_prompt:
                context.warn("negative_prompt_ignored", f"{name} does not use a negative prompt.")
            elif not self._family.uses_negative_prompt(guidance):
                context.warn(
                    "negative_prompt_ignored",
                    f"{name} does not use a negative prompt at guidance scale {guidance:g}.",
                    advice=f"Choose a guidance scale above {self._family.guidance_off:g}, which takes twice the time.",
                )
        if request.parameters:
            context.warn("parameters_ignored", f"{name} has no parameters to lock; the prompt alone decides.")
        if request.guidance_scale is not None and guidance is None:
            context.warn("guidance_ignored", f"{name} does not use a guidance scale.")
        dropped = self._dropped(request.prompt)
        if dropped:
            context.warn(
                "prompt_too_long",
                f"The prompt is longer than {name} can read; it ends before “{dropped[0]}”.",
                advice="Shorten the prompt, or put what matters first.",
                words=dropped,
            )

    def _effective(self, request: GenerationRequest) -> tuple[int, float | None]:
        info = self._info
        steps = request.steps if request.steps is not None else info.default_steps
        if self._family.guidance_argument not in self._parameters:
            return steps, None
        wanted = request.guidance_scale
        return steps, wanted if wanted is not None else info.default_guidance_scale

    def _frame(self, request: GenerationRequest) -> Frame | None:
        """How the picture is drawn: as it is where convolutions wrap or nothing tiles, else within margins."""
        if self._family.convolutional(self._folder):
            return Frame(width=request.width, height=request.height)
        return frame(
            request.width,
            request.height,
            tile_x=request.tile_x,
            tile_y=request.tile_y,
            step=self._family.size_step(self._folder),
            largest=self._family.largest_side(self._folder),
        )

    def _seams(self, picture: NDArray[Any]) -> dict[str, float]:
        # Borders lie between two latents, so they are compared with other steps between latents.
        step = self._family.size_step(self._folder)
        return {name: round(seam_ratio(picture, axis, step), 3) for name, axis in (("x", 1), ("y", 0))}


def _pipeline_class(folder: ModelFolder) -> Any:
    """The text-to-image class for the folder's pipeline, which may itself be the image-to-image sister, say."""
    import diffusers
    from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING, _get_task_class

    # The adapters know more than diffusers' own table, and old names.
    name = family_of(folder).pipelines.get(TEXT_TO_IMAGE, "")
    if not name:
        try:
            return _get_task_class(AUTO_TEXT2IMAGE_PIPELINES_MAPPING, folder.class_name)
        except ValueError:
            name = folder.class_name  # not every text-to-image pipeline is in that table
    kind = getattr(diffusers, name, None)
    # diffusers has stand-ins for classes whose packages are missing.
    _check_packages(folder.path, getattr(kind, "_backends", ()))
    if not inspect.isclass(kind) or not issubclass(kind, diffusers.DiffusionPipeline):
        raise ModelInvalidError(
            f"{folder.path} needs the pipeline {name}, which this version of diffusers does not have.",
            advice="Update the engine, or choose another model.",
        )
    return kind


def _check_packages(path: Path, names: Iterable[str]) -> None:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelInvalidError(
            f"{path} needs the package {', '.join(missing)}, which the engine does without.",
            advice=f"Install it into the engine's Python (pip install {' '.join(missing)}), or choose another model.",
        )


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
