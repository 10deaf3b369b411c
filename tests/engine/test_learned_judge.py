# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of drawn materials: the statistics that it sees, what it learns from them, its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from texloom.engine.head import COLOR_MEAN, COLOR_SCALE
from texloom.engine.learned_channels import Surface, to_channels
from texloom.engine.procedural.color import hex_to_lab, parse_hex
from texloom.engine.procedural.weathering import ATTRIBUTES
from texloom.errors import ModelInvalidError
from texloom.training import asked, corpus
from texloom.training.learned_judge import (
    SIDE,
    Judge,
    Targets,
    Verdict,
    balance,
    judge_all,
    load_judge,
    save_judge,
    targets_of,
    train_judge,
)
from texloom.training.texture_statistics import PARTS, palette, texture_statistics
from texloom.training.tiles import Tiles


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Tiles:
    """Some materials of every family, small."""
    folder = tmp_path_factory.mktemp("tiles")
    arguments = ["--count", "240", "--size", "64", "--blends", "0", "--shard", "240", "--processes", "1"]
    assert corpus.main([*arguments, "--out", str(folder)]) == 0
    return Tiles(folder)


@pytest.fixture(scope="module")
def judge(tiles: Tiles) -> Judge:
    return train_judge(tiles, steps=150, batch=64)


class TestStatistics:
    @pytest.mark.parametrize(
        "moved",
        [
            lambda tile: tile.roll((13, 40), (-2, -1)),
            lambda tile: tile.flip(-1),
            lambda tile: tile.transpose(-2, -1),
            lambda tile: tile.rot90(1, (-2, -1)),
        ],
        ids=["moved", "mirrored", "transposed", "turned"],
    )
    def test_it_does_not_matter_where_things_lie(self, tiles: Tiles, moved: object) -> None:
        assert callable(moved)
        tile = tiles.whole([3, 50, 90])
        here, there, others = (
            texture_statistics(tile),
            texture_statistics(moved(tile)),
            texture_statistics(tile.flip(0)),
        )
        assert here.isfinite().all()
        # Shrunk bands are sampled elsewhere, which changes their maxima's neighbourhood a little and nothing else.
        assert float((here - there).abs().mean()) < 0.02 * float((here - others)[[0, 2]].abs().mean())

    def test_what_is_flat_has_numbers_too(self) -> None:
        assert texture_statistics(torch.zeros(1, 6, 32, 32)).isfinite().all()
        assert palette(torch.zeros(1, 6, 32, 32)).isfinite().all()

    def test_grain_is_told_from_lines_of_the_same_values(self) -> None:
        torch.manual_seed(0)
        grain = torch.zeros(1, 6, 64, 64)
        grain[:, 0] = torch.randn(64, 64)
        lines = torch.zeros(1, 6, 64, 64)
        lines[:, 0] = grain[:, 0].flatten().sort().values.view(64, 64)[torch.randperm(64)]
        one, two = texture_statistics(grain), texture_statistics(lines)
        assert int(((one - two).abs() > 0.5).sum()) > 20


class TestPalette:
    def test_parts_are_found_with_their_shares(self) -> None:
        joints, bricks = "#d8d4c8", "#8c3b2a"
        color = torch.tensor(parse_hex(bricks)).view(3, 1, 1).repeat(1, 64, 64)
        color[:, ::4] = torch.tensor(parse_hex(joints)).view(3, 1, 1)
        height = torch.full((64, 64), 0.4)
        height[::4] = -1.2
        flat = torch.full((1, 1, 64, 64), 0.5)
        surface = Surface(base_color=color[None], height=height[None, None], roughness=flat, metallic=flat * 0.0)
        found = palette(to_channels(surface))[0]
        assert found.shape[0] == PARTS and float(found[:, 0].sum()) == pytest.approx(1.0)
        first, second = found[found[:, 0] > 0.1]
        assert (float(first[0]), float(second[0])) == pytest.approx((0.75, 0.25))
        for part, wanted in ((first, bricks), (second, joints)):
            lab = part[1:4].numpy() * np.array(COLOR_SCALE) + np.array(COLOR_MEAN)
            assert lab == pytest.approx(np.array(hex_to_lab(wanted)), abs=0.01)
        assert float(first[4]) > 0.0 > float(second[4])


