# SPDX-License-Identifier: GPL-3.0-or-later
"""``blender --command texloom …``: the ``texloom`` command inside Blender, with a scene.

``generate`` puts the result on an object and saves the file; every other command is the one of ``texloom``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from . import api, bridge, preferences, setup_job
from .core.texloom import cli as texloom_cli
from .core.texloom import cli_options
from .core.texloom.cli_show import Show
from .core.texloom.errors import CancelledError, ErrorCode, RequestError, TexloomError
from .core.texloom.request import Control

COMMAND = "texloom"
_handle: Any = None


def build_parser() -> argparse.ArgumentParser:
    """The parser of ``generate``."""
    parser = argparse.ArgumentParser(
        prog="blender --command texloom generate",
        description="Make a material, image or reference plane and save the .blend file.",
        parents=[cli_options.output(), cli_options.making()],
    )
    parser.add_argument("prompt")
    parser.add_argument("--source", metavar="FILE|IMAGE", help="start from this picture, or image of the .blend file")
    cli_options.strength(parser)
    parser.add_argument("--open", type=Path, metavar="FILE", help=".blend file to open first")
    parser.add_argument("--object", action="append", default=[], metavar="NAME", help="gets the material; repeatable")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the .blend file here")
    parser.add_argument("--slot", choices=("ACTIVE", "NEW", "ALL"))
    parser.add_argument("--store", choices=("PACK", "BESIDE", "LIBRARY"))
    parser.add_argument("--displacement", choices=("BUMP", "DISPLACEMENT", "BOTH", "NONE"))
    parser.add_argument("--plane-height", type=float, default=1.8, metavar="METRES")
    parser.add_argument("--plane-facing", choices=("VIEW", "X", "-X", "Y", "-Y", "Z"), default="-Y")
    return parser


def main(argv: list[str]) -> int:
    """Run the command; the exit status is as of ``texloom``."""
    if argv[:1] != ["generate"]:
        if not argv or argv[0] in ("-h", "--help"):
            sys.stdout.write(f"{__doc__}\n")
        with _preferences(argv[:1] == ["models"]):
            return texloom_cli.main(argv or ["--help"])
    arguments = build_parser().parse_args(argv[1:])
    show = Show(json_lines=arguments.json, quiet=arguments.quiet)
    try:
        _generate(arguments, show)
    except (CancelledError, KeyboardInterrupt):
        show.fail(CancelledError(), "cancelled")
        return texloom_cli.EXIT_CANCELLED
    except RequestError as error:
        show.fail(error)
        return texloom_cli.EXIT_USAGE
    except TexloomError as error:
        show.fail(error)
        missing = error.code in (ErrorCode.ENGINE_MISSING, ErrorCode.ENGINE_BROKEN)
        return texloom_cli.EXIT_ENGINE if missing else texloom_cli.EXIT_FAILED
    finally:
        bridge.get().close()
        setup_job.state().cancel()
    return texloom_cli.EXIT_OK


def _generate(arguments: argparse.Namespace, show: Show) -> None:
    if arguments.open is not None:
        _open(arguments.open)
    missing = [name for name in arguments.object if name not in bpy.data.objects]
    if missing:
        names = ", ".join(sorted(bpy.data.objects.keys())) or "none"
        raise RequestError(f"--object: there is no object {', '.join(missing)}.", advice=f"The file has: {names}.")
    output = {kind: name for name, kind in api.KINDS.items()}[arguments.kind]
    fields = cli_options.request_fields(arguments)
    del fields["kind"]
    if arguments.source is not None:
        fields["source"] = bpy.data.images.get(arguments.source) or arguments.source
    fields["strength"] = arguments.strength
    fields["controls"] = [_control(control) for control in fields.get("controls", ())]
    made = api.generate(
        arguments.prompt,
        output=output,
        target=[bpy.data.objects[name] for name in arguments.object] if arguments.object else None,
        slot=arguments.slot,
        store=arguments.store,
        displacement=arguments.displacement,
        plane_height=arguments.plane_height,
        plane_facing=arguments.plane_facing,
        **fields,
    )
    for message in made.messages:
        show.say(f"Note: {message}")
    if arguments.save is not None:
        _save(arguments.save)
    show.data(
        {
            "type": "generated", "folder": str(made.folder), "material": made.material, "object": made.object,
            "images": list(made.images), "assigned": list(made.assigned),
            "saved": str(arguments.save.absolute()) if arguments.save else "",
        }
    )  # fmt: skip
    show.line(f"{made.material or made.object or ', '.join(made.images)}  {made.folder}")
    if arguments.save is not None:
        show.line(str(arguments.save.absolute()))


@contextlib.contextmanager
def _preferences(downloads: bool) -> Iterator[None]:
    """What the preferences say of models and of the engine holds for the command as well; what is set already wins.

    With ``downloads`` also whether Blender may go online.
    """
    options = preferences.model_options()
    wanted = {**options.environment(), **preferences.engine_settings().environment()}
    if not downloads:
        wanted.pop("TEXLOOM_OFFLINE", None)
    wanted |= {"HF_ENDPOINT": options.endpoint, "HF_TOKEN": options.token}
    added = {name: value for name, value in wanted.items() if value and name not in os.environ}
    if "TEXLOOM_MODELS" in wanted:
        added["TEXLOOM_MODELS"] = wanted["TEXLOOM_MODELS"]
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _control(control: Control) -> Any:
    """With the image of that name in the .blend file, where there is no such file on disk."""
    image = bpy.data.images.get(Path(control.image).name)
    if image is None or Path(control.image).is_file():
        return control
    return (control.kind, image, control.strength, control.model)


def _open(path: Path) -> None:
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path.absolute()))
    except RuntimeError as error:
        raise TexloomError(f"{path} could not be opened: {error}", code=ErrorCode.STORAGE) from error


def _save(path: Path) -> None:
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(path.absolute()))
    except (RuntimeError, OSError) as error:
        raise TexloomError(f"{path} could not be saved: {error}", code=ErrorCode.STORAGE) from error


def register() -> None:
    """Make the command known to Blender."""
    global _handle
    _handle = bpy.utils.register_cli_command(COMMAND, main)  # type: ignore[func-returns-value,unused-ignore]


def unregister() -> None:
    """Take it back."""
    global _handle
    if _handle is not None:
        bpy.utils.unregister_cli_command(_handle)
        _handle = None
