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
    reading,
    references,
    speed5,
    style,
    tooltips,
    trainlora,
    tune,
    upscale,
    window,
)

TEXTS: dict[str, str] = {}
_PARTS = (labels, more_labels, base, prompt, tune, adjust, outputs, images, models, references, library)
for _part in (*_PARTS, reading, tooltips, control, style, upscale, window):
    TEXTS |= _part.TEXTS

MESSAGES: dict[str, str] = messages.MESSAGES | file_messages.MESSAGES | model_messages.MESSAGES
for _more in (memory_messages, models, library, control, speed5, style, trainlora, upscale, window):
    MESSAGES |= _more.MESSAGES
"""Templates of sentences that come from the core, see :mod:`..sentences`."""
