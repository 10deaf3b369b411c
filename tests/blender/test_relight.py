# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that renders maps beside the true ones: what is equal looks equal, what is not does not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
from pictures import write_png

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "relight_render.py"
SIDE = 16


def _material(place: Path, *, tilt: float, rough: int) -> None:
    """Maps of a gray surface, its left half tilted to the left by that much."""
    place.mkdir(parents=True)
    normal = np.zeros((SIDE, SIDE, 3))
    normal[..., 2] = 1.0
    normal[:, : SIDE // 2, 0] = -tilt
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    plain = np.full((SIDE, SIDE, 3), 128, np.uint8)
    maps = {
        "base_color": plain,
        "normal": np.round((normal * 0.5 + 0.5) * 255).astype(np.uint8),
        "roughness": np.full((SIDE, SIDE, 3), rough, np.uint8),
        "metallic": np.zeros_like(plain),
    }
    for name, pixels in maps.items():
        write_png(place / f"{name}.png", pixels)


def _rendered(folder: Path) -> dict:
    subprocess.run([sys.executable, str(SCRIPT), "--", str(folder), "2"], check=True, capture_output=True, timeout=300)
    return json.loads((folder / "relit.json").read_text(encoding="utf-8"))


def test_what_is_nearer_to_the_truth_is_measured_nearer(tmp_path):
    one = tmp_path / "000 one"
    for way, tilt, rough in (("truth", 1.0, 200), ("estimator", 1.0, 200), ("heuristic", 0.6, 200), ("flat", 0.0, 128)):
        _material(one / way, tilt=tilt, rough=rough)
    found = _rendered(tmp_path)
    assert found["blender"] == bpy.app.version_string and (found["size"], found["samples"], found["lights"]) == (
        SIDE,
        2,
        2,
    )
    errors = found["materials"]["000 one"]
    assert errors["estimator"] == 0.0 and 1.0 < errors["heuristic"] < errors["flat"]
    # Another material joins; the first is not rendered again.
    shutil.copytree(one, tmp_path / "001 two")
    before = (one / "truth" / "relit_0.png").stat().st_mtime_ns
    assert set(_rendered(tmp_path)["materials"]) == {"000 one", "001 two"}
    assert (one / "truth" / "relit_0.png").stat().st_mtime_ns == before
