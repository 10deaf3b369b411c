# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue, the model folders, what files are by their headers, and ``texloom models``."""

from __future__ import annotations

import io
import json
import re
import struct
from pathlib import Path
from typing import Any

import pytest
from hub_server import REVISION, Behaviour, HubServer
from texloom import catalog_rows, cli, control_rows, downloadable, map_rows, model_store, settings, style_models
from texloom.catalog_rows import ABILITIES, COMMERCIAL, GATED, find, rows
from texloom.errors import ModelInvalidError
from texloom.request import CONTROL_KINDS
from texloom.weights_header import CHECKPOINT, CONTROL, DENOISER, LORA, TEXTUAL_INVERSION, UNKNOWN, VAE, identify


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "HF_ENDPOINT",
        "HF_TOKEN",
        "TEXLOOM_MODELS",
        "HF_HUB_OFFLINE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


def weights(path: Path, shapes: dict[str, tuple[int, ...]], metadata: dict[str, str] | None = None) -> Path:
    """A safetensors file of zeros."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    place = 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(place))
    return path


def folder(path: Path) -> Path:
    """A diffusers folder as far as its name goes."""
    weights(path / "unet" / "model.safetensors", {"a": (2,)})
    (path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    return path


class TestRows:
    def test_all_models_of_the_first_release_are_there(self) -> None:
        names = {row.id for row in rows()}
        assert names >= {
            "sd-1.5", "sd-turbo", "sdxl", "sdxl-turbo", "sdxl-lightning", "sd-3.5-medium", "sd-3.5-large",
            "sd-3.5-large-turbo", "flux-schnell", "flux-dev", "flux-fill", "flux-depth", "flux-2-dev",
            "flux-2-klein-4b", "flux-2-klein-9b", "flux-3-klein", "z-image", "z-image-turbo", "qwen-image",
            "qwen-image-2.1", "qwen-image-2.1-turbo", "qwen-image-edit", "krea-2", "krea-2-turbo",
            "ernie-image-turbo", "prx-512", "sana", "sana-sprint", "lumina-2", "pixart-sigma", "kolors",
        }  # fmt: skip
        assert len(names) == len(rows()) and "instant" not in names

    @pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
    def test_each_row_is_sound(self, row: catalog_rows.CatalogRow) -> None:
        assert catalog_rows.is_hub_id(row.hub) and find(row.id) is row and find(row.hub) is not None
        assert row.commercial in COMMERCIAL and row.gated in GATED and set(row.abilities) <= set(ABILITIES)
        assert (1 <= row.steps <= 100 and 0.0 <= row.guidance <= 30.0 and row.size % 64 == 0) or row.size == 1328
        assert row.languages and set(row.languages) <= {"en", "zh", "ja"}
        assert row.licence and row.text_encoder and row.denoiser_billions > 0
        assert re.fullmatch(r"[0-9a-f]{40}|", row.revision)
        assert row.text_encoder_billions > 0 or row.part
        assert row.memory_bytes("int4") < row.memory_bytes("int8") < row.memory_bytes("bfloat16")
        assert 10**9 < row.least_bytes < row.memory_bytes("bfloat16")
        assert 10**8 < row.download_bytes < 2 * 10**11
        if row.part:
            base = find(row.base)
            assert base is not None and base.family == row.family and row.file in row.only
        else:
            assert not row.base and not row.file

    @pytest.mark.parametrize(
        ("name", "gigabytes"),
        # As the hub lists their files, with what ``download_plan.select`` takes of them.
        [("pixart-sigma", 21.8), ("z-image-turbo", 32.8), ("z-image", 20.5), ("lumina-2", 21.2), ("sana", 9.7),
         ("kolors", 17.8), ("sdxl", 6.9), ("flux-2-klein-9b", 34.6)],
    )  # fmt: skip
    def test_what_is_shown_is_what_is_downloaded(self, name: str, gigabytes: float) -> None:
        row = find(name)
        assert row is not None and row.download_bytes / 1e9 == pytest.approx(gigabytes, rel=0.02)

    @pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
    def test_what_a_row_promises_can_be_had(self, row: catalog_rows.CatalogRow) -> None:
        """A network for the form, unless the model is one itself, and an adapter for a picture's style."""
        if "control" in row.abilities and row.text_to_image:
            assert any(control_rows.suiting(row.family, kind, row.id) for kind in CONTROL_KINDS)
        if "ip_adapter" in row.abilities:
            assert row.family in style_models.families()

    def test_terms_are_told_in_plain_words(self) -> None:
        def terms(name: str) -> str:
            row = find(name)
            assert row is not None
            return " ".join(row.terms)

        assert terms("z-image-turbo") == terms("sdxl") == terms("flux-2-klein-4b") == ""
        assert "non-commercial use only" in terms("flux-dev") and "accept their terms" in terms("flux-dev")
        assert "has conditions" in terms("sd-3.5-large")
        assert "has conditions" in terms("sdxl-turbo")
        assert not any(row.commercial == "unknown" for row in rows())
        for row in rows():
            assert (row.commercial == "yes" and row.gated != "yes" and row.opens and not row.needs) == (row.terms == ())


