# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses how a loaded model is kept, changes that from request to request, and gives way when memory runs out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Final

import torch
from torch import nn

from .. import settings
from ..errors import OutOfMemoryError
from ..gguf_header import is_gguf
from . import device as devices
from . import main_memory, map_models, memory_plan
from .folder_loading import best_precision
from .generator import Context, PlanLine
from .memory_estimate import DENOISER, Part, parts_of
from .memory_plan import NF4, PACKAGES, Demand, MemoryPlan, Model
from .model_folder import ModelFolder
from .placement import Placement
from .small_weights import CannotShrink, Trial
from .striped_decoding import can_stripe, striped

LEAST_STRIPED: Final = 512 * 512
"""Pictures of fewer pixels, previews above all, are never decoded in stripes."""

MOST_TOGETHER: Final = 8
"""More pictures at a time bring no more speed, and the first of them is long in coming."""

CLEARLY_MORE: Final = 1.25
"""What has failed is tried again once there is so many times the memory that there was then."""

STRIPED: Final = ("AutoencoderKL", "AutoencoderKLFlux2")
"""Autoencoders that are of the layers that work in stripes."""

_GIGA: Final = 10**9
_ON: Final = ("1", "on", "yes", "true")
_OFF: Final = ("0", "off", "no", "false")
_UPCASTS: Final = ("StableDiffusionXL", "Kolors")


