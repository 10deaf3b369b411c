# SPDX-License-Identifier: GPL-3.0-or-later
"""How a large model is kept in memory: shown while a job runs, and beside its result."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from layouts import Here, Layout, Noted, texts
from test_addon import api, fake, module

__all__ = ["api", "fake"]  # fixtures

LINE = "bf16, parts wait in main memory for their turn: about 9.1 of 12 GB"


def _drawn(texloom: ModuleType, entry: Any, *, running: bool) -> str:
    """What the list shows of a job, in one line."""
    noted: Noted = []
    results = module(texloom, "panels.results")
    if running:
        results.draw_running(Layout(noted), entry, Here(), last=True)
    else:
        results.draw_ended(Layout(noted), entry, Here(), 60)
    return texts(noted).replace("\n", " ")


@pytest.fixture
def entry(texloom: ModuleType, fake: Any, api: Any) -> Any:
    job = api.submit("bricks", output="LIBRARY")
    job.wait()
    return module(texloom, "bridge").get().entries[job.id]


def _write(entry: Any, *plans: str) -> None:
    """Plans of the variations into the manifest, as the engine writes them."""
    path = Path(entry.view.folder) / "manifest.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["results"] = [{**data["results"][0], "memory": {"plan": plan}} for plan in plans]
    path.write_text(json.dumps(data), encoding="utf-8")
    entry.forget_pictures()


def test_beside_the_result(texloom: ModuleType, entry: Any) -> None:
    assert entry.plan == "" and "GB" not in _drawn(texloom, entry, running=False)
    _write(entry, "bf16: about 20.1 of 12 GB", LINE)
    assert entry.plan == LINE
    shown = _drawn(texloom, entry, running=False)
    assert LINE in shown and "20.1" not in shown


def test_while_it_is_made(texloom: ModuleType, entry: Any) -> None:
    jobs = module(texloom, "core.texloom.jobs")
    events = module(texloom, "core.texloom.events")
    view = jobs.JobView(request=entry.view.request)
    running = dataclasses.replace(entry, view=view)
    for stage, plan in ((LINE, LINE), ("Loading unet", LINE), ("Ready", "")):
        loading = events.ModelLoading(request_id=view.id, model="m", stage=stage, plan=plan)
        running.view = jobs.reduce(running.view, loading)
        assert LINE in _drawn(texloom, running, running=True)
    assert "Ready" in _drawn(texloom, running, running=True)


def test_damaged_results_tell_nothing(texloom: ModuleType, entry: Any) -> None:
    (Path(entry.view.folder) / "manifest.json").write_text("{", encoding="utf-8")
    entry.forget_pictures()
    assert entry.plan == ""


def test_in_the_user_s_language(texloom: ModuleType) -> None:
    sentences = module(texloom, "translations").SENTENCES["zh_HANS"]
    assert sentences.translate(LINE) == "bf16, 各部分在内存中等待轮换: 约需 9.1 / 12 GB"
    fall = "Memory ran out with SDXL; it goes on in a leaner way, which may take longer: fp16, decoding in stripes."
    assert sentences.translate(fall).endswith("可能会更慢: fp16, 分条解码。")
    refused = (
        "FLUX.2 dev needs 112.4 GB of main memory, and 30.0 GB are free. "
        "Close other programs, or choose a smaller model or one with weights in fewer bits."
    )
    said = sentences.translate(refused)
    assert said.startswith("FLUX.2 dev 需要 112.4 GB 主内存,目前空闲 30.0 GB。") and "GB are" not in said
