# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``texloom models`` says of the networks that read depth, normals and lines beside a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from . import control_rows
from .cli_show import Show
from .control_rows import ControlRow

EXIT_OK: Final = 0
COMMERCIAL: Final[Mapping[str, str]] = {
    "yes": "commercial use",
    "limited": "commercial use with conditions",
    "no": "NON-COMMERCIAL",
    "unknown": "commercial use unclear",
}
"""A row's field ``commercial`` in words."""


def list_rows(show: Show) -> None:
    """A line for each network."""
    for row in control_rows.rows():
        where = control_rows.on_disk(row.hub, row.file)
        show.data(described(row))
        size = "on disk" if where else row.size if row.download_bytes else "? GB"
        kinds = ", ".join(row.kinds)
        show.line(f"{row.id:22} {size:>8}  {row.name}: {kinds} ({row.licence}; {COMMERCIAL[row.commercial]})")


def described(row: ControlRow) -> dict[str, Any]:
    """A row as JSON types, with where it lies."""
    data: dict[str, Any] = {name: getattr(row, name) for name in ControlRow.__slots__}
    data = {name: list(value) if isinstance(value, tuple) else value for name, value in data.items()}
    where = control_rows.on_disk(row.hub, row.file)
    return data | {
        "kind": "control",
        "download_bytes": row.download_bytes,
        "terms": list(row.terms),
        "path": str(where) if where else "",
    }


def show_row(row: ControlRow, show: Show) -> int:
    """All about one network; returns the exit status."""
    where = control_rows.on_disk(row.hub, row.file)
    show.data(described(row))
    lines = {
        "Name": row.name,
        "Hub": f"https://huggingface.co/{row.hub}",
        "On disk": str(where) if where else f"no; download: {row.size}",
        "Licence": f"{row.licence} ({COMMERCIAL[row.commercial]})",
        "Reads": ", ".join(row.kinds),
        "For": ", ".join(row.models) or f"all models of the family {row.family}",
    }
    show.facts(lines, (row.note, *row.terms))
    return EXIT_OK
