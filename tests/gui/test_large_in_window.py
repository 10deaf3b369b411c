# SPDX-License-Identifier: GPL-3.0-or-later
"""Large models in a real window, from the list to an edited image (``large_models_script.py``)."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from windows import COMMAND, HERE, MARKS, PYTHON, drive, environment, extension, install

pytestmark = MARKS


@pytest.fixture(scope="module")
def large_models(display: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    told = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    if int(told.split()[1].split(".")[0]) < 5:
        pytest.skip("takes minutes: the newest Blender stands for all")
    folder = tmp_path_factory.mktemp("large-models")
    subprocess.run([PYTHON, str(HERE / "tiny_files.py"), str(folder)], check=True, timeout=300)
    env = environment(display, folder) | {"TEXLOOM_PYTHON": PYTHON}
    install(extension(folder), env)
    return drive("large_models_script.py", folder, env)


def test_every_job_ends_well(large_models: dict[str, Any]) -> None:
    assert large_models["problems"] == [] and large_models["steps"][-1] == "end"


def test_a_model_of_a_folder_is_chosen_in_the_list(large_models: dict[str, Any]) -> None:
    assert Path(large_models["used"]).name == "tiny-painter"


def test_a_download_says_its_terms_and_is_left(large_models: dict[str, Any]) -> None:
    assert large_models["download"] == ["flux-dev", False, ""]


def test_the_job_gets_model_picture_and_lora(large_models: dict[str, Any]) -> None:
    kind, file = large_models["start"]
    assert kind == "FILE" and file.endswith("wall.png")
    assert large_models["loras"] == ["tiny-painter-0.safetensors"]
    model, suffix, weights = large_models["request"]
    assert Path(model).name == "tiny-painter" and suffix == ".png" and weights == [1.0]


def test_a_material_is_one_step(large_models: dict[str, Any]) -> None:
    before, made, undone, redone = large_models["generated"]
    assert before == undone != made == redone


def test_a_mask_is_painted_with_the_mouse(large_models: dict[str, Any]) -> None:
    _, shown, mode = large_models["mask"]
    assert shown and mode == "PAINT"
    assert 0.005 < large_models["painted"] < 0.5


def test_what_is_not_painted_stays_to_the_last_bit(large_models: dict[str, Any]) -> None:
    _, changed_inside, changed_outside = large_models["inpainted"]
    assert changed_inside > 0.8 and changed_outside == 0


def test_extended_and_repaired(large_models: dict[str, Any]) -> None:
    assert large_models["outpaint"][1] == [384, 384]
    assert large_models["repair_seams"][1] == [256, 256]


def test_each_edit_is_one_step(large_models: dict[str, Any]) -> None:
    assert large_models["undone"] == {name: [True, True] for name in ("inpaint", "outpaint", "repair_seams")}


def test_leaving_a_dialog_changes_nothing(large_models: dict[str, Any]) -> None:
    assert len(large_models["left"]) == 4
    for name, (answer, dirty, pixels) in large_models["left"].items():
        assert answer != ["FINISHED"] and not dirty, name
        assert pixels < 2000, (name, pixels)
