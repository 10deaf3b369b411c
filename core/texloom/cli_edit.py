# SPDX-License-Identifier: GPL-3.0-or-later
"""``texloom inpaint``, ``outpaint`` and ``repair``, and the picture that ``generate`` may start from."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from . import cli_options
from .errors import RequestError
from .request import EXPAND_RANGE, GenerationRequest
from .request_makers import edit_request, make_request

_SIDES: Final = ("left", "right", "top", "bottom")
_REPAIR_PROMPT: Final = "seamless texture"


def add_source(generate: argparse.ArgumentParser) -> None:
    """Add to ``generate`` what it may start from."""
    generate.add_argument("--source", type=Path, metavar="FILE", help="start from this picture, at its size")
    cli_options.strength(generate)


def add(commands: Any, common: argparse.ArgumentParser, *, run: Callable[..., int]) -> None:
    """Add the three commands to a parser's ``commands``; ``run`` carries them out."""
    inpaint = _command(commands, common, "inpaint", "draw parts of a picture anew", tile="none", run=run)
    inpaint.add_argument("prompt")
    inpaint.add_argument(
        "--mask", type=Path, metavar="FILE", help="white where to draw (default: the picture's transparent places)"
    )

    outpaint = _command(commands, common, "outpaint", "make a picture larger at its sides", tile="none", run=run)
    outpaint.add_argument("prompt")
    for side in _SIDES:
        outpaint.add_argument(
            f"--{side}", type=float, default=0.0, metavar="PART", help=f"{EXPAND_RANGE[0]:g} to {EXPAND_RANGE[1]:g}"
        )

    repair = _command(commands, common, "repair", "draw a picture anew where its sides meet", tile="xy", run=run)
    repair.add_argument("prompt", nargs="?", default=_REPAIR_PROMPT, help="what it shows")
    repair.set_defaults(operation="repair_seams")


def request(arguments: argparse.Namespace) -> GenerationRequest:
    """The request that the words of ``generate`` or of one of the commands come to; errors as :func:`.edit_request`."""
    fields = cli_options.request_fields(arguments)
    if arguments.strength is not None:
        fields["strength"] = arguments.strength
    if arguments.source is None:
        return make_request(arguments.prompt, **fields)
    if fields["model"] == "instant":
        raise RequestError(
            "--model: the model instant does not start from a picture.",
            advice="Name one that does; texloom models lists them.",
        )
    across, down = fields.pop("width", None), fields.pop("height", None)
    return edit_request(
        arguments.prompt,
        arguments.source,
        model=fields.pop("model"),
        operation=getattr(arguments, "operation", "create"),
        size=(across, down) if across and down else None,
        mask=getattr(arguments, "mask", None) or "",
        expand=[getattr(arguments, side, 0.0) for side in _SIDES],
        **fields,
    )


def _command(
    commands: Any, common: argparse.ArgumentParser, name: str, text: str, *, tile: str, run: Callable[..., int]
) -> argparse.ArgumentParser:
    # Options of its own, since a default set here would be that of the other commands as well.
    parser: argparse.ArgumentParser = commands.add_parser(name, parents=[common, cli_options.making()], help=text)
    parser.add_argument("source", type=Path, metavar="file", help="PNG, JPEG, TIFF, WebP or BMP")
    cli_options.strength(parser)
    parser.set_defaults(run=run, operation=name, tile=tile, kind="texture")
    return parser
