# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong stands in the panel, in plain words and with the button that mends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from layouts import Layout, Noted, button, buttons, drawn, texts
from test_addon import api, fake, module, turn
from test_library import add, library, wait
from test_library import drawn as drawn_library
from test_meanwhile import recipes

__all__ = ["add", "api", "fake", "library", "recipes"]  # fixtures

# Of every job, whatever has become of it.
ALWAYS = {"reuse", "dismiss", "open_folder"}
MENDED_BY = {
    "engine_missing": ["setup_engine", "retry"],
    "engine_broken": ["setup_engine", "retry", "open_log"],
    "worker_died": ["retry", "open_log"],
    "internal": ["retry", "open_log"],
    "out_of_memory": ["retry"],
    "download": ["retry"],
    "offline": ["retry"],
    "storage": ["retry"],
    "invalid_request": [],
}


@pytest.fixture
def bridge(texloom: ModuleType) -> Any:
    return module(texloom, "bridge").get()


@pytest.fixture(params=sorted(MENDED_BY))
def error(request: pytest.FixtureRequest, errors: Any) -> Any:
    """An error of each kind that has remedies."""
    return errors.TexloomError("It went wrong.", advice="Do something.", code=errors.ErrorCode(request.param))


def remedies(noted: Noted) -> list[str]:
    """The buttons that mend something; without the one that goes online, which a machine may be already."""
    return [name for name in buttons(noted) if name not in ALWAYS and name != "allow_online"]


def said(noted: Any) -> str:
    """What can be read in lines that follow each other."""
    return " ".join(texts(noted).split())


