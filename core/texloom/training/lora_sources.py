# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pictures and materials of a folder a LoRA shall learn, and what is said of each."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ..errors import RequestError, StorageError
from ..storage import MANIFEST_NAME, read_manifest, storage_error

ENDINGS: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})
FEW: Final = 5
"""With fewer pictures a LoRA learns them by heart instead of what they have in common."""

_COLOR: Final = "base_color"
_USED: Final = ("height", "roughness", "metallic")
# Words that stand for nothing but a map, and shorter ones that count only beside a base color of the same name.
_WORDS: Final[Mapping[str, str]] = {
    "basecolor": _COLOR, "albedo": _COLOR, "diffuse": _COLOR, "color": _COLOR, "height": "height",
    "displacement": "height", "bump": "height", "roughness": "roughness", "metallic": "metallic",
    "metalness": "metallic", "normal": "normal", "normalgl": "normal", "normaldx": "normal",
    "ambientocclusion": "occlusion", "occlusion": "occlusion", "thumbnail": "thumbnail",
}  # fmt: skip
_SHORT: Final[Mapping[str, str]] = {
    "diff": _COLOR, "col": _COLOR, "disp": "height", "rough": "roughness", "metal": "metallic", "nor": "normal",
    "nrm": "normal", "ao": "occlusion", "arm": "occlusion", "orm": "occlusion",
}  # fmt: skip
_RESOLUTION: Final = re.compile(r"[ _.-]\d{1,2}k$", re.IGNORECASE)
_LAST: Final = re.compile(r"^(?:(.+?)[ _.-])??((?:base|ambient|normal)[ _-]?)?([A-Z]+)$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Source:
    """One picture, or the maps of one material.

    Attributes:
        name: what messages call it.
        color: the picture, or the material's base color.
        maps: files of ``height``, ``roughness`` and ``metallic``, as far as there are any.
        names: what a list of captions may call it.
        prompt: what it was made from; empty where that is not known.
        width_m: of the tile, in metres; None: not known.
        relief_m: from the lowest to the highest of its heights, in metres; None: not known.
        tiles: whether it repeats across and down; None: not known.
    """

    name: str
    color: Path
    maps: Mapping[str, Path] = field(default_factory=dict)
    names: frozenset[str]
    prompt: str = ""
    width_m: float | None = None
    relief_m: float | None = None
    tiles: tuple[bool, bool] | None = None


def find_sources(folder: Path) -> list[Source]:
    """Pictures, sets of maps and results of Texloom in ``folder`` and the folders in it, in the order of their names.

    Files are a set when their names differ in the map alone (``wall_basecolor.png``, ``wall_height.png``).

    Raises:
        RequestError: there is no such folder, nothing to learn in it, or a map without its base color.
        StorageError: a folder or a result cannot be read.
    """
    if not folder.is_dir():
        raise RequestError(f"images: there is no folder {folder}.", advice="Give the folder of your pictures.")
    try:
        found = list(_of_folder(folder, top=True))
        for path in sorted(item for item in folder.iterdir() if item.is_dir() and not item.name.startswith(".")):
            found += _of_folder(path, top=False)
    except OSError as error:
        raise storage_error("read", folder, error) from error
    if not found:
        raise RequestError(
            f"images: {folder} holds no picture that can be read.",
            advice="Put PNG, JPEG, WebP or TIFF files into it, or folders with the maps of a material each.",
        )
    return found


def _of_folder(folder: Path, *, top: bool) -> Iterator[Source]:
    if (folder / MANIFEST_NAME).is_file():
        yield from _of_result(folder)
        return
    files = sorted(
        path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and not path.name.startswith(".")
    )
    sets: dict[str, dict[str, Path]] = {}
    short: list[tuple[str, str, Path]] = []
    for path in files:
        stem, kind, sure = _read_name(path.stem)
        if not sure:
            short.append((stem, kind, path))
        else:
            _put(sets, stem, kind, path)
    for stem, kind, path in short:
        others = {*sets.get(stem, {}), *(item[1] for item in short if item[0] == stem and item[2] != path)}
        together = _COLOR in others if kind != _COLOR else bool(others - {_COLOR})
        _put(sets, *((stem, kind) if together else (path.stem, _COLOR)), path)
    for stem, maps in sets.items():
        color = maps.pop(_COLOR, None)
        if color is None:
            kind, path = next(iter(maps.items()))
            raise RequestError(
                f"images: {path} is a map ({kind}) without its base color.",
                advice=f"Put {stem or folder.name}_basecolor.png beside it, or take the map away.",
            )
        names = {name for name in (color.name, color.stem, stem) if name}
        if not top:
            # Files of one name, "basecolor.png" say, lie in many folders.
            names = {f"{folder.name}/{name}" for name in names} | ({folder.name} if len(sets) == 1 else set())
        yield Source(
            name=str(color.relative_to(folder if top else folder.parent)),
            color=color,
            maps={name: path for name, path in maps.items() if name in _USED},
            names=frozenset(names),
        )


def _put(sets: dict[str, dict[str, Path]], stem: str, kind: str, path: Path) -> None:
    group = sets.setdefault(stem, {})
    if kind in group and kind == _COLOR:
        # Two pictures that differ in their ending, say: each is one of its own.
        sets.setdefault(path.name, {})[kind] = path
        return
    group.setdefault(kind, path)


def _read_name(stem: str) -> tuple[str, str, bool]:
    """The set's name, the map, and whether the name leaves no doubt; a picture is its own base color."""
    plain = _RESOLUTION.sub("", stem)
    match = _LAST.match(plain)
    if match is not None:
        word = ((match[2] or "") + match[3]).lower().replace("_", "").replace("-", "").replace(" ", "")
        for table, sure in ((_WORDS, True), (_SHORT, False)):
            for candidate in (word, match[3].lower()):
                # "gl" and "dx" of a normal map, which stand apart in some names.
                if candidate in table and (match[1] or sure):
                    return (match[1] or "").strip(" _.-"), table[candidate], sure
    if re.search(r"[ _-]nor[ _-](gl|dx)$", plain, re.IGNORECASE):
        return re.sub(r"[ _-]nor[ _-](gl|dx)$", "", plain, flags=re.IGNORECASE), "normal", True
    return stem, _COLOR, True


def _of_result(folder: Path) -> Iterator[Source]:
    data = read_manifest(folder)
    request = data["request"]
    for number, result in enumerate(data["results"]):
        maps = {name: folder / entry["file"] for name, entry in result["maps"].items()}
        color = maps.get(_COLOR) or maps.get("image")
        if color is None:
            raise RequestError(f"images: the result {folder} has no base color.", advice="Take it out of the folder.")
        low, high = result.get("height_min_m"), result.get("height_max_m")
        width = result.get("tile_width_m")
        yield Source(
            name=f"{folder.name}, variation {number + 1}" if len(data["results"]) > 1 else folder.name,
            color=color,
            maps={name: path for name, path in maps.items() if name in _USED},
            names=frozenset({folder.name, f"{folder.name}/{color.name}"}),
            prompt=str(request.get("prompt", "")),
            width_m=float(width) if _positive(width) else None,
            relief_m=abs(float(high) - float(low)) if _number(low) and _number(high) else None,
            tiles=(bool(request.get("tile_x", True)), bool(request.get("tile_y", True))),
        )


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _positive(value: object) -> bool:
    return _number(value) and float(value) > 0.0  # type: ignore[arg-type]


def captions_of(
    sources: Sequence[Source], *, file: Path | None = None, caption: str = "", trigger: str = ""
) -> list[str]:
    """What is said of each source: by the list ``file``, a ``.txt`` beside it, its prompt, or ``caption`` for all.

    ``trigger`` goes in front of each that does not have it.

    Raises:
        RequestError: a caption names no picture, a picture has no caption, or a line is wrong; names it.
        StorageError: a file cannot be read.
    """
    listed = read_captions(file) if file is not None else {}
    known = {name for source in sources for name in source.names}
    said: dict[int, str] = {}
    for name, text in listed.items():
        wanted = name if name in known else Path(name).name
        if wanted not in known:
            raise RequestError(
                f"caption-file: {name!r} is no picture of the folder.",
                advice="Write file names as they stand there, or take the line away.",
            )
        # All variations of a result share its name.
        said |= {number: text for number, source in enumerate(sources) if wanted in source.names}
    result = []
    for number, source in enumerate(sources):
        beside = source.color.with_suffix(".txt")
        text = said.get(number) or (_text(beside).strip() if beside.is_file() else "") or source.prompt or caption
        if not text.strip():
            raise RequestError(
                f"images: nothing is said of {source.name}.",
                advice=f"Add it to --caption-file, write {beside.name} beside it, or give --caption for all.",
            )
        words = " ".join(text.split())
        result.append(words if not trigger or trigger.lower() in words.lower() else f"{trigger}, {words}")
    return result


def read_captions(file: Path) -> dict[str, str]:
    """Names and captions of a list: CSV or JSON lines by its ending, else ``name<TAB>caption`` in each line.

    Raises:
        RequestError: a line is wrong, or a name stands there twice; names it.
        StorageError: it cannot be read.
    """
    text = _text(file)
    ending = file.suffix.lower()
    rows = (
        _csv(file, text)
        if ending == ".csv"
        else _json(file, text)
        if ending in (".jsonl", ".json")
        else _tabs(file, text)
    )
    found: dict[str, str] = {}
    for line, name, caption in rows:
        if not name or not caption:
            raise RequestError(f"{file.name}, line {line}: a name or a caption is missing.")
        if name in found:
            raise RequestError(f"{file.name}, line {line}: {name!r} stands there twice.")
        found[name] = caption
    if not found:
        raise RequestError(f"caption-file: {file} holds no captions.")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"{path} could not be read: {error}.", advice="Give a text file in UTF-8.") from error