class MemoryKeeper:
    """The plans of one model, and the one that is in use.

    Args:
        folder: the model.
        name: what people call it.
        skipped: parts that are not loaded.
        quantizes: whether its weights can be made smaller while they are read.
    """

    def __init__(self, folder: ModelFolder, name: str, *, skipped: tuple[str, ...], quantizes: bool) -> None:
        self._folder = folder
        self._name = name
        self._model: Model | None = None
        self._skipped = skipped
        self._quantizes = quantizes
        self._placement: Placement | None = None
        self._vae: Any = None
        self._device = "cpu"
        self._failed: list[tuple[int, int]] = []
        # How much there was for the model then; less of a reason once there is clearly more.
        self._room_then: dict[tuple[int, int], int] = {}
        self._beside: tuple[Part, ...] = ()
        self._refused: set[str] = set()
        self._proven: set[str] = set()
        self._trial: Trial | None = None
        self.plan: MemoryPlan | None = None
        self.told = ""

    @property
    def model(self) -> Model:
        """What the folder's files tell; read when it is first asked for.

        Raises:
            ModelInvalidError: a file is damaged.
        """
        if self._model is None:
            vae = self._folder.component("vae")
            name = self._folder.class_name
            parts = _as_packed(self._folder, parts_of(self._folder, self._skipped))
            self._model = Model(
                folder=self._folder,
                parts=(*parts, *self._beside),
                stripes=vae is not None and vae.class_name in STRIPED,
                upcasts=name.startswith(_UPCASTS) and vae is not None and vae.config.get("force_upcast", True) is True,
                quantizes=self._quantizes,
            )
        return self._model

    def beside(self, parts: tuple[Part, ...]) -> None:
        """Plan for these networks as well, which are not of the model's folder."""
        if parts != self._beside:
            self._beside = parts
            self._model = None

    def join(self, name: str, network: Any) -> None:
        """Keep a network of that name beside the pipeline's parts, as the plan in use wants it.

        Raises:
            RuntimeError: too little memory.
            CannotShrink: its weights cannot be kept so.
        """
        assert self._placement is not None
        self._placement.join(name, network)
        if self._trial is not None:
            self._trial.add(network)

    def leave(self, name: str) -> None:
        """Undo :meth:`join`; nothing where there is no such network."""
        if self._placement is not None:
            self._placement.leave(name)

    def plans(self, demand: Demand, device: str) -> tuple[MemoryPlan, ...]:
        """All plans for that demand, those that have failed for as much before, or cannot be done here, left out.

        Raises:
            ModelInvalidError: a file is damaged.
        """
        kind = torch.device(device).type
        best = best_precision(self._folder, device)
        found = memory_plan.plans(self.model, demand, device=kind, precision=best, without=self._refused)
        failed = max((rank for pixels, rank in self._failures(device) if pixels <= demand.pixels), default=-1)
        return tuple(plan for plan in found if plan.rank > failed) or found[-1:]

    def possible(self, demand: Demand, device: str) -> tuple[MemoryPlan, ...]:
        """Those of :meth:`plans` that main memory has room for, and the one in use.

        Raises:
            OutOfMemoryError: there is none.
            ModelInvalidError: a file is damaged.
        """
        return self._fitting(self.plans(demand, device), device)

    def _fitting(self, found: tuple[MemoryPlan, ...], device: str) -> tuple[MemoryPlan, ...]:
        room = main_memory.available()
        if room is None:
            return found
        if torch.device(device).type == "cpu":
            room += self.held(device)
        elif self._placement is not None:
            room += self._placement.in_main_memory()
        now = self.plan
        left = tuple(p for p in found if memory_plan.fits_main(p, room) or (now is not None and p.same_way(now)))
        if left:
            return left
        least = min(plan.main for plan in found)
        raise OutOfMemoryError(
            f"{self._name} needs {least / _GIGA:.1f} GB of main memory, and {room / _GIGA:.1f} GB are free.",
            advice="Close other programs, or choose a smaller model or one with weights in fewer bits.",
        )

    def _failures(self, device: str) -> list[tuple[int, int]]:
        """Pixels and rank of what has failed; what failed with clearly less memory than there is now is forgotten."""
        room = self._room(device) if self._room_then else None
        if room is not None:
            past = {failure for failure, then in self._room_then.items() if room > then * CLEARLY_MORE}
            self._failed = [failure for failure in self._failed if failure not in past]
            self._room_then = {key: then for key, then in self._room_then.items() if key not in past}
        return self._failed

    def _fails(self, failure: tuple[int, int], device: str) -> None:
        """That many pixels at a time have been too many for the plan of that rank."""
        self._failed.append(failure)
        room = self._room(device)
        if room is not None:
            self._room_then[failure] = max(room, self._room_then.get(failure, 0))

    def _room(self, device: str) -> int | None:
        """Bytes on the device that are the model's or could be."""
        free = devices.free_memory(device)
        return None if free is None else free + self.held(device)

    def held(self, device: str) -> int:
        """Bytes on the device that would be free without the model; files that are mapped count as free already."""
        there = self.resident()
        if torch.device(device).type != "cpu" or self.plan is None:
            return there
        return min(there, memory_plan.copied(self.model.parts, self.plan.precision))

    def choose(self, demand: Demand, context: Context, *, told: bool = True) -> MemoryPlan:
        """The plan for that demand with the memory that is free now, told in one line.

        Raises:
            OutOfMemoryError, ModelInvalidError: as :meth:`possible`.
        """
        plan = memory_plan.choose(self.possible(demand, context.device), self._room(context.device))
        if told:
            self._tell(plan, context)
        return plan

    def fit(self, demand: Demand, context: Context) -> MemoryPlan | None:
        """The plan to go over to for that demand; None when the one in use is right, with its forecast brought up.

        A more generous one is left alone where the weights would have to be read anew.
        """
        now = self.plan
        plan = self.choose(demand, context, told=False)
        if now is not None and not plan.same_way(now) and plan.rank < now.rank and not self.can_follow(plan):
            plan = next((p for p in self.plans(demand, context.device) if p.same_way(now)), plan)
        self._tell(plan, context)
        if now is None or not plan.same_way(now):
            return plan
        self.plan = plan
        return None

    def leaner(self, demand: Demand, context: Context) -> MemoryPlan:
        """After the plan in use has run out of memory, or cannot be done here: the next one, told by a warning.

        Raises:
            OutOfMemoryError: there is none.
        """
        failed = self.plan
        short = failed is None or failed.quantization not in self._refused
        map_models.unload()
        devices.give_back(context.device)
        if failed is not None and short:
            self._fails((demand.pixels, failed.rank), context.device)
        found = self.plans(demand, context.device)
        rest = tuple(p for p in found if failed is None or p.rank > failed.rank)
        if not short:
            # No memory has run out yet in what was passed over for it.
            rest = rest or found[-1:]
        if failed is None or not rest:
            raise OutOfMemoryError(
                f"{devices.device_name(context.device)} has too little memory for {self._name}, even in the leanest "
                "way there is.",
                advice="Choose a smaller size or a smaller model, or close other programs.",
            )
        plan = self._fitting(rest, context.device)[0]
        if short:
            context.warn(
                "memory_leaner",
                f"Memory ran out with {self._name}; it goes on in a leaner way, which may take longer: {plan.way}.",
                advice="Choose a smaller size or a smaller model to avoid that.",
            )
        self._tell(plan, context)
        return plan

    def refuse(self, plan: MemoryPlan, why: str, context: Context) -> None:
        """Weights cannot be kept as ``plan`` wants them here, so no plan that does is tried again."""
        self._refused.add(plan.quantization)
        package = PACKAGES.get(plan.quantization)
        if package is None:
            context.warn(
                "smaller_weights_unavailable",
                f"The weights of {self._name} cannot be kept in 8 bits here: {why}",
                advice="It goes on in another way.",
            )
            return
        context.warn(
            "smaller_weights_unavailable",
            f"The weights of {self._name} cannot be kept in {4 if plan.quantization == NF4 else 8} bits by "
            f"{package} here: {why}",
            advice="It goes on in another way. Set up the package again, or remove it.",
        )

    def blame(self, error: Exception) -> str:
        """Why weights cannot be as small here as the plan in use has them, if ``error`` says that; else empty."""
        if isinstance(error, CannotShrink):
            return str(error)
        return self._trial.blames(error) if self._trial is not None else ""

    def proved(self) -> None:
        """A picture has been drawn by the plan in use: what its weights raise from now on has other reasons."""
        if self._trial is not None and self.plan is not None:
            self._proven.add(self.plan.quantization)
        self._end_trial()

    def _end_trial(self) -> None:
        if self._trial is not None:
            self._trial.end()
            self._trial = None

    def together(self, demand: Demand, most: int, context: Context) -> int:
        """How many pictures are drawn at a time: as many as fit in the way that the model is kept, up to ``most``.

        Graphics cards have room left for more than one picture, and are faster so; processors are not
        (:mod:`texloom.settings` says how to choose otherwise).  The forecast for so many becomes the plan's.

        Args:
            demand: of one picture.
            most: of them.
            context: of the job.
        """
        wanted = settings.load_usable().batch.strip().lower()
        kind = torch.device(context.device).type
        if wanted in _ON or (wanted not in _OFF and kind != "cpu"):
            for count in range(min(most, MOST_TOGETHER), 1, -1):
                if self._also_fits(demand.times(count), context):
                    return count
        self._also_fits(demand, context)
        return 1

    def apart(self, demand: Demand, count: int, context: Context) -> bool:
        """After ``count`` pictures at a time, which is what ``demand`` is, have run out of memory: one by one then.

        False where it is the plan that is to be changed.
        """
        if self.plan is None:
            return False
        devices.give_back(context.device)
        self._fails((demand.pixels, self.plan.rank), context.device)
        context.warn(
            "batch_too_large",
            f"Memory ran out with {count} variations of {self._name} at a time; they go on with fewer.",
            advice="Choose off for the setting batch to draw them one by one from the start.",
        )
        return True

    def _also_fits(self, demand: Demand, context: Context) -> bool:
        """Whether that fits in the way that the model is kept now; then its forecast is the plan's."""
        now, free = self.plan, devices.free_memory(context.device)
        if now is None or free is None:
            return False
        # The leanest plan is there even where it has failed before.
        if any(pixels <= demand.pixels and now.rank <= rank for pixels, rank in self._failures(context.device)):
            return False
        plan = next((plan for plan in self.plans(demand, context.device) if plan.same_way(now)), None)
        room = (free + self.held(context.device)) * (1.0 - memory_plan.DEVICE_RESERVE)
        if plan is None or plan.forecast > room:
            return False
        self.plan = plan
        return True

    def place(self, pipeline: Any, plan: MemoryPlan, device: str) -> None:
        """Bring a pipeline's parts where ``plan`` wants them.

        Raises:
            RuntimeError: too little memory.
            CannotShrink: weights cannot be kept so.
        """
        self._end_trial()
        # Also when this fails: then it is this plan that was too much.
        self.plan = plan
        self._device = device
        self._vae = getattr(pipeline, "vae", None)
        # Decoding in blended tiles would put seams inside the picture; stripes do not.
        if self._vae is not None and hasattr(self._vae, "disable_tiling"):
            self._vae.disable_tiling()
        if self._placement is None:
            self._placement = Placement(pipeline, device)
        cell = self._folder.latent_pixels**2
        self._placement.keep_room(LEAST_STRIPED // cell, cell)
        self._placement.apply(plan)
        if plan.quantization and plan.quantization not in self._proven:
            self._trial = Trial(part for part in pipeline.components.values() if isinstance(part, nn.Module))

    def can_follow(self, plan: MemoryPlan) -> bool:
        """Whether :meth:`place` can go over to ``plan`` with the weights that are in memory."""
        return self._placement is not None and self._placement.can_follow(plan)

    def clear(self) -> None:
        """Let something from outside the pipeline have the device, as far as parts take turns there."""
        if self._placement is not None:
            self._placement.clear()

    def resident(self) -> int:
        """Bytes of weights that are on the device."""
        return self._placement.resident() if self._placement is not None else 0

    def forget(self) -> None:
        """The pipeline is gone, and its memory is given back; what was learnt of it stays."""
        self._end_trial()
        self._vae = None
        self.plan = None
        if self._placement is not None:
            self._placement.release()
            self._placement = None
            devices.give_back(self._device)

    def decoding(self, tile_x: bool, tile_y: bool, check: Callable[[], None]) -> AbstractContextManager[None]:
        """Within this, pictures are decoded as the plan says; ``check``, which may raise, is called between stripes."""
        if self.plan is None or not self.plan.striped or not can_stripe(self._vae):
            return contextlib.nullcontext()
        return striped(self._vae, tile_x, tile_y, least_pixels=LEAST_STRIPED, check=check)

    @contextlib.contextmanager
    def measured(self, device: str, facts: dict[str, Any]) -> Iterator[None]:
        """Put the plan, its forecast and what was used at most within the block into ``facts``."""
        devices.reset_peak(device)
        yield
        if self.plan is not None:
            facts["memory"] = self.plan.to_dict() | {"plan": self.told, "peak_bytes": devices.memory_peak(device)}

    def _tell(self, plan: MemoryPlan, context: Context) -> None:
        line = plan.line(devices.total_memory(context.device))
        if line != self.told:
            self.told = line
            context.loading(PlanLine(line))


def _as_packed(folder: ModelFolder, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts, of which the network that draws stays as small as it is in a GGUF file."""
    files = [folder.path / file for file in folder.weights if is_gguf(folder.path / file)]
    count = sum(part.weights for part in parts if part.role == DENOISER)
    if not files or not count:
        return parts
    each = sum(file.stat().st_size for file in files) / count
    return tuple(replace(part, packed=each) if part.role == DENOISER else part for part in parts)
