# SPDX-License-Identifier: GPL-3.0-or-later
"""A hub on this machine that can be told to break connections, lie about sizes, and send wrong bytes."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REVISION = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Behaviour:
    """What the hub does; counted requests are in ``seen``."""

    files: dict[str, bytes]
    break_after: int = 0  # bytes of an answer until the connection breaks
    breaks: int = 0  # how many answers break; -1 all
    no_ranges: bool = False
    wrong_range: bool = False
    wrong_bytes: set[str] = field(default_factory=set)
    wrong_length: dict[str, int] = field(default_factory=dict)
    listed_size: dict[str, int] = field(default_factory=dict)
    chunked: bool = False
    status: list[int] = field(default_factory=list)  # answers to give first
    token: str = ""
    open_list: bool = False  # the list is given without the token, as the hub does for gated models
    delay: float = 0.0
    listing: bytes | None = None
    gated: str = ""  # "auto" or "manual"
    licence: str = ""
    elsewhere: str = ""  # redirect files to that address, as the hub does to its storage
    cached: bool = False  # redirect small files to another path here, as the hub does
    renamed: bool = False  # ``owner/old`` is sent on to ``owner/model``
    seen: Counter[str] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class HubServer:
    """Serves ``owner/model``; use as a context manager."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        handler = type("Handler", (_Handler,), {"behaviour": behaviour})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> HubServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    behaviour: Behaviour
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        """All that the hub's interface needs."""
        hub = self.behaviour
        path = self.path.partition("?")[0]
        with hub.lock:
            hub.seen[path] += 1
            hub.tokens.append(self.headers.get("Authorization", ""))
            status = hub.status.pop(0) if hub.status else 0
        if status:
            return self._answer(status, b"", {"Retry-After": "0"})
        listed = hub.open_list and path.startswith("/api/models/")
        if hub.token and not listed and self.headers.get("Authorization") != f"Bearer {hub.token}":
            return self._answer(401, b"", {})
        if hub.renamed and "/owner/old/" in path:
            where = self.path.replace("/owner/old/", "/owner/model/")
            # The list by a relative address, files by a whole one.
            return self._answer(307, b"", {"Location": where if path.startswith("/api") else self._here + where})
        if path.startswith("/api/models/owner/model/revision/"):
            return self._answer(200, self._listing(), {})
        found = re.fullmatch(rf"(?:/owner/model/resolve/{REVISION}|/storage|/api/resolve-cache)/(.+)", path)
        name = found.group(1) if found else ""
        if name not in hub.files:
            return self._answer(404, b"", {})
        if hub.cached and path.startswith("/owner") and not name.endswith(".safetensors"):
            return self._answer(307, b"", {"Location": f"/api/resolve-cache/{name}"})
        if hub.elsewhere and path.startswith("/owner"):
            return self._answer(302, b"", {"Location": f"{hub.elsewhere}/storage/{name}"})
        self._file(name)

    @property
    def _here(self) -> str:
        return f"http://{self.headers['Host']}"

    def _listing(self) -> bytes:
        hub = self.behaviour
        if hub.listing is not None:
            return hub.listing
        siblings = []
        for name, data in hub.files.items():
            size = hub.listed_size.get(name, len(data))
            entry: dict[str, Any] = {"rfilename": name, "size": size, "blobId": _git_sha1(data)}
            if name.endswith(".safetensors"):
                entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": size, "pointerSize": 130}
            siblings.append(entry)
        said: dict[str, Any] = {"id": "owner/model", "sha": REVISION, "gated": hub.gated or False}
        if hub.licence:
            said["tags"] = ["diffusers", f"license:{hub.licence}"]
        return json.dumps(said | {"siblings": siblings}).encode()

    def _file(self, name: str) -> None:
        hub = self.behaviour
        data = hub.files[name]
        if name in hub.wrong_bytes:
            data = bytes(len(data))
        asked = self.headers.get("Range", "")
        hub.ranges.append(asked)
        start, headers, status = 0, {}, 200
        if asked and not hub.no_ranges:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            shown = start + 1 if hub.wrong_range else start
            headers["Content-Range"] = f"bytes {shown}-{len(data) - 1}/{len(data)}"
            status = 206
        body = data[start:]
        with hub.lock:
            broken = hub.breaks != 0 and len(body) > hub.break_after > 0
            if broken:
                hub.breaks -= 1
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if hub.chunked:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(hub.wrong_length.get(name, len(body))))
        self.end_headers()
        sent = body[: hub.break_after] if broken else body
        try:
            for place in range(0, len(sent), 16384):
                if hub.delay:
                    time.sleep(hub.delay)
                self.wfile.write(sent[place : place + 16384])
            self.wfile.flush()
        except OSError:
            self.close_connection = True
        if broken:
            self.close_connection = True

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _git_sha1(data: bytes) -> str:
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
