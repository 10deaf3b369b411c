# SPDX-License-Identifier: GPL-3.0-or-later
"""Training and measuring the upscaler, on a few small materials."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from texloom.engine.upscale_net import UpscaleConfig, UpscaleNet, doubled
from texloom.engine.upscaler import WEIGHTS_FILE, Upscaler
from texloom.training import corpus, evaluate_upscaler
from texloom.training.upscaler import WORK_FOLDER, Corpus, Options, Trainer, main, smaller


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    assert corpus.main(["--count", "6", "--size", "96", "--shard", "3", "--seed", "77", "--out", str(folder)]) == 0
    return folder


def _options(**values: int) -> Options:
    return Options(**{"steps": 6, "crop": 32, "batch": 3} | values)  # type: ignore[arg-type]


def test_untrained_it_is_the_cubic_filter() -> None:
    picture = torch.rand(1, 3, 9, 11)
    assert torch.equal(UpscaleNet()(picture), doubled(picture))


def test_a_corpus_holds_colors_and_greys(shards: Path) -> None:
    import numpy as np

    found = Corpus([shards])
    assert len(found) == 6 and len(found.greys) > 6
    rng = np.random.default_rng(0)
    for grey in (False, True):
        part = found.crop(grey, 128, rng)
        assert part.shape == (3, 128, 128) and 0.0 <= part.min() and part.max() <= 1.0
        assert torch.equal(part[0], part[1]) == grey
        # Larger than the tile, which repeats.
        assert torch.equal(part[:, :32, :32], part[:, 96:, 96:])
    for even in (False, True):
        assert smaller(part[None], even).shape == (1, 3, 64, 64)


def test_it_learns(shards: Path, tmp_path: Path) -> None:
    trainer = Trainer(Corpus([shards]), _options(steps=200), UpscaleConfig(channels=16, blocks=1))
    pairs = [trainer._one() for _ in range(200)]
    ratio = [sum(found for _, found in part) / sum(plain for plain, _ in part) for part in (pairs[:20], pairs[-50:])]
    assert ratio[1] < min(0.98, ratio[0])


def test_resumed_it_is_as_if_it_had_not_stopped(shards: Path, tmp_path: Path) -> None:
    found = Corpus([shards])
    config = UpscaleConfig(channels=8, blocks=1)
    whole = Trainer(found, _options(), config)
    assert whole.run(None, tmp_path / "whole")
    first = Trainer(found, _options(), config)
    for _ in range(3):
        first._one()
    first.save(tmp_path / "work")
    second = Trainer(found, _options(), config)
    second.resume(tmp_path / "work")
    assert second.step == 3 and second.run(None, tmp_path / "work")
    for one, other in zip(whole.mean.parameters(), second.mean.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_command(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert WORK_FOLDER.parts[-2:] == ("training", "upscaler")
    words = ["--corpus", str(shards), "--out", str(tmp_path / "model"), "--work", str(tmp_path / "work")]
    assert main([*words, "--steps", "1"]) == 0
    model = Upscaler(tmp_path / "model")
    assert model.load("cpu").config == UpscaleConfig() and (tmp_path / "model" / WEIGHTS_FILE).stat().st_size < 1 << 20
    assert main([*words, "--steps", "2", "--resume"]) == 1 and "other options" in capsys.readouterr().err
    assert main(["--corpus", str(tmp_path / "none"), "--steps", "1"]) == 1


def test_the_evaluation_writes_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluate_upscaler, "families", lambda: dict(list(_families().items())[:2]))
    monkeypatch.setattr(evaluate_upscaler, "seconds", lambda upscaler: 1.5)
    folder = tmp_path / "model"
    folder.mkdir()
    for path in Upscaler().folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    assert evaluate_upscaler.main(["--model", str(folder), "--size", "64", "--write"]) == 0
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "2 materials of 2 families, 64² large" in card and "1.5 s on 1 CPU thread" in card
    assert (
        "| Base color, 4×, averaged |" in card
        and "Seam ratios of base colors, 2×, the border anywhere in the tile: truth" in card
    )


def _families() -> dict[str, object]:
    from texloom.engine.procedural.family import families

    return dict(families())


def test_measures() -> None:
    import numpy as np

    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert evaluate_upscaler.border_ratio([noise.repeat(2, 0).repeat(2, 1)]) == pytest.approx(1.0, abs=0.1)
    ramp = np.arange(64, dtype=np.uint8)[:, None, None].repeat(64, 1).repeat(3, 2)
    assert evaluate_upscaler.border_ratio([ramp]) > 20.0

    one = np.zeros((8, 8, 3), np.uint8)
    assert evaluate_upscaler.psnr(one, one) == 99.0
    assert evaluate_upscaler.psnr(one + np.uint8(255), one) == pytest.approx(0.0)
    flat, tilted = np.full((2, 2, 3), (128, 128, 255), np.uint8), np.full((2, 2, 3), (255, 128, 128), np.uint8)
    assert evaluate_upscaler.degrees(flat, flat) == pytest.approx(0.0, abs=0.1)
    assert evaluate_upscaler.degrees(flat, tilted) == pytest.approx(90.0, abs=1.0)
    ramp = np.arange(64, dtype=np.uint16).reshape(8, 8)
    assert evaluate_upscaler.averaged(ramp, 2)[0, 0] == 5  # 0, 1, 8 and 9 are 4.5 in the mean
