# SPDX-License-Identifier: GPL-3.0-or-later
"""Texloom from Python inside Blender; the panel itself uses the same functions.

    import bpy
    from bl_ext.user_default.texloom import api

    made = api.generate("mossy cobblestone, wet", target=bpy.context.object, size=2048)
    print(made.material, made.folder)

:func:`generate` waits for the result, :func:`submit` does not: in a window, where waiting would freeze Blender,
use ``submit``; the result is put into the scene when it is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import bridge, parameters
from . import target as targets
from . import tune as tuning
from .core.texloom import api as engine_api
from .core.texloom.errors import CancelledError, ErrorCode, RequestError
from .core.texloom.jobs import JobState, JobView
from .scene.result import ResultImages

KINDS = {"MATERIAL": "material", "IMAGE": "texture", "PLANE": "reference", "LIBRARY": "material"}


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
        output: ``MATERIAL``, ``IMAGE``, ``PLANE``, or ``LIBRARY`` for files only.
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
    job = submit(prompt, **options)
    try:
        return job.wait(timeout)
    except (TimeoutError, KeyboardInterrupt):
        job.cancel()
        raise


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


def tune(
    material: bpy.types.Material | str,
    *,
    family: str | None = None,
    seed: int | None = None,
    timeout: float | None = None,
    **values: Any,
) -> None:
    """Draw an instant material again with other values of its parameters; the same images, the same size.

    In the background it waits until they are drawn; in a window it returns at once, and they follow.

    Args:
        material: a material or its name.
        family: make another kind of material of it; ``values`` are then given at the next call.
        seed: of the irregularities.
        timeout: seconds to wait at most in the background.
        **values: parameters by name: numbers (metres for sizes), ``#rrggbb``, names of options.

    Raises:
        RequestError: it is no instant material, has no such parameter, or a value is out of range.
        JobFailedError: the engine could not draw it.
        TimeoutError: it was not drawn within ``timeout`` seconds.
    """
    found = bpy.data.materials.get(material) if isinstance(material, str) else material
    if parameters.of(found) is None:
        raise RequestError(f"material: {material} is no material of the instant model.")
    parameters.set_values(found, values)
    tuner = tuning.get()
    if family is not None:
        tuning.change_family(found, family)
    elif seed is not None:
        tuner.order(found, seed=seed)
    else:
        tuner.changed(found)
    if bpy.app.background:
        if not tuner.finish(found, timeout):
            raise TimeoutError(f"The material was not drawn within {timeout:g} seconds.")
        if problem := tuner.problem(found):
            raise engine_api.JobFailedError(problem, code=ErrorCode.INTERNAL)


def replace(material: bpy.types.Material | str, folder: str | Path, index: int = 0) -> Generated:
    """Show the maps of another result in a material that Texloom made; the material stays the same datablock.

    Its node tree, with nodes and links of your own, stays as well.  Sliders that were moved keep their values, the
    others, real size and height of the relief follow the new maps.

    Args:
        material: the material or its name; with sliders, so made by this version of Texloom.
        folder: the result on disk.
        index: its variation.

    Raises:
        RequestError: there is no such material, it has no sliders, or it is linked from another file.
        StorageError: the result is missing or damaged.  Nothing has changed then.
    """
    found = bpy.data.materials.get(material) if isinstance(material, str) else material
    if found is None:
        raise RequestError(f"material: there is none named {material!r}.")
    built = targets.replace_maps(found, ResultImages.from_manifest(Path(folder), index))
    return Generated(
        folder=Path(folder),
        images=tuple(built.images),
        material=built.material,
        messages=tuple(built.messages),
    )


def _check(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise RequestError(f"{name}: must be one of {', '.join(str(item) for item in allowed if item)}, got {value!r}.")
