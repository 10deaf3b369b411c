# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose, download and delete models: for the operators and for scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import bridge, model_job, preferences, shelf
from .core.texloom import catalog_rows, control_rows, model_store, style_models
from .core.texloom.errors import ModelNotFoundError, OfflineError, RequestError, StorageError
from .shelf import Item
from .translations import iface


def item_of(key: str) -> Item:
    """The model of that name, hub id or path, as far as it is known without a look at the disk.

    Raises:
        ModelNotFoundError: it is no name of the catalogue, hub id, or path of something.
    """
    known = shelf.watcher().shelf
    found = known.find(key) if known is not None else None
    if found is not None:
        return found
    row = catalog_rows.find(key) or style_models.download_row(key)
    if row is not None:
        return Item(key=row.id, name=row.name, row=row, hub=row.hub)
    network = control_rows.find(key)
    if network is not None:
        return Item(key=network.id, name=network.name, hub=network.hub)
    if catalog_rows.is_hub_id(key):
        return Item(key=key, name=key, hub=key)
    if Path(key).is_absolute() and Path(key).exists():
        return Item(key=key, name=Path(key).stem, path=Path(key))
    raise ModelNotFoundError(
        iface("There is no model {name}.").format(name=key or "?"),
        advice=iface("Choose one of the list, or write owner/name as on huggingface.co."),
    )


def terms(item: Item) -> tuple[str, ...]:
    """What to know before a download, in plain words: licence, terms to accept, what it cannot do."""
    if item.row is not None:
        return item.row.terms
    network = control_rows.find(item.key)
    if network is not None:
        return network.terms
    page = f"https://huggingface.co/{item.hub}"
    return (iface("Texloom does not know the licence of {name}; read it at {page}.").format(name=item.name, page=page),)


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
    said = terms(item)
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
    row = item.row or control_rows.find(item.key)
    begun = state.download(
        options, item.hub, key=item.key, name=item.name, row=row, configuration_only=configuration_only
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
        # What a download has left that was not finished.
        places = (model_store.folder_for(item.hub, root) for root in model_store.model_folders(chosen))
        folder = next((place for place in places if model_store.deletable(place, chosen)), None)
    if folder is None:
        raise ModelNotFoundError(iface("{name} is not on this machine.").format(name=item.name))
    if not model_store.deletable(folder, chosen):
        raise StorageError(
            iface("{name} was not downloaded by Texloom, so it stays.").format(name=item.name),
            advice=iface("Delete it with the program that put it there."),
        )
    state = model_job.state()
    state.ended = shelf.watcher().look_again
    if not state.delete(options, folder, key=item.key, name=item.name):
        raise _busy(state.name)
    bridge.get().wake()
    return item


def is_downloadable(key: str) -> bool:
    """Whether that is a model of the hub."""
    rows = (catalog_rows.find(key), control_rows.find(key), style_models.download_row(key))
    return any(row is not None for row in rows) or catalog_rows.is_hub_id(key)


def use(settings: Any, item: Item) -> None:
    """Let the panel draw with that model from now on."""
    if item.key == shelf.INSTANT:
        settings.model = shelf.INSTANT
    elif item.row is not None and item.key == item.row.id:
        settings.model, settings.catalog_model = "CATALOG", item.key
    else:
        settings.model, settings.model_folder = "FOLDER", item.key


def _busy(name: str) -> RequestError:
    return RequestError(
        iface("{name} is being downloaded or deleted.").format(name=name),
        advice=iface("Wait until that has ended, or cancel it."),
    )
