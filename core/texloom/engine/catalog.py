# SPDX-License-Identifier: GPL-3.0-or-later
"""From a request's ``model`` to the generator that draws it.

A model is named by its id in the catalogue, by its id on the hub, or by its path: a diffusers folder, or a single
file.  Behind an ``@`` an id may say which commit of the hub it must be.  Nothing is downloaded here: that is asked for
on its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from .. import catalog_rows, model_store
from ..catalog_rows import CatalogRow
from ..errors import ModelNotFoundError
from .generator import Generator
from .text_encoder import TextEncoder

INSTANT: Final = "instant"
LEARNED: Final = "learned"
IMAGE: Final = "image"
IDS: Final = (INSTANT, LEARNED, IMAGE)
"""Models that come with Texloom."""

LEARNED_FOLDER: Final = Path(__file__).parents[1] / "models" / LEARNED


def model_key(model: str) -> str:
    """The same text for the same model, however it is named; errors as :func:`create`."""
    if model in IDS:
        return model
    name, commit = catalog_rows.pinned(model)
    row = catalog_rows.find(name)
    if row is not None and row.part:
        return f"{row.id}@{commit}" if commit else row.id
    return str(_on_disk(row.hub, row, commit=commit) if row is not None else _path(model))


def create(model: str, encoder: TextEncoder) -> Generator:
    """Make the generator of a catalogue id, a hub id, or the folder or file at that path.  Reads no weights.

    Raises:
        ModelNotFoundError: there is no such model, or it is not on this machine.
        ModelInvalidError: the folder or file cannot be used.
    """
    # Either kind brings libraries that the other does without.
    if model == INSTANT:
        from .instant import InstantGenerator

        return InstantGenerator(encoder)
    if model == IMAGE:
        from .from_image import ImageGenerator

        return ImageGenerator()
    from .diffusers_folder import DiffusersFolderGenerator

    if model == LEARNED:
        return DiffusersFolderGenerator(LEARNED_FOLDER, encoder=encoder, built_in=LEARNED)
    name, commit = catalog_rows.pinned(model)
    row = catalog_rows.find(name)
    if row is not None and row.part:
        base = catalog_rows.find(row.base)
        assert base is not None
        file = _on_disk(row.hub, row, file=row.file, commit=commit) / row.file
        return DiffusersFolderGenerator(_on_disk(base.hub, base), row=row, file=file, part=row.part)
    path = _on_disk(row.hub, row, commit=commit) if row is not None else _path(model)
    if path.is_file():
        from .single_file import open_file

        return open_file(path)
    hub = model_store.hub_of(path)
    return DiffusersFolderGenerator(path, row=row or (catalog_rows.find(hub) if hub else None), encoder=encoder)


def missing(hub: str, row: CatalogRow | None = None, *, commit: str = "") -> ModelNotFoundError:
    """The error for a model that must be downloaded first, with the way to do it."""
    if commit:
        return ModelNotFoundError(
            f"{row.name if row is not None else hub} of the commit {commit} is not on this machine.",
            advice=f"Download it first: texloom models download {row.id if row is not None else hub}@{commit}",
        )
    if row is None:
        return ModelNotFoundError(
            f"{hub} is not on this machine.", advice=f"Download it first: texloom models download {hub}", download=hub
        )
    size = f"about {row.download_bytes / 1e9:.0f} GB" if row.download_bytes > 1e9 else "less than 1 GB"
    return ModelNotFoundError(
        " ".join((f"{row.name} is not on this machine.", *row.terms)),
        advice=f"Download it first ({size}): texloom models download {row.id}",
        download=row.id,
    )


def _on_disk(hub: str, row: CatalogRow | None, *, file: str = "", commit: str = "") -> Path:
    found = model_store.find(hub, file=file, commit=commit)
    if found is None:
        raise missing(hub, row, commit=commit)
    return found.resolve()


def _path(model: str) -> Path:
    path = Path(model).expanduser()
    if path.is_dir() or path.is_file():
        return path.resolve()
    name, commit = catalog_rows.pinned(model)
    if catalog_rows.is_hub_id(name):
        return _on_disk(name, None, commit=commit)
    if path.parent == Path() and not model.startswith((".", "~")):
        raise ModelNotFoundError(
            f"There is no model {model!r}.",
            advice=f"Choose {', '.join(IDS)}, a name that texloom models lists, a hub id like owner/name, "
            "or the path of a diffusers folder or .safetensors file.",
        )
    raise ModelNotFoundError(
        f"There is no folder or file {model}.",
        advice=f"Choose a diffusers folder or .safetensors file that exists, or the model {', '.join(IDS)}.",
    )
