# SPDX-License-Identifier: GPL-3.0-or-later
"""What the learned model is shown of a material's form, and that it looks at it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_diffusers_folder import Notes
from test_learned import NETWORK, TRANSFORMER, VAE
from texloom.engine.context import SilentContext
from texloom.engine.diffusers_folder import DiffusersFolderGenerator
from texloom.engine.flow_network import sees_sketches, showing
from texloom.engine.learned_channels import CHANNELS, Surface, to_channels
from texloom.engine.learned_text import planned
from texloom.engine.material_plan import Plan, embedded_head
from texloom.engine.meaning import Layout
from texloom.engine.procedural.draw import draw
from texloom.engine.sketch import SKETCH_CHANNELS, planned_sketches, sketch_of
from texloom.engine.text_encoder import TextEncoder
from texloom.request import GenerationRequest
from texloom.training import flow
from texloom.training.autoencoder import make_autoencoder
from texloom.training.learned_folder import write_folder


def _plan(encoder: TextEncoder, prompt: str, **named: Any) -> Plan:
    request = GenerationRequest(**{"prompt": prompt, "width": 256, "height": 256, "seed": 4, **named})
    (plan,) = planned(encoder, request, SilentContext("cpu", threading.Event())).each
    return plan


def _channels(plan: Plan, width: int, height: int) -> torch.Tensor:
    order = plan.drawing(width, height)
    drawn = draw(order.family, order.values, width=width, height=height, width_m=order.width_m, seed=order.seed)
    pixels = drawn.height[None, None].float() * (width / plan.width_m)
    gray = [value[None, None].float() / 255.0 for value in (drawn.roughness, drawn.metallic)]
    color = drawn.base_color[None].float() / 255.0
    return to_channels(Surface(base_color=color, height=pixels - pixels.mean(), roughness=gray[0], metallic=gray[1]))


def _alike(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(np.corrcoef(one.flatten().numpy(), other.flatten().numpy())[0, 1])


class TestSketches:
    def test_it_shows_form_and_no_color_gloss_or_depth(self) -> None:
        torch.manual_seed(0)
        channels = torch.rand(2, 6, 64, 64) * 0.5
        found = sketch_of(channels, 8)
        assert found.shape == (2, SKETCH_CHANNELS, 8, 8)
        changed = channels.clone()
        for name in ("blue", "red", "roughness", "metallic"):
            changed[:, CHANNELS.index(name)] = torch.rand(2, 64, 64)
        changed[:, CHANNELS.index("luma")] -= 0.3
        torch.testing.assert_close(sketch_of(changed, 8), found, rtol=1e-3, atol=1e-3)
        deep = channels.clone()
        deep[:, CHANNELS.index("height")] *= 3.0
        assert _alike(sketch_of(deep, 8), found) > 0.97

    def test_what_is_flat_stays_flat(self) -> None:
        grain = torch.randn(1, 6, 64, 64, generator=torch.Generator().manual_seed(0)) * 1e-3
        assert float(sketch_of(grain, 8).abs().max()) < 0.2

    def test_coarse_latents_have_coarse_sketches(self) -> None:
        assert sketch_of(torch.rand(1, 6, 64, 32), 16).shape == (1, SKETCH_CHANNELS, 4, 2)

    @pytest.mark.parametrize("prompt", ["red brick wall", "pebbles", "marble tiles", "oak planks"])
    def test_planned_ones_are_those_of_the_finished_picture(self, encoder: TextEncoder, prompt: str) -> None:
        """Small as they are drawn, they are what training saw: the whole picture's."""
        plan = _plan(encoder, prompt)
        found = planned_sketches([plan], 256, 256, 8, "cpu")
        whole = sketch_of(_channels(plan, 256, 256), 8)
        assert found.shape == whole.shape == (1, SKETCH_CHANNELS, 32, 32)
        assert _alike(found, whole) > 0.9

    def test_any_shape(self, encoder: TextEncoder) -> None:
        plans = [_plan(encoder, prompt, width=256, height=128) for prompt in ("snow", "bricks")]
        assert planned_sketches(plans, 256, 128, 8, "cpu").shape == (2, SKETCH_CHANNELS, 16, 32)


