# SPDX-License-Identifier: GPL-3.0-or-later
"""The complete description of one job: everything that determines its result, the seed concrete."""

from __future__ import annotations

import json
import math
import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final

from .errors import RequestError

SCHEMA_VERSION: Final = 5

KINDS: Final = ("texture", "material", "reference")
"""``texture``: one image.  ``material``: linked PBR maps.  ``reference``: one image, shown on a plane."""

MAPS: Final = ("base_color", "normal", "height", "roughness", "metallic", "ambient_occlusion")
"""PBR maps in the order in which they are written and shown."""

DEFAULT_MAPS: Final = ("base_color", "normal", "height", "roughness", "metallic")

IMAGE_MAP: Final = "image"
"""Name of the only map of ``texture`` and ``reference`` results."""

OPERATIONS: Final = ("create", "inpaint", "outpaint", "repair_seams", "upscale")
"""``create``: from words, or from the whole of ``source``.  ``inpaint``: only the masked places of ``source`` are drawn
anew.  ``outpaint``: ``source`` grows at its sides.  ``repair_seams``: ``source`` is drawn anew where its sides meet.
``upscale``: the same picture (or, with ``source_maps``, material) with more pixels."""

CONTROL_KINDS: Final = ("depth", "normal", "line")
"""What a picture can say of the form that is to be drawn: near is white; normals as OpenGL has them; white lines on
black."""

SEED_LIMIT: Final = 2**32
SIZE_STEP: Final = 8

# field -> (low, high), both inclusive; the one place for ranges, used by the check and by interfaces.
RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "width": (64, 8192),
    "height": (64, 8192),
    "seed": (0, SEED_LIMIT - 1),
    "count": (1, 16),
    "steps": (1, 200),
    "guidance_scale": (0.0, 30.0),
    "real_world_width": (0.001, 10_000.0),
    "preview_interval": (0, 200),
    "strength": (0.0, 1.0),
    "style_strength": (0.0, 2.0),
    "height_range": (0.0, 100.0),
}
EXPAND_RANGE: Final = (0.0, 2.0)
"""How far ``outpaint`` may grow each side, in parts of the picture's width or height."""
LORA_RANGE: Final = (-4.0, 4.0)
MAX_LORAS: Final = 8
CONTROL_RANGE: Final = (0.0, 2.0)
MAX_CONTROLS: Final = 3
MAX_EMBEDDINGS: Final = 8
MAX_PROMPT_LENGTH: Final = 4000
MAX_PARAMETERS: Final = 200

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

ParameterValue = str | float | int | bool
"""A locked generator parameter: a colour as ``#rrggbb``, a number, an option's name or a switch."""


def new_id() -> str:
    """A fresh request id: 32 hexadecimal digits."""
    return uuid.uuid4().hex


def random_seed() -> int:
    """A seed that no caller chose; 31 bits, so that it fits Blender's integer property as well."""
    return secrets.randbelow(2**31)


def checked_expand(sides: Sequence[float]) -> tuple[float, float, float, float]:
    """What ``outpaint`` adds on the left, right, top and bottom.

    Raises:
        RequestError: they are not four numbers, or one is out of :data:`EXPAND_RANGE`.
    """
    if isinstance(sides, str) or not isinstance(sides, Sequence) or len(sides) != 4:
        raise RequestError("expand: must be four numbers: left, right, top, bottom.")
    low, high = EXPAND_RANGE
    for side in sides:
        if isinstance(side, bool) or not isinstance(side, (int, float)) or not low <= side <= high:
            raise RequestError(f"expand: must be from {low:g} to {high:g}, got {side!r}.")
    left, right, top, bottom = (float(side) for side in sides)
    return left, right, top, bottom


@dataclass(frozen=True, slots=True)
class Lora:
    """A small file that changes a model's weights, and how much of it is added (1 as it was trained).

    Raises:
        RequestError: no path, or a weight out of :data:`LORA_RANGE`.
    """

    file: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        _check_text("loras", self.file, required=True)
        low, high = LORA_RANGE
        if isinstance(self.weight, bool) or not isinstance(self.weight, (int, float)) or not low <= self.weight <= high:
            raise RequestError(f"loras: a weight must be from {low:g} to {high:g}, got {self.weight!r}.")
        object.__setattr__(self, "weight", float(self.weight))


