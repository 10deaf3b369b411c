# SPDX-License-Identifier: GPL-3.0-or-later
"""The form that a job follows: in the panel, by scripts, kept, restored and cleaned up."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from layouts import Here, button, buttons, drawn, fields, texts
from pictures import write_png
from test_addon import api, fake, module
from test_control_pictures import camera, sphere
from test_image_tools import gradient, painted, read_back, requests, scratch
from test_models import options

__all__ = ["api", "fake", "options"]  # fixtures


@pytest.fixture
def settings(texloom: ModuleType) -> Any:
    """The panel's settings, with a large model and a small picture."""
    found = bpy.context.scene.texloom
    found.prompt, found.model, found.catalog_model, found.output = "moss", "CATALOG", "sdxl", "IMAGE"
    found.size, found.width, found.height = "CUSTOM", 96, 64
    return found


@pytest.fixture
def form(texloom: ModuleType) -> ModuleType:
    return importlib.import_module(f"{texloom.__name__}.scene.control_pictures")


class TestOperators:
    def test_from_the_camera(self, texloom: ModuleType, fake: Any, settings: Any) -> None:
        assert not bpy.ops.texloom.form_from_camera.poll()
        sphere()
        camera(ortho=2.4)
        assert bpy.ops.texloom.form_from_camera(kind="DEPTH") == {"FINISHED"}
        (item,) = settings.controls
        image = item.image
        assert tuple(image.size) == (96, 64) and image.colorspace_settings.is_data and image.packed_file
        item.strength = 0.6
        kept: list[np.ndarray] = []
        submit = module(texloom, "bridge").get().submit

        def seen(request: Any, placement: Any, pictures: Any = None) -> Any:
            kept.append(read_back(Path(request.controls[0].image)))
            return submit(request, placement, pictures)

        module(texloom, "bridge").get().submit = seen
        try:
            assert bpy.ops.texloom.generate() == {"FINISHED"}
        finally:
            del module(texloom, "bridge").get().submit
        (request,) = requests(texloom)
        (control,) = request.controls
        assert (control.kind, control.strength, control.model) == ("depth", pytest.approx(0.6), "")
        # White in the middle, where the ball is nearest, black at the corners; and the file is gone again.
        assert kept[0][32, 48, 0] > 250 and kept[0][0, 0, 0] == 0
        assert scratch() == []

    def test_again_replaces_the_picture_of_before(
        self, texloom: ModuleType, fake: Any, settings: Any, form: ModuleType
    ) -> None:
        sphere()
        camera(ortho=2.4)
        bpy.ops.texloom.form_from_camera(kind="DEPTH")
        settings.controls[0].strength = 0.3
        first = settings.controls[0].image.name
        bpy.ops.texloom.form_from_camera(kind="LINE")
        bpy.ops.texloom.form_from_camera(kind="DEPTH")
        assert [item.kind for item in settings.controls] == ["DEPTH", "LINE"] and settings.control_index == 0
        assert settings.controls[0].strength == pytest.approx(0.3)
        made = [image for image in bpy.data.images if form.MADE in image]
        assert len(made) == 2 and first not in [image.name for image in made if image != settings.controls[0].image]
        # A picture of somebody's own is never replaced.
        settings.controls[0].image = painted()
        bpy.ops.texloom.form_from_camera(kind="DEPTH")
        assert [item.kind for item in settings.controls] == ["DEPTH", "LINE", "DEPTH"]
        before = sorted(image.name for image in bpy.data.images)
        with pytest.raises(RuntimeError, match="room for 3"):
            bpy.ops.texloom.form_from_camera(kind="NORMAL")
        assert sorted(image.name for image in bpy.data.images) == before

    def test_from_an_object(self, texloom: ModuleType, settings: Any, cube: Callable[..., Any]) -> None:
        bpy.context.view_layer.objects.active = None
        assert not bpy.ops.texloom.form_from_object.poll()
        bpy.context.view_layer.objects.active = cube()
        assert bpy.ops.texloom.form_from_object(kind="NORMAL", view="VIEW") == {"FINISHED"}
        assert settings.controls[0].kind == "NORMAL"
        bpy.context.view_layer.objects.active = camera()
        with pytest.raises(RuntimeError, match="no surface"):
            bpy.ops.texloom.form_from_object(kind="NORMAL")

    def test_from_a_material(self, texloom: ModuleType, settings: Any, build: Any, cube: Callable[..., Any]) -> None:
        obj = cube()
        bpy.context.view_layer.objects.active = obj
        assert not bpy.ops.texloom.form_from_material.poll()
        obj.data.materials.append(build())
        for kind in ("DEPTH", "NORMAL", "LINE"):
            assert bpy.ops.texloom.form_from_material(kind=kind) == {"FINISHED"}
        depth, normal, line = (item.image for item in settings.controls)
        assert "Height" in depth.name and "Normal" in normal.name and "lines" in line.name

    def test_from_disk_and_out_again(self, texloom: ModuleType, settings: Any, tmp_path: Path) -> None:
        files = [write_png(tmp_path / name, gradient()) for name in ("a.png", "b.png")]
        assert not bpy.ops.texloom.form_remove.poll()
        bpy.ops.texloom.form_add(kind="LINE", directory=str(tmp_path), files=[{"name": file.name} for file in files])
        request = settings.begun(settings.request())
        assert [(x.kind, x.image) for x in request.controls] == [("line", str(file)) for file in files]
        settings.controls[0].use = False
        assert len(settings.begun(settings.request()).controls) == 1
        settings.control_index = 1
        assert bpy.ops.texloom.form_remove() == {"FINISHED"}
        assert [Path(item.file).name for item in settings.controls] == ["a.png"] and settings.control_index == 0


