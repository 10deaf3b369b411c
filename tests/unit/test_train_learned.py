# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that trains the learned model in pieces, with a stand-in for the engine's Python."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script with a first line for Unix")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    sys.path.insert(0, str(SCRIPTS))
    try:
        spec = importlib.util.spec_from_file_location("train_learned", SCRIPTS / "train_learned.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["train_learned"] = module
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(SCRIPTS))


PYTHON = """#!{python}
import json, pathlib, sys
words = sys.argv[1:]
with open({log!r}, 'a') as stream:
    stream.write(json.dumps(words) + chr(10))
def value(name):
    return words[words.index(name) + 1] if name in words else None
module = words[1].rpartition('.')[2]
if pathlib.Path({fails!r}).exists():
    sys.exit(1)
minutes, total, work = value('--minutes'), value('--total'), value('--work')
if module == 'corpus':
    if pathlib.Path({slow!r}).exists():
        sys.exit(3)
    out = pathlib.Path(value('--out'))
    out.mkdir(parents=True, exist_ok=True)
    for index in range(-(-int(value('--count')) // int(value('--shard')))):
        (out / f'{{index:06d}}.jsonl').touch()
if work:
    state = pathlib.Path(work) / 'checkpoint.json'
    state.parent.mkdir(parents=True, exist_ok=True)
    before = json.loads(state.read_text())['facts']['seconds'] if '--resume' in words else 0.0
    seconds = min(60 * float(total), before + 60 * float(minutes))
    state.write_text(json.dumps({{'facts': {{'seconds': seconds}}, 'files': []}}))
    if pathlib.Path({killed!r}).exists():
        sys.exit(137)
    sys.exit(3 if seconds < 60 * float(total) else 0)
"""


class Stand:
    """A Python that writes down what it is asked and for how long it trained, and stops or fails as it is told."""

    def __init__(self, folder: Path) -> None:
        self.path, self.log = folder / "python", folder / "log.jsonl"
        self.fails, self.slow, self.killed = folder / "fails", folder / "slow", folder / "killed"
        files = {name: str(getattr(self, name)) for name in ("log", "fails", "slow", "killed")}
        self.path.write_text(PYTHON.format(python=sys.executable, **files))
        self.path.chmod(0o755)

    def asked(self) -> list[list[str]]:
        """Arguments of each call so far, and forgets them."""
        lines = self.log.read_text().splitlines()
        self.log.unlink()
        return [json.loads(line) for line in lines]


