# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch in the preferences that has a set-up install what makes weights smaller."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from layouts import Nested, fields
from test_addon import module
from test_operators import online

__all__ = ["online"]  # fixture


@pytest.fixture
def options(texloom: ModuleType) -> Iterator[Any]:
    found = bpy.context.preferences.addons[texloom.__name__].preferences
    yield found
    found.property_unset("accelerator")
    found.property_unset("quantization")
    module(texloom, "setup_job").state().forget_check()


@pytest.fixture
def plans(texloom: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...]]]:
    """Build of torch and extras of each set-up that was planned; none is carried out."""
    environment = module(texloom, "core.texloom.runtime.environment")
    asked: list[tuple[str, tuple[str, ...]]] = []

    def make_plan(*, accelerator: Any, extra: Any = ()) -> Any:
        asked.append((str(accelerator), tuple(extra)))
        return None

    ready = environment.Check(python=Path("python"), versions={"torch": "2.0"}, devices=(("cpu", "CPU"),))
    monkeypatch.setattr(environment, "make_plan", make_plan)
    monkeypatch.setattr(environment, "set_up", lambda *given, **named: ready)
    return asked


@pytest.mark.parametrize("chosen", ["cuda", "cpu", "AUTO"])
@pytest.mark.parametrize("found", ["cuda", "rocm"])
def test_it_is_asked_for_as_on_the_command_line(
    chosen: str,
    found: str,
    options: Any,
    plans: list[tuple[str, tuple[str, ...]]],
    online: None,
    texloom: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment = module(texloom, "core.texloom.runtime.environment")
    monkeypatch.setattr(environment, "detect_accelerator", lambda: environment.Accelerator(found))
    options.accelerator = chosen
    build = found if chosen == "AUTO" else chosen
    assert options.quantization is False
    assert bpy.ops.texloom.setup_engine() == {"FINISHED"}
    options.quantization = True
    assert bpy.ops.texloom.setup_engine() == {"FINISHED"}
    assert plans == [(build, ()), (build, ("quantization",) if build == "cuda" else ())]


def test_what_is_there_stays_without_the_switch(
    options: Any,
    plans: list[tuple[str, tuple[str, ...]]],
    online: None,
    texloom: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Somebody installed it on the command line; setting up again from the panel does not take it away."""
    environment = module(texloom, "core.texloom.runtime.environment")
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    for name in ("torchao", "bitsandbytes"):
        (packages / name).mkdir(parents=True)
    monkeypatch.setattr(environment, "find_python", lambda **_: tmp_path / "bin" / "python")
    for options.accelerator in ("cuda", "cpu"):
        assert bpy.ops.texloom.setup_engine() == {"FINISHED"}
    assert plans == [("cuda", ("quantization",)), ("cpu", ())]


def test_where_it_is_shown(options: Any, texloom: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setup, environment = module(texloom, "setup_job"), module(texloom, "core.texloom.runtime.environment")
    preferences = module(texloom, "preferences")
    driver = False
    python: Path | None = None
    monkeypatch.setattr(setup, "_has_driver", lambda: driver)
    monkeypatch.setattr(preferences, "_engine_python", lambda given: python)

    def shown() -> bool:
        layout = Nested()
        preferences.draw_engine(layout, options)
        assert "accelerator" in fields(layout.all())
        return "quantization" in fields(layout.all())

    for chosen in ("cpu", "rocm", "cuda"):
        options.accelerator = chosen
        assert shown() == (chosen == "cuda")
    options.accelerator = "AUTO"
    assert not shown()
    driver = True
    assert shown()
    # What runs the engine tells more than the driver.
    for name, cuda in (("env-20300101-000000-7-cpu", False), ("env-20300101-000000-7-cuda", True), ("mine", True)):
        python = tmp_path / name / "bin" / "python"
        assert shown() == cuda
    for device, torch, cuda in (("cuda:0", "2.0+cu130", True), ("cuda:0", "2.0+rocm7.0", False), ("cpu", "2.0", False)):
        setup.state().checked = environment.Check(
            python=tmp_path, versions={"torch": torch}, devices=((device, "a device"),)
        )
        assert shown() == cuda
