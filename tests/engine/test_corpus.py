# SPDX-License-Identifier: GPL-3.0-or-later
"""The corpus for learned models: captioned, repeatable, resumable."""

from __future__ import annotations

import itertools
import json
import operator
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from texloom.engine.procedural.family import families
from texloom.engine.two_materials import find
from texloom.errors import TexloomError
from texloom.training import corpus
from texloom.training.blended import blended
from texloom.training.captions import Grammar, reserved_text
from texloom.training.parallel import MORE, OutOfTimeError, at_most, spread


def test_a_sample_depends_on_seed_and_number_alone() -> None:
    first, again, other = (corpus.sample(number, size=32, seed=4) for number in (7, 7, 8))
    assert first.caption == again.caption and torch.equal(first.maps.base_color, again.maps.base_color)
    assert other.caption != first.caption and first.family in families() and first.width_m > 0


def test_shards_are_whole_and_a_run_goes_on(tmp_path: Path) -> None:
    words = ["--count", "5", "--shard", "2", "--size", "32", "--out", str(tmp_path)]
    assert corpus.main(words) == 0
    rows = [json.loads(line) for path in sorted(tmp_path.glob("*.jsonl")) for line in path.read_text().splitlines()]
    assert len(rows) == 5 and all(row["caption"] and row["parameters"] for row in rows)
    maps = load_file(tmp_path / "000001.safetensors")
    assert maps["base_color"].shape == (2, 3, 32, 32) and maps["height"].dtype == torch.float32
    before = (tmp_path / "000000.safetensors").stat().st_mtime_ns
    (tmp_path / "000002.jsonl").unlink()
    assert corpus.main(words) == 0
    assert (tmp_path / "000000.safetensors").stat().st_mtime_ns == before and (tmp_path / "000002.jsonl").is_file()


def test_a_part_of_the_samples_is_two_materials_at_once(tmp_path: Path) -> None:
    words = ["--count", "6", "--shard", "6", "--size", "32", "--blends", "1", "--out", str(tmp_path)]
    assert corpus.main(words) == 0
    rows = [json.loads(line) for line in (tmp_path / "000000.jsonl").read_text().splitlines()]
    for row in rows:
        second = row["second"]
        found = find(row["caption"])
        assert found is not None
        assert (found.first, found.second, found.mode) == (row["family"], second["family"], second["mode"])
        assert set(second["parameters"]) == {item.name for item in families()[second["family"]].all_parameters()}
    alone, mixed = (list(corpus.samples(0, 60, size=8, blends=part)) for part in (0.0, 0.3))
    pairs = [both for both in zip(alone, mixed, strict=True) if both[1].second is None]
    assert 30 <= len(pairs) <= 54
    assert all(one.caption == other.caption for one, other in pairs)


def test_captions_of_two_materials_are_of_all_kinds() -> None:
    grammar = Grammar(families())
    rng = np.random.default_rng(1)
    made = [blended(grammar, rng) for _ in range(60)]
    assert {blend.second.mode for blend in made} == {"matter", "print", "cover"}
    assert len({(blend.first, blend.second.family.name) for blend in made}) > 50
    assert not [blend.text for blend in made if reserved_text(blend.text)]
    assert [blend.values["color"] == blend.second.values["color"] for blend in made] == [
        blend.second.mode != "cover" for blend in made
    ]


def test_several_processes_draw_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--count", "4", "--shard", "2", "--size", "16", "--out"]
    assert corpus.main([*words, str(tmp_path / "one"), "--processes", "1"]) == 0
    monkeypatch.setattr(corpus, "_WORTH", 1)
    assert corpus.main([*words, str(tmp_path / "two"), "--processes", "2"]) == 0
    for name in ("000000", "000001"):
        one, two = (load_file(tmp_path / folder / f"{name}.safetensors") for folder in ("one", "two"))
        assert all(torch.equal(one[key], two[key]) for key in one)
        assert (tmp_path / f"one/{name}.jsonl").read_text() == (tmp_path / f"two/{name}.jsonl").read_text()


def test_a_corpus_stops_in_time_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--count", "5", "--shard", "2", "--size", "16", "--out", str(tmp_path)]
    looks = itertools.count()

    def check(deadline: float | None) -> None:
        # Samples but the last of a shard: the first shard comes to its end, the second does not.
        if deadline is not None and next(looks) == 1:
            raise OutOfTimeError

    monkeypatch.setattr(corpus, "check_time", check)
    assert corpus.main([*words, "--minutes", "1"]) == MORE
    assert [path.name for path in sorted(tmp_path.glob("*.jsonl"))] == ["000000.jsonl"]
    assert corpus.main(words) == 0
    assert len(list(tmp_path.glob("*.jsonl"))) == 3


def test_processes_share_work_until_the_time_is_up() -> None:
    tasks = [(number, 2) for number in range(5)]
    assert dict(spread(operator.mul, tasks, 2)) == {number: 2 * number for number in range(5)}
    for processes in (1, 2):
        with pytest.raises(OutOfTimeError):
            list(spread(operator.mul, tasks, processes, time.time() - 1.0))


def test_a_process_that_dies_is_told_in_plain_words() -> None:
    with pytest.raises(TexloomError, match="fewer processes"):
        list(spread(os._exit, [(9,), (9,)], 2))


def test_windows_waits_for_so_many_processes_only() -> None:
    assert [at_most(count, "nt") for count in (4, 200)] == [4, 61]
    assert at_most(200, "posix") == 200
