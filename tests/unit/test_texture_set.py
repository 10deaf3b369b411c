# SPDX-License-Identifier: GPL-3.0-or-later
"""Texture sets: names, channels to the last bit, what is refused; and the PNG reader they stand on."""

from __future__ import annotations

import errno
import json
import struct
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from texloom import api, cli, exr, pixel_ops, texture_set
from texloom.errors import CancelledError, RequestError, StorageError
from texloom.export_presets import PRESETS, file_stem
from texloom.png import read_header, read_png, write_png
from texloom.texture_set import TextureSet, plan

RNG = np.random.default_rng(11)
SIZE = (24, 16)


def noise(*shape: int, dtype: type = np.uint8) -> Any:
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


MAPS = {
    "base_color": noise(*SIZE, 3),
    "normal": noise(*SIZE, 3),
    "height": noise(*SIZE, dtype=np.uint16),
    "roughness": noise(*SIZE),
    "metallic": noise(*SIZE),
    "ambient_occlusion": noise(*SIZE),
}


@pytest.fixture
def result(tmp_path: Path) -> Any:
    """``result(maps=MAPS, prompt=…, **request)``: the folder of a result."""

    def make(maps: Any = None, prompt: str = "mossy cobblestone, wet", count: int = 1, **request: Any) -> Path:
        folder = tmp_path / "job"
        folder.mkdir()
        results = []
        for index in range(count):
            entries = {}
            for name, pixels in (MAPS if maps is None else maps).items():
                write_png(folder / f"{index:02d}_{name}.png", pixels)
                entries[name] = {"file": f"{index:02d}_{name}.png"}
            facts = {"tile_width_m": 2.0, "tile_height_m": 3.0, "height_min_m": -0.02, "height_max_m": 0.03}
            results.append({"index": index, "seed": 7 + index, "maps": entries} | facts)
        data = {"schema": 1, "request": {"prompt": prompt, "model": "instant"} | request, "results": results}
        (folder / "manifest.json").write_text(json.dumps(data), encoding="utf-8")
        return folder

    return make


def export(folder: Path, directory: Path, **options: Any) -> dict[str, Any]:
    """File name → pixels of everything that was written."""
    written = plan(TextureSet.from_folder(folder), directory, **options).write()
    assert {path.name for path in directory.iterdir()} == {path.name for path in written.files}
    return {path.name: read_png(path) for path in written.files}


# --- what each program gets -------------------------------------------------------------------------------


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert set(found) == set(expected)
    for name, pixels in expected.items():
        assert found[name].dtype == pixels.dtype and np.array_equal(found[name], pixels), name


def flipped() -> Any:
    pixels = MAPS["normal"].copy()
    pixels[..., 1] = 255 - pixels[..., 1]
    return pixels


ORM = np.stack([MAPS["ambient_occlusion"], MAPS["roughness"], MAPS["metallic"]], -1)
MASK = np.stack(
    [MAPS["metallic"], MAPS["ambient_occlusion"], np.full(SIZE, 255, np.uint8), 255 - MAPS["roughness"]], -1
)
EXPECTED = {
    "unreal": {
        "T_MossyCobblestoneWet_BC.png": MAPS["base_color"],
        "T_MossyCobblestoneWet_N.png": flipped(),
        "T_MossyCobblestoneWet_ORM.png": ORM,
        "T_MossyCobblestoneWet_H.png": MAPS["height"],
    },
    "unity_urp": {
        "MossyCobblestoneWet_BaseMap.png": MAPS["base_color"],
        "MossyCobblestoneWet_Normal.png": MAPS["normal"],
        "MossyCobblestoneWet_MetallicSmoothness.png": MASK,
        "MossyCobblestoneWet_Height.png": MAPS["height"],
    },
    "unity_hdrp": {
        "MossyCobblestoneWet_BaseMap.png": MAPS["base_color"],
        "MossyCobblestoneWet_Normal.png": MAPS["normal"],
        "MossyCobblestoneWet_MaskMap.png": MASK,
        "MossyCobblestoneWet_HeightMap.png": MAPS["height"],
    },
    "godot": {
        "mossy_cobblestone_wet_albedo.png": MAPS["base_color"],
        "mossy_cobblestone_wet_normal.png": MAPS["normal"],
        "mossy_cobblestone_wet_orm.png": ORM,
        "mossy_cobblestone_wet_height.png": MAPS["height"],
    },
    "gltf": {
        "MossyCobblestoneWet_baseColor.png": MAPS["base_color"],
        "MossyCobblestoneWet_normal.png": MAPS["normal"],
        "MossyCobblestoneWet_occlusionRoughnessMetallic.png": ORM,
    },
    "blender": {
        "MossyCobblestoneWet_BaseColor.png": MAPS["base_color"],
        "MossyCobblestoneWet_Normal.png": MAPS["normal"],
        "MossyCobblestoneWet_Roughness.png": MAPS["roughness"],
        "MossyCobblestoneWet_Metallic.png": MAPS["metallic"],
        "MossyCobblestoneWet_AmbientOcclusion.png": MAPS["ambient_occlusion"],
        "MossyCobblestoneWet_Height.png": MAPS["height"],
    },
}


