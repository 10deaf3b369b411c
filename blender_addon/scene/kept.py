# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of deleted results that this Blender has read: they stay until its end, for undo.

Undo brings datablocks back as they were, also images that were not packed yet when their files were deleted.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import bpy
from bpy.app.handlers import persistent

from ..core.texloom.storage import storage_error
from . import images

FOLDER: Final = "texloom-deleted"

_kept: dict[str, str] = {}


def keep(files: Iterable[Path]) -> None:
    """Keep those of ``files`` that images were loaded from, before they are deleted.

    Raises:
        StorageError: one cannot be kept, in which case it should not be deleted.
    """
    folder = Path(bpy.app.tempdir) / FOLDER
    for path in files:
        source = os.path.abspath(path)
        if source not in images.files_read or not os.path.isfile(source):
            continue
        target = folder / f"{len(_kept)}{path.suffix}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source, target)  # takes no time and no space, where both are on one disk
            except OSError:
                shutil.copyfile(source, target)
        except OSError as error:
            raise storage_error("copy to", folder, error) from error
        _kept[source] = str(target)


def bring_back() -> list[str]:
    """Let images whose files were deleted read the kept ones, and be packed on saving; their names."""
    found = []
    every: Any = bpy.data.images if _kept else ()
    for image in every:
        if image.source != "FILE" or image.packed_file is not None or image.library is not None:
            continue
        path = os.path.abspath(bpy.path.abspath(image.filepath))
        if path in _kept and not os.path.isfile(path):
            images.pack_on_saving(image, Path(_kept[path]))
            found.append(image.name)
    return found


@persistent  # type: ignore[misc]
def _undone(*arguments: object) -> None:
    bring_back()


def _handlers() -> list[list[Any]]:
    return [bpy.app.handlers.undo_post, bpy.app.handlers.redo_post]


def register() -> None:
    """Hear of undo and redo."""
    for listeners in _handlers():
        listeners.append(_undone)


def unregister() -> None:
    """Hear of nothing any more."""
    for listeners in _handlers():
        if _undone in listeners:
            listeners.remove(_undone)
