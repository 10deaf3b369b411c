# SPDX-License-Identifier: GPL-3.0-or-later
"""Seamless pictures: what is cut, what stays, what is blended, on pictures made here."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from texloom.engine import even_light
from texloom.engine.image_cut import blend, cheapest_path, error
from texloom.engine.image_seams import find_parts, join, look_of, refine, tiles
from texloom.engine.procedural.draw import draw
from texloom.engine.procedural.family import families
from texloom.engine.resample import Span, resample
from texloom.engine.seamless import seam_ratio

Picture = NDArray[np.uint8]


@cache
def drawn(name: str, side: int = 512, seed: int = 3) -> Picture:
    """A tile of a family, which repeats exactly."""
    family = families()[name]
    values = family.sample(np.random.default_rng(seed), {})
    picture = draw(name, values, width=side, height=side, width_m=family.tile_width_m, seed=seed, supersample=False)
    return np.ascontiguousarray(picture.base_color.permute(1, 2, 0).numpy())


def crop(picture: Picture) -> Picture:
    """A part that does not repeat."""
    return np.ascontiguousarray(picture[20:451, 30:470])


def noise(side: int = 384, seed: int = 1) -> Picture:
    rng = np.random.default_rng(seed)
    return np.clip(128 + rng.normal(0, 25, (side, side, 3)), 0, 255).astype(np.uint8)


def lit(picture: Picture, right: float = 0.45) -> Picture:
    """As from a window on the left."""
    fall = np.linspace(1.0, right, picture.shape[1])[None, :, None]
    return (picture * fall + 0.5).astype(np.uint8)


def grid(rows: int, columns: int, period_x: int, period_y: int) -> Picture:
    """Tiles in light mortar with fine grain: only a whole number of them repeats."""
    rng = np.random.default_rng(5)
    picture = np.full((rows, columns, 3), (150, 90, 70), np.float64)
    picture[np.arange(rows) % period_y < 4] = 200
    picture[:, np.arange(columns) % period_x < 4] = 200
    return np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


def seamless(picture: Picture, *, x: bool = True, y: bool = True) -> tuple[Picture, tuple[int, int], tuple[int, int]]:
    """Made to repeat; with start and overlap of the part, each across and down."""
    height, width = picture.shape[:2]
    across, down = find_parts(look_of(picture), width, height, make_x=x, make_y=y, keep_x=False, keep_y=False)
    across, down = refine(picture, across, 1), refine(picture, down, 0)
    part = picture[
        down.start : down.start + down.length + down.overlap,
        across.start : across.start + across.length + across.overlap,
    ]
    if across.overlap:
        part = join(part, across.overlap, 1, wraps=False)
    if down.overlap:
        part = join(part, down.overlap, 0, wraps=x)
    return part, (across.start, down.start), (across.overlap, down.overlap)


def rank(picture: Picture, axis: int) -> float:
    """The part of the lines inside that differ more from the next one than both ends do."""
    steps = np.abs(np.diff(picture.astype(np.float64), axis=axis)).mean((1 - axis, 2))
    ends = np.abs(picture.take(0, axis).astype(np.float64) - picture.take(-1, axis)).mean()
    return float((steps > ends).mean())


@pytest.mark.parametrize("name", ["granite", "gravel", "cobblestone", "sand", "concrete", "terrazzo", "grass"])
def test_the_seam_is_like_any_other_line(name: str) -> None:
    picture = crop(drawn(name))
    made, _, _ = seamless(picture)
    for axis in (0, 1):
        assert 0.75 < seam_ratio(made, axis) < 1.3, (name, axis)
        assert 0.01 < rank(made, axis) < 0.999, (name, axis)


def test_seam_ratios_are_one_on_average() -> None:
    before, after = [], []
    for name in ("granite", "gravel", "cobblestone", "sand", "concrete", "terrazzo", "carpet", "asphalt"):
        picture = crop(drawn(name, seed=8))
        made, _, _ = seamless(picture)
        before += [seam_ratio(picture, axis) for axis in (0, 1)]
        after += [seam_ratio(made, axis) for axis in (0, 1)]
    assert np.mean(before) > 2.0
    assert 0.9 < np.mean(after) < 1.1


def test_one_way_only() -> None:
    picture = crop(drawn("granite"))
    made, _, overlap = seamless(picture, y=False)
    assert overlap[1] == 0 and 0.7 < seam_ratio(made, 1) < 1.3 and seam_ratio(made, 0) > 2.0


def test_what_is_away_from_the_seam_stays_to_the_bit() -> None:
    picture = crop(drawn("cobblestone"))
    made, start, overlap = seamless(picture)
    inside = made[overlap[1] :, overlap[0] :]
    rows, columns = made.shape[:2]
    same = picture[start[1] + overlap[1] : start[1] + rows, start[0] + overlap[0] : start[0] + columns]
    assert (inside == same).all() and inside.size > 0.6 * made.size
    # Even of the part laid over, most is one of both pictures as it was.
    band, right = made[overlap[1] :, : overlap[0]], picture[:, start[0] + columns :][:, : overlap[0]]
    first = (band == right[start[1] + overlap[1] : start[1] + rows]).all(-1)
    second = (band == picture[start[1] + overlap[1] : start[1] + rows, start[0] : start[0] + overlap[0]]).all(-1)
    assert first[:, 0].all() and second[:, -1].all() and (first | second).mean() > 0.3


def test_regular_patterns_keep_their_measure() -> None:
    # 460 / 84 and 420 / 62: five and a half, six and three quarters.
    made, _, _ = seamless(grid(420, 460, 84, 62))
    assert made.shape[1] % 84 == 0 and made.shape[0] % 62 == 0
    mortar = made.mean(-1) > 150
    gaps = np.diff(np.flatnonzero(mortar.mean(0) > 0.6))
    assert set(gaps.tolist()) <= {1, 81}


def test_contrast_is_kept_where_unlike_things_are_blended() -> None:
    rng = np.random.default_rng(2)
    smooth = torch.randn(2, 1, 512, 256, generator=torch.Generator().manual_seed(4))
    kernel = torch.ones(1, 1, 9, 9) / 81
    field = torch.nn.functional.conv2d(smooth, kernel, padding=4)[:, 0].numpy()
    first, second = (np.clip(128 + 300 * item, 0, 255).astype(np.uint8)[..., None].repeat(3, 2) for item in field)
    path = np.full(512, 128) + np.cumsum(rng.integers(-1, 2, 512)).clip(-20, 20)
    made = blend(first, second, path, wraps=False)
    inside = slice(120, 136)
    usual = 0.5 * (first[:, inside].std() + second[:, inside].std())
    assert made[:, inside].std() == pytest.approx(usual, rel=0.12)
    half = (first[:, inside] / 2 + second[:, inside] / 2).std()
    assert half < 0.8 * usual  # what a plain mixture would have left
    assert made.mean() == pytest.approx(0.5 * (first.mean() + second.mean()), abs=3)


def test_blending_a_picture_with_itself_changes_nothing() -> None:
    picture = drawn("gravel", 128)
    made = blend(picture, picture, np.full(128, 60), wraps=True)
    assert int(np.abs(made.astype(int) - picture).max()) <= 1


class TestCut:
    def test_the_path_takes_the_valley(self) -> None:
        cost = np.full((80, 40), 9.0, np.float32)
        valley = (20 + 10 * np.sin(np.arange(80) / 12)).round().astype(int)
        cost[np.arange(80), valley] = 0.0
        assert (cheapest_path(cost, closed=False) == valley).all()

    @pytest.mark.parametrize("seed", range(5))
    def test_a_ring_meets_itself_and_costs_little_more(self, seed: int) -> None:
        cost = np.random.default_rng(seed).random((300, 60)).astype(np.float32)
        ring, line = cheapest_path(cost, closed=True), cheapest_path(cost, closed=False)
        assert np.abs(np.diff(np.append(ring, ring[0]))).max() <= 1
        totals = [float(cost[np.arange(300), path].sum()) for path in (ring, line)]
        assert totals[1] <= totals[0] < 1.05 * totals[1]

    def test_the_best_line_of_a_small_field(self) -> None:
        cost = np.random.default_rng(3).random((6, 4)).astype(np.float32)
        every = [path for path in np.ndindex(*(4,) * 6) if all(abs(a - b) <= 1 for a, b in pairwise(path))]
        best = min(sum(float(cost[row, column]) for row, column in enumerate(path)) for path in every)
        found = cheapest_path(cost, closed=False)
        assert float(cost[np.arange(6), found].sum()) == pytest.approx(best)

    def test_cost_wraps_only_where_the_picture_does(self) -> None:
        first, second = np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9, 3), np.uint8)
        second[0, 4] = 200
        assert error(first, second, wraps=True)[-1, 4] > 0
        assert error(first, second, wraps=False)[-1, 4] == 0


class TestTiles:
    @pytest.mark.parametrize("name", ["granite", "gravel", "cobblestone", "sand", "moss", "parquet", "concrete"])
    def test_tells_a_tile_from_a_part_of_it(self, name: str) -> None:
        picture = np.roll(drawn(name), (97, 211), (0, 1))
        assert tiles(picture, 0) and tiles(picture, 1)
        assert not (tiles(crop(picture), 0) and tiles(crop(picture), 1))

    def test_of_one_color(self) -> None:
        assert tiles(np.full((64, 64, 3), 90, np.uint8), 0)

    def test_few_strong_lines_do_not_hide_a_seam(self) -> None:
        rng = np.random.default_rng(1)
        picture = np.clip(90 + rng.normal(0, 2, (256, 248, 3)), 0, 255).astype(np.uint8)
        picture[:, 16::32] = 255
        assert tiles(picture[:, :224], 1)
        picture[:, 112:] += 8
        # The mean is that of the strong lines, next to which the step at the ends looks like nothing.
        assert seam_ratio(picture[:, :224], 1) < 1.0 and not tiles(picture[:, :224], 1)


class TestLight:
    def test_is_found_and_taken_away(self) -> None:
        flat = noise()
        bent = lit(flat, 0.4)
        small = torch.from_numpy(bent.reshape(64, 6, 64, 6, 3).mean((1, 3))).permute(2, 0, 1).float() / 255
        light = even_light.measure(small)
        assert light.uneven
        places = (torch.arange(384) + 0.5) / 192 - 1
        span = Span(start=0.0, step=1.0, count=384)
        made = resample(bent, span, span, gain=lambda begin, end: light.gain(places, places[begin:end]))
        means = made.mean((0, 2)).reshape(6, 64).mean(1)
        assert means.max() / means.min() < 1.05 < 1.8 < bent[:, :64].mean() / bent[:, -64:].mean()

    def test_even_light_and_what_tiles_are_left_alone(self) -> None:
        small = torch.from_numpy(noise(64)).permute(2, 0, 1).float() / 255
        assert not even_light.measure(small).uneven
        bent = torch.from_numpy(lit(noise(64))).permute(2, 0, 1).float() / 255
        assert even_light.measure(bent).uneven
        assert not even_light.measure(bent, tiles_x=True).uneven
        assert even_light.measure(bent, tiles_y=True).uneven

    def test_a_stain_is_no_light(self) -> None:
        stained = noise(64)
        stained[10:22, 36:50] //= 3
        small = torch.from_numpy(stained).permute(2, 0, 1).float() / 255
        light = even_light.measure(small)
        assert light.deviation < 0.06


class TestResample:
    def test_its_own_pixels_come_out_as_they_are(self) -> None:
        picture = np.random.default_rng(1).integers(0, 256, (40, 50, 4), np.uint8)
        picture[..., 3] = 255
        made = resample(picture, Span(start=7.0, step=1.0, count=30), Span(start=3.0, step=1.0, count=20))
        assert (made == picture[3:23, 7:37]).all()

    def test_light_adds_up_in_linear_values(self) -> None:
        picture = np.zeros((64, 64, 3), np.uint8)
        picture[::2] = 255
        half = Span(start=0.0, step=2.0, count=32)
        assert abs(int(resample(picture, half, half)[16, 16, 0]) - 188) <= 1
        assert abs(int(resample(picture, half, half, color=False)[16, 16, 0]) - 128) <= 1

    def test_what_repeats_goes_on_repeating(self) -> None:
        picture = drawn("granite", 384)
        span = Span(start=0.0, step=1.5, count=256, wrap=True)
        made = resample(picture, span, span)
        rolled = resample(np.roll(picture, (3, -6), (0, 1)), span, span)
        assert (np.roll(made, (2, -4), (0, 1)) == rolled).all()

    def test_transparent_places_lend_no_color(self) -> None:
        picture = np.zeros((32, 32, 4), np.uint8)
        picture[:, :16] = (0, 255, 0, 0)
        picture[:, 16:] = (200, 40, 40, 255)
        half = Span(start=0.0, step=2.0, count=16)
        made = resample(picture, half, half)
        seen = made[made[..., 3] > 20]
        assert len(seen) and (seen[:, 0] > 190).all() and (seen[:, 1] < 60).all()
