# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned model's figures as a Markdown table, goals beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .statistics import Estimate

GOALS = {"material": 92.0, "color": 90.0, "attributes": 80.0}
SEAM_GOAL = "0.95 to 1.05"

_SETS = (("prompts", "designers' prompts"), ("chinese", "in Chinese"))
_BLENDS = (
    ("both of two", "both materials are the two likeliest"),
    ("both of five", "both among the five likeliest"),
    ("one", "the likeliest is one of them"),
)
_WHOSE = ("", "_of_instant", "_of_truth")
_DISTANCES = (
    ("frechet", "Fréchet distance"),
    ("frechet_endless", "the same, of endlessly many"),
    ("kernel", "kernel distance × 1000"),
)


def text(found: Mapping[str, float] | None, digits: int, unit: str = "") -> str:
    """One figure with its interval; a dash where there is none."""
    if found is None:
        return "–"
    return Estimate(found["mean"], found["low"], found["high"], int(found["of"])).text(digits, unit)


def summary(result: Mapping[str, Any]) -> str:
    """The whole table, with how many samples stand behind it."""
    asked, count = result["asked"], result["count"]
    lines = [
        f"{count} held-out captions at {result['size']}², {result['steps']} steps; distances are of {count} samples "
        f"in each row from the same {count} true materials of other captions. {asked['prompts']} designers' prompts, "
        f"{asked['chinese']} in Chinese, {asked['blends']} texts of two materials, {asked['spread']} × "
        f"{result['repeats']} pictures for the spread.",
        "",
        "| | learned model | Instant | autoencoder alone | true materials | goal |",
        "|---|---|---|---|---|---|",
    ]

    def line(name: str, each: Sequence[Any], digits: int, unit: str = "", goal: str = "") -> None:
        cells = " | ".join(text(one, digits, unit) for one in (*each, None, None, None, None)[:4])
        lines.append(f"| {name} | {cells} | {goal} |")

    whose = ("agreement", "agreement_of_instant", "agreement_of_autoencoder", "agreement_of_truth")
    for name in ("material", "color", "attributes"):
        line(f"{name} agrees", [result[key].get(name) for key in whose], 1, " %", f"{GOALS[name]:g} %")
    for name, title in _DISTANCES:
        line(title, [result[name][who] for who in ("model", "instant", "autoencoder", "truth")], 3)
    for name, title in _SETS:
        for what in ("material", "color", "attributes"):
            own, instant, true = (result.get(f"{name}{who}", {}).get(what) for who in _WHOSE)
            if own is not None:
                line(f"{title}: {what} agrees", (own, instant, None, true), 1, " %", f"{GOALS[what]:g} %")
    for name, title in _BLENDS:
        if "blends" in result:
            own, instant, true = (result[f"blends{who}"][name] for who in _WHOSE)
            line(f"blends: {title}", (own, instant, None, true), 1, " %")
    found = result["diversity"]
    line("spread within a prompt", (found["model"], None, None, found["truth"]), 3)
    for name, value in result["seams"].items():
        line(f"seam ratio, {name}", (value,), 3, "", SEAM_GOAL)
    for name, value in result["seams_of_blocks"].items():
        line(f"the same among borders of the decoder's blocks, {name}", (value,), 3)
    for name, found in result["nearest"].items():
        title = "copies of training samples" if name == "copies" else f"nearest training sample, {name}"
        digits, unit = (1, " %") if name == "copies" else (3, "")
        line(title, (found["model"], None, None, found["truth"]), digits, unit, "not above true materials")
    return "\n".join(lines) + "\n"
