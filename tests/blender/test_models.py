# SPDX-License-Identifier: GPL-3.0-or-later
"""Large models in the panel: the list, what is said before a download, the download itself, folders, deleting."""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from hub_server import Behaviour, HubServer
from layouts import Here, button, buttons, drawn, fields, texts
from test_addon import api, fake, module

__all__ = ["api", "fake"]  # fixtures

WEIGHTS = bytes(range(256)) * 2048


def safetensors(*names: str) -> bytes:
    """A file of weights with one number of each name."""
    header = {name: {"dtype": "F32", "shape": [1], "data_offsets": [4 * i, 4 * i + 4]} for i, name in enumerate(names)}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(4 * len(names))


def wait(until: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


@pytest.fixture
def options(texloom: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The add-on's preferences with one model folder, and nothing of this machine's own models."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.delenv("TEXLOOM_MODELS", raising=False)
    found = bpy.context.preferences.addons[texloom.__name__].preferences
    found.model_folders.clear()
    found.map_models.clear()
    bpy.ops.texloom.add_model_folder(directory=str(tmp_path / "models"))
    module(texloom, "model_job").state().clear()
    module(texloom, "model_job").state().answers.clear()
    yield found
    module(texloom, "model_job").state().cancel()
    module(texloom, "model_job").state().wait(10)
    module(texloom, "model_job").state().clear()
    module(texloom, "shelf").watcher().close()
    module(texloom, "shelf").watcher().shelf = None
    bpy.context.window_manager.texloom_models.selected = ""
    found.model_folders.clear()
    found.map_models.clear()
    found.hub_endpoint = found.hub_token = ""


@pytest.fixture
def online() -> Iterator[None]:
    system = bpy.context.preferences.system
    before = system.use_online_access
    system.use_online_access = True
    yield
    system.use_online_access = before


@pytest.fixture
def hub(options: Any, online: None) -> Iterator[Behaviour]:
    """A hub on this machine with ``owner/model``."""
    index = json.dumps({"_class_name": "StableDiffusionPipeline"}).encode()
    behaviour = Behaviour(files={"model_index.json": index, "unet/net.safetensors": WEIGHTS})
    with HubServer(behaviour) as server:
        options.hub_endpoint = server.endpoint + "/"
        yield behaviour


def downloads(noted: Any) -> list[str]:
    """What buttons would download."""
    return [
        call["model"] for kind, call in noted if kind == "operator" and call["arguments"][0] == "texloom.model_download"
    ]


def state(texloom: ModuleType) -> Any:
    return module(texloom, "model_job").state()


class TestCapabilities:
    def test_what_is_shown_is_what_the_model_heeds(self, texloom: ModuleType, options: Any) -> None:
        settings = bpy.context.scene.texloom
        optional = {"negative_prompt", "steps", "guidance_scale"}
        for model, shown in (
            ("sdxl", optional),
            ("flux-dev", {"steps", "guidance_scale"}),
            ("z-image-turbo", {"steps"}),
        ):
            settings.model, settings.catalog_model = "CATALOG", model
            assert set(fields(drawn(texloom, "advanced.Advanced"))) & optional == shown, model
        settings.model = "instant"
        assert set(fields(drawn(texloom, "advanced.Advanced"))) & optional == {"negative_prompt"}
        settings.model = "learned"
        assert set(fields(drawn(texloom, "advanced.Advanced"))) & optional == optional
        # Nothing is known of a model that nobody has seen.
        settings.model, settings.model_folder = "FOLDER", "owner/unseen"
        assert set(fields(drawn(texloom, "advanced.Advanced"))) & optional == optional

    def test_what_is_not_heeded_is_not_asked_for(self, texloom: ModuleType, options: Any) -> None:
        settings = bpy.context.scene.texloom
        settings.prompt, settings.negative_prompt, settings.steps, settings.guidance_scale = "bricks", "moss", 7, 3.5
        settings.model, settings.catalog_model = "CATALOG", "z-image-turbo"
        request = settings.request()
        assert (request.model, request.steps, request.guidance_scale) == ("z-image-turbo", 7, None)
        assert request.negative_prompt == ""
        settings.catalog_model = "sdxl"
        request = settings.request()
        assert (request.model, request.guidance_scale, request.negative_prompt) == ("sdxl", 3.5, "moss")
        settings.model = "instant"
        assert settings.request().steps is None and settings.request().negative_prompt == "moss"
        settings.model = "learned"
        request = settings.request()
        assert (request.model, request.steps, request.negative_prompt) == ("learned", 7, "moss")

    def test_no_model_is_chosen(self, texloom: ModuleType, fake: Any) -> None:
        settings = bpy.context.scene.texloom
        settings.prompt, settings.model, settings.catalog_model = "bricks", "CATALOG", ""
        assert settings.request().model
        assert "No model is chosen" in texts(drawn(texloom, "main.Main"))

    @pytest.mark.parametrize("model", ["instant", "learned"])
    def test_a_built_in_one_is_named_unless_it_is_the_usual(self, texloom: ModuleType, fake: Any, model: str) -> None:
        bpy.context.scene.texloom.model = model
        assert ("Learned" in texts(drawn(texloom, "main.Main"))) == (model == "learned")


class TestList:
    def test_own_folders_and_files(self, texloom: ModuleType, options: Any, api: Any, tmp_path: Path) -> None:
        models = tmp_path / "models"
        (models / "mine").mkdir(parents=True)
        (models / "mine" / "model_index.json").write_text('{"_class_name": "FluxPipeline"}', encoding="utf-8")
        checkpoint = models / "house.safetensors"
        checkpoint.write_bytes(safetensors("model.diffusion_model.input_blocks.0.0.weight"))
        (models / "style.safetensors").write_bytes(safetensors("unet.down.lora_A.weight", "unet.down.lora_B.weight"))
        here = {item.name: item for item in api.models(here=True)}
        assert set(here) == {"mine", "house"}
        assert here["mine"].key == str(models / "mine") and not here["mine"].capabilities.negative
        assert not here["mine"].own and here["house"].path == checkpoint
        names = [item.key for item in api.models()]
        assert set(names[:2]) == {str(models / "mine"), str(checkpoint)} and "sdxl" in names[2:]
        assert [item.key for item in api.models("apache z-image")] == ["z-image-turbo", "z-image"]
        # Using one that lies somewhere makes it the user's own.
        assert bpy.ops.texloom.model_use(model=str(checkpoint)) == {"FINISHED"}
        settings = bpy.context.scene.texloom
        assert settings.model == "FOLDER" and settings.model_id == str(checkpoint)
        api.use_model("sdxl")
        assert (settings.model, settings.model_id) == ("CATALOG", "sdxl")
        for name in ("learned", "instant"):
            assert bpy.ops.texloom.model_use(model=name) == {"FINISHED"}
            assert settings.model_id == name and settings.own_model == ""
            api.use_model("sdxl")
            api.use_model(name)
            assert settings.model_id == name
        with pytest.raises(RuntimeError, match="There is no model nothing"):
            bpy.ops.texloom.model_use(model="nothing")

    def test_a_cache_that_other_programs_share(
        self, texloom: ModuleType, options: Any, api: Any, tmp_path: Path
    ) -> None:
        snapshot = tmp_path / "cache" / "models--stabilityai--stable-diffusion-xl-base-1.0" / "snapshots" / "a"
        snapshot.mkdir(parents=True)
        (snapshot / "model_index.json").write_text("{}", encoding="utf-8")
        (found,) = api.models("SDXL 1.0", here=True)
        assert found.key == "sdxl" and found.path == snapshot and not found.own

    def test_the_thread_looks_again_when_told(
        self, texloom: ModuleType, options: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shelf, lookers = module(texloom, "shelf"), []
        look = shelf.look

        def noted(*arguments: Any) -> Any:
            lookers.append(threading.current_thread().name)
            return look(*arguments)

        monkeypatch.setattr(shelf, "look", noted)
        watcher = shelf.watcher()
        watcher.see()
        wait(lambda: not watcher.busy)
        assert lookers == ["texloom-shelf"]
        assert watcher.see().find("sdxl").path is None
        folder = tmp_path / "models" / "stable-diffusion-xl-base-1.0"
        folder.mkdir(parents=True)
        (folder / "model_index.json").write_text("{}", encoding="utf-8")
        assert bpy.ops.texloom.models_refresh() == {"FINISHED"}
        assert watcher.shelf.find("sdxl").path == folder
        assert watcher.turn() is False

    def test_the_whole_list_is_drawn_quickly(self, texloom: ModuleType, options: Any) -> None:
        settings = bpy.context.scene.texloom
        drawn(texloom, "models.Models")  # which begins to look for them
        wait(lambda: not module(texloom, "shelf").watcher().busy)
        noted = drawn(texloom, "models.Models")
        assert buttons(noted).count("model_select") == 8 and "Instant" in texts(noted)
        assert bpy.ops.texloom.models_page(first=8) == {"FINISHED"}
        assert "9–16 of" in texts(drawn(texloom, "models.Models"))
        bpy.ops.texloom.models_page(first=0)
        for row in module(texloom, "core.texloom.catalog_rows").rows():
            bpy.context.window_manager.texloom_models.selected = ""
            bpy.ops.texloom.model_select(model=row.id)
            settings.model, settings.catalog_model = "CATALOG", row.id
            began = time.perf_counter()
            noted = drawn(texloom, "models.Models")
            assert time.perf_counter() - began < 0.2
            shown = " ".join(texts(noted).split())  # in however many lines
            # Long lines are broken.
            assert row.licence in " ".join(shown.split()) and "In use" in shown
            assert ("non-commercial only" in shown) == (row.commercial == "no")
            assert ("sign-in needed" in shown) == (row.gated == "yes")
        bpy.context.window_manager.texloom_models.search = "no such thing"
        assert "Nothing matches." in texts(drawn(texloom, "models.Models"))
        bpy.context.window_manager.texloom_models.search = ""

    def test_what_does_not_fit_says_so_and_can_be_chosen(self, texloom: ModuleType, options: Any, api: Any) -> None:
        facts = module(texloom, "panels.model_facts")
        shelf = module(texloom, "shelf").watcher().looked()
        item = shelf.find("flux-2-dev")
        small = type(shelf)(
            **{**{name: getattr(shelf, name) for name in shelf.__dataclass_fields__}, "memory": 8 * 10**9}
        )
        assert "Too large" in facts.fit(item, small) and "8.0 GB" in facts.fit(item, small)
        assert facts.fit(small.find("sd-1.5"), small) == ""
        assert "slow" in facts.fit(small.find("sdxl"), small)
        assert bpy.ops.texloom.model_use(model="flux-2-dev") == {"FINISHED"}

    def test_memory_of_this_machine_is_known(self, texloom: ModuleType) -> None:
        assert 10**8 < module(texloom, "machine").memory_bytes() < 10**14


class TestDownload:
    def test_terms_come_first(self, texloom: ModuleType, hub: Behaviour, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match=r"terms to accept first.*does not know the licence of owner/model"):
            bpy.ops.texloom.model_download(model="owner/model")
        with pytest.raises(RuntimeError, match="non-commercial use only"):
            bpy.ops.texloom.model_download(model="flux-dev")
        assert not hub.seen and not (tmp_path / "models").exists()

    def test_the_dialog_says_licence_size_and_memory(self, texloom: ModuleType, options: Any) -> None:
        facts = module(texloom, "panels.model_facts")
        jobs = module(texloom, "model_jobs")
        from test_library import Layout

        noted: Any = []
        item = jobs.item_of("flux-dev")
        facts.draw_facts(Layout(noted), item, None, 60)
        assert facts.draw_terms(Layout(noted), item, 60)
        shown = " ".join(texts(noted).split())
        assert "33.8 GB" in shown and "LoRA" in shown and "in English" in shown
        assert "35.3 GB; with main memory for that, a graphics card can do with 4.1 GB" in shown
        assert "after depth, normals or lines" in shown and "in the style of a picture" in shown
        assert set(facts.ABILITIES) == set(module(texloom, "core.texloom.catalog_rows").ABILITIES)
        assert "non-commercial use only" in shown and "accept their terms first" in shown

    def test_offline_there_is_the_button_that_mends_it(self, texloom: ModuleType, options: Any, api: Any) -> None:
        if bpy.app.online_access:
            pytest.skip("this Blender may use the network")
        assert not bpy.ops.texloom.model_download.poll()
        errors = module(texloom, "core.texloom.errors")
        with pytest.raises(errors.OfflineError, match="may not go online"):
            api.download_model("owner/model", accept_terms=True)
        module(texloom, "shelf").watcher().looked()
        bpy.context.window_manager.texloom_models.selected = "sd-1.5"
        noted = drawn(texloom, "models.Models")
        assert "allow_online" in buttons(noted) and "model_download" not in buttons(noted)

    def test_from_the_hub_into_the_first_folder(
        self, texloom: ModuleType, hub: Behaviour, options: Any, tmp_path: Path
    ) -> None:
        options.hub_token = hub.token = "secret-token"
        assert "secret-token" not in repr(module(texloom, "preferences").model_options())
        assert bpy.ops.texloom.model_download(model="owner/model", accept=True) == {"FINISHED"}
        folder = tmp_path / "models" / "owner--model"
        assert (folder / "unet" / "net.safetensors").read_bytes() == WEIGHTS
        assert state(texloom).folder == folder and set(hub.tokens) == {"Bearer secret-token"}
        shelf = module(texloom, "shelf").watcher().looked()
        found = shelf.find("owner/model")
        assert found.own and found.here and found.capabilities.fills
        bpy.context.window_manager.texloom_models.selected = "owner/model"
        noted = drawn(texloom, "models.Models")
        assert button(noted, "model_delete")["model"] == "owner/model" and "owner/model" not in downloads(noted)
        assert bpy.ops.texloom.model_delete(model="owner/model") == {"FINISHED"}
        assert not folder.exists()
        assert module(texloom, "shelf").watcher().looked().find("owner/model") is None

    def test_paused_resumed_cancelled_and_continued(
        self, texloom: ModuleType, hub: Behaviour, options: Any, tmp_path: Path
    ) -> None:
        hub.delay = 0.02
        job = state(texloom)
        module(texloom, "model_jobs").download("owner/model", accept_terms=True)
        wait(lambda: job.progress is not None and job.progress.done > 60_000)
        noted = drawn(texloom, "models.Models")
        assert {"model_pause", "model_cancel"} <= set(buttons(noted))
        assert not bpy.ops.texloom.model_download.poll()
        assert bpy.ops.texloom.model_pause() == {"FINISHED"} and job.paused
        assert "paused" in texts(drawn(texloom, "models.Models"))
        time.sleep(0.1)
        before = job.progress.done
        time.sleep(0.2)
        assert job.progress.done - before < 40_000 and job.running
        bpy.ops.texloom.model_pause()
        wait(lambda: job.progress.done > before + 60_000)
        bpy.ops.texloom.model_cancel()
        assert job.wait(10) and not job.error and job.folder is None
        item = module(texloom, "shelf").watcher().looked("owner/model").find("owner/model")
        assert item.unfinished > 60_000 and not item.here
        bpy.context.window_manager.texloom_models.selected = "owner/model"
        noted = drawn(texloom, "models.Models", Here())
        hub.delay = 0.0
        asked = len(hub.ranges)
        assert bpy.ops.texloom.model_download(model="owner/model", accept=True) == {"FINISHED"}
        assert any(value.startswith("bytes=") for value in hub.ranges[asked:]), "it goes on where it stopped"
        assert (tmp_path / "models" / "owner--model" / "unet" / "net.safetensors").read_bytes() == WEIGHTS

    def test_what_a_cancelled_download_left_can_be_deleted(
        self, texloom: ModuleType, hub: Behaviour, tmp_path: Path, api: Any
    ) -> None:
        hub.delay = 0.02
        with pytest.raises(TimeoutError):
            api.download_model("owner/model", accept_terms=True, timeout=0.4)
        assert state(texloom).wait(10)
        api.delete_model("owner/model")
        assert not (tmp_path / "models" / "owner--model").exists()

    def test_a_refusal_is_told_with_the_way_out(self, texloom: ModuleType, hub: Behaviour) -> None:
        hub.token = "another"
        with pytest.raises(RuntimeError, match="does not give owner/model to you"):
            bpy.ops.texloom.model_download(model="owner/model", accept=True)
        noted = drawn(texloom, "models.Models")
        assert "does not give owner/model" in texts(noted).replace("\n", " ") and "model_dismiss" in buttons(noted)
        assert bpy.ops.texloom.model_dismiss() == {"FINISHED"} and not state(texloom).error
        hub.token = ""
        hub.wrong_bytes = {"unet/net.safetensors"}
        with pytest.raises(RuntimeError, match="its hash is another"):
            bpy.ops.texloom.model_download(model="owner/model", accept=True)
        assert button(drawn(texloom, "models.Models"), "model_download")["model"] == "owner/model"

    def test_models_of_others_stay(self, texloom: ModuleType, options: Any, tmp_path: Path) -> None:
        mine = tmp_path / "models" / "mine"
        mine.mkdir(parents=True)
        (mine / "model_index.json").write_text("{}", encoding="utf-8")
        module(texloom, "shelf").watcher().looked()
        with pytest.raises(RuntimeError, match="was not downloaded by Texloom"):
            bpy.ops.texloom.model_delete(model=str(mine))
        with pytest.raises(RuntimeError, match="is not on this machine"):
            bpy.ops.texloom.model_delete(model="sdxl")
        assert (mine / "model_index.json").is_file()

    def test_a_missing_model_has_a_button_where_it_failed(self, texloom: ModuleType, fake: Any, api: Any) -> None:
        errors = module(texloom, "core.texloom.errors")
        missing = errors.ModelNotFoundError("SDXL 1.0 is not on this machine.", download="sdxl")
        fake.script = fake.Script(fail={"bricks": missing})
        with pytest.raises(module(texloom, "core.texloom.api").JobFailedError) as told:
            api.generate("bricks", model="sdxl", output="IMAGE")
        assert button(drawn(texloom, "results.Results"), "model_download")["model"] == "sdxl"
        assert told.value.download == "sdxl"


class TestFolders:
    def test_added_and_removed(self, texloom: ModuleType, options: Any, tmp_path: Path) -> None:
        assert bpy.ops.texloom.add_model_folder(directory=str(tmp_path / "more")) == {"FINISHED"}
        bpy.ops.texloom.add_model_folder(directory=str(tmp_path / "more"))
        assert [item.path for item in options.model_folders] == [str(tmp_path / "models"), str(tmp_path / "more")]
        found = module(texloom, "preferences").model_options()
        assert found.environment()["TEXLOOM_MODELS"].endswith(str(tmp_path / "more"))
        assert found.settings().model_folder_list[:2] == [str(tmp_path / "models"), str(tmp_path / "more")]
        assert bpy.ops.texloom.remove_model_folder(index=0) == {"FINISHED"}
        assert [item.path for item in options.model_folders] == [str(tmp_path / "more")]
        assert bpy.ops.texloom.remove_model_folder(index=5) == {"CANCELLED"}

    def test_the_engine_looks_in_them_too(
        self, texloom: ModuleType, options: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bridge = module(texloom, "bridge")
        given: list[Any] = []
        link = module(texloom, "engine_link")
        real = link.SubprocessBackend
        monkeypatch.setattr(link, "SubprocessBackend", lambda *a, **k: given.append(k) or real(*a, **k))
        bridge.get().attach(None)
        first = bridge.get().session
        bpy.ops.texloom.add_model_folder(directory=str(tmp_path / "more"))
        assert bridge.get().session is not first, "the engine starts again with them"
        bridge.get().attach(None)
        assert given[-1]["environment"]["TEXLOOM_MODELS"].endswith(str(tmp_path / "more"))
        assert given[-1]["environment"]["TEXLOOM_OFFLINE"] == "1"

    def test_the_command_knows_them(self, texloom: ModuleType, options: Any, tmp_path: Path, capsys: Any) -> None:
        mine = tmp_path / "models" / "mine"
        mine.mkdir(parents=True)
        (mine / "model_index.json").write_text("{}", encoding="utf-8")
        assert module(texloom, "cli").main(["models", "list", "--json"]) == 0
        listed = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
        assert str(mine) in {item.get("path") for item in listed}
        assert "TEXLOOM_MODELS" not in __import__("os").environ

    def test_preferences_are_drawn(self, texloom: ModuleType, options: Any) -> None:
        from test_library import Layout

        noted: Any = []
        module(texloom, "preferences")._draw_models(Layout(noted), options)
        assert {"path", "hub_endpoint", "hub_token"} <= set(fields(noted))
        assert options.bl_rna.properties["hub_token"].subtype == "PASSWORD"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("FLUX.1 [dev] 非商业 (仅限非商业用途, 需要登录)", ["FLUX.1 [dev] 非商业", "(仅限非商业用途, 需要", "登录)"]),
        ("局部补全, LoRA", ["局部补全, LoRA"]),
        ("慢,除非显卡的显存更大了。", ["慢,除非显卡的显存更大", "了。"]),
        ("non-commercial only, sign-in needed", ["non-commercial only,", "sign-in needed"]),
    ],
)  # fmt: skip
def test_lines_break_where_they_may(texloom: ModuleType, text: str, lines: list[str]) -> None:
    assert module(texloom, "panels.common").wrapped(text, 21) == lines


def test_no_line_is_too_long_and_nothing_is_lost(texloom: ModuleType) -> None:
    common = module(texloom, "panels.common")
    text = "作者要求先接受条款: 请在 https://huggingface.co/black-forest-labs/FLUX.1-dev 登录。" * 3
    for width in (8, 13, 30):
        lines = common.wrapped(text, width)
        # A mark that ends something may stand out by one letter, as it does in print.
        assert all(common._room(line) <= width + 1 for line in lines)
        assert "".join("".join(lines).split()) == "".join(text.split())
