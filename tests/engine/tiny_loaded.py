# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiny models of every family as tests draw with them: each is saved and loaded once, when first asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tiny_families
from test_diffusers_folder import Notes
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.request import GenerationRequest

Models = Callable[[str], DiffusersFolderGenerator]


def small_request(**values: Any) -> GenerationRequest:
    """A texture of 64² in two steps; ``values`` are other fields."""
    usual = {"prompt": "red brick", "width": 64, "height": 64, "seed": 3, "steps": 2, "kind": "texture"}
    return GenerationRequest(**usual | values)


def loaded_once(folder: Path) -> Models:
    """Gives a family's model, loaded; kept below ``folder``."""
    made: dict[str, DiffusersFolderGenerator] = {}

    def get(name: str) -> DiffusersFolderGenerator:
        if name not in made:
            if name == "qwen-image-edit":
                _look_at_less()
            made[name] = DiffusersFolderGenerator(tiny_families.save(name, folder / name))
            made[name].load(Notes())
        return made[name]

    return get


def _look_at_less() -> None:
    """Whatever is drawn, this pipeline looks at a megapixel of its picture, which takes a tiny model most of its time;
    the tests in a worker look at all of it."""
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus

    pipeline_qwenimage_edit_plus.VAE_IMAGE_SIZE = 256 * 256
