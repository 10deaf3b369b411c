# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job starts from: pictures and LoRAs, in the panel, by scripts, saved, undone and taken from the library."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from layouts import Here, button, buttons, drawn, fields, texts
from pictures import write_png
from test_addon import api, fake, module
from test_image_tools import gradient, painted, requests, scratch
from test_models import options, safetensors

__all__ = ["api", "fake", "options"]  # fixtures


@pytest.fixture
def settings(texloom: ModuleType) -> Any:
    """The panel's settings, with a large model."""
    found = bpy.context.scene.texloom
    found.prompt, found.model, found.catalog_model, found.output, found.size = "moss", "CATALOG", "sdxl", "IMAGE", "512"
    return found


def lora(folder: Path, name: str = "moss.safetensors") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(safetensors("unet.down.lora_A.weight", "unet.down.lora_B.weight"))
    return folder / name


class TestPicture:
    def test_from_an_image_of_the_file(self, texloom: ModuleType, fake: Any, settings: Any) -> None:
        settings.start, settings.start_image, settings.strength = "IMAGE", painted(pixels=gradient(96, 48)), 0.35
        assert bpy.ops.texloom.generate() == {"FINISHED"}
        (request,) = requests(texloom)
        assert request.strength == pytest.approx(0.35) and request.source.endswith(".png")
        assert (request.width, request.height, request.operation, request.model) == (512, 256, "create", "sdxl")
        assert scratch() == []

    def test_from_a_file(self, texloom: ModuleType, fake: Any, settings: Any, tmp_path: Path) -> None:
        file = write_png(tmp_path / "yard.png", gradient(64, 96))
        settings.start, settings.start_file = "FILE", str(file)
        assert bpy.ops.texloom.generate() == {"FINISHED"}
        (request,) = requests(texloom)
        # The engine's own strength is not said: some models have none.
        assert (request.source, request.strength, request.width, request.height) == (str(file), None, 352, 512)
        assert file.is_file()

    def test_from_the_object_s_texture(self, texloom: ModuleType, fake: Any, settings: Any, cube: Any) -> None:
        assert not bpy.ops.texloom.start_from_object.poll()
        obj = cube()
        bpy.context.view_layer.objects.active = obj
        material = bpy.data.materials.new("Wall")
        module(texloom, "compat").node_tree(material)
        obj.data.materials.append(material)
        assert not bpy.ops.texloom.start_from_object.poll()
        group = bpy.data.node_groups.new("Inside", "ShaderNodeTree")
        data = painted("Roughness.png")
        data.colorspace_settings.name = "Non-Color"
        for image in (data, painted("Color.png")):
            group.nodes.new("ShaderNodeTexImage").image = image
        material.node_tree.nodes.new("ShaderNodeGroup").node_tree = group
        assert bpy.ops.texloom.start_from_object() == {"FINISHED"}
        assert settings.start == "IMAGE" and settings.start_image.name == "Color.png"
        chosen = material.node_tree.nodes.new("ShaderNodeTexImage")
        chosen.image = painted("Chosen.png")
        material.node_tree.nodes.active = chosen
        bpy.ops.texloom.start_from_object()
        assert settings.start_image.name == "Chosen.png"
        assert bpy.ops.texloom.start_from_nothing() == {"FINISHED"} and settings.start == "NONE"

    def test_a_model_of_words_alone_leaves_it_out(self, texloom: ModuleType, fake: Any, settings: Any) -> None:
        settings.start, settings.start_image, settings.model = "IMAGE", painted(), "instant"
        assert "words alone" in texts(drawn(texloom, "starting.StartPicture")).replace("\n", " ")
        bpy.ops.texloom.generate()
        (request,) = requests(texloom)
        assert request.source == "" and request.strength is None and scratch() == []

    def test_what_is_missing_is_said(self, texloom: ModuleType, fake: Any, settings: Any, tmp_path: Path) -> None:
        settings.start = "IMAGE"
        with pytest.raises(RuntimeError, match="Choose the image to start from"):
            bpy.ops.texloom.generate()
        settings.start = "FILE"
        with pytest.raises(RuntimeError, match="Choose the picture to start from"):
            bpy.ops.texloom.generate()
        settings.start_file = str(tmp_path / "nothing.png")
        with pytest.raises(RuntimeError, match="there is no file"):
            bpy.ops.texloom.generate()
        assert requests(texloom) == [] and scratch() == []

    def test_scripts(self, texloom: ModuleType, fake: Any, api: Any, tmp_path: Path) -> None:
        errors = module(texloom, "core.texloom.errors")
        file = lora(tmp_path / "loras")
        made = api.generate(
            "moss", source=painted(pixels=gradient(96, 48)), strength=0.5, size=512, model="sdxl", output="IMAGE",
            loras=[(file, 0.5)],
        )  # fmt: skip
        (request,) = requests(texloom)
        assert made.images and (request.width, request.height, request.strength) == (512, 256, 0.5)
        assert [(item.file, item.weight) for item in request.loras] == [(str(file), 0.5)] and scratch() == []
        with pytest.raises(errors.RequestError, match="no picture to start from"):
            api.submit("moss", strength=0.5)
        with pytest.raises(errors.RequestError, match="weight"):
            api.submit("moss", loras=[(file, 9.0)])

    def test_the_command_takes_an_image_of_the_file(
        self, texloom: ModuleType, fake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cli = module(texloom, "cli")
        image = painted(pixels=gradient(96, 48))
        monkeypatch.setattr(module(texloom, "bridge").get(), "close", lambda: None)
        argv = ["generate", "moss", "--source", image.name, "--strength", "0.4", "--kind", "texture", "--size", "512"]
        assert cli.main([*argv, "--model", "sdxl", "--lora", f"{lora(tmp_path / 'l')}:0.5"]) == 0
        (request,) = requests(texloom)
        assert (request.width, request.height, request.strength) == (512, 256, 0.4) and request.source
        assert request.loras[0].weight == 0.5


class TestLoras:
    def test_added_weighed_switched_moved_and_removed(
        self, texloom: ModuleType, fake: Any, settings: Any, tmp_path: Path
    ) -> None:
        one, two = lora(tmp_path, "one.safetensors"), lora(tmp_path, "two.safetensors")
        assert not bpy.ops.texloom.lora_remove.poll()
        for file in (one, two):
            assert bpy.ops.texloom.lora_add(filepath=str(file)) == {"FINISHED"}
        settings.loras[0].weight = 0.7
        assert [(x.file, x.weight) for x in settings.request().loras] == [(str(one), pytest.approx(0.7)), (str(two), 1)]
        assert bpy.ops.texloom.lora_move() == {"FINISHED"} and settings.lora_index == 0
        assert [item.file for item in settings.request().loras] == [str(two), str(one)]
        assert bpy.ops.texloom.lora_move() == {"CANCELLED"}
        settings.loras[0].use = False
        assert [item.file for item in settings.request().loras] == [str(one)]
        assert bpy.ops.texloom.lora_move(down=True) == {"FINISHED"} and settings.lora_index == 1
        assert bpy.ops.texloom.lora_remove() == {"FINISHED"}
        assert [item.file for item in settings.loras] == [str(one)] and settings.lora_index == 0
        settings.model = "instant"
        assert settings.request().loras == ()

    def test_several_at_once(self, texloom: ModuleType, settings: Any, tmp_path: Path) -> None:
        files = [{"name": lora(tmp_path, name).name} for name in ("a.safetensors", "b.safetensors")]
        bpy.ops.texloom.lora_add(directory=str(tmp_path), files=files)
        assert [Path(item.file).name for item in settings.loras] == ["a.safetensors", "b.safetensors"]

    def test_what_cannot_be_added(self, texloom: ModuleType, settings: Any, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match=r"Choose a \.safetensors file"):
            bpy.ops.texloom.lora_add()
        with pytest.raises(RuntimeError, match=r"is no \.safetensors file"):
            bpy.ops.texloom.lora_add(filepath=str(tmp_path / "old.ckpt"))
        file = lora(tmp_path)
        bpy.ops.texloom.lora_add(filepath=str(file))
        with pytest.raises(RuntimeError, match="in the list already"):
            bpy.ops.texloom.lora_add(filepath=str(file))
        for number in range(7):
            bpy.ops.texloom.lora_add(filepath=str(tmp_path / f"{number}.safetensors"))
        with pytest.raises(RuntimeError, match="room for 8"):
            bpy.ops.texloom.lora_add(filepath=str(tmp_path / "ninth.safetensors"))

    def test_lines_of_the_list(self, texloom: ModuleType, settings: Any, tmp_path: Path) -> None:
        bpy.ops.texloom.lora_add(filepath=str(lora(tmp_path)))
        noted = drawn(texloom, "starting.Loras")
        assert {"lora_add", "lora_remove"} <= set(buttons(noted)) and "file" in fields(noted)
        assert any(kind == "template_list" for kind, _ in noted)


class TestKept:
    def test_in_the_file(self, texloom: ModuleType, settings: Any, tmp_path: Path) -> None:
        settings.start, settings.start_image, settings.strength = "IMAGE", painted(), 0.25
        settings.start_image.pack()
        bpy.ops.texloom.lora_add(filepath=str(lora(tmp_path)))
        settings.loras[0].weight = 0.5
        bpy.context.scene.texloom_images.left = 0.75
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"), check_existing=False)
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
        found = bpy.context.scene.texloom
        assert (found.model, found.catalog_model, found.start, found.start_image.name) == (
            "CATALOG", "sdxl", "IMAGE", "Wall.png",
        )  # fmt: skip
        assert found.strength == pytest.approx(0.25) and found.loras[0].weight == 0.5
        assert bpy.context.scene.texloom_images.left == 0.75

    def test_use_settings_brings_them_back(
        self, texloom: ModuleType, fake: Any, api: Any, settings: Any, tmp_path: Path
    ) -> None:
        settings.start, settings.start_image, settings.strength = "IMAGE", painted(), 0.3
        bpy.ops.texloom.lora_add(filepath=str(lora(tmp_path)))
        settings.loras[0].weight, settings.steps = 0.4, 9
        bpy.ops.texloom.generate()
        folder = Path(next(iter(module(texloom, "bridge").get().entries.values())).view.folder)
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        # As the engine leaves it: the picture it started from lies beside the result.
        manifest = folder / "manifest.json"
        data = module(texloom, "core.texloom.storage").read_json(manifest)
        write_png(folder / "source.png", gradient())
        data["source"] = {"file": "source.png", "name": "1.png", "sha256": "0"}
        module(texloom, "core.texloom.storage").write_json_atomic(manifest, data)
        assert api.restore(folder) == []
        found = bpy.context.scene.texloom
        assert (found.model, found.catalog_model, found.steps) == ("CATALOG", "sdxl", 9)
        assert found.start == "FILE" and Path(found.start_file) == folder / "source.png"
        assert found.strength == pytest.approx(0.3)
        assert [(Path(x.file).name, x.weight) for x in found.loras] == [("moss.safetensors", pytest.approx(0.4))]
        # A result of words alone lets go of all that.
        other = api.generate("old bricks", output="IMAGE")
        assert api.restore(other.folder) == []
        assert (found.model, found.start, len(found.loras)) == ("instant", "NONE", 0)

    def test_models_by_every_kind_of_name(self, texloom: ModuleType, fake: Any, api: Any, tmp_path: Path) -> None:
        found = bpy.context.scene.texloom
        for model, kind in (("z-image-turbo", "CATALOG"), ("owner/model", "FOLDER"), (str(tmp_path), "FOLDER")):
            made = api.generate("bricks", output="IMAGE", model=model)
            assert api.restore(made.folder) == []
            assert (found.model, found.model_id) == (kind, model)

    def test_variations_of_a_result(self, texloom: ModuleType, fake: Any, api: Any, settings: Any) -> None:
        made = api.generate("white marble", seed=5)
        assert bpy.ops.texloom.library_variations(folder=made.folder.name) == {"FINISHED"}
        assert (settings.prompt, settings.start, settings.catalog_model) == ("white marble", "FILE", "sdxl")
        assert Path(settings.start_file).parent == made.folder and "base_color" in settings.start_file
        bpy.ops.texloom.generate()
        assert requests(texloom)[-1].source == settings.start_file
        # The button stands with the others of the chosen result.
        index = module(texloom, "library_view").scanned()
        card = index.get(made.folder.name)
        from test_library import Layout

        noted: Any = []
        state = bpy.context.window_manager.texloom_library
        module(texloom, "panels.library")._draw_card(Layout(noted), Here(), state, card)
        assert button(noted, "library_variations")["folder"] == made.folder.name


class TestPanel:
    def test_the_first_screen_stays_calm(self, texloom: ModuleType, fake: Any) -> None:
        noted = drawn(texloom, "main.Main")
        assert not {"model_use", "model_download", "start_from_nothing"} & set(buttons(noted))
        for part in ("starting.StartPicture", "starting.Loras", "editing.EditImage"):
            name, _, kind = part.partition(".")
            assert not getattr(module(texloom, f"panels.{name}"), kind).shown(Here())

    def test_what_is_not_as_usual_is_said_there(
        self, texloom: ModuleType, fake: Any, options: Any, settings: Any
    ) -> None:
        module(texloom, "shelf").watcher().looked()
        settings.start, settings.start_image = "IMAGE", painted()
        noted = drawn(texloom, "main.Main")
        assert "SDXL 1.0" in texts(noted) and "From Wall.png" in texts(noted)
        assert button(noted, "model_download")["model"] == "sdxl"
        assert button(noted, "model_use")["model"] == "instant" and "start_from_nothing" in buttons(noted)
        for part in ("starting.StartPicture", "starting.Loras", "editing.EditImage"):
            name, _, kind = part.partition(".")
            assert getattr(module(texloom, f"panels.{name}"), kind).shown(Here())
        assert {"start", "strength"} <= set(fields(drawn(texloom, "starting.StartPicture")))

    def test_words_that_were_dropped_are_shown(self, texloom: ModuleType, fake: Any, settings: Any) -> None:
        said = "Too long for the model; left out: “wet cobblestone”."
        fake.script = fake.Script(warn={"moss": said})
        bpy.ops.texloom.generate()
        assert said in texts(drawn(texloom, "results.Results")).replace("\n", " ")

    def test_every_icon_is_known_to_blender(self, texloom: ModuleType) -> None:
        known = {item.identifier for item in bpy.types.UILayout.bl_rna.functions["prop"].parameters["icon"].enum_items}
        folder = Path(texloom.__file__).parent
        used = set()
        for path in (*folder.glob("panels/*.py"), *folder.glob("*.py"), *folder.glob("operators/*.py")):
            used |= set(re.findall(r'icon="([A-Z0-9_]+)"', path.read_text(encoding="utf-8")))
            used |= set(re.findall(r'paragraph\([^\n]*"([A-Z0-9_]+)"\)', path.read_text(encoding="utf-8")))
        assert len(used) > 40 and used <= known
        for settings in (bpy.context.scene.texloom, bpy.context.scene.texloom_images):
            for item in settings.bl_rna.properties:
                for option in item.enum_items if item.type == "ENUM" else ():
                    assert option.icon in known

    def test_every_part_stands_in_three_places_closed(self, texloom: ModuleType) -> None:
        for prefix in ("", "image_", "shader_"):
            for name in ("models", "start", "loras", "edit_image"):
                assert "DEFAULT_CLOSED" in getattr(bpy.types, f"TEXLOOM_PT_{prefix}{name}").bl_options
