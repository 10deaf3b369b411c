# SPDX-License-Identifier: GPL-3.0-or-later
"""Styles and learned words under every plan of the memory, and when memory runs out while they are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_families
import tiny_styles
import torch
from test_diffusers_folder import Notes
from test_embeddings import word
from test_memory import as_on_a_card
from test_style import _state, pictures
from texloom.engine import memory_plan
from texloom.engine import style as engine_style
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.memory_plan import BFLOAT16, FLOAT8, FLOAT32, GROUPS, TURNS, MemoryPlan
from tiny_loaded import small_request

__all__ = ["as_on_a_card", "pictures"]  # fixtures

pytestmark = pytest.mark.usefixtures("unrepaired")


def _loaded(name: str, folder: Path) -> tuple[DiffusersFolderGenerator, dict[str, Any]]:
    """A model, and a request's fields that give it a style and a learned word, where it takes one."""
    model = DiffusersFolderGenerator(tiny_families.save(name, folder / name))
    model.load(Notes())
    fields: dict[str, Any] = {"style_model": str(tiny_styles.save(folder / name, folder / "adapters"))}
    if name != "sd3":
        fields |= {"prompt": "old moss", "embeddings": (str(word(folder, "moss", name, vectors=2)),)}
    return model, fields


def _pixels(model: DiffusersFolderGenerator, **values: Any) -> Any:
    return next(model.generate(small_request(**values), Notes())).maps["image"].astype(int)


@pytest.mark.usefixtures("as_on_a_card")
@pytest.mark.parametrize("name", ["stable-diffusion", "sdxl", "sd3", "flux"])
@pytest.mark.parametrize("offload", [TURNS, GROUPS])
@pytest.mark.parametrize("styled_before", [False, True])
def test_under_plans_that_save_memory(
    name: str, offload: str, styled_before: bool, tmp_path: Path, pictures: tuple[str, str]
) -> None:
    model, fields = _loaded(name, tmp_path)
    fields["style_image"] = pictures[0]
    plain = _pixels(model, prompt=fields.get("prompt", "red brick"))
    styled = _pixels(model, **fields)
    if not styled_before:
        _pixels(model)
    ways = memory_plan.plans(model._memory.model, model._demand(small_request()), device="cpu", precision=FLOAT32)
    wanted = next(plan for plan in ways if plan.offload == offload and not plan.quantization)
    assert model._went_over(wanted, Notes())
    model._memory._failed.append((0, wanted.rank - 1))
    for fields_now, before in ((fields, styled), ({"prompt": fields.get("prompt", "red brick")}, plain)) * 2:
        image = next(model.generate(small_request(**fields_now), Notes()))
        assert image.details["memory"]["offload"] == offload
        assert np.abs(image.maps["image"].astype(int) - before).max() <= 1


@pytest.mark.parametrize("name", ["sdxl", "flux"])
def test_in_half_the_precision(name: str, tmp_path: Path, pictures: tuple[str, str]) -> None:
    model, fields = _loaded(name, tmp_path)
    fields["style_image"] = pictures[0]
    full = _pixels(model, **fields)
    plan = MemoryPlan(precision=BFLOAT16, rank=2)
    assert model._went_over(plan, Notes())
    model._memory._failed.append((0, 1))
    image = next(model.generate(small_request(**fields), Notes()))
    assert image.details["memory"]["precision"] == BFLOAT16
    assert np.abs(image.maps["image"].astype(int) - full).mean() < 12.0
    network = getattr(model._pipeline, "unet", None) or model._pipeline.transformer
    assert {tensor.dtype for tensor in network.parameters()} == {torch.bfloat16}


@pytest.mark.usefixtures("as_on_a_card")
def test_in_eight_bits(tmp_path: Path, pictures: tuple[str, str]) -> None:
    model, fields = _loaded("flux", tmp_path)
    full = _pixels(model, **fields, style_image=pictures[0])
    ways = memory_plan.plans(model._memory.model, model._demand(small_request()), device="cpu", precision=FLOAT32)
    wanted = next(plan for plan in ways if plan.quantization == FLOAT8)
    assert model._went_over(wanted, Notes())
    model._memory._failed.append((0, wanted.rank - 1))
    drawn = _pixels(model, **fields, style_image=pictures[0])
    assert 0.0 < np.abs(drawn - full).mean() < 12.0
    # The adapter itself keeps its precision.
    loaded = model._style._loaded  # type: ignore[union-attr]
    assert {t.dtype for item in loaded.processors.values() for t in item.parameters()} == {torch.float32}  # type: ignore[union-attr]


@pytest.mark.parametrize("point", ["_encoder", "_state"])
def test_memory_that_runs_out_meanwhile(
    point: str, tmp_path: Path, pictures: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, fields = _loaded("stable-diffusion", tmp_path)
    wanted = _pixels(model, **fields, style_image=pictures[0])
    plain, before = _pixels(model), _state(model)
    model._style._loaded = None  # type: ignore[union-attr]
    real: Callable[..., Any] = getattr(engine_style, point)
    left = [1]

    def short(*args: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(*args)

    monkeypatch.setattr(engine_style, point, short)
    notes = Notes()
    image = next(model.generate(small_request(**fields, style_image=pictures[0]), notes))
    assert set(notes.warnings) == {"memory_leaner"} and not left[0]
    assert np.abs(image.maps["image"].astype(int) - wanted).max() <= 1
    assert np.abs(_pixels(model) - plain).max() <= 1 and _state(model)[0] == before[0]
