# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on images of the file: maps from any image, seamless."""

from __future__ import annotations

from typing import Any

CLASSES: tuple[Any, ...] = ()
