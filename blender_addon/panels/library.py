# SPDX-License-Identifier: GPL-3.0-or-later
"""All results on disk."""

from __future__ import annotations

from .common import Part

PARTS: tuple[type[Part], ...] = ()
