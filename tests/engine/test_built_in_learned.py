# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned model that comes with Texloom: found by its name, and worth its weights."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from test_diffusers_folder import Notes
from texloom.engine import catalog, pbr
from texloom.engine.context import SilentContext
from texloom.engine.generator import GeneratedImage
from texloom.engine.learned_text import planned
from texloom.engine.sketch import planned_sketches
from texloom.engine.text_encoder import TextEncoder
from texloom.errors import RequestError
from texloom.request import GenerationRequest

SIDE = 128


@pytest.fixture(scope="module")
def generator(encoder: TextEncoder) -> catalog.Generator:
    found = catalog.create("learned", encoder)
    found.load(SilentContext("cpu", threading.Event()))
    return found


def _request(prompt: str, **named: object) -> GenerationRequest:
    return GenerationRequest(
        **{"prompt": prompt, "width": SIDE, "height": SIDE, "seed": 2, "model": "learned", **named}
    )


def _drawn(generator: catalog.Generator, prompt: str, **named: object) -> GeneratedImage:
    (image,) = generator.generate(_request(prompt, **named), Notes())
    return image


def _mean(image: GeneratedImage, name: str) -> float:
    return float(image.maps[name].astype(np.float32).mean() / 255.0)


class TestBuiltIn:
    def test_it_goes_by_its_name(self, generator: catalog.Generator) -> None:
        info = generator.info
        assert catalog.model_key("learned") == info.id == "learned"
        assert info.name == "Learned" and info.licence == "gpl-3.0-or-later"
        assert info.native_maps == ("base_color", "height", "roughness", "metallic")
        assert all("/" not in name or name.split("/")[0] in ("vae", "transformer") for name in info.files)

    @pytest.mark.parametrize("prompt", ["large cobblestone", "terracotta tiles", "honeycomb"])
    def test_it_paints_the_form_that_is_meant(
        self, generator: catalog.Generator, encoder: TextEncoder, prompt: str
    ) -> None:
        """Where the sketch is high, so is the material."""
        image = _drawn(generator, prompt)
        plan = planned(encoder, _request(prompt), Notes()).each[0]
        sketch = planned_sketches([plan], SIDE, SIDE, 8, "cpu")
        relief = torch.nn.functional.pixel_shuffle(sketch, 2)[0, 0].flatten().numpy()
        height = torch.nn.functional.avg_pool2d(
            pbr.height_from_pixels(image.maps["height"], image.height_min_m, image.height_max_m)[None], 4
        )
        found = float(np.corrcoef(height.flatten().numpy(), relief)[0, 1])
        assert found > 0.5, found

    def test_colors_and_gloss_are_those_of_the_words(self, generator: catalog.Generator) -> None:
        red, blue = (_drawn(generator, f"{name} ceramic tiles") for name in ("red", "blue"))
        first, second = (image.maps["base_color"].reshape(-1, 3).mean(0) for image in (red, blue))
        assert first[0] - first[2] > 30.0 and second[2] - second[0] > 30.0
        steel, wood = _drawn(generator, "brushed steel"), _drawn(generator, "oak planks")
        assert _mean(steel, "metallic") > 0.7 > 0.2 > _mean(wood, "metallic")

    def test_the_same_form_in_other_matter(self, generator: catalog.Generator) -> None:
        """A locked color changes the color and leaves the form."""
        plain = _drawn(generator, "pebbles")
        other = _drawn(generator, "pebbles", parameters={**plain.parameters, "color": "#2040c0"})
        heights = [image.maps["height"].astype(np.float32).flatten() for image in (plain, other)]
        assert float(np.corrcoef(*heights)[0, 1]) > 0.8
        assert not np.array_equal(plain.maps["base_color"], other.maps["base_color"])

    def test_what_is_not_wanted_needs_no_guidance(self, generator: catalog.Generator) -> None:
        notes = Notes()
        (image,) = generator.generate(_request("cobblestone", negative_prompt="moss"), notes)
        assert image.parameters["moss"] == 0.0
        assert not notes.warnings

    def test_colors_of_a_style_image(self, generator: catalog.Generator, tmp_path: Path) -> None:
        path = tmp_path / "look.png"
        Image.new("RGB", (64, 64), (40, 70, 190)).save(path)
        image = _drawn(generator, "ceramic tiles", style_image=str(path))
        red, _, blue = image.maps["base_color"].reshape(-1, 3).mean(0)
        assert blue - red > 30.0
        assert image.details["style"]["colors"][0]["share"] == 1.0
        with pytest.raises(RequestError, match="take the colors of a style image themselves"):
            _drawn(generator, "ceramic tiles", style_image=str(path), style_model="ip-adapter-sdxl")