class TestBeside:
    """What draws nothing by itself can be downloaded as models can."""

    @pytest.mark.parametrize(
        ("key", "part"),
        [("sdxl", ""), ("sdxl-lightning", "unet"), ("sdxl-union", "control"), ("ip-adapter-sdxl", "image_adapter"),
         ("marigold-normals", "map_model"), ("madebyollin/taesd3", "preview_decoder")],
    )  # fmt: skip
    def test_by_its_name(self, key: str, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path))
        row = downloadable.find(key)
        assert row is not None and (row.id, row.part) == (key, part)
        assert row.licence and row.commercial in COMMERCIAL and row.gated in GATED and row.download_bytes > 0
        assert downloadable.on_disk(row) is None
        place = model_store.folder_for(row.hub, tmp_path)
        weights(place / (row.file or "unet/model.safetensors"), {"a": (2,)})
        (place / ("config.json" if part == "control" else "model_index.json")).write_text("{}")
        assert downloadable.on_disk(row) == place

    def test_nothing_else(self) -> None:
        assert downloadable.find("owner/model") is None and downloadable.find("") is None

    @pytest.mark.parametrize("row", map_rows.rows(), ids=lambda row: row.id)
    def test_models_that_see_maps(self, row: map_rows.MapRow) -> None:
        assert catalog_rows.is_hub_id(row.hub) and row.sees in map_rows.SEES
        assert map_rows.find(row.id) is row and map_rows.find(row.hub) is row
        assert row.commercial in COMMERCIAL and row.gated in GATED and row.licence
        assert row.download_row().terms == () and find(row.id) is None

    def test_all_that_can_be_seen_is(self) -> None:
        assert [row.sees for row in map_rows.rows()] == list(map_rows.SEES)