def test_every_preset_is_tested() -> None:
    assert set(EXPECTED) == set(PRESETS)


@pytest.mark.parametrize("preset", sorted(EXPECTED))
def test_names_and_channels_to_the_last_bit(preset: str, result: Any, tmp_path: Path) -> None:
    same(export(result(), tmp_path / "out", preset=preset), EXPECTED[preset])


def test_the_same_from_bytes_and_from_arrays(result: Any, tmp_path: Path) -> None:
    folder = result()
    for number, maps in enumerate(
        ({name: (folder / f"00_{name}.png").read_bytes() for name in MAPS}, MAPS),
    ):
        source = TextureSet(name="mossy cobblestone, wet", maps=maps)
        written = plan(source, tmp_path / str(number), preset="unreal").write()
        same({path.name: read_png(path) for path in written.files}, EXPECTED["unreal"])


def test_normals_as_told_instead(result: Any, tmp_path: Path) -> None:
    folder = result()
    opengl = export(folder, tmp_path / "a", preset="unreal", normals="opengl")
    assert np.array_equal(opengl["T_MossyCobblestoneWet_N.png"], MAPS["normal"])
    directx = export(folder, tmp_path / "b", preset="godot", normals="directx")
    assert np.array_equal(directx["mossy_cobblestone_wet_normal.png"], flipped())


def test_sixteen_bits_of_everything(result: Any, tmp_path: Path) -> None:
    found = export(result(), tmp_path / "out", preset="unreal", depth="16")
    expected = EXPECTED["unreal"]
    for name, pixels in found.items():
        assert pixels.dtype == np.uint16
        wide = expected[name] if expected[name].dtype == np.uint16 else expected[name].astype(np.uint16) * 257
        assert np.array_equal(pixels, wide), name


def test_eight_bits_are_the_nearest(result: Any, tmp_path: Path) -> None:
    found = export(result(), tmp_path / "out", depth="8")["MossyCobblestoneWet_Height.png"]
    assert found.dtype == np.uint8
    assert np.array_equal(found, np.floor(MAPS["height"] / 257 + 0.5).astype(np.uint8))


def test_a_pack_is_as_deep_as_its_deepest_map(result: Any, tmp_path: Path) -> None:
    deep = noise(*SIZE, dtype=np.uint16)
    found = export(result(MAPS | {"roughness": deep}), tmp_path / "out", preset="godot")
    orm = found["mossy_cobblestone_wet_orm.png"]
    assert np.array_equal(orm[..., 1], deep)
    assert np.array_equal(orm[..., 0], MAPS["ambient_occlusion"].astype(np.uint16) * 257)


def test_where_it_comes_from_is_in_the_files(result: Any, tmp_path: Path) -> None:
    written = plan(TextureSet.from_folder(result()), tmp_path / "out").write()
    for path in written.files:
        data = path.read_bytes()
        assert b"tEXttexloom:prompt\0mossy cobblestone, wet" in data and b"texloom:seed\x007" in data
        # Only colors may say that they are sRGB: readers would convert other maps.
        assert (b"sRGB" in data) == ("BaseColor" in path.name)
        assert b"gAMA" not in data and b"iCCP" not in data


