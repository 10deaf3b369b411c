# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is asked for models, and who is shown the token."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import pytest
from hub_server import REVISION, Behaviour, HubServer
from test_downloads import FILES, Site, _whole, quick, site
from texloom import model_store, settings
from texloom.errors import DownloadError, ModelNotFoundError, OfflineError
from texloom.runtime.download_plan import plan
from texloom.runtime.downloads import download
from texloom.runtime.hub import Hub, _SafeRedirects

__all__ = ["quick", "site"]  # fixtures


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
            listing = hub.list("owner/model")
            with hub.open(listing, listing.files[0]) as answer:
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
