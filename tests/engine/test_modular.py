# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of modular pipelines, as diffusers itself writes them: their parts draw in a pipeline of the usual kind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_families
import tiny_loras
from test_diffusers_folder import Notes
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.model_folder import read_folder
from texloom.errors import ModelInvalidError
from texloom.request import Lora
from tiny_loaded import small_request

pytestmark = pytest.mark.usefixtures("unrepaired")

NAMES = ("sdxl", "sd3", "flux", "flux2-klein", "z-image", "qwen-image")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model in both layouts: the usual one, and the one of blocks."""
    place = tmp_path_factory.mktemp("modular")

    def get(name: str) -> tuple[Path, Path]:
        usual, modular = place / name, place / "of-blocks" / name
        if not modular.is_dir():
            save(tiny_families.save(name, usual), modular)
        return usual, modular

    return get


def save(usual: Path, modular: Path) -> Path:
    """Let diffusers write the model in ``usual`` as a modular pipeline."""
    from diffusers import ModularPipeline

    pipeline: Any = ModularPipeline.from_pretrained(str(usual))
    pipeline.load_components()
    pipeline.save_pretrained(str(modular), overwrite_modular_index=True)
    assert not (modular / "model_index.json").exists()
    return modular


def _loaded(folder: Path) -> DiffusersFolderGenerator:
    generator = DiffusersFolderGenerator(folder)
    generator.load(Notes())
    return generator


@pytest.mark.parametrize("name", NAMES)
def test_they_draw_as_the_usual_folder_does(name: str, folders: Any, tmp_path: Path) -> None:
    one, two = (_loaded(folder) for folder in folders(name))
    assert two.info.details["family"] == name and two.info.tasks == one.info.tasks
    assert (two.info.default_steps, two.info.default_guidance_scale) == (
        one.info.default_steps,
        one.info.default_guidance_scale,
    )
    notes = Notes()
    job = small_request(width=128, steps=3, preview_interval=1)
    drawn = [next(model.generate(job, notes)) for model in (one, two)]
    assert np.array_equal(drawn[0].maps["image"], drawn[1].maps["image"])
    assert len(notes.previews) == 4 and set(drawn[1].details["seam_ratio"]) == {"x", "y"}
    assert {Path(file).parts[0] for file in two.info.files} == {Path(file).parts[0] for file in one.info.files}
    style = Lora(str(tiny_loras.save(folders(name)[0], tmp_path)))
    styled = [next(model.generate(small_request(loras=(style,)), Notes())).maps["image"] for model in (one, two)]
    assert np.array_equal(*styled)


def test_what_is_called_turbo_is_distilled(folders: Any, tmp_path: Path) -> None:
    """Its index does not say so, since the blocks know; pipelines of the usual kind must be told."""
    folder = Path(shutil.copytree(folders("flux2-klein")[1], tmp_path / "klein"))
    index = json.loads((folder / "modular_model_index.json").read_text())
    del index["is_distilled"]
    for name, said in (("Krea2TurboModularPipeline", True), ("Krea2ModularPipeline", None)):
        (folder / "modular_model_index.json").write_text(json.dumps(index | {"_class_name": name}))
        found = read_folder(folder)
        assert (found.class_name, found.options.get("is_distilled")) == ("Krea2Pipeline", said)
    name = "Flux2KleinBaseModularPipeline"
    (folder / "modular_model_index.json").write_text(json.dumps(index | {"_class_name": name}))
    assert read_folder(folder).class_name == "Flux2KleinPipeline" and read_folder(folder).modular


def test_blocks_of_ones_own_are_refused(folders: Any, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(folders("flux")[1], tmp_path / "flux"))
    (folder / "modular_config.json").write_text(json.dumps({"auto_map": {"ModularPipelineBlocks": "block.My"}}))
    with pytest.raises(ModelInvalidError, match=r"modular_config\.json points to code"):
        read_folder(folder)


def test_a_part_that_lies_elsewhere_is_told(folders: Any, tmp_path: Path) -> None:
    """Indexes may point to other repositories; nothing is fetched from there."""
    folder = Path(shutil.copytree(folders("flux")[1], tmp_path / "flux"))
    shutil.rmtree(folder / "vae")
    index = json.loads((folder / "modular_model_index.json").read_text())
    index["vae"][2]["pretrained_model_name_or_path"] = "owner/other"
    (folder / "modular_model_index.json").write_text(json.dumps(index))
    with pytest.raises(ModelInvalidError, match="lacks its part vae") as told:
        read_folder(folder)
    assert "takes that part from owner/other" in told.value.advice
