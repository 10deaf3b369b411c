# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads against a hub on this machine that breaks connections, lies about sizes and sends wrong bytes."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import texloom
from hub_server import REVISION, Behaviour, HubServer
from texloom import model_store
from texloom.catalog_rows import CatalogRow, find
from texloom.errors import CancelledError, DownloadError, StorageError
from texloom.runtime import downloads
from texloom.runtime.download_plan import DownloadPlan, plan, select, verify
from texloom.runtime.downloads import Control, DownloadProgress, download
from texloom.runtime.hub import Hub, RemoteFile, safe_name

BIG = "unet/diffusion_pytorch_model.safetensors"
FILES = {
    "model_index.json": b'{"_class_name": "StableDiffusionPipeline"}',
    BIG: random.Random(1).randbytes(400_000),
    "vae/diffusion_pytorch_model.safetensors": random.Random(2).randbytes(150_000),
    "unet/config.json": b"{}",
    "tokenizer/merges.txt": b"#version: 0.2\n",
    "tokenizer_2/merges.txt": b"#version: 0.2\n",
    "README.md": b"---\nlicense: mit\n---\n",
    ".gitattributes": b"*.safetensors filter=lfs\n",
    "unet/diffusion_pytorch_model.bin": b"\x80\x04pickle",
    "v1-5-pruned.safetensors": b"a copy in one file",
    "safety_checker/model.safetensors": b"never loaded",
}
WANTED = set(FILES) - {
    ".gitattributes",
    "unet/diffusion_pytorch_model.bin",
    "v1-5-pruned.safetensors",
    "safety_checker/model.safetensors",
}


class Site(NamedTuple):
    behaviour: Behaviour
    hub: Hub
    root: Path

    def plan(self, **options: Any) -> DownloadPlan:
        return plan(self.hub, "owner/model", root=self.root, **options)

    def download(self, tell: Callable[[DownloadProgress], None] = lambda progress: None, **options: Any) -> Path:
        return download(self.hub, self.plan(), tell, **options)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    behaviour = Behaviour(dict(FILES))
    with HubServer(behaviour) as server:
        yield Site(behaviour, Hub(endpoint=server.endpoint, timeout=5.0), tmp_path / "models")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_WAIT_LIMIT", 0.01)


def _there(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).as_posix().startswith(".texloom")
    }


def _whole(folder: Path) -> bool:
    return _there(folder) == {name: FILES[name] for name in WANTED}


