# SPDX-License-Identifier: GPL-3.0-or-later
"""An index of all results on disk: fast with thousands, told of changes, kept between runs.

A result is read again only when its folder or manifest has changed.  :meth:`LibraryIndex.scan` may run in a thread
while others use what is known so far.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from . import __version__, storage
from .errors import StorageError
from .library_entry import Notes, looks_like_result, read_notes
from .library_search import fold, haystack, matches, needles
from .storage import MANIFEST_NAME, read_manifest, storage_error

SORTS: Final = ("NEWEST", "OLDEST", "NAME")
KINDS: Final = ("material", "texture", "reference", "broken")
_CACHE_SCHEMA: Final = 1
# So many results are read again before the cache is written again.
_CACHE_AFTER: Final = 40
# Clocks of file systems are coarse, up to two seconds: what changed just now may change again unseen.
_COARSE: Final = 2.0
# In a thread, rest often: while it holds the interpreter, Blender cannot draw.
_WORK, _REST = 0.002, 0.001
_WORDS_IN_NAME = re.compile(r"\d{8}-\d{6}-(.+)-[0-9A-Za-z_]{1,8}(?:-\d+)?")
_STAMP_IN_NAME = re.compile(r"(\d{8}-\d{6})-")


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """One variation; ``picture`` is the name of a file that shows it, the thumbnail where there is one."""

    index: int
    seed: int
    picture: str
    family: str = ""
    title: str = ""
    tile_width_m: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """What is known of a result without opening it; ``error`` says what is wrong with a broken one.

    ``time`` is in seconds since 1970, ``kind`` one of the request's kinds (empty when broken), ``width`` and
    ``height`` are pixels.  ``notes_error`` says why the notes could not be read; the result itself may be sound.
    """

    folder: Path
    stamp: tuple[int, int, int] = (0, 0, 0)
    time: float = 0.0
    prompt: str = ""
    kind: str = ""
    model: str = ""
    model_name: str = ""
    licence: str = ""
    width: int = 0
    height: int = 0
    seed: int = 0
    shots: tuple[Shot, ...] = ()
    notes: Notes = field(default_factory=Notes)
    notes_error: str = ""
    error: str = ""
    hay: str = ""

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def title(self) -> str:
        """The prompt; of a broken result what the folder's name tells of it."""
        found = _WORDS_IN_NAME.fullmatch(self.name)
        return self.prompt or (found[1].replace("-", " ") if found is not None else self.name)

    @property
    def broken(self) -> bool:
        """Whether it cannot be used."""
        return bool(self.error)

    @property
    def families(self) -> tuple[str, ...]:
        """Titles of the families of its variations."""
        return tuple(dict.fromkeys(shot.title for shot in self.shots if shot.title))

    def shot(self, index: int) -> Shot | None:
        """Variation ``index``, or None."""
        return next((shot for shot in self.shots if shot.index == index), None)

    def picture(self, index: int = 0) -> Path | None:
        """A file that shows variation ``index`` (or else the first); None when there is none."""
        shot = self.shot(index) or (self.shots[0] if self.shots else None)
        return self.folder / shot.picture if shot is not None and shot.picture else None


def find(
    cards: Sequence[Card], search: str = "", *, favourites: bool = False, kind: str = "", sort: str = "NEWEST"
) -> list[Card]:
    """The results that match, in order.

    Args:
        cards: all results.
        search: every word must be the beginning of a word of prompt, family, model, tags or date (see
            :mod:`.library_search`).
        favourites: favourites only.
        kind: ``material``, ``texture``, ``reference`` or ``broken``; empty for all.
        sort: ``NEWEST``, ``OLDEST`` or ``NAME``.

    Raises:
        ValueError: ``kind`` or ``sort`` is none of these.
    """
    if kind and kind not in KINDS:
        raise ValueError(f"kind: must be one of {', '.join(KINDS)}, got {kind!r}.")
    if sort not in SORTS:
        raise ValueError(f"sort: must be one of {', '.join(SORTS)}, got {sort!r}.")
    words = needles(search)
    found = [
        card
        for card in cards
        if (not favourites or card.notes.favourite)
        and (not kind or (card.broken if kind == "broken" else card.kind == kind))
        and matches(card.hay, words)
    ]
    found.sort(key=lambda card: (card.time, card.name), reverse=sort != "OLDEST")
    if sort == "NAME":
        found.sort(key=lambda card: fold(card.title))
    return found


