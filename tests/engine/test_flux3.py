# SPDX-License-Identifier: GPL-3.0-or-later
"""FLUX.3 in the usual form of pipelines draws what the blocks of diffusers draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_families
import torch
from test_diffusers_folder import Notes
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.families.picture_reader import picture_reader
from texloom.errors import CancelledError
from tiny_loaded import small_request


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DiffusersFolderGenerator:
    found = DiffusersFolderGenerator(tiny_families.save("flux3", tmp_path_factory.mktemp("models") / "flux3"))
    found.load(Notes())
    return found


def test_the_same_pixels_as_the_blocks(model: DiffusersFolderGenerator) -> None:
    """From the same noise, with the scheduler that the blocks make by themselves."""
    from diffusers.modular_pipelines.flux3.modular_blocks_flux3_distilled import Flux3DistilledAutoBlocks

    blocks = Flux3DistilledAutoBlocks()
    blocks.sub_blocks.pop("prompt_upsampler")
    plain = blocks.init_pipeline()
    parts = {name: model._pipeline.components[name] for name in ("text_encoder", "vae", "transformer")}
    plain.update_components(**parts, tokenizer=picture_reader(Path(model.info.id) / "tokenizer"))
    expected = plain(
        prompt="red brick",
        width=128,
        height=64,
        num_inference_steps=3,
        generator=torch.Generator("cpu").manual_seed(3),
        output_type="np",
        output="images",
    )[0]
    job = small_request(width=128, steps=3, tile_x=False, tile_y=False)
    picture = next(model.generate(job, Notes())).maps["image"]
    assert np.abs(expected * 255.0 - picture).max() <= 0.51


def test_cancelling_is_no_error_of_diffusers(
    model: DiffusersFolderGenerator, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its blocks would write a page for each of them that a cancelled step passes through."""
    with pytest.raises(CancelledError):
        next(model.generate(small_request(), Notes(lambda what: what == "step 1")))
    assert caplog.records == []
    assert "Error" not in "".join(capfd.readouterr())
