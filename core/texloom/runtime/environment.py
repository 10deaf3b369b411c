# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's Python environment: make one that fits this machine, check one, find the one to use.

A new environment grows beside the old one and takes its place only when its check has passed, so a failed or
cancelled set-up loses nothing.  pip does the downloading, with its own settings (mirrors, proxies, caches).
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .. import settings, storage
from ..errors import CancelledError, EngineBrokenError, EngineMissingError, OfflineError
from . import extras
from .accelerators import Accelerator as Accelerator
from .accelerators import detect_accelerator as detect_accelerator
from .environment_use import PREFIX, in_use
from .environment_use import engines_folder as engines_folder
from .lock import FolderLock
from .process import NICENESS, child_environment, package_folder

MINIMUM_PYTHON: Final = (3, 11)
REQUIRED: Final = ("torch", "transformers", "safetensors", "PIL", "numpy")
"""Packages without which nothing works; diffusers and accelerate are needed for larger models only."""

CHECK_TIMEOUT: Final = 180.0
_PIP: Final = "pip>=24.1"  # the first with machine-readable progress
_LOCK: Final = "set-up.lock"
_SPACE_BYTES: Final = {"cpu": 3 << 30, "mps": 3 << 30}
_SPACE_GPU_BYTES: Final = 12 << 30
_TAIL: Final = 25
_RAW = re.compile(r"Progress (\d+) of (\d+)")
_DOWNLOADING = re.compile(r"\s*Downloading (\S+)(?: \(([^)]*)\))?")
_INDEX_GONE = re.compile(r"connection broken|Temporary failure in name resolution|Network is unreachable", re.I)


