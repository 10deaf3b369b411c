# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel with the real engine and tiny real models: downloaded, drawn with, started from pictures, changed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from hub_server import Behaviour, HubServer
from layouts import button, buttons, drawn, texts
from test_addon import module
from test_edit_image import brush
from test_image_tools import engine, fill, pebbles, requests
from test_models import online, options

__all__ = ["engine", "online", "options"]  # fixtures

pytestmark = pytest.mark.ends

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
from pathlib import Path
import ldm_layout, tiny_families, tiny_loras
folder = Path(sys.argv[1])
model = tiny_families.save("stable-diffusion", folder / "tiny-sd")
tiny_loras.save(model, folder, scale=4.0)
ldm_layout.save_checkpoint(model, folder / "house.safetensors")
other = tiny_families.save("sdxl", folder / "tiny-xl")
tiny_loras.save(other, folder)
"""


@pytest.fixture(scope="module")
def tiny(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model ``tiny-sd``, also as one file, a LoRA for it, and a LoRA that does not fit."""
    folder = tmp_path_factory.mktemp("tiny")
    python = os.environ["TEXLOOM_PYTHON"]
    path = os.pathsep.join((str(ROOT / "tests" / "engine"), str(ROOT / "core")))
    environment = dict(os.environ) | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    subprocess.run([python, "-c", SCRIPT, str(folder)], env=environment, check=True, timeout=300)
    return folder


@pytest.fixture
def settings(texloom: ModuleType, engine: Any, tiny: Path, options: Any, tmp_path: Path) -> Iterator[Any]:
    """The panel's settings, with the tiny model in the folder of somebody."""
    options.library = str(tmp_path / "library")
    module(texloom, "bridge").get().entries.clear()
    found = bpy.context.scene.texloom
    found.model, found.model_folder, found.output = "FOLDER", str(tiny / "tiny-sd"), "IMAGE"
    found.prompt, found.size, found.width, found.height = "moss", "CUSTOM", 64, 64
    found.steps, found.new_seed, found.seed, found.tiling = 2, False, 11, "NONE"
    yield found
    options.library = ""
    module(texloom, "bridge").get().entries.clear()


def values(image: Any) -> np.ndarray:
    flat = np.empty(image.size[0] * image.size[1] * image.channels, np.float32)
    image.pixels.foreach_get(flat)
    return flat.reshape(image.size[1], image.size[0], -1)[::-1, :, :3]


def newest(texloom: ModuleType) -> Any:
    return list(module(texloom, "bridge").get().entries.values())[-1]


def made(texloom: ModuleType) -> np.ndarray:
    return values(bpy.data.images[newest(texloom).built.images[0]])


def wall(side: int = 64) -> Any:
    return fill(bpy.data.images.new("Wall.png", side, side, alpha=True), pebbles(side))


def test_words_pictures_and_a_lora(texloom: ModuleType, settings: Any, tiny: Path) -> None:
    assert bpy.ops.texloom.generate() == {"FINISHED"}
    plain = made(texloom)
    assert plain.shape == (64, 64, 3) and plain.std() > 0.01
    (lora,) = tiny.glob("tiny-sd*.safetensors")
    bpy.ops.texloom.lora_add(filepath=str(lora))
    bpy.ops.texloom.generate()
    changed = made(texloom)
    assert np.abs(changed - plain).max() > 0.02
    settings.loras[0].use = False
    bpy.ops.texloom.generate()
    assert (made(texloom) == plain).all(), "switched off, it leaves nothing behind"
    settings.loras[0].use = True
    settings.start, settings.start_image, settings.strength = "IMAGE", wall(), 0.5
    assert bpy.ops.texloom.generate() == {"FINISHED"}
    data = module(texloom, "core.texloom.storage").read_manifest(Path(newest(texloom).view.folder))
    assert data["request"]["strength"] == 0.5 and data["source"]["file"] and len(data["request"]["loras"]) == 1
    # The library gives all of it back, and the same comes of it.
    folder, before = Path(newest(texloom).view.folder), made(texloom)
    bpy.ops.texloom.start_from_nothing()
    settings.loras.clear()
    assert module(texloom, "api").restore(folder) == []
    settings.output = "IMAGE"
    bpy.ops.texloom.generate()
    assert (made(texloom) == before).all() and Path(settings.start_file).parent == folder


def test_masked_parts_and_nothing_else(texloom: ModuleType, settings: Any) -> None:
    image = wall(128)
    before = values(image)
    images = bpy.context.scene.texloom_images
    bpy.ops.texloom.make_mask(image=image.name)
    brush(images.mask_image, 32, 48, 80, 96, 0.0)
    images.image = image
    texture = bpy.data.textures.new("Uses it", "IMAGE")
    texture.image = image
    assert bpy.ops.texloom.inpaint(in_place=True) == {"FINISHED"}
    after = values(texture.image)
    differs = np.abs(after - before).max(-1) > 0
    assert differs[56:88, 40:72].mean() > 0.9
    differs[48:96, 32:80] = False
    assert not differs.any() and texture.image.name == "Wall edited"
    # The library gives back image, mask and strength.
    images.image = images.mask_image = images.masked_image = None
    images.mask = "ALPHA"
    folder = Path(newest(texloom).view.folder)
    assert module(texloom, "api").restore(folder) == []
    assert Path(bpy.path.abspath(images.image.filepath)).parent == folder and images.mask == "IMAGE"
    assert settings.start == "NONE"
    assert bpy.ops.texloom.inpaint() == {"FINISHED"}
    assert (made(texloom) == after).all()


