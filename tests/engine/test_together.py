# SPDX-License-Identifier: GPL-3.0-or-later
"""Several variations in one call of a pipeline: the same pictures, previews, cancel, and too little memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_families
import torch
from test_diffusers_folder import Notes
from texloom.engine import device as devices
from texloom.engine import memory_keeper
from texloom.engine.context import JobContext
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.memory_plan import Demand, MemoryPlan
from texloom.errors import CancelledError
from texloom.settings import Settings
from tiny_loaded import Models, loaded_once, small_request

pytestmark = pytest.mark.usefixtures("unrepaired")

NAMES = tuple(name for name in tiny_families.NAMES if name != "prx")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return loaded_once(tmp_path_factory.mktemp("together"))


@pytest.fixture(autouse=True)
def batched() -> None:
    """As somebody sets it; on processors it is off otherwise."""
    Settings(batch="on").save()


def _off() -> None:
    Settings(batch="off").save()


class _Calls:
    """How many pictures each step of a model drew at a time."""

    def __init__(self, model: DiffusersFolderGenerator) -> None:
        self.decoded: list[int] = []
        self._handle = model._pipeline.vae.decoder.register_forward_pre_hook(
            lambda _module, args: self.decoded.append(len(args[0]))
        )

    def remove(self) -> None:
        self._handle.remove()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_pictures(name: str, models: Models) -> None:
    model = models(name)
    job = small_request(count=3, seed=11, steps=3)
    calls = _Calls(model)
    together = list(model.generate(job, Notes()))
    calls.remove()
    _off()
    alone = list(model.generate(job, Notes()))
    assert [image.details.get("together") for image in together] == [3, 3, 3]
    assert all("together" not in image.details for image in alone)
    # Decoding takes no more memory than for one.
    assert set(calls.decoded) == {1}
    assert [(image.index, image.seed) for image in together] == [(image.index, image.seed) for image in alone]
    for one, other in zip(together, alone, strict=True):
        apart = np.abs(one.maps["image"].astype(int) - other.maps["image"])
        assert apart.max() <= 2 and apart.mean() < 0.2, (apart.max(), apart.mean())
    assert not np.array_equal(together[0].maps["image"], together[1].maps["image"])


@pytest.mark.parametrize("name", ["stable-diffusion", "flux", "z-image"])
def test_previews_and_progress_of_each(name: str, models: Models) -> None:
    notes = Notes()
    images = list(models(name).generate(small_request(count=2, steps=4, preview_interval=2), notes))
    assert [(index, step) for index, step, _ in notes.previews] == [(0, 2), (1, 2)]
    # As much is done as if the first were ready after two of the four steps.
    assert notes.steps == [(0, 0, 4), (0, 2, 4), (1, 0, 4), (1, 2, 4), (1, 4, 4), (1, 4, 4)]
    for (_, _, preview), image in zip(notes.previews, images, strict=True):
        others = [np.abs(preview.astype(float) - other.maps["image"]).mean() for other in images]
        assert int(np.argmin(others)) == image.index


def test_the_fraction_of_a_job_grows_evenly(models: Models, tmp_path: Path) -> None:
    import threading

    job = small_request(count=4, steps=5)
    told: list[Any] = []
    context = JobContext(job, "cpu", told.append, threading.Event(), tmp_path, loads=False, files=4)
    context._sent_at = -1e9
    fractions = []
    plain = context.progress

    def progress(step: int, steps: int, *, index: int = 0, stage: str = "") -> None:
        plain(step, steps, index=index, stage=stage)
        fractions.append(context._drawn_part)

    context.progress = progress  # type: ignore[method-assign]
    list(models("stable-diffusion").generate(job, context))
    assert fractions[:6] == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])


def test_cancel_in_the_middle(models: Models) -> None:
    model = models("stable-diffusion")
    expected = [image.maps["image"] for image in model.generate(small_request(count=2, steps=4), Notes())]
    notes = Notes()
    seen: list[int] = []

    def progress(step: int, steps: int, *, index: int = 0, stage: str = "") -> None:
        seen.append(step)
        if len(seen) == 3:
            raise CancelledError

    notes.progress = progress  # type: ignore[method-assign]
    with pytest.raises(CancelledError):
        next(model.generate(small_request(count=2, steps=4), notes))
    assert len(seen) == 3
    again = [image.maps["image"] for image in model.generate(small_request(count=2, steps=4), Notes())]
    assert all(np.array_equal(one, other) for one, other in zip(again, expected, strict=True))


class TestHowMany:
    def _counts(self, model: DiffusersFolderGenerator, count: int, notes: Notes | None = None) -> list[int]:
        images = list(model.generate(small_request(count=count), notes or Notes()))
        assert [image.index for image in images] == list(range(count))
        return [image.details.get("together", 1) for image in images]

    def test_not_on_a_processor_by_itself(self, models: Models) -> None:
        Settings().save()
        assert self._counts(models("stable-diffusion"), 2) == [1, 1]

    def test_on_a_card_by_itself(self, models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
        model = models("stable-diffusion")
        demand = model._demand(small_request())
        monkeypatch.setattr(devices, "free_memory", lambda device: 10**12)
        monkeypatch.setattr(model._memory, "resident", lambda: 0)
        for text, count in (("", 5), ("on", 5), ("off", 1)):
            Settings(batch=text).save()
            notes = Notes()
            notes.device = "cuda"
            monkeypatch.setattr(model._memory, "plans", lambda demand, device: (model._memory.plan,))
            assert model._memory.together(demand, 5, notes) == count

    def test_up_to_a_limit(self, models: Models) -> None:
        most = memory_keeper.MOST_TOGETHER
        assert self._counts(models("stable-diffusion"), most + 2) == [most] * most + [2, 2]

    @pytest.fixture
    def large(self, models: Models, monkeypatch: pytest.MonkeyPatch) -> DiffusersFolderGenerator:
        """A model of which a picture takes a gigabyte; of tiny ones the decoder takes most."""
        model = models("stable-diffusion")
        plain = model._memory.plans

        def plans(demand: Demand, device: str) -> tuple[MemoryPlan, ...]:
            own = demand.batch // 2  # guidance doubles them
            return tuple(replace(plan, text=0, decoding=0, drawing=own * 10**9) for plan in plain(demand, device))

        monkeypatch.setattr(model._memory, "plans", plans)
        monkeypatch.setattr(model._memory, "resident", lambda: 0)
        return model

    def test_as_many_as_fit(self, large: DiffusersFolderGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
        for room, counts in ((3.3, [3, 3, 3, 2, 2]), (2.2, [2, 2, 2, 2, 1]), (0.1, [1] * 5)):
            # A part of what is free is left alone.
            monkeypatch.setattr(devices, "free_memory", lambda device, room=room: round(room * 1e9))
            assert self._counts(large, 5) == counts
        monkeypatch.setattr(devices, "free_memory", lambda device: None)
        assert self._counts(large, 3) == [1, 1, 1]

    def test_the_forecast_is_of_so_many(self, large: DiffusersFolderGenerator) -> None:
        for count in (3, 1):
            images = large.generate(small_request(count=count), Notes())
            assert {image.details["memory"]["forecast_bytes"] for image in images} == {count * 10**9}

    def test_not_by_a_pipeline_that_cannot(self, models: Models) -> None:
        assert self._counts(models("prx"), 2) == [1, 1]

    def test_pictures_to_start_from_are_drawn_over_one_by_one(self, models: Models, tmp_path: Path) -> None:
        from PIL import Image

        Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(tmp_path / "a.png")
        job = small_request(count=2, source=str(tmp_path / "a.png"), strength=0.5)
        images = list(models("stable-diffusion").generate(job, Notes()))
        assert all("together" not in image.details for image in images) and len(images) == 2

    def test_steps_are_not_left_out_for_all_at_once(self, models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
        model = models("flux")
        monkeypatch.setattr(model._speed, "_settings", Settings(step_cache="0.1", batch="on"))
        images = list(model.generate(small_request(count=2, steps=12), Notes()))
        assert all("together" not in image.details and image.details["step_cache"] == 0.1 for image in images)
        assert self._counts(model, 2) == [2, 2]  # of few steps none is left out


@pytest.mark.parametrize("leanest", [False, True])
def test_memory_that_runs_out_makes_them_fewer(leanest: bool, models: Models) -> None:
    """The plan stays, the leanest as well: what one picture takes is there."""
    model = models("stable-diffusion")
    job = small_request(count=4)
    model.unload()
    model.load(Notes())
    if leanest:
        plans = model._memory.plans(model._demand(job), "cpu")
        assert model._went_over(plans[-1], Notes())
    expected = [image.maps["image"] for image in model.generate(job, Notes())]
    plan = model._memory.plan

    def short(_module: Any, args: Any) -> None:
        # Guidance doubles them.
        if len(args[0]) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    handle = model._pipeline.unet.register_forward_pre_hook(short)
    notes = Notes()
    try:
        images = list(model.generate(job, notes))
        assert set(notes.warnings) == {"batch_too_large"}
        assert [image.details["together"] for image in images] == [2, 2, 2, 2]
        assert model._memory.plan is not None and plan is not None and model._memory.plan.rank == plan.rank
        # It is known from then on.
        notes = Notes()
        assert [image.details["together"] for image in model.generate(job, notes)] == [2, 2, 2, 2]
        assert notes.warnings == {}
    finally:
        handle.remove()
        model._memory._failed.clear()
    for image, other in zip(images, expected, strict=True):
        assert np.abs(image.maps["image"].astype(int) - other).max() <= 2
