# SPDX-License-Identifier: GPL-3.0-or-later
"""``texloom maps`` and ``texloom seamless``: results from a picture instead of words."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import api
from .cli_options import parse_maps, parse_size
from .request import DEFAULT_MAPS, MAPS, GenerationRequest


def add(commands: Any, common: argparse.ArgumentParser, *, run: Callable[..., int]) -> None:
    """Add both commands to a parser's ``commands``; ``run`` carries them out."""
    maps = commands.add_parser(
        "maps", parents=[common, _shared("--seamless")], help="estimate the PBR maps of a picture"
    )
    maps.add_argument("--maps", type=parse_maps, metavar="A,B", help=f"{', '.join(MAPS)}, or all")
    maps.add_argument(
        "--width-m", type=float, metavar="METRES", help="real width of what the picture shows (default: 1)"
    )
    maps.set_defaults(run=run, kind="material", data=False)

    seamless = commands.add_parser(
        "seamless", parents=[common, _shared("--tile")], help="make a picture repeat without a seam"
    )
    seamless.add_argument("--data", action="store_true", help="the picture holds numbers (a roughness map), not colors")
    seamless.set_defaults(run=run, kind="texture", maps=None, width_m=None)


def request(arguments: argparse.Namespace) -> GenerationRequest:
    """The request that the words of one of the commands come to; errors as :func:`.api.image_request`."""
    options: dict[str, Any] = {"maps": arguments.maps or DEFAULT_MAPS}
    if arguments.width_m is not None:
        options["real_world_width"] = arguments.width_m
    if arguments.name:
        options["prompt"] = arguments.name
    return api.image_request(
        arguments.file,
        kind=arguments.kind,
        tile=arguments.tile,
        size=arguments.size,
        even_light=not arguments.keep_light,
        color=not arguments.data,
        **options,
    )


def parse_side(text: str) -> int | tuple[int, int]:
    """``1024`` is the longer side; ``1024x512`` are both."""
    across, down = parse_size(text)
    return across if text.strip().isdigit() else (across, down)


def _shared(flag: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("file", type=Path, help="PNG, JPEG, TIFF, WebP or BMP")
    parser.add_argument(
        flag, dest="tile", choices=("xy", "x", "y", "none"), default="xy",
        help="directions in which it repeats without a seam (default: xy)",
    )  # fmt: skip
    parser.add_argument(
        "--size",
        type=parse_side,
        metavar="N or WxH",
        help="pixels of the longer side, or both (default: the picture's)",
    )
    parser.add_argument("--keep-light", action="store_true", help="do not level uneven light")
    parser.add_argument("--name", metavar="TEXT", help="what to call it (default: the file's name)")
    return parser
