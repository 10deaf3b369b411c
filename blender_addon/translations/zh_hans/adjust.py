# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: texts of this part."""

from __future__ import annotations

TEXTS: dict[str, str] = {}
