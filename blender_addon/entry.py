# SPDX-License-Identifier: GPL-3.0-or-later
"""One job as the add-on knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from . import target
from .core.texloom.errors import StorageError
from .core.texloom.jobs import JobState, JobView
from .core.texloom.storage import read_manifest
from .reading import Reading
from .scene.build import Built
from .successors import in_use, shown
from .target import Placement

_STEPS_BACK = 8


@dataclass
class Entry:
    """One job; ``made`` is what came into the scene of it, with the number of the variation, oldest first."""

    view: JobView
    placement: Placement
    file: int
    made: list[tuple[Built, int]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    problem: str = ""
    advice: str = ""
    settled: bool = False
    placing: target.Placing | None = None
    # Until the engine has the job; of one that has ended before that, for Retry.
    reading: Reading | None = None
    restarts: int = 0
    pinned: set[int] = field(default_factory=set)
    _pictures: tuple[tuple[int, str], ...] | None = None
    _plan: str | None = None

    @property
    def built(self) -> Built | None:
        """What the scene holds of it now: undo may have brought something earlier back.  None: nothing yet."""
        return self._standing()[0]

    @property
    def index(self) -> int:
        """Number of the variation that the scene shows, or showed last."""
        return self._standing()[1]

    @property
    def used(self) -> int | None:
        """Number of the variation that something in the scene shows; None: nothing shows any."""
        _, index, used = self._standing()
        return index if used else None

    def _standing(self) -> tuple[Built | None, int, bool]:
        for built, index in reversed(self.made):
            if in_use(built) and (now := shown(built, self.id, index)) is not None:
                return built, now, True
        return (*self.made[-1], False) if self.made else (None, 0, False)

    def note(self, built: Built, index: int) -> None:
        """Variation ``index`` has come into the scene as ``built``."""
        self.made = [*self.made, (built, index)][-_STEPS_BACK:]

    @property
    def pictures(self) -> tuple[tuple[int, str], ...]:
        """Number and small picture of each variation of a completed job; read once, as panels are drawn often."""
        if self._pictures is None:
            self._pictures = _pictures(Path(self.view.folder))
        return self._pictures

    @property
    def plan(self) -> str:
        """How its model was, or is, kept in memory, in one line; empty where that is not told."""
        if self.view.state is not JobState.COMPLETED:
            return self.view.plan
        if self._plan is None:
            self._plan = _plan(Path(self.view.folder))
        return self._plan

    def forget_pictures(self) -> None:
        """The variations have changed on disk."""
        self._pictures = self._plan = None

    @property
    def id(self) -> str:
        """Id of the request."""
        return self.view.id

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return not self.view.final

    @property
    def waiting(self) -> bool:
        """Whether other jobs run before it."""
        return self.view.state is JobState.QUEUED


def _plan(folder: Path) -> str:
    """Of the last variation: when memory runs out on the way, the first ones were drawn by another plan."""
    try:
        results = read_manifest(folder)["results"]
    except StorageError:
        return ""
    memory = results[-1].get("memory") if results else None
    return str(memory.get("plan") or "") if isinstance(memory, dict) else ""


def _pictures(folder: Path) -> tuple[tuple[int, str], ...]:
    try:
        results = read_manifest(folder)["results"]
    except StorageError:
        return ()
    found = []
    for item in results:
        name = item.get("thumbnail")
        if not isinstance(name, str) or Path(name).name != name:
            maps = item["maps"]  # of a version that made no thumbnails
            name = maps[next((key for key in ("base_color", "image") if key in maps), next(iter(maps)))]["file"]
        found.append((int(item.get("index", 0)), str(folder / name)))
    return tuple(found)
