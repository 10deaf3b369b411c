# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for further outputs: world, brush, texture sets."""

from __future__ import annotations

from typing import Any

CLASSES: tuple[Any, ...] = ()
