# SPDX-License-Identifier: GPL-3.0-or-later
"""Any text-to-image model in a diffusers folder, behind the same interface as the embedded one."""

from __future__ import annotations

import hashlib
import inspect
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..catalog_rows import CatalogRow
from ..errors import ModelInvalidError, RequestError, TexloomError
from ..request import IMAGE_MAP, GenerationRequest
from . import seam_repair
from .device import free_memory, is_out_of_memory
from .drawing import Drawing, LoadedModel
from .drawn_frame import drawn_frame
from .families import GENERIC, IMAGE_TO_IMAGE, INPAINT, TEXT_TO_IMAGE, Defaults, Family, family_of
from .generator import Context, GeneratedImage, GeneratorInfo
from .loras import LoraStack
from .model_folder import Component, ModelFolder, hash_files, read_folder
from .operations import Masked, Start, across_seams, from_whole, masked
from .pipelines import cannot, check_call, check_packages, joined, main_task, part_class, pipeline_class
from .seamless import seam_ratio
from .text_encoder import TextEncoder
from .wrapped_context import Frame

DEFAULT_TILE_M: Final = 1.0

STRENGTH: Final = 0.6
"""How much of a picture is drawn anew where the request does not tell; in masks it is all."""

USUAL_SIDE: Final = 1024
"""What models like to draw where the catalogue does not tell."""

_HASH_SHARE: Final = 0.2
_HEADROOM: Final = 1.2


