# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python API: describe a material, get a folder of maps.

    from texloom import api

    result = api.generate("mossy cobblestone, wet", library="textures", width=2048, height=2048)
    print(result.folder, result.files()["base_color"])

One call starts an engine and ends it; for several, keep a :class:`Session` open, where the model stays loaded:

    with api.Session(library="textures") as session:
        jobs = [session.submit(session.request(prompt)) for prompt in ("old oak planks", "white marble")]
        results = [job.wait() for job in jobs]

From a picture instead of words:

    result = api.maps_from_image("wall.jpg", library="textures", real_world_width=2.5)
    result = api.make_seamless("wall.jpg", library="textures", tile="x")
    result = api.edit("mossy", "wall.jpg", model="sdxl", strength=0.5)
    result = api.edit("a drain", "wall.png", model="sdxl", operation="inpaint", mask="mask.png")

With more pixels, a picture or a whole result:

    result = api.upscale(result.folder, 2, library="textures")

With the look of a picture, and with learned words:

    result = api.generate("old wall", library="textures", style_image="look.jpg", style_strength=0.8)
    result = api.generate("wall of my_moss", library="textures", model="sdxl", embeddings=["my_moss.safetensors"])

A model learns your own materials by :func:`train_lora`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from . import settings, texture_set
from .backends.base import Backend, BackendStatus
from .backends.subprocess import SubprocessBackend
from .errors import CancelledError, ErrorCode, TexloomError
from .events import Event
from .job_post import Post
from .jobs import JobState, JobView
from .jobs_table import JobTable
from .lora_training import LoraProgress as LoraProgress
from .lora_training import TrainedLora as TrainedLora
from .lora_training import train_lora as train_lora
from .request import GenerationRequest, new_id
from .request import Lora as Lora
from .request_makers import edit_request as edit_request
from .request_makers import image_request as image_request
from .request_makers import make_request as make_request
from .result import Result as Result
from .result import Variation as Variation
from .runtime.environment import find_python
from .upscale_request import upscale_request as upscale_request

EventHandler = Callable[[JobView, Event], None]
_WAIT: Final = 0.25


class JobFailedError(TexloomError):
    """A job failed; ``code`` says which kind of fault, ``advice`` the way out, ``log_tail`` the worker's words."""

    def __init__(
        self,
        message: str,
        *,
        advice: str = "",
        code: ErrorCode,
        log_tail: str = "",
        download: str = "",
        configuration: bool = False,
    ) -> None:
        super().__init__(message, advice=advice, code=code, download=download, configuration=configuration)
        self.log_tail = log_tail


