# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's catalogue file of an asset library, ``blender_assets.cats.txt`` (no bpy).

The format is that of Blender's manual ("Asset Catalogs"): UTF-8, a line ``VERSION 1``, lines ``UUID:path:simple name``,
comments after ``#``.  Lines of others stay as they are, in their order.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ..core.texloom.errors import StorageError
from ..core.texloom.storage import storage_error, write_bytes_atomic

FILE_NAME: Final = "blender_assets.cats.txt"
ROOT: Final = "Texloom"
NONE: Final = "00000000-0000-0000-0000-000000000000"
"""The catalogue of an asset that has none."""

_VERSION: Final = 1
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "texloom:asset-catalogues")
_SIMPLE_LENGTH: Final = 63
_BOM: Final = "\ufeff"


def path_of(title: str) -> str:
    """The catalogue of a family of materials, by its title; the root where that is empty."""
    # These separate catalogues, and the columns of the file.
    clean = " ".join(re.sub(r"[/\\:\x00-\x1f]+", " ", title).split())
    return f"{ROOT}/{clean}" if clean else ROOT


def id_of(path: str) -> str:
    """The UUID of a catalogue, the same on every machine."""
    return str(uuid.uuid5(_NAMESPACE, path))


def add(file: Path, path: str) -> str:
    """See that a catalogue file has a catalogue, and its parents; returns the UUID for assets in it.

    A catalogue that somebody made under this path is used.  One that somebody moved elsewhere stays there.

    Args:
        file: the catalogue file; it is made when missing.
        path: like ``Texloom/Brick wall``.

    Raises:
        StorageError: the file is no text, of a newer version, or could not be read or written; it is left as it is.
    """
    text = _read(file)
    names = path.split("/")
    merged, found = _merge(text, ["/".join(names[: count + 1]) for count in range(len(names))], file)
    if merged != text:
        write_bytes_atomic(file, merged.encode())
    return found[-1]


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise storage_error("read", file, error) from error
    except UnicodeDecodeError as error:
        raise StorageError(
            f"{file} is no text in UTF-8, so no catalogue can be added.", advice="Repair or rename the file."
        ) from error


def _merge(text: str, paths: Sequence[str], file: Path) -> tuple[str, list[str]]:
    """The text with what is missing, and the UUID of each path."""
    if not text.strip(_BOM + " \t\r\n"):
        text = f"# This is an Asset Catalog Definition file for Blender.\n\nVERSION {_VERSION}\n\n"
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines()
    significant = [
        number
        for number, line in enumerate(lines)
        if line.strip(_BOM + " \t") and not line.lstrip(_BOM).startswith("#")
    ]
    first = lines[significant[0]].strip(_BOM + " \t") if significant else ""
    if first.startswith("VERSION"):
        version = first.removeprefix("VERSION").strip()
        if version != str(_VERSION):
            raise StorageError(
                f"{file} has version {version}; this Texloom writes version {_VERSION}.", advice="Update Texloom."
            )
    else:
        lines.insert(significant[0] if significant else len(lines), f"VERSION {_VERSION}")
    by_path: dict[str, str] = {}
    known: set[str] = set()
    for line in lines:
        columns = line.strip().split(":")
        if len(columns) >= 2 and not line.startswith("#") and _is_uuid(columns[0]):
            by_path.setdefault(columns[1].strip().strip("/"), columns[0].strip().lower())
            known.add(columns[0].strip().lower())
    found = []
    for path in paths:
        identity = by_path.get(path) or id_of(path)
        if path not in by_path and identity not in known:
            lines.append(f"{identity}:{path}:{path.replace('/', '-')[:_SIMPLE_LENGTH]}")
        found.append(identity)
    merged = end.join(lines) + end
    return (merged if lines != text.splitlines() else text), found


def _is_uuid(text: str) -> bool:
    try:
        return bool(uuid.UUID(text.strip()))
    except ValueError:
        return False
