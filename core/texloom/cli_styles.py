# SPDX-License-Identifier: GPL-3.0-or-later
"""Options for a style from a picture and for learned words, and the image adapters in ``texloom models``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from . import model_store, style_models
from .cli_show import Show
from .request import MAX_EMBEDDINGS, RANGES


def add_options(parser: argparse.ArgumentParser) -> None:
    """``--style-image``, ``--style-model`` and ``--embedding``."""
    low, high = RANGES["style_strength"]
    parser.add_argument(
        "--style-image",
        type=parse_style,
        metavar="FILE[@STRENGTH]",
        help=f"a picture whose look is taken over, by {low:g} to {high:g} (default: 0.6); the instant model takes its "
        "colors",
    )
    parser.add_argument(
        "--style-model",
        default="",
        metavar="NAME",
        help="the image adapter that sees the picture: a name that texloom models lists, a hub id, a folder or a "
        ".safetensors file (default: what suits the model)",
    )
    parser.add_argument(
        "--embedding",
        action="append",
        default=[],
        type=_path,
        metavar="FILE",
        help=f"a learned word (textual inversion), written in the prompt by the file's name; up to {MAX_EMBEDDINGS}",
    )


def request_fields(arguments: argparse.Namespace) -> dict[str, Any]:
    """Fields of a request from what :func:`add_options` parsed; what was not given is left out."""
    fields: dict[str, Any] = {}
    if arguments.style_image is not None:
        fields["style_image"], strength = arguments.style_image
        if strength is not None:
            fields["style_strength"] = strength
    if arguments.style_model:
        fields["style_model"] = arguments.style_model
    if arguments.embedding:
        fields["embeddings"] = tuple(arguments.embedding)
    return fields


def parse_style(text: str) -> tuple[str, float | None]:
    """``look.jpg`` or ``look.jpg@0.8`` → path and strength, None where it is not given."""
    name, at, number = text.rpartition("@")
    if at and name:
        try:
            strength = float(number)
        except ValueError:
            return _path(text), None  # an at sign of the file's own name
        low, high = RANGES["style_strength"]
        if not low <= strength <= high:
            raise argparse.ArgumentTypeError(f"the strength of a style is from {low:g} to {high:g}, got {number}.")
        return _path(name), strength
    return _path(text), None


def list_adapters(show: Show) -> None:
    """Print the image adapters that Texloom knows."""
    for row in style_models.rows():
        where = model_store.find(row.hub, file=row.file)
        show.data(
            {
                "id": row.id,
                "kind": "image_adapter",
                "hub": row.hub,
                "families": list(row.families),
                "licence": row.licence,
                "path": str(where) if where else "",
            }
        )
        size = "on disk" if where else f"{row.gigabytes:.0f} GB"
        show.line(f"{row.id:22} {size:>8}  {row.name}, for --style-image ({row.licence})")


def show_adapter(key: str, show: Show) -> bool:
    """Print all about an image adapter; whether there is one of that name."""
    row = style_models.find(key)
    if row is None:
        return False
    where = model_store.find(row.hub, file=row.file)
    show.data({"id": row.id, "hub": row.hub, "families": list(row.families), "path": str(where) if where else ""})
    lines = {
        "Name": row.name,
        "Hub": f"https://huggingface.co/{row.hub}",
        "On disk": str(where) if where else f"no; about {row.gigabytes:.1f} GB to download",
        "Licence": row.licence,
        "For": ", ".join(row.families),
        "File": row.file,
        "Encoder": row.encoder,
    }
    show.facts(lines, row.download_row().terms)
    return True


def tell_encoder(key: str, show: Show) -> None:
    """After the download of an adapter: the image encoder that it needs besides, where that is missing."""
    row = style_models.find(key)
    if row is not None and row.encoder_hub and model_store.find(row.encoder_hub, file="config.json") is None:
        show.line(f"It also needs its image encoder: texloom models download {row.encoder_hub}")


def _path(text: str) -> str:
    return str(Path(text).expanduser().absolute())
