# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to upscale, from Python and from the command line, over a backend without an engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from texloom import api, cli
from texloom.backends.fake import FakeBackend, Script
from texloom.errors import RequestError, StorageError
from texloom.library_entry import foreign_files
from texloom.png import write_png
from texloom.request import DEFAULT_MAPS
from texloom.upscale_request import HEIGHT_MIN, upscale_request


@pytest.fixture
def session(tmp_path: Path) -> Any:
    with api.Session(library=tmp_path / "library", backend=FakeBackend(Script())) as found:
        yield found


@pytest.fixture
def wall(tmp_path: Path) -> Path:
    """A PNG of 200 × 100 pixels."""
    write_png(tmp_path / "wall.png", np.zeros((100, 200, 3), np.uint8), srgb=True)
    return tmp_path / "wall.png"


def _made(session: api.Session, **options: Any) -> api.Result:
    """A result with pictures of its size: the backend without an engine makes small ones."""
    made = session.generate("bricks", **options)
    request = made.request
    for variation in made.variations:
        for name, path in variation.files.items():
            shape = (request.height, request.width) + ((3,) if name in ("base_color", "image", "normal") else ())
            write_png(path, np.zeros(shape, np.uint16 if name == "height" else np.uint8))
    return made


def _changed(folder: Path, **facts: Any) -> Path:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["results"][0] |= facts
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def test_of_a_picture(wall: Path) -> None:
    request = upscale_request(wall, 2.5)
    assert (request.width, request.height, request.kind) == (500, 250, "texture")
    assert (request.operation, request.model, request.prompt) == ("upscale", "image", "wall")
    assert request.source == str(wall) and (request.tile_x, request.tile_y) == (True, True)
    other = upscale_request(wall, 4, model="sdxl", prompt="bricks", tile="y", strength=0.2, seed=3, steps=9)
    assert (other.model, other.prompt, other.tile_x, other.strength) == ("sdxl", "bricks", False, 0.2)


def test_of_a_result(session: api.Session) -> None:
    made = _made(session, width=512, height=256, seed=9, count=2, tile_y=False, real_world_width=1.5)
    request = api.upscale_request(made.folder, 2, index=1)
    assert (request.width, request.height, request.kind, request.prompt) == (1024, 512, "material", "bricks")
    assert request.source == str(made.files(1)["base_color"]) and request.seed == 10
    assert set(request.source_maps) == set(DEFAULT_MAPS) - {"base_color"} and set(request.maps) == set(DEFAULT_MAPS)
    assert request.source_maps["height"] == str(made.files(1)["height"])
    assert (request.tile_x, request.tile_y, request.real_world_width) == (True, False, 1.5)
    entry = made.manifest["results"][1]
    assert request.height_range == pytest.approx(entry["height_max_m"] - entry["height_min_m"])
    assert request.parameters == {}
    assert api.upscale_request(made.folder / "manifest.json", 2, index=1).replace(id=request.id) == request


def test_heights_and_chosen_maps(session: api.Session) -> None:
    made = _made(session, width=64, height=64)
    _changed(made.folder, height_min_m=-0.004, height_max_m=0.002, prompt="red bricks")
    request = upscale_request(made.folder, 2, maps=["normal", "base_color"])
    assert request.maps == ("base_color", "normal") and set(request.source_maps) == {"normal", "height"}
    assert request.height_range == pytest.approx(0.006) and request.parameters == {HEIGHT_MIN: -0.004}
    assert request.prompt == "red bricks"


def test_a_texture_has_no_other_maps(session: api.Session) -> None:
    made = _made(session, kind="texture", width=64, height=64)
    request = upscale_request(made.folder, 2)
    assert (request.kind, request.source_maps) == ("texture", {}) and request.source.endswith("00_image.png")


