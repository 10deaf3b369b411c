# SPDX-License-Identifier: GPL-3.0-or-later
"""Any text-to-image model in a diffusers folder, behind the same interface as the embedded one."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from .. import settings
from ..catalog_rows import CatalogRow
from ..errors import OutOfMemoryError, TexloomError
from ..request import IMAGE_MAP, GenerationRequest
from ..shortage import MAY_SAY, is_out_of_memory
from ..style_models import Adapter
from . import controls, style, tiled_drawing
from .acceleration import Acceleration
from .beginning import Beginning
from .control_stack import ControlStack, check_task
from .controls import Wanted
from .drawing import Drawing, LoadedModel
from .embeddings import LearnedWords
from .families import IMAGE_TO_IMAGE, Drawn, Family, family_of
from .families.control_way import Guide
from .folder_facts import Facts, with_file
from .folder_loading import FIRST, LAST, FolderLoader
from .generator import Context, GeneratedImage, GeneratorInfo
from .guides import control_pixels, guides, own_form, placed
from .loras import LoraStack
from .memory_keeper import MemoryKeeper
from .memory_plan import Demand, MemoryPlan
from .model_folder import ModelFolder, hash_files, read_folder
from .operations import Start
from .pipelines import check_call, check_packages, pipeline_class
from .preview_decoder import PreviewDecoder, preview_decoder
from .ready import Ready, demand_of, pictured
from .seam_drawing import SeamDrawing
from .small_weights import UNABLE, CannotShrink
from .style import StyleStack
from .task_pipelines import TaskPipelines
from .text_encoder import TextEncoder
from .wrapped_context import Frame

_MAY_FAIL: Final = (*MAY_SAY, *UNABLE, CannotShrink)
"""What may say that the plan in use cannot be kept: too little memory, or weights too small for this computer."""

USUAL_SIDE: Final = 1024
"""What models like to draw where the catalogue does not tell."""


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
        built_in: what it is called, of a model that comes with Texloom.

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
        built_in: str = "",
    ) -> None:
        folder = read_folder(path, configuration_only=file is not None and not part)
        if file is not None:
            folder = with_file(folder, file, part)
        self._folder: ModelFolder = folder
        self._row = row
        self._file = file
        self._file_part = part
        self._family: Family = family_of(self._folder)
        self._encoder = (encoder or TextEncoder()) if self._family.shared_text else None
        self._pipeline: Any = None
        self._parameters: dict[str, inspect.Parameter] = {}
        self._loras: LoraStack | None = None
        self._style: StyleStack | None = None
        self._words: LearnedWords | None = None
        self._speed: Acceleration | None = None
        self._controls: ControlStack | None = None
        self._tiny: PreviewDecoder | None = None
        self._loader = FolderLoader(folder, self._family, row=row, file=file, part=part)
        self._expected: GenerationRequest | None = None
        self._facts = Facts(folder, self._family, row, file, built_in)
        self._pipelines = TaskPipelines(folder, self._family, self._facts)
        self._info = self._facts.info({}, {})
        self._beginning = Beginning(folder, self._family, self._info.name, self._side)
        self._seams = SeamDrawing(self._facts, self._beginning, self._model, self._for_task)
        self._memory = MemoryKeeper(
            folder, self._info.name, skipped=self._family.unused, quantizes=self._loader.quantizes
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
        """See ``LargeGenerator``; networks for controls are looked for before gigabytes are read.

        Raises:
            RequestError: it is to upscale, which it cannot: better told before it is loaded.
        """
        if request.operation == "upscale":
            tiled_drawing.check_model(self._folder, self._info, self._family)
        self._wanted_controls(request)
        self._expected = request

    def missing_bytes(self, device: str) -> int:
        """See ``LargeGenerator``."""
        wanted = self._memory.plans(self._demand(self._expected), device)[0].forecast
        return max(0, wanted - self._memory.held(device))

    def fits_main_memory(self, device: str) -> bool:
        """See ``LargeGenerator``."""
        try:
            return bool(self._memory.possible(self._demand(self._expected), device))
        except OutOfMemoryError:
            return False

    def load(self, context: Context) -> None:
        """See ``Generator``."""
        if self.loaded:
            return
        self._load(context, None)

    def _load(self, context: Context, plan: MemoryPlan | None) -> None:
        check_packages(self._folder.path, self._row.needs if self._row is not None else ())
        # Before gigabytes are read that main memory has no room for.
        self._memory.possible(self._demand(self._expected), context.device)
        context.loading("Checking files", 0.0)
        files = hash_files(self._folder, lambda part: context.loading("Checking files", FIRST * part))
        context.loading("Importing libraries", FIRST)
        started = time.perf_counter()
        import diffusers

        diffusers.utils.logging.disable_progress_bar()
        context.timing("import", time.perf_counter() - started)
        context.check_cancelled()
        kind = pipeline_class(self._folder, self._pipelines.main_task)
        parameters = dict(inspect.signature(kind.__call__).parameters)
        check_call(self._folder, parameters, self._pipelines.main_task)
        if self._encoder is not None:
            context.loading("Loading the text encoder", FIRST)
            self._encoder.load(context.device, context.check_cancelled)
        self._parameters = parameters
        self._info = self._facts.info(files, parameters)
        demand = self._demand(self._expected)
        if plan is None:
            plan = self._memory.choose(demand, context)
        while not self._read(kind, plan, context):
            plan = self._memory.leaner(demand, context)
        context.loading("Ready", 1.0)

    def _read(self, kind: Any, plan: MemoryPlan, context: Context) -> bool:
        """Load the weights as ``plan`` wants them; False when that cannot be, and nothing of them is left."""
        pipeline: Any = None
        refused = ""
        try:
            pipeline = self._loader.pipeline(kind, plan, context)
            self._family.prepare(pipeline)
            context.loading("Moving to the device", LAST)
            self._memory.place(pipeline, plan, context.device)
            self._take(pipeline, plan, context)
            return True
        except CannotShrink as error:
            refused = str(error)
        except MAY_SAY as error:
            if not is_out_of_memory(error):
                raise
        # Out here, where the exception holds nothing of it any more.
        pipeline = None
        self.unload()
        self._memory.plan = plan
        if refused:
            self._memory.refuse(plan, refused, context)
        return False

    def _take(self, pipeline: Any, plan: MemoryPlan, context: Context) -> None:
        """The pipeline is the model from now on."""
        self._pipeline = pipeline
        self._loras = LoraStack(pipeline, self._info.name)
        self._style = StyleStack(pipeline, self._info.name)
        self._words = LearnedWords(pipeline, self._info.name)
        self._speed = Acceleration(pipeline, plan, context.device, settings.in_effect())
        self._speed.choose_attention(context)
        self._controls = ControlStack(pipeline, self._folder, self._info.name, self._memory, self._speed.prompts)
        self._tiny = preview_decoder(self._folder, context)

    @property
    def opened(self) -> LoadedModel:
        """The loaded model itself, for training beside drawing."""
        return self._model()

    def unload(self) -> None:
        """See ``Generator``."""
        if self._controls is not None:
            self._controls.drop()
        self._pipeline = None
        self._pipelines.clear()
        self._loras = None
        self._style = None
        self._words = None
        self._speed = None
        self._controls = None
        self._tiny = None
        self._memory.forget()

    def prepare(self, prompt: str) -> None:
        """Encodes it where the engine's text encoder reads it; other families do that in ways of their own."""
        if self._encoder is not None and self.loaded:
            self._encoder.encode([prompt])

    def generate(self, request: GenerationRequest, context: Context) -> Iterator[GeneratedImage]:
        """See ``Generator``."""
        if self._pipeline is None:
            raise TexloomError(f"{self._info.name} is not loaded.")
        if request.operation == "upscale":
            tiled_drawing.check_model(self._folder, self._info, self._family)
            side = min(self._side(), self._family.largest_side(self._folder) or self._side())
            step = self._family.size_step(self._folder)
            yield from tiled_drawing.tiled(request, context, self._drawn_over, side=side, step=step)
            return
        task = self._task(request)
        # What it would never get to need no memory.
        if self._wanted_controls(request) is None:
            self._for_task(task)
        ready: Ready | None = None
        done = 0
        while done < request.count:
            context.check_cancelled()
            images: list[GeneratedImage] = []
            together, refused = 1, ""
            while not images:
                try:
                    ready = ready or self._prepared(request, task, context)
                    together = self._together(ready, request.count - done, context)
                    images = self._variations(ready, request, range(done, done + together), context)
                except _MAY_FAIL as error:
                    refused = self._refused(error)
                if not images:
                    # Out here, where nothing of what was tried is alive any more.
                    demand, ready = ready.demand if ready else self._demand(request), None
                    fewer = together > 1 and not refused
                    if not fewer or not self._memory.apart(demand.times(together), together, context):
                        self._give_way(demand, context, refused)
            done += len(images)
            yield from images

    def _drawn_over(self, request: GenerationRequest, start: Start, index: int, context: Context) -> GeneratedImage:
        """See :class:`.tiled_drawing.DrawOver`; where memory runs out, the same window again by a leaner plan."""
        ready: Ready | None = None
        refused = ""
        while True:
            try:
                begun = (self._beginning.whole(request, context), start)
                ready = ready or self._prepared(request, IMAGE_TO_IMAGE, context, begun)
                return self._variations(ready, request, range(index, index + 1), context)[0]
            except _MAY_FAIL as error:
                refused = self._refused(error)
            demand, ready = ready.demand if ready else self._demand(request), None
            self._give_way(demand, context, refused)

    def _prepared(
        self, request: GenerationRequest, task: str, context: Context, begun: tuple[Frame, Start] | None = None
    ) -> Ready:
        whole, start = begun or self._beginning.of(request, context)
        found = self._wanted_controls(request)
        assert self._controls is not None
        if found is None:
            self._controls.drop()
        demand = self._demand(request, whole)
        plan = self._memory.fit(demand, context)
        if plan is not None and not self._went_over(plan, context):
            self._give_way(demand, context)
        # A plan that was gone over to may have loaded all anew.
        assert self._loras is not None and self._controls is not None and self._memory.plan is not None
        assert self._style is not None and self._words is not None
        followed: tuple[Guide, ...] = ()
        facts: list[dict[str, Any]] = []
        if found is not None:
            pipeline, facts = self._controls.use(found, task, context)
            followed = guides(found, request, whole, start, context)
        else:
            pipeline = self._for_task(task)
            if self._family.follows_form and request.controls:
                control = own_form(request, self._info.name, context)
                shown = placed(control_pixels(control, request, context), whole, None)
                followed = (Guide(picture=shown, strength=1.0),)
                facts = [{"kind": control.kind, "strength": 1.0}]
        loras = self._loras.use(request.loras, context)
        added = self._words.use(request, self._memory.plan, context)
        added |= self._style.use(request, self._adapter(request), self._memory.plan, context, self._memory.clear)
        if self._speed is not None:
            # Some prompts are read while arguments are worked out.
            self._speed.prompts.use(loras, context.timing, added.get("embeddings", ()))
        drawing = Drawing(self._model(), pipeline, task, request, context, whole, start, followed)
        drawing.tell_ignored()
        started = start is not None
        return Ready(drawing=drawing, demand=demand, started=started, loras=loras, controls=facts, added=added)

    def _wanted_controls(self, request: GenerationRequest) -> Wanted | None:
        """The networks that a request wants, which the plans count from now on; errors as :func:`.controls.wanted`."""
        if self._family.follows_form:
            return None
        row = self._row.id if self._row is not None else ""
        found = controls.wanted(request, self._family, self._folder, name=self._info.name, model=row)
        if found is not None:
            check_task(found, self._task(request), self._info.name)
        self._memory.beside(found.parts if found is not None else ())
        return found

    def _adapter(self, request: GenerationRequest | None) -> Adapter | None:
        """What gives the request its style; None where it wants none."""
        if request is None or not request.style_image:
            return None
        if self._family.shared_text:
            return None  # the colors of the picture are in its plans
        if not self._family.image_adapters:
            raise style.refuse(self._info.name)
        return style.find(request, self._folder, self._family.id, self._info.name)

    def _together(self, ready: Ready, left: int, context: Context) -> int:
        """How many of the variations that are left are drawn at a time."""
        assert self._speed is not None
        drawing = ready.drawing
        if left == 1 or not drawing.batches or not self._speed.batches(drawing.steps):
            return 1
        return self._memory.together(ready.demand, left, context)

    def _variations(
        self, ready: Ready, request: GenerationRequest, indexes: range, context: Context
    ) -> list[GeneratedImage]:
        seeds, drawing = [request.variation_seed(index) for index in indexes], ready.drawing
        own = self._family.native_maps != (IMAGE_MAP,)
        facts = ready.facts(len(seeds))
        first, demand = indexes.start, ready.demand.times(len(seeds))
        images = []
        assert self._speed is not None and self._memory.plan is not None
        with (
            self._speed.drawing(
                self._memory.plan,
                demand,
                drawing.steps,
                ready.loras,
                context,
                ready.added.get("embeddings", ()),
                controlled=bool(ready.controls),
            ) as fast,
            self._memory.measured(context.device, facts),
            self._memory.decoding(request.tile_x, request.tile_y, context.check_cancelled),
        ):
            maps: list[Drawn] = drawing.maps(first, seeds) if own else []
            pictures: list[Any] = [drawn.maps[self._family.native_maps[0]] for drawn in maps]
            if not own:
                one = len(seeds) == 1
                pictures = [drawing.picture(first, seeds[0])] if one else drawing.pictures(first, seeds)
            facts |= fast
            for place, (index, seed) in enumerate(zip(indexes, seeds, strict=True)):
                pixels, details = pictures[place], facts
                # Edges of a picture that only grew, or changed inside, are its owner's.
                if not own and request.operation == "create":
                    pixels, repair = self._seams.repaired(pixels, request, index, seed, context)
                    details = facts | repair
                found = maps[place].maps if own else {IMAGE_MAP: pixels}
                heights = (maps[place].height_min_m, maps[place].height_max_m) if own else (0.0, 0.0)
                details = {**details, "seam_ratio": self._seams.ratios(pixels)}
                images.append(pictured(request, index, seed, found, heights, details, drawing.plans))
        self._memory.proved()
        if "memory" in facts:
            for image in images:
                image.details["memory"] = facts["memory"]
        return images

    # Memory.

    def _demand(self, request: GenerationRequest | None, whole: Frame | None = None) -> Demand:
        return demand_of(
            request,
            whole,
            info=self._info,
            family=self._family,
            folder=self._folder,
            side=self._side(),
            extra=style.parts(self._adapter(request)),
        )

    def _refused(self, error: Exception) -> str:
        """What it says of the weights of the plan in use; empty: memory ran out.  Raises it where it says neither."""
        if is_out_of_memory(error):
            return ""
        why = self._memory.blame(error)
        if not why:
            raise error
        return why

    def _give_way(self, demand: Demand, context: Context, refused: str = "") -> None:
        """Go over to the next plan that can be gone over to.

        Args:
            demand: what is to be drawn.
            context: of the job.
            refused: why weights cannot be as small here as in the plan in use; empty: memory ran out.

        Raises:
            OutOfMemoryError: none is left.
        """
        if refused and self._memory.plan is not None:
            self._memory.refuse(self._memory.plan, refused, context)
        while not self._went_over(self._memory.leaner(demand, context), context):
            pass

    def _went_over(self, plan: MemoryPlan, context: Context) -> bool:
        """Whether the model is kept as ``plan`` wants it now; False when that cannot be, or memory ran out."""
        if self._controls is not None:
            # They may share layers with the model, which are changed once only; what is drawn next reads them anew.
            self._controls.drop()
        if not self._memory.can_follow(plan):
            self.unload()
            self._load(context, plan)
            return True
        # What a request has added is not the plan's to move; the next one adds it anew.
        if self._style is not None and self._words is not None:
            self._style.off()
            self._words.forget()
        refused = ""
        try:
            self._memory.place(self._pipeline, plan, context.device)
            return True
        except CannotShrink as error:
            refused = str(error)
        except MAY_SAY as error:
            if not is_out_of_memory(error):
                raise
        if refused:
            self._memory.refuse(plan, refused, context)
        return False

    # Drawing.

    def _side(self) -> int:
        """What the model likes to draw."""
        return self._row.size if self._row is not None else USUAL_SIDE

    def _task(self, request: GenerationRequest) -> str:
        return self._pipelines.wanted(request, self._info.name)

    def _for_task(self, task: str) -> Any:
        return self._pipelines.get(task, self._pipeline, self._speed.prompts if self._speed is not None else None)

    def _model(self) -> LoadedModel:
        return LoadedModel(
            pipeline=self._pipeline,
            family=self._family,
            folder=self._folder,
            info=self._info,
            encoder=self._encoder,
            style=self._style,
            words=self._words,
            tiny=self._tiny,
            prompts=self._speed.prompts if self._speed is not None else None,
        )