class DiffusersFolderGenerator:
    """Loads a pipeline part by part and draws with it; what differs by family is in :mod:`.families`.

    Draws from words, over a picture, or in parts of one, as far as its family can.  Its one map is ``image``,
    but for families with maps of their own.

    UNets (and Sana) tile exactly, since all their layers can wrap around; other networks draw within margins that
    repeat the picture (:mod:`.wrapped_context`).

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
        self._main_task = main_task(folder)
        # Pipelines of other tasks with the very same parts, made when they are first needed.
        self._others: dict[str, Any] = {}
        self._loras: LoraStack | None = None
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
        check_packages(self._folder.path, self._row.needs if self._row is not None else ())
        context.loading("Checking files", 0.0)
        files = hash_files(self._folder, lambda part: context.loading("Checking files", _HASH_SHARE * part))
        context.loading("Importing libraries", _HASH_SHARE)
        started = time.perf_counter()
        import diffusers

        diffusers.utils.logging.disable_progress_bar()
        context.timing("import", time.perf_counter() - started)
        context.check_cancelled()
        kind = pipeline_class(self._folder, self._main_task)
        parameters = dict(inspect.signature(kind.__call__).parameters)
        check_call(self._folder, parameters, self._main_task)
        if self._encoder is not None:
            context.loading("Loading the text encoder", _HASH_SHARE)
            self._encoder.load(context.device, context.check_cancelled)
        pipeline = self._assembled(kind, context)
        self._family.prepare(pipeline)
        context.loading("Moving to the device", 0.95)
        self._place(pipeline, context.device)
        self._pipeline = pipeline
        self._parameters = parameters
        self._info = self._describe(files)
        self._loras = LoraStack(pipeline, self._info.name)
        context.loading("Ready", 1.0)

    def unload(self) -> None:
        """See ``Generator``."""
        self._pipeline = None
        self._others.clear()
        self._loras = None

    def prepare(self, prompt: str) -> None:
        """Encodes it where the engine's text encoder reads it; other families do that in ways of their own."""
        if self._encoder is not None and self.loaded:
            self._encoder.encode([prompt])

    def generate(self, request: GenerationRequest, context: Context) -> Iterator[GeneratedImage]:
        """See ``Generator``."""
        if self._pipeline is None:
            raise TexloomError(f"{self._info.name} is not loaded.")
        task = self._task(request)
        pipeline = self._for_task(task)
        assert self._loras is not None
        loras = self._loras.use(request.loras, context)
        whole, start = self._start(request, context)
        drawing = Drawing(self._model(), pipeline, task, request, context, whole, start)
        self._warn(request, drawing, context)
        for index in range(request.count):
            context.check_cancelled()
            seed = request.variation_seed(index)
            width_m = request.real_world_width or DEFAULT_TILE_M
            own = self._family.native_maps != (IMAGE_MAP,)
            drawn = drawing.maps(index, seed, width_m) if own else None
            pixels: Any = drawn.maps[self._family.native_maps[0]] if drawn else drawing.picture(index, seed)
            facts: dict[str, Any] = {"steps": drawing.steps, "guidance_scale": drawing.guidance}
            if start is not None:
                facts["strength"] = drawing.strength
            if loras:
                facts["loras"] = loras
            # Edges of a picture that only grew, or changed inside, are its owner's.
            if drawn is None and request.operation == "create":
                pixels, repair = self._repaired(pixels, request, index, seed, context)
                facts |= repair
            yield GeneratedImage(
                index=index,
                seed=seed,
                maps=drawn.maps if drawn else {IMAGE_MAP: pixels},
                height_min_m=drawn.height_min_m if drawn else 0.0,
                height_max_m=drawn.height_max_m if drawn else 0.0,
                tile_width_m=width_m,
                tile_height_m=width_m * request.height / request.width,
                # What the request left to the model.
                details={**facts, "seam_ratio": self._seams(pixels)},
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
            source=self._source_use(),
            tasks=self._tasks(),
            details={
                "bytes": folder.bytes,
                "pipeline": folder.class_name,
                "family": self._family.id,
                "hub": row.hub if row is not None else "",
            },
        )

    def _tasks(self) -> tuple[str, ...]:
        # What a pipeline without an adapter can do is only known to diffusers' own tables.
        if self._family is GENERIC:
            return (TEXT_TO_IMAGE, IMAGE_TO_IMAGE, INPAINT)
        # A ControlNet is a network of its own, which the folder does not hold.
        offered = (TEXT_TO_IMAGE, INPAINT, self._family.source_task)
        return tuple(task for task in self._family.tasks(self._folder) if task in offered)

    def _source_use(self) -> str:
        tasks = self._tasks()
        if TEXT_TO_IMAGE not in tasks:
            return "required"
        return "optional" if self._family.source_task in tasks or INPAINT in tasks else "none"

    def _assembled(self, kind: Any, context: Context) -> Any:
        """Load the parts one by one, which is what makes progress and cancelling possible, and join them."""
        if self._file is not None and not self._file_part:
            return self._from_file(kind, context)
        optional = set(getattr(kind, "_optional_components", ()))
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
        if "requires_safety_checker" in inspect.signature(kind.__init__).parameters:
            parts["requires_safety_checker"] = False
        try:
            pipeline = kind.from_pretrained(self._folder.path, local_files_only=True, **parts)
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

    def _from_file(self, kind: Any, context: Context) -> Any:
        """A whole model in one file, in the layout of its makers; diffusers gives its parts their own names."""
        context.loading("Loading the file", _HASH_SHARE)
        named: dict[str, Any] = {"config": str(self._folder.path), "local_files_only": True}
        signature = inspect.signature(kind.__init__).parameters
        named |= {name: None for name in self._family.unused if name in signature}
        try:
            pipeline = kind.from_single_file(str(self._file), torch_dtype=self._dtype(context.device), **named)
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
        kind = part_class(item)
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
            own = self._family.part(item, self._folder)
            return own if own is not None else kind.from_pretrained(folder, **named)
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

    def _task(self, request: GenerationRequest) -> str:
        if request.operation != "create":
            task = INPAINT
        else:
            task = self._family.source_task if request.source else TEXT_TO_IMAGE
        if task not in self._tasks():
            if self._tasks() == (INPAINT,) and request.source:
                raise RequestError(
                    f"operation: {self._info.name} only fills in parts of a picture.",
                    advice="Choose inpaint, outpaint or repair_seams.",
                )
            raise cannot(self._info.name, task)
        return task

    def _for_task(self, task: str) -> Any:
        if task == self._main_task:
            return self._pipeline
        found = self._others.get(task)
        if found is None:
            kind = pipeline_class(self._folder, task)
            check_call(self._folder, dict(inspect.signature(kind.__call__).parameters), task)
            found = self._others[task] = joined(self._pipeline, kind)
        return found

    def _start(self, request: GenerationRequest, context: Context) -> tuple[Frame, Start | None]:
        strength = request.strength
        if request.operation != "create":
            return self._masked_start(request, masked(request), 1.0 if strength is None else strength, context)
        whole = self._whole(request, context)
        if not request.source:
            return whole, None
        return whole, from_whole(request, STRENGTH if strength is None else strength, context)

    def _masked_start(
        self, request: GenerationRequest, picture: Masked, strength: float, context: Context
    ) -> tuple[Frame, Start]:
        window = picture.window(self._row.size if self._row is not None else USUAL_SIDE)
        whole = self._whole(request, context, (window.width, window.height))
        size = (whole.width, whole.height)
        return whole, picture.start(window, size, strength, self._folder.latent_pixels)

    def _model(self) -> LoadedModel:
        return LoadedModel(
            pipeline=self._pipeline,
            family=self._family,
            folder=self._folder,
            info=self._info,
            encoder=self._encoder,
        )

    def _repaired(
        self, pixels: NDArray[np.uint8], request: GenerationRequest, index: int, seed: int, context: Context
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """The picture with its seams drawn anew where they show, and what the manifest says of it."""
        step = self._family.size_step(self._folder)
        x = request.tile_x and seam_repair.shows(pixels, 1, step)
        y = request.tile_y and seam_repair.shows(pixels, 0, step)
        if not x and not y:
            return pixels, {}
        before = self._seams(pixels)
        way, found = "drawn", self._seam_drawn(pixels, request, (x, y), index, seed, context)
        if found is None:
            # The family cannot fill in parts: strips of the picture itself can.
            way, found = "strips", pixels
            check, device = context.check_cancelled, context.device
            if x:
                found = seam_repair.mended(found, 1, wraps=request.tile_y and not y, check=check, device=device)
            if y:
                found = seam_repair.mended(found, 0, wraps=request.tile_x, check=check, device=device)
        after = self._seams(found)
        axes = [axis for axis, wanted in (("x", x), ("y", y)) if wanted]
        kept = max(after[axis] for axis in axes) < max(before[axis] for axis in axes)
        pixels = found if kept else pixels
        if any(seam_repair.shows(pixels, 1 if axis == "x" else 0, step) for axis in axes):
            context.warn(
                "seam_left",
                "A seam may show where the picture repeats.",
                advice="Make another variation, or repair it with another model.",
            )
        return pixels, {"seam_repair": {"way": way, "before": before, "kept": kept}}

    def _seam_drawn(
        self,
        pixels: NDArray[np.uint8],
        request: GenerationRequest,
        axes: tuple[bool, bool],
        index: int,
        seed: int,
        context: Context,
    ) -> NDArray[np.uint8] | None:
        """The picture with its seams drawn anew; None where the model cannot do that."""
        if INPAINT not in self._tasks():
            return None
        try:
            pipeline = self._for_task(INPAINT)
        except RequestError:
            return None
        # What it starts from is at hand; the request only has to name something.
        job = request.replace(
            operation="repair_seams", source=request.source or self._info.id, strength=None, preview_interval=0
        )
        whole, start = self._masked_start(job, across_seams(pixels, *axes), 1.0, context)
        drawing = Drawing(self._model(), pipeline, INPAINT, job, context, whole, start)
        return drawing.picture(index, seed, stage="Repairing the seam")

    def _whole(self, request: GenerationRequest, context: Context, part: tuple[int, int] | None = None) -> Frame:
        """What is drawn: a picture of the request's size, or of one near it where only parts of it are used."""
        found = drawn_frame(request, self._family, self._folder, part)
        if found.approximate:
            context.warn(
                "seamless_approximate",
                f"{self._info.name} cannot draw pictures of that size that tile: only its decoder wraps around.",
                advice="A seam may show. Choose a smaller size.",
            )
        return found.frame

    def _warn(self, request: GenerationRequest, drawing: Drawing, context: Context) -> None:
        guidance = drawing.guidance
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
        if request.strength is not None and "strength" not in drawing.parameters:
            context.warn("strength_ignored", f"{name} changes a picture by words alone and has no strength.")

    def _seams(self, picture: NDArray[np.uint8]) -> dict[str, float]:
        # Borders lie between two latents, so they are compared with other steps between latents.
        step = self._family.size_step(self._folder)
        return {name: round(seam_ratio(picture, axis, step), 3) for name, axis in (("x", 1), ("y", 0))}


def _revision(files: dict[str, str]) -> str:
    """One short name for the exact weights."""
    if not files:
        return ""
    text = "\n".join(f"{name} {digest}" for name, digest in sorted(files.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
