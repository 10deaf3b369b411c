# SPDX-License-Identifier: GPL-3.0-or-later
"""Training the learned model in pieces: what is prepared until the time is up, and what is carried on."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from test_learned import NETWORK, VAE
from test_learned_training import SIDE, _killed, _weights
from texloom.engine import learned_text
from texloom.engine.text_encoder import TextEncoder, find_folder
from texloom.training import autoencoder, corpus, flow, latents, learned_folder, learned_state
from texloom.training.learned_draw import drawing, drawn
from texloom.training.learned_folder import read_network, write_folder
from texloom.training.parallel import OutOfTimeError
from texloom.training.tiles import Tiles


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Tiles:
    folder = tmp_path_factory.mktemp("corpus")
    assert corpus.main(["--count", "41", "--size", str(SIDE), "--out", str(folder)]) == 0
    return Tiles(folder)


@pytest.fixture(scope="module")
def learned(tiles: Tiles, tmp_path_factory: pytest.TempPathFactory) -> latents.Learned:
    torch.manual_seed(0)
    cache = tmp_path_factory.mktemp("cache")
    return latents.prepare(tiles, autoencoder.make_autoencoder(VAE), cache=cache, variants=2, captions=3)


class TestPreparing:
    def test_preparing_stops_in_time_and_goes_on(
        self, tiles: Tiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A part of each kind at each call."""
        monkeypatch.setattr(latents, "_TILES", 15)
        vae = autoencoder.make_autoencoder(VAE)
        words = {"cache": tmp_path, "variants": 1, "captions": 1}
        for kind in ("latents", "sketches"):
            for count in (1, 2):
                with pytest.raises(OutOfTimeError):
                    latents.prepare(tiles, vae, **words, deadline=0.0)
                assert len(list(tmp_path.glob(f"{kind}-*/*"))) == count
        found = latents.prepare(tiles, vae, **words, deadline=0.0)
        again = latents.prepare(tiles, vae, **words)
        assert len(found.latents) == len(tiles.split()[0])
        assert torch.equal(found.latents, again.latents) and torch.equal(found.sketches, again.sketches)
        assert found.texts == again.texts

    def test_captions_are_written_once(
        self, learned: latents.Learned, tiles: Tiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(latents, "_CHUNK", 7)  # written in any number of parts they are the same
        words = (learned.rows, 3, 3, learned.layout, tmp_path, 1, tiles.size)
        texts, owners, truth, key = latents._told(*words)
        assert (texts, owners) == (learned.texts, learned.captions)
        assert torch.equal(truth, learned.truth)
        monkeypatch.setattr(latents, "_told_of", _killed)
        again = latents._told(*words)
        assert again[:2] == (texts, owners) and again[3] == key
        assert torch.equal(again[2], truth)
        with pytest.raises(KeyboardInterrupt):
            latents._told(learned.rows, 2, 3, learned.layout, tmp_path, 1, tiles.size)
        with pytest.raises(KeyboardInterrupt):
            latents._told(learned.rows, 3, 3, learned.layout, tmp_path, 1, 2 * tiles.size)
        monkeypatch.setattr(latents, "_sources", lambda: "written otherwise")
        with pytest.raises(KeyboardInterrupt):
            latents._told(*words)

    def test_latents_of_maps_drawn_anew_are_made_anew(self, tiles: Tiles, tmp_path: Path) -> None:
        """Also where what is told of the samples stays as it was."""
        own = Tiles(shutil.copytree(tiles.folder, tmp_path / "corpus"))
        words: dict[str, Any] = {"cache": tmp_path / "cache", "variants": 1, "captions": 1}
        vae = autoencoder.make_autoencoder(VAE)
        first = latents.prepare(own, vae, **words)
        path = own.folder / "000000.safetensors"
        maps = {name: value.flip(-1) for name, value in load_file(path).items()}
        save_file(maps, path)
        second = latents.prepare(Tiles(own.folder), vae, **words)
        assert not torch.equal(first.latents, second.latents) and first.texts == second.texts
        assert len(list((tmp_path / "cache").glob("latents-*"))) == 2
        assert len(list((tmp_path / "cache").glob("text-*"))) == 1

    def test_each_tile_is_spoken_of_by_its_own_captions(self, learned: latents.Learned) -> None:
        picked = np.repeat(np.arange(10), 200)
        chosen = learned.say(np.random.default_rng(0), picked, 0.2)
        for tile in range(10):
            assert set(chosen[picked == tile]) == {0, *learned.captions[tile]}
        assert np.mean(chosen == 0) == pytest.approx(0.2, abs=0.03)

    def test_states_are_those_of_the_encoder(self, learned: latents.Learned) -> None:
        chosen = [3, 0, 17]
        states, mask = learned.text(chosen)
        texts = [learned.texts[one] for one in chosen]
        found = learned_text.token_states(TextEncoder(), texts, "cpu", learned.layout, 0)
        torch.testing.assert_close(mask, found[1])
        torch.testing.assert_close(states[..., :384], found[0][..., :384], rtol=0.05, atol=0.06)

    def test_a_text_encoder_may_be_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert find_folder() != tmp_path
        monkeypatch.setenv("TEXLOOM_TEXT_ENCODER", str(tmp_path))
        assert find_folder() == tmp_path


class TestFlow:
    def test_moved_tiles_are_the_same_ones(self) -> None:
        tiles = torch.randn(40, 3, 4, 6)
        found = flow.moved(tiles, np.random.default_rng(1))
        corners = set()
        for one, other in zip(tiles, found, strict=True):
            (move,) = [
                (down, across)
                for down in range(4)
                for across in range(6)
                if torch.equal(one.roll((down, across), (-2, -1)), other)
            ]
            corners.add(move)
        assert len(corners) > 12
        torch.testing.assert_close(flow.moved(tiles, np.random.default_rng(1), 3), found[..., :3, :3])

    def test_tiles_of_several_sizes_take_turns(self, learned: latents.Learned, monkeypatch: pytest.MonkeyPatch) -> None:
        """Steps cost alike, and each tile is seen as often as any other."""
        larger = {name: getattr(learned, name).repeat(1, 1, 1, 2, 2) for name in ("latents", "sketches")}
        large = dataclasses.replace(learned, **larger)
        options = flow.Options(steps=200, batch=16)
        trainer = flow.Trainer([learned, large], options, config=NETWORK)
        seen = {4: 0, 8: 0}

        def loss(noisy: torch.Tensor, *rest: Any) -> torch.Tensor:
            assert len(noisy) == {4: 16, 8: 4}[noisy.shape[-1]]
            seen[noisy.shape[-1]] += len(noisy)
            # What it learns says nothing here.
            return 0.0 * next(trainer.network.parameters()).sum()

        monkeypatch.setattr(trainer, "_loss", loss)
        for _ in range(100):
            trainer._one()
        assert seen[4] / sum(seen.values()) == pytest.approx(0.5, abs=0.12)
        cropped = flow.Trainer([learned, large], dataclasses.replace(options, crop=2), config=NETWORK)
        assert {cropped._corpus(np.random.default_rng(seed))[1] for seed in range(20)} == {16}


class TestKept:
    """What is carried from machine to machine."""

    def test_no_file_is_larger_than_16_mib(self, learned: latents.Learned, tmp_path: Path) -> None:
        """At full size: the generator's weights, and what its training goes on from."""
        trainer = flow.Trainer(learned, flow.Options(batch=1))
        trainer._one()
        vae = autoencoder.make_autoencoder(VAE)
        layout = learned.layout
        for _ in range(2):
            write_folder(tmp_path / "model", vae=vae, network=trainer.average.model, layout=layout)
        trainer.save(tmp_path / "flow")
        sizes = {path: path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()}
        assert sum(sizes.values()) > 100e6
        assert max(sizes.values()) <= 16 << 20
        assert len(list((tmp_path / "model/transformer").glob("*.safetensors"))) > 1
        again = read_network(tmp_path / "model")
        torch.testing.assert_close(_weights(again), _weights(trainer.average.model), rtol=1e-3, atol=1e-4)

    def test_weights_in_several_files_draw(
        self, learned: latents.Learned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And the same as those in one, which may take their place."""
        torch.manual_seed(0)
        network = flow.make_network(config=flow.fitted(NETWORK, channels=4, text=learned.width))
        with torch.no_grad():
            network.conv_out.weight.normal_(std=0.3)
        parts = {"vae": autoencoder.make_autoencoder(VAE), "network": network, "layout": learned.layout}

        def picture() -> Any:
            (image,) = drawn(drawing(tmp_path), ["red brick"], size=64, seeds=[1])
            return image.maps["base_color"]

        found = []
        for size in ("40KB", "15MB", "40KB"):
            monkeypatch.setattr(learned_folder, "SHARD", size)
            write_folder(tmp_path, **parts)
            several = (tmp_path / "transformer/diffusion_pytorch_model.safetensors.index.json").is_file()
            assert several == (size == "40KB")
            found.append(picture())
        assert (found[0] == found[1]).all() and (found[1] == found[2]).all()

    def test_a_small_checkpoint_takes_half_the_room(self, learned: latents.Learned, tmp_path: Path) -> None:
        trainers = [flow.Trainer(learned, flow.Options(steps=40, batch=8), config=NETWORK) for _ in range(2)]
        for _ in range(10):
            trainers[0]._one()
        parts = {
            "models": {"net": trainers[0].network, "mean": trainers[0].average.model},
            "optimizers": {"adam": trainers[0].optimizer},
        }
        for name, exact in (("exact", True), ("small", False)):
            learned_state.save_checkpoint(tmp_path / name, **parts, facts={"step": 10}, exact=exact)
        exact, small = (
            sum(path.stat().st_size for path in (tmp_path / name).glob("*.safetensors")) for name in ("exact", "small")
        )
        assert small < 0.6 * exact
        other = {
            "models": {"net": trainers[1].network, "mean": trainers[1].average.model},
            "optimizers": {"adam": trainers[1].optimizer},
        }
        assert learned_state.load_checkpoint(tmp_path / "small", **other) == {"step": 10}
        trainers[1].step = 10
        # Weights move on as they would have.
        before = _weights(trainers[0].network)
        losses = [float(trainer._one()) for trainer in trainers]
        assert losses[0] == pytest.approx(losses[1], rel=0.01)
        one, two = (_weights(trainer.network) - before for trainer in trainers)
        assert float((one - two).norm()) < 0.6 * float(one.norm())
        assert all(value.dtype == torch.float32 for value in trainers[1].network.state_dict().values())