class LibraryIndex:
    """All results of one library.

    Args:
        path: the library's folder; a missing one is empty.
        cache: file that keeps the index between runs; None keeps none.
    """

    def __init__(self, path: Path, cache: Path | None = None) -> None:
        self.path = path
        self.revision = 0
        self._cache = cache
        self._cards: dict[str, Card] = {}
        self._list: tuple[int, tuple[Card, ...]] = (-1, ())
        self._lock = threading.Lock()
        self._scanning = threading.Lock()
        self._seen: int | None = None
        self._unsaved = 0
        self._loaded = False

    @property
    def cards(self) -> tuple[Card, ...]:
        """All results that are known so far, in no order."""
        with self._lock:
            if self._list[0] != self.revision:
                self._list = (self.revision, tuple(self._cards.values()))
            return self._list[1]

    def get(self, name: str) -> Card | None:
        """The result in the folder of that name, or None."""
        return self._cards.get(name)

    def changed(self) -> bool:
        """Whether results came or went since the last scan; asks for one time stamp only."""
        return self._seen is None or _changed_at(self.path) != self._seen

    def scan(
        self,
        *,
        stop: Callable[[], bool] | None = None,
        progress: Callable[[int, int], None] | None = None,
        gently: bool = False,
    ) -> None:
        """Read what is new or has changed, forget what is gone.  One scan at a time; others wait for it.

        Args:
            stop: asked now and then; True ends the scan early.
            progress: told how many of how many results are looked at.
            gently: rest often, for a thread beside an interface.

        Raises:
            StorageError: the folder cannot be read.
        """
        with self._scanning:
            if not self._loaded:
                self._load_cache()
                self._loaded = True
            seen = _changed_at(self.path)
            settled = time.time() - seen / 1e9 > _COARSE
            names = self._names()
            began = time.perf_counter()
            for number, name in enumerate(names):
                if gently and time.perf_counter() - began > _WORK:
                    time.sleep(_REST)
                    began = time.perf_counter()
                if stop is not None and number % 16 == 0 and stop():
                    return
                if progress is not None and number % 16 == 0:
                    progress(number, len(names))
                self.look(name)
            with self._lock:
                gone = self._cards.keys() - set(names)
                for name in gone:
                    del self._cards[name]
                self.revision += bool(gone)
                self._unsaved += len(gone)
            self._seen = seen if settled else None
            if progress is not None:
                progress(len(names), len(names))
            if self._unsaved >= _CACHE_AFTER:
                self.save()

    def look(self, name: str) -> Card | None:
        """Read one result again if it has changed; None when it is gone or no result."""
        folder = self.path / name
        stamp = _stamp(folder)
        known = self._cards.get(name)
        if known is not None and known.stamp == stamp:
            return known
        card = read_card(folder, stamp) if stamp is not None else None
        with self._lock:
            if card is not None:
                self._cards[name] = card
            elif self._cards.pop(name, None) is None:
                return None
            self.revision += 1
            self._unsaved += 1
        return card

    def _names(self) -> list[str]:
        try:
            with os.scandir(self.path) as found:
                names = [item.name for item in found if not item.name.startswith(".") and item.is_dir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise storage_error("read", self.path, error) from error
        # Names begin with the time: the newest are shown first.
        return sorted(names, reverse=True)

    def save(self) -> None:
        """Write the cache; never raises, as everything can be read again."""
        if self._cache is None or not self._unsaved:
            return
        lines = [json.dumps(_cache_head(self.path))]
        for card in self.cards:
            lines.append(json.dumps(asdict(replace(card, folder=Path(card.name))), default=str))
        with contextlib.suppress(StorageError):
            storage.write_bytes_atomic(self._cache, "\n".join(lines).encode(), durable=False)
        self._unsaved = 0

    def _load_cache(self) -> None:
        if self._cache is None:
            return
        try:
            lines = self._cache.read_bytes().splitlines()
            if not lines or json.loads(lines[0]) != _cache_head(self.path):
                return
            cards = [_from_cache(json.loads(line), self.path) for line in lines[1:]]
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return  # it is only a copy
        with self._lock:
            self._cards = {card.name: card for card in cards} | self._cards
            self.revision += 1


def cache_file(library: Path) -> Path:
    """Where the index of a library is kept on this machine."""
    digest = hashlib.sha256(os.path.abspath(library).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return storage.home() / "cache" / f"library-{digest}.jsonl"


def open_index(library: Path) -> LibraryIndex:
    """The index of a library, with its cache on this machine."""
    return LibraryIndex(library, cache_file(library))


def read_card(folder: Path, stamp: tuple[int, int, int] = (0, 0, 0)) -> Card | None:
    """Look at one result; a broken one is a card with an error.  None when the folder is something else."""
    notes, notes_error = Notes(), ""
    try:
        notes = read_notes(folder)
    except StorageError as error:
        notes_error = str(error)
    base = Card(folder=folder, stamp=stamp, time=_time_of(folder, stamp), notes=notes, notes_error=notes_error)
    try:
        data = read_manifest(folder)
        shots = tuple(_shot(item, folder) for item in data["results"])
        if not shots:
            raise StorageError(f"{folder / MANIFEST_NAME} is damaged: it holds no results.")
        if len({shot.index for shot in shots}) < len(shots):
            raise StorageError(f"{folder / MANIFEST_NAME} is damaged: two variations have the same number.")
    except StorageError as error:
        if not (folder / MANIFEST_NAME).is_file() and not looks_like_result(folder):
            return None
        words = (folder.name, *notes.tags, *_dates(base.time))
        return replace(base, error=str(error), hay=haystack(words))
    request, model = data["request"], _mapping(data.get("model"))
    card = replace(
        base,
        time=_created(data.get("created")) or base.time,
        prompt=_text(request.get("prompt")),
        kind=_text(request.get("kind")) or "material",
        model=_text(model.get("id")) or _text(request.get("model")),
        model_name=_text(model.get("name")),
        licence=_text(model.get("licence")),
        width=_whole(request.get("width")),
        height=_whole(request.get("height")),
        seed=_whole(request.get("seed")),
        shots=shots,
    )
    words = (card.prompt, *card.families, *(shot.family for shot in shots), card.model, card.model_name, *notes.tags)
    return replace(card, hay=haystack((*words, card.kind, *_dates(card.time))))


def _shot(item: Mapping[str, Any], folder: Path) -> Shot:
    path = folder / MANIFEST_NAME
    index = item.get("index")
    if isinstance(index, bool) or not isinstance(index, int) or index < 0:
        raise StorageError(f"{path} is damaged: a variation has no number.")
    maps = item["maps"]
    if not maps:
        raise StorageError(f"{path} is damaged: variation {index + 1} holds no maps.")
    picture = item.get("thumbnail")
    # A manifest may come from anybody: files of its own folder and nothing else.
    if not isinstance(picture, str) or Path(picture).name != picture or not storage.is_file(folder / picture):
        # Of a version that made no thumbnails, or it was deleted.
        picture = maps[next((name for name in ("base_color", "image") if name in maps), next(iter(maps)))]["file"]
    parameters, family = _mapping(item.get("parameters")), _mapping(_mapping(item.get("reading")).get("family"))
    name = _text(family.get("name")) or _text(parameters.get("family"))
    title = _text(family.get("title")) or name.replace("_", " ").capitalize()
    width = item.get("tile_width_m")
    return Shot(
        index=index, seed=_whole(item.get("seed")), picture=picture, family=name, title=title,
        tile_width_m=float(width) if isinstance(width, (int, float)) and not isinstance(width, bool) else 0.0,
    )  # fmt: skip


def _stamp(folder: Path) -> tuple[int, int, int] | None:
    """What changes with a result: its manifest, and which files are in its folder.  None when it is gone."""
    try:
        inside = os.stat(folder)
    except OSError:
        return None
    try:
        manifest = os.stat(folder / MANIFEST_NAME)
    except OSError:
        return (0, 0, inside.st_mtime_ns)
    return (manifest.st_mtime_ns, manifest.st_size, inside.st_mtime_ns)


def _changed_at(path: Path) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _time_of(folder: Path, stamp: tuple[int, int, int]) -> float:
    """When a result was made, by the name of its folder, or else when the folder was last changed."""
    found = _STAMP_IN_NAME.match(folder.name)
    if found is not None:
        with contextlib.suppress(ValueError, OverflowError, OSError):
            return datetime.strptime(found[1], "%Y%m%d-%H%M%S").timestamp()
    return stamp[2] / 1e9


def _created(value: object) -> float:
    if not isinstance(value, str):
        return 0.0
    try:
        return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def _dates(when: float) -> tuple[str, ...]:
    try:
        return (datetime.fromtimestamp(when).strftime("%Y-%m-%d"),)
    except (ValueError, OverflowError, OSError):
        return ()


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    # Lone surrogates, which JSON may hold, cannot be shown.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _cache_head(library: Path) -> dict[str, Any]:
    return {"schema": _CACHE_SCHEMA, "texloom": __version__, "library": os.path.abspath(library)}


def _from_cache(data: dict[str, Any], library: Path) -> Card:
    return Card(
        **data
        | {
            "folder": library / data["folder"],
            "stamp": tuple(data["stamp"]),
            "shots": tuple(Shot(**item) for item in data["shots"]),
            "notes": Notes(**data["notes"] | {"tags": tuple(data["notes"]["tags"])}),
        }
    )
