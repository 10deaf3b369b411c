# SPDX-License-Identifier: GPL-3.0-or-later
"""All or nothing: what a failed build has made so far goes away again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

import bpy

COPIED = "texloom_copied"
"""Custom property of an image whose file beside the .blend was copied there for it: the absolute path."""

# Users before what they use; the order in which they are removed.
_KINDS = ("objects", "collections", "meshes", "materials", "images", "textures", "node_groups")


def _existing() -> dict[tuple[str, int], bpy.types.ID]:
    return {(kind, item.session_uid): item for kind in _KINDS for item in getattr(bpy.data, kind)}


@contextlib.contextmanager
def all_or_nothing() -> Iterator[None]:
    """Remove every datablock that came into being inside the block when an exception leaves it.

    Files that were copied beside the .blend for such an image go as well.  The exception goes on.
    """
    before = set(_existing())
    try:
        yield
    except BaseException:
        # Also for KeyboardInterrupt: a half-built material must not stay, whatever stopped it.
        discard(item for key, item in _existing().items() if key not in before)
        raise


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
