# SPDX-License-Identifier: GPL-3.0-or-later
"""Sheets of pictures that show what a LoRA changes, drawn by the engine as users get them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.diffusers_folder import DiffusersFolderGenerator
from ..engine.generator import Context
from ..request import GenerationRequest, Lora
from .learned_sheets import write_sheet

Rows = list[list[NDArray[np.uint8]]]


def pictures(
    generator: DiffusersFolderGenerator,
    prompts: Sequence[str],
    context: Context,
    *,
    size: int,
    tile: tuple[bool, bool],
    lora: Path | None = None,
    steps: int | None = None,
    seed: int = 7,
) -> list[NDArray[np.uint8]]:
    """One picture (or base color) of each prompt, (size, size, 3).

    Args:
        generator: loaded; what it learns at the moment takes part.
        prompts: what to draw.
        context: is told and asked.
        size: pixels a side.
        tile: whether they repeat across and down.
        lora: a file that takes part.
        steps: None for the model's own.
        seed: of all of them.
    """
    found = []
    for prompt in prompts:
        request = GenerationRequest(
            prompt=prompt,
            kind="texture",
            width=size,
            height=size,
            seed=seed,
            steps=steps,
            tile_x=tile[0],
            tile_y=tile[1],
            preview_interval=0,
            loras=(Lora(str(lora.absolute())),) if lora is not None else (),
        )
        maps: Any = next(iter(generator.generate(request, context))).maps
        found.append(np.ascontiguousarray(maps["base_color" if "base_color" in maps else "image"]))
    return found


def write_before_after(
    path: Path,
    learned: Sequence[NDArray[np.uint8]],
    before: Sequence[NDArray[np.uint8]],
    after: Sequence[NDArray[np.uint8]],
) -> None:
    """A row for each prompt: a picture that was learned, the model's own, and with the LoRA.

    Raises:
        StorageError: it could not be written.
    """
    write_sheet(path, [list(row) for row in zip(learned, before, after, strict=True)])


def color_distance(pictures: Sequence[NDArray[np.uint8]], wanted: Sequence[NDArray[np.uint8]]) -> float:
    """How far the mean colors of pictures are from those wanted of them: distance in sRGB, 0 to 1.73."""
    pairs = zip(pictures, wanted, strict=True)
    return float(np.mean([np.linalg.norm((one.mean((0, 1)) - two.mean((0, 1))) / 255.0) for one, two in pairs]))
