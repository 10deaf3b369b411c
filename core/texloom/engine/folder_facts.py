# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model's folder and its row in the catalogue tell of it: what it can do, by what name, on which terms."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .. import model_store
from ..catalog_rows import CatalogRow
from .families import GENERIC, IMAGE_TO_IMAGE, INPAINT, TEXT_TO_IMAGE, Defaults, Family
from .generator import GeneratorInfo
from .model_folder import ModelFolder


@dataclass(frozen=True)
class Facts:
    """A model's folder with its family; ``row``, ``file`` and ``built_in`` as
    :class:`.diffusers_folder.DiffusersFolderGenerator`."""

    folder: ModelFolder
    family: Family
    row: CatalogRow | None = None
    file: Path | None = None
    built_in: str = ""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Those of :data:`.families.base.TASKS` that a request can ask for."""
        # What a pipeline without an adapter can do is only known to diffusers' own tables.
        if self.family is GENERIC:
            return (TEXT_TO_IMAGE, IMAGE_TO_IMAGE, INPAINT)
        # A ControlNet is a network of its own, which the folder does not hold.
        offered = (TEXT_TO_IMAGE, INPAINT, self.family.source_task)
        return tuple(task for task in self.family.tasks(self.folder) if task in offered)

    @property
    def source_use(self) -> str:
        """Whether a picture to start from is ``required``, ``optional`` or of no use (``none``)."""
        tasks = self.tasks
        if TEXT_TO_IMAGE not in tasks:
            return "required"
        return "optional" if self.family.source_task in tasks or INPAINT in tasks else "none"

    def info(self, files: Mapping[str, str], parameters: Mapping[str, inspect.Parameter]) -> GeneratorInfo:
        """What is told of the model.

        Args:
            files: hashes of its files by name; empty as long as they are not known.
            parameters: those of its pipeline's call; empty as long as they are not known.
        """
        folder, row = self.folder, self.row
        defaults = self.family.defaults(folder, parameters)
        if row is not None:
            defaults = Defaults(steps=row.steps, guidance=row.guidance)
        where = folder.path if self.file is None else self.file
        licence = folder.licence if folder.licence != "unknown" or row is None else row.licence
        name = row.name if row is not None else where.stem if where == self.file else where.name
        return GeneratorInfo(
            id=self.built_in or str(where),
            name=self.built_in.capitalize() or name,
            # A file of somebody else's weights has terms of its own, which it does not tell.
            licence=licence if self.file is None or row is not None else "unknown",
            native_maps=self.family.native_maps,
            revision=_revision(files),
            files=dict(files),
            default_steps=defaults.steps,
            default_guidance_scale=defaults.guidance,
            supports_negative_prompt=self.family.negative and "negative_prompt" in parameters,
            size_step=self.family.size_step(folder),
            seamless=True,
            source=self.source_use,
            tasks=self.tasks,
            controls=bool(self.family.control_ways) or self.family.follows_form,
            details={
                "bytes": folder.bytes,
                "pipeline": folder.class_name,
                "family": self.family.id,
                "hub": row.hub if row is not None else "",
                "commit": model_store.commit_of(folder.path if self.file is None else self.file.parent),
            },
        )


def with_file(folder: ModelFolder, file: Path, part: str) -> ModelFolder:
    """The folder with a single file in place of the weights of ``part``; of all weights, where that is empty."""
    return replace(folder, weights=(*(own for own in folder.weights if own.parts[0] != part), file))


def _revision(files: Mapping[str, str]) -> str:
    """One short name for the exact weights."""
    if not files:
        return ""
    text = "\n".join(f"{name} {digest}" for name, digest in sorted(files.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
