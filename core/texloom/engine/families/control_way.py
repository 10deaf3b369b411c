# SPDX-License-Identifier: GPL-3.0-or-later
"""How the pipelines of a family take networks that read the form of what is drawn (ControlNets, arXiv 2302.05543)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from PIL import Image

NAME: Final = "controlnet"
"""What pipelines call the part."""


@dataclass(frozen=True, kw_only=True)
class ControlWay:
    """One kind of such networks.

    Attributes:
        network: its class in diffusers.
        pipelines: the pipeline that takes it, by task.
        several: the class in diffusers that takes several pictures; empty where the network itself or none does.
        shares: whether several pictures go through one network, else each through one of its own.
        modes: for networks of several kinds of pictures, the number of each kind of control.
        mode_key: the entry in a network's configuration that says that it wants such numbers.
        alike: entries in the configuration that must be those of the network that draws.
        fills: entry in the configuration, and the least it must be for the network to see masks; empty: all do.
    """

    network: str
    pipelines: Mapping[str, str]
    several: str = ""
    shares: bool = False
    modes: Mapping[str, int] = field(default_factory=dict)
    mode_key: str = ""
    alike: tuple[str, ...] = ()
    fills: tuple[str, int] | tuple[()] = ()

    def sees_masks(self, config: Mapping[str, Any]) -> bool:
        """Whether a network with that configuration works while parts of a picture are filled in."""
        if not self.fills:
            return True
        name, least = self.fills
        return int(config.get(name, 0)) >= least

    def wants_modes(self, config: Mapping[str, Any]) -> bool:
        """Whether a network with that configuration must be told which kind of picture it sees."""
        return bool(self.mode_key) and config.get(self.mode_key) is not None


@dataclass(frozen=True, kw_only=True)
class Guide:
    """One control as a pipeline takes it; ``mode`` None where the network needs no number."""

    picture: Image.Image
    strength: float
    mode: int | None = None


def control_arguments(parameters: Mapping[str, Any], guides: Sequence[Guide]) -> dict[str, Any]:
    """Arguments of a pipeline's call; one network with one picture takes no lists."""
    name = "control_image" if "control_image" in parameters else "image"
    pictures, strengths = [guide.picture for guide in guides], [guide.strength for guide in guides]
    modes = [guide.mode for guide in guides]
    single = len(guides) == 1
    named: dict[str, Any] = {name: pictures[0] if single else pictures}
    if "controlnet_conditioning_scale" in parameters:
        named["controlnet_conditioning_scale"] = strengths[0] if single else strengths
    if "control_mode" in parameters and any(mode is not None for mode in modes):
        named["control_mode"] = modes[0] if single else modes
    return named
