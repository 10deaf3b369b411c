# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps by Marigold models: tiny ones of the real classes, saved and loaded as real ones are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_tokenizers as words
import torch
from texloom import events as events_of
from texloom import png, settings
from texloom.engine import device as devices
from texloom.engine import map_estimator, map_models, marigold
from texloom.engine.map_estimator import Estimated, combined
from texloom.engine.map_net import slopes_of
from texloom.engine.seamless import seam_ratio
from texloom.engine.service import Engine
from texloom.errors import CancelledError, ModelInvalidError
from texloom.request import GenerationRequest
from texloom.storage import read_manifest
from tiny_models import save_stable_diffusion, tiny_unet, tiny_vae

APPEARANCE = {
    "target_names": ["albedo", "material"],
    "albedo": {"prediction_space": "srgb", "up_to_scale": False},
    "material": {"prediction_space": "stack", "sub_target_names": ["roughness", "metallicity", None]},
    "roughness": {"prediction_space": "linear"},
    "metallicity": {"prediction_space": "linear"},
}


def _save(kind: str, folder: Path, variant: str | None = None) -> Path:
    import diffusers

    torch.manual_seed(1)
    parts = {
        "vae": tiny_vae(4),
        "scheduler": diffusers.DDIMScheduler(prediction_type="v_prediction", rescale_betas_zero_snr=True),
        "text_encoder": words.clip_text(),
        "tokenizer": words.clip_tokenizer(),
        "default_denoising_steps": 1,
        "default_processing_resolution": 64,
    }
    if kind == marigold.NORMALS:
        parts |= {"unet": tiny_unet(8), "prediction_type": "normals"}
    elif kind == marigold.DEPTH:
        parts |= {"unet": tiny_unet(8), "prediction_type": "depth", "scale_invariant": True, "shift_invariant": True}
    else:
        parts |= {"unet": tiny_unet(12, 8), "prediction_type": "intrinsics", "target_properties": APPEARANCE}
    getattr(diffusers, kind)(**parts).save_pretrained(folder, safe_serialization=True, variant=variant)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("marigold")
    return {kind: _save(kind, root / kind) for kind in marigold.KINDS}


def _picture(side: int = 96) -> torch.Tensor:
    """Periodic, of no structure that hides a seam."""
    turn = torch.arange(side) * (2 * torch.pi / side)
    waves = [torch.cos(turn[:, None] * a + turn[None] * b + a) for a, b in ((1, 2), (3, 1), (2, 4))]
    return torch.stack(waves) * 0.2 + 0.5


def _guess(picture: torch.Tensor) -> Estimated:
    return map_estimator.estimate(picture, 1.0, tile_x=True, tile_y=True)


class TestGeometry:
    def test_normals_of_a_slope_are_that_slope(self) -> None:
        # Rises to the right by 0.5 and downward by 0.25, then the other way: x right, y up, z to the viewer.
        rise = torch.tensor([[0.5, -0.5], [0.5, -0.5]])
        down = torch.tensor([[0.25, 0.25], [-0.25, -0.25]])
        normals = torch.stack((-rise, down, torch.ones(2, 2)))[None]
        normals = normals / normals.norm(dim=1, keepdim=True)
        slope = marigold._slopes_of_normals(normals)
        torch.testing.assert_close(slope[0], torch.stack((rise, down)))

    def test_near_is_high_and_as_deep_as_guessed(self) -> None:
        side, metres = 32, 2.0
        bump = torch.cos(torch.arange(side) * (2 * torch.pi / side))[None] * torch.ones(side, 1)
        guess = bump * 0.03
        height = marigold._height_of_depth(5.0 - 3.0 * bump[None, None], guess, metres)
        torch.testing.assert_close(height[0] - height.mean(), guess * (side / metres), atol=1e-3, rtol=1e-3)

    def test_an_albedo_up_to_scale_gets_the_brightness_of_the_picture(self) -> None:
        picture = _picture()[None]
        from texloom.engine.procedural.color import srgb_to_linear

        dark = srgb_to_linear(picture[0]) * 0.2
        found = marigold._albedo(dark, {"prediction_space": "linear", "up_to_scale": True}, picture)
        torch.testing.assert_close(found, picture[0], atol=0.01, rtol=0.01)

    def test_detail_stays_and_forms_are_new(self) -> None:
        torch.manual_seed(0)
        fine, coarse = torch.randn(1, 2, 64, 64), torch.randn(1, 2, 8, 8)
        both = combined(fine, coarse, True, True)
        small = torch.nn.functional.interpolate(both, (8, 8), mode="area")
        blurred = torch.nn.functional.interpolate(fine, (8, 8), mode="area")
        # Bilinear growth softens what it grows.
        assert float((small - coarse).norm()) < 0.6 * float((blurred - coarse).norm())
        change = both - fine
        assert float(change.diff(dim=-1).abs().mean()) < 0.2 * float(fine.diff(dim=-1).abs().mean())

    def test_no_cliff_where_a_height_ends(self) -> None:
        ramp = torch.arange(16.0)[None].expand(16, 16)[None].contiguous()
        slope = marigold._slopes_of_height(ramp, tile_x=False, tile_y=True)
        torch.testing.assert_close(slope[0, 0], torch.ones(16, 16))
        assert slopes_of(ramp)[0, 0, 0, 0] < -5


