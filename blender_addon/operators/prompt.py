# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on the prompt: presets, history, text datablocks."""

from __future__ import annotations

from typing import Any

CLASSES: tuple[Any, ...] = ()