# --- maps that are not there ------------------------------------------------------------------------------


def without(*names: str) -> dict[str, Any]:
    return {name: pixels for name, pixels in MAPS.items() if name not in names}


def test_missing_channels_are_constant_and_said(result: Any, tmp_path: Path) -> None:
    source = TextureSet.from_folder(result(without("ambient_occlusion", "metallic")))
    checked = plan(source, tmp_path / "out", preset="unreal")
    texts = [str(note) for note in checked.write().notes]
    assert len(texts) == 2 and "T_MossyCobblestoneWet_ORM.png" in texts[0]
    assert "ambient occlusion" in texts[0] and "white" in texts[0] and "metallic" in texts[1] and "black" in texts[1]
    orm = read_png(tmp_path / "out" / "T_MossyCobblestoneWet_ORM.png")
    assert (orm[..., 0] == 255).all() and (orm[..., 2] == 0).all()
    assert np.array_equal(orm[..., 1], MAPS["roughness"])


def test_a_pack_of_nothing_is_left_out(result: Any, tmp_path: Path) -> None:
    found = export(result({"image": MAPS["base_color"]}), tmp_path / "out", preset="unity_hdrp")
    same(found, {"MossyCobblestoneWet_BaseMap.png": MAPS["base_color"]})


def test_gltf_says_that_it_takes_no_height(result: Any, tmp_path: Path) -> None:
    notes = plan(TextureSet.from_folder(result()), tmp_path / "out", preset="gltf").notes
    assert [str(note) for note in notes] == ["glTF has no use for a height map; it was left out."]


def test_normals_are_made_from_height(result: Any, tmp_path: Path) -> None:
    # 24 rows over 3 m and 16 columns over 2 m: pixels of 12.5 cm; black to white are 5 cm.
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    wave = np.sin(2 * np.pi * x / SIZE[1]) + np.sin(2 * np.pi * y / SIZE[0])
    height = np.round((wave / 4 + 0.5) * 65535).astype(np.uint16)
    checked = plan(TextureSet.from_folder(result({"height": height})), tmp_path / "out")
    normal = read_png(next(path for path in checked.write().files if "Normal" in path.name)) / 127.5 - 1
    assert "was made from the height map" in str(checked.notes[0])
    metres = height / 65535 * 0.05
    slope_x = (np.roll(metres, -1, 1) - np.roll(metres, 1, 1)) / 0.25
    slope_up = (np.roll(metres, 1, 0) - np.roll(metres, -1, 0)) / 0.25
    expected = np.stack([-slope_x, -slope_up, np.ones_like(metres)], -1)
    expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
    assert np.abs(normal - expected).max() < 1.01 / 255


@pytest.mark.parametrize(("tile_x", "tile_y"), [(True, True), (True, False), (False, True), (False, False)])
def test_made_normals_are_the_engines_own(tile_x: bool, tile_y: bool) -> None:
    pbr = pytest.importorskip("texloom.engine.pbr")
    height = noise(40, 30, dtype=np.uint16)
    theirs = pbr.normal_pixels(pbr.height_from_pixels(height, -0.02, 0.03), 2.0, 3.0, tile_x, tile_y)
    ours = pixel_ops.normals_from_height(
        height, height_range_m=0.05, tile_width_m=2.0, tile_height_m=3.0, tile_x=tile_x, tile_y=tile_y
    )
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1


def test_alpha_and_grey_pictures(result: Any, tmp_path: Path) -> None:
    picture = noise(*SIZE, 4)
    same(
        export(result({"image": picture}), tmp_path / "a", preset="gltf"),
        {"MossyCobblestoneWet_baseColor.png": picture},
    )
    grey = noise(*SIZE)
    written = plan(TextureSet(name="grey", maps={"image": grey}), tmp_path / "b").write()
    assert np.array_equal(read_png(written.files[0]), np.stack([grey] * 3, -1))


# --- sizes ------------------------------------------------------------------------------------------------


def test_half_size_is_the_mean(result: Any, tmp_path: Path) -> None:
    found = export(result(), tmp_path / "out", size="half")["MossyCobblestoneWet_Height.png"]
    mean = MAPS["height"].reshape(12, 2, 8, 2).mean((1, 3))
    assert found.shape == (12, 8) and np.abs(found - mean).max() <= 0.51


