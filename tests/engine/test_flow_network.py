# SPDX-License-Identifier: GPL-3.0-or-later
"""What the learned model's UNet predicts, and the velocity that its pipeline wants."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from test_learned import NETWORK, VAE
from texloom.engine.flow_network import tell_velocity, velocity
from texloom.training.autoencoder import make_autoencoder
from texloom.training.flow import make_network
from texloom.training.learned_folder import read_network, write_folder


@pytest.mark.parametrize("time", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_the_velocity_follows_from_what_is_predicted(time: float) -> None:
    latents, noise = torch.randn(2, 3, 4, 5, 5)
    noisy = torch.lerp(latents, noise, time)
    predicted = (time * latents - (1.0 - time) * noise) / ((1.0 - time) ** 2 + time**2) ** 0.5
    found = velocity(predicted, noisy, torch.full((3,), time))
    torch.testing.assert_close(found, noise - latents, rtol=1e-4, atol=1e-5)


def test_at_pure_noise_nothing_of_it_has_to_pass() -> None:
    """There the network says the latents themselves."""
    noise = torch.randn(1, 2, 3, 3)
    torch.testing.assert_close(velocity(torch.zeros_like(noise), noise, torch.ones(1)), noise)


class TestNetworks:
    def _called(self, network: Any, **named: Any) -> Any:
        noisy = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(0))
        text = torch.randn(2, 5, 384, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            return noisy, network(noisy, encoder_hidden_states=text, **named)

    def _random(self) -> Any:
        torch.manual_seed(0)
        network = make_network(NETWORK)
        torch.nn.init.normal_(network.conv_out.weight, std=0.3)
        return network

    def test_one_that_says_nothing_yet(self) -> None:
        noisy, output = self._called(make_network(NETWORK), timestep=torch.tensor([1000.0, 500.0]))
        torch.testing.assert_close(output.sample[0], noisy[0])
        torch.testing.assert_close(output.sample[1], torch.zeros_like(noisy[1]))

    def test_times_and_outputs_of_every_form(self) -> None:
        """As pipelines and trainings give and take them."""
        network = self._random()
        _, named = self._called(network, timestep=torch.tensor([300.0, 300.0]))
        for time in (300, torch.tensor(300.0), torch.tensor([300.0])):
            _, found = self._called(network, timestep=time, return_dict=False)
            torch.testing.assert_close(found[0], named.sample)

    def test_it_is_asked_once(self, tmp_path: Path) -> None:
        """However often a network is prepared, copied, written and read."""
        network = self._random()
        _, first = self._called(network, timestep=300)
        write_folder(tmp_path, vae=make_autoencoder(VAE), network=copy.deepcopy(network))
        for again in (tell_velocity(network), copy.deepcopy(network), read_network(tmp_path)):
            _, found = self._called(again, timestep=300)
            torch.testing.assert_close(found.sample, first.sample, rtol=1e-2, atol=1e-2)
