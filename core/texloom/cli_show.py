# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command line tells: people on standard error, programs by lines of JSON on standard output."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from . import events
from .api import Job, JobFailedError, Result
from .errors import TexloomError, together
from .events import Event
from .jobs import JobState, JobView
from .runtime.environment import Check, Plan, SetupProgress

_BAR: Final = 24


class Show:
    """Prints progress, results and errors."""

    def __init__(self, *, json_lines: bool = False, quiet: bool = False) -> None:
        self._json = json_lines
        self._quiet = quiet
        self._live = sys.stderr.isatty() and not quiet and not json_lines
        self._bar = ""
        self._stage = ""

    def data(self, values: Mapping[str, Any]) -> None:
        """One object for programs."""
        if self._json:
            # Escaped, so that a path stays what it is in a pipe of any encoding.
            sys.stdout.write(json.dumps(values) + "\n")
            sys.stdout.flush()

    def line(self, text: str) -> None:
        """One line of the answer for people."""
        if not self._json:
            sys.stdout.write(text + "\n")

    def facts(self, named: Mapping[str, str], remarks: Iterable[str]) -> None:
        """What there is to know of one thing, a line each; empty remarks are left out."""
        for name, text in named.items():
            self.line(f"{name:13} {text}")
        for text in remarks:
            if text:
                self.line(text)

    def say(self, text: str) -> None:
        """A remark for people."""
        self.end_bar()
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def event(self, view: JobView, event: Event) -> None:
        """Progress of a job, and its warnings."""
        self.data(event.to_dict())
        if isinstance(event, events.Warning):
            self.say(f"Note: {together(event.message, event.advice)}")
        elif not view.final:
            self._progress(*_position(view))

    def setup(self, progress: SetupProgress) -> None:
        """Progress of a set-up."""
        self.data({"type": "setup", "fraction": progress.fraction, "stage": progress.stage, "detail": progress.detail})
        self._progress(progress.fraction, progress.stage, progress.detail)

    def progress(self, fraction: float, stage: str) -> None:
        """Progress of anything else; called from one thread at a time."""
        self._progress(fraction, stage, "")

    def download(self, fraction: float, done: int, total: int, detail: str) -> None:
        """Progress of a download, in bytes."""
        self.data({"type": "download", "fraction": fraction, "done": done, "total": total})
        self._progress(fraction, "Downloading" if total else "Checking", detail)

    @contextlib.contextmanager
    def job(self, job: Job) -> Iterator[None]:
        """Take the bar away at the end, whatever the end is."""
        try:
            yield
        finally:
            self.end_bar()

    def result(self, result: Result) -> None:
        """Where a result is."""
        self.end_bar()
        self.data({"type": "result", "folder": str(result.folder), "results": list(result.manifest["results"])})
        self.line(str(result.folder))
        for variation in result.variations:
            for path in variation.files.values():
                self.line(f"  {path.name}")

    def check(self, found: Check) -> None:
        """What a Python has."""
        self.data(
            {
                "type": "check", "ok": found.ok, "python": str(found.python), "versions": dict(found.versions),
                "devices": [list(item) for item in found.devices], "problem": found.problem, "advice": found.advice,
            }
        )  # fmt: skip
        self.line(f"Python    {found.python}")
        for name, version in found.versions.items():
            self.line(f"  {name:14} {version}")
        for name, title in found.devices:
            self.line(f"Device    {name} ({title})")
        if found.ok:
            self.line("The engine is ready.")
        else:
            self.say(f"{found.problem} {found.advice}".rstrip())

    def plan(self, plan: Plan) -> None:
        """What a set-up would do."""
        self.data({"type": "plan", "folder": str(plan.folder), "accelerator": str(plan.accelerator)})
        self.line(f"{plan.folder} (torch for {plan.accelerator.upper()})")
        for step in plan.steps:
            self.line(f"  {step.title}: {' '.join(step.command)}")

    def fail(self, error: TexloomError, kind: str = "error") -> None:
        """An error, as the last thing."""
        self.data({"type": kind, "code": str(error.code), "message": error.message, "advice": error.advice})
        # Programs have it in the event.
        if isinstance(error, JobFailedError) and error.log_tail and not self._json and not self._quiet:
            self.say(error.log_tail)
        self.say(f"texloom: {error}")

    def end_bar(self) -> None:
        """Take the bar away."""
        if self._live and self._bar:
            sys.stderr.write("\r" + " " * len(self._bar) + "\r")
            sys.stderr.flush()
        self._bar = ""

    def _progress(self, fraction: float, stage: str, detail: str) -> None:
        if not self._live:
            # In a log each stage is one line.
            if stage and stage != self._stage and not self._quiet and not self._json:
                sys.stderr.write(stage + "\n")
                sys.stderr.flush()
            self._stage = stage
            return
        full = round(_BAR * min(1.0, max(0.0, fraction)))
        text = f"[{'#' * full}{'.' * (_BAR - full)}] {fraction * 100:3.0f} %  {stage}  {detail}"
        text = text[: max(20, shutil.get_terminal_size().columns - 1)].rstrip()
        sys.stderr.write("\r" + text.ljust(len(self._bar)))
        sys.stderr.flush()
        self._bar = text


def _position(view: JobView) -> tuple[float, str, str]:
    if view.state is JobState.QUEUED:
        return view.fraction, "Waiting", f"{view.position} before" if view.position else ""
    detail = f"step {view.step} of {view.steps}" if view.steps > 1 else ""
    if view.request.count > 1:
        detail = f"variation {view.index + 1} of {view.request.count}  {detail}".rstrip()
    if view.seconds_left is not None:
        detail = f"{detail}  {view.seconds_left:.0f} s left".lstrip()
    return view.fraction, view.stage or "Starting the engine", detail
