# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``texloom`` command.

Exit status: 0 done, 1 failed, 2 wrong usage, 3 the engine is not set up or broken, 130 cancelled.
With ``--json`` standard output holds one JSON object a line and nothing else; people are told on standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from . import (
    __version__,
    api,
    cli_batch,
    cli_edit,
    cli_export,
    cli_images,
    cli_library,
    cli_models,
    cli_options,
    cli_upscale,
    settings,
)
from .cli_show import Show
from .errors import CancelledError, ErrorCode, StorageError, TexloomError
from .request import GenerationRequest
from .runtime import environment, extras
from .runtime.environment_use import used
from .runtime.process import child_environment, package_folder

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_ENGINE: Final = 3
EXIT_CANCELLED: Final = 130

_ENGINE_CODES: Final = frozenset({ErrorCode.ENGINE_MISSING, ErrorCode.ENGINE_BROKEN})
_TRAININGS: Final = {
    "instant": "texloom.training.heads",
    "maps": "texloom.training.maps",
    "autoencoder": "texloom.training.autoencoder",
    "flow": "texloom.training.flow",
    "distill": "texloom.training.distill",
    "upscaler": "texloom.training.upscaler",
    "lora": "texloom.training.lora",
}
_EVALUATIONS: Final = {
    "instant": "texloom.training.evaluate",
    "maps": "texloom.training.evaluate_maps",
    "learned": "texloom.training.learned_evaluate",
    "learned-sheet": "texloom.training.learned_sheets",
    "learned-networks": "texloom.training.learned_compare",
    "learned-autoencoders": "texloom.training.learned_autoencoders",
    "corpus-statistics": "texloom.training.corpus_statistics",
    "upscaler": "texloom.training.evaluate_upscaler",
}


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(prog="texloom", description="Seamless PBR materials from a sentence.")
    parser.add_argument("--version", action="version", version=f"texloom {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = cli_options.common()
    making = cli_options.making()

    one = commands.add_parser("generate", parents=[common, making], help="make a material or picture from a prompt")
    one.add_argument("prompt")
    cli_edit.add_source(one)
    one.set_defaults(run=_generate)

    batch = commands.add_parser(
        "batch",
        parents=[common, making],
        help="make one result for each row of a CSV file",
        description="The CSV file has a column 'prompt'; further columns are options of a request (width, seed …). "
        "Rows that are done are noted in batch.json in the output folder and skipped when run again.",
    )
    batch.add_argument("file", type=Path, help="CSV file with a header, or a text file with a prompt a line")
    batch.set_defaults(run=_batch)

    cli_images.add(commands, common, run=_from_image)
    cli_edit.add(commands, common, run=_generate)
    cli_upscale.add(commands, common, run=_upscale)

    again = commands.add_parser("repeat", parents=[common], help="make an earlier result again from its manifest")
    again.add_argument("folder", type=Path, help="the result's folder")
    again.set_defaults(run=_repeat)

    cli_export.add(commands)

    setup = commands.add_parser("setup", parents=[cli_options.output()], help="make the engine's Python environment")
    setup.add_argument("--accelerator", choices=[str(item) for item in environment.Accelerator], help="build of torch")
    setup.add_argument(
        "--extra",
        action="append",
        choices=extras.EXTRAS,
        default=[],
        help="also install torchao and bitsandbytes, for weights in 8 and 4 bits on NVIDIA graphics cards",
    )
    setup.add_argument("--base-python", type=Path, help="Python that makes the environment (default: this one)")
    setup.add_argument("--use", type=Path, metavar="PYTHON", help="use this Python, which has the packages, instead")
    setup.add_argument("--dry-run", action="store_true", help="only say what would be done")
    setup.set_defaults(run=_setup)

    doctor = commands.add_parser("doctor", parents=[cli_options.output()], help="check the engine, say what is missing")
    doctor.add_argument("--python", type=Path, help="check this Python instead of the one in use")
    doctor.set_defaults(run=_doctor)

    cli_models.add_parser(commands)

    cli_library.add(commands)

    for name, table, text in (
        ("train", _TRAININGS, "train a model that ships with Texloom, or a LoRA of your own materials"),
        ("evaluate", _EVALUATIONS, "measure a model that ships with Texloom"),
    ):
        child = commands.add_parser(name, help=text, add_help=False)
        child.add_argument("model", choices=sorted(table))
        child.add_argument("rest", nargs=argparse.REMAINDER)
        child.set_defaults(run=_tool, table=table)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    with contextlib.suppress(AttributeError, ValueError):
        # A console in another encoding must not end a run because of a prompt's letters.
        sys.stderr.reconfigure(errors="replace")  # type: ignore[union-attr]
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    arguments = build_parser().parse_args(argv)
    show = Show(json_lines=getattr(arguments, "json", False), quiet=getattr(arguments, "quiet", False))
    run: Callable[[argparse.Namespace, Show], int] = arguments.run
    try:
        return run(arguments, show)
    except CancelledError as error:
        show.fail(error, "cancelled")
        return EXIT_CANCELLED
    except KeyboardInterrupt:
        show.fail(CancelledError(), "cancelled")
        return EXIT_CANCELLED
    except TexloomError as error:
        show.fail(error)
        # By the code, not the class: what the engine refuses arrives as a failed job.
        if error.code == ErrorCode.INVALID_REQUEST:
            return EXIT_USAGE
        return EXIT_ENGINE if error.code in _ENGINE_CODES else EXIT_FAILED
    except BrokenPipeError:
        # The reader of our output has gone (``| head``); there is nobody left to tell.
        sys.stderr.close()
        return EXIT_FAILED


def _session(arguments: argparse.Namespace) -> api.Session:
    return api.Session(library=arguments.output, python=arguments.python, device=arguments.device)


def _generate(arguments: argparse.Namespace, show: Show) -> int:
    return _make(cli_edit.request(arguments), arguments, show)


def _from_image(arguments: argparse.Namespace, show: Show) -> int:
    return _make(cli_images.request(arguments), arguments, show)


def _upscale(arguments: argparse.Namespace, show: Show) -> int:
    return _make(cli_upscale.request(arguments), arguments, show)


def _make(request: GenerationRequest, arguments: argparse.Namespace, show: Show) -> int:
    with _session(arguments) as session, _interruptible(session):
        job = session.submit(request)
        with show.job(job):
            result = job.wait(on_event=show.event)
    show.result(result)
    return EXIT_OK


def _repeat(arguments: argparse.Namespace, show: Show) -> int:
    with _session(arguments) as session, _interruptible(session):
        result = session.repeat(arguments.folder, on_event=show.event)
    show.end_bar()
    show.result(result)
    return EXIT_OK


def _batch(arguments: argparse.Namespace, show: Show) -> int:
    rows = cli_batch.read_rows(arguments.file, cli_options.request_fields(arguments))
    with _session(arguments) as session, _interruptible(session):
        failed = cli_batch.run(rows, session, show)
    if failed:
        show.say(f"{failed} of {len(rows)} prompts failed; the messages above say why.")
    return EXIT_FAILED if failed else EXIT_OK


@contextlib.contextmanager
def _interruptible(session: api.Session) -> Iterator[None]:
    """Ctrl+C and a polite kill cancel the jobs, so that nothing half-made stays; a second one ends at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: types.FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        session.table.cancel_all()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _setup(arguments: argparse.Namespace, show: Show) -> int:
    if arguments.use is not None:
        found = environment.check(arguments.use.expanduser().absolute())
        if not found.ok:
            raise TexloomError(found.problem, advice=found.advice, code=ErrorCode.ENGINE_BROKEN)
        if not arguments.dry_run:
            settings.load().replace(engine_python=str(found.python)).save()
        show.check(found)
        return EXIT_OK
    chosen = environment.Accelerator(arguments.accelerator or environment.detect_accelerator())
    extra = [*arguments.extra, *environment.extras_to_keep(chosen)]
    plan = environment.make_plan(base_python=arguments.base_python, accelerator=chosen, extra=extra)
    if arguments.dry_run:
        show.plan(plan)
        return EXIT_OK
    found = environment.set_up(plan, show.setup, threading.Event())
    show.end_bar()
    show.check(found)
    return EXIT_OK


def _doctor(arguments: argparse.Namespace, show: Show) -> int:
    try:
        python = environment.find_python(arguments.python)
    except StorageError as error:
        # Without the settings it is still worth a look at the engine that would do.
        show.fail(error)
        python, damaged = environment.find_python(arguments.python, chosen=settings.Settings()), True
    else:
        damaged = False
    if python is None:
        show.say("The engine is not set up yet. Run: texloom setup")
        show.data({"ok": False, "problem": "not set up"})
        return EXIT_ENGINE
    found = environment.check(python)
    show.check(found)
    if not found.ok:
        return EXIT_ENGINE
    return EXIT_FAILED if damaged else EXIT_OK


def _tool(arguments: argparse.Namespace, show: Show) -> int:
    """Training and evaluation need torch, so they run in the engine's Python."""
    python = environment.find_python()
    if python is None:
        raise TexloomError("The engine is not set up yet.", advice="Run: texloom setup", code=ErrorCode.ENGINE_MISSING)
    command = [str(python), "-m", arguments.table[arguments.model], *arguments.rest]
    with used(python):
        return subprocess.run(command, env=child_environment(package_folder()), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
