# SPDX-License-Identifier: GPL-3.0-or-later
"""FLUX.2 dev as its makers publish it, with a reader of pictures and words for a tokenizer, which nobody needs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_families
from PIL import Image
from test_diffusers_folder import Notes
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from tiny_loaded import small_request

pytestmark = pytest.mark.usefixtures("unrepaired")


def _published(path: Path, *, old_template: bool) -> Path:
    """The tiny folder with the index and the files of the real one."""
    folder = tiny_families.save("flux2", path)
    index = json.loads((folder / "model_index.json").read_text())
    index["tokenizer"] = ["transformers", "PixtralProcessor"]
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "tokenizer" / "processor_config.json").write_text(
        json.dumps({"processor_class": "PixtralProcessor", "image_token": "[IMG]", "patch_size": 14})
    )
    if old_template:
        template = folder / "tokenizer" / "chat_template.jinja"
        text = json.dumps({"chat_template": template.read_text()})
        template.with_suffix(".json").write_text(text)
        template.unlink()
    return folder


@pytest.mark.parametrize("old_template", [False, True])
def test_it_reads_words_as_ever(old_template: bool, tmp_path: Path) -> None:
    plain = DiffusersFolderGenerator(tiny_families.save("flux2", tmp_path / "plain"))
    model = DiffusersFolderGenerator(_published(tmp_path / "published", old_template=old_template))
    Image.fromarray(np.random.default_rng(2).integers(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / "a.png")
    for generator in (plain, model):
        generator.load(Notes())
    # The same weights: the tiny ones are random.
    model.opened.pipeline.transformer.load_state_dict(plain.opened.pipeline.transformer.state_dict())
    model.opened.pipeline.text_encoder.load_state_dict(plain.opened.pipeline.text_encoder.state_dict())
    model.opened.pipeline.vae.load_state_dict(plain.opened.pipeline.vae.state_dict())
    for values in ({}, {"source": str(tmp_path / "a.png")}):
        job = small_request(**values)
        first, second = (next(generator.generate(job, Notes())).maps["image"] for generator in (plain, model))
        assert np.array_equal(first, second)
