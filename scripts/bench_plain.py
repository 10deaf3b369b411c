# SPDX-License-Identifier: GPL-3.0-or-later
"""The other side of ``bench.py --compare``, in the engine's Python: the same model by diffusers alone.

``bench_plain.py make SIZE FOLDER`` writes a model with random weights; ``bench_plain.py draw FOLDER DEVICE`` loads one
and then draws for every line of JSON that it reads, and answers with the seconds it took.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "core"), str(ROOT / "tests" / "engine")]


def make(size: str, folder: Path) -> None:
    """Write a model with random weights: one of a real size, or ``tiny``."""
    if size == "tiny":
        import tiny_families

        tiny_families.save("stable-diffusion", folder)
        return
    import sized_folders
    import torch

    sized_folders.random_weights(size, folder, "cuda" if torch.cuda.is_available() else "cpu")


def draw(folder: Path, device: str) -> None:
    """Load the pipeline as its makers' card says, then draw as told by standard input until it ends."""
    answers = os.fdopen(os.dup(1), "w")
    with contextlib.redirect_stdout(sys.stderr):
        import torch
        from diffusers import DiffusionPipeline
        from texloom.engine.device import choose_device, set_up
        from texloom.engine.folder_loading import best_precision
        from texloom.engine.model_folder import read_folder

        device = choose_device(device or None)
        set_up(device)  # as many threads as the product takes
        dtype = getattr(torch, best_precision(read_folder(folder), device))
        pipeline: Any = DiffusionPipeline.from_pretrained(folder, torch_dtype=dtype, local_files_only=True).to(device)
        pipeline.set_progress_bar_config(disable=True)
        for line in sys.stdin:
            told = json.loads(line)
            generator = torch.Generator("cpu").manual_seed(told.pop("seed"))
            began = time.perf_counter()
            pipeline(generator=generator, **told)
            if torch.device(device).type == "cuda":
                torch.cuda.synchronize()
            answers.write(json.dumps(time.perf_counter() - began) + "\n")
            answers.flush()


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], Path(sys.argv[3]))
    else:
        draw(Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
