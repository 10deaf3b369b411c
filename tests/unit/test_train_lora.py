# SPDX-License-Identifier: GPL-3.0-or-later
"""Teaching from a script: what the child is told, what comes back, and that nothing is left running."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from texloom import api, storage
from texloom.errors import CancelledError, ErrorCode, RequestError, TexloomError
from texloom.runtime import environment_use

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script with a first line for Unix")

STEP = {"event": "step", "step": 1, "steps": 2, "fraction": 0.5, "seconds": 1.0, "loss": 0.3, "measured": 0.4}
STEP |= {"measured_first": 0.5}

Stand = Callable[..., Path]


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    """A Python that writes down what it is asked, says some lines and ends with a status, or stays."""

    def make(*events: dict[str, object], status: int = 0, stays: bool = False, says: str = "") -> Path:
        path = tmp_path / "python"
        lines = "\n".join(json.dumps(event) for event in events)
        path.write_text(
            f"#!{sys.executable}\n"
            "import json, os, pathlib, sys, time\n"
            f"pathlib.Path({str(tmp_path / 'asked')!r}).write_text(json.dumps([os.getpid(), *sys.argv[1:]]))\n"
            f"sys.stderr.write({says!r})\n"
            f"print({lines!r}, flush=True)\n"
            f"time.sleep(60 if {stays} else 0)\n"
            f"sys.exit({status})\n"
        )
        path.chmod(0o755)
        return path

    return make


def _asked(tmp_path: Path) -> list[str]:
    found: list[str] = json.loads((tmp_path / "asked").read_text())[1:]
    return found


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_whole_way(stand: Stand, tmp_path: Path) -> None:
    done = {"event": "done", "path": str(tmp_path / "a.safetensors"), "sheet": "", "facts": {"steps": 2}}
    python = stand({"event": "warning", "message": "few"}, STEP, STEP | {"step": 2, "fraction": 1.0}, done)
    seen: list[api.LoraProgress] = []
    made = api.train_lora(
        tmp_path, "sdxl", tmp_path / "a.safetensors", python=python, on_progress=seen.append,
        caption="-paint-", rank=8, caption_file="c.csv", resume=True, mirror=False, draw_steps=4,
    )  # fmt: skip
    assert [(now.step, now.fraction) for now in seen] == [(1, 0.5), (2, 1.0)]
    assert made.finished and made.sheet is None and made.facts == {"steps": 2} and made.warnings == ("few",)
    assert _asked(tmp_path) == [
        "-m", "texloom.training.lora", "--json", "--images", str(tmp_path), "--model", "sdxl",
        "--out", str(tmp_path / "a.safetensors"), "--caption=-paint-", "--rank=8",
        "--caption-file", str(Path("c.csv").absolute()), "--resume", "--draw-steps=4",
    ]  # fmt: skip


def test_the_environment_is_in_use_meanwhile(stand: Stand, tmp_path: Path) -> None:
    """So that a set-up beside it lets it be."""
    folder = environment_use.engines_folder() / f"{environment_use.PREFIX}own"
    (folder / "bin").mkdir(parents=True)
    assert folder.is_relative_to(storage.home())
    done = {"event": "done", "path": "a.safetensors", "sheet": ""}
    python = shutil.copy(stand(STEP, done), folder / "bin" / "python")
    seen: list[bool] = []
    api.train_lora(
        tmp_path, "sdxl", "a.safetensors", python=python,
        on_progress=lambda now: seen.append(environment_use.in_use(folder)),
    )  # fmt: skip
    assert seen == [True] and not environment_use.in_use(folder)


def test_out_of_time(stand: Stand, tmp_path: Path) -> None:
    python = stand({"event": "done", "path": "a.safetensors", "sheet": "a.png"}, status=3)
    made = api.train_lora(tmp_path, "sdxl", "a.safetensors", python=python)
    assert not made.finished and made.sheet == Path("a.png")


def test_what_failed_comes_back_as_it_is(stand: Stand, tmp_path: Path) -> None:
    said = {"event": "failed", "message": "images: no.", "advice": "Do.", "code": "invalid_request"}
    with pytest.raises(RequestError, match=r"images: no\. Do\."):
        api.train_lora(tmp_path, "sdxl", "a.safetensors", python=stand(said, status=1))
    with pytest.raises(TexloomError) as caught:
        api.train_lora(tmp_path, "sdxl", "a.safetensors", python=stand(said | {"code": "out_of_memory"}, status=1))
    assert caught.value.code is ErrorCode.OUT_OF_MEMORY


def test_a_child_that_breaks(stand: Stand, tmp_path: Path) -> None:
    with pytest.raises(TexloomError, match=r"ended too early \(exit status 7\). no module"):
        api.train_lora(tmp_path, "sdxl", "a.safetensors", python=stand(STEP, status=7, says="no module\n"))


def test_unknown_options(stand: Stand, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="speed: there is no such option"):
        api.train_lora(tmp_path, "sdxl", "a.safetensors", python=stand(), speed=3)


def test_cancelled(stand: Stand, tmp_path: Path) -> None:
    python, stop = stand(STEP, stays=True), threading.Event()
    began = time.monotonic()
    with pytest.raises(CancelledError):
        api.train_lora(
            tmp_path, "sdxl", "a.safetensors", python=python, cancelled=stop, on_progress=lambda now: stop.set()
        )
    assert time.monotonic() - began < 20.0
    assert not _runs(json.loads((tmp_path / "asked").read_text())[0])


def test_a_listener_that_raises_leaves_nothing_running(stand: Stand, tmp_path: Path) -> None:
    def fail(now: api.LoraProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        api.train_lora(tmp_path, "sdxl", "a.safetensors", python=stand(STEP, stays=True), on_progress=fail)
    assert not _runs(json.loads((tmp_path / "asked").read_text())[0])
