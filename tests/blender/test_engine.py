# SPDX-License-Identifier: GPL-3.0-or-later
"""The installed extension with the real worker and the instant model; ``TEXLOOM_TEST_PYTHON`` runs the worker."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest

WORKER_PYTHON = os.environ.get("TEXLOOM_TEST_PYTHON")
pytestmark = pytest.mark.skipif(not WORKER_PYTHON, reason="TEXLOOM_TEST_PYTHON names no engine environment")


@pytest.fixture(scope="module")
def engine(texloom: ModuleType) -> Iterator[Any]:
    """The add-on's API with the engine at hand."""
    os.environ["TEXLOOM_PYTHON"] = str(WORKER_PYTHON)
    bridge = importlib.import_module(f"{texloom.__name__}.bridge").get()
    bridge.attach(None)
    yield importlib.import_module(f"{texloom.__name__}.api")
    bridge.attach(None)
    del os.environ["TEXLOOM_PYTHON"]


def test_a_sentence_becomes_a_linked_material(engine: Any, cube: Any) -> None:
    obj = cube()
    made = engine.generate("weathered red brick wall with white mortar", target=obj, size=256, seed=5)
    material = obj.active_material
    assert material.name == made.material and len(made.images) == 5
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    for name in ("Base Color", "Roughness", "Metallic", "Normal"):
        assert shader.inputs[name].is_linked, name
    images = {node.image.name: node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE"}
    for image in images.values():
        assert tuple(image.size) == (256, 256) and image.packed_file is not None
    base = next(image for name, image in images.items() if "Base Color" in name)
    pixels = list(base.pixels)
    red, green, blue = (sum(pixels[channel::4]) / 65536 for channel in range(3))
    assert base.colorspace_settings.name == "sRGB" and red > 1.2 * green and red > 1.2 * blue
    manifest = json.loads((made.folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["request"]["seed"] == 5 and manifest["results"][0]["parameters"]["family"] == "bricks"


def test_the_same_seed_gives_the_same_pixels(engine: Any) -> None:
    folders = [engine.generate("oak planks", output="IMAGE", size=128, seed=9).folder for _ in range(2)]
    first, second = ((folder / "00_image.png").read_bytes() for folder in folders)
    assert first == second


@pytest.mark.ends
def test_a_killed_worker_loses_nothing(engine: Any, texloom: ModuleType) -> None:
    if sys.platform == "win32":
        pytest.skip("needs signals")
    bridge = importlib.import_module(f"{texloom.__name__}.bridge").get()
    engine.generate("bricks", output="IMAGE", size=64)
    job = engine.submit("bricks", output="IMAGE", size=4096)
    pid = bridge.session.table.backend._session._child.pid
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    api = importlib.import_module(f"{texloom.__name__}.core.texloom.api")
    with pytest.raises(api.JobFailedError) as caught:
        job.wait(timeout=5)
    assert caught.value.code == "worker_died" and time.monotonic() - began < 1.5
    assert engine.generate("bricks", output="IMAGE", size=64).images


@pytest.mark.parametrize("moment", ["starting", "loading", "running", "waiting"])
@pytest.mark.ends
def test_killed_at_any_step_it_leaves_the_file_clean(
    moment: str, engine: Any, texloom: ModuleType, cube: Any, counts: Any
) -> None:
    if sys.platform == "win32":
        pytest.skip("needs signals")
    bridge = importlib.import_module(f"{texloom.__name__}.bridge").get()
    obj = cube()
    bridge.close()  # a fresh process, so that there is something to start and load
    before = counts()
    jobs = [engine.submit("bricks", target=obj, size=4096, seed=number) for number in range(2)]
    job = jobs[1] if moment == "waiting" else jobs[0]
    wanted = {"starting": "submitted", "loading": "loading", "running": "running", "waiting": "queued"}[moment]
    deadline = time.monotonic() + 60
    while str(job.view.state) != wanted and not (moment == "starting" and job.view.state):
        assert time.monotonic() < deadline
        bridge.tick()
        time.sleep(0.005)
    while bridge.session.table.backend._session._child is None:
        time.sleep(0.005)
    os.kill(bridge.session.table.backend._session._child.pid, signal.SIGKILL)
    while not all(item.done for item in jobs):
        assert time.monotonic() < deadline
        bridge.tick()
        time.sleep(0.005)
    assert {str(item.view.state) for item in jobs} == {"failed"}
    assert counts() == before and obj.active_material is None
    assert not [path for path in bridge.library().glob("*") if job.id[:8] in path.name]
    assert engine.generate("bricks", target=obj, size=64).assigned == (obj.name,)


def test_a_material_made_larger(engine: Any, cube: Any) -> None:
    obj = cube()
    made = engine.generate("red brick wall", target=obj, size=128, seed=5)
    material = obj.active_material
    slider = next(node for node in material.node_tree.nodes if node.type == "GROUP").inputs["Tile Width"]
    width = slider.default_value
    larger = engine.upscale(material, 2)
    assert larger.folder != made.folder and obj.active_material == material and larger.material == material.name
    images = [node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE"]
    assert len(images) == 5 and {tuple(image.size) for image in images} == {(256, 256)}
    assert slider.default_value == pytest.approx(width)
    manifest = json.loads((larger.folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["results"][0]["upscale"]["made_of_height"] == ["normal"]


def test_a_prompt_it_cannot_do_is_told(engine: Any) -> None:
    made = engine.generate("portrait of my grandmother", output="IMAGE", size=64)
    assert made.messages and made.images


def test_command_line_puts_it_on_an_object_and_saves(
    engine: Any, texloom: ModuleType, cube: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli = importlib.import_module(f"{texloom.__name__}.cli")
    cube("Box")
    start, saved = tmp_path / "start.blend", tmp_path / "new" / "out.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(start))
    arguments = ["generate", "mossy cobblestone", "--open", str(start), "--object", "Box", "--save", str(saved)]
    assert cli.main([*arguments, "--size", "128", "--json"]) == 0
    line = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")][-1]
    told = json.loads(line)
    assert told["assigned"] == ["Box"]
    bpy.ops.wm.open_mainfile(filepath=str(saved))
    assert bpy.data.objects["Box"].active_material.name == told["material"]
    assert all(image.packed_file for image in bpy.data.images if image.name in told["images"])


def test_command_line_refuses_what_is_not_there(engine: Any, texloom: ModuleType, tmp_path: Path) -> None:
    cli = importlib.import_module(f"{texloom.__name__}.cli")
    assert cli.main(["generate", "bricks", "--object", "Nobody"]) == 2
    assert cli.main(["generate", "bricks", "--open", str(tmp_path / "no.blend")]) == 1
    assert cli.main(["generate", "bricks", "--model", "no-such-model"]) == 1
