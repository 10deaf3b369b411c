# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what the window's test of large models works with: ``python tests/gui/tiny_files.py FOLDER``.

A folder of models that are real but for their size and their random weights, a LoRA, and a picture.  Run by the
worker's Python, which has torch.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "core"))

import numpy as np
import tiny_families
import tiny_loras
from texloom.png import write_png


def main(folder: Path) -> None:
    painter = tiny_families.save("stable-diffusion", folder / "models" / "tiny-painter")
    tiny_families.save("z-image", folder / "models" / "tiny-dreamer")
    tiny_loras.save(painter, folder / "loras")
    write_png(folder / "wall.png", wall(256))


def wall(side: int) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """Bricks [side, side, 3] that do not repeat, as on a photograph: darker to the right."""
    rows, columns = np.mgrid[0:side, 0:side]
    brick = side // 4
    shifted = columns + (rows // (brick // 2) % 2) * (brick // 2)
    mortar = (rows % (brick // 2) < 4) | (shifted % brick < 4)
    color = np.where(mortar[..., None], (190.0, 185.0, 175.0), (150.0, 62.0, 48.0))
    return np.rint(color * (1.0 - 0.4 * columns[..., None] / side)).astype(np.uint8)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