@dataclass(frozen=True, slots=True)
class Control:
    """A picture of the form that is to be drawn, and how much it counts (1 as the network was trained).

    ``kind`` is one of :data:`CONTROL_KINDS`; ``model`` is the folder, hub id or catalogue name of the network that
    reads it, empty for the one that suits the request's model.

    Raises:
        RequestError: another kind, no path, or a strength out of :data:`CONTROL_RANGE`.
    """

    kind: str
    image: str
    strength: float = 1.0
    model: str = ""

    def __post_init__(self) -> None:
        _check_choice("controls", self.kind, CONTROL_KINDS)
        _check_text("controls", self.image, required=True)
        _check_text("controls", self.model)
        low, high = CONTROL_RANGE
        value = self.strength
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise RequestError(f"controls: a strength must be from {low:g} to {high:g}, got {value!r}.")
        object.__setattr__(self, "strength", float(value))


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationRequest:
    """One job, frozen: the same request with the same model on the same device gives the same bytes.

    Sizes are pixels and multiples of 8; ``real_world_width`` is the width of one tile in metres (for the model
    ``image``, of all that ``source`` shows), or None for what suits the material.  ``steps`` and ``guidance_scale``
    None mean the model's own default.  ``preview_interval`` is in steps, 0 means no previews.  ``parameters`` locks
    parameters of the instant model by name (``{"family": "bricks", "color": "#7a3b2e"}``).  Variation *i* uses seed
    ``seed + i``; ``prompt`` and ``negative_prompt`` may leave words to it (:mod:`texloom.wildcards`).
    ``source`` is the path of a picture that the result is made from, for models that start from one; empty
    for none.  ``strength`` is how much of it is drawn anew, 0 (it stays) to 1 (only the words count), or None for
    what suits the operation.  ``mask`` is the path of a picture that is white where ``inpaint`` draws; empty takes
    the transparent places of ``source``.  ``expand`` is what ``outpaint`` adds on the left, right, top and bottom, in
    parts of the source's width or height.  Operations other than ``create`` take any width and height, not only
    multiples of 8.  ``loras`` are added to the model in that order.  ``source_maps`` are the paths of the other maps of
    a material whose base color is ``source``, by name; ``height_range`` is the metres between black and white in its
    height map, or None where that is not known.  ``controls`` say the form of what is drawn.  ``style_image`` is the
    path of a picture whose look the result takes over, by ``style_strength`` (None: as much as suits) and the image
    adapter ``style_model`` (empty: the one that suits the model).  ``embeddings`` are files of learned words (textual
    inversions); a file's stem is the word.  ``draft`` draws fast and coarse, for while somebody drags a slider: the
    instant model leaves out the smoothing of small pictures; other models draw as always.

    Raises:
        RequestError: a field is out of range; the message names the field and the allowed range.
    """

    prompt: str
    id: str = field(default_factory=new_id)
    kind: str = "material"
    negative_prompt: str = ""
    model: str = "instant"
    width: int = 1024
    height: int = 1024
    seed: int = field(default_factory=random_seed)
    count: int = 1
    steps: int | None = None
    guidance_scale: float | None = None
    tile_x: bool = True
    tile_y: bool = True
    maps: tuple[str, ...] = DEFAULT_MAPS
    real_world_width: float | None = None
    preview_interval: int = 0
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    source: str = ""
    operation: str = "create"
    strength: float | None = None
    mask: str = ""
    expand: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    loras: tuple[Lora, ...] = ()
    source_maps: Mapping[str, str] = field(default_factory=dict)
    height_range: float | None = None
    controls: tuple[Control, ...] = ()
    style_image: str = ""
    style_strength: float | None = None
    style_model: str = ""
    embeddings: tuple[str, ...] = ()
    draft: bool = False

    def __post_init__(self) -> None:
        _check_text("prompt", self.prompt, required=True)
        _check_text("negative_prompt", self.negative_prompt)
        _check_text("model", self.model, required=True)
        for name in ("source", "mask", "style_image", "style_model"):
            _check_text(name, getattr(self, name))
        if not isinstance(self.id, str) or not _ID.fullmatch(self.id):
            raise RequestError("id: must be 1 to 64 letters, digits, '-' or '_', starting with a letter or digit.")
        _check_choice("kind", self.kind, KINDS)
        _check_choice("operation", self.operation, OPERATIONS)
        for name in ("width", "height", "seed", "count", "preview_interval"):
            _check_integer(name, getattr(self, name))
        if self.steps is not None:
            _check_integer("steps", self.steps)
        for name in ("width", "height"):
            if self.operation == "create" and getattr(self, name) % SIZE_STEP:
                raise RequestError(f"{name}: must be a multiple of {SIZE_STEP}, got {getattr(self, name)}.")
        for name in ("guidance_scale", "real_world_width", "strength", "style_strength", "height_range"):
            value = getattr(self, name)
            if value is not None:
                _check_number(name, value)
                object.__setattr__(self, name, float(value))
        for name in ("tile_x", "tile_y", "draft"):
            if not isinstance(getattr(self, name), bool):
                raise RequestError(f"{name}: must be true or false.")
        self._check_maps()
        self._check_parameters()
        self._check_operation()
        self._check_loras()
        self._check_source_maps()
        self._check_guides()

    def _check_maps(self) -> None:
        if isinstance(self.maps, str) or not isinstance(self.maps, Sequence):
            raise RequestError(f"maps: must be a list of {', '.join(MAPS)}.")
        for name in self.maps:
            _check_choice("maps", name, MAPS)
        if not self.maps:
            raise RequestError(f"maps: name at least one of {', '.join(MAPS)}.")
        # One order for any order of asking, so that equal requests are equal values.
        object.__setattr__(self, "maps", tuple(name for name in MAPS if name in self.maps))

    def _check_operation(self) -> None:
        name = self.operation
        if name != "create" and not self.source:
            raise RequestError(f"source: the operation {name} needs a picture.", advice="Give the path of a picture.")
        if self.strength is not None and not self.source:
            raise RequestError("strength: there is no picture to start from.", advice="Give the path of a picture.")
        if self.mask and name != "inpaint":
            raise RequestError(f"mask: the operation {name} takes none; inpaint does.")
        sides = checked_expand(self.expand)
        if any(sides) and name != "outpaint":
            raise RequestError(f"expand: the operation {name} does not grow a picture; outpaint does.")
        if name == "outpaint" and not any(sides):
            raise RequestError("expand: say by how much a side is to grow, left=0.25 for a quarter of the width.")
        if name == "repair_seams" and not (self.tile_x or self.tile_y):
            raise RequestError("operation: to repair seams, tile_x or tile_y must be true.")
        object.__setattr__(self, "expand", sides)

    def _check_loras(self) -> None:
        loras = self.loras
        if isinstance(loras, str) or not isinstance(loras, Sequence) or not all(isinstance(x, Lora) for x in loras):
            raise RequestError("loras: must be a list of files with weights.")
        if len(loras) > MAX_LORAS:
            raise RequestError(f"loras: at most {MAX_LORAS}, got {len(loras)}.")
        if len({item.file for item in loras}) < len(loras):
            raise RequestError("loras: the same file stands there twice.")
        object.__setattr__(self, "loras", tuple(loras))

    def _check_source_maps(self) -> None:
        if not isinstance(self.source_maps, Mapping):
            raise RequestError("source_maps: must be an object of map and path.")
        for name, path in self.source_maps.items():
            _check_choice("source_maps", name, MAPS[1:])
            _check_text("source_maps", path, required=True)
        if self.source_maps and self.operation != "upscale":
            raise RequestError(f"source_maps: the operation {self.operation} takes none; upscale does.")
        if self.height_range is not None and "height" not in self.source_maps:
            raise RequestError("height_range: there is no height map in source_maps.")
        # One order for any order of giving, so that equal requests are equal values.
        given = {name: self.source_maps[name] for name in MAPS if name in self.source_maps}
        object.__setattr__(self, "source_maps", given)

    def _check_guides(self) -> None:
        """Pictures that guide what is drawn, and learned words."""
        controls = self.controls
        if isinstance(controls, str) or not isinstance(controls, Sequence):
            raise RequestError("controls: must be a list of pictures with a kind.")
        if not all(isinstance(item, Control) for item in controls):
            raise RequestError("controls: must be a list of pictures with a kind.")
        if len(controls) > MAX_CONTROLS:
            raise RequestError(f"controls: at most {MAX_CONTROLS}, got {len(controls)}.")
        if (self.style_strength is not None or self.style_model) and not self.style_image:
            raise RequestError("style_image: there is no picture to take a style from.")
        words = self.embeddings
        if isinstance(words, str) or not isinstance(words, Sequence):
            raise RequestError("embeddings: must be a list of files.")
        for path in words:
            _check_text("embeddings", path, required=True)
        if len(words) > MAX_EMBEDDINGS:
            raise RequestError(f"embeddings: at most {MAX_EMBEDDINGS}, got {len(words)}.")
        if len(set(words)) < len(words):
            raise RequestError("embeddings: the same file stands there twice.")
        if self.operation == "upscale" and (controls or self.style_image):
            raise RequestError("operation: upscale takes no controls and no style; it keeps what is there.")
        object.__setattr__(self, "controls", tuple(controls))
        object.__setattr__(self, "embeddings", tuple(words))

    def _check_parameters(self) -> None:
        if not isinstance(self.parameters, Mapping):
            raise RequestError("parameters: must be an object of name and value.")
        if len(self.parameters) > MAX_PARAMETERS:
            raise RequestError(f"parameters: at most {MAX_PARAMETERS} entries, got {len(self.parameters)}.")
        for name, value in self.parameters.items():
            if not isinstance(name, str) or not isinstance(value, (str, int, float, bool)):
                raise RequestError("parameters: names are text; values are text, numbers or true/false.")
            if isinstance(value, float) and not math.isfinite(value):
                raise RequestError(f"parameters: {name} must be a finite number.")
        object.__setattr__(self, "parameters", dict(sorted(self.parameters.items())))

    @property
    def pictures(self) -> dict[str, str]:
        """Paths of all pictures that it starts from or follows, by the names under which a result keeps its copies.

        ``source``, ``mask``, ``source_`` and the name of a map, ``style_image``, ``control_`` and a number from 0.
        """
        every = {
            "source": self.source,
            "mask": self.mask,
            **{f"source_{name}": path for name, path in self.source_maps.items()},
            "style_image": self.style_image,
            **{f"control_{number}": control.image for number, control in enumerate(self.controls)},
        }
        return {name: path for name, path in every.items() if path}

    def with_pictures(self, paths: Mapping[str, str]) -> GenerationRequest:
        """The same with other paths for some of its :attr:`pictures`."""
        paths = self.pictures | dict(paths)
        return self.replace(
            **{name: paths[name] for name in ("source", "mask", "style_image") if name in paths},
            source_maps={name: paths[f"source_{name}"] for name in self.source_maps},
            controls=tuple(
                replace(control, image=paths[f"control_{number}"]) for number, control in enumerate(self.controls)
            ),
        )

    def replace(self, **changes: Any) -> GenerationRequest:
        """A copy with other values, checked again."""
        return replace(self, **changes)

    def variation_seed(self, index: int) -> int:
        """Seed of variation ``index`` (0-based)."""
        return (self.seed + index) % SEED_LIMIT

    def to_dict(self) -> dict[str, Any]:
        """Every field, as JSON types, with the schema version."""
        data: dict[str, Any] = {"schema": SCHEMA_VERSION}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in ("loras", "controls"):
                value = [asdict(entry) for entry in value]
            elif isinstance(value, tuple):
                value = list(value)
            elif isinstance(value, Mapping):
                value = dict(value)
            data[item.name] = value
        return data

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GenerationRequest:
        """Read what :meth:`to_dict` wrote.

        Raises:
            RequestError: not an object, another schema, an unknown or missing field, a value out of range.
        """
        if not isinstance(data, Mapping):
            raise RequestError("A request must be a JSON object.")
        given = dict(data)
        schema = given.pop("schema", None)
        if schema in range(1, SCHEMA_VERSION) and not isinstance(schema, bool):
            # What the older ones lack had no effect then.
            for name, value in _ADDED.items():
                if schema < value[0]:
                    given.setdefault(name, value[1])
            schema = SCHEMA_VERSION
        if schema != SCHEMA_VERSION or isinstance(schema, bool):
            raise RequestError(
                f"schema: this version of Texloom reads {SCHEMA_VERSION}, got {schema!r}.",
                advice="Update the older side, so that the add-on and the engine have the same version.",
            )
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(given) - known)
        if unknown:
            raise RequestError(f"Unknown field {', '.join(unknown)}; allowed are {', '.join(sorted(known))}.")
        missing = sorted(known - set(given))
        if missing:
            raise RequestError(f"Missing field {', '.join(missing)}: every field must be on the wire.")
        for name in ("maps", "expand", "embeddings"):
            if isinstance(given[name], list):
                given[name] = tuple(given[name])
        given["loras"] = _entries("loras", given["loras"], Lora)
        given["controls"] = _entries("controls", given["controls"], Control)
        return cls(**given)

    @classmethod
    def from_json(cls, text: str) -> GenerationRequest:
        """Read one JSON text; errors as :meth:`from_dict`."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RequestError(f"A request must be JSON: {error}.") from error
        return cls.from_dict(data)


# Fields that came later: the schema they came with, and what older requests mean.
_ADDED: Final[Mapping[str, tuple[int, Any]]] = {
    "source": (2, ""),
    "operation": (3, "create"),
    "strength": (3, None),
    "mask": (3, ""),
    "expand": (3, (0.0, 0.0, 0.0, 0.0)),
    "loras": (3, ()),
    "source_maps": (4, {}),
    "height_range": (4, None),
    "controls": (4, ()),
    "style_image": (4, ""),
    "style_strength": (4, None),
    "style_model": (4, ""),
    "embeddings": (4, ()),
    "draft": (5, False),
}


def _entries(name: str, value: Any, kind: type[Lora | Control]) -> Any:
    """The objects of a list as ``kind``; anything that is no list is left to the check of the field."""
    if not isinstance(value, (list, tuple)):
        return value
    known = {item.name for item in fields(kind)}
    found = []
    for entry in value:
        if not isinstance(entry, Mapping) or set(entry) != known:
            raise RequestError(f"{name}: must be a list of objects with {', '.join(sorted(known))}.")
        found.append(kind(**entry))
    return tuple(found)


def _range_text(name: str) -> str:
    low, high = RANGES[name]
    return f"from {low:g} to {high:g}" if isinstance(low, float) else f"from {low} to {high}"


def _check_text(name: str, value: object, *, required: bool = False) -> None:
    if not isinstance(value, str):
        raise RequestError(f"{name}: must be text, got {type(value).__name__}.")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise RequestError(f"{name}: must be valid Unicode, without lone surrogates.")
    if "\0" in value:
        raise RequestError(f"{name}: must hold no zero characters.")
    if required and not value.strip():
        raise RequestError(f"{name}: must not be empty.")
    if len(value) > MAX_PROMPT_LENGTH:
        raise RequestError(f"{name}: at most {MAX_PROMPT_LENGTH} characters, got {len(value)}.")


def _check_choice(name: str, value: object, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise RequestError(f"{name}: must be one of {', '.join(allowed)}, got {value!r}.")


def _check_integer(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise RequestError(f"{name}: must be a whole number {_range_text(name)}, got {value!r}.")
    _check_range(name, value)


def _check_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise RequestError(f"{name}: must be a number {_range_text(name)}, got {value!r}.")
    _check_range(name, value)


def _check_range(name: str, value: float) -> None:
    low, high = RANGES[name]
    if not low <= value <= high:
        raise RequestError(f"{name}: must be {_range_text(name)}, got {value}.")