class TestRefining:
    @pytest.mark.parametrize("kind", [marigold.NORMALS, marigold.DEPTH])
    def test_forms_come_from_the_model(self, kind: str, folders: dict[str, Path]) -> None:
        picture = _picture()
        guess = _guess(picture)
        large = marigold.Marigold([folders[kind]])
        found = large.refine(picture, guess, 1.0)
        assert found.height_m.shape == guess.height_m.shape and found.height_m.isfinite().all()
        assert not torch.allclose(found.height_m, guess.height_m)
        assert torch.equal(found.roughness, guess.roughness) and torch.equal(found.base_color, guess.base_color)
        assert torch.equal(large.refine(picture, guess, 1.0).height_m, found.height_m)

    def test_weights_of_half_precision_by_their_names(self, tmp_path: Path) -> None:
        """As a download has them, which leaves the others out."""
        folder = _save(marigold.NORMALS, tmp_path / "normals", variant="fp16")
        assert {file.name.split(".")[-2] for file in folder.rglob("*.safetensors")} == {"fp16"}
        picture = _picture()
        guess = _guess(picture)
        large = marigold.Marigold([folder])
        assert not torch.allclose(large.refine(picture, guess, 1.0).height_m, guess.height_m)
        assert set(large.files()) == {"normals"}

    def test_colors_and_materials_come_from_the_model(self, folders: dict[str, Path]) -> None:
        picture = _picture()
        guess = _guess(picture)
        found = marigold.Marigold([folders[marigold.INTRINSICS]]).refine(picture, guess, 1.0)
        assert torch.equal(found.height_m, guess.height_m)
        for name in ("base_color", "roughness", "metallic"):
            ours, theirs = getattr(found, name), getattr(guess, name)
            assert ours.shape == theirs.shape and not torch.allclose(ours, theirs)
            assert 0.0 <= float(ours.min()) and float(ours.max()) <= 1.0

    def test_what_is_seen_moves_with_the_picture(self, folders: dict[str, Path]) -> None:
        """Then nothing happens at the border.  By as much as the network's coarsest level."""
        picture = _picture(64)
        large = marigold.Marigold(list(folders.values()))
        found, guess = [], _guess(picture)
        for shift in (0, 32):
            moved = Estimated(**{name: value.roll((shift, shift), (-2, -1)) for name, value in vars(guess).items()})
            with pytest.MonkeyPatch.context() as patch:
                # Noise begins the drawing and would have to move as well.
                patch.setattr(
                    "diffusers.pipelines.marigold.pipeline_marigold_normals.randn_tensor",
                    lambda shape, **_: torch.zeros(shape),
                )
                patch.setattr(
                    "diffusers.pipelines.marigold.pipeline_marigold_intrinsics.randn_tensor",
                    lambda shape, **_: torch.zeros(shape),
                )
                found.append(large.refine(picture.roll((shift, shift), (-2, -1)), moved, 1.0))
        for name in ("height_m", "base_color", "roughness", "metallic"):
            there, here = getattr(found[1], name), getattr(found[0], name).roll((32, 32), (-2, -1))
            torch.testing.assert_close(there, here, atol=2e-3, rtol=1e-2)

    def test_no_seam(self, folders: dict[str, Path]) -> None:
        picture = _picture(128)
        found = marigold.Marigold(list(folders.values())).refine(picture, _guess(picture), 1.0)
        for name in ("height_m", "roughness", "base_color"):
            pixels = np.atleast_3d(getattr(found, name).numpy())
            pixels = pixels.transpose(1, 2, 0) if pixels.shape[0] == 3 else pixels
            assert all(seam_ratio(pixels, axis) < 1.6 for axis in (0, 1)), name

    def test_it_can_be_stopped(self, folders: dict[str, Path]) -> None:
        picture = _picture()
        asked = 0

        def check() -> None:
            nonlocal asked
            asked += 1
            if asked > 5:
                raise CancelledError("stopped")

        large = marigold.Marigold([folders[marigold.NORMALS]])
        guess = _guess(picture)
        with pytest.raises(CancelledError):
            large.refine(picture, guess, 1.0, check=check)
        assert asked == 6
        large.refine(picture, guess, 1.0)  # nothing is left behind

    def test_other_models_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ModelInvalidError, match="holds no Marigold model"):
            marigold.Marigold([save_stable_diffusion(tmp_path / "sd")])

    def test_broken_weights_are_told(self, folders: dict[str, Path], tmp_path: Path) -> None:
        import shutil

        broken = tmp_path / "broken"
        shutil.copytree(folders[marigold.NORMALS], broken)
        weights = next((broken / "unet").glob("*.safetensors"))
        weights.write_bytes(weights.read_bytes()[:500])
        picture = _picture()
        with pytest.raises(ModelInvalidError, match="cannot be loaded"):
            marigold.Marigold([broken]).refine(picture, _guess(picture), 1.0)


