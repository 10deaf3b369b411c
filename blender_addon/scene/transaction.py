# SPDX-License-Identifier: GPL-3.0-or-later
"""All or nothing: what a failed build has made so far goes away again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import bpy
import numpy as np

Made = TypeVar("Made")

COPIED = "texloom_copied"
"""Custom property of an image whose file beside the .blend was copied there for it: the absolute path."""


class Vanished(Exception):
    """Between two steps, something that the first one made was taken away again: by undo, or by the user."""


# Users before what they use; the order in which they are removed.
KINDS = ("objects", "collections", "meshes", "worlds", "materials", "brushes", "textures", "images", "node_groups")


@contextlib.contextmanager
def all_or_nothing() -> Iterator[None]:
    """Remove every datablock that came into being inside the block when an exception leaves it.

    Files that were copied beside the .blend for such an image go as well.  The exception goes on.
    """
    before = newest()
    try:
        yield
    except BaseException:
        # Also for KeyboardInterrupt: a half-built material must not stay, whatever stopped it.
        discard(made_since(before))
        raise


def newest(kinds: Sequence[str] = KINDS) -> int:
    """The highest session id of all datablocks of some kinds: what comes later has a higher one.

    Blender counts these ids up and never gives one twice, so this one number tells old from new.
    """
    return max((int(ids.max()) for _, ids in _session_ids(kinds)), default=0)


def made_since(before: int, kinds: Sequence[str] = KINDS) -> list[bpy.types.ID]:
    """The datablocks that came into being since :func:`newest` was ``before``."""
    return [collection[int(index)] for collection, ids in _session_ids(kinds) for index in np.flatnonzero(ids > before)]


def still_there(session_ids: Collection[int], kinds: Sequence[str] = KINDS) -> list[bpy.types.ID]:
    """The datablocks with these session ids, without those that are gone."""
    return [
        collection[int(index)]
        for collection, ids in _session_ids(kinds)
        for index in np.flatnonzero(np.isin(ids, list(session_ids)))
    ]


def _session_ids(kinds: Sequence[str]) -> Iterator[tuple[Any, Any]]:
    """Each collection that is not empty with its session ids as an array.

    In a file of many thousand objects, a look at each from Python would take longer than building a material.
    """
    for kind in kinds:
        collection = getattr(bpy.data, kind)
        if len(collection):
            ids = np.empty(len(collection), np.int32)
            collection.foreach_get("session_uid", ids)
            yield collection, ids


def finish(steps: Generator[None, None, Made]) -> Made:
    """Do all steps now; what the last one returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made: Made = end.value
            return made


def discard(datablocks: Iterable[bpy.types.ID]) -> None:
    """Remove datablocks, users first, and the files that were copied beside the .blend for them.

    Library-linked datablocks are left alone.  Never raises for one that is already gone.
    """
    doomed: dict[tuple[str, int], Any] = {}
    for item in datablocks:
        # A removed datablock raises ReferenceError on any access.
        with contextlib.suppress(ReferenceError):
            if item.library is None:
                doomed[(item.id_type, item.session_uid)] = item
    files = [item[COPIED] for item in doomed.values() if COPIED in item]
    if doomed:
        bpy.data.batch_remove(list(doomed.values()))
    in_use = {os.path.abspath(bpy.path.abspath(image.filepath)) for image in bpy.data.images if image.filepath}
    for file in files:
        # It may be gone, or held open by a viewer: neither is worth an error on top of the first.
        with contextlib.suppress(OSError):
            if os.path.abspath(file) not in in_use:
                os.remove(file)
