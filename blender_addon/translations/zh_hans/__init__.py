# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese, one module for each part of the add-on."""

from __future__ import annotations

from . import (
    adjust,
    base,
    control,
    file_messages,
    images,
    labels,
    library,
    memory_messages,
    messages,
    model_messages,
    models,
    more_labels,
    outputs,
    prompt,
    references,
    style,
    tune,
    upscale,
)

TEXTS: dict[str, str] = {}
_PARTS = (labels, more_labels, base, prompt, tune, adjust, outputs, images, models, references, library)
for _part in (*_PARTS, control, style, upscale):
    TEXTS |= _part.TEXTS

MESSAGES: dict[str, str] = messages.MESSAGES | file_messages.MESSAGES | model_messages.MESSAGES
MESSAGES |= memory_messages.MESSAGES | models.MESSAGES | control.MESSAGES | style.MESSAGES | upscale.MESSAGES
"""Templates of sentences that come from the core, see :mod:`..sentences`."""
