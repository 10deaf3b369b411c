# SPDX-License-Identifier: GPL-3.0-or-later
"""What a diffusers folder holds, found out without reading weights or running anything from it."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ..errors import ModelInvalidError, StorageError
from ..hash_cache import HashCache
from ..storage import read_json

INDEX_NAME: Final = "model_index.json"
MODULAR_INDEX_NAME: Final = "modular_model_index.json"
WEIGHTS: Final = ".safetensors"
NEVER_LOADED: Final = ("safety_checker", "prompt_upsampler", "prompt_upsampler_processor")
"""Parts that are left out: their weights are neither counted nor checked."""
MODULAR: Final = ("Flux3DistilledModularPipeline",)
"""Pipelines of blocks that a family puts together by itself."""
MODULAR_CODE_NAME: Final = "modular_config.json"
"""Where a folder says that it brings blocks of its own."""
PICKLES: Final = frozenset({".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle"})

_MODULAR: Final = "ModularPipeline"
_DISTILLED: Final = ("Turbo", "Distilled")
_SORTS: Final = ("Base", *_DISTILLED)
"""What names of modular pipelines end in where those of the usual kind have one class for all."""
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FRONT_MATTER_LICENCE = re.compile(r"^license(?:_name)?:\s*[\"']?([^\"'\n#]+)", re.MULTILINE)
_BLOCK: Final = 8 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Component:
    """One part of a pipeline: ``library.class_name`` in the sub-folder ``name``; configuration empty if it has none."""

    name: str
    library: str
    class_name: str
    config: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ModelFolder:
    """A diffusers folder whose layout is sound and whose weights are all safetensors.

    Attributes:
        path: the folder.
        class_name: the pipeline's class in diffusers.
        components: its parts that are there.
        weights: all safetensors files, by their path relative to the folder; one that lies elsewhere is absolute.
        licence: as the folder tells it, or "unknown".
        variant: "fp16" and the like when the weights carry that in their names, else "".
        options: what else the index says, such as ``is_distilled``.
        modular: whether its index is that of a modular pipeline; ``class_name`` is the one of the usual kind then,
            which draws with the same parts.
    """

    path: Path
    class_name: str
    components: tuple[Component, ...]
    weights: tuple[Path, ...]
    licence: str
    variant: str
    options: dict[str, Any] = field(default_factory=dict)
    modular: bool = False

    @property
    def bytes(self) -> int:
        """Size of the weights."""
        return sum((self.path / file).stat().st_size for file in self.weights)

    def component(self, *names: str) -> Component | None:
        """The first of these parts that is there."""
        for name in names:
            for item in self.components:
                if item.name == name:
                    return item
        return None

    @property
    def latent_pixels(self) -> int:
        """How many pixels wide a latent is; 1 without an autoencoder."""
        vae = self.component("vae", "vqvae", "movq")
        return 1 if vae is None else _pixels_per_latent(vae)

    @property
    def size_step(self) -> int:
        """What width and height must be multiples of: pixels a latent, and latents a token."""
        step = self.latent_pixels
        transformer = self.component("transformer")
        if transformer is not None:
            patch = transformer.config.get("patch_size", 1)
            # Families without a patch size of their own pack two by two latents into a token.
            step *= max(2, patch) if isinstance(patch, int) else 2
        return max(8, step)


def read_folder(path: Path, *, configuration_only: bool = False) -> ModelFolder:
    """Look at a diffusers folder.

    Args:
        path: the folder.
        configuration_only: whether it is only to tell what a file of weights elsewhere is; its own do not count.

    Raises:
        ModelInvalidError: it is none, or it holds pickled weights or code of its own.
    """
    modular = (path / MODULAR_INDEX_NAME).is_file() and not (path / INDEX_NAME).is_file()
    if not modular and not (path / INDEX_NAME).is_file():
        raise ModelInvalidError(
            f"{path} is no diffusers folder: it has no {INDEX_NAME}.",
            advice="Choose the folder that holds model_index.json, or a single .safetensors file.",
        )
    index = _json(path / (MODULAR_INDEX_NAME if modular else INDEX_NAME))
    class_name = index.get("_class_name")
    if not isinstance(class_name, str) or not _IDENTIFIER.fullmatch(class_name):
        raise _own_code(path, f"its pipeline is {class_name!r}")
    options = {name: value for name, value in index.items() if not name.startswith("_") and _option(value)}
    places: dict[str, str] = {}
    if modular:
        places, index = _places(index), _plain(index)
    if modular and class_name not in MODULAR:
        _check_blocks(path, index)
        if class_name.removesuffix(_MODULAR).endswith(_DISTILLED):
            options.setdefault("is_distilled", True)
        class_name = _usual_kind(path, class_name)
        index = _wanted(path, index, class_name)
    components = tuple(_components(path, index, places))
    weights = tuple(sorted(file.relative_to(path) for item in components for file in _weights(path / item.name)))
    if configuration_only:
        weights = ()
    elif not weights:
        raise ModelInvalidError(f"{path} holds no weights.", advice="Download the model again, with its .safetensors.")
    return ModelFolder(
        path=path,
        class_name=class_name,
        components=components,
        weights=weights,
        licence=_licence(path),
        variant=_variant(weights) if weights else "",
        options=options,
        modular=modular,
    )


def hash_files(folder: ModelFolder, tell: Callable[[float], None]) -> dict[str, str]:
    """SHA-256 of the folder's weights by their relative names (with ``/``).

    Hashes of unchanged files are remembered from run to run, and those of files that were downloaded.

    Args:
        folder: the model.
        tell: called often with the fraction that is done; may raise to stop.

    Raises:
        ModelInvalidError: a file cannot be read.
    """
    known = HashCache()
    result: dict[str, str] = {}
    names = {file: file.name if file.is_absolute() else file.as_posix() for file in folder.weights}
    total, done = max(1, folder.bytes), 0
    for file in folder.weights:
        path = folder.path / file
        if found := known.find(path):
            result[names[file]] = found
            done += path.stat().st_size
            tell(done / total)
            continue
        digest = hashlib.sha256()
        try:
            with open(path, "rb") as stream:
                while block := stream.read(_BLOCK):
                    digest.update(block)
                    done += len(block)
                    tell(done / total)
        except OSError as error:
            raise ModelInvalidError(f"{path} cannot be read: {error.strerror or error}.") from error
        result[names[file]] = digest.hexdigest()
        known.add(path, digest.hexdigest())
    known.save()
    return result


def _option(value: object) -> bool:
    return value is None or isinstance(value, (bool, int, float, str)) or (isinstance(value, list) and _numbers(value))


def _numbers(values: list[Any]) -> bool:
    return all(isinstance(value, (int, float)) for value in values)


def _json(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except StorageError as error:
        raise ModelInvalidError(error.message, advice="Download the model again.") from error


def _usual_kind(path: Path, class_name: str) -> str:
    """The pipeline of the usual kind that draws with the parts of a modular one.

    Raises:
        ModelInvalidError: the installed diffusers has none.
    """
    import diffusers

    stem = class_name.removesuffix(_MODULAR)
    known = set(dir(diffusers))  # without loading any of them
    for name in (stem, *(stem.removesuffix(sort) for sort in _SORTS)):
        if class_name.endswith(_MODULAR) and f"{name}Pipeline" in known:
            return f"{name}Pipeline"
    raise ModelInvalidError(
        f"{path} is the modular pipeline {class_name}, and diffusers has no pipeline of the usual kind for its parts.",
        advice="Choose the same model as a diffusers folder with model_index.json, or another model.",
    )


def _wanted(path: Path, index: dict[str, Any], class_name: str) -> dict[str, Any]:
    """The parts of a modular index that a pipeline of the usual kind takes, without those that it needs not."""
    import diffusers

    kind = getattr(diffusers, class_name)
    if getattr(kind, "_backends", ()):
        return index  # a stand-in, which tells nothing
    taken = inspect.signature(kind.__init__).parameters
    needed = {name for name, parameter in taken.items() if parameter.default is inspect.Parameter.empty}
    return {
        name: value for name, value in index.items() if name in needed or (name in taken and (path / name).is_dir())
    }


def _check_blocks(path: Path, index: dict[str, Any]) -> None:
    """Raise ``ModelInvalidError`` where a modular pipeline brings blocks of its own, which would draw otherwise."""
    import diffusers

    blocks = index.get("_blocks_class_name")
    if (path / MODULAR_CODE_NAME).is_file() and "auto_map" in _json(path / MODULAR_CODE_NAME):
        raise _own_code(path, f"{MODULAR_CODE_NAME} points to code")
    if blocks is not None and blocks not in dir(diffusers):
        raise _own_code(path, f"its blocks are {blocks!r}")


def _plain(index: dict[str, Any]) -> dict[str, Any]:
    """A modular index as an ordinary one has it: each part with its library and class, and no places elsewhere."""
    result: dict[str, Any] = {}
    for name, value in index.items():
        if isinstance(value, list) and len(value) == 3 and isinstance(value[2], dict):
            # A part that was not loaded when the index was written has its class in the hint only.
            hint = value[2].get("type_hint")
            known = value[0] is not None and value[1] is not None
            value = value[:2] if known or not isinstance(hint, list) else hint
        result[name] = value
    return result


def _places(index: dict[str, Any]) -> dict[str, str]:
    """Where a modular index takes its parts from, by their names."""
    known = {name: value[2] for name, value in index.items() if isinstance(value, list) and len(value) == 3}
    found = {name: more.get("pretrained_model_name_or_path") for name, more in known.items() if isinstance(more, dict)}
    return {name: place for name, place in found.items() if isinstance(place, str)}


def _components(path: Path, index: dict[str, Any], places: Mapping[str, str]) -> list[Component]:
    result: list[Component] = []
    for name, value in index.items():
        if name.startswith("_") or name in NEVER_LOADED or not isinstance(value, list) or _numbers(value):
            continue
        if not _IDENTIFIER.fullmatch(name) or len(value) != 2:
            raise _own_code(path, f"its part {name!r} is {value!r}")
        library, class_name = value
        if library is None or class_name is None:
            continue
        if not _trusted(library) or not isinstance(class_name, str) or not _IDENTIFIER.fullmatch(class_name):
            raise _own_code(path, f"its part {name} is {library}.{class_name}")
        folder = path / name
        if not folder.is_dir():
            # Some libraries would make an empty part of nothing.
            if name in places:
                advice = f"Its index takes that part from {places[name]}: choose a folder that holds them all."
                raise ModelInvalidError(f"{path} lacks its part {name}.", advice=advice)
            raise ModelInvalidError(f"{path} lacks its part {name}.", advice="Download the model again.")
        config: dict[str, Any] = {}
        for file in ("config.json", "tokenizer_config.json", "preprocessor_config.json", "scheduler_config.json"):
            if (folder / file).is_file():
                found = _json(folder / file)
                if "auto_map" in found:
                    raise _own_code(path, f"{name}/{file} points to code")
                config = config or found
        _refuse_pickles(folder)
        result.append(Component(name=name, library=library, class_name=class_name, config=config))
    return result


def _trusted(library: object) -> bool:
    """Whether parts from there are code of an installed library, not of the folder."""
    if library in ("diffusers", "transformers"):
        return True
    if not isinstance(library, str) or not _IDENTIFIER.fullmatch(library):
        return False
    # Some parts are classes of a pipeline's own package, such as stable_diffusion's safety checker.
    spec = importlib.util.find_spec("diffusers")
    places = (spec.submodule_search_locations if spec else None) or ()
    return any((Path(place) / "pipelines" / library / "__init__.py").is_file() for place in places)


def _own_code(path: Path, what: str) -> ModelInvalidError:
    return ModelInvalidError(
        f"{path} needs code that is not part of diffusers: {what}.",
        advice="Texloom runs no code that comes with a model. Choose another model, or update the engine.",
    )


def _refuse_pickles(folder: Path) -> None:
    pickles = [file.name for file in folder.iterdir() if file.suffix.lower() in PICKLES]
    if pickles and not _weights(folder):
        raise ModelInvalidError(
            f"{folder} holds only pickled weights ({', '.join(sorted(pickles)[:3])}), which can run any code.",
            advice="Download the model's .safetensors files.",
        )


def _weights(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.suffix == WEIGHTS and file.is_file()]


def _variant(weights: tuple[Path, ...]) -> str:
    """The variant that all parts have and none has without, such as ``fp16`` in ``model.fp16.safetensors``."""
    found: dict[Path, set[str]] = {}
    for file in weights:
        # model.safetensors, model.fp16.safetensors, model-00001-of-00002.safetensors, model.fp16-00001-of-00002.…
        tag = re.sub(r"-\d+-of-\d+$", "", file.stem).partition(".")[2]
        found.setdefault(file.parent, set()).add(tag)
    shared = set.intersection(*found.values())
    return "" if "" in shared or not shared else sorted(shared)[0]


def _pixels_per_latent(vae: Component) -> int:
    for key in ("block_out_channels", "encoder_block_out_channels", "dim_mult"):
        levels = vae.config.get(key)
        if isinstance(levels, list) and levels:
            return int(2 ** (len(levels) - 1))
    return 8


def _licence(path: Path) -> str:
    readme = path / "README.md"
    if readme.is_file():
        text = readme.read_text(encoding="utf-8", errors="replace")
        parts = text.split("---", 2)
        if text.startswith("---") and len(parts) == 3:
            names = _FRONT_MATTER_LICENCE.findall(parts[1])
            # ``license: other`` says nothing; the name that follows does.
            for name in names:
                if name.strip() and name.strip() != "other":
                    return str(name.strip())
    for name in ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE"):
        if (path / name).is_file():
            lines = (path / name).read_text(encoding="utf-8", errors="replace").split("\n")
            title = next((line.strip("# \t") for line in lines if line.strip("# \t")), "")
            return f"see {name}" + (f" ({title[:80]})" if title else "")
    return "unknown"
