# SPDX-License-Identifier: GPL-3.0-or-later
"""The installed extension in a real Blender window on a virtual screen.

``TEXLOOM_TEST_BLENDER`` is the command of a Blender 5.x (words as in a shell, so it may begin with chroot);
``TEXLOOM_TEST_PYTHON`` the Python that runs the worker.  Screenshots go to ``TEXLOOM_TEST_PICTURES`` if that is set.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

COMMAND = shlex.split(os.environ.get("TEXLOOM_TEST_BLENDER", "")) or (["blender"] if shutil.which("blender") else [])
HERE = Path(__file__).parent
CHINESE = "生成的结果会显示在这里。"
"""“What you make appears here.”"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not COMMAND, reason="no Blender: set TEXLOOM_TEST_BLENDER to its command"),
    pytest.mark.skipif("TEXLOOM_TEST_ZIP" not in os.environ, reason="TEXLOOM_TEST_ZIP names no extension"),
]


def _inside(*words: str) -> list[str]:
    """A command that runs where Blender runs."""
    return [*COMMAND[:-1], *words]


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    if subprocess.run(_inside("which", "Xvfb", "import", "xdotool"), capture_output=True, check=False).returncode:
        pytest.skip("no Xvfb, xdotool or ImageMagick beside that Blender")
    # It takes the first screen that is free: another run on this machine may have one already.
    words = ("Xvfb", "-displayfd", "1", "-screen", "0", "1500x1000x24")
    server = subprocess.Popen(_inside(*words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    name = f":{server.stdout.readline().strip()}"
    assert name != ":", "Xvfb does not start"
    yield name
    server.terminate()
    server.wait(10)


def environment(display: str, folder: Path) -> dict[str, str]:
    """A home of the run's own, and a screen."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TEXLOOM_")} | {
        "DISPLAY": display,
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "BLENDER_USER_RESOURCES": str(folder / "blender"),
        "TEXLOOM_HOME": str(folder / "home"),
        "HOME": str(folder),
    }


def drive(script: str, folder: Path, env: dict[str, str]) -> dict[str, Any]:
    """Run a script in a window and return its notes; pictures go where they were asked for."""
    for name in (script, "driving.py", "hands.py"):
        shutil.copy(HERE / name, folder / name)
    quiet = "import bpy; bpy.context.preferences.view.show_splash = False; bpy.ops.wm.save_userpref()"
    subprocess.run([*COMMAND, "--background", "--python-expr", quiet], env=env, check=True, timeout=120)
    log = folder / "blender.log"
    words = ["--window-geometry", "0", "0", "1500", "1000", "--python", str(folder / script), "--", str(folder)]
    with log.open("wb") as stream:
        subprocess.run([*COMMAND, *words], env=env, stdout=stream, stderr=subprocess.STDOUT, check=False, timeout=1500)
    pictures = os.environ.get("TEXLOOM_TEST_PICTURES")
    if pictures:
        target = Path(pictures) / script.removesuffix("_script.py")
        target.mkdir(parents=True, exist_ok=True)
        for picture in (*folder.glob("*.png"), *folder.glob("notes.json"), log):
            shutil.copy(picture, target)
    written = folder / "notes.json"
    assert written.is_file(), log.read_text(errors="replace")[-3000:]
    found: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
    assert "error" not in found, found["error"] + log.read_text(errors="replace")[-3000:]
    return found


@pytest.fixture(scope="module")
def notes(display: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("window")
    archive = folder / "texloom.zip"
    shutil.copy(os.environ["TEXLOOM_TEST_ZIP"], archive)
    env = environment(display, folder) | {"TEXLOOM_PYTHON": os.environ.get("TEXLOOM_TEST_PYTHON", sys.executable)}
    for verb in (["validate", str(archive)], ["install-file", "-r", "user_default", "-e", str(archive)]):
        subprocess.run([*COMMAND, "--command", "extension", *verb], env=env, check=True, timeout=120)
    return drive("window_script.py", folder, env)


def _newest_only() -> None:
    """Leave out what takes minutes where an older Blender runs, unless all was asked for."""
    told = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    if int(told.split()[1].split(".")[0]) < 5 and "TEXLOOM_TEST_ALL" not in os.environ:
        pytest.skip("takes minutes: the newest Blender stands for all; TEXLOOM_TEST_ALL=1 runs it")


@pytest.fixture(scope="module")
def first_use(display: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    _newest_only()
    folder = tmp_path_factory.mktemp("first-use")
    shutil.copy(os.environ["TEXLOOM_TEST_ZIP"], folder / "texloom.zip")
    python = os.environ.get("TEXLOOM_TEST_PYTHON", sys.executable)
    kept = {name: value for name, value in os.environ.items() if name == "TEXLOOM_TEST_SETUP"}
    env = environment(display, folder) | {"TEXLOOM_FIRST_USE_PYTHON": python} | kept
    found = drive("first_use_script.py", folder, env)
    shutil.rmtree(folder / "home" / "engine", ignore_errors=True)  # gigabytes
    return found


@pytest.fixture(scope="module")
def large_models(display: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    _newest_only()
    folder = tmp_path_factory.mktemp("large-models")
    archive = folder / "texloom.zip"
    shutil.copy(os.environ["TEXLOOM_TEST_ZIP"], archive)
    python = os.environ.get("TEXLOOM_TEST_PYTHON", sys.executable)
    make = [python, str(HERE / "tiny_files.py"), str(folder)]
    subprocess.run(make, check=True, timeout=300)
    env = environment(display, folder) | {"TEXLOOM_PYTHON": python}
    install = ["extension", "install-file", "-r", "user_default", "-e", str(archive)]
    subprocess.run([*COMMAND, "--command", *install], env=env, check=True, timeout=120)
    return drive("large_models_script.py", folder, env)


class TestLargeModels:
    def test_every_job_ends_well(self, large_models: dict[str, Any]) -> None:
        assert large_models["problems"] == [] and large_models["steps"][-1] == "end"

    def test_a_model_of_a_folder_is_chosen_in_the_list(self, large_models: dict[str, Any]) -> None:
        assert Path(large_models["used"]).name == "tiny-painter"

    def test_a_download_says_its_terms_and_is_left(self, large_models: dict[str, Any]) -> None:
        assert large_models["download"] == ["flux-dev", False, ""]

    def test_the_job_gets_model_picture_and_lora(self, large_models: dict[str, Any]) -> None:
        kind, file = large_models["start"]
        assert kind == "FILE" and file.endswith("wall.png")
        assert large_models["loras"] == ["tiny-painter-0.safetensors"]
        model, suffix, weights = large_models["request"]
        assert Path(model).name == "tiny-painter" and suffix == ".png" and weights == [1.0]

    def test_a_material_is_one_step(self, large_models: dict[str, Any]) -> None:
        before, made, undone, redone = large_models["generated"]
        assert before == undone != made == redone

    def test_a_mask_is_painted_with_the_mouse(self, large_models: dict[str, Any]) -> None:
        _, shown, mode = large_models["mask"]
        assert shown and mode == "PAINT"
        assert 0.005 < large_models["painted"] < 0.5

    def test_what_is_not_painted_stays_to_the_last_bit(self, large_models: dict[str, Any]) -> None:
        _, changed_inside, changed_outside = large_models["inpainted"]
        assert changed_inside > 0.8 and changed_outside == 0

    def test_extended_and_repaired(self, large_models: dict[str, Any]) -> None:
        assert large_models["outpaint"][1] == [384, 384]
        assert large_models["repair_seams"][1] == [256, 256]

    def test_each_edit_is_one_step(self, large_models: dict[str, Any]) -> None:
        assert large_models["undone"] == {name: [True, True] for name in ("inpaint", "outpaint", "repair_seams")}

    def test_leaving_a_dialog_changes_nothing(self, large_models: dict[str, Any]) -> None:
        assert len(large_models["left"]) == 4
        for name, (answer, dirty, pixels) in large_models["left"].items():
            assert answer != ["FINISHED"] and not dirty, name
            assert pixels < 2000, (name, pixels)


class TestFirstUse:
    def test_three_clicks_from_the_zip_to_the_first_texture(self, first_use: dict[str, Any]) -> None:
        assert first_use["installed"] and first_use["engine"], first_use["engine_error"]
        assert (first_use["online_before"], first_use["online_after"]) == (False, True)
        problem, material = first_use["first_texture"]
        assert problem == "" and material.startswith("mossy cobblestone")

    def test_blender_goes_on_while_the_engine_is_set_up(self, first_use: dict[str, Any]) -> None:
        if "set_up" not in first_use:
            pytest.skip("TEXLOOM_TEST_SETUP=0: the engine was there already")
        # pip, the window's drawing and Blender share the processors; a freeze would last a minute.
        assert first_use["set_up"]["gap"] < 3.0, first_use["set_up"]
        assert first_use["set_up"].get("turn", 0.0) < 0.02, first_use["set_up"]

    def test_from_words_typed_to_a_material_on_the_cube(self, first_use: dict[str, Any]) -> None:
        assert first_use["typed"] == "weathered red brick wall with white mortar"
        assert first_use["problem"] == "" and first_use["variations"] == 4
        assert first_use["on_cube"].startswith("weathered red brick wall")

    def test_a_variation_is_one_undo_step_on_the_same_material(self, first_use: dict[str, Any]) -> None:
        assert first_use["picked"] == 2 and first_use["same_material"]
        assert (first_use["undone"], first_use["redone"]) == (0, 2)

    def test_ctrl_enter_generates_and_enter_where_it_is_asked_for(self, first_use: dict[str, Any]) -> None:
        # Jobs after Enter alone, after Ctrl+Enter, and after Enter with the preference; what went wrong comes after.
        assert first_use["keys"] == [0, 1, "white marble", 2, "old oak planks"]

    def test_a_slider_dragged_by_the_mouse_shows_drafts_and_then_the_whole(self, first_use: dict[str, Any]) -> None:
        dragged = first_use["dragged"]
        amounts, sides = dragged["amounts"], dragged["sides"]
        assert amounts == sorted(amounts) and len(set(amounts)) > 10
        assert dragged["from"] < 0.2 and dragged["to"] == amounts[-1] > 0.6
        assert sides[0] == 1024 and 64 < min(sides) < 1024
        # One press of Ctrl+Z takes the whole movement back.
        assert first_use["undone_moss"] == dragged["from"] and first_use["redone_moss"] == dragged["to"]

    def test_a_slider_draws_the_images_again(self, first_use: dict[str, Any]) -> None:
        assert first_use["tuning_problem"] == ""
        before, after = first_use["pixels_before"], first_use["pixels_after"]
        # Moss is green: less red, more green in what is not red any more.
        assert after[1] / after[0] > 1.1 * before[1] / before[0]
        assert first_use["size_after"] == [1024, 1024]
        assert first_use["tuning"]["turn"] < 0.02, first_use["tuning"]
        # Alone on a machine it is under a second, with the pause after which the mouse counts as quiet.
        assert first_use["seconds_to_whole"] < 3.0

    def test_undo_brings_values_and_pictures_back_together(self, first_use: dict[str, Any]) -> None:
        def near(one: str, other: str) -> bool:
            pairs = zip(first_use[one], first_use[other], strict=True)
            return max(abs(a - b) for a, b in pairs) < 0.01

        assert near("pixels_undone", "pixels_before")
        assert near("pixels_redone", "pixels_after") and not near("pixels_after", "pixels_before")
        assert first_use["family"] == ["cobblestone", "bricks"]
        assert near("pixels_family_undone", "pixels_after")

    def test_leaving_a_dialog_changes_nothing(self, first_use: dict[str, Any]) -> None:
        assert len(first_use["left"]) == 9
        for name, (answer, unchanged, pixels) in first_use["left"].items():
            assert answer != ["FINISHED"] and unchanged, name
            # The window is as before: no dialog is left standing, which takes tens of thousands of pixels.
            assert pixels < 2000, (name, pixels)

    def test_an_asset_that_survives_the_file(self, first_use: dict[str, Any]) -> None:
        marked, tags, files = first_use["asset"]
        assert marked and "Texloom" in tags
        # The other one, of the result in the library.
        assert len(files) == 1 and Path(files[0]).name.startswith("weathered-red-brick-wall")
        name, still, moss = first_use["reloaded"]
        # The material is called after the variation that it shows.
        assert name == "weathered red brick wall with white mortar 3" and still
        assert moss == round(first_use["dragged"]["to"], 3)
        assert all(first_use["packed"]) and first_use["kept_lock"] == ["wear"]
        difference = [abs(a - b) for a, b in zip(first_use["pixels_after"], first_use["pixels_reloaded"], strict=True)]
        assert max(difference) < 0.01

    def test_the_panel_in_chinese(self, first_use: dict[str, Any]) -> None:
        if "zh_HANS" not in first_use["languages"]:
            pytest.skip("this Blender was built without Chinese")
        assert first_use["chinese"] == CHINESE and "14_zh_HANS" in first_use["steps"]
        assert first_use["pixels_chinese"] > 2000


def test_generate_in_a_window_makes_the_material(notes: dict[str, Any]) -> None:
    assert notes["problem"] == "" and notes["material"].startswith("weathered red brick wall")


def test_blender_went_on_meanwhile(notes: dict[str, Any]) -> None:
    # Drawing in software is slow by itself; a freeze would last as long as the engine needs to start.
    assert notes["gap_while_working"] < 2.0


def test_no_turn_of_the_timer_takes_long(notes: dict[str, Any]) -> None:
    # The aim is 5 ms (the README says what was measured); the engine draws on the same processors here.
    for part in ("slowest", "slowest_4096"):
        assert notes[part]["turn"] < 0.02, notes[part]


def test_large_images_are_packed_by_saving(notes: dict[str, Any]) -> None:
    assert not all(notes["packed"]) and all(notes["packed_after_saving"])


def test_a_button_on_a_large_image_comes_back_at_once(notes: dict[str, Any]) -> None:
    # To make a picture of its pixels here would take many times as long as their copy.
    assert notes["pressed"] < 0.3 + 3 * notes["copying"]
    assert notes["reading"] == ["submitted", "Reading the image", True]
    assert notes["slowest_while_reading"]["turn"] < 0.1, notes["slowest_while_reading"]


def test_one_undo_takes_it_back_and_redo_brings_it_again(notes: dict[str, Any]) -> None:
    after, before, still_there = notes["after_undo"]
    assert after == before and not still_there
    assert notes["after_redo"] == notes["material"]


def test_an_image_is_shown_repeated(notes: dict[str, Any]) -> None:
    shown = notes["preview"]
    assert shown["repeats"] and shown["image"]
    assert len(shown["fit"]) == 2 and all(0.98 < fit < 1.02 for fit in shown["fit"])
    # The second press closes the window that the first one opened, and not one that looks like it.
    assert shown["own_stays"] and shown["windows"] == 1
    assert shown["here"] == [False, True, False]


def test_a_job_survives_workspace_and_undo_and_cancel_is_quick(notes: dict[str, Any]) -> None:
    assert notes["survives"] is True
    # Four results of 4096 × 4096 were asked for.
    state, made, seconds = notes["cancelled"]
    assert state == "cancelled" and made < 4 and seconds < 3.0


def test_the_panel_speaks_chinese(notes: dict[str, Any]) -> None:
    if "zh_HANS" not in notes["languages"]:
        pytest.skip("this Blender was built without Chinese")
    assert notes["chinese"] == CHINESE and "panel_zh_HANS" in notes["steps"]


def test_command_in_a_real_blender(display: str, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("TEXLOOM_")} | {
        "BLENDER_USER_RESOURCES": str(tmp_path / "blender"),
        "TEXLOOM_HOME": str(tmp_path / "home"),
        "TEXLOOM_PYTHON": os.environ.get("TEXLOOM_TEST_PYTHON", sys.executable),
        "HOME": str(tmp_path),
    }
    archive = tmp_path / "texloom.zip"
    shutil.copy(os.environ["TEXLOOM_TEST_ZIP"], archive)
    install = ["extension", "install-file", "-r", "user_default", "-e", str(archive)]
    subprocess.run([*COMMAND, "--command", *install], env=env, check=True, timeout=120)
    saved = tmp_path / "out.blend"
    words = ["generate", "white marble", "--object", "Cube", "--size", "128", "--save", str(saved)]
    done = subprocess.run([*COMMAND, "--command", "texloom", *words], env=env, check=False, timeout=120)
    assert done.returncode == 0 and saved.is_file()