class TestStore:
    def test_model_folders_and_caches(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        hub = "Tongyi-MAI/Z-Image-Turbo"
        assert model_store.find(hub) is None
        cache = tmp_path / "hf" / "hub" / "models--Tongyi-MAI--Z-Image-Turbo"
        old, new = folder(cache / "snapshots" / "aaa"), folder(cache / "snapshots" / "bbb")
        assert model_store.find(hub) == old
        (cache / "refs").mkdir()
        (cache / "refs" / "main").write_text("bbb")
        assert model_store.find(hub) == new and model_store.hub_of(new) == hub
        # The user's own folders come before the cache, in their order.
        settings.Settings(model_folders=f"{tmp_path / 'one'}\n{tmp_path / 'two'}").save()
        copy = folder(tmp_path / "two" / "Z-Image-Turbo")
        assert model_store.find(hub) == copy and model_store.hub_of(copy) == hub
        nested = folder(tmp_path / "one" / "Tongyi-MAI" / "Z-Image-Turbo")
        assert model_store.find(hub) == nested
        monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path / "three"))
        first = folder(tmp_path / "three" / "Tongyi-MAI--Z-Image-Turbo")
        assert model_store.find(hub) == first and model_store.download_folder() == tmp_path / "three"
        single = weights(tmp_path / "three" / "files" / "brick.safetensors", {"a": (1,)})
        found = {item.path for item in model_store.scan()}
        assert found == {first, nested, copy, new, single}

    def test_half_downloads_are_no_models(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path))
        path = folder(tmp_path / "owner--model")
        assert model_store.find("owner/model") == path
        (path / model_store.PARTIAL).mkdir()
        assert model_store.find("owner/model") is None and model_store.scan() == ()
        assert model_store.find_configuration("owner/model") == path
        (path / model_store.RECORD).write_text('{"hub": "owner/model"}')
        assert model_store.find("owner/model") == path

    def test_folders_that_are_away(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path / "network-drive-that-is-off"))
        assert model_store.scan() == () and model_store.find("owner/model") is None


class TestHeaders:
    @pytest.mark.parametrize(
        ("shapes", "kind", "family"),
        [
            ({"model.diffusion_model.input_blocks.0.0.weight": (8, 4, 3, 3), "cond_stage_model.x": (1,)},
             CHECKPOINT, "stable-diffusion"),
            ({"model.diffusion_model.input_blocks.0.0.weight": (8, 4, 3, 3), "conditioner.x": (1,),
              "model.diffusion_model.label_emb.0.0.weight": (1, 1)}, CHECKPOINT, "sdxl"),
            ({"down_blocks.0.resnets.0.norm1.weight": (8,), "add_embedding.linear_1.weight": (1, 1), "x": (1,)},
             DENOISER, "sdxl"),
            ({"double_blocks.0.img_attn.norm.key_norm.scale": (8,), "img_in.weight": (1, 1), "y.x": (1,)},
             DENOISER, "flux"),
            ({"model.diffusion_model.single_stream_modulation.lin.weight": (8,), "a": (1,), "b": (1,)},
             DENOISER, "flux2"),
            ({"cap_embedder.0.weight": (8,), "layers.0.adaLN_modulation.0.weight": (1, 1), "b": (1,)},
             DENOISER, "z-image"),
            ({"cap_embedder.0.weight": (8,), "layers.0.x": (1, 1), "b": (1,)}, DENOISER, "lumina2"),
            ({"transformer_blocks.0.img_mod.1.weight": (8,), "a": (1, 1), "b": (1,)}, DENOISER, "qwen-image"),
            ({"lora_unet_down_blocks_0.lora_down.weight": (4, 8), "a": (1,), "b": (1,)}, LORA, ""),
            ({"transformer.transformer_blocks.0.attn.to_q.lora_A.weight": (4, 8), "a": (1,), "b": (1,)}, LORA, ""),
            ({"emb_params": (4, 768)}, TEXTUAL_INVERSION, ""),
            ({"clip_l": (4, 768), "clip_g": (4, 1280)}, TEXTUAL_INVERSION, ""),
            ({"controlnet_cond_embedding.conv_in.weight": (4, 3, 3, 3), "a": (1,), "b": (1,)}, CONTROL, ""),
            ({"decoder.conv_in.weight": (4, 4, 3, 3), "encoder.conv_in.weight": (4, 3, 3, 3), "b": (1,)}, VAE, ""),
            ({"a": (1, 1, 1), "b": (1,), "c": (1,)}, UNKNOWN, ""),
        ],
    )  # fmt: skip
    def test_kinds(self, shapes: dict[str, tuple[int, ...]], kind: str, family: str, tmp_path: Path) -> None:
        file = identify(weights(tmp_path / "a.safetensors", shapes, {"author": "me"}))
        assert (file.kind, file.family) == (kind, family)
        assert file.shapes == shapes and file.metadata == {"author": "me"}

    @pytest.mark.parametrize(
        ("name", "data"),
        [("model.ckpt", b"PK\x03\x04rest"), ("model.safetensors", b"\x80\x04\x95restrest"), ("model.pt", b"x" * 20),
         ("model.bin", b"\x80\x02}q\x00rest"), ("model.safetensors", b"PK\x03\x04rest")],
    )  # fmt: skip
    def test_pickles_are_refused_with_the_reason(self, name: str, data: bytes, tmp_path: Path) -> None:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ModelInvalidError, match="can run any program"):
            identify(tmp_path / name)

    @pytest.mark.parametrize("size", [0x0280, 0x0480, 0x10280])
    def test_sizes_that_look_like_pickles_are_none(self, size: int, tmp_path: Path) -> None:
        path = tmp_path / "a.safetensors"
        text = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode().ljust(size)
        path.write_bytes(struct.pack("<Q", size) + text + bytes(4))
        assert path.read_bytes()[0] == 0x80 and identify(path).shapes == {"a": (1,)}

    def test_damaged_files(self, tmp_path: Path) -> None:
        path = weights(tmp_path / "a.safetensors", {"a": (100,), "b": (100,)})
        whole = path.read_bytes()
        for data in (
            b"",
            b"1234",
            whole[:30],
            whole[:-1],
            struct.pack("<Q", 1 << 60) + b"{}",
            struct.pack("<Q", 2) + b"[]",
            struct.pack("<Q", 2) + b"{}",
            struct.pack("<Q", 9) + b'{"a": 12}',
            struct.pack("<Q", 4) + b"\xff{}\xff",
        ):
            path.write_bytes(data)
            with pytest.raises(ModelInvalidError, match="no sound safetensors file"):
                identify(path)
        with pytest.raises(ModelInvalidError, match="cannot be read"):
            identify(tmp_path / "missing.safetensors")
        (tmp_path / "a.gguf").write_bytes(b"GGUF0000")
        with pytest.raises(ModelInvalidError, match="no sound GGUF file"):
            identify(tmp_path / "a.gguf")


