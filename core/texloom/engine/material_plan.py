# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request means in families and values of their parameters: read in its prompt, locked by it, or open.

Both models of this project draw what is planned here: the instant one by the family itself, the learned one by a
network that is told of it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..errors import RequestError
from ..request import GenerationRequest
from . import chinese
from .blend_plan import COLOR, Pair
from .chinese import Translation
from .generator import Context
from .head import Head, Reading
from .procedural.draw import Drawing
from .procedural.family import Family, families
from .procedural.fineness import drawn_width
from .procedural.parameters import Choice, Number, Rng, Value
from .procedural.pile import piled
from .procedural.weathering import ATTRIBUTES
from .prompt_warnings import warn_about_prompt, warn_about_unused, words_at
from .schema import describe
from .style_colors import Dominant, dominant_colors, set_colors
from .text_encoder import TextEncoder
from .vocabulary import Avoided, Vocabulary
from .wording import Wording

FOLDER: Final = Path(__file__).parents[1] / "models" / "instant"
"""Where the head and its vocabulary lie."""

STYLE_STRENGTH: Final = 0.6
"""From this strength on, as it is by default, the colors of a style image count alone; below they are mixed in."""

DEFAULT_TILE_M: Final = 1.0
"""Metres across of what is no known material."""

_COLOR_ATTEMPTS = 24
_COLOR_DISTANCE = 0.16


@cache
def embedded_head() -> Head:
    """The head of the embedded default model, on the processor.

    Raises:
        ModelNotFoundError, ModelInvalidError: see :meth:`Head.load`.
    """
    return Head.load(FOLDER, families())


@cache
def embedded_vocabulary() -> Vocabulary:
    """Its vocabulary; errors as :meth:`Vocabulary.load`."""
    return Vocabulary.load(FOLDER)


@dataclass
class Plan:
    """What is drawn for one seed, and where each value came from."""

    family: Family
    values: dict[str, Value]
    sources: dict[str, str]
    family_source: str
    seed: int
    width_m: float
    drawn_m: float
    style: dict[str, Any] = field(default_factory=dict)
    blended: Family | None = None
    second: dict[str, Any] = field(default_factory=dict)

    def drawing(self, width: int, height: int, supersample: bool | None = None) -> Drawing:
        """The order for a picture of that many pixels."""
        return Drawing(
            family=self.blended or self.family,
            values=self.values,
            width=width,
            height=height,
            width_m=self.width_m,
            drawn_m=self.drawn_m,
            seed=self.seed,
            supersample=supersample,
        )


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What a style image says: its colors, and how much of them counts, 0 to 1."""

    colors: tuple[Dominant, ...] = ()
    share: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, request: GenerationRequest, avoided: Avoided) -> _Look:
        """The colors of the request's style image but for those that its negative prompt names."""
        strength = STYLE_STRENGTH if request.style_strength is None else request.style_strength
        if not request.style_image or strength == 0.0:
            return cls()
        if request.style_model:
            raise RequestError(
                "style_model: Texloom's own models take the colors of a style image themselves.",
                advice="Leave it empty.",
            )
        found = dominant_colors(Path(request.style_image))
        wanted = tuple(
            item
            for item in found
            if all(float(np.linalg.norm(np.subtract(item.lab, other))) > _COLOR_DISTANCE for other in avoided.colors)
        )
        facts = {"style": {"strength": strength, "colors": [item.to_dict() for item in found]}}
        return cls(colors=wanted, share=min(1.0, strength / STYLE_STRENGTH), facts=facts)


@dataclass(frozen=True, kw_only=True)
class Plans:
    """What a request's variations are to show.

    Attributes:
        prompt: as it was written, or translated.
        text: in English.
        reading: of the prompt; of two materials, that of the first.
        each: by variation.
    """

    prompt: str | Translation
    text: str
    reading: Reading
    each: list[Plan]


