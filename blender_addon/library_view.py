# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel shows of the library: search and choice, a thread that keeps the index fresh, pictures in sight.

Drawing reads no file: :meth:`Watcher.see` tells that somebody looks, the thread does the reading while that is so,
and a small timer has the panels drawn again when there is something new.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, PointerProperty, StringProperty

from . import bridge, faults, preferences
from .core.texloom import library_index
from .core.texloom import settings as machine_settings
from .core.texloom.errors import ErrorCode, StorageError
from .core.texloom.jobs import JobError
from .core.texloom.library_index import Card, LibraryIndex
from .translations import iface

KINDS = (
    ("ALL", "All Kinds", "Everything in the library", "ASSET_MANAGER", 0),
    ("MATERIAL", "Materials", "Materials of several maps", "MATERIAL", 1),
    ("IMAGE", "Images", "Single images", "IMAGE_DATA", 2),
    ("PLANE", "References", "Pictures of reference planes", "IMAGE_REFERENCE", 3),
    ("BROKEN", "Damaged", "Results that cannot be used any more, and why", "ERROR", 4),
)
SORTS = (
    ("NEWEST", "Newest First", "By date, the latest first", "SORT_DESC", 0),
    ("OLDEST", "Oldest First", "By date, the earliest first", "SORT_ASC", 1),
    ("NAME", "By Name", "By prompt, in alphabetical order", "SORTALPHA", 2),
)
_KIND_OF: Final = {"ALL": "", "MATERIAL": "material", "IMAGE": "texture", "PLANE": "reference", "BROKEN": "broken"}

_TICK: Final = 0.2
_LOOK: Final = 1.0
# Notes of other programs change folders deep down, which only a look at each of them shows.
_SWEEP: Final = 30.0
# The thread ends when nobody has looked for so long.
_IDLE: Final = 60.0
_FOUND_AGAIN: Final = 0.5
PICTURES: Final = 160
"""So many pictures are kept at most, about 256 KB each."""
_IN_SIGHT: Final = 5.0


def _filter_changed(self: Any, context: bpy.types.Context) -> None:
    self.first = 0


