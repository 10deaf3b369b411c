# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps from any image, seamless images."""

from __future__ import annotations

from .common import Part

PARTS: tuple[type[Part], ...] = ()
