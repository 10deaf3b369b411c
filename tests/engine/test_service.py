# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine with both kinds of model: from a request to a folder, with previews, cancel, and nothing left behind."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from texloom.engine import seam_repair
from texloom.engine.service import Engine
from texloom.errors import CancelledError, ModelNotFoundError, RequestError
from texloom.events import Completed, Event, Preview
from texloom.png import read_png
from texloom.request import GenerationRequest
from texloom.storage import read_manifest


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("cpu")


def run(engine: Engine, library: Path, stop_at: str = "", **options: Any) -> list[Event]:
    events: list[Event] = []
    cancelled = threading.Event()

    def emit(event: Event) -> None:
        events.append(event)
        if isinstance(event, Preview):
            assert Path(event.path).is_file()
        if event.type == stop_at:
            cancelled.set()

    request = GenerationRequest(**{"prompt": "red bricks", "width": 64, "height": 64, "seed": 1} | options)
    try:
        engine.run(request, library, emit, cancelled)
    except CancelledError:
        events.append(None)  # type: ignore[arg-type]
    return events


def manifest(events: list[Event]) -> dict[str, Any]:
    end = events[-1]
    assert isinstance(end, Completed)
    return read_manifest(Path(end.folder))


@pytest.mark.parametrize("kind", ["material", "texture", "reference"])
def test_a_diffusers_folder_goes_the_same_way(
    kind: str, engine: Engine, stable_diffusion: Path, tmp_path: Path
) -> None:
    options = {"model": str(stable_diffusion), "steps": 4, "guidance_scale": 3.0, "preview_interval": 2, "count": 2}
    events = run(engine, tmp_path, kind=kind, **options)
    kinds = [event.type for event in events]
    assert "model_loading" in kinds or kind != "material"
    assert kinds.count("preview") >= 2 and kinds[-1] == "completed"
    steps = [event for event in events if event.type == "progress"]
    fractions = [event.fraction for event in steps]  # type: ignore[attr-defined]
    assert fractions == sorted(fractions) and {event.steps for event in steps} == {4}  # type: ignore[attr-defined]
    found = manifest(events)
    assert len(found["results"]) == 2
    assert set(found["results"][0]["maps"]) == ({"image"} if kind != "material" else set(found["request"]["maps"]))
    assert not list(Path(events[-1].folder).glob("preview*"))  # type: ignore[attr-defined]


def test_instant_needs_no_steps_and_stays_loaded(engine: Engine, tmp_path: Path) -> None:
    run(engine, tmp_path)
    events = run(engine, tmp_path, seed=2)
    assert "model_loading" not in [event.type for event in events]
    assert manifest(events)["results"][0]["parameters"]["family"] == "bricks"


@pytest.mark.parametrize("kind", ["material", "texture"])
def test_how_well_it_tiles_is_told_of_every_result(kind: str, engine: Engine, tmp_path: Path) -> None:
    folder = Path(run(engine, tmp_path, kind=kind, seed=4, width=128)[-1].folder)  # type: ignore[attr-defined]
    (found,) = read_manifest(folder)["results"]
    shown = folder / found["maps"]["base_color" if kind == "material" else "image"]["file"]
    assert found["seam_ratio"] == seam_repair.ratios(read_png(shown))
    (made,) = manifest(run(engine, tmp_path, kind=kind, model="image", source=str(shown)))["results"]
    assert set(made["seam_ratio"]) == {"x", "y"} and all(0.0 < ratio < 3.0 for ratio in made["seam_ratio"].values())
    # A seam that is left is explained.
    for result in (found, made):
        assert (max(result["seam_ratio"].values()) > seam_repair.LIMIT) == ("seam_repair" in result)


@pytest.mark.parametrize("moment", ["model_loading", "progress", "preview"])
def test_cancelled_anywhere_leaves_nothing_and_the_next_works(
    moment: str, stable_diffusion: Path, tmp_path: Path
) -> None:
    engine = Engine("cpu")
    options = {"model": str(stable_diffusion), "steps": 6, "preview_interval": 1}
    assert run(engine, tmp_path / "library", moment, **options)[-1] is None
    assert not list((tmp_path / "library").iterdir())
    assert run(engine, tmp_path / "library", **options)[-1].type == "completed"


def test_cancelled_while_instant_draws(engine: Engine, tmp_path: Path) -> None:
    assert run(engine, tmp_path / "library", "progress", width=1024, height=1024)[-1] is None
    assert not list((tmp_path / "library").iterdir())


def test_an_unknown_model_is_told(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="nothing-like-that"):
        run(engine, tmp_path, model="nothing-like-that")


def test_a_parameter_that_the_material_does_not_have(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="family"):
        run(engine, tmp_path, parameters={"family": "cheese"})


def test_one_way_tiling_is_honoured_or_told(engine: Engine, tmp_path: Path) -> None:
    found = manifest(run(engine, tmp_path, tile_x=False, tile_y=False))
    assert found["request"]["tile_x"] is False


def test_the_same_diffusers_request_gives_the_same_bytes(
    engine: Engine, stable_diffusion: Path, tmp_path: Path
) -> None:
    options = {"model": str(stable_diffusion), "steps": 2, "kind": "texture"}
    first, second = (manifest(run(engine, tmp_path, **options))["results"][0]["maps"] for _ in range(2))
    assert first["image"]["sha256"] == second["image"]["sha256"]
