# SPDX-License-Identifier: GPL-3.0-or-later
"""The library of results, and assets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy

from .. import bridge, library_view, preferences, tune
from .. import target as targets
from ..core.texloom.errors import RequestError
from ..core.texloom.library_entry import clean_tags
from ..core.texloom.library_index import Card, find
from ..scene import asset_facts, assets, build
from ..scene.asset_facts import AUTHOR
from ..scene.result import ResultImages
from ..scene.transaction import all_or_nothing


def library(search: str = "", *, favourites: bool = False, kind: str = "", sort: str = "NEWEST") -> list[Card]:
    """The results on disk, as the panel's library shows them; each has ``folder``, ``prompt``, ``notes``, ``error`` …

    Args:
        search: words of prompt, family, model, tags or date; every one must be found.
        favourites: favourites only.
        kind: ``material``, ``texture``, ``reference`` or ``broken``; empty for all.
        sort: ``NEWEST``, ``OLDEST`` or ``NAME``.

    Raises:
        RequestError: ``kind`` or ``sort`` is unknown.
        StorageError: the library cannot be read.
    """
    try:
        return find(library_view.scanned().cards, search, favourites=favourites, kind=kind, sort=sort)
    except ValueError as error:
        raise RequestError(str(error)) from error


def save_asset(
    source: bpy.types.Material | str | Path,
    index: int = 0,
    *,
    library: str | Path | None = "",
    tags: Sequence[str] = (),
    author: str = AUTHOR,
    replace: bool = False,
) -> assets.SavedAsset:
    """Make a material an asset with preview, tags, description and catalogue.

    Args:
        source: a material that Texloom made, or the folder of a result (its name is enough in the library).
        index: which variation of a result.
        library: name of an asset library of the preferences, or a folder; empty for Texloom's own.  It gets a .blend
            with packed images, and the open file stays as it is.  None marks the material in the open file.
        tags: further tags.
        author: who made it.
        replace: overwrite the asset when the library has it already.

    Raises:
        RequestError: a tag is too long.
        StorageError: the result is missing or damaged, the material is not Texloom's, or a file could not be written.
            Then nothing is left of it.
    """
    try:
        more = clean_tags(tags)
    except ValueError as error:
        raise RequestError(str(error)) from error
    root = assets.library_folder(library) if isinstance(library, str) else library
    if isinstance(source, bpy.types.Material):
        # As its sliders stand now, not as it was a moment ago.
        tune.get().finish(source, tune.SAVE_SECONDS)
        facts = asset_facts.facts_of_material(source).extended(more, author)
        return (
            assets.mark_in_file(source, facts) if root is None else assets.write(source, facts, root, replace=replace)
        )
    result = ResultImages.from_manifest(bridge.get().library() / source, index)
    assert result.manifest is not None
    facts = asset_facts.facts_of_result(result.manifest.parent, index).extended(more, author)
    if root is None:
        with all_or_nothing():
            found = assets.in_file(result.request_id, index)
            if found is None:
                made = targets.apply(result, targets.capture(bpy.context, objects=[]))
                found = bpy.data.materials[made.material]
            return assets.mark_in_file(found, facts)
    with assets.taken_back():
        displacement = preferences.get().displacement
        made = build.material_on_objects(result, store="PACK", displacement=displacement)
        return assets.write(bpy.data.materials[made.material], facts, root, replace=replace)
