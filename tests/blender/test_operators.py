# SPDX-License-Identifier: GPL-3.0-or-later
"""Every operator does what it is for, not only refuses: what no other file runs to its end, and a look back at all."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
import recording
from test_addon import api, fake, module, turn
from test_engine import WORKER_PYTHON
from test_image_tools import painted

__all__ = ["api", "fake"]  # fixtures

NOT_IN_THE_BACKGROUND = {
    "tile_preview": "opens a window, or zooms in one; tests/gui presses it",
    "generate_on_enter": "has no execute: it belongs to the release of a key, which test_prompt stands in for",
}
"""Operators that no test can run to their end without a window, and why."""


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The user has allowed online access; the engine's own environment needs no network in these tests."""
    system = bpy.context.preferences.system
    before = system.use_online_access
    system.use_online_access = True
    monkeypatch.delenv("TEXLOOM_OFFLINE", raising=False)
    if not bpy.app.online_access:
        pytest.skip("this Blender was started offline")
    yield
    system.use_online_access = before


@pytest.fixture
def file_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """What the system was asked to open last, without opening anything."""
    if sys.platform != "linux":
        pytest.skip("what opens a folder has another name there")
    opened, manager = tmp_path / "opened", tmp_path / "bin" / "xdg-open"
    manager.parent.mkdir()
    manager.write_text(f'#!/bin/sh\nprintf "%s" "$1" > "{opened}"\n', encoding="utf-8")
    manager.chmod(0o755)
    monkeypatch.setenv("PATH", str(manager.parent), prepend=os.pathsep)
    return lambda: opened.read_text(encoding="utf-8")


@pytest.fixture
def editor() -> Callable[[str], Any]:
    """``editor(kind)``: a context in which an operator is called from an editor of this kind."""
    window = bpy.context.window_manager.windows[0]

    def override(kind: str) -> Any:
        area = max(window.screen.areas, key=lambda area: area.width * area.height)
        area.type = kind
        region = next(region for region in area.regions if region.type == "WINDOW")
        return bpy.context.temp_override(window=window, area=area, region=region)

    return override


