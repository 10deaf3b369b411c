# SPDX-License-Identifier: GPL-3.0-or-later
"""The prompt: text datablocks, history, what Generate asks for, restoring a request, first steps, keys."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest


def module(texloom: ModuleType, name: str) -> Any:
    return importlib.import_module(f"{texloom.__name__}.{name}")


@pytest.fixture
def settings(texloom: ModuleType) -> Any:
    return bpy.context.scene.texloom


@pytest.fixture
def options(texloom: ModuleType) -> Iterator[Any]:
    """The preferences, given back afterwards."""
    found = bpy.context.preferences.addons[texloom.__name__].preferences
    before = (found.first_steps, found.remember, found.enter)
    yield found
    found.first_steps, found.remember, found.enter = before


@pytest.fixture
def engine(texloom: ModuleType, options: Any, tmp_path: Path) -> Iterator[Any]:
    """A scripted engine with a library of its own."""
    bridge = module(texloom, "bridge").get()
    backend = module(texloom, "core.texloom.backends.fake").FakeBackend()
    bridge.entries.clear()
    bridge.attach(backend)
    options.library = str(tmp_path / "library")
    yield backend
    bridge.attach(None)
    bridge.entries.clear()
    options.library = ""


@pytest.fixture
def history(texloom: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The history, in a home of its own."""
    monkeypatch.setenv("TEXLOOM_HOME", str(tmp_path / "home"))
    return module(texloom, "history")


def written(history: Any) -> list[str]:
    return [entry.prompt for entry in history.entries()]


def last_request(texloom: ModuleType) -> Any:
    return list(module(texloom, "bridge").get().entries.values())[-1].view.request


class TestText:
    def test_comments_go_and_line_breaks_are_spaces(self, texloom: ModuleType) -> None:
        plain = module(texloom, "properties").plain_text
        assert plain(["# a note", "old  bricks,", "", "   # another", "\twith moss "]) == "old bricks, with moss"
        assert plain([]) == "" and plain(["#"]) == ""
        assert plain(["red #3 brick"]) == "red #3 brick"

    def test_reading_for_show_stops_early(self, texloom: ModuleType) -> None:
        taken = []

        def lines() -> Iterator[str]:
            for number in range(1000):
                taken.append(number)
                yield "bricks"

        assert module(texloom, "properties").plain_text(lines(), limit=50).startswith("bricks bricks")
        assert len(taken) < 15

    def test_text_is_the_prompt_and_the_field_waits(self, settings: Any) -> None:
        settings.prompt = "from the field"
        text = bpy.data.texts.new("Wall")
        text.write("# draft\nmossy cobblestone,\nwet")
        settings.prompt_text = text
        assert settings.request().prompt == "mossy cobblestone, wet"
        bpy.data.texts.remove(text)
        assert settings.prompt_text is None and settings.request().prompt == "from the field"

    def test_empty_text_is_a_plain_error(self, settings: Any) -> None:
        settings.prompt, settings.prompt_text = "bricks", bpy.data.texts.new("Empty")
        with pytest.raises(RuntimeError, match="Type what to make first"):
            bpy.ops.texloom.generate()

    def test_too_long_is_a_plain_error(self, settings: Any, engine: Any) -> None:
        text = bpy.data.texts.new("Long")
        text.write("brick " * 900)
        settings.prompt_text = text
        with pytest.raises(RuntimeError, match="at most 4000 characters"):
            bpy.ops.texloom.generate()

    def test_field_becomes_a_text_that_says_the_same(self, settings: Any) -> None:
        settings.prompt = "weathered red brick wall with white mortar, " * 5
        assert bpy.ops.texloom.prompt_as_text() == {"FINISHED"}
        text = settings.prompt_text
        assert text.lines[0].body.startswith("# ") and len(text.lines) > 3
        assert settings.written == " ".join(settings.prompt.split())
        # Again: the same text, not another.
        bpy.ops.texloom.prompt_as_text()
        assert settings.prompt_text == text and len(bpy.data.texts) == 1

    def test_every_valid_prompt_fits_the_field(self, texloom: ModuleType, settings: Any) -> None:
        settings.prompt = "砖" * 4000
        assert len(settings.request().prompt) == 4000


