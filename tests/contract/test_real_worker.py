# SPDX-License-Identifier: GPL-3.0-or-later
"""The real worker with the instant model: same bytes, whole manifests, what the files carry, the command itself."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from texloom import __version__, api
from texloom.backends.subprocess import SubprocessBackend

PACKAGE = Path(api.__file__).parents[1]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[api.Session]:
    folder = tmp_path_factory.mktemp("real")
    environment = {"TEXLOOM_HOME": str(folder / "home"), "TEXLOOM_OFFLINE": "1"}
    backend = SubprocessBackend(Path(sys.executable), environment=environment, log_dir=folder / "logs", device="cpu")
    with api.Session(library=folder / "library", backend=backend) as found:
        yield found


def texts(path: Path) -> dict[str, str]:
    """The text chunks of a PNG."""
    data, at, found = path.read_bytes(), 8, {}
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        body = data[at + 8 : at + 8 + length]
        if data[at + 4 : at + 8] == b"tEXt":
            key, _, value = body.partition(b"\0")
            found[key.decode("latin-1")] = value.decode("latin-1")
        elif data[at + 4 : at + 8] == b"iTXt":
            key, _, rest = body.partition(b"\0")
            found[key.decode("latin-1")] = rest[2:].split(b"\0", 2)[2].decode()
        at += 12 + length
    return found


def header(path: Path) -> tuple[int, int, int, int]:
    """Width, height, bit depth, color type."""
    return struct.unpack(">IIBB", path.read_bytes()[16:26])


def hashes(result: api.Result) -> dict[str, Any]:
    return {
        f"{item['index']}/{name}": entry["sha256"]
        for item in result.manifest["results"]
        for name, entry in item["maps"].items()
    }


def test_the_same_request_gives_the_same_bytes(session: api.Session) -> None:
    options: dict[str, Any] = {"seed": 11, "count": 2, "width": 192, "height": 128}
    first, second = (session.generate("mossy cobblestone, wet", **options) for _ in range(2))
    assert hashes(first) == hashes(second) and len(set(hashes(first).values())) > 5
    for index in range(2):
        for name, path in first.files(index).items():
            assert path.read_bytes() == second.files(index)[name].read_bytes()
    again = session.repeat(first.folder)
    assert hashes(again) == hashes(first)


def test_variations_differ_and_one_alone_is_the_same(session: api.Session) -> None:
    both = session.generate("red bricks", seed=20, count=2, width=128, height=128)
    alone = session.generate("red bricks", seed=21, width=128, height=128)
    assert both.files(0)["base_color"].read_bytes() != both.files(1)["base_color"].read_bytes()
    maps = [item["maps"] for item in (both.manifest["results"][1], alone.manifest["results"][0])]
    # The file's text names the same seed, too.
    assert maps[0]["base_color"]["sha256"] == maps[1]["base_color"]["sha256"]


def test_locked_parameters_draw_the_same_picture(session: api.Session) -> None:
    first = session.generate("weathered oak planks", seed=3, width=128, height=128)
    locked = session.generate(
        "something else", seed=3, width=128, height=128, parameters=first.variations[0].parameters
    )
    assert locked.variations[0].parameters == first.variations[0].parameters


def test_files_carry_where_they_come_from(session: api.Session) -> None:
    prompt = "weißer Putz “rough” plaster"
    result = session.generate(prompt, seed=5, width=64, height=128, maps=api.make_request("x").maps)
    for name, path in result.files().items():
        told = texts(path)
        assert (told["texloom:prompt"], told["texloom:seed"], told["texloom:model"]) == (prompt, "5", "instant")
        assert (told["texloom:version"], told["texloom:map"]) == (__version__, name)
        width, height, depth, color = header(path)
        assert (width, height) == (64, 128)
        assert (depth, color) == ((16, 0) if name == "height" else (8, 0 if name in ("roughness", "metallic") else 2))


def test_the_manifest_says_everything(session: api.Session) -> None:
    result = session.generate("white marble", seed=6, width=64, height=64)
    manifest = result.manifest
    assert manifest["request"] == result.request.to_dict() and manifest["texloom_version"] == __version__
    assert manifest["model"]["id"] == "instant" and manifest["model"]["licence"]
    assert all(len(value) == 64 for value in manifest["model"]["files"].values()) and manifest["model"]["files"]
    assert {"torch", "transformers", "python"} <= set(manifest["versions"]) and manifest["timings"]["total"] > 0
    (item,) = manifest["results"]
    assert item["tile_width_m"] > 0 and item["height_max_m"] > item["height_min_m"]
    assert item["parameters"]["family"] == "marble"


def test_a_prompt_it_cannot_do_names_the_words(session: api.Session) -> None:
    result = session.generate("ein Porträt meiner Großmutter", width=64, height=64)
    (warning, *_) = result.manifest["warnings"]
    assert warning["words"] and warning["advice"] and "material" in json.dumps(result.manifest["warnings"])
    assert result.files()["base_color"].is_file()


def test_preloading_leaves_nothing_to_load(tmp_path: Path) -> None:
    environment = {"TEXLOOM_HOME": str(tmp_path / "home"), "TEXLOOM_OFFLINE": "1"}
    backend = SubprocessBackend(Path(sys.executable), environment=environment, log_dir=tmp_path / "logs")
    with api.Session(library=tmp_path / "library", backend=backend) as session:
        session.preload("red bricks")
        seen: list[str] = []
        session.generate("x marks", width=64, height=64)
        session.generate("red bricks", width=64, height=64, on_event=lambda view, event: seen.append(event.type))
        assert "model_loading" not in seen


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_killed_while_drawing_then_the_next_works(session: api.Session) -> None:
    session.generate("bricks", width=64, height=64)
    job = session.submit(session.request("bricks", width=4096, height=4096))
    backend: Any = session.table.backend
    while job.view.state != "running":
        session.table.pump(0.2)
    os.kill(backend._session._child.pid, signal.SIGKILL)
    with pytest.raises(api.JobFailedError) as caught:
        job.wait(5)
    assert caught.value.code == "worker_died"
    assert not list(session.library.glob(".partial-*"))
    assert session.generate("bricks", width=64, height=64).folder.is_dir()


def test_the_command_end_to_end(tmp_path: Path) -> None:
    environment = dict(os.environ) | {"PYTHONPATH": str(PACKAGE), "TEXLOOM_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "texloom", "generate", "mossy stone wall", "-o", str(tmp_path), "--size", "128"]
    done = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["type"] for line in found].count("completed") == 1
    assert api.Result.read(found[-1]["folder"]).files()["normal"].is_file()