def _value(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def _modules(commands: list[list[str]]) -> list[str]:
    return [command[1].rpartition(".")[2] for command in commands]


def _trained(work: Path, name: str, minutes: float) -> None:
    folder = work / "keep" / name
    folder.mkdir(parents=True)
    (folder / "checkpoint.json").write_text(json.dumps({"facts": {"seconds": 60.0 * minutes}, "files": []}))


def _done(work: Path, *names: str) -> None:
    (work / "keep").mkdir(parents=True, exist_ok=True)
    (work / "keep/pieces.json").write_text(json.dumps(names))


TRAINED = ("encoder", "decoder", "grain", "pieces", "flow", "distill")


def test_pieces_follow_each_other(script: ModuleType, tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    common = ["--work", str(tmp_path / "work"), "--python", str(stand.path), "--device", "cpu"]
    assert script.main([*common, "--minutes", "3"]) == script.MORE
    small, large, encoder = stand.asked()
    assert _modules([small, large, encoder]) == ["corpus", "corpus", "autoencoder"]
    assert (_value(small, "--size"), _value(large, "--size")) == ("256", "512")
    assert _value(small, "--processes") == str(os.cpu_count())
    place = encoder.index("--corpus")
    assert encoder[place + 1 : place + 3] == [_value(small, "--out"), _value(large, "--out")]
    assert "--resume" not in encoder
    assert float(_value(encoder, "--minutes")) == pytest.approx(2.7, abs=0.2)
    assert script.main([*common, "--minutes", "60"]) == 0
    called = stand.asked()
    assert _modules(called) == [
        "autoencoder", "autoencoder", "autoencoder", "flow", "flow", "distill", "learned_sheets", "learned_evaluate",
        "learned_compare",
    ]  # fmt: skip
    encoder, decoder, grain, pieces, flow, distill, sheet, evaluation, comparison = called
    assert "--resume" in encoder and "--freeze-encoder" not in encoder
    assert float(_value(encoder, "--minutes")) == pytest.approx(2.3, abs=0.2)
    assert {"--resume", "--freeze-encoder"} <= set(decoder)
    # On whole tiles, from what is there.
    assert "--resume" not in grain and _value(grain, "--start") == _value(grain, "--out") == _value(decoder, "--out")
    assert _value(grain, "--crop") == _value(small, "--size") and _value(grain, "--corpus") == _value(small, "--out")
    assert _value(pieces, "--autoencoder") == _value(encoder, "--out")
    assert _value(pieces, "--crop") == "16" and "--crop" not in flow
    assert _value(flow, "--start") == _value(pieces, "--out")
    assert _value(distill, "--model") == _value(evaluation, "--model") == _value(flow, "--out")
    assert [_value(one, "--device") for one in (sheet, evaluation, comparison)] == ["cpu"] * 3
    assert _value(evaluation, "--truth") == _value(comparison, "--truth") == str(tmp_path / "work/true")
    assert {_value(flow, "--out"), _value(distill, "--out")} <= set(comparison)
    # What nobody needs any more is not carried on.
    assert not list((tmp_path / "work/keep").rglob("checkpoint.json"))
    assert script.main([*common]) == 0
    assert not stand.log.exists()


def test_a_stage_goes_on_until_its_minutes_are_up(script: ModuleType, tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    work = tmp_path / "work"
    _trained(work, "autoencoder", 3.0)
    assert script.main(["--work", str(work), "--python", str(stand.path), "--minutes", "2"]) == script.MORE
    encoder = stand.asked()[-1]
    assert "--resume" in encoder
    assert float(_value(encoder, "--minutes")) == pytest.approx(1.7, abs=0.2)


def test_a_killed_stage_goes_on_from_its_checkpoint(script: ModuleType, tmp_path: Path) -> None:
    """Also when nobody wrote down that it began."""
    stand = Stand(tmp_path)
    work = tmp_path / "work"
    common = ["--work", str(work), "--python", str(stand.path), "--minutes", "4"]
    stand.killed.touch()
    assert script.main(common) == 1
    assert not (work / "keep/pieces.json").exists()
    stand.killed.unlink()
    stand.asked()
    assert script.main(common) == script.MORE
    encoder, *_ = stand.asked()
    assert "--resume" in encoder
    assert float(_value(encoder, "--minutes")) == pytest.approx(5.0 - 3.7, abs=0.2)


def test_no_time_left_is_told_by_the_status(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand = Stand(tmp_path)
    common = ["--work", str(tmp_path / "work"), "--python", str(stand.path)]
    with monkeypatch.context() as patch:
        clock = itertools.count(0, 20)  # with each look a third of a minute is gone
        patch.setattr(script.time, "monotonic", lambda: next(clock))
        assert script.main([*common, "--minutes", "2"]) == script.MORE
    assert _modules(stand.asked()) == ["corpus", "corpus"]


@pytest.mark.parametrize("minutes", ["1.9", "0", "-3", "nan"])
def test_pieces_in_which_nothing_would_begin_are_refused(
    script: ModuleType, tmp_path: Path, minutes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the same command, called until it is done, would be called for ever."""
    with pytest.raises(SystemExit) as ended:
        script.main(["--work", str(tmp_path / "work"), "--minutes", minutes])
    assert ended.value.code == 2 and "--minutes must be 2 or more" in capsys.readouterr().err


def test_a_corpus_that_takes_longer_than_a_piece_goes_on(script: ModuleType, tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    common = ["--work", str(tmp_path / "work"), "--python", str(stand.path), "--minutes", "9"]
    stand.slow.touch()
    assert script.main(common) == script.MORE
    (corpus,) = stand.asked()
    assert float(_value(corpus, "--minutes")) == pytest.approx(8.7, abs=0.2)


def test_finished_stages_are_not_done_again(script: ModuleType, tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    work = tmp_path / "work"
    _done(work, *TRAINED, "sheet")
    assert script.main(["--work", str(work), "--python", str(stand.path), "--minutes", "15"]) == 0
    assert _modules(stand.asked()) == ["corpus", "learned_evaluate", "learned_compare"]


def test_what_cannot_stop_waits_for_a_piece_that_is_long_enough(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand = Stand(tmp_path)
    work = tmp_path / "work"
    _done(work, *TRAINED, "sheet", "comparison")
    words = ["--work", str(work), "--python", str(stand.path), "--minutes", "9"]
    with monkeypatch.context() as patch:
        clock = itertools.count(0, 120)  # with each look two minutes are gone
        patch.setattr(script.time, "monotonic", lambda: next(clock))
        assert script.main(words) == script.MORE
    assert _modules(stand.asked()) == ["corpus"]
    assert script.main(words) == 0
    assert _modules(stand.asked()) == ["learned_evaluate"]


def test_processors_learn_less(script: ModuleType, tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    work = tmp_path / "work"
    _done(work, "encoder", "decoder", "grain")
    common = ["--work", str(work), "--python", str(stand.path), "--processor", "--layers", "6"]
    assert script.main([*common, "--no-compile", "--minutes", "9"]) == script.MORE
    corpus, pieces = stand.asked()
    assert _value(corpus, "--size") == "256"
    assert (_value(pieces, "--patch"), _value(pieces, "--layers"), _value(pieces, "--device")) == ("4", "6", "cpu")
    assert _value(pieces, "--batch") == "128" and "--compile" not in pieces
    assert float(_value(pieces, "--total")) == pytest.approx(30.0)


@pytest.mark.parametrize(("network", "crop"), [("unet", "16"), ("transformer", "8")])
def test_the_network_may_be_chosen(script: ModuleType, tmp_path: Path, network: str, crop: str) -> None:
    stand = Stand(tmp_path)
    words = ["--work", str(tmp_path / "work"), "--python", str(stand.path), "--minutes", "60", "--network", network]
    words += ["--autoencoder", str(tmp_path / "vae"), "--compare", str(tmp_path / "other")]
    assert script.main(words) == 0
    called = stand.asked()
    assert _modules(called)[:4] == ["corpus", "corpus", "flow", "flow"]
    assert _modules(called)[4:] == ["distill", "learned_sheets", "learned_evaluate", "learned_compare"]
    assert _value(called[2], "--network") == _value(called[3], "--network") == network
    assert _value(called[2], "--crop") == crop and "--crop" not in called[3]
    assert _value(called[2], "--autoencoder") == _value(called[7], "--autoencoder") == str(tmp_path / "vae")
    assert str(tmp_path / "other") in called[7]


def test_a_failing_stage_ends_it(script: ModuleType, tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    stand.fails.touch()
    assert script.main(["--work", str(tmp_path / "work"), "--python", str(stand.path)]) == 1
