# SPDX-License-Identifier: GPL-3.0-or-later
"""A LoRA, a learned word, a style and a control in one request: each counts, and none stays behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_controls
import tiny_families
import tiny_loras
import tiny_styles
from test_diffusers_folder import Notes
from test_embeddings import word
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.seamless import seam_ratio
from texloom.request import Control, Lora
from tiny_loaded import small_request

pytestmark = pytest.mark.usefixtures("unrepaired")


@pytest.mark.parametrize("family", ["stable-diffusion", "sdxl", "flux"])
def test_each_counts_beside_the_others(family: str, tmp_path: Path) -> None:
    folder = tiny_families.save(family, tmp_path / family)
    model = DiffusersFolderGenerator(folder)
    model.load(Notes())
    picture = str(tiny_controls.picture(tmp_path / "waves.png"))
    given: dict[str, Any] = {
        "prompt": "wall of oldmoss",
        "loras": (Lora(str(tiny_loras.save(folder, tmp_path)), 1.0),),
        "embeddings": (str(word(tmp_path, "oldmoss", family)),),
        "style_image": picture,
        "style_model": str(tiny_styles.save(folder, tmp_path / "adapter")),
        "controls": (Control("depth", picture, 1.0, str(tiny_controls.save(family, tmp_path / "control"))),),
    }

    def draw(**values: Any) -> Any:
        return next(model.generate(small_request(**values), Notes()))

    plain = draw(prompt=given["prompt"]).maps["image"]
    every = draw(**given)
    pixels = every.maps["image"].astype(int)
    assert {"loras", "embeddings", "style", "controls"} <= set(every.details)
    if family != "flux":  # of its wrapped context with random weights only a mean over many pictures says something
        assert all(0.5 < seam_ratio(every.maps["image"], axis, 8) < 1.5 for axis in (0, 1))
    for name, without in (("loras", ()), ("embeddings", ()), ("style_image", ""), ("controls", ())):
        less = given | {name: without}
        if name == "style_image":
            less["style_model"] = ""
        assert np.abs(draw(**less).maps["image"].astype(int) - pixels).max() > 0, name
    assert np.array_equal(draw(**given).maps["image"], every.maps["image"])
    assert np.array_equal(draw(prompt=given["prompt"]).maps["image"], plain)