class TestPlan:
    def test_size_is_known_before(self, site: Site) -> None:
        found = site.plan()
        assert {file.name for file in found.files} == WANTED
        assert found.bytes == sum(len(FILES[name]) for name in WANTED)
        # The same vocabulary in two places is loaded once.
        assert found.missing_bytes == found.bytes - len(FILES["tokenizer/merges.txt"])
        assert found.listing.revision == REVISION
        assert not site.root.exists()
        # Asked for are the list, and the index for the names of the parts.
        assert [path.rpartition("/")[2] for path in site.behaviour.seen] == ["main", "model_index.json"]

    def test_only_configurations(self, site: Site) -> None:
        found = site.plan(configuration_only=True)
        assert {file.name for file in found.files} == {name for name in WANTED if not name.endswith(".safetensors")}
        folder = download(site.hub, found)
        # Without weights it is no model.
        assert not model_store.is_model(folder)

    @pytest.mark.parametrize(
        ("more", "licence"),
        [
            ({}, ""),
            ({"tags": ["license:mit"]}, "mit"),
            ({"cardData": {"license": "other", "license_name": "flux-1-dev"}, "tags": ["license:other"]}, "flux-1-dev"),
            ({"cardData": [], "tags": "license:mit"}, ""),
            ({"cardData": {"license": ["a", "b"]}, "tags": [3]}, ""),
            ({"tags": ["license:" + "x y\n" * 100]}, " ".join(["x y"] * 100)[:80]),
        ],
    )
    def test_gate_and_licence_as_the_hub_tells_them(self, more: dict[str, Any], licence: str, site: Site) -> None:
        said = {"sha": REVISION, "siblings": [], "gated": "manual"} | more
        site.behaviour.listing = json.dumps(said).encode()
        listing = site.hub.list("owner/model")
        assert listing.gated and listing.licence == licence

    def test_a_row_names_its_files(self, site: Site) -> None:
        row = find("sdxl-lightning")
        assert row is not None
        row = CatalogRow(**{name: getattr(row, name) for name in row.__slots__} | {"only": ("v1-5-*", "README.md")})
        assert {file.name for file in site.plan(row=row).files} == {"v1-5-pruned.safetensors", "README.md"}

    def test_half_precision_is_taken_where_every_part_has_it(self) -> None:
        names = [f"{part}/model{tag}.safetensors" for part in ("unet", "vae") for tag in ("", ".fp16")]
        files = [RemoteFile(name=name, size=1, sha256="0" * 64) for name in ["model_index.json", *names]]
        assert {file.name for file in select(files)} == {
            "model_index.json",
            "unet/model.fp16.safetensors",
            "vae/model.fp16.safetensors",
        }
        assert {file.name for file in select(files[:-1])} == {
            "model_index.json",
            "unet/model.safetensors",
            "vae/model.safetensors",
        }
        shards = [
            RemoteFile(name=f"unet/model{tag}-0000{n}-of-00002.safetensors", size=1, sha256="0" * 64)
            for tag in ("", ".fp16")
            for n in (1, 2)
        ]
        assert [file.name for file in select(shards)] == [file.name for file in shards[2:]]

    def test_pickles_are_no_model(self, site: Site) -> None:
        site.behaviour.files = {"model_index.json": b"{}", "unet/model.bin": b"\x80\x04"}
        with pytest.raises(DownloadError, match="pickle files"):
            site.plan()

    @pytest.mark.parametrize(
        "name",
        ["../evil", "/etc/passwd", "a/../../b", "a\\b", "C:/x", "a//b", "", "a/.", "nul\0", "trailing. ", "x" * 500],
    )
    def test_names_that_would_leave_the_folder(self, name: str, site: Site) -> None:
        assert not safe_name(name)
        entry = {"rfilename": name, "size": 1, "blobId": "0" * 40}
        site.behaviour.listing = json.dumps({"sha": REVISION, "siblings": [entry]}).encode()
        with pytest.raises(DownloadError, match="no sensible answer"):
            site.plan()

    @pytest.mark.parametrize(
        "listing",
        [b"<html>", b"[]", b"{}", b'{"sha": "main", "siblings": []}', b'{"sha": "%s", "siblings": [{}]}',
         b'{"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": "a", "size": -1}]}',
         b'{"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": "a", "size": 1}]}'],
    )  # fmt: skip
    def test_nonsense_from_the_hub(self, listing: bytes, site: Site) -> None:
        site.behaviour.listing = listing
        with pytest.raises(DownloadError, match="no sensible answer"):
            site.plan()


