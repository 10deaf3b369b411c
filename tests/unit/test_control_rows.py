# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls without an engine: the catalogue's networks, the command line, lines of a photo."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hub_server import Behaviour, HubServer
from texloom import catalog_rows, cli, cli_options, control_pictures, control_rows, model_store
from texloom.api import Result, make_request
from texloom.catalog_rows import COMMERCIAL, GATED
from texloom.errors import RequestError
from texloom.request import CONTROL_KINDS, Control


class TestRows:
    @pytest.mark.parametrize("row", control_rows.rows(), ids=lambda row: row.id)
    def test_each_row_is_sound(self, row: control_rows.ControlRow) -> None:
        assert catalog_rows.is_hub_id(row.hub) and control_rows.find(row.id) is row
        assert row.commercial in COMMERCIAL and row.gated in GATED and row.licence
        assert row.kinds and set(row.kinds) <= set(CONTROL_KINDS)
        assert re.fullmatch(r"[0-9a-f]{40}|", row.revision)
        assert {item.family for item in catalog_rows.rows()} >= {row.family}
        assert all(catalog_rows.find(model) is not None for model in row.models)
        assert catalog_rows.find(row.id) is None and catalog_rows.find(row.hub) is None

    def test_the_first_that_suits_comes_first(self) -> None:
        assert [row.id for row in control_rows.suiting("sdxl", "depth")] == ["sdxl-union", "sdxl-depth"]
        assert [row.id for row in control_rows.suiting("sd3", "line", "sd-3.5-large")] == ["sd-3.5-large-line"]
        assert [row.id for row in control_rows.suiting("sd3", "line", "sd-3.5-medium")] == ["sd-3.5-medium-line"]
        assert control_rows.suiting("sd3", "normal", "sd-3.5-medium") == ()
        # Of a model that is not in the catalogue only the family is known.
        assert control_rows.suiting("stable-diffusion", "normal", "")[0].id == "sd-1.5-normal"

    def test_a_network_still_loading_is_not_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path))
        row = control_rows.rows()[0]
        folder = model_store.folder_for(row.hub, tmp_path)
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        assert control_rows.on_disk(row.hub) == folder
        (folder / model_store.PARTIAL).mkdir()
        assert control_rows.on_disk(row.hub) is None

    def test_they_are_listed_and_no_models(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path))
        row = control_rows.find("sd-1.5-depth")
        assert row is not None
        folder = model_store.folder_for(row.hub, tmp_path)
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / "diffusion_pytorch_model.safetensors").write_bytes(b"")
        assert cli.main(["models", "--json"]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        (mine,) = [line for line in lines if line.get("id") == row.id]
        assert mine["path"] == str(folder) and mine["kinds"] == ["depth"] and mine["kind"] == "control"
        assert not [line for line in lines if line.get("path") == str(folder / "diffusion_pytorch_model.safetensors")]
        assert cli.main(["models", "show", "flux-normal"]) == 0
        said = capsys.readouterr().out
        assert "NON-COMMERCIAL" in said and "normal" in said and "all models of the family flux" in said


class TestCommandLine:
    def test_controls_and_their_networks(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "net").mkdir()
        parser = cli_options.making()
        given = parser.parse_args(
            [
                "--control", "depth=d.png", "--control", "line=a=b@2.png@0.6",
                "--control-model", "net", "--control-model", "line=owner/name",
            ]
        )  # fmt: skip
        assert cli_options.request_fields(given)["controls"] == (
            Control("depth", str(tmp_path / "d.png"), 1.0, str(tmp_path / "net")),
            Control("line", str(tmp_path / "a=b@2.png"), 0.6, "owner/name"),
        )

    @pytest.mark.parametrize("text", ["d.png", "sketch=d.png", "depth=d.png@3", "depth="])
    def test_what_is_no_control_is_refused(self, text: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            cli_options.making().parse_args(["--control", text])
        assert "control" in capsys.readouterr().err

    def test_a_network_without_a_control_is_refused(self) -> None:
        with pytest.raises(RequestError, match="there is no --control"):
            cli_options.request_fields(cli_options.making().parse_args(["--control-model", "x"]))

    def test_scripts_give_tuples(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        request = make_request("x", controls=[("depth", "d.png", 0.8), ("line", Path("l.png")), Control("normal", "n")])
        assert request.controls == (
            Control("depth", str(tmp_path / "d.png"), 0.8),
            Control("line", str(tmp_path / "l.png")),
            Control("normal", "n"),
        )
        for wrong in ("depth", ["depth"], [("depth",)]):
            with pytest.raises(RequestError, match="controls"):
                make_request("x", controls=wrong)

    def test_a_result_gives_its_pictures_back(self, tmp_path: Path) -> None:
        request = make_request("x", controls=[("depth", "/gone/d.png", 0.5)])
        (tmp_path / "control_0.png").write_bytes(b"picture")
        digest = hashlib.sha256(b"picture").hexdigest()
        manifest = {
            "request": request.to_dict(),
            "control_0": {"file": "control_0.png", "name": "d.png", "sha256": digest},
        }
        result = Result(folder=tmp_path, manifest=manifest)
        assert result.controls == (tmp_path / "control_0.png",)


class TestLines:
    def _photo(self) -> np.ndarray:
        """A bright square on a dark ground, with a slow gradient and some noise."""
        values = np.linspace(60, 90, 96)[None, :].repeat(96, 0)
        values[32:64, 24:72] += 110
        values += np.random.default_rng(0).normal(0, 2, values.shape)
        return values.clip(0, 255).astype(np.uint8)[..., None].repeat(3, 2)

    def test_edges_become_thin_white_lines(self) -> None:
        found = control_pictures.lines(self._photo())
        assert found.shape == (96, 96, 3) and set(np.unique(found)) == {0, 255}
        white = found[..., 0] > 0
        rows, columns = np.nonzero(white)
        # Two pixels to either side of the square's outline, and nothing elsewhere.
        on_row = ((np.abs(rows - 31.5) <= 2) | (np.abs(rows - 63.5) <= 2)) & (columns > 20) & (columns < 75)
        on_column = ((np.abs(columns - 23.5) <= 2) | (np.abs(columns - 71.5) <= 2)) & (rows > 28) & (rows < 67)
        assert bool((on_row | on_column).all())
        # Almost every place of the outline, one pixel wide.
        assert 130 < len(rows) < 200
        assert white[48].sum() == 2 and white[:, 48].sum() == 2

    def test_a_border_that_repeats_is_no_line(self) -> None:
        ramp = (np.arange(64) * 4).astype(np.uint8)[None, :, None].repeat(64, 0).repeat(3, 2)
        assert control_pictures.lines(ramp)[:, [0, -1]].max() == 0
        # Where it repeats, the jump from its last column to its first is a line.
        assert control_pictures.lines(ramp, tile_x=True)[:, [0, -1]].max() == 255
        waves = (127 + 100 * np.sin(np.arange(64) / 64 * 2 * np.pi)).astype(np.uint8)[None, :, None]
        waves = waves.repeat(64, 0).repeat(3, 2)
        rolled = control_pictures.lines(np.roll(waves, 20, 1), tile_x=True)
        assert np.array_equal(np.roll(control_pictures.lines(waves, tile_x=True), 20, 1), rolled)

    def test_a_flat_picture_has_none(self) -> None:
        assert control_pictures.lines(np.full((32, 32, 3), 90, np.uint8)).max() == 0

    def test_drawings_are_told_from_photos(self) -> None:
        drawing = control_pictures.lines(self._photo())
        assert control_pictures.drawn_lines(drawing) == "white"
        assert control_pictures.drawn_lines(255 - drawing) == "black"
        assert control_pictures.drawn_lines(self._photo()) == ""
        colored = drawing.copy()
        colored[..., 2] = 0
        assert control_pictures.drawn_lines(colored) == ""

    def test_depth_gets_its_whole_range(self) -> None:
        values = np.linspace(80, 120, 50).astype(np.uint8)[None, :, None].repeat(4, 0).repeat(3, 2)
        whole = control_pictures.whole_range(values)
        assert (whole.min(), whole.max()) == (0, 255) and bool((np.diff(whole[0, :, 0].astype(int)) >= 0).all())
        flat = np.full((4, 4, 3), 7, np.uint8)
        assert control_pictures.whole_range(flat) is flat


def test_a_network_is_downloaded_and_checked_as_models_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a repository with several networks, only the row's own files come; nothing that is pickled."""
    files = {
        "config.json": b'{"_class_name": "ControlNetModel"}',
        "diffusion_pytorch_model.safetensors": b"plain" * 100,
        "diffusion_pytorch_model.fp16.safetensors": b"half" * 50,
        "diffusion_pytorch_model_promax.safetensors": b"another network",
        "diffusion_pytorch_model.bin": b"\x80\x04pickle",
        "README.md": b"---\nlicense: apache-2.0\n---\n",
    }
    row = control_rows.ControlRow(
        id="here", name="Here", hub="owner/model", family="sdxl", kinds=("depth",), licence="x", commercial="limited",
        gated="no", only=("config.json", "diffusion_pytorch_model.*", "README.md"),
    )  # fmt: skip
    monkeypatch.setattr(control_rows, "find", lambda name: row if name in ("here", row.hub) else None)
    monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path / "models"))
    for name in ("TEXLOOM_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with HubServer(Behaviour(files)) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        # Its licence has conditions, which must be accepted.
        assert cli.main(["models", "download", "here"]) == cli.EXIT_CANCELLED
        assert control_rows.on_disk(row.hub) is None
        assert cli.main(["models", "download", "here", "--yes"]) == 0
        assert cli.main(["models", "check", "here"]) == 0
    folder = control_rows.on_disk(row.hub)
    assert folder is not None and "conditions" in capsys.readouterr().err
    got = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert got == {"config.json", "diffusion_pytorch_model.fp16.safetensors", "README.md"}
