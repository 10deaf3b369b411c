# SPDX-License-Identifier: GPL-3.0-or-later
"""Where models lie on this machine: the user's model folders, and the cache that Hugging Face's programs share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import catalog_rows, settings, storage
from .errors import StorageError
from .gguf_header import SUFFIX as GGUF
from .runtime.lock import FolderLock
from .weights_header import SAFETENSORS

INDEX_NAMES: Final = ("model_index.json", "modular_model_index.json")
RECORD: Final = ".texloom-download.json"
"""Written into a folder when its download is whole: hub id, revision, and the hash of every file."""

CONFIGURATION_RECORD: Final = ".texloom-configuration.json"
"""The same where only the configuration was asked for, which makes no model."""

PARTIAL: Final = ".texloom-partial"
"""Folder of the files that are not whole yet."""

_RECORDS: Final = (RECORD, CONFIGURATION_RECORD)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A model on disk: a folder, or a single file."""

    path: Path
    hub: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.hub or self.path.name


def model_folders(chosen: settings.Settings | None = None) -> tuple[Path, ...]:
    """Folders of models, in the order to look: the settings', and the one that downloads go to last.

    ``TEXLOOM_MODELS`` (separated as in ``PATH``) comes before the settings.
    """
    texts = [text for text in os.environ.get("TEXLOOM_MODELS", "").split(os.pathsep) if text]
    texts += (chosen or settings.load()).model_folder_list
    folders = [Path(text).expanduser() for text in texts]
    return (*dict.fromkeys(folders), storage.home() / "models")


def download_folder(chosen: settings.Settings | None = None) -> Path:
    """Where downloads go: the first of the model folders."""
    return model_folders(chosen)[0]


def folder_for(hub: str, root: Path) -> Path:
    """The folder of a hub's model below ``root``."""
    return root / hub.replace("/", "--")


def hub_cache() -> Path:
    """The cache that Hugging Face's programs share, by their own environment variables."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(name):
            return Path(os.environ[name]).expanduser()
    if os.environ.get("HF_HOME"):
        return Path(os.environ["HF_HOME"]).expanduser() / "hub"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "huggingface" / "hub"


def find(hub: str, *, file: str = "", commit: str = "", chosen: settings.Settings | None = None) -> Path | None:
    """The folder of a model of the hub on this machine, or None.

    Args:
        hub: owner/name.
        file: look for a folder with this file instead of a diffusers folder.
        commit: how the hub's commit begins that it must be of; empty: any.
        chosen: the settings that name the model folders; default those of this machine.
    """
    for folder in _places(hub, chosen):
        if commit and not commit_of(folder).startswith(commit):
            continue
        if file:
            if (folder / file).is_file():
                return folder
        elif is_model(folder):
            return folder
    return None


def find_configuration(hub: str, chosen: settings.Settings | None = None) -> Path | None:
    """A folder of that model with at least its configuration, which a download may give alone."""
    return next((folder for folder in _places(hub, chosen) if (folder / INDEX_NAMES[0]).is_file()), None)


def is_model(folder: Path) -> bool:
    """Whether it is a diffusers folder that no download is still filling."""
    if not any((folder / name).is_file() for name in INDEX_NAMES):
        return False
    lacking = (folder / PARTIAL).is_dir() or (folder / CONFIGURATION_RECORD).is_file()
    return (folder / RECORD).is_file() or not lacking


def is_preview_decoder(folder: Path) -> bool:
    """Whether it holds a tiny autoencoder, which decodes previews and draws nothing by itself."""
    try:
        return storage.read_json(folder / "config.json").get("_class_name") == "AutoencoderTiny"
    except StorageError:
        return False


def hub_of(folder: Path) -> str:
    """The hub id of a folder, by its record, its place in the cache, or its name; "" when it cannot be told."""
    if (folder / RECORD).is_file():
        try:
            return str(storage.read_json(folder / RECORD).get("hub", ""))
        except StorageError:
            return ""
    if folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--"):
        return folder.parent.parent.name.removeprefix("models--").replace("--", "/", 1)
    if "--" in folder.name:
        return folder.name.replace("--", "/", 1)
    # A copy usually keeps the repository's name.
    for row in catalog_rows.rows():
        if row.hub.split("/")[1].lower() == folder.name.lower():
            return row.hub
    return ""


def commit_of(folder: Path) -> str:
    """The hub's commit that a folder is of, by its record or its place in the cache; "" when it cannot be told."""
    if (folder / RECORD).is_file():
        try:
            return str(storage.read_json(folder / RECORD).get("revision", ""))
        except StorageError:
            return ""
    return folder.name if folder.parent.name == "snapshots" else ""