class Planner:
    """Reads requests.

    Args:
        head: reads prompts.
        vocabulary: knows what negative prompts name.
        encoder: the text encoder, loaded.
    """

    def __init__(self, head: Head, vocabulary: Vocabulary, encoder: TextEncoder) -> None:
        self._head = head
        self._vocabulary = vocabulary
        self._encoder = encoder

    def plans(self, request: GenerationRequest, context: Context, *, draws_words: bool = False) -> Plans:
        """Read a request, with notes on what is not understood.

        Args:
            request: what is asked for.
            context: is told.
            draws_words: whether the words themselves are drawn from too, so that none is without use.

        Raises:
            RequestError: it locks what there is not.
        """
        check_parameters(request.parameters)
        began = time.perf_counter()
        translated = chinese.translate(request.prompt)
        text = translated.text if translated is not None else request.prompt
        wording = Wording.of(text, request.prompt if translated is not None else None)
        encoding = self._encoder.encode([wording.text])
        reading = wording.corrected(self._head.read(encoding))
        avoided = self._read_negative(request.negative_prompt, context)
        if translated is not None and translated.avoided:
            avoided = avoided.joined(self._vocabulary.avoid(translated.avoided, self._head.schema.registry))
        avoided = avoided.joined(Avoided(families=wording.avoided))
        locked = request.parameters.get("family")
        pair = Pair.read(wording, self._head, self._encoder, avoided=avoided, locked=locked)
        warn_about_prompt(
            request,
            translated,
            wording,
            encoding,
            reading,
            context,
            vocabulary=self._vocabulary,
            encoder=self._encoder,
            named=pair is not None or locked is not None,
            avoided=avoided.families,
        )
        reading = pair.first if pair is not None else reading
        context.timing("read", time.perf_counter() - began)
        look = _Look.of(request, avoided)
        each = [self._plan(request, reading, avoided, index, context, look, pair) for index in range(request.count)]
        for plan in each:
            plan.blended = plan.blended or piled(plan.family, text)
        prompt = translated or request.prompt
        if pair is None and not draws_words:
            warn_about_unused(prompt, wording, reading, [plan.family for plan in each], context)
        _note_too_wide(each, context)
        return Plans(prompt=prompt, text=text, reading=reading, each=each)

    def _read_negative(self, text: str, context: Context) -> Avoided:
        if not text.strip():
            return Avoided()
        translated = chinese.translate_list(text)
        avoided = self._vocabulary.avoid(
            translated.text if translated is not None else text, self._head.schema.registry
        )
        unread = translated.not_avoided(avoided.unknown) if translated is not None else avoided.unknown
        if unread:
            context.warn(
                "negative_not_understood",
                f"Not understood in the negative prompt: {', '.join(unread)}.",
                advice="Name attributes, colors or materials there, such as: moss, cracks, red.",
                words=unread,
            )
        return avoided

    def _plan(
        self,
        request: GenerationRequest,
        reading: Reading,
        avoided: Avoided,
        index: int,
        context: Context,
        look: _Look,
        pair: Pair | None,
    ) -> Plan:
        """Decide family and values: the request's own come first, then the prompt, the negative prompt, the seed."""
        seed = request.variation_seed(index)
        rng = np.random.default_rng((seed, 0))
        locked = request.parameters.get("family")
        picked = reading.pick_family(rng, avoid=avoided.families) if pair is None else pair.said.first
        family = families()[str(locked) if locked is not None else picked]
        stated = reading.given(family.name, rng)
        given: dict[str, Value] = {**avoided.given(family), **stated}
        sources = dict.fromkeys(given, "negative prompt") | dict.fromkeys(stated, "prompt")
        other = {} if pair is None else pair.other(avoided, seed)
        if pair is not None and not pair.covers:
            given[COLOR], sources[COLOR] = pair.color(other)
        for name, value in request.parameters.items():
            if name == "family":
                continue
            if family.parameter(name) is None:
                context.warn(
                    "parameter_ignored", f"{family.title} has no parameter {name}: it was left out.", words=(name,)
                )
                continue
            kept = _kept(family, name, value) if locked is None else _parse(family, name, value)
            if kept is None:
                context.warn(
                    "parameter_ignored", f"{family.title} cannot have {name} {value}: it was left out.", words=(name,)
                )
                continue
            given[name] = kept
            sources[name] = "request"
        values = _sample(family, rng, given, avoided)
        # Colors that words or the request name stay; those that only keep clear of others do not matter here.
        named = {name for name in given if sources[name] not in ("negative prompt", "seed")}
        shown = set_colors(family, values, named, look.colors, look.share)
        if look.colors and not shown and "prompt" in sources.values():
            context.warn(
                "style_unused",
                "The colors of the style image have no effect: words or locked parameters name them all.",
                advice="Leave colors out of the prompt, or unlock them.",
            )
        values |= shown
        sources |= dict.fromkeys(shown, "style image")
        width_m = request.real_world_width or family.tile_width_m
        if pair is not None:
            size = (width_m, width_m * request.height / request.width)
            form, printed = pair.fitted(family, values, other, (named - {"scale"}) | set(request.parameters), size)
            values, other = values | form, other | printed
        clear = pair is not None or (len(reading.candidates(avoided.families)) == 1 and not reading.outside)
        source = "request" if locked is not None else "prompt" if clear else "seed"
        values = _as_written(family, values)
        drawn_m = drawn_width(family, values, request.width, width_m)
        plan = Plan(family, values, sources, source, seed, width_m, drawn_m, look.facts)
        if pair is not None:
            plan.blended, plan.second = pair.drawn(family, other, plan.values[COLOR], request.width)
        return plan


