# SPDX-License-Identifier: GPL-3.0-or-later
"""Upscaling the light way: pixels that stay in their places, tiles, maps of a material, refusals."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from texloom import api, cli
from texloom.engine import pbr, upscaler
from texloom.engine.seamless import seam_ratio
from texloom.engine.service import Engine
from texloom.engine.upscaler import Upscaler, enlarge
from texloom.errors import CancelledError, ModelInvalidError, ModelNotFoundError, RequestError
from texloom.events import Completed, Progress
from texloom.library_entry import foreign_files
from texloom.png import write_png
from texloom.request import MAPS, GenerationRequest
from texloom.storage import read_manifest
from texloom.training import evaluate_upscaler
from texloom.upscale_request import upscale_request

Pixels = NDArray[Any]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("cpu")


def periodic(width: int = 96, height: int = 80, seed: int = 0) -> Pixels:
    """A smooth picture that repeats both ways, with a sharp edge."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(width) / width, np.arange(height) / height)
    total = np.zeros((height, width, 3))
    for _ in range(9):
        fx, fy, phase = int(rng.integers(1, 5)), int(rng.integers(1, 5)), rng.random(3)
        total += np.cos(2 * np.pi * (fx * x + fy * y)[..., None] + 2 * np.pi * phase)
    total += 4.0 * ((x - 0.4) ** 2 + (y - 0.6) ** 2 < 0.08)[..., None]
    total -= total.min()
    return (total / total.max() * 255).astype(np.uint8)


def run(
    engine: Engine, library: Path, request: GenerationRequest, stop: str = ""
) -> tuple[Path, dict[str, Any], list[Any]]:
    events: list[Any] = []
    cancelled = threading.Event()

    def emit(event: Any) -> None:
        events.append(event)
        if isinstance(event, Progress) and stop and event.stage == stop and event.step > 0:
            cancelled.set()

    engine.run(request, library, emit, cancelled)
    assert isinstance(events[-1], Completed)
    folder = Path(events[-1].folder)
    return folder, read_manifest(folder), events


def pixels_of(path: Path) -> Pixels:
    return np.asarray(Image.open(path))


