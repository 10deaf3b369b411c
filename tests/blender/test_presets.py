# SPDX-License-Identifier: GPL-3.0-or-later
"""Styles: how words combine, that taking one off gives back what was, and that the built-in model obeys them."""

from __future__ import annotations

import importlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest

# What the built-in model must have read of each style's words: parameter and its range, on a prompt that has it.
OBEYED: dict[str, tuple[str, dict[str, tuple[float, float]]]] = {
    "Photoreal weathered": ("red brick wall", {"wear": (0.6, 1.0), "dirt": (0.2, 0.55)}),
    "Clean showroom": ("oak planks", {"wear": (0.0, 0.05), "dirt": (0.0, 0.05), "gloss": (0.8, 1.0), "dust": (0, 0)}),
    "High gloss": ("concrete", {"gloss": (0.8, 1.0), "dirt": (0.0, 0.05)}),
    "Pastel matte": ("oak planks", {"gloss": (0.0, 0.2), "dirt": (0.0, 0.05)}),
    "Stylized handmade": ("red brick wall", {"variation": (0.0, 0.15), "irregularity": (0.6, 1.0)}),
    "Rustic handmade": ("red brick wall", {"variation": (0.75, 1.0), "irregularity": (0.7, 1.0)}),
    "Wet night street": ("asphalt", {"wetness": (0.9, 1.0)}),
    "Snowy": ("red brick wall", {"snow": (0.8, 1.0)}),
    "Frosty morning": ("red brick wall", {"snow": (0.2, 0.45), "wetness": (0.3, 0.55)}),
    "Mossy ruin": ("stone wall", {"wear": (0.8, 1.0), "cracks": (0.6, 1.0), "moss": (0.8, 1.0)}),
    "Dusty desert": ("concrete", {"dust": (0.8, 1.0), "wetness": (0.0, 0.05), "moss": (0, 0)}),
    "Abandoned": ("concrete", {"wear": (0.75, 1.0), "dirt": (0.6, 1.0), "cracks": (0.6, 1.0)}),
    "Muddy track": ("cobblestone", {"dirt": (0.65, 1.0), "wetness": (0.3, 0.6)}),
    "Sci-fi panels": ("steel", {"gloss": (0.35, 0.65), "dirt": (0.0, 0.05), "dust": (0, 0)}),
    "Flat reference": ("red brick wall", {"irregularity": (0.0, 0.2), "dirt": (0.0, 0.05)}),
}
SETS = {
    "Photoreal weathered": {"size": "2048"},
    "Flat reference": {"output": "PLANE", "size": "2048"},
    "Game-ready 1K": {"size": "1024", "relief": "BUMP", "tiling": "XY"},
    "Film 4K with displacement": {"size": "4096", "relief": "BOTH"},
    "Close-up half a meter": {"size": "2048", "own_width": True},
    "Wide facade 6 m": {"size": "4096", "own_width": True, "tiling": "XY"},
}


def module(texloom: ModuleType, name: str) -> Any:
    return importlib.import_module(f"{texloom.__name__}.{name}")


@pytest.fixture
def presets(texloom: ModuleType) -> Any:
    return module(texloom, "presets")


@pytest.fixture
def settings(texloom: ModuleType) -> Any:
    return bpy.context.scene.texloom


@pytest.fixture
def saved(presets: Any) -> Iterator[None]:
    """What a test saves as its own is removed afterwards."""
    yield
    for path in presets.files()[1]:
        Path(path).unlink()


class TestWords:
    @pytest.mark.parametrize(
        ("prompt", "style", "wanted"),
        [
            ("bricks", "", "bricks"),
            ("bricks", "wet", "bricks, wet"),
            ("bricks.", ", wet", "bricks, wet"),
            ("old bricks ", "snowy {prompt}, dusty", "snowy old bricks, dusty"),
            ("bricks", "{prompt}", "bricks"),
            ("bricks", "{prompt} and {prompt}", "bricks and bricks"),
            ("{prompt}", "wet", "{prompt}, wet"),
            ("a {b} c", "x {prompt}", "x a {b} c"),
            ("", "wet", ""),
            ("  ", "snowy {prompt}", "  "),
            ("bricks", "  ", "bricks"),
            (" as  it is,", "", " as  it is,"),
        ],
    )
    def test_effective_prompt(self, presets: Any, prompt: str, style: str, wanted: str) -> None:
        assert presets.effective_prompt(prompt, style) == wanted

    def test_negative_prompts_are_joined(self, presets: Any) -> None:
        assert presets.joined("", " ") == "" and presets.joined("moss, ", "") == "moss, "
        assert presets.joined("moss, ", "dust") == "moss, dust"

    def test_request_says_it_and_the_prompt_stays(self, settings: Any) -> None:
        settings.prompt, settings.style = "bricks", "snowy {prompt}"
        assert settings.request().prompt == "snowy bricks" and settings.prompt == "bricks"
        assert settings.request("oak").prompt == "snowy oak"


