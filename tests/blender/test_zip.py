# SPDX-License-Identifier: GPL-3.0-or-later
"""The built zip: Blender's own check, its content, the same bytes twice, the repository index."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import bpy
import pytest
from conftest import ROOT

BUILD = ROOT / "scripts" / "build_extension.py"


def test_blender_finds_nothing_wrong(extension_zip: Path) -> None:
    system = Path(bpy.utils.system_resource("SCRIPTS"))
    (tool,) = system.glob("addons_core/bl_pkg/cli/blender_ext.py")
    done = subprocess.run(
        [sys.executable, tool, "validate", str(extension_zip)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "error" not in done.stdout.lower()


def test_holds_the_add_on_and_the_whole_package(extension_zip: Path) -> None:
    with zipfile.ZipFile(extension_zip) as archive:
        names = set(archive.namelist())
    assert {"blender_manifest.toml", "__init__.py", "LICENSE", "core/texloom/worker/__main__.py"} <= names
    assert {"core/texloom/models/instant/head.safetensors", "core/texloom/runtime/locks/engine.txt"} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".pkl", ".pt", ".bin"))]
    assert not [name for name in names if any(part.startswith(".") for part in name.split("/"))]


def test_same_bytes_twice_and_an_index(tmp_path: Path) -> None:
    for name in ("a", "b"):
        subprocess.run([sys.executable, BUILD, "--output", tmp_path / name, "--index"], check=True, capture_output=True)
    (first,), (second,) = ((tmp_path / name).glob("*.zip") for name in ("a", "b"))
    data = first.read_bytes()
    assert data == second.read_bytes()
    (entry,) = json.loads((tmp_path / "a" / "index.json").read_text(encoding="utf-8"))["data"]
    assert entry["archive_hash"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert entry["archive_size"] == len(data) and entry["archive_url"] == f"./{first.name}"
    assert {"schema_version", "id", "name", "tagline", "version", "type", "maintainer", "license"} <= set(entry)


def test_the_extension_is_small(extension_zip: Path) -> None:
    if extension_zip.stat().st_size > 50_000_000:
        pytest.fail("the zip has grown over 50 MB; what is in it that should not be?")