class TestHistory:
    def test_newest_first_without_doubles(self, history: Any) -> None:
        for prompt in ("bricks", "oak", "bricks", "marble"):
            history.remember(prompt)
        history.remember("marble", "dust")
        assert written(history) == ["marble", "marble", "bricks", "oak"]
        assert [entry.negative_prompt for entry in history.entries()][:2] == ["dust", ""]
        assert json.loads(history.path().read_text(encoding="utf-8"))["schema"] == 1

    def test_keeps_fifty(self, history: Any) -> None:
        for number in range(60):
            history.remember(f"prompt {number}")
        assert len(written(history)) == 50 and written(history)[0] == "prompt 59"

    def test_nothing_yet_and_nothing_said(self, history: Any) -> None:
        assert history.entries() == ()
        history.remember("   ")
        assert not history.path().exists()

    @pytest.mark.parametrize("damage", ["{", "[]", '{"schema": 1}', '{"schema": 1, "prompts": [3]}', '{"prompts": []}'])
    def test_damaged_file_is_moved_aside_and_kept(self, history: Any, damage: str, texloom: ModuleType) -> None:
        history.path().parent.mkdir()
        history.path().write_text(damage, encoding="utf-8")
        errors = module(texloom, "core.texloom.errors")
        with pytest.raises(errors.StorageError, match="damaged"):
            history.entries()
        assert history.path().read_text(encoding="utf-8") == damage  # reading changes nothing
        history.remember("bricks")
        assert written(history) == ["bricks"]
        (kept,) = history.path().parent.glob("prompts.damaged-*.json")
        assert kept.read_text(encoding="utf-8") == damage

    def test_file_of_a_newer_version_is_left_alone(self, history: Any, texloom: ModuleType, engine: Any) -> None:
        history.path().parent.mkdir()
        newer = json.dumps({"schema": 99, "prompts": {"other": "form"}})
        history.path().write_text(newer, encoding="utf-8")
        errors = module(texloom, "core.texloom.errors")
        for change in (lambda: history.remember("bricks"), history.clear):
            with pytest.raises(errors.StorageError, match="newer"):
                change()
        # Generating goes on without it.
        bpy.context.scene.texloom.prompt = "bricks"
        bpy.context.scene.texloom.output = "IMAGE"
        assert bpy.ops.texloom.generate() == {"FINISHED"}
        assert history.path().read_text(encoding="utf-8") == newer

    def test_several_blenders_add_to_the_same_list(self, history: Any, texloom: ModuleType) -> None:
        # Processes of their own, which load the module without Blender as it needs none.
        code = (
            "import sys, types\n"
            "package = types.ModuleType('addon'); package.__path__ = [sys.argv[1]]; sys.modules['addon'] = package\n"
            "from addon import history\n"
            "for number in range(12): history.remember(f'{sys.argv[2]} {number}')\n"
        )
        folder = str(Path(texloom.__file__).parent)
        running = [subprocess.Popen([sys.executable, "-c", code, folder, name]) for name in "abcd"]
        assert [process.wait(60) for process in running] == [0] * 4
        assert sorted(written(history)) == sorted(f"{name} {number}" for name in "abcd" for number in range(12))

    def test_another_process_with_the_lock_is_a_plain_error(
        self, history: Any, texloom: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(history, "_PATIENCE", 0.05)
        errors = module(texloom, "core.texloom.errors")
        with history._locked(), pytest.raises(errors.StorageError, match="locked"):
            history.remember("bricks")
        history.remember("bricks")
        assert written(history) == ["bricks"]

    def test_generate_remembers_what_was_written_not_the_style(
        self,
        history: Any,
        engine: Any,
        settings: Any,
        options: Any,
    ) -> None:
        settings.prompt, settings.negative_prompt, settings.style = "old bricks", "moss", "snowy {prompt}"
        settings.output = "IMAGE"
        assert bpy.ops.texloom.generate() == {"FINISHED"}
        (entry,) = history.entries()
        assert (entry.prompt, entry.negative_prompt) == ("old bricks", "moss")
        options.remember = False
        settings.prompt = "secret"
        bpy.ops.texloom.generate()
        assert written(history) == ["old bricks"]

    def test_one_is_taken_searched_and_all_are_cleared(self, history: Any, settings: Any) -> None:
        assert not bpy.ops.texloom.search_history.poll()
        history.remember("oak planks", "knots")
        history.remember("bricks")
        settings.prompt_text = bpy.data.texts.new("Text")
        assert bpy.ops.texloom.use_prompt(prompt="oak planks", negative_prompt="knots") == {"FINISHED"}
        assert (settings.prompt, settings.negative_prompt, settings.prompt_text) == ("oak planks", "knots", None)
        assert bpy.ops.texloom.search_history(entry="0") == {"FINISHED"}
        assert (settings.prompt, settings.negative_prompt) == ("bricks", "")
        with pytest.raises(RuntimeError):
            bpy.ops.texloom.use_prompt()
        assert bpy.ops.texloom.clear_history() == {"FINISHED"}
        assert history.entries() == ()


class TestGenerate:
    def test_panel_is_asked_with_negative_prompt(self, engine: Any, settings: Any, texloom: ModuleType) -> None:
        settings.prompt, settings.negative_prompt, settings.style_negative = "bricks", "moss", "dust"
        assert settings.request().negative_prompt == "moss, dust" and settings.request().model == "instant"

    def test_arguments_stand_for_the_panel_which_stays(
        self,
        engine: Any,
        settings: Any,
        texloom: ModuleType,
        history: Any,
    ) -> None:
        settings.prompt, settings.seed, settings.count, settings.output = "panel", 5, 1, "IMAGE"
        settings.new_seed = True
        assert bpy.ops.texloom.generate(prompt="from a script", seed=77, count=2) == {"FINISHED"}
        request = last_request(texloom)
        assert (request.prompt, request.seed, request.count) == ("from a script", 77, 2)
        assert (settings.prompt, settings.seed, settings.count) == ("panel", 5, 1)
        # The next press does not repeat them.
        settings.new_seed = False
        bpy.ops.texloom.generate()
        request = last_request(texloom)
        assert (request.prompt, request.seed, request.count) == ("panel", 5, 1)
        settings.prompt = ""
        assert bpy.ops.texloom.generate(prompt="only here") == {"FINISHED"}

    def test_generate_can_be_repeated_and_is_one_step(self, texloom: ModuleType) -> None:
        generate = bpy.types.TEXLOOM_OT_generate
        # REGISTER lets it be repeated; with UNDO there would be a second undo step for one result.
        assert generate.bl_options == {"REGISTER"}

    def test_enter_counts_only_right_after_a_confirmed_edit(
        self, texloom: ModuleType, settings: Any, options: Any, engine: Any
    ) -> None:
        properties = module(texloom, "properties")
        options.enter = True
        settings.prompt = "typed"
        assert not bpy.ops.texloom.generate_on_enter.poll()
        settings.prompt_line, settings.output = "confirmed", "IMAGE"
        assert settings.prompt == settings.prompt_line == "confirmed"
        assert bpy.ops.texloom.generate_on_enter.poll()
        options.enter = False
        assert not bpy.ops.texloom.generate_on_enter.poll()
        time.sleep(0.02)
        assert properties.confirmed_just_now(5.0) and not properties.confirmed_just_now(0.01)
        # Generated by another way meanwhile: not once more.
        options.enter = True
        bpy.ops.texloom.generate()
        assert not bpy.ops.texloom.generate_on_enter.poll()


class TestRestore:
    def request(self, texloom: ModuleType, **changes: Any) -> Any:
        facts: dict[str, Any] = {
            "prompt": "old bricks", "negative_prompt": "moss", "width": 512, "height": 256, "seed": 9, "count": 3,
            "tile_y": False, "maps": ("base_color", "height"), "real_world_width": 1.7,
        }  # fmt: skip
        return module(texloom, "core.texloom.request").GenerationRequest(**facts | changes)

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"width": 2048, "height": 2048, "tile_y": True, "real_world_width": None},
            {"tile_x": False},
            {"kind": "texture", "maps": ("base_color", "normal", "height", "roughness", "metallic")},
            {"kind": "reference", "tile_x": False, "maps": ("base_color", "normal", "height", "roughness", "metallic")},
            {"model": "/models/sdxl", "steps": 12, "guidance_scale": 4.4},
            {"prompt": " Two\nlines,  kept. ", "negative_prompt": "a, b, "},
        ],
    )
    def test_the_panel_asks_for_the_same_again(self, texloom: ModuleType, settings: Any, changes: Any) -> None:
        restore = module(texloom, "restore").restore
        request = self.request(texloom, **changes)
        settings.style, settings.prompt_text = "snowy {prompt}", bpy.data.texts.new("Other")
        bpy.context.scene.unit_settings.scale_length = 0.01
        told = restore(settings, request.to_dict())
        assert told == [] if "model" not in changes else "/models/sdxl is not on this machine" in told[0]
        again = settings.request()
        for name in ("prompt", "negative_prompt", "kind", "model", "width", "height", "seed", "count", "steps",
                     "tile_x", "tile_y", "maps"):  # fmt: skip
            assert getattr(again, name) == getattr(request, name), name
        assert again.real_world_width == pytest.approx(request.real_world_width)
        assert again.guidance_scale == pytest.approx(request.guidance_scale)
        assert not settings.new_seed

    def test_what_the_panel_cannot_hold_is_named(self, texloom: ModuleType, settings: Any) -> None:
        restore = module(texloom, "restore").restore
        (told,) = restore(settings, self.request(texloom, seed=2**32 - 1).to_dict())
        assert str(2**32 - 1) in told
        assert settings.seed == 2**31 - 1

    def test_reuse_gives_back_everything_of_the_last_job(self, engine: Any, settings: Any, texloom: ModuleType) -> None:
        with pytest.raises(RuntimeError, match="Nothing was generated yet"):
            bpy.ops.texloom.reuse()
        settings.prompt, settings.negative_prompt, settings.style = "bricks", "moss", "{prompt}, wet"
        settings.output, settings.size, settings.count, settings.seed = "IMAGE", "512", 2, 44
        settings.new_seed = False
        bpy.ops.texloom.generate()
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        assert bpy.ops.texloom.reuse() == {"FINISHED"}
        settings = bpy.context.scene.texloom
        assert (settings.prompt, settings.style, settings.negative_prompt) == ("bricks, wet", "", "moss")
        assert (settings.output, settings.size, settings.count, settings.seed) == ("IMAGE", "512", 2, 44)