@dataclass(frozen=True, kw_only=True, slots=True)
class SetupProgress:
    """Where a set-up is: ``fraction`` 0 to 1 of the whole, ``stage`` and ``detail`` in plain words."""

    fraction: float
    stage: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One command of a set-up; ``weight`` is its share of the time."""

    title: str
    command: tuple[str, ...]
    weight: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a set-up will do."""

    folder: Path
    base_python: Path
    accelerator: Accelerator
    steps: tuple[Step, ...]

    @property
    def python(self) -> Path:
        """The new environment's Python."""
        return environment_python(self.folder)


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What a Python has; ``problem`` is empty when the worker can run there, ``advice`` is the way out."""

    python: Path
    versions: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[tuple[str, str], ...] = ()
    problem: str = ""
    advice: str = ""

    @property
    def ok(self) -> bool:
        """Whether the worker can run."""
        return not self.problem

    @property
    def device(self) -> str:
        """What the worker would take: ``cuda:0 (NVIDIA …)``."""
        return f"{self.devices[0][0]} ({self.devices[0][1]})" if self.devices else ""


def locks_folder() -> Path:
    """Folder of the lock files."""
    return Path(__file__).with_name("locks")


def environment_python(folder: Path) -> Path:
    """The Python of a virtual environment in ``folder``."""
    return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


def find_python(
    given: str | Path | None = None, *, use_current: bool = True, chosen: settings.Settings | None = None
) -> Path | None:
    """The Python that runs the worker, or None when there is none yet.

    In this order: ``given``, ``TEXLOOM_PYTHON``, the settings', this very Python if it has the packages.

    Args:
        given: a path that wins over everything.
        use_current: whether this process's own Python may be taken; not in Blender.
        chosen: the settings that count; default those of this machine.

    Raises:
        StorageError: the settings are damaged.
    """
    for python in (given, os.environ.get("TEXLOOM_PYTHON"), (chosen or settings.load()).engine_python):
        if python:
            return Path(python).expanduser()
    # Looks the packages up without importing them.
    if use_current and all(importlib.util.find_spec(name) is not None for name in REQUIRED):
        return Path(sys.executable)
    return None


def make_plan(
    *,
    base_python: Path | None = None,
    accelerator: Accelerator | None = None,
    folder: Path | None = None,
    extra: Sequence[str] = (),
) -> Plan:
    """Plan an environment.

    Args:
        base_python: makes the environment; default this process's (Blender's own in Blender).
        accelerator: the build of torch; default what fits the machine.
        folder: where; default a new one below :func:`engines_folder`.
        extra: names of :data:`.extras.EXTRAS` to install as well.

    Raises:
        EngineMissingError: the Python is too old or not there, or an extra is not for this machine.
    """
    base = base_python or _own_python()
    _check_base(base)
    chosen = accelerator or detect_accelerator()
    # With this process's number: another one may plan in the same second.
    where = folder or engines_folder() / f"{PREFIX}{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{chosen}"
    python = str(environment_python(where))
    locks, more = locks_folder(), [str(extras.lock(name, chosen)) for name in dict.fromkeys(extra)]
    pip = (python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--no-color")
    raw = ("--progress-bar", "raw", "--retries", "2")
    locked = ("--no-deps", "--require-hashes", "-r")
    steps = (
        Step(title="Making the environment", command=(str(base), "-m", "venv", str(where)), weight=6),
        Step(title="Updating pip", command=(*pip, "--progress-bar", "off", "--retries", "2", _PIP), weight=4),
        Step(
            title=f"Installing torch for {chosen.upper()}",
            command=(*pip, *raw, "-r", str(locks / f"torch-{chosen}.txt")),
            weight=60,
        ),
        Step(
            title="Installing the engine's packages",
            command=(*pip, *raw, *locked, str(locks / "engine.txt")),
            weight=24,
        ),
        *(Step(title="Installing what is optional", command=(*pip, *raw, *locked, file), weight=4) for file in more),
    )
    return Plan(folder=where, base_python=base, accelerator=chosen, steps=steps)


def extras_to_keep(accelerator: Accelerator) -> tuple[str, ...]:
    """Extras of the engine in use that one for ``accelerator`` can have too: whoever sets up again loses nothing.

    Raises:
        StorageError: the settings are damaged.
    """
    return extras.there(find_python(use_current=False)) if accelerator == Accelerator.CUDA else ()


def set_up(
    plan: Plan,
    report: Callable[[SetupProgress], None],
    cancelled: threading.Event,
    *,
    online: bool = True,
    keep_old: bool = False,
    begin: Callable[[], None] | None = None,
) -> Check:
    """Carry out ``plan``, check the result and make it the one in use.  Blocks; call it from a thread.

    Args:
        plan: from :func:`make_plan`.
        report: gets the progress, from this thread.
        cancelled: when set, everything made so far is removed.
        online: whether the network may be used.
        keep_old: leave earlier environments on disk.
        begin: is called before the first step, once no other set-up beside this one can run: to clear the folder, or
            to raise because another one has made it meanwhile.

    Raises:
        OfflineError: ``online`` is false.
        CancelledError: it was cancelled.
        EngineBrokenError: a step failed; the message tells which, the advice what to do.  Or another set-up runs.
        StorageError: the settings could not be written.
    """
    if not online or os.environ.get("TEXLOOM_OFFLINE") == "1":
        raise OfflineError(
            "Setting up the engine downloads Python packages, and the network may not be used.",
            advice="Allow online access in Blender's preferences (System), or use an existing Python.",
        )
    _check_space(plan)
    lock = FolderLock(plan.folder.parent / _LOCK)
    if not lock.take():
        raise EngineBrokenError(
            "The engine is being set up by another program already.", advice="Wait until that has finished."
        )
    try:
        if begin is not None:
            begin()
        if (plan.folder / "pyvenv.cfg").is_file() and in_use(plan.folder):
            raise EngineBrokenError(
                f"The environment in {plan.folder} is in use.", advice="Wait until that has finished."
            )
        return _carry_out(plan, report, cancelled, keep_old=keep_old)
    finally:
        lock.free()


def _carry_out(
    plan: Plan, report: Callable[[SetupProgress], None], cancelled: threading.Event, *, keep_old: bool
) -> Check:
    total = sum(step.weight for step in plan.steps) + 6
    done = 0.0
    try:
        for step in plan.steps:
            _run_step(step, done / total, step.weight / total, report, cancelled)
            done += step.weight
        report(SetupProgress(fraction=done / total, stage="Checking the engine"))
        result = check(plan.python, cancelled=cancelled)
        if not result.ok:
            raise EngineBrokenError(f"The new engine does not work: {result.problem}", advice=result.advice)
        saved = settings.load()
        saved.replace(engine_python=str(plan.python)).save()
    except BaseException:
        shutil.rmtree(plan.folder, ignore_errors=True)
        raise
    if not keep_old:
        _remove_others(plan.folder)
    report(SetupProgress(fraction=1.0, stage="The engine is ready", detail=result.device))
    return result


def check(python: Path, *, timeout: float = CHECK_TIMEOUT, cancelled: threading.Event | None = None) -> Check:
    """Import what the worker needs in ``python`` and see what it has.  Blocks for seconds.

    Raises:
        CancelledError: ``cancelled`` was set meanwhile.
    """
    repair = 'Use "Set up engine" in the preferences, or run "texloom setup".'
    if not python.is_file():
        return Check(python=python, problem=f"There is no Python at {python}.", advice=repair)
    lines: list[str] = []
    command = (str(python), "-m", "texloom.runtime.probe")
    status = _run(command, lines.append, cancelled or threading.Event(), timeout=timeout, merge=False)
    if status is None:
        return Check(python=python, problem=f"It did not answer within {timeout:g} seconds.", advice=repair)
    found = _parse(lines)
    if status or found is None:
        text = "\n".join(lines[-5:]) or "no reason given"
        return Check(python=python, problem=f"{python} could not be run: {text}", advice=repair)
    versions, missing = found["versions"], found["missing"]
    devices = tuple((str(name), str(title)) for name, title in found["devices"])
    problem = ""
    number = tuple(int(part) for part in re.findall(r"\d+", versions.get("python", "0"))[:2])
    if number < MINIMUM_PYTHON:
        problem = f"It is Python {versions.get('python')}; Texloom needs 3.11 or newer."
    else:
        lacking = [name for name in (*REQUIRED, "device") if name in missing]
        if lacking:
            problem = "; ".join(f"{name} does not load ({missing[name]})" for name in lacking) + "."
    return Check(python=python, versions=versions, devices=devices, problem=problem, advice=repair if problem else "")


def _own_python() -> Path:
    executable = Path(sys.executable)
    if executable.name.lower().startswith("python"):
        return executable
    # Inside some builds of Blender sys.executable is Blender itself.
    name = "python.exe" if sys.platform == "win32" else f"python{sys.version_info.major}.{sys.version_info.minor}"
    for folder in (Path(sys.prefix) / "bin", Path(sys.prefix)):
        if (folder / name).is_file():
            return folder / name
    found = shutil.which(name) or shutil.which("python3")
    if found is None:
        raise EngineMissingError(
            "No Python was found to make the engine's environment with.",
            advice="Install Python 3.11 or newer, or use an existing Python.",
        )
    return Path(found)


def _check_base(base: Path) -> None:
    lines: list[str] = []
    command = (str(base), "-c", "import sys; print(*sys.version_info[:2])")
    try:
        status = _run(command, lines.append, threading.Event(), timeout=30)
    except EngineBrokenError as error:
        raise EngineMissingError(error.message, advice="Choose a Python that exists.") from error
    numbers = tuple(int(part) for part in lines[-1].split()) if status == 0 and lines else (0, 0)
    if numbers < MINIMUM_PYTHON:
        raise EngineMissingError(
            f"{base} is Python {numbers[0]}.{numbers[1]}; the engine needs 3.11 or newer.",
            advice="Choose another Python.",
        )


def _check_space(plan: Plan) -> None:
    needed = _SPACE_BYTES.get(plan.accelerator, _SPACE_GPU_BYTES)
    try:
        plan.folder.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(plan.folder.parent).free
    except OSError as error:
        raise storage.storage_error("make the folder", plan.folder.parent, error) from error
    if free < needed:
        raise EngineBrokenError(
            f"The engine needs {needed >> 30} GB on the disk, and {free / 2**30:.1f} GB are free.",
            advice="Free some space, or set TEXLOOM_HOME to a folder on another disk.",
        )


def _run_step(
    step: Step, start: float, share: float, report: Callable[[SetupProgress], None], cancelled: threading.Event
) -> None:
    tail: list[str] = []
    # Files differ in size; each one that is done brings the bar half of the way that is left.
    state: dict[str, Any] = {"detail": "", "part": 0.0}
    report(SetupProgress(fraction=start, stage=step.title))

    def line(text: str) -> None:
        if raw := _RAW.search(text):
            done, total = int(raw[1]), max(1, int(raw[2]))
            part = state["part"] + 0.5 * (1.0 - state["part"]) * min(1.0, done / total)
            if done >= total:
                state["part"] = part
            detail = f"{state['detail']} {done / 1e6:.0f} of {total / 1e6:.0f} MB" if total > 5e6 else state["detail"]
            report(SetupProgress(fraction=start + share * part, stage=step.title, detail=detail))
            return
        if not text.strip():
            return
        tail.append(text)
        del tail[:-_TAIL]
        if named := _DOWNLOADING.match(text):
            state["detail"] = named[1].rsplit("/", 1)[-1].split("-", 1)[0]
        elif text.startswith("Installing"):
            state["detail"] = "unpacking"
        report(SetupProgress(fraction=start + share * state["part"], stage=step.title, detail=state["detail"]))

    if status := _run(step.command, line, cancelled):
        text = "\n".join(tail)
        advice = "Try again; the lines above say what went wrong."
        if "ensurepip" in text:
            advice = "This Python lacks venv. On Debian and Ubuntu: sudo apt install python3-venv."
        elif _INDEX_GONE.search(text):
            advice = "Check the connection to the internet, the proxy and the firewall, and try again."
        elif "No space left" in text:
            advice = "Free some space on the disk and try again."
        elif "No matching distribution" in text:
            advice = "There is no such build for this Python; choose another Python (3.11 to 3.13) or the CPU."
        raise EngineBrokenError(f"{step.title} failed (exit status {status}):\n{text}", advice=advice)


def _run(
    command: tuple[str, ...],
    line: Callable[[str], None],
    cancelled: threading.Event,
    *,
    timeout: float | None = None,
    merge: bool = True,
) -> int | None:
    """Run a command, hand out its lines; the exit status, None after ``timeout`` seconds.

    Raises:
        CancelledError: the command and what it started are gone then.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    with tempfile.TemporaryFile() as errors, _started(command, subprocess.STDOUT if merge else errors) as process:
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        reader = threading.Thread(target=_read, args=(process, lines), name="texloom-setup", daemon=True)
        reader.start()
        while True:
            if cancelled.is_set():
                raise CancelledError("The set-up was cancelled.")
            if deadline is not None and time.monotonic() > deadline:
                return None
            try:
                text = lines.get(timeout=0.1)
            except queue.Empty:
                continue
            if text is None:
                break
            line(text)
        status = process.wait()
        if status and not merge:
            errors.seek(0)
            for text in errors.read().decode("utf-8", "replace").splitlines()[-_TAIL:]:
                line(text)
        return status