class TestNetworks:
    def _network(self) -> Any:
        torch.manual_seed(0)
        network = flow.make_network(flow.fitted(NETWORK, channels=4, text=384))
        with torch.no_grad():
            for weights in network.parameters():
                if weights.ndim > 1:
                    weights.normal_(std=0.2)
        return network

    def _said(self, network: Any, sketch: torch.Tensor | None, count: int = 2) -> torch.Tensor:
        source = torch.Generator().manual_seed(1)
        noisy, text = torch.randn(1, 4, 4, 4, generator=source), torch.randn(1, 5, 384, generator=source)
        with torch.no_grad():
            found: torch.Tensor = network(
                noisy.expand(count, -1, -1, -1), timestep=500, encoder_hidden_states=text.expand(count, -1, -1),
                **showing(sketch),
            ).sample  # fmt: skip
        return found

    def test_a_unet_looks_at_it(self) -> None:
        network = self._network()
        assert sees_sketches(network) and not sees_sketches(flow.make_network(TRANSFORMER))
        sketch = torch.randn(2, SKETCH_CHANNELS, 4, 4)
        plain, seen = self._said(network, None), self._said(network, sketch)
        assert seen.shape == (2, 4, 4, 4)
        assert float((seen - plain).abs().max()) > 1e-3
        torch.testing.assert_close(self._said(network, torch.zeros_like(sketch)), plain)
        # Nothing of it stays behind.
        torch.testing.assert_close(self._said(network, None), plain)

    def test_with_and_without_the_text_it_is_the_same(self) -> None:
        network, sketch = self._network(), torch.randn(2, SKETCH_CHANNELS, 4, 4)
        both = self._said(network, sketch, count=4)
        torch.testing.assert_close(both[:2], both[2:])
        torch.testing.assert_close(both[:2], self._said(network, sketch))

    def test_one_that_knew_none_goes_on_as_it_was(self, shards: Path, tmp_path: Path) -> None:
        """Weights of before sketches: these say nothing at first."""
        vae = make_autoencoder(VAE).eval()
        learned = flow.prepare(flow.Tiles(shards), vae, cache=tmp_path, variants=1, captions=1)
        trainer = flow.Trainer(learned, flow.Options(steps=10, batch=4), config=NETWORK)
        shape = flow.fitted(NETWORK, channels=4, text=learned.width)
        source = flow.make_network(shape | {"in_channels": 4})
        trainer.begin_with(source)
        weights = trainer.network.conv_in.weight
        assert weights.shape[1] == 4 + SKETCH_CHANNELS and not weights[:, 4:].any()
        torch.testing.assert_close(weights[:, :4], source.conv_in.weight)
        for _ in range(3):
            trainer._one()
        assert trainer.network.conv_in.weight[:, 4:].any()

    def test_training_shows_them_in_all_conditions(self) -> None:
        """Whole, coarse and noisy ones, and some without relief, without pattern or without both."""
        sketch = torch.randn(400, SKETCH_CHANNELS, 3, 3)
        found = flow.roughened(sketch, np.random.default_rng(1), torch.Generator().manual_seed(1))
        relief, pattern = (part.flatten(1) for part in found.chunk(2, dim=1))
        missing = [~part.any(1) for part in (relief, pattern)]
        counts = [int(part.sum()) for part in (*missing, missing[0] & missing[1])]
        assert all(20 < count < 120 for count in counts) and counts[2] < counts[0]
        same = (found == sketch).flatten(1).all(1)
        assert 40 < int(same.sum()) < 250
        folded = found.view(400, 2, 4, 3, 3)
        coarse = (folded == folded[:, :, :1]).flatten(1).all(1) & ~(missing[0] & missing[1])
        assert 15 < int(coarse.sum()) < 150


class TestDrawing:
    def test_the_engine_shows_what_the_prompt_means(self, encoder: TextEncoder, tmp_path: Path) -> None:
        layout = Layout.of(embedded_head().schema)
        torch.manual_seed(0)
        network = flow.make_network(flow.fitted(NETWORK, channels=4, text=384 + layout.width))
        torch.nn.init.normal_(network.conv_out.weight, std=0.1)
        write_folder(tmp_path, vae=make_autoencoder(VAE), network=network, layout=layout, training={"steps": 0})
        generator = DiffusersFolderGenerator(tmp_path, encoder=encoder)
        generator.load(Notes())
        request = GenerationRequest(prompt="red brick wall", width=128, height=64, seed=3, count=2, steps=2)
        seen: list[torch.Tensor] = []
        drawing = generator.opened.pipeline.transformer
        hook = drawing.register_forward_pre_hook(
            lambda _, args, named: seen.append(named["added_cond_kwargs"]["sketch"]), with_kwargs=True
        )
        first = list(generator.generate(request, Notes()))
        hook.remove()
        assert seen and all(one.shape[1:] == (SKETCH_CHANNELS, 64 // 16, 128 // 16) for one in seen)
        plans = planned(encoder, request, Notes())
        wanted = planned_sketches(plans.each, 128, 64, 16, "cpu")
        torch.testing.assert_close(torch.cat(seen)[: len(seen[0])].float(), wanted[: len(seen[0])])
        # And none is left to the next call that shows none.
        assert not drawing.conv_in.__dict__.get("sketch")
        again = list(generator.generate(request, Notes()))
        for one, other in zip(first, again, strict=True):
            assert all(np.array_equal(pixels, other.maps[name]) for name, pixels in one.maps.items())