class TestRequests:
    def test_what_is_missing_is_said(self, texloom: ModuleType, fake: Any, settings: Any) -> None:
        bpy.ops.texloom.form_add(kind="NORMAL")
        with pytest.raises(RuntimeError, match="choose the picture of Normals"):
            bpy.ops.texloom.generate()
        assert requests(texloom) == [] and scratch() == []

    def test_a_model_that_follows_no_form_leaves_it_out(self, texloom: ModuleType, fake: Any, settings: Any) -> None:
        bpy.ops.texloom.form_add(kind="DEPTH")
        settings.controls[0].image = painted()
        settings.model = "instant"
        assert "follows no form" in texts(drawn(texloom, "form.Form")).replace("\n", " ")
        bpy.ops.texloom.generate()
        assert requests(texloom)[0].controls == () and scratch() == []

    def test_scripts(self, texloom: ModuleType, fake: Any, api: Any, tmp_path: Path) -> None:
        errors = module(texloom, "core.texloom.errors")
        file = write_png(tmp_path / "d.png", gradient())
        made = api.generate(
            "moss", model="sdxl", output="IMAGE", size=512,
            controls=[("depth", str(file)), ("normal", painted(), 0.5), ("line", file, 0.7, "owner/name")],
        )  # fmt: skip
        (request,) = requests(texloom)
        assert made.images and [(x.kind, x.strength, x.model) for x in request.controls] == [
            ("depth", 1.0, ""), ("normal", 0.5, ""), ("line", 0.7, "owner/name"),
        ]  # fmt: skip
        assert request.controls[0].image == str(file) and request.controls[1].image.endswith(".png")
        assert scratch() == []
        with pytest.raises(errors.RequestError, match="controls"):
            api.submit("moss", model="sdxl", controls=[("sketch", file)])
        with pytest.raises(errors.RequestError, match="strength"):
            api.submit("moss", model="sdxl", controls=[("depth", painted("Other.png"), 9.0)])
        assert scratch() == []

    def test_the_command_takes_images_of_the_file(
        self, texloom: ModuleType, fake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module(texloom, "bridge").get(), "close", lambda: None)
        file = write_png(tmp_path / "d.png", gradient())
        argv = ["generate", "moss", "--kind", "texture", "--size", "512", "--model", "sdxl"]
        argv += ["--control", f"depth={painted('Heights.png').name}@0.5", "--control", f"line={file}"]
        assert module(texloom, "cli").main([*argv, "--control-model", "line=owner/name"]) == 0
        first, second = requests(texloom)[0].controls
        assert (first.kind, first.strength, Path(first.image).parent.name) == ("depth", 0.5, "texloom-sources")
        assert (second.kind, second.image, second.model) == ("line", str(file), "owner/name")

    def test_pictures_for_scripts(self, api: Any, form: ModuleType, build: Any, texloom: ModuleType) -> None:
        ball = sphere()
        camera(ortho=3.0)
        seen = api.form_picture("depth", size=(64, 32))
        assert tuple(seen.size) == (64, 32) and seen[form.MADE] == "depth"
        assert tuple(api.form_picture("line", source=ball, size=48).size) == (48, 48)
        assert "Normal" in api.form_picture("normal", source=build()).name
        with pytest.raises(module(texloom, "core.texloom.errors").RequestError, match="kind"):
            api.form_picture("sketch")


