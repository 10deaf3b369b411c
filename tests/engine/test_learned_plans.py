# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned model is told what the instant one would draw: prompts, locked parameters, seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from test_diffusers_folder import Notes
from test_learned import NETWORK, VAE
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.generator import GeneratedImage
from texloom.engine.learned_text import meaning_of, planned, planned_states, token_states
from texloom.engine.material_plan import embedded_head
from texloom.engine.meaning import Layout
from texloom.engine.procedural.family import families
from texloom.engine.text_encoder import TextEncoder
from texloom.errors import RequestError
from texloom.request import GenerationRequest
from texloom.training.autoencoder import make_autoencoder
from texloom.training.flow import fitted, make_network
from texloom.training.learned_draw import drawn_together
from texloom.training.learned_folder import write_folder


@pytest.fixture(scope="module")
def layout() -> Layout:
    return Layout.of(embedded_head().schema)


@pytest.fixture(scope="module")
def generator(
    layout: Layout, encoder: TextEncoder, tmp_path_factory: pytest.TempPathFactory
) -> DiffusersFolderGenerator:
    """With random weights, which show all that the network is told."""
    torch.manual_seed(0)
    network = make_network(fitted(NETWORK, channels=4, text=384 + layout.width))
    with torch.no_grad():
        for weights in network.parameters():
            if weights.ndim > 1:
                weights.normal_(std=0.2)
    folder = tmp_path_factory.mktemp("plans") / "tiny"
    write_folder(folder, vae=make_autoencoder(VAE), network=network, layout=layout, training={"steps": 0})
    found = DiffusersFolderGenerator(folder, encoder=encoder)
    found.load(Notes())
    return found


def _request(**values: Any) -> GenerationRequest:
    return GenerationRequest(**{"prompt": "red brick wall", "width": 64, "height": 64, "seed": 3, "steps": 2, **values})


def _drawn(generator: DiffusersFolderGenerator, notes: Notes | None = None, **values: Any) -> list[GeneratedImage]:
    return list(generator.generate(_request(**values), notes or Notes()))


class TestDrawing:
    def test_results_say_what_was_read(self, generator: DiffusersFolderGenerator) -> None:
        (image,) = _drawn(generator, prompt="mossy red brick wall")
        assert image.parameters["family"] == "bricks" and image.parameters["moss"] > 0.2
        reading = image.details["reading"]
        assert reading["family"]["title"] == families()["bricks"].title
        sources = {entry["name"]: entry["source"] for entry in reading["parameters"]}
        assert (sources["moss"], sources["color"], sources["dirt"]) == ("prompt", "prompt", "seed")
        assert image.tile_width_m == pytest.approx(families()["bricks"].tile_width_m)

    def test_given_back_they_draw_the_same(self, generator: DiffusersFolderGenerator) -> None:
        (image,) = _drawn(generator)
        (again,) = _drawn(generator, parameters=image.parameters)
        for name, pixels in image.maps.items():
            assert np.array_equal(pixels, again.maps[name])

    def test_a_locked_parameter_changes_the_picture(self, generator: DiffusersFolderGenerator) -> None:
        notes = Notes()
        (image,), (wet,) = _drawn(generator), _drawn(generator, notes, parameters={"wetness": 1.0})
        assert wet.parameters["wetness"] == 1.0 and image.parameters["wetness"] < 0.5
        assert not np.array_equal(image.maps["base_color"], wet.maps["base_color"])
        assert not any(code == "parameters_ignored" for code, *_ in notes.warnings)

    def test_what_there_is_not_cannot_be_locked(self, generator: DiffusersFolderGenerator) -> None:
        with pytest.raises(RequestError, match="unknown loudness"):
            _drawn(generator, parameters={"loudness": 1.0})

    def test_each_variation_has_a_choice_of_its_own(self, generator: DiffusersFolderGenerator) -> None:
        first, second = _drawn(generator, prompt="pebbles", count=2)
        assert first.parameters != second.parameters and first.parameters["family"] == second.parameters["family"]
        (again,) = _drawn(generator, prompt="pebbles", seed=second.seed)
        assert again.parameters == second.parameters

    def test_what_is_not_wanted_is_kept_away(self, generator: DiffusersFolderGenerator) -> None:
        for seed in range(4):
            (image,) = _drawn(generator, prompt="cobblestone", negative_prompt="moss", seed=seed, steps=1)
            assert image.parameters["moss"] == 0.0

    def test_many_prompts_in_one_batch(self, generator: DiffusersFolderGenerator) -> None:
        """Each is told as alone; a batch may round otherwise."""
        prompts = ["red brick wall", "mossy old cobblestone street, wet after the rain", "snow"]
        together = list(drawn_together(generator, prompts, size=64, seeds=[1, 2, 3], together=3))
        for prompt, seed, image in zip(prompts, (1, 2, 3), together, strict=True):
            (alone,) = _drawn(generator, prompt=prompt, seed=seed, steps=None)
            assert image.parameters == alone.parameters and image.tile_width_m == alone.tile_width_m
            assert image.seed == seed


