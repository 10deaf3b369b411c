# SPDX-License-Identifier: GPL-3.0-or-later
"""Where large models lie and where they come from, as the add-on's preferences say.

Nothing here needs Blender, so that threads may have it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .core.texloom import settings
from .core.texloom.runtime.hub import Hub
from .core.texloom.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Folders of models besides those of the machine's settings, mirror and token of the hub, and whether the network
    may be used.
    """

    folders: tuple[str, ...] = ()
    endpoint: str = ""
    token: str = field(default="", repr=False)
    online: bool = False

    def settings(self) -> Settings:
        """The machine's settings with these before them.

        Raises:
            StorageError: the settings are damaged.
        """
        saved = settings.load()
        lines = [*self.folders, *saved.model_folder_list]
        return saved.replace(model_folders="\n".join(dict.fromkeys(lines)))

    def hub(self) -> Hub:
        """The hub to download from.

        Raises:
            StorageError: the settings are damaged.  DownloadError: the mirror is no address.
        """
        found = Hub.from_settings(online=self.online)
        return replace(found, endpoint=self.endpoint.rstrip("/") or found.endpoint, token=self.token or found.token)

    def environment(self) -> Mapping[str, str]:
        """Variables that tell a program of Texloom the same folders, and that it must stay offline if so."""
        found = {}
        if self.folders:
            before = os.environ.get("TEXLOOM_MODELS", "")
            found["TEXLOOM_MODELS"] = os.pathsep.join([before, *self.folders] if before else self.folders)
        if not self.online:
            found["TEXLOOM_OFFLINE"] = "1"
        return found