class TestStyles:
    def test_more_than_a_dozen_come_with_it_and_have_translated_names(self, presets: Any, texloom: ModuleType) -> None:
        shipped, own = presets.files()
        texts = module(texloom, "translations").LANGUAGES["zh_HANS"]
        names = [presets.display_name(path) for path in shipped]
        assert len(names) >= 12 and own == [] and names == sorted(names, key=str.lower)
        assert [name for name in names if name not in texts] == []
        assert set(OBEYED) <= set(names) and set(SETS) <= set(names)

    def test_every_one_is_used_and_taken_off_without_a_trace(self, presets: Any, settings: Any) -> None:
        settings.prompt, settings.negative_prompt, settings.size = "bricks", "red", "512"
        settings.maps = {"base_color"}
        before = presets.snapshot(settings)
        for path in presets.files()[0]:
            name = presets.display_name(path)
            assert bpy.ops.texloom.use_style(name=name) == {"FINISHED"}
            assert settings.style_name == name and (settings.prompt, settings.negative_prompt) == ("bricks", "red")
            for key, value in SETS.get(name, {}).items():
                assert getattr(settings, key) == value, name
            if name not in SETS:
                assert presets.changes(settings) == {} and settings.style, name
            settings.request()
            assert bpy.ops.texloom.remove_style() == {"FINISHED"}
            assert presets.snapshot(settings) == before, name
            assert (settings.style, settings.style_negative, settings.style_name) == ("", "", "")

    def test_another_style_takes_the_place_of_the_first(self, presets: Any, settings: Any) -> None:
        before = presets.snapshot(settings)
        bpy.ops.texloom.use_style(name="Film 4K with displacement")
        bpy.ops.texloom.use_style(name="Clean showroom")
        assert presets.snapshot(settings) == before and settings.style_negative == "dust, cracks, moss"

    def test_what_the_user_changes_afterwards_stays(self, settings: Any) -> None:
        settings.size = "512"
        bpy.ops.texloom.use_style(name="Film 4K with displacement")
        settings.size = "2048"
        bpy.ops.texloom.remove_style()
        assert settings.size == "2048" and settings.relief == "PREFERENCES"

    def test_width_is_in_metres_whatever_the_units(self, settings: Any) -> None:
        settings.prompt = "bricks"
        bpy.context.scene.unit_settings.system = "METRIC"
        bpy.context.scene.unit_settings.scale_length = 0.01
        bpy.ops.texloom.use_style(name="Close-up half a meter")
        assert settings.real_world_width == pytest.approx(50.0)
        assert settings.request().real_world_width == pytest.approx(0.5)

    def test_relief_goes_to_the_placement(self, settings: Any) -> None:
        assert settings.placement(bpy.context).displacement is None
        bpy.ops.texloom.use_style(name="Film 4K with displacement")
        assert settings.placement(bpy.context).displacement == "BOTH"

    def test_blenders_own_operator_does_the_same(self, presets: Any, settings: Any) -> None:
        path = presets.find("Game-ready 1K")
        bpy.ops.script.execute_preset(filepath=path, menu_idname="TEXLOOM_MT_styles")
        assert settings.style_name == "Game-ready 1K" and "ambient_occlusion" in settings.maps
        assert bpy.types.TEXLOOM_MT_styles.bl_label == "Styles"

    def test_unknown_name_is_a_plain_error(self, texloom: ModuleType) -> None:
        with pytest.raises(RuntimeError, match="no style named Nothing"):
            bpy.ops.texloom.use_style(name="Nothing")

    def test_damaged_style_memory_does_no_harm(self, presets: Any, settings: Any) -> None:
        for damage in ("{", "[]", '{"size": 3}', '{"nothing": [1, 2]}', '{"size": ["9", "1024"], "maps": [3, 4]}'):
            settings.style_changes, settings.style = damage, "wet"
            presets.take_off(settings)
            assert settings.style == "" and settings.size == "1024"