def scan(chosen: settings.Settings | None = None) -> tuple[Found, ...]:
    """All models in the model folders (two levels deep) and the cache; folders that cannot be read are left out."""
    found: dict[Path, Found] = {}
    for root in model_folders(chosen):
        for path in _inside(root):
            if path.is_dir() and is_model(path):
                found[path] = Found(path=path, hub=hub_of(path))
            elif path.suffix in (SAFETENSORS, GGUF) and path.is_file() and not _of_a_part(path):
                found[path] = Found(path=path)
    for repository in _entries(hub_cache()):
        if repository.name.startswith("models--"):
            hub = repository.name.removeprefix("models--").replace("--", "/", 1)
            snapshot = next((folder for folder in _snapshots(hub) if is_model(folder)), None)
            if snapshot is not None:
                found[snapshot] = Found(path=snapshot, hub=hub)
    return tuple(found.values())


def _of_a_part(path: Path) -> bool:
    """Whether a file of weights belongs to a model's folder, or to that of a single network."""
    return (path.parent / "config.json").is_file() or any(is_model(folder) for folder in path.parents)


def unfinished_bytes(hub: str, chosen: settings.Settings | None = None) -> int:
    """How much of a model a download has left on this machine that was not finished; 0 where there is none."""
    for root in model_folders(chosen):
        parts = folder_for(hub, root) / PARTIAL
        size = sum(path.stat().st_size for path in _entries(parts) if path.is_file())
        if size:
            return size
    return 0


def deletable(folder: Path, chosen: settings.Settings | None = None) -> bool:
    """Whether Texloom has loaded that folder, whole or in part, into a model folder, so that it may delete it."""
    own = (folder / PARTIAL).is_dir() or any((folder / name).is_file() for name in _RECORDS)
    return own and folder.parent in model_folders(chosen)


def own_folder(hub: str, chosen: settings.Settings | None = None) -> Path | None:
    """The first folder of a hub's model that Texloom has loaded, whole or in part; None where there is none."""
    places = (folder_for(hub, root) for root in model_folders(chosen))
    return next((place for place in places if deletable(place, chosen)), None)


def delete(folder: Path, chosen: settings.Settings | None = None) -> int:
    """Delete what was downloaded into a model's folder; other files in it stay.

    The first file to go is what makes it a model, the last one its record: whoever is stopped in between can go on.

    Args:
        folder: of the model, as :func:`find` gives it.
        chosen: as for :func:`find`.

    Returns:
        How many bytes are free again.

    Raises:
        StorageError: Texloom did not download it, it is being downloaded now, or a file may not be deleted.
    """
    if not deletable(folder, chosen):
        raise StorageError(
            f"{folder} was not downloaded by Texloom into a model folder, so it stays.",
            advice="Delete it with the program that put it there.",
        )
    parts = folder / PARTIAL
    try:
        parts.mkdir(exist_ok=True)
    except OSError as error:
        raise storage.storage_error("write", parts, error) from error
    lock = FolderLock(parts / "lock")
    if not lock.take():
        raise StorageError(f"{folder.name} is being downloaded now.", advice="Cancel the download first.")
    try:
        freed = _delete_files(folder)
    finally:
        lock.free()
    _delete_file(parts / "lock")
    for name in _RECORDS:
        _delete_file(folder / name)
    for empty in (*sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True), folder):
        try:
            empty.rmdir()
        except OSError:
            continue  # somebody's own files are in it
    return freed


def _delete_files(folder: Path) -> int:
    names: list[str] = []
    for record in _RECORDS:
        if (folder / record).is_file():
            recorded = storage.read_json(folder / record).get("files", {})
            names += [name for name in recorded if isinstance(name, str)] if isinstance(recorded, dict) else []
    paths = [folder / name for name in sorted(names, key=lambda name: name not in INDEX_NAMES)]
    # A record that was tampered with must not reach beyond its folder.
    paths = [path for path in paths if path.resolve().is_relative_to(folder.resolve())]
    paths += [path for path in _entries(folder / PARTIAL) if path.name != "lock"]
    return sum(_delete_file(path) for path in paths)


def _delete_file(path: Path) -> int:
    """Delete a file; its size, 0 where it was gone already."""
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise storage.storage_error("delete", path, error) from error
    return size


def _places(hub: str, chosen: settings.Settings | None = None) -> Iterator[Path]:
    owner, name = hub.split("/", 1)
    for root in model_folders(chosen):
        yield folder_for(hub, root)
        yield root / owner / name
        if root.name.lower() == name.lower():
            yield root
        yield root / name
    yield from _snapshots(hub)


def _snapshots(hub: str) -> Iterator[Path]:
    repository = hub_cache() / f"models--{hub.replace('/', '--')}"
    try:
        newest = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        newest = ""
    snapshots = _entries(repository / "snapshots")
    # The one that "main" points to, then any other.
    yield from sorted(snapshots, key=lambda folder: (folder.name != newest, folder.name))


def _inside(root: Path) -> Iterator[Path]:
    for entry in _entries(root):
        yield entry
        if entry.is_dir() and not is_model(entry):
            yield from _entries(entry)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:
        return []
