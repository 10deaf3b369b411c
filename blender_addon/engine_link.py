# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine that the preferences of now describe: made when it is needed, exchanged when they change."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import bpy

from . import preferences, setup_job
from .core.texloom import api as engine_api
from .core.texloom import settings as machine_settings
from .core.texloom.backends.base import Backend, BackendState, BackendStatus
from .core.texloom.backends.subprocess import SubprocessBackend
from .core.texloom.errors import StorageError
from .core.texloom.jobs import JobView


def library() -> Path:
    """Folder of the results.

    Raises:
        StorageError: the machine's settings are damaged.
    """
    chosen = preferences.get().library
    return Path(bpy.path.abspath(chosen)) if chosen else machine_settings.library_folder()


class EngineLink:
    """Owns the session; ``session`` is None as long as none is needed."""

    def __init__(self) -> None:
        self.session: engine_api.Session | None = None
        self._key: tuple[object, ...] = ()
        self._given: Backend | None = None

    def get(self, *, busy: bool) -> engine_api.Session:
        """The session for the preferences of now; while jobs run on it (``busy``) the one that there is.

        Raises:
            StorageError: the machine's settings are damaged.
        """
        options = preferences.get()
        models, engine = preferences.model_options(), preferences.engine_settings()
        key = (options.engine_python, options.device, options.library, models, engine, _python(options))
        if self.session is not None and (key == self._key or busy):
            return self.session
        self._retire()
        backend = self._given or SubprocessBackend(
            setup_job.engine_python(options.engine_python),
            device=options.device or machine_settings.load().device or None,
            environment={**models.environment(), **engine.environment()},
        )
        self.session = engine_api.Session(library=library(), backend=backend)
        self._key = key
        return self.session

    @property
    def status(self) -> BackendStatus:
        """State of the engine."""
        return self.session.status if self.session is not None else BackendStatus(state=BackendState.STOPPED)

    @property
    def has_own_backend(self) -> bool:
        """Whether :meth:`attach` gave it a backend."""
        return self._given is not None

    @property
    def can_start(self) -> bool:
        """Whether there is an engine that could be started."""
        return self._given is not None or _python(preferences.get()) is not None

    def attach(self, backend: Backend | None) -> list[JobView]:
        """Use another backend from now on (None: the worker on this machine); what became of the jobs of before."""
        views = self.close()
        self._given = backend
        return views

    def close(self) -> list[JobView]:
        """End the engine; what became of the jobs, which are cancelled."""
        if self.session is None:
            return []
        session, self.session = self.session, None
        session.close()
        return [view for view, _ in session.table.pump(0.0)]

    def _retire(self) -> None:
        """End the engine of other preferences, which nothing runs on any more."""
        if self._given is not None:  # it will be used again
            self.close()
        elif self.session is not None:
            session, self.session = self.session, None
            # One that is still loading takes two seconds to end.
            threading.Thread(target=session.close, name="texloom-ending").start()


def _python(options: Any) -> Path | None:
    try:
        return setup_job.engine_python(options.engine_python)
    except StorageError:
        return None
