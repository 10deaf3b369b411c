#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""From sentences to rendered objects: ``python3 scripts/demo.py "weathered red brick wall with white mortar"``.

Sets the engine up, makes the maps, builds the extension, installs it in a real Blender, puts the material on an
object, renders a picture and saves the .blend.  Everything goes into the project's folder.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from _support import ROOT, ScriptError, blender_command, ensure_engine, private_home, run, say

PROMPTS = ("weathered red brick wall with white mortar", "mossy cobblestone, wet", "herringbone oak parquet, polished")


def main(argv: list[str] | None = None) -> int:
    """Run the demonstration; 0 when everything was made, 1 when not, 4 when only Blender is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prompts", nargs="*", default=PROMPTS, metavar="PROMPT")
    parser.add_argument("--output", type=Path, default=ROOT / "demo-output", metavar="DIR")
    parser.add_argument("--size", type=int, default=1024, help="pixels of the maps")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=int, default=64, help="of the rendered picture")
    parser.add_argument("--device", help="cpu, cuda, mps or xpu")
    arguments = parser.parse_args(argv)
    if sys.version_info < (3, 11):  # noqa: UP036 - older Pythons are what this is about
        say(f"Texloom needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
        return 1
    try:
        return demonstrate(arguments)
    except ScriptError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("Stopped.")
        return 130


def demonstrate(arguments: argparse.Namespace) -> int:
    """Make the maps, then the pictures."""
    python = ensure_engine()
    output = arguments.output.absolute()
    folders = make_maps(arguments, python, output)
    command = blender_command()
    if command is None:
        say("")
        say("The maps are made, but there is no Blender to show them on an object with: install Blender 4.2 or newer,")
        say("or use Python 3.11 or 3.13, for which Blender comes as the wheel 'bpy'.")
        return 4
    sys.path.insert(0, str(ROOT / "scripts"))
    import build_extension

    archive = build_extension.build(ROOT / "dist")
    pictures = []
    for folder in folders:
        picture = folder / "render.png"
        say(f"Rendering {folder.name} …")
        began = time.monotonic()
        run(
            [
                *command, ROOT / "scripts" / "render_demo.py", "--", "--zip", archive, "--result", folder,
                "--picture", picture, "--blend", folder / "scene.blend", "--samples", str(arguments.samples),
            ],
            env=private_home() | {"TEXLOOM_PYTHON": str(python)},
            quiet=True,
        )  # fmt: skip
        say(f"  {time.monotonic() - began:.0f} s")
        pictures.append(picture)
    say("")
    for folder, picture in zip(folders, pictures, strict=True):
        say(f"{folder}")
        for path in (picture, folder / "scene.blend"):
            say(f"  {path}")
    return 0


def make_maps(arguments: argparse.Namespace, python: Path, output: Path) -> list[Path]:
    """Make the maps of all prompts in one session; their folders."""
    from texloom import api
    from texloom.errors import TexloomError

    folders = []
    try:
        with api.Session(library=output, python=python, device=arguments.device) as session:
            for prompt in arguments.prompts:
                began = time.monotonic()
                result = session.generate(prompt, width=arguments.size, height=arguments.size, seed=arguments.seed)
                say(f"{prompt!r}: {time.monotonic() - began:.1f} s")
                for text in result.warnings:
                    say(f"  Note: {text}")
                for path in result.files().values():
                    say(f"  {path}")
                folders.append(result.folder)
    except TexloomError as error:
        raise ScriptError(str(error)) from error
    return folders


if __name__ == "__main__":
    sys.exit(main())
