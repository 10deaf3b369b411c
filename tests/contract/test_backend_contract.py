# SPDX-License-Identifier: GPL-3.0-or-later
"""What every backend promises; the same tests for the fake one and for real worker processes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from driving import ask, collect, kinds, until
from texloom.backends.base import Backend, BackendState
from texloom.backends.fake import Script
from texloom.errors import ModelNotFoundError, OutOfMemoryError, RequestError, TexloomError
from texloom.events import Completed, Failed, Queued
from texloom.storage import read_manifest

ENDS = {"completed", "failed", "cancelled"}


def slow(backend: Any) -> str:
    """A prompt that takes seconds, for any backend."""
    if hasattr(backend, "script"):
        backend.script = Script(steps=100, step_seconds=0.05)
    return "sleep:5"


def no_longer_slow(backend: Any) -> None:
    """What follows takes no time, whatever :func:`slow` said."""
    if hasattr(backend, "script"):
        backend.script = Script()


def test_is_a_backend(backend: Any) -> None:
    assert isinstance(backend, Backend) and backend.status.state is BackendState.STOPPED


def test_events_come_in_order_with_one_end(backend: Any, tmp_path: Path) -> None:
    request = ask(count=2)
    backend.submit(request, tmp_path / "library")
    events = collect(backend, request.id)
    names = kinds(events, request.id)
    assert names[0] == "accepted" and names[-1] == "completed" and len(ENDS & set(names)) == 1
    assert sum(name in ENDS for name in names) == 1 and names.count("artifact") == 10
    end = next(event for event in events if isinstance(event, Completed))
    manifest = read_manifest(Path(end.folder))
    assert manifest["request"] == request.to_dict() and Path(end.folder).parent == tmp_path / "library"
    assert backend.status.state is BackendState.READY


def test_an_id_is_taken_once(backend: Any, tmp_path: Path) -> None:
    request = ask()
    backend.submit(request, tmp_path)
    with pytest.raises(RequestError, match="id"):
        backend.submit(request, tmp_path)
    assert sum(name in ENDS for name in kinds(collect(backend, request.id), request.id)) == 1


def test_cancel_of_a_running_job(backend: Any, tmp_path: Path) -> None:
    request = ask(slow(backend))
    backend.submit(request, tmp_path / "library")
    until(backend, "progress")
    backend.cancel(request.id)
    backend.cancel(request.id)
    assert kinds(collect(backend, request.id, seconds=5), request.id)[-1] == "cancelled"
    assert not (tmp_path / "library").exists() or not list((tmp_path / "library").iterdir())


def test_cancel_of_a_waiting_job_leaves_the_running_one_alone(backend: Any, tmp_path: Path) -> None:
    first, second = ask(slow(backend)), ask()
    backend.submit(first, tmp_path)
    backend.submit(second, tmp_path)
    until(backend, "progress")
    backend.cancel(second.id)
    assert kinds(collect(backend, second.id, seconds=3), second.id)[-1] == "cancelled"
    backend.cancel(first.id)
    collect(backend, first.id)


def test_waiting_jobs_change_places(backend: Any, tmp_path: Path) -> None:
    running = ask(slow(backend))
    backend.submit(running, tmp_path)
    until(backend, "progress")
    no_longer_slow(backend)
    waiting = [ask() for _ in range(3)]
    for request in waiting:
        backend.submit(request, tmp_path)
    backend.move(waiting[2].id, 0)
    backend.move(waiting[0].id, 99)
    backend.move(running.id, 1)
    backend.move("nobody", 0)
    backend.cancel(running.id)
    events = collect(backend, running.id, *(request.id for request in waiting))
    ended = [event.request_id for event in events if isinstance(event, Completed)]
    assert ended == [waiting[place].id for place in (2, 1, 0)]
    # The last that was said of each place, before the first of them began.
    told = [event for event in events if isinstance(event, Queued) and event.request_id == waiting[0].id]
    assert told[0].position == 0 and any(event.position == 2 for event in told)


def test_a_job_can_be_next_from_the_start(backend: Any, tmp_path: Path) -> None:
    running = ask(slow(backend))
    backend.submit(running, tmp_path)
    until(backend, "progress")
    no_longer_slow(backend)
    waiting = [ask() for _ in range(3)]
    for request, position in zip(waiting, (None, 0, 1), strict=True):
        backend.submit(request, tmp_path, position)
    backend.cancel(running.id)
    events = collect(backend, running.id, *(request.id for request in waiting))
    ended = [event.request_id for event in events if isinstance(event, Completed)]
    assert ended == [waiting[place].id for place in (1, 2, 0)]


def test_late_and_unknown_cancels_do_nothing(backend: Any, tmp_path: Path) -> None:
    first = ask()
    backend.submit(first, tmp_path)
    collect(backend, first.id)
    backend.cancel(first.id)
    backend.cancel("nobody")
    second = ask()
    backend.submit(second, tmp_path)
    events = collect(backend, second.id)
    assert kinds(events, second.id)[-1] == "completed" and not kinds(events, first.id)


def test_a_failing_job_tells_why_and_the_next_works(backend: Any, tmp_path: Path) -> None:
    if hasattr(backend, "script"):
        backend.script = Script(fail={"memory": OutOfMemoryError("Too little memory.", advice="Smaller.")})
    bad, good = ask("memory"), ask()
    backend.submit(bad, tmp_path)
    backend.submit(good, tmp_path)
    events = collect(backend, bad.id, good.id)
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert (failed.code, failed.message, failed.advice) == ("out_of_memory", "Too little memory.", "Smaller.")
    assert kinds(events, good.id)[-1] == "completed"


def test_a_failing_job_names_what_must_be_downloaded(backend: Any, tmp_path: Path) -> None:
    if hasattr(backend, "script"):
        error = ModelNotFoundError("No configuration.", advice="Load it.", download="sd-1.5", configuration=True)
        backend.script = Script(fail={"missing": error})
    bad = ask("missing")
    backend.submit(bad, tmp_path)
    (failed,) = [event for event in collect(backend, bad.id) if isinstance(event, Failed)]
    assert (failed.code, failed.download, failed.configuration) == ("model_not_found", "sd-1.5", True)


def test_closing_cancels_everything_and_ends_it(backend: Any, tmp_path: Path) -> None:
    requests = [ask(slow(backend)), ask()]
    for request in requests:
        backend.submit(request, tmp_path)
    until(backend, "progress")
    backend.close()
    backend.close()
    events = backend.poll(1.0)
    for request in requests:
        assert [name for name in kinds(events, request.id) if name in ENDS] == ["cancelled"]
    assert backend.status.state is BackendState.STOPPED
    with pytest.raises(TexloomError):
        backend.submit(ask(), tmp_path)
    backend.preload("instant")


def test_many_threads_submit(backend: Any, tmp_path: Path) -> None:
    requests = [ask() for _ in range(12)]
    threads = [threading.Thread(target=backend.submit, args=(request, tmp_path)) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = collect(backend, *(request.id for request in requests))
    for request in requests:
        names = kinds(events, request.id)
        assert names[0] == "accepted" and sum(name in ENDS for name in names) == 1 and names[-1] == "completed"


def test_preload_harms_nothing(backend: Any, tmp_path: Path) -> None:
    backend.preload("instant")
    backend.preload("broken")
    request = ask()
    backend.submit(request, tmp_path)
    assert kinds(collect(backend, request.id), request.id)[-1] == "completed"


def test_polling_nothing_is_quick_and_empty(backend: Any) -> None:
    assert backend.poll() == [] and backend.poll(0.05) == []
