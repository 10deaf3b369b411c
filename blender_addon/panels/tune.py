# SPDX-License-Identifier: GPL-3.0-or-later
"""What the words became, as sliders and colors."""

from __future__ import annotations

from .common import Part

PARTS: tuple[type[Part], ...] = ()
