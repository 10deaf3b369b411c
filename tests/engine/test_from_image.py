# SPDX-License-Identifier: GPL-3.0-or-later
"""The model ``image`` as a whole: pictures of every kind in, results and plain errors out."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms
from texloom import api, cli
from texloom.engine.pictures import MAX_PIXELS, open_picture
from texloom.engine.resample import Span, resample
from texloom.engine.seamless import seam_ratio
from texloom.engine.service import Engine
from texloom.errors import CancelledError, RequestError, StorageError
from texloom.events import Completed, Event
from texloom.picture_size import fitting_size, picture_size
from texloom.request import GenerationRequest
from texloom.storage import read_manifest

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("cpu")


def pebbles(width: int = 320, height: int = 240, *, light: float = 0.0, seed: int = 3) -> Pixels:
    """Cells with dark joints and grain, ``light`` darker to the right; no two ends fit."""
    rng = np.random.default_rng(seed)
    centers, tones = rng.random((400, 2)) * 1.2 - 0.1, rng.integers(120, 220, (400, 3))
    y, x = np.mgrid[:height, :width]
    u, v = x / width, y / width
    apart = (u[..., None] - centers[:, 0]) ** 2 + (v[..., None] - centers[:, 1]) ** 2
    nearest = np.sqrt(np.partition(apart, 1, axis=-1)[..., :2])
    joints = np.clip((nearest[..., 1] - nearest[..., 0]) * 60, 0.35, 1.0)[..., None]
    picture = tones[apart.argmin(-1)] * joints + rng.normal(0, 8, (height, width, 3))
    return np.clip(picture * (1.0 - light * u[..., None]), 0, 255).astype(np.uint8)


def save(path: Path, pixels: Any, **options: Any) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def run(engine: Engine, library: Path, source: Path | str, stop_at: str = "", **options: Any) -> Any:
    """The folder and the manifest of a result."""
    events: list[Event] = []
    cancelled = threading.Event()

    def emit(event: Event) -> None:
        events.append(event)
        if event.type == stop_at:
            cancelled.set()

    fields = {"prompt": "wall", "kind": "texture", "model": "image", "width": 320, "height": 240, "seed": 1}
    engine.run(GenerationRequest(**fields | {"source": str(source)} | options), library, emit, cancelled)
    end = events[-1]
    assert isinstance(end, Completed)
    return Path(end.folder), read_manifest(Path(end.folder))


def band_ratio(pixels: Pixels, axis: int, overlap: float) -> float:
    """How rough the part of the lines is in which both ends were joined, the border among them, to the others.

    The seam that is left runs somewhere within; one line alone may be rougher or smoother than most by nature.
    """
    steps = np.abs(pixels.astype(np.float64) - np.roll(pixels.astype(np.float64), 1, axis)).mean((1 - axis, 2))
    joined = max(1, round(overlap * len(steps)))
    return float(steps[:joined].mean() / steps[joined:].mean())


def rank(pixels: Pixels, axis: int) -> float:
    """The part of the lines inside that differ more from the next one than both ends do: 0 for a seam."""
    lines = np.moveaxis(pixels.reshape(*pixels.shape[:2], -1).astype(np.float64), axis, 0)
    steps = np.abs(np.diff(lines, axis=0)).mean((1, 2))
    return float((steps > np.abs(lines[0] - lines[-1]).mean()).mean())


def pixels_of(path: Path) -> Pixels:
    return np.asarray(Image.open(path))


class TestSeamless:
    @pytest.mark.parametrize("light", [0.0, 0.55])
    def test_structure_grain_and_uneven_light(self, light: float, engine: Engine, tmp_path: Path) -> None:
        source = save(tmp_path / "wall.png", pebbles(480, 480, light=light))
        folder, found = run(engine, tmp_path, source, width=320, height=320)
        made = pixels_of(folder / "00_image.png")
        facts = found["results"][0]["picture"]
        assert made.shape == (320, 320, 3)
        for axis in (0, 1):
            assert seam_ratio(pixels_of(source), axis) > 1.7 and 0.7 < seam_ratio(made, axis) < 1.35
            share = facts["overlap"][1 - axis] / facts["part"][3 - axis]
            assert 0.9 < band_ratio(made, axis, share) < 1.1
        assert facts["seam_after"] == [pytest.approx(seam_ratio(made, axis), abs=1e-3) for axis in (1, 0)]
        assert (facts["uneven_light"] > 0.1) == bool(light)
        thirds = [made[:, part].mean() for part in (slice(0, 107), slice(213, 320))]
        assert max(thirds) / min(thirds) < 1.12

    def test_grain_alone_under_uneven_light(self, engine: Engine, tmp_path: Path) -> None:
        rng = np.random.default_rng(1)
        fall = np.linspace(1.0, 0.5, 400)[None, :, None]
        grain = np.clip((150 + rng.normal(0, 25, (400, 400, 1))) * fall, 0, 255).astype(np.uint8).repeat(3, 2)
        folder, _ = run(engine, tmp_path, save(tmp_path / "grain.png", grain), width=256, height=256)
        made = pixels_of(folder / "00_image.png")
        assert seam_ratio(grain, 1) > 1.8
        assert all(0.9 < seam_ratio(made, axis) < 1.1 for axis in (0, 1))

    def test_what_is_away_from_the_seam_stays(self, engine: Engine, tmp_path: Path) -> None:
        picture = pebbles()
        source = save(tmp_path / "wall.png", picture)
        options: dict[str, Any] = {"parameters": {"even_light": False}}
        folder, _ = run(engine, tmp_path, source, tile_x=False, tile_y=False, **options)
        assert (pixels_of(folder / "00_image.png") == picture).all()
        folder, found = run(engine, tmp_path, source, **options)
        x, y, width, height = found["results"][0]["picture"]["part"]
        across, down = (part / count for part, count in ((width, 320), (height, 240)))
        plain = resample(picture, Span(start=x, step=across, count=321), Span(start=y, step=down, count=241))
        joined_x, joined_y = (
            int(overlap / step)
            for overlap, step in zip(found["results"][0]["picture"]["overlap"], (across, down), strict=True)
        )
        assert 0 < joined_x < 80 and 0 < joined_y < 60
        made = pixels_of(folder / "00_image.png")
        assert (made[joined_y:, joined_x:] == plain[joined_y:240, joined_x:320]).all()
        # What comes after the last column is what comes after it in the picture, so there is no step at all.
        assert (made[joined_y:, 0] == plain[joined_y:240, 320]).all()

    def test_a_picture_that_tiles_is_left_alone(self, engine: Engine, tmp_path: Path) -> None:
        grain = np.random.default_rng(4).integers(60, 190, (64, 96), np.uint8)
        tile = np.asarray(Image.fromarray(np.tile(grain, (3, 3))).resize((288, 192), Image.Resampling.BICUBIC))
        tile = np.ascontiguousarray(tile[64:128, 96:192])[..., None].repeat(3, 2)
        folder, found = run(engine, tmp_path, save(tmp_path / "t.png", tile), width=96, height=64)
        assert (pixels_of(folder / "00_image.png") == tile).all()
        assert found["results"][0]["picture"]["tiled_already"] == [True, True]
        assert [item["code"] for item in found["warnings"]] == ["tiles_already"]
        # Larger, it is the same picture and still tiles.
        folder, _ = run(engine, tmp_path, tmp_path / "t.png", width=192, height=128)
        made = pixels_of(folder / "00_image.png").astype(int)
        for axis in (0, 1):
            steps = np.abs(made - np.roll(made, 1, axis)).mean((1 - axis, 2))
            assert steps[0] < 1.3 * steps[2::2].mean()  # of lines that lie between the same pixels

    def test_other_proportions_take_the_middle(self, engine: Engine, tmp_path: Path) -> None:
        picture = pebbles(320, 240)
        folder, found = run(
            engine, tmp_path, save(tmp_path / "w.png", picture), width=240, height=240, tile_x=False, tile_y=False,
            parameters={"even_light": False},
        )  # fmt: skip
        assert (pixels_of(folder / "00_image.png") == picture[:, 40:280]).all()
        assert [item["code"] for item in found["warnings"]] == ["picture_cropped"]
        assert found["results"][0]["tile_width_m"] == pytest.approx(0.75)

    def test_the_same_request_gives_the_same_bytes(self, engine: Engine, tmp_path: Path) -> None:
        source = save(tmp_path / "wall.jpg", pebbles(light=0.3), quality=90)
        first, second = (run(engine, tmp_path, source, kind="material")[0] for _ in range(2))
        for file in sorted(first.glob("*.png")):
            assert file.read_bytes() == (second / file.name).read_bytes(), file.name

    def test_numbers_of_a_map_are_no_colors(self, engine: Engine, tmp_path: Path) -> None:
        picture = np.zeros((64, 64, 3), np.uint8)
        picture[::2] = 200
        source = save(tmp_path / "roughness.png", picture)
        options = {"width": 64, "height": 64, "tile_x": False, "tile_y": False}
        half = save(tmp_path / "large.png", picture.repeat(1, 0))
        folder, _ = run(engine, tmp_path, half, parameters={"color": False}, **options)
        assert (pixels_of(folder / "00_image.png") == picture).all()
        with pytest.raises(RequestError, match="color"):
            run(engine, tmp_path, source, kind="material", parameters={"color": False}, **options)


class TestMaterial:
    def test_all_maps_tile_and_have_their_real_size(self, engine: Engine, tmp_path: Path) -> None:
        maps = ("base_color", "normal", "height", "roughness", "metallic", "ambient_occlusion")
        source = save(tmp_path / "wall.png", pebbles())
        folder, found = run(engine, tmp_path, source, kind="material", maps=maps, real_world_width=4.0)
        result = found["results"][0]
        _, _, width, height = result["picture"]["part"]
        assert result["tile_width_m"] == pytest.approx(4.0 * width / 320)
        assert result["tile_height_m"] == pytest.approx(4.0 * height / 320)
        assert rank(pebbles(), 0) == rank(pebbles(), 1) == 0.0
        assert set(result["maps"]) == set(maps) and result["maps"]["height"]["bit_depth"] == 16
        assert 0 < result["height_max_m"] - result["height_min_m"] < 0.2
        for name in ("base_color", "normal", "height", "roughness", "ambient_occlusion"):
            pixels = pixels_of(folder / f"00_{name}.png")
            for axis in (0, 1):
                assert rank(pixels, axis) > 0.0, name
        height_map, color = pixels_of(folder / "00_height.png"), pixels_of(folder / "00_base_color.png").mean(-1)
        assert height_map[color < 70].mean() < 0.7 * height_map[color > 150].mean()  # joints are low
        assert found["warnings"] == [] and found["model"]["id"] == "image"

    def test_transparent_places_become_the_mean(self, engine: Engine, tmp_path: Path) -> None:
        picture = np.concatenate((pebbles(64, 64), np.full((64, 64, 1), 255, np.uint8)), 2)
        picture[:, :20] = (255, 0, 255, 0)
        source = save(tmp_path / "cut.png", picture)
        size = {"width": 64, "height": 64, "tile_x": False, "tile_y": False, "parameters": {"even_light": False}}
        folder, found = run(engine, tmp_path, source, kind="material", **size)
        made = pixels_of(folder / "00_base_color.png").astype(int)
        assert made.shape == (64, 64, 3) and (made[:, 20:] == picture[:, 20:, :3]).all()
        assert np.abs(made[:, :20] - picture[:, 20:, :3].mean((0, 1))).max() <= 1
        assert [item["code"] for item in found["warnings"]] == ["alpha_dropped"]
        folder, _ = run(engine, tmp_path, source, **size)
        assert (pixels_of(folder / "00_image.png")[..., 3] == picture[..., 3]).all()


class TestReading:
    def test_every_kind_of_file(self, tmp_path: Path) -> None:
        picture = pebbles(48, 40)
        for name, options in (("a.png", {}), ("a.tif", {"compression": "tiff_lzw"}), ("a.bmp", {}),
                              ("a.webp", {"lossless": True})):  # fmt: skip
            path = save(tmp_path / name, picture, **options)
            assert (open_picture(path).pixels == picture).all() and picture_size(path) == (48, 40)
        path = save(tmp_path / "a.jpg", picture, quality=95)
        assert np.abs(open_picture(path).pixels.astype(int) - picture).mean() < 12 and picture_size(path) == (48, 40)
        lossy = save(tmp_path / "b.webp", picture, quality=80)
        alpha = save(tmp_path / "c.webp", np.dstack((picture, picture[..., 0])), quality=80)
        assert picture_size(lossy) == picture_size(alpha) == (48, 40)

    def test_sixteen_bits(self, tmp_path: Path) -> None:
        grey = np.linspace(0, 65535, 64 * 16).astype(np.uint16).reshape(16, 64)
        for name in ("g.png", "g.tif"):
            pixels = open_picture(save(tmp_path / name, grey)).pixels
            assert pixels.shape == (16, 64, 3) and np.abs(pixels[..., 0] - grey / 257.0).max() <= 0.51
        # 16 bits for each of red, green and blue, as Pillow itself does not write it.
        rgb = np.dstack((grey, grey[:, ::-1], grey)).astype(">u2")
        rows = b"".join(b"\0" + row.tobytes() for row in rgb)
        path = tmp_path / "rgb.png"
        path.write_bytes(png(64, 16, 16, 2, rows))
        assert np.abs(open_picture(path).pixels - rgb / 257.0).max() <= 1.01

    def test_palettes_and_transparency(self, tmp_path: Path) -> None:
        flat = Image.fromarray(pebbles(32, 32)).quantize(16)
        flat.save(tmp_path / "p.png")
        assert open_picture(tmp_path / "p.png").pixels.shape == (32, 32, 3)
        flat.save(tmp_path / "t.png", transparency=0)
        found = open_picture(tmp_path / "t.png")
        assert found.has_alpha and (found.pixels[..., 3] == 0).any()
        opaque = np.dstack((pebbles(32, 32), np.full((32, 32), 255, np.uint8)))
        assert not open_picture(save(tmp_path / "o.png", opaque)).has_alpha

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_turned_as_the_camera_says(self, orientation: int, tmp_path: Path) -> None:
        picture = np.zeros((16, 32, 3), np.uint8)
        picture[:8, :8] = 255
        exif = Image.Exif()
        exif[274] = orientation
        path = save(tmp_path / "t.jpg", picture, exif=exif, quality=95)
        seen = open_picture(path).pixels
        corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}
        assert seen[corner[orientation]].min() > 200 and (seen.shape[1], seen.shape[0]) == picture_size(path)

    def test_another_color_space_becomes_srgb(self, tmp_path: Path) -> None:
        # A profile whose numbers mean other colors: red and blue changed over.
        swapped = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
        swapped = bytearray(
            bytes(swapped).replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")
        )
        picture = np.full((16, 16, 3), (250, 20, 20), np.uint8)
        path = save(tmp_path / "p.png", picture, icc_profile=bytes(swapped))
        assert open_picture(path).pixels[8, 8, 2] > 200 > 100 > open_picture(path).pixels[8, 8, 0]
        broken = save(tmp_path / "b.png", picture, icc_profile=b"no profile at all")
        assert (open_picture(broken).pixels == picture).all()

    def test_a_bomb_is_not_unpacked(self, tmp_path: Path) -> None:
        path = tmp_path / "bomb.png"
        # A few hundred bytes that say they are ten thousand million pixels.
        path.write_bytes(png(100_000, 100_000, 8, 0, b"\0" * 1000))
        with pytest.raises(RequestError, match="pixels"):
            open_picture(path)
        side = int(MAX_PIXELS**0.5) + 8
        path.write_bytes(png(side, side, 8, 0, b"\0" * 1000))
        with pytest.raises(RequestError, match=f"{side} × {side} pixels"):
            open_picture(path)

    def test_plain_words_for_what_cannot_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "text.png").write_text("I am no picture")
        whole = save(tmp_path / "whole.png", pebbles()).read_bytes()
        (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
        save(tmp_path / "tiny.png", pebbles(4, 4))
        Image.fromarray(np.zeros((16, 16), np.float32)).save(tmp_path / "float.tif")
        save(tmp_path / "anim.gif", pebbles(16, 16))
        for name, word in (("text.png", "no picture"), ("cut.png", "damaged"), ("tiny.png", "4 × 4"),
                           ("float.tif", "floating"), ("anim.gif", "no picture"), ("gone.png", "no file"),
                           ("", "folder")):  # fmt: skip
            with pytest.raises(RequestError, match=word):
                open_picture(tmp_path / name)
        for name in ("text.png", "anim.gif", "gone.png", ""):
            with pytest.raises(RequestError):
                picture_size(tmp_path / name)

    def test_no_half_of_a_header_confuses_it(self, tmp_path: Path) -> None:
        for name, options in (("a.png", {}), ("a.jpg", {}), ("a.tif", {}), ("a.webp", {}), ("a.bmp", {})):
            data = save(tmp_path / name, pebbles(24, 24), **options).read_bytes()
            for length in (0, 1, 3, 9, 13, 20, 25, 31):
                (tmp_path / "part").write_bytes(data[:length])
                try:
                    assert picture_size(tmp_path / "part") == (24, 24)
                except RequestError:
                    continue

    def test_sizes_that_a_request_may_have(self) -> None:
        assert fitting_size(1340, 1070) == (1344, 1072) and fitting_size(1340, 1070, 512) == (512, 408)
        assert fitting_size(20, 10) == (128, 64) and fitting_size(20_000, 10_000) == (8192, 4096)
        assert fitting_size(100_000, 10) == (8192, 64)


class TestRequests:
    def test_errors_leave_nothing(self, engine: Engine, tmp_path: Path) -> None:
        library = tmp_path / "library"
        source = save(tmp_path / "wall.png", pebbles(64, 64))
        for options, word in (
            ({"source": str(tmp_path / "no.png")}, "no file"),
            ({"source": ""}, "needs a picture"),
            ({"model": "instant", "prompt": "bricks"}, "starts from no picture"),
            ({"count": 2}, "count"),
            ({"parameters": {"family": "bricks"}}, "family"),
            ({"parameters": {"even_light": 0.5}}, "even_light"),
        ):
            with pytest.raises(RequestError, match=word):
                run(engine, library, **{"source": source} | options)
        assert not library.exists() or not list(library.iterdir())

    def test_errors_name_the_file_that_was_given(self, engine: Engine, tmp_path: Path) -> None:
        whole = save(tmp_path / "whole.png", pebbles()).read_bytes()
        (tmp_path / "my source.png.PNG").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(RequestError, match=r"source: my source\.png\.PNG is damaged"):
            run(engine, tmp_path / "library", tmp_path / "my source.png.PNG", width=64, height=64)

    def test_cancelled_leaves_nothing(self, engine: Engine, tmp_path: Path) -> None:
        with pytest.raises(CancelledError):
            run(engine, tmp_path / "library", save(tmp_path / "w.png", pebbles()), "progress", kind="material")
        assert not list((tmp_path / "library").iterdir())

    def test_the_picture_is_kept_as_it_was(self, engine: Engine, tmp_path: Path) -> None:
        source = save(tmp_path / "My Wall.JPG", pebbles(64, 64), format="JPEG")
        folder, found = run(engine, tmp_path, source, width=64, height=64)
        data = source.read_bytes()
        assert found["source"] == {
            "file": "source.jpg", "name": "My Wall.JPG", "sha256": hashlib.sha256(data).hexdigest(),
        }  # fmt: skip
        assert (folder / "source.jpg").read_bytes() == data and found["request"]["source"] == str(source)
        with Image.open(folder / "00_image.png") as image:
            assert image.info["texloom:model"] == "image"


class TestApiAndCommand:
    """With real worker processes."""

    def test_repeat_needs_only_the_folder(self, tmp_path: Path) -> None:
        source = save(tmp_path / "wall.png", pebbles())
        with api.Session(library=tmp_path / "library") as session:
            first = session.make_seamless(source, tile="x", size=160)
            assert (first.request.width, first.request.height, first.request.tile_y) == (160, 120, False)
            source.unlink()
            again = session.repeat(first.folder)
            assert again.files()["image"].read_bytes() == first.files()["image"].read_bytes()
            # Also from the repeated one, and with something changed.
            smaller = session.repeat(again.folder, width=80, height=64)
            assert smaller.request.width == 80 and smaller.source is not None
            (first.folder / "source.png").write_bytes(b"other")
            with pytest.raises(StorageError, match="changed"):
                session.repeat(first.folder)
            with pytest.raises(RequestError, match="no file"):
                session.maps_from_image(source)
            with pytest.raises(RequestError, match="tile"):
                session.maps_from_image(smaller.files()["image"], tile="both")

    def test_commands(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        source = save(tmp_path / "wall.png", pebbles(64, 48))
        out = tmp_path / "out"
        words = ["-o", str(out), "--json"]
        assert cli.main(["maps", str(source), "--seamless", "y", "--width-m", "2", "--maps", "all", *words]) == 0
        line = json.loads(capsys.readouterr().out.splitlines()[-1])
        request = api.Result.read(line["folder"]).request
        assert (request.kind, request.tile_x, request.tile_y, request.width, request.height) == (
            "material", False, True, 88, 64,
        )  # fmt: skip
        assert len(api.Result.read(line["folder"]).files()) == 6 and request.real_world_width == 2.0
        assert cli.main(["seamless", str(source), "--size", "72x64", "--keep-light", "--name", "my wall", *words]) == 0
        line = json.loads(capsys.readouterr().out.splitlines()[-1])
        request = api.Result.read(line["folder"]).request
        assert (request.kind, request.width, request.prompt) == ("texture", 72, "my wall")
        assert request.parameters == {"even_light": False, "color": True}
        assert cli.main(["maps", str(tmp_path / "no.png"), *words]) == cli.EXIT_USAGE
        assert cli.main(["seamless", str(source), "--size", "9000", *words]) == cli.EXIT_USAGE


def png(width: int, height: int, depth: int, kind: int, rows: bytes) -> bytes:
    """A PNG of raw rows, which need not be as many as its header says."""
    stream = io.BytesIO(b"")
    stream.write(b"\x89PNG\r\n\x1a\n")
    for name, data in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ):
        stream.write(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)))
    return stream.getvalue()
