# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on materials that are in the scene: adjust, replace their maps."""

from __future__ import annotations

from typing import Any

CLASSES: tuple[Any, ...] = ()
