# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that cross a boundary (worker, operator, command line) with a code, plain words and a way out."""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """Stable identifiers: an interface may hang a button on one, so a value never changes its meaning."""

    INVALID_REQUEST = "invalid_request"
    ENGINE_MISSING = "engine_missing"
    ENGINE_BROKEN = "engine_broken"
    WORKER_DIED = "worker_died"
    PROTOCOL = "protocol"
    MODEL_NOT_FOUND = "model_not_found"
    MODEL_INVALID = "model_invalid"
    OUT_OF_MEMORY = "out_of_memory"
    OFFLINE = "offline"
    DOWNLOAD = "download"
    STORAGE = "storage"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


class TexloomError(Exception):
    """Base of all errors that a user may see.

    ``message`` says what happened and ``advice`` what to do next, both in plain words and without a
    trailing newline.  ``code`` tells programs which kind it is.  ``download`` names what mends it once it is
    downloaded, as ``texloom models download`` knows it; empty for nothing.  ``configuration`` says that its
    configuration alone is enough.
    """

    code: ErrorCode = ErrorCode.INTERNAL

    def __init__(
        self,
        message: str,
        *,
        advice: str = "",
        code: ErrorCode | None = None,
        download: str = "",
        configuration: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.download = download
        self.configuration = configuration
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return together(self.message, self.advice)


def together(message: str, advice: str) -> str:
    """What happened and what to do next, in one text."""
    return f"{message} {advice}".strip()


class RequestError(TexloomError, ValueError):
    """A request field is unknown, missing, of the wrong type or out of range; names field and range."""

    code = ErrorCode.INVALID_REQUEST


class ProtocolError(TexloomError):
    """A line on the wire could not be understood, or the two sides run different versions."""

    code = ErrorCode.PROTOCOL


class EngineMissingError(TexloomError):
    """No Python environment with torch is set up yet."""

    code = ErrorCode.ENGINE_MISSING


class EngineBrokenError(TexloomError):
    """The engine environment exists but its worker could not start (a package is missing, say)."""

    code = ErrorCode.ENGINE_BROKEN


class WorkerDiedError(TexloomError):
    """The worker process ended while it was needed."""

    code = ErrorCode.WORKER_DIED


class ModelNotFoundError(TexloomError):
    """The model id or folder named in a request does not exist."""

    code = ErrorCode.MODEL_NOT_FOUND


class ModelInvalidError(TexloomError):
    """A model folder is there but cannot be used: wrong layout, pickle weights, wrong hash …"""

    code = ErrorCode.MODEL_INVALID


class OutOfMemoryError(TexloomError):
    """The device has too little memory for this request."""

    code = ErrorCode.OUT_OF_MEMORY


class OfflineError(TexloomError):
    """Something must be downloaded while the network may not be used."""

    code = ErrorCode.OFFLINE


class DownloadError(TexloomError):
    """A download could not be finished: no access, a broken connection, or something else than was promised."""

    code = ErrorCode.DOWNLOAD


class StorageError(TexloomError):
    """A file of the library or of the settings could not be read or written."""

    code = ErrorCode.STORAGE


class CancelledError(TexloomError):
    """The caller asked to stop.  Neither success nor failure: never shown as an error."""

    code = ErrorCode.CANCELLED

    def __init__(self, message: str = "Cancelled.") -> None:
        super().__init__(message)
