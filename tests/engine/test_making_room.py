# SPDX-License-Identifier: GPL-3.0-or-later
"""Models that see maps get the memory of idle large models, before the small network stands in for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_tokenizers as words
import torch
from texloom import events, png
from texloom.engine import map_models, marigold
from texloom.engine.service import Engine
from texloom.request import GenerationRequest
from texloom.storage import read_manifest
from tiny_models import tiny_unet, tiny_vae

pytestmark = pytest.mark.usefixtures("unrepaired")


@pytest.fixture(scope="module")
def normals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that sees normals."""
    import diffusers

    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("marigold") / "normals"
    diffusers.MarigoldNormalsPipeline(
        unet=tiny_unet(8),
        vae=tiny_vae(4),
        scheduler=diffusers.DDIMScheduler(prediction_type="v_prediction", rescale_betas_zero_snr=True),
        text_encoder=words.clip_text(),
        tokenizer=words.clip_tokenizer(),
        prediction_type="normals",
        default_denoising_steps=1,
        default_processing_resolution=64,
    ).save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture
def engine(normals: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("TEXLOOM_MAP_MODELS", str(normals))
    monkeypatch.setenv("TEXLOOM_IDLE_MINUTES", "0")
    engine = Engine("cpu")
    yield engine
    engine.unload()


def _run(engine: Engine, folder: Path, **values: Any) -> tuple[list[str], dict[str, Any]]:
    """Codes of the warnings, and the first result in the manifest."""
    told: list[events.Event] = []
    request = GenerationRequest(prompt="bricks", width=64, height=64, seed=1, **values)
    engine.run(request, folder / "library", told.append, threading.Event())
    end = told[-1]
    assert isinstance(end, events.Completed)
    codes = [event.code for event in told if isinstance(event, events.Warning)]
    return codes, read_manifest(Path(end.folder))["results"][0]


def _picture(folder: Path) -> str:
    pixels = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    png.write_png(folder / "picture.png", pixels)
    return str(folder / "picture.png")


@pytest.fixture
def short_beside(engine: Engine, stable_diffusion: Path, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Memory has no room for these models as long as the large one is there; says so each time they look."""
    plain = marigold.Marigold.refine
    looked: list[bool] = []

    def refine(self: marigold.Marigold, *args: Any, **named: Any) -> Any:
        large = engine._generator(str(stable_diffusion))
        looked.append(large.loaded)
        if large.loaded:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self, *args, **named)

    monkeypatch.setattr(marigold.Marigold, "refine", refine)
    return looked


def test_idle_models_make_room(
    engine: Engine, stable_diffusion: Path, tmp_path: Path, short_beside: list[bool]
) -> None:
    _run(engine, tmp_path, model=str(stable_diffusion), steps=1, kind="texture")
    assert engine._generator(str(stable_diffusion)).loaded
    codes, result = _run(engine, tmp_path, model="image", source=_picture(tmp_path))
    assert short_beside == [True, False]
    assert "map_models_memory" not in codes and set(result["map_models"]) == {"estimator", "marigold"}
    assert not engine._generator(str(stable_diffusion)).loaded and map_models.in_memory()


def test_the_one_that_draws_stays(
    engine: Engine, stable_diffusion: Path, tmp_path: Path, short_beside: list[bool]
) -> None:
    codes, result = _run(engine, tmp_path, model=str(stable_diffusion), steps=1)
    assert short_beside == [True], "nothing could be freed"
    assert codes.count("map_models_memory") == 1 and set(result["map_models"]) == {"estimator"}
    assert engine._generator(str(stable_diffusion)).loaded and not map_models.in_memory()


def test_nobody_is_asked_after_the_job(engine: Engine, tmp_path: Path) -> None:
    _run(engine, tmp_path, model="image", source=_picture(tmp_path))
    assert map_models._ask == []
    with pytest.raises(KeyError), map_models.may_ask(lambda: True):
        raise KeyError
    assert map_models._ask == []
