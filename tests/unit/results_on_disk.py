# SPDX-License-Identifier: GPL-3.0-or-later
"""Results as the engine leaves them on disk, small and without real pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from texloom.request import GenerationRequest

PICTURE = b"\x89PNG\r\n\x1a\n"


def manifest(prompt: str = "red bricks", **facts: Any) -> dict[str, Any]:
    request = GenerationRequest(prompt=prompt, width=64, height=64, seed=5)
    result = {
        "index": 0, "seed": 5, "tile_width_m": 1.5, "parameters": {"family": "bricks"}, "thumbnail": "00_thumbnail.png",
        "reading": {"family": {"name": "bricks", "title": "Brick wall", "source": "prompt", "words": ["bricks"]}},
        "maps": {"base_color": {"file": "00_base_color.png"}},
    }  # fmt: skip
    return {
        "schema": 1, "request": request.to_dict(), "texloom_version": "0.1.0", "created": "2026-02-03T10:00:00+00:00",
        "model": {"id": "instant", "name": "Instant", "licence": "GPL"}, "warnings": [], "results": [result],
    } | facts  # fmt: skip


def write(library: Path, name: str = "20260203-100000-red-bricks-0123abcd", data: Any = None, **facts: Any) -> Path:
    folder = library / name
    folder.mkdir(parents=True)
    data = manifest(**facts) if data is None else data
    (folder / "manifest.json").write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    for file in ("00_thumbnail.png", "00_base_color.png"):
        (folder / file).write_bytes(PICTURE)
    return folder
