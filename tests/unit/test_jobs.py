# SPDX-License-Identifier: GPL-3.0-or-later
"""The reducer of events and the table of jobs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from texloom import events
from texloom.backends.fake import FakeBackend, Script
from texloom.errors import RequestError
from texloom.jobs import JobState, JobView, reduce
from texloom.jobs_table import JobTable
from texloom.request import GenerationRequest

REQUEST = GenerationRequest(prompt="bricks", id="a")


def fold(*found: events.Event) -> JobView:
    view = JobView(request=REQUEST)
    for event in found:
        view = reduce(view, event)
    return view


def progress(fraction: float) -> events.Progress:
    return events.Progress(request_id="a", fraction=fraction, step=1, steps=2, seconds_left=3.0)


def test_states_follow_the_events() -> None:
    assert fold(events.Accepted(request_id="a")).state is JobState.SUBMITTED
    assert fold(events.Queued(request_id="a", position=2)).position == 2
    loading = fold(events.ModelLoading(request_id="a", model="m", stage="Reading", fraction=0.4))
    assert (loading.state, loading.loading, loading.stage) == (JobState.LOADING, 0.4, "Reading")
    assert fold(progress(0.5)).state is JobState.RUNNING


def test_how_a_model_is_kept_stays_known() -> None:
    planned = events.ModelLoading(request_id="a", model="m", stage="Loading unet", plan="bf16: about 9.1 of 12 GB")
    later = events.ModelLoading(request_id="a", model="m", stage="Ready")
    assert fold(planned, later, progress(0.5)).plan == "bf16: about 9.1 of 12 GB"


def test_the_bar_never_goes_back_nor_over_the_end() -> None:
    assert fold(progress(0.5), progress(0.2)).fraction == 0.5
    assert fold(progress(7.0)).fraction == 1.0


def test_nothing_happens_after_the_end_or_to_other_jobs() -> None:
    done = fold(events.Completed(request_id="a", folder="f", manifest="m", seconds=1.0))
    assert (done.state, done.fraction, done.final) == (JobState.COMPLETED, 1.0, True)
    assert reduce(done, events.Failed(request_id="a", code="x", message="m")) is done
    view = fold(progress(0.5))
    assert reduce(view, events.Cancelled(request_id="b")) is view


def test_a_failure_keeps_its_advice_and_drops_the_preview() -> None:
    preview = events.Preview(request_id="a", path="p", width=1, height=1)
    failed = fold(preview, events.Failed(request_id="a", code="worker_died", message="m", advice="x", log_tail="t"))
    assert failed.error is not None and failed.error.advice == "x" and failed.previews == ()


@pytest.fixture
def table(tmp_path: Path) -> JobTable:
    return JobTable(FakeBackend(Script(steps=50)), tmp_path / "library")


def end(table: JobTable, request: GenerationRequest) -> JobView:
    deadline = time.monotonic() + 10
    while not (view := table.views[request.id]).final:
        assert time.monotonic() < deadline
        table.pump(0.1)
    return view


def test_the_table_runs_jobs_and_hands_out_each_event_once(table: JobTable) -> None:
    request = GenerationRequest(prompt="x")
    table.submit(request)
    seen: list[str] = []
    while not table.views[request.id].final:
        seen += [event.type for _, event in table.pump(0.2)]
    assert seen[0] == "accepted" and seen.count("progress") == 50 and seen[-1] == "completed"
    with pytest.raises(RequestError):
        table.submit(request)


def test_draining_keeps_to_its_budget_and_loses_nothing(table: JobTable) -> None:
    request = GenerationRequest(prompt="x")
    table.submit(request)
    time.sleep(0.5)
    first = table.drain(0.0)
    assert len(first) == 1
    seen = len(first)
    while not table.views[request.id].final:
        seen += len(table.drain(0.0))
    assert seen == 2 + 1 + 50 + 5 + 1


def test_cancel_all_and_forget(tmp_path: Path) -> None:
    table = JobTable(FakeBackend(Script(steps=100, step_seconds=0.05)), tmp_path)
    requests = [GenerationRequest(prompt=str(number)) for number in range(3)]
    for request in requests:
        table.submit(request)
    table.cancel_all()
    assert {end(table, request).state for request in requests} == {JobState.CANCELLED}
    table.forget(requests[0].id)
    assert table.get(requests[0].id) is None and table.get(requests[1].id) is not None
