# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks for controls beside weights in few bits: they are made smaller where the model's own are, or lead on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import tiny_controls
import tiny_families
from test_diffusers_folder import Notes
from test_smaller_weights import as_on_a_card
from texloom.engine import memory_plan, small_weights
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.memory_estimate import DENOISER
from texloom.engine.memory_plan import FLOAT8, FLOAT32, NF4, TURNS, MemoryPlan
from texloom.request import Control, GenerationRequest
from tiny_loaded import small_request

__all__ = ["as_on_a_card"]  # fixture
pytestmark = pytest.mark.usefixtures("unrepaired")


@pytest.fixture
def request_of(tmp_path: Path) -> GenerationRequest:
    network = tiny_controls.save("stable-diffusion", tmp_path / "network")
    waves = tiny_controls.picture(tmp_path / "waves.png")
    return small_request(controls=(Control("depth", str(waves), 1.0, str(network)),))


@pytest.fixture
def model(tmp_path: Path) -> DiffusersFolderGenerator:
    found = DiffusersFolderGenerator(tiny_families.save("stable-diffusion", tmp_path / "model"))
    found.load(Notes())
    return found


def _four_bits(model: DiffusersFolderGenerator) -> None:
    ways = model._memory.plans(model._demand(small_request()), "cpu")
    plan = next(plan for plan in ways if plan.quantization == NF4)
    model._memory._failed.append((0, plan.rank - 1))
    assert model._went_over(plan, Notes())


def _asked(monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> list[tuple[str, str]]:
    """What is to be made smaller, and on which device; the network for controls raises ``error``."""
    asked: list[tuple[str, str]] = []
    for kind in (diffusers.UNet2DConditionModel, diffusers.ControlNetModel):
        plain = kind.from_pretrained

        def read(
            *args: Any, _plain: Any = plain, _kind: Any = kind, quantization_config: Any = None, **named: Any
        ) -> Any:
            if quantization_config and error is not None and _kind is diffusers.ControlNetModel:
                raise error
            return _plain(*args, **named)

        monkeypatch.setattr(kind, "from_pretrained", read)

    def options(item: Any, plan: MemoryPlan, device: str = "") -> dict[str, Any]:
        if not small_weights.smaller(item, plan) or item.name == "text_encoder":
            return {}
        asked.append((item.name, device))
        return {"quantization_config": plan.quantization}

    monkeypatch.setattr(small_weights, "quantized", options)
    return asked


def test_made_smaller_on_the_device_of_the_job(
    model: DiffusersFolderGenerator, request_of: GenerationRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _asked(monkeypatch)
    before = next(model.generate(request_of, Notes())).maps["image"]
    _four_bits(model)
    image = next(model.generate(request_of, Notes()))
    assert asked == [("unet", "cpu"), ("controlnet", "cpu")]
    assert (image.details["memory"]["quantization"], image.details["memory"]["offload"]) == (NF4, TURNS)
    assert np.abs(image.maps["image"].astype(int) - before).max() <= 1
    # It waits for its turn as the others do.
    network = model._memory._placement._networks["controlnet"]  # type: ignore[union-attr]
    assert hasattr(network, "_hf_hook")


@pytest.mark.parametrize("error", [RuntimeError("no kernel image is available"), ValueError("not supported")])
def test_what_cannot_be_made_smaller_leads_to_the_next_plan(
    error: Exception,
    model: DiffusersFolderGenerator,
    request_of: GenerationRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = next(model.generate(request_of, Notes())).maps["image"].astype(float)
    _asked(monkeypatch, error)
    _four_bits(model)
    notes = Notes()
    image = next(model.generate(request_of, notes))
    assert set(notes.warnings) == {"smaller_weights_unavailable"} and model._memory._refused == {NF4}
    assert image.details["memory"]["quantization"] == FLOAT8
    assert np.abs(image.maps["image"] - before).mean() < 16.0


def test_only_the_file_s_own_weights_are_packed(model: DiffusersFolderGenerator, request_of: GenerationRequest) -> None:
    """Beside a network in few bits, one that is added is counted as it is read: in the plan's precision."""
    assert model._wanted_controls(request_of) is not None
    known = model._memory.model
    drawing = [part for part in known.parts if part.role == DENOISER]
    assert [part.name for part in drawing] == ["unet", "controlnet"]
    packed = replace(known, parts=tuple(replace(p, packed=0.6) if p.name == "unet" else p for p in known.parts))
    demand = model._demand(request_of)
    whole, small = (memory_plan.plans(m, demand, device="cuda", precision=FLOAT32)[0] for m in (known, packed))
    assert packed.packed and not known.packed
    assert whole.weights - small.weights == drawing[0].weights * 4 - round(drawing[0].weights * 0.6)
