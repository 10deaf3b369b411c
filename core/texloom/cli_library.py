# SPDX-License-Identifier: GPL-3.0-or-later
"""``texloom library``: list and search the results on disk, mark favourites, tag, delete."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from . import cli_options, library_entry, settings
from .cli_show import Show
from .errors import RequestError
from .library_index import KINDS, SORTS, Card, LibraryIndex, find, open_index

Run = Callable[[argparse.Namespace, Show], int]


def add(commands: Any) -> None:
    """Add the command to the parser of ``texloom``."""
    top = commands.add_parser(
        "library",
        parents=[_options()],
        help="list and search the results, mark favourites, delete",
        description="Without an action it lists all results, newest first.",
    )
    top.set_defaults(run=_list, words=[], favourites=False, kind="", sort="NEWEST", limit=0)
    actions = top.add_subparsers(metavar="ACTION")
    # Options may stand before or after the action; what stands before must not be reset after it.
    shared = _options()
    for item in shared._actions:
        item.default = argparse.SUPPRESS

    for name, text in (("list", "list results"), ("search", "list the results that have all of some words")):
        action = actions.add_parser(name, parents=[shared], help=text)
        if name == "search":
            action.add_argument("words", nargs="+", metavar="WORD", help="beginning of a word of prompt, tags, date …")
        action.add_argument("--favourites", action="store_true", help="favourites only")
        action.add_argument("--kind", choices=KINDS, default="")
        action.add_argument("--sort", type=str.upper, choices=SORTS, default="NEWEST")
        action.add_argument("--limit", type=_limit, default=0, metavar="N", help="at most so many (default: all)")
        action.set_defaults(run=_list)

    favourite = actions.add_parser("favourite", parents=[shared], help="mark results as favourites")
    favourite.add_argument("result", nargs="+", help="name of the result's folder in the library, or its path")
    favourite.add_argument("--off", action="store_true", help="take the mark away")
    favourite.set_defaults(run=_favourite)

    tag = actions.add_parser("tag", parents=[shared], help="give a result tags of your own, in place of those it has")
    tag.add_argument("result", help="name of the result's folder in the library, or its path")
    tag.add_argument("tags", nargs="*", metavar="TAG", help="none takes all away")
    tag.set_defaults(run=_tag)

    delete = actions.add_parser("delete", parents=[shared], help="delete results for good")
    delete.add_argument("result", nargs="+", help="name of the result's folder in the library, or its path")
    delete.add_argument("--yes", action="store_true", help="needed, as it cannot be undone")
    delete.add_argument("--everything", action="store_true", help="also files there that Texloom did not make")
    delete.set_defaults(run=_delete)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, parents=[cli_options.output()])
    parser.add_argument("--folder", type=Path, metavar="DIR", help="the library (default: yours)")
    return parser


def _limit(text: str) -> int:
    if not text.strip().isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of results.")
    return int(text)


def _open(arguments: argparse.Namespace) -> LibraryIndex:
    return open_index(arguments.folder or settings.library_folder())


def _list(arguments: argparse.Namespace, show: Show) -> int:
    index = _open(arguments)
    index.scan()
    index.save()
    found = find(
        index.cards,
        " ".join(arguments.words),
        favourites=arguments.favourites,
        kind=arguments.kind,
        sort=arguments.sort,
    )
    for card in found[: arguments.limit or None]:
        show.data(_row(card))
        mark = "*" if card.notes.favourite else " "
        show.line(f"{mark} {card.name}  {card.error or card.prompt}")
    return 0


def _row(card: Card) -> dict[str, Any]:
    return {
        "folder": str(card.folder),
        "prompt": card.prompt,
        "created": datetime.fromtimestamp(card.time).astimezone().isoformat(timespec="seconds"),
        "kind": card.kind,
        "model": card.model,
        "families": list(card.families),
        "width": card.width,
        "height": card.height,
        "seed": card.seed,
        "count": len(card.shots),
        "favourite": card.notes.favourite,
        "tags": list(card.notes.tags),
        "rating": card.notes.rating,
        "error": card.error,
    }


def _folder(arguments: argparse.Namespace, name: str) -> Path:
    """The folder of one result: a name in the library, or a path."""
    library = arguments.folder or settings.library_folder()
    for folder in (library / name, Path(name).absolute()):
        if folder.is_dir() and library_entry.looks_like_result(folder):
            return Path(folder)
    raise RequestError(f"There is no result {name} in {library}.", advice="Names are listed by: texloom library")


def _favourite(arguments: argparse.Namespace, show: Show) -> int:
    for folder in [_folder(arguments, name) for name in arguments.result]:
        notes = library_entry.change_notes(folder, favourite=not arguments.off)
        show.data({"folder": str(folder), "favourite": notes.favourite})
        show.line(f"{'*' if notes.favourite else ' '} {folder.name}")
    return 0


def _tag(arguments: argparse.Namespace, show: Show) -> int:
    folder = _folder(arguments, arguments.result)
    try:
        notes = library_entry.change_notes(folder, tags=arguments.tags)
    except ValueError as error:
        raise RequestError(str(error)) from error
    show.data({"folder": str(folder), "tags": list(notes.tags)})
    show.line(f"{folder.name}  {', '.join(notes.tags)}".rstrip())
    return 0


def _delete(arguments: argparse.Namespace, show: Show) -> int:
    folders = [_folder(arguments, name) for name in arguments.result]
    if not arguments.yes:
        raise RequestError("Deleted results cannot be brought back.", advice="Add --yes to delete them.")
    for folder in folders:
        library_entry.delete_result(folder.parent, folder, everything=arguments.everything)
        show.data({"folder": str(folder), "deleted": True})
        show.line(f"Deleted {folder.name}")
    return 0
