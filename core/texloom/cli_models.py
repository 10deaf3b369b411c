# SPDX-License-Identifier: GPL-3.0-or-later
"""``texloom models``: list them, tell about one, download, check."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from . import (
    catalog_rows,
    cli_built_in,
    cli_networks,
    cli_options,
    cli_styles,
    control_rows,
    downloadable,
    map_rows,
    model_store,
    preview_decoders,
    style_models,
)
from .catalog_rows import CatalogRow
from .cli_networks import COMMERCIAL
from .cli_show import Show
from .errors import CancelledError, ModelNotFoundError, StorageError
from .runtime import download_plan, downloads, environment, extras
from .runtime.downloads import Control, DownloadProgress
from .runtime.hub import Hub
from .runtime.process import package_folder
from .weights_header import identify

EXIT_FAILED: Final = 1
_LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "zh": "Chinese", "ja": "Japanese"}


def add_parser(commands: Any) -> None:
    """``texloom models [list|show|download|check]``."""
    output = cli_options.output()
    models = commands.add_parser("models", parents=[output], help="list, download and check the models")
    models.set_defaults(run=_list, all=False)
    actions = models.add_subparsers(dest="action", metavar="ACTION")

    listed = actions.add_parser(
        "list", parents=[output], help="the models that Texloom knows, and those on this machine"
    )
    listed.set_defaults(run=_list)

    show = actions.add_parser("show", parents=[output], help="all about one model, folder or file")
    show.add_argument("model", help="a name from the list, a hub id, a folder or a .safetensors file")
    show.set_defaults(run=_show)

    load = actions.add_parser(
        "download",
        parents=[output],
        help="download a model",
        description="Goes on where an earlier download stopped. Mirrors and tokens come from HF_ENDPOINT and HF_TOKEN "
        "or the settings; TEXLOOM_OFFLINE=1 forbids all downloads.",
    )
    load.add_argument("model", help="a name from the list, or a hub id like owner/name; name@commit for that commit")
    load.add_argument("--to", type=Path, metavar="DIR", help="model folder (default: the first of the settings)")
    load.add_argument("--revision", default="", help="branch, tag or commit (default: the list's, else the newest)")
    load.add_argument("--configuration", action="store_true", help="only what a single-file checkpoint lacks")
    load.add_argument("--yes", action="store_true", help="accept licence and terms without being asked")
    load.add_argument("--dry-run", action="store_true", help="only say how much there is to load")
    load.set_defaults(run=_download)

    check = actions.add_parser("check", parents=[output], help="compare a downloaded model with what the hub promised")
    check.add_argument("model", help="a name from the list, a hub id, a folder or a .safetensors file")
    check.set_defaults(run=_check)


def _list(arguments: argparse.Namespace, show: Show) -> int:
    card = package_folder() / "texloom" / "models" / "instant" / "MODEL_CARD.md"
    families = json.loads(card.with_name("config.json").read_text(encoding="utf-8"))["schema"]["families"]
    show.data({"id": "instant", "families": families, "card": str(card)})
    show.line(f"{'instant':22} built in, offline, seamless PBR; {card}")
    card = cli_built_in.card_of(card.parents[1] / "learned")
    show.data({"id": "learned", "families": families, "card": str(card)})
    show.line(f"{'learned':22} built in, offline, seamless PBR, can be taught (texloom train lora); {card}")
    show.data({"id": "image", "families": []})
    show.line(f"{'image':22} built in, offline, from a picture; see texloom maps, texloom seamless")
    known = set()
    for row in catalog_rows.rows():
        where = model_store.find(row.hub, file=row.file)
        known.add(row.hub)
        show.data(described(row) | {"path": str(where) if where else ""})
        size = "on disk" if where else f"{row.download_bytes / 1e9:.0f} GB"
        show.line(f"{row.id:22} {size:>8}  {row.name} ({row.licence}; {COMMERCIAL[row.commercial]})")
    cli_networks.list_rows(show)
    cli_styles.list_adapters(show)
    known |= {network.hub for network in control_rows.rows()}
    known |= {adapter.hub for adapter in style_models.rows()} | {item.hub for item in map_rows.rows()}
    for found in model_store.scan():
        if found.hub not in known:
            show.data({"id": found.hub or str(found.path), "hub": found.hub, "path": str(found.path)})
            show.line(f"{found.name:22}  on disk  {found.path}")
    for hub in preview_decoders.hubs():
        where = preview_decoders.find(hub)
        show.data({"id": hub, "hub": hub, "path": str(where) if where else "", "licence": preview_decoders.LICENCE})
        size = "on disk" if where else "10 MB"
        show.line(f"{hub:22} {size:>8}  sharper previews ({preview_decoders.LICENCE}; optional)")
    for item in map_rows.rows():
        row = item.download_row()
        where = downloadable.on_disk(row)
        show.data(_beside(row))
        size = "on disk" if where else f"{row.download_bytes / 1e9:.1f} GB"
        show.line(f"{row.id:22} {size:>8}  {row.name}: sees {item.sees} in pictures, for the setting map_models")
    show.line("Any other diffusers folder, .safetensors checkpoint or hub id works by its path or name, as --model.")
    return 0


def described(row: CatalogRow) -> dict[str, Any]:
    """A row with what follows from it, as JSON types."""
    data: dict[str, Any] = {name: getattr(row, name) for name in CatalogRow.__slots__}
    data = {name: list(value) if isinstance(value, tuple) else value for name, value in data.items()}
    data["scheduler"] = dict(row.scheduler)
    memory = {precision: row.memory_bytes(precision) for precision in catalog_rows.PRECISIONS}
    sizes = {
        "download_bytes": row.download_bytes,
        "memory_bytes": memory,
        "memory_needs": _lacking(),
        "least_bytes": row.least_bytes,
    }
    return data | sizes | {"terms": list(row.terms)}


def _beside(row: CatalogRow) -> dict[str, Any]:
    """What there is to say of what draws nothing by itself, as JSON types."""
    where = downloadable.on_disk(row)
    return {
        "id": row.id,
        "kind": row.part,
        "name": row.name,
        "hub": row.hub,
        "licence": row.licence,
        "download_bytes": row.download_bytes,
        "terms": list(row.terms),
        "path": str(where) if where else "",
    }


def _show(arguments: argparse.Namespace, show: Show) -> int:
    if cli_built_in.tell(arguments.model, show):
        return 0
    row = catalog_rows.find(arguments.model)
    network = control_rows.find(arguments.model)
    if row is None and network is not None:
        return cli_networks.show_row(network, show)
    if row is None:
        if cli_styles.show_adapter(arguments.model, show):
            return 0
        known = downloadable.find(arguments.model)
        return _show_beside(known, show) if known is not None else _show_path(arguments.model, show)
    where = model_store.find(row.hub, file=row.file)
    lacking = _lacking()
    show.data(described(row) | {"path": str(where) if where else ""})
    lines = {
        "Name": row.name,
        "Hub": f"https://huggingface.co/{row.hub}",
        "Commit": (model_store.commit_of(where) if where else row.revision) or "the newest when it is downloaded",
        "On disk": str(where) if where else f"no; about {row.download_bytes / 1e9:.1f} GB to download",
        "Licence": f"{row.licence} ({COMMERCIAL[row.commercial]})",
        "Text encoder": row.text_encoder,
        "Prompts in": ", ".join(_LANGUAGES.get(name, name) for name in row.languages),
        "Can do": ", ".join(
            (["text to image"] if row.text_to_image else []) + [_words(name) for name in row.abilities]
        ),
        "Suits it": f"{row.steps} steps, guidance {row.guidance:g}, {row.size} pixels",
        "Memory": ", ".join(_memory(row, name) for name in catalog_rows.PRECISIONS if name not in lacking),
        "Graphics card": f"{row.least_bytes / 1e9:.0f} GB and more, with main memory for the rest",
    }
    few = [_memory(row, name) for name in lacking]
    fewer = f"In {', '.join(few)}, on NVIDIA graphics cards after: {extras.COMMAND}" if few else ""
    show.facts(lines, (row.note, fewer, *row.terms))
    return 0


def _show_beside(row: CatalogRow, show: Show) -> int:
    where = downloadable.on_disk(row)
    show.data(_beside(row))
    lines = {
        "Name": row.name,
        "Hub": f"https://huggingface.co/{row.hub}",
        "On disk": str(where) if where else f"no; about {_size(row.download_bytes)} to download",
        "Licence": f"{row.licence} ({COMMERCIAL[row.commercial]})",
    }
    show.facts(lines, (row.note, *row.terms))
    return 0


def _show_path(model: str, show: Show) -> int:
    path = _path(model)
    if path.is_file():
        file = identify(path)
        show.data({"path": str(path), "kind": file.kind, "family": file.family, "bytes": file.bytes})
        show.line(f"{path.name}: {_words(file.kind)}" + (f" of the family {file.family}" if file.family else ""))
        show.line(f"{len(file.shapes)} tensors, {file.bytes / 1e9:.2f} GB")
        return 0
    hub = model_store.hub_of(path)
    size = sum(file.stat().st_size for file in path.rglob("*.safetensors"))
    show.data({"path": str(path), "hub": hub, "bytes": size})
    show.line(f"{path}" + (f" ({hub})" if hub else ""))
    show.line(f"weights {size / 1e9:.2f} GB")
    return 0


def _download(arguments: argparse.Namespace, show: Show) -> int:
    wanted, commit = catalog_rows.pinned(arguments.model)
    row = downloadable.find(wanted)
    terms = row.terms if row is not None else ()
    for text in terms:
        show.say(text)
    hub = Hub.from_settings()
    name = row.hub if row is not None else wanted
    what = download_plan.plan(
        hub,
        name,
        row=row,
        revision=arguments.revision or commit,
        root=arguments.to,
        configuration_only=arguments.configuration,
    )
    if row is None:
        terms = catalog_rows.unknown_terms(name, licence=what.listing.licence, gated=what.listing.gated)
        for text in terms:
            show.say(text)
    show.data(
        {
            "type": "plan", "hub": name, "revision": what.listing.revision, "folder": str(what.folder),
            "bytes": what.bytes, "missing_bytes": what.missing_bytes, "terms": list(terms),
            "gated": what.listing.gated or (row is not None and row.gated == "yes"),
        }
    )  # fmt: skip
    show.line(
        f"{name}, revision {what.listing.revision[:10]}: {_size(what.bytes)}, {_size(what.missing_bytes)} to load"
    )
    show.line(f"into {what.folder}")
    if arguments.dry_run:
        return 0
    if terms and what.missing and not arguments.yes:
        _ask(row.name if row is not None else name)
    control = Control()
    _run(hub, what, control, show)
    show.end_bar()
    show.data({"type": "downloaded", "hub": name, "folder": str(what.folder)})
    show.line("Done.")
    if row is not None and row.base and model_store.find(_base(row).hub) is None:
        show.line(f"It also needs {_base(row).name}: texloom models download {row.base}")
    cli_styles.tell_encoder(wanted, show)
    if row is not None and row.part == "map_model":
        show.line(f"Name {what.folder} in the setting map_models, or in TEXLOOM_MAP_MODELS, to have it see maps.")
    return 0


def _run(hub: Hub, what: download_plan.DownloadPlan, control: Control, show: Show) -> None:
    """In a thread of its own, so that Ctrl+C, which only the main thread hears, ends it cleanly."""
    result: list[BaseException] = []

    def work() -> None:
        try:
            downloads.download(hub, what, lambda progress: _progress(progress, show), control)
        except BaseException as error:  # noqa: BLE001 - handed to the main thread
            result.append(error)

    thread = threading.Thread(target=work, name="texloom-models")
    before = signal.getsignal(signal.SIGTERM)
    main = threading.current_thread() is threading.main_thread()
    if main:
        signal.signal(signal.SIGTERM, lambda *_: control.cancel())
    try:
        thread.start()
        while thread.is_alive():
            thread.join(0.2)
    except KeyboardInterrupt:
        control.cancel()
        thread.join()
        raise
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)
    if result:
        raise result[0]


def _progress(progress: DownloadProgress, show: Show) -> None:
    detail = f"{_size(progress.done)} of {_size(progress.total)}"
    if progress.comparing is not None:
        detail += f", comparing {Path(progress.file).name}, {progress.comparing * 100:.0f} %"
    elif progress.waiting:
        detail += f", waiting for {progress.waiting}"
    elif progress.speed:
        detail += f", {progress.speed / 1e6:.1f} MB/s"
        left = progress.seconds_left
        if left is not None and left >= 1:
            detail += time.strftime(", %H:%M:%S left", time.gmtime(left))
    show.download(progress.fraction, progress.done, progress.total, detail)


def _ask(name: str) -> None:
    if not sys.stdin.isatty():
        raise CancelledError(f"Not downloaded: give --yes to accept the terms of {name}.")
    sys.stderr.write("Download it? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CancelledError("Not downloaded.")


def _check(arguments: argparse.Namespace, show: Show) -> int:
    if cli_built_in.check(arguments.model, show):
        return 0
    row = downloadable.find(arguments.model)
    path = downloadable.on_disk(row) if row is not None else _path(arguments.model)
    if path is None:
        raise ModelNotFoundError(f"{arguments.model} is not on this machine.")
    if path.is_file():
        file = identify(path)
        show.data({"path": str(path), "ok": True, "kind": file.kind})
        show.line(f"{path.name} is sound as far as its header tells.")
        return 0
    if not (path / model_store.RECORD).is_file():
        raise StorageError(
            f"{path} was not downloaded by Texloom, so there is nothing to compare it with.",
            advice="Its weights are checked when it is loaded.",
        )
    wrong = download_plan.verify(path, lambda part: show.download(part, 0, 0, "comparing"))
    show.end_bar()
    show.data({"path": str(path), "ok": not wrong, "wrong": list(wrong)})
    for name in wrong:
        show.line(f"missing or changed: {name}")
    if not wrong:
        show.line(f"{path} is as the hub promised.")
        return 0
    download_plan.doubt(path, wrong)
    show.line(f"Start its download again to repair it: {_repair(path)}")
    return EXIT_FAILED


def _repair(path: Path) -> str:
    """The command that loads what is wrong in a downloaded model's folder, and nothing else."""
    hub, commit = model_store.hub_of(path), model_store.commit_of(path)
    command = f"texloom models download {hub}" + (f"@{commit}" if commit else "")
    if path.absolute() != model_store.folder_for(hub, model_store.download_folder()).absolute():
        command += f' --to "{path.absolute().parent}"'
    return command


def _path(model: str) -> Path:
    path = Path(model).expanduser()
    if path.exists():
        return path
    found = (model_store.find(model) or control_rows.on_disk(model)) if catalog_rows.is_hub_id(model) else None
    if found is None:
        raise ModelNotFoundError(f"There is no model, folder or file {model!r}.", advice="See: texloom models")
    return found


def _base(row: CatalogRow) -> CatalogRow:
    base = catalog_rows.find(row.base)
    assert base is not None
    return base


def _memory(row: CatalogRow, precision: str) -> str:
    return f"{precision} {row.memory_bytes(precision) / 1e9:.0f} GB"


def _lacking() -> dict[str, str]:
    """Precisions that the engine cannot keep weights in, and the package that it lacks for each."""
    python = environment.find_python()
    return {
        precision: package
        for precision, package in catalog_rows.PRECISION_NEEDS.items()
        if extras.has_package(python, package) is False
    }


def _words(name: str) -> str:
    return name.replace("_", " ")


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 10**8 else f"{count / 1e6:.2f} MB"
