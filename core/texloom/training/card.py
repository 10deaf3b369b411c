# SPDX-License-Identifier: GPL-3.0-or-later
"""The model card's table of measurements, and the contact sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.head import Head
from ..engine.procedural.draw import draw
from ..errors import StorageError
from .batches import Encoder
from .evaluate import GOALS, Score, in_english, read_texts

BEGIN = "<!-- evaluation: written by `texloom evaluate instant --write` -->"
UNGRADED = ("unseen color words", "unseen rare names", "unseen synonyms, new words")
END = "<!-- end of evaluation -->"
CARD = "MODEL_CARD.md"
_SEAM_MAPS = ("base_color", "height", "roughness", "metallic")


def row(title: str, score: Score) -> str:
    """One set's line of the table."""
    figures = score.rows()
    cells = [
        figures[name].text(1, unit) if name in figures else "–"
        for name, unit in (("family", " %"), ("color", ""), ("attributes", " %"), ("unsaid", " %"))
    ]
    return f"| {title} | {len(score.family) or '–'} | {' | '.join(cells)} |"


def table(results: Mapping[str, Any], *, quick: bool) -> str:
    """Markdown of all measurements, with the goals and the command."""
    command = "texloom evaluate instant --write" + (" --quick" if quick else "")
    lines = [
        f"Made by `{command}`. In parentheses: 95 % bootstrap interval.",
        "",
        "| Set | Texts | Material right | Named color, CIEDE2000 | Attributes right | Silence kept |",
        "|---|---|---|---|---|---|",
    ]
    lines += [row(title, score) for title, score in results["sets"].items()]
    low, high = GOALS["seam"]  # type: ignore[misc]
    seams = ", ".join(f"{name} {results['seams'][name]:.3f}" for name in _SEAM_MAPS if name in results["seams"])
    lines += [
        f"| *goal* | | ≥ {GOALS['family']:.0f} % | ≤ {GOALS['color']:.0f} | ≥ {GOALS['attributes']:.0f} % | |",
        "",
        f"- Adverbs in order (slightly < plain ≤ very): {results['adverbs'].text(1, ' %')}.",
        f"- Texts about other things noticed: {results['outside noticed'].text(1, ' %')};"
        f" captions of materials not accused: {results['inside kept'].text(1, ' %')}.",
        f"- Designers' prompts with a word reported as not understood: {results['false warnings'].text(1, ' %')}.",
        f"- Main color given and the median of the drawn base color, CIEDE2000: {results['drawn colors'].text(1)}.",
        f"- Diversity over seeds, only the material named: mean colors differ by CIEDE2000"
        f" {results['diversity tones'].text(1)}; pixels by {results['diversity pixels'].text(1, ' %')}.",
        "- Seam ratio (step across the tile's border over the mean step inside, at random phases of the tile),"
        f" goal {low} to {high}: {seams}.",
    ]
    return "\n".join(lines)


def goals_missed(results: Mapping[str, Any]) -> list[str]:
    """What falls short of the goals, in words; harder sets of words never seen have no goal."""
    missed: list[str] = []
    for title, score in results["sets"].items():
        rows = score.rows()
        for name in ("family", "attributes"):
            if title not in UNGRADED and name in rows and rows[name].mean < GOALS[name]:  # type: ignore[operator]
                missed.append(f"{title}: {name} {rows[name].mean:.1f} %")
        if title not in UNGRADED and "color" in rows and rows["color"].mean > GOALS["color"]:  # type: ignore[operator]
            missed.append(f"{title}: color {rows['color'].mean:.1f}")
    low, high = GOALS["seam"]  # type: ignore[misc]
    for name, ratio in results["seams"].items():
        if not low <= ratio <= high:
            missed.append(f"seam ratio of {name}: {ratio:.3f}")
    return missed


def replace_evaluation(folder: Path, begin: str, text: str) -> None:
    """Replace what stands between the markers ``begin`` and :data:`END` of the folder's card.

    Raises:
        StorageError: the card or its markers are missing.
    """
    path = folder / CARD
    try:
        card = path.read_text(encoding="utf-8")
    except OSError as error:
        raise StorageError(f"The model card cannot be read: {error}.") from error
    before, found, rest = card.partition(begin)
    _, end, after = rest.partition(END)
    if not found or not end:
        raise StorageError(f"{path.name} lacks the markers of the evaluation.")
    path.write_text(f"{before}{begin}\n\n{text}\n\n{END}{after}", encoding="utf-8", newline="\n")


def write_card(folder: Path, text: str, head: Head, results: Mapping[str, Any]) -> None:
    """Put table and training into the head's card; errors as :func:`replace_evaluation`."""
    facts = head.config.get("training", {})
    options, seconds = facts.get("options", {}), facts.get("seconds", {})
    schema, counts = head.schema, results["grammar"]
    trained = (
        f"Trained by Texloom {facts.get('version')} with {facts.get('parameters', 0) / 1e6:.2f} M parameters on "
        f"{options.get('captions')} captions of {len(schema.families)} families ({counts['names']} names, "
        f"{len(schema.keys)} different parameters, {counts['colors']} color words and their modifiers; held out: "
        f"{counts['held-out names']} names, {counts['held-out rare names']} rare names, "
        f"{counts['held-out colors']} color words), {options.get('steps')} steps of "
        f"{options.get('batch')}, seed {options.get('seed')}; after the captions were encoded, "
        f"training took {seconds.get('training', 0) / 60:.0f} min on {facts.get('threads')} CPU threads, "
        f"torch {facts.get('torch')}."
    )
    replace_evaluation(folder, BEGIN, f"{text}\n\n{trained}")


def contact_sheet(head: Head, encoder: Encoder, prompts: Sequence[str], path: Path, size: int = 192) -> None:
    """Draw prompts in rows of eight, each with its text, into a PNG."""
    from PIL import Image, ImageDraw

    columns, label = 8, 30
    rows = -(-len(prompts) // columns)
    sheet = Image.new("RGB", (columns * size, rows * (size + label)), "white")
    pen = ImageDraw.Draw(sheet)
    readings = read_texts(head, encoder, [in_english(text) for text in prompts])
    for index, (prompt, reading) in enumerate(zip(prompts, readings, strict=True)):
        rng = np.random.default_rng((index, 0))
        name, values = reading.sample(rng)
        family = head.schema.registry[name]
        drawn = draw(family, values, width=size, height=size, width_m=family.tile_width_m, seed=index)
        left, top = index % columns * size, index // columns * (size + label)
        sheet.paste(Image.fromarray(drawn.base_color.permute(1, 2, 0).contiguous().numpy()), (left, top))
        words, line = prompt.split(), ""
        lines: list[str] = []
        for word in words:
            if len(line) + len(word) > 30:
                lines.append(line)
                line = ""
            line = f"{line} {word}".strip()
        for number, part in enumerate([*lines, line][:2]):
            pen.text((left + 3, top + size + 2 + 13 * number), part, fill="black")
    sheet.save(path)
