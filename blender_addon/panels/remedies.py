# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons that mend what went wrong, beside the sentence that says it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import bpy

from .. import model_jobs, preferences
from ..core.texloom.errors import ErrorCode
from ..core.texloom.jobs import JobError
from ..core.texloom.settings import settings_path

_ENGINE: Final = (ErrorCode.ENGINE_MISSING, ErrorCode.ENGINE_BROKEN)
_LOGGED: Final = (ErrorCode.ENGINE_BROKEN, ErrorCode.WORKER_DIED, ErrorCode.INTERNAL)


def draw(layout: Any, error: JobError | None, *, again: Callable[[Any], None] | None = None) -> None:
    """Draw them in a row.

    Args:
        layout: where the sentence stands.
        error: what went wrong; None when that is known by its words only.
        again: draws the button that tries once more; not called where it would be the same another time.
    """
    code = error.code if error is not None else None
    row = layout.row(align=True)
    if code in (*_ENGINE, ErrorCode.OFFLINE) and not bpy.app.online_access:
        row.operator("texloom.allow_online", icon="INTERNET")
    if code in _ENGINE:
        row.operator("texloom.setup_engine", icon="IMPORT")
    if again is not None and code != ErrorCode.INVALID_REQUEST:
        again(row)
    if error is not None and model_jobs.is_downloadable(error.download):
        # Often not the model that was asked for: a network, an adapter or a configuration beside it.
        load = row.operator("texloom.model_download", text="Download…", icon="IMPORT")
        load.model = error.download
        if error.configuration:
            load.configuration = True
    if error is not None and code == ErrorCode.STORAGE:
        _draw_storage(row, error)
    if code in _LOGGED:
        row.operator("texloom.open_log", icon="TEXT")


def _draw_storage(row: Any, error: JobError) -> None:
    # Many files can be meant; the sentence, still in the words of the core, tells where the way out is.
    if str(settings_path()) in error.message:
        row.operator("texloom.open_settings", icon="FILE_FOLDER")
    if "preferences" in error.advice:
        show = row.operator("preferences.addon_show", text="Open Preferences", icon="PREFERENCES")
        show.module = preferences.MODULE
