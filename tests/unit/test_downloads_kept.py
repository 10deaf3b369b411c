# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a download stays and what of it is known: parts, configurations alone, full disks, comparing with hashes."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path
from typing import Any

import pytest
from hub_server import HubServer
from test_downloads import BIG, FILES, Site, _there, _whole, quick, site
from texloom import model_store, settings
from texloom.errors import CancelledError, StorageError
from texloom.hash_cache import HashCache
from texloom.runtime import download_plan, downloads
from texloom.runtime.download_plan import plan
from texloom.runtime.downloads import Control, DownloadProgress, download
from texloom.runtime.hub import Hub

__all__ = ["quick", "site"]  # fixtures


def part_of(site: Site, name: str, content: bytes) -> Path:
    """Put what another download has left of a file where its parts grow."""
    what = site.plan()
    file = next(file for file in what.files if file.name == name)
    part = download_plan.aside_path(what.folder, file)
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(content)
    return part


class TestConfigurationAlone:
    def test_parts_of_weights_stay(self, site: Site) -> None:
        part = part_of(site, BIG, FILES[BIG][:100_000])
        stale = part.with_name("0" * 64)
        stale.write_bytes(b"of an older revision")
        download(site.hub, site.plan(configuration_only=True))
        assert part.read_bytes() == FILES[BIG][:100_000] and not stale.exists()
        assert _whole(site.download())
        assert "bytes=100000-" in site.behaviour.ranges

    def test_it_is_no_model_and_goes_whole(self, site: Site) -> None:
        chosen = settings.Settings(model_folders=str(site.root))
        folder = download(site.hub, site.plan(configuration_only=True))
        loaded = _there(folder)
        assert loaded and not model_store.is_model(folder)
        assert model_store.own_folder("owner/model", chosen) == folder
        assert model_store.delete(folder, chosen) == sum(map(len, loaded.values()))
        assert not folder.exists() and model_store.own_folder("owner/model", chosen) is None

    def test_files_of_others_stay_and_make_no_model(self, site: Site) -> None:
        chosen = settings.Settings(model_folders=str(site.root))
        folder = download(site.hub, site.plan(configuration_only=True))
        (folder / "notes.txt").write_text("mine")
        model_store.delete(folder, chosen)
        assert set(_there(folder)) == {"notes.txt"} and not model_store.is_model(folder)

    def test_the_weights_may_follow(self, site: Site) -> None:
        download(site.hub, site.plan(configuration_only=True))
        folder = site.download()
        assert _whole(folder) and model_store.is_model(folder)
        assert not (folder / model_store.CONFIGURATION_RECORD).exists()
        # Nor does a configuration take a whole model back.
        download(site.hub, site.plan(configuration_only=True))
        assert model_store.is_model(folder) and download_plan.verify(folder) == ()


class TestFullDisk:
    @pytest.mark.parametrize("when", ["write", "close"])
    def test_in_the_middle_of_a_file(self, site: Site, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
        class Full:
            """A file on a disk that has room for 100000 bytes of it."""

            def __init__(self, stream: Any) -> None:
                self.stream, self.lost = stream, False

            def write(self, block: bytes) -> None:
                room = max(0, 100_000 - self.stream.tell())
                self.stream.write(block[:room])
                self.lost = self.lost or len(block) > room
                if self.lost and when == "write":
                    raise OSError(errno.ENOSPC, "No space left on device")

            def close(self) -> None:
                self.stream.close()
                if self.lost and when == "close":
                    raise OSError(errno.ENOSPC, "No space left on device")

        opened = downloads._opened
        with monkeypatch.context() as patch:
            patch.setattr(downloads, "_opened", lambda path, start: Full(opened(path, start)))
            with pytest.raises(StorageError, match="No space left on device"):
                site.download(connections=1)
        # It is asked for once: another try would meet the same disk.
        assert max(count for name, count in site.behaviour.seen.items() if "resolve" in name) == 1
        folder = site.root / "owner--model"
        assert not model_store.is_model(folder) and not (folder / BIG).exists()
        assert _whole(site.download())
        assert "bytes=100000-" in site.behaviour.ranges, "what had room is not loaded again"


class TestComparing:
    @pytest.fixture(autouse=True)
    def small_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(download_plan, "BLOCK", 4096)
        monkeypatch.setattr(downloads, "_TELL_SECONDS", 0.0)

    def test_it_is_told(self, site: Site) -> None:
        told: list[DownloadProgress] = []
        site.download(told.append)
        steps = [item.comparing for item in told if item.comparing is not None and item.file == BIG]
        assert len(steps) > 50 and steps == sorted(steps) and steps[-1] == 1.0
        assert any(item.comparing is None for item in told)

    @pytest.mark.parametrize("where", ["part", "place"])
    def test_a_cancel_is_obeyed_at_once(self, site: Site, where: str) -> None:
        """In a part that was left whole, and in a file that no record vouches for."""
        if where == "part":
            part_of(site, BIG, FILES[BIG])
        else:
            (site.download() / model_store.RECORD).unlink()
        what = site.plan()
        control = Control()
        seen: list[float] = []

        def tell(progress: DownloadProgress) -> None:
            if progress.comparing is not None and progress.file == BIG:
                seen.append(progress.comparing)
                control.cancel()

        with pytest.raises(CancelledError):
            download(site.hub, what, tell, control, connections=1)
        assert len(seen) == 1 and seen[0] < 0.1
        assert _whole(site.download())

    def test_the_plan_can_be_stopped_too(self, site: Site) -> None:
        (site.download() / model_store.RECORD).unlink()
        asked: list[int] = []

        def check() -> None:
            asked.append(1)
            raise CancelledError

        with pytest.raises(CancelledError):
            site.plan(check=check)
        assert len(asked) == 1


def test_hashes_are_known_to_whoever_draws(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = site.download()
    cache = HashCache()
    assert cache.find(folder / BIG) == hashlib.sha256(FILES[BIG]).hexdigest()
    assert not cache.find(folder / "README.md"), "the hub gives git's hash of it"
    (folder / BIG).write_bytes(FILES[BIG][:-1] + b"x")
    assert not HashCache().find(folder / BIG)


def test_through_a_mirror_of_the_settings(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE", "TEXLOOM_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    site.behaviour.token = "hf_mine"
    with HubServer(site.behaviour) as mirror:
        settings.Settings(hub_endpoint=mirror.endpoint + "/", hub_token="hf_mine").save()
        hub = Hub.from_settings()
        assert hub.endpoint == mirror.endpoint
        site.behaviour.break_after, site.behaviour.breaks = 60_000, 1
        assert _whole(download(hub, plan(hub, "owner/model", root=site.root), connections=1))
    assert set(site.behaviour.tokens) == {"Bearer hf_mine"} and "bytes=60000-" in site.behaviour.ranges
