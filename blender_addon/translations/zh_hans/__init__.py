# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese, one module for each part of the add-on."""

from __future__ import annotations

from . import adjust, base, images, library, messages, outputs, prompt, references, tune

TEXTS: dict[str, str] = {}
for _part in (base, prompt, tune, adjust, outputs, images, references, library, messages):
    TEXTS |= _part.TEXTS
