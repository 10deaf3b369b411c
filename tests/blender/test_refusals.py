# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be done is said in a sentence: never a traceback, never without a word."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy
import pytest
from test_addon import api, fake, module

__all__ = ["api", "fake"]  # fixtures


@pytest.fixture
def home(texloom: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEXLOOM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def refusal(operator: Any, *arguments: Any, **properties: Any) -> str:
    """The words with which an operator refuses."""
    with pytest.raises(RuntimeError) as error:
        operator(*arguments, **properties)
    text = str(error.value)
    assert "Traceback" not in text, text
    return text


def reported(owner: Any, method: str, **properties: Any) -> tuple[Any, list[str]]:
    """What a method of an operator, called as a window would call it, returns and reports."""
    said: list[str] = []
    operator = SimpleNamespace(report=lambda kind, text: said.append(text), **properties)
    return getattr(owner, method)(operator, bpy.context, None), said


class TestFolders:
    def test_a_library_that_is_not_there_yet(self, fake: Any) -> None:
        assert "nothing in the library yet" in refusal(bpy.ops.texloom.open_folder)

    def test_a_result_whose_files_are_gone(self, fake: Any, api: Any, texloom: ModuleType) -> None:
        job = api.submit("bricks", output="IMAGE")
        job.wait()
        folder = Path(module(texloom, "bridge").get().entries[job.id].view.folder)
        shutil.rmtree(folder)
        text = refusal(bpy.ops.texloom.open_folder, job=job.id)
        assert "no longer in the library" in text and str(folder) in text


class TestPrompt:
    def test_enter_says_why_nothing_is_made(self, fake: Any, texloom: ModuleType) -> None:
        settings = bpy.context.scene.texloom
        # A model that starts from pictures, and no picture.
        settings.model, settings.start, settings.prompt = "CATALOG", "IMAGE", "bricks"
        owner = module(texloom, "operators.prompt").TEXLOOM_OT_generate_on_enter
        assert module(texloom, "shelf").capabilities_of(settings).starts
        result, said = reported(owner, "invoke")
        assert result == {"CANCELLED"}
        assert said == ["Choose the image to start from."]

    def test_an_example_says_why_nothing_is_made(self, fake: Any, texloom: ModuleType) -> None:
        settings = bpy.context.scene.texloom
        settings.model, settings.start = "CATALOG", "IMAGE"
        text = refusal(bpy.ops.texloom.try_example)
        assert text.strip() == "Error: Choose the image to start from."

    def test_a_prompt_of_a_history_that_is_empty(self, texloom: ModuleType, home: Path) -> None:
        owner = module(texloom, "operators.prompt").TEXLOOM_OT_use_prompt
        result, said = reported(owner, "invoke", prompt="")
        assert result == {"CANCELLED"}
        assert said == ["Nothing was generated yet"]
