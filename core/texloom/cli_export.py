# SPDX-License-Identifier: GPL-3.0-or-later
"""``texloom export``: a result as the texture files that another program wants."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from . import cli_options, texture_set
from .cli_show import Show
from .export_presets import PRESETS
from .texture_set import TextureSet


def add(commands: Any) -> None:
    """Add the command to the subparsers of ``texloom``."""
    labels = ", ".join(f"{key}: {preset.label}" for key, preset in PRESETS.items())
    parser = commands.add_parser(
        "export",
        parents=[cli_options.output()],
        help="write a result as the textures that a game engine or another program wants",
        description=f"Presets: {labels}.",
    )
    parser.add_argument("folder", type=Path, help="the result's folder")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the files")
    parser.add_argument("--preset", choices=tuple(PRESETS), default="blender")
    parser.add_argument("--format", choices=texture_set.FORMATS, default="png")
    parser.add_argument(
        "--depth", choices=texture_set.DEPTHS, default="auto", help="bits of a PNG (default: each map's)"
    )
    parser.add_argument(
        "--normals", choices=texture_set.NORMALS, default="auto", help="which way green points (default: the preset's)"
    )
    parser.add_argument("--size", choices=texture_set.SIZES, default="as_is")
    parser.add_argument("--variation", type=int, default=1, metavar="N", help="which one, from 1 (default: 1)")
    parser.add_argument("--name", default="", help="name of the set in file names (default: from the prompt)")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")
    parser.set_defaults(run=_export)


def _export(arguments: argparse.Namespace, show: Show) -> int:
    folder: Path = arguments.folder
    plan = texture_set.plan(
        TextureSet.from_folder(folder.parent if folder.is_file() else folder, arguments.variation - 1),
        arguments.output,
        preset=arguments.preset,
        format=arguments.format,
        depth=arguments.depth,
        normals=arguments.normals,
        size=arguments.size,
        name=arguments.name,
        overwrite=arguments.overwrite,
    )
    written = plan.write(lambda share: show.progress(share, "Exporting"))
    show.end_bar()
    for note in written.notes:
        show.say(f"Note: {note}")
    show.data(
        {
            "type": "exported",
            "files": [str(path) for path in written.files],
            "notes": [str(note) for note in written.notes],
        }
    )
    for path in written.files:
        show.line(str(path))
    return 0