@contextlib.contextmanager
def _started(command: tuple[str, ...], errors: Any) -> Iterator[subprocess.Popen[bytes]]:
    environment = child_environment(package_folder())
    options: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        options = {"creationflags": flags | subprocess.BELOW_NORMAL_PRIORITY_CLASS}
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=environment, **options
        )
    except OSError as error:
        raise EngineBrokenError(f"{command[0]} could not be started: {error.strerror or error}.") from error
    if sys.platform != "win32":
        # pip unpacks gigabytes for minutes, and Blender must stay fluid meanwhile.
        with contextlib.suppress(OSError):  # it has ended already
            os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, process.pid) + NICENESS)
    try:
        yield process
    finally:
        if process.poll() is None:
            if sys.platform == "win32":
                process.kill()
            else:
                with contextlib.suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _read(process: subprocess.Popen[bytes], lines: queue.SimpleQueue[str | None]) -> None:
    assert process.stdout is not None
    with contextlib.suppress(OSError, ValueError):  # closed under us when the command was killed
        for raw in process.stdout:
            lines.put(raw.decode("utf-8", "replace").rstrip("\r\n"))
    lines.put(None)


def _parse(lines: list[str]) -> dict[str, Any] | None:
    for text in reversed(lines):
        try:
            data = json.loads(text)
        except ValueError:
            continue
        if isinstance(data, dict) and {"versions", "missing", "devices"} <= set(data):
            return data
    return None


def _remove_others(folder: Path) -> None:
    # Only what this module made, and only below its own folder.
    if folder.parent != engines_folder():
        return
    for other in engines_folder().glob(f"{PREFIX}*"):
        if other != folder and (other / "pyvenv.cfg").is_file() and not in_use(other):
            shutil.rmtree(other, ignore_errors=True)