class TestStates:
    def _meaning(self, encoder: TextEncoder, layout: Layout, **values: Any) -> torch.Tensor:
        plans = planned(encoder, _request(**values), Notes())
        states, mask, unwanted, _ = planned_states(encoder, plans, plans.each, "", "cpu", layout)
        assert states.shape[:2] == mask.shape == (plans and len(plans.each), states.shape[1])
        assert not unwanted[..., 384:].any()
        return states[:, 0, 384:]

    def test_all_is_decided(self, encoder: TextEncoder, layout: Layout) -> None:
        plans = planned(encoder, _request(count=2), Notes())
        found = self._meaning(encoder, layout, count=2)
        for row, plan in zip(found, plans.each, strict=True):
            torch.testing.assert_close(row, meaning_of(plan, layout))
            # Of each number of the family, both places.
            assert int((row[len(layout.families) :] != 0).sum()) >= len(plan.values)

    def test_two_materials(self, encoder: TextEncoder, layout: Layout) -> None:
        (plan,) = planned(encoder, _request(prompt="marble tiles"), Notes()).each
        (found,) = self._meaning(encoder, layout, prompt="marble tiles")
        shares = found[: len(layout.families)]
        first, second = layout.families.index(plan.family.name), layout.families.index("marble")
        assert shares[first] > 0.0 > shares[second] and plan.second["name"] == "marble"
        assert int((shares != 0).sum()) == 2

    def test_how_two_belong_together(self, layout: Layout) -> None:
        place = layout.families.index("marble")
        found = [float(layout.told("bricks", (), {}, ("marble", mode))[place]) for mode in ("matter", "print", "cover")]
        assert len(set(found)) == 3 and max(found) < 0.0

    def test_what_is_no_material_is_drawn_as_the_result_will_say(self, encoder: TextEncoder, layout: Layout) -> None:
        """As one that is, chosen by the seed: given back, its parameters draw the same."""
        prompt = "elephant"
        plans = planned(encoder, _request(prompt=prompt), Notes())
        assert plans.reading.outside
        (plan,) = plans.each
        found = self._meaning(encoder, layout, prompt=prompt)[0]
        torch.testing.assert_close(found, meaning_of(plan, layout))
        given = {"family": plan.family.name, **plan.family.to_json(plan.values)}
        torch.testing.assert_close(self._meaning(encoder, layout, prompt=prompt, parameters=given)[0], found)

    def test_nothing_said(self, encoder: TextEncoder, layout: Layout) -> None:
        states, mask, *_ = planned_states(encoder, None, [], "", "cpu", layout)
        unsaid, own = token_states(encoder, [""], "cpu", layout)
        assert torch.equal(states, unsaid) and torch.equal(mask, own)

    def test_short_prompts_are_equally_long(self, encoder: TextEncoder, layout: Layout) -> None:
        one, other = (token_states(encoder, [text], "cpu", layout) for text in ("snow", "old red brick wall"))
        assert one[0].shape == other[0].shape
        # Behind its tokens a prompt says nothing but what it means as a whole.
        assert not one[0][0, int(one[1].sum()) :, :384].any()
