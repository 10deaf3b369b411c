# SPDX-License-Identifier: GPL-3.0-or-later
"""What a download of a model would be, before anything is loaded; and what of it is there already."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .. import model_store, storage
from ..catalog_rows import CatalogRow
from ..control_rows import ControlRow
from ..errors import DownloadError, ModelNotFoundError, StorageError
from ..model_store import PARTIAL, RECORD
from .hub import Hub, Listing, RemoteFile
from .lock import FolderLock

RECORD_SCHEMA: Final = 1
BLOCK: Final = 1024 * 1024
_DOUBTED: Final = "doubted"
_PICKLES: Final = frozenset({".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle"})
_CONFIGURATION: Final = frozenset({".json", ".txt", ".model", ".md", ".jinja", ".tiktoken", ""})
_UNUSED_FOLDERS: Final = ("safety_checker", "feature_extractor")
_INDEX_LIMIT: Final = 1024 * 1024
_SHARD: Final = re.compile(r"-\d+-of-\d+$")


@dataclass(frozen=True, kw_only=True)
class DownloadPlan:
    """What a download would do: nothing has been loaded yet.

    Attributes:
        listing: what the hub has.
        files: the files wanted.
        folder: where they go.
        missing: those that are not there yet.
        bytes: size of all files wanted.
        missing_bytes: how much is still to load.
    """

    listing: Listing
    files: tuple[RemoteFile, ...]
    folder: Path
    missing: tuple[RemoteFile, ...]
    configuration_only: bool = False
    partial: dict[str, int] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """See the class."""
        return sum(file.size for file in self.files)

    @property
    def missing_bytes(self) -> int:
        """See the class."""
        return sum(file.size - min(file.size, self.partial.get(file.key, 0)) for file in distinct(self.missing))


def plan(
    hub: Hub,
    model: str,
    *,
    row: CatalogRow | ControlRow | None = None,
    revision: str = "",
    root: Path | None = None,
    configuration_only: bool = False,
    check: Callable[[], None] = lambda: None,
) -> DownloadPlan:
    """Ask the hub what a download of ``model`` would be.

    Args:
        hub: where from.
        model: owner/name.
        row: its row in the catalogue, which may name the files wanted and the revision.
        revision: a branch, tag or commit; empty: the row's, else the newest.
        root: the model folder; default: the first of the settings.
        configuration_only: only the small files, to open a single-file checkpoint of that family with.
        check: called often while files that are there already are compared; may raise to stop.

    Raises:
        As ``Hub.list``; DownloadError: there is nothing in it that Texloom can use.
    """
    listing = hub.list(model, revision or (row.revision if row else ""))
    folder = model_store.folder_for(model, root or model_store.download_folder())
    globs = (row.only, row.skip) if row else ((), ())
    files = select(listing.files, *globs)
    check()
    parts = _part_names(hub, listing, files, folder)
    if parts is not None:
        files = select(listing.files, *globs, parts)
    if configuration_only:
        files = tuple(file for file in files if Path(file.name).suffix in _CONFIGURATION)
    if not files:
        pickled = any(Path(file.name).suffix in _PICKLES for file in listing.files)
        raise DownloadError(
            f"{model} holds no safetensors weights."
            + (" It holds pickle files, which can run any program." if pickled else ""),
            advice="Choose another model.",
        )
    missing = tuple(file for file in files if not in_place(folder / file.name, file, folder, lambda _: check()))
    partial = {file.key: size_of(aside_path(folder, file)) for file in missing}
    return DownloadPlan(
        listing=listing,
        files=files,
        folder=folder,
        missing=missing,
        configuration_only=configuration_only,
        partial={key: size for key, size in partial.items() if size},
    )


def select(
    files: Sequence[RemoteFile],
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    parts: Collection[str] | None = None,
) -> tuple[RemoteFile, ...]:
    """The files of a repository that the engine reads.

    Weights as safetensors in the folders of the parts, half precision where there is the choice; configurations and
    tokenizers; the licence.  No pickles, no other frameworks' formats, no checker that is never loaded.

    Args:
        files: all there are.
        only, skip: glob patterns, as of a row.
        parts: folders to take files from, besides those that lie in none; None: all.
    """
    chosen = [file for file in files if not only or any(fnmatch.fnmatch(file.name, glob) for glob in only)]
    chosen = [file for file in chosen if not any(fnmatch.fnmatch(file.name, glob) for glob in skip)]
    if parts is not None:
        chosen = [file for file in chosen if "/" not in file.name or file.name.partition("/")[0] in parts]
    diffusers = any(file.name in model_store.INDEX_NAMES for file in chosen)
    kept = []
    for file in chosen:
        path = Path(file.name)
        if path.suffix == ".safetensors":
            # Beside a diffusers folder lie copies of the same weights in one file.
            wanted = bool(only) or not diffusers or len(path.parts) == 2
        else:
            wanted = path.suffix in _CONFIGURATION and not path.name.startswith(".") and len(path.parts) <= 2
        if wanted and path.parts[0] not in _UNUSED_FOLDERS:
            kept.append(file)
    weights = [file for file in kept if file.name.endswith(".safetensors")]
    others = _other_variants(weights)
    return tuple(file for file in kept if file.name not in others) if weights or only else ()


def part_names(index: bytes) -> frozenset[str] | None:
    """The folders that an index (``model_index.json``) takes parts from; None where it does not tell.

    Repositories hold more than them: the same text encoders for other programs, older decoders.
    """
    try:
        data = json.loads(index)
    except (ValueError, RecursionError):
        return None
    names = [
        name
        for name, value in (data.items() if isinstance(data, dict) else ())
        if isinstance(value, list) and len(value) == 2 and all(isinstance(item, str) for item in value)
    ]
    return frozenset(names) or None


def _part_names(hub: Hub, listing: Listing, files: Sequence[RemoteFile], folder: Path) -> frozenset[str] | None:
    """As :func:`part_names`, of the index that is there already, else the hub's."""
    index = next((file for file in files if file.name == model_store.INDEX_NAMES[0]), None)
    if index is None or index.size > _INDEX_LIMIT:
        return None
    path = folder / index.name
    if in_place(path, index, folder):
        try:
            return part_names(path.read_bytes())
        except OSError as error:
            raise storage.storage_error("read", path, error) from error
    try:
        return part_names(hub.read(listing, index))
    except ModelNotFoundError:
        # Size and terms are told all the same; the download itself says who is refused.
        return None


