# SPDX-License-Identifier: GPL-3.0-or-later
"""The head: from an encoded prompt to a distribution over materials and their parameters."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import normalize

from ..errors import ModelInvalidError, ModelNotFoundError
from .eight_bits import encode_rows
from .head_net import HeadNet, Memory, ParameterOutput
from .procedural.color import lab_to_srgb, srgb_to_lab
from .procedural.family import Family
from .procedural.parameters import Choice, Color, Number, Rng, Value
from .schema import Schema, differences

CONFIG_VERSION: Final = 2
WEIGHTS_FILE: Final = "head.safetensors"
CONFIG_FILE: Final = "config.json"
RETRAIN: Final = "Run: texloom train instant"

COLOR_MEAN: Final = (0.6, 0.0, 0.03)
COLOR_SCALE: Final = (0.25, 0.1, 0.1)
"""The net reads colours as (OKLab - mean) / scale, so that all outputs are of one size."""

MAX_TOKENS: Final = 63
"""Tokens read of a prompt; longer ones are cut.  Most prompts have fewer than thirty."""

_NOUN_KEYS: Final = "noun_keys"

# What a prompt states is kept tight: these are the largest deviations that seeds may add.
_COLOR_SPREAD = 0.01
_NUMBER_SPREAD = 0.02
# A family this likely is meant; below, the seed picks among those that are at least a third as likely as the best.
_CLEAR = 0.6
_RIVAL = 0.33


class Encoding(Protocol):
    """What the head needs of an encoded text (see ``TextEncoding``); the batch comes first."""

    @property
    def token_states(self) -> Tensor: ...
    @property
    def mask(self) -> Tensor: ...
    @property
    def offsets(self) -> Tensor: ...
    @property
    def pooled(self) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Temperatures and thresholds fitted on held-out captions.

    ``family_temperature`` divides the family logits; ``mention_threshold`` is the probability above which a
    parameter counts as said; ``domain_threshold`` the one below which a text is no material.
    """

    family_temperature: float = 1.0
    mention_temperature: float = 1.0
    mention_threshold: float = 0.5
    domain_temperature: float = 1.0
    domain_threshold: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a prompt says about one parameter.

    ``probability`` that it is mentioned at all; ``value`` the best reading; ``spread`` its standard deviation
    (unit space for numbers, OKLab for colours); ``weights`` the probabilities of a choice's options;
    ``spans`` the characters it was read from, strongest first; ``among`` values of which the seed picks one, where
    the prompt says no more than that.
    """

    probability: float
    value: Value
    spread: tuple[float, ...] = ()
    weights: Mapping[str, float] | None = None
    spans: tuple[tuple[int, int], ...] = ()
    among: tuple[Value, ...] = ()


class Corrections(Protocol):
    """Rules that come after the head (see ``ColorRules``)."""

    def apply(
        self, family: Family, said: Mapping[str, Said], noun: Sequence[tuple[int, int]], limit: float
    ) -> dict[str, Said]: ...


class Reading:
    """What one prompt means: made by :meth:`Head.read`."""

    def __init__(self, head: Head, memory: Memory, logits: Tensor, domain: Tensor, attention: Tensor, offsets: Tensor):
        self._head = head
        self._memory = memory
        self._offsets = offsets
        scaled = (logits.double() / head.calibration.family_temperature).softmax(-1).cpu().numpy()
        self.family_probabilities: dict[str, float] = {
            name: float(value) for name, value in zip(head.schema.families, scaled, strict=True)
        }
        self.in_domain = float(torch.sigmoid(domain.double() / head.calibration.domain_temperature))
        """Probability that the text is about a material."""
        self.family_spans = _spans(attention, offsets)
        self._said: dict[str, dict[str, Said]] = {}
        self._corrections: Corrections | None = None
        self._noun = self.family_spans
        self._back: Callable[[Sequence[tuple[int, int]]], tuple[tuple[int, int], ...]] = tuple
        self._avoided: frozenset[str] = frozenset()

    def corrected(
        self,
        corrections: Corrections,
        back: Callable[[Sequence[tuple[int, int]]], tuple[tuple[int, int], ...]],
        avoided: frozenset[str],
    ) -> Reading:
        """The same reading after rules.

        Args:
            corrections: change what is said of a family.
            back: from characters of the text that was read to those of the prompt.
            avoided: families that the prompt does not want.
        """
        found = copy(self)
        found._said = {}
        found._corrections, found._back, found._avoided = corrections, back, avoided
        found.family_spans = back(self._noun)
        return found

    @property
    def outside(self) -> bool:
        """Whether the prompt as a whole is most likely not about a material."""
        return self.in_domain < self._head.calibration.domain_threshold

    @property
    def family(self) -> str:
        """The likeliest family."""
        return max(self.family_probabilities, key=lambda name: self.family_probabilities[name])

    def candidates(self, avoid: frozenset[str] | set[str] = frozenset()) -> dict[str, float]:
        """Families a seed may pick and their probabilities: one when the prompt is clear.

        Those in ``avoid`` are left out unless nothing else remains.
        """
        out = self._avoided | avoid
        allowed = {name: p for name, p in self.family_probabilities.items() if name not in out}
        allowed = allowed or dict(self.family_probabilities)
        total = sum(allowed.values())
        allowed = {name: p / total for name, p in allowed.items()}
        best = max(allowed.values())
        chosen = {name: p for name, p in allowed.items() if p == best or (best < _CLEAR and p >= _RIVAL * best)}
        total = sum(chosen.values())
        return {name: p / total for name, p in chosen.items()}

    def said(self, family: str) -> dict[str, Said]:
        """For each parameter of ``family`` what the prompt says, whether or not it is likely mentioned.

        Raises:
            KeyError: no such family.
        """
        if family not in self._said:
            said = self._head._said(self._memory, family, self._offsets)
            if self._corrections is not None:
                kind, limit = self._head.schema.registry[family], self._head.calibration.mention_threshold
                said = self._corrections.apply(kind, said, self._noun, limit)
                said = {name: replace(one, spans=self._back(one.spans)) for name, one in said.items()}
            self._said[family] = said
        return self._said[family]

    def stated(self, family: str) -> dict[str, Said]:
        """Those of :meth:`said` that count as mentioned."""
        limit = self._head.calibration.mention_threshold
        return {name: said for name, said in self.said(family).items() if said.probability >= limit}

    def given(self, family: str, rng: Rng) -> dict[str, Value]:
        """Values of what is stated, each within its tight spread; the seed decides where in it."""
        registry = self._head.schema.registry[family]
        stated = self.stated(family)
        values: dict[str, Value] = {}
        for item in registry.all_parameters():
            # Drawn for every parameter, so that what is said does not change the dice for the others.
            noise = rng.normal(0.0, 1.0, 3)
            uniform = float(rng.random())
            found = stated.get(item.name)
            if found is None:
                continue
            if isinstance(item, Color):
                base = found.among[int(uniform * len(found.among))] if found.among else found.value
                assert isinstance(base, tuple)
                step = np.minimum(found.spread, _COLOR_SPREAD) * noise.clip(-2.0, 2.0)
                moved = tuple(float(x + d) for x, d in zip(base, step, strict=True))
                values[item.name] = srgb_to_lab(lab_to_srgb(moved))  # type: ignore[arg-type]
            elif isinstance(item, Number):
                assert isinstance(found.value, float)
                unit = item.to_unit(found.value)
                if unit > 0.0:
                    unit += min(found.spread[0], _NUMBER_SPREAD) * float(noise[0].clip(-2.0, 2.0))
                values[item.name] = item.from_unit(unit)
            else:
                assert isinstance(item, Choice)
                values[item.name] = _pick_option(found, uniform)
        return values

    def sample(self, rng: Rng) -> tuple[str, dict[str, Value]]:
        """A family and all its parameters: what was said is obeyed, what is open is natural."""
        family = self.pick_family(rng)
        given = self.given(family, rng)
        return family, self._head.schema.registry[family].sample(rng, given)

    def pick_family(self, rng: Rng, avoid: frozenset[str] | set[str] = frozenset()) -> str:
        """The family meant, or one of those that may be meant."""
        chance = float(rng.random())
        for name, probability in self.candidates(avoid).items():
            chance -= probability
            if chance <= 0.0:
                return name
        return name


def _pick_option(found: Said, uniform: float) -> str:
    weights = found.weights or {}
    best = max(weights.values())
    likely = {name: weight for name, weight in weights.items() if weight >= (1.0 if best > _CLEAR else _RIVAL) * best}
    uniform *= sum(likely.values())
    for name, weight in likely.items():
        uniform -= weight
        if uniform <= 0.0:
            return name
    return name


class Head:
    """A trained head for a registry of families, on a device."""

    def __init__(
        self,
        net: HeadNet,
        schema: Schema,
        calibration: Calibration | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.net = net.eval()
        self.schema = schema
        self.calibration = calibration or Calibration()
        self.config: dict[str, Any] = dict(config or {})
        self.device = next(net.parameters()).device

    @classmethod
    def load(cls, folder: Path, registry: Mapping[str, Family], device: str | torch.device = "cpu") -> Head:
        """Read what :meth:`save` wrote.

        Raises:
            ModelNotFoundError: no such files.
            ModelInvalidError: the files are damaged, or made for other families or parameters.
        """
        try:
            config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
            weights = load_file(folder / WEIGHTS_FILE)
        except FileNotFoundError as error:
            raise ModelNotFoundError(f"The instant model lacks {error.filename}.", advice=RETRAIN + ".") from error
        except (OSError, ValueError, SafetensorError) as error:
            raise ModelInvalidError(f"The instant model cannot be read: {error}.", advice=RETRAIN + ".") from error
        schema = Schema(registry)
        if config.get("version") != CONFIG_VERSION:
            raise ModelInvalidError(
                f"The instant model has version {config.get('version')!r}, this Texloom reads {CONFIG_VERSION}.",
                advice=RETRAIN + ".",
            )
        if config.get("digest") != schema.digest():
            changed = "; ".join(differences(config.get("schema", {}), schema)) or "the order of families changed"
            raise ModelInvalidError(
                f"The instant model was trained for other families: {changed}.", advice=RETRAIN + "."
            )
        try:
            net = HeadNet(**config["net"])
            weights[_NOUN_KEYS] = normalize(weights[_NOUN_KEYS].float(), dim=1)
            net.load_state_dict({n: v.float() if v.is_floating_point() else v.long() for n, v in weights.items()})
            calibration = Calibration(**config["calibration"])
        except (RuntimeError, TypeError, KeyError) as error:
            raise ModelInvalidError(
                f"The instant model does not fit its config: {error}.", advice=RETRAIN + "."
            ) from error
        return cls(net.to(device), schema, calibration, config)

    def save(self, folder: Path, training: Mapping[str, Any]) -> None:
        """Write weights (half precision) and config; ``training`` are facts for the record, in JSON types."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = {}
        for name, value in self.net.state_dict().items():
            if name == _NOUN_KEYS:
                # Directions only: eight bits do, and they are a fifth of the file.
                stored, _ = encode_rows(value)
            else:
                # Whose a noun is stays a whole number.
                stored = value.half() if value.is_floating_point() else value.to(torch.int32)
            weights[name] = stored.detach().cpu().contiguous()
        save_file(weights, folder / WEIGHTS_FILE, metadata={"format": "pt", "licence": "GPL-3.0-or-later"})
        config = {
            "version": CONFIG_VERSION,
            "digest": self.schema.digest(),
            "net": self.net.config,
            "calibration": {key: round(value, 5) for key, value in vars(self.calibration).items()},
            "training": dict(training),
            "schema": self.schema.to_dict(),
            # For interfaces, which can read this file but not import the families.
            "titles": {name: family.title for name, family in self.schema.registry.items()},
        }
        (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8", newline="\n")
        self.config = config

    @torch.inference_mode()
    def read(self, encoding: Encoding, row: int = 0) -> Reading:
        """What text ``row`` of an encoded batch means."""
        return self.read_all(encoding, [row])[0]

    @torch.inference_mode()
    def read_all(self, encoding: Encoding, rows: Sequence[int] | None = None) -> list[Reading]:
        """What each text of an encoded batch means."""
        index = list(range(len(encoding.mask))) if rows is None else list(rows)
        memory = self.remember(encoding, index)
        family = self.net.read_family(memory)
        readings = []
        for place, original in enumerate(index):
            one = Memory(**{name: value[place : place + 1] for name, value in vars(memory).items()})
            offsets = encoding.offsets[original, :MAX_TOKENS].cpu()
            attention = family.attention[place].cpu()
            readings.append(Reading(self, one, family.logits[place], family.domain[place], attention, offsets))
        return readings

    @torch.inference_mode()
    def remember(self, encoding: Encoding, rows: Sequence[int] | None = None) -> Memory:
        """The texts of an encoded batch, or those ``rows`` of it, as the net keeps them; long ones are cut."""
        index = list(range(len(encoding.mask))) if rows is None else list(rows)
        states = encoding.token_states[index, :MAX_TOKENS].float().to(self.device)
        mask = encoding.mask[index, :MAX_TOKENS].bool().to(self.device)
        return self.net.remember(states, mask, encoding.pooled[index].float().to(self.device))

    @torch.inference_mode()
    def _said(self, memory: Memory, family: str, offsets: Tensor) -> dict[str, Said]:
        index = self.schema.families.index(family)
        asked = torch.tensor([self.schema.members[index]], device=self.device)
        output = self.net.read_parameters(memory, torch.tensor([index], device=self.device), asked)
        probabilities = torch.sigmoid(output.mentioned[0] / self.calibration.mention_temperature).cpu()
        result: dict[str, Said] = {}
        for place, item in enumerate(self.schema.parameters[index]):
            spans = _spans(output.attention[0, place].cpu(), offsets)
            result[item.name] = _said_value(item, output, place, float(probabilities[place]), spans)
        return result


def _said_value(
    item: Color | Number | Choice | Any,
    output: ParameterOutput,
    place: int,
    probability: float,
    spans: tuple[tuple[int, int], ...],
) -> Said:
    if isinstance(item, Color):
        raw = output.color[0, place].double().cpu().tolist()
        lab = tuple(raw[i] * COLOR_SCALE[i] + COLOR_MEAN[i] for i in range(3))
        spread = tuple(float(np.exp(raw[3 + i])) * COLOR_SCALE[i] for i in range(3))
        shown = srgb_to_lab(lab_to_srgb(lab))  # type: ignore[arg-type]
        return Said(probability=probability, value=shown, spread=spread, spans=spans)
    if isinstance(item, Number):
        mean, log_spread = output.number[0, place].double().cpu().tolist()
        # "No moss" means none: the last hundredths are the net's own noise.
        value = item.low if mean < 0.035 else item.from_unit(mean)
        return Said(probability=probability, value=value, spread=(float(np.exp(log_spread)),), spans=spans)
    assert isinstance(item, Choice)
    names = list(item.options)
    weights = output.options[0, place, : len(names)].double().softmax(-1).cpu().tolist()
    by_name = dict(zip(names, weights, strict=True))
    return Said(probability=probability, value=max(by_name, key=by_name.__getitem__), weights=by_name, spans=spans)


def _spans(attention: Tensor, offsets: Tensor) -> tuple[tuple[int, int], ...]:
    """Character spans of the tokens that carry most of the attention, strongest first."""
    weights = attention.double().tolist()
    places = [(weight, *(int(x) for x in pair)) for weight, pair in zip(weights, offsets.tolist(), strict=False)]
    real = [(weight, start, end) for weight, start, end in places if end > start]
    if not real:
        return ()
    limit = max(0.3 * max(weight for weight, _, _ in real), 0.06)
    chosen = sorted((start, end, weight) for weight, start, end in real if weight >= limit)
    merged: list[tuple[int, int, float]] = []
    for start, end, weight in chosen:
        # Pieces of one word touch; neighbouring words have a space between and are joined as well.
        if merged and start - merged[-1][1] <= 1:
            merged[-1] = (merged[-1][0], end, max(merged[-1][2], weight))
        else:
            merged.append((start, end, weight))
    return tuple((start, end) for start, end, _ in sorted(merged, key=lambda part: -part[2]))
