# SPDX-License-Identifier: GPL-3.0-or-later
"""Every family of the catalogue, as a tiny model in its folder, through one real worker process on the CPU.

A model is cancelled while it loads, draws a material with previews, is cancelled while words are read and in a step,
and draws the very same material again; then it draws textures whose seams are measured.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from texloom import api, catalog_rows
from texloom.backends.subprocess import SubprocessBackend
from texloom.errors import CancelledError
from texloom.events import Event, ModelLoading, Preview, Progress

sys.path.append(str(Path(__file__).parents[1] / "engine"))
import tiny_families
from tiny_pictures import seam_step, smooth

MATERIAL = ("base_color", "normal", "roughness", "metallic", "height")
EDITORS = ("flux-control", "qwen-image-edit")
"""Of those that start from a picture, the ones that draw a whole one; the others fill in what is masked."""
CATALOGUE_NAMES = {"sd-inpainting": "stable-diffusion", "generic": ""}
"""Tiny models whose name is not their family's in the catalogue."""
NO_PREVIEWS = ("generic",)
MANY = ("qwen-image", "qwen-image-2.1", "krea2")
"""Their untrained autoencoders draw a few strong spots on grey, so that it takes more of them to measure seams."""

Options = dict[str, Any]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[api.Session]:
    folder = tmp_path_factory.mktemp("worker")
    environment = {"TEXLOOM_HOME": str(folder / "home"), "TEXLOOM_OFFLINE": "1"}
    backend = SubprocessBackend(Path(sys.executable), environment=environment, log_dir=folder / "logs", device="cpu")
    with api.Session(library=folder / "library", backend=backend) as found:
        yield found


@pytest.fixture(scope="module")
def pid(session: api.Session) -> int:
    """The worker's, which must be the same at the end: no model may take it down."""
    session.generate("brick", width=64, height=64)
    return _pid(session)


@pytest.fixture(scope="module")
def picture(session: api.Session) -> Path:
    """A picture of 96 × 64 pixels to start from."""
    return session.generate("red bricks", kind="texture", seed=2, width=96, height=64).files()["image"]


@pytest.fixture(scope="module")
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name: str = request.param
    return tiny_families.save(name, tmp_path_factory.mktemp("models") / name)


def test_no_family_of_the_catalogue_is_left_out() -> None:
    tried = {CATALOGUE_NAMES.get(name, name) for name in (*tiny_families.NAMES, *tiny_families.FROM_PICTURES)}
    assert tried - {""} == {row.family for row in catalog_rows.rows()}


@pytest.mark.parametrize("model", tiny_families.NAMES, indirect=True)
def test_from_words(model: Path, session: api.Session, pid: int) -> None:
    def ask(**options: Any) -> Options:
        return {"prompt": "red brick", "model": str(model), "seed": 3, "width": 64, "height": 64, "steps": 3} | options

    _cancel(session, ask(steps=40), lambda event: isinstance(event, ModelLoading))
    first, events = _drawn(session, ask(maps=MATERIAL, preview_interval=1))
    assert set(first.files()) == set(MATERIAL)
    _check_previews(events, model.name, 64, 64)
    _check(first, model)
    _cancel(session, ask(steps=40, prompt="moss"), lambda event: isinstance(event, Progress) and event.step == 0)
    _cancel(session, ask(steps=40), lambda event: isinstance(event, Progress) and event.step > 0)
    again, _ = _drawn(session, ask(maps=MATERIAL))
    assert _hashes(again) == _hashes(first)
    assert _pid(session) == pid


@pytest.mark.parametrize("model", tiny_families.NAMES, indirect=True)
def test_seams(model: Path, session: api.Session) -> None:
    """Borders are as any place inside: on average, over long ones, since what a few latents give is chance."""
    ratios: list[float] = []
    deep = model.name.startswith("sana")  # their latents are 32 pixels wide
    narrow, long, count = (64, 1536, 4) if deep else (96, 1024, 6 if model.name in MANY else 2)
    for name in ("x", "y"):
        across, down = (narrow, long) if name == "x" else (long, narrow)
        options = {"prompt": "red brick", "model": str(model), "seed": 3, "steps": 2, "kind": "texture", "count": count}
        result, _ = _drawn(
            session, options | {"width": across, "height": down, f"tile_{'y' if name == 'x' else 'x'}": False}
        )
        assert [set(item["maps"]) for item in result.manifest["results"]] == [{"image"}] * count
        ratios += [item["seam_ratio"][name] for item in result.manifest["results"]]
    assert 0.9 <= sum(ratios) / len(ratios) <= 1.1, ratios