def test_sides_and_seams(texloom: ModuleType, settings: Any) -> None:
    image = wall(96)
    assert bpy.ops.texloom.outpaint(image=image.name, left=0.0, right=0.5, top=0.0, bottom=0.0) == {"FINISHED"}
    wide = bpy.data.images["Wall extended"]
    assert module(texloom, "api").restore(newest(texloom).view.folder) == []
    assert bpy.context.scene.texloom_images.right == 0.5 and bpy.context.scene.texloom_images.left == 0.0
    assert tuple(wide.size) == (144, 96) and (values(wide)[:, :80] == values(image)[:, :80]).all()
    assert bpy.ops.texloom.repair_seams(image=image.name) == {"FINISHED"}
    whole = bpy.data.images["Wall seamless"]
    assert tuple(whole.size) == (96, 96)
    assert (values(whole)[40:56, 40:56] == values(image)[40:56, 40:56]).all()


def test_loras_that_do_not_fit_say_so(texloom: ModuleType, settings: Any, tiny: Path, tmp_path: Path) -> None:
    (foreign,) = tiny.glob("tiny-xl*.safetensors")
    bpy.ops.texloom.lora_add(filepath=str(foreign))
    with pytest.raises(RuntimeError, match=r"does not fit.*made for this model"):
        bpy.ops.texloom.generate()
    (tmp_path / "broken.safetensors").write_bytes(b"broken")
    settings.loras[0].file = str(tmp_path / "broken.safetensors")
    with pytest.raises(RuntimeError, match=r"broken\.safetensors"):
        bpy.ops.texloom.generate()
    assert "broken.safetensors" in texts(drawn(texloom, "results.Results"))
    settings.loras[0].use = False
    assert bpy.ops.texloom.generate() == {"FINISHED"}


def test_wildcards_and_weights_of_the_prompt(texloom: ModuleType, settings: Any) -> None:
    pictures = {}
    settings.prompt = "{red|blue} brick"
    chosen = module(texloom, "core.texloom.wildcards").pick(settings.prompt, settings.seed)
    assert chosen in ("red brick", "blue brick")
    for prompt in (settings.prompt, chosen, chosen.replace("brick", "(brick:1.5)")):
        settings.prompt = prompt
        assert bpy.ops.texloom.generate() == {"FINISHED"}
        pictures[prompt] = made(texloom)
    first, second, third = pictures.values()
    assert (first == second).all() and (third != second).any()


def test_downloaded_chosen_and_drawn_with(
    texloom: ModuleType, settings: Any, options: Any, online: None, tiny: Path
) -> None:
    source = tiny / "tiny-sd"
    files = {path.relative_to(source).as_posix(): path.read_bytes() for path in source.rglob("*") if path.is_file()}
    with HubServer(Behaviour(files=files)) as server:
        options.hub_endpoint = server.endpoint
        settings.model_folder = "owner/model"
        with pytest.raises(RuntimeError, match="is not on this machine"):
            bpy.ops.texloom.generate()
        assert "model_download" in buttons(drawn(texloom, "results.Results"))
        assert bpy.ops.texloom.model_download(model="owner/model", accept=True) == {"FINISHED"}
    assert bpy.ops.texloom.model_use(model="owner/model") == {"FINISHED"}
    assert bpy.ops.texloom.generate() == {"FINISHED"}
    assert made(texloom).std() > 0.01 and requests(texloom)[-1].model == "owner/model"
    assert bpy.ops.texloom.model_delete(model="owner/model") == {"FINISHED"}
    with pytest.raises(RuntimeError, match="is not on this machine"):
        settings.seed = 12
        bpy.ops.texloom.generate()


def test_a_single_file_and_the_configuration_that_it_lacks(
    texloom: ModuleType, settings: Any, tiny: Path, tmp_path: Path
) -> None:
    settings.model_folder = str(tiny / "house.safetensors")
    with pytest.raises(RuntimeError, match="holds weights alone"):
        bpy.ops.texloom.generate()
    wanted = button(drawn(texloom, "results.Results"), "model_download")
    assert (wanted["model"], wanted["configuration"]) == ("sd-1.5", True)
    # As that download leaves it.
    home = tmp_path / "models" / "stable-diffusion-v1-5--stable-diffusion-v1-5"
    shutil.copytree(tiny / "tiny-sd", home, ignore=shutil.ignore_patterns("*.safetensors"))
    (home / ".texloom-configuration.json").write_text("{}", encoding="utf-8")
    assert bpy.ops.texloom.generate() == {"FINISHED"}
    alone = made(texloom)
    settings.model_folder = str(tiny / "tiny-sd")
    assert bpy.ops.texloom.generate() == {"FINISHED"}
    assert (made(texloom) == alone).all() and alone.std() > 0.01
