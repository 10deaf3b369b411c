# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on reference planes and camera backgrounds."""

from __future__ import annotations

from typing import Any

CLASSES: tuple[Any, ...] = ()
