# SPDX-License-Identifier: GPL-3.0-or-later
"""LoRAs on models whose weights wait in 8 bits: whichever comes first, they are as exact as without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_loras
import torch
from safetensors.torch import load_file
from test_diffusers_folder import Notes
from test_loras import TAKERS
from texloom.engine import memory_plan
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.memory_plan import FLOAT8, FLOAT32
from texloom.request import Lora
from tiny_loaded import small_request

pytestmark = pytest.mark.usefixtures("unrepaired")


@pytest.fixture(autouse=True)
def as_on_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ways of a graphics card, walked on the processor."""
    monkeypatch.setattr(memory_plan, "_on_processor", lambda precision: memory_plan._on_device(precision, "xpu"))
    monkeypatch.setattr(memory_plan, "_LEANER", 1e9)


def _drawn(model: DiffusersFolderGenerator, *stack: Lora) -> Any:
    return next(model.generate(small_request(loras=stack), Notes())).maps["image"].astype(int)


def _in_eight_bits(model: DiffusersFolderGenerator) -> None:
    demand = model._demand(small_request())
    ways = memory_plan.plans(model._memory.model, demand, device="cpu", precision=FLOAT32)
    plan = next(plan for plan in ways if plan.quantization == FLOAT8)
    assert model._went_over(plan, Notes())
    model._memory._failed.append((0, plan.rank - 1))


def _values(tensors: dict[str, torch.Tensor]) -> list[float]:
    return sorted(float(value.double().sum()) for value in tensors.values())


@pytest.mark.parametrize("shrunk", ["before", "after"])
@pytest.mark.parametrize("name", TAKERS)
def test_they_are_as_exact_as_in_the_file(
    name: str, shrunk: str, folders: Callable[[str], Path], tmp_path: Path
) -> None:
    model = DiffusersFolderGenerator(folders(name))
    model.load(Notes())
    # As small as trained ones: 8 bits know nothing between 0 and 0.002.
    lora = Lora(str(tiny_loras.save(folders(name), tmp_path, scale=0.0005)), 3.0)
    strong = Lora(str(tiny_loras.save(folders(name), tmp_path / "strong", seed=1)))
    if shrunk == "after":
        _drawn(model, lora)
        _drawn(model, strong)
    _in_eight_bits(model)
    plain = _drawn(model)
    _drawn(model, lora)
    changed = _drawn(model, strong)
    assert np.abs(changed - plain).mean() > 0.05
    assert np.abs(_drawn(model) - plain).max() <= 1
    network = getattr(model._pipeline, "unet", None) or model._pipeline.transformer
    added = {key: value for key, value in network.named_parameters() if ".lora_" in key}
    assert added and {value.dtype for value in added.values()} == {torch.float32}
    files = [load_file(lora.file), load_file(strong.file)]
    wanted = _values({f"{number}{key}": value for number, file in enumerate(files) for key, value in file.items()})
    assert _values(added) == pytest.approx(wanted, rel=1e-5)
    assert any(value.dtype == torch.float8_e4m3fn for value in network.parameters())
