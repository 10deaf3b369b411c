# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese, one module for each part of the add-on."""

from __future__ import annotations

from . import (
    adjust,
    base,
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
    trainlora,
    tune,
)

TEXTS: dict[str, str] = {}
for _part in (labels, more_labels, base, prompt, tune, adjust, outputs, images, models, references, library):
    TEXTS |= _part.TEXTS

MESSAGES: dict[str, str] = messages.MESSAGES | file_messages.MESSAGES | model_messages.MESSAGES
MESSAGES |= memory_messages.MESSAGES | models.MESSAGES
MESSAGES |= trainlora.MESSAGES
"""Templates of sentences that come from the core, see :mod:`..sentences`."""
