# SPDX-License-Identifier: GPL-3.0-or-later
"""Style images and learned words: in the panel, by scripts, saved, and taken from the library."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from layouts import Here, Layout, button, buttons, drawn, fields, texts
from pictures import write_png
from test_addon import api, fake, module
from test_engine import WORKER_PYTHON, engine
from test_image_tools import gradient, painted, requests, scratch
from test_models import options, safetensors

__all__ = ["api", "engine", "fake", "options"]  # fixtures


@pytest.fixture
def settings(texloom: ModuleType, options: Any) -> Any:
    """The panel's settings, with a large model."""
    found = bpy.context.scene.texloom
    found.prompt, found.model, found.catalog_model, found.output, found.size = "moss", "CATALOG", "sdxl", "IMAGE", "512"
    return found


def word(folder: Path, name: str = "old moss", **shapes: list[int]) -> Path:
    """A learned word of zeros; for SDXL where nothing else is said."""
    folder.mkdir(exist_ok=True)
    shapes = shapes or {"clip_l": [2, 768], "clip_g": [2, 1280]}
    entries, at = {}, 0
    for key, shape in shapes.items():
        size = 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        entries[key] = {"dtype": "F16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(entries).encode()
    (folder / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))
    return folder / f"{name}.safetensors"


class TestStyleImage:
    def test_an_image_of_the_file(self, texloom: ModuleType, fake: Any, settings: Any) -> None:
        look = settings.look
        look.source, look.image, look.strength, look.adapter = "IMAGE", painted(pixels=gradient(96, 48)), 0.9, "ip-x"
        assert bpy.ops.texloom.generate() == {"FINISHED"}
        (request,) = requests(texloom)
        assert request.style_image.endswith(".png") and request.style_strength == pytest.approx(0.9)
        assert request.style_model == "ip-x" and request.source == "" and scratch() == []

    @pytest.mark.parametrize("model", ["instant", "learned"])
    def test_a_file_gives_colors_to_the_models_that_are_built_in(
        self, model: str, texloom: ModuleType, fake: Any, settings: Any, tmp_path: Path
    ) -> None:
        file = write_png(tmp_path / "look.png", gradient(64, 64))
        settings.model, settings.look.adapter = model, "ip-x"
        settings.look.source, settings.look.file = "FILE", str(file)
        assert bpy.ops.texloom.generate() == {"FINISHED"}
        (request,) = requests(texloom)
        # The engine's own strength is not said, and these models have no adapter.
        assert (request.style_image, request.style_strength, request.style_model) == (str(file), None, "")
        assert file.is_file()
        assert "Its colors become" in texts(drawn(texloom, "looks.StyleImage")).replace("\n", " ")

    def test_a_model_that_takes_none_leaves_it_out(self, texloom: ModuleType, fake: Any, settings: Any) -> None:
        settings.look.source, settings.look.image = "IMAGE", painted()
        settings.catalog_model = "z-image-turbo"
        assert "takes no style" in texts(drawn(texloom, "looks.StyleImage")).replace("\n", " ")
        bpy.ops.texloom.generate()
        assert requests(texloom)[0].style_image == "" and scratch() == []

    def test_what_is_missing_is_said(self, texloom: ModuleType, fake: Any, settings: Any, tmp_path: Path) -> None:
        settings.look.source = "IMAGE"
        with pytest.raises(RuntimeError, match="Choose the image whose look"):
            bpy.ops.texloom.generate()
        settings.look.source = "FILE"
        with pytest.raises(RuntimeError, match="Choose the picture whose look"):
            bpy.ops.texloom.generate()
        settings.look.file = str(tmp_path / "nothing.png")
        with pytest.raises(RuntimeError, match="there is no file"):
            bpy.ops.texloom.generate()
        assert requests(texloom) == []
        assert bpy.ops.texloom.look_none() == {"FINISHED"} and settings.look.source == "NONE"

    def test_scripts_and_edits(self, texloom: ModuleType, fake: Any, api: Any, settings: Any, tmp_path: Path) -> None:
        errors = module(texloom, "core.texloom.errors")
        file = word(tmp_path / "words")
        image = painted(pixels=gradient(96, 64))
        api.generate("old moss", model="sdxl", output="IMAGE", size=512, style_image=image, style_strength=0.5,
                     embeddings=[file])  # fmt: skip
        request = requests(texloom)[-1]
        assert request.style_strength == 0.5 and request.embeddings == (str(file),) and request.style_image
        assert scratch() == []
        with pytest.raises(errors.RequestError, match="no picture to take a style from"):
            api.submit("moss", style_strength=0.5)
        with pytest.raises(errors.RequestError, match="style_strength"):
            api.submit("moss", style_image=image, style_strength=9.0)
        assert scratch() == []
        job = api.submit_edit(
            image, "moss", model="sdxl", operation="repair_seams", style_image=image, embeddings=[file]
        )
        job.wait(20)
        edited = requests(texloom)[-1]
        assert edited.style_image and edited.embeddings == (str(file),) and edited.operation == "repair_seams"
        assert scratch() == []

    def test_edits_of_the_panel(self, texloom: ModuleType, fake: Any, settings: Any, tmp_path: Path) -> None:
        look = settings.look
        look.source, look.image, look.strength = "IMAGE", painted("Look.png"), 0.8
        bpy.ops.texloom.word_add(filepath=str(word(tmp_path)))
        wall = painted("Wall.png", gradient(96, 96, alpha=0))
        assert bpy.ops.texloom.inpaint(image=wall.name, prompt="old moss") == {"FINISHED"}
        (request,) = requests(texloom)
        assert request.operation == "inpaint" and request.style_strength == pytest.approx(0.8)
        assert request.style_image.endswith(".png") and request.style_image != request.source
        assert [Path(item).stem for item in request.embeddings] == ["old moss"] and scratch() == []

    def test_the_command(self, texloom: ModuleType, fake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        cli = module(texloom, "cli")
        file = write_png(tmp_path / "look.png", gradient(64, 64))
        monkeypatch.setattr(module(texloom, "bridge").get(), "close", lambda: None)
        argv = ["generate", "old moss", "--style-image", f"{file}@0.4", "--kind", "texture", "--size", "512"]
        assert cli.main([*argv, "--model", "sdxl", "--embedding", str(word(tmp_path / "w"))]) == 0
        (request,) = requests(texloom)
        assert (request.style_image, request.style_strength) == (str(file), 0.4)
        assert [Path(item).name for item in request.embeddings] == ["old moss.safetensors"]

    def test_drawing_again_does_not_ask_for_the_picture(self, texloom: ModuleType) -> None:
        recipe = module(texloom, "scene.result")._recipe
        request = {"prompt": "x", "style_image": "/gone.png", "style_strength": 0.5, "style_model": ""}
        found = recipe(request, {"reading": {}, "parameters": {"color": "#112233"}}, 1.0)["request"]
        assert (found["style_image"], found["style_strength"]) == ("", None)


class TestWords:
    def test_added_switched_put_into_the_prompt_and_removed(
        self, texloom: ModuleType, fake: Any, settings: Any, tmp_path: Path
    ) -> None:
        one, two = word(tmp_path, "old moss"), word(tmp_path, "rust")
        assert not bpy.ops.texloom.word_remove.poll()
        for file in (one, two):
            assert bpy.ops.texloom.word_add(filepath=str(file)) == {"FINISHED"}
        assert bpy.ops.texloom.word_insert(index=0) == {"FINISHED"} and settings.prompt == "moss, old_moss"
        assert bpy.ops.texloom.word_insert(index=0) == {"CANCELLED"}
        settings.look.words[1].use = False
        bpy.ops.texloom.generate()
        assert requests(texloom)[0].embeddings == (str(one),)
        noted = drawn(texloom, "looks.LearnedWords")
        assert {"word_add", "word_remove"} <= set(buttons(noted)) and "file" in fields(noted)
        assert bpy.ops.texloom.word_remove() == {"FINISHED"}
        assert [Path(item.file).name for item in settings.look.words] == ["old moss.safetensors"]
        settings.model = "instant"
        bpy.ops.texloom.generate()
        assert requests(texloom)[-1].embeddings == ()
        assert "reads no learned words" in texts(drawn(texloom, "looks.LearnedWords")).replace("\n", " ")

    def test_into_a_text(self, texloom: ModuleType, settings: Any, tmp_path: Path) -> None:
        bpy.ops.texloom.word_add(filepath=str(word(tmp_path)))
        settings.prompt_text = bpy.data.texts.new("Prompt")
        settings.prompt_text.write("a wall")
        assert bpy.ops.texloom.word_insert(index=0) == {"FINISHED"} and settings.written == "a wall old_moss"

    def test_what_cannot_be_added(self, texloom: ModuleType, settings: Any, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match=r"Choose a \.safetensors file"):
            bpy.ops.texloom.word_add()
        with pytest.raises(RuntimeError, match=r"is no \.safetensors file"):
            bpy.ops.texloom.word_add(filepath=str(tmp_path / "old.pt"))
        (tmp_path / "lora.safetensors").write_bytes(safetensors("unet.down.lora_A.weight", "unet.down.lora_B.weight"))
        with pytest.raises(RuntimeError, match="holds no learned word"):
            bpy.ops.texloom.word_add(filepath=str(tmp_path / "lora.safetensors"))
        bpy.ops.texloom.word_add(filepath=str(word(tmp_path)))
        with pytest.raises(RuntimeError, match="in the list already"):
            bpy.ops.texloom.word_add(filepath=str(word(tmp_path, "Old-Moss")))
        for number in range(7):
            bpy.ops.texloom.word_add(filepath=str(word(tmp_path, f"w{number}")))
        with pytest.raises(RuntimeError, match="room for 8"):
            bpy.ops.texloom.word_add(filepath=str(word(tmp_path, "ninth")))

    def test_one_for_another_kind_of_model_is_marked(self, texloom: ModuleType, settings: Any, tmp_path: Path) -> None:
        bpy.ops.texloom.word_add(filepath=str(word(tmp_path, "one", x=[768])))
        said = "another kind of model"
        assert said in texts(drawn(texloom, "looks.LearnedWords")).replace("\n", " ")
        settings.catalog_model = "sd-1.5"
        assert said not in texts(drawn(texloom, "looks.LearnedWords")).replace("\n", " ")


class TestKept:
    def test_use_settings_brings_them_back(
        self, texloom: ModuleType, fake: Any, api: Any, settings: Any, tmp_path: Path
    ) -> None:
        settings.look.source, settings.look.image, settings.look.strength = "IMAGE", painted(), 0.3
        file = word(tmp_path)
        bpy.ops.texloom.word_add(filepath=str(file))
        bpy.ops.texloom.generate()
        folder = Path(next(iter(module(texloom, "bridge").get().entries.values())).view.folder)
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        # As the engine leaves it: the picture lies beside the result.
        manifest = folder / "manifest.json"
        data = module(texloom, "core.texloom.storage").read_json(manifest)
        write_png(folder / "style_image.png", gradient())
        data["style_image"] = {"file": "style_image.png", "name": "1.png", "sha256": "0"}
        module(texloom, "core.texloom.storage").write_json_atomic(manifest, data)
        assert api.restore(folder) == []
        look = bpy.context.scene.texloom.look
        assert look.source == "FILE" and Path(look.file) == folder / "style_image.png"
        assert look.strength == pytest.approx(0.3) and [item.file for item in look.words] == [str(file)]
        # A result of words alone lets go of all that.
        other = api.generate("old bricks", output="IMAGE")
        assert api.restore(other.folder) == [] and (look.source, len(look.words)) == ("NONE", 0)

    def test_in_the_file(self, texloom: ModuleType, settings: Any, tmp_path: Path) -> None:
        settings.look.source, settings.look.image = "IMAGE", painted()
        settings.look.image.pack()
        bpy.ops.texloom.word_add(filepath=str(word(tmp_path)))
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"), check_existing=False)
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
        look = bpy.context.scene.texloom.look
        assert (look.source, look.image.name, len(look.words)) == ("IMAGE", "Wall.png", 1)


class TestPanel:
    def test_where_they_are_shown(self, texloom: ModuleType, fake: Any, settings: Any) -> None:
        parts = module(texloom, "panels.looks")
        assert parts.StyleImage.shown(Here()) and parts.LearnedWords.shown(Here())
        settings.catalog_model = "z-image-turbo"
        assert not parts.StyleImage.shown(Here()) and not parts.LearnedWords.shown(Here())
        settings.model = "instant"
        assert parts.StyleImage.shown(Here()) and not parts.LearnedWords.shown(Here())
        assert "look_none" not in buttons(drawn(texloom, "main.Main"))
        settings.look.source, settings.look.image = "IMAGE", painted()
        noted = drawn(texloom, "main.Main")
        assert "Style of Wall.png" in texts(noted) and button(noted, "look_none") is not None
        assert {"source", "strength"} <= set(fields(drawn(texloom, "looks.StyleImage")))

    def test_the_adapter_that_a_style_needs_can_be_downloaded(
        self, texloom: ModuleType, fake: Any, options: Any, settings: Any, tmp_path: Path
    ) -> None:
        store, rows = module(texloom, "core.texloom.model_store"), module(texloom, "core.texloom.style_models")
        shelf, jobs = module(texloom, "shelf"), module(texloom, "model_jobs")
        settings.look.source, settings.look.image = "IMAGE", painted()
        shelf.watcher().looked()
        assert button(drawn(texloom, "looks.StyleImage"), "model_download")["model"] == "ip-adapter-sdxl"
        item = jobs.item_of("ip-adapter-sdxl")
        assert item.hub == "h94/IP-Adapter" and item.row.only and jobs.terms(item) == ()
        assert jobs.terms(jobs.item_of("ip-adapter-flux")) and jobs.is_downloadable("ip-adapter-flux")
        said = dict(module(texloom, "panels.model_facts").facts(item, None))
        assert "Apache" in said["Licence"] and said["Memory"] == "about 3.3 GB beside the model"
        # Once it lies there, nothing is offered any more; nor where another one is named.
        row = rows.find("ip-adapter-sdxl")
        file = store.folder_for(row.hub, tmp_path / "models") / row.file
        file.parent.mkdir(parents=True)
        file.write_bytes(b"")
        shelf.watcher().looked()
        assert "model_download" not in buttons(drawn(texloom, "looks.StyleImage"))
        settings.catalog_model = "sd-1.5"
        assert button(drawn(texloom, "looks.StyleImage"), "model_download")["model"] == "ip-adapter-sd15"
        settings.look.adapter = "somewhere"
        assert "model_download" not in buttons(drawn(texloom, "looks.StyleImage"))


@pytest.mark.skipif(not WORKER_PYTHON, reason="TEXLOOM_TEST_PYTHON names no engine environment")
@pytest.mark.ends
def test_a_material_in_the_colors_of_an_image(engine: Any, cube: Any, texloom: ModuleType) -> None:
    """With the real engine: the colors are the image's, and tuning does not ask for the image again."""
    obj = cube()
    bpy.context.view_layer.objects.active = obj
    blue = np.zeros((64, 64, 4), np.uint8)
    blue[...] = (26, 51, 153, 255)
    image = painted("Sea.png", blue)
    engine.generate("brick wall", target=obj, size=256, seed=5, style_image=image)
    assert scratch() == []
    recipe = obj.active_material.texloom
    color = recipe.parameters["color"]
    red, green, below = (int(color.json_value()[start : start + 2], 16) / 255 for start in (1, 3, 5))
    assert color.source == "style image" and np.allclose((red, green, below), (0.1, 0.2, 0.6), atol=0.03)
    noted: Any = []
    for name in ("color", "second_color", "wear"):
        module(texloom, "panels.tune")._draw_parameter(Layout(noted), recipe.parameters[name])
    assert texts(noted).count("Style image") == 2
    bpy.data.images.remove(image)
    before = color.json_value()
    engine.tune(obj.active_material, wear=0.9)
    assert obj.active_material.texloom.parameters["color"].json_value() == before
