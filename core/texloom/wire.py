# SPDX-License-Identifier: GPL-3.0-or-later
"""The line protocol between a backend and its worker: one JSON object a line, UTF-8, no pickle.

Parent to worker: ``Submit, Cancel, Move, Preload, Shutdown``.  Worker to parent: ``Hello`` once, then events and
``ModelReady``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .errors import ProtocolError, RequestError
from .events import EVENTS, Event, event_from_dict
from .request import GenerationRequest

PROTOCOL_VERSION: Final = 1
MAX_LINE_BYTES: Final = 4 * 1024 * 1024
"""Longer lines are refused: no message carries pixels, so a longer one is a fault."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hello:
    """First line of a worker: who it is and what it runs on.

    ``source`` is :func:`source_digest` of the worker's own package; it must equal the parent's.
    """

    version: str
    source: str
    python: str
    pid: int
    protocol: int = PROTOCOL_VERSION


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineReady:
    """Sent once the heavy imports are done: device and versions of the libraries in use."""

    device: str
    device_name: str
    versions: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Submit:
    """Run ``request`` and write its result below ``library``."""

    request: GenerationRequest
    library: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancel:
    """Stop the job with that id, wherever it is; unknown ids are ignored."""

    request_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """Run a waiting job after ``position`` other waiting ones (0: next); ids that do not wait are ignored."""

    request_id: str
    position: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Preload:
    """Load ``model``, and encode ``prompt`` if given, while nothing else is to do."""

    model: str
    prompt: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelReady:
    """A preloaded model is in memory, or ``error`` says why it is not."""

    model: str
    error: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shutdown:
    """Finish: cancel what runs and exit with status 0."""


Message = Hello | EngineReady | Submit | Cancel | Move | Preload | ModelReady | Shutdown | Event

_PLAIN: Final[Mapping[str, type]] = {
    "hello": Hello,
    "engine_ready": EngineReady,
    "cancel": Cancel,
    "move": Move,
    "preload": Preload,
    "model_ready": ModelReady,
    "shutdown": Shutdown,
}
_NAMES: Final = {kind: name for name, kind in _PLAIN.items()}


def encode(message: Message) -> bytes:
    """One line, with its newline.

    Raises:
        ProtocolError: the line would be longer than :data:`MAX_LINE_BYTES`.
    """
    data: dict[str, Any]
    if isinstance(message, Event):
        data = message.to_dict()
    elif isinstance(message, Submit):
        data = {"type": "submit", "request": message.request.to_dict(), "library": message.library}
    else:
        data = {"type": _NAMES[type(message)]}
        for name in message.__dataclass_fields__:
            value = getattr(message, name)
            data[name] = dict(value) if isinstance(value, Mapping) else value
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # Python spells undecodable bytes of a path as lone surrogates; they must survive the way there and back.
    line = text.encode("utf-8", "surrogatepass") + b"\n"
    if len(line) > MAX_LINE_BYTES:
        raise ProtocolError(f"A message of {len(line)} bytes is longer than {MAX_LINE_BYTES}.")
    return line


def decode(line: bytes | str) -> Message:
    """Read one line.

    Raises:
        ProtocolError: not JSON, unknown type or fields, wrong types.
        RequestError: a ``submit`` whose request is not valid.
    """
    if len(line) > MAX_LINE_BYTES:
        raise ProtocolError(f"A message of {len(line)} bytes is longer than {MAX_LINE_BYTES}.")
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"Not a line of the protocol: {error}.") from error
    if not isinstance(data, dict):
        raise ProtocolError("A line of the protocol must be a JSON object.")
    name = data.get("type")
    if isinstance(name, str) and name in EVENTS:
        return event_from_dict(data)
    if name == "submit":
        return _decode_submit(data)
    kind = _PLAIN.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ProtocolError(f"Unknown message type {name!r}.")
    values = {key: value for key, value in data.items() if key != "type"}
    try:
        message: Message = kind(**values)
    except TypeError as error:
        raise ProtocolError(f"Message {name}: {error}.") from error
    _check_types(str(name), message)
    return message


def submitted_id(line: bytes | str) -> str | None:
    """Id of the request in a ``submit`` line that :func:`decode` refused, so that it can still be answered."""
    try:
        data = json.loads(line)
        value = data["request"]["id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return value if isinstance(value, str) else None


def event_request_id(line: bytes | str) -> str | None:
    """Id of the request in an event that :func:`decode` refused, so that its job does not wait for ever."""
    try:
        data = json.loads(line)
        kind, value = data["type"], data["request_id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return value if isinstance(value, str) and kind in EVENTS else None


def _decode_submit(data: dict[str, Any]) -> Submit:
    if set(data) != {"type", "request", "library"} or not isinstance(data["library"], str):
        raise ProtocolError("Message submit: needs exactly request and library.")
    if not isinstance(data["request"], dict):
        raise RequestError("A request must be a JSON object.")
    return Submit(request=GenerationRequest.from_dict(data["request"]), library=data["library"])


def _check_types(name: str, message: Any) -> None:
    for key in message.__dataclass_fields__:
        value = getattr(message, key)
        wanted: type | tuple[type, ...] = str
        if key in ("pid", "protocol", "position"):
            wanted = int
        elif key in ("versions", "details"):
            wanted = Mapping
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise ProtocolError(f"Message {name}: field {key} has the wrong type ({type(value).__name__}).")


def source_digest(package: Path | None = None) -> str:
    """SHA-256 (first 16 hexadecimal digits) over the contract's source files.

    The two sides may be different copies of the package; they agree exactly when this is equal.
    """
    root = package or Path(__file__).parent
    digest = hashlib.sha256()
    for name in ("errors.py", "request.py", "events.py", "wire.py"):
        # Line endings may differ between a checkout and an unpacked archive; the meaning does not.
        digest.update(name.encode() + b"\0" + (root / name).read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()[:16]
