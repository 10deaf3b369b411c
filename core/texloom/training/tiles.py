# SPDX-License-Identifier: GPL-3.0-or-later
"""The corpus in memory as the six channels of the learned model: whole tiles, and crops from anywhere in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from ..engine.learned_channels import maps_to_channels
from ..errors import ModelInvalidError
from .learned_state import sent

VALIDATION_STRIDE = 40
"""Every so many-th sample of the corpus is kept for measuring and never trained on."""


class Tiles:
    """Shards of :mod:`.corpus`, all of one size, kept on ``device`` as they lie on disk (7 bytes a pixel).

    What the samples are is read at once, their maps when they are first asked for.

    Raises:
        ModelInvalidError: the folder holds no corpus.
    """

    def __init__(self, folder: Path, limit: int | None = None, device: str = "cpu") -> None:
        shards = sorted(folder.glob("*.jsonl"))
        if not shards:
            raise ModelInvalidError(
                f"{folder} holds no corpus.", advice=f"Make one: python -m texloom.training.corpus --out {folder}"
            )
        self.folder, self.device = folder, device
        self.rows: list[dict[str, Any]] = []
        self._shards: list[Path] = []
        for path in shards:
            if limit is not None and len(self.rows) >= limit:
                break
            self.rows += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            self._shards.append(path.with_suffix(".safetensors"))
        with safe_open(self._shards[0], framework="pt") as first:
            self.size = int(first.get_slice("height").get_shape()[-1])

    @cached_property
    def maps(self) -> dict[str, Tensor]:
        """Base color [N, 3, size, size], height (in pixels, around each tile's mean), roughness and metallic."""
        parts: list[dict[str, Tensor]] = []
        widths = torch.tensor([float(row["width_m"]) for row in self.rows])
        at = 0
        for path in self._shards:
            maps = load_file(path)
            count = len(maps["height"])
            pixels = maps["height"] * (self.size / widths[at : at + count])[:, None, None]
            maps["height"] = (pixels - pixels.mean((1, 2), keepdim=True)).half()
            parts.append(maps)
            at += count
        return {name: torch.cat([part[name] for part in parts]).to(self.device) for name in parts[0]}

    def shards_sum(self) -> str:
        """A sum of which shards there are, how large and how old, without reading them."""
        told = [(path.name, found.st_size, found.st_mtime_ns) for path in self._shards for found in [path.stat()]]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.rows)

    def split(self) -> tuple[np.ndarray[Any, np.dtype[np.int64]], np.ndarray[Any, np.dtype[np.int64]]]:
        """Indices for training and for measuring."""
        every = np.arange(len(self))
        kept = every % VALIDATION_STRIDE == VALIDATION_STRIDE - 1
        return every[~kept], every[kept]

    def whole(self, index: Sequence[int] | np.ndarray[Any, Any]) -> Tensor:
        """Channels [B, 6, size, size] of whole tiles."""
        chosen = torch.as_tensor(np.asarray(index)).to(self.device)
        return maps_to_channels({name: value[chosen] for name, value in self.maps.items()})

    def crops(self, index: np.ndarray[Any, Any], side: int, rng: np.random.Generator) -> Tensor:
        """Channels [B, 6, side, side]: a square from anywhere in each periodic tile, mirrored and turned at random."""
        count = len(index)
        corner = rng.integers(self.size, size=(2, count, 1, 1))
        mirrored = rng.random((count, 1, 1)) < 0.5
        swapped = rng.random((count, 1, 1)) < 0.5
        # A few numbers a crop travel; where each pixel lies is worked out where the maps are.
        chosen = np.asarray(index).reshape(-1, 1, 1)
        whose, top, left = (sent(value, self.device) for value in (chosen, *corner))
        mirror, swap = (sent(value, self.device) for value in (mirrored, swapped))
        along = torch.arange(side, device=self.device)
        across = torch.where(mirror, along.flip(0), along)[:, 0]
        along = along.expand(count, side)
        rows = torch.where(swap[:, 0], across, along) + top[:, 0]
        columns = torch.where(swap[:, 0], along, across) + left[:, 0]
        down, right = rows % self.size * self.size, columns % self.size
        # Turned crops go through their tile column by column.
        place = torch.where(swap, down[:, None, :] + right[:, :, None], down[:, :, None] + right[:, None, :])
        place += whose * self.size**2
        maps = {name: value.view(-1)[place] for name, value in self.maps.items() if name != "base_color"}
        colors = self.maps["base_color"].view(-1)
        place += whose * (2 * self.size**2)
        planes = torch.arange(3, device=self.device).view(1, 3, 1, 1) * self.size**2
        maps["base_color"] = colors[place[:, None] + planes]
        return maps_to_channels(maps)
