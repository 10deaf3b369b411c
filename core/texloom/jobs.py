# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of one job as an interface shows it: a frozen view and a pure reducer over events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from . import events
from .errors import TexloomError, together
from .events import Event
from .request import GenerationRequest


class JobState(StrEnum):
    """Where a job is; the last three are final."""

    SUBMITTED = "submitted"
    QUEUED = "queued"
    LOADING = "loading"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self in (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobError:
    """Why a job failed: a stable ``code``, plain words, the way out, and the worker's last lines.

    ``download`` and ``configuration`` as of :class:`~.errors.TexloomError`.
    """

    code: str
    message: str
    advice: str = ""
    log_tail: str = ""
    download: str = ""
    configuration: bool = False

    @classmethod
    def of(cls, error: TexloomError) -> JobError:
        """What an error says: the error itself holds on to all that was at work."""
        return cls(
            code=error.code,
            message=error.message,
            advice=error.advice,
            download=error.download,
            configuration=error.configuration,
        )

    @property
    def text(self) -> str:
        """What happened and the way out, in one text."""
        return together(self.message, self.advice)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobView:
    """All that is known of one job.

    ``fraction`` (0 to 1) is of the whole job and never falls; ``loading`` is the same of the model being
    read, None when unknown, and ``plan`` how that is kept in memory.  ``position`` waiting jobs run before this
    one while it is queued.  ``previews`` are picture files that exist only while the job runs, the newest of each
    variation, in their order.  ``seconds`` is how long a completed job took.
    """

    request: GenerationRequest
    state: JobState = JobState.SUBMITTED
    position: int = 0
    fraction: float = 0.0
    loading: float | None = None
    step: int = 0
    steps: int = 0
    index: int = 0
    stage: str = ""
    plan: str = ""
    seconds_left: float | None = None
    previews: tuple[events.Preview, ...] = ()
    artifacts: tuple[events.Artifact, ...] = ()
    warnings: tuple[events.Warning, ...] = ()
    error: JobError | None = None
    folder: str = ""
    manifest: str = ""
    seconds: float | None = None

    @property
    def id(self) -> str:
        """Id of the request."""
        return self.request.id

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self.state.final


def reduce(view: JobView, event: Event) -> JobView:
    """The view after ``event``.

    Events of other jobs, and any after the terminal one, change nothing.
    """
    if event.request_id != view.id or view.final:
        return view
    return replace(view, **_changes(view, event))


def _changes(view: JobView, event: Event) -> dict[str, Any]:
    match event:
        case events.Queued():
            return {"state": JobState.QUEUED, "position": event.position}
        case events.ModelLoading():
            plan = event.plan or view.plan
            return {"state": JobState.LOADING, "stage": event.stage, "loading": event.fraction, "plan": plan}
        case events.Progress():
            return {
                "state": JobState.RUNNING,
                # A late or restarted count must not make the bar jump back.
                "fraction": max(view.fraction, min(event.fraction, 1.0)),
                "step": event.step,
                "steps": event.steps,
                "index": event.index,
                "stage": event.stage,
                "seconds_left": event.seconds_left,
                "loading": None,
            }
        case events.Preview():
            newest = {item.index: item for item in (*view.previews, event)}
            return {"previews": tuple(newest[index] for index in sorted(newest))}
        case events.Artifact():
            return {"artifacts": (*view.artifacts, event)}
        case events.Warning():
            return {"warnings": (*view.warnings, event)}
        case events.Completed():
            done = {"fraction": 1.0, "folder": event.folder, "manifest": event.manifest, "seconds": event.seconds}
            return _ended(JobState.COMPLETED) | done
        case events.Failed():
            error = JobError(
                code=event.code,
                message=event.message,
                advice=event.advice,
                log_tail=event.log_tail,
                download=event.download,
                configuration=event.configuration,
            )
            return _ended(JobState.FAILED) | {"error": error}
        case events.Cancelled():
            return _ended(JobState.CANCELLED)
    return {}  # Accepted: known to be valid, nothing to show yet.


def _ended(state: JobState) -> dict[str, Any]:
    return {"state": state, "stage": "", "seconds_left": None, "loading": None, "previews": (), "position": 0}
