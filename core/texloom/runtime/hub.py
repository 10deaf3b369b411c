# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask huggingface.co, or a mirror of it, what a model consists of, and open its files.

Written on the hub's HTTP interface instead of with huggingface_hub: that is not part of Blender's Python, draws its
progress itself, and can neither pause nor check for room on the disk nor say what a server sent instead of a file.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import IO, Any, Final

from .. import __version__, settings
from ..catalog_rows import is_hub_id
from ..errors import DownloadError, ModelNotFoundError, OfflineError

ENDPOINT: Final = "https://huggingface.co"
TIMEOUT: Final = 30.0
_READS: Final = 3
_PORTS: Final = {"http": 80, "https": 443}
_LISTING_LIMIT: Final = 32 * 1024 * 1024
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SHA1: Final = re.compile(r"[0-9a-f]{40}")
_REVISION: Final = re.compile(r"[\w][\w./-]{0,127}")
_NAME: Final = re.compile(r"[^/\\:*?\"<>|\x00-\x1f]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteFile:
    """One file of a model: its path with ``/``, its size, and the hash that it must have.

    ``sha256`` is of the content; files that the hub keeps in git itself have ``git_sha1``, git's name of a blob.
    """

    name: str
    size: int
    sha256: str = ""
    git_sha1: str = ""

    @property
    def key(self) -> str:
        """What tells this content from any other."""
        return self.sha256 or self.git_sha1

    def digest(self) -> hashlib._Hash:
        """A hash to put the content into, which then gives :attr:`key`."""
        if self.sha256:
            return hashlib.sha256()
        return hashlib.sha1(f"blob {self.size}\0".encode(), usedforsecurity=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What a model consists of at one revision.

    ``gated`` says that its makers ask to accept their terms first, ``licence`` what its page names; empty for nothing.
    """

    hub: str
    revision: str
    files: tuple[RemoteFile, ...]
    gated: bool
    licence: str = ""


@dataclass(frozen=True, kw_only=True)
class Hub:
    """Where models come from.

    Args:
        endpoint: huggingface.co or a mirror of it.
        token: access token; sent to the endpoint's own host only, and never written anywhere.
        online: whether the network may be used.
        timeout: seconds without an answer until a connection counts as broken.
    """

    endpoint: str = ENDPOINT
    token: str = field(default="", repr=False)
    online: bool = True
    timeout: float = TIMEOUT

    def __post_init__(self) -> None:
        parts = urllib.parse.urlsplit(self.endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise DownloadError(
                f"{self.endpoint!r} is no address of a hub.", advice="Write it like https://huggingface.co."
            )

    @classmethod
    def from_settings(cls, *, online: bool | None = None) -> Hub:
        """As the user has set: ``HF_ENDPOINT`` and ``HF_TOKEN`` first, then the settings, then Hugging Face's login.

        ``online`` None asks ``TEXLOOM_OFFLINE`` and ``HF_HUB_OFFLINE``.

        Raises:
            StorageError: the settings are damaged.  DownloadError: the endpoint is no address.
        """
        chosen = settings.load()
        endpoint = os.environ.get("HF_ENDPOINT") or chosen.hub_endpoint or ENDPOINT
        token = os.environ.get("HF_TOKEN") or chosen.hub_token or _saved_token()
        if online is None:
            online = not any(
                os.environ.get(name, "") not in ("", "0") for name in ("TEXLOOM_OFFLINE", "HF_HUB_OFFLINE")
            )
        return cls(endpoint=endpoint.rstrip("/"), token=token.strip(), online=online)

    def list(self, hub: str, revision: str = "") -> Listing:
        """What the model consists of; ``revision`` empty is the newest.

        Raises:
            ModelNotFoundError: the hub has no such model or revision, or does not show it to you.
            OfflineError: the network may not be used, or cannot be reached.
            DownloadError: the hub's answer makes no sense.
        """
        if not is_hub_id(hub) or (revision and not _REVISION.fullmatch(revision)):
            raise ModelNotFoundError(f"{hub!r} is no hub id.", advice="Write it like owner/name.")
        where = f"/api/models/{hub}/revision/{urllib.parse.quote(revision or 'main', safe='')}?blobs=true"
        with self._request(where, hub) as answer:
            text = answer.read(_LISTING_LIMIT + 1)
        try:
            data = json.loads(text)
            commit = str(data["sha"])
            files = tuple(_file(entry) for entry in data["siblings"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._nonsense(f"its list of {hub} cannot be read") from error
        if not _SHA1.fullmatch(commit):
            raise self._nonsense(f"it gave {commit[:40]!r} as revision of {hub}")
        gated = bool(data.get("gated"))
        return Listing(hub=hub, revision=commit, files=files, gated=gated, licence=_licence(data))

    def open(self, listing: Listing, file: RemoteFile, start: int = 0) -> http.client.HTTPResponse:
        """Open a file at ``start``; look at ``status`` for whether the server honoured that (206) or not (200).

        Raises:
            As :meth:`list`; also ``OSError`` and ``http.client.HTTPException`` for broken connections, and
            ``urllib.error.HTTPError`` for other answers than these.
        """
        where = f"/{listing.hub}/resolve/{listing.revision}/{urllib.parse.quote(file.name)}"
        return self._request(where, listing.hub, {"Range": f"bytes={start}-"} if start else {}, plain_errors=True)

    def read(self, listing: Listing, file: RemoteFile) -> bytes:
        """The content of a small file; asked for again when the connection breaks.

        Raises:
            As :meth:`list`; DownloadError: it cannot be loaded, or is not what the list promised.
        """
        for _ in range(_READS):
            try:
                with self.open(listing, file) as answer:
                    data = answer.read(file.size + 1)
            except (OSError, http.client.HTTPException) as error:
                failed: Exception = error
                if isinstance(error, urllib.error.HTTPError) and error.code < 500:
                    break
                continue
            if len(data) < file.size:
                failed = http.client.HTTPException("the connection ended early")
                continue
            digest = file.digest()
            digest.update(data)
            if digest.hexdigest() == file.key:
                return data
            raise DownloadError(
                f"{file.name} of {listing.hub} did not arrive as the hub promised: its hash is another.",
                advice="Try again later; if a mirror is set, try without it.",
            )
        said = getattr(failed, "reason", None) or failed
        raise DownloadError(
            f"{file.name} of {listing.hub} cannot be loaded: {said}.",
            advice="Check the connection and start again; what was loaded is kept.",
        ) from failed

    def _request(
        self, where: str, hub: str, headers: Mapping[str, str] = {}, *, plain_errors: bool = False
    ) -> http.client.HTTPResponse:
        if not self.online:
            raise OfflineError(
                f"{hub} must be downloaded, and the network may not be used.",
                advice="Allow online access (in Blender: System preferences; else unset TEXLOOM_OFFLINE), "
                "or copy the model's folder into a model folder.",
            )
        request = urllib.request.Request(self.endpoint + where, headers={"User-Agent": f"texloom/{__version__}"})
        # Compressed, a file's parts could not be asked for.
        request.add_header("Accept-Encoding", "identity")
        for name, value in headers.items():
            request.add_header(name, value)
        if self.token:
            # "Unredirected" headers stay with the first host; redirects within it take this one along.
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        try:
            answer = _opener().open(request, timeout=self.timeout)
        except urllib.error.HTTPError as error:
            error.close()
            known = self._refused(error, hub)
            if known is not None:
                raise known from None
            if plain_errors:
                raise
            raise DownloadError(
                f"{self._host} answered {error.code} ({error.reason}).", advice="Try again later."
            ) from None
        except (OSError, http.client.HTTPException) as error:
            if plain_errors:
                raise
            raise OfflineError(
                f"{self._host} cannot be reached: {getattr(error, 'reason', None) or error}.",
                advice="Check the connection and the proxy, or set a mirror of the hub in the preferences.",
            ) from error
        assert isinstance(answer, http.client.HTTPResponse)
        return answer

    def _refused(self, error: urllib.error.HTTPError, hub: str) -> ModelNotFoundError | None:
        """The error in our words where the hub says no for good."""
        if error.code in (401, 403):
            page = f"{self.endpoint}/{hub}"
            if self.token:
                advice = f"Accept its terms at {page} with the account of your token, or check the token."
            else:
                advice = f"Sign in at {page}, accept its terms, make an access token there, and give it to Texloom."
            return ModelNotFoundError(f"{self._host} does not give {hub} to you.", advice=advice)
        if error.code in (404, 410):
            return ModelNotFoundError(
                f"{self._host} has no {hub}, or not this revision or file of it.", advice="Check how it is spelt."
            )
        return None

    def _nonsense(self, why: str) -> DownloadError:
        return DownloadError(f"{self._host} gives no sensible answer: {why}.", advice="Try again, or another mirror.")

    @property
    def _host(self) -> str:
        return urllib.parse.urlsplit(self.endpoint).netloc


def safe_name(name: object) -> bool:
    """Whether a path from the hub stays inside its folder on every system."""
    if not isinstance(name, str) or len(name) > 400:
        return False
    return all(_NAME.fullmatch(part) and not part.endswith((".", " ")) for part in name.split("/"))


def _licence(data: Mapping[str, Any]) -> str:
    """What the page of a model says of its licence; its name where that is of the makers' own."""
    card = data.get("cardData")
    said = [card.get(key) for key in ("license_name", "license")] if isinstance(card, dict) else []
    tags = data.get("tags")
    said += [
        tag.removeprefix("license:")
        for tag in (tags if isinstance(tags, list) else ())
        if isinstance(tag, str) and tag.startswith("license:")
    ]
    # It is shown in a line.
    texts = [" ".join(text.split())[:80] for text in said if isinstance(text, str)]
    return next((text for text in texts if text and text != "other"), "")


def _file(entry: Any) -> RemoteFile:
    name, size = entry["rfilename"], entry.get("size")
    large = entry.get("lfs") or {}
    sha256 = large.get("sha256") or str(large.get("oid", "")).removeprefix("sha256:")
    sha1 = entry.get("blobId") or ""
    if large:
        size = large.get("size", size)
    if not safe_name(name):
        raise ValueError(f"a file is called {name!r}")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError(f"{name} has the size {size!r}")
    if sha256 and _SHA256.fullmatch(sha256):
        return RemoteFile(name=name, size=size, sha256=sha256)
    if not large and isinstance(sha1, str) and _SHA1.fullmatch(sha1):
        return RemoteFile(name=name, size=size, git_sha1=sha1)
    raise ValueError(f"{name} has no hash")


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects from https to https only, and keeps the range that was asked for.

    The token goes along within the same host only: the hub sends small files, and models that were renamed, on to other
    addresses of its own, which want it as well.
    """

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        if req.type == "https" and not newurl.lower().startswith("https://"):
            raise urllib.error.HTTPError(req.full_url, code, "redirects to an unencrypted address", headers, fp)
        new = super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
        token = req.unredirected_hdrs.get("Authorization")
        if new is not None and token and _origin(new.full_url) == _origin(req.full_url) is not None:
            new.add_unredirected_header("Authorization", token)
        return new


def _origin(address: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None for an address that makes no sense."""
    try:
        parts = urllib.parse.urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if parts.hostname is None or parts.scheme not in _PORTS:
        return None
    return parts.scheme, parts.hostname, _PORTS[parts.scheme] if port is None else port


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_SafeRedirects())


def _saved_token() -> str:
    """What ``hf auth login`` has saved."""
    chosen = os.environ.get("HF_TOKEN_PATH")
    if chosen:
        path = Path(chosen).expanduser()
    else:
        home = os.environ.get("HF_HOME")
        path = (Path(home).expanduser() if home else Path.home() / ".cache" / "huggingface") / "token"
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
