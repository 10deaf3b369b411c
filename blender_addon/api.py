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

from . import bridge, library_view, preferences
from . import target as targets
from .core.texloom import api as engine_api
from .core.texloom.errors import CancelledError, ErrorCode, RequestError
from .core.texloom.jobs import JobState, JobView
from .core.texloom.library_entry import clean_tags
from .core.texloom.library_index import Card, find
from .scene import asset_facts, assets, build
from .scene.asset_facts import AUTHOR
from .scene.result import ResultImages
from .scene.transaction import all_or_nothing

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


def library(search: str = "", *, favourites: bool = False, kind: str = "", sort: str = "NEWEST") -> list[Card]:
    """The results on disk, as the panel's library shows them; each has ``folder``, ``prompt``, ``notes``, ``error`` …

    Args:
        search: words of prompt, family, model, tags or date; every one must be found.
        favourites: favourites only.
        kind: ``material``, ``texture``, ``reference`` or ``broken``; empty for all.
        sort: ``NEWEST``, ``OLDEST`` or ``NAME``.

    Raises:
        RequestError: ``kind`` or ``sort`` is unknown.
        StorageError: the library cannot be read.
    """
    try:
        return find(library_view.scanned().cards, search, favourites=favourites, kind=kind, sort=sort)
    except ValueError as error:
        raise RequestError(str(error)) from error


def save_asset(
    source: bpy.types.Material | str | Path,
    index: int = 0,
    *,
    library: str | Path | None = "",
    tags: Sequence[str] = (),
    author: str = AUTHOR,
    replace: bool = False,
) -> assets.SavedAsset:
    """Make a material an asset with preview, tags, description and catalogue.

    Args:
        source: a material that Texloom made, or the folder of a result (its name is enough in the library).
        index: which variation of a result.
        library: name of an asset library of the preferences, or a folder; empty for Texloom's own.  It gets a .blend
            with packed images, and the open file stays as it is.  None marks the material in the open file.
        tags: further tags.
        author: who made it.
        replace: overwrite the asset when the library has it already.

    Raises:
        RequestError: a tag is too long.
        StorageError: the result is missing or damaged, the material is not Texloom's, or a file could not be written.
            Then nothing is left of it.
    """
    try:
        more = clean_tags(tags)
    except ValueError as error:
        raise RequestError(str(error)) from error
    root = assets.library_folder(library) if isinstance(library, str) else library
    if isinstance(source, bpy.types.Material):
        facts = asset_facts.facts_of_material(source).extended(more, author)
        return (
            assets.mark_in_file(source, facts) if root is None else assets.write(source, facts, root, replace=replace)
        )
    result = ResultImages.from_manifest(bridge.get().library() / source, index)
    assert result.manifest is not None
    facts = asset_facts.facts_of_result(result.manifest.parent, index).extended(more, author)
    if root is None:
        with all_or_nothing():
            found = assets.in_file(result.request_id, index)
            if found is None:
                made = targets.apply(result, targets.capture(bpy.context, objects=[]))
                found = bpy.data.materials[made.material]
            return assets.mark_in_file(found, facts)
    with assets.taken_back():
        displacement = preferences.get().displacement
        made = build.material_on_objects(result, store="PACK", displacement=displacement)
        return assets.write(bpy.data.materials[made.material], facts, root, replace=replace)


def _check(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise RequestError(f"{name}: must be one of {', '.join(str(item) for item in allowed if item)}, got {value!r}.")
