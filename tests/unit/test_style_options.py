# SPDX-License-Identifier: GPL-3.0-or-later
"""Styles and learned words on the command line, in requests and in the catalogue; without torch."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest
from texloom import (
    api,
    catalog_rows,
    cli,
    cli_batch,
    cli_options,
    downloadable,
    learned_words,
    library_entry,
    style_models,
)
from texloom.errors import ModelInvalidError, ModelNotFoundError, RequestError
from texloom.request_makers import make_request


def header(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> Path:
    """A safetensors file of zeros."""
    entries, at = {}, 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        entries[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(entries).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))
    return path


ADAPTER = {
    "image_proj.proj.weight": (8, 6),
    "ip_adapter.1.to_k_ip.weight": (4, 2),
    "ip_adapter.1.to_v_ip.weight": (4, 2),
}


def encoder(folder: Path, **config: int) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "clip_vision_model", **config}))


def test_options_of_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parse = cli_options.making().parse_args
    given = cli_options.request_fields(
        parse(["--style-image", "look.jpg@0.8", "--style-model", "ip-adapter-sdxl", "--embedding", "moss.safetensors"])
    )
    assert given["style_image"] == str(tmp_path / "look.jpg") and given["style_strength"] == 0.8
    assert given["style_model"] == "ip-adapter-sdxl" and given["embeddings"] == (str(tmp_path / "moss.safetensors"),)
    plain = cli_options.request_fields(parse(["--style-image", "me@home.jpg"]))
    assert plain["style_image"] == str(tmp_path / "me@home.jpg") and "style_strength" not in plain
    assert not {"style_image", "style_model", "embeddings"} & set(cli_options.request_fields(parse([])))
    with pytest.raises(SystemExit):
        parse(["--style-image", "a.jpg@3"])


def test_paths_of_a_request_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "adapters").mkdir()
    request = make_request("x", style_image=Path("a.png"), style_model="adapters", embeddings=["m.safetensors"])
    assert request.style_image == str(tmp_path / "a.png") and request.style_model == str(tmp_path / "adapters")
    assert request.embeddings == (str(tmp_path / "m.safetensors"),)
    assert make_request("x", style_image="a.png", style_model="h94/IP-Adapter").style_model == "h94/IP-Adapter"
    with pytest.raises(RequestError, match="embeddings"):
        make_request("x", embeddings="m.safetensors")


def test_a_table_of_prompts_may_have_styles(tmp_path: Path) -> None:
    table = tmp_path / "prompts.csv"
    table.write_text("prompt,style_image,style_strength\nmoss,look.png,0.4\nrust,,\n")
    first, second = (row.request for row in cli_batch.read_rows(table, {}))
    assert Path(first.style_image).name == "look.png" and first.style_strength == 0.4
    assert second.style_image == "" and second.style_strength is None


def test_adapters_stand_in_the_list_of_models(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["models", "list", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = {row["id"] for row in rows if row.get("kind") == "image_adapter"}
    assert found == {row.id for row in style_models.rows()}
    assert cli.main(["models", "show", "ip-adapter-flux"]) == 0
    assert "non-commercial use only" in capsys.readouterr().out
    for row in style_models.rows():
        load = style_models.download_row(row.id)
        assert load is not None and row.file in load.only and catalog_rows.is_hub_id(row.hub)
        assert (row.commercial == "yes") == (not load.terms)
        assert bool(row.encoder_hub) == (not any("image_encoder" in glob for glob in load.only))
        # By the hub id, which is what a folder on disk tells, the same files are loaded.
        hub = downloadable.find(row.hub)
        assert hub is not None and (hub.hub, hub.only, hub.terms) == (row.hub, load.only, load.terms)
    assert style_models.download_row("sdxl") is None
    # One repository is one folder: what one download brings, another does not take away.
    same = [style_models.download_row(row.id) for row in style_models.rows() if row.hub == "h94/IP-Adapter"]
    assert len(same) == 2 and same[0] is not None and same[1] is not None and same[0].only == same[1].only
    taking = {row.family for row in catalog_rows.rows() if "ip_adapter" in row.abilities}
    assert set(style_models.families()) <= taking


def test_an_adapter_is_found_with_the_encoder_that_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    home = tmp_path / "h94--IP-Adapter"
    file = header(home / "models" / "ip-adapter_sd15.safetensors", ADAPTER)
    header(home / "models" / "ip-adapter-plus-face_sd15.safetensors", ADAPTER)
    wide = header(
        home / "sdxl_models" / "ip-adapter_sdxl.safetensors", {**ADAPTER, "ip_adapter.1.to_k_ip.weight": (4, 9)}
    )
    with pytest.raises(ModelInvalidError, match="output has 6 numbers"):
        style_models.adapter_of(file)
    encoder(home / "sdxl_models" / "image_encoder", projection_dim=5)
    encoder(home / "models" / "image_encoder", projection_dim=6)
    assert style_models.adapter_of(file).encoder == home / "models" / "image_encoder"
    # By the width of the layers, and never one for faces.
    assert style_models.locate(str(home), "stable-diffusion", 2, "SD").file == file
    assert style_models.locate(str(home), "sdxl", 9, "SDXL").file == wide
    with pytest.raises(ModelInvalidError, match="holds no image adapter for X"):
        style_models.locate(str(home), "sdxl", 3, "X")
    with pytest.raises(ModelNotFoundError, match="texloom models download someone/else") as told:
        style_models.locate("someone/else", "sdxl", 9, "SDXL")
    assert told.value.download == "someone/else"
    with pytest.raises(ModelNotFoundError, match="no image adapter for Sana is known"):
        style_models.locate("", "sana", 9, "Sana")
    with pytest.raises(ModelNotFoundError, match="Non-Commercial") as told:
        style_models.locate("", "flux", 4096, "FLUX.1 dev")
    assert told.value.download == "ip-adapter-flux"
    with pytest.raises(ModelNotFoundError, match=r"no image adapter for Stable Diffusion 3.5 Medium is known"):
        style_models.locate("", "sd3", 1536, "Stable Diffusion 3.5 Medium")
    # A whole CLIP, of which only the half for pictures counts.
    (home / "models" / "image_encoder" / "config.json").write_text(
        json.dumps({"model_type": "clip", "projection_dim": 6, "vision_config": {"hidden_size": 3}})
    )
    assert style_models.adapter_of(file).encoder == home / "models" / "image_encoder"


def test_a_file_is_known_as_an_adapter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = header(tmp_path / "ip.safetensors", ADAPTER)
    assert cli.main(["models", "show", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "image_adapter"


def test_adapters_for_faces_by_other_programs_are_refused(tmp_path: Path) -> None:
    shapes = {"image_proj.proj.0.weight": (4, 4), "image_proj.proj.2.weight": (4, 4), "ip_adapter.1.x": (1,)}
    with pytest.raises(ModelInvalidError, match="looks at faces"):
        style_models.adapter_shapes(header(tmp_path / "a.safetensors", shapes))
    # The one for whole faces has a norm behind, and sees them by the same encoder as all others.
    whole = header(tmp_path / "b.safetensors", {**shapes, "image_proj.proj.3.weight": (4,)})
    assert style_models.adapter_shapes(whole)


@pytest.mark.parametrize(
    ("shapes", "families", "vectors"),
    [
        ({"x": (768,)}, ("stable-diffusion", "flux"), 1),
        ({"emb_params": (5, 1024)}, ("stable-diffusion",), 5),
        ({"clip_l": (3, 768), "clip_g": (3, 1280)}, ("sdxl",), 3),
        ({"x": (2, 33)}, (), 2),
    ],
)
def test_learned_words_tell_what_they_are_for(
    shapes: Mapping[str, tuple[int, ...]], families: tuple[str, ...], vectors: int, tmp_path: Path
) -> None:
    found = learned_words.read(header(tmp_path / "my moss.safetensors", shapes))
    assert (found.word, found.families, found.vectors) == ("my_moss", families, vectors)
    assert bool(found.made_for) == bool(families)


def test_what_is_no_learned_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalidError, match="vectors; a text encoder reads up to 75"):
        learned_words.read(header(tmp_path / "a.safetensors", {"x": (76, 768)}))
    with pytest.raises(ModelInvalidError, match="holds a word of"):
        learned_words.read(header(tmp_path / "b.safetensors", {"clip_l": (2, 768), "clip_g": (3, 1280)}))
    with pytest.raises(ModelInvalidError, match="no learned word"):
        learned_words.read(header(tmp_path / "c.safetensors", ADAPTER))
    pickled = tmp_path / "d.pt"
    pickled.write_bytes(b"\x80\x02" + bytes(30))
    with pytest.raises(ModelInvalidError, match="pickle"):
        learned_words.read(pickled)
    assert api.make_request("x").embeddings == ()


def test_the_kept_picture_belongs_to_a_result() -> None:
    own = library_entry._OWN_FILE
    assert own.fullmatch("style_image.jpg") and not own.fullmatch("style.jpg")
