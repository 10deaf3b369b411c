#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pass every test: ``python3 scripts/test.py``.

Makes the environments it needs: the engine's own, as the product sets it up, and one for each Blender wheel, in
which the built extension zip is installed.  Standard library only.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gui_host
from _beside import side_by_side
from _support import ENVIRONMENTS, ROOT, ScriptError, ensure_engine, ensure_environment, identity, run, say

BLENDERS = {"4.2": "bpy==4.2.23", "4.5": "bpy==4.5.15", "5.0": "bpy==5.0.1"}
TYPED_BLENDERS = {"4.2": "fake-bpy-module-4.2==20260730", "5.2": "fake-bpy-module-5.2==20260730"}
TYPE_TOOLS = ["mypy==2.4.1", "numpy<2.3"]
BLENDER_TOOLS = ["numpy<2", "pytest==9.2.0"]
MADE_AT_ONCE = 3
"""How many environments are made at once: to fetch a package is to wait, to unpack it is not."""
MOST_PROCESSES = 6
HOST_SAFE = (
    "core/texloom/*.py", "core/texloom/backends", "core/texloom/runtime", "core/texloom/worker",
)  # fmt: skip
SLOWEST = ("--durations", "30", "--durations-min", "5")
STAGES = ("lint", "types", "core", "addon-types", "blender", "gui")


Runs = dict[str, tuple[list[str | Path], dict[str, str]]]
"""Commands and their variables, by name."""


def main(argv: list[str] | None = None) -> int:
    """Run the stages; 0 when all passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=STAGES, help="this stage only; may be repeated")
    parser.add_argument("--blender", action="append", choices=sorted(BLENDERS), help="this wheel only; may be repeated")
    parser.add_argument("pytest", nargs="*", help="further arguments of pytest, after --")
    arguments = parser.parse_args(argv)
    wanted = arguments.only or list(STAGES)
    failed, times = [], []
    with side_by_side(MADE_AT_ONCE, modest=True) as pool:
        made = Made(pool, wanted, arguments.blender or sorted(BLENDERS))
        stages: dict[str, Callable[[], None]] = {
            "lint": lambda: lint(made),
            "types": lambda: types(made),
            "core": lambda: core(made, arguments.pytest),
            "addon-types": lambda: addon_types(made),
            "blender": lambda: blender(made, arguments.pytest),
            "gui": lambda: gui(made, arguments.pytest),
        }
        for name in wanted:
            say(f"\n== {name} ==")
            began = time.monotonic()
            try:
                stages[name]()
            except ScriptError as error:
                say(str(error))
                failed.append(name)
            times.append(f"{name} {time.monotonic() - began:.0f} s")
    say(f"\n{', '.join(times)}")
    say(f"Failed: {', '.join(failed)}" if failed else "All passed.")
    return 1 if failed else 0


class Made:
    """What the stages need, of which that of the later ones is made while the earlier ones run."""

    def __init__(self, pool: ThreadPoolExecutor, stages: list[str], wheels: list[str]) -> None:
        self._pool = pool
        self._suites = list(gui_host.SUITES) if "gui" in stages and not own_blender() else []
        self._hosts: dict[str, Future[Path]] = {}
        typed = TYPED_BLENDERS if "addon-types" in stages else {}
        self.typed = {
            name: pool.submit(ensure_environment, f"types-{name}", [package, *TYPE_TOOLS])
            for name, package in typed.items()
        }
        self.wheels = {
            name: pool.submit(ensure_environment, f"bpy-{name}", [BLENDERS[name], *BLENDER_TOOLS])
            for name in (wheels if "blender" in stages else [])
        }

    def worker(self) -> Path:
        """The Python of ``main_python``; once that is there, the systems with a window are begun."""
        python = main_python()
        if not self._hosts:
            self._hosts = {name: self._pool.submit(gui_host.ensure_host, python, name) for name in self._suites}
        return python

    def host(self, suite: str) -> Path:
        """A system with a window, after ``worker``.

        Raises:
            ScriptError: it could not be made.
        """
        return self._hosts[suite].result()


def main_python() -> Path:
    """The engine's environment with the tools of the tests."""
    python = ensure_engine()
    requirements = ROOT / "scripts" / "requirements-test.txt"
    stamp = ENVIRONMENTS / "test-tools.txt"
    # An engine that was made anew in the same place has lost them.
    wanted = f"{identity(python)}\n{requirements.read_text(encoding='utf-8')}"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", requirements], quiet=True)
        ENVIRONMENTS.mkdir(exist_ok=True)
        stamp.write_text(wanted, encoding="utf-8")
    return python


