# SPDX-License-Identifier: GPL-3.0-or-later
"""Measuring the learned model: equal sets, copies, blends, prompts, autoencoders, sheets, the corpus itself."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_learned import NETWORK, VAE
from texloom.engine.procedural.family import families
from texloom.engine.two_materials import find
from texloom.errors import ModelInvalidError
from texloom.training import (
    asked,
    autoencoder,
    corpus_statistics,
    flow,
    learned_autoencoders,
    learned_evaluate,
    learned_sheets,
    true_materials,
)
from texloom.training.captions import Grammar, reserved_text
from texloom.training.evaluate import CHINESE_PROMPTS, load_prompts
from texloom.training.learned_draw import channels_of, drawing, drawn_together
from texloom.training.learned_folder import write_folder
from texloom.training.learned_judge import Verdict, judge_all, train_judge
from texloom.training.learned_look import trained_on
from texloom.training.learned_metrics import endless, frechet, nearest_correlation
from texloom.training.shards import size_of
from texloom.training.spectra import slopes
from texloom.training.statistics import seam_estimate, seam_gradients, seam_ratio
from texloom.training.tiles import Tiles
from tiny_corpus import SIDE


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole one, which draws something different for each text."""
    torch.manual_seed(0)
    network = flow.make_network(config=NETWORK)
    with torch.no_grad():
        for weights in network.parameters():
            if weights.ndim > 1:
                weights.normal_(std=0.3)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_folder(folder, vae=autoencoder.make_autoencoder(VAE), network=network)
    return folder


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return Grammar(families())


class TestDistances:
    def test_the_number_of_samples_does_not_decide_how_far_sets_are(self) -> None:
        """Sets of one kind lie apart by their size alone; drawn on to endlessly many, they do not."""
        rng = np.random.default_rng(0)
        few, many = (rng.normal(size=(2, count, 16)) for count in (60, 600))
        assert frechet(*few) > 5.0 * frechet(*many)
        for sets in (few, many):
            found = endless(*sets)
            assert abs(found.mean) < 0.25 * frechet(*few)
            assert found.low < found.mean < found.high
        assert endless(many[0], many[1] + 1.0).mean == pytest.approx(16.0, rel=0.1)

    def test_a_few_samples_are_no_error(self) -> None:
        rng = np.random.default_rng(0)
        found = endless(rng.normal(size=(4, 128)), rng.normal(size=(6, 128)))
        assert math.isfinite(found.low) and math.isfinite(found.high)

    @pytest.mark.parametrize("most", [None, 2])
    def test_a_mirrored_copy_is_found(self, most: int | None) -> None:
        """Training mirrors what it learns from."""
        torch.manual_seed(0)
        known = torch.randn(9, 32, 32)
        copy = known[3].flip(-1).roll((5, 9), (0, 1)) * 0.5 + 2.0
        found = nearest_correlation(torch.stack((copy, torch.randn(32, 32))), known, most=most)
        assert found[0] == pytest.approx(1.0, abs=1e-4)
        assert found[1] < 0.5

    def test_seams_of_many_maps_are_those_of_each(self) -> None:
        rng = np.random.default_rng(0)
        maps = [rng.random((16, 16, 3)) for _ in range(5)]
        found = seam_estimate([seam_gradients(one) for one in maps])
        assert found is not None and found.low < found.mean < found.high
        assert found.mean == pytest.approx(seam_ratio(maps))
        assert seam_estimate([seam_gradients(np.ones((8, 8)))]) is None

    def test_a_grid_is_told_from_a_seam(self) -> None:
        """Blocks of 8 pixels, all borders as rough as the picture's: no seam, though it is rougher than the inside."""
        values = np.kron(np.random.default_rng(0).random((8, 8)), np.ones((8, 8)))
        plain, among = ([seam_gradients(values, period)] * 3 for period in (1, 8))
        rough, even = seam_estimate(plain), seam_estimate(among)
        assert rough is not None and rough.mean > 5.0
        assert even is not None and even.mean == pytest.approx(1.0, abs=0.3)
        assert seam_ratio([values]) == pytest.approx(rough.mean)


