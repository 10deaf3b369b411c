# SPDX-License-Identifier: GPL-3.0-or-later
"""``texloom upscale``: a picture or a result with more pixels."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import cli_options
from .request import MAPS, GenerationRequest
from .upscale_request import LARGEST_FACTOR, upscale_request


def add(commands: Any, common: argparse.ArgumentParser, *, run: Callable[..., int]) -> None:
    """Add the command to a parser's ``commands``; ``run`` carries it out."""
    parser = commands.add_parser(
        "upscale",
        parents=[common],
        help="make a picture, or all maps of a result, larger",
        description="The real size of a material stays. The model image is a small network that comes with Texloom; "
        "models that draw over a picture add detail of their own to the picture or the base color.",
    )
    parser.add_argument("source", type=Path, help="PNG, JPEG, TIFF, WebP or BMP, or the folder of a result")
    parser.add_argument("--factor", type=float, default=2.0, help=f"above 1, at most {LARGEST_FACTOR:g} (default: 2)")
    parser.add_argument("--model", default="image", help="image, or a model that draws over a picture (default: image)")
    parser.add_argument("--prompt", help="what it shows (default: the result's prompt, or the file's name)")
    parser.add_argument("--negative-prompt", default="", metavar="TEXT")
    parser.add_argument("--variation", type=int, default=1, metavar="N", help="of a result, from 1 (default: 1)")
    parser.add_argument(
        "--tile", choices=("xy", "x", "y", "none"), help="directions in which it repeats (default: as it does)"
    )
    parser.add_argument("--maps", type=cli_options.parse_maps, metavar="A,B", help=f"{', '.join(MAPS)}")
    parser.add_argument("--seed", type=int, help="for models that draw")
    parser.add_argument("--steps", type=int, help="for models that draw")
    parser.add_argument("--guidance-scale", type=float, help="for models that draw")
    cli_options.strength(parser)
    parser.add_argument(
        "--lora",
        action="append",
        default=[],
        type=cli_options.parse_lora,
        metavar="FILE[:WEIGHT]",
        help="add a LoRA to the model; may be repeated",
    )
    parser.set_defaults(run=run)


def request(arguments: argparse.Namespace) -> GenerationRequest:
    """The request that the words come to; errors as :func:`.upscale_request`."""
    options: dict[str, Any] = {
        name: value
        for name in ("seed", "steps", "guidance_scale", "strength")
        if (value := getattr(arguments, name)) is not None
    }
    if arguments.negative_prompt:
        options["negative_prompt"] = arguments.negative_prompt
    if arguments.lora:
        options["loras"] = tuple(arguments.lora)
    return upscale_request(
        arguments.source,
        arguments.factor,
        model=arguments.model,
        index=arguments.variation - 1,
        prompt=arguments.prompt,
        tile=arguments.tile,
        maps=arguments.maps,
        **options,
    )
