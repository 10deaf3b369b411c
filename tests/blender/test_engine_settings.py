# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory and speed of large models in the preferences and the panel: what the engine is told of them, and when."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from layouts import button, buttons, drawn, fields, texts
from test_addon import api, fake, module

__all__ = ["api", "fake"]  # fixtures

NAMES = ("idle_minutes", "memory_gb", "step_cache", "compile", "attention")


@pytest.fixture
def options(texloom: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The add-on's preferences, with their defaults before and after."""
    for variable in module(texloom, "core.texloom.settings").VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    found = bpy.context.preferences.addons[texloom.__name__].preferences

    def reset() -> None:
        found.map_models.clear()
        for name in NAMES:
            found.property_unset(name)

    reset()
    yield found
    reset()


def marigold(folder: Path, kind: str = "MarigoldNormalsPipeline") -> str:
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": kind}), encoding="utf-8")
    return str(folder)


def test_defaults_leave_it_to_the_machine_s_settings(texloom: ModuleType, options: Any) -> None:
    told = module(texloom, "preferences").engine_settings()
    assert dict(told.environment()) == {}
    # What counts without preferences at all is the same.
    assert dict(module(texloom, "engine_options").EngineOptions().environment()) == {}


def test_the_engine_is_told_as_it_reads_it(
    texloom: ModuleType, options: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options.idle_minutes, options.memory_gb, options.step_cache = 0, 7.5, 0.1
    options.compile, options.attention = True, "sage"
    for name in ("one", "two"):
        bpy.ops.texloom.add_map_model(directory=marigold(tmp_path / name))
    told = module(texloom, "preferences").engine_settings().environment()
    for name, text in told.items():
        monkeypatch.setenv(name, text)
    now = module(texloom, "core.texloom.settings").in_effect()
    assert now.idle_seconds is None and float(now.memory_gb) == 7.5 and now.step_threshold == 0.1
    assert (now.compile, now.attention) == ("on", "sage")
    assert now.map_model_list == [str(tmp_path / "one"), str(tmp_path / "two")]


def test_ranges_keep_nonsense_out(options: Any) -> None:
    options.idle_minutes, options.memory_gb, options.step_cache = -5, -1.0, 9.0
    assert (options.idle_minutes, options.memory_gb) == (0, 0.0)
    assert options.step_cache == pytest.approx(0.3)


def test_a_change_starts_the_engine_again_with_the_next_job(
    texloom: ModuleType, options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = module(texloom, "bridge")
    given: list[Any] = []
    link = module(texloom, "engine_link")
    real = link.SubprocessBackend
    monkeypatch.setattr(link, "SubprocessBackend", lambda *a, **k: given.append(k) or real(*a, **k))
    bridge.get().attach(None)
    try:
        first = bridge.get().session
        assert bridge.get().session is first
        options.idle_minutes = 3
        assert bridge.get().session is not first
        assert given[-1]["environment"]["TEXLOOM_IDLE_MINUTES"] == "3"
        assert "TEXLOOM_COMPILE" not in given[-1]["environment"]
    finally:
        bridge.get().attach(None)


def test_the_command_knows_them(texloom: ModuleType, options: Any) -> None:
    options.memory_gb = 2.0
    with module(texloom, "cli")._preferences(downloads=False):
        assert os.environ["TEXLOOM_MEMORY_GB"] == "2"
    assert "TEXLOOM_MEMORY_GB" not in os.environ


def test_models_that_see_maps(texloom: ModuleType, options: Any, tmp_path: Path) -> None:
    assert bpy.ops.texloom.add_map_model(directory=marigold(tmp_path / "normals")) == {"FINISHED"}
    bpy.ops.texloom.add_map_model(directory=str(tmp_path / "normals"))
    assert [item.path for item in options.map_models] == [str(tmp_path / "normals")]
    with pytest.raises(RuntimeError, match="holds no Marigold model"):
        bpy.ops.texloom.add_map_model(directory=marigold(tmp_path / "flux", "FluxPipeline"))
    with pytest.raises(RuntimeError, match="holds no Marigold model"):
        bpy.ops.texloom.add_map_model(directory=str(tmp_path))
    assert bpy.ops.texloom.remove_map_model(index=1) == {"CANCELLED"}
    assert bpy.ops.texloom.remove_map_model(index=0) == {"FINISHED"} and not options.map_models


def test_preferences_and_panel_show_them(texloom: ModuleType, options: Any, tmp_path: Path) -> None:
    from test_library import Layout

    bpy.ops.texloom.add_map_model(directory=marigold(tmp_path / "normals"))
    noted: Any = []
    module(texloom, "engine_options").draw(Layout(noted), options)
    module(texloom, "panels.map_models").draw(Layout(noted), options)
    assert {*NAMES, "path"} <= set(fields(noted))
    assert button(noted, "remove_map_model")["index"] == 0 and "add_map_model" in buttons(noted)
    panel = drawn(texloom, "engine.Engine")
    assert set(NAMES) <= set(fields(panel)) and "Holds from the next job on." in texts(panel)


def test_negative_prompts_follow_the_catalogue(texloom: ModuleType) -> None:
    rows = module(texloom, "core.texloom.catalog_rows")
    capabilities = module(texloom, "capabilities")
    assert rows.GUIDANCE_INSIDE
    for row in rows.rows():
        found = capabilities.of_row(row)
        assert (found.guidance, found.negative) == (row.guided, row.negative), row.id
        assert not (found.negative and row.family in rows.GUIDANCE_INSIDE)


def test_how_a_model_is_kept_is_said_in_chinese(texloom: ModuleType) -> None:
    """Every plan that there can be; as the engine composes the line, so it is composed here, from its own words."""
    source = (Path(texloom.__file__).parent / "core/texloom/engine/memory_plan.py").read_text(encoding="utf-8")
    way = source[source.index("    def way") : source.index("    def line")]
    words = re.findall(r'append\("([^"]+)"\)', way)
    assert len(words) == 5
    line = source[source.index("    def line") : source.index("    def same_way")]
    assert ": about {self.forecast" in line and '{needed} GB"' in line and "{needed} of {total" in line
    chinese = importlib.import_module(f"{texloom.__name__}.translations").SENTENCES["zh_HANS"].translate
    for count in range(len(words) + 1):
        for chosen in itertools.combinations(words, count):
            for end in ("7.3 GB", "7.3 of 24 GB"):
                said = chinese(f"{', '.join(('bf16', *chosen))}: about {end}")
                assert "约需" in said and not re.search(r"[A-Za-z]", re.sub(r"bf16|GB", "", said)), said
    assert chinese("bf16, decoding in stripes: about 7.3 of 24 GB") == "bf16, 分条解码: 约需 7.3 / 24 GB"


def test_the_panel_shows_it_so(texloom: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    results = module(texloom, "panels.results")
    chinese = module(texloom, "translations").SENTENCES["zh_HANS"].translate
    monkeypatch.setattr(results, "message", chinese)
    jobs = module(texloom, "core.texloom.jobs")
    request = module(texloom, "core.texloom.request").GenerationRequest(prompt="bricks")
    view = jobs.JobView(request=request, state=jobs.JobState.LOADING, stage="fp32: about 3.4 of 16 GB")
    assert results.stage(view) == "fp32: 约需 3.4 / 16 GB"
