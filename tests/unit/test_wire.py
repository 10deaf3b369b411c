# SPDX-License-Identifier: GPL-3.0-or-later
"""Events and lines of the protocol: round trips, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from texloom import events, wire
from texloom.errors import ErrorCode, ModelNotFoundError, OutOfMemoryError, ProtocolError, RequestError
from texloom.jobs import JobError, JobView, reduce
from texloom.request import GenerationRequest

EVENTS = [
    events.Accepted(request_id="a"),
    events.Queued(request_id="a", position=2),
    events.ModelLoading(request_id="a", model="m", stage="Reading", fraction=0.5),
    events.ModelLoading(request_id="a", model="m"),
    events.Progress(request_id="a", fraction=0.1, step=1, steps=4, seconds_left=2.5),
    events.Preview(request_id="a", path="/x/ü.png", width=8, height=8),
    events.Artifact(
        request_id="a", index=0, map="height", path="p", width=1, height=1, color_space="Non-Color", sha256="00"
    ),
    events.Warning(request_id="a", code="unknown_words", message="m", words=("frob", "nicate")),
    events.Completed(request_id="a", folder="f", manifest="m", seconds=1.0),
    events.Failed(request_id="a", code="internal", message="m", advice="a", log_tail="t\nu"),
    events.Failed(request_id="a", code="model_not_found", message="m", download="sd-1.5", configuration=True),
    events.Cancelled(request_id="a"),
]
MESSAGES = [
    *EVENTS,
    wire.Submit(request=GenerationRequest(prompt="brick\n“wall”"), library="/l"),
    wire.Cancel(request_id="a"),
    wire.Preload(model="instant", prompt="x"),
    wire.ModelReady(model="instant", error="no", details={"a": 1}),
    wire.EngineReady(device="cpu", device_name="CPU", versions={"torch": "2"}),
    wire.Shutdown(),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_round_trip_in_one_line(message: Any) -> None:
    line = wire.encode(message)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert wire.decode(line) == message


def test_every_event_is_covered_and_three_are_terminal() -> None:
    assert {type(event) for event in EVENTS} == set(events.EVENTS.values())
    assert {name for name, kind in events.EVENTS.items() if kind.terminal} == {"completed", "failed", "cancelled"}


def test_a_path_with_undecodable_bytes_survives() -> None:
    event = events.Completed(request_id="a", folder="/bad\udcff", manifest="m", seconds=0.0)
    assert wire.decode(wire.encode(event)) == event


@pytest.mark.parametrize(
    "line",
    [
        b"", b"hello\n", b"[]", b"null", b'{"type":"dance"}', b'{"type":3}', b'{"type":"cancel"}', b"\xff\xfe",
        b'{"type":"cancel","request_id":4}', b'{"type":"queued","request_id":"a","position":"two"}',
        b'{"type":"accepted","request_id":"a","more":1}', b'{"type":"submit","request":{}}',
        b'{"type":"failed","request_id":"a","code":"x","message":"m","configuration":1}',
        b'{"type":"failed","request_id":"a","code":"x","message":"m","download":true}',
        b"[" * 100_000, b" " * (wire.MAX_LINE_BYTES + 1),
    ],
    ids=lambda line: repr(line[:24]),
)  # fmt: skip
def test_garbage_is_a_protocol_error(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        wire.decode(line)


@given(st.binary(max_size=80) | st.recursive(st.none() | st.text(), lambda inner: st.lists(inner)).map(json.dumps))
def test_no_other_exception_ever(line: Any) -> None:
    try:
        wire.decode(line)
    except (ProtocolError, RequestError):
        pass


def test_a_bad_request_is_told_from_a_bad_line_and_keeps_its_id() -> None:
    request = GenerationRequest(prompt="x").to_dict() | {"width": 3}
    line = json.dumps({"type": "submit", "request": request, "library": "/l"})
    with pytest.raises(RequestError, match="width"):
        wire.decode(line)
    assert wire.submitted_id(line) == request["id"]
    assert wire.submitted_id("{") is None and wire.submitted_id('{"request":{"id":4}}') is None


def test_the_id_of_a_damaged_event() -> None:
    assert wire.event_request_id('{"type":"completed","request_id":"a"}') == "a"
    assert wire.event_request_id('{"type":"cancel","request_id":"a"}') is None
    assert wire.event_request_id("garbage") is None


def test_a_line_too_long_is_not_sent() -> None:
    with pytest.raises(ProtocolError, match="longer"):
        wire.encode(events.Failed(request_id="a", code="x", message="y" * (wire.MAX_LINE_BYTES + 1)))


def test_failed_from_error_carries_code_and_advice() -> None:
    event = events.Failed.from_error("a", OutOfMemoryError("no memory", advice="smaller"), log_tail="tail")
    assert (event.code, event.message, event.advice, event.log_tail) == (
        ErrorCode.OUT_OF_MEMORY, "no memory", "smaller", "tail",
    )  # fmt: skip


def test_what_must_be_downloaded_goes_all_the_way() -> None:
    error = ModelNotFoundError("no configuration", advice="load it", download="sd-1.5", configuration=True)
    event = events.Failed.from_error("a", error)
    assert wire.decode(wire.encode(event)) == event
    view = reduce(JobView(request=GenerationRequest(prompt="x", id="a")), event)
    assert view.error == JobError.of(error)
    for told in (view.error, event.to_error()):
        assert (told.download, told.configuration) == ("sd-1.5", True)
    assert view.error is not None and view.error.text == str(error) == "no configuration load it"
    # Most errors are not mended by a download.
    assert not OutOfMemoryError("no memory").download


def test_source_digest_depends_on_meaning_not_on_line_endings(tmp_path: Path) -> None:
    package = Path(wire.__file__).parent
    for name in ("errors.py", "request.py", "events.py", "wire.py"):
        (tmp_path / name).write_bytes((package / name).read_bytes().replace(b"\n", b"\r\n"))
    assert wire.source_digest(tmp_path) == wire.source_digest()
    (tmp_path / "wire.py").write_text("other", encoding="utf-8")
    assert wire.source_digest(tmp_path) != wire.source_digest()
