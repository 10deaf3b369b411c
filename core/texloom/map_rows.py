# SPDX-License-Identifier: GPL-3.0-or-later
"""The models that see the maps of pictures (Marigold) that Texloom knows by name, from its catalogue."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import catalog_rows, model_store, storage
from .catalog_rows import CatalogRow
from .errors import StorageError

SEES: Final = ("normals", "appearance", "depth")


@dataclass(frozen=True, kw_only=True, slots=True)
class MapRow:
    """One model; the fields are described in ``models/catalog.toml``."""

    id: str
    name: str
    hub: str
    pipeline: str
    sees: str
    billions: float
    licence: str
    commercial: str
    gated: str
    note: str = ""

    def download_row(self) -> CatalogRow:
        """The same as a row for downloads."""
        return catalog_rows.beside(
            key=self.id,
            name=self.name,
            hub=self.hub,
            part="map_model",
            licence=self.licence,
            commercial=self.commercial,
            gated=self.gated,
            billions=self.billions,
            pipeline=self.pipeline,
            note=self.note,
        )


@functools.cache
def rows() -> tuple[MapRow, ...]:
    """All models, in the order of the file.

    Raises:
        StorageError: the file is damaged.
    """
    try:
        data = tomllib.loads(catalog_rows.FILE.read_text(encoding="utf-8"))
        return tuple(MapRow(**entry) for entry in data.get("map_model", ()))
    except (OSError, ValueError, TypeError) as error:
        raise StorageError(f"{catalog_rows.FILE} cannot be read: {error}.", advice="Install Texloom again.") from error


def find(name: str) -> MapRow | None:
    """The row with that id, or else that hub id; None when there is none."""
    return next((row for row in rows() if name in (row.id, row.hub)), None)


def is_map_model(folder: Path) -> bool:
    """Whether a diffusers folder holds a model that sees maps, and draws nothing by itself."""
    for name in model_store.INDEX_NAMES:
        if (folder / name).is_file():
            try:
                return str(storage.read_json(folder / name).get("_class_name", "")).startswith("Marigold")
            except StorageError:
                return False
    return False
