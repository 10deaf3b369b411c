# SPDX-License-Identifier: GPL-3.0-or-later
"""Large models: which there are, download, delete, choose."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import model_job, model_jobs, properties, shelf
from ..core.texloom.api import JobFailedError
from ..core.texloom.errors import CancelledError, ErrorCode
from ..shelf import Item


def models(search: str = "", *, here: bool = False) -> list[Item]:
    """The models of Texloom's list and those on this machine, as the panel shows them.

    Args:
        search: words of name, maker, family or licence; every one must be found.
        here: only those on this machine.

    Raises:
        StorageError: the machine's settings are damaged.
    """
    found = shelf.watcher().looked(properties.of(bpy.context).own_model)
    return shelf.find(found.items, search, here=here)


def download_model(
    model: str, *, accept_terms: bool = False, configuration_only: bool = False, timeout: float | None = None
) -> Path:
    """Download a model, or go on where an earlier download stopped; waits for it and returns its folder.

    Args:
        model: a name of the list, or owner/name of the hub.
        accept_terms: that you have read its licence and terms; needed where there are any.
        configuration_only: only the small files that a single-file checkpoint of that family lacks.
        timeout: seconds to wait at most; the download is then cancelled, and goes on the next time.

    Raises:
        ModelNotFoundError: there is no such model.  OfflineError: Blender may not go online.
        RequestError: there are terms to accept first, or another download goes on.
        JobFailedError: it could not be downloaded; ``advice`` says what to do.
        CancelledError: somebody cancelled it.  TimeoutError: it took longer than ``timeout``.
    """
    model_jobs.download(model, accept_terms=accept_terms, configuration_only=configuration_only)
    state = model_job.state()
    _wait(timeout)
    if state.folder is None:
        raise CancelledError
    return state.folder


def delete_model(model: str, *, timeout: float | None = None) -> None:
    """Delete what Texloom has downloaded of a model.

    Raises:
        ModelNotFoundError: there is no such model, or it is not here.
        StorageError: Texloom did not download it.  JobFailedError: a file may not be deleted.
    """
    model_jobs.delete(model)
    _wait(timeout)


def use_model(model: str) -> None:
    """Let the current scene's panel draw with a model: a built-in one, a name of the list, a hub id, or a path.

    Raises:
        ModelNotFoundError: there is no such model.
    """
    model_jobs.use(properties.of(bpy.context), model)


def _wait(timeout: float | None) -> None:
    state = model_job.state()
    if not state.wait(timeout):
        state.cancel()
        raise TimeoutError(f"It has not ended within {timeout:g} seconds.")
    if state.error:
        raise JobFailedError(state.error, advice=state.advice, code=state.code or ErrorCode.INTERNAL)