class TestFirstSteps:
    @pytest.fixture
    def welcome(self, texloom: ModuleType, options: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        """The card of a fresh install without an engine."""
        monkeypatch.setenv("TEXLOOM_HOME", str(tmp_path / "fresh"))
        monkeypatch.delenv("TEXLOOM_PYTHON", raising=False)
        found = module(texloom, "panels.welcome")
        found.forget()
        options.first_steps = "NEW"
        yield found
        found.forget()

    def test_shown_to_whoever_is_new_until_something_is_made(
        self, welcome: Any, options: Any, texloom: ModuleType, settings: Any, tmp_path: Path
    ) -> None:
        assert welcome.shown()
        bridge = module(texloom, "bridge").get()
        bridge.attach(module(texloom, "core.texloom.backends.fake").FakeBackend())
        try:
            # The engine is there now: the last step is still to do.
            assert welcome.shown()
            assert bpy.ops.texloom.try_example(prompt="mossy cobblestone, wet") == {"FINISHED"}
            assert settings.prompt == "mossy cobblestone, wet"
            assert options.first_steps == "DONE" and not welcome.shown()
        finally:
            bridge.attach(None)
            bridge.entries.clear()

    def test_not_for_whoever_has_results_or_an_engine(
        self, welcome: Any, texloom: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        library = module(texloom, "bridge").get().library()
        (library / "20260101-result").mkdir(parents=True)
        assert not welcome.shown()
        (library / "20260101-result").rmdir()
        welcome.forget()
        monkeypatch.setenv("TEXLOOM_PYTHON", sys.executable)
        assert not welcome.shown()

    def test_dismissed_and_asked_for_again(self, welcome: Any, options: Any) -> None:
        assert bpy.ops.texloom.first_steps(show=False) == {"FINISHED"}
        assert options.first_steps == "DONE" and not welcome.shown()
        assert bpy.ops.texloom.first_steps() == {"FINISHED"}
        assert welcome.shown()

    def test_online_access_is_allowed_by_its_button(self, welcome: Any, options: Any) -> None:
        system = bpy.context.preferences.system
        if bpy.app.online_access_override:
            pytest.skip("this Blender was told whether it may go online")
        before = system.use_online_access
        try:
            system.use_online_access = False
            assert bpy.ops.texloom.allow_online() == {"FINISHED"}
            assert bpy.app.online_access and options.first_steps == "OPEN"
        finally:
            system.use_online_access = before

    def test_examples_have_pictures_and_short_names(self, welcome: Any, texloom: ModuleType) -> None:
        texts = module(texloom, "translations").LANGUAGES["zh_HANS"]
        assert all(path.is_file() for path in welcome.pictures())
        assert all(label in texts for label, _, _ in welcome.EXAMPLES)
        for step in ("1. Go online once", "2. Set up the engine", "3. Choose what to make"):
            assert step in texts


class TestApi:
    def test_styles_history_and_restoring_from_scripts(
        self, texloom: ModuleType, settings: Any, engine: Any, history: Any
    ) -> None:
        api, errors = module(texloom, "api"), module(texloom, "core.texloom.errors")
        assert "Snowy" in api.styles()
        api.use_style("Snowy")
        assert settings.style == "{prompt}, covered in snow"
        assert api.styled("bricks", settings.style) == "bricks, covered in snow"
        api.use_style(None)
        assert settings.style == settings.style_name == ""
        with pytest.raises(errors.RequestError, match="no style named"):
            api.use_style("Nothing")
        settings.prompt, settings.negative_prompt, settings.output = "bricks", "moss", "IMAGE"
        bpy.ops.texloom.generate()
        assert api.prompt_history() == (("bricks", "moss"),)
        made = api.generate("oak planks", output="IMAGE", size=512, seed=21, count=2)
        assert api.restore(made.folder) == []
        assert (settings.prompt, settings.negative_prompt, settings.seed, settings.size) == (
            "oak planks",
            "",
            21,
            "512",
        )


def _ctrl_enter(name: str, shift: bool) -> list[str]:
    """Operators that a key configuration of Blender has on Ctrl+Enter where the panel's keys are."""
    folder = Path(bpy.utils.system_resource("SCRIPTS")) / "presets" / "keyconfig" / "keymap_data"
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    data = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(data)
    found = []
    for keymap, place, content in data.generate_keymaps(data.Params()):
        if place["space_type"] not in ("EMPTY", "VIEW_3D", "IMAGE_EDITOR", "NODE_EDITOR") or content["items"] is None:
            continue
        for item in content["items"]:
            key = item[1] if len(item) > 1 and isinstance(item[1], dict) else {}
            if (
                key.get("type") == "RET" and key.get("value") == "PRESS" and key.get("ctrl")
                and bool(key.get("shift")) == shift and not key.get("alt") and not place.get("modal")
            ):  # fmt: skip
                found.append(f"{keymap}: {item[0]}")
    return found


def test_ctrl_enter_is_free(texloom: ModuleType) -> None:
    assert _ctrl_enter("blender_default", shift=False) == []
    # There it renders, so Shift is added.
    assert _ctrl_enter("industry_compatible_data", shift=False) != []
    assert _ctrl_enter("industry_compatible_data", shift=True) == []


def test_keys_are_taken_back(texloom: ModuleType) -> None:
    keymap = module(texloom, "keymap")
    configurations = bpy.context.window_manager.keyconfigs
    if configurations.addon is None:
        pytest.skip("this Blender has no keys in the background")
    assert any(item.idname == "texloom.generate" and item.ctrl for _, item in keymap._items)
    keymap.unregister()
    assert not keymap._items
    keymap.register()