def test_the_settings_choose_it(folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXLOOM_HOME", str(tmp_path))
    picture = _picture()
    plain, facts = map_models.estimate(picture, 1.0, tile_x=True, tile_y=True)
    assert set(facts) == {"estimator"}
    settings.Settings(map_models=f"{folders[marigold.NORMALS]}\n{folders[marigold.INTRINSICS]}\n").save()
    found, facts = map_models.estimate(picture, 1.0, tile_x=True, tile_y=True)
    assert set(facts["marigold"]) == {marigold.NORMALS, marigold.INTRINSICS}
    assert not torch.allclose(found.roughness, plain.roughness)
    monkeypatch.setenv("TEXLOOM_MAP_MODELS", str(folders[marigold.DEPTH]))
    _, facts = map_models.estimate(picture, 1.0, tile_x=True, tile_y=True)
    assert set(facts["marigold"]) == {marigold.DEPTH}
    monkeypatch.delenv("TEXLOOM_MAP_MODELS")
    settings.Settings().save()
    assert map_models.marigold() is None


def test_damaged_settings_count_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the rest of the engine, which cannot ask the user."""
    monkeypatch.setenv("TEXLOOM_HOME", str(tmp_path))
    settings.settings_path().parent.mkdir(parents=True, exist_ok=True)
    settings.settings_path().write_text("{", encoding="utf-8")
    _, facts = map_models.estimate(_picture(), 1.0, tile_x=True, tile_y=True)
    assert set(facts) == {"estimator"}


class TestMemory:
    """They leave with the other large models, and are read again when a picture needs them."""

    @pytest.fixture
    def engine(self, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
        monkeypatch.setenv("TEXLOOM_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("TEXLOOM_MAP_MODELS", str(folders[marigold.NORMALS]))
        monkeypatch.setenv("TEXLOOM_IDLE_MINUTES", "0")
        engine = Engine("cpu")
        yield engine
        if engine._idle is not None:
            engine._idle.cancel()
        engine.unload()

    def _run(
        self,
        engine: Engine,
        tmp_path: Path,
        model: str = "image",
        *,
        emit: Callable[[Any], None] = lambda event: None,
        **changes: Any,
    ) -> None:
        picture = tmp_path / "picture.png"
        rgb = (_picture(64) * 255).to(torch.uint8).permute(1, 2, 0).numpy()
        png.write_png(picture, np.ascontiguousarray(rgb))
        values: dict[str, Any] = {"prompt": "bricks"} | ({"source": str(picture)} if model == "image" else {"steps": 1})
        request = GenerationRequest(model=model, width=64, height=64, seed=1, **values | changes)
        engine.run(request, tmp_path / "library", emit, threading.Event())

    def test_when_idle(self, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._run(engine, tmp_path)
        assert map_models.in_memory(), "for ever, as the variable says"
        monkeypatch.setenv("TEXLOOM_IDLE_MINUTES", "0.002")
        self._run(engine, tmp_path)
        ends = time.monotonic() + 20.0
        while map_models.in_memory() and time.monotonic() < ends:
            time.sleep(0.02)
        assert not map_models.in_memory()
        monkeypatch.setenv("TEXLOOM_IDLE_MINUTES", "0")
        self._run(engine, tmp_path)
        assert map_models.in_memory()

    def test_when_a_model_needs_the_memory(
        self, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = str(save_stable_diffusion(tmp_path / "sd"))
        self._run(engine, tmp_path)
        self._run(engine, tmp_path, model, maps=("base_color",))
        assert map_models.in_memory(), "there was room for both"
        engine._generator(model).unload()
        monkeypatch.setattr(devices, "free_memory", lambda device: 1000 if map_models.in_memory() else 10**9)
        self._run(engine, tmp_path, model, maps=("base_color",))
        assert not map_models.in_memory() and engine._generator(model).loaded

    def test_never_while_one_looks_at_a_picture(self, engine: Engine, tmp_path: Path) -> None:
        self._run(engine, tmp_path)
        with map_models._in_use:
            other = threading.Thread(target=map_models.unload)
            other.start()
            other.join(5.0)
            assert not other.is_alive() and map_models.in_memory()
        map_models.unload()
        assert not map_models.in_memory()

    def test_without_room_the_small_network_sees_the_maps(
        self, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*arguments: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory")

        monkeypatch.setattr(marigold, "_load", full)
        events: list[Any] = []
        self._run(engine, tmp_path, emit=events.append)
        told = [event.code for event in events if isinstance(event, events_of.Warning)]
        assert told.count("map_models_memory") == 1 and not map_models.in_memory()
        result = read_manifest(Path(events[-1].folder))["results"][0]
        assert set(result["map_models"]) == {"estimator"}

    def test_freed_with_everything_else(self, engine: Engine, tmp_path: Path) -> None:
        self._run(engine, tmp_path)
        engine.unload()
        assert not map_models.in_memory()
