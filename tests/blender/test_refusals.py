# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be done is said in a sentence: never a traceback, never without a word."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy
import pytest
from test_addon import api, fake, module, turn

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


class TestJobs:
    """Found by search, operators on a job have none."""

    def test_the_last_that_ended_is_dismissed(self, fake: Any, api: Any, texloom: ModuleType) -> None:
        entries = module(texloom, "bridge").get().entries
        assert "No job has ended yet" in refusal(bpy.ops.texloom.dismiss)
        first, last = api.submit("first", output="IMAGE"), api.submit("last", output="IMAGE")
        last.wait()
        assert bpy.ops.texloom.dismiss() == {"FINISHED"}
        assert list(entries) == [first.id]
        assert "no longer in the list" in refusal(bpy.ops.texloom.dismiss, job=last.id)
        assert bpy.ops.texloom.dismiss() == {"FINISHED"}
        assert not entries and "No job has ended yet" in refusal(bpy.ops.texloom.dismiss)

    def test_a_running_one_is_not_dismissed(self, fake: Any, api: Any, texloom: ModuleType) -> None:
        fake.script = fake.Script(steps=4000, step_seconds=0.05)
        job = api.submit("slow", output="IMAGE")
        for operator in (bpy.ops.texloom.dismiss, bpy.ops.texloom.retry):
            assert "cancel it first" in refusal(operator, job=job.id)
        assert job.id in module(texloom, "bridge").get().entries
        job.cancel()

    def test_the_last_that_failed_is_tried_again(self, fake: Any, api: Any, texloom: ModuleType) -> None:
        entries = module(texloom, "bridge").get().entries
        assert "No job has failed or was cancelled" in refusal(bpy.ops.texloom.retry)
        fake.script = fake.Script(steps=4000, step_seconds=0.05)
        stopped = api.submit("stopped", output="IMAGE")
        stopped.cancel()
        module(texloom, "bridge").get().wait(entries[stopped.id], 10)
        fake.script = fake.Script()
        done = api.submit("done", output="IMAGE")
        done.wait()
        assert bpy.ops.texloom.retry() == {"FINISHED"}
        assert [entry.view.request.prompt for entry in entries.values()] == ["done", "stopped"]
        assert {str(entry.view.state) for entry in entries.values()} == {"completed"}
        assert "No job has failed or was cancelled" in refusal(bpy.ops.texloom.retry)

    def test_there_is_no_result_yet(self, fake: Any, api: Any) -> None:
        operators = ("apply", "pin", "delete_variation", "step_variation")
        assert not any(getattr(bpy.ops.texloom, name).poll() for name in operators)
        for name in operators:
            assert "Nothing has been made yet" in refusal(getattr(bpy.ops.texloom, name))
        api.submit("bricks", output="IMAGE").wait()
        assert all(getattr(bpy.ops.texloom, name).poll() for name in operators)
        for name in operators:
            assert "no longer in the list" in refusal(getattr(bpy.ops.texloom, name), job="unknown")

    def test_the_newest_result_with_what_shows_of_it(self, fake: Any, api: Any, cube: Any, texloom: ModuleType) -> None:
        entries = module(texloom, "bridge").get().entries
        api.submit("older", output="IMAGE", count=2).wait()
        job = api.submit("newest", target=cube(), count=3)
        job.wait()
        entry = entries[job.id]
        bpy.ops.texloom.apply(job=job.id, index=1)
        bpy.data.objects["Cube"].data.materials.clear()
        assert bpy.ops.texloom.apply() == {"FINISHED"}
        assert entry.used == 1 and bpy.data.objects["Cube"].active_material["texloom_index"] == 1
        assert bpy.ops.texloom.pin() == {"FINISHED"} and entry.pinned == {1}
        assert bpy.ops.texloom.pin() == {"FINISHED"} and not entry.pinned
        assert bpy.ops.texloom.delete_variation() == {"FINISHED"}
        assert [number for number, _ in entry.pictures] == [0, 2]
        # The scene still shows the deleted one: the first that is left is next.
        assert bpy.ops.texloom.delete_variation() == {"FINISHED"}
        assert [number for number, _ in entry.pictures] == [2]

    def test_a_variation_is_named_before_it_is_deleted(self, fake: Any, api: Any, texloom: ModuleType) -> None:
        asked: list[dict[str, Any]] = []
        operators = module(texloom, "operators.jobs")
        owner = operators.TEXLOOM_OT_delete_variation
        manager = SimpleNamespace(invoke_confirm=lambda *arguments, **named: asked.append(named) or {"RUNNING_MODAL"})
        said: list[str] = []

        def invoke(**properties: Any) -> Any:
            operator = SimpleNamespace(report=lambda kind, text: said.append(text), **properties)
            operator._entry = lambda: owner._entry(operator)
            operator._index = lambda entry: owner._index(operator, entry)
            return owner.invoke(operator, SimpleNamespace(window_manager=manager), None), operator

        first = api.submit("red bricks", output="IMAGE", count=2)
        first.wait()
        result, operator = invoke(job="", index=-1)
        assert result == {"RUNNING_MODAL"} and asked[0]["message"] == "Variation 1 of red bricks"
        assert (operator.job, operator.index) == (first.id, 0), "whatever is made until the answer comes"
        assert invoke(job="unknown", index=0)[0] == {"CANCELLED"}
        assert len(asked) == 1 and "no longer in the list" in said[0]

    def test_the_last_that_waits_comes_earlier_and_the_first_one_later(
        self, fake: Any, api: Any, texloom: ModuleType
    ) -> None:
        bridge = module(texloom, "bridge").get()
        fake.script = fake.Script(steps=4000, step_seconds=0.05)
        jobs = [api.submit(f"job {number}", output="IMAGE") for number in range(2)]
        turn(bridge, lambda: jobs[0].view.step > 0 and jobs[1].view.position == 0)
        assert "Fewer than two jobs wait" in refusal(bpy.ops.texloom.move_job)
        jobs += [api.submit(f"job {number}", output="IMAGE") for number in (2, 3)]

        def order(*numbers: int) -> bool:
            return [entry.id for entry in bridge.queue()] == [jobs[number].id for number in numbers]

        turn(bridge, lambda: jobs[3].view.position == 2)
        assert bpy.ops.texloom.move_job() == {"FINISHED"}
        turn(bridge, lambda: order(0, 1, 3, 2))
        assert bpy.ops.texloom.move_job(offset=2) == {"FINISHED"}
        turn(bridge, lambda: order(0, 3, 2, 1))
        bridge.cancel_all()

    def test_settings_of_a_job_that_was_never_made(self, fake: Any) -> None:
        assert "Nothing was generated yet" in refusal(bpy.ops.texloom.reuse)


def test_tags_that_are_too_long_are_told_in_the_language_of_the_interface(
    fake: Any, api: Any, texloom: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = api.submit("bricks", output="LIBRARY")
    job.wait()
    entry = module(texloom, "bridge").get().entries[job.id]
    folder = Path(entry.view.folder).name
    sentences = module(texloom, "translations").SENTENCES["zh_HANS"]
    common = module(texloom, "operators.common")
    # Not every build of Blender has other languages.
    monkeypatch.setattr(common, "message", sentences.translate)
    text = refusal(bpy.ops.texloom.library_tags, folder=folder, tags="a" * 200)
    assert "标签" in text and "at most" not in text
    text = refusal(bpy.ops.texloom.library_tags, folder=folder, tags=",".join(f"t{number}" for number in range(500)))
    assert "标签" in text and "at most" not in text
