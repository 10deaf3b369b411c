# SPDX-License-Identifier: GPL-3.0-or-later
"""The models to choose from: those of the catalogue, and those that lie on this machine.

Drawing reads no file: :meth:`Watcher.see` gives what a thread has found, and has it look again when that is old.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from . import bridge, capabilities, faults, preferences
from .capabilities import Capabilities
from .core.texloom import (
    catalog_rows,
    control_rows,
    map_rows,
    model_store,
    preview_decoders,
    storage,
    style_models,
)
from .core.texloom.catalog_rows import CatalogRow
from .core.texloom.errors import ModelInvalidError, StorageError, TexloomError
from .core.texloom.settings import Settings
from .core.texloom.weights_header import CHECKPOINT, DENOISER, identify
from .library_view import redraw
from .machine import memory_bytes
from .model_options import ModelOptions

INSTANT: Final = "instant"
LEARNED: Final = "learned"
BUILT_IN: Final = {INSTANT: "Instant", LEARNED: "Learned"}
"""Models that come with Texloom, by what a request calls them; the names are to be translated."""
_OLD: Final = 20.0


@dataclass(frozen=True, kw_only=True)
class Item:
    """One model.

    Attributes:
        key: what a request calls it: a name of the catalogue, a hub id, or a path.
        name: what people call it.
        row: its row in the catalogue, if it has one.
        hub: owner/name on the hub, empty for none.
        path: its folder or file on this machine, None where it is not there.
        unfinished: bytes of a download that was not finished.
        own: whether Texloom has downloaded it, so that it can delete it.
        problem: why it cannot be used, in plain words.
        previews: the small decoder that would make its previews sharper and is not here; empty for none.
    """

    key: str
    name: str
    row: CatalogRow | None = None
    hub: str = ""
    path: Path | None = None
    unfinished: int = 0
    own: bool = False
    problem: str = ""
    previews: str = ""
    capabilities: Capabilities = capabilities.UNKNOWN

    @property
    def here(self) -> bool:
        """Whether it is on this machine."""
        return self.path is not None


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """All models; ``memory`` is the machine's main memory in bytes, None where it cannot be known.

    ``styles`` says for families that take a style image what must be downloaded for that; empty: nothing.  ``maps``
    are the models that see the maps of pictures, ``networks`` the ids of those that read a form and are here.
    """

    items: tuple[Item, ...]
    folder: Path
    memory: int | None = None
    mine: Item | None = None
    by_key: dict[str, Item] = field(default_factory=dict)
    styles: dict[str, str] = field(default_factory=dict)
    maps: tuple[Item, ...] = ()
    networks: frozenset[str] = frozenset()

    def find(self, key: str) -> Item | None:
        """The model that a request calls so."""
        if self.mine is not None and self.mine.key == key:
            return self.mine
        return self.by_key.get(key)


def look(options: ModelOptions, mine: str = "") -> Shelf:
    """Look at the disk now.

    Args:
        options: where models lie.
        mine: a folder, file or hub id that the user has given, wherever it is.

    Raises:
        StorageError: the machine's settings or the catalogue are damaged.
    """
    chosen = options.settings()
    items = [_of_row(row, chosen) for row in catalog_rows.rows()]
    hubs = {item.hub for item in items}
    for found in model_store.scan(chosen):
        # What sees maps is no model to draw with.
        if found.hub in hubs or map_rows.is_map_model(found.path):
            continue
        item = _of_path(found.path, found.hub, chosen)
        if item is not None:
            items.append(item)
    return Shelf(
        items=tuple(items),
        folder=model_store.download_folder(chosen),
        memory=memory_bytes(),
        mine=_given(mine, chosen) if mine else None,
        by_key={item.key: item for item in items},
        styles=_styles(chosen),
        maps=tuple(_of_row(row.download_row(), chosen) for row in map_rows.rows()),
        networks=frozenset(
            row.id for row in control_rows.rows() if control_rows.on_disk(row.hub, row.file, chosen) is not None
        ),
    )


def _styles(chosen: Settings) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in style_models.rows():
        lacking = "" if model_store.find(row.hub, file=row.file, chosen=chosen) else row.id
        if not lacking and row.encoder_hub:
            lacking = "" if model_store.find(row.encoder_hub, file="config.json", chosen=chosen) else row.encoder_hub
        for family in row.families:
            found[family] = found[family] and lacking if family in found else lacking
    return found


def find(items: Iterable[Item], words: str, *, here: bool) -> list[Item]:
    """Those whose name, hub id, family or licence hold every word; ``here`` only those on this machine."""
    wanted = words.lower().split()
    kept = []
    for item in items:
        row = item.row
        text = f"{item.name} {item.hub} {item.key}" + (f" {row.family} {row.licence} {row.note}" if row else "")
        if (item.here or item.unfinished or not here) and all(word in text.lower() for word in wanted):
            kept.append(item)
    # What can be used at once stands first.
    return sorted(kept, key=lambda item: not item.here)


def _of_row(row: CatalogRow, chosen: Settings) -> Item:
    path = model_store.find(row.hub, file=row.file, chosen=chosen)
    base = catalog_rows.find(row.base) if row.base else None
    whole = model_store.find(base.hub, chosen=chosen) if base is not None else path
    return Item(
        key=row.id,
        name=row.name,
        row=row,
        hub=row.hub,
        path=path,
        unfinished=0 if path else model_store.unfinished_bytes(row.hub, chosen),
        # Also what was left of a download, or a configuration alone.
        own=model_store.deletable(path, chosen) if path else model_store.own_folder(row.hub, chosen) is not None,
        previews=_previews(whole, chosen) if path else "",
        capabilities=capabilities.of_row(row),
    )


def _previews(folder: Path | None, chosen: Settings) -> str:
    """The small decoder that suits the autoencoder in a folder and is not here; empty for none."""
    if folder is None or not (folder / "vae" / "config.json").is_file():
        return ""
    try:
        config = storage.read_json(folder / "vae" / "config.json")
    except StorageError:
        return ""
    hub = preview_decoders.for_autoencoder(config) if config.get("_class_name") == "AutoencoderKL" else ""
    return "" if not hub or model_store.find(hub, file=preview_decoders.WEIGHTS, chosen=chosen) else hub


def _of_path(path: Path, hub: str, chosen: Settings) -> Item | None:
    """A model that lies there; None for a file that is none."""
    row = catalog_rows.find(hub) if hub else None
    if path.is_file():
        known = _of_file(path, chosen)
        return None if known is None or known.problem else known
    return Item(
        key=hub or str(path),
        name=hub or path.name,
        row=row,
        hub=hub,
        path=path,
        own=model_store.deletable(path, chosen),
        previews=_previews(path, chosen),
        capabilities=_able(path, row),
    )


def _of_file(path: Path, chosen: Settings) -> Item | None:
    try:
        kind = identify(path)
    except ModelInvalidError as error:
        return Item(key=str(path), name=path.stem, path=path, problem=str(error))
    if kind.kind not in (CHECKPOINT, DENOISER):
        return None
    rows = [row for row in catalog_rows.rows() if row.family == kind.family and not row.part]
    found = capabilities.of_pipeline(rows[0].pipeline) if rows else capabilities.UNKNOWN
    # Its own autoencoder is one of its family's.
    folders = (model_store.find_configuration(row.hub, chosen) for row in rows)
    previews = _previews(next((folder for folder in folders if folder is not None), None), chosen)
    return Item(key=str(path), name=path.stem, path=path, previews=previews, capabilities=found)


def _given(mine: str, chosen: Settings) -> Item:
    path = Path(mine).expanduser()
    if path.is_file():
        return replace(_of_file(path, chosen) or Item(key=mine, name=path.stem, path=path), key=mine)
    if path.is_dir():
        hub = model_store.hub_of(path)
        row = catalog_rows.find(hub) if hub else None
        previews = _previews(path, chosen)
        return Item(key=mine, name=path.name, row=row, path=path, previews=previews, capabilities=_able(path, row))
    row = catalog_rows.find(mine)
    if row is not None:
        return replace(_of_row(row, chosen), key=mine)
    if not catalog_rows.is_hub_id(mine):
        return Item(key=mine, name=path.name)
    where = model_store.find(mine, chosen=chosen)
    return Item(
        key=mine,
        name=mine,
        hub=mine,
        path=where,
        unfinished=0 if where else model_store.unfinished_bytes(mine, chosen),
        own=model_store.deletable(where, chosen) if where else model_store.own_folder(mine, chosen) is not None,
        previews=_previews(where, chosen),
        capabilities=_able(where) if where else capabilities.UNKNOWN,
    )


def _able(folder: Path, row: CatalogRow | None = None) -> Capabilities:
    return capabilities.of_row(row) if row is not None else capabilities.of_pipeline(_pipeline(folder))


def _pipeline(folder: Path) -> str:
    for name in model_store.INDEX_NAMES:
        if (folder / name).is_file():
            try:
                return str(storage.read_json(folder / name).get("_class_name", ""))
            except StorageError:
                return ""
    return ""


class Watcher:
    """Keeps a :class:`Shelf` fresh while somebody looks at it."""

    def __init__(self) -> None:
        self.shelf: Shelf | None = None
        self.error = ""
        self._key: tuple[object, ...] = ()
        self._at = 0.0
        self._asked = False
        self._told = True
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether the thread looks at the disk now."""
        return self._thread is not None and self._thread.is_alive()

    def see(self, mine: str = "") -> Shelf | None:
        """What was found, None before the first look; has the thread look again when that is old.

        Args:
            mine: see :func:`look`.
        """
        options = preferences.model_options()
        key = (options, mine)
        if not self.busy and (self._asked or key != self._key or time.monotonic() - self._at > _OLD):
            self._asked, self._told, self._key = False, False, key
            self._thread = threading.Thread(target=self._run, args=key, name="texloom-shelf", daemon=True)
            self._thread.start()
            bridge.get().wake()
        return self.shelf

    def look_again(self) -> None:
        """Something has changed on the disk; may be called from any thread."""
        self._asked = True

    def looked(self, mine: str = "") -> Shelf:
        """What is on the disk now; waits for it, for scripts.

        Raises:
            StorageError: as :func:`look`.
        """
        options = preferences.model_options()
        self.shelf, self.error = look(options, mine), ""
        self._key, self._at, self._asked = (options, mine), time.monotonic(), False
        return self.shelf

    def turn(self) -> bool:
        """One turn of the add-on's timer: have the panels drawn when there is something new."""
        if self.busy:
            return True
        if not self._told:
            self._told = True
            redraw()
        return False

    def close(self) -> None:
        """Wait for the thread's end."""
        if self._thread is not None:
            self._thread.join(5.0)

    def _run(self, options: ModelOptions, mine: str) -> None:
        try:
            self.shelf, self.error = look(options, mine), ""
        except TexloomError as error:
            self.error = str(error)
        except Exception as error:  # noqa: BLE001 - boundary: the panel must say it rather than wait for ever
            self.error = faults.told(error)
        self._at = time.monotonic()


_watcher = Watcher()


def watcher() -> Watcher:
    """The one watcher of this Blender."""
    return _watcher


def capabilities_of(settings: Any) -> Capabilities:
    """What the model chosen in the panel heeds; reads no file besides the catalogue, which stays in memory."""
    key = settings.model_id
    if settings.model in BUILT_IN:
        return capabilities.INSTANT if settings.model == INSTANT else capabilities.LEARNED
    row = catalog_rows.find(key) if key else None
    if row is not None:
        return capabilities.of_row(row)
    known = _watcher.shelf.find(key) if _watcher.shelf is not None else None
    return known.capabilities if known is not None else capabilities.UNKNOWN


def register() -> None:
    """Let the add-on's timer tell what is new."""
    bridge.get().extras.append(_watcher.turn)


def unregister() -> None:
    """Take that back."""
    if _watcher.turn in bridge.get().extras:
        bridge.get().extras.remove(_watcher.turn)
    _watcher.close()
