# SPDX-License-Identifier: GPL-3.0-or-later
"""``bench.py --learned FOLDER`` and ``--maps``: the learned model, and maps from an image, by the whole product.

Both end with five maps on disk, and are warm: what the first call loads is not counted.  Standard library only.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from bench_rows import PROMPTS, asked, head, row, timed

LEARNED_SIZES = (512, 1024)
MAPS_SIZE = 1024
LARGE = 4096
"""Of pictures with more pixels a side one is enough."""


def learned(arguments: argparse.Namespace, python: Path, folder: Path) -> None:
    """Measure the learned model and print a Markdown table.

    Args:
        arguments: ``learned`` (a folder), ``sizes`` (empty: :data:`LEARNED_SIZES`), ``steps`` (None: the model's own),
            ``repeats`` and ``device``.
        python: the engine's.
        folder: for results.
    """
    from texloom import api

    options = {"model": str(arguments.learned.absolute()), "kind": "material", "preview_interval": 0}
    if arguments.steps is not None:
        options["steps"] = arguments.steps
    with api.Session(library=folder, python=python, device=arguments.device) as session:
        for number, side in enumerate(arguments.sizes or LEARNED_SIZES):
            size = {"width": side, "height": side}
            first = session.generate(PROMPTS[0], seed=1000, **size, **options)
            if number == 0:
                head(session)
            seconds = [
                timed(partial(session.generate, prompt, seed=seed, **size, **options))
                for prompt, seed in asked(arguments.repeats)
            ]
            row(session, f"learned model, {steps_of(first)} steps, {side}², five maps on disk, warm", seconds)


def steps_of(result: Any) -> int:
    """In how many steps a result was drawn."""
    manifest = json.loads(Path(result.folder, "manifest.json").read_text(encoding="utf-8"))
    return int(manifest["results"][0]["steps"])


def maps(arguments: argparse.Namespace, python: Path, folder: Path) -> None:
    """Measure maps from images and print a Markdown table; arguments as for :func:`learned`, ``maps`` are the sides."""
    from texloom import api

    sides = sorted(arguments.maps or [MAPS_SIZE])
    pictures = {}
    with api.Session(library=folder, python=python, device=arguments.device) as session:
        for side in sides:
            pictures[side] = draw_pictures(session, side)
    # A worker of their own: its memory is that of the maps alone.
    with api.Session(library=folder, python=python, device=arguments.device) as session:
        session.maps_from_image(pictures[sides[0]][0], size=256)
        head(session)
        for side in sides:
            maps_row(session, pictures[side], side, arguments.repeats)


def draw_pictures(session: Any, side: int) -> list[Path]:
    """Pictures of that many pixels that repeat, as those of image models do."""
    return [
        session.generate(prompt, width=side, height=side, seed=seed, maps=("base_color",)).files()["base_color"]
        for seed, prompt in enumerate(PROMPTS if side <= LARGE else PROMPTS[:1])
    ]


def maps_row(session: Any, pictures: list[Path], side: int, repeats: int) -> None:
    """One line of the table: maps of each picture, ``repeats`` times."""
    seconds = [timed(partial(session.maps_from_image, picture)) for _ in range(repeats) for picture in pictures]
    row(session, f"five maps on disk from an image of {side}², warm", seconds)
