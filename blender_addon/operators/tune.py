# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on the parameters of an instant material."""

from __future__ import annotations

from typing import Any

CLASSES: tuple[Any, ...] = ()
