# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of jobs: order and cancelling of what waits, variations to step through, pin and delete, notices."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy
import pytest
from layouts import Layout, Noted, buttons, texts
from test_addon import api, fake, module, turn

__all__ = ["api", "fake"]  # fixtures


@pytest.fixture
def bridge(texloom: ModuleType) -> Any:
    return module(texloom, "bridge").get()


def made(bridge: Any, api: Any, prompt: str = "bricks", **options: Any) -> Any:
    job = api.submit(prompt, **options)
    job.wait()
    return bridge.entries[job.id]


@pytest.fixture
def status_bar(texloom: ModuleType, bridge: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``status_bar()``: what is drawn into the status bar; nothing was told before."""
    monkeypatch.setattr(bridge, "_notice", module(texloom, "notice").Notice())

    def draw() -> Noted:
        noted: Noted = []
        module(texloom, "panels.status_bar").draw(SimpleNamespace(layout=Layout(noted)), None)
        return noted

    return draw


class TestQueue:
    def test_waiting_jobs_change_places_and_the_list_shows_it(self, fake: Any, bridge: Any, api: Any) -> None:
        fake.script = fake.Script(steps=4000, step_seconds=0.05)
        jobs = [api.submit(f"job {number}", output="IMAGE") for number in range(4)]
        turn(bridge, lambda: jobs[0].view.step > 0 and jobs[3].view.position == 2)
        assert [entry.id for entry in bridge.queue()] == [job.id for job in jobs]
        bpy.ops.texloom.move_job(job=jobs[3].id, offset=-2)
        turn(bridge, lambda: jobs[3].view.position == 0)
        turn(bridge, lambda: [entry.id for entry in bridge.queue()] == [jobs[i].id for i in (0, 3, 1, 2)])
        with pytest.raises(RuntimeError, match="waits"):
            bpy.ops.texloom.move_job(job=jobs[0].id, offset=1)
        assert bpy.ops.texloom.cancel_all() == {"FINISHED"}
        turn(bridge, lambda: all(job.done for job in jobs))
        assert {str(job.view.state) for job in jobs} == {"cancelled"}
        assert not bpy.ops.texloom.cancel_all.poll()

    def test_an_end_is_told_for_a_while(
        self, fake: Any, bridge: Any, api: Any, status_bar: Any, monkeypatch: pytest.MonkeyPatch, texloom: ModuleType
    ) -> None:
        assert status_bar() == [("row", {"arguments": ()})], "an empty row"
        job = api.submit("red bricks", output="IMAGE")
        turn(bridge, lambda: job.done)
        assert bridge.notice == "Ready: red bricks"
        assert "Texloom: Ready: red bricks" in texts(status_bar())
        clock = module(texloom, "bridge").time
        later = clock.monotonic() + module(texloom, "notice").NOTICE_SECONDS
        monkeypatch.setattr(clock, "monotonic", lambda: later)
        assert bridge.notice == "" and "Ready" not in texts(status_bar())

    def test_an_end_is_told_beside_the_progress_of_the_next_job(
        self, fake: Any, bridge: Any, api: Any, status_bar: Any
    ) -> None:
        first = api.submit("first", output="IMAGE")
        turn(bridge, lambda: bridge.entries[first.id].settled)
        fake.script = fake.Script(steps=4000, step_seconds=0.05)
        second = api.submit("second", output="IMAGE")
        turn(bridge, lambda: second.view.step > 0)
        noted = status_bar()
        kinds = [kind for kind, _ in noted]
        assert kinds.index("label") < kinds.index("progress") and buttons(noted) == ["cancel"]
        assert "Texloom: Ready: first" in texts(noted) and "step" in texts(noted)
        second.cancel()
        turn(bridge, lambda: bridge.entries[second.id].settled)
        assert status_bar()[-1][1]["text"] == "Texloom: Ready: first · Cancelled: second"

    def test_ends_that_follow_each_other_are_all_told_and_failures_by_name(
        self, fake: Any, bridge: Any, api: Any, status_bar: Any, errors: Any
    ) -> None:
        fake.script = fake.Script(fail={"bad": errors.OutOfMemoryError("No memory.")})
        for prompt in ("bad", "one", "two"):
            job = api.submit(prompt, output="IMAGE")
            turn(bridge, lambda job=job: bridge.entries[job.id].settled)
        assert "Texloom: Failed: bad · 2 ready" in texts(status_bar())
        job = api.submit("bad", output="IMAGE")
        turn(bridge, lambda: bridge.entries[job.id].settled)
        assert "Texloom: 2 failed · 2 ready" in texts(status_bar())


class TestVariations:
    def test_stepping_goes_round_and_keeps_the_slot(self, fake: Any, bridge: Any, api: Any, cube: Any) -> None:
        obj = cube()
        entry = made(bridge, api, target=obj, count=3)
        assert [number for number, _ in entry.pictures] == [0, 1, 2] and entry.index == 0
        for back, expected in ((False, 1), (False, 2), (False, 0), (True, 2)):
            assert bpy.ops.texloom.step_variation(job=entry.id, back=back) == {"FINISHED"}
            assert entry.index == expected and len(obj.material_slots) == 1
        # Without a job it is the newest result, so that a shortcut can do it.
        bpy.ops.texloom.step_variation()
        assert entry.index == 0

    def test_pinned_results_stay_in_the_list(
        self, fake: Any, bridge: Any, api: Any, texloom: ModuleType, counts: Any
    ) -> None:
        entry = made(bridge, api, "keep", output="IMAGE", count=2)
        bpy.ops.texloom.pin(job=entry.id, index=1)
        assert entry.pinned == {1}
        for number in range(module(texloom, "bridge").KEEP + 3):
            made(bridge, api, f"image {number}", output="IMAGE")
        assert entry.id in bridge.entries
        bpy.ops.texloom.pin(job=entry.id, index=1)
        made(bridge, api, "last", output="IMAGE")
        assert entry.id not in bridge.entries
        with pytest.raises(RuntimeError, match="no longer in the list"):
            bpy.ops.texloom.pin(job=entry.id, index=1)

    def test_deleting_removes_files_and_the_last_one_the_result(
        self, fake: Any, bridge: Any, api: Any, cube: Any, texloom: ModuleType
    ) -> None:
        preferences = bpy.context.preferences.addons[texloom.__name__].preferences
        preferences.store = "LIBRARY"
        try:
            obj = cube()
            entry = made(bridge, api, target=obj, count=2)
        finally:
            preferences.store = "PACK"
        folder = Path(entry.view.folder)
        used = [bpy.data.images[name] for name in entry.built.images]
        assert all(image.packed_file is None for image in used)
        assert bpy.ops.texloom.delete_variation(job=entry.id, index=0) == {"FINISHED"}
        assert [number for number, _ in entry.pictures] == [1]
        assert not list(folder.glob("00_*")) and list(folder.glob("01_*"))
        # The material that uses it has kept its images.
        assert all(image.packed_file is not None for image in used)
        with pytest.raises(RuntimeError, match="no variation 1"):
            bpy.ops.texloom.delete_variation(job=entry.id, index=0)
        bpy.ops.texloom.delete_variation(job=entry.id, index=1)
        assert not folder.exists() and entry.id not in bridge.entries
