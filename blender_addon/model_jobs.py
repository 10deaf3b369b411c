# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose, download and delete models: for the operators and for scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from . import bridge, model_job, preferences, shelf
from .core.texloom import catalog_rows, downloadable, model_store
from .core.texloom.errors import ModelNotFoundError, OfflineError, RequestError, StorageError
from .shelf import Item
from .translations import iface

MAP_MODEL: Final = "map_model"
"""What the catalogue calls a model that sees maps."""


def item_of(key: str) -> Item:
    """The model of that name, hub id or path, as far as it is known without a look at the disk.

    Raises:
        ModelNotFoundError: it is no name of the catalogue, hub id, or path of something.
    """
    known = shelf.watcher().shelf
    found = known.find(key) if known is not None else None
    if found is not None:
        return found
    row = downloadable.find(key)
    if row is not None:
        return Item(key=row.id, name=row.name, row=row, hub=row.hub)
    if catalog_rows.is_hub_id(key):
        return Item(key=key, name=key, hub=key)
    if Path(key).is_absolute() and Path(key).exists():
        return Item(key=key, name=Path(key).stem, path=Path(key))
    raise ModelNotFoundError(
        iface("There is no model {name}.").format(name=key or "?"),
        advice=iface("Choose one of the list, or write owner/name as on huggingface.co."),
    )


def terms(item: Item, *, configuration_only: bool = False) -> tuple[str, ...]:
    """What to know before a download, in plain words: licence, terms to accept, what it cannot do."""
    if item.row is not None:
        return item.row.terms
    told = answer(item, configuration_only=configuration_only)
    if told is None:
        return catalog_rows.unknown_terms(item.hub)
    return catalog_rows.unknown_terms(item.hub, licence=told.licence, gated=told.gated)


def answer(item: Item, *, configuration_only: bool = False) -> model_job.Answer | None:
    """What the hub has said of a model that has no row; None where it was not asked."""
    return model_job.state().answers.get((item.hub, configuration_only))


def ask(item: Item, *, configuration_only: bool = False, after: Callable[[], None] | None = None) -> None:
    """Ask the hub what a download of a model would be; follow it by ``model_job.state()``.

    Args:
        item: the model.
        configuration_only: as of :func:`download`.
        after: called in Blender's main thread when the hub has answered, or could not be asked.

    Raises:
        RequestError: another download goes on.
    """
    state = model_job.state()
    state.ended = lambda: None
    begun = state.ask(
        preferences.model_options(),
        item.hub,
        key=item.key,
        name=item.name,
        configuration_only=configuration_only,
        after=after,
    )
    if not begun:
        raise _busy(state.name)
    bridge.get().wake()


def download(key: str, *, accept_terms: bool = False, configuration_only: bool = False) -> Item:
    """Start a download, or go on with one that was not finished; follow it by ``model_job.state()``.

    Args:
        key: a name of the catalogue, or owner/name of the hub.
        accept_terms: that :func:`terms` were read; needed where there are any.
        configuration_only: only the small files that a single-file checkpoint of that family lacks.

    Raises:
        ModelNotFoundError: there is no such model.  OfflineError: Blender may not go online.
        RequestError: there are terms to accept first, or another download goes on.
    """
    item = item_of(key)
    if not item.hub:
        raise ModelNotFoundError(iface("{name} is no model of the hub.").format(name=item.name))
    said = terms(item, configuration_only=configuration_only)
    if said and not accept_terms:
        raise RequestError(
            iface("{name} has terms to accept first.").format(name=item.name) + " " + " ".join(said),
            advice=iface("Read them, and say that you accept them."),
        )
    options = preferences.model_options()
    if not options.online:
        raise OfflineError(
            iface("{name} must be downloaded, and Blender may not go online.").format(name=item.name),
            advice=iface("Allow online access in the preferences (System) first"),
        )
    state = model_job.state()
    state.ended = shelf.watcher().look_again
    sees_maps = item.row is not None and item.row.part == MAP_MODEL
    begun = state.download(
        options,
        item.hub,
        key=item.key,
        name=item.name,
        row=item.row,
        configuration_only=configuration_only,
        after=_have_it_see if sees_maps else None,
    )
    if not begun:
        raise _busy(state.name)
    bridge.get().wake()
    return item


def delete(key: str) -> Item:
    """Start deleting what was downloaded of a model; what others put there stays.

    Raises:
        ModelNotFoundError: there is no such model, or it is not on this machine.
        StorageError: the settings are damaged.  RequestError: another model is being downloaded or deleted.
    """
    item = item_of(key)
    options = preferences.model_options()
    chosen = options.settings()
    folder = item.path
    if folder is None and item.hub:
        folder = model_store.find(item.hub, file=item.row.file if item.row else "", chosen=chosen)
    if folder is None and item.hub:
        # What a download has left that was not finished, or a configuration alone.
        folder = model_store.own_folder(item.hub, chosen)
    if folder is None:
        raise ModelNotFoundError(iface("{name} is not on this machine.").format(name=item.name))
    if not model_store.deletable(folder, chosen):
        raise StorageError(
            iface("{name} was not downloaded by Texloom, so it stays.").format(name=item.name),
            advice=iface("Delete it with the program that put it there."),
        )
    state = model_job.state()
    state.ended = shelf.watcher().look_again
    place = folder
    if not state.delete(options, folder, key=item.key, name=item.name, after=lambda: _forget_where_gone(place)):
        raise _busy(state.name)
    bridge.get().wake()
    return item


def is_downloadable(key: str) -> bool:
    """Whether that is a model of the hub."""
    return downloadable.find(key) is not None or catalog_rows.is_hub_id(key)


def use(settings: Any, key: str) -> None:
    """Let the panel draw with that model from now on; errors as :func:`item_of`."""
    if key in shelf.BUILT_IN:
        settings.model = key
        return
    item = item_of(key)
    if catalog_rows.find(item.key) is not None and item.row is not None and item.key == item.row.id:
        settings.model, settings.catalog_model = "CATALOG", item.key
    else:
        settings.model, settings.model_folder = "FOLDER", item.key


def _have_it_see() -> None:
    """A model that sees maps was downloaded: from the next job on it does."""
    state = model_job.state()
    if state.folder is not None and not state.error:
        preferences.add_map_model(str(state.folder))


def _forget_where_gone(folder: Path) -> None:
    """A model was deleted: none that is gone shall see maps."""
    if not model_store.is_model(folder):
        preferences.remove_map_model(str(folder))


def _turn() -> bool:
    model_job.state().finish()
    return False


def register() -> None:
    """Let the add-on's timer do what comes after a download."""
    bridge.get().extras.append(_turn)


def unregister() -> None:
    """Take that back."""
    if _turn in bridge.get().extras:
        bridge.get().extras.remove(_turn)


def _busy(name: str) -> RequestError:
    return RequestError(
        iface("{name} is being downloaded or deleted.").format(name=name),
        advice=iface("Wait until that has ended, or cancel it."),
    )
