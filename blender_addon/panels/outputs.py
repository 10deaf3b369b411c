# SPDX-License-Identifier: GPL-3.0-or-later
"""World, brush, texture sets."""

from __future__ import annotations

from .common import Part

PARTS: tuple[type[Part], ...] = ()
