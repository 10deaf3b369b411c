# SPDX-License-Identifier: GPL-3.0-or-later
"""The request: frozen, complete on the wire, and picky with the field's name and range."""

from __future__ import annotations

import dataclasses
import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from texloom.errors import RequestError
from texloom.request import (
    CONTROL_KINDS,
    DEFAULT_MAPS,
    KINDS,
    MAPS,
    RANGES,
    SCHEMA_VERSION,
    Control,
    GenerationRequest,
    Lora,
)

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=60)
# Where torch is at work in the same process, numbers below 1e-38 are zero.
_floats = partial(st.floats, allow_subnormal=False)
REQUESTS = st.builds(
    GenerationRequest,
    prompt=TEXT.filter(lambda text: bool(text.strip())),
    negative_prompt=TEXT,
    kind=st.sampled_from(KINDS),
    width=st.integers(8, 1024).map(lambda value: value * 8),
    height=st.integers(8, 1024).map(lambda value: value * 8),
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 16),
    steps=st.none() | st.integers(1, 200),
    guidance_scale=st.none() | _floats(0, 30),
    tile_x=st.booleans(),
    tile_y=st.just(True),
    maps=st.lists(st.sampled_from(MAPS), min_size=1).map(tuple),
    real_world_width=st.none() | _floats(0.001, 10_000),
    source=st.just("/a/wall.png"),
    operation=st.sampled_from(("create", "inpaint", "repair_seams")),
    strength=st.none() | _floats(0, 1),
    loras=st.lists(
        st.builds(Lora, TEXT.filter(lambda text: bool(text.strip())), _floats(-4, 4)),
        max_size=3,
        unique_by=lambda x: x.file,
    ).map(tuple),
    controls=st.lists(
        st.builds(
            Control,
            st.sampled_from(CONTROL_KINDS),
            TEXT.filter(lambda text: bool(text.strip())),
            _floats(0, 2),
            TEXT,
        ),
        max_size=3,
    ).map(tuple),
    style_image=st.just("/a/style.png"),
    style_strength=st.none() | _floats(0, 2),
    style_model=TEXT,
    embeddings=st.sets(TEXT.filter(lambda text: bool(text.strip())), max_size=3).map(tuple),
    parameters=st.dictionaries(TEXT, TEXT | st.booleans() | st.integers(-9, 9) | _floats(-1, 1), max_size=4),
)

GUIDES = ("source_maps", "height_range", "controls", "style_image", "style_strength", "style_model", "embeddings")
LATEST = (*GUIDES, "draft")


@given(REQUESTS)
def test_round_trip_through_json(request: GenerationRequest) -> None:
    assert GenerationRequest.from_json(request.to_json()) == request
    assert "\n" not in request.to_json()


def test_every_field_is_on_the_wire() -> None:
    data = GenerationRequest(prompt="bricks").to_dict()
    assert set(data) == {item.name for item in dataclasses.fields(GenerationRequest)} | {"schema"}
    for name in data:
        less = {key: value for key, value in data.items() if key != name}
        with pytest.raises(RequestError, match=name):
            GenerationRequest.from_dict(less)


def test_is_frozen_and_keyword_only() -> None:
    request = GenerationRequest(prompt="bricks")
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.seed = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        GenerationRequest("bricks")  # type: ignore[misc]


def test_seed_and_id_are_concrete_and_fresh() -> None:
    first, second = GenerationRequest(prompt="a"), GenerationRequest(prompt="a")
    assert first.id != second.id and 0 <= first.seed < 2**31


