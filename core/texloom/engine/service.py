# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: runs one request at a time, from loading the model to the finished folder in the library."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .. import __version__, settings
from ..control_rows import cannot_follow
from ..errors import CancelledError, OutOfMemoryError, RequestError, TexloomError
from ..events import Artifact, Completed, Event
from ..request import GenerationRequest
from ..shortage import MAY_SAY
from ..storage import JobFolder, Library
from ..wildcards import has_choices, pick
from . import catalog, map_models
from . import device as devices
from .clip_prompts import without_weights
from .context import JobContext, SilentContext
from .generator import GeneratedImage, Generator, GeneratorInfo, LargeGenerator, Pixels
from .memory_plan import DEVICE_RESERVE
from .results import ResultWriter
from .sources import keep_source, own_names
from .text_encoder import TextEncoder, downloads_allowed

_LIBRARIES: Final = ("torch", "transformers", "diffusers")


class Engine:
    """Keeps models in memory and turns requests into folders.  Its methods are called by one thread at a time.

    Args:
        device: a torch device; None takes ``TEXLOOM_DEVICE``, else the best there is.

    Raises:
        EngineBrokenError: the device does not exist.
    """

    def __init__(self, device: str | None = None) -> None:
        # Before any library that reads them is imported.
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        if not downloads_allowed():
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
        limit = settings.in_effect().memory_gb
        if limit:
            os.environ[settings.VARIABLES["memory_gb"]] = limit
        self.device = devices.choose_device(device)
        devices.set_up(self.device)
        self.device_name = devices.device_name(self.device)
        self.encoder = TextEncoder()
        self._generators: OrderedDict[str, Generator] = OrderedDict()
        self._cleaned: set[Path] = set()
        self._lock = threading.RLock()
        self._idle: threading.Timer | None = None

    @property
    def versions(self) -> dict[str, str]:
        """Versions of Texloom, Python and the libraries that decide the result (those installed)."""
        result = {"texloom": __version__, "python": platform.python_version()}
        for name in _LIBRARIES:
            # Asking the installer's records imports nothing.
            try:
                result[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        return result

    def run(
        self, request: GenerationRequest, library: Path, emit: Callable[[Event], None], cancelled: threading.Event
    ) -> None:
        """Make ``request`` and put it into a new folder of ``library``.

        Emits ModelLoading, Progress, Preview and Warning events, at the end the Artifacts in order, and Completed.
        On any exception nothing of the job stays on disk, and the engine is ready for the next one.

        Args:
            request: what to make.
            library: folder of the results; made when missing.
            emit: gets the events, one at a time, some from helper threads.
            cancelled: when set, the job stops soon with ``CancelledError``.

        Raises:
            CancelledError, RequestError, ModelNotFoundError, ModelInvalidError, OfflineError, OutOfMemoryError,
            StorageError.
        """
        with self._busy():
            self._run(request, library, emit, cancelled)

    def _run(
        self, request: GenerationRequest, library: Path, emit: Callable[[Event], None], cancelled: threading.Event
    ) -> None:
        started = time.perf_counter()
        if cancelled.is_set():
            raise CancelledError
        generator = self._generator(request.model)
        _check(request, generator.info)
        if library not in self._cleaned:
            self._cleaned.add(library)
            Library(library).remove_stale()
        with JobFolder(library, request) as job:
            context = JobContext(
                request,
                self.device,
                emit,
                cancelled,
                job.path,
                loads=not generator.loaded,
                files=request.count * (len(request.maps) if request.kind == "material" else 1),
            )
            with self._memory_guarded():
                with context.timed("load"):
                    self._make_room(generator, request)
                    self._load(request.model, generator, context)
                kept = {name: keep_source(Path(path), job.path, name) for name, path in request.pictures.items()}
                # From the copies: the originals may change meanwhile, and the result must follow from what is kept.
                drawn_from = request.with_pictures({name: str(job.path / copy.file) for name, copy in kept.items()})
                with (
                    own_names(kept.values()),
                    map_models.may_ask(lambda: self._unload_idle(generator)),
                    ResultWriter(request, generator.info, context, job.path, kept=kept) as writer,
                ):
                    context.start_drawing()
                    for image in _drawn(generator, drawn_from, context):
                        writer.add(image)
                    writer.finish()
            context.remove_previews()
            context.check_cancelled()
            seconds = time.perf_counter() - started
            context.timing("total", seconds)
            manifest = writer.write_manifest(device=self.device_name, versions=self.versions)
            # The last moment to stop: once the folder has its name, the result counts.
            context.check_cancelled()
            folder = job.publish()
        for file in writer.files:
            context.emit(
                Artifact(
                    request_id=request.id,
                    index=file.index,
                    map=file.map,
                    path=str(folder / file.name),
                    width=file.width,
                    height=file.height,
                    color_space=file.color_space,
                    sha256=file.sha256,
                )
            )
        context.emit(
            Completed(request_id=request.id, folder=str(folder), manifest=str(folder / manifest), seconds=seconds)
        )

    def preload(self, model: str, prompt: str, cancelled: threading.Event) -> None:
        """Load ``model``, and let it do ahead of time what depends only on ``prompt`` (empty: nothing).

        Raises:
            As :meth:`run`, without StorageError.
        """
        context = SilentContext(self.device, cancelled)
        context.check_cancelled()
        with self._busy(), self._memory_guarded():
            generator = self._generator(model)
            self._make_room(generator, None)
            self._load(model, generator, context)
            context.check_cancelled()
            if prompt.strip():
                generator.prepare(prompt)

    def unload(self) -> None:
        """Free all models."""
        for generator in self._generators.values():
            generator.unload()
        self._generators.clear()
        map_models.unload()
        self.encoder.unload()
        devices.give_back(self.device)

    def _generator(self, model: str) -> Generator:
        key = catalog.model_key(model)
        found = self._generators.get(key)
        if found is None:
            found = self._generators[key] = catalog.create(key, self.encoder)
        self._generators.move_to_end(key)
        return found

    def _load(self, model: str, generator: Generator, context: SilentContext) -> None:
        context.check_cancelled()
        if generator.loaded:
            return
        try:
            generator.load(context)
        except BaseException:
            # A half-read model must neither hold memory nor be taken for a whole one.
            generator.unload()
            self._generators.pop(catalog.model_key(model), None)
            devices.give_back(self.device)
            raise
        context.check_cancelled()

    def _make_room(self, generator: Generator, request: GenerationRequest | None) -> None:
        """Unload what sees maps, then the models used longest ago, until this one has what it would like."""
        if not isinstance(generator, LargeGenerator):
            return
        if request is not None:
            generator.expect(request)
        needed = generator.missing_bytes(self.device) / (1.0 - DEVICE_RESERVE)
        for unload in (lambda: None, map_models.unload, *(other.unload for other in self._others(generator))):
            free = devices.free_memory(self.device)
            if free is not None and free >= needed and generator.fits_main_memory(self.device):
                return
            unload()
            devices.give_back(self.device)

    def _others(self, generator: Generator) -> list[Generator]:
        """The large models in memory besides this one, those used longest ago first."""
        others = [other for other in self._generators.values() if other is not generator and other.loaded]
        return [other for other in others if isinstance(other, LargeGenerator)]

    def _unload_idle(self, working: Generator) -> bool:
        """Free the large models besides the one that works; whether there were any.

        From any thread while a job runs: nobody else touches them then.
        """
        others = self._others(working)
        for other in others:
            other.unload()
        devices.give_back(self.device)
        return bool(others)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """While something is done, nothing counts as idle; afterwards large models leave memory after a while."""
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            try:
                yield
            finally:
                seconds = settings.in_effect().idle_seconds
                if seconds is not None:
                    self._idle = threading.Timer(seconds, self._leave)
                    self._idle.daemon = True
                    self._idle.start()

    def _leave(self) -> None:
        """Free the large models, unless something has begun meanwhile."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            for generator in self._generators.values():
                if generator.loaded and isinstance(generator, LargeGenerator):
                    generator.unload()
            map_models.unload()
            devices.give_back(self.device)
        finally:
            self._lock.release()

    @contextmanager
    def _memory_guarded(self) -> Iterator[None]:
        try:
            yield
        except MAY_SAY as error:
            if not devices.is_out_of_memory(error):
                raise
            devices.empty_cache(self.device)
            raise OutOfMemoryError(
                f"{self.device_name} has too little memory for this.",
                advice="Choose a smaller size, fewer variations or a smaller model, or close other programs.",
            ) from error


def _check(request: GenerationRequest, info: GeneratorInfo) -> None:
    if request.controls and not info.controls:
        raise cannot_follow(info.name)
    if request.operation == "create":
        for name in ("width", "height"):
            value = getattr(request, name)
            if value % info.size_step:
                raise RequestError(f"{name}: must be a multiple of {info.size_step} for {info.name}, got {value}.")
    elif request.operation == "upscale":
        if info.id != catalog.IMAGE and "image_to_image" not in info.tasks:
            raise RequestError(
                f"operation: {info.name} cannot upscale a picture.",
                advice="The model image can, and so can models that draw over a picture.",
            )
    elif "inpaint" not in info.tasks:
        raise RequestError(
            f"operation: {info.name} cannot fill in parts of a picture.",
            advice="texloom models lists which models can; choose one of them.",
        )
    if request.source and info.source == "none":
        raise RequestError(
            f"source: the model {info.name} starts from no picture.",
            advice="texloom models lists which models can; choose one of them.",
        )
    if not request.source and info.source == "required" and not request.controls:
        raise RequestError(
            f"source: the model {info.name} needs a picture to start from.", advice="Give the path of a picture."
        )
    if request.loras and not info.tasks:
        raise RequestError(f"loras: {info.name} takes no LoRA.", advice="Choose another model, or no LoRA.")
    if request.embeddings and not info.tasks:
        raise RequestError(
            f"embeddings: {info.name} reads no learned words.",
            advice="Choose a model that does, sd-1.5 or sdxl say, or leave them out.",
        )
    if request.style_image and not info.tasks and info.source == "required":
        raise RequestError(
            f"style_image: {info.name} takes no style from a picture.", advice="Choose a model that draws from words."
        )
    if request.strength is not None and not info.tasks:
        raise RequestError(f"strength: the model {info.name} has none.")


def _drawn(generator: Generator, request: GenerationRequest, context: JobContext) -> Iterator[GeneratedImage]:
    """What the generator yields, checked, and timed without the time its user takes."""
    images = _generated(generator, request, context)
    for index in range(request.count):
        with context.timed("draw"):
            image = next(images, None)
        if image is None:
            raise TexloomError(f"{generator.info.name} made {index} pictures instead of {request.count}.")
        for name, pixels in image.maps.items():
            if pixels.shape[:2] != (request.height, request.width):
                raise TexloomError(f"{generator.info.name} made a picture {name} of shape {pixels.shape}.")
        if not image.maps or image.index != index:
            raise TexloomError(f"{generator.info.name} made no picture {index}.")
        context.drawn(index)
        yield image
        context.check_cancelled()


def _generated(generator: Generator, request: GenerationRequest, context: JobContext) -> Iterator[GeneratedImage]:
    """The variations; where the prompts leave something to the seed, each with words of its own."""
    # The model image takes the prompt as a name.
    reads = generator.info.tasks or generator.info.source == "none"
    if reads and not generator.info.tasks:
        request = _unweighted(generator, request, context)
    if not reads or not (has_choices(request.prompt) or has_choices(request.negative_prompt)):
        yield from generator.generate(request, context)
        return
    for index in range(request.count):
        seed = request.variation_seed(index)
        prompt, negative = pick(request.prompt, seed), pick(request.negative_prompt, seed)
        try:
            single = request.replace(prompt=prompt, negative_prompt=negative, seed=seed, count=1)
        except RequestError as error:
            raise RequestError(
                f"prompt: with the seed {seed} nothing is left of it.", advice="Put words outside of the braces."
            ) from error
        for image in generator.generate(single, _OfVariation(context, index)):
            image.index = index
            image.details["prompt"] = prompt
            if negative:
                image.details["negative_prompt"] = negative
            yield image


def _unweighted(generator: Generator, request: GenerationRequest, context: JobContext) -> GenerationRequest:
    plain = without_weights(request.prompt)
    if plain == request.prompt or not plain.strip():
        return request
    context.warn(
        "weights_ignored",
        f"{generator.info.name} reads sentences: weights of words have no effect.",
        advice="Say in words what matters more.",
    )
    return request.replace(prompt=plain)


class _OfVariation:
    """A context for one variation that is drawn on its own."""

    def __init__(self, context: JobContext, index: int) -> None:
        self.device = context.device
        self._context = context
        self._index = index

    def check_cancelled(self) -> None:
        self._context.check_cancelled()

    def loading(self, stage: str, fraction: float | None = None) -> None:
        self._context.loading(stage, fraction)

    def progress(self, step: int, steps: int, *, index: int = 0, stage: str = "") -> None:
        self._context.progress(step, steps, index=self._index + index, stage=stage)

    def preview(self, pixels: Pixels, *, index: int = 0, step: int = 0) -> None:
        self._context.preview(pixels, index=self._index + index, step=step)

    def warn(self, code: str, message: str, *, advice: str = "", words: tuple[str, ...] = ()) -> None:
        self._context.warn(code, message, advice=advice, words=words)

    def timing(self, stage: str, seconds: float) -> None:
        self._context.timing(stage, seconds)