@pytest.mark.parametrize("model", tiny_families.FROM_PICTURES, indirect=True)
def test_from_a_picture(model: Path, session: api.Session, picture: Path, pid: int) -> None:
    def ask(**options: Any) -> Options:
        usual = {"prompt": "red brick", "model": str(model), "seed": 3, "steps": 3, "kind": "texture", "height": 64}
        larger = {
            "operation": "outpaint",
            "expand": (0.5, 0.0, 0.0, 0.0),
            "width": 144,
            "tile_x": False,
            "tile_y": False,
        }
        return usual | {"source": str(picture)} | ({"width": 96} if model.name in EDITORS else larger) | options

    _cancel(session, ask(steps=40), lambda event: isinstance(event, ModelLoading))
    first, events = _drawn(session, ask(preview_interval=1))
    assert set(first.files()) == {"image"}
    assert any(isinstance(event, Preview) for event in events)
    _check(first, model)
    _cancel(session, ask(steps=40, prompt="moss"), lambda event: isinstance(event, Progress) and event.step == 0)
    _cancel(session, ask(steps=40), lambda event: isinstance(event, Progress) and event.step > 0)
    again, _ = _drawn(session, ask())
    assert _hashes(again) == _hashes(first)
    assert _pid(session) == pid


@pytest.mark.parametrize("model", tiny_families.FROM_PICTURES, indirect=True)
def test_seams_over_a_picture(model: Path, session: api.Session, tmp_path: Path) -> None:
    """Whole pictures tile on average as those from words do; what fills in makes a seam like its surroundings."""
    usual: Options = {"prompt": "red brick", "model": str(model), "steps": 2, "kind": "texture"}
    whole = model.name in EDITORS
    ratios: list[float] = []
    for axis in ("x", "y"):
        tiled = {f"tile_{name}": name == axis for name in ("x", "y")}
        long, narrow = (1024, 96) if whole else (512, 256)
        width, height = (narrow, long) if axis == "x" else (long, narrow)
        # One that fills in is given another picture each time; an editor of a megapixel takes long.
        for seed in range(1 if whole else 4):
            source = smooth(tmp_path / f"{axis}-{seed}.png", width, height, seed)
            options = usual | tiled | {"source": str(source), "width": width, "height": height, "seed": seed}
            if whole:
                result, _ = _drawn(session, options | {"count": 2 if model.name == "qwen-image-edit" else 6})
                ratios += [item["seam_ratio"][axis] for item in result.manifest["results"]]
            else:
                result, _ = _drawn(session, options | {"operation": "repair_seams"})
                ratios.append(seam_step(Image.open(result.files()["image"]), axis))
    assert 0.9 <= sum(ratios) / len(ratios) <= 1.1, ratios


def _drawn(session: api.Session, options: Options) -> tuple[api.Result, list[Event]]:
    """The result, and what was told; previews are read while they are there."""
    events: list[Event] = []

    def see(_view: object, event: Event) -> None:
        events.append(event)
        if isinstance(event, Preview) and Path(event.path).is_file():
            size = struct.unpack(">II", Path(event.path).read_bytes()[16:24])
            assert size == (event.width, event.height)

    return session.generate(**options, timeout=120.0, on_event=see), events


def _cancel(session: api.Session, options: Options, when: Callable[[Event], bool]) -> None:
    """Cancel at the first event that ``when`` knows; nothing of the result may be left."""
    before = set(session.library.iterdir()) if session.library.is_dir() else set()
    job = session.submit(session.request(**options))
    seen: list[Event] = []

    def see(_view: object, event: Event) -> None:
        if not seen and when(event):
            seen.append(event)
            job.cancel()

    with pytest.raises(CancelledError):
        job.wait(120.0, see)
    assert seen
    assert set(session.library.iterdir()) == before


def _check_previews(events: list[Event], name: str, width: int, height: int) -> None:
    previews = [event for event in events if isinstance(event, Preview)]
    if name in NO_PREVIEWS:
        assert previews == []
        return
    # The worker may leave out one that a later one would replace at once.
    assert previews and {event.step for event in previews} <= {1, 2}
    assert {(event.width, event.height, event.index) for event in previews} == {(width, height, 0)}


def _check(result: api.Result, model: Path) -> None:
    """What the manifest says of it."""
    (item,) = result.manifest["results"]
    assert set(item["maps"]) == set(result.files())
    assert item["steps"] == 3 and set(item["seam_ratio"]) == {"x", "y"}
    facts = result.manifest["model"]
    assert facts["id"] == str(model) and facts["files"] and all(len(value) == 64 for value in facts["files"].values())


def _hashes(result: api.Result) -> dict[str, str]:
    return {name: entry["sha256"] for name, entry in result.manifest["results"][0]["maps"].items()}


def _pid(session: api.Session) -> int:
    backend: Any = session.table.backend
    return int(backend._session._child.pid)