_NAME_KEYS: Final = ("name", "file_name", "file", "image", "path")
_TEXT_KEYS: Final = ("caption", "text", "prompt")


def _tabs(file: Path, text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, tab, caption = line.partition("\t")
        if not tab:
            raise RequestError(
                f"{file.name}, line {number}: there is no tab between name and caption.",
                advice="Write the file's name, a tab, and the caption; or use CSV or JSON lines.",
            )
        yield number, name.strip(), caption.strip()


def _csv(file: Path, text: str) -> Iterator[tuple[int, str, str]]:
    reader = csv.reader(io.StringIO(text))
    name_at, text_at = 0, 1
    for number, cells in enumerate(reader):
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        if number == 0:
            lower = [cell.lower() for cell in cells]
            names = [lower.index(key) for key in _NAME_KEYS if key in lower]
            texts = [lower.index(key) for key in _TEXT_KEYS if key in lower]
            if names and texts:
                name_at, text_at = names[0], texts[0]
                continue
        if len(cells) <= max(name_at, text_at):
            raise RequestError(f"{file.name}, line {reader.line_num}: there are no two columns.")
        yield reader.line_num, cells[name_at], cells[text_at]


def _json(file: Path, text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            data: Any = json.loads(line)
        except ValueError as error:
            raise RequestError(f"{file.name}, line {number}: this is no JSON ({error}).") from error
        if not isinstance(data, dict):
            raise RequestError(f"{file.name}, line {number}: this is no JSON object.")
        name = next((data[key] for key in _NAME_KEYS if key in data), "")
        caption = next((data[key] for key in _TEXT_KEYS if key in data), "")
        yield number, str(name).strip(), str(caption).strip()
