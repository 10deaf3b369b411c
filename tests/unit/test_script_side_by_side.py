# SPDX-License-Identifier: GPL-3.0-or-later
"""The test command: what it runs at once, what it makes ahead, and that nothing of it outlives it."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
OURS = ("_support", "_beside", "gui_host")
INTERRUPTED = """
import signal, sys
sys.path.insert(0, sys.argv[1])
import _beside, _support
# Where this runs in the background of a shell, Ctrl+C would not be heard.
signal.signal(signal.SIGINT, signal.default_int_handler)
_beside.SECONDS_TO_END = (0.5, 0.5, 5.0)
command = [sys.executable, "-c", sys.argv[3], sys.argv[2]]
try:
    with _beside.side_by_side(1) as pool:
        pool.submit(_support.run, command)
        pool.submit(_support.run, [*command, "second"])
        signal.pause()
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
STUBBORN = """
import os, pathlib, signal, subprocess, sys, time
for kind in (signal.SIGINT, signal.SIGTERM):
    signal.signal(kind, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
pathlib.Path(sys.argv[1], "-".join(["begun", *sys.argv[2:]])).write_text(f"{os.getpid()} {child.pid}")
time.sleep(120)
"""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """``scripts/test.py`` with modules of its own; nothing is made or run in earnest."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    for name in OURS:
        sys.modules.pop(name, None)
    spec = importlib.util.spec_from_file_location("test_script", SCRIPTS / "test.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("TEXLOOM_TEST_BLENDER", "TEXLOOM_TEST_PICTURES", "TEXLOOM_TEST_SETUP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    monkeypatch.setattr(module, "main_python", lambda: Path(sys.executable))
    monkeypatch.setattr(module, "ensure_environment", lambda name, packages: Path(name))
    monkeypatch.setattr(module, "built", lambda folder: "texloom.zip")
    yield module
    for name in OURS:
        sys.modules.pop(name, None)


def _there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes as Linux shows them")
def test_nothing_runs_on_behind_an_interrupted_script(tmp_path: Path) -> None:
    words = [sys.executable, "-c", INTERRUPTED, str(SCRIPTS), str(tmp_path), STUBBORN]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    begun = tmp_path / "begun"
    until = time.monotonic() + 20
    while not (begun.is_file() and begun.read_text().count(" ")):
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.05)
    pids = [int(word) for word in begun.read_text().split()]
    assert all(_there(pid) for pid in pids)
    os.kill(process.pid, signal.SIGINT)
    told, _ = process.communicate(timeout=20)
    assert told == "interrupted\n"
    assert not [pid for pid in pids if _there(pid)]
    # What was waiting its turn has not been begun.
    assert [path.name for path in tmp_path.iterdir()] == ["begun"]


def test_windows_and_wheels_are_tested_at_once(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(script.gui_host, "ensure_host", lambda python, suite: Path(suite))
    ran: list[str] = []
    at_once = {"tests/gui": threading.Barrier(2), "tests/blender": threading.Barrier(3)}

    def run(command: list[Any], *, env: dict[str, str], log: Path) -> None:
        part = next(word for word in map(str, command) if word.startswith("tests/"))
        ran.append(part)
        at_once["/".join(part.split("/")[:2])].wait(10)
        log.write_text("one line\nanother line\n", encoding="utf-8")
        if "trixie" in env.get("TEXLOOM_TEST_BLENDER", "") or "4.5" in str(command[0]):
            raise script.ScriptError("It failed.")

    monkeypatch.setattr(script, "run", run)
    assert script.main(["--only", "gui", "--only", "blender"]) == 1
    said = capsys.readouterr().out
    assert said.count("\none line\nanother line\n") == 5 and said.count("another line\nIt failed.\n") == 2
    assert "\nBlender 5.2 in a window\n" in said and "\nBlender 4.2\n" in said
    assert "Failed: Blender 4.3 in a window." in said and "Failed: Blender 4.5." in said
    assert said.endswith("Failed: gui, blender\n")
    assert ran.count("tests/gui") == 2


def test_chosen_tests_in_a_window_are_one_run(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXLOOM_TEST_BLENDER", "blender")
    ran: list[list[Any]] = []
    monkeypatch.setattr(script, "run", lambda command, **options: ran.append(command))
    assert script.main(["--only", "gui", "--", "-k", "undo"]) == 0
    given = ["tests/gui", "-q", "-rs", *script.SLOWEST, "-p", "no:cacheprovider", "-k", "undo"]
    assert [command[3:] for command in ran] == [given]


@pytest.mark.parametrize(("chosen", "wanted"), [(None, {"5.2": "1", "4.3": "0"}), ("0", {"5.2": "0", "4.3": "0"})])
def test_one_window_sets_the_engine_up(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, chosen: str | None, wanted: dict[str, str]
) -> None:
    """That takes minutes whatever the Blender, unless none shall."""
    if chosen is not None:
        monkeypatch.setenv("TEXLOOM_TEST_SETUP", chosen)
    ran: dict[str, str] = {}
    monkeypatch.setattr(script, "window_blenders", lambda *_: {"5.2": "one blender", "4.3": "another blender"})

    def run(command: list[Any], *, env: dict[str, str], **options: Any) -> None:
        name = "5.2" if env["TEXLOOM_TEST_BLENDER"].startswith("one") else "4.3"
        ran[name] = env["TEXLOOM_TEST_SETUP"]

    monkeypatch.setattr(script, "run", run)
    assert script.main(["--only", "gui"]) == 0
    assert ran == wanted


def test_what_takes_long_runs_in_the_oldest_and_the_newest(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: dict[str, list[Any]] = {}

    def run(command: list[Any], **options: Any) -> None:
        ran[str(command[0])] = command[2:]

    monkeypatch.setattr(script, "run", run)
    monkeypatch.setattr(script, "ensure_environment", lambda name, packages: Path(name))
    assert script.main(["--only", "blender"]) == 0
    assert {name: "not ends" in command for name, command in ran.items()} == {
        "bpy-4.2": False, "bpy-4.5": True, "bpy-5.0": False,
    }  # fmt: skip
    ran.clear()
    assert script.main(["--only", "blender", "--blender", "4.5"]) == 0
    assert "not ends" not in ran["bpy-4.5"]


def test_systems_with_a_window_are_made_while_earlier_stages_run(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    making = threading.Barrier(3)  # both systems and the stage that runs meanwhile
    ran: list[list[Any]] = []

    def ensure_host(python: Path, suite: str) -> Path:
        making.wait(10)
        if suite == "sid":
            raise script.ScriptError("There is no network.")
        return Path(suite)

    def run(command: list[Any], **options: Any) -> None:
        if "check" in command:
            making.wait(10)
        ran.append(command)

    monkeypatch.setattr(script.gui_host, "ensure_host", ensure_host)
    monkeypatch.setattr(script, "run", run)
    assert script.main(["--only", "lint", "--only", "gui"]) == 0
    said = capsys.readouterr().out
    # An error is told where the window is missed.
    assert said.index("== gui ==") < said.index("No window of Blender 5.2 here: There is no network.")
    parts = sorted(command[3] for command in ran if "pytest" in command)
    assert parts == ["tests/gui"]


@pytest.mark.parametrize(
    ("stages", "variables"), [(["lint", "types"], {}), (["lint", "gui"], {"TEXLOOM_TEST_BLENDER": "blender"})]
)
def test_nothing_is_made_that_no_stage_needs(
    stages: list[str], variables: dict[str, str], script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    monkeypatch.setattr(script.gui_host, "ensure_host", lambda python, suite: made.append(suite))
    monkeypatch.setattr(script, "ensure_environment", lambda name, packages: made.append(name))
    monkeypatch.setattr(script, "run", lambda command, **options: None)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert script.main([word for stage in stages for word in ("--only", stage)]) == 0
    assert made == []


def test_an_environment_that_cannot_be_made_fails_its_stage_only(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ensure_environment(name: str, packages: list[str]) -> Path:
        if name == "bpy-4.5":
            raise script.ScriptError("No such package.")
        return Path(name)

    monkeypatch.setattr(script, "ensure_environment", ensure_environment)
    monkeypatch.setattr(script, "run", lambda command, **options: None)
    assert script.main(["--only", "addon-types", "--only", "blender", "--only", "lint"]) == 1
    said = capsys.readouterr().out
    assert said.index("== blender ==") < said.index("No such package.") < said.index("== lint ==")
    assert said.endswith("Failed: blender\n")
