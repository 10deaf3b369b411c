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
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gui_host
from _support import ENVIRONMENTS, ROOT, ScriptError, ensure_engine, ensure_environment, identity, run, say

BLENDERS = {"4.2": "bpy==4.2.23", "4.5": "bpy==4.5.15", "5.0": "bpy==5.0.1"}
TYPED_BLENDERS = {"4.2": "fake-bpy-module-4.2==20260730", "5.2": "fake-bpy-module-5.2==20260730"}
BLENDER_TOOLS = ["numpy<2", "pytest==9.2.0"]
MOST_PROCESSES = 6
HOST_SAFE = (
    "core/texloom/*.py", "core/texloom/backends", "core/texloom/runtime", "core/texloom/worker",
)  # fmt: skip
STAGES = ("lint", "types", "core", "addon-types", "blender", "gui")


def main(argv: list[str] | None = None) -> int:
    """Run the stages; 0 when all passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=STAGES, help="this stage only; may be repeated")
    parser.add_argument("--blender", action="append", choices=sorted(BLENDERS), help="this wheel only; may be repeated")
    parser.add_argument("pytest", nargs="*", help="further arguments of pytest, after --")
    arguments = parser.parse_args(argv)
    stages: dict[str, Callable[[], None]] = {
        "lint": lint,
        "types": types,
        "core": lambda: core(arguments.pytest),
        "addon-types": addon_types,
        "blender": lambda: blender(arguments.blender or sorted(BLENDERS), arguments.pytest),
        "gui": lambda: gui(arguments.pytest),
    }
    failed, times = [], []
    for name in arguments.only or STAGES:
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


def lint() -> None:
    """Style and mistakes."""
    python = main_python()
    run([python, "-m", "ruff", "check", "."])
    run([python, "-m", "ruff", "format", "--check", "."])


def types() -> None:
    """Strict types of what runs in Blender's Python and in the worker's loop."""
    files = [path for pattern in HOST_SAFE for path in sorted(ROOT.glob(pattern))]
    # The engine's side is imported by name only; its libraries' types are their own business.
    run([main_python(), "-m", "mypy", "--strict", "--follow-imports=silent", *files])


def core(extra: list[str]) -> None:
    """The package: units, contracts with real worker processes, the engine with real models."""
    python = main_python()
    with tempfile.TemporaryDirectory(prefix="texloom-test-") as home:
        env = clean_environment(PYTHONPATH=str(ROOT / "core"), TEXLOOM_HOME=home, TEXLOOM_OFFLINE="1")
        # Tiny models gain nothing by more threads; more processes do.
        processes = max(1, min(MOST_PROCESSES, os.cpu_count() or 1))
        env.setdefault("OMP_NUM_THREADS", "1")
        side_by_side = ["-n", str(processes), "--dist", "loadfile"]
        folders = [f"tests/{name}" for name in ("unit", "contract", "engine")]
        run([python, "-m", "pytest", *folders, "-q", *side_by_side, *extra], env=env)


def addon_types() -> None:
    """Types of the add-on against the oldest and the newest Blender."""
    for version, package in TYPED_BLENDERS.items():
        say(f"Blender {version}")
        python = ensure_environment(f"types-{version}", [package, "mypy==2.4.1", "numpy<2.3"])
        with tempfile.TemporaryDirectory(prefix="texloom-types-") as folder:
            # As in the zip: the package lies inside the add-on.
            addon = Path(folder) / "texloom_addon"
            shutil.copytree(ROOT / "blender_addon", addon)
            shutil.copytree(ROOT / "core" / "texloom", addon / "core" / "texloom")
            command = [
                python,
                "-m",
                "mypy",
                "--config-file",
                ROOT / "scripts" / "mypy-addon.ini",
                "-p",
                "texloom_addon",
            ]
            run(command, env=clean_environment(MYPYPATH=folder))


def blender(versions: list[str], extra: list[str]) -> None:
    """The built zip, installed in real Blenders; as many side by side as there are processors."""
    worker = main_python()
    pythons = {name: ensure_environment(f"bpy-{name}", [BLENDERS[name], *BLENDER_TOOLS]) for name in versions}
    with tempfile.TemporaryDirectory(prefix="texloom-zip-") as folder:
        run([sys.executable, "scripts/build_extension.py", "--output", folder])
        (archive,) = Path(folder).glob("*.zip")
        env = clean_environment(TEXLOOM_TEST_ZIP=str(archive), TEXLOOM_TEST_PYTHON=str(worker))
        alone = len(versions) == 1

        def passed(name: str) -> bool:
            command: list[str | Path] = [pythons[name], "-m", "pytest", "tests/blender", "-q", "-p", "no:cacheprovider"]
            # Lines of several at once could not be told apart: each is heard when it has ended.
            log = Path(folder) / f"{name}.txt"
            try:
                run([*command, *extra], env=env, log=None if alone else log)
            except ScriptError as error:
                said = str(error)
            else:
                said = ""
            told = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
            say(f"\nBlender {name}\n{told}{said}".rstrip())
            return not said

        with ThreadPoolExecutor(min(len(versions), os.cpu_count() or 1)) as pool:
            failed = [name for name, fine in zip(versions, pool.map(passed, versions), strict=True) if not fine]
        if failed:
            raise ScriptError(f"Failed in Blender {', '.join(failed)}.")


def gui(extra: list[str]) -> None:
    """A real Blender window, where there can be one (see tests/gui); the newest Blender and the one before 4.5."""
    worker = main_python()
    pictures = os.environ.get("TEXLOOM_TEST_PICTURES")
    with tempfile.TemporaryDirectory(prefix="texloom-zip-") as folder:
        run([sys.executable, "scripts/build_extension.py", "--output", folder])
        (archive,) = Path(folder).glob("*.zip")
        failed = []
        for name, command in window_blenders(worker).items():
            say(f"\nBlender {name}")
            env = clean_environment(TEXLOOM_TEST_ZIP=str(archive), TEXLOOM_TEST_PYTHON=str(worker))
            if pictures:
                env["TEXLOOM_TEST_PICTURES"] = os.path.abspath(os.path.join(pictures, name))
            if command:
                env["TEXLOOM_TEST_BLENDER"] = command
            try:
                run([worker, "-m", "pytest", "tests/gui", "-q", "-rs", *extra], env=env)
            except ScriptError as error:
                say(str(error))
                failed.append(name)
        if failed:
            raise ScriptError(f"Failed in a window of Blender {', '.join(failed)}.")


def window_blenders(worker: Path) -> dict[str, str]:
    """Commands of Blenders with a window, by name; an empty command is whatever is installed, or nothing."""
    if given := os.environ.get("TEXLOOM_TEST_BLENDER"):
        return {"of TEXLOOM_TEST_BLENDER": given}
    if shutil.which("blender"):
        return {"installed here": ""}
    script = [sys.executable, str(ROOT / "scripts" / "gui_host.py"), "--python", str(worker)]
    found = {}
    for suite, version in gui_host.SUITES.items():
        try:
            gui_host.ensure_host(worker, suite)
        except ScriptError as error:
            say(f"No window of Blender {version} here: {error}")
            continue
        found[version] = shlex.join([*script, "--suite", suite, "blender"])
    return found or {"none": ""}


if __name__ == "__main__":
    sys.exit(main())
