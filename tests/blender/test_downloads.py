# SPDX-License-Identifier: GPL-3.0-or-later
"""What a download would be, before it begins; and the right one offered where a job failed for want of it."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from asking import ask
from hub_server import Behaviour
from layouts import Here, Layout, Noted, button, buttons, drawn, fields, texts
from test_addon import api, fake, module, turn
from test_models import WEIGHTS, downloads, hub, online, options, state

__all__ = ["api", "fake", "hub", "online", "options"]  # fixtures


def said(noted: Any) -> str:
    """What can be read in lines that follow each other."""
    return " ".join(texts(noted).split())


def select(texloom: ModuleType, key: str) -> Noted:
    """The panel of the models with one of them opened, after a look at the disk."""
    module(texloom, "shelf").watcher().looked()
    bpy.context.window_manager.texloom_models.selected = key
    return drawn(texloom, "models.Models")


class TestWhatIsMissing:
    """The button of a failed job downloads what was missing, whatever the job's model is."""

    @pytest.mark.parametrize(
        ("model", "missing", "configuration"),
        [
            ("sdxl-lightning", "sdxl", False),  # the base beside a part that is here
            ("sdxl", "sdxl-union", False),  # a network that reads a form
            ("sdxl", "ip-adapter-sdxl", False),  # an image adapter
            ("sdxl", "google/siglip-so400m-patch14-384", False),  # its image encoder
            ("/models/house.safetensors", "sdxl", True),  # the configuration of a single file
        ],
    )
    def test_is_offered(
        self, texloom: ModuleType, fake: Any, api: Any, model: str, missing: str, configuration: bool, errors: Any
    ) -> None:
        bridge = module(texloom, "bridge").get()
        error = errors.ModelNotFoundError("It is not here.", download=missing, configuration=configuration)
        fake.script = fake.Script(fail={"bad": error})
        job = api.submit("bad", output="IMAGE", model=model)
        turn(bridge, lambda: bridge.entries[job.id].settled)
        found = button(drawn(texloom, "results.Results"), "model_download")
        assert (found["model"], found.get("configuration", False)) == (missing, configuration)

    def test_nothing_is_where_nothing_helps(self, texloom: ModuleType, fake: Any, api: Any, errors: Any) -> None:
        bridge = module(texloom, "bridge").get()
        fake.script = fake.Script(fail={"bad": errors.ModelNotFoundError("There is no model 'x'.")})
        job = api.submit("bad", output="IMAGE", model="sdxl")
        turn(bridge, lambda: bridge.entries[job.id].settled)
        assert "model_download" not in buttons(drawn(texloom, "results.Results"))

    def test_before_a_job_could_begin(self, texloom: ModuleType, fake: Any, errors: Any) -> None:
        trouble = module(texloom, "trouble")
        trouble.note(errors.ModelNotFoundError("It is not here.", advice="Load it.", download="sd-1.5-depth"))
        try:
            noted = drawn(texloom, "main.Main")
            assert "It is not here. Load it." in said(noted)
            assert button(noted, "model_download")["model"] == "sd-1.5-depth"
        finally:
            trouble._last = None