def _note_too_wide(plans: Sequence[Plan], context: Context) -> None:
    """Say once, of the first that it holds for, that a tile is too wide for its pixels."""
    for plan in plans:
        if plan.drawn_m < plan.width_m:
            context.warn(
                "tile_too_wide",
                f"{plan.family.title} on a tile {plan.width_m:g} m wide would be finer than its pixels: "
                f"it is drawn larger, as on a tile of {plan.drawn_m:.3g} m.",
                advice="Set a smaller real-world width, or a larger picture.",
            )
            return


def tile_width(request: GenerationRequest, plan: Plan | None = None) -> float:
    """Metres across that a picture shows: as the request has it, or as its material usually does."""
    return plan.width_m if plan is not None else request.real_world_width or DEFAULT_TILE_M


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """Raises RequestError: no family has one of these parameters, or not the family that is locked."""
    registry = families()
    if "family" in parameters and parameters["family"] not in registry:
        raise RequestError(f"parameters: family must be one of {', '.join(registry)}, got {parameters['family']!r}.")
    known = {item.name for family in registry.values() for item in family.all_parameters()}
    if "family" in parameters:
        known = {item.name for item in registry[parameters["family"]].all_parameters()}
    unknown = sorted(set(parameters) - known - {"family"})
    if unknown:
        raise RequestError(f"parameters: unknown {', '.join(unknown)}; allowed are family, {', '.join(sorted(known))}.")


def _parse(family: Family, name: str, value: object) -> Value:
    item = family.parameter(name)
    assert item is not None
    try:
        if isinstance(item, Number):
            # Manifests hold five digits, so the end of a range may have been rounded to just outside it.
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                near = item.clip(float(value))
                if abs(near - value) <= 1e-4 * abs(near):
                    value = near
            return item.parse(value)
        return item.parse(value)  # type: ignore[attr-defined,no-any-return]
    except ValueError as error:
        raise RequestError(f"parameters: {name} {error}, got {value!r}.") from error


def _kept(family: Family, name: str, value: object) -> Value | None:
    """A value locked whatever the prompt names: numbers as near as this family allows, None for no such option."""
    item = family.parameter(name)
    if isinstance(item, Number) and isinstance(value, (int, float)) and not isinstance(value, bool):
        return item.clip(float(value))
    if isinstance(item, Choice) and value not in item.options:
        return None
    return _parse(family, name, value)


def _as_written(family: Family, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values as the manifest will hold them, so that giving those back draws the very same."""
    return {name: _parse(family, name, text) for name, text in family.to_json(values).items()}


def _sample(family: Family, rng: Rng, given: Mapping[str, Value], avoided: Avoided) -> dict[str, Value]:
    """Natural values around the given ones; a main colour left open is drawn again while it is one to avoid."""
    values = family.sample(rng, given)
    if not avoided.colors or "color" in given or "color" not in values:
        return values
    for _ in range(_COLOR_ATTEMPTS):
        color = values["color"]
        distances = [float(np.linalg.norm(np.subtract(color, other))) for other in avoided.colors]
        if min(distances) > _COLOR_DISTANCE:
            break
        values = family.sample(rng, given)
    return values


def details(prompt: str | Translation, reading: Reading, plan: Plan) -> dict[str, Any]:
    """What was read and from which words, in JSON types, with what an interface needs to show it as sliders."""
    name = plan.family.name
    said = reading.said(name)
    read: list[dict[str, Any]] = []
    for item in plan.family.all_parameters():
        source = plan.sources.get(item.name, "seed")
        entry = {
            **describe(item),
            "label": item.label,
            "attribute": item.name in ATTRIBUTES,
            "source": source,
            "probability": round(said[item.name].probability, 4),
            "words": words_at(prompt, said[item.name].spans) if source == "prompt" else [],
        }
        if isinstance(item, Number):
            entry["unit"] = item.unit
        read.append(entry)
    likely = sorted(reading.family_probabilities.items(), key=lambda pair: -pair[1])[:5]
    return {
        "reading": {
            "family": {
                "name": name,
                "title": plan.family.title,
                "source": plan.family_source,
                "words": words_at(prompt, reading.family_spans) if plan.family_source == "prompt" else [],
            },
            "families": {key: round(value, 4) for key, value in likely},
            "material_probability": round(reading.in_domain, 4),
            "parameters": read,
            **({"second": plan.second} if plan.second else {}),
        }
    }
