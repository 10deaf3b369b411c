# SPDX-License-Identifier: GPL-3.0-or-later
"""Any text-to-image model in a diffusers folder, behind the same interface as the embedded one."""

from __future__ import annotations

import hashlib
import inspect
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .. import settings
from ..catalog_rows import CatalogRow
from ..errors import RequestError, TexloomError
from ..request import IMAGE_MAP, GenerationRequest
from . import seam_repair
from .acceleration import Acceleration
from .device import is_out_of_memory
from .drawing import Drawing, LoadedModel
from .drawn_frame import drawn_frame
from .families import GENERIC, IMAGE_TO_IMAGE, INPAINT, TEXT_TO_IMAGE, Defaults, Family, family_of
from .folder_loading import FIRST, LAST, FolderLoader
from .generator import Context, GeneratedImage, GeneratorInfo
from .loras import LoraStack
from .memory_keeper import MemoryKeeper
from .memory_plan import Demand, MemoryPlan
from .model_folder import ModelFolder, hash_files, read_folder
from .operations import Masked, Start, across_seams, from_whole, masked
from .pipelines import cannot, check_call, check_packages, joined, main_task, pipeline_class
from .seamless import seam_ratio
from .text_encoder import TextEncoder
from .wrapped_context import Frame

DEFAULT_TILE_M: Final = 1.0

STRENGTH: Final = 0.6
"""How much of a picture is drawn anew where the request does not tell; in masks it is all."""

USUAL_SIDE: Final = 1024
"""What models like to draw where the catalogue does not tell."""