def clean_environment(**extra: str) -> dict[str, str]:
    """This process's variables without what steers the product, with a home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TEXLOOM_")}
    return kept | extra


def lint(made: Made) -> None:
    """Style and mistakes."""
    python = made.worker()
    run([python, "-m", "ruff", "check", "."])
    run([python, "-m", "ruff", "format", "--check", "."])


def types(made: Made) -> None:
    """Strict types of what runs in Blender's Python and in the worker's loop."""
    files = [path for pattern in HOST_SAFE for path in sorted(ROOT.glob(pattern))]
    # The engine's side is imported by name only; its libraries' types are their own business.
    run([made.worker(), "-m", "mypy", "--strict", "--follow-imports=silent", *files])


def core(made: Made, extra: list[str]) -> None:
    """The package: units, contracts with real worker processes, the engine with real models."""
    python = made.worker()
    with tempfile.TemporaryDirectory(prefix="texloom-test-") as home:
        env = clean_environment(PYTHONPATH=str(ROOT / "core"), TEXLOOM_HOME=home, TEXLOOM_OFFLINE="1")
        # Tiny models gain nothing by more threads; more processes do.
        processes = max(1, min(MOST_PROCESSES, os.cpu_count() or 1))
        env.setdefault("OMP_NUM_THREADS", "1")
        side_by_side = ["-n", str(processes), "--dist", "loadfile"]
        folders = [f"tests/{name}" for name in ("unit", "contract", "engine")]
        run([python, "-m", "pytest", *folders, "-q", *SLOWEST, *side_by_side, *extra], env=env)


def addon_types(made: Made) -> None:
    """Types of the add-on against the oldest and the newest Blender."""
    pythons = {name: environment.result() for name, environment in made.typed.items()}
    with tempfile.TemporaryDirectory(prefix="texloom-types-") as folder:
        # As in the zip: the package lies inside the add-on.
        addon = Path(folder) / "texloom_addon"
        shutil.copytree(ROOT / "blender_addon", addon)
        shutil.copytree(ROOT / "core" / "texloom", addon / "core" / "texloom")
        settings = ["--config-file", str(ROOT / "scripts" / "mypy-addon.ini")]
        runs: Runs = {}
        for name, python in pythons.items():
            cache = ["--cache-dir", str(ROOT / ".mypy_cache" / name)]
            command = [python, "-m", "mypy", *settings, *cache, "-p", "texloom_addon"]
            runs[f"Blender {name}"] = (command, clean_environment(MYPYPATH=folder))
        pass_all(runs, Path(folder), os.cpu_count() or 1)


def blender(made: Made, extra: list[str]) -> None:
    """The built zip, installed in real Blenders.

    As many of them at once as there are processors.  What takes long and passes in the oldest and the newest is not run
    in those between (mark ``ends``).
    """
    worker = made.worker()
    pythons = {name: environment.result() for name, environment in made.wheels.items()}
    with tempfile.TemporaryDirectory(prefix="texloom-zip-") as folder:
        env = clean_environment(TEXLOOM_TEST_ZIP=built(folder), TEXLOOM_TEST_PYTHON=str(worker))
        command = ["-m", "pytest", "tests/blender", "-q", *SLOWEST, "-p", "no:cacheprovider", *extra]
        ends = (min(pythons), max(pythons))
        runs: Runs = {
            f"Blender {name}": ([python, *command, *(() if name in ends else ("-m", "not ends"))], env)
            for name, python in pythons.items()
        }
        pass_all(runs, Path(folder), os.cpu_count() or 1)


def gui(made: Made, extra: list[str]) -> None:
    """A real Blender window, where there can be one (see tests/gui); the newest Blender and the one before 4.5.

    Each has two processors, one for itself and one for its worker, which gives way to it: with one for both, what
    follows the mouse would come seconds late.
    """
    worker = made.worker()
    pictures = os.environ.get("TEXLOOM_TEST_PICTURES")
    with tempfile.TemporaryDirectory(prefix="texloom-zip-") as folder:
        archive = built(folder)
        blenders = window_blenders(made, worker)
        runs: Runs = {}
        for name, command in blenders.items():
            env = clean_environment(TEXLOOM_TEST_ZIP=archive, TEXLOOM_TEST_PYTHON=str(worker))
            env |= {key: value for key, value in os.environ.items() if key == "TEXLOOM_TEST_ALL"}
            # One of them sets the engine up as users do, which takes minutes whatever the Blender.
            env["TEXLOOM_TEST_SETUP"] = os.environ.get("TEXLOOM_TEST_SETUP", "1" if name == max(blenders) else "0")
            if pictures:
                env["TEXLOOM_TEST_PICTURES"] = os.path.abspath(os.path.join(pictures, name))
            if command:
                env["TEXLOOM_TEST_BLENDER"] = command
            words = [worker, "-m", "pytest", "tests/gui", "-q", "-rs", *SLOWEST, "-p", "no:cacheprovider", *extra]
            runs[f"Blender {name} in a window"] = (words, env)
        pass_all(runs, Path(folder), max(1, (os.cpu_count() or 1) // 2))


def built(folder: str) -> str:
    """The extension's zip, built into a folder."""
    run([sys.executable, "scripts/build_extension.py", "--output", folder])
    (archive,) = Path(folder).glob("*.zip")
    return str(archive)


