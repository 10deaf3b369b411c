# SPDX-License-Identifier: GPL-3.0-or-later
"""Training and measuring the learned model, at tiny size on a tiny corpus of real families."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_learned import NETWORK, TRANSFORMER, VAE
from texloom.engine.procedural.family import families
from texloom.engine.procedural.parameters import Choice, Color, Number
from texloom.engine.seamless import circular
from texloom.engine.sketch import SKETCH_CHANNELS
from texloom.errors import ModelInvalidError
from texloom.training import (
    autoencoder,
    corpus,
    flow,
    latents,
    learned_evaluate,
    learned_sheets,
    learned_state,
)
from texloom.training.captions import Grammar, reserved_text
from texloom.training.colors import difference
from texloom.training.learned_folder import read_autoencoder, write_folder
from texloom.training.learned_metrics import frechet, kernel, nearest_correlation, resampled, spread_of
from texloom.training.recaption import recaption, true_fact
from texloom.training.tiles import Tiles
from tiny_corpus import SAMPLES, SIDE


@pytest.fixture(scope="module")
def tiles(shards: Path) -> Tiles:
    return Tiles(shards)


def _options(**values: Any) -> autoencoder.Options:
    values = {"steps": 8, "batch": 2, "crop": 32, "adversarial": 0.5, "rate": 2e-3, **values}
    return autoencoder.Options(**values)


def _killed(*_: Any) -> None:
    raise KeyboardInterrupt


def _weights(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([value.flatten() for value in module.state_dict().values()])


class TestTiles:
    def test_heights_are_in_pixels_around_the_mean(self, tiles: Tiles) -> None:
        assert len(tiles) == SAMPLES
        assert tiles.size == SIDE
        heights = tiles.maps["height"].float()
        assert heights.mean((1, 2)).abs().max() < 0.02
        row = max(range(SAMPLES), key=lambda index: float(heights[index].std()))
        width = tiles.rows[row]["width_m"]
        again = corpus.sample(row, size=SIDE).maps.height * (SIDE / width)
        torch.testing.assert_close(heights[row], again - again.mean(), rtol=1e-2, atol=0.02)

    def test_kept_samples_are_not_trained_on(self, tiles: Tiles) -> None:
        train, kept = tiles.split()
        assert len(kept) == 2
        assert not set(train) & set(kept)
        assert len(train) + len(kept) == SAMPLES

    def test_crops_come_from_the_periodic_tile(self, tiles: Tiles) -> None:
        whole = tiles.whole([5])[0, 0]
        crop = tiles.crops(np.array([5]), SIDE, np.random.default_rng(0))[0, 0]
        # Moved, mirrored and turned: the same values.
        torch.testing.assert_close(crop.flatten().sort().values, whole.flatten().sort().values)
        assert (crop != whole).any()

    def test_no_corpus(self, tmp_path: Path) -> None:
        with pytest.raises(ModelInvalidError, match="holds no corpus"):
            Tiles(tmp_path)


class TestAutoencoder:
    def test_it_learns(self, tiles: Tiles) -> None:
        trainer = autoencoder.Trainer([tiles], _options(steps=60, batch=4, adversarial=1.0), config=VAE)
        first = [float(trainer._one()["values"].detach()) for _ in range(5)]
        for _ in range(50):
            trainer._one()
        last = [float(trainer._one()["values"].detach()) for _ in range(5)]
        assert np.mean(last) < 0.8 * np.mean(first)

    def test_a_stopped_run_goes_on_as_if_it_had_not(self, tiles: Tiles, tmp_path: Path) -> None:
        whole = autoencoder.Trainer([tiles], _options(), config=VAE)
        assert whole.run(None, tmp_path / "whole")
        part = autoencoder.Trainer([tiles], _options(), config=VAE)
        for _ in range(5):
            part._one()
        part.save(tmp_path / "part")
        rest = autoencoder.Trainer([tiles], _options(), config=VAE)
        rest.resume(tmp_path / "part")
        assert rest.step == 5
        rest.run(None, tmp_path / "part")
        for one, two in ((whole.vae, rest.vae), (whole.judge, rest.judge), (whole.average.model, rest.average.model)):
            torch.testing.assert_close(_weights(one), _weights(two))

    def test_a_checkpoint_of_other_options_is_refused(self, tiles: Tiles, tmp_path: Path) -> None:
        autoencoder.Trainer([tiles], _options(), config=VAE).save(tmp_path)
        with pytest.raises(ModelInvalidError, match="other options"):
            autoencoder.Trainer([tiles], _options(rate=1e-4), config=VAE).resume(tmp_path)
        with pytest.raises(ModelInvalidError, match="no checkpoint"):
            autoencoder.Trainer([tiles], _options(), config=VAE).resume(tmp_path / "none")

    def test_checkpoints_are_small_files_and_never_half_written(
        self, tiles: Tiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(learned_state, "FILE_BYTES", 600_000)
        trainer = autoencoder.Trainer([tiles], _options(), config=VAE)
        trainer.save(tmp_path)
        files = sorted(path.name for path in tmp_path.glob("*.safetensors"))
        assert len(files) >= 2
        assert all((tmp_path / name).stat().st_size < 700_000 for name in files)
        trainer._one()
        kept = learned_state.write_json_atomic
        monkeypatch.setattr(learned_state, "write_json_atomic", _killed)
        with pytest.raises(KeyboardInterrupt):
            trainer.save(tmp_path)
        again = autoencoder.Trainer([tiles], _options(), config=VAE)
        again.resume(tmp_path)
        assert again.step == 0
        monkeypatch.setattr(learned_state, "write_json_atomic", kept)
        trainer.save(tmp_path)
        again.resume(tmp_path)
        assert again.step == 1
        torch.testing.assert_close(_weights(again.vae), _weights(trainer.vae))
        assert not set(files) & {path.name for path in tmp_path.glob("*.safetensors")}

    def test_folding_changes_latents_and_not_pictures(self, tiles: Tiles) -> None:
        torch.manual_seed(3)
        vae = autoencoder.make_autoencoder(VAE).eval()
        truth = tiles.whole([0, 1, 2])
        mean, deviation = torch.tensor([0.5, -1.0, 0.0, 2.0]), torch.tensor([0.5, 1.0, 2.0, 3.0])
        with torch.no_grad(), circular([vae]):
            before = vae.encode(truth).latent
            picture = vae.decode(before).sample
            autoencoder.fold(vae, mean, deviation)
            after = vae.encode(truth).latent
            shape = (1, -1, 1, 1)
            torch.testing.assert_close(after, (before - mean.view(shape)) / deviation.view(shape), rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(vae.decode(after).sample, picture, rtol=1e-3, atol=1e-3)

    def test_what_is_written_has_latents_of_unit_size(self, tiles: Tiles, tmp_path: Path) -> None:
        trainer = autoencoder.Trainer([tiles], _options(), config=VAE)
        trainer.export(tmp_path)
        vae = read_autoencoder(tmp_path)
        with torch.no_grad(), circular([vae]):
            found = vae.encode(tiles.whole(tiles.split()[0])).latent
        torch.testing.assert_close(found.mean((0, 2, 3)), torch.zeros(4), atol=0.05, rtol=0.0)
        torch.testing.assert_close(found.std((0, 2, 3)), torch.ones(4), atol=0.05, rtol=0.0)

    def test_a_frozen_encoder_stays_and_its_decoder_learns(self, tiles: Tiles, tmp_path: Path) -> None:
        trainer = autoencoder.Trainer([tiles], _options(), config=VAE)
        for _ in range(3):
            trainer._one()
        trainer.freeze_encoder()
        encoder, decoder = _weights(trainer.vae.encoder).clone(), _weights(trainer.vae.decoder).clone()
        trainer._one()
        trainer.save(tmp_path)
        again = autoencoder.Trainer([tiles], _options(), config=VAE)
        again.resume(tmp_path)
        again._one()
        assert again.frozen
        torch.testing.assert_close(_weights(again.vae.encoder), encoder, rtol=0.0, atol=0.0)
        torch.testing.assert_close(_weights(again.average.model.encoder), encoder, rtol=1e-6, atol=1e-6)
        assert (_weights(again.vae.decoder) != decoder).any()

    def test_a_decoder_learns_on_from_a_written_autoencoder(self, tiles: Tiles, tmp_path: Path) -> None:
        """Latents stay what they are, to the last bit, so that generators of them go on drawing."""
        before = autoencoder.Trainer([tiles], _options(), config=VAE)
        before._one()
        before.export(tmp_path / "vae")
        written = read_autoencoder(tmp_path / "vae")
        trainer = autoencoder.Trainer([tiles], _options(), config=VAE)
        trainer.begin_with(written, frozen=True)
        for _ in range(2):
            trainer._one()
        trainer.export(tmp_path / "after")
        after = read_autoencoder(tmp_path / "after")
        torch.testing.assert_close(_weights(after.encoder), _weights(written.encoder), rtol=0.0, atol=0.0)
        assert (_weights(after.decoder) != _weights(written.decoder)).any()
        with pytest.raises(ModelInvalidError, match="another shape"):
            trainer.begin_with(autoencoder.make_autoencoder(VAE | {"latent_channels": 8}))

    @pytest.mark.parametrize(("crop", "wraps"), [(SIDE, True), (SIDE // 2, False)])
    def test_whole_tiles_wrap_around(
        self, tiles: Tiles, crop: int, wraps: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trainer = autoencoder.Trainer([tiles], _options(crop=crop), config=VAE)
        apart: list[float] = []

        def look(truth: torch.Tensor) -> dict[str, torch.Tensor]:
            with torch.no_grad():
                latents = trainer.vae.encode(truth).latent
                moved = trainer.vae.decode(latents.roll(1, -1)).sample
                pixels = trainer.vae.decode(latents).sample
            apart.append(float((moved - pixels.roll(trainer.vae.spatial_compression_ratio, -1)).abs().max()))
            return {}

        monkeypatch.setattr(trainer, "_learn", look)
        trainer._one()
        assert (apart[0] < 1e-4) == wraps, apart


class TestCaptions:
    def test_more_captions_are_true(self) -> None:
        """What the writer of the caption was told, parameter by parameter."""
        registry = families()
        grammar = Grammar(registry)
        rng = np.random.default_rng(2)
        kinds = {Color: 0, Number: 0, Choice: 0}
        for _ in range(80):
            made = grammar.caption(rng, "train")
            for item in registry[made.family].all_parameters():
                if isinstance(item, Number) and not item.words:
                    continue
                fact = true_fact(grammar, rng, made.family, item, made.values[item.name])
                if fact is None:
                    continue
                kinds[type(item)] += 1
                value = made.values[item.name]
                if isinstance(item, Color):
                    assert difference(fact.value, value) <= 9.0
                elif isinstance(item, Number):
                    assert abs(item.to_unit(fact.value) - item.to_unit(value)) <= 0.14
                else:
                    assert fact.value == value
                    assert fact.text.lower()
        assert min(kinds.values()) > 20

    def test_no_text_kept_for_evaluation(self) -> None:
        registry = families()
        grammar = Grammar(registry)
        rng = np.random.default_rng(3)
        texts = []
        for _ in range(60):
            made = grammar.caption(rng, "train")
            texts.append(recaption(grammar, rng, made.family, made.values))
        assert not [text for text in texts if reserved_text(text)]
        assert len(set(texts)) > 50


@pytest.fixture(scope="module")
def learned(tiles: Tiles, tmp_path_factory: pytest.TempPathFactory) -> latents.Learned:
    torch.manual_seed(0)
    cache = tmp_path_factory.mktemp("cache")
    return latents.prepare(tiles, autoencoder.make_autoencoder(VAE), cache=cache, variants=2, captions=3)


class TestLatents:
    def test_all_samples_with_their_captions(self, learned: latents.Learned, tiles: Tiles) -> None:
        train, _ = tiles.split()
        assert learned.latents.shape == (len(train), 2, 4, SIDE // 16, SIDE // 16)
        # Of two materials at once there is one caption.
        blends = ["second" in tiles.rows[int(index)] for index in train]
        assert any(blends)
        assert [len(own) for own in learned.captions] == [1 if blend else 3 for blend in blends]
        place = blends.index(True)
        both = {tiles.rows[int(train[place])]["family"], tiles.rows[int(train[place])]["second"]["family"]}
        told = learned.truth[place, : len(learned.layout.families)].nonzero()[:, 0].tolist()
        assert {learned.layout.families[index] for index in told} == both
        assert learned.texts[0] == ""
        assert learned.texts[learned.captions[7][0]] == tiles.rows[int(train[7])]["caption"]
        states, mask = learned.text([0, 5])
        assert states.shape[0] == 2
        assert mask[0].sum() == 2  # the two marks around nothing
        assert (states[0, 2:] == 0).all()
        assert states.shape[2] == learned.width == 384 + learned.layout.width
        assert not states[0, :, 384:].any()

    def test_of_a_tile_any_part_of_the_truth_is_told(self, learned: latents.Learned, tiles: Tiles) -> None:
        train, _ = tiles.split()
        picked = [3] * 200
        found = learned.partly_told(np.random.default_rng(0), picked)
        place = learned.layout.families.index(tiles.rows[int(train[3])]["family"])
        assert (found[:, place] > 0).all()
        groups = learned.layout.groups
        said = [number for number in range(len(learned.layout.keys)) if learned.truth[3][groups == number].any()]
        assert len(said) > 3
        shares = [
            float((found[:, groups == number] == learned.truth[3][groups == number]).all(1).float().mean())
            for number in said
        ]
        assert all(0.6 < share < 0.9 for share in shares)
        whole = (found == learned.truth[3]).all(1).float().mean()
        assert 0.4 < float(whole) < 0.7

    def test_the_cache_gives_the_same(self, tiles: Tiles, tmp_path: Path) -> None:
        torch.manual_seed(0)
        vae = autoencoder.make_autoencoder(VAE)
        first = latents.prepare(tiles, vae, cache=tmp_path, variants=1, captions=1)
        files = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
        again = latents.prepare(tiles, vae, cache=tmp_path, variants=1, captions=1)
        torch.testing.assert_close(first.latents, again.latents)
        assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files


class TestFlow:
    def test_it_learns(self, learned: latents.Learned) -> None:
        trainer = flow.Trainer(learned, flow.Options(steps=150, batch=16, rate=3e-3), config=NETWORK)
        losses = [float(trainer._one()) for _ in range(150)]
        assert np.mean(losses[-20:]) < 0.85 * np.mean(losses[:5])

    def test_a_stopped_run_goes_on_as_if_it_had_not(self, learned: latents.Learned, tmp_path: Path) -> None:
        options = flow.Options(steps=6, batch=4)
        whole = flow.Trainer(learned, options, config=NETWORK)
        assert whole.run(None, tmp_path / "whole")
        part = flow.Trainer(learned, options, config=NETWORK)
        for _ in range(3):
            part._one()
        part.save(tmp_path / "part")
        rest = flow.Trainer(learned, options, config=NETWORK)
        rest.resume(tmp_path / "part")
        rest.run(None, tmp_path / "part")
        torch.testing.assert_close(_weights(whole.average.model), _weights(rest.average.model))
        with pytest.raises(ModelInvalidError, match="other options"):
            flow.Trainer(learned, flow.Options(steps=7, batch=4), config=NETWORK).resume(tmp_path / "part")

    @pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a C++ compiler")
    def test_a_compiled_network_learns_the_same(self, learned: latents.Learned) -> None:
        losses = []
        for compiled in (False, True):
            # Captions differ in length from step to step.
            trainer = flow.Trainer(learned, flow.Options(steps=50, batch=3), config=TRANSFORMER, compiled=compiled)
            losses.append([float(trainer._one()) for _ in range(4)])
        assert losses[0] == pytest.approx(losses[1], rel=0.02)

    def test_it_begins_with_the_weights_of_another(self, learned: latents.Learned) -> None:
        first = flow.Trainer(learned, flow.Options(steps=50, batch=3), config=NETWORK)
        for _ in range(3):
            first._one()
        second = flow.Trainer(learned, flow.Options(steps=50, batch=3, seed=9), config=NETWORK)
        second.begin_with(first.average.model)
        torch.testing.assert_close(_weights(second.network), _weights(first.average.model))
        torch.testing.assert_close(_weights(second.average.model), _weights(first.average.model))
        other = flow.Trainer(learned, flow.Options(steps=50, batch=3), config=NETWORK | {"layers_per_block": 2})
        with pytest.raises(ModelInvalidError, match="another shape"):
            second.begin_with(other.network)

    def test_most_times_are_near_noise(self, learned: latents.Learned) -> None:
        def times(shift: float) -> torch.Tensor:
            trainer = flow.Trainer(learned, flow.Options(shift=shift), config=NETWORK)
            return trainer._times(4000, torch.Generator().manual_seed(1))

        plain, moved = times(1.0), times(4.0)
        assert plain.min() >= 0.0 and moved.max() <= 1.0
        assert float(plain.median()) == pytest.approx(0.5, abs=0.03)
        assert float(moved.median()) == pytest.approx(0.8, abs=0.03)
        # One to one: nothing is left out, only its share changes.
        torch.testing.assert_close(moved, 4.0 * plain / (1.0 + 3.0 * plain))

    def test_a_network_that_reads_words_alone_learns_meanings_besides(self, learned: latents.Learned) -> None:
        torch.manual_seed(0)
        before = flow.make_network(config=TRANSFORMER)
        with torch.no_grad():
            before.proj_out.weight.normal_(std=0.3)
        trainer = flow.Trainer(learned, flow.Options(steps=40, batch=8, told=0.0), config=TRANSFORMER)
        trainer.begin_with(before)
        states, mask = learned.text([4, 9])
        noisy, at = torch.randn(2, 4, SIDE // 16, SIDE // 16), torch.full((2,), 900.0)

        def seen(network: Any, text: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                found: torch.Tensor = network(
                    noisy, encoder_hidden_states=text, encoder_attention_mask=mask, timestep=at
                ).sample
            return found

        torch.testing.assert_close(seen(trainer.network, states), seen(before, states[..., :384]))
        for _ in range(20):
            trainer._one()
        silent = torch.cat((states[..., :384], torch.zeros_like(states[..., 384:])), dim=-1)
        assert float((seen(trainer.network, states) - seen(trainer.network, silent)).abs().max()) > 1e-4
        other = flow.make_network(config=TRANSFORMER | {"caption_channels": 1000})
        with pytest.raises(ModelInvalidError, match="another shape"):
            trainer.begin_with(other)

    @pytest.mark.parametrize(("config", "tokens"), [(NETWORK, 16), (TRANSFORMER, 3)])
    def test_pieces_of_tiles_are_learned_from(
        self, learned: latents.Learned, config: dict[str, Any], tokens: int
    ) -> None:
        """Small ones, and the whole still fits the network afterwards; transformers read few words meanwhile."""
        options = flow.Options(steps=120, batch=32, rate=3e-3, crop=2)
        trainer = flow.Trainer(learned, options, config=config)
        clean, noise, (states, mask), sketch = trainer._pairs(
            np.random.default_rng(0), torch.Generator().manual_seed(0)
        )
        assert clean.shape == noise.shape == (32, 4, 2, 2)
        assert (None if sketch is None else sketch.shape) == (
            (32, SKETCH_CHANNELS, 2, 2) if config is NETWORK else None
        )
        assert states.shape[1] == mask.shape[1] == tokens
        tiles = learned.latents.flatten(0, 1).float()
        places = tiles.unfold(2, 2, 1).unfold(3, 2, 1).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
        inside = [bool((places == one).all((1, 2, 3)).any()) for one in clean]
        assert sum(inside) > 12  # the others lie across a border
        losses = [float(trainer._one()) for _ in range(120)]
        assert np.mean(losses[-20:]) < 0.9 * np.mean(losses[:5])
        whole = flow.Trainer(learned, flow.Options(steps=20, batch=4), config=config)
        whole.begin_with(trainer.average.model)
        assert np.isfinite(float(whole._one()))

    def test_a_share_of_captions_is_left_out(self, learned: latents.Learned, monkeypatch: pytest.MonkeyPatch) -> None:
        trainer = flow.Trainer(learned, flow.Options(steps=100, batch=50, unsaid=0.3), config=NETWORK)
        asked: list[int] = []
        kept = learned.text
        monkeypatch.setattr(learned, "text", lambda chosen, *rest: asked.extend(chosen) or kept(chosen, *rest))
        for _ in range(6):
            trainer._one()
        assert asked.count(0) / len(asked) == pytest.approx(0.3, abs=0.1)


class TestMetrics:
    def test_equal_sets_are_near_and_moved_ones_far(self) -> None:
        rng = np.random.default_rng(0)
        one, two = rng.normal(size=(400, 8)), rng.normal(size=(400, 8))
        assert frechet(one, one) == pytest.approx(0.0, abs=1e-6)
        assert frechet(one, one + 2.0) == pytest.approx(32.0, rel=1e-6)
        assert frechet(one, one * 3.0) == pytest.approx(4.0 * np.trace(np.cov(one, rowvar=False)), rel=0.15)
        assert abs(kernel(one, two)) < 0.05 * kernel(one, two + 2.0)
        found = resampled(frechet, one, two, rounds=20)
        assert found.low < found.mean < found.high

    def test_spread(self) -> None:
        assert spread_of(np.array([[0.0, 0.0], [3.0, 4.0]])) == pytest.approx(5.0)

    def test_a_moved_copy_is_found(self) -> None:
        torch.manual_seed(0)
        known = torch.randn(5, 32, 32)
        found = nearest_correlation(
            torch.stack((known[3].roll((5, 9), (0, 1)) * 0.5 + 2.0, torch.randn(32, 32))), known
        )
        assert found[0] == pytest.approx(1.0, abs=1e-4)
        assert found[1] < 0.5


class TestEvaluation:
    def test_all_figures_by_one_command(self, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        torch.manual_seed(0)
        write_folder(
            tmp_path / "model", vae=autoencoder.make_autoencoder(VAE), network=flow.make_network(config=NETWORK)
        )
        kept = ["--judge", str(tmp_path / "judge.safetensors"), "--out", str(tmp_path / "r.json")]
        amounts = ["--judge-steps", "2", "--count", "6", "--repeats", "2", "--threads", "1"]
        model = ["--model", str(tmp_path / "model"), "--corpus", str(shards)]
        status = learned_evaluate.main([*model, *kept, *amounts])
        assert status == 0
        found = json.loads((tmp_path / "r.json").read_text())
        assert set(found) >= {"agreement", "agreement_of_truth", "frechet", "kernel", "diversity", "seams", "nearest"}
        assert 0.0 <= found["agreement"]["material"]["mean"] <= 100.0
        assert found["nearest"]["luma"]["model"]["of"] == 6
        assert "| material agrees |" in capsys.readouterr().out

    def test_sheets(self, shards: Path, tmp_path: Path) -> None:
        write_folder(
            tmp_path / "model", vae=autoencoder.make_autoencoder(VAE), network=flow.make_network(config=NETWORK)
        )
        (tmp_path / "prompts.txt").write_text("red bricks\nsand\n\nmoss\n")
        common = ["--model", str(tmp_path / "model"), "--threads", "1"]
        prompts = ["--prompts", str(tmp_path / "prompts.txt"), "--size", "64", "--columns", "2"]
        assert learned_sheets.main([*common, *prompts, "--out", str(tmp_path / "a.png")]) == 0
        assert (
            learned_sheets.main([*common, "--corpus", str(shards), "--count", "2", "--out", str(tmp_path / "b.png")])
            == 0
        )
        from PIL import Image

        assert Image.open(tmp_path / "a.png").size == (132, 132)
        assert Image.open(tmp_path / "b.png").size == (64 * 6 + 4, 132)

    def test_commands_of_training_write_what_the_next_reads(self, shards: Path, tmp_path: Path) -> None:
        """At full size, but for no time at all: a step each."""
        vae, work = tmp_path / "vae", tmp_path / "work"
        common = ["--threads", "1", "--minutes", "0", "--work"]
        arguments = ["--corpus", str(shards), "--steps", "20", "--batch", "1", "--crop", "32", "--out", str(vae)]
        assert autoencoder.main([*arguments, *common, str(work)]) == 3
        assert autoencoder.main([*arguments, *common, str(work), "--resume", "--freeze-encoder"]) == 3
        assert json.loads((vae / "training.json").read_text())["steps"] == 2
        arguments = ["--corpus", str(shards), "--autoencoder", str(vae), "--steps", "20", "--batch", "2"]
        out = tmp_path / "model"
        assert flow.main([*arguments, "--out", str(out), *common, str(tmp_path / "flow")]) == 3
        assert json.loads((out / "training.json").read_text())["steps"] == 1
        assert (out / "model_index.json").is_file()
        assert flow.main(["--corpus", str(shards), "--autoencoder", str(work), "--out", str(out)]) == 1
