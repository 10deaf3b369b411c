# SPDX-License-Identifier: GPL-3.0-or-later
"""The instant model takes its colors from a style image, where neither words nor locks name them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_diffusers_folder import Notes
from texloom.engine.instant import InstantGenerator
from texloom.engine.procedural.color import hex_to_lab, lab_image_to_srgb, srgb_image_to_lab, srgb_to_lab
from texloom.engine.procedural.family import families
from texloom.engine.service import Engine
from texloom.engine.style_colors import dominant_colors, set_colors
from texloom.engine.text_encoder import TextEncoder
from texloom.errors import RequestError
from texloom.request import GenerationRequest
from texloom.storage import read_manifest

BLUE, CREAM, GREEN = (40, 70, 150), (235, 225, 200), (60, 140, 50)


@pytest.fixture(scope="module")
def model() -> InstantGenerator:
    return InstantGenerator(TextEncoder())


def picture(path: Path, *shares: tuple[tuple[int, int, int], float]) -> str:
    """A picture whose columns have these colors, with some noise on them."""
    pixels = np.zeros((64, 100, 3))
    left = 0
    for color, share in shares:
        right = left + round(share * 100)
        pixels[:, left:right] = color
        left = right
    noise = np.random.default_rng(0).normal(0, 6, pixels.shape)
    Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).save(path)
    return str(path)


def draw(model: InstantGenerator, notes: Notes | None = None, prompt: str = "brick wall", **values: Any) -> Any:
    usual = {"prompt": prompt, "width": 64, "height": 64, "seed": 5, "maps": ("base_color",)}
    return next(iter(model.generate(GenerationRequest(**usual | values), notes or Notes())))


def distance(one: str, other: tuple[int, int, int]) -> float:
    wanted = srgb_to_lab((other[0] / 255, other[1] / 255, other[2] / 255))
    return float(np.linalg.norm(np.subtract(hex_to_lab(one), wanted)))


def test_dominant_colors_are_found_by_what_they_cover(tmp_path: Path) -> None:
    path = Path(picture(tmp_path / "a.png", (CREAM, 0.2), (BLUE, 0.7), (GREEN, 0.1)))
    found = dominant_colors(path)
    assert [round(item.share, 1) for item in found[:3]] == [0.7, 0.2, 0.1]
    for item, color in zip(found, (BLUE, CREAM, GREEN), strict=False):
        assert distance(str(item.to_dict()["color"]), color) < 0.02
    assert found == dominant_colors(path)
    # What is transparent does not count.
    pixels = np.array(Image.open(path).convert("RGBA"))
    pixels[:, :85, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "b.png")
    (one, *_) = dominant_colors(tmp_path / "b.png")
    assert distance(str(one.to_dict()["color"]), GREEN) < 0.02 and one.share > 0.6
    Image.fromarray(np.full((8, 8, 3), 77, np.uint8)).save(tmp_path / "flat.png")
    assert [item.share for item in dominant_colors(tmp_path / "flat.png")] == [1.0]


def test_colors_go_there_and_back() -> None:
    import torch

    image = torch.rand(3, 5, 7)
    assert torch.allclose(lab_image_to_srgb(srgb_image_to_lab(image)), image, atol=1e-4)


def test_bricks_and_mortar_get_the_colors_that_suit_them(model: InstantGenerator, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", (CREAM, 0.2), (BLUE, 0.7), (GREEN, 0.1))
    plain = draw(model)
    assert plain.parameters["family"] == "bricks"
    styled = draw(model, style_image=path)
    assert distance(styled.parameters["color"], BLUE) < 0.02
    assert distance(styled.parameters["second_color"], CREAM) < 0.02
    # Everything else is as it was.
    others = [name for name in plain.parameters if not name.endswith("color")]
    assert {n: plain.parameters[n] for n in others} == {n: styled.parameters[n] for n in others}
    read = {item["name"]: item["source"] for item in styled.details["reading"]["parameters"]}
    assert read["color"] == read["second_color"] == "style image"
    assert styled.details["style"]["strength"] == 0.6 and len(styled.details["style"]["colors"]) >= 3
    assert np.abs(styled.maps["base_color"].astype(int) - plain.maps["base_color"]).mean() > 20


def test_the_strength_mixes_and_nothing_is_as_without(model: InstantGenerator, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", (BLUE, 1.0))
    plain, half, full = (draw(model, style_image=path, style_strength=s) for s in (0.0, 0.3, 0.6))
    assert plain.parameters == draw(model).parameters and "style" not in plain.details
    far = [distance(item.parameters["color"], BLUE) for item in (plain, half, full)]
    assert far[0] > far[1] > far[2] and far[2] < 0.02
    assert draw(model, style_image=path, style_strength=2.0).parameters == full.parameters


def test_words_and_locks_come_first(model: InstantGenerator, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", (BLUE, 0.7), (GREEN, 0.3))
    prompt = "red brick wall with white mortar"
    notes = Notes()
    assert draw(model, notes, prompt, style_image=path).parameters == draw(model, prompt=prompt).parameters
    assert "style_unused" in notes.warnings
    locked = draw(model, style_image=path, parameters={"color": "#aa3322"})
    assert locked.parameters["color"] == "#aa3322"
    assert min(distance(locked.parameters["second_color"], color) for color in (BLUE, GREEN)) < 0.02
    # A result drawn again from all its parameters is the same, without a word.
    notes = Notes()
    again = draw(model, notes, style_image=path, parameters=locked.parameters)
    assert again.parameters == locked.parameters and "style_unused" not in notes.warnings


def test_colors_to_avoid_are_not_taken(model: InstantGenerator, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", (BLUE, 0.7), (GREEN, 0.3))
    drawn = draw(model, style_image=path, negative_prompt="blue")
    assert distance(drawn.parameters["color"], GREEN) < 0.02


def test_every_family_takes_the_colors_of_a_flat_picture() -> None:
    """Where a picture has too few colors, the others stand to the main one as they do by nature."""
    from texloom.engine.style_colors import Dominant

    lab = hex_to_lab("#406a8c")
    for family in families().values():
        values = family.sample(np.random.default_rng(1))
        found = set_colors(family, values, (), (Dominant(lab=lab, share=1.0),), 1.0)
        names = [item.name for item in family.parameters if type(item).__name__ == "Color"]
        assert sorted(found) == sorted(names)
        if names:
            assert np.allclose(found[names[0]], lab)


def test_a_style_model_is_refused_and_so_is_what_is_no_picture(model: InstantGenerator, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", (BLUE, 1.0))
    with pytest.raises(RequestError, match="take the colors of a style image themselves"):
        draw(model, style_image=path, style_model="ip-adapter-sdxl")
    (tmp_path / "no.png").write_text("no picture")
    with pytest.raises(RequestError, match=r"style_image: no.png is no picture"):
        draw(model, style_image=str(tmp_path / "no.png"))


def test_the_engine_keeps_the_picture_with_the_result(tmp_path: Path) -> None:
    path = picture(tmp_path / "look.png", (GREEN, 1.0))
    engine = Engine("cpu")
    events: list[Any] = []
    request = GenerationRequest(prompt="brick wall", width=64, height=64, seed=1, style_image=path)
    engine.run(request, tmp_path / "library", events.append, threading.Event())
    folder = Path(events[-1].folder)
    manifest = read_manifest(folder)
    assert manifest["style_image"]["name"] == "look.png" and manifest["request"]["style_image"] == path
    assert (folder / manifest["style_image"]["file"]).read_bytes() == Path(path).read_bytes()
    assert manifest["results"][0]["style"]["colors"][0]["share"] == 1.0
    for model, values in (("image", {"source": path}), ("instant", {"embeddings": ("a.safetensors",)})):
        values = values | ({"style_image": path} if model == "image" else {})
        with pytest.raises(RequestError, match=r"takes no style|reads no learned words"):
            engine.run(
                GenerationRequest(prompt="x", model=model, width=64, height=64, **values),
                tmp_path / "library", events.append, threading.Event(),
            )  # fmt: skip
