# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiles drawn together: in order, to the last bit as if alone, side by side, and nothing goes on after a stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from test_diffusers_folder import Notes
from texloom.engine.instant import InstantGenerator
from texloom.engine.procedural import draw as draw_module
from texloom.engine.procedural.draw import Drawing, Drawn, draw, draw_batch
from texloom.engine.procedural.family import Family, families
from texloom.engine.procedural.parameters import Params
from texloom.engine.procedural.pool import drawing_pool
from texloom.engine.procedural.surface import Surface
from texloom.engine.procedural.tile import Canvas
from texloom.engine.text_encoder import TextEncoder
from texloom.request import GenerationRequest

MAPS = ("base_color", "height", "roughness", "metallic")


def drawing(name: str, seed: int, width: int = 96, height: int = 64) -> Drawing:
    family = families()[name]
    values = family.sample(np.random.default_rng(seed))
    return Drawing(
        family=family, values=values, width=width, height=height, width_m=family.tile_width_m, seed=seed,
        supersample=False,
    )  # fmt: skip


def alone(order: Drawing) -> Drawn:
    return draw(
        order.family, order.values, width=order.width, height=order.height, width_m=order.width_m, seed=order.seed,
        supersample=order.supersample,
    )  # fmt: skip


def same(one: Drawn, other: Drawn) -> bool:
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in MAPS)


def test_a_batch_draws_each_as_if_alone_and_in_order() -> None:
    orders = [drawing(name, seed) for seed, name in enumerate(("bricks", "wood", "bricks", "granite", "snow"))]
    orders[2] = drawing("bricks", 2, width=640, height=1600)  # several bands among tiles of one
    told: list[tuple[int, float]] = []
    results = list(draw_batch(orders, on_progress=lambda index, part: told.append((index, part))))
    assert len(results) == len(orders)
    for order, result in zip(orders, results, strict=True):
        assert result.height.shape == (order.height, order.width)
        assert same(result, alone(order))
    assert told == sorted(told) and [part for _, part in told].count(1.0) == len(orders)
    assert len([index for index, _ in told if index == 2]) > 1


@pytest.mark.parametrize("name", ["carpet", "lava", "rusted_metal", "sand"])
def test_the_number_of_threads_does_not_change_a_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    order = drawing(name, 1, width=1000, height=520)
    results = []
    for workers in (1, 2, 3):
        monkeypatch.setattr(draw_module, "threads", lambda device, workers=workers: workers)
        results.append(alone(order))
    assert same(results[0], results[1]) and same(results[0], results[2])


def test_the_pool_leaves_the_number_of_threads_of_others_as_it_was() -> None:
    before = torch.get_num_threads()
    pool = drawing_pool(3)
    assert {pool.submit(torch.get_num_threads).result() for _ in range(6)} == {1}
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert torch.get_num_threads() == before and later == [before]


class _Slow(Family):
    """A family that tells how many of its bands are in work at a time."""

    def __init__(self) -> None:
        self.inner = families()["snow"]
        self.name = "slow"
        self.running = self.most = self.begun = 0
        self.lock = threading.Lock()

    def draw(self, canvas: Canvas, p: Params) -> Surface:
        with self.lock:
            self.running += 1
            self.begun += 1
            self.most = max(self.most, self.running)
        time.sleep(0.05)
        surface = self.inner.draw(canvas, p)
        with self.lock:
            self.running -= 1
        return surface


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(draw_module, "threads", lambda device: 2)
    yield


def _slow_batch(family: _Slow, count: int) -> list[Drawing]:
    plain = drawing("snow", 1)
    return [
        Drawing(family=family, values=plain.values, width=32, height=32, width_m=1.0, seed=seed, supersample=False)
        for seed in range(count)
    ]


@pytest.mark.usefixtures("two_threads")
def test_small_tiles_are_drawn_side_by_side() -> None:
    family = _Slow()
    assert len(list(draw_batch(_slow_batch(family, 6)))) == 6
    assert family.most == 2


@pytest.mark.usefixtures("two_threads")
def test_tiles_are_begun_only_when_threads_are_free_for_them() -> None:
    family = _Slow()
    results = draw_batch(_slow_batch(family, 40))
    next(results)
    assert family.begun <= 2 * 2
    results.close()
    assert family.running == 0


@pytest.mark.usefixtures("two_threads")
def test_a_stop_from_the_report_ends_all_threads() -> None:
    family = _Slow()

    def stop(index: int, part: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(draw_batch(_slow_batch(family, 40), on_progress=stop))
    begun = family.begun
    assert family.running == 0 and begun <= 2 * 2
    time.sleep(0.2)
    assert family.begun == begun


@pytest.mark.usefixtures("two_threads")
def test_an_error_in_a_thread_comes_up_and_the_next_batch_works() -> None:
    class Broken(_Slow):
        def draw(self, canvas: Canvas, p: Params) -> Surface:
            raise RuntimeError("not enough memory: you tried to allocate 1 byte")

    with pytest.raises(RuntimeError, match="not enough memory"):
        list(draw_batch(_slow_batch(Broken(), 5)))
    assert len(list(draw_batch(_slow_batch(_Slow(), 2)))) == 2


def test_a_draft_is_the_same_material_without_smoothing() -> None:
    model = InstantGenerator(TextEncoder())

    def made(side: int, *, draft: bool) -> np.ndarray:
        order = GenerationRequest(
            prompt="red brick wall", width=side, height=side, seed=7, maps=("base_color",), draft=draft
        )
        (image,) = model.generate(order, Notes())
        return image.maps["base_color"].astype(float)

    # What is smoothed is drawn in twice the size: as a draft of that size, of which four pixels each become one.
    averaged = made(128, draft=True).reshape(64, 2, 64, 2, 3).mean((1, 3))
    assert np.abs(averaged - made(64, draft=False)).mean() < 3.0
    assert np.abs(made(64, draft=True) - made(64, draft=False)).mean() > 5.0