def _other_variants(weights: Sequence[RemoteFile]) -> set[str]:
    """Weights of another precision than the one taken: fp16, then bf16, where every part has it; else the plain."""
    tags: dict[str, dict[str, list[str]]] = {}
    for file in weights:
        path = Path(file.name)
        tag = _SHARD.sub("", path.stem).partition(".")[2]
        tags.setdefault(str(path.parent), {}).setdefault(tag, []).append(file.name)
    for wanted in ("fp16", "bf16", ""):
        if all(wanted in found for found in tags.values()):
            return {name for found in tags.values() for tag, names in found.items() if tag != wanted for name in names}
    return set()


def verify(folder: Path, tell: Callable[[float], None] = lambda fraction: None) -> tuple[str, ...]:
    """Names of the files of a downloaded model that are missing or not as they were loaded.

    Raises:
        StorageError: the folder has no record of a download, or a file cannot be read.
    """
    record = storage.read_versioned(folder / RECORD, schema=RECORD_SCHEMA)
    files = [RemoteFile(name=name, **entry) for name, entry in record["files"].items()]
    total, done, wrong = max(1, sum(file.size for file in files)), 0, []
    for file in files:
        path = folder / file.name
        if size_of(path) != file.size or FileHash(file).read(path) != file.key:
            wrong.append(file.name)
        done += file.size
        tell(done / total)
    return tuple(wrong)


def doubt(folder: Path, names: Iterable[str]) -> None:
    """Have no record vouch for these files of a downloaded model, so that its next download loads what is wrong anew.

    The record still names them: they are this download's own.

    Raises:
        StorageError: the folder has no record of a download, it is being downloaded now, or it cannot be written.
    """
    lock = FolderLock(folder / PARTIAL / "lock")
    try:
        (folder / PARTIAL).mkdir(exist_ok=True)
    except OSError as error:
        raise storage.storage_error("write", folder / PARTIAL, error) from error
    if not lock.take():
        raise StorageError(f"{folder.name} is being downloaded now.", advice="Check it again when that is done.")
    try:
        record = storage.read_versioned(folder / RECORD, schema=RECORD_SCHEMA)
        doubted = {*names, *_doubted(record)} & set(record["files"])
        storage.write_json_atomic(folder / RECORD, record | {_DOUBTED: sorted(doubted)})
    finally:
        lock.free()


class FileHash:
    """Of a file's content, as the hub gives it."""

    def __init__(self, file: RemoteFile) -> None:
        self._digest = file.digest()

    def read(self, path: Path, tell: Callable[[int], None] = lambda count: None) -> str:
        """The hash of that file; empty when it is not there.

        ``tell`` is called with the size of each block; may raise to stop.
        """
        try:
            with open(path, "rb") as stream:
                while block := stream.read(BLOCK):
                    self._digest.update(block)
                    tell(len(block))
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise storage.storage_error("read", path, error) from error
        return self._digest.hexdigest()


def in_place(path: Path, file: RemoteFile, folder: Path, tell: Callable[[int], None] = lambda count: None) -> bool:
    """Whether a file is in its place; files are put there only when they are whole.

    ``tell`` as of :meth:`FileHash.read`, which is asked where no record vouches for the file, or it was found wrong.
    """
    if size_of(path) != file.size or not path.is_file():
        return False
    known = recorded(folder, vouched=True).get(file.name)
    if known is not None:
        return known == file.key
    return FileHash(file).read(path, tell) == file.key


def recorded(folder: Path, name: str = RECORD, *, vouched: bool = False) -> dict[str, str]:
    """Files and their hashes as the folder's last whole download had them, by the record of that name.

    ``vouched`` leaves out those that :func:`doubt` was told of since.
    """
    try:
        record = storage.read_versioned(folder / name, schema=RECORD_SCHEMA)
        left_out = _doubted(record) if vouched else frozenset()
        files = {name: entry for name, entry in record["files"].items() if name not in left_out}
        return {name: entry["sha256"] or entry["git_sha1"] for name, entry in files.items()}
    except (StorageError, KeyError, TypeError, AttributeError):
        return {}


def _doubted(record: Mapping[str, Any]) -> frozenset[str]:
    names = record.get(_DOUBTED)
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()


def distinct(files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """One file of each content: repositories hold the same vocabulary twice."""
    return list({file.key: file for file in files}.values())


def aside_path(folder: Path, file: RemoteFile) -> Path:
    """Where a file grows until it is whole."""
    return folder / PARTIAL / file.key


def size_of(path: Path) -> int:
    """Bytes of a file; 0 when it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
