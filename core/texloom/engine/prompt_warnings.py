# SPDX-License-Identifier: GPL-3.0-or-later
"""What the instant model says of a prompt that it read in part, not at all, or without being sure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ..request import GenerationRequest
from .chinese import Translation
from .generator import Context
from .head import MAX_TOKENS, Reading
from .phrases import STOP_WORDS, denied, touches, words
from .procedural.family import Family, families
from .text_encoder import TextEncoder, TextEncoding
from .unused_words import unused_words
from .vocabulary import Vocabulary
from .wording import HEX_COLOR, Wording

LARGER_MODEL: Final = (
    "For anything else set the model to a diffusers folder (a text-to-image model such as SDXL, saved on disk)."
)

SURE: Final = 0.7
"""From this probability on a material counts as read for sure.

Everyday materials that no family draws ("dusty glass" 0.64, "graffiti on a concrete wall" 0.47) lie below it.
"""

_LIKELY: Final = 0.3
"""So much of the probability must be left for materials that are wanted for one of these to count as read."""

_MATERIALS: Final = (
    "The embedded model is for materials: name one (brick wall, parquet, moss …), its colors, and how it "
    f"is (weathered, wet, large …). {LARGER_MODEL}"
)


def warn_about_prompt(
    request: GenerationRequest,
    translated: Translation | None,
    wording: Wording,
    encoding: TextEncoding,
    reading: Reading,
    context: Context,
    *,
    vocabulary: Vocabulary,
    encoder: TextEncoder,
    named: bool,
    avoided: frozenset[str] = frozenset(),
) -> None:
    """Say what of a prompt was not read.

    Args:
        request: whose prompt it is.
        translated: the prompt in English, where it was Chinese.
        wording: as the head got it.
        encoding: of that.
        reading: what the head read.
        context: takes the warnings.
        vocabulary, encoder: tell known words from others.
        named: whether the materials are known for sure: two by their nouns, or one that the request locks.
        avoided: families that are not to be drawn.
    """
    if request.kind == "reference":
        context.warn(
            "materials_only",
            "The embedded model draws flat materials, no objects, people or scenes.",
            advice=LARGER_MODEL,
        )
    tokens = int(encoding.mask[0].sum())
    if tokens > MAX_TOKENS or encoding.truncated[0]:
        context.warn(
            "prompt_cut",
            f"The prompt is long: the embedded model read its first {MAX_TOKENS} word pieces of {tokens}.",
            advice="Put the material and what matters most first.",
        )
    if request.prompt.strip() and not words(wording.text):
        context.warn(
            "nothing_understood",
            "Nothing in the prompt says what to draw, so the material is only a guess.",
            advice=_MATERIALS,
        )
        return
    foreign = False
    if translated is not None:
        missed = translated.not_understood(lambda text: vocabulary.unknown(text, encoder).words)
    else:
        unknown = vocabulary.unknown(request.prompt, encoder)
        missed, foreign = unknown.words, unknown.foreign
    used = {*map(str.lower, HEX_COLOR.findall(request.prompt)), *(("rgb",) if wording.exact else ())}

    def unused(found: Iterable[str]) -> tuple[str, ...]:
        return tuple(word for word in found if word.lstrip("#＃").lower() not in used)

    missed = unused(missed)
    if reading.outside and not missed:
        missed = unused(translated.content_words() if translated else vocabulary.content_words(request.prompt))
    if missed:
        listed = ", ".join(missed)
        message = f"Not understood: {listed}."
        if foreign:
            message += " The embedded model reads English, and Chinese words for materials, colors and attributes."
        if reading.outside:
            message += " This does not seem to be about a material, so the picture is only the nearest guess."
        context.warn("words_not_understood", message, advice=_MATERIALS, words=missed)
    # Of a color in numbers alone nothing was missed, but no material was named either.
    if not named and not (reading.outside and missed):
        _warn_if_unsure(reading, context, avoided)


def _warn_if_unsure(reading: Reading, context: Context, avoided: frozenset[str]) -> None:
    picked = reading.candidates(avoided)
    # Between a material and one that is not wanted it is the former, if it is likely at all.
    left = 1.0 - sum(reading.family_probabilities[name] for name in avoided - set(picked))
    chance = sum(reading.family_probabilities[name] for name in picked) / max(left, _LIKELY)
    if chance >= SURE and len(picked) == 1:
        return
    titles = ", ".join(families()[name].title for name in picked)
    context.warn(
        "material_unsure",
        f"It is not sure which material is meant. Read as: {titles}.",
        advice="Name the material in other words, or lock the one you want.",
        words=tuple(picked),
    )


def warn_about_unused(
    prompt: str | Translation, wording: Wording, reading: Reading, drawn: Sequence[Family], context: Context
) -> None:
    """Say once which known words the materials that were picked have no parameter for.

    What the prompt does not want is not missed: "marble without moss".
    """
    unwanted = wording.back(denied(wording.text))
    for family in dict.fromkeys(drawn):
        spans = {span for said in reading.stated(family.name).values() for span in said.spans}
        places = wording.back(unused_words(wording.text, family))
        left = [place for place in places if not touches(place, spans) and not touches(place, unwanted)]
        # As it is written: of "two-tone" neither word says it alone.
        shown = [prompt[start:end] for start, end in left] if isinstance(prompt, str) else prompt.words_at(left)
        shown = list(dict.fromkeys(shown))
        if shown:
            listed = ", ".join(shown)
            context.warn("words_unused", f"{family.title} has no: {listed}.", words=tuple(shown))


def words_at(text: str | Translation, spans: tuple[tuple[int, int], ...]) -> list[str]:
    """Whole words that the spans touch, stop words left out where others remain; those of the user's own text."""
    if isinstance(text, Translation):
        return text.words_at(spans)
    touched = [
        (text[start - (text[:start][-1:] in ("#", "＃")) : end], word)
        for word, start, end in words(text)
        if touches((start, end), spans)
    ]
    content = [shown for shown, word in touched if word not in STOP_WORDS]
    return content or [shown for shown, _ in touched]
