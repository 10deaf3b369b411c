# SPDX-License-Identifier: GPL-3.0-or-later
"""A tiny corpus of real families."""

from __future__ import annotations

from pathlib import Path

from texloom.training import corpus

SAMPLES, SIDE = 81, 64


def write(folder: Path) -> Path:
    """Write :data:`SAMPLES` tiles, :data:`SIDE` pixels a side, in two shards; the folder."""
    arguments = ["--count", str(SAMPLES), "--size", str(SIDE), "--shard", "50", "--out", str(folder)]
    assert corpus.main(arguments) == 0
    return folder
