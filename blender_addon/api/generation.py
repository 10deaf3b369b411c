# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate, wait, put a result into the scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from .. import bridge, looks, starting
from .. import target as targets
from ..controls import Given
from ..controls import stack as control_stack
from ..core.texloom import api as engine_api
from ..core.texloom.errors import CancelledError, ErrorCode, RequestError
from ..core.texloom.jobs import JobState, JobView
from ..entry import Entry
from ..scene import planes
from ..scene.result import ResultImages

LoraFile = str | Path | tuple[str | Path, float] | engine_api.Lora
"""A LoRA: its file, file and weight, or as a request has it."""

KINDS = {"MATERIAL": "material", "IMAGE": "texture", "PLANE": "reference"}


ReferenceLook = planes.Look

"""How a reference looks: ``ReferenceLook(kind="EMPTY", opacity=0.5, views="AXIS", locked=True)`` and so on."""


@dataclass(frozen=True, kw_only=True)
class Generated:
    """What a job made: names of datablocks (look them up in ``bpy.data``), the folder, and what to tell."""

    folder: Path
    images: tuple[str, ...]
    material: str = ""
    object: str = ""
    assigned: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()


class Job:
    """A submitted job."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    @property
    def id(self) -> str:
        """Id of the request."""
        return self._entry.id

    @property
    def view(self) -> JobView:
        """State, progress, warnings and error of now."""
        return self._entry.view

    @property
    def done(self) -> bool:
        """Whether it has ended and its result is in the scene."""
        return self._entry.settled

    def cancel(self) -> None:
        """Ask for its end."""
        bridge.get().cancel(self.id)

    def wait(self, timeout: float | None = None) -> Generated:
        """Block until it is done; errors as :func:`generate`."""
        bridge.get().wait(self._entry, timeout)
        return self.result()

    def result(self) -> Generated:
        """What it made.

        Raises:
            RuntimeError: it is not done yet.
            JobFailedError: it failed, or its result could not be put into the scene.
            CancelledError: it was cancelled.
        """
        entry = self._entry
        if not entry.settled:
            raise RuntimeError("The job is not done yet.")
        if entry.view.state is JobState.CANCELLED:
            raise CancelledError
        if entry.problem:
            known = entry.view.error
            code = ErrorCode(known.code) if known is not None and known.code in set(ErrorCode) else ErrorCode.STORAGE
            raise engine_api.JobFailedError(
                entry.problem,
                advice=entry.advice,
                code=code,
                log_tail=known.log_tail if known is not None else "",
                download=known.download if known is not None else "",
                configuration=known.configuration if known is not None else False,
            )
        built = entry.built
        return Generated(
            folder=Path(entry.view.folder),
            images=tuple(built.images) if built else (),
            material=built.material if built else "",
            object=built.object if built else "",
            assigned=tuple(built.assigned) if built else (),
            messages=tuple(entry.notices),
        )


def submit(
    prompt: str,
    *,
    target: bpy.types.Object | Sequence[bpy.types.Object] | None = None,
    output: str = "MATERIAL",
    size: int | tuple[int, int] | None = None,
    slot: str | None = None,
    store: str | None = None,
    displacement: str | None = None,
    plane_height: float = 1.8,
    plane_facing: str = "VIEW",
    plane_look: ReferenceLook | None = None,
    source: bpy.types.Image | str | Path | None = None,
    strength: float | None = None,
    loras: Sequence[LoraFile] = (),
    controls: Sequence[Given] = (),
    style_image: bpy.types.Image | str | Path | None = None,
    style_strength: float | None = None,
    style_model: str = "",
    embeddings: Sequence[str | Path] = (),
    **options: Any,
) -> Job:
    """Queue a job and return at once.

    Args:
        prompt: what to make.
        target: object or objects for the material; default the selection.
        output: ``MATERIAL``, ``IMAGE``, ``PLANE``, or ``LIBRARY`` for files only.
        size: pixels, one number or (width, height).
        slot: ``ACTIVE``, ``NEW`` or ``ALL``; default the preferences'.
        store: ``PACK``, ``BESIDE`` or ``LIBRARY``; default the preferences'.
        displacement: ``BUMP``, ``DISPLACEMENT``, ``BOTH`` or ``NONE``; default the preferences'.
        plane_height: metres.
        plane_facing: ``VIEW``, ``X``, ``-X``, ``Y``, ``-Y`` or ``Z``.
        plane_look: opacity, kind and so on of the plane, as :class:`ReferenceLook`.
        source: an image of the file, or the path of a picture, to start from; for models that can.  The longer side
            of the result is as asked, the proportions are the picture's.
        strength: how much of ``source`` is drawn anew, 0 to 1; default what suits.
        loras: LoRA files that change the model, or pairs of file and weight.
        controls: pictures whose form is followed, as ``("depth", image)``, ``("line", "photo.jpg", 0.7)`` or with a
            network as well: ``depth`` (near is white), ``normal`` (OpenGL) or ``line`` (white on black) of an image of
            the file or a path; :func:`form_pictures` makes some.
        style_image: an image of the file, or the path of a picture, whose look is taken over; for the instant model
            its colors.
        style_strength: how much of its look, 0 to 2; default what suits.
        style_model: the image adapter that sees it; default what suits the model.
        embeddings: files of learned words (textual inversions); a file's name is the word in the prompt.
        **options: further fields of ``GenerationRequest``: seed, count, width, height, model, maps,
            real_world_width, tile_x, tile_y, steps, guidance_scale, negative_prompt, parameters …

    Raises:
        RequestError: something is unknown or out of range; the message names it and the range.
        StorageError: the machine's settings are damaged.
    """
    check("output", output, (*KINDS, "LIBRARY"))
    check("slot", slot, (None, "ACTIVE", "NEW", "ALL"))
    check("store", store, (None, "PACK", "BESIDE", "LIBRARY"))
    check("displacement", displacement, (None, "BUMP", "DISPLACEMENT", "BOTH", "NONE"))
    check("plane_facing", plane_facing, ("VIEW", "X", "-X", "Y", "-Y", "Z"))
    if not plane_height > 0:
        raise RequestError(f"plane_height: must be above 0 metres, got {plane_height}.")
    if size is not None:
        options["width"], options["height"] = (size, size) if isinstance(size, int) else size
    if output == "PLANE":
        # A picture on a plane has edges.
        options = {"tile_x": False, "tile_y": False} | options
    if loras:
        options["loras"] = lora_stack(loras)
    request = engine_api.make_request(prompt, **{"kind": KINDS.get(output, "material")} | options)
    objects = [target] if isinstance(target, bpy.types.Object) else target
    placement = targets.capture(
        bpy.context,
        output=output,
        objects=list(objects) if objects is not None else None,
        plane_height_m=plane_height,
        plane_facing=plane_facing,
    )
    placement = placement.replace(slot=slot, store=store, displacement=displacement, plane_look=plane_look)
    look = {"style_strength": style_strength, "style_model": style_model, "embeddings": tuple(embeddings)}
    try:
        if controls:
            request = request.replace(controls=control_stack(controls))
        request = looks.styled(request, look | {"style_image": style_image})
        if source is not None:
            request = starting.begun(request, source, strength)
        elif strength is not None:
            request = request.replace(strength=strength)  # refused: there is nothing to start from
        return Job(bridge.get().submit(request, placement))
    except BaseException:
        bridge.get().tidy_sources()
        raise


def lora_stack(files: Sequence[LoraFile]) -> tuple[engine_api.Lora, ...]:
    """LoRAs as a request wants them, of files or pairs of file and weight.

    Raises:
        RequestError: a weight is out of range.
    """
    found = []
    for item in files:
        if isinstance(item, engine_api.Lora):
            found.append(item)
            continue
        file, weight = item if isinstance(item, tuple) else (item, 1.0)
        found.append(engine_api.Lora(bpy.path.abspath(str(file)), weight))
    return tuple(found)


def generate(prompt: str, *, timeout: float | None = None, **options: Any) -> Generated:
    """Make one result, put it into the scene and return what was made; arguments as :func:`submit`.

    Raises:
        RequestError: an argument is unknown or out of range.
        JobFailedError: the engine could not make it; ``advice`` says what to do.
        TimeoutError: it took longer than ``timeout`` seconds; the job is cancelled.
    """
    return waited(submit(prompt, **options), timeout)


def apply(
    folder: str | Path,
    index: int = 0,
    *,
    target: bpy.types.Object | Sequence[bpy.types.Object] | None = None,
    output: str = "MATERIAL",
    plane_height: float = 1.8,
    plane_facing: str = "VIEW",
) -> Generated:
    """Put variation ``index`` of a result that lies on disk into the scene.

    Raises:
        RequestError: ``output`` is unknown.
        StorageError: the result is missing or damaged.
    """
    check("output", output, tuple(KINDS))
    objects = [target] if isinstance(target, bpy.types.Object) else target
    placement = targets.capture(
        bpy.context,
        output=output,
        objects=list(objects) if objects is not None else None,
        plane_height_m=plane_height,
        plane_facing=plane_facing,
    )
    built = targets.apply(ResultImages.from_manifest(Path(folder), index), placement)
    return Generated(
        folder=Path(folder),
        images=tuple(built.images),
        material=built.material,
        object=built.object,
        assigned=tuple(built.assigned),
        messages=tuple(built.messages),
    )


def waited(job: Job, timeout: float | None) -> Generated:
    """Wait for a job; one that nobody waits for any more is cancelled."""
    try:
        return job.wait(timeout)
    except (TimeoutError, KeyboardInterrupt):
        job.cancel()
        raise


def check(name: str, value: object, allowed: tuple[object, ...]) -> None:
    """Refuse an argument that is none of ``allowed``, by its name."""
    if value not in allowed:
        raise RequestError(f"{name}: must be one of {', '.join(str(item) for item in allowed if item)}, got {value!r}.")
