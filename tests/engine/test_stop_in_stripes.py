# SPDX-License-Identifier: GPL-3.0-or-later
"""A job that is cancelled while a picture is encoded or decoded in stripes ends between two of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import tiny_families
import torch
from test_diffusers_folder import Notes
from texloom.engine import memory_keeper, memory_plan
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.striped_decoding import striped
from texloom.errors import CancelledError
from tiny_loaded import small_request

pytestmark = pytest.mark.usefixtures("unrepaired")


class _Bell:
    """Asks for an end when it is asked for the ``last`` time."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        if self.count == self.last:
            raise CancelledError


@pytest.mark.parametrize("way", ["encode", "decode"])
def test_between_two_stripes(way: str, stable_diffusion: Path) -> None:
    vae = diffusers.AutoencoderKL.from_pretrained(stable_diffusion / "vae").eval()
    given = torch.randn(1, 3 if way == "encode" else 4, 32, 32, generator=torch.Generator().manual_seed(1))
    code: Callable[..., Any] = getattr(vae, way)

    def coded() -> torch.Tensor:
        found = code(given, return_dict=False)[0]
        return found.mode() if way == "encode" else found

    with torch.inference_mode():
        plain, every = coded(), _Bell(-1)
        with striped(vae, True, True, stripe_bytes=20_000, check=every):
            coded()
        assert every.count > 20
        for last in (1, every.count // 2, every.count):
            bell, before = _Bell(last), given.clone()
            with pytest.raises(CancelledError), striped(vae, True, True, stripe_bytes=20_000, check=bell):
                coded()
            assert bell.count == last and torch.equal(given, before)
            # As if nothing had been.
            assert torch.equal(coded(), plain)
    assert "forward" not in vae.decoder.__dict__ and "forward" not in vae.encoder.__dict__


def _beneath(function: str) -> bool:
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == function:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


class _Impatient(Notes):
    """Cancels as soon as it is asked from within stripes."""

    def check_cancelled(self) -> None:
        if _beneath("_upsampled"):
            raise CancelledError


def test_a_job_ends_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_keeper, "LEAST_STRIPED", 0)
    monkeypatch.setattr(memory_plan, "_LEANER", 1e9)
    model = DiffusersFolderGenerator(tiny_families.save("stable-diffusion", tmp_path / "model"))
    model.load(Notes())
    plan = next(p for p in model._memory.plans(model._demand(small_request()), "cpu") if p.striped)
    model._memory._failed.append((0, plan.rank - 1))  # or it would go back to the plan before
    assert model._went_over(plan, Notes())
    before = next(model.generate(small_request(), Notes())).maps["image"]
    notes = _Impatient()
    with pytest.raises(CancelledError):
        next(model.generate(small_request(), notes))
    assert notes.warnings == {} and model._memory.plan is not None and model._memory.plan.striped
    again = next(model.generate(small_request(), Notes()))
    assert np.array_equal(again.maps["image"], before)