class TestAsked:
    def test_the_reference_is_of_other_materials(self, grammar: Grammar) -> None:
        own = asked.captions(grammar, 8)
        other = asked.captions(grammar, 8, asked.REFERENCE_SEED)
        assert all(reserved_text(one.text) for one in (*own, *other))
        assert not {one.truth.seed for one in own} & {one.truth.seed for one in other}
        # The first captions are the same however many there are.
        assert [one.text for one in asked.captions(grammar, 3)] == [one.text for one in own[:3]]

    def test_blends_are_of_two_and_unseen(self, grammar: Grammar) -> None:
        found = asked.blends(grammar, 12)
        assert len(found) == 12
        for one in found:
            named = find(one.text)
            assert named is not None and (named.first, named.second) == one.families
            assert reserved_text(one.text)
            assert one.truth.second is not None

    def test_prompts_of_both_languages_say_what_must_be_seen(self) -> None:
        prompts = asked.of_prompts(load_prompts(), list(families()), 1000)
        assert len(prompts) == len(load_prompts())
        first = prompts[0]
        assert first.families == ("bricks",) and first.mentioned["wear"] == pytest.approx(0.8)
        assert set(first.mentioned) == {"color", "second_color", "wear"}
        assert first.truth.values["color"] == first.mentioned["color"]
        chinese = asked.of_prompts(load_prompts(CHINESE_PROMPTS), list(families()), 20)
        assert len(chinese) == 20
        assert {one.families for one in chinese if one.families != ("bricks",)}
        assert asked.of_prompts(load_prompts(), ["bricks"], 5)[0].families == ("bricks",)

    def test_what_counts_as_seen(self, grammar: Grammar) -> None:
        one = asked.blends(grammar, 1)[0]
        first, second = one.families
        others = ("a", "b", "c")
        orders = [(first, second, *others), (second, "a", first, "b", "c"), ("a", first, "b", "c", "d")]
        verdict = Verdict(np.zeros((3, 1)), [order[0] for order in orders], [], [], list(orders))
        rows = asked.both_seen([one] * 3, verdict)
        assert [round(rows[name].mean) for name in ("both of two", "both of five", "one")] == [33, 67, 67]


