# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backend tells about one job, in order: ``Accepted`` first, exactly one terminal event last."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final

from .errors import ErrorCode, ProtocolError, TexloomError


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Base of all events; ``request_id`` is the job it belongs to."""

    type: ClassVar[str] = ""
    terminal: ClassVar[bool] = False

    request_id: str

    def to_dict(self) -> dict[str, Any]:
        """JSON types with ``type``; the inverse of :func:`event_from_dict`."""
        data: dict[str, Any] = {"type": self.type}
        for item in fields(self):
            value = getattr(self, item.name)
            data[item.name] = list(value) if isinstance(value, tuple) else value
        return data


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted(Event):
    """The worker has read the request and found it valid."""

    type: ClassVar[str] = "accepted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Queued(Event):
    """``position`` other jobs run first (0: next)."""

    type: ClassVar[str] = "queued"
    position: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelLoading(Event):
    """A model is being read; ``fraction`` 0 to 1, or None when it cannot be known; ``stage`` in plain words.

    ``plan`` says in one line how it is kept in memory, once that is known.
    """

    type: ClassVar[str] = "model_loading"
    model: str
    stage: str = ""
    fraction: float | None = None
    plan: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress(Event):
    """``step`` of ``steps`` is done for variation ``index`` of ``count``.

    ``fraction`` (0 to 1) is of the whole job and never falls; ``seconds_left`` is None until it can be
    estimated.
    """

    type: ClassVar[str] = "progress"
    fraction: float
    step: int
    steps: int
    index: int = 0
    count: int = 1
    stage: str = ""
    seconds_left: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview(Event):
    """A rough picture of variation ``index`` in a PNG file, replaced by the next one and gone at the end."""

    type: ClassVar[str] = "preview"
    path: str
    width: int
    height: int
    index: int = 0
    step: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact(Event):
    """One finished file at its final place.

    ``map`` is a name from :data:`request.MAPS` or ``image``; ``color_space`` is Blender's name, ``sRGB`` or
    ``Non-Color``; ``sha256`` is of the file.
    """

    type: ClassVar[str] = "artifact"
    index: int
    map: str
    path: str
    width: int
    height: int
    color_space: str
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Warning(Event):  # noqa: A001 - the protocol's own word; always used as events.Warning
    """Something the user should know; the job goes on.  ``words`` are the words of the prompt it is about."""

    type: ClassVar[str] = "warning"
    code: str
    message: str
    advice: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed(Event):
    """All artifacts are on disk in ``folder``, described by ``manifest`` (a path)."""

    type: ClassVar[str] = "completed"
    terminal: ClassVar[bool] = True
    folder: str
    manifest: str
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed(Event):
    """The job ended without a result; ``advice`` is the way out, ``log_tail`` the worker's last lines.

    ``download`` and ``configuration`` as of :class:`~.errors.TexloomError`.
    """

    type: ClassVar[str] = "failed"
    terminal: ClassVar[bool] = True
    code: str
    message: str
    advice: str = ""
    log_tail: str = ""
    download: str = ""
    configuration: bool = False

    @classmethod
    def from_error(cls, request_id: str, error: TexloomError, *, log_tail: str = "") -> Failed:
        """The event for a known error."""
        return cls(
            request_id=request_id,
            code=str(error.code),
            message=error.message,
            advice=error.advice,
            log_tail=log_tail,
            download=error.download,
            configuration=error.configuration,
        )

    def to_error(self) -> TexloomError:
        """The error to raise in a blocking caller."""
        try:
            code = ErrorCode(self.code)
        except ValueError:
            code = ErrorCode.INTERNAL
        return TexloomError(
            self.message, advice=self.advice, code=code, download=self.download, configuration=self.configuration
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancelled(Event):
    """The job was stopped on request; nothing of it stays on disk."""

    type: ClassVar[str] = "cancelled"
    terminal: ClassVar[bool] = True


EVENTS: Final[Mapping[str, type[Event]]] = types.MappingProxyType(
    {
        kind.type: kind
        for kind in (Accepted, Queued, ModelLoading, Progress, Preview, Artifact, Warning, Completed, Failed, Cancelled)
    }
)

_HINTS: Final[dict[type[Event], dict[str, Any]]] = {
    kind: {name: hint for name, hint in typing.get_type_hints(kind).items() if name not in ("type", "terminal")}
    for kind in EVENTS.values()
}


def event_from_dict(data: Mapping[str, Any]) -> Event:
    """Read what :meth:`Event.to_dict` wrote.

    Raises:
        ProtocolError: unknown type, unknown or missing field, or a value of the wrong type.
    """
    if not isinstance(data, Mapping):
        raise ProtocolError("An event must be a JSON object.")
    values = dict(data)
    name = values.pop("type", None)
    kind = EVENTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ProtocolError(f"Unknown event type {name!r}.")
    hints = _HINTS[kind]
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise ProtocolError(f"Event {name}: unknown field {', '.join(unknown)}.")
    for key, value in values.items():
        if isinstance(value, list):
            values[key] = value = tuple(value)
        if not _fits(value, hints[key]):
            raise ProtocolError(f"Event {name}: field {key} has the wrong type ({type(value).__name__}).")
    try:
        return kind(**values)
    except TypeError as error:
        raise ProtocolError(f"Event {name}: {error}.") from error


def _fits(value: object, hint: Any) -> bool:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        if option is type(None) and value is None:
            return True
        if option is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            return True
        if option is int and isinstance(value, int) and not isinstance(value, bool):
            return True
        if option in (str, bool) and isinstance(value, option):
            return True
        if typing.get_origin(option) is tuple and isinstance(value, tuple):
            return all(isinstance(item, str) for item in value)
    return False
