# SPDX-License-Identifier: GPL-3.0-or-later
"""Teach a model your own materials: texloom train lora.

From about 5 to 50 pictures, or materials with their maps, it makes a LoRA: a small file that changes the model where
it is chosen (--lora, or the list LoRA in the panel). The learned model learns all maps; those that are missing are
estimated. Pictures that repeat stay seamless.

The loss is measured on fixed noise on the way, of 8 pictures and more on some that are not learned, and the best state
is written. Beside the LoRA lies a sheet with pictures that were learned, and what the model draws before and after. A
stopped run goes on with --resume.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch

from .. import __version__
from ..engine.device import choose_device, set_up, use_threads
from ..errors import RequestError, TexloomError
from ..storage import home, write_bytes_atomic
from .heads import report
from .learned_sheets import write_sheet
from .lora_bench import Bench
from .lora_layers import LAYERS, METADATA, write_lora
from .lora_noise import Noise
from .lora_pictures import Material, encode, read_materials, shown
from .lora_replay import Replay
from .lora_sheets import color_distance, pictures, write_before_after
from .lora_sources import FEW, captions_of, find_sources
from .lora_trainer import Options, Trainer

WORK_FOLDER = home() / "training" / "lora"
_CHOSEN = ("steps", "total", "most", "rate", "batch", "rank", "alpha", "check", "patience", "seed")
_HELP = {
    "steps": "of training",
    "total": "minutes that decide instead of the steps how long it learns",
    "most": "minutes after which it ends in any case, with all that was learned; 0: never. The default is for "
    "processors, and for who gives neither --steps nor --total",
    "rate": "how fast it learns",
    "batch": "pictures a step",
    "rank": "of the matrices: a larger one holds more",
    "alpha": "over the rank it scales what is learned; 0: as the rank",
    "check": "steps between two measurements of the loss",
    "patience": "measurements without a better one after which it ends; 0: never",
    "seed": "of everything that is left to chance",
}


class Teller:
    """Tells people on standard error and, where wanted, programs on standard output: one JSON object a line."""

    def __init__(self, json_lines: bool) -> None:
        self._json = json_lines

    def __call__(self, text: str) -> None:
        """A line for people."""
        report(text)

    def warn(self, text: str) -> None:
        """A line for both."""
        report(f"Warning: {text}")
        self.event("warning", message=text)

    def event(self, kind: str, **values: Any) -> None:
        """A line for programs."""
        if self._json:
            sys.stdout.write(json.dumps({"event": kind, **values}, ensure_ascii=False) + "\n")
            sys.stdout.flush()


def build_parser() -> argparse.ArgumentParser:
    """The command's parser."""
    parser = argparse.ArgumentParser(
        prog="texloom train lora", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR",
        help="folder of pictures (PNG, JPEG, WebP, TIFF), of folders with the maps of a material each, or of results",
    )  # fmt: skip
    parser.add_argument(
        "--caption-file", type=Path, metavar="FILE",
        help="what is said of each: name<TAB>caption a line, CSV with the columns name and caption, or JSON lines; "
        "otherwise a .txt beside a picture says it, or the prompt of a result",
    )  # fmt: skip
    parser.add_argument("--caption", default="", help="what is said of all of which nothing else is said")
    parser.add_argument("--trigger", default="", help="a word or name in front of all captions, to call them by")
    parser.add_argument(
        "--model", required=True, help="a name that texloom models lists, a hub id, a diffusers folder or a file"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the LoRA, FILE.safetensors")
    for name in _CHOSEN:
        own, other = (getattr(options, name) for options in (Options.of_learned(), Options()))
        default = f"{own:g}" if own == other else f"{own:g} for the learned model, {other:g} for others"
        parser.add_argument(f"--{name}", type=type(other), help=f"{_HELP[name]} (default: {default})")
    parser.add_argument(
        "--layers", choices=LAYERS,
        help="which layers learn (default: all of the learned model, attention of others)",
    )  # fmt: skip
    parser.add_argument(
        "--size", type=int, help="pixels a side that pictures are cut to (default: what the model was made for)"
    )
    parser.add_argument("--variants", type=int, default=4, help="cuts made of each picture (default: 4)")
    parser.add_argument(
        "--tile", choices=("auto", "yes", "no"), default="auto",
        help="whether the pictures repeat (default: that is measured at their borders)",
    )  # fmt: skip
    parser.add_argument("--mirror", action="store_true", help="show half of the cuts mirrored")
    parser.add_argument(
        "--prompts", type=Path, metavar="FILE", help="what sheets show, a prompt a line (default: captions)"
    )
    parser.add_argument(
        "--sheet", type=int, default=4, help="at most so many prompts on a sheet; 0: no sheets (default: 4)"
    )
    parser.add_argument(
        "--preview", type=int, default=0, metavar="STEPS",
        help="steps between two sheets of previews in --work; 0: none (default)",
    )  # fmt: skip
    parser.add_argument("--draw-steps", type=int, help="steps of drawing a picture of a sheet (default: the model's)")
    parser.add_argument(
        "--checkpointing", action="store_true",
        help="save memory from the start, at a third more time; otherwise that is done when memory runs out",
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, help="stop after this time, to go on with --resume")
    parser.add_argument("--threads", type=int, help="of the processor (default: as many as there are)")
    parser.add_argument("--device", help="torch's name of it (default: the best there is)")
    parser.add_argument(
        "--work", type=Path, help="folder for checkpoints and previews (default: one of the LoRA's name)"
    )
    parser.add_argument("--resume", action="store_true", help="go on where a run was stopped")
    parser.add_argument("--json", action="store_true", help="tell programs on standard output, a JSON object a line")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """``texloom train lora``: exit status 0, 3 when the time ran out before the last step, or 1."""
    arguments = build_parser().parse_args(argv)
    tell = Teller(arguments.json)
    try:
        return 0 if _run(arguments, tell) else 3
    except TexloomError as error:
        report(str(error))
        tell.event("failed", message=error.message, advice=error.advice, code=str(error.code))
        return 1


def _run(arguments: argparse.Namespace, tell: Teller) -> bool:
    if arguments.out.suffix != ".safetensors":
        raise RequestError(f"out: {arguments.out} must end in .safetensors.")
    sources = find_sources(arguments.images)
    captions = captions_of(
        sources, file=arguments.caption_file, caption=arguments.caption, trigger=arguments.trigger.strip()
    )
    if len(sources) < FEW:
        tell.warn(f"{len(sources)} pictures are few: it learns them by heart. {FEW} to 50 are better.")
    device = choose_device(arguments.device)
    set_up(device)
    if arguments.threads is not None:
        use_threads(arguments.threads)
    bench = Bench(arguments.model, device, tell.warn)
    size = arguments.size or bench.side()
    bench.check_side(size)
    options = _options(arguments, bench.learned, device)
    noise = Noise(bench.model.pipeline.scheduler, bench.model.info.name)
    materials = read_materials(
        sources,
        captions,
        size=size,
        surfaces=bench.learned,
        variants=max(1, arguments.variants),
        tile={"auto": None, "yes": True, "no": False}[arguments.tile],
        mirror=arguments.mirror,
        seed=options.seed,
        warn=tell.warn,
    )
    repeating = [one.squares[0] for one in materials if one.squares[0].tile_x and one.squares[0].tile_y]
    tell(f"{len(materials)} pictures, of which {len(repeating)} repeat; {size} × {size} pixels")
    replay = Replay(bench.model, size, bench.context)
    calls = [replay.calls(caption) for caption in (*captions, "")]
    encode(materials, bench.model.pipeline.vae, device=bench.device, tell=lambda count: None)
    teaching = _Teaching(arguments, bench, materials, size, tile=2 * len(repeating) >= len(materials), tell=tell)
    trainer = Trainer(bench, replay, noise, materials, calls, options, tell=tell, key=_key(materials, size))
    if arguments.checkpointing:
        trainer.save_memory()
    if arguments.resume:
        trainer.resume(teaching.work)
        tell(f"resumed at step {trainer.step}")
    # The network has been called: what it keeps from its first call is nothing that only drawing could use.
    with bench.taught():
        trainer.begin()
    teaching.draw_before()
    finished = teaching.run(trainer)
    teaching.finish(trainer, finished)
    return finished


class _Teaching:
    """The parts of one run that people see: sheets, previews, the LoRA."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        bench: Bench,
        materials: Sequence[Material],
        size: int,
        *,
        tile: bool,
        tell: Teller,
    ) -> None:
        self._arguments, self._bench, self._materials, self._tell = arguments, bench, materials, tell
        self.work: Path = arguments.work or WORK_FOLDER / arguments.out.stem
        self._size, self._tile = size, (tile, tile)
        self._prompts = _prompts(arguments, materials)
        by_caption = {one.caption: one for one in reversed(materials)}
        self._shown = [
            shown(by_caption.get(prompt, materials[number % len(materials)]).squares[0], bench.learned)
            for number, prompt in enumerate(self._prompts)
        ]
        self._before: list[Any] = []

    def draw_before(self) -> None:
        """What the model draws by itself."""
        if self._prompts:
            self._bench.network.disable_adapters()
            self._before = self._draw()
            self._bench.network.enable_adapters()

    def run(self, trainer: Trainer) -> bool:
        """See :meth:`.Trainer.run`; with previews between its steps."""
        every = self._arguments.preview if self._prompts else 0
        # Where the next one is due; a run that goes on has drawn those before.
        self._due = (trainer.step // every + 1) * every if every else 0
        with self._bench.taught():
            return trainer.run(self._arguments.minutes, self.work, on_step=self._stepped)

    def _stepped(self, trainer: Trainer, loss: float) -> None:
        self._tell.event(
            "step", step=trainer.step, steps=trainer.options.steps, fraction=round(min(1.0, trainer.done), 4),
            seconds=round(trainer.seconds, 1), loss=round(loss, 5),
            measured=round(trainer.losses[-1][1], 5), measured_first=round(trainer.first_loss, 5),
        )  # fmt: skip
        if self._due and trainer.step >= self._due:
            self._due += self._arguments.preview
            path = self.work / "previews" / f"step_{trainer.step:06d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_sheet(path, [list(row) for row in zip(self._shown, self._before, self._draw(), strict=True)])
            self._tell(f"wrote {path}")
            self._tell.event("preview", path=str(path), step=trainer.step)

    def finish(self, trainer: Trainer, finished: bool) -> None:
        """Write the LoRA, and the sheet of what the engine draws with that very file."""
        bench, out = self._bench, self._arguments.out
        facts = {
            "version": __version__, "options": asdict(trainer.options), "steps": trainer.step,
            "best_step": trainer.best_step, "loss_first": trainer.first_loss, "loss_best": trainer.best_loss,
            "pictures": len(self._materials), "size": self._size, "seconds": round(trainer.seconds),
            "finished": finished, "device": bench.device, "torch": torch.__version__,
        }  # fmt: skip
        layers = trainer.best.layers()
        bench.forget_adapter()
        write_lora(
            out, pipeline=bench.model.pipeline, part=bench.part, layers=layers,
            metadata=_metadata(bench, self._arguments.trigger.strip(), self._materials, facts),
        )  # fmt: skip
        self._tell(
            f"wrote {out}: {out.stat().st_size / 1e6:.1f} MB of step {trainer.best_step}, measured "
            f"{trainer.best_loss:.4f} (at first {trainer.first_loss:.4f}); {trainer.step} steps took "
            f"{trainer.seconds / 60:.1f} minutes"
        )
        if finished and trainer.best_step == 0:
            self._tell.warn(
                "Nothing was learned: no measurement was better than the first. "
                "Try a smaller --rate, more --steps or other captions."
            )
        sheet = None
        if self._prompts:
            after = self._draw(out)
            sheet = out.with_name(f"{out.stem}_before_after.png")
            write_before_after(sheet, self._shown, self._before, after)
            facts["color_distance_before"] = round(color_distance(self._before, self._shown), 4)
            facts["color_distance_after"] = round(color_distance(after, self._shown), 4)
            self._tell(
                f"wrote {sheet}; mean colors are {facts['color_distance_after']:.3f} away from those learned, "
                f"without the LoRA {facts['color_distance_before']:.3f}"
            )
        record = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
        write_bytes_atomic(self.work / "training.json", record.encode())
        self._tell.event("done", path=str(out), sheet=str(sheet) if sheet else "", facts=facts)

    def _draw(self, lora: Path | None = None) -> list[Any]:
        bench = self._bench
        with bench.drawing():
            return pictures(
                bench.generator, self._prompts, bench.context, size=self._size, tile=self._tile, lora=lora,
                steps=self._arguments.draw_steps,
            )  # fmt: skip


def _options(arguments: argparse.Namespace, learned: bool, device: str) -> Options:
    given = {name: getattr(arguments, name) for name in (*_CHOSEN, "layers")}
    own = Options.of_learned() if learned else Options()
    # The limit is for processors; whoever says how long it is to learn has said it.
    if torch.device(device).type != "cpu" or arguments.steps is not None or arguments.total is not None:
        own = replace(own, most=0.0)
    options = replace(
        own,
        **{name: value for name, value in given.items() if value is not None},
    )
    for item in fields(options):
        value = getattr(options, item.name)
        least = 0.0 if item.name in ("total", "most", "alpha", "patience", "seed", "unsaid") else 1e-12
        if isinstance(value, (int, float)) and value < least:
            raise RequestError(f"{item.name}: must be larger, got {value}.")
    return options


def _prompts(arguments: argparse.Namespace, materials: Sequence[Material]) -> list[str]:
    found = list(dict.fromkeys(one.caption for one in materials))
    if arguments.prompts is not None:
        try:
            lines = arguments.prompts.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise RequestError(f"prompts: {arguments.prompts} could not be read: {error}.") from error
        found = [line.strip() for line in lines if line.strip()]
    return found[: max(0, arguments.sheet)]


def _key(materials: Sequence[Material], size: int) -> str:
    """Of what is learned."""
    digest = hashlib.sha256(str(size).encode())
    for one in materials:
        digest.update(one.caption.encode())
        for square in one.squares:
            digest.update(square.values.numpy().tobytes())
    return digest.hexdigest()[:16]


def _metadata(bench: Bench, trigger: str, materials: Sequence[Material], facts: dict[str, Any]) -> dict[str, str]:
    info, family = bench.model.info, bench.model.family
    base = Path(info.id).name if Path(info.id).is_absolute() else info.id
    captions = list(dict.fromkeys(one.caption for one in materials))
    own = {
        "version": __version__,
        "base_model": base,
        "base_name": info.name,
        "base_revision": info.revision,
        "family": family.id,
        "rank": str(facts["options"]["rank"]),
        "trigger": trigger,
        "captions": json.dumps(captions[:50], ensure_ascii=False),
        "licence": f"The pictures' owner decides on this file. It works with {info.name} alone, whose licence "
        f"({info.licence}) holds for what is drawn with both.",
        "training": json.dumps(facts),
    }
    found = {f"{METADATA}{name}": value for name, value in own.items()}
    # What other programs look for.
    found |= {"modelspec.title": str(base) + " LoRA", "ss_base_model_version": family.id}
    return found | ({"modelspec.trigger_phrase": trigger} if trigger else {})


if __name__ == "__main__":
    sys.exit(main())