class TestCommand:
    def test_list_and_show(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path / "models"))
        folder(tmp_path / "models" / "stabilityai--sdxl-turbo")
        folder(tmp_path / "models" / "my-own")
        assert cli.main(["models", "--json"]) == 0
        listed = {item["id"]: item for item in map(json.loads, capsys.readouterr().out.splitlines())}
        assert listed["instant"]["families"]
        assert listed["sdxl-turbo"]["path"].endswith("sdxl-turbo") and listed["sdxl"]["path"] == ""
        assert listed["flux-dev"]["terms"] and listed["flux-dev"]["commercial"] == "no"
        assert str(tmp_path / "models" / "my-own") in listed
        assert cli.main(["models", "list"]) == 0
        text = capsys.readouterr().out
        assert "NON-COMMERCIAL" in text and "on disk  SDXL-Turbo" in text
        assert cli.main(["models", "show", "flux-dev"]) == 0
        assert "non-commercial use only" in capsys.readouterr().out
        file = weights(tmp_path / "x.safetensors", {"a.lora_A.weight": (1, 2), "b": (1,), "c": (1,)})
        assert cli.main(["models", "show", str(file), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["kind"] == "lora"
        assert cli.main(["models", "show", "no-such-thing"]) == 1
        assert "texloom models" in capsys.readouterr().err

    def test_memory_is_told_as_the_engine_can_keep_weights(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        python = tmp_path / "engine" / "bin" / "python"
        monkeypatch.setenv("TEXLOOM_PYTHON", str(python))

        def shown() -> tuple[str, str, dict[str, str]]:
            assert cli.main(["models", "show", "sd-3.5-large"]) == 0
            text = capsys.readouterr().out
            assert cli.main(["models", "show", "sd-3.5-large", "--json"]) == 0
            needs = json.loads(capsys.readouterr().out)["memory_needs"]
            return next(line for line in text.splitlines() if line.startswith("Memory")), text, needs

        # Nothing is claimed of an environment whose packages are not where they are looked for.
        assert shown()[2] == {} and "--extra" not in shown()[1]
        (tmp_path / "engine" / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
        memory, text, needs = shown()
        assert "bfloat16" in memory and "int" not in memory
        assert "In int8 15 GB, int4 9 GB" in text and "texloom setup --extra quantization" in text
        assert needs == {"int8": "torchao", "int4": "bitsandbytes"}
        (tmp_path / "engine" / "lib" / "python3.11" / "site-packages" / "torchao").mkdir()
        memory, text, needs = shown()
        assert "int8 15 GB" in memory and "int4" not in memory and "In int4 9 GB" in text
        assert needs == {"int4": "bitsandbytes"}
        (tmp_path / "engine" / "lib" / "python3.11" / "site-packages" / "bitsandbytes").mkdir()
        memory, text, needs = shown()
        assert "int4 9 GB" in memory and "--extra" not in text and needs == {}

    def test_download_and_check(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        behaviour = Behaviour({"model_index.json": b"{}", "unet/model.safetensors": b"w" * 5000})
        with HubServer(behaviour) as server:
            monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
            monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path / "models"))
            assert cli.main(["models", "download", "owner/model", "--dry-run", "--json"]) == 0
            assert json.loads(capsys.readouterr().out)["missing_bytes"] == 5002
            assert not (tmp_path / "models").exists()
            assert cli.main(["models", "download", "owner/model", "--yes"]) == 0
            assert cli.main(["models", "check", "owner/model"]) == 0
            path = tmp_path / "models" / "owner--model"
            (path / "unet" / "model.safetensors").write_bytes(b"x" * 5000)
            capsys.readouterr()
            assert cli.main(["models", "check", str(path)]) == 1
            assert "unet/model.safetensors" in capsys.readouterr().out
            assert cli.main(["models", "download", "owner/other"]) == 1
            monkeypatch.setenv("TEXLOOM_OFFLINE", "1")
            assert cli.main(["models", "download", "owner/model"]) == 1
            assert "network may not be used" in capsys.readouterr().err

    def test_a_commit_can_be_asked_for_and_is_noted(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        behaviour = Behaviour({"model_index.json": b"{}", "unet/model.safetensors": b"w" * 5000})
        row = find("z-image-turbo")
        assert row is not None and len(row.revision) == 40
        changed = catalog_rows.CatalogRow(
            **{name: getattr(row, name) for name in row.__slots__} | {"hub": "owner/model"}
        )
        monkeypatch.setattr(catalog_rows, "find", lambda model: changed if model == "z-image-turbo" else None)
        asked = "/api/models/owner/model/revision/"
        with HubServer(behaviour) as server:
            monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
            monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path / "models"))
            for name, commit in (
                ("owner/model", "main"),
                ("z-image-turbo", row.revision),
                (f"z-image-turbo@{REVISION}", REVISION),
                (f"owner/model@{'a' * 40}", "a" * 40),
            ):
                behaviour.seen.clear()
                assert cli.main(["models", "download", name, "--yes"]) == 0
                assert [path for path in behaviour.seen if path.startswith(asked)] == [asked + commit]
        folder = tmp_path / "models" / "owner--model"
        assert json.loads((folder / model_store.RECORD).read_text())["revision"] == REVISION
        assert model_store.commit_of(folder) == REVISION
        assert model_store.find("owner/model", commit=REVISION[:7]) == folder
        assert model_store.find("owner/model", commit="a" * 40) is None
        capsys.readouterr()
        assert cli.main(["models", "show", "z-image-turbo"]) == 0
        assert REVISION in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("text", "name", "commit"),
        [
            ("sdxl@4621659", "sdxl", "4621659"),
            ("owner/model.v2@" + "0a" * 20, "owner/model.v2", "0a" * 20),
            ("owner/model", "owner/model", ""),
            ("/home/me@work/model@4621659", "/home/me@work/model@4621659", ""),
            ("./model@4621659", "./model@4621659", ""),
            ("icons@2x", "icons@2x", ""),
            ("sdxl@main", "sdxl@main", ""),
        ],
    )
    def test_what_stands_behind_the_name(self, text: str, name: str, commit: str) -> None:
        assert catalog_rows.pinned(text) == (name, commit)

    def test_a_model_that_nobody_knows_is_asked_about(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its licence is not known, and its makers' gate is, as the hub tells it."""
        files = {"model_index.json": b"{}", "unet/model.safetensors": b"w" * 5000}
        behaviour = Behaviour(files, gated="manual", licence="openrail++")
        with HubServer(behaviour) as server:
            monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
            monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path / "models"))
            monkeypatch.setattr("sys.stdin", io.StringIO())
            assert cli.main(["models", "download", "owner/model"]) == cli.EXIT_CANCELLED
            said = capsys.readouterr().err
            assert "does not know the licence of owner/model; read it at https://huggingface.co/owner/model" in said
            assert "names the licence openrail++" in said and "accept their terms first" in said
            assert "--yes" in said and not (tmp_path / "models").exists()
            assert cli.main(["models", "download", "owner/model", "--dry-run", "--json"]) == 0
            plan = json.loads(capsys.readouterr().out)
            assert plan["gated"] is True and len(plan["terms"]) == 3
            answers = io.StringIO("y\n")
            monkeypatch.setattr(answers, "isatty", lambda: True)
            monkeypatch.setattr("sys.stdin", answers)
            assert cli.main(["models", "download", "owner/model"]) == 0
            assert (tmp_path / "models" / "owner--model" / "unet" / "model.safetensors").is_file()
            # What is there already is not asked about again.
            assert cli.main(["models", "download", "owner/model"]) == 0

    def test_what_sees_maps_and_what_makes_previews_are_known(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path / "models"))
        where = tmp_path / "models" / "prs-eth--marigold-normals-v1-1"
        weights(where / "unet" / "a.safetensors", {"a": (2,)})
        (where / "model_index.json").write_text('{"_class_name": "MarigoldNormalsPipeline"}')
        assert cli.main(["models", "--json"]) == 0
        listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        found = {item["id"]: item for item in listed}
        assert len(found) == len(listed)
        assert found["marigold-normals"]["path"] == str(where) and found["marigold-depth"]["path"] == ""
        assert cli.main(["models", "show", "marigold-appearance"]) == 0
        text = capsys.readouterr().out
        assert "prs-eth/marigold-iid-appearance-v1-1" in text and "2.58 GB" in text and "OpenRAIL++" in text
        assert cli.main(["models", "show", "madebyollin/taesdxl"]) == 0
        assert "9.80 MB" in capsys.readouterr().out

    def test_terms_come_before_the_download(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        behaviour = Behaviour({"model_index.json": b"{}", "unet/model.safetensors": b"w" * 5000})
        row = find("flux-dev")
        assert row is not None
        changed = catalog_rows.CatalogRow(
            **{name: getattr(row, name) for name in row.__slots__} | {"hub": "owner/model"}
        )
        monkeypatch.setattr(catalog_rows, "find", lambda model: changed if model == "flux-dev" else None)
        with HubServer(behaviour) as server:
            monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
            monkeypatch.setenv("TEXLOOM_MODELS", str(tmp_path / "models"))
            monkeypatch.setattr("sys.stdin", io.StringIO())
            assert cli.main(["models", "download", "flux-dev"]) == cli.EXIT_CANCELLED
            said = capsys.readouterr().err
            assert "non-commercial use only" in said and "--yes" in said
            assert not (tmp_path / "models").exists()
            assert cli.main(["models", "download", "flux-dev", "--yes"]) == 0