class TexloomLibraryView(bpy.types.PropertyGroup):
    """Search and choice of the panel; of the interface, not of the file."""

    search: StringProperty(
        name="Search",
        description="Words of prompt, material, model, tags or date (2026-01); every word must be found",
        options={"TEXTEDIT_UPDATE", "SKIP_SAVE"},
        update=_filter_changed,
    )  # type: ignore[valid-type]
    favourites: BoolProperty(
        name="Favourites", description="Show favourites only", options={"SKIP_SAVE"}, update=_filter_changed
    )  # type: ignore[valid-type]
    kind: EnumProperty(
        name="Kind", description="Which results to show", items=KINDS, options={"SKIP_SAVE"}, update=_filter_changed
    )  # type: ignore[valid-type]
    sort: EnumProperty(
        name="Order", description="In which order", items=SORTS, options={"SKIP_SAVE"}, update=_filter_changed
    )  # type: ignore[valid-type]
    rows: IntProperty(name="Rows", description="Rows of pictures on a page", min=1, max=12, default=3)  # type: ignore[valid-type]
    first: IntProperty(min=0, options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    selected: StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    variation: IntProperty(min=0, options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]


def of(context: Any) -> Any:
    """The panel's state."""
    return context.window_manager.texloom_library


class Watcher:
    """The thread beside Blender that reads the library while somebody looks at it."""

    def __init__(self) -> None:
        self.index: LibraryIndex | None = None
        self.busy = False
        self.problem: JobError | None = None
        self.looked = (0, 0)
        self._chosen: str | None = None
        self._seen_at = 0.0
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._unreadable = ""
        self._shown: tuple[object, ...] = ()
        self._found: tuple[tuple[object, ...], list[Card]] = ((), [])
        self._found_at = 0.0

    # For whoever draws.

    @property
    def error(self) -> str:
        """What went wrong with the last look, with the way out; empty when nothing did."""
        return self.problem.text if self.problem is not None else ""

    def see(self) -> LibraryIndex | None:
        """Somebody looks at the library: keep it fresh from now on.  None before the first look at the disk."""
        self._seen_at = time.monotonic()
        options = preferences.get()
        chosen = bpy.path.abspath(options.library) if options.library else ""
        if chosen != self._chosen:
            self._end(wait=False)
            self._chosen, self.index, self.problem, self.looked = chosen, None, None, (0, 0)
        if self._thread is None or not self._thread.is_alive():
            self._stop, self._wake = threading.Event(), threading.Event()
            self.busy = True
            # Blender's data, also its translations, may not be asked from another thread.
            self._unreadable = iface("The library could not be read: {error}")
            arguments = (chosen, self._stop, self._wake)
            self._thread = threading.Thread(target=self._run, args=arguments, name="texloom-library", daemon=True)
            self._thread.start()
        if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=_TICK, persistent=True)
        return self.index

    def found(self, state: Any) -> list[Card]:
        """The results that search and filters leave, in order; worked out again only when something has changed."""
        index = self.index
        if index is None:
            return []
        key = (index.path, state.search, state.favourites, state.kind, state.sort, index.revision)
        before, now = self._found[0], time.monotonic()
        # While thousands are read for the first time, each draw would find some more.
        waits = self.busy and key[:-1] == before[:-1] and now - self._found_at < _FOUND_AGAIN
        if key != before and not waits:
            self._found_at = now
            cards = library_index.find(
                index.cards, state.search, favourites=state.favourites, kind=_KIND_OF[state.kind], sort=state.sort
            )
            self._found = (key, cards)
        return self._found[1]

    def look_again(self) -> None:
        """Look at every folder now."""
        self.busy = True
        self._wake.set()
        self.see()

    def touched(self, folder: Path) -> None:
        """This result was changed just now, from here."""
        if self.index is not None and self.index.path == folder.parent:
            self.index.look(folder.name)
        redraw()

    def tick(self) -> float | None:
        """One turn of the timer: have the panels drawn when there is something new; None to end."""
        revision = self.index.revision if self.index is not None and not self.busy else -1
        shown = (revision, self.busy, self.error, self.looked[0] // 256)
        if shown != self._shown:
            self._shown = shown
            redraw()
        forget_pictures_out_of_sight()
        return _TICK if self._thread is not None and self._thread.is_alive() else None

    def close(self) -> None:
        """End the thread."""
        self._end(wait=True)
        self._chosen, self.index, self._found = None, None, ((), [])

    def _end(self, *, wait: bool) -> None:
        self._stop.set()
        self._wake.set()
        thread, self._thread = self._thread, None
        if wait and thread is not None:
            thread.join(5.0)

    # In the thread; it asks nothing of Blender.

    def _run(self, chosen: str, stop: threading.Event, wake: threading.Event) -> None:
        swept = 0.0
        index: LibraryIndex | None = None
        while not stop.is_set():
            asked = wake.is_set()
            wake.clear()
            try:
                if index is None:
                    index = self._opened(Path(chosen) if chosen else machine_settings.library_folder())
                if asked or index.changed() or time.monotonic() - swept > _SWEEP:
                    self._tell(stop, busy=True)
                    index.scan(stop=stop.is_set, progress=lambda *looked: self._tell(stop, looked=looked), gently=True)
                    swept = time.monotonic()
                self._tell(stop, index=index, busy=False, problem=None)
            except StorageError as error:
                self._tell(stop, busy=False, problem=JobError.of(error))
            except Exception as error:  # noqa: BLE001 - boundary: the panel must say it rather than read for ever
                said = self._unreadable.format(error=faults.told(error))
                self._tell(stop, busy=False, problem=JobError(code=ErrorCode.STORAGE, message=said))
            if time.monotonic() - self._seen_at > _IDLE:
                break
            wake.wait(_LOOK)
        if index is not None:
            index.save()

    def _opened(self, folder: Path) -> LibraryIndex:
        before = self.index
        index = before if before is not None and before.path == folder else library_index.open_index(folder)
        if self._chosen is not None:
            self.index = index  # what is read already can be shown
        return index

    def _tell(self, stop: threading.Event, **values: Any) -> None:
        if not stop.is_set():  # else another thread has taken over
            for name, value in values.items():
                setattr(self, name, value)


def card_of(context: Any, folder: str) -> Card:
    """The result in a folder, read now.

    Args:
        context: Blender's.
        folder: name in the library, or a whole path; empty for the one chosen in the panel.

    Raises:
        StorageError: nothing is chosen, or it is no longer there.
    """
    name = folder or of(context).selected
    if not name:
        raise StorageError(iface("Choose a result in the library first."))
    path = bridge.get().library() / name  # a whole path stays as it is
    card = library_index.read_card(path) if path.is_dir() else None
    if card is None:
        raise StorageError(iface("{folder} is no longer in the library.").format(folder=path))
    return card


def scanned() -> LibraryIndex:
    """The index of the library, read now; for scripts.

    Raises:
        StorageError: the library cannot be read.
    """
    folder = bridge.get().library()
    index = _watcher.index
    if index is None or index.path != folder:
        index = library_index.open_index(folder)
    index.scan()
    index.save()
    return index


# Pictures.

_pictures: OrderedDict[str, tuple[int, float]] = OrderedDict()


def picture(path: Path | None) -> int:
    """The icon of a picture, 0 where there is none; it is read when it is drawn for the first time."""
    if path is None:
        return 0
    from .panels import common  # not at the top: the panels themselves need this module

    name = f"library:{path}"
    number = _pictures[name][0] if name in _pictures else common.icon(str(path), name)
    if number:
        _pictures[name] = (number, time.monotonic())
        _pictures.move_to_end(name)
    return number


def forget_pictures_out_of_sight(keep: int = PICTURES) -> None:
    """Let go of the pictures that were not drawn for the longest time, a few a turn."""
    from .panels import common

    for _ in range(16):
        if len(_pictures) <= keep:
            return
        name, (_, drawn) = next(iter(_pictures.items()))
        if time.monotonic() - drawn < _IN_SIGHT:
            return
        del _pictures[name]
        common.forget_icon(name)


def redraw() -> None:
    """Have the sidebars drawn again, and not what is beside them, which may take long."""
    manager = bpy.context.window_manager
    for window in manager.windows if manager is not None else ():
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "IMAGE_EDITOR", "NODE_EDITOR"):
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


_watcher = Watcher()


def watcher() -> Watcher:
    """The one watcher of this Blender."""
    return _watcher


def _tick() -> float | None:
    return _watcher.tick()


def register() -> None:
    """Give the window manager the panel's state."""
    bpy.utils.register_class(TexloomLibraryView)
    manager: Any = bpy.types.WindowManager
    manager.texloom_library = PointerProperty(type=TexloomLibraryView)  # type: ignore[func-returns-value]


def unregister() -> None:
    """Take it back; the thread ends."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    _watcher.close()
    _pictures.clear()
    manager: Any = bpy.types.WindowManager
    del manager.texloom_library
    bpy.utils.unregister_class(TexloomLibraryView)
