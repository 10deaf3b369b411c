# SPDX-License-Identifier: GPL-3.0-or-later
"""The script around Blender's renders: what it asks of whom, and that a kept folder is gone on with or refused."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    spec = importlib.util.spec_from_file_location("relight_maps", SCRIPTS / "relight_maps.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("_support", None)


def test_a_kept_folder_is_gone_on_with_or_refused(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(script, "run", lambda command, **options: asked.append([str(word) for word in command]))
    kept = tmp_path / "kept"
    kept.mkdir()
    common: list[Any] = ["--python", "engine", "--bpy", "blender", "--keep", str(kept), "--count", "3"]
    assert script.main([*common, "--write"]) == 0
    export, render, table = asked
    assert export[:2] == ["engine", "-m"] and "export" in export and export[-4:] == ["--count", "3", "--size", "192"]
    assert render[0] == "blender" and render[-2:] == [str(kept), "8"]
    assert table[-2:] == ["python3 scripts/relight_maps.py --write --count 3", "--write"]
    asked.clear()
    assert script.main([*common, "--samples", "64"]) == 0
    assert [command[0] for command in asked] == ["blender", "engine"]
    asked.clear()
    assert script.main([*common, "--count", "4"]) == 1 and not asked
    assert "another --count or --size" in capsys.readouterr().out
    shutil.copytree(script.MODEL, tmp_path / "model")
    monkeypatch.setattr(script, "MODEL", tmp_path / "model")
    assert script.main(common) == 0 and asked
    asked.clear()
    (tmp_path / "model" / "maps.safetensors").write_bytes(b"of another training")
    assert script.main(common) == 1 and not asked
    assert "of another model" in capsys.readouterr().out
