# SPDX-License-Identifier: GPL-3.0-or-later
"""Image adapters: small networks that let a model take over the look of a picture, and where they lie.

An adapter (IP-Adapter, arXiv 2308.06721) is a file of weights for the layers of one family of models, together with
an image encoder that another repository may hold.  Everything here reads headers and configurations only.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from . import catalog_rows, model_store, storage
from .catalog_rows import CatalogRow
from .errors import ModelInvalidError, ModelNotFoundError, StorageError
from .weights_header import SAFETENSORS, read_header

ENCODER: Final = "image_encoder"
"""Folder of the image encoder beside an adapter's file."""

FACES: Final = ("faceid", "face-id", "face")
"""Adapters of these names look at faces and leave everything else out."""

_PROJECTIONS: Final = ("image_proj.", "ip_adapter_proj_model.")
_LAYERS: Final = ("ip_adapter.", "double_blocks.")
_DEPTH: Final = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class StyleRow:
    """One adapter that Texloom knows; the fields are described in ``models/catalog.toml``."""

    id: str
    name: str
    hub: str
    families: tuple[str, ...]
    width: int
    file: str
    encoder: str
    licence: str
    commercial: str
    gigabytes: float

    @property
    def encoder_hub(self) -> str:
        """The repository of the image encoder, where it is another one; else empty."""
        return "" if self.encoder.split("/")[-1] == ENCODER else self.encoder

    def download_row(self) -> CatalogRow:
        """The same as a row for downloads, with its terms: its files, and those of its repository's other adapters.

        A repository is one folder on disk, whose record would let go of what a download does not name.
        """
        together = [row for row in rows() if row.hub == self.hub]
        only = ["README.md", "LICENSE*", *(row.file for row in together)]
        only += dict.fromkeys(f"{row.encoder}/*" for row in together if not row.encoder_hub)
        return catalog_rows.beside(
            key=self.id,
            name=self.name,
            hub=self.hub,
            part="image_adapter",
            licence=self.licence,
            commercial=self.commercial,
            gated="no",
            billions=self.gigabytes / 2.0,
            family=self.families[0],
            only=tuple(only),
            file=self.file,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Adapter:
    """An adapter on this machine.

    Attributes:
        file: its weights.
        encoder: folder of the image encoder.
        shapes: of all its tensors.
    """

    file: Path
    encoder: Path
    shapes: Mapping[str, tuple[int, ...]]


@functools.cache
def rows() -> tuple[StyleRow, ...]:
    """All adapters that Texloom knows, in the order of the file.

    Raises:
        StorageError: the file is damaged.
    """
    try:
        data = tomllib.loads(catalog_rows.FILE.read_text(encoding="utf-8"))
        found = []
        for entry in data.get("image_adapter", ()):
            found.append(StyleRow(**{**entry, "families": tuple(entry["families"])}))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StorageError(f"{catalog_rows.FILE} cannot be read: {error}.", advice="Install Texloom again.") from error
    return tuple(found)


def find(key: str) -> StyleRow | None:
    """The row with that id; None when there is none."""
    return next((row for row in rows() if row.id == key), None)


def download_row(key: str) -> CatalogRow | None:
    """The row for a download of the adapter with that id, or of that hub id; None when there is none."""
    row = find(key) or next((row for row in rows() if row.hub == key), None)
    return row.download_row() if row is not None else None


def families() -> tuple[str, ...]:
    """The families for which Texloom knows an adapter."""
    return tuple(dict.fromkeys(name for row in rows() for name in row.families))


def takers() -> str:
    """Names of models that can take a style from a picture, for advice."""
    known = families()
    names = [row.id for row in catalog_rows.rows() if row.family in known and "ip_adapter" in row.abilities]
    return ", ".join(names)


def locate(wanted: str, family: str, width: int, model: str) -> Adapter:
    """The adapter that a request names, or the one that suits its model.

    Args:
        wanted: an id of :func:`rows`, a hub id, a folder or a file; empty: what suits.
        family: of the model.
        width: of the model's layers that look at words, which tells adapters of a folder apart.
        model: its name, for messages.

    Raises:
        ModelNotFoundError: it is not on this machine.
        ModelInvalidError: it is no adapter for this model, is pickled, or its image encoder is missing.
    """
    if not wanted:
        return _suiting(family, width, model)
    row = find(wanted)
    if row is not None:
        return _of_row(row)
    path = Path(wanted).expanduser()
    if path.is_file():
        return adapter_of(path.resolve())
    if not path.is_dir() and catalog_rows.is_hub_id(wanted):
        path = next((folder for folder in _hub_folders(wanted)), path)
        if not path.is_dir():
            raise ModelNotFoundError(
                f"{wanted} is not on this machine.",
                advice=f"Download it first: texloom models download {wanted}",
                download=wanted,
            )
    if not path.is_dir():
        raise ModelNotFoundError(
            f"style_model: there is no file or folder {wanted}.",
            advice=f"Give an adapter's .safetensors file, its folder, a hub id, or one of {_names(family)}.",
        )
    return _in_folder(path.resolve(), width, model)


def adapter_of(file: Path) -> Adapter:
    """A file with its image encoder, which lies beside it, as repositories have them.

    Raises:
        ModelInvalidError: it is no adapter, looks at faces only, or there is no image encoder that fits it.
    """
    shapes = adapter_shapes(file)
    for folder in _encoders(file):
        if _fits(folder, shapes):
            return Adapter(file=file, encoder=folder, shapes=shapes)
    kind, number = _input(shapes)
    told = f"{file.name} needs an image encoder whose layers have {number} numbers, and there is none beside it."
    if kind == "projection_dim":
        told = f"{file.name} needs an image encoder whose output has {number} numbers, and there is none beside it."
    raise ModelInvalidError(told, advice="Put the encoder's folder, named image_encoder, beside the file.")


def adapter_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of an adapter's tensors.

    Raises:
        ModelInvalidError: pickled, damaged, no adapter, or one for faces.
    """
    shapes, _ = read_header(file)
    if not _is_adapter(shapes):
        raise ModelInvalidError(
            f"{file.name} is no image adapter.",
            advice="A style needs an IP-Adapter as .safetensors, with layers named image_proj and ip_adapter.",
        )
    recognised = "image_proj.proj.2.weight" in shapes and "image_proj.proj.3.weight" not in shapes
    if recognised or "image_proj.perceiver_resampler.proj_in.weight" in shapes:
        raise ModelInvalidError(
            f"{file.name} looks at faces by a program that the engine does without.",
            advice="Choose an IP-Adapter for whole pictures.",
        )
    return shapes


def config_of(encoder: Path) -> dict[str, Any]:
    """The configuration of an image encoder; of a CLIP with text, that of its half for pictures.

    Raises:
        ModelInvalidError: there is none.
    """
    try:
        data = storage.read_json(encoder / "config.json")
    except StorageError as error:
        raise ModelInvalidError(error.message, advice="Download the image encoder again.") from error
    inner = data.get("vision_config")
    if not isinstance(inner, dict):
        return data
    shared = {"projection_dim": data["projection_dim"]} if "projection_dim" in data else {}
    return {**inner, **shared, "model_type": inner.get("model_type", data.get("model_type"))}


def _suiting(family: str, width: int, model: str) -> Adapter:
    known = [row for row in rows() if family in row.families and row.width == width]
    for row in known:
        if _folder_of(row) is not None:
            return _of_row(row)
    # Folders that somebody put into a model folder under a name of their own.
    for root in model_store.model_folders():
        for folder in (root / "ip-adapter", root / "IP-Adapter", root / "ipadapter"):
            if folder.is_dir():
                return _in_folder(folder, width, model)
    if not known:
        raise ModelNotFoundError(
            f"style_model: no image adapter for {model} is known.",
            advice=f"Give the file of one, or choose a model with a style: {takers()}.",
        )
    raise ModelNotFoundError(
        " ".join((f"{known[0].name}, which a style needs, is not on this machine.", *known[0].download_row().terms)),
        advice=f"Download it first (about {known[0].gigabytes:.0f} GB): texloom models download {known[0].id}",
        download=known[0].id,
    )


def _of_row(row: StyleRow) -> Adapter:
    folder = _folder_of(row)
    if folder is None:
        raise ModelNotFoundError(
            " ".join((f"{row.name} is not on this machine.", *row.download_row().terms)),
            advice=f"Download it first (about {row.gigabytes:.0f} GB): texloom models download {row.id}",
            download=row.id,
        )
    file = folder / row.file
    shapes = adapter_shapes(file)
    if row.encoder_hub:
        encoder = model_store.find(row.encoder_hub, file="config.json")
        if encoder is None:
            raise ModelNotFoundError(
                f"{row.name} needs the image encoder {row.encoder_hub}, which is not on this machine.",
                advice=f"Download it first: texloom models download {row.encoder_hub}",
                download=row.encoder_hub,
            )
        return Adapter(file=file, encoder=encoder, shapes=shapes)
    return Adapter(file=file, encoder=folder / row.encoder, shapes=shapes)


def _folder_of(row: StyleRow) -> Path | None:
    return model_store.find(row.hub, file=row.file)


def _hub_folders(hub: str) -> Iterator[Path]:
    """Folders of that repository that hold an adapter, whatever its file is called."""
    for root in model_store.model_folders():
        folder = model_store.folder_for(hub, root)
        if folder.is_dir():
            yield folder
    cached = model_store.hub_cache() / f"models--{hub.replace('/', '--')}" / "snapshots"
    if cached.is_dir():
        yield from sorted(folder for folder in cached.iterdir() if folder.is_dir())


def _in_folder(folder: Path, width: int, model: str) -> Adapter:
    """The plainest adapter in a folder that fits a model: of several the one with the shortest name."""
    files = sorted(
        (file for file in folder.rglob(f"*{SAFETENSORS}") if len(file.relative_to(folder).parts) <= _DEPTH),
        key=lambda file: (len(file.name), str(file)),
    )
    lacking: ModelInvalidError | None = None
    for file in files:
        if any(word in file.name.lower() for word in FACES):
            continue
        shapes, _ = read_header(file)
        if not _is_adapter(shapes) or not _width_fits(shapes, width):
            continue
        try:
            return adapter_of(file)
        except ModelInvalidError as error:
            lacking = lacking or error
    if lacking is not None:
        raise lacking
    raise ModelInvalidError(
        f"{folder} holds no image adapter for {model}.",
        advice="Give the .safetensors file of an IP-Adapter that was made for this model.",
    )


def _is_adapter(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    return any(name.startswith(_PROJECTIONS) for name in shapes) and any(name.startswith(_LAYERS) for name in shapes)


def _width_fits(shapes: Mapping[str, tuple[int, ...]], width: int) -> bool:
    keys = [shape for name, shape in shapes.items() if "to_k_ip" in name or "k_proj.weight" in name]
    return not keys or any(len(shape) == 2 and shape[1] == width for shape in keys)


def _input(shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, int]:
    """Which number of an image encoder's configuration must be what, for its output to fit the adapter."""
    named = {name.split(".", 1)[1]: shape for name, shape in shapes.items() if name.startswith(_PROJECTIONS)}
    if "proj.weight" in named:
        return "projection_dim", named["proj.weight"][-1]
    if "proj_in.weight" in named:
        return "hidden_size", named["proj_in.weight"][-1]
    if "proj.0.weight" in named:
        return "hidden_size", named["proj.0.weight"][-1]
    return "hidden_size", 0


def _fits(encoder: Path, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    if not (encoder / "config.json").is_file():
        return False
    key, number = _input(shapes)
    return bool(config_of(encoder).get(key) == number)


def _encoders(file: Path) -> Iterator[Path]:
    """Where image encoders lie: beside the file, or in a folder beside its folder (h94/IP-Adapter)."""
    yield file.parent / ENCODER
    yield file.parent.parent / ENCODER
    for name in ("models", "sdxl_models"):
        yield file.parent.parent / name / ENCODER
    for row in rows():
        if row.encoder_hub:
            found = model_store.find(row.encoder_hub, file="config.json")
            if found is not None:
                yield found


def _names(family: str) -> str:
    return ", ".join(row.id for row in rows() if family in row.families) or ", ".join(row.id for row in rows())