class Job:
    """A submitted request."""

    def __init__(self, session: Session, request: GenerationRequest) -> None:
        self.request = request
        self._session = session

    @property
    def id(self) -> str:
        """Id of the request."""
        return self.request.id

    @property
    def view(self) -> JobView:
        """What is known of it now."""
        view = self._session.table.get(self.id)
        assert view is not None, "a job's view is kept as long as its session"
        return view

    def cancel(self) -> None:
        """Ask for its end; :meth:`wait` then raises ``CancelledError``."""
        self._session.table.cancel(self.id)

    def wait(self, timeout: float | None = None, on_event: EventHandler | None = None) -> Result:
        """Block until it has ended.

        Args:
            timeout: seconds; None waits for ever.
            on_event: gets each event of this job with the view after it, in this thread; also those that came while
                other jobs were waited for.  An earlier wait for the same job has taken its own.

        Raises:
            JobFailedError: it failed.
            CancelledError: it was cancelled.
            TimeoutError: it goes on after ``timeout``.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = _WAIT if deadline is None else min(_WAIT, deadline - time.monotonic())
            found = self._session.post.take(self.id, max(0.0, left))
            if found is not None:
                if on_event is not None:
                    on_event(*found)
            elif self._session.post.ended(self.id):
                break
            elif left <= 0:
                raise TimeoutError(f"The job {self.id} has not ended within {timeout:g} seconds.")
        return result_of(self.view)


def result_of(view: JobView) -> Result:
    """The result of an ended job.

    Raises:
        JobFailedError, CancelledError: it has none.
        StorageError: its files are gone or damaged.
    """
    if view.state is JobState.COMPLETED:
        return Result.read(view.folder)
    if view.error is not None:
        raise JobFailedError(
            view.error.message,
            advice=view.error.advice,
            code=ErrorCode(view.error.code) if view.error.code in set(ErrorCode) else ErrorCode.INTERNAL,
            log_tail=view.error.log_tail,
            download=view.error.download,
            configuration=view.error.configuration,
        )
    raise CancelledError


class Session:
    """An engine that is kept running; a context manager.

    Args:
        library: folder of the results; default the user's library.
        python: the engine's Python; default what ``texloom setup`` made, or this very Python.
        device: torch's name of a device, ``cuda:1`` say; default the best there is.
        backend: something else that fulfils requests; the three above do not concern it.

    Raises:
        StorageError: the settings are damaged.
    """

    def __init__(
        self,
        *,
        library: str | Path | None = None,
        python: str | Path | None = None,
        device: str | None = None,
        backend: Backend | None = None,
    ) -> None:
        folder = Path(library) if library is not None else settings.library_folder()
        if backend is None:
            backend = SubprocessBackend(find_python(python), device=device or settings.load().device or None)
        self.table = JobTable(backend, folder.absolute())
        self.post = Post(self.table)

    @property
    def library(self) -> Path:
        """Folder of the results."""
        return self.table.library

    @property
    def status(self) -> BackendStatus:
        """State of the engine, its device and versions."""
        return self.table.backend.status

    @staticmethod
    def request(prompt: str, **options: Any) -> GenerationRequest:
        """A request; ``options`` are the fields of :class:`~texloom.request.GenerationRequest`.

        Raises:
            RequestError: an option is unknown or out of range; the message names it and the range.
        """
        return make_request(prompt, **options)

    def submit(self, request: GenerationRequest) -> Job:
        """Queue a request; returns at once.

        Raises:
            RequestError: the id was submitted before.
        """
        self.table.submit(request)
        return Job(self, request)

    def generate(
        self, prompt: str, *, timeout: float | None = None, on_event: EventHandler | None = None, **options: Any
    ) -> Result:
        """Make one result and wait for it; errors as :meth:`request` and :meth:`Job.wait`."""
        return self.make(make_request(prompt, **options), timeout=timeout, on_event=on_event)

    def make(
        self, request: GenerationRequest, *, timeout: float | None = None, on_event: EventHandler | None = None
    ) -> Result:
        """Submit a request and wait for its result; errors as :meth:`submit` and :meth:`Job.wait`."""
        job = self.submit(request)
        try:
            return job.wait(timeout, on_event)
        except BaseException:
            # Nobody waits for it any more (Ctrl+C, a timeout): do not let it keep the engine busy.
            if not job.view.final:
                job.cancel()
            raise

    def repeat(self, folder: str | Path, *, on_event: EventHandler | None = None, **changes: Any) -> Result:
        """Make the result in ``folder`` again, with ``changes`` to its request.

        Pictures that it was made from are taken from the copies in the folder.

        Raises:
            StorageError: the folder holds no result, or the copy is damaged; otherwise as :meth:`generate`.
        """
        result = Result.read(folder)
        copies = {name: str(path.absolute()) for name, path in result.pictures(leave_out=changes).items()}
        request = _changed(result.request.with_pictures(copies), changes)
        return self.make(request, on_event=on_event)

    def maps_from_image(self, path: str | Path, *, on_event: EventHandler | None = None, **options: Any) -> Result:
        """PBR maps of a picture; ``options`` and errors as :func:`image_request`, and errors of :meth:`Job.wait`."""
        return self.make(image_request(path, kind="material", **options), on_event=on_event)

    def make_seamless(self, path: str | Path, *, on_event: EventHandler | None = None, **options: Any) -> Result:
        """A picture that repeats without a seam; as :meth:`maps_from_image`."""
        return self.make(image_request(path, kind="texture", **options), on_event=on_event)

    def edit(self, prompt: str, path: str | Path, *, on_event: EventHandler | None = None, **options: Any) -> Result:
        """A picture changed by words; ``options`` as :func:`edit_request`, and errors of :meth:`Job.wait` as well."""
        return self.make(edit_request(prompt, path, **options), on_event=on_event)

    def upscale(
        self,
        source: str | Path,
        factor: float = 2.0,
        *,
        model: str = "image",
        on_event: EventHandler | None = None,
        **options: Any,
    ) -> Result:
        """A picture or a result with more pixels; as :func:`upscale_request`, and errors of :meth:`Job.wait`."""
        request = upscale_request(source, factor, model=model, **options)
        return self.make(request, on_event=on_event)

    def preload(self, prompt: str = "", model: str = "instant") -> None:
        """Load a model in the background, so that the next request starts at once."""
        self.table.backend.preload(model, prompt)

    def close(self) -> None:
        """End the engine; jobs that run are cancelled."""
        self.table.backend.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _changed(request: GenerationRequest, changes: Mapping[str, Any]) -> GenerationRequest:
    values = {item.name: getattr(request, item.name) for item in fields(request)}
    return make_request(**(values | {"id": new_id()} | dict(changes)))


def generate(
    prompt: str,
    *,
    library: str | Path | None = None,
    python: str | Path | None = None,
    device: str | None = None,
    timeout: float | None = None,
    on_event: EventHandler | None = None,
    **options: Any,
) -> Result:
    """Make one result with an engine of its own; see :class:`Session` for the arguments and errors."""
    request = make_request(prompt, **options)
    with Session(library=library, python=python, device=device) as session:
        return session.make(request, timeout=timeout, on_event=on_event)


def maps_from_image(
    path: str | Path,
    *,
    library: str | Path | None = None,
    python: str | Path | None = None,
    device: str | None = None,
    **options: Any,
) -> Result:
    """PBR maps of a picture, with an engine of its own; ``options`` and errors as :meth:`Session.maps_from_image`."""
    with Session(library=library, python=python, device=device) as session:
        return session.maps_from_image(path, **options)


def make_seamless(
    path: str | Path,
    *,
    library: str | Path | None = None,
    python: str | Path | None = None,
    device: str | None = None,
    **options: Any,
) -> Result:
    """A picture that repeats without a seam, with an engine of its own; as :func:`maps_from_image`."""
    with Session(library=library, python=python, device=device) as session:
        return session.make_seamless(path, **options)


def edit(
    prompt: str,
    path: str | Path,
    *,
    library: str | Path | None = None,
    python: str | Path | None = None,
    device: str | None = None,
    **options: Any,
) -> Result:
    """A picture changed by words, with an engine of its own; as :meth:`Session.edit`."""
    with Session(library=library, python=python, device=device) as session:
        return session.edit(prompt, path, **options)


def upscale(
    source: str | Path,
    factor: float = 2.0,
    *,
    model: str = "image",
    library: str | Path | None = None,
    python: str | Path | None = None,
    device: str | None = None,
    **options: Any,
) -> Result:
    """A picture, or all maps of a result's folder, with more pixels; with an engine of its own.

    ``options`` and errors as :meth:`Session.upscale`.
    """
    request = upscale_request(source, factor, model=model, **options)
    with Session(library=library, python=python, device=device) as session:
        return session.make(request)


def repeat(
    folder: str | Path,
    *,
    library: str | Path | None = None,
    python: str | Path | None = None,
    device: str | None = None,
    **changes: Any,
) -> Result:
    """Make the result in ``folder`` again; the same model on the same device gives the same bytes."""
    with Session(library=library, python=python, device=device) as session:
        return session.repeat(folder, **changes)


def export_set(
    folder: str | Path,
    directory: str | Path,
    *,
    index: int = 0,
    preset: str = "blender",
    format: str = "png",  # noqa: A002 - the word for it
    depth: str = "auto",
    normals: str = "auto",
    size: str = "as_is",
    name: str = "",
    overwrite: bool = False,
) -> tuple[Path, ...]:
    """Write variation ``index`` of the result in ``folder`` as the textures that another program wants.

    Arguments and errors as :func:`texloom.texture_set.plan`; the files that were written come back.

    Raises:
        RequestError: an option is unknown.
        StorageError: there is no such result, files are there already, or they cannot be written.
    """
    checked = texture_set.plan(
        texture_set.TextureSet.from_folder(Result.read(folder).folder, index),
        directory,
        preset=preset,
        format=format,
        depth=depth,
        normals=normals,
        size=size,
        name=name,
        overwrite=overwrite,
    )
    return checked.write().files


def results(library: str | Path | None = None) -> Iterator[Result]:
    """All sound results of a library, newest first.

    Raises:
        StorageError: the folder cannot be read.
    """
    from .storage import Library

    folder = Path(library) if library is not None else settings.library_folder()
    for entry in Library(folder).scan():
        if not entry.broken:
            yield Result(folder=entry.folder, manifest=entry.manifest)