class TestTruth:
    def test_it_is_kept_and_the_same_from_processes(
        self, grammar: Grammar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        orders = {"a": [one.truth for one in asked.captions(grammar, 4)], "b": [asked.blends(grammar, 1)[0].truth]}
        monkeypatch.setattr(true_materials, "_WORTH_PROCESSES", 2)
        found = true_materials.true_materials(orders, 64, folder=tmp_path, workers=2)
        assert [len(found[name]) for name in ("a", "b")] == [4, 1]
        alone = true_materials.true_maps(orders["a"][2], 64)
        assert all(np.array_equal(found["a"].maps[name][2].numpy(), alone[name]) for name in alone)
        monkeypatch.setattr(true_materials, "true_maps", None)
        again = true_materials.true_materials(orders, 64, folder=tmp_path)
        assert all(torch.equal(found["a"].maps[name], again["a"].maps[name]) for name in alone)
        assert len(list(tmp_path.iterdir())) == 2

    def test_others_take_their_place(self, grammar: Grammar, tmp_path: Path) -> None:
        first, second = ([one.truth] for one in asked.captions(grammar, 2))
        true_materials.true_materials({"a": first}, 64, folder=tmp_path)
        (before,) = tmp_path.iterdir()
        true_materials.true_materials({"a": second}, 64, folder=tmp_path)
        (after,) = tmp_path.iterdir()
        assert before.name != after.name

    def test_the_corpus_shard_by_shard(self, shards: Path, tmp_path: Path) -> None:
        tiles = Tiles(shards)
        assert size_of(shards) == SIDE
        known = trained_on(shards, "cpu")
        assert known.shape == (len(tiles.split()[0]), 2, 64, 64)
        torch.testing.assert_close(known[45], tiles.whole([tiles.split()[0][45]])[0, [0, 3]], rtol=1e-3, atol=1e-3)
        with pytest.raises(ModelInvalidError, match="holds no corpus"):
            size_of(tmp_path)


class TestDrawing:
    def test_together_as_one_by_one(self, model: Path) -> None:
        generator = drawing(model, device="cpu")
        prompts, seeds = ["red bricks", "a very long text about old green wooden planks", "sand"], [3, 4, 5]
        alone = [channels_of(one) for one in drawn_together(generator, prompts, size=64, seeds=seeds)]
        both = [channels_of(one) for one in drawn_together(generator, prompts, size=64, seeds=seeds, together=2)]
        for one, other in zip(alone, both, strict=True):
            assert float((one - other).abs().mean()) < 0.01
        assert float((alone[0] - alone[1]).abs().mean()) > 0.02


class TestCommands:
    def test_a_stopped_measurement_goes_on(
        self, model: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
    ) -> None:
        arguments = ["--model", str(model), "--corpus", str(shards), "--judge", str(tmp_path / "judge.safetensors")]
        arguments += ["--judge-steps", "2", "--count", "6", "--repeats", "2", "--threads", "1", "--device", "cpu"]
        arguments += ["--out", str(tmp_path / "found.json"), "--truth", str(tmp_path / "truth")]

        def killed(*_: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(learned_evaluate, "both_seen", killed)
            with pytest.raises(KeyboardInterrupt):
                learned_evaluate.main(arguments)
        before = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
        assert before["parts"] == ["captions", "prompts", "chinese"]
        with monkeypatch.context() as patch:
            patch.setattr(learned_evaluate, "nearest", killed)  # not measured again
            assert learned_evaluate.main(arguments) == 0
        found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
        assert found["parts"] == ["captions", "prompts", "chinese", "blends", "diversity"]
        assert found["agreement"] == before["agreement"]
        # As many samples in every row, from as many others.
        for name in ("frechet", "frechet_endless", "kernel"):
            assert {row: value["of"] for row, value in found[name].items()} == {
                "model": 6, "instant": 6, "autoencoder": 6, "truth": 6,
            }  # fmt: skip
        assert set(found["nearest"]) == {"luma", "height", "copies"}
        assert found["blends"]["both of two"]["of"] == found["asked"]["blends"] == 3
        printed = capsys.readouterr().out
        assert printed.startswith("6 held-out captions at 64², 8 steps; distances are of 6 samples")
        for row in ("Fréchet distance", "in Chinese: material agrees", "blends: both", "copies of training samples"):
            assert f"| {row}" in printed
        # Other amounts are another measurement.
        assert learned_evaluate.main([*arguments, "--count", "4"]) == 0
        assert json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["count"] == 4

    def test_autoencoders_are_measured_side_by_side(
        self, model: Path, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        torch.manual_seed(3)
        places = [tmp_path / "one" / "vae", tmp_path / "two" / "vae"]
        for place in places:
            autoencoder.make_autoencoder(VAE).save_pretrained(place)
        arguments = [*map(str, places), str(model), "--corpus", str(shards), "--threads", "1", "--device", "cpu"]
        arguments += ["--judge", str(tmp_path / "judge.safetensors"), "--judge-steps", "2", "--count", "6"]
        arguments += ["--out", str(tmp_path / "found.json")]
        assert learned_autoencoders.main(arguments) == 0
        found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["rows"]
        # Folders of one name do not take each other's place.
        assert set(found) == {*map(str, places), str(model), "true materials"}
        one, two = (found[str(place)] for place in places)
        assert one["errors"]["luma"]["mean"] != two["errors"]["luma"]["mean"]
        assert set(one["errors"]) == {"luma", "blue", "red", "height", "roughness", "metallic"}
        assert {"local", "slope"} <= set(one["spectra"])
        assert one["milliseconds"]["mean"] > 0.0
        assert {row["frechet"]["rebuilt"]["of"] for row in found.values()} == {6}
        printed = capsys.readouterr().out
        assert printed.count("\n| ") == 5 and f"| {places[0]} | 0.0" in printed
        assert learned_autoencoders.main([str(tmp_path), *arguments[3:]]) == 1

    def test_a_blurring_autoencoder_is_told_from_a_true_one(self, shards: Path, grammar: Grammar) -> None:
        class Blur(torch.nn.Module):
            def __init__(self, side: int) -> None:
                super().__init__()
                self.side = side

            def encode(self, batch: torch.Tensor) -> Any:
                return type("Encoded", (), {"latent": batch})

            def decode(self, latent: torch.Tensor) -> Any:
                wide = torch.nn.functional.pad(latent, (self.side // 2,) * 4, mode="circular")
                return type("Decoded", (), {"sample": torch.nn.functional.avg_pool2d(wide, self.side, 1)})

        judge = train_judge(Tiles(shards), steps=2, batch=4)
        texts = asked.captions(grammar, 6)
        true = true_materials.true_materials({"a": [one.truth for one in texts]}, 64)["a"]
        reference = judge_all(judge, true.batches(4)).features
        exact, soft = (learned_autoencoders.measure(Blur(side), texts, true, reference, judge) for side in (1, 5))
        assert exact["errors"]["luma"].mean == pytest.approx(0.0, abs=1e-6)
        assert exact["spectra"]["slope"].mean == pytest.approx(0.0, abs=1e-4)
        assert soft["spectra"]["slope"].mean < -0.3
        assert soft["spectra"]["local"].mean > exact["spectra"]["local"].mean
        assert soft["errors"]["luma"].mean > 0.0


class TestSheet:
    def test_the_list_has_every_family_and_blends(self) -> None:
        prompts = learned_sheets.sheet_prompts()
        assert len(prompts) == len({text for text, _ in prompts}) == 96
        alone = {names[0] for _, names in prompts if len(names) == 1}
        assert alone == set(families())
        pairs = [(text, names) for text, names in prompts if len(names) == 2]
        assert len(pairs) >= 12
        for text, names in pairs:
            named = find(text)
            assert named is not None and {named.first, named.second} == set(names), text

    def test_it_is_the_usual_one(self, model: Path, tmp_path: Path) -> None:
        arguments = ["--model", str(model), "--size", "64", "--count", "2", "--columns", "2", "--threads", "1"]
        seen: list[str] = []
        generate = learned_sheets.samples

        def noted(folder: Path, prompts: Any, **rest: Any) -> Any:
            seen.extend(prompts)
            return generate(folder, prompts, **rest)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(learned_sheets, "samples", noted)
            assert learned_sheets.main([*arguments, "--device", "cpu", "--out", str(tmp_path / "a.png")]) == 0
        assert seen == [text for text, _ in learned_sheets.sheet_prompts()[:2]]


class TestCorpus:
    def test_slopes_are_those_of_the_power_spectrum(self) -> None:
        torch.manual_seed(0)
        waves = torch.fft.fftfreq(256) * 256
        radius = (waves[:, None].square() + waves.square()).sqrt().clamp(min=1.0)
        for wanted in (0.0, -1.0, -2.0, -3.0):
            noise = torch.fft.fft2(torch.randn(4, 256, 256)) * radius ** (wanted / 2)
            found = slopes(torch.fft.ifft2(noise).real)
            assert float(found.mean()) == pytest.approx(wanted, abs=0.2)
        assert bool(slopes(torch.full((1, 64, 64), 0.3)).isnan())

    def test_every_family_is_of_a_kind(self) -> None:
        listed = [name for names in corpus_statistics.KINDS.values() for name in names.split()]
        assert sorted(listed) == sorted(families())

    def test_the_table_stands_beside_photographs(self, shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert corpus_statistics.main(["--corpus", str(shards), "--threads", "1"]) == 0
        printed = capsys.readouterr().out
        rows = [json.loads(line) for path in sorted(shards.glob("*.jsonl")) for line in path.open(encoding="utf-8")]
        single = sum("second" not in row for row in rows)
        assert printed.startswith(f"{single} samples") and f"\n| all | {single} | -" in printed
        assert "Field" in printed and "Tolhurst" in printed
        found = corpus_statistics.gather(shards)
        light, yellow, red = found["all"].spread()
        assert light > yellow > 0.0 and red > 0.0
        assert sum(len(one.means) for name, one in found.items() if name != "all") == single
        limited = corpus_statistics.gather(shards, 1)["all"]
        assert len(limited.means) == len({row["family"] for row in rows if "second" not in row})

    def test_no_corpus(self, tmp_path: Path) -> None:
        assert corpus_statistics.main(["--corpus", str(tmp_path)]) == 1
