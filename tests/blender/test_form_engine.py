# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of the scene with the real engine and a tiny real network that reads it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from test_addon import module
from test_control_pictures import camera, sphere
from test_image_tools import engine
from test_large_models import ROOT, made, newest, settings, tiny
from test_models import options

__all__ = ["engine", "options", "settings", "tiny"]  # fixtures

SCRIPT = """
import sys
from pathlib import Path
import tiny_controls
tiny_controls.save("stable-diffusion", Path(sys.argv[1]))
tiny_controls.save("flux", Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def networks(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of a network for the tiny model, and of one for another."""
    folder = tmp_path_factory.mktemp("networks")
    python = os.environ["TEXLOOM_PYTHON"]
    path = os.pathsep.join((str(ROOT / "tests" / "engine"), str(ROOT / "core")))
    environment = dict(os.environ) | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    places = folder / "fits", folder / "other"
    subprocess.run([python, "-c", SCRIPT, *map(str, places)], env=environment, check=True, timeout=300)
    return places


@pytest.mark.ends
def test_what_the_camera_sees_changes_the_picture(
    texloom: ModuleType, settings: Any, networks: tuple[Path, Path]
) -> None:
    sphere()
    eye = camera(ortho=2.4)
    bpy.ops.texloom.generate()
    plain = made(texloom)
    bpy.ops.texloom.form_from_camera(kind="DEPTH")
    settings.controls[0].network = str(networks[0])
    assert bpy.ops.texloom.generate() == {"FINISHED"}
    ball = made(texloom)
    assert not np.array_equal(plain, ball)
    manifest = json.loads((Path(newest(texloom).view.folder) / "manifest.json").read_text(encoding="utf-8"))
    (told,) = manifest["results"][0]["controls"]
    assert told["kind"] == "depth" and told["path"] == str(networks[0]) and told["files"]
    kept = Path(newest(texloom).view.folder) / manifest["control_0"]["file"]
    assert kept.is_file()
    eye.location.x = 0.8
    bpy.context.view_layer.update()
    bpy.ops.texloom.form_from_camera(kind="DEPTH")
    bpy.ops.texloom.generate()
    assert not np.array_equal(made(texloom), ball)
    # The same settings again, from the copy that the result keeps: the same pixels.
    bpy.data.images.remove(settings.controls[0].image)
    assert module(texloom, "api").restore(kept.parent) == []
    assert Path(settings.controls[0].file) == kept
    bpy.ops.texloom.generate()
    assert np.array_equal(made(texloom), ball)


@pytest.mark.ends
def test_a_network_for_another_model_is_refused_in_plain_words(settings: Any, networks: tuple[Path, Path]) -> None:
    sphere()
    camera(ortho=2.4)
    bpy.ops.texloom.form_from_camera(kind="DEPTH")
    settings.controls[0].network = str(networks[1])
    with pytest.raises(RuntimeError, match="is a FluxControlNetModel, which is no network for controls"):
        bpy.ops.texloom.generate()