class TestLoading:
    def test_all_of_it(self, site: Site) -> None:
        told: list[DownloadProgress] = []
        folder = site.download(told.append)
        assert folder == site.root / "owner--model" and _whole(folder)
        assert model_store.is_model(folder) and model_store.hub_of(folder) == "owner/model"
        assert told[-1].fraction == 1.0 and told[-1].done == told[-1].total
        assert [item.done for item in told] == sorted(item.done for item in told)
        assert verify(folder) == ()
        assert (
            site.behaviour.seen[f"/owner/model/resolve/{REVISION}/tokenizer_2/merges.txt"]
            + (site.behaviour.seen[f"/owner/model/resolve/{REVISION}/tokenizer/merges.txt"])
            == 1
        )
        # What is there is not loaded again.
        before = sum(site.behaviour.seen.values())
        assert site.plan().missing == ()
        site.download()
        assert sum(site.behaviour.seen.values()) == before + 2

    def test_at_most_four_connections(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        site.behaviour.files |= {f"text_encoder/model-{n}-of-9.safetensors": bytes([n]) * 40_000 for n in range(9)}
        site.behaviour.delay = 0.01
        running, most = set(), []
        transfer = downloads._Download._transfer

        def counted(self: Any, file: RemoteFile, aside: Path) -> None:
            running.add(file.name)
            most.append(len(running))
            try:
                transfer(self, file, aside)
            finally:
                running.discard(file.name)

        monkeypatch.setattr(downloads._Download, "_transfer", counted)
        site.download(connections=50)
        assert 2 <= max(most) <= 4

    @pytest.mark.parametrize("breaks", [1, 5])
    def test_broken_connections_go_on_where_they_broke(self, breaks: int, site: Site) -> None:
        site.behaviour.break_after, site.behaviour.breaks = 60_000, breaks
        assert _whole(site.download(connections=1))
        assert "bytes=60000-" in site.behaviour.ranges

    def test_a_connection_that_always_breaks_ends(self, site: Site) -> None:
        site.behaviour.break_after, site.behaviour.breaks = 1, -1
        site.behaviour.no_ranges = True
        with pytest.raises(DownloadError, match="cannot be loaded"):
            site.download()
        assert not model_store.is_model(site.root / "owner--model")

    def test_a_server_without_ranges_starts_again(self, site: Site) -> None:
        site.behaviour.no_ranges = True
        site.behaviour.break_after, site.behaviour.breaks = 60_000, 2
        told: list[DownloadProgress] = []
        assert _whole(site.download(told.append, connections=1))
        assert told[-1].done == told[-1].total

    def test_a_server_that_goes_on_elsewhere(self, site: Site) -> None:
        site.behaviour.wrong_range = True
        site.behaviour.break_after, site.behaviour.breaks = 60_000, 1
        with pytest.raises(DownloadError, match="another place"):
            site.download()

    @pytest.mark.parametrize("statuses", [[503], [429, 500, 502]])
    def test_a_busy_server_is_asked_again(self, statuses: list[int], site: Site) -> None:
        what = site.plan()
        site.behaviour.status = statuses
        assert _whole(download(site.hub, what))

    def test_a_clear_no_is_not_asked_again(self, site: Site) -> None:
        what = site.plan()
        site.behaviour.status = [418] * 50
        with pytest.raises(DownloadError, match="cannot be loaded"):
            download(site.hub, what, connections=1)
        assert len(site.behaviour.status) == 49

    def test_wrong_bytes(self, site: Site) -> None:
        site.behaviour.wrong_bytes = {BIG}
        with pytest.raises(DownloadError, match="hash is another"):
            site.download()
        assert not (site.root / "owner--model" / BIG).exists()

    def test_a_damaged_part_is_loaded_anew(self, site: Site) -> None:
        what = site.plan()
        file = next(file for file in what.files if file.name == BIG)
        part = what.folder / model_store.PARTIAL / file.key
        part.parent.mkdir(parents=True)
        part.write_bytes(b"x" * 100_000)
        told: list[DownloadProgress] = []
        assert _whole(site.download(told.append))
        assert "bytes=100000-" in site.behaviour.ranges
        assert told[-1].done == told[-1].total
        # Longer than the whole file.
        shutil.rmtree(what.folder)
        part.parent.mkdir(parents=True)
        part.write_bytes(b"x" * 500_000)
        assert _whole(site.download())

    @pytest.mark.parametrize("length", [10, 500_000])
    def test_a_server_that_lies_about_a_length(self, length: int, site: Site) -> None:
        site.behaviour.wrong_length = {BIG: length}
        with pytest.raises(DownloadError, match="the server offers"):
            site.download()

    def test_a_list_that_lies_about_a_size(self, site: Site) -> None:
        site.behaviour.chunked = True
        site.behaviour.listed_size = {BIG: 300_000}
        with pytest.raises(DownloadError, match="longer than"):
            site.download()
        site.behaviour.listed_size = {BIG: 500_000}
        with pytest.raises(DownloadError):
            site.download()

    def test_without_lengths(self, site: Site) -> None:
        site.behaviour.chunked = True
        assert _whole(site.download())

    def test_no_room(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        usage = shutil.disk_usage("/")
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
        with pytest.raises(StorageError, match="GB free"):
            site.download()
        assert not any(path.endswith(BIG) for path in site.behaviour.seen)

    def test_a_newer_revision_replaces_the_old_one_at_once(self, site: Site) -> None:
        folder = site.download()
        site.behaviour.files = FILES | {BIG: b"new" * 1000, "unet/extra.json": b"{}"}
        del site.behaviour.files["README.md"]
        site.behaviour.wrong_bytes = {BIG}
        with pytest.raises(DownloadError):
            site.download()
        assert _whole(folder)  # the old one, untouched
        site.behaviour.wrong_bytes = set()
        site.download()
        assert (folder / BIG).read_bytes() == b"new" * 1000
        assert not (folder / "README.md").exists()
        assert verify(folder) == ()

    def test_check_finds_what_was_changed(self, site: Site) -> None:
        folder = site.download()
        (folder / "unet" / "config.json").write_bytes(b"[]")
        (folder / "README.md").unlink()
        assert verify(folder) == ("README.md", "unet/config.json")
        assert _whole(site.download()) is False  # the record vouches for all that has its size
        (folder / model_store.RECORD).unlink()
        assert _whole(site.download())


class TestStopping:
    def test_cancel_and_go_on(self, site: Site) -> None:
        control = Control()

        def tell(progress: DownloadProgress) -> None:
            if progress.done > 100_000:
                control.cancel()

        site.behaviour.delay = 0.005
        with pytest.raises(CancelledError):
            site.download(tell, control=control, connections=1)
        folder = site.root / "owner--model"
        assert not model_store.is_model(folder)
        assert 0 < site.plan().missing_bytes < site.plan().bytes
        assert _whole(site.download())
        assert any(asked.startswith("bytes=") for asked in site.behaviour.ranges)

    def test_pause_and_resume(self, site: Site) -> None:
        control = Control()
        reached = threading.Event()
        amounts: list[int] = []

        def tell(progress: DownloadProgress) -> None:
            amounts.append(progress.done)
            if progress.done > 60_000 and not reached.is_set():
                control.pause()
                reached.set()

        site.behaviour.delay = 0.005
        worker = threading.Thread(target=lambda: site.download(tell, control=control))
        worker.start()
        assert reached.wait(10)
        assert control.paused
        deadline = time.monotonic() + 5
        still = -1
        while still != len(amounts) and time.monotonic() < deadline:
            still = len(amounts)
            time.sleep(0.1)
        time.sleep(0.2)
        assert len(amounts) == still and worker.is_alive()
        control.resume()
        worker.join(20)
        assert not worker.is_alive() and _whole(site.root / "owner--model")

    def test_a_listener_that_raises_ends_it(self, site: Site) -> None:
        def tell(progress: DownloadProgress) -> None:
            if progress.done > 1000:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            site.download(tell)

    def test_two_processes_at_once(self, site: Site) -> None:
        """Both end well, and every file was loaded once."""
        site.behaviour.delay = 0.02
        program = (
            "import sys; from pathlib import Path; from texloom.runtime.downloads import download; "
            "from texloom.runtime.download_plan import plan; from texloom.runtime.hub import Hub; "
            "hub = Hub(endpoint=sys.argv[1]); "
            "download(hub, plan(hub, 'owner/model', root=Path(sys.argv[2])))"
        )
        command = [sys.executable, "-c", program, site.hub.endpoint, str(site.root)]
        environment = {"PYTHONPATH": str(Path(texloom.__file__).parents[1]), "HOME": str(site.root.parent)}
        runs = [subprocess.Popen(command, env=environment) for _ in range(2)]
        assert [run.wait(60) for run in runs] == [0, 0]
        assert _whole(site.root / "owner--model")
        loaded = {name: n for name, n in site.behaviour.seen.items() if "resolve" in name and "model_index" not in name}
        assert set(loaded.values()) == {1}
