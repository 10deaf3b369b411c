# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a download stays and what of it is known: parts, configurations alone, full disks, comparing with hashes."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from hub_server import REVISION, HubServer
from test_downloads import BIG, FILES, Site, _there, _whole, quick, site
from texloom import cli, model_store, settings
from texloom.errors import CancelledError, StorageError
from texloom.hash_cache import HashCache
from texloom.runtime import download_plan, downloads
from texloom.runtime.download_plan import plan
from texloom.runtime.downloads import Control, DownloadProgress, download
from texloom.runtime.hub import Hub
from texloom.runtime.lock import FolderLock

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


class TestRepair:
    def test_what_was_found_wrong_is_loaded_anew(self, site: Site) -> None:
        folder = site.download()
        (folder / BIG).write_bytes(FILES[BIG][:-1] + b"x")
        loads = site.behaviour.seen.copy()
        assert site.plan().missing == ()
        wrong = download_plan.verify(folder)
        assert wrong == (BIG,)
        download_plan.doubt(folder, wrong)
        assert model_store.is_model(folder) and model_store.commit_of(folder)
        assert [file.name for file in site.plan().missing] == [BIG]
        assert _whole(site.download()) and download_plan.verify(folder) == ()
        loaded = {name for name, count in site.behaviour.seen.items() if "resolve" in name and count > loads[name]}
        assert {name for name in loaded if "model_index" not in name} == {
            name for name in site.behaviour.seen if name.endswith(BIG)
        }
        # Whole again, the record vouches for all of it.
        (folder / BIG).write_bytes(FILES[BIG][:-1] + b"x")
        assert site.plan().missing == ()

    def test_what_was_right_after_all_is_kept(self, site: Site) -> None:
        folder = site.download()
        download_plan.doubt(folder, [BIG, "no such file"])
        download_plan.doubt(folder, ["README.md"])
        (folder / BIG).write_bytes(FILES[BIG][:-1] + b"x")
        assert [file.name for file in site.plan().missing] == [BIG]
        (folder / BIG).write_bytes(FILES[BIG])
        assert site.plan().missing == ()

    def test_they_can_be_deleted_still(self, site: Site) -> None:
        chosen = settings.Settings(model_folders=str(site.root))
        folder = site.download()
        download_plan.doubt(folder, [BIG])
        model_store.delete(folder, chosen)
        assert not folder.exists()

    def test_not_while_it_is_downloaded(self, site: Site) -> None:
        folder = site.download()
        lock = FolderLock(folder / model_store.PARTIAL / "lock")
        assert lock.take()
        with pytest.raises(StorageError, match="being downloaded now"):
            download_plan.doubt(folder, [BIG])
        lock.free()
        download_plan.doubt(folder, [BIG])

    def test_by_the_command(
        self, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """In a model folder that is not the first one, and of a commit: the command that is told repairs it there."""
        for name in ("TEXLOOM_OFFLINE", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HF_ENDPOINT", site.hub.endpoint)
        first = site.root.parent / "first"
        monkeypatch.setenv("TEXLOOM_MODELS", os.pathsep.join(map(str, (first, site.root))))
        folder = site.download()
        (folder / BIG).write_bytes(FILES[BIG][:-1] + b"x")
        assert cli.main(["models", "check", "owner/model"]) == 1
        said = capsys.readouterr().out
        assert BIG in said
        command = said.rpartition("repair it: ")[2].split()
        assert command[:4] == ["texloom", "models", "download", f"owner/model@{REVISION}"]
        assert cli.main([*(word.strip('"') for word in command[1:]), "--yes"]) == 0
        assert cli.main(["models", "check", "owner/model"]) == 0
        assert _whole(folder) and not first.exists()


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
