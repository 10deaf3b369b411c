# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses how a loaded model is kept, changes that from request to request, and gives way when memory runs out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Final

import torch

from .. import settings
from ..errors import OutOfMemoryError
from ..gguf_header import is_gguf
from . import device as devices
from . import map_models, memory_plan
from .folder_loading import best_precision
from .generator import Context
from .memory_estimate import DENOISER, Part, parts_of
from .memory_plan import Demand, MemoryPlan, Model
from .model_folder import ModelFolder
from .placement import Placement
from .striped_decoding import can_stripe, striped

LEAST_STRIPED: Final = 512 * 512
"""Pictures of fewer pixels, previews above all, are never decoded in stripes."""

MOST_TOGETHER: Final = 8
"""More pictures at a time bring no more speed, and the first of them is long in coming."""

_ON: Final = ("1", "on", "yes", "true")
_OFF: Final = ("0", "off", "no", "false")
_UPCASTS: Final = ("StableDiffusionXL", "Kolors")
_STRIPED: Final = ("AutoencoderKL", "AutoencoderKLFlux2")


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
        self._failed: list[tuple[int, int]] = []
        self._beside: tuple[Part, ...] = ()
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
            parts = parts_of(self._folder, self._skipped)
            self._model = Model(
                folder=self._folder,
                parts=(*parts, *self._beside),
                stripes=vae is not None and vae.class_name in _STRIPED,
                upcasts=name.startswith(_UPCASTS) and vae is not None and vae.config.get("force_upcast", True) is True,
                quantizes=self._quantizes,
                packed=_packed(self._folder, parts),
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
        """
        assert self._placement is not None
        self._placement.join(name, network)

    def leave(self, name: str) -> None:
        """Undo :meth:`join`; nothing where there is no such network."""
        if self._placement is not None:
            self._placement.leave(name)

    def plans(self, demand: Demand, device: str) -> tuple[MemoryPlan, ...]:
        """All plans for that demand, those that have failed for as much before left out.

        Raises:
            ModelInvalidError: a file is damaged.
        """
        kind = torch.device(device).type
        found = memory_plan.plans(self.model, demand, device=kind, precision=best_precision(self._folder, device))
        failed = max((rank for pixels, rank in self._failed if pixels <= demand.pixels), default=-1)
        return tuple(plan for plan in found if plan.rank > failed) or found[-1:]

    def choose(self, demand: Demand, context: Context, *, told: bool = True) -> MemoryPlan:
        """The plan for that demand with the memory that is free now, told in one line."""
        free = devices.free_memory(context.device)
        if free is not None:
            free += self.resident()
        plan = memory_plan.choose(self.plans(demand, context.device), free)
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
        """After the plan in use has run out of memory: the next one, told by a warning.

        Raises:
            OutOfMemoryError: there is none.
        """
        failed = self.plan
        map_models.unload()
        devices.empty_cache(context.device)
        if failed is not None:
            self._failed.append((demand.pixels, failed.rank))
        rest = [p for p in self.plans(demand, context.device) if failed is None or p.rank > failed.rank]
        if failed is None or not rest:
            raise OutOfMemoryError(
                f"{devices.device_name(context.device)} has too little memory for {self._name}, even in the leanest "
                "way there is.",
                advice="Choose a smaller size or a smaller model, or close other programs.",
            )
        plan = rest[0]
        context.warn(
            "memory_leaner",
            f"Memory ran out with {self._name}; it goes on in a leaner way, which may take longer.",
            advice="Choose a smaller size or a smaller model to avoid that.",
        )
        self._tell(plan, context)
        return plan

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
        devices.empty_cache(context.device)
        self._failed.append((demand.pixels, self.plan.rank))
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
        if any(pixels <= demand.pixels and now.rank <= rank for pixels, rank in self._failed):
            return False
        plan = next((plan for plan in self.plans(demand, context.device) if plan.same_way(now)), None)
        if plan is None or plan.forecast > (free + self.resident()) * (1.0 - memory_plan.DEVICE_RESERVE):
            return False
        self.plan = plan
        return True

    def place(self, pipeline: Any, plan: MemoryPlan, device: str) -> None:
        """Bring a pipeline's parts where ``plan`` wants them.

        Raises:
            RuntimeError: too little memory.
        """
        # Also when this fails: then it is this plan that was too much.
        self.plan = plan
        self._vae = getattr(pipeline, "vae", None)
        # Decoding in blended tiles would put seams inside the picture; stripes do not.
        if self._vae is not None and hasattr(self._vae, "disable_tiling"):
            self._vae.disable_tiling()
        if self._placement is None:
            self._placement = Placement(pipeline, device)
        self._placement.keep_room(LEAST_STRIPED // self._folder.latent_pixels**2)
        self._placement.apply(plan)

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
        """The pipeline is gone; what was learnt of its memory stays."""
        self._placement = None
        self._vae = None
        self.plan = None

    def decoding(self, tile_x: bool, tile_y: bool) -> AbstractContextManager[None]:
        """Within this, pictures are decoded as the plan says."""
        if self.plan is None or not self.plan.striped or not can_stripe(self._vae):
            return contextlib.nullcontext()
        return striped(self._vae, tile_x, tile_y, least_pixels=LEAST_STRIPED)

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
            context.loading(line)


def _packed(folder: ModelFolder, parts: tuple[Part, ...]) -> float:
    """Bytes a weight of the network that draws in a GGUF file; 0 for other files."""
    files = [folder.path / file for file in folder.weights if is_gguf(folder.path / file)]
    count = sum(part.weights for part in parts if part.role == DENOISER)
    return sum(file.stat().st_size for file in files) / count if files and count else 0.0
