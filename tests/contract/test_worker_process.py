# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker processes that die, hang, lie, or lose their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from driving import WORKER, Make, ask, collect, kinds, until
from texloom.backends.base import BackendState
from texloom.backends.subprocess import SubprocessBackend
from texloom.events import Failed
from texloom.runtime import environment_use

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the tests kill with signals")


def pid_of(backend: SubprocessBackend) -> int:
    session = backend._session
    assert session is not None
    deadline = time.monotonic() + 10
    while session._child is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return session._child.pid


def gone(pid: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").is_file() and Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] == "Z":
                return True
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def failed(events: list[object]) -> Failed:
    (found,) = [event for event in events if isinstance(event, Failed)]
    return found


@pytest.mark.parametrize("moment", ["starting", "accepted", "model_loading", "progress"])
def test_killed_at_any_point_loses_nothing(moment: str, scripted: Make, tmp_path: Path) -> None:
    backend = scripted("slow" if moment == "starting" else "")
    request = ask("load:0.5 partial sleep:5")
    backend.submit(request, tmp_path / "library")
    if moment != "starting":
        until(backend, moment)
    if moment == "progress":
        while not list((tmp_path / "library").glob(".partial-*")):
            time.sleep(0.02)
    pid = pid_of(backend)
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    event = failed(collect(backend, request.id, seconds=5))
    assert time.monotonic() - began < 1.0 + 0.2  # collect() itself waits a little at the end
    assert event.code == "worker_died" and "SIGKILL" in event.message and event.advice
    assert not list((tmp_path / "library").glob(".partial-*")) and backend.status.state is BackendState.DEAD
    again = ask()
    backend.submit(again, tmp_path / "library")
    assert kinds(collect(backend, again.id), again.id)[-1] == "completed"
    assert pid_of(backend) != pid and gone(pid)


def test_a_worker_that_exits_by_itself_leaves_its_last_words(scripted: Make, tmp_path: Path) -> None:
    backend = scripted()
    requests = [ask("die"), ask()]
    for request in requests:
        backend.submit(request, tmp_path)
    events = collect(backend, *(request.id for request in requests))
    ends = [event for event in events if isinstance(event, Failed)]
    assert len(ends) == 2 and all(event.code == "worker_died" and "last words" in event.log_tail for event in ends)
    assert "exit status 7" in ends[0].message


def test_what_libraries_print_is_no_protocol(scripted: Make, tmp_path: Path) -> None:
    backend = scripted()
    request = ask("print sleep:0.1 print")
    backend.submit(request, tmp_path)
    names = kinds(collect(backend, request.id), request.id)
    assert names.count("completed") == 1 and names[-1] == "completed" and "artifact" in names


def test_an_unexpected_exception_is_told_with_its_traceback(scripted: Make, tmp_path: Path) -> None:
    backend = scripted()
    request = ask("fail")
    backend.submit(request, tmp_path)
    event = failed(collect(backend, request.id))
    assert event.code == "internal" and "does not like it" in event.message and "ValueError" in event.log_tail
    again = ask()
    backend.submit(again, tmp_path)
    assert kinds(collect(backend, again.id), again.id)[-1] == "completed"


def test_an_ordinary_error_comes_without_a_traceback(scripted: Make, tmp_path: Path) -> None:
    backend = scripted()
    for prompt, traced in (("missing", False), ("memory", True)):
        request = ask(prompt)
        backend.submit(request, tmp_path)
        event = failed(collect(backend, request.id))
        assert event.advice and ("Traceback" in event.log_tail) is traced


def test_an_interrupted_close_leaves_nothing_half_made(scripted: Make, tmp_path: Path) -> None:
    backend = scripted(close_timeout=20.0)
    backend.submit(ask("partial deaf:20"), tmp_path)
    until(backend, "progress")
    assert list(tmp_path.glob(".partial-*"))
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    # Programs that a shell starts in the background begin deaf to it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer.start()
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            backend.close()
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - began < 3 and not list(tmp_path.glob(".partial-*"))


def test_an_environment_is_in_use_while_its_worker_lives(scripted: Make, tmp_path: Path) -> None:
    python = environment_use.engines_folder() / "env-mine" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    folder = python.parent.parent
    backend = SubprocessBackend(None, command=[str(python), str(WORKER)], log_dir=tmp_path / "logs")
    request = ask()
    backend.submit(request, tmp_path / "library")
    collect(backend, request.id)
    assert environment_use.in_use(folder)
    backend.close()
    deadline = time.monotonic() + 5
    while environment_use.in_use(folder):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_engine_that_forgets_its_end_is_ended(scripted: Make, tmp_path: Path) -> None:
    backend = scripted()
    request = ask("forget")
    backend.submit(request, tmp_path)
    assert failed(collect(backend, request.id)).code == "internal"


def test_cancel_while_the_model_loads(scripted: Make, tmp_path: Path) -> None:
    backend = scripted()
    request = ask("load:5")
    backend.submit(request, tmp_path)
    until(backend, "model_loading")
    began = time.monotonic()
    backend.cancel(request.id)
    assert kinds(collect(backend, request.id), request.id)[-1] == "cancelled" and time.monotonic() - began < 1.5


def test_cancel_before_the_worker_has_started(scripted: Make, tmp_path: Path) -> None:
    backend = scripted("slow")
    request = ask()
    backend.submit(request, tmp_path)
    backend.cancel(request.id)
    began = time.monotonic()
    assert kinds(collect(backend, request.id), request.id)[-1] == "cancelled" and time.monotonic() - began < 1.0


def test_a_missing_package_is_a_broken_engine(scripted: Make, tmp_path: Path) -> None:
    backend = scripted("broken")
    request = ask()
    backend.submit(request, tmp_path)
    event = failed(collect(backend, request.id))
    assert event.code == "engine_broken" and "torch" in event.message + event.log_tail and "Set up" in event.advice


def test_another_version_is_refused(scripted: Make, tmp_path: Path) -> None:
    backend = scripted("other")
    request = ask()
    backend.submit(request, tmp_path)
    event = failed(collect(backend, request.id))
    assert event.code == "protocol" and "version" in event.message


def test_a_mute_worker_is_given_up(scripted: Make, tmp_path: Path) -> None:
    backend = scripted("mute", start_timeout=0.5)
    request = ask()
    backend.submit(request, tmp_path)
    pid = pid_of(backend)
    assert failed(collect(backend, request.id)).code == "engine_broken" and gone(pid)


@pytest.mark.parametrize("python", [None, Path("/no/such/python")])
def test_no_engine_is_told_without_starting_anything(python: Path | None, tmp_path: Path) -> None:
    with SubprocessBackend(python, log_dir=tmp_path / "logs") as backend:
        request = ask()
        backend.submit(request, tmp_path)
        event = failed(collect(backend, request.id))
        assert event.code == "engine_missing" and "Set up engine" in event.advice


def test_closing_leaves_no_process(scripted: Make, tmp_path: Path) -> None:
    backend = scripted()
    request = ask("sleep:30")
    backend.submit(request, tmp_path)
    until(backend, "progress")
    pid = pid_of(backend)
    began = time.monotonic()
    backend.close()
    assert gone(pid, 0.5) and time.monotonic() - began < 4


PARENT = """
import sys, time
from pathlib import Path
from texloom.backends.subprocess import SubprocessBackend
from texloom.request import GenerationRequest
backend = SubprocessBackend(None, command=[sys.executable, sys.argv[1]], log_dir=Path(sys.argv[2]))
backend.submit(GenerationRequest(prompt="sleep:60"), Path(sys.argv[2]) / "library")
while not any(event.type == "progress" for event in backend.poll(0.2)):
    pass
print(backend._session._child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_parent_leaves_no_worker(how: signal.Signals, tmp_path: Path) -> None:
    package = Path(sys.modules["texloom"].__file__ or "").parents[1]
    environment = dict(os.environ) | {"PYTHONPATH": str(package)}
    command = [sys.executable, "-c", PARENT, str(WORKER), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(parent.pid, how)
        parent.wait(10)
        assert gone(pid)


def test_the_programs_that_people_look_at_go_first(scripted: Make, tmp_path: Path) -> None:
    backend = scripted("")
    request = ask("sleep:5")
    backend.submit(request, tmp_path)
    until(backend, "progress")
    assert os.getpriority(os.PRIO_PROCESS, pid_of(backend)) > os.getpriority(os.PRIO_PROCESS, 0)
    backend.cancel(request.id)
    collect(backend, request.id)