class TestConfigurationAlone:
    def test_it_is_downloaded_shown_and_deleted(
        self, texloom: ModuleType, hub: Behaviour, options: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = module(texloom, "core.texloom.catalog_rows")
        row = rows.find("sdxl")
        changed = rows.CatalogRow(**{name: getattr(row, name) for name in row.__slots__} | {"hub": "owner/model"})
        monkeypatch.setattr(rows, "rows", lambda: (changed,))
        assert bpy.ops.texloom.model_download(model="sdxl", configuration=True) == {"FINISHED"}
        folder = tmp_path / "models" / "owner--model"
        assert (folder / "model_index.json").is_file() and not (folder / "unet").exists()
        noted = select(texloom, "sdxl")
        # It is no model yet, and can be deleted all the same.
        assert "sdxl" in downloads(noted) and button(noted, "model_delete")["model"] == "sdxl"
        assert bpy.ops.texloom.model_delete(model="sdxl") == {"FINISHED"} and not folder.exists()
        assert "model_delete" not in buttons(select(texloom, "sdxl"))

    def test_trying_again_loads_no_more(self, texloom: ModuleType, hub: Behaviour) -> None:
        hub.wrong_bytes = {"model_index.json"}
        with pytest.raises(RuntimeError, match="its hash is another"):
            bpy.ops.texloom.model_download(model="owner/model", configuration=True, accept=True)
        again = button(drawn(texloom, "models.Models"), "model_download")
        assert (again["model"], again["configuration"]) == ("owner/model", True)

    def test_the_dialog_says_so(self, texloom: ModuleType, options: Any, online: None) -> None:
        asked = ask("model_download", model="sdxl", configuration=True)
        assert "only the small files" in said(asked.shown) and fields(asked.shown) == ["configuration"]
        assert "configuration" not in fields(ask("model_download", model="sdxl").shown)


class TestAsking:
    """Of a model that Texloom does not know, the hub tells size, licence and gate before anything is loaded."""

    def test_the_dialog_has_it(self, texloom: ModuleType, hub: Behaviour, tmp_path: Path) -> None:
        hub.gated, hub.licence = "manual", "openrail++"
        asked = ask("model_download", model="owner/model")
        shown = said(asked.shown)
        assert asked.kind == "dialog" and fields(asked.shown) == ["accept"]
        assert "1 MB" in shown and "openrail++ (sign-in needed)" in shown and "for its weights" in shown
        assert "does not know the licence of owner/model" in shown and "accept their terms first" in shown
        assert not (tmp_path / "models").exists() and not state(texloom).running
        # The hub is asked once for each download.
        count = sum(hub.seen.values())
        ask("model_download", model="owner/model")
        assert sum(hub.seen.values()) == count
        # What the panel knows by now it shows, too.
        module(texloom, "shelf").watcher().looked("owner/model")
        bpy.context.window_manager.texloom_models.selected = "owner/model"
        assert "openrail++" in said(drawn(texloom, "models.Models"))

    def test_what_is_here_of_it_counts(self, texloom: ModuleType, hub: Behaviour, tmp_path: Path) -> None:
        folder = tmp_path / "models" / "owner--model" / "unet"
        folder.mkdir(parents=True)
        (folder / "net.safetensors").write_bytes(WEIGHTS)
        assert "1 MB are here" in said(ask("model_download", model="owner/model").shown)

    def test_a_name_that_is_misspelt_is_told_at_once(self, texloom: ModuleType, hub: Behaviour) -> None:
        with pytest.raises(RuntimeError, match="has no owner/other"):
            ask("model_download", model="owner/other")

    def test_in_a_window_it_waits_for_nothing(
        self, texloom: ModuleType, hub: Behaviour, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The hub is asked in a thread; what follows is done by the add-on's timer."""
        jobs, done = module(texloom, "model_jobs"), []
        hub.delay = 0.0
        item = jobs.item_of("owner/model")
        jobs.ask(item, after=lambda: done.append(jobs.answer(item)))
        job = state(texloom)
        assert job.running and not done and not bpy.ops.texloom.model_download.poll()
        assert "owner/model" in said(drawn(texloom, "models.Models"))
        bridge = module(texloom, "bridge").get()
        turn(bridge, lambda: bool(done))
        assert done[0].missing_bytes > len(WEIGHTS) and not job.running

    def test_networks_and_adapters_say_theirs(self, texloom: ModuleType, options: Any) -> None:
        facts, jobs = module(texloom, "panels.model_facts"), module(texloom, "model_jobs")
        for key, size in (("sdxl-union", "2.5 GB"), ("ip-adapter-sdxl", "3.3 GB"), ("marigold-depth", "2.6 GB")):
            noted: Any = []
            facts.draw_facts(Layout(noted), jobs.item_of(key), None, 80)
            shown = said(noted)
            assert f"about {size}" in shown and f"about {size} beside the model" in shown, key
            assert "(commercial use allowed)" in shown, key


class TestMapModels:
    @pytest.fixture(autouse=True)
    def row(self, texloom: ModuleType, hub: Behaviour, monkeypatch: pytest.MonkeyPatch) -> Any:
        rows = module(texloom, "core.texloom.map_rows")
        row = rows.find("marigold-normals")
        own = rows.MapRow(**{name: getattr(row, name) for name in row.__slots__} | {"hub": "owner/model"})
        monkeypatch.setattr(rows, "rows", lambda: (own,))
        hub.files["model_index.json"] = json.dumps({"_class_name": "MarigoldNormalsPipeline"}).encode()
        return own

    def test_downloaded_it_sees_and_deleted_it_does_not(
        self, texloom: ModuleType, options: Any, tmp_path: Path
    ) -> None:
        noted = select(texloom, "")
        assert downloads(noted) == ["marigold-normals"] and "Seen by the small network" in texts(noted)
        assert bpy.ops.texloom.model_download(model="marigold-normals") == {"FINISHED"}
        folder = tmp_path / "models" / "owner--model"
        assert [Path(item.path) for item in options.map_models] == [folder]
        told = module(texloom, "preferences").engine_settings().environment()
        assert told["TEXLOOM_MAP_MODELS"] == str(folder)
        noted = select(texloom, "")
        assert downloads(noted) == [] and "Seen by the small network" not in texts(noted)
        # It is no model to draw with.
        assert module(texloom, "shelf").watcher().shelf.find("owner/model") is None
        assert button(noted, "model_delete")["model"] == "marigold-normals"
        assert bpy.ops.texloom.model_delete(model="marigold-normals") == {"FINISHED"}
        assert not folder.exists() and not options.map_models

    def test_one_that_is_here_can_be_used(self, texloom: ModuleType, options: Any, hub: Behaviour) -> None:
        bpy.ops.texloom.model_download(model="marigold-normals")
        bpy.ops.texloom.remove_map_model(index=0)
        noted = select(texloom, "")
        given = next(call["directory"] for kind, call in noted if kind == "operator" and call.get("directory"))
        assert bpy.ops.texloom.add_map_model(directory=given) == {"FINISHED"} and len(options.map_models) == 1

    def test_a_failed_download_changes_nothing(self, texloom: ModuleType, options: Any, hub: Behaviour) -> None:
        hub.wrong_bytes = {"unet/net.safetensors"}
        with pytest.raises(RuntimeError, match="its hash is another"):
            bpy.ops.texloom.model_download(model="marigold-normals")
        assert not options.map_models

    def test_in_a_window_the_timer_does_it(self, texloom: ModuleType, options: Any) -> None:
        bridge = module(texloom, "bridge").get()
        module(texloom, "model_jobs").download("marigold-normals")
        turn(bridge, lambda: not state(texloom).running)
        assert len(options.map_models) == 1

    def test_the_preferences_have_it_too(self, texloom: ModuleType, options: Any) -> None:
        module(texloom, "shelf").watcher().looked()
        noted: Any = []
        module(texloom, "preferences")._draw_models(Layout(noted), options)
        assert downloads(noted) == ["marigold-normals"]


class TestPreviews:
    def model(self, tmp_path: Path, **vae: Any) -> Path:
        folder = tmp_path / "models" / "mine"
        (folder / "vae").mkdir(parents=True, exist_ok=True)
        (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}', encoding="utf-8")
        config = {"_class_name": "AutoencoderKL", "latent_channels": 4, "scaling_factor": 0.13025} | vae
        (folder / "vae" / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return folder

    def test_the_decoder_that_suits_is_offered(
        self, texloom: ModuleType, options: Any, online: None, tmp_path: Path
    ) -> None:
        key = str(self.model(tmp_path))
        noted = select(texloom, key)
        assert "madebyollin/taesdxl" in downloads(noted) and "Sharper Previews" in texts(noted)
        facts = said(ask("model_download", model="madebyollin/taesdxl").shown)
        assert "10 MB" in facts and "MIT" in facts
        # Without terms to accept, one press is enough.
        assert module(texloom, "model_jobs").terms(module(texloom, "model_jobs").item_of("madebyollin/taesdxl")) == ()
        there = tmp_path / "models" / "madebyollin--taesdxl"
        there.mkdir()
        (there / "diffusion_pytorch_model.safetensors").write_bytes(b"weights")
        assert "madebyollin/taesdxl" not in downloads(select(texloom, key))

    @pytest.mark.parametrize("vae", [{"_class_name": "AutoencoderKLQwenImage"}, {"scaling_factor": 0.7}])
    def test_others_have_none(
        self, texloom: ModuleType, options: Any, online: None, tmp_path: Path, vae: dict[str, Any]
    ) -> None:
        assert "Sharper Previews" not in texts(select(texloom, str(self.model(tmp_path, **vae))))

    def test_a_single_file_has_its_family_s(
        self, texloom: ModuleType, options: Any, online: None, tmp_path: Path
    ) -> None:
        from test_models import safetensors

        self.model(tmp_path).rename(tmp_path / "models" / "stabilityai--stable-diffusion-xl-base-1.0")
        file = tmp_path / "models" / "house.safetensors"
        name = "model.diffusion_model.input_blocks.0.0.weight"
        file.write_bytes(safetensors(name, "model.diffusion_model.label_emb.0.0.weight", "conditioner.x"))
        assert "madebyollin/taesdxl" in downloads(select(texloom, str(file)))

    def test_a_model_that_is_not_here_has_none(self, texloom: ModuleType, options: Any, online: None) -> None:
        assert "Sharper Previews" not in texts(select(texloom, "sdxl"))


def test_comparing_is_told(texloom: ModuleType, hub: Behaviour) -> None:
    models, job = module(texloom, "panels.models"), state(texloom)
    progress = module(texloom, "core.texloom.runtime.downloads").DownloadProgress
    job.progress = progress(done=5 * 10**9, total=10**10, speed=0.0, file="unet/a.safetensors", comparing=0.42)
    try:
        assert models.job_text(job) == "5.0 GB of 10.0 GB, comparing 42 %"
    finally:
        job.clear()


def test_a_sidebar_of_an_image_editor_shows_it_too(texloom: ModuleType, options: Any) -> None:
    module(texloom, "shelf").watcher().looked()
    assert "Maps of Pictures" in texts(drawn(texloom, "models.Models", Here(editor=True)))
