# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks that read depth, normals or lines (ControlNets) that Texloom knows by name, from its catalogue."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from . import catalog_rows, model_store
from .catalog_rows import CatalogRow
from .errors import RequestError, StorageError
from .settings import Settings

CONFIGURATION: Final = "config.json"
"""Every diffusers folder of one network has it."""

_GIGA: Final = 10**9


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlRow:
    """One network; the fields are described in ``models/catalog.toml``."""

    id: str
    name: str
    hub: str
    family: str
    kinds: tuple[str, ...]
    licence: str
    commercial: str
    gated: str
    billions: float = 0.0
    bytes_per_weight: float = 2.0
    models: tuple[str, ...] = ()
    red_is_left: bool = False
    revision: str = ""
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    opens: bool = True
    base: str = ""
    file: str = ""
    note: str = ""

    @property
    def download_bytes(self) -> int:
        """About how much there is to download, 0 where that is not known; the hub tells exactly."""
        return round(self.billions * _GIGA * self.bytes_per_weight)

    @property
    def size(self) -> str:
        """The same in words."""
        return f"{self.download_bytes / _GIGA:.1f} GB" if self.download_bytes else "size not known"

    @property
    def terms(self) -> tuple[str, ...]:
        """As of a model's row."""
        return catalog_rows.terms(self)

    def download_row(self) -> CatalogRow:
        """The same as a row for downloads."""
        return catalog_rows.beside(
            key=self.id,
            name=self.name,
            hub=self.hub,
            part="control",
            licence=self.licence,
            commercial=self.commercial,
            gated=self.gated,
            billions=self.billions,
            bytes_per_weight=self.bytes_per_weight,
            family=self.family,
            revision=self.revision,
            only=self.only,
            skip=self.skip,
            needs=self.needs,
            opens=self.opens,
            file=self.file,
            note=self.note,
        )

    def suits(self, family: str, kind: str, model: str) -> bool:
        """Whether it reads pictures of that kind for a model of the catalogue (empty: one that is not in it)."""
        return self.family == family and kind in self.kinds and (not self.models or not model or model in self.models)


@functools.cache
def rows() -> tuple[ControlRow, ...]:
    """All networks, in the order of the file: the first that suits is the one taken.

    Raises:
        StorageError: the file is damaged.
    """
    try:
        data = tomllib.loads(catalog_rows.FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError(f"{catalog_rows.FILE} cannot be read: {error}.", advice="Install Texloom again.") from error
    return tuple(_row(entry) for entry in data.get("control", ()))


def find(name: str) -> ControlRow | None:
    """The row with that id, or else that hub id; None when there is none."""
    return next((row for row in rows() if name in (row.id, row.hub)), None)


def suiting(family: str, kind: str, model: str = "") -> tuple[ControlRow, ...]:
    """The rows that suit a model; arguments as :meth:`ControlRow.suits`."""
    return tuple(row for row in rows() if row.suits(family, kind, model))


def on_disk(hub: str, file: str = "", chosen: Settings | None = None) -> Path | None:
    """Where a network of the hub lies on this machine; None where it is missing or half loaded.

    Args:
        hub: owner/name.
        file: its weights, where they are one file without a configuration.
        chosen: the settings that name the model folders; default those of this machine.
    """
    folder = model_store.find(hub, file=file or CONFIGURATION, chosen=chosen)
    if folder is None:
        return None
    loading = (folder / model_store.PARTIAL).is_dir() and not (folder / model_store.RECORD).is_file()
    return None if loading else folder


def cannot_follow(name: str) -> RequestError:
    """The error for a model that reads no pictures of a form."""
    able = ", ".join(row.name for row in catalog_rows.rows() if row.opens and "control" in row.abilities)
    return RequestError(
        f"controls: {name} cannot follow a picture of depth, normals or lines.",
        advice=f"Choose one of these models: {able}.",
    )


def _row(entry: Mapping[str, Any]) -> ControlRow:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
    try:
        return ControlRow(**values)
    except TypeError as error:
        raise StorageError(f"{catalog_rows.FILE} is damaged ({error}) at {values.get('id')!r}.") from error
