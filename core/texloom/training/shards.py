# SPDX-License-Identifier: GPL-3.0-or-later
"""The corpus read shard by shard, for what looks at each sample once and needs not all of them in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file

from ..errors import ModelInvalidError
from .true_materials import Materials


def shards(folder: Path) -> Iterator[tuple[list[dict[str, Any]], Materials]]:
    """Rows and materials of each shard, in order.

    Raises:
        ModelInvalidError: the folder holds no corpus.
    """
    for path in _paths(folder):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        maps = load_file(path.with_suffix(".safetensors"))
        widths = maps["height"].new_tensor([float(row["width_m"]) for row in rows])
        pixels = maps["height"] * (maps["height"].shape[-1] / widths)[:, None, None]
        maps["height"] = (pixels - pixels.mean((1, 2), keepdim=True)).half()
        yield rows, Materials(maps)


def size_of(folder: Path) -> int:
    """Pixels a side of the corpus' tiles.

    Raises:
        ModelInvalidError: the folder holds no corpus.
    """
    with safe_open(_paths(folder)[0].with_suffix(".safetensors"), "pt") as stream:
        return int(stream.get_slice("height").get_shape()[-1])


def _paths(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.jsonl"))
    if not found:
        raise ModelInvalidError(
            f"{folder} holds no corpus.", advice=f"Make one: python -m texloom.training.corpus --out {folder}"
        )
    return found
