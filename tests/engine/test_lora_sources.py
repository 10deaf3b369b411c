# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pictures, maps and captions a LoRA learns, and how they are cut."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from texloom.engine.learned_channels import from_channels
from texloom.engine.seamless import seam_ratio
from texloom.engine.service import Engine
from texloom.errors import RequestError, StorageError
from texloom.request import GenerationRequest
from texloom.training.lora_pictures import Material, cut, read_materials
from texloom.training.lora_sources import Source, captions_of, find_sources
from tiny_taught import picture

RED = (200, 60, 40)


def _save(path: Path, color: tuple[int, int, int] = RED, size: tuple[int, int] = (40, 40)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(1, color, size)).save(path)
    return path


def _read(sources: list[Source], **named: Any) -> list[Material]:
    usual: dict[str, Any] = {"size": 32, "surfaces": False, "variants": 2, "tile": None, "mirror": False, "seed": 1}
    return read_materials(sources, ["paint"] * len(sources), **usual | {"warn": lambda text: None} | named)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a real result of the instant model."""
    library = tmp_path_factory.mktemp("library")
    events: list[Any] = []
    request = GenerationRequest(prompt="red brick wall", width=256, height=256, seed=3, count=2)
    Engine("cpu").run(request, library, events.append, threading.Event())
    return Path(events[-1].folder)


class TestFinding:
    def test_pictures_of_all_kinds(self, tmp_path: Path) -> None:
        for ending in ("png", "jpg", "webp", "tif"):
            _save(tmp_path / f"one {ending}.{ending}")
        (tmp_path / "notes.txt").write_text("no picture")
        _save(tmp_path / ".hidden.png")
        assert [source.color.suffix for source in find_sources(tmp_path)] == [".jpg", ".png", ".tif", ".webp"]

    @pytest.mark.parametrize(
        "names",
        [
            ("wall_basecolor.png", "wall_height.png", "wall_roughness.png", "wall_normal.png"),
            ("Wall_Color.jpg", "Wall_Displacement.jpg", "Wall_Roughness.jpg", "Wall_NormalGL.jpg"),
            ("wall_diff_1k.png", "wall_disp_1k.png", "wall_rough_1k.png", "wall_nor_gl_1k.png"),
            ("base_color.png", "height.png", "roughness.png", "ambient_occlusion.png"),
            ("T_Wall_BaseColor.png", "T_Wall_Height.png", "T_Wall_Roughness.png", "T_Wall_Normal.png"),
        ],
    )
    def test_maps_of_a_material_are_one(self, tmp_path: Path, names: tuple[str, ...]) -> None:
        for name in names:
            _save(tmp_path / "wall" / name)
        (source,) = find_sources(tmp_path)
        assert source.color.name == names[0]
        assert {kind: path.name for kind, path in source.maps.items()} == {"height": names[1], "roughness": names[2]}
        assert "wall" in source.names

    def test_words_in_names_of_pictures_are_no_maps(self, tmp_path: Path) -> None:
        for name in ("rusty_metal.png", "old_rough.png", "brick_ao.png", "plain.png"):
            _save(tmp_path / name)
        assert len(find_sources(tmp_path)) == 4

    def test_a_map_alone_is_told(self, tmp_path: Path) -> None:
        _save(tmp_path / "wall_height.png")
        with pytest.raises(RequestError, match=r"wall_height.png is a map \(height\) without its base color"):
            find_sources(tmp_path)

    def test_nothing_to_learn(self, tmp_path: Path) -> None:
        with pytest.raises(RequestError, match="holds no picture"):
            find_sources(tmp_path)
        with pytest.raises(RequestError, match="there is no folder"):
            find_sources(tmp_path / "none")

    def test_results_of_texloom(self, result: Path) -> None:
        sources = find_sources(result.parent)
        assert len(sources) == 2
        assert set(sources[0].maps) == {"height", "roughness", "metallic"}
        assert sources[0].prompt == "red brick wall" and sources[0].tiles == (True, True)
        assert sources[0].relief_m is not None and 0.0 < sources[0].relief_m < 0.2
        assert captions_of(sources) == ["red brick wall"] * 2
        assert find_sources(result)[1].color == sources[1].color


class TestCaptions:
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("c.txt", "a.png\tred paint\nb\tblue paint\n"),
            ("c.csv", "caption,name\nred paint,a.png\nblue paint,b\n"),
            ("c.csv", 'a.png,red paint\nb,"blue paint"\n'),
            ("c.jsonl", '{"file_name": "a.png", "text": "red paint"}\n\n{"name": "b", "caption": "blue paint"}\n'),
        ],
    )
    def test_lists(self, tmp_path: Path, name: str, text: str) -> None:
        for stem in "ab":
            _save(tmp_path / "in" / f"{stem}.png")
        (tmp_path / name).write_text(text, encoding="utf-8")
        sources = find_sources(tmp_path / "in")
        assert captions_of(sources, file=tmp_path / name) == ["red paint", "blue paint"]
        assert captions_of(sources, file=tmp_path / name, trigger="glaze9") == [
            "glaze9, red paint", "glaze9, blue paint",
        ]  # fmt: skip

    def test_texts_beside_and_one_for_all(self, tmp_path: Path) -> None:
        _save(tmp_path / "a.png").with_suffix(".txt").write_text("red  paint\n")
        _save(tmp_path / "b.png")
        sources = find_sources(tmp_path)
        assert captions_of(sources, caption="any paint") == ["red paint", "any paint"]
        with pytest.raises(RequestError, match="nothing is said of b"):
            captions_of(sources)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("a.png\tx\nc.png\ty\n", "'c.png' is no picture"),
            ("a.png x\n", "line 1: there is no tab"),
            ("a.png\tx\na.png\ty\n", "line 2: 'a.png' stands there twice"),
            ("a.png\t\n", "line 1: a name or a caption is missing"),
            ("", "holds no captions"),
        ],
    )
    def test_wrong_lists(self, tmp_path: Path, text: str, words: str) -> None:
        _save(tmp_path / "in" / "a.png")
        (tmp_path / "c.txt").write_text(text)
        with pytest.raises(RequestError, match=words):
            captions_of(find_sources(tmp_path / "in"), file=tmp_path / "c.txt", caption="z")

    def test_folders_whose_files_have_the_same_names(self, tmp_path: Path) -> None:
        for name in ("wall", "floor"):
            _save(tmp_path / "in" / name / "basecolor.png")
        (tmp_path / "c.txt").write_text("wall/basecolor.png\tbricks\nfloor\tplanks\n")
        sources = find_sources(tmp_path / "in")
        assert captions_of(sources, file=tmp_path / "c.txt") == ["planks", "bricks"]
        (tmp_path / "c.txt").write_text("basecolor.png\tbricks\n")
        with pytest.raises(RequestError, match="is no picture of the folder"):
            captions_of(sources, file=tmp_path / "c.txt")

    def test_wrong_json(self, tmp_path: Path) -> None:
        _save(tmp_path / "in" / "a.png")
        (tmp_path / "c.jsonl").write_text("[1]\n")
        with pytest.raises(RequestError, match="line 1: this is no JSON object"):
            captions_of(find_sources(tmp_path / "in"), file=tmp_path / "c.jsonl")
        with pytest.raises(StorageError, match="could not be read"):
            captions_of(find_sources(tmp_path / "in"), file=tmp_path / "none.txt")


class TestReading:
    def test_files_that_are_no_pictures_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "broken.png").write_bytes(b"no picture")
        with pytest.raises(RequestError, match=r"broken.png: .*no picture that can be read"):
            _read(find_sources(tmp_path))

    def test_small_ones_are_told(self, tmp_path: Path) -> None:
        _save(tmp_path / "small.png", size=(12, 12))
        told: list[str] = []
        (found,) = _read(find_sources(tmp_path), warn=told.append)
        assert found.squares[0].values.shape == (3, 32, 32) and "12 × 12" in told[0]

    def test_a_tile_stays_one_wherever_it_is_cut(self) -> None:
        """Waves that fit the tile, in a picture of another size."""
        across = torch.arange(90) * 2.0 * torch.pi / 90
        values = (0.5 + 0.2 * torch.sin(across * 3)[None] + 0.2 * torch.sin(across * 2)[:, None]).expand(3, 90, 90)
        rng = np.random.default_rng(0)
        for number in range(4):
            square = cut(values, 64, (True, True), rng, plain=number == 0)
            assert square.tile_x and square.tile_y
            pixels = square.values.permute(1, 2, 0).numpy()
            assert all(seam_ratio(pixels, axis) < 1.8 for axis in (0, 1))

    def test_long_pictures_repeat_at_their_short_side_alone(self) -> None:
        square = cut(torch.rand(3, 40, 100), 32, (True, True), np.random.default_rng(0))
        assert (square.tile_x, square.tile_y) == (False, True)
        assert square.values.shape == (3, 32, 32)

    def test_whether_they_repeat_is_measured(self, tmp_path: Path) -> None:
        ramp = np.tile(np.linspace(20, 230, 64).astype(np.uint8)[None, :, None], (64, 1, 3))
        Image.fromarray(ramp).save(tmp_path / "ramp.png")
        waves = 128 + 90 * np.cos(np.arange(64) * 2 * np.pi / 64)
        Image.fromarray(np.tile(waves.astype(np.uint8)[None, :, None], (64, 1, 3))).save(tmp_path / "waves.png")
        one, two = _read(find_sources(tmp_path))
        assert not one.squares[0].tile_x and two.squares[0].tile_x

    def test_a_material_s_maps(self, result: Path) -> None:
        """Heights come back in metres, and those of another size grow with the picture."""
        source = find_sources(result)[0]
        for size in (256, 128):
            (found,) = _read([source], surfaces=True, size=size, variants=1)
            surface = from_channels(found.squares[0].values[None])
            meters = surface.height * (source.width_m or 0.0) / size
            relief = float(meters.max() - meters.min())
            assert relief == pytest.approx(source.relief_m, rel=0.25)
            color = np.array(Image.open(source.color)).mean((0, 1)) / 255.0
            np.testing.assert_allclose(surface.base_color.mean((0, 2, 3)).numpy(), color, atol=0.02)

    def test_missing_maps_are_estimated(self, tmp_path: Path) -> None:
        _save(tmp_path / "set" / "basecolor.png", size=(64, 64))
        Image.fromarray(np.full((64, 64), 51, np.uint8)).save(tmp_path / "set" / "roughness.png")
        (found,) = _read(find_sources(tmp_path), surfaces=True)
        surface = from_channels(found.squares[0].values[None])
        assert float(surface.roughness.mean()) == pytest.approx(0.2, abs=0.01)
        assert float(surface.height.std()) > 0.0
        color = np.array(RED) / 255.0
        np.testing.assert_allclose(surface.base_color.mean((0, 2, 3)).numpy(), color, atol=0.03)

    def test_half_are_mirrored_where_that_is_wanted(self, tmp_path: Path) -> None:
        Image.fromarray(np.tile(np.linspace(20, 230, 32).astype(np.uint8)[None, :, None], (32, 1, 3))).save(
            tmp_path / "ramp.png"
        )
        (found,) = _read(find_sources(tmp_path), mirror=True)
        plain, mirrored = (square.values[0, 0] for square in found.squares)
        assert plain[0] < plain[-1] and mirrored[0] > mirrored[-1]


def test_a_manifest_that_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "manifest.json").write_text(json.dumps({"schema": 1}))
    with pytest.raises(StorageError):
        find_sources(tmp_path)
