# SPDX-License-Identifier: GPL-3.0-or-later
"""What drawing begins with: the size and margins of what is drawn, and the picture that it is drawn over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..request import GenerationRequest
from .drawn_frame import drawn_frame
from .families import Family
from .generator import Context
from .model_folder import ModelFolder
from .operations import Masked, Start, from_whole, masked
from .wrapped_context import Frame

STRENGTH: Final = 0.6
"""How much of a picture is drawn anew where the request does not tell; in masks it is all."""


class Beginning:
    """Works that out for one model.

    Args:
        folder: the model.
        family: its adapter.
        name: what people call it.
        side: gives what it likes to draw.
    """

    def __init__(self, folder: ModelFolder, family: Family, name: str, side: Callable[[], int]) -> None:
        self._folder = folder
        self._family = family
        self._name = name
        self._side = side

    def of(self, request: GenerationRequest, context: Context) -> tuple[Frame, Start | None]:
        """What a request begins with; from words alone no picture."""
        strength = request.strength
        if request.operation != "create":
            return self.masked(request, masked(request), 1.0 if strength is None else strength, context)
        whole = self.whole(request, context)
        if not request.source:
            return whole, None
        return whole, from_whole(request, STRENGTH if strength is None else strength, context)

    def masked(
        self, request: GenerationRequest, picture: Masked, strength: float, context: Context
    ) -> tuple[Frame, Start]:
        """The window that parts of a picture are drawn anew in."""
        window = picture.window(self._side())
        whole = self.whole(request, context, (window.width, window.height))
        size = (whole.width, whole.height)
        return whole, picture.start(window, size, strength, self._folder.latent_pixels)

    def whole(self, request: GenerationRequest, context: Context, part: tuple[int, int] | None = None) -> Frame:
        """What is drawn: a picture of the request's size, or of one near it where only parts of it are used."""
        found = drawn_frame(request, self._family, self._folder, part)
        if found.approximate:
            context.warn(
                "seamless_approximate",
                f"{self._name} cannot draw pictures of that size that tile: only its decoder wraps around.",
                advice="A seam may show. Choose a smaller size.",
            )
        return found.frame