def pass_all(runs: Runs, folder: Path, most: int) -> None:
    """Run commands by their names, up to ``most`` at once.

    Raises:
        ScriptError: some failed; with their names.
    """
    alone = len(runs) == 1

    def passed(name: str) -> bool:
        command, env = runs[name]
        # Lines of several at once could not be told apart: each is heard when it has ended.
        log = folder / f"{name}.txt"
        try:
            run(command, env=env, log=None if alone else log)
        except ScriptError as error:
            said = str(error)
        else:
            said = ""
        told = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        say(f"\n{name}\n{told}{said}".rstrip())
        return not said

    with side_by_side(min(len(runs), most)) as pool:
        failed = [name for name, fine in zip(runs, pool.map(passed, runs), strict=True) if not fine]
    if failed:
        raise ScriptError(f"Failed: {', '.join(failed)}.")


def own_blender() -> dict[str, str]:
    """The Blender with a window that was named or is installed, as in ``window_blenders``; empty without one."""
    if given := os.environ.get("TEXLOOM_TEST_BLENDER"):
        return {"of TEXLOOM_TEST_BLENDER": given}
    return {"installed here": ""} if shutil.which("blender") else {}


def window_blenders(made: Made, worker: Path) -> dict[str, str]:
    """Commands of Blenders with a window, by name; an empty command is whatever is installed, or nothing."""
    if own := own_blender():
        return own
    script = [sys.executable, str(ROOT / "scripts" / "gui_host.py"), "--python", str(worker)]
    found = {}
    for suite, version in gui_host.SUITES.items():
        try:
            made.host(suite)
        except ScriptError as error:
            say(f"No window of Blender {version} here: {error}")
            continue
        found[version] = shlex.join([*script, "--suite", suite, "blender"])
    return found or {"none": ""}


def interrupted(*_: Any) -> None:
    """Another's wish that this ends is one like Ctrl+C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    for kind in ("SIGTERM", "SIGHUP"):
        # nohup has the second one ignored, and Windows lacks it.
        if hasattr(signal, kind) and signal.getsignal(getattr(signal, kind)) != signal.SIG_IGN:
            signal.signal(getattr(signal, kind), interrupted)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("Interrupted.")
        sys.exit(130)