@dataclass(frozen=True, kw_only=True)
class _Ready:
    """A request that can be drawn; ``started`` says whether it starts from a picture, ``loras`` what changes it."""

    drawing: Drawing
    demand: Demand
    started: bool
    loras: list[dict[str, Any]]


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
        self._speed: Acceleration | None = None
        self._loader = FolderLoader(folder, self._family, row=row, file=file, part=part)
        self._expected: GenerationRequest | None = None
        self._info = self._describe({})
        self._memory = MemoryKeeper(
            folder, self._info.name, skipped=self._family.unused, quantizes=not self._loader.whole_file
        )

    @property
    def info(self) -> GeneratorInfo:
        """See ``Generator``; hashes of the files, default steps and guidance are known once it is loaded."""
        return self._info

    @property
    def loaded(self) -> bool:
        """See ``Generator``."""
        return self._pipeline is not None

    def expect(self, request: GenerationRequest) -> None:
        """See ``LargeGenerator``."""
        self._expected = request

    def missing_bytes(self, device: str) -> int:
        """See ``LargeGenerator``."""
        wanted = self._memory.plans(self._demand(self._expected), device)[0].forecast
        return max(0, wanted - self._memory.resident())

    def load(self, context: Context) -> None:
        """See ``Generator``."""
        if self.loaded:
            return
        self._load(context, None)

    def _load(self, context: Context, plan: MemoryPlan | None) -> None:
        check_packages(self._folder.path, self._row.needs if self._row is not None else ())
        context.loading("Checking files", 0.0)
        files = hash_files(self._folder, lambda part: context.loading("Checking files", FIRST * part))
        context.loading("Importing libraries", FIRST)
        started = time.perf_counter()
        import diffusers

        diffusers.utils.logging.disable_progress_bar()
        context.timing("import", time.perf_counter() - started)
        context.check_cancelled()
        kind = pipeline_class(self._folder, self._main_task)
        parameters = dict(inspect.signature(kind.__call__).parameters)
        check_call(self._folder, parameters, self._main_task)
        if self._encoder is not None:
            context.loading("Loading the text encoder", FIRST)
            self._encoder.load(context.device, context.check_cancelled)
        self._parameters = parameters
        self._info = self._describe(files)
        demand = self._demand(self._expected)
        if plan is None:
            plan = self._memory.choose(demand, context)
        while not self._read(kind, plan, context):
            plan = self._memory.leaner(demand, context)
        context.loading("Ready", 1.0)

    def _read(self, kind: Any, plan: MemoryPlan, context: Context) -> bool:
        """Load the weights as ``plan`` wants them; False when memory ran out, and nothing of them is left."""
        try:
            pipeline = self._loader.pipeline(kind, plan, context)
            self._family.prepare(pipeline)
            context.loading("Moving to the device", LAST)
            self._memory.place(pipeline, plan, context.device)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self._memory.forget()
            self._memory.plan = plan
            return False
        self._pipeline = pipeline
        self._loras = LoraStack(pipeline, self._info.name)
        self._speed = Acceleration(pipeline, plan, context.device, settings.load_usable())
        self._speed.choose_attention(context)
        return True

    @property
    def opened(self) -> LoadedModel:
        """The loaded model itself, for training beside drawing."""
        return self._model()

    def unload(self) -> None:
        """See ``Generator``."""
        self._pipeline = None
        self._others.clear()
        self._loras = None
        self._speed = None
        self._memory.forget()

    def prepare(self, prompt: str) -> None:
        """Encodes it where the engine's text encoder reads it; other families do that in ways of their own."""
        if self._encoder is not None and self.loaded:
            self._encoder.encode([prompt])

    def generate(self, request: GenerationRequest, context: Context) -> Iterator[GeneratedImage]:
        """See ``Generator``."""
        if self._pipeline is None:
            raise TexloomError(f"{self._info.name} is not loaded.")
        task = self._task(request)
        # What it would never get to need no memory.
        self._for_task(task)
        ready: _Ready | None = None
        for index in range(request.count):
            context.check_cancelled()
            image: GeneratedImage | None = None
            while image is None:
                try:
                    ready = ready or self._prepared(request, task, context)
                    image = self._variation(ready, request, index, context)
                except (RuntimeError, MemoryError) as error:
                    if not is_out_of_memory(error):
                        raise
                if image is None:
                    # Out here, where nothing of what was tried is alive any more.
                    demand, ready = ready.demand if ready else self._demand(request), None
                    self._give_way(demand, context)
            yield image

    def _prepared(self, request: GenerationRequest, task: str, context: Context) -> _Ready:
        whole, start = self._start(request, context)
        demand = self._demand(request, whole)
        plan = self._memory.fit(demand, context)
        if plan is not None and not self._went_over(plan, context):
            self._give_way(demand, context)
        pipeline = self._for_task(task)
        assert self._loras is not None
        loras = self._loras.use(request.loras, context)
        drawing = Drawing(self._model(), pipeline, task, request, context, whole, start)
        drawing.tell_ignored()
        return _Ready(drawing=drawing, demand=demand, started=start is not None, loras=loras)

    def _variation(self, ready: _Ready, request: GenerationRequest, index: int, context: Context) -> GeneratedImage:
        seed, drawing = request.variation_seed(index), ready.drawing
        width_m = request.real_world_width or DEFAULT_TILE_M
        own = self._family.native_maps != (IMAGE_MAP,)
        facts: dict[str, Any] = {"steps": drawing.steps, "guidance_scale": drawing.guidance}
        if ready.started:
            facts["strength"] = drawing.strength
        if ready.loras:
            facts["loras"] = ready.loras
        assert self._speed is not None and self._memory.plan is not None
        with (
            self._speed.drawing(self._memory.plan, ready.demand, drawing.steps, ready.loras, context) as fast,
            self._memory.measured(context.device, facts),
            self._memory.decoding(request.tile_x, request.tile_y),
        ):
            facts |= fast
            drawn = drawing.maps(index, seed, width_m) if own else None
            pixels: Any = drawn.maps[self._family.native_maps[0]] if drawn else drawing.picture(index, seed)
            # Edges of a picture that only grew, or changed inside, are its owner's.
            if drawn is None and request.operation == "create":
                pixels, repair = self._repaired(pixels, request, index, seed, context)
                facts |= repair
        return GeneratedImage(
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

    # Memory.

    def _demand(self, request: GenerationRequest | None, whole: Frame | None = None) -> Demand:
        """What a request draws; without one, or for parts of a picture, what the model is made for."""
        guidance = self._info.default_guidance_scale
        wraps = True
        side = self._row.size if self._row is not None else USUAL_SIDE
        if request is not None:
            wraps = request.tile_x or request.tile_y
            guidance = request.guidance_scale if request.guidance_scale is not None else guidance
            if whole is None and request.operation == "create":
                whole = drawn_frame(request, self._family, self._folder).frame
        whole = whole or Frame(width=side, height=side)
        compares = guidance is not None and self._family.uses_negative_prompt(guidance)
        return Demand(
            width=whole.full_width,
            height=whole.full_height,
            decoded_width=whole.width,
            decoded_height=whole.height,
            batch=2 if compares else 1,
            wraps=wraps,
        )

    def _give_way(self, demand: Demand, context: Context) -> None:
        """Go over to the next plan that can be gone over to.

        Raises:
            OutOfMemoryError: none is left.
        """
        while not self._went_over(self._memory.leaner(demand, context), context):
            pass

    def _went_over(self, plan: MemoryPlan, context: Context) -> bool:
        """Whether the model is kept as ``plan`` wants it now; False when memory ran out on the way."""
        if not self._memory.can_follow(plan):
            self.unload()
            self._load(context, plan)
            return True
        try:
            self._memory.place(self._pipeline, plan, context.device)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return False
        return True

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
            if self._speed is not None:
                self._speed.prompts.attach(found)
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
