# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripts' environments: what works is neither deleted nor replaced, and no tools are claimed that are gone."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from texloom.errors import EngineBrokenError
from texloom.runtime import environment

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def support(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """What the scripts share, with environments in a folder of its own and an engine that is quickly made."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    sys.modules.pop("_support", None)
    import _support

    monkeypatch.delenv("TEXLOOM_PYTHON", raising=False)
    monkeypatch.setenv("TEXLOOM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(_support, "ENVIRONMENTS", tmp_path / "environments")
    monkeypatch.setattr(environment, "set_up", _made)
    monkeypatch.setattr(environment, "locks_folder", lambda: tmp_path / "locks")
    (tmp_path / "locks").mkdir()
    _locks(tmp_path, "one")
    yield _support
    sys.modules.pop("_support", None)


def _locks(tmp_path: Path, text: str) -> None:
    (tmp_path / "locks" / "engine.txt").write_text(text, encoding="utf-8")


def _made(plan: environment.Plan, *ignored: Any, begin: Callable[[], None] = lambda: None) -> None:
    begin()
    venv.create(plan.folder, with_pip=False)


def _failed(plan: environment.Plan, *ignored: Any, begin: Callable[[], None] = lambda: None) -> None:
    _made(plan, begin=begin)
    shutil.rmtree(plan.folder)
    raise EngineBrokenError("pip failed.")


def _not_called(*ignored: Any, **named: Any) -> None:
    raise AssertionError("nothing is to be made")


def test_an_engine_is_made_once(support: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    python = support.ensure_engine()
    assert python == support.environment_python(support.ENVIRONMENTS / "engine") and python.is_file()
    monkeypatch.setattr(environment, "set_up", _not_called)
    assert support.ensure_engine() == python


def test_an_engine_of_other_hands_stays(support: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    usual = support.ENVIRONMENTS / "engine"
    venv.create(usual, with_pip=False)
    (usual / "mine.txt").write_text("kept", encoding="utf-8")
    python = support.ensure_engine()
    assert (usual / "mine.txt").is_file() and support.environment_python(usual).is_file()
    assert python.is_file() and usual not in python.parents
    said = capsys.readouterr().out
    assert "was not made by these scripts" in said and f"TEXLOOM_PYTHON={support.environment_python(usual)}" in said


@pytest.mark.parametrize("way", [_made, _failed])
def test_an_engine_of_other_packages_stays(
    way: Callable[..., None], support: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = support.ensure_engine()
    _locks(tmp_path, "two")
    monkeypatch.setattr(environment, "set_up", way)
    if way is _failed:
        with pytest.raises(support.ScriptError, match="pip failed"):
            support.ensure_engine()
    else:
        new = support.ensure_engine()
        monkeypatch.setattr(environment, "set_up", _not_called)
        assert new != old and new.is_file() and support.ensure_engine() == new
    # The old one is used as soon as it fits again.
    _locks(tmp_path, "one")
    monkeypatch.setattr(environment, "set_up", _not_called)
    assert old.is_file() and support.ensure_engine() == old


def test_an_engine_that_was_not_finished_is_begun_anew(support: ModuleType) -> None:
    usual = support.ENVIRONMENTS / "engine"
    support.begin_environment(usual)
    (usual / "half").write_text("", encoding="utf-8")
    assert support.ensure_engine() == support.environment_python(usual) and not (usual / "half").exists()


def test_an_environment_of_other_hands_is_refused(support: ModuleType, tmp_path: Path) -> None:
    folder = support.ENVIRONMENTS / "bpy-5.0"
    venv.create(folder, with_pip=False)
    with pytest.raises(support.ScriptError, match="Move it away"):
        support.ensure_environment("bpy-5.0", ["bpy"])
    assert support.environment_python(folder).is_file()


def test_tools_of_an_engine_that_was_made_anew_are_installed_again(
    support: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("test_script", SCRIPTS / "test.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "ENVIRONMENTS", support.ENVIRONMENTS)
    commands: list[list[Any]] = []
    monkeypatch.setattr(script, "run", lambda command, **options: commands.append(command))
    python = script.main_python()
    assert script.main_python() == python and len(commands) == 1
    shutil.rmtree(python.parents[1])
    assert script.main_python() == python
    made_anew = python.parents[1] / "pyvenv.cfg"
    os.utime(made_anew, ns=(1, 1))
    script.main_python()
    assert len(commands) == 3
