# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that read the form of what is drawn: which one a control means, whether it fits, and reading it.

A ControlNet (arXiv 2302.05543) runs beside the network that draws and adds to its layers what it sees in a picture of
depths, normals or lines.  Here one is found by its folder, hub id or name, checked against the model by its
configuration before a weight is read, and kept on the pipeline as long as requests want it.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .. import catalog_rows, control_rows, model_store
from ..control_rows import ControlRow
from ..errors import ModelInvalidError, ModelNotFoundError, RequestError, StorageError
from ..request import Control, GenerationRequest
from ..storage import read_json
from .device import is_out_of_memory
from .families import Family
from .families.control_way import NAME, ControlWay
from .generator import Context
from .memory_estimate import Part, part_of
from .memory_plan import MemoryPlan
from .model_folder import PICKLES, WEIGHTS, Component, ModelFolder, hash_files
from .small_weights import DTYPES, UNABLE, cannot_shrink, shrinking

_UNION: Final = "ControlNetUnionModel"
_CLASS: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class Network:
    """One network on disk, by its configuration.

    Attributes:
        path: its folder.
        way: how pipelines take it.
        config: what its ``config.json`` says.
        weights: its files, relative to ``path``.
        row: of the catalogue, where it is known there.
        single: whether its one file holds it in the layout of its makers, so that diffusers must convert it.
    """

    path: Path
    way: ControlWay
    config: Mapping[str, Any]
    weights: tuple[Path, ...]
    row: ControlRow | None
    single: bool = False

    @property
    def name(self) -> str:
        """What people call it."""
        return self.row.name if self.row is not None else model_store.hub_of(self.path) or self.path.name

    def part(self, number: int) -> Part:
        """Its size, for the plan of the memory.

        Raises:
            ModelInvalidError: a file is damaged.
        """
        name = NAME if number == 0 else f"{NAME}_{number}"
        return part_of(name, [self.path / file for file in self.weights], held=_held(self))


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The controls of a request that count, each with its network; all networks go into one pipeline."""

    controls: tuple[Control, ...]
    networks: tuple[Network, ...]

    @property
    def way(self) -> ControlWay:
        """How the pipeline takes them."""
        return self.networks[0].way

    @property
    def distinct(self) -> tuple[Network, ...]:
        """Every network once."""
        return tuple({network.path: network for network in self.networks}.values())

    @property
    def parts(self) -> tuple[Part, ...]:
        """Their sizes, for the plan of the memory."""
        return tuple(network.part(number) for number, network in enumerate(self.distinct))

    def modes(self) -> list[int | None]:
        """The numbers of the kinds of pictures, None for networks that read one kind only."""
        pairs = zip(self.controls, self.networks, strict=True)
        return [self.way.modes[x.kind] if network.way.wants_modes(network.config) else None for x, network in pairs]


def wanted(request: GenerationRequest, family: Family, folder: ModelFolder, *, name: str, model: str) -> Wanted | None:
    """What a request's controls mean for a model; None where none of them counts.  Reads no weights.

    Args:
        request: its controls of strength 0 have no effect.
        family: the model's adapter.
        folder: the model.
        name: what people call it.
        model: its id in the catalogue, or empty.

    Raises:
        RequestError: the model follows no form, or not in this combination.
        ModelNotFoundError: there is no network, or it is not on this machine.
        ModelInvalidError: a network is pickled, damaged, or made for other models.
    """
    controls = tuple(control for control in request.controls if control.strength > 0.0)
    if not controls:
        return None
    if not family.control_ways:
        raise control_rows.cannot_follow(name)
    found = tuple(_network(control, family, folder, name=name, model=model) for control in controls)
    for control, network in zip(controls, found, strict=True):
        _check_kind(control, network)
    if len(controls) > 1:
        _check_together(found, name)
    return Wanted(controls=controls, networks=found)


def load(found: Wanted, plan: MemoryPlan, context: Context) -> tuple[Any, dict[Path, dict[str, str]]]:
    """The networks as one module in main memory, and the hashes of their files.

    Raises:
        ModelInvalidError: the weights cannot be read, or do not fit the configuration.
        CannotShrink: they cannot be made smaller as the plan wants it.
        CancelledError: between two networks, or while they are hashed.
        RuntimeError, MemoryError: too little memory.
    """
    import diffusers

    modules: dict[Path, Any] = {}
    hashes: dict[Path, dict[str, str]] = {}
    for network in found.distinct:
        context.check_cancelled()
        context.loading(f"Loading {network.name}")
        hashes[network.path] = _hashes(network, context)
        modules[network.path] = _read(network, plan, context.device)
    module = modules[found.networks[0].path]
    if len(found.controls) > 1 and found.way.several:
        joint = getattr(diffusers, found.way.several)
        module = joint([module] if found.way.shares else [modules[network.path] for network in found.networks])
    return module.eval(), hashes


def facts_of(found: Wanted, hashes: Mapping[Path, dict[str, str]]) -> list[dict[str, Any]]:
    """What the manifest says of each control."""
    return [
        {
            "kind": control.kind,
            "strength": control.strength,
            "network": network.name,
            "path": str(network.path),
            "files": hashes[network.path],
            "licence": network.row.licence if network.row is not None else "unknown",
        }
        for control, network in zip(found.controls, found.networks, strict=True)
    ]


def _network(control: Control, family: Family, folder: ModelFolder, *, name: str, model: str) -> Network:
    if control.model:
        network = _named(control.model, family, folder)
        _check_fits(network, folder, name)
        return network
    rows = control_rows.suiting(family.id, control.kind, model)
    if not rows:
        raise ModelNotFoundError(
            f"Texloom knows no network that reads pictures of the kind {control.kind} for {name}.",
            advice="Name one: --control-model with a diffusers folder or a hub id, or choose another kind of control.",
        )
    problem: ModelInvalidError | None = None
    for row in rows:
        if control_rows.on_disk(row.hub, row.file) is None:
            continue
        try:
            network = _named(row.id, family, folder)
            _check_fits(network, folder, name)
            return network
        except ModelInvalidError as error:
            problem = error
    raise problem or missing(rows[0])


def missing(row: ControlRow) -> ModelNotFoundError:
    """The error for a network that must be downloaded first, with the way to do it."""
    return ModelNotFoundError(
        " ".join((f"{row.name} is not on this machine.", *row.terms)),
        advice=f"Download it first ({row.size}): texloom models download {row.id}",
        download=row.id,
    )


def _named(text: str, family: Family, folder: ModelFolder) -> Network:
    """The network of that name, hub id, folder or file."""
    row = control_rows.find(text)
    if row is not None:
        path = control_rows.on_disk(row.hub, row.file)
        if path is None:
            raise missing(row)
        return _opened(path / row.file if row.file else path, row, family, folder)
    path = Path(text).expanduser()
    if path.exists():
        hub = model_store.hub_of(path if path.is_dir() else path.parent)
        return _opened(path.absolute(), control_rows.find(hub) if hub else None, family, folder)
    if catalog_rows.is_hub_id(text):
        path_or_none = control_rows.on_disk(text)
        if path_or_none is None:
            raise ModelNotFoundError(
                f"{text} is not on this machine.",
                advice=f"Download it first: texloom models download {text}",
                download=text,
            )
        return _opened(path_or_none, None, family, folder)
    raise ModelNotFoundError(
        f"There is no network {text!r} for controls.",
        advice="Give a name that texloom models lists, a hub id like owner/name, or a diffusers folder.",
    )


def _opened(path: Path, row: ControlRow | None, family: Family, folder: ModelFolder) -> Network:
    if path.is_file() and path.suffix == WEIGHTS:
        config = family.control_config(path, folder)
        if config is None:
            raise ModelInvalidError(
                f"{path.name} cannot be opened by itself as a network for controls of {family.name}.",
                advice=f"Give its diffusers folder, with {control_rows.CONFIGURATION} beside the weights.",
            )
        way = _way(config, family, path)
        return Network(path=path.parent, way=way, config=config, weights=(Path(path.name),), row=row, single=True)
    found, weights = _read_folder(path)
    return Network(path=path, way=_way(found, family, path), config=found, weights=weights, row=row)


def _read_folder(path: Path) -> tuple[dict[str, Any], tuple[Path, ...]]:
    if not (path / control_rows.CONFIGURATION).is_file():
        raise ModelInvalidError(
            f"{path} is no folder of a network for controls: it has no {control_rows.CONFIGURATION}.",
            advice="Choose the folder that holds config.json and diffusion_pytorch_model.safetensors.",
        )
    try:
        config = read_json(path / control_rows.CONFIGURATION)
    except StorageError as error:
        raise ModelInvalidError(error.message, advice="Download it again.") from error
    files = sorted(file for file in path.iterdir() if file.is_file())
    weights = tuple(Path(file.name) for file in files if file.suffix == WEIGHTS)
    if not weights:
        pickled = any(file.suffix.lower() in PICKLES for file in files)
        what = f"{path} holds only pickled weights, which can run any code." if pickled else f"{path} holds no weights."
        raise ModelInvalidError(what, advice="Download its .safetensors files.")
    return config, _one_precision(weights)


def _one_precision(weights: tuple[Path, ...]) -> tuple[Path, ...]:
    """Without the copies in another precision: the plain files, else those of the first variant."""
    tags: dict[str, list[Path]] = {}
    for file in weights:
        tags.setdefault(re.sub(r"-\d+-of-\d+$", "", file.stem).partition(".")[2], []).append(file)
    named = [file for file in tags.get("", ()) if file.stem.startswith("diffusion_pytorch_model")]
    return tuple(named) or tuple(tags.get("") or tags[sorted(tags)[0]])


def _way(config: Mapping[str, Any], family: Family, path: Path) -> ControlWay:
    name = config.get("_class_name")
    if not isinstance(name, str) or not _CLASS.fullmatch(name):
        raise ModelInvalidError(f"{path} does not say what kind of network it is.", advice="Choose another one.")
    # Some were published before diffusers had a class for several kinds.
    if name.startswith("ControlNetModel"):
        name = _UNION if config.get("num_control_type") is not None else "ControlNetModel"
    for way in family.control_ways:
        if way.network == name:
            return way
    reads = " or ".join(way.network for way in family.control_ways)
    raise ModelInvalidError(
        f"{path.name} is a {name}, which is no network for controls of {family.name} (that is {reads}).",
        advice="Choose a network that was made for this model.",
    )


def _check_fits(network: Network, folder: ModelFolder, name: str) -> None:
    drawing = folder.component("unet", "transformer")
    if drawing is None:
        return
    for key in network.way.alike:
        own, other = network.config.get(key), drawing.config.get(key)
        # Left out means the class's own value, which is not known here.
        if own is not None and other is not None and _plain(own) != _plain(other):
            raise ModelInvalidError(
                f"{network.name} was made for another model than {name}: its {key} is {json.dumps(own)} instead of "
                f"{json.dumps(other)}.",
                advice="Choose a network that was made for this model.",
            )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value


def _check_kind(control: Control, network: Network) -> None:
    row = network.row
    modes = network.way.modes if network.way.wants_modes(network.config) else None
    kinds = row.kinds if row is not None else tuple(modes) if modes is not None else None
    if kinds is not None and control.kind not in kinds:
        raise RequestError(
            f"controls: {network.name} reads no pictures of the kind {control.kind}.",
            advice=f"It reads {', '.join(kinds)}; choose another network for this control.",
        )


def _check_together(networks: Sequence[Network], name: str) -> None:
    first = networks[0]
    if any(network.way.network != first.way.network for network in networks):
        raise RequestError(
            f"controls: {first.name} and {next(n.name for n in networks if n.way is not first.way)} cannot work "
            "together.",
            advice="Choose networks of one kind, or one network that reads all of these pictures.",
        )
    if first.way.shares and len({network.path for network in networks}) > 1:
        raise RequestError(
            f"controls: {name} takes one network of this kind, which reads all pictures.",
            advice="Choose the same network for all controls.",
        )
    if not first.way.shares and not first.way.several:
        raise RequestError(f"controls: {name} takes one control at a time.", advice="Leave the others out.")


def _read(network: Network, plan: MemoryPlan, device: str) -> Any:
    import diffusers

    kind = getattr(diffusers, network.way.network)
    named: dict[str, Any] = {"torch_dtype": DTYPES[plan.precision], "local_files_only": True}
    item = Component(name=NAME, library="diffusers", class_name=network.way.network, config={})
    # What is in a single file is made smaller where it is read, not on the device.
    options = shrinking(item, plan, "" if network.single else device)
    named |= options
    try:
        if network.single:
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / control_rows.CONFIGURATION).write_text(json.dumps(dict(network.config)))
                return kind.from_single_file(str(network.path / network.weights[0]), config=folder, **named)
        variant = network.weights[0].stem.partition(".")[2].split("-")[0]
        return kind.from_pretrained(network.path, use_safetensors=True, variant=variant or None, **named)
    except Exception as error:
        # Boundary: the readers meet files of any origin and raise whatever they stumble over.
        if is_out_of_memory(error):
            raise
        if options and isinstance(error, UNABLE):
            raise cannot_shrink(error) from error
        text = " ".join(str(error).split())[:300]
        raise ModelInvalidError(f"{network.name} cannot be loaded: {text}", advice="Download it again.") from error


def _hashes(network: Network, context: Context) -> dict[str, str]:
    files = ModelFolder(
        path=network.path,
        class_name=network.way.network,
        components=(),
        weights=network.weights,
        licence="",
        variant="",
    )
    return hash_files(files, lambda _part: context.check_cancelled())


def _held(network: Network) -> int:
    """How many numbers a latent what it hands to the network that draws has, while that draws."""
    config = network.config
    levels: Any = config.get("block_out_channels")
    if isinstance(levels, (list, tuple)) and levels:
        each = int(config.get("layers_per_block", 2)) + 1
        # Each level is a quarter of the one before; every layer of it hands on its output.
        return round(sum(int(width) * each * 0.25**level for level, width in enumerate(levels)) + int(levels[-1]))
    places = config.get("control_layers_places")
    counts = [config.get(key) for key in ("num_layers", "num_single_layers")]
    layers = len(places) if isinstance(places, list) else sum(x for x in counts if isinstance(x, int))
    heads, size = config.get("num_attention_heads"), config.get("attention_head_dim")
    width = config.get("dim") if isinstance(config.get("dim"), int) else None
    if width is None and isinstance(heads, int) and isinstance(size, int):
        width = heads * size
    return layers * (width or 0) // 4  # a token is two by two latents
