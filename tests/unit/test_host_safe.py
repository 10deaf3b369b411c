# SPDX-License-Identifier: GPL-3.0-or-later
"""The tier that runs inside Blender imports nothing heavy, nothing absolute, and does nothing on import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import texloom

PACKAGE = Path(texloom.__file__).parent
HEAVY = ("torch", "transformers", "diffusers", "safetensors", "PIL", "accelerate", "tokenizers", "scipy", "bpy")
ENGINE_TIER = {"engine", "training", "server"}
MODULES = sorted(
    ".".join(("texloom", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if path.relative_to(PACKAGE).parts[0] not in ENGINE_TIER and path.name != "__main__.py"
)

PROGRAM = f"""
import builtins, sys, threading
blocked = {HEAVY!r}
class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, Guard())
opened = []
real = builtins.open
def watched(file, mode="r", *rest, **more):
    if set(mode) & set("wxa+"):
        opened.append(file)
    return real(file, mode, *rest, **more)
builtins.open = watched
import importlib
for name in {MODULES!r}:
    importlib.import_module(name)
assert not opened, opened
assert threading.active_count() == 1, threading.enumerate()
assert not set(blocked) & set(sys.modules)
"""


def test_imports_without_the_heavy_libraries_and_without_side_effects(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={"PYTHONPATH": str(PACKAGE.parent), "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "" and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", MODULES)
def test_imports_the_standard_library_numpy_and_itself_relatively(module: str) -> None:
    path = PACKAGE.parent.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    # Only what runs in the worker may reach for the engine, and only when called.
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [item.name for item in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        for name in names:
            assert name.split(".")[0] in {*sys.stdlib_module_names, "numpy"}, f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_files_stay_readable(module: str) -> None:
    path = PACKAGE.parent.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 520 and text.startswith("# SPDX-License-Identifier: GPL-3.0-or-later")
