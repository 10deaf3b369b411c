# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads against a hub on this machine that breaks connections, lies about sizes and sends wrong bytes."""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import texloom
from hub_server import REVISION, Behaviour, HubServer
from texloom import model_store, settings
from texloom.catalog_rows import CatalogRow, find
from texloom.errors import CancelledError, DownloadError, ModelNotFoundError, OfflineError, StorageError
from texloom.runtime import downloads
from texloom.runtime.download_plan import DownloadPlan, plan, select, verify
from texloom.runtime.downloads import Control, DownloadProgress, download
from texloom.runtime.hub import Hub, RemoteFile, _SafeRedirects, safe_name

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
        assert sum(site.behaviour.seen.values()) == 1

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
        assert sum(site.behaviour.seen.values()) == 1  # the list

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
        loaded = {name: n for name, n in site.behaviour.seen.items() if "resolve" in name}
        assert set(loaded.values()) == {1}


class TestAccess:
    def test_offline_asks_nobody(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEXLOOM_OFFLINE", "1")
        monkeypatch.setenv("HF_ENDPOINT", site.hub.endpoint)
        with pytest.raises(OfflineError, match="network may not be used"):
            plan(Hub.from_settings(), "owner/model")
        assert not site.behaviour.seen

    def test_nobody_there(self, tmp_path: Path) -> None:
        with pytest.raises(OfflineError, match="cannot be reached"):
            plan(Hub(endpoint="http://127.0.0.1:9", timeout=2.0), "owner/model", root=tmp_path)

    def test_tokens(self, site: Site) -> None:
        site.behaviour.token = "hf_secret"
        with pytest.raises(ModelNotFoundError, match="does not give") as refused:
            site.plan()
        assert "accept its terms" in str(refused.value)
        hub = Hub(endpoint=site.hub.endpoint, token="hf_secret")
        assert "hf_secret" not in repr(hub)
        assert _whole(download(hub, plan(hub, "owner/model", root=site.root)))
        record = (site.root / "owner--model" / model_store.RECORD).read_text()
        assert "hf_secret" not in record

    def test_the_token_stays_with_the_hub(self, site: Site) -> None:
        """Large files come from elsewhere by a redirect, as the hub does it."""
        storage = Behaviour(dict(FILES))
        with HubServer(storage) as other:
            site.behaviour.elsewhere = other.endpoint.replace("127.0.0.1", "localhost")
            site.behaviour.token = "hf_secret"
            storage.break_after, storage.breaks = 60_000, 2
            hub = Hub(endpoint=site.hub.endpoint, token="hf_secret")
            assert _whole(download(hub, plan(hub, "owner/model", root=site.root)))
        assert set(storage.tokens) == {""}
        assert any(storage.ranges)
        assert set(site.behaviour.tokens) == {"Bearer hf_secret"}

    def test_the_token_goes_along_within_the_hub(self, site: Site) -> None:
        """Small files and models that were renamed are sent on to other addresses of the same host."""
        site.behaviour.cached = site.behaviour.renamed = True
        site.behaviour.token = "hf_secret"
        hub = Hub(endpoint=site.hub.endpoint, token="hf_secret")
        assert _whole(download(hub, plan(hub, "owner/old", root=site.root)))
        assert site.behaviour.seen["/api/resolve-cache/unet/config.json"] == 1
        assert set(site.behaviour.tokens) == {"Bearer hf_secret"}

    def test_the_token_does_not_come_back_from_elsewhere(self, site: Site) -> None:
        """A host that it was not sent to may not ask for it by sending on to the hub."""
        storage = Behaviour(dict(FILES), elsewhere=site.hub.endpoint)
        with HubServer(storage) as other:
            site.behaviour.elsewhere = f"{other.endpoint}/owner/model/resolve/{REVISION}/unet/config.json?"
            hub = Hub(endpoint=site.hub.endpoint, token="hf_secret")
            with hub.open(hub.list("owner/model"), plan(hub, "owner/model", root=site.root).files[0]) as answer:
                assert answer.status == 200
        assert storage.tokens == [""]
        assert site.behaviour.tokens[-1] == "" and "Bearer hf_secret" in site.behaviour.tokens

    @pytest.mark.parametrize(
        ("start", "target", "kept"),
        [
            ("https://hub.example/a", "https://hub.example/b", True),
            ("https://hub.example/a", "https://HUB.example:443/b", True),
            ("https://hub.example/a", "https://hub.example:8443/b", False),
            ("https://hub.example/a", "https://cdn.hub.example/b", False),
            ("https://hub.example/a", "https://hub.example@evil.example/b", False),
            ("http://hub.example/a", "https://hub.example/b", False),
            ("http://hub.example/a", "http://hub.example/b", True),
            ("http://hub.example:8000/a", "http://hub.example:8001/b", False),
            ("https://hub.example/a", "https://hub.example:x/b", False),
        ],
    )
    def test_where_the_token_goes(self, start: str, target: str, kept: bool) -> None:
        request = urllib.request.Request(start)
        request.add_unredirected_header("Authorization", "Bearer hf_secret")
        new = _SafeRedirects().redirect_request(request, io.BytesIO(), 302, "Found", Message(), target)
        assert new is not None and (new.get_header("Authorization") == "Bearer hf_secret") is kept

    def test_no_token_to_an_unencrypted_address(self) -> None:
        request = urllib.request.Request("https://hub.example/a")
        request.add_unredirected_header("Authorization", "Bearer hf_secret")
        with pytest.raises(urllib.error.HTTPError, match="unencrypted"):
            _SafeRedirects().redirect_request(request, io.BytesIO(), 302, "Found", Message(), "http://hub.example/b")

    def test_unknown_models(self, site: Site) -> None:
        with pytest.raises(ModelNotFoundError, match="has no owner/other"):
            plan(site.hub, "owner/other", root=site.root)
        for name in ("model", "owner/../x", "owner/model/x", "https://x/y"):
            with pytest.raises(ModelNotFoundError):
                plan(site.hub, name, root=site.root)

    def test_settings(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HOME", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert Hub.from_settings() == Hub()
        (tmp_path / "login").write_text("hf_login\n")
        monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "login"))
        assert Hub.from_settings().token == "hf_login"
        chosen = settings.Settings(
            hub_endpoint="https://mirror.example/", hub_token="hf_mine", model_folders="/a\n /b \n"
        )
        chosen.save()
        assert settings.load() == chosen and "hf_mine" not in repr(chosen)
        assert settings.settings_path().stat().st_mode & 0o077 == 0
        hub = Hub.from_settings()
        assert (hub.endpoint, hub.token) == ("https://mirror.example", "hf_mine")
        assert model_store.model_folders()[:2] == (Path("/a"), Path("/b"))
        monkeypatch.setenv("HF_ENDPOINT", "http://other")
        assert Hub.from_settings().endpoint == "http://other"
        for bad in ("ftp://x", "hub", "https://user@x", "https://x?y=1"):
            with pytest.raises(DownloadError):
                Hub(endpoint=bad)
