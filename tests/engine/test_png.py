# SPDX-License-Identifier: GPL-3.0-or-later
"""PNG files, read back by Pillow."""

from __future__ import annotations

import errno
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from texloom import png
from texloom.errors import CancelledError, StorageError
from texloom.png import write_png


def _pixels(shape: tuple[int, ...], dtype: type = np.uint8) -> NDArray[np.uint8] | NDArray[np.uint16]:
    rng = np.random.default_rng(7)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4), (1, 1), (64, 1, 3)])
def test_eight_bits_come_back(shape: tuple[int, ...], tmp_path: Path) -> None:
    pixels = _pixels(shape)
    write_png(tmp_path / "a.png", pixels)
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(np.asarray(image), pixels)


def test_sixteen_bits_come_back(tmp_path: Path) -> None:
    pixels = _pixels((33, 17), np.uint16)
    write_png(tmp_path / "a.png", pixels)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode.startswith("I")
        assert np.array_equal(np.asarray(image).astype(np.uint16), pixels)


def test_bands_and_views_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png, "_BAND_BYTES", 100)
    pixels = _pixels((3, 90, 41)).transpose(1, 2, 0)[::-1]
    assert not pixels.flags.c_contiguous
    write_png(tmp_path / "a.png", pixels)
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(np.asarray(image), pixels)


def test_text_of_any_script(tmp_path: Path) -> None:
    text = {
        "texloom:prompt": "weathered red brick\nwall",
        "texloom:chinese": "风化的红砖墙 🧱",
        "texloom:latin": "Straße é",
        "texloom:empty": "",
        "texloom:zero": "a\0b",
    }
    write_png(tmp_path / "a.png", _pixels((4, 4, 3)), text=text, srgb=True)
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        found = {key: str(value) for key, value in image.text.items()}
        assert image.info["srgb"] == 0
    assert found == {**text, "texloom:zero": "ab"}


def test_the_hash_is_the_files_and_the_same_twice(tmp_path: Path) -> None:
    pixels = _pixels((64, 64, 3))
    first = write_png(tmp_path / "a.png", pixels, text={"k": "v"})
    second = write_png(tmp_path / "b.png", pixels.copy(), text={"k": "v"})
    assert first == second == hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    assert first != write_png(tmp_path / "c.png", pixels, text={"k": "w"})


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4), np.float32), np.zeros((4, 4, 2), np.uint8), np.zeros(4, np.uint8), np.zeros((0, 4), np.uint8)],
)
def test_other_arrays_are_refused(pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="as PNG"):
        write_png(tmp_path / "a.png", pixels)
    assert list(tmp_path.iterdir()) == []


def test_a_stopped_or_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    old = write_png(path, _pixels((4, 4)))

    def stop() -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        write_png(path, _pixels((8, 8)), check=stop)

    def full(*_paths: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(png.os, "replace", full)
    with pytest.raises(StorageError) as caught:
        write_png(path, _pixels((8, 8)))
    assert "disk is full" in caught.value.advice
    assert [item.name for item in tmp_path.iterdir()] == ["a.png"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == old


def test_five_maps_are_written_fast(tmp_path: Path) -> None:
    # Smoothed noise packs as badly as real maps do.
    noise = np.random.default_rng(1).random((1024, 1024), np.float32)
    for shift in (1, 2, 4, 8):
        noise = (noise + np.roll(noise, shift, 0) + np.roll(noise, shift, 1)) / 3
    noise = (noise - noise.min()) / (noise.max() - noise.min())
    color = (np.stack([noise, noise**2, noise**0.5], -1) * 255).astype(np.uint8)
    grey = (noise * 255).astype(np.uint8)
    maps = [color, color[::-1], grey, np.zeros_like(grey), (noise * 65535).astype(np.uint16)]

    def write() -> float:
        start = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda item: write_png(tmp_path / f"{item[0]}.png", item[1]), enumerate(maps)))
        return time.perf_counter() - start

    # Measured 0.07 s on two cores; the bound leaves room for a busy machine.
    assert min(write() for _ in range(3)) < 0.5
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 0.8 * sum(item.nbytes for item in maps)