def test_power_of_two_is_the_next_smaller(result: Any, tmp_path: Path) -> None:
    found = export(result(), tmp_path / "out", size="power_of_two", preset="unreal")
    assert {pixels.shape[:2] for pixels in found.values()} == {(16, 16)}
    # 24 rows become 16: the first is all of row 0 and half of row 1.
    expected = (MAPS["height"][0] + 0.5 * MAPS["height"][1]) / 1.5
    assert np.abs(found["T_MossyCobblestoneWet_H.png"][0] - expected).max() <= 1


def test_colors_are_averaged_as_light_and_normals_as_vectors() -> None:
    black_white = np.tile(np.array([[0, 255], [255, 0]], np.uint8)[..., None], (4, 4, 3))
    # Half the light is 188 in sRGB, not 128.
    assert (pixel_ops.resized(black_white, 4, 4, kind="color") == 188).all()
    assert (pixel_ops.resized(black_white, 4, 4, kind="data") == 128).all()
    normals = np.tile(np.array([[[218, 128, 218], [37, 128, 218]]], np.uint8), (2, 2, 1))
    assert np.abs(pixel_ops.resized(normals, 2, 1, kind="normal").astype(int) - [128, 128, 255]).max() <= 1
    clear = np.array([[[255, 0, 0, 255], [0, 255, 0, 0]]], np.uint8)
    # What cannot be seen does not color its neighbor.
    assert pixel_ops.resized(clear, 1, 1, kind="color").tolist() == [[[255, 0, 0, 128]]]


def test_resizing_by_bands_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = noise(90, 70, 3)
    whole = pixel_ops.resized(pixels, 33, 41, kind="color")
    monkeypatch.setattr(pixel_ops, "_BAND", 7)
    assert np.abs(pixel_ops.resized(pixels, 33, 41, kind="color").astype(int) - whole.astype(int)).max() <= 1
    assert pixel_ops.resized(np.full((90, 70), 77, np.uint8), 33, 41).tolist() == [[77] * 33] * 41
    with pytest.raises(ValueError, match="cannot make"):
        pixel_ops.resized(pixels, 71, 41)


# --- names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "camel", "snake"),
    [
        ("weathered red brick wall", "WeatheredRedBrickWall", "weathered_red_brick_wall"),
        ("PBR  tiles / 50% grey", "PBRTiles50Grey", "pbr_tiles_50_grey"),
        ("旧木板", "旧木板", "旧木板"),
        ("…", "Texture", "texture"),
        ("x" * 90, "X" + "x" * 47, "x" * 48),
    ],
)
def test_names_from_prompts(text: str, camel: str, snake: str) -> None:
    assert file_stem(text) == camel and file_stem(text, snake_case=True) == snake


def test_variations_have_names_of_their_own(result: Any, tmp_path: Path) -> None:
    folder = result(count=2, prompt="a long sentence about walls " * 4)
    names = {plan(TextureSet.from_folder(folder, index), tmp_path).files[0].name for index in (0, 1)}
    assert len(names) == 2
    with pytest.raises(StorageError, match="no variation 3"):
        TextureSet.from_folder(folder, 2)


def test_a_name_of_ones_own(result: Any, tmp_path: Path) -> None:
    folder = result()
    files = plan(TextureSet.from_folder(folder), tmp_path, preset="unreal", name="Wall_01").files
    assert files[0].name == "T_Wall_01_BC.png"
    for name in ("../wall", "a/b", "a\\b", "a:b", " wall", "wall."):
        with pytest.raises(RequestError, match="name"):
            plan(TextureSet.from_folder(folder), tmp_path, name=name)


# --- EXR --------------------------------------------------------------------------------------------------