def test_refusals(session: api.Session, wall: Path, tmp_path: Path) -> None:
    for factor in (1, 0.5, 4.1, True, "2"):
        with pytest.raises(RequestError, match=r"^factor: must be above 1"):
            upscale_request(wall, factor)  # type: ignore[arg-type]
    made = _made(session, width=4096, height=2048, maps=("base_color", "normal"))
    with pytest.raises(RequestError, match="become 12288 × 6144") as caught:
        upscale_request(made.folder, 3)
    assert "at most 2" in caught.value.advice
    for wrong, words in (
        ({"index": 4}, "no variation 4"), ({"maps": ["roughness"]}, "has no roughness"), ({"tile": "z"}, "^tile"),
        ({"maps": []}, "name at least one"), ({"controls": ()} | {"style_image": "a.png"}, "upscale takes no"),
    ):  # fmt: skip
        with pytest.raises(RequestError, match=words):
            upscale_request(made.folder, 2, **wrong)
    without = _made(session, width=64, height=64, maps=("normal", "height"))
    with pytest.raises(RequestError, match="has no base_color"):
        upscale_request(without.folder, 2)
    with pytest.raises(StorageError):
        upscale_request(tmp_path, 2)
    with pytest.raises(RequestError, match="no file"):
        upscale_request(tmp_path / "gone.png", 2)
    (tmp_path / "tiny.png").write_bytes(wall.read_bytes())
    write_png(tmp_path / "tiny.png", np.zeros((16, 16, 3), np.uint8), srgb=True)
    with pytest.raises(RequestError, match="64 are the least"):
        upscale_request(tmp_path / "tiny.png", 2)


def test_session_and_repeat(session: api.Session) -> None:
    made = _made(session, width=64, height=64)
    larger = session.upscale(made.folder, 2)
    assert larger.request.operation == "upscale" and larger.request.width == 128
    # Copies stand in for the originals; the backend of this test keeps none.
    copies = {}
    for name in larger.request.source_maps:
        copy = larger.folder / f"source_{name}.png"
        copy.write_bytes(made.files()[name].read_bytes())
        copies[f"source_{name}"] = {"file": copy.name, "name": f"00_{name}.png", "sha256": _digest(copy)}
    manifest = dict(larger.manifest) | copies
    (larger.folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert foreign_files(larger.folder) == []
    again = session.repeat(larger.folder)
    assert {Path(path).parent for path in again.request.source_maps.values()} == {larger.folder}
    copy = larger.folder / "source_height.png"
    copy.write_bytes(b"changed")
    with pytest.raises(StorageError, match="was changed"):
        session.repeat(larger.folder)


def _digest(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_command(
    session: api.Session, wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    def make(arguments: Any) -> api.Session:
        return api.Session(library=arguments.output, backend=FakeBackend(Script()))

    monkeypatch.setattr(cli, "_session", make)

    def made(*words: str) -> Any:
        assert cli.main(["upscale", *words, "-o", str(tmp_path / "other")]) == cli.EXIT_OK
        return api.Result.read(Path(capsys.readouterr().out.splitlines()[0])).request

    plain = made(str(wall))
    assert (plain.width, plain.model, plain.operation) == (400, "image", "upscale")
    drawn = made(
        str(wall), "--factor", "3", "--model", "sdxl", "--prompt", "bricks", "--strength", "0.4", "--seed", "5",
        "--steps", "8", "--tile", "x", "--lora", "a.safetensors:0.5", "--negative-prompt", "blur",
    )  # fmt: skip
    assert (drawn.width, drawn.model, drawn.prompt, drawn.strength, drawn.seed) == (600, "sdxl", "bricks", 0.4, 5)
    assert (drawn.steps, drawn.tile_x, drawn.tile_y, drawn.negative_prompt) == (8, True, False, "blur")
    assert [item.weight for item in drawn.loras] == [0.5]
    result = _made(session, width=64, height=64, count=2)
    whole = made(str(result.folder), "--variation", "2", "--maps", "base_color,roughness")
    assert whole.maps == ("base_color", "roughness") and whole.source.endswith("01_base_color.png")
    assert cli.main(["upscale", str(wall), "--factor", "9", "-o", str(tmp_path)]) == cli.EXIT_USAGE
