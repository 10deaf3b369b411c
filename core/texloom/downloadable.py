# SPDX-License-Identifier: GPL-3.0-or-later
"""All that Texloom knows by name and can download: models, and the networks, adapters and decoders beside them."""

from __future__ import annotations

from pathlib import Path

from . import catalog_rows, control_rows, map_rows, model_store, preview_decoders, settings, style_models
from .catalog_rows import CatalogRow


def find(key: str) -> CatalogRow | None:
    """What is called so, by its id or hub id, as a row for downloads; None where nothing is.

    Raises:
        StorageError: the catalogue is damaged.
    """
    row = catalog_rows.find(key) or style_models.download_row(key) or preview_decoders.download_row(key)
    if row is None:
        other = control_rows.find(key) or map_rows.find(key)
        row = other.download_row() if other is not None else None
    return row


def on_disk(row: CatalogRow, chosen: settings.Settings | None = None) -> Path | None:
    """The folder of what a row names, on this machine; None where it is missing or half loaded."""
    if row.part == "control":
        return control_rows.on_disk(row.hub, row.file, chosen)
    return model_store.find(row.hub, file=row.file, chosen=chosen)
