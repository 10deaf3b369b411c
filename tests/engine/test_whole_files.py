# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints of a whole model in one file: plans know their parts, and the network that draws can be made smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import ldm_layout
import numpy as np
import pytest
import torch
from test_diffusers_folder import Notes
from test_smaller_weights import as_on_a_card
from texloom.engine import small_weights
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.memory_estimate import DECODER, DENOISER, TEXT, parts_of
from texloom.engine.memory_plan import FLOAT8, INT8, MemoryPlan
from texloom.engine.model_folder import read_folder
from tiny_loaded import small_request

__all__ = ["as_on_a_card"]  # fixture
pytestmark = pytest.mark.usefixtures("unrepaired")


@pytest.fixture
def model(stable_diffusion: Path, tmp_path: Path) -> DiffusersFolderGenerator:
    file = ldm_layout.save_checkpoint(stable_diffusion, tmp_path / "brick-model.safetensors")
    return DiffusersFolderGenerator(stable_diffusion, file=file)


def _drawn(model: DiffusersFolderGenerator, quantization: str = "") -> Any:
    """Drawn by the first plan, or by the one of that quantization."""
    if not model.loaded:
        model.load(Notes())
    if quantization:
        ways = model._memory.plans(model._demand(small_request()), "cpu")
        plan = next(plan for plan in ways if plan.quantization == quantization)
        model._memory._failed.append((0, plan.rank - 1))
        assert model._went_over(plan, Notes())
    return next(model.generate(small_request(), Notes()))


def test_its_parts_are_those_of_the_folder(model: DiffusersFolderGenerator, stable_diffusion: Path) -> None:
    own = {part.role: part for part in parts_of(model._folder)}
    folder = {part.role: part for part in parts_of(read_folder(stable_diffusion))}
    assert set(own) == {TEXT, DENOISER, DECODER}
    for role, part in own.items():
        assert part.weights == pytest.approx(folder[role].weights, rel=0.01)
        assert part.exact == (role != DENOISER) and part.stored == folder[role].stored
    assert own[DENOISER].name == "unet"


def test_eight_bits_without_a_package(model: DiffusersFolderGenerator) -> None:
    before = _drawn(model).maps["image"].astype(float)
    image = _drawn(model, FLOAT8)
    assert image.details["memory"]["quantization"] == FLOAT8
    assert 0.0 < np.abs(image.maps["image"] - before).mean() < 16.0
    kinds = {tensor.dtype for tensor in model._pipeline.unet.parameters()}
    assert torch.float8_e4m3fn in kinds
    assert torch.float8_e4m3fn not in {tensor.dtype for tensor in model._pipeline.text_encoder.parameters()}


def test_the_network_that_draws_is_read_smaller(
    model: DiffusersFolderGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    read: list[dict[str, Any]] = []
    plain = diffusers.UNet2DConditionModel.from_single_file

    def options(item: Any, plan: MemoryPlan, _device: str = "") -> dict[str, Any]:
        if not small_weights.smaller(item, plan):
            return {}
        asked.append(item.name)
        return {"quantization_config": plan.quantization}

    def single(*args: Any, quantization_config: Any = None, **named: Any) -> Any:
        read.append({"quantization_config": quantization_config, "subfolder": named.get("subfolder")})
        return plain(*args, **named)

    monkeypatch.setattr(small_weights, "quantized", options)
    monkeypatch.setattr(diffusers.UNet2DConditionModel, "from_single_file", single)
    before = _drawn(model).maps["image"]
    assert asked == [] and len(read) == 1
    image = _drawn(model, INT8)
    # Once, for the pipeline takes the one that is there; text encoders are read as they are.
    assert asked == ["unet"] and read[1:] == [{"quantization_config": INT8, "subfolder": "unet"}]
    assert image.details["memory"]["quantization"] == INT8
    assert np.abs(image.maps["image"].astype(int) - before).max() <= 1


def test_eight_bits_by_torchao(model: DiffusersFolderGenerator) -> None:
    pytest.importorskip("torchao")
    before = _drawn(model).maps["image"].astype(float)
    image = _drawn(model, INT8)
    assert image.details["memory"]["quantization"] == INT8
    assert any(small_weights._small(layer) for layer in model._pipeline.unet.modules())
    assert not any(small_weights._small(layer) for layer in model._pipeline.text_encoder.modules())
    assert np.abs(image.maps["image"] - before).mean() < 16.0
