# SPDX-License-Identifier: GPL-3.0-or-later
"""Every model has ways down to layer by layer, and what it takes is counted whatever its weights are kept as."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sized_folders
import tiny_families
import torch
from test_diffusers_folder import Notes
from texloom.engine import memory_plan, placement
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.memory_plan import BFLOAT16, FLOAT8, GROUPS, INT8, NF4, TOGETHER, TURNS, Demand
from tiny_loaded import small_request
from torch import Tensor, nn

SQUARE = Demand(width=1024, height=1024, decoded_width=1024, decoded_height=1024, batch=2)


@pytest.mark.parametrize("name", [*tiny_families.NAMES, *tiny_families.FROM_PICTURES])
def test_of_every_family(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether its decoder knows stripes or not."""
    monkeypatch.setattr(memory_plan, "_installed", lambda package: True)
    monkeypatch.setattr(memory_plan, "_LEANER", 1e9)  # decoders outweigh networks as small as these
    model = sized_folders.planned(tiny_families.save(name, tmp_path / name))
    found = memory_plan.plans(model, SQUARE, device="cuda", precision=BFLOAT16)
    stripes = (False, True) if model.stripes else (False,)
    usual = [(offload, "", striped) for offload in (TOGETHER, TURNS) for striped in stripes]
    lean = [
        (offload, kept, stripes[-1]) for offload, kept in ((TURNS, INT8), (TURNS, NF4), (TURNS, FLOAT8), (GROUPS, ""))
    ]
    assert [(plan.offload, plan.quantization, plan.striped) for plan in found] == usual + lean
    assert [plan.rank for plan in found] == sorted({plan.rank for plan in found})


@pytest.mark.parametrize("stripes", [True, False])
def test_layer_by_layer_is_the_leanest(stripes: bool, tmp_path: Path) -> None:
    model = replace(sized_folders.planned(sized_folders.hollow("z-image", tmp_path / "z-image")), stripes=stripes)
    found = memory_plan.plans(model, SQUARE, device="xpu", precision=BFLOAT16)
    assert [plan.offload for plan in found[-3:]] == [TURNS, TURNS, GROUPS]
    assert found[-2].quantization == FLOAT8 and found[-1].striped is stripes
    assert found[-1].forecast < 0.6 * found[-3].forecast


@pytest.mark.usefixtures("unrepaired")
@pytest.mark.parametrize("kept", [FLOAT8, GROUPS])
@pytest.mark.parametrize("name", ["qwen-image", "qwen-image-2.1", "krea2", "sana", "sana-sprint"])
def test_decoders_without_stripes_draw_so(
    name: str, kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_plan, "_on_processor", lambda precision: memory_plan._on_device(precision, "xpu"))
    monkeypatch.setattr(memory_plan, "_LEANER", 1e9)
    model = DiffusersFolderGenerator(tiny_families.save(name, tmp_path / name))
    model.load(Notes())
    before = next(model.generate(small_request(), Notes())).maps["image"].astype(float)
    ways = model._memory.plans(model._demand(small_request()), "cpu")
    plan = next(plan for plan in ways if kept in (plan.offload, plan.quantization))
    model._memory._failed.append((0, plan.rank - 1))
    assert model._went_over(plan, Notes())
    image = next(model.generate(small_request(), Notes()))
    memory = image.details["memory"]
    assert kept in (memory["offload"], memory["quantization"]) and not memory["striped"]
    difference = np.abs(image.maps["image"] - before)
    assert difference.max() <= 1 if kept == GROUPS else 0.0 < difference.mean() < 16.0


class _Shell(Tensor):
    """A tensor of two others, as torchao makes them: numbers in 8 bits and their scales."""

    numbers: Tensor
    scales: Tensor

    @staticmethod
    def __new__(cls, numbers: Tensor, scales: Tensor) -> _Shell:
        return Tensor._make_wrapper_subclass(cls, numbers.shape, dtype=torch.bfloat16)  # type: ignore[attr-defined,no-any-return]

    def __init__(self, numbers: Tensor, scales: Tensor) -> None:
        self.numbers, self.scales = numbers, scales

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["numbers", "scales"], None

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.detach.default:
            return _Shell(args[0].numbers, args[0].scales)
        raise NotImplementedError(func)


def test_weights_within_shells_are_counted() -> None:
    network = nn.ModuleList(nn.Linear(256, 256, bias=False) for _ in range(8))
    for layer in network:
        shell = _Shell(torch.zeros((256, 256), dtype=torch.int8), torch.ones((256, 1), dtype=torch.bfloat16))
        layer.weight = nn.Parameter(shell, requires_grad=False)
    assert [tensor.data_ptr() for tensor in network.parameters()] == [0] * 8
    assert placement._bytes(network) == 8 * (256 * 256 + 256 * 2)
    # Those that networks share count once.
    network.append(network[0])
    assert placement._bytes(network) == 8 * (256 * 256 + 256 * 2)


def test_layers_that_stand_twice_count_once() -> None:
    layer = nn.Linear(64, 64)
    assert placement._bytes(nn.ModuleList([layer, layer, nn.Linear(64, 64)])) == 2 * 4 * (64 * 64 + 64)