class TestOwnStyles:
    def test_saved_used_and_removed(self, presets: Any, settings: Any, saved: None) -> None:
        settings.style, settings.style_negative, settings.size = "{prompt}, bold", "dust", "4096"
        settings.maps, settings.own_width, settings.tile_metres = {"height", "normal"}, True, 3.0
        assert bpy.ops.texloom.save_style(
            "EXEC_DEFAULT", name="My Bold", with_size=True, with_maps=True, with_width=True
        ) == {"FINISHED"}  # fmt: skip
        (path,) = presets.files()[1]
        assert "presets/texloom/styles" in Path(path).as_posix() and settings.style_name == "My Bold"
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        settings = bpy.context.scene.texloom
        bpy.ops.texloom.use_style(name="My Bold")
        assert (settings.style, settings.style_negative, settings.size) == ("{prompt}, bold", "dust", "4096")
        assert settings.maps == {"height", "normal"} and settings.tile_metres == pytest.approx(3.0)
        assert bpy.ops.texloom.save_style("EXEC_DEFAULT", name="My Bold", remove_name=True) == {"FINISHED"}
        assert presets.files()[1] == [] and settings.style_name == "" and settings.size == "1024"

    def test_words_alone_leave_the_settings(self, presets: Any, settings: Any, saved: None) -> None:
        settings.style, settings.size = "{prompt}, bold", "4096"
        bpy.ops.texloom.save_style("EXEC_DEFAULT", name="Words")
        settings.size = "512"
        bpy.ops.texloom.use_style(name="Words")
        assert settings.size == "512" and settings.style == "{prompt}, bold"

    def test_those_that_came_with_it_cannot_be_removed_or_hidden(self, presets: Any, saved: None) -> None:
        shipped = presets.files()[0]
        bpy.ops.texloom.save_style("EXEC_DEFAULT", name="Snowy", remove_name=True)
        bpy.ops.texloom.save_style("EXEC_DEFAULT", name="Snowy")
        assert presets.files() == (shipped, [])

    def test_broken_file_is_a_plain_error_and_changes_nothing(
        self, presets: Any, settings: Any, saved: None, texloom: ModuleType
    ) -> None:
        settings.style = "{prompt}, bold"
        bpy.ops.texloom.save_style("EXEC_DEFAULT", name="Broken")
        (path,) = presets.files()[1]
        Path(path).write_text("import bpy\nbpy.context.scene.texloom.size = '4096'\nraise OSError('no')\n")
        presets.take_off(settings)
        with pytest.raises(RuntimeError, match="Failed to execute"):
            bpy.ops.texloom.use_style(name="Broken")
        assert settings.size == "1024" and settings.style_name == ""

    def test_own_words(self, settings: Any) -> None:
        settings.prompt = "bricks"
        assert bpy.ops.texloom.own_style() == {"FINISHED"}
        assert settings.style == "{prompt}" and settings.request().prompt == "bricks"


@pytest.mark.skipif("TEXLOOM_TEST_PYTHON" not in os.environ, reason="TEXLOOM_TEST_PYTHON names no engine")
class TestBuiltInModel:
    @pytest.fixture
    def read(self, texloom: ModuleType, tmp_path: Path) -> Iterator[Any]:
        """``read(prompt, negative)``: family, parameters with their sources, and warnings of the real worker."""
        core = importlib.import_module(f"{texloom.__name__}.core.texloom.api")
        backends = importlib.import_module(f"{texloom.__name__}.core.texloom.backends.subprocess")
        backend = backends.SubprocessBackend(Path(os.environ["TEXLOOM_TEST_PYTHON"]), device="cpu")
        with core.Session(library=tmp_path, backend=backend) as session:

            def ask(prompt: str, negative: str = "") -> tuple[str, dict[str, Any], list[Any]]:
                made = session.generate(prompt, negative_prompt=negative, width=64, height=64, seed=4)
                data = json.loads((Path(made.folder) / "manifest.json").read_text(encoding="utf-8"))
                (result,) = data["results"]
                said = {item["name"] for item in result["reading"]["parameters"] if item["source"] != "seed"}
                values = {name: value for name, value in result["parameters"].items() if name in said}
                return result["reading"]["family"]["name"], values, list(made.warnings)

            yield ask

    @pytest.mark.ends
    def test_obeys_every_style_and_understands_every_word(self, read: Any, settings: Any, presets: Any) -> None:
        for path in presets.files()[0]:
            name = presets.display_name(path)
            prompt, wanted = OBEYED.get(name, ("red brick wall", {}))
            bpy.ops.texloom.use_style(name=name)
            settings.prompt = prompt
            request = settings.request()
            family, values, warnings = read(request.prompt, request.negative_prompt)
            assert warnings == [], name
            # One style is about a material of its own.
            assert family == ("sci_fi_panels" if name == "Sci-fi panels" else read(prompt)[0]), name
            for parameter, (low, high) in wanted.items():
                assert low <= values[parameter] <= high, (name, parameter, values.get(parameter))

    def test_every_style_that_has_words_is_checked(self, presets: Any) -> None:
        silent = {"Game-ready 1K", "Film 4K with displacement", "Close-up half a meter", "Wide facade 6 m"}
        assert {presets.display_name(path) for path in presets.files()[0]} == set(OBEYED) | silent
        for path in presets.files()[0]:
            text = Path(path).read_text(encoding="utf-8")
            names = set(re.findall(r"^texloom\.(\w+) =", text, re.MULTILINE))
            assert names <= {*presets.SETTINGS, "style", "style_negative"}, path