@pytest.fixture(scope="module")
def material(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instant material of 128² with all maps."""
    request = GenerationRequest(
        prompt="red brick wall", width=128, height=128, seed=4, maps=MAPS, real_world_width=1.5, parameters={}
    )
    return run(engine, tmp_path_factory.mktemp("library"), request)[0]


class TestPixels:
    @pytest.mark.parametrize("network", [True, False])
    @pytest.mark.parametrize("factor", [1.25, 2.0, 3.0, 4.0])
    def test_pieces_and_rolling_change_nothing(
        self, network: bool, factor: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What repeats is the same wherever the border runs, so there is no seam at all."""
        pixels, found = periodic(), Upscaler() if network else None
        size = round(96 * factor), round(80 * factor)
        whole = enlarge(pixels, *size, wraps=(True, True), upscaler=found)
        assert whole.shape == (size[1], size[0], 3) and whole.dtype == np.uint8
        monkeypatch.setattr(upscaler, "PIECE", 53)
        seen: list[float] = []
        pieces = enlarge(pixels, *size, wraps=(True, True), upscaler=found, done=seen.append)
        assert np.abs(whole.astype(int) - pieces).max() <= 1
        assert seen == sorted(seen) and seen[-1] == 1.0 and len(seen) > 3
        rolled = enlarge(np.roll(pixels, (20, 32), (0, 1)), *size, wraps=(True, True), upscaler=found)
        back = np.roll(rolled, (-round(20 * factor), -round(32 * factor)), (0, 1))
        assert np.abs(whole.astype(int) - back).max() <= 1

    def test_pixels_stay_in_their_places(self) -> None:
        """Averaged down again, it is what it was: nothing moved by half a pixel."""
        pixels = periodic().astype(float)
        for factor in (2, 4):
            large = enlarge(periodic(), 96 * factor, 80 * factor, wraps=(True, True), upscaler=Upscaler())
            again = large.reshape(80, factor, 96, factor, 3).mean((1, 3))
            error = np.abs(again - pixels).mean()
            assert error < 2.0
            for moved in ((0, 1), (1, 0)):
                assert np.abs(np.roll(again, moved, (0, 1)) - pixels).mean() > 3 * error

    def test_sides_that_do_not_repeat_do_not_mix(self) -> None:
        pixels = np.zeros((64, 64, 3), np.uint8)
        pixels[:, 32:] = 255
        apart = enlarge(pixels, 128, 128, wraps=(False, False), upscaler=None)
        assert (apart[:, :8] == 0).all() and (apart[:, -8:] == 255).all()
        mixed = enlarge(pixels, 128, 128, wraps=(True, False), upscaler=None)
        assert (mixed[:, 0] > 0).any() and (mixed[:, -1] < 255).any()

    def test_sixteen_bits_stay_sixteen(self) -> None:
        height = (np.arange(64 * 64).reshape(64, 64) * 15).astype(np.uint16)
        large = enlarge(height, 128, 128, wraps=(False, False), upscaler=Upscaler())
        assert large.dtype == np.uint16 and large.shape == (128, 128)
        assert len(np.unique(large)) > 5000
        assert abs(float(large.mean()) - height.mean()) < 50

    def test_it_is_sharper_than_a_cubic_filter(self) -> None:
        truth = evaluate_upscaler.held_out(0, "bricks", 256)
        small = evaluate_upscaler.averaged(truth.base_color, 2)
        scores = {
            way: evaluate_upscaler.psnr(evaluate_upscaler.by(way, Upscaler(), small, 2), truth.base_color)
            for way in evaluate_upscaler.WAYS
        }
        assert scores["network"] > scores["lanczos"] > 20.0 and scores["network"] > scores["bicubic"]

    def test_wrong_sizes_and_damaged_weights(self, tmp_path: Path) -> None:
        for size in ((95, 80), (96 * 5, 80 * 5)):
            with pytest.raises(ValueError, match="cannot become"):
                enlarge(periodic(), *size, wraps=(True, True), upscaler=None)
        with pytest.raises(ModelNotFoundError, match="lacks"):
            Upscaler(tmp_path).load("cpu")
        for name in (upscaler.CONFIG_FILE, upscaler.WEIGHTS_FILE):
            (tmp_path / name).write_bytes(b"{}")
        with pytest.raises(ModelInvalidError, match="cannot be read"):
            Upscaler(tmp_path).load("cpu")

    def test_the_shipped_weights_are_small(self) -> None:
        assert (upscaler.FOLDER / upscaler.WEIGHTS_FILE).stat().st_size < 1 << 20
        assert set(Upscaler().files()) == {upscaler.CONFIG_FILE, upscaler.WEIGHTS_FILE}


class TestPictures:
    def _request(self, path: Path, factor: float = 2.0, **options: Any) -> GenerationRequest:
        return upscale_request(path, factor, **options)

    def test_a_tile_stays_a_tile(self, engine: Engine, tmp_path: Path) -> None:
        Image.fromarray(periodic()).save(tmp_path / "wall.png")
        folder, manifest, _ = run(engine, tmp_path / "library", self._request(tmp_path / "wall.png", 3))
        made, facts = pixels_of(folder / "00_image.png"), manifest["results"][0]["upscale"]
        assert made.shape == (240, 288, 3)
        assert facts["wraps"] == [True, True] and facts["from"] == [96, 80] and facts["factor"] == 3.0
        assert facts["way"] == "network" and set(facts["files"]) == {"upscale.safetensors", "config.json"}
        before = periodic()
        for axis in (0, 1):
            assert seam_ratio(made, axis) < 1.1 * seam_ratio(before, axis) + 0.1
        assert (folder / "source.png").is_file() and foreign_files(folder) == []

    def test_a_photograph_keeps_its_sides(self, engine: Engine, tmp_path: Path) -> None:
        ramp = np.linspace(0, 255, 96, dtype=np.uint8)[None, :, None].repeat(80, 0).repeat(3, 2)
        Image.fromarray(np.ascontiguousarray(ramp)).save(tmp_path / "sky.jpg", quality=95)
        folder, manifest, _ = run(engine, tmp_path / "library", self._request(tmp_path / "sky.jpg"))
        made = pixels_of(folder / "00_image.png").astype(int)
        assert manifest["results"][0]["upscale"]["wraps"] == [False, True]
        assert made[:, 0].max() < 20 and made[:, -1].min() > 235

    def test_what_has_no_effect_is_told(self, engine: Engine, tmp_path: Path) -> None:
        Image.fromarray(periodic()).save(tmp_path / "wall.png")
        for options, codes in (({"steps": 4}, ["settings_ignored"]), ({"negative_prompt": "x"}, ["settings_ignored"]), ({}, [])):  # fmt: skip  # noqa: E501
            _, manifest, _ = run(engine, tmp_path / "library", self._request(tmp_path / "wall.png", **options))
            assert [item["code"] for item in manifest["warnings"]] == codes

    def test_transparent_places(self, engine: Engine, tmp_path: Path) -> None:
        pixels = np.zeros((64, 64, 4), np.uint8)
        pixels[:, 16:48] = (200, 100, 50, 255)
        Image.fromarray(pixels).save(tmp_path / "cut.png")
        folder, _, _ = run(engine, tmp_path / "library", self._request(tmp_path / "cut.png", tile="none"))
        made = pixels_of(folder / "00_image.png")
        assert made.shape == (128, 128, 4) and made[64, 64, 3] == 255 and made[64, 4, 3] == 0
        # No dark rim: the colors of what cannot be seen do not come in.
        seen = made[..., 3] > 100
        assert np.abs(made[seen][:, :3].astype(int) - (200, 100, 50)).max() < 12

    def test_cancelled_nothing_stays(self, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(upscaler, "PIECE", 32)
        Image.fromarray(periodic()).save(tmp_path / "wall.png")
        with pytest.raises(CancelledError):
            run(engine, tmp_path / "library", self._request(tmp_path / "wall.png"), stop="Upscaling")
        assert list((tmp_path / "library").iterdir()) == []

    def test_refusals(self, engine: Engine, tmp_path: Path, material: Path) -> None:
        path = tmp_path / "wall.png"
        Image.fromarray(periodic()).save(path)
        for job, words in (
            (self._request(path).replace(width=96, height=80), "already"),
            (self._request(path).replace(width=500, height=417), "at most 4 times"),
            (self._request(path).replace(width=192, height=192), "proportions"),
            (self._request(path).replace(parameters={"color": True}), "no color"),
            (self._request(path).replace(kind="material"), "roughness.* cannot be upscaled"),
            (self._request(path).replace(count=2), "one result"),
            (self._request(path).replace(strength=0.5), "strength"),
            (self._request(path, model="instant"), "cannot upscale"),
            (
                self._request(path).replace(kind="material", maps=("roughness",), source_maps={"roughness": str(path)})
                .replace(source=str(material / "00_base_color.png"), width=256, height=256),
                "roughness has 96 × 80",
            ),
            (self._request(path).replace(source_maps={"roughness": str(path)}), "only a material"),
        ):  # fmt: skip
            with pytest.raises(RequestError, match=words):
                run(engine, tmp_path / "library", job)


class TestMaterials:
    @pytest.mark.parametrize("factor", [2.0, 3.0])
    def test_all_maps_together(self, engine: Engine, tmp_path: Path, material: Path, factor: float) -> None:
        before = read_manifest(material)["results"][0]
        folder, manifest, events = run(engine, tmp_path / "library", upscale_request(material, factor))
        entry, side = manifest["results"][0], round(128 * factor)
        assert set(entry["maps"]) == set(MAPS) and all(one["width"] == side for one in entry["maps"].values())
        for name in ("tile_width_m", "tile_height_m", "height_min_m", "height_max_m"):
            assert entry[name] == pytest.approx(before[name]), name
        assert entry["height_max_m"] > entry["height_min_m"] and entry["maps"]["height"]["bit_depth"] == 16
        assert entry["upscale"]["made_of_height"] == ["ambient_occlusion", "normal"]
        # The normals are those of the larger height, in the same metres.
        metres = pbr.height_from_pixels(
            pixels_of(folder / "00_height.png"), entry["height_min_m"], entry["height_max_m"]
        )
        given = pbr.normal_pixels(metres, entry["tile_width_m"], entry["tile_height_m"])
        assert np.abs(pixels_of(folder / "00_normal.png").astype(int) - given).max() <= 1
        # Every map lies on the others as before.
        for name in MAPS:
            old, new = (pixels_of(place / f"00_{name}.png").astype(float) for place in (material, folder))
            old, new = (array / (257.0 if name == "height" else 1.0) for array in (old, new))
            small = np.asarray(
                [Image.fromarray(part.astype(np.float32)).resize((128, 128), Image.Resampling.BOX) for part in
                 np.atleast_3d(new).transpose(2, 0, 1)]
            )  # fmt: skip
            assert np.abs(small - np.atleast_3d(old).transpose(2, 0, 1)).mean() < 6.0, name
            # Some lines of a small brick wall are rougher than others, steep ones of the normals most of all.
            limit = 1.6 if name == "normal" else 1.2
            assert all(seam_ratio(new, axis) < limit * seam_ratio(old, axis) + 0.3 for axis in (0, 1)), name
        assert {event.stage for event in events if isinstance(event, Progress)} >= {"Upscaling", "Writing"}
        assert foreign_files(folder) == [] and (folder / "source_height.png").is_file()

    def test_there_is_no_seam_at_all(self, engine: Engine, tmp_path: Path, material: Path) -> None:
        """The same material rolled gives the same larger maps rolled: no place knows of the border."""
        rolled = tmp_path / "20260101-100000-rolled-0123abcd"
        rolled.mkdir()
        (rolled / "manifest.json").write_bytes((material / "manifest.json").read_bytes())
        for name in MAPS:
            write_png(rolled / f"00_{name}.png", np.roll(pixels_of(material / f"00_{name}.png"), (40, 24), (0, 1)))
        one, other = (run(engine, tmp_path / "library", upscale_request(path, 2))[0] for path in (material, rolled))
        for name in MAPS:
            first, second = (pixels_of(folder / f"00_{name}.png").astype(int) for folder in (one, other))
            top = 257 if name == "height" else 1
            assert np.abs(np.roll(first, (80, 48), (0, 1)) - second).max() <= 2 * top, name

    def test_a_normal_map_of_its_own_is_kept(self, engine: Engine, tmp_path: Path, material: Path) -> None:
        """It says something that the height does not: it is enlarged, with vectors of length 1."""
        own = np.zeros((128, 128, 3), np.uint8)
        angles = np.linspace(0, 2 * np.pi, 128, endpoint=False)
        slope = 0.6 * np.sin(angles)
        own[...] = np.dstack([slope[None].repeat(128, 0), np.zeros((128, 128)), np.sqrt(1 - slope**2)[None].repeat(128, 0)]) * 127.5 + 127.5  # fmt: skip  # noqa: E501
        Image.fromarray(own).save(tmp_path / "normal.png")
        request = upscale_request(material, 2)
        request = request.replace(source_maps={**request.source_maps, "normal": str(tmp_path / "normal.png")})
        folder, manifest, _ = run(engine, tmp_path / "library", request)
        assert manifest["results"][0]["upscale"]["made_of_height"] == ["ambient_occlusion"]
        made = pixels_of(folder / "00_normal.png").astype(float) / 127.5 - 1.0
        assert np.abs(np.linalg.norm(made, axis=-1) - 1.0).max() < 0.02
        assert np.abs(made[0, ::2, 0] - slope).max() < 0.08

    def test_some_maps_and_maps_that_follow(self, engine: Engine, tmp_path: Path, material: Path) -> None:
        request = upscale_request(material, 2, maps=("base_color", "roughness"))
        folder, manifest, _ = run(engine, tmp_path / "library", request)
        assert list(manifest["results"][0]["maps"]) == ["base_color", "roughness"]
        assert not (folder / "00_height.png").exists()

    def test_upscaled_twice_and_made_again(self, engine: Engine, tmp_path: Path, material: Path) -> None:
        once, _, _ = run(engine, tmp_path / "library", upscale_request(material, 1.5))
        again, manifest, _ = run(engine, tmp_path / "library", upscale_request(once, 1.5))
        assert manifest["results"][0]["maps"]["normal"]["width"] == 288
        assert manifest["request"]["prompt"] == "red brick wall"
        result = api.Result.read(once)
        assert set(result.source_maps) == set(MAPS[1:])
        copies = {name: str(path) for name, path in result.source_maps.items()}
        repeated = result.request.replace(id="again", source=str(result.source), source_maps=copies)
        twin, _, _ = run(engine, tmp_path / "library", repeated)
        for name in MAPS:
            assert (twin / f"00_{name}.png").read_bytes() == (once / f"00_{name}.png").read_bytes(), name
        assert (again / "source_normal.png").is_file()


class TestCommand:
    def test_upscale(self, tmp_path: Path, material: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Through a worker of its own, as users do."""
        status = cli.main(["upscale", str(material), "--factor", "2", "--quiet", "-o", str(tmp_path / "library")])
        assert status == cli.EXIT_OK
        folder = Path(capsys.readouterr().out.splitlines()[0])
        assert pixels_of(folder / "00_base_color.png").shape == (256, 256, 3)