class TestJudge:
    def test_it_recognizes_what_it_has_not_seen(self, tiles: Tiles, judge: Judge) -> None:
        """With three materials of each family to learn from, far more than by chance; colors nearer than guessed."""
        fresh = _fresh(tiles)
        known = [place for place, row in enumerate(fresh.rows) if row["family"] in judge.names]
        truth = targets_of([fresh.rows[place] for place in known], judge.names)
        verdict = judge_all(judge, [fresh.whole(known)])
        names = [judge.names[int(place)] for place in truth.family]
        assert np.mean([one == two for one, two in zip(verdict.family, names, strict=True)]) > 10.0 / len(judge.names)
        with torch.no_grad():
            color = judge(fresh.whole(known))[2]
        colored = truth.colored > 0
        off = (color - truth.color)[colored].abs().mean()
        guessed = (truth.color[colored] - truth.color[colored].mean(0)).abs().mean()
        assert float(off) < 0.6 * float(guessed)

    def test_it_is_kept(self, tiles: Tiles, judge: Judge, tmp_path: Path) -> None:
        save_judge(judge, tmp_path / "judge.safetensors")
        again = load_judge(tmp_path / "judge.safetensors")
        assert again.names == judge.names
        truth = tiles.whole([0, 1])
        with torch.no_grad():
            for one, two in zip(judge(truth), again(truth), strict=True):
                torch.testing.assert_close(one, two)
        (tmp_path / "other.safetensors").write_bytes(b"no")
        with pytest.raises(ModelInvalidError, match="holds no judge"):
            load_judge(tmp_path / "other.safetensors")

    def test_what_it_learned_from_does_not_matter_but_what_that_shows(self, tiles: Tiles, judge: Judge) -> None:
        large = torch.nn.functional.interpolate(tiles.whole([3]), scale_factor=2 * SIDE // 64, mode="nearest")
        half = torch.nn.functional.avg_pool2d(large, 2)
        with torch.no_grad():
            torch.testing.assert_close(judge.features(large), judge.features(half))


def _fresh(tiles: Tiles) -> Tiles:
    """Other materials of the same families, which nobody has learned from."""
    folder = tiles.folder.parent / "fresh"
    if not folder.is_dir():
        arguments = ["--count", "120", "--size", "64", "--blends", "0", "--seed", "99", "--processes", "1"]
        assert corpus.main([*arguments, "--out", str(folder)]) == 0
    return Tiles(folder)


class TestAgreement:
    @pytest.mark.parametrize(
        ("said", "seen", "right"),
        [
            ("#8c3b2a", "#a5483a", True),
            ("#8c3b2a", "#3b6a8c", False),
            # Neither has a basic term of its own.
            ("#2f8f8f", "#2b8a92", True),
            ("#d9c9a8", "#d4c4a4", True),
            ("#d9c9a8", "#3c3c3c", False),
        ],
    )
    def test_a_color_agrees_with_one_of_its_kind(self, said: str, seen: str, right: bool) -> None:
        order = asked.Order(family="bricks", values={}, seed=1)
        text = asked.Asked(text="", families=("bricks",), mentioned={"color": hex_to_lab(said)}, truth=order)
        verdict = Verdict(np.zeros((1, 4)), ["bricks"], [hex_to_lab(seen)], [dict.fromkeys(ATTRIBUTES, 0.0)])
        assert asked.agreement([text], verdict).color == [float(right)]


class TestBalance:
    def test_who_has_an_attribute_counts_as_much_as_who_lacks_it(self) -> None:
        attributes = torch.tensor([[0.9], [0.0], [0.05], [0.0], [0.7]])
        told = torch.tensor([[1.0], [1.0], [1.0], [1.0], [0.0]])
        nothing = torch.zeros(5)
        found = balance(Targets(nothing.long(), torch.zeros(5, 3), nothing, attributes, told))[:, 0]
        torch.testing.assert_close(found, torch.tensor([2.0, 2 / 3, 2 / 3, 2 / 3, 0.0]))

    def test_what_nobody_has_counts_on_one_side_only(self) -> None:
        nothing = torch.zeros(3)
        found = balance(Targets(nothing.long(), torch.zeros(3, 3), nothing, torch.zeros(3, 1), torch.ones(3, 1)))
        torch.testing.assert_close(found, torch.full((3, 1), 0.5))
