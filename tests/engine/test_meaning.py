# SPDX-License-Identifier: GPL-3.0-or-later
"""What a prompt means, as the learned model is told it: the embedded head's reading in a fixed layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from texloom.engine.learned_text import token_states
from texloom.engine.material_plan import embedded_head
from texloom.engine.meaning import MEANING_FILE, Layout, meanings
from texloom.engine.procedural.family import families
from texloom.engine.schema import Key
from texloom.engine.text_encoder import TextEncoder
from texloom.errors import ModelInvalidError
from texloom.training.captions import Grammar


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    found = TextEncoder()
    found.load()
    return found


@pytest.fixture(scope="module")
def layout() -> Layout:
    return Layout.of(embedded_head().schema)


def test_every_place_belongs_to_a_family_or_a_key(layout: Layout) -> None:
    groups = layout.groups
    assert len(groups) == layout.width
    assert int((groups == -1).sum()) == len(families())
    for number, key in enumerate(layout.keys):
        places = (groups == number).nonzero()[:, 0].tolist()
        assert places[0] == layout.starts[key.id]
        assert len(places) == {"number": 2, "color": 4}.get(key.kind, len(key.options))


def test_what_is_read_is_what_was_said(encoder: TextEncoder, layout: Layout) -> None:
    """Captions that nobody was trained on, against the values that their writer was told to say."""
    grammar = Grammar(families())
    rng = np.random.default_rng(17)
    made = [grammar.caption(rng, "held_out") for _ in range(120)]
    read = meanings(embedded_head(), layout, encoder.encode([caption.text for caption in made]))
    said = torch.stack(
        [
            layout.told(caption.family, families()[caption.family].all_parameters(), caption.mentioned)
            for caption in made
        ]
    )
    alike = torch.nn.functional.cosine_similarity(read, said, dim=1)
    assert float(alike.median()) > 0.95
    assert float((alike > 0.8).float().mean()) > 0.85
    others = torch.nn.functional.cosine_similarity(read, said.roll(1, 0), dim=1)
    assert float(others.median()) < 0.4


def test_two_materials_in_one_prompt_are_both_meant(encoder: TextEncoder, layout: Layout) -> None:
    (found,) = meanings(embedded_head(), layout, encoder.encode(["knitted lava"]))
    shares = dict(zip(layout.families, found.tolist(), strict=False))
    likeliest = sorted(shares, key=lambda name: -shares[name])[:2]
    assert set(likeliest) == {"knit", "lava"}
    assert min(shares["knit"], shares["lava"]) > 0.2 * max(shares["knit"], shares["lava"])


def test_words_come_with_their_meaning_and_no_words_mean_nothing(encoder: TextEncoder, layout: Layout) -> None:
    texts = ["wet red bricks", ""]
    plain, mask = token_states(encoder, texts, "cpu")
    found, again = token_states(encoder, texts, "cpu", layout)
    assert torch.equal(mask, again)
    assert torch.equal(found[..., : plain.shape[-1]], plain)
    behind = found[..., plain.shape[-1] :]
    assert torch.equal(behind[0], behind[0, :1].expand_as(behind[0]))
    assert float(behind[0].abs().max()) > 1.0
    assert not behind[1].any()


def test_chinese_means_what_english_does(encoder: TextEncoder, layout: Layout) -> None:
    states, _ = token_states(encoder, ["潮湿的红砖墙", "wet red brick wall"], "cpu", layout)
    chinese, english = states[:, 0, 384:]
    assert float(torch.nn.functional.cosine_similarity(chinese, english, dim=0)) > 0.9


class TestFile:
    def test_it_comes_back(self, layout: Layout, tmp_path: Path) -> None:
        assert Layout.load(tmp_path) is None
        layout.save(tmp_path)
        assert Layout.load(tmp_path) == layout

    @pytest.mark.parametrize("text", ["no", "[]", '{"version": 9}', '{"version": 1, "families": [], "keys": [1]}'])
    def test_a_damaged_one(self, text: str, tmp_path: Path) -> None:
        (tmp_path / MEANING_FILE).write_text(text, encoding="utf-8")
        with pytest.raises(ModelInvalidError, match="cannot be read"):
            Layout.load(tmp_path)

    def test_another_version_s_families_are_found_by_name(self, encoder: TextEncoder, layout: Layout) -> None:
        """A model that was trained before a family came, and knows one that has gone."""
        keys = tuple(key for key in layout.keys if key.name != "moss")
        other = Layout(("gone", *reversed(layout.families[1:])), (Key("gone", "number"), *keys))
        encoding = encoder.encode(["wet mossy cobblestone"])
        (now,), (then,) = (meanings(embedded_head(), one, encoding) for one in (layout, other))
        assert float(then[0]) == 0.0
        place = other.families.index("cobblestone")
        assert float(then[place]) == pytest.approx(float(now[layout.families.index("cobblestone")]))
        (wet,) = (one for one in layout.keys if one.name == "wetness")
        at, before = other.starts[wet.id], layout.starts[wet.id]
        torch.testing.assert_close(then[at : at + 2], now[before : before + 2])
        gone = other.starts["number:gone"]
        assert not then[gone : gone + 2].any()
