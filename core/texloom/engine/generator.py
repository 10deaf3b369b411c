# SPDX-License-Identifier: GPL-3.0-or-later
"""The one interface behind which every model works: instant, a diffusers folder, and what comes later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from ..png import Pixels as Pixels
from ..request import GenerationRequest


class PlanLine(str):
    """What a context is told to be loading when it is how a model is kept in memory, which holds for all of it."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class GeneratorInfo:
    """What a model is and can do.

    ``native_maps`` are the maps it draws itself; a model whose only map is ``image`` gets its PBR maps
    derived from that image.  ``files`` maps file names to SHA-256, so that a result can be traced to the
    exact weights.  ``source`` says whether it starts from the request's picture: ``none``, ``optional`` or
    ``required``.  ``tasks`` are those of :data:`~texloom.engine.families.TASKS` that it can do; empty: it has ways of
    its own.  ``controls`` says whether it follows pictures of a form.
    """

    id: str
    name: str
    licence: str
    native_maps: tuple[str, ...]
    revision: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    default_steps: int = 1
    default_guidance_scale: float | None = None
    supports_negative_prompt: bool = False
    size_step: int = 8
    seamless: bool = False
    source: str = "none"
    tasks: tuple[str, ...] = ()
    controls: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class GeneratedImage:
    """One variation: arrays of shape (height, width) or (height, width, channels).

    ``maps`` holds uint8 (``height`` may be uint16); rows run from the top of the picture.  ``height`` spans
    ``height_min_m`` to ``height_max_m`` metres linearly.  The tile is ``tile_width_m`` wide.
    ``parameters`` is what the words became, in JSON types; giving them back in ``request.parameters`` draws
    the same picture.
    """

    index: int
    seed: int
    maps: dict[str, Pixels]
    tile_width_m: float
    tile_height_m: float
    height_min_m: float = 0.0
    height_max_m: float = 0.0
    parameters: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)


class Context(Protocol):
    """What a running generator may tell and ask; given by the engine for one request."""

    device: str

    def check_cancelled(self) -> None:
        """Raise ``CancelledError`` when the request was cancelled; call it between all longer steps."""
        ...

    def loading(self, stage: str, fraction: float | None = None) -> None:
        """Report that the model is being read."""
        ...

    def progress(self, step: int, steps: int, *, index: int = 0, stage: str = "") -> None:
        """Report that ``step`` of ``steps`` of variation ``index`` is done; also checks for cancel."""
        ...

    def preview(self, pixels: Pixels, *, index: int = 0, step: int = 0) -> None:
        """Show a rough RGB picture (height, width, 3), uint8."""
        ...

    def warn(self, code: str, message: str, *, advice: str = "", words: tuple[str, ...] = ()) -> None:
        """Tell the user something; each sentence and words at most once a request."""
        ...

    def timing(self, stage: str, seconds: float) -> None:
        """Add ``seconds`` to the time of a stage in the manifest."""
        ...


class Generator(Protocol):
    """A loaded, or loadable, model.  Used by one thread at a time."""

    @property
    def info(self) -> GeneratorInfo:
        """Known before the weights are read."""
        ...

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory."""
        ...

    def load(self, context: Context) -> None:
        """Read the weights to ``context.device``; does nothing when they are there already.

        Raises:
            ModelInvalidError, ModelNotFoundError, OutOfMemoryError, CancelledError.
        """
        ...

    def unload(self) -> None:
        """Free the memory; :meth:`load` may follow."""
        ...

    def prepare(self, prompt: str) -> None:
        """Do ahead of time what depends only on ``prompt`` (its text embedding), while the user types."""
        ...

    def generate(self, request: GenerationRequest, context: Context) -> Iterator[GeneratedImage]:
        """Yield ``request.count`` variations in order, each as soon as it is done.

        Raises:
            RequestError: something this model cannot do; OutOfMemoryError; CancelledError.
        """
        ...


@runtime_checkable
class LargeGenerator(Protocol):
    """What a generator of gigabytes has beside the methods of :class:`Generator`."""

    def expect(self, request: GenerationRequest) -> None:
        """What will be drawn next, so that loading can plan its memory for it."""
        ...

    def missing_bytes(self, device: str) -> int:
        """How much more memory on the device it would like for what is expected than it holds there."""
        ...

    def fits_main_memory(self, device: str) -> bool:
        """Whether there is a way to keep it for which main memory has room, when it computes on that device."""
        ...
