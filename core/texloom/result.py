# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished job on disk, and what it keeps of the pictures that it was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import RequestError, StorageError
from .request import GenerationRequest
from .storage import read_manifest, storage_error


@dataclass(frozen=True, kw_only=True, slots=True)
class Variation:
    """One of a result's variations: ``files`` by map name, sizes in metres, the parameters it was drawn with."""

    index: int
    seed: int
    files: Mapping[str, Path]
    tile_width_m: float
    tile_height_m: float
    parameters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """A finished job on disk; ``manifest`` is the content of the folder's ``manifest.json``."""

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def read(cls, folder: str | Path) -> Result:
        """Read a result from its folder or its manifest.

        Raises:
            StorageError: the manifest or a file is missing or damaged.
        """
        path = Path(folder)
        if path.is_file():
            path = path.parent
        return cls(folder=path, manifest=read_manifest(path))

    @property
    def request(self) -> GenerationRequest:
        """The request that made it.

        Raises:
            StorageError: it cannot be read by this version.
        """
        try:
            return GenerationRequest.from_dict(self.manifest["request"])
        except RequestError as error:
            raise StorageError(f"The request in {self.folder} cannot be read: {error}") from error

    @property
    def source(self) -> Path | None:
        """The copy of the picture that it was made from; None for a result of words alone.

        Raises:
            StorageError: the copy is missing or was changed.
        """
        return self._kept("source")

    @property
    def mask(self) -> Path | None:
        """The copy of the mask that told where it was drawn; None without one.  Errors as :attr:`source`."""
        return self._kept("mask")

    @property
    def controls(self) -> tuple[Path, ...]:
        """The copies of the pictures whose form it follows, in order.  Errors as :attr:`source`."""
        found = (self._kept(f"control_{number}") for number in range(len(self.request.controls)))
        return tuple(path for path in found if path is not None)

    @property
    def source_maps(self) -> Mapping[str, Path]:
        """The copies of the other maps that it was upscaled from, by name.  Errors as :attr:`source`."""
        given = self.manifest.get("request", {}).get("source_maps", {})
        kept = {name: self._kept(f"source_{name}") for name in given}
        return {name: path for name, path in kept.items() if path is not None}

    @property
    def style_image(self) -> Path | None:
        """The copy of the picture that gave its style; None without one.  Errors as :attr:`source`."""
        return self._kept("style_image")

    def pictures(self, leave_out: Collection[str] = ()) -> dict[str, Path]:
        """The copies of all pictures that it was made from, named as in :attr:`GenerationRequest.pictures`.

        Those of the fields ``leave_out`` of the request are not looked at.  Errors as :attr:`source`.
        """
        found = {}
        for name in self.request.pictures:
            field = "controls" if name.startswith("control_") else name
            field = "source_maps" if name.startswith("source_") else field
            path = None if field in leave_out else self._kept(name)
            if path is not None:
                found[name] = path
        return found

    def _kept(self, name: str) -> Path | None:
        entry = self.manifest.get(name)
        if not isinstance(entry, Mapping):
            return None
        path = self.folder / Path(str(entry.get("file", ""))).name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise storage_error("read", path, error) from error
        if hashlib.sha256(data).hexdigest() != entry.get("sha256"):
            raise StorageError(f"{path} was changed since the result was made from it.")
        return path

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user was told, in plain words."""
        return tuple(str(item.get("message", "")) for item in self.manifest.get("warnings", ()))

    @property
    def variations(self) -> tuple[Variation, ...]:
        """All variations in order."""
        return tuple(
            Variation(
                index=item["index"],
                seed=item["seed"],
                files={name: self.folder / entry["file"] for name, entry in item["maps"].items()},
                tile_width_m=item.get("tile_width_m", 0.0),
                tile_height_m=item.get("tile_height_m", 0.0),
                parameters=item.get("parameters", {}),
            )
            for item in self.manifest["results"]
        )

    def files(self, index: int = 0) -> Mapping[str, Path]:
        """Map name → file of variation ``index``.

        Raises:
            IndexError: there is no such variation.
        """
        return self.variations[index].files
