# SPDX-License-Identifier: GPL-3.0-or-later
"""Texloom from Python inside Blender; the panel itself uses the same functions.

    import bpy
    from bl_ext.user_default.texloom import api

    made = api.generate("mossy cobblestone, wet", target=bpy.context.object, size=2048)
    print(made.material, made.folder)

    wall = bpy.data.images["wall.jpg"]  # or the path of a picture
    api.make_seamless(wall, replace_users=True)
    api.maps_from_image(wall, target=bpy.context.object, real_world_width=2.5)

:func:`generate` waits for the result, :func:`submit` does not: in a window, where waiting would freeze Blender,
use ``submit``; the result is put into the scene when it is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import bridge, image_jobs
from . import target as targets
from .core.texloom import api as engine_api
from .core.texloom.errors import CancelledError, ErrorCode, RequestError
from .core.texloom.jobs import JobState, JobView
from .scene.result import ResultImages

KINDS = {"MATERIAL": "material", "IMAGE": "texture", "PLANE": "reference"}


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

    def __init__(self, entry: bridge.Entry) -> None:
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
            tail = known.log_tail if known is not None else ""
            raise engine_api.JobFailedError(entry.problem, advice=entry.advice, code=code, log_tail=tail)
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
    **options: Any,
) -> Job:
    """Queue a job and return at once.

    Args:
        prompt: what to make.
        target: object or objects for the material; default the selection.
        output: ``MATERIAL``, ``IMAGE`` or ``PLANE``.
        size: pixels, one number or (width, height).
        slot: ``ACTIVE``, ``NEW`` or ``ALL``; default the preferences'.
        store: ``PACK``, ``BESIDE`` or ``LIBRARY``; default the preferences'.
        displacement: ``BUMP``, ``DISPLACEMENT``, ``BOTH`` or ``NONE``; default the preferences'.
        plane_height: metres.
        plane_facing: ``VIEW``, ``X``, ``-X``, ``Y``, ``-Y`` or ``Z``.
        **options: further fields of ``GenerationRequest``: seed, count, width, height, model, maps,
            real_world_width, tile_x, tile_y, steps, guidance_scale, negative_prompt, parameters …

    Raises:
        RequestError: something is unknown or out of range; the message names it and the range.
        StorageError: the machine's settings are damaged.
    """
    _check("output", output, tuple(KINDS))
    _check("slot", slot, (None, "ACTIVE", "NEW", "ALL"))
    _check("store", store, (None, "PACK", "BESIDE", "LIBRARY"))
    _check("displacement", displacement, (None, "BUMP", "DISPLACEMENT", "BOTH", "NONE"))
    _check("plane_facing", plane_facing, ("VIEW", "X", "-X", "Y", "-Y", "Z"))
    if not plane_height > 0:
        raise RequestError(f"plane_height: must be above 0 metres, got {plane_height}.")
    if size is not None:
        options["width"], options["height"] = (size, size) if isinstance(size, int) else size
    if output == "PLANE":
        # A picture on a plane has edges.
        options = {"tile_x": False, "tile_y": False} | options
    request = engine_api.make_request(prompt, **{"kind": KINDS[output]} | options)
    objects = [target] if isinstance(target, bpy.types.Object) else target
    placement = targets.capture(
        bpy.context,
        output=output,
        objects=list(objects) if objects is not None else None,
        plane_height_m=plane_height,
        plane_facing=plane_facing,
    )
    placement = placement.replace(slot=slot, store=store, displacement=displacement)
    return Job(bridge.get().submit(request, placement))


def generate(prompt: str, *, timeout: float | None = None, **options: Any) -> Generated:
    """Make one result, put it into the scene and return what was made; arguments as :func:`submit`.

    Raises:
        RequestError: an argument is unknown or out of range.
        JobFailedError: the engine could not make it; ``advice`` says what to do.
        TimeoutError: it took longer than ``timeout`` seconds; the job is cancelled.
    """
    return _waited(submit(prompt, **options), timeout)


def submit_image(
    image: bpy.types.Image | str | Path,
    *,
    make: str = "MATERIAL",
    target: bpy.types.Object | Sequence[bpy.types.Object] | None = None,
    output: str | None = None,
    tile: str = "xy",
    size: int | tuple[int, int] | None = None,
    even_light: bool = True,
    replace_users: bool = False,
    slot: str | None = None,
    store: str | None = None,
    displacement: str | None = None,
    **options: Any,
) -> Job:
    """Queue a job that starts from a picture and return at once.

    Args:
        image: an image of the file, as it is now and also unsaved, or the path of a PNG, JPEG, TIFF, WebP or BMP.
        make: ``MATERIAL`` for PBR maps, ``SEAMLESS`` for an image that repeats.
        target: object or objects for the material; default the selection.
        output: ``MATERIAL``, or ``IMAGE`` for the maps as images only.
        tile: directions in which it is to repeat: ``xy``, ``x``, ``y`` or ``none``.
        size: pixels of the longer side, or (width, height); default as the picture has.
        even_light: level light that changes slowly over the picture.
        replace_users: for ``SEAMLESS`` of an image of the file: what uses it uses the new one from then on.
        slot, store, displacement: as :func:`submit`.
        **options: further fields of ``GenerationRequest``: maps, prompt (the name), and real_world_width, here the
            width in metres of everything that the picture shows (default 1).

    Raises:
        RequestError: nothing can be made of the picture, or an argument is unknown or out of range.
        StorageError: a file cannot be read or written.
    """
    _check("make", make, ("MATERIAL", "SEAMLESS"))
    output = output or ("MATERIAL" if make == "MATERIAL" else "IMAGE")
    _check("output", output, ("MATERIAL", "IMAGE") if make == "MATERIAL" else ("IMAGE",))
    _check("slot", slot, (None, "ACTIVE", "NEW", "ALL"))
    _check("store", store, (None, "PACK", "BESIDE", "LIBRARY"))
    _check("displacement", displacement, (None, "BUMP", "DISPLACEMENT", "BOTH", "NONE"))
    objects = [target] if isinstance(target, bpy.types.Object) else target
    placement = targets.capture(
        bpy.context, output=output, objects=list(objects) if objects is not None else None
    ).replace(slot=slot, store=store, displacement=displacement)
    if make == "SEAMLESS" and isinstance(image, bpy.types.Image):
        placement = image_jobs.made_from(placement, image, replace_users=replace_users)
    kind = "material" if make == "MATERIAL" else "texture"
    return Job(image_jobs.submit(image, placement, kind=kind, tile=tile, size=size, even_light=even_light, **options))


def maps_from_image(image: bpy.types.Image | str | Path, *, timeout: float | None = None, **options: Any) -> Generated:
    """A PBR material of a picture, waited for; arguments as :func:`submit_image`, errors as :func:`generate`."""
    return _waited(submit_image(image, make="MATERIAL", **options), timeout)


def make_seamless(image: bpy.types.Image | str | Path, *, timeout: float | None = None, **options: Any) -> Generated:
    """An image that repeats without a seam, waited for; as :func:`maps_from_image`."""
    return _waited(submit_image(image, make="SEAMLESS", **options), timeout)


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
    _check("output", output, tuple(KINDS))
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


def _waited(job: Job, timeout: float | None) -> Generated:
    try:
        return job.wait(timeout)
    except (TimeoutError, KeyboardInterrupt):
        job.cancel()
        raise


def _check(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise RequestError(f"{name}: must be one of {', '.join(str(item) for item in allowed if item)}, got {value!r}.")
