#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the Blender extension: ``dist/texloom-<version>.zip``, the same bytes from the same sources.

With ``--index`` also ``index.json``, with which a web server (or a folder) becomes an extension repository.
Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ADDON = ROOT / "blender_addon"
PACKAGE = ROOT / "core" / "texloom"
# Zip stores no time zone and nothing before 1980; a fixed time makes the bytes the same everywhere.
TIME = (2020, 1, 1, 0, 0, 0)
SKIPPED_FOLDERS = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".checkpoints"}
TEXT = {".py", ".toml", ".md", ".txt", ".json", ".csv", ".in", ".typed", ""}


def read_manifest() -> dict[str, Any]:
    """The extension's manifest."""
    return tomllib.loads((ADDON / "blender_manifest.toml").read_text(encoding="utf-8"))


def package_version() -> str:
    """``__version__`` of the package, read without importing it."""
    for line in (PACKAGE / "__init__.py").read_text(encoding="utf-8").splitlines():
        if line.startswith("__version__"):
            return line.split("=", 1)[1].strip().strip("\"'")
    raise SystemExit("core/texloom/__init__.py has no __version__.")


def collect() -> dict[str, Path]:
    """Every file of the extension by its name in the zip."""
    files = {path.relative_to(ADDON).as_posix(): path for path in _files(ADDON)}
    files |= {f"core/texloom/{path.relative_to(PACKAGE).as_posix()}": path for path in _files(PACKAGE)}
    files["LICENSE"] = ROOT / "LICENSE"
    return files


def _files(folder: Path) -> list[Path]:
    found = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if (
            path.is_file()
            and path.suffix != ".pyc"
            and not any(part in SKIPPED_FOLDERS or part.startswith(".") for part in parts)
        ):
            found.append(path)
    return found


def build(output: Path) -> Path:
    """Write the zip into ``output`` and return its path.

    Raises:
        SystemExit: the versions of add-on and package differ.
    """
    manifest = read_manifest()
    version = manifest["version"]
    if package_version() != version:
        raise SystemExit(f"blender_manifest.toml says {version}, the package {package_version()}; make them the same.")
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{manifest['id']}-{version}.zip"
    aside = path.with_suffix(".tmp")
    with zipfile.ZipFile(aside, "w") as archive:
        for name, source in sorted(collect().items()):
            data = source.read_bytes()
            if source.suffix in TEXT:
                data = data.replace(b"\r\n", b"\n")
            info = zipfile.ZipInfo(name, TIME)
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data, compresslevel=9)
    aside.replace(path)
    return path


def write_index(archive: Path) -> Path:
    """Write ``index.json`` (Blender's extension listing, API v1) beside ``archive``."""
    manifest = read_manifest()
    data = archive.read_bytes()
    entry = {key: value for key, value in manifest.items() if key not in ("build", "copyright")}
    entry |= {
        "archive_url": f"./{archive.name}",
        "archive_size": len(data),
        "archive_hash": f"sha256:{hashlib.sha256(data).hexdigest()}",
    }
    path = archive.with_name("index.json")
    listing = {"version": "v1", "blocklist": [], "data": [entry]}
    path.write_text(json.dumps(listing, indent=2) + "\n", encoding="utf-8", newline="\n")
    return path


def main(argv: list[str] | None = None) -> int:
    """Build; prints the paths."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "dist", metavar="DIR")
    parser.add_argument("--index", action="store_true", help="write index.json as well, for hosting it yourself")
    arguments = parser.parse_args(argv)
    path = build(arguments.output)
    print(path)
    if arguments.index:
        print(write_index(path))
    return 0


if __name__ == "__main__":
    sys.exit(main())
