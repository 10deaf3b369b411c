# SPDX-License-Identifier: GPL-3.0-or-later
"""The corpus beside photographs: ``texloom evaluate corpus-statistics``.

For each kind of material the slope of the power spectrum of its luminance, and how its colors spread.  Base colors have
no light and shade in them and fill the picture with one material, so they need not agree with photographs of scenes;
the table says how far they do.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ..engine.device import use_threads
from ..engine.procedural.color import srgb_image_to_lab, srgb_to_linear
from ..errors import TexloomError
from .heads import report
from .shards import shards
from .spectra import slopes
from .statistics import Estimate, estimate

KINDS: Mapping[str, str] = {
    "stone": "ashlar cobblestone dry_stone granite marble paving pebbles sandstone slate stone_wall terrazzo",
    "buildings and streets": "asphalt bricks ceramic_tiles concrete mosaic plaster roof_tiles shingles stucco "
    "thatch wallpaper",
    "ground and plants": "bark coral cracked_earth ferns forest_floor grass gravel leaves moss mud sand",
    "wood and wicker": "bamboo cork parquet planks wicker wood",
    "metal and technology": "brushed_metal chain_mail circuit_board corrugated_metal diamond_plate hammered_metal "
    "painted_metal rusted_metal sci_fi_panels",
    "cloth, paper and plastic": "carpet cracked_paint denim fabric foam knit paper plastic",
    "patterns": "camouflage checks damask dots plaid splatter stripes",
    "of animals": "feathers fur honeycomb leather scales",
    "sky, water, snow, fire": "ice lava sky snow starry_sky water",
}
"""Families by kind."""

_LUMINANCE = (0.2126, 0.7152, 0.0722)
_GRAY = 0.03
_BATCH = 25

PUBLISHED = (
    (
        "photographs of natural scenes (D. J. Field, J. Opt. Soc. Am. A 4, 1987)",
        "power falls with about the square of the frequency: a slope of about −2",
    ),
    (
        "135 photographs of natural scenes (D. J. Tolhurst, Y. Tadmor, T. Chao, Ophthalmic Physiol. Opt. 12, 1992)",
        "amplitude −0.8 to −1.5, −1.2 on average; of power twice that: −1.6 to −3.0, −2.4 on average",
    ),
    (
        "images of natural scenes (D. L. Ruderman, T. W. Cronin, C.-C. Chiao, J. Opt. Soc. Am. A 15, 1998)",
        "lightness varies most, yellow against blue less, red against green least",
    ),
)
"""What was published of photographs, and by whom."""


@dataclass
class Gathered:
    """Of one kind: slopes, and of each sample's pixels the mean and the spread of the three axes of OKLab."""

    slope: list[float] = field(default_factory=list)
    means: list[list[float]] = field(default_factory=list)
    variances: list[list[float]] = field(default_factory=list)

    def spread(self) -> tuple[float, float, float]:
        """Deviation of lightness, yellow-blue and red-green over all pixels of all samples."""
        means, variances = torch.tensor(self.means), torch.tensor(self.variances)
        # Of all pixels: within the samples and between them.
        light, green_red, blue_yellow = (variances.mean(0) + means.var(0, correction=0)).sqrt().tolist()
        return light, blue_yellow, green_red

    def gray(self) -> Estimate:
        """Per cent of the samples whose mean color has next to no hue."""
        return estimate([float((a * a + b * b) ** 0.5 < _GRAY) for _, a, b in self.means]).scaled(100.0)

    def warm(self) -> Estimate:
        """Per cent of the others that are nearer to yellow than to blue."""
        hues = [float(b > 0.0) for _, a, b in self.means if (a * a + b * b) ** 0.5 >= _GRAY]
        return estimate(hues or [0.0]).scaled(100.0)


def kind_of(family: str) -> str:
    """The kind of a family."""
    return next((kind for kind, names in KINDS.items() if family in names.split()), "others")


def gather(corpus: Path, limit: int | None = None) -> dict[str, Gathered]:
    """Statistics by kind, and of ``all``; of samples of one material, ``limit`` at most of each family.

    Raises:
        ModelInvalidError: the folder holds no corpus.
    """
    found: dict[str, Gathered] = {}
    taken: dict[str, int] = {}
    for rows, materials in shards(corpus):
        chosen = []
        for index, row in enumerate(rows):
            family = row["family"]
            if "second" not in row and (limit is None or taken.get(family, 0) < limit):
                taken[family] = taken.get(family, 0) + 1
                chosen.append(index)
        for start in range(0, len(chosen), _BATCH):
            part = chosen[start : start + _BATCH]
            colors = materials.maps["base_color"][torch.tensor(part)]
            for index, numbers in zip(part, _numbers(colors), strict=True):
                for name in (kind_of(rows[index]["family"]), "all"):
                    own = found.setdefault(name, Gathered())
                    own.means.append(numbers[1:4])
                    own.variances.append(numbers[4:])
                    if numbers[0] == numbers[0]:  # flat ones have no slope
                        own.slope.append(numbers[0])
    return found


def _numbers(colors: Tensor) -> list[list[float]]:
    """Slope, means and variances of uint8 sRGB pictures [B, 3, H, W]."""
    shown = colors.float() / 255.0
    luminance = (srgb_to_linear(shown) * shown.new_tensor(_LUMINANCE).view(1, 3, 1, 1)).sum(1)
    lab = srgb_image_to_lab(shown.movedim(1, 0)).movedim(0, 1).flatten(2)
    columns = (slopes(luminance)[:, None], lab.mean(2), lab.var(2, correction=0))
    numbers: list[list[float]] = torch.cat(columns, dim=1).tolist()
    return numbers


def summary(found: Mapping[str, Gathered]) -> str:
    """Tables of the corpus and of what was published."""
    count = len(found["all"].means)
    lines = [
        f"{count} samples of the corpus, one material each.",
        "",
        "| | samples | slope of the power spectrum | spread of lightness | of yellow-blue | of red-green | gray | "
        "of the others nearer to yellow than to blue |",
        "|---|---|---|---|---|---|---|---|",
    ]
    order = [kind for kind in (*KINDS, "others", "all") if kind in found]
    for kind in order:
        one = found[kind]
        slope = estimate(one.slope).text(2) if one.slope else "–"
        spread = " | ".join(f"{value:.3f}" for value in one.spread())
        shares = f"{one.gray().text(0, ' %')} | {one.warm().text(0, ' %')}"
        lines.append(f"| {kind} | {len(one.means)} | {slope} | {spread} | {shares} |")
    lines += ["", "| published | |", "|---|---|"]
    lines += [f"| {who} | {what} |" for who, what in PUBLISHED]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """``texloom evaluate corpus-statistics``: exit status 0, or 1 when there is no corpus."""
    parser = argparse.ArgumentParser(prog="texloom evaluate corpus-statistics", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of shards")
    parser.add_argument("--limit", type=int, help="samples of a family at most (default: all)")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args(argv)
    use_threads(arguments.threads)
    try:
        text = summary(gather(arguments.corpus, arguments.limit))
    except TexloomError as error:
        report(str(error))
        return 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
