# SPDX-License-Identifier: GPL-3.0-or-later
"""Choices in prompts: by the seed, nested, weighted, several at once; and text that only looks like them."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from texloom.wildcards import has_choices, pick


def counts(text: str, number: int = 400) -> Counter[str]:
    return Counter(pick(text, seed) for seed in range(number))


def test_each_option_comes_about_as_often() -> None:
    found = counts("{red|blue} brick")
    assert set(found) == {"red brick", "blue brick"} and 150 < found["red brick"] < 250
    assert pick("{red|blue} brick", 7) == pick("{red|blue} brick", 7)


def test_choices_are_independent() -> None:
    assert len(counts("{a|b} {a|b} {a|b}")) == 8
    assert len(counts("{a|b}{c|d}")) == 4


def test_nested() -> None:
    assert set(counts("{old {oak|pine} planks|marble}")) == {"old oak planks", "old pine planks", "marble"}


def test_weights() -> None:
    found = counts("{3::red|blue}")
    assert 260 < found["red"] < 340
    assert set(counts("{0::red|blue|0.5::green}")) == {"blue", "green"}


def test_several_at_once() -> None:
    found = counts("wall, {2$$moss|dirt|cracks}")
    assert len(found) == 6 and all(len(set(text.split(", "))) == 3 for text in found)
    assert set(counts("{9$$a|b}")) == {"a, b", "b, a"}


def test_nothing_is_an_option() -> None:
    assert set(counts("{mossy |}brick")) == {"mossybrick", "brick"}
    assert set(counts("old {mossy|} brick")) == {"old mossy brick", "old brick"}


@pytest.mark.parametrize("text", ["plain", "{one}", "{a|b", "a|b}", "}{", "{", "{0$$a|b}", "{0::a|0::b}", "{{a}", ""])
def test_text_that_leaves_nothing_to_the_seed_stays(text: str) -> None:
    assert not has_choices(text) and pick(text, 3) == text


def test_signs_can_be_escaped() -> None:
    assert set(counts(r"{a\|b|c\}}")) == {"a|b", "c}"}
    assert not has_choices(r"\{a|b}")
    assert set(counts("{open {a|b}")) == {"{open a", "{open b"}
    assert set(counts("{in {braces}|out}")) == {"in {braces}", "out"}


@pytest.mark.parametrize("text", ["{" * 4000, "{a|" * 1300 + "b" + "}" * 1300, "{|" * 2000, "}|{" * 1000])
def test_hostile_texts_are_quick(text: str) -> None:
    began = time.perf_counter()
    pick(text, 1)
    assert time.perf_counter() - began < 2.0


@given(st.text(st.sampled_from("{|}$:a1 \\."), max_size=40), st.integers(-(2**40), 2**40))
def test_any_text_gives_some_text(text: str, seed: int) -> None:
    found = pick(text, seed)
    assert isinstance(found, str) and found == pick(text, seed)
    if not has_choices(text):
        assert found == text
