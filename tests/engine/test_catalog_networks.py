# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks beside a model that the catalogue counts on: their layout as published, at tiny size, and one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_controls
import tiny_families
import tiny_styles
from test_diffusers_folder import Notes
from texloom import control_rows, model_store
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.errors import ModelNotFoundError
from texloom.request import Control
from tiny_loaded import small_request
from tiny_parts import wake

pytestmark = pytest.mark.usefixtures("unrepaired")


def test_the_controlnet_of_stable_diffusion_3_5_medium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its layers attend twice, it reads the words, and it has one layer less than the network that draws."""
    from diffusers import SD3Transformer2DModel

    model = tiny_families.save("sd3", tmp_path / "sd3")
    twice = {"dual_attention_layers": (0, 1), "qk_norm": "rms_norm"}
    config = dict(SD3Transformer2DModel.load_config(model / "transformer")) | twice
    SD3Transformer2DModel.from_config(config | {"num_layers": 3}).save_pretrained(model / "transformer")
    monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path / "store"))
    waves = str(tiny_controls.picture(tmp_path / "waves.png"))
    generator = DiffusersFolderGenerator(model)
    generator.load(Notes())
    plain = next(generator.generate(small_request(), Notes())).maps["image"]
    for kind in ("depth", "line"):
        (row,) = control_rows.suiting("sd3", kind, "sd-3.5-medium")
        network = tiny_controls.sd3(num_layers=2, **twice)
        wake(network)
        network.save_pretrained(model_store.folder_for(row.hub, tmp_path / "store"))
        image = next(generator.generate(small_request(controls=(Control(kind, waves, 1.0, row.id),)), Notes()))
        assert image.details["controls"][0]["licence"] == row.licence
        assert not np.array_equal(image.maps["image"], plain)
    assert np.array_equal(next(generator.generate(small_request(), Notes())).maps["image"], plain)


@pytest.mark.parametrize(("name", "like"), [("kolors", "kolors"), ("chroma", "flux")])
def test_a_style_by_an_adapter_of_ones_own(name: str, like: str, tmp_path: Path) -> None:
    """No adapter for these models is known, so that they promise no style; they take one that somebody gives."""
    folder = tiny_families.save(name, tmp_path / name)
    made_for = folder if like == name else tiny_families.save(like, tmp_path / like)
    file = tiny_styles.save(made_for, tmp_path / "adapter")
    generator = DiffusersFolderGenerator(folder)
    generator.load(Notes())
    style = {"style_image": str(tiny_controls.picture(tmp_path / "waves.png")), "style_strength": 1.0}
    plain = next(generator.generate(small_request(), Notes())).maps["image"]
    styled = next(generator.generate(small_request(**style, style_model=str(file)), Notes())).maps["image"]
    assert not np.array_equal(styled, plain)
    with pytest.raises(ModelNotFoundError, match=f"no image adapter for {name} is known"):
        next(generator.generate(small_request(**style), Notes()))
    assert np.array_equal(next(generator.generate(small_request(), Notes())).maps["image"], plain)
