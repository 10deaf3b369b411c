# SPDX-License-Identifier: GPL-3.0-or-later
"""Many prompts from a file, in one session; what is done is noted, so that a run can be taken up again."""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from . import api
from .cli_options import parse_maps
from .cli_show import Show
from .errors import CancelledError, ErrorCode, RequestError, StorageError, TexloomError
from .request import Control, GenerationRequest, Lora
from .runtime.lock import FolderLock
from .storage import read_json, write_json_atomic

STATE_NAME: Final = "batch.json"
_LOCK_NAME: Final = ".batch.lock"
_SEPARATORS: Final = (",", ";", "\t")
_STOPPERS: Final = frozenset({ErrorCode.ENGINE_MISSING, ErrorCode.ENGINE_BROKEN, ErrorCode.STORAGE})
_INTEGERS: Final = frozenset({"width", "height", "seed", "count", "steps", "preview_interval"})
_NUMBERS: Final = frozenset({"guidance_scale", "real_world_width", "style_strength"})
_SWITCHES: Final = frozenset({"tile_x", "tile_y"})
_TEXTS: Final = frozenset({"prompt", "negative_prompt", "kind", "model", "style_image", "style_model"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One prompt; ``key`` stands for everything that the file and the options say of it."""

    line: int
    request: GenerationRequest
    key: str


def read_rows(path: Path, defaults: Mapping[str, Any]) -> list[Row]:
    """Read a CSV file with a header, or a text file with one prompt a line (``.txt``); empty lines are skipped.

    Raises:
        StorageError: the file cannot be read.
        RequestError: a column or value is wrong; names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"{path} could not be read: {error}.", advice="Give a CSV or text file in UTF-8.") from error
    rows: list[Row] = []
    repeats: dict[str, int] = {}
    for line, cells in _cells(text, plain=path.suffix.lower() == ".txt"):
        try:
            values = dict(defaults) | {name: _value(name, cell) for name, cell in cells.items() if cell.strip()}
            request = api.make_request(**{"prompt": ""} | values)
        except RequestError as error:
            raise RequestError(f"{path.name}, line {line}: {error.message}", advice=error.advice) from error
        told = json.dumps(_plain(values), sort_keys=True, ensure_ascii=False)
        # The same row twice is two results.
        repeats[told] = repeats.get(told, 0) + 1
        key = hashlib.sha256(f"{repeats[told]} {told}".encode()).hexdigest()[:32]
        rows.append(Row(line=line, request=request, key=key))
    if not rows:
        raise RequestError(f"{path.name} holds no prompts.")
    return rows


def run(rows: list[Row], session: api.Session, show: Show) -> int:
    """Make all rows that are not done yet; returns how many failed.

    Raises:
        CancelledError: it was stopped; what is done stays noted.
        TexloomError: the engine or the disk fails, so that going on makes no sense.
    """
    state_path = session.library / STATE_NAME
    failed = 0
    for number, row in enumerate(rows, 1):
        # Read again each time: another run into the same folder may have noted something meanwhile.
        done = _read_state(state_path)
        folder = session.library / done[row.key] if row.key in done else None
        if folder is not None and folder.is_dir():
            show.say(f"{number}/{len(rows)} {row.request.prompt}: done before, {folder.name}")
            show.data({"type": "skipped", "line": row.line, "prompt": row.request.prompt, "folder": str(folder)})
            continue
        show.say(f"{number}/{len(rows)} {row.request.prompt}")
        try:
            job = session.submit(row.request)
            with show.job(job):
                result = job.wait(on_event=show.event)
        except CancelledError:
            raise
        except TexloomError as error:
            if error.code in _STOPPERS:
                raise
            show.fail(error)
            failed += 1
            continue
        show.result(result)
        _note(state_path, row.key, result.folder.name)
    return failed


def _note(path: Path, key: str, folder: str) -> None:
    """Add one row to what is done, and keep what others have added."""
    with FolderLock(path.with_name(_LOCK_NAME)).held():
        write_json_atomic(path, {"schema": 1, "done": _read_state(path) | {key: folder}})


def _read_state(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    done = read_json(path).get("done")
    if not isinstance(done, dict):
        raise StorageError(f"{path} is damaged.", advice="Delete it to make all prompts again.")
    return {str(key): str(value) for key, value in done.items()}


def _cells(text: str, *, plain: bool) -> list[tuple[int, dict[str, str]]]:
    if plain:
        return [(n, {"prompt": line.strip()}) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    lines = text.splitlines(keepends=True)
    # Spreadsheets of some countries separate by semicolons.
    separator = max(_SEPARATORS, key=(lines[0] if lines else "").count)
    reader = csv.DictReader(lines, delimiter=separator, strict=True)
    found = []
    # Prompts have a limit of their own; this one belongs to the whole process.
    usual = csv.field_size_limit(max(len(text), 1))
    try:
        reader.fieldnames = _names(reader.fieldnames or ())
        for cells in reader:
            if None in cells:
                raise RequestError(f"Line {reader.line_num} has too many cells; put prompts with commas in quotes.")
            if any((cell or "").strip() for cell in cells.values()):
                found.append((reader.line_num, {name: cell or "" for name, cell in cells.items()}))
    except csv.Error as error:
        raise RequestError(
            f"The CSV file is damaged from line {reader.line_num + 1} on: {error}.",
            advice="A quote that opens a cell must be closed, and one within a cell stands twice.",
        ) from error
    finally:
        csv.field_size_limit(usual)
    return found


def _names(given: Sequence[str]) -> list[str]:
    names = [name.strip() for name in given]
    if "prompt" not in names:
        raise RequestError(
            "The CSV file has no column 'prompt'.",
            advice="Its first line must name the columns, with commas, semicolons or tabs between them.",
        )
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise RequestError(f"The CSV file has two columns {twice!r}.", advice="Take one of them out.")
    return names


def _value(name: str, cell: str) -> Any:
    cell = cell.strip()
    try:
        if name in _INTEGERS:
            return int(cell)
        if name in _NUMBERS:
            return float(cell)
    except ValueError as error:
        raise RequestError(f"{name}: {cell!r} is no number.") from error
    if name in _SWITCHES:
        if cell.lower() in ("1", "true", "yes", "on"):
            return True
        if cell.lower() in ("0", "false", "no", "off"):
            return False
        raise RequestError(f"{name}: must be true or false, got {cell!r}.")
    if name == "maps":
        try:
            return parse_maps(cell)
        except argparse.ArgumentTypeError as error:
            raise RequestError(f"maps: {error}") from error
    if name in _TEXTS:
        return cell
    allowed = ", ".join(sorted(_INTEGERS | _NUMBERS | _SWITCHES | _TEXTS | {"maps"}))
    raise RequestError(f"Unknown column {name}; allowed are {allowed}.")


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _json(value) for name, value in values.items()}


def _json(value: Any) -> Any:
    if isinstance(value, Control):
        return asdict(value)
    if isinstance(value, Lora):
        return {"file": value.file, "weight": value.weight}
    return [_json(item) for item in value] if isinstance(value, tuple) else value
