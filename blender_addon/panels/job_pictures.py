# SPDX-License-Identifier: GPL-3.0-or-later
"""Icons of the pictures of jobs: previews of running ones, variations of those in the list; the others are let go.

An icon takes about a quarter of a megabyte, and a job has one for each step of which it shows a preview.
"""

from __future__ import annotations

from .. import bridge
from ..core.texloom.events import Preview
from ..entry import Entry
from .common import forget_icon, icon

_RESULT = -1

# Name of each icon → id of its job, number of the variation, and step of the preview.
_drawn: dict[str, tuple[str, int, int]] = {}


def preview(entry: Entry, item: Preview) -> int:
    """The icon of a preview of a running job; 0 when its file is gone."""
    # Later steps write the same file anew.
    name = f"{entry.id}-{item.index}-{item.step}"
    _drawn[name] = (entry.id, item.index, item.step)
    return icon(item.path, name)


def variation(entry: Entry, index: int, path: str) -> int:
    """The icon of a variation of a completed job; 0 when its file is gone."""
    _drawn[path] = (entry.id, index, _RESULT)
    return icon(path, path)


def let_go() -> bool:
    """Let go of previews that newer ones have followed, and of what belongs to no job in the list.

    Called at the end of a turn of the timer, in which everything that shows a job that has changed was told to draw
    itself again, so that nobody draws what is gone.  Always False: it needs no further turn.
    """
    entries = bridge.get().entries
    shown: set[tuple[str, int, int]] = set()
    for job in {job for job, _, _ in _drawn.values()}:
        if (entry := entries.get(job)) is not None:
            shown |= {(job, item.index, item.step) for item in entry.view.previews}
            shown |= {(job, index, _RESULT) for index, _ in (entry.pictures if not entry.running else ())}
    for name in [name for name, place in _drawn.items() if place not in shown]:
        del _drawn[name]
        forget_icon(name)
    return False


def register() -> None:
    """Follow the jobs."""
    bridge.get().extras.append(let_go)


def unregister() -> None:
    """Follow them no more; the icons go with all others."""
    if let_go in bridge.get().extras:
        bridge.get().extras.remove(let_go)
    _drawn.clear()
