# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of what the learned model does, to look at: ``texloom evaluate learned-sheet``.

With ``--corpus`` the autoencoder's pictures of held-out tiles beside the truth; else pictures of prompts, one a prompt
in the order of the list, so that failures are in it as they fall.  The usual list, ``sheet_prompts.csv``, has 96: every
family once, then texts of two materials, and some in Chinese.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..engine.device import use_threads
from ..engine.learned_channels import from_channels
from ..engine.map_net import slopes_of
from ..engine.seamless import circular
from ..errors import TexloomError
from ..png import write_png
from .heads import report
from .learned_draw import channels_of, drawing, drawn_together
from .learned_folder import read_autoencoder
from .relight import normals
from .tiles import Tiles

SHEET_PROMPTS = Path(__file__).with_name("sheet_prompts.csv")


def sheet_prompts(path: Path = SHEET_PROMPTS) -> list[tuple[str, tuple[str, ...]]]:
    """The prompts of the usual sheet and the families that each names."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["prompt"], tuple(row["families"].split("+"))) for row in csv.DictReader(file)]


def panels(channels: Tensor) -> list[NDArray[np.uint8]]:
    """Each of B materials [B, 6, H, W] as one strip: base color, normal, height, roughness and metallic; uint8."""
    surface = from_channels(channels.float())
    normal = normals(slopes_of(surface.height[:, 0])) * 0.5 + 0.5
    height = surface.height
    low, high = height.amin((1, 2, 3), keepdim=True), height.amax((1, 2, 3), keepdim=True)
    height = (height - low) / (high - low).clamp(min=1e-3)
    grays = [value.expand(-1, 3, -1, -1) for value in (height, surface.roughness, surface.metallic)]
    strips = torch.cat((surface.base_color, normal, *grays), dim=-1)
    pixels = (strips.clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8).permute(0, 2, 3, 1)
    return [np.ascontiguousarray(one) for one in pixels.cpu().numpy()]


def write_sheet(path: Path, rows: list[list[NDArray[np.uint8]]], gap: int = 4) -> None:
    """Write rows of pictures of one size as one PNG, white between them.

    Raises:
        StorageError: it could not be written.
    """
    height, width = rows[0][0].shape[:2]
    columns = max(len(row) for row in rows)
    sheet = np.full((len(rows) * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            top, left = down * (height + gap), across * (width + gap)
            sheet[top : top + height, left : left + width] = picture
    write_png(path, sheet, srgb=True)


def reconstructions(model: Path, tiles: Tiles, count: int) -> list[list[NDArray[np.uint8]]]:
    """Rows of truth and what the autoencoder makes of it, for held-out tiles."""
    vae = read_autoencoder(model / "vae")
    kept = tiles.split()[1]
    truth = tiles.whole(kept[:: max(1, len(kept) // count)][:count])
    with torch.no_grad(), circular([vae]):
        seen = torch.cat([vae.decode(vae.encode(part).latent).sample for part in truth.split(4)])
    side = tiles.size * 3  # base color, normal and height
    return [[one[:, :side], two[:, :side]] for one, two in zip(panels(truth), panels(seen), strict=True)]


def samples(
    model: Path,
    prompts: Sequence[str],
    *,
    size: int,
    seed: int,
    columns: int,
    maps: int,
    device: str | None = None,
) -> list[list[NDArray[np.uint8]]]:
    """Rows of pictures of prompts; ``maps`` of base color, normal, height, roughness and metallic are shown of each."""
    generator = drawing(model, device=device)
    pictures = [
        panels(channels_of(image)[None])[0][:, : size * maps]
        for image in drawn_together(generator, prompts, size=size, seeds=[seed] * len(prompts), device=device)
    ]
    return [pictures[start : start + columns] for start in range(0, len(pictures), columns)]


def main(argv: Sequence[str] | None = None) -> int:
    """``texloom evaluate learned-sheet``: exit status 0, or 1 when the model cannot be used."""
    parser = argparse.ArgumentParser(prog="texloom evaluate learned-sheet", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the learned model's folder")
    parser.add_argument("--corpus", type=Path, help="folder of shards: show reconstructions")
    parser.add_argument("--prompts", type=Path, help="text file with a prompt a line (default: 96 of all families)")
    parser.add_argument("--count", type=int, default=96)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--maps", type=int, default=1, choices=range(1, 6), help="how many maps of each to show")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", help="cuda or cpu (default: the best there is)")
    parser.add_argument("--out", type=Path, required=True, help="PNG file")
    arguments = parser.parse_args(argv)
    use_threads(arguments.threads)
    try:
        if arguments.corpus is not None:
            rows = reconstructions(arguments.model, Tiles(arguments.corpus), arguments.count)
        else:
            if arguments.prompts is not None:
                prompts = [line for line in arguments.prompts.read_text(encoding="utf-8").splitlines() if line.strip()]
            else:
                prompts = [prompt for prompt, _ in sheet_prompts()]
            rows = samples(
                arguments.model, prompts[: arguments.count], size=arguments.size, seed=arguments.seed,
                columns=arguments.columns, maps=arguments.maps, device=arguments.device,
            )  # fmt: skip
        write_sheet(arguments.out, rows)
    except (TexloomError, OSError) as error:
        report(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
