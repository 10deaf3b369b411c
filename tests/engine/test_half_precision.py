# SPDX-License-Identifier: GPL-3.0-or-later
"""Pipelines in half precision, as graphics cards draw: what they make larger meanwhile is as before afterwards."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from test_diffusers_folder import Notes
from texloom.engine import memory_keeper, memory_plan
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.errors import CancelledError
from tiny_loaded import small_request
from torch import nn

pytestmark = pytest.mark.usefixtures("unrepaired")

UNETS = ("stable-diffusion", "sdxl", "kolors")
TRANSFORMERS = ("z-image", "sd3", "qwen-image")
UPCAST = ("sdxl", "kolors")
"""Their autoencoders overflow in half precision."""


@pytest.fixture(autouse=True)
def half(monkeypatch: pytest.MonkeyPatch) -> None:
    """The precisions of a graphics card, on the processor."""
    monkeypatch.setattr(
        memory_keeper,
        "best_precision",
        lambda folder, _device: "bfloat16" if folder.component("transformer") else "float16",
    )


def _loaded(path: Path) -> DiffusersFolderGenerator:
    model = DiffusersFolderGenerator(path)
    model.load(Notes())
    return model


def _drawn(model: DiffusersFolderGenerator, notes: Notes | None = None, **values: Any) -> np.ndarray[Any, Any]:
    return next(model.generate(small_request(**values), notes or Notes())).maps["image"]


def _precisions(model: DiffusersFolderGenerator) -> set[torch.dtype]:
    networks = (part for part in model._pipeline.components.values() if isinstance(part, nn.Module))
    return {tensor.dtype for network in networks for tensor in network.parameters()}


@pytest.fixture
def picture(tmp_path: Path) -> str:
    """A picture to start from."""
    path = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    return str(path)


@pytest.mark.parametrize("point", ["before", "in the text encoder", "in a step", "decoding"])
@pytest.mark.parametrize("name", [*UNETS, *TRANSFORMERS])
def test_cancel_and_go_on(name: str, point: str, folders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = _loaded(folders(name))
    expected, usual = _drawn(model), _precisions(model)
    notes, calls = Notes(lambda what: point == "in a step" and what == "step 1"), itertools.count()

    def check() -> None:
        done = notes.steps[-1][1] if notes.steps else -1
        decoding = done == 2 and len(notes.steps) > 3 and next(calls) == 1
        if {"before": True, "in the text encoder": done == 0, "in a step": False, "decoding": decoding}[point]:
            raise CancelledError

    monkeypatch.setattr(notes, "check_cancelled", check)
    with pytest.raises(CancelledError):
        _drawn(model, notes)
    assert _precisions(model) == usual
    assert np.array_equal(_drawn(model), expected)


@pytest.mark.parametrize("name", UPCAST)
def test_cancelled_while_a_picture_is_encoded(
    name: str, picture: str, folders: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = _loaded(folders(name))
    vae, notes, job = model._pipeline.vae, Notes(), {"source": picture, "strength": 0.6, "steps": 4}
    expected = _drawn(model, **job)

    def check() -> None:
        if vae.dtype == torch.float32:
            raise CancelledError

    monkeypatch.setattr(notes, "check_cancelled", check)
    with pytest.raises(CancelledError):
        _drawn(model, notes, **job)
    assert vae.dtype == torch.float16
    assert np.array_equal(_drawn(model, **job), expected)


@pytest.mark.parametrize("part", ["text_encoder", "denoiser", "decoder"])
@pytest.mark.parametrize("name", [*UNETS, "z-image"])
def test_the_next_plan_goes_on(name: str, part: str, folders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_plan, "_on_processor", lambda precision: memory_plan._on_device(precision, "xpu"))
    monkeypatch.setattr(memory_keeper, "LEAST_STRIPED", 0)
    monkeypatch.setattr(memory_plan, "_LEANER", 1e9)
    model = _loaded(folders(name))
    before, left = _drawn(model), [3]
    model._speed.prompts.clear()  # type: ignore[union-attr]  # or it would not be read again
    pipeline = model._pipeline
    found = {
        "text_encoder": pipeline.text_encoder,
        "denoiser": getattr(pipeline, "unet", None) or getattr(pipeline, "transformer", None),
        "decoder": pipeline.vae.decoder.conv_in,
    }[part]

    def short(_module: nn.Module, _args: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    handle, notes = found.register_forward_pre_hook(short), Notes()
    image = _drawn(model, notes)
    handle.remove()
    assert set(notes.warnings) == {"memory_leaner"}
    assert model._memory.plan is not None and model._memory.plan.rank == 3
    assert np.abs(image.astype(int) - before).max() <= 8  # sums in half precision, in another order
    assert np.abs(_drawn(model).astype(int) - image).max() == 0
