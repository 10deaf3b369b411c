# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of jobs in the panel: each is read once, and let go when nobody shows it any more."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from layouts import Here
from layouts import drawn as draw
from test_addon import api, fake, module, turn

__all__ = ["api", "fake"]  # fixtures


@pytest.fixture
def bridge(texloom: ModuleType, fake: Any) -> Any:
    return module(texloom, "bridge").get()


@pytest.fixture
def kept(texloom: ModuleType, bridge: Any) -> Any:
    """``kept(job)``: names of the pictures of a job that Blender keeps after the panel was drawn."""
    previews = module(texloom, "panels.common")._previews

    folders: dict[str, str] = {}

    def names(job: Any) -> list[str]:
        draw(texloom, "results.Results", Here())
        if job.id in bridge.entries and bridge.entries[job.id].view.folder:
            folders[job.id] = bridge.entries[job.id].view.folder
        return sorted(
            name for name in previews if name.startswith(job.id) or str(Path(name).parent) == folders.get(job.id)
        )

    return names


def test_a_newer_step_takes_the_place_of_the_last_one(fake: Any, api: Any, bridge: Any, kept: Any) -> None:
    fake.script = fake.Script(steps=6, step_seconds=0.05)
    job = api.submit("bricks", output="IMAGE", preview_interval=1)
    seen: set[str] = set()

    def step() -> bool:
        names = kept(job)
        # One that was drawn just now, and one that goes with the next turn.
        assert len(names) <= 2, names
        seen.update(name for name in names if name.startswith(job.id))
        return bool(job.done)

    turn(bridge, step)
    assert len(seen) > 2, "previews were drawn"
    bridge.tick()
    (name,) = kept(job)
    assert name == bridge.entries[job.id].pictures[0][1], "the variation, and no preview"


def test_variations_go_with_the_job(fake: Any, api: Any, bridge: Any, kept: Any) -> None:
    first, other = (api.submit(prompt, output="IMAGE", count=3) for prompt in ("first", "other"))
    turn(bridge, lambda: first.done and other.done)
    assert len(kept(first)) == len(kept(other)) == 3
    bpy.ops.texloom.delete_variation(job=first.id, index=1)
    bridge.tick()
    assert kept(first) == [path for _, path in bridge.entries[first.id].pictures] and len(kept(first)) == 2
    bpy.ops.texloom.dismiss(job=first.id)
    bridge.tick()
    assert kept(first) == [] and len(kept(other)) == 3


def test_files_are_looked_at_once(
    fake: Any, api: Any, bridge: Any, kept: Any, texloom: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = api.submit("bricks", output="IMAGE", count=2)
    turn(bridge, lambda: job.done)
    assert len(kept(job)) == 2
    looked: list[Path] = []
    real = Path.is_file

    def is_file(path: Path, **options: Any) -> bool:
        looked.append(path)
        return real(path, **options)

    monkeypatch.setattr(Path, "is_file", is_file)
    for _ in range(3):
        assert len(kept(job)) == 2
    assert [path for path in looked if str(path.parent) == bridge.entries[job.id].view.folder] == []
