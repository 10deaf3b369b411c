# SPDX-License-Identifier: GPL-3.0-or-later
"""Models that leave memory: nothing of them is alive afterwards, however they were kept."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_controls
import tiny_families
from test_diffusers_folder import Notes
from texloom.engine import device as devices
from texloom.engine import memory_keeper, memory_plan
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.memory_plan import FLOAT32, GROUPS, TOGETHER, TURNS, Demand
from texloom.errors import CancelledError
from texloom.request import Control
from tiny_loaded import small_request

pytestmark = pytest.mark.usefixtures("unrepaired")

SMALL = Demand(width=64, height=64, decoded_width=64, decoded_height=64, batch=2)


@pytest.fixture(autouse=True)
def nothing_by_itself() -> Iterator[None]:
    """Python's own search for cycles comes when it likes, and would hide what was left."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def as_on_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ways of a graphics card, walked on the processor."""
    monkeypatch.setattr(memory_plan, "_on_processor", lambda precision: memory_plan._on_device(precision, "xpu"))
    monkeypatch.setattr(memory_keeper, "LEAST_STRIPED", 0)
    monkeypatch.setattr(memory_plan, "_LEANER", 1e9)


def _network(generator: DiffusersFolderGenerator) -> Any:
    return getattr(generator._pipeline, "unet", None) or generator._pipeline.transformer


def _kept(generator: DiffusersFolderGenerator, offload: str) -> None:
    """Keep the model that way from now on."""
    plans = memory_plan.plans(generator._memory.model, SMALL, device="cpu", precision=FLOAT32)
    plan = next(plan for plan in plans if plan.offload == offload and not plan.quantization)
    if plan.rank:
        assert generator._went_over(plan, Notes())
        generator._memory._failed = [(0, plan.rank - 1)]


@pytest.mark.usefixtures("as_on_a_card")
@pytest.mark.parametrize("name", ["stable-diffusion", "z-image"])
@pytest.mark.parametrize("offload", [TOGETHER, TURNS, GROUPS])
def test_nothing_is_left(name: str, offload: str, tmp_path: Path) -> None:
    generator = DiffusersFolderGenerator(tiny_families.save(name, tmp_path / name))
    generator.load(Notes())
    _kept(generator, offload)
    assert next(generator.generate(small_request(), Notes())).details["memory"]["offload"] == offload
    parts = [weakref.ref(_network(generator)), weakref.ref(generator._pipeline.text_encoder)]
    pipeline = weakref.ref(generator._pipeline)
    generator.unload()
    assert pipeline() is None and all(part() is None for part in parts)
    assert not generator.loaded and generator._memory.resident() == 0


@pytest.mark.usefixtures("as_on_a_card")
@pytest.mark.parametrize("offload", [TOGETHER, TURNS])
def test_without_a_search_for_cycles(offload: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept together or in turns leaves at once, also where the search comes late."""
    generator = DiffusersFolderGenerator(tiny_families.save("stable-diffusion", tmp_path / "model"))
    generator.load(Notes())
    _kept(generator, offload)
    generator._for_task("inpaint")
    next(generator.generate(small_request(), Notes()))
    network = weakref.ref(_network(generator))
    monkeypatch.setattr(gc, "collect", lambda *generation: 0)
    generator.unload()
    assert network() is None


@pytest.mark.parametrize("offload", [TOGETHER, TURNS])
@pytest.mark.usefixtures("as_on_a_card")
def test_with_networks_beside_it(offload: str, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64), (90, 90, 90)).save(tmp_path / "form.png")
    generator = DiffusersFolderGenerator(tiny_families.save("stable-diffusion", tmp_path / "model"))
    generator.load(Notes())
    _kept(generator, offload)
    path = str(tiny_controls.save("stable-diffusion", tmp_path / "network", 0))
    control = Control(kind="depth", image=str(tmp_path / "form.png"), model=path)
    image = next(generator.generate(small_request(controls=(control,)), Notes()))
    assert image.details["controls"] and image.details["memory"]["offload"] == offload
    assert generator._controls is not None
    parts = [weakref.ref(_network(generator)), weakref.ref(generator._controls._module)]
    generator.unload()
    assert [part() for part in parts] == [None, None]


def test_after_a_load_that_ran_out_of_memory(stable_diffusion: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next plan's weights do not lie beside those that were read for the one before."""
    import diffusers

    read: list[weakref.ref[Any]] = []
    alive: list[int] = []
    kind = diffusers.UNet2DConditionModel
    plain = kind.from_pretrained

    def reading(*args: Any, **named: Any) -> Any:
        alive.append(sum(part() is not None for part in read))
        part = plain(*args, **named)
        read.append(weakref.ref(part))
        return part

    place, left = memory_keeper.MemoryKeeper.place, [1]

    def short(self: Any, pipeline: Any, plan: Any, device: str) -> None:
        place(self, pipeline, plan, device)
        if left[0]:
            left[0] -= 1
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

    monkeypatch.setattr(kind, "from_pretrained", reading)
    monkeypatch.setattr(memory_keeper.MemoryKeeper, "place", short)
    generator = DiffusersFolderGenerator(stable_diffusion)
    generator.load(Notes())
    assert generator.loaded and alive == [0, 0]


@pytest.mark.usefixtures("as_on_a_card")
def test_on_the_way_to_a_plan_that_reads_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = DiffusersFolderGenerator(tiny_families.save("stable-diffusion", tmp_path / "model"))
    generator.load(Notes())
    next(generator.generate(small_request(), Notes()))
    _kept(generator, GROUPS)
    next(generator.generate(small_request(), Notes()))
    before = weakref.ref(_network(generator))
    alive: list[bool] = []
    plain = generator._loader.pipeline

    def reading(*args: Any) -> Any:
        alive.append(before() is not None)
        return plain(*args)

    monkeypatch.setattr(generator._loader, "pipeline", reading)
    plans = memory_plan.plans(generator._memory.model, SMALL, device="cpu", precision=FLOAT32)
    assert not generator._memory.can_follow(plans[0])
    assert generator._went_over(plans[0], Notes())
    assert alive == [False] and generator.loaded


def test_after_a_load_that_was_cancelled(stable_diffusion: Path) -> None:
    generator = DiffusersFolderGenerator(stable_diffusion)
    with pytest.raises(CancelledError):
        generator.load(Notes(lambda what: "Moving" in what))
    generator.unload()
    assert not generator.loaded
    generator.load(Notes())
    assert next(generator.generate(small_request(), Notes())).maps["image"].shape == (64, 64, 3)


def test_memory_is_given_back_after_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(gc, "collect", lambda *generation: done.append("search") or 0)  # type: ignore[func-returns-value]
    monkeypatch.setattr(devices, "empty_cache", lambda device: done.append(device))
    devices.give_back("cpu")
    assert done == ["search", "cpu"]
