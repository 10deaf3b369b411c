# SPDX-License-Identifier: GPL-3.0-or-later
"""PNG files without an imaging library, and finished results as the engine leaves them on disk."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np


def write_png(path: Path, pixels: np.ndarray) -> Path:
    """Write ``uint8`` or ``uint16`` pixels: (h, w) grey, (h, w, 3) RGB or (h, w, 4) RGBA, top row first."""
    height, width = pixels.shape[:2]
    depth = pixels.dtype.itemsize * 8
    kind = 0 if pixels.ndim == 2 else {3: 2, 4: 6}[pixels.shape[2]]
    rows = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    )
    return path


def flat(color: tuple[int, ...] | int, width: int = 8, height: int = 8, dtype: type = np.uint8) -> np.ndarray:
    """One colour everywhere."""
    shape = (height, width) if isinstance(color, int) else (height, width, len(color))
    return np.full(shape, color, dtype)


MATERIAL_MAPS: dict[str, np.ndarray] = {
    "base_color": flat((200, 100, 50)),
    "normal": flat((128, 128, 255)),
    "height": np.tile(np.linspace(0, 65535, 8).astype(np.uint16), (8, 1)),
    "roughness": flat(180),
    "metallic": flat(0),
}


ALL_MAPS = {**MATERIAL_MAPS, "ambient_occlusion": flat(128)}
OTHER_MAPS = {**ALL_MAPS, "base_color": flat((20, 60, 200)), "roughness": flat(90)}


def write_result(
    folder: Path,
    maps: dict[str, np.ndarray] | None = None,
    *,
    prompt: str = "weathered red brick wall with white mortar",
    **facts: Any,
) -> Path:
    """A result's folder with its manifest; ``facts`` replace fields of the variation.  Returns the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = {}
    for name, pixels in (MATERIAL_MAPS if maps is None else maps).items():
        file = write_png(folder / f"00_{name}.png", pixels)
        entries[name] = {
            "file": file.name,
            "width": pixels.shape[1],
            "height": pixels.shape[0],
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "color_space": "sRGB" if name in ("base_color", "image") else "Non-Color",
            "bit_depth": pixels.dtype.itemsize * 8,
        }
    variation = {
        "index": 0,
        "seed": 4_000_000_000,
        "tile_width_m": 1.5,
        "tile_height_m": 1.5,
        "height_min_m": -0.02,
        "height_max_m": 0.01,
        "parameters": {},
        "maps": entries,
    }
    manifest = folder / "manifest.json"
    manifest.write_text(
        json.dumps(
            {
                "schema": 1,
                "request": {"id": "abc123", "prompt": prompt, "kind": "material", "model": "instant", "seed": 1},
                "texloom_version": "0.1.0",
                "created": "2026-01-01T00:00:00Z",
                "model": {"id": "instant", "name": "Instant", "licence": "GPL-3.0-or-later", "files": {}},
                "results": [{**variation, **facts}],
            }
        ),
        encoding="utf-8",
    )
    return manifest