@pytest.mark.parametrize("name", sorted(RANGES))
def test_out_of_range_names_field_and_range(name: str) -> None:
    low, high = RANGES[name]
    step = 8 if name in ("width", "height") else 1
    for value in (low - step, high + step):
        with pytest.raises(RequestError) as caught:
            GenerationRequest(prompt="x", source="/a.png", **{name: value})
        assert str(caught.value).startswith(f"{name}: ") and f"{low:g}" in str(caught.value).replace(
            str(low), f"{low:g}"
        )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prompt", ""), ("prompt", "  "), ("prompt", 3), ("prompt", "x" * 5000), ("prompt", "\ud800"), ("id", "a b"),
        ("id", ""), ("kind", "video"), ("width", 100), ("width", 64.0), ("width", True), ("seed", "1"), ("tile_x", 1),
        ("draft", 1),
        ("maps", ()), ("maps", ("colour",)), ("maps", "normal"), ("guidance_scale", float("nan")), ("model", ""),
        ("parameters", {"a": float("inf")}), ("parameters", {"a": [1]}), ("parameters", [1]), ("count", None),
        ("real_world_width", "wide"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(RequestError, match=f"^{name}"):
        GenerationRequest(**{"prompt": "x"} | {name: value})


def test_unknown_fields_schema_and_garbage() -> None:
    data = GenerationRequest(prompt="x").to_dict()
    with pytest.raises(RequestError, match="colour"):
        GenerationRequest.from_dict(data | {"colour": "red"})
    for schema in (0, SCHEMA_VERSION + 1, None, True, "1"):
        with pytest.raises(RequestError, match="schema"):
            GenerationRequest.from_dict(data | {"schema": schema})
    for text in ("", "[]", "null", "{", "[" * 100_000, json.dumps([data])):
        with pytest.raises(RequestError):
            GenerationRequest.from_json(text)


def test_equal_whatever_the_order_of_asking() -> None:
    one = GenerationRequest(prompt="x", id="a", seed=1, maps=("normal", "base_color"), parameters={"b": 1, "a": 2})
    two = GenerationRequest(prompt="x", id="a", seed=1, maps=("base_color", "normal"), parameters={"a": 2, "b": 1})
    assert one == two and one.to_json() == two.to_json()
    assert GenerationRequest(prompt="x").maps == DEFAULT_MAPS


def test_variation_seeds_wrap() -> None:
    assert GenerationRequest(prompt="x", seed=2**32 - 1).variation_seed(1) == 0


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("operation", {"operation": "paint"}), ("source", {"operation": "inpaint"}), ("strength", {"strength": 0.5}),
        ("mask", {"mask": "m.png"}),
        ("mask", {"source": "a", "operation": "outpaint", "mask": "m", "expand": (1, 0, 0, 0)}),
        ("expand", {"expand": (0.5, 0, 0, 0)}), ("expand", {"source": "a", "operation": "outpaint"}),
        ("expand", {"source": "a", "operation": "outpaint", "expand": (3, 0, 0, 0)}), ("expand", {"expand": (0, 0)}),
        ("expand", {"expand": "0000"}),
        ("operation", {"source": "a", "operation": "repair_seams", "tile_x": False, "tile_y": False}),
        ("loras", {"loras": ("a",)}), ("loras", {"loras": "a"}), ("loras", {"loras": (Lora("a"), Lora("a", 0.5))}),
        ("loras", {"loras": tuple(Lora(str(n)) for n in range(9))}),
        ("operation", {"operation": "upscale", "source": "a", "style_image": "b"}),
        ("operation", {"operation": "upscale", "source": "a", "controls": (Control("line", "b"),)}),
        ("source", {"operation": "upscale"}), ("source_maps", {"source": "a", "source_maps": {"normal": "b"}}),
        ("source_maps", {"source": "a", "operation": "upscale", "source_maps": {"base_color": "b"}}),
        ("source_maps", {"source": "a", "operation": "upscale", "source_maps": {"normal": ""}}),
        ("height_range", {"source": "a", "operation": "upscale", "height_range": 0.1}),
        ("controls", {"controls": "a"}), ("controls", {"controls": ("a",)}),
        ("controls", {"controls": (Control("line", "b"),) * 4}), ("style_image", {"style_strength": 0.5}),
        ("style_image", {"style_model": "a"}), ("embeddings", {"embeddings": "a"}),
        ("embeddings", {"embeddings": ("",)}), ("embeddings", {"embeddings": ("a", "a")}),
        ("embeddings", {"embeddings": tuple("abcdefghi")}),
    ],
)  # fmt: skip
def test_operations_that_make_no_sense_are_refused(name: str, values: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match=f"^{name}"):
        GenerationRequest(prompt="x", **values)


def test_loras_are_checked() -> None:
    assert Lora("a", 1).weight == 1.0
    for file, weight in (("", 1.0), ("a", 9.0), ("a", True), ("a", float("nan"))):
        with pytest.raises(RequestError, match=r"^loras"):
            Lora(file, weight)
    data = GenerationRequest(prompt="x", loras=(Lora("/a.safetensors", 0.5),)).to_dict()
    assert data["loras"] == [{"file": "/a.safetensors", "weight": 0.5}]
    for wrong in ([{"file": "a"}], ["a"], {"file": "a", "weight": 1.0}, [{"file": "a", "weight": "1"}]):
        with pytest.raises(RequestError, match=r"^loras"):
            GenerationRequest.from_dict(data | {"loras": wrong})