def wait(until: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


class TestSettingUp:
    """The steps of a set-up are commands; here they are others than those that download."""

    @pytest.fixture
    def steps(self, texloom: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
        """``steps(*codes)``: what a set-up will run, in Python; the folder that it would make."""
        monkeypatch.setenv("TEXLOOM_HOME", str(tmp_path / "home"))
        environment = module(texloom, "core.texloom.runtime.environment")

        def make(*codes: str) -> Path:
            folder = tmp_path / "home" / "engine" / "env-new"
            folder.mkdir(parents=True)
            plan = environment.Plan(
                folder=folder,
                base_python=Path(sys.executable),
                accelerator=environment.Accelerator.CPU,
                steps=tuple(
                    environment.Step(title=f"Step {number}", command=(sys.executable, "-c", code), weight=1)
                    for number, code in enumerate(codes)
                ),
            )
            monkeypatch.setattr(environment, "make_plan", lambda **given: plan)
            return folder

        return make

    def test_it_is_set_up(
        self, texloom: ModuleType, online: None, steps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        environment = module(texloom, "core.texloom.runtime.environment")
        folder = steps(f"open({str(tmp_path / 'ran')!r}, 'w').write('yes')", "pass")
        python = folder / "bin" / "python"
        ready = environment.Check(python=python, versions={"torch": "2.0"}, devices=(("cpu", "CPU"),))
        monkeypatch.setattr(environment, "check", lambda python, **given: ready)
        state = module(texloom, "setup_job").state()
        try:
            assert bpy.ops.texloom.setup_engine() == {"FINISHED"}
            assert (tmp_path / "ran").read_text() == "yes"
            assert (state.error, state.checked, state.running) == ("", ready, False)
            settings = module(texloom, "core.texloom.settings").load()
            assert Path(settings.engine_python).parent.parent == folder
        finally:
            state.forget_check()

    def test_what_fails_is_said(self, texloom: ModuleType, online: None, steps: Any) -> None:
        folder = steps("raise SystemExit('no disk left')")
        with pytest.raises(RuntimeError, match="no disk left"):
            bpy.ops.texloom.setup_engine()
        assert not folder.exists()
        module(texloom, "setup_job").state().forget_check()

    def test_it_is_cancelled_while_it_runs(self, texloom: ModuleType, online: None, steps: Any, tmp_path: Path) -> None:
        running = tmp_path / "running"
        folder = steps(f"open({str(running)!r}, 'w').close(); import time; time.sleep(60)", "raise SystemExit(1)")
        state = module(texloom, "setup_job").state()
        began = time.monotonic()
        # As in a window, where the operator does not wait.
        assert state.set_up("AUTO", online=True)
        wait(running.exists)
        assert state.running and not bpy.ops.texloom.setup_engine.poll()
        assert bpy.ops.texloom.cancel_setup() == {"FINISHED"}
        state.wait(20)
        assert not state.running and time.monotonic() - began < 20
        # Nothing of it stays, and a wish of the user's is no error.
        assert (state.error, state.checked) == ("", None) and not folder.exists()
        assert bpy.ops.texloom.setup_engine.poll()

    @pytest.mark.skipif(not WORKER_PYTHON, reason="TEXLOOM_TEST_PYTHON names no engine environment")
    def test_an_engine_that_works_is_found_to(self, texloom: ModuleType) -> None:
        preferences = bpy.context.preferences.addons[texloom.__name__].preferences
        state = module(texloom, "setup_job").state()
        preferences.engine_python = str(WORKER_PYTHON)
        try:
            assert bpy.ops.texloom.check_engine() == {"FINISHED"}
            assert state.checked is not None and state.checked.ok and state.lines()[0][1] == "CHECKMARK"
        finally:
            preferences.engine_python = ""
            state.forget_check()


def test_the_log_folder_is_shown(
    texloom: ModuleType, file_manager: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    monkeypatch.setattr(module(texloom, "operators.engine"), "default_log_folder", lambda: logs)
    assert bpy.ops.texloom.open_log() == {"FINISHED"}
    assert Path(file_manager()) == logs


def test_the_folder_of_the_settings_is_shown(
    texloom: ModuleType, file_manager: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setattr(module(texloom, "operators.engine"), "settings_path", lambda: tmp_path / "home" / "settings")
    assert bpy.ops.texloom.open_settings() == {"FINISHED"}
    assert Path(file_manager()) == tmp_path / "home"


def test_a_job_is_cancelled_and_the_others_go_on(fake: Any, api: Any, texloom: ModuleType, counts: Any) -> None:
    bridge = module(texloom, "bridge").get()
    fake.script = fake.Script(steps=4000, step_seconds=0.05)
    before = counts()
    first, second = (api.submit(prompt, output="IMAGE") for prompt in ("first", "second"))
    turn(bridge, lambda: first.view.step > 0)
    assert bpy.ops.texloom.cancel(job=first.id) == {"FINISHED"}
    turn(bridge, lambda: first.done and second.view.step > 0)
    assert (str(first.view.state), second.done) == ("cancelled", False)
    # Found by search it has no job, and stops whatever runs.
    assert bpy.ops.texloom.cancel() == {"FINISHED"}
    turn(bridge, lambda: second.done)
    assert str(second.view.state) == "cancelled" and counts() == before


def test_an_export_is_cancelled_while_it_runs(
    texloom: ModuleType, result: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = module(texloom, "export_job").state()
    texture_set = module(texloom, "core.texloom.texture_set")
    made = result()
    begun, write = threading.Event(), texture_set.Plan.write

    def slowly(plan: Any, progress: Any, cancelled: threading.Event, **given: Any) -> Any:
        begun.set()
        assert cancelled.wait(20)  # the export of large maps takes as long
        return write(plan, progress, cancelled, **given)

    monkeypatch.setattr(texture_set.Plan, "write", slowly)
    export = module(texloom, "scene.export")
    chosen = export.texture_set(export.Chosen(folder=str(made.manifest.parent)))
    plan = texture_set.plan(chosen, tmp_path / "out", preset="unreal")
    assert state.start(plan) and begun.wait(10)
    assert state.running and not bpy.ops.texloom.export_set.poll()
    assert bpy.ops.texloom.cancel_export() == {"FINISHED"}
    assert state.wait(20)
    assert (state.error, state.files) == ("", ())
    assert not (tmp_path / "out").exists() or not [*(tmp_path / "out").iterdir()]


def test_a_mask_is_left_for_its_image(texloom: ModuleType, editor: Any) -> None:
    image = painted()
    with editor("IMAGE_EDITOR"):
        space = bpy.context.space_data
        space.image = image
        assert bpy.ops.texloom.make_mask(image=image.name) == {"FINISHED"}
        assert space.image != image and space.mode == "PAINT"
        assert bpy.ops.texloom.leave_mask() == {"FINISHED"}
        assert space.image == image and space.mode == "VIEW"


def test_solid_shading_shows_pictures(texloom: ModuleType, editor: Any) -> None:
    with editor("VIEW_3D"):
        shading = bpy.context.space_data.shading
        shading.color_type = "MATERIAL"
        assert bpy.ops.texloom.reference_solid() == {"FINISHED"}
        assert shading.color_type == "TEXTURE" and shading.show_backface_culling


@pytest.mark.looks_back
def test_every_operator_has_done_what_it_is_for(texloom: ModuleType) -> None:
    names = set(dir(bpy.ops.texloom))
    assert set(NOT_IN_THE_BACKGROUND) <= names
    assert not set(NOT_IN_THE_BACKGROUND) & recording.FINISHED, "these can be run after all"
    if missing := recording.left_out():
        pytest.skip(f"not all tests were run: without {missing}")
    if sys.platform != "linux":
        pytest.skip("what opens a folder is stood in for on Linux only")
    if bpy.app.online_access_override:
        pytest.skip("this Blender was told whether it may go online")
    if not WORKER_PYTHON:
        pytest.skip("without TEXLOOM_TEST_PYTHON no test runs what needs an engine")
    assert sorted(names - recording.FINISHED - set(NOT_IN_THE_BACKGROUND)) == []
