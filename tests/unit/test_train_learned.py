# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that trains the learned model in pieces, with a stand-in for the engine's Python."""

from __future__ import annotations

import importlib.util
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


class Stand:
    """A Python that writes down what it is asked, and stops early or fails as it is told."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "python"
        self.log = folder / "log.jsonl"
        self.fails = folder / "fails"
        self.path.write_text(
            f"#!{sys.executable}\n"
            "import json, pathlib, sys\n"
            f"with open({str(self.log)!r}, 'a') as stream: stream.write(json.dumps(sys.argv[1:]) + '\\n')\n"
            f"if pathlib.Path({str(self.fails)!r}).exists(): sys.exit(1)\n"
            "minutes = float(sys.argv[sys.argv.index('--minutes') + 1]) if '--minutes' in sys.argv else 0.0\n"
            "whole = float(sys.argv[sys.argv.index('--total') + 1]) if '--total' in sys.argv else 0.0\n"
            "frozen = '--freeze-encoder' in sys.argv\n"
            "sys.exit(3 if minutes < whole and not frozen else 0)\n"
        )
        self.path.chmod(0o755)

    def asked(self) -> list[list[str]]:
        """Arguments of each call so far, and forgets them."""
        lines = self.log.read_text().splitlines()
        self.log.unlink()
        return [json.loads(line) for line in lines]


def _value(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def test_pieces_follow_each_other(script: ModuleType, tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    common = ["--work", str(tmp_path / "work"), "--python", str(stand.path), "--device", "cpu"]
    assert script.main([*common, "--minutes", "3"]) == script.MORE
    corpus, encoder = stand.asked()
    assert corpus[1] == "texloom.training.corpus"
    assert encoder[1] == "texloom.training.autoencoder"
    assert "--resume" not in encoder
    assert float(_value(encoder, "--minutes")) == pytest.approx(3.0, abs=0.2)
    assert _value(encoder, "--total") == "11"
    # The rest of its seven minutes, and then the others: the stand-in takes no time.
    status = script.main([*common, "--minutes", "12"])
    called = stand.asked()
    assert status == 0
    assert [command[1].rpartition(".")[2] for command in called] == [
        "corpus", "autoencoder", "autoencoder", "flow", "learned_evaluate",
    ]  # fmt: skip
    assert "--resume" in called[1]
    assert "--freeze-encoder" not in called[1]
    assert float(_value(called[1], "--minutes")) == pytest.approx(4.0, abs=0.2)
    assert {"--resume", "--freeze-encoder"} <= set(called[2])
    assert _value(called[3], "--autoencoder") == _value(called[1], "--out")


def test_a_stage_goes_on_until_its_minutes_are_up(script: ModuleType, tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    work = tmp_path / "work"
    (work / "keep").mkdir(parents=True)
    (work / "keep/pieces.json").write_text(json.dumps({"encoder": 5.0}))
    assert script.main(["--work", str(work), "--python", str(stand.path), "--minutes", "1.5"]) == script.MORE
    encoder = stand.asked()[1]
    assert "--resume" in encoder
    assert float(_value(encoder, "--minutes")) == pytest.approx(1.5, abs=0.2)


def test_no_time_left_is_told_by_the_status(script: ModuleType, tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    common = ["--work", str(tmp_path / "work"), "--python", str(stand.path)]
    assert script.main([*common, "--minutes", "0.5"]) == script.MORE
    assert [command[1] for command in stand.asked()] == ["texloom.training.corpus"]


def test_finished_stages_are_not_done_again(script: ModuleType, tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    work = tmp_path / "work"
    (work / "keep").mkdir(parents=True)
    (work / "keep/pieces.json").write_text(json.dumps({"encoder": 7.0, "decoder": -1.0, "flow": -1.0}))
    assert script.main(["--work", str(work), "--python", str(stand.path)]) == 0
    assert [command[1].rpartition(".")[2] for command in stand.asked()] == ["corpus", "learned_evaluate"]


def test_a_failing_stage_ends_it(script: ModuleType, tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    stand.fails.touch()
    assert script.main(["--work", str(tmp_path / "work"), "--python", str(stand.path)]) == 1
