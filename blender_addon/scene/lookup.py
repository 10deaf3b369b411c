# SPDX-License-Identifier: GPL-3.0-or-later
"""Datablocks found again: pointers do not outlive an undo, and names change."""

from __future__ import annotations

from typing import Any


def by_uid(collection: Any, name: str, uid: int) -> Any:
    """The datablock with this session id; None when it is gone.

    Args:
        collection: one of ``bpy.data``.
        name: what it was called, which is where to look first.
        uid: its ``session_uid``.
    """
    found = collection.get(name)
    if found is not None and found.session_uid == uid:
        return found
    return next((item for item in collection if item.session_uid == uid), None)