class TestThreads:
    """An error that nobody has thought of ends a thread, and the panel tells it."""

    @pytest.fixture
    def setup(self, texloom: ModuleType) -> Iterator[Any]:
        state = module(texloom, "setup_job").state()
        yield state
        state.wait(10)
        state.forget_check()

    @pytest.mark.parametrize("what", ["set_up", "check"])
    def test_setting_up(
        self, texloom: ModuleType, setup: Any, monkeypatch: pytest.MonkeyPatch, capfd: Any, what: str
    ) -> None:
        monkeypatch.setattr(module(texloom, "core.texloom.runtime.environment"), what, lambda *_, **__: 1 / 0)
        if what == "set_up":
            assert setup.set_up("AUTO", online=False)
        else:
            assert setup.check("python")
        setup.wait(10)
        noted = drawn(texloom, "engine.Engine")
        assert "went wrong: ZeroDivisionError: division by zero. Try again" in said(noted)
        assert {"setup_engine", "check_engine"} <= set(buttons(noted)) and "cancel_setup" not in buttons(noted)
        assert "Traceback" in capfd.readouterr().err

    def test_a_model(self, texloom: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
        job = module(texloom, "model_job")
        ended: list[bool] = []
        state = job.state()
        monkeypatch.setattr(job.model_store, "delete", lambda *_: 1 / 0)
        monkeypatch.setattr(state, "ended", lambda: ended.append(True))
        options = module(texloom, "preferences").model_options()
        assert state.delete(options, bpy.app.tempdir, key="owner/model", name="Some Model") and state.wait(10)
        noted: Noted = []
        module(texloom, "panels.models").draw_job(Layout(noted), 40)
        assert "Some Model" in said(noted) and "model_dismiss" in buttons(noted)
        assert "could not be finished: ZeroDivisionError: division by zero Try again" in said(noted)
        assert ended and "Traceback" in capfd.readouterr().err
        state.clear()


class TestJobs:
    def failed(self, fake: Any, bridge: Any, api: Any, error: Any, **options: Any) -> Any:
        fake.script = fake.Script(fail={"bad": error})
        job = api.submit("bad", output="IMAGE", **options)
        turn(bridge, lambda: bridge.entries[job.id].settled)
        return job

    def test_each_kind_has_its_buttons(self, texloom: ModuleType, fake: Any, bridge: Any, api: Any, error: Any) -> None:
        job = self.failed(fake, bridge, api, error)
        noted = drawn(texloom, "results.Results")
        assert "It went wrong. Do something." in said(noted)
        assert remedies(noted) == MENDED_BY[error.code]
        if "retry" in MENDED_BY[error.code]:
            smaller = error.code == "out_of_memory"
            retry = button(noted, "retry")
            assert retry["job"] == job.id and retry.get("smaller", False) == smaller
            assert retry.get("text", "") == ("Retry at Half Size" if smaller else "")
        if error.code in ("engine_missing", "engine_broken", "offline"):
            assert ("allow_online" in buttons(noted)) == (not bpy.app.online_access)

    def test_half_the_size_of_what_is_made_larger_is_no_way_out(
        self, texloom: ModuleType, fake: Any, bridge: Any, api: Any, errors: Any
    ) -> None:
        job = self.failed(fake, bridge, api, errors.OutOfMemoryError("No memory."))
        entry = bridge.entries[job.id]
        request = entry.view.request
        object.__setattr__(request, "operation", "upscale")
        noted = drawn(texloom, "results.Results")
        assert remedies(noted) == ["retry"] and "smaller" not in button(noted, "retry")

    def test_a_cancelled_one_is_tried_again(self, texloom: ModuleType, fake: Any, bridge: Any, api: Any) -> None:
        fake.script = fake.Script(steps=4000, step_seconds=0.05)
        job = api.submit("slow", output="IMAGE")
        job.cancel()
        turn(bridge, lambda: bridge.entries[job.id].settled)
        assert remedies(drawn(texloom, "results.Results")) == ["retry"]

    def test_folders_are_chosen_in_the_preferences(
        self, texloom: ModuleType, fake: Any, bridge: Any, api: Any, errors: Any
    ) -> None:
        advice = "Choose another folder in the preferences."
        self.failed(fake, bridge, api, errors.StorageError("Could not write /a/b: Not a directory.", advice=advice))
        noted = drawn(texloom, "results.Results")
        assert remedies(noted) == ["retry", "preferences.addon_show"]


class TestSliders:
    @pytest.fixture
    def material(self, api: Any, fake: Any, cube: Any, recipes: None) -> Any:
        obj = cube()
        bpy.context.view_layer.objects.active = obj
        api.submit("brick", target=obj, size=256).wait()
        return obj.active_material

    def test_each_kind_has_its_buttons(
        self, texloom: ModuleType, fake: Any, bridge: Any, material: Any, error: Any
    ) -> None:
        tuner = module(texloom, "tune").get()
        plain = buttons(drawn(texloom, "tune.Parameters"))
        fake.script = fake.Script(fail={"brick": error})
        material.texloom.parameters["moss"].amount = 0.7
        tuner.changed(material)  # as in a window
        turn(bridge, lambda: not tuner.busy(material))
        noted = drawn(texloom, "tune.Parameters")
        assert "It went wrong. Do something." in said(noted)
        wanted = ["redraw" if name == "retry" else name for name in MENDED_BY[error.code]]
        assert [name for name in remedies(noted) if name not in plain] == wanted
        fake.script = fake.Script()
        asked = fake._seen.copy()
        assert bpy.ops.texloom.redraw() == {"FINISHED"}
        assert len(fake._seen - asked) == 1 and tuner.problem(material) == ""
        noted = drawn(texloom, "tune.Parameters")
        assert buttons(noted) == plain and "It went wrong" not in said(noted)

    def test_pictures_that_could_not_be_shown_are_drawn_again(
        self, texloom: ModuleType, fake: Any, bridge: Any, material: Any, errors: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tune = module(texloom, "tune")

        def lost(*arguments: Any) -> None:
            raise errors.StorageError("The files are gone.")

        with monkeypatch.context() as patch:
            patch.setattr(tune.adjust, "swap_images", lost)
            material.texloom.parameters["moss"].amount = 0.7
            tune.get().changed(material)
            assert tune.get().finish(material, 10) and tune.get().problem(material) == "The files are gone."
        assert "redraw" in buttons(drawn(texloom, "tune.Parameters"))
        asked = fake._seen.copy()
        assert bpy.ops.texloom.redraw() == {"FINISHED"}
        assert len(fake._seen - asked) == 1, "the sliders have not moved, but nothing shows what they say"
        assert not tune.get().problem(material)

    def test_another_seed_that_was_refused_is_asked_for_again(
        self, texloom: ModuleType, fake: Any, bridge: Any, material: Any, errors: Any
    ) -> None:
        tune, parameters = module(texloom, "tune"), module(texloom, "parameters")
        before = parameters.request_of(material).seed
        fake.script = fake.Script(fail={"brick": errors.WorkerDiedError("The engine's process ended.")})
        tune.reseed(material)
        turn(bridge, lambda: bool(tune.get().problem(material)))
        assert {"redraw", "open_log"} <= set(buttons(drawn(texloom, "tune.Parameters")))
        fake.script = fake.Script()
        assert parameters.request_of(material).seed == before
        assert bpy.ops.texloom.redraw() == {"FINISHED"}
        after = parameters.request_of(material).seed
        assert after != before
        # Once it is there, that is over.
        assert bpy.ops.texloom.redraw() == {"FINISHED"}
        assert parameters.request_of(material).seed == after


class TestNotBegun:
    @pytest.fixture
    def damaged(
        self, texloom: ModuleType, bridge: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Path]:
        """Settings that cannot be read."""
        monkeypatch.setenv("TEXLOOM_HOME", str(tmp_path / "home"))
        bridge.attach(None)
        bridge.entries.clear()
        module(texloom, "trouble")._last = None
        path: Path = module(texloom, "core.texloom.settings").settings_path()
        path.parent.mkdir()
        path.write_text("{")
        yield path
        module(texloom, "trouble")._last = None

    def test_damaged_settings_are_told_until_something_is_made(
        self, texloom: ModuleType, damaged: Path, request: pytest.FixtureRequest, api: Any
    ) -> None:
        settings = bpy.context.scene.texloom
        settings.prompt = "bricks"
        assert "open_settings" not in buttons(drawn(texloom, "main.Main"))
        with pytest.raises(RuntimeError, match="damaged"):
            bpy.ops.texloom.generate()
        noted = drawn(texloom, "main.Main")
        assert str(damaged) in said(noted).replace(" ", "") and "damaged" in said(noted)
        assert "open_settings" in buttons(noted) and "open_log" not in buttons(noted)
        damaged.unlink()
        request.getfixturevalue("fake")
        api.submit("oak", output="IMAGE")
        assert "open_settings" not in buttons(drawn(texloom, "main.Main"))

    def test_generate_takes_the_old_sentence_away(self, texloom: ModuleType, fake: Any, errors: Any) -> None:
        trouble, settings = module(texloom, "trouble"), bpy.context.scene.texloom
        trouble.note(errors.StorageError("The disk is full.", advice="Choose another folder in the preferences."))
        noted = drawn(texloom, "main.Main")
        assert "The disk is full." in said(noted)
        assert "preferences.addon_show" in buttons(noted)
        settings.model, settings.start, settings.prompt = "CATALOG", "IMAGE", "bricks"
        with pytest.raises(RuntimeError, match="Choose the image to start from"):
            bpy.ops.texloom.generate()
        assert trouble.last() is None and "The disk is full." not in said(drawn(texloom, "main.Main"))

    @pytest.mark.parametrize("name", ["maps_from_image", "make_seamless", "upscale"])
    def test_what_starts_from_an_image(
        self, texloom: ModuleType, damaged: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        bpy.data.images.new("Wall.png", 64, 64)
        with pytest.raises(RuntimeError, match="damaged"):
            getattr(bpy.ops.texloom, name)(image="Wall.png")
        assert "open_settings" in buttons(drawn(texloom, "main.Main"))

    def test_the_settings_can_be_shown(
        self, texloom: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TEXLOOM_HOME", str(tmp_path / "home"))
        with pytest.raises(RuntimeError, match="no settings on this machine"):
            bpy.ops.texloom.open_settings()


class TestLibrary:
    def test_a_folder_that_cannot_be_read(self, texloom: ModuleType, library: Path) -> None:
        watcher = module(texloom, "library_view").watcher()
        library.rmdir()
        library.write_text("no folder")
        watcher.see()
        wait(lambda: bool(watcher.error))
        noted = drawn_library(texloom)
        assert "Could not read" in said(noted)
        assert buttons(noted)[1:] == ["library_refresh", "preferences.addon_show"]

    def test_what_nobody_thought_of(
        self, texloom: ModuleType, library: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
    ) -> None:
        view = module(texloom, "library_view")
        monkeypatch.setattr(view.library_index, "open_index", lambda folder: 1 / 0)
        view.watcher().see()
        wait(lambda: bool(view.watcher().error))
        noted = drawn_library(texloom)
        assert "library could not be read: ZeroDivisionError: division by zero" in said(noted)
        assert buttons(noted)[1:] == ["library_refresh"] and "Traceback" in capfd.readouterr().err
