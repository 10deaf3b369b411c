# SPDX-License-Identifier: GPL-3.0-or-later
"""PRX by Photoroom: a light transformer with rotary positions and T5Gemma."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .base import TEXT_TO_IMAGE, Family


class Prx(Family):
    """PRX; some of its models draw pixels without an autoencoder."""

    id = "prx"
    name = "PRX"
    pipelines: ClassVar[Mapping[str, str]] = {TEXT_TO_IMAGE: "PRXPipeline"}
