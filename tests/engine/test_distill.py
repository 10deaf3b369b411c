# SPDX-License-Identifier: GPL-3.0-or-later
"""Distilling the learned model, at tiny size."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_learned import NETWORK, TRANSFORMER, VAE
from texloom.engine.families import family_of
from texloom.engine.model_folder import read_folder
from texloom.engine.seamless import circular
from texloom.training import autoencoder, corpus, distill, flow, latents, learned_compare
from texloom.training.learned_draw import drawing, drawn
from texloom.training.learned_folder import read_network, write_folder
from texloom.training.parallel import OutOfTimeError
from texloom.training.tiles import Tiles

SIDE = 64


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    arguments = ["--count", "40", "--size", str(SIDE), "--shard", "40", "--blends", "0", "--out", str(folder)]
    assert corpus.main(arguments) == 0
    return folder


@pytest.fixture(scope="module", autouse=True)
def guided() -> Iterator[None]:
    """A teacher that is guided: its copy has to learn that, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distill, "GUIDANCE", 2.0)
        yield


@pytest.fixture(scope="module")
def model(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that training has taken a little way from nothing."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    vae = autoencoder.make_autoencoder(VAE).eval()
    learned = latents.prepare(Tiles(shards), vae, cache=folder / "cache", variants=1, captions=2)
    trainer = flow.Trainer(learned, flow.Options(steps=400, batch=16, rate=3e-3), config=NETWORK)
    for _ in range(200):
        trainer._one()
    write_folder(folder / "model", vae=vae, network=trainer.average.model, layout=learned.layout, training={})
    return folder / "model"


@pytest.fixture(scope="module")
def learned(model: Path, shards: Path) -> latents.Learned:
    vae: Any = distill.read_autoencoder(model / "vae")
    return latents.prepare(Tiles(shards), vae, cache=model.parent / "cache", variants=1, captions=2)


OPTIONS = distill.Options(steps=300, batch=16, pairs=150, rate=1e-3)


@pytest.fixture(scope="module")
def pairs(model: Path, learned: latents.Learned) -> distill.Pairs:
    return distill.make_pairs(read_network(model), learned, OPTIONS, cache=model.parent / "cache")


def test_pairs_are_what_the_model_draws_of_their_noise(
    model: Path, learned: latents.Learned, pairs: distill.Pairs
) -> None:
    assert pairs.noise.shape == pairs.latents.shape == (150, 4, SIDE // 16, SIDE // 16)
    assert min(pairs.texts) > 0
    # Each of its own tile.
    assert all(text in learned.captions[tile] for text, tile in zip(pairs.texts, pairs.shown[:, 0], strict=True))
    network = read_network(model)
    tiles, variants = pairs.shown[130:132].unbind(1)
    text = flow.told(network, learned, pairs.texts[130:132], learned.truth[tiles])
    none, sketch = flow.told(network, learned, [0, 0]), learned.sketches[tiles, variants].float()
    with circular([network]):
        again = distill.carried(network, pairs.noise[130:132], text, none, sketch, steps=distill.STEPS)
    torch.testing.assert_close(again, pairs.latents[130:132], rtol=1e-2, atol=2e-2)


def test_pairs_are_drawn_once(
    model: Path, learned: latents.Learned, pairs: distill.Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distill, "_drawn", lambda *_: pytest.fail("drawn again"))
    network = read_network(model)
    again = distill.make_pairs(network, learned, OPTIONS, cache=model.parent / "cache")
    torch.testing.assert_close(again.latents, pairs.latents)
    assert again.texts == pairs.texts


def test_drawing_stops_in_time_and_goes_on(
    model: Path, learned: latents.Learned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distill, "_drawn", lambda _network, _learned, noise, *_: noise.half())
    options = distill.Options(batch=64, pairs=300)
    network = read_network(model)
    for count in (1, 2):
        with pytest.raises(OutOfTimeError):
            distill.make_pairs(network, learned, options, cache=tmp_path, deadline=0.0)
        assert len(list(tmp_path.rglob("*.safetensors"))) == count
    found = distill.make_pairs(network, learned, options, cache=tmp_path, deadline=0.0)
    assert len(found.texts) == len(found.latents) == 300


def test_the_command_tells_that_its_time_was_up(
    model: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distill, "_SHARD", 2)
    command = ["--model", str(model), "--corpus", str(shards), "--work", str(tmp_path / "work"), "--pairs", "4"]
    command += ["--batch", "2", "--variants", "1", "--captions", "1", "--minutes", "0", "--out", str(tmp_path / "few")]
    assert distill.main(command) == 3
    assert not (tmp_path / "few").exists()


def test_few_steps_come_nearer_to_what_many_make(model: Path, learned: latents.Learned, pairs: distill.Pairs) -> None:
    teacher = read_network(model)
    trainer = distill.Trainer(learned, pairs, OPTIONS, teacher=teacher)
    tiles, variants = pairs.shown.unbind(1)
    text, sketch = flow.told(teacher, learned, pairs.texts, learned.truth[tiles]), learned.sketches[tiles, variants]

    def missed(network: Any) -> float:
        with circular([network]):
            found = distill.carried(network, pairs.noise, text, None, sketch, steps=distill.DISTILLED_STEPS)
        return float((found - pairs.latents).square().mean())

    before = missed(trainer.network.eval())
    for _ in range(120):
        trainer._one()
    assert missed(trainer.network.eval()) < 0.7 * before


def test_moved_noise_leads_to_the_moved_picture(
    model: Path, learned: latents.Learned, pairs: distill.Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = distill.Trainer(learned, pairs, OPTIONS, teacher=read_network(model))
    clean, noise, (states, mask), sketch = trainer._pairs(np.random.default_rng(1), torch.Generator())
    assert sketch is not None
    for one, other, said, marks, seen in zip(clean, noise, states, mask, sketch, strict=True):
        count = int(marks.sum())
        moves = [(down, across) for down in range(SIDE // 16) for across in range(SIDE // 16)]
        found = [
            (index, move)
            for move in moves
            for index in range(150)
            if torch.equal(pairs.noise[index].roll(move, (-2, -1)), other)
        ]
        ((index, move),) = found
        tile, variant = pairs.shown[index]
        own, _ = flow.told(trainer.network, learned, [pairs.texts[index]], learned.truth[tile][None])
        assert torch.equal(own[0, :count], said[:count])
        assert torch.equal(learned.sketches[tile, variant].float().roll(move, (-2, -1)), seen)
        assert torch.equal(pairs.latents[index].roll(move, (-2, -1)), one)


def test_the_command_writes_a_model_of_few_steps(model: Path, shards: Path, tmp_path: Path) -> None:
    command = ["--model", str(model), "--corpus", str(shards), "--work", str(tmp_path / "work"), "--pairs", "20"]
    command += ["--steps", "4", "--batch", "8", "--variants", "1", "--out", str(tmp_path / "few")]
    assert distill.main(command) == 0
    for path in (tmp_path / "few").rglob("config.json"):
        assert str(model) not in path.read_text(encoding="utf-8")  # no path of this machine
    folder = read_folder(tmp_path / "few")
    defaults = family_of(folder).defaults(folder, {})
    assert (defaults.steps, defaults.guidance) == (distill.DISTILLED_STEPS, 1.0)
    (image,) = drawn(drawing(tmp_path / "few"), ["red brick"], size=64, seeds=[1])
    assert image.maps["base_color"].shape == (64, 64, 3)


def test_it_does_not_overwrite_its_teacher(model: Path, shards: Path, tmp_path: Path) -> None:
    command = ["--model", str(model), "--corpus", str(shards), "--work", str(tmp_path), "--out", str(model)]
    assert distill.main(command) == 1
    assert "distilled_steps" not in (model / "training.json").read_text(encoding="utf-8")


class TestComparison:
    def test_a_transformer_learns_as_well(self, learned: latents.Learned) -> None:
        trainer = flow.Trainer(learned, flow.Options(steps=120, batch=16, rate=2e-3), config=TRANSFORMER)
        losses = [float(trainer._one()) for _ in range(120)]
        assert np.mean(losses[-20:]) < 0.9 * np.mean(losses[:5])

    def test_networks_are_measured_side_by_side(
        self, model: Path, learned: latents.Learned, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        vae = distill.read_autoencoder(model / "vae")
        # The measured times are spread evenly, and so few steps learn those alone that they see.
        options = flow.Options(steps=60, batch=16, rate=1e-3, shift=1.0)
        for kind in ("trained", "fresh"):
            trainer = flow.Trainer(learned, options, config=NETWORK)
            for _ in range(60 if kind == "trained" else 0):
                trainer._one()
            network = trainer.average.model
            if kind == "fresh":
                # One that says nothing yet is not wrong by much.
                torch.nn.init.normal_(network.conv_out.weight, std=0.5)
            write_folder(tmp_path / kind, vae=vae, network=network, layout=learned.layout, training={})
        few = {"distilled_steps": distill.DISTILLED_STEPS}
        other = flow.make_network(flow.fitted(TRANSFORMER, channels=4, text=learned.width))
        write_folder(tmp_path / "few", vae=vae, network=other, layout=learned.layout, training=few)
        command = [str(tmp_path / name) for name in ("trained", "fresh", "few")]
        command += ["--autoencoder", str(model / "vae"), "--corpus", str(shards), "--threads", "1", "--count", "6"]
        command += ["--judge", str(tmp_path / "judge.safetensors"), "--judge-steps", "2"]
        assert learned_compare.main([*command, "--out", str(tmp_path / "found.json")]) == 0
        found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
        found = {Path(name).name: value for name, value in found.items()}
        assert [found[name]["steps"] for name in ("trained", "fresh", "few")] == [8, 8, 4]
        assert found["trained"]["network"] == "UNet2DConditionModel"
        assert found["few"]["network"] == "SanaTransformer2DModel"
        assert found["trained"]["loss"] < found["fresh"]["loss"]
        assert all(found[name]["words"] < 1.0 for name in found)
        assert found["trained"]["frechet"]["mean"] != found["fresh"]["frechet"]["mean"]
        printed = capsys.readouterr().out
        assert all(f"| {tmp_path / name} |" in printed for name in ("trained", "fresh", "few"))

    def test_a_folder_without_a_network(self, model: Path, shards: Path, tmp_path: Path) -> None:
        command = [str(tmp_path), "--autoencoder", str(model / "vae"), "--corpus", str(shards), "--count", "2"]
        command += ["--judge", str(tmp_path / "judge.safetensors"), "--judge-steps", "1"]
        assert learned_compare.main(command) == 1

    def test_how_much_is_told_by_words(self) -> None:
        """By a network that knows all, one that knows nothing, and one that knows half of it."""
        torch.manual_seed(0)
        latents = torch.randn(40, 4, 1, 1).expand(-1, -1, 8, 8) + 0.1 * torch.randn(40, 4, 8, 8)

        def knowing(share: float) -> float:
            clean = iter(latents.split(learned_compare._BATCH))

            def network(noise: Any, **_: Any) -> Any:
                return types.SimpleNamespace(sample=noise - share * next(clean))

            return learned_compare.words_explain(network, latents, (torch.zeros(40, 1, 4), torch.ones(40, 1)))

        assert knowing(1.0) == pytest.approx(1.0)
        assert knowing(0.0) == pytest.approx(0.0, abs=0.05)
        assert knowing(0.5) == pytest.approx(0.75, abs=0.05)
