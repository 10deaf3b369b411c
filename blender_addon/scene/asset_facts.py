# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written on an asset: name, description, tags, catalogue, the picture that shows it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import bpy

from ..core.texloom import library_entry, storage
from ..core.texloom.errors import StorageError
from ..core.texloom.library_index import Card, read_card
from ..core.texloom.storage import read_manifest
from ..translations import iface
from . import adjust, catalogue
from .result import ResultImages

AUTHOR: Final = "Texloom"

THUMBNAIL: Final = "00_thumbnail.png"
"""What the engine calls the small picture of a result's first variation."""

_MOST_TAGS: Final = 16
# Words of a prompt that name nothing.
_EMPTY_WORDS: Final = frozenset(
    "a an and are as at by for from has in into is it its of on or over some the to under very with without".split()
)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is written on an asset; ``picture`` is a file that shows it."""

    name: str
    description: str
    tags: tuple[str, ...]
    catalogue: str = catalogue.ROOT
    author: str = AUTHOR
    picture: Path | None = None
    request_id: str = ""
    index: int = 0

    def extended(self, tags: Sequence[str], author: str) -> Facts:
        """The same with further tags and another author."""
        return dataclasses.replace(self, tags=library_entry.clean_tags([*self.tags, *tags]), author=author)


def facts_of_result(folder: Path, index: int = 0) -> Facts:
    """The facts of one variation of a result on disk.

    Raises:
        StorageError: it is damaged, or has no such variation.
    """
    result = ResultImages.from_manifest(folder, index)
    card = read_card(folder)
    manifest = read_manifest(folder)
    assert card is not None, "its manifest was read just now"
    item = next(item for item in manifest["results"] if item.get("index", 0) == index)
    shot = card.shot(index)
    title = shot.title if shot is not None else ""
    return Facts(
        name=result.name,
        description=_description(result.prompt, result.seed, card.model_name or result.model, result.licence),
        tags=_tags(title, item, result.prompt, card),
        catalogue=catalogue.path_of(title),
        picture=card.picture(index),
        request_id=result.request_id,
        index=index,
    )


def facts_of_material(material: bpy.types.Material) -> Facts:
    """The facts of a material that Texloom made, from its result where that is still there, or else from its notes.

    Raises:
        StorageError: Texloom did not make it.
    """
    noted: Any = material
    if "texloom_prompt" not in noted:
        raise StorageError(iface("{name} was not made by Texloom.").format(name=material.name))
    manifest = Path(str(noted.get("texloom_manifest", "")))
    prompt, index = str(noted["texloom_prompt"]), int(noted.get("texloom_index", 0))
    if manifest.name == storage.MANIFEST_NAME:
        with contextlib.suppress(StorageError):
            return _as_tuned(material, dataclasses.replace(facts_of_result(manifest.parent, index), name=material.name))
    return Facts(
        name=material.name,
        description=_description(
            prompt, noted.get("texloom_seed", ""), noted.get("texloom_model", ""), noted.get("texloom_licence", "")
        ),
        tags=_tags("", {}, prompt, None),
        request_id=str(noted.get("texloom_request_id", "")),
        index=index,
    )


def _as_tuned(material: Any, facts: Facts) -> Facts:
    """The facts of a result for a material whose sliders have moved since: its picture, and what kind it is now."""
    texture = adjust.picture(material, "base_color")
    if texture is not None and texture.image is not None and texture.image.filepath:
        # Images keep the path of their file, also packed ones.
        picture = Path(bpy.path.abspath(texture.image.filepath)).with_name(THUMBNAIL)
        if picture.is_file() and facts.picture is not None and picture.parent != facts.picture.parent:
            facts = dataclasses.replace(facts, picture=picture)
    title = material.texloom.family_title
    path = catalogue.path_of(title) if title else facts.catalogue
    if path == facts.catalogue:
        return facts
    return dataclasses.replace(facts, catalogue=path, tags=library_entry.clean_tags([*facts.tags, title]))


def _description(prompt: str, seed: object, model: str, licence: str) -> str:
    parts = [f"“{prompt}”.", f"Seed {seed}, model {model}."]
    if licence:
        parts.append(f"Licence of the model: {licence}.")
    return " ".join(parts)


def _tags(title: str, item: Mapping[str, Any], prompt: str, card: Card | None) -> tuple[str, ...]:
    """Texloom, the family, the words of the prompt that name it, its colors and attributes, the user's own tags."""
    found = ["Texloom", title]
    if card is not None:
        found.extend(card.notes.tags)
    reading = item.get("reading")
    if isinstance(reading, Mapping):
        family, parameters = reading.get("family"), reading.get("parameters")
        named = [family, *(parameters if isinstance(parameters, list) else [])]
        for part in named:
            if isinstance(part, Mapping) and part.get("source") == "prompt" and isinstance(part.get("words"), list):
                found.extend(str(word) for word in part["words"])
    else:
        found.extend(word.strip("“”\"'.,;:!?()") for word in prompt.lower().split())
    short = [tag for tag in found if tag.lower() not in _EMPTY_WORDS and len(tag.encode()) <= library_entry.TAG_LENGTH]
    return library_entry.clean_tags(short[:_MOST_TAGS])
