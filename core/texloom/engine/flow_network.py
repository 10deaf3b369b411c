# SPDX-License-Identifier: GPL-3.0-or-later
"""What the UNet of the learned model is told and predicts, and the velocity of a flow that pipelines want.

A flow mixes latents x and noise n to z = (1 - t) x + t n, and its velocity is n - x.  A network that says this must at
nearly pure noise pass all of the noise through all of its layers, beside what it knows of x.  So it is asked for
F = (t x - (1 - t) n) / s with s² = (1 - t)² + t² instead: x at pure noise, -n at none, and of even size between them
(T. Salimans, J. Ho, "Progressive distillation for fast sampling of diffusion models", 2022, whose v this is but for
its sign; T. Karras et al., "Elucidating the design space of diffusion-based generative models", 2022, section 5, for
why).  Then n - x = (2 t - 1) z / s² - F / s.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_MARK = "_texloom_tells_velocity"
_ADDED, _SKETCH = "added_cond_kwargs", "sketch"


def tell_velocity(network: Any) -> Any:
    """From now on ``network``, a UNet2DConditionModel that predicts F, says the velocity; returns it.

    Copies do so, too; nothing changes where it does already.
    """
    if not getattr(network, _MARK, False):
        network.register_forward_hook(_hook, with_kwargs=True)
        if sees_sketches(network):
            network.register_forward_pre_hook(_shown, with_kwargs=True)
            network.conv_in.register_forward_pre_hook(_beside)
        setattr(network, _MARK, True)
    return network


def sees_sketches(network: Any) -> bool:
    """Whether ``network`` is a UNet whose first convolution sees more than the latents that its last one gives."""
    return hasattr(network, "conv_in") and bool(network.conv_in.in_channels > network.conv_out.out_channels)


def showing(sketch: Tensor | None) -> dict[str, Any]:
    """What a network is told, beside the rest, to see ``sketch`` [B, SKETCH_CHANNELS, H, W]."""
    return {} if sketch is None else {_ADDED: {_SKETCH: sketch}}


def velocity(predicted: Tensor, noisy: Tensor, times: Tensor) -> Tensor:
    """The velocity [B, C, H, W] from what is predicted of ``noisy`` latents at ``times`` [B], 0 to 1."""
    t = times.float().view(-1, 1, 1, 1)
    square = (1.0 - t) ** 2 + t**2
    return ((2.0 * t - 1.0) / square * noisy.float() - predicted.float() * torch.rsqrt(square)).to(predicted.dtype)


def _hook(network: Any, args: tuple[Any, ...], named: dict[str, Any], output: Any) -> Any:
    noisy = named["sample"] if "sample" in named else args[0]
    time = named["timestep"] if "timestep" in named else args[1]
    times = torch.as_tensor(time, device=noisy.device).float().reshape(-1).expand(len(noisy)) / 1000.0
    if isinstance(output, tuple):
        return (velocity(output[0], noisy, times), *output[1:])
    output.sample = velocity(output.sample, noisy, times)
    return output


def _shown(network: Any, args: tuple[Any, ...], named: dict[str, Any]) -> None:
    network.conv_in.sketch = (named.get(_ADDED) or {}).get(_SKETCH)


def _beside(convolution: Any, args: tuple[Tensor]) -> tuple[Tensor]:
    (latents,) = args
    sketch, convolution.sketch = convolution.sketch, None
    if sketch is None:
        sketch = latents.new_zeros(len(latents), convolution.in_channels - latents.shape[1], *latents.shape[2:])
    # Without and with the text, for guidance: both see the same.
    sketch = sketch.to(latents).repeat(len(latents) // len(sketch), 1, 1, 1)
    return (torch.cat((latents, sketch), dim=1),)