def test_controls_are_checked() -> None:
    assert Control("depth", "a", 1).strength == 1.0
    for kind, image, strength in (("pose", "a", 1.0), ("line", "", 1.0), ("line", "a", 3.0), ("line", "a", True)):
        with pytest.raises(RequestError, match=r"^controls"):
            Control(kind, image, strength)
    data = GenerationRequest(prompt="x", controls=(Control("line", "/a.png", 0.5),)).to_dict()
    assert data["controls"] == [{"kind": "line", "image": "/a.png", "strength": 0.5, "model": ""}]
    for wrong in ([{"kind": "line"}], ["a"], {"kind": "line", "image": "a", "strength": 1.0, "model": ""}):
        with pytest.raises(RequestError, match=r"^controls"):
            GenerationRequest.from_dict(data | {"controls": wrong})


def test_maps_to_upscale_have_one_order() -> None:
    values: dict[str, Any] = {"prompt": "x", "id": "a", "seed": 1, "source": "a", "operation": "upscale"}
    first = GenerationRequest(**values, source_maps={"height": "h", "normal": "n"}, height_range=0.2)
    again = GenerationRequest.from_json(first.to_json())
    assert again == first and list(again.source_maps) == ["normal", "height"]


def test_parts_of_a_picture_are_of_any_size() -> None:
    assert GenerationRequest(prompt="x", source="a", operation="inpaint", width=131, height=77).width == 131
    with pytest.raises(RequestError, match=r"^width: must be a multiple of 8"):
        GenerationRequest(prompt="x", source="a", width=131)


def test_all_pictures_by_the_names_of_their_copies() -> None:
    assert GenerationRequest(prompt="oak").pictures == {}
    request = GenerationRequest(
        prompt="oak", source="a", operation="inpaint", mask="b", style_image="c",
        controls=(Control("depth", "d", 0.5), Control("line", "e")),
    )  # fmt: skip
    assert request.pictures == {"source": "a", "mask": "b", "style_image": "c", "control_0": "d", "control_1": "e"}
    moved = request.with_pictures({"mask": "x", "control_1": "y"})
    assert moved.pictures == request.pictures | {"mask": "x", "control_1": "y"}
    assert moved.controls[0] == request.controls[0] and moved.controls[1].kind == "line"
    whole = GenerationRequest(prompt="oak", source="a", operation="upscale", source_maps={"height": "h"})
    assert whole.pictures == {"source": "a", "source_height": "h"}
    assert whole.with_pictures({"source_height": "k"}).source_maps == {"height": "k"}


def test_requests_of_the_second_schema_are_still_read() -> None:
    data = GenerationRequest(prompt="oak", source="/a.png").to_dict()
    later = ("operation", "strength", "mask", "expand", "loras", *LATEST)
    old = {name: value for name, value in data.items() if name not in later}
    assert GenerationRequest.from_dict(old | {"schema": 2}).to_dict() == data
    with pytest.raises(RequestError, match="operation"):
        GenerationRequest.from_dict(old)


def test_requests_of_the_third_schema_are_still_read() -> None:
    data = GenerationRequest(prompt="oak", loras=(Lora("a"),)).to_dict()
    old = {name: value for name, value in data.items() if name not in LATEST}
    assert GenerationRequest.from_dict(old | {"schema": 3}).to_dict() == data
    with pytest.raises(RequestError, match="controls"):
        GenerationRequest.from_dict(old)


def test_requests_of_the_fourth_schema_are_still_read() -> None:
    data = GenerationRequest(prompt="oak").to_dict()
    del data["draft"]
    assert GenerationRequest.from_dict(data | {"schema": 4}).draft is False
    with pytest.raises(RequestError, match="draft"):
        GenerationRequest.from_dict(data)


def test_requests_of_the_first_schema_are_still_read() -> None:
    data = GenerationRequest(prompt="oak").to_dict()
    del data["source"]
    assert GenerationRequest.from_dict(data | {"schema": 1}).source == ""
    with pytest.raises(RequestError, match="source"):
        GenerationRequest.from_dict(data | {"schema": 2})
