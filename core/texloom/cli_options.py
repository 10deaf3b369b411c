# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a request on a command line, in one place for ``texloom`` and ``blender --command texloom``."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import cli_styles
from .errors import RequestError
from .request import CONTROL_KINDS, CONTROL_RANGE, DEFAULT_MAPS, KINDS, LORA_RANGE, MAPS, RANGES, Control, Lora


def output() -> argparse.ArgumentParser:
    """``--json`` and ``--quiet``."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line, for programs")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def common() -> argparse.ArgumentParser:
    """Where results go and which engine makes them, with :func:`output`."""
    parser = argparse.ArgumentParser(add_help=False, parents=[output()])
    parser.add_argument(
        "-o", "--output", type=folder, metavar="DIR", help="folder of the results (default: your library)"
    )
    parser.add_argument("--python", type=Path, help="the engine's Python")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps or xpu (default: the best there is)")
    return parser


def making() -> argparse.ArgumentParser:
    """The fields of a request, except the prompt."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--kind", choices=KINDS, default="material")
    parser.add_argument(
        "--model",
        default="instant",
        help="instant, learned, a name that texloom models lists, a hub id, a diffusers folder or a .safetensors file",
    )
    parser.add_argument("--negative-prompt", default="", metavar="TEXT")
    parser.add_argument("--size", type=parse_size, metavar="N or WxH", help="pixels (default: 1024)")
    parser.add_argument("--seed", type=int, help=f"{_range('seed')} (default: a new one)")
    parser.add_argument("--count", type=int, default=1, help=f"variations, {_range('count')}")
    parser.add_argument("--steps", type=int, help=f"{_range('steps')} (default: the model's)")
    parser.add_argument("--guidance-scale", type=float, help=f"{_range('guidance_scale')} (default: the model's)")
    parser.add_argument("--tile", choices=("xy", "x", "y", "none"), default="xy", help="directions that repeat")
    parser.add_argument("--maps", type=parse_maps, metavar="A,B", help=f"{', '.join(MAPS)}, or all")
    parser.add_argument("--width-m", type=float, metavar="METRES", help="real width of a tile (default: what suits)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="lock a parameter of a built-in model (family=bricks, color=#7a3b2e, wetness=0.5); may be repeated",
    )
    low, high = LORA_RANGE
    parser.add_argument(
        "--lora",
        action="append",
        default=[],
        type=parse_lora,
        metavar="FILE[:WEIGHT]",
        help=f"add a LoRA to the model, by {low:g} to {high:g} (default: 1); may be repeated",
    )
    low, high = CONTROL_RANGE
    parser.add_argument(
        "--control",
        action="append",
        default=[],
        type=parse_control,
        metavar="KIND=FILE[@STRENGTH]",
        help="follow the form in a picture: depth (near is white; a height map will do), normal (OpenGL) or line "
        f"(white on black; lines are looked for in a photo), by {low:g} to {high:g} (default: 1); may be repeated",
    )
    parser.add_argument(
        "--control-model",
        action="append",
        default=[],
        metavar="[KIND=]MODEL",
        help="network that reads the controls, or those of that kind: a name that texloom models lists, a hub id or a "
        "diffusers folder (default: what suits the model)",
    )
    cli_styles.add_options(parser)
    return parser


def request_fields(arguments: argparse.Namespace) -> dict[str, Any]:
    """Fields of a request from what :func:`making` parsed; what was not given is left out.

    Raises:
        RequestError: a ``--set`` has no ``=``.
    """
    fields: dict[str, Any] = {
        "kind": arguments.kind,
        "model": arguments.model,
        "negative_prompt": arguments.negative_prompt,
        "count": arguments.count,
        "tile_x": "x" in arguments.tile,
        "tile_y": "y" in arguments.tile,
        "maps": arguments.maps or DEFAULT_MAPS,
        "parameters": parse_parameters(arguments.set),
    }
    if arguments.lora:
        fields["loras"] = tuple(arguments.lora)
    if arguments.control or arguments.control_model:
        fields["controls"] = _controls(arguments.control, arguments.control_model)
    fields |= cli_styles.request_fields(arguments)
    if arguments.size is not None:
        fields["width"], fields["height"] = arguments.size
    optional = {
        "seed": arguments.seed,
        "steps": arguments.steps,
        "guidance_scale": arguments.guidance_scale,
        "real_world_width": arguments.width_m,
    }
    return fields | {name: value for name, value in optional.items() if value is not None}


def folder(text: str) -> Path:
    """The folder ``text``; an empty one, of a variable that was never set, is none."""
    if not text.strip():
        raise argparse.ArgumentTypeError("name a folder.")
    return Path(text)


def parse_size(text: str) -> tuple[int, int]:
    """``1024`` or ``1024x512`` → (width, height)."""
    parts = text.lower().replace("×", "x").split("x")
    if not 1 <= len(parts) <= 2 or not all(part.strip().isdigit() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 1024 or 1024x512.")
    return int(parts[0]), int(parts[-1])


def strength(parser: argparse.ArgumentParser) -> None:
    """Add ``--strength``."""
    parser.add_argument(
        "--strength", type=float, metavar="PART", help="how much of the picture is drawn anew, 0 to 1 (default: suits)"
    )


def parse_lora(text: str) -> Lora:
    """``style.safetensors`` or ``style.safetensors:0.7`` → file and weight."""
    name, colon, weight = text.rpartition(":")
    # A colon may belong to the path, as in C:\\models.
    if not colon or not re.fullmatch(r"[+-]?\d*\.?\d+", weight.strip()):
        name, weight = text, "1"
    try:
        return Lora(str(Path(name).expanduser().absolute()), float(weight))
    except RequestError as error:
        raise argparse.ArgumentTypeError(error.message) from error


def parse_control(text: str) -> Control:
    """``depth=d.png`` or ``line=photo.jpg@0.6`` → kind, file and strength."""
    kind, equals, name = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no control; write {'|'.join(CONTROL_KINDS)}=FILE[@STRENGTH].")
    file, at, strength = name.rpartition("@")
    # The name of a file may hold one as well.
    if not at or not re.fullmatch(r"\d*\.?\d+", strength.strip()):
        file, strength = name, "1"
    try:
        return Control(kind.strip().lower(), str(Path(file).expanduser().absolute()) if file else "", float(strength))
    except RequestError as error:
        raise argparse.ArgumentTypeError(error.message) from error


def _controls(given: list[Control], models: list[str]) -> tuple[Control, ...]:
    """With the networks that were named."""
    networks: dict[str, str] = {}
    for text in models:
        kind, equals, name = text.partition("=")
        if equals and kind in CONTROL_KINDS:
            networks[kind] = name
        else:
            networks |= {item: text for item in CONTROL_KINDS if item not in networks}
    for kind, name in networks.items():
        # A path of this folder stays the same file wherever the engine runs.
        if Path(name).expanduser().exists():
            networks[kind] = str(Path(name).expanduser().absolute())
    if not given:
        raise RequestError("--control-model: there is no --control.", advice="Write --control depth=file.png as well.")
    return tuple(replace(item, model=networks.get(item.kind, "")) for item in given)


def parse_maps(text: str) -> tuple[str, ...]:
    """``base_color,normal`` or ``all`` → names, at least one."""
    if text.strip() == "all":
        return MAPS
    names = tuple(part.strip().replace("-", "_") for part in text.split(",") if part.strip())
    if not names:
        raise argparse.ArgumentTypeError(f"name at least one of {', '.join(MAPS)}.")
    return names


def parse_parameters(items: list[str]) -> dict[str, Any]:
    """``["wetness=0.5", "family=bricks"]`` → values; numbers and true/false as such, all else as text.

    Raises:
        RequestError: an item has no ``=``.
    """
    found: dict[str, Any] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not name.strip():
            raise RequestError(f"--set {item!r}: write NAME=VALUE.")
        try:
            parsed = json.loads(value)
        except ValueError:
            parsed = value.strip()
        found[name.strip()] = parsed if isinstance(parsed, (str, int, float, bool)) else value.strip()
    return found


def _range(name: str) -> str:
    low, high = RANGES[name]
    return f"{low:g} to {high:g}" if name != "seed" else f"0 to {high}"