def exr_planes(path: Path) -> tuple[dict[str, Any], int]:
    """Channels of an EXR file as this project writes them (one part, scan lines, ZIP), and its kind of numbers."""
    data = path.read_bytes()
    assert struct.unpack_from("<ii", data) == (20000630, 2)
    at, attributes = 8, {}
    while data[at]:
        name, at = data[at : data.index(0, at)].decode(), data.index(0, at) + 1
        at = data.index(0, at) + 1
        (length,) = struct.unpack_from("<i", data, at)
        attributes[name], at = data[at + 4 : at + 4 + length], at + 4 + length
    at += 1
    _, _, right, bottom = struct.unpack("<4i", attributes["dataWindow"])
    width, height = right + 1, bottom + 1
    names, place, kind = [], 0, 0
    chlist = attributes["channels"]
    while chlist[place]:
        end = chlist.index(0, place)
        names.append(chlist[place:end].decode())
        (kind,) = struct.unpack_from("<i", chlist, end + 1)
        place = end + 17
    assert names == sorted(names) and attributes["compression"] == b"\x03"
    dtype = np.dtype({1: "<f2", 2: "<f4"}[kind])
    rows = []
    for block in range(-(-height // 16)):
        (offset,) = struct.unpack_from("<Q", data, at + 8 * block)
        first, length = struct.unpack_from("<ii", data, offset)
        assert first == 16 * block
        lines = min(16, height - first)
        raw = data[offset + 8 : offset + 8 + length]
        if length < lines * width * len(names) * dtype.itemsize:
            deltas = np.frombuffer(zlib.decompress(raw), np.uint8).astype(np.int64)
            deltas[1:] -= 128
            apart = np.cumsum(deltas).astype(np.uint8)
            joined = np.empty_like(apart)
            middle = (len(apart) + 1) // 2
            joined[0::2], joined[1::2] = apart[:middle], apart[middle:]
            raw = joined.tobytes()
        rows.append(np.frombuffer(raw, dtype).reshape(lines, len(names), width))
    planes = np.concatenate(rows)
    return {name: planes[:, number] for number, name in enumerate(names)}, kind


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("shape", [(33, 17), (16, 5, 3), (1, 1, 4), (40, 31, 3)])
def test_exr_comes_back(shape: tuple[int, ...], dtype: type, tmp_path: Path) -> None:
    for pixels in (RNG.random(shape).astype(dtype), np.zeros(shape, dtype)):
        exr.write_exr(tmp_path / "a.exr", pixels, text={"texloom:prompt": "砖"})
        planes, kind = exr_planes(tmp_path / "a.exr")
        assert kind == (1 if dtype is np.float16 else 2)
        for number, name in enumerate("Y" if len(shape) == 2 else "RGBA"[: shape[2]]):
            assert np.array_equal(planes[name], pixels if len(shape) == 2 else pixels[..., number])


def test_exr_sets_hold_the_values(result: Any, tmp_path: Path) -> None:
    written = plan(TextureSet.from_folder(result()), tmp_path / "out", preset="unreal", format="exr").write()
    found = {path.name: exr_planes(path) for path in written.files}
    height, kind = found["T_MossyCobblestoneWet_H.exr"]
    assert kind == 2 and np.array_equal(height["Y"], (MAPS["height"] / 65535).astype(np.float32))
    orm, kind = found["T_MossyCobblestoneWet_ORM.exr"]
    assert kind == 1 and np.array_equal(np.round(orm["G"].astype(float) * 255), MAPS["roughness"])
    color, _ = found["T_MossyCobblestoneWet_BC.exr"]
    encoded = MAPS["base_color"][..., 0] / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    assert np.allclose(color["R"], linear, rtol=2**-10, atol=1e-6)


# --- what is refused, and what is left ----------------------------------------------------------------------


def test_nothing_is_overwritten_untold(result: Any, tmp_path: Path) -> None:
    source, out = TextureSet.from_folder(result()), tmp_path / "out"
    first = plan(source, out, preset="unreal").write()
    first.files[0].write_bytes(b"mine")
    with pytest.raises(StorageError, match=r"names already: T_.*_BC\.png, .*overwriting"):
        plan(source, out, preset="unreal")
    assert first.files[0].read_bytes() == b"mine"
    again = plan(source, out, preset="unreal", overwrite=True)
    assert again.existing == first.files
    again.write()
    assert np.array_equal(read_png(first.files[0]), MAPS["base_color"])


def test_a_file_that_appears_meanwhile_stays(result: Any, tmp_path: Path) -> None:
    checked = plan(TextureSet.from_folder(result()), tmp_path / "out")
    (tmp_path / "out").mkdir()
    checked.files[-1].write_bytes(b"mine")
    with pytest.raises(StorageError, match="already"):
        checked.write()
    assert [path.name for path in (tmp_path / "out").iterdir()] == [checked.files[-1].name]
    assert checked.files[-1].read_bytes() == b"mine"


def test_a_folder_that_cannot_be_is_refused_in_plain_words(result: Any, tmp_path: Path, monkeypatch: Any) -> None:
    source = TextureSet.from_folder(result())
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match=r"Nothing can be written to .*file.*Choose another folder"):
        plan(source, tmp_path / "file" / "out")

    def denied(*_args: Any, **_options: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(texture_set.tempfile, "TemporaryFile", denied)
        with pytest.raises(StorageError, match=r"Nothing can be written to .*Permission denied"):
            plan(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_failure_leaves_nothing(result: Any, tmp_path: Path) -> None:
    folder = result()
    checked = plan(TextureSet.from_folder(folder), tmp_path / "new" / "out")
    (folder / "00_roughness.png").write_bytes((folder / "00_roughness.png").read_bytes()[:-40])
    with pytest.raises(StorageError, match=r"roughness\.png is damaged"):
        checked.write()
    assert not (tmp_path / "new").exists()


def test_a_full_disk_leaves_nothing(result: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = plan(TextureSet.from_folder(result()), tmp_path / "out")

    def full(*_args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(texture_set.os, "replace", full)
    with pytest.raises(StorageError, match="No space left"):
        checked.write()
    assert not (tmp_path / "out").exists()


def test_cancelling_leaves_nothing(result: Any, tmp_path: Path) -> None:
    checked, cancelled = plan(TextureSet.from_folder(result()), tmp_path / "out"), threading.Event()
    seen: list[float] = []

    def progress(share: float) -> None:
        seen.append(share)
        cancelled.set()

    with pytest.raises(CancelledError):
        checked.write(progress, cancelled)
    assert seen and seen[-1] < 1 and not (tmp_path / "out").exists()


def test_progress_ends_at_one(result: Any, tmp_path: Path) -> None:
    seen: list[float] = []
    plan(TextureSet.from_folder(result()), tmp_path / "out").write(seen.append)
    assert seen == sorted(seen) and len(seen) == 12 and seen[-1] == 1.0


def test_maps_of_different_sizes_cannot_be_packed(result: Any, tmp_path: Path) -> None:
    folder = result(MAPS | {"metallic": noise(8, 8)})
    with pytest.raises(StorageError, match=r"different sizes.*plain preset"):
        plan(TextureSet.from_folder(folder), tmp_path / "out", preset="unreal").write()
    assert "MossyCobblestoneWet_Metallic.png" in export(folder, tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"preset": "crysis"}, "preset: must be one of unreal"),
        ({"format": "jpg"}, "format: must be one of png, exr"),
        ({"format": "exr", "preset": "gltf"}, "glTF takes no EXR"),
        ({"format": "exr", "depth": "16"}, "depth: EXR"),
        ({"depth": "32"}, "depth: must be"),
        ({"normals": "up"}, "normals: must be"),
        ({"size": "4096"}, "size: must be"),
    ],
)
def test_bad_options(options: dict[str, str], words: str, result: Any, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=words):
        plan(TextureSet.from_folder(result()), tmp_path / "out", **options)


def test_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nothing to export"):
        plan(TextureSet(name="a", maps={"height": noise(8, 8, dtype=np.uint16)}), tmp_path, preset="gltf")


# --- reading PNG ------------------------------------------------------------------------------------------


def encoded(pixels: Any, filters: list[int]) -> bytes:
    """A PNG whose rows have these filters in turn, encoded pixel by pixel as the specification says."""
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    rows = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8).astype(int)
    depth = channels * pixels.dtype.itemsize
    raw = bytearray()
    for y in range(height):
        kind = filters[y % len(filters)]
        raw.append(kind)
        for x in range(rows.shape[1]):
            left = rows[y, x - depth] if x >= depth else 0
            up = rows[y - 1, x] if y else 0
            corner = rows[y - 1, x - depth] if y and x >= depth else 0
            distances = [abs(left + up - corner - value) for value in (left, up, corner)]
            paeth = (left, up, corner)[distances.index(min(distances))]
            raw.append(int(rows[y, x] - (0, left, up, (left + up) // 2, paeth)[kind]) % 256)
    return png_of(width, height, pixels.dtype.itemsize * 8, {1: 0, 2: 4, 3: 2, 4: 6}[channels], bytes(raw))


def png_of(width: int, height: int, bits: int, kind: int, raw: bytes, interlaced: int = 0) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlaced)
    packed = zlib.compress(raw)
    parts = [chunk(b"IDAT", packed[start : start + 50]) for start in range(0, len(packed), 50)]
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(parts) + chunk(b"IEND", b"")


@pytest.mark.parametrize("filters", [[0], [1], [2], [3], [4], [0, 1, 2, 3, 4], [1, 0, 2], [4, 4, 1, 2]])
@pytest.mark.parametrize("shape", [(9, 7), (7, 9, 2), (12, 5, 3), (5, 12, 4), (1, 6), (6, 1, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_all_filters_are_undone(shape: tuple[int, ...], filters: list[int], dtype: type) -> None:
    pixels = noise(*shape, dtype=dtype)
    found = read_png(encoded(pixels, filters))
    assert found.dtype == dtype and np.array_equal(found, pixels)


def test_headers(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", noise(9, 7, 3))
    header = read_header(tmp_path / "a.png")
    assert (header.width, header.height, header.channels, header.bits) == (7, 9, 3, 8)
    with pytest.raises(StorageError, match="Could not read"):
        read_header(tmp_path / "missing.png")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no PNG picture"),
        (b"\xff\xd8\xff\xe0" + bytes(60), "no PNG picture"),
        (png_of(4, 4, 8, 3, bytes(20)), "palette"),
        (png_of(4, 4, 4, 0, bytes(12)), "fewer than 8 bits"),
        (png_of(4, 4, 8, 0, bytes(20), interlaced=1), "interlaced"),
        (png_of(4, 4, 8, 0, bytes(19)), "damaged"),
        (png_of(4, 4, 8, 0, bytes(500)), "damaged"),
        (png_of(0, 4, 8, 0, bytes(4)), "damaged"),
        (png_of(2**31, 4, 8, 0, bytes(4)), "damaged"),
        (png_of(4, 1, 8, 0, b"\x07abcd"), "unknown filter 7"),
        (png_of(4, 4, 8, 0, bytes(20))[:-20], "damaged"),
        (
            png_of(4, 4, 8, 0, bytes(20)).replace(zlib.compress(bytes(20)), b"x" * len(zlib.compress(bytes(20)))),
            "damaged",
        ),
    ],
)
def test_bad_pictures_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(StorageError, match=words):
        read_png(data)


# --- command and API --------------------------------------------------------------------------------------


def test_the_command(result: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = result(without("ambient_occlusion"), count=2), tmp_path / "out"
    words = ["export", str(folder), "-o", str(out), "--preset", "unreal", "--variation", "2", "--quiet"]
    assert cli.main([*words, "--json"]) == cli.EXIT_OK
    told = json.loads(capsys.readouterr().out)
    assert told["type"] == "exported" and len(told["files"]) == 4 and "white" in told["notes"][0]
    assert sorted(path.name for path in out.iterdir())[0] == "T_MossyCobblestoneWet2_BC.png"
    assert cli.main(words) == cli.EXIT_FAILED
    assert "already" in capsys.readouterr().err
    assert cli.main([*words, "--overwrite", "--normals", "opengl"]) == cli.EXIT_OK
    assert np.array_equal(read_png(out / "T_MossyCobblestoneWet2_N.png"), MAPS["normal"])
    assert cli.main(["export", str(tmp_path / "nowhere"), "-o", str(out)]) == cli.EXIT_FAILED
    assert "does not exist" in capsys.readouterr().err


def test_the_api(result: Any, tmp_path: Path) -> None:
    folder = result()
    files = api.export_set(folder / "manifest.json", tmp_path / "out", preset="gltf", size="half")
    assert len(files) == 3 and read_png(files[0]).shape == (12, 8, 3)