class TestKept:
    def test_in_the_file(self, settings: Any, tmp_path: Path) -> None:
        sphere()
        camera(ortho=2.4)
        bpy.ops.texloom.form_from_camera(kind="LINE")
        settings.controls[0].strength, settings.controls[0].network = 0.4, "owner/name"
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"), check_existing=False)
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
        (item,) = bpy.context.scene.texloom.controls
        assert (item.kind, item.network, tuple(item.image.size)) == ("LINE", "owner/name", (96, 64))
        pixels = np.empty(96 * 64 * 4, np.float32)
        item.image.pixels.foreach_get(pixels)
        assert set(np.unique(pixels)) == {0.0, 1.0}

    def test_use_settings_brings_them_back(
        self, texloom: ModuleType, fake: Any, api: Any, settings: Any, tmp_path: Path
    ) -> None:
        storage = module(texloom, "core.texloom.storage")
        file = write_png(tmp_path / "d.png", gradient())
        made = api.generate(
            "moss", model="sdxl", output="IMAGE", controls=[("depth", file, 0.4, "owner/name"), ("line", file)]
        )
        # As the engine leaves it: the pictures lie beside the result.
        manifest = made.folder / "manifest.json"
        data = storage.read_json(manifest)
        for number in range(2):
            write_png(made.folder / f"control_{number}.png", gradient())
            data[f"control_{number}"] = {"file": f"control_{number}.png", "name": "d.png", "sha256": "0"}
        storage.write_json_atomic(manifest, data)
        file.unlink()
        assert api.restore(made.folder) == []
        first, second = settings.controls
        assert (first.kind, Path(first.file), first.network) == ("DEPTH", made.folder / "control_0.png", "owner/name")
        assert first.strength == pytest.approx(0.4) and second.kind == "LINE"
        (made.folder / "control_1.png").unlink()
        (told,) = api.restore(made.folder)
        assert "Controls" in told
        other = api.generate("old bricks", output="IMAGE")
        assert api.restore(other.folder) == [] and len(settings.controls) == 0


class TestPanel:
    def test_it_is_shown_for_models_that_can(self, texloom: ModuleType, settings: Any) -> None:
        panel = module(texloom, "panels.form").Form
        assert panel.shown(Here())
        settings.model = "instant"
        assert not panel.shown(Here())
        bpy.ops.texloom.form_add(kind="DEPTH")
        assert panel.shown(Here())
        for prefix in ("", "image_", "shader_"):
            assert "DEFAULT_CLOSED" in getattr(bpy.types, f"TEXLOOM_PT_{prefix}form").bl_options

    def test_its_lines_and_the_network_to_download(self, texloom: ModuleType, settings: Any) -> None:
        bpy.ops.texloom.form_add(kind="DEPTH")
        noted = drawn(texloom, "form.Form")
        assert "form_remove" in buttons(noted)
        assert {"kind", "file", "strength", "network"} <= set(fields(noted))
        assert button(noted, "model_download")["model"] == "sdxl-union" and "xinsir" in texts(noted)
        assert "2.5 GB" in texts(noted) and "Apache-2.0 (commercial use allowed)" in texts(noted)
        settings.controls[0].network = "sdxl-depth"
        assert button(drawn(texloom, "form.Form"), "model_download")["model"] == "sdxl-depth"
        settings.controls[0].network = "owner/name"
        assert "model_download" not in buttons(drawn(texloom, "form.Form"))

    def test_a_network_is_downloaded_as_models_are(self, texloom: ModuleType) -> None:
        jobs = module(texloom, "model_jobs")
        item = jobs.item_of("flux-normal")
        assert item.hub == "jasperai/Flux.1-dev-Controlnet-Surface-Normals"
        assert "non-commercial" in " ".join(jobs.terms(item)) and jobs.is_downloadable("flux-normal")
        assert jobs.terms(jobs.item_of("sdxl-union")) == ()
