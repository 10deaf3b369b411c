# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps of a picture by Marigold models, the large option beside :mod:`.map_estimator`.

Marigold (B. Ke et al., "Repurposing diffusion-based image generators for monocular depth estimation", 2024; "Marigold:
affordable adaptation of diffusion-based image generators for image analysis", 2025) is Stable Diffusion taught to draw
normals, depth, or albedo with roughness and metallic, a model each.  They know rooms and things; what a surface is
like in the small they see less well, so that finer detail than they work on stays that of the small network.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ModelInvalidError
from .denoising import stopping
from .device import is_out_of_memory
from .map_estimator import Estimated, combined, enlarged, height_of
from .map_net import slopes_of
from .model_folder import hash_files, read_folder
from .procedural.color import linear_to_srgb, srgb_to_linear
from .seamless import circular

NORMALS: Final = "MarigoldNormalsPipeline"
DEPTH: Final = "MarigoldDepthPipeline"
INTRINSICS: Final = "MarigoldIntrinsicsPipeline"
KINDS: Final = (NORMALS, DEPTH, INTRINSICS)

_SIDE: Final = 768
"""Longer side at which models work that do not say theirs."""
_STEPS: Final = 4
_STEEPEST: Final = 0.1
"""Least part of a normal that looks at the viewer: nine tenths of the way to a vertical wall."""
_LUMA: Final = (0.2126, 0.7152, 0.0722)


class Marigold:
    """Marigold models in folders as diffusers writes them, loaded when first used.

    Args:
        folders: of the models, in any order; at most one of each kind counts, the last one.

    Raises:
        ModelNotFoundError, ModelInvalidError: a folder is none, or holds no Marigold model.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders: dict[str, Path] = {}
        for path in folders:
            kind = read_folder(path).class_name
            if kind not in KINDS:
                raise ModelInvalidError(
                    f"{path} holds no Marigold model, but one of {kind}.",
                    advice="Choose folders of Marigold models for normals, depth or appearance.",
                )
            self._folders[kind] = path
        self._pipelines: dict[str, Any] = {}

    @property
    def kinds(self) -> tuple[str, ...]:
        """Which of :data:`KINDS` there are."""
        return tuple(kind for kind in KINDS if kind in self._folders)

    @property
    def loaded(self) -> bool:
        """Whether weights are in memory."""
        return bool(self._pipelines)

    def unload(self) -> None:
        """Free the memory; a picture has them read again."""
        self._pipelines.clear()

    def files(self) -> dict[str, str]:
        """One SHA-256 for each model, over the hashes of all its files."""
        found: dict[str, str] = {}
        for kind in self.kinds:
            hashes = hash_files(read_folder(self._folders[kind]), lambda _: None)
            text = "\n".join(f"{name} {value}" for name, value in sorted(hashes.items()))
            found[self._folders[kind].name] = hashlib.sha256(text.encode()).hexdigest()
        return found

    @torch.inference_mode()
    def refine(
        self,
        rgb: Tensor,
        guess: Estimated,
        tile_width_m: float,
        *,
        tile_x: bool = True,
        tile_y: bool = True,
        check: Callable[[], None] = lambda: None,
    ) -> Estimated:
        """``guess`` with the forms, colors and materials that the models see, and its own finer detail.

        Args:
            rgb: the picture [3, H, W], sRGB, 0 to 1, on the device to work on.
            guess: what the small network says of it.
            tile_width_m: metres across.
            tile_x, tile_y: whether the picture repeats; the models then see across the border.
            check: called between layers; may raise to stop.

        Raises:
            ModelInvalidError: a model cannot be loaded.
        """
        picture = rgb[None].float()
        pixel_m = tile_width_m / picture.shape[-1]
        slope = _slopes_of_height(guess.height_m[None] / pixel_m, tile_x, tile_y)
        found = guess
        for kind in self.kinds:
            if kind == DEPTH and NORMALS in self._folders:
                continue  # normals say more of a surface, and their scale is known
            with self._seeing(kind, rgb.device, tile_x, tile_y, check) as pipeline:
                seen = _seen(pipeline, picture)
            check()
            if kind == INTRINSICS:
                found = _appearance(found, seen, pipeline.target_properties, picture, (tile_x, tile_y))
            else:
                if kind == NORMALS:
                    coarse = _slopes_of_normals(seen)
                else:
                    coarse = _slopes_of_height(_height_of_depth(seen, guess.height_m, tile_width_m), tile_x, tile_y)
                whole = combined(slope, coarse, tile_x, tile_y)
                found = replace(found, height_m=height_of(whole, tile_x, tile_y)[0] * pixel_m)
        return found

    @contextlib.contextmanager
    def _seeing(
        self, kind: str, device: torch.device, tile_x: bool, tile_y: bool, check: Callable[[], None]
    ) -> Iterator[Any]:
        """The pipeline, whose networks see across borders that repeat, and stop when asked."""
        if kind not in self._pipelines:
            # Its files are read in threads, which know nothing of this one's inference mode.
            with torch.inference_mode(False):
                self._pipelines[kind] = _load(self._folders[kind], device)
        pipeline = self._pipelines[kind].to(device)
        networks = [part for part in pipeline.components.values() if isinstance(part, nn.Module)]
        with circular([pipeline.unet, pipeline.vae], tile_x, tile_y), stopping(networks, check):
            yield pipeline


def _load(folder: Path, device: torch.device) -> Any:
    from diffusers import DiffusionPipeline

    # A download takes weights of half precision where all parts have them, which carry that in their names.
    variant = read_folder(folder).variant
    try:
        pipeline: Any = DiffusionPipeline.from_pretrained(  # type: ignore[no-untyped-call]
            folder,
            local_files_only=True,
            use_safetensors=True,
            variant=variant or None,
            dtype=torch.float32 if device.type == "cpu" else torch.float16,
        )
    except Exception as error:
        # Boundary: the loaders meet files of any origin and raise whatever they stumble over.
        if is_out_of_memory(error):
            raise
        raise ModelInvalidError(
            f"The Marigold model in {folder} cannot be loaded: {' '.join(str(error).split())[:200]}",
            advice="Download it again, or take it out of the settings.",
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _seen(pipeline: Any, picture: Tensor) -> Tensor:
    """What a model draws of ``picture`` [1, 3, H, W], [targets, channels, h, w]: at most as large as it works at."""
    rows, columns = picture.shape[-2:]
    side = int(getattr(pipeline, "default_processing_resolution", None) or _SIDE)
    step = int(pipeline.vae_scale_factor) * 2 ** (len(pipeline.unet.config.block_out_channels) - 1)
    scale = min(1.0, side / max(rows, columns))
    # Whole latents at every level of the network: anything it padded would be a seam.
    size = tuple(max(step, round(length * scale / step) * step) for length in (rows, columns))
    shown = F.interpolate(picture, size, mode="area" if scale < 1.0 else "bilinear")
    result = pipeline(
        shown.to(pipeline.dtype),
        num_inference_steps=getattr(pipeline, "default_denoising_steps", None) or _STEPS,
        processing_resolution=0,
        match_input_resolution=False,
        generator=torch.Generator(picture.device).manual_seed(0),
        output_type="pt",
    )
    found: Tensor = result.prediction.float()
    return found


def _slopes_of_normals(normals: Tensor) -> Tensor:
    """Rise to the right and down, [1, 2, h, w], of normals [1, 3, h, w]: x right, y up, z to the viewer."""
    across, up, toward = normals[:, :1], normals[:, 1:2], normals[:, 2:]
    toward = toward.clamp(min=_STEEPEST)
    slope = torch.cat((-across / toward, up / toward), dim=1)
    # The picture as a whole may be seen from the side; a texture is not.
    return slope - slope.mean((2, 3), keepdim=True)


def _slopes_of_height(height: Tensor, tile_x: bool, tile_y: bool) -> Tensor:
    """[1, 2, h, w] of a height [1, h, w] in its pixels; where it does not repeat, the last step inside goes on."""
    slope = slopes_of(height)
    if not tile_x:
        slope[..., 0], slope[..., -1] = slope[..., 1], slope[..., -2]
    if not tile_y:
        slope[..., 0, :], slope[..., -1, :] = slope[..., 1, :], slope[..., -2, :]
    return slope


def _height_of_depth(depth: Tensor, guess_m: Tensor, tile_width_m: float) -> Tensor:
    """[1, h, w] in its pixels, of depth [1, 1, h, w] in any unit: as deep as the small network finds the surface."""
    height = -depth[:, 0] * (guess_m.std() / depth.std().clamp(min=1e-6))
    return height * (depth.shape[-1] / tile_width_m)


def _appearance(
    guess: Estimated, seen: Tensor, properties: dict[str, Any], picture: Tensor, tiles: tuple[bool, bool]
) -> Estimated:
    """Albedo, roughness and metallic, where the model names them, at the size of ``picture``."""
    size = picture.shape[-2:]
    found: dict[str, Tensor] = {}
    for name, drawn in zip(properties["target_names"], seen, strict=True):
        about = properties.get(name, {})
        if about.get("prediction_space") == "stack":
            for part, plane in zip(about["sub_target_names"], drawn, strict=True):
                if part is not None:
                    found[part] = plane
        elif name == "albedo":
            found[name] = _albedo(drawn, about, picture)
    changes: dict[str, Tensor] = {}
    if "albedo" in found:
        color = combined(picture, found["albedo"][None], *tiles)[0].clamp(0.0, 1.0)
        changes["base_color"] = color
    for name, ours in (("roughness", "roughness"), ("metallicity", "metallic")):
        if name in found:
            plane = enlarged(found[name].clamp(0.0, 1.0)[None, None], size, *tiles)[0, 0]
            changes[ours] = plane.clamp(0.0, 1.0)
    return replace(guess, **changes)


def _albedo(drawn: Tensor, about: dict[str, Any], picture: Tensor) -> Tensor:
    """[3, h, w] in sRGB; one that is known up to scale gets the brightness of the picture."""
    if about.get("prediction_space", "srgb") != "linear":
        return drawn
    if about.get("up_to_scale", False):
        weights = torch.tensor(_LUMA, device=drawn.device).view(3, 1, 1)
        wanted = (srgb_to_linear(picture[0]) * weights).sum(0).mean()
        drawn = drawn * (wanted / (drawn * weights).sum(0).mean().clamp(min=1e-6))
    return linear_to_srgb(drawn.clamp(0.0, 1.0))
