# SPDX-License-Identifier: GPL-3.0-or-later
"""What noise a model's scheduler puts into latents, and what its network is to say of them."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

from ..errors import ModelInvalidError

FLOW: Final = "flow"
KINDS: Final = (FLOW, "epsilon", "v_prediction", "sample")
_EVEN: Final = 0.2


class Noise:
    """The way from latents to noise as the model learned it.

    Flows go along straight lines (X. Liu et al., 2022); the others are diffusion models that predict the noise, the
    velocity (T. Salimans, J. Ho, 2022) or the picture.

    Args:
        scheduler: the model's; its configuration tells.
        name: the model's, for messages.

    Attributes:
        kind: one of :data:`KINDS`.

    Raises:
        ModelInvalidError: the scheduler is for models distilled in a way that cannot be taught so.
    """

    def __init__(self, scheduler: Any, name: str) -> None:
        config = scheduler.config
        wanted = config.get("prediction_type", "")
        self.count = int(config.get("num_train_timesteps", 1000))
        self._diffusion: Any = None
        if type(scheduler).__name__.startswith("FlowMatch") or wanted == "flow_prediction":
            self.kind = FLOW
        elif wanted in KINDS and "beta_schedule" in config and type(scheduler).__name__ not in _DISTILLED:
            from diffusers import DDPMScheduler

            self.kind = wanted
            kind: Any = DDPMScheduler
            self._diffusion = kind.from_config(config)
        else:
            raise ModelInvalidError(
                f"{name} cannot be taught: its scheduler {type(scheduler).__name__} is for a distilled model.",
                advice="Choose the model that it was distilled from.",
            )

    def times(self, count: int, source: torch.Generator) -> Tensor:
        """Random times [count] in the scheduler's numbers, as training meets them."""
        if self.kind != FLOW:
            return torch.randint(self.count, (count,), generator=source).float()
        # Most is decided in the middle of the way (P. Esser et al., 2024); a part is spread evenly, for the ends.
        middle = torch.sigmoid(torch.randn(count, generator=source))
        even = torch.rand(count, generator=source)
        return torch.where(torch.rand(count, generator=source) < _EVEN, even, middle) * self.count

    def spread(self, count: int) -> Tensor:
        """Times [count] spread evenly over the way, for measuring."""
        found = (torch.arange(count) + 0.5) / count * self.count
        return found if self.kind == FLOW else found.floor()

    def noisy(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Latents [B, …] with as much noise as ``times`` [B] say."""
        if self.kind == FLOW:
            away = self._column(times / self.count, clean)
            return clean * (1.0 - away) + noise * away
        mixed: Tensor = self._diffusion.add_noise(clean, noise, times.long())
        return mixed

    def target(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """What the network is to say, as the scheduler wants it."""
        if self.kind == FLOW:
            return noise - clean
        if self.kind == "epsilon":
            return noise
        if self.kind == "sample":
            return clean
        velocity: Tensor = self._diffusion.get_velocity(clean, noise, times.long())
        return velocity

    @staticmethod
    def _column(values: Tensor, like: Tensor) -> Tensor:
        return values.to(like).view(-1, *(1 for _ in like.shape[1:]))


_DISTILLED: Final = frozenset({"LCMScheduler", "TCDScheduler", "SCMScheduler"})
