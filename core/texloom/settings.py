# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user has set for this machine, shared by Blender, the command line and scripts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from . import storage
from .errors import StorageError

FILE_NAME: Final = "settings.json"
SCHEMA: Final = 1
_REPAIR: Final = "Correct or delete the file."
IDLE_MINUTES: Final = 15.0
"""How long an unused model stays in memory where the settings do not tell."""
VARIABLES: Final[Mapping[str, str]] = {
    "map_models": "TEXLOOM_MAP_MODELS",
    "idle_minutes": "TEXLOOM_IDLE_MINUTES",
    "memory_gb": "TEXLOOM_MEMORY_GB",
    "step_cache": "TEXLOOM_STEP_CACHE",
    "compile": "TEXLOOM_COMPILE",
    "attention": "TEXLOOM_ATTENTION",
}
"""Variables of the environment that come before the file, for what only the engine asks; folders as in ``PATH``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Settings of this user on this machine; empty text means the default.

    ``engine_python`` is the Python that runs the worker, ``library`` the folder of the results, ``device``
    torch's name of the device.  ``model_folders`` are folders of large models, one a line; ``hub_endpoint`` is a
    mirror of huggingface.co, ``hub_token`` the access token for it.  ``map_models`` are folders of Marigold models,
    one a line, which see the maps of pictures better than the small network does, and slower.  ``idle_minutes`` is
    how long a large model stays in memory unused (0: for ever), ``memory_gb`` the most memory that models may take on
    the device.
    ``step_cache`` lets models of many steps leave out those that change less than so much (0.05 to 0.2: faster, less
    exact), ``compile`` set to on compiles networks on graphics cards once a size repeats, and ``attention`` is a name
    of diffusers for another way to compute attention.  ``batch`` says whether large models draw several variations at
    a time where they fit into memory: on, off, or empty for on graphics cards only.
    """

    engine_python: str = ""
    library: str = ""
    device: str = ""
    model_folders: str = ""
    hub_endpoint: str = ""
    hub_token: str = field(default="", repr=False)
    map_models: str = ""
    idle_minutes: str = ""
    memory_gb: str = ""
    step_cache: str = ""
    compile: str = ""
    attention: str = ""
    batch: str = ""

    @property
    def model_folder_list(self) -> list[str]:
        """``model_folders`` as a list."""
        return _lines(self.model_folders)

    @property
    def map_model_list(self) -> list[str]:
        """``map_models`` as a list."""
        return _lines(self.map_models)

    @property
    def idle_seconds(self) -> float | None:
        """``idle_minutes`` in seconds; None: for ever."""
        minutes = _number(self.idle_minutes, IDLE_MINUTES)
        return minutes * 60.0 if minutes > 0.0 else None

    @property
    def step_threshold(self) -> float | None:
        """``step_cache`` as a number; None: no step is left out."""
        return _number(self.step_cache, 0.0) or None

    def replace(self, **changes: Any) -> Settings:
        """A copy with other values."""
        return replace(self, **changes)

    def save(self) -> None:
        """Write them, whole or not at all.

        Raises:
            StorageError: they could not be written.
        """
        path = settings_path()
        storage.write_json_atomic(path, {"schema": SCHEMA, **asdict(self)})
        if self.hub_token:
            with contextlib.suppress(OSError):
                path.chmod(0o600)  # the token is nobody else's


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _number(text: str, default: float) -> float:
    """The number in ``text``; the default where there is none, or one that means nothing."""
    try:
        found = float(text) if text.strip() else default
    except ValueError:
        return default
    return found if 0.0 <= found < 1e9 else default


def settings_path() -> Path:
    """The file of the settings."""
    return storage.home() / FILE_NAME


def load() -> Settings:
    """The settings; the defaults when none were saved.

    Raises:
        StorageError: the file is damaged or of a newer version.  It is left as it is.
    """
    path = settings_path()
    if not path.is_file():
        return Settings()
    try:
        data = storage.read_versioned(path, schema=SCHEMA)
    except StorageError as error:
        raise StorageError(error.message, advice=error.advice or _REPAIR) from error
    values: dict[str, str] = {}
    for item in fields(Settings):
        value = data.get(item.name, "")
        if not isinstance(value, str):
            raise StorageError(f"{path} is damaged: {item.name} must be text.", advice=_REPAIR)
        values[item.name] = value
    return Settings(**values)


def load_usable() -> Settings:
    """The settings; the defaults also where the file is damaged, for those who cannot ask the user."""
    try:
        return load()
    except StorageError:
        return Settings()


def in_effect() -> Settings:
    """What counts for the engine now: :data:`VARIABLES` that are not empty, then :func:`load_usable`."""
    found = {name: os.environ.get(variable, "").strip() for name, variable in VARIABLES.items()}
    given = {name: text for name, text in found.items() if text}
    if "map_models" in given:
        given["map_models"] = "\n".join(given["map_models"].split(os.pathsep))
    return load_usable().replace(**given)


def library_folder(settings: Settings | None = None) -> Path:
    """Folder of the results: ``TEXLOOM_LIBRARY`` first, then the settings, then the default."""
    chosen = (settings or load()).library
    if chosen and storage.library_path() == storage.home() / "library":
        return Path(chosen).expanduser()
    return storage.library_path()
