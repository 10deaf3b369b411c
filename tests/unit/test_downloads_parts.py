# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a repository are a model: those of the parts that its index names, and no others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from test_downloads import Site, _there, quick, site
from texloom import catalog_rows, model_store
from texloom.catalog_rows import CatalogRow
from texloom.errors import DownloadError, ModelNotFoundError
from texloom.runtime.download_plan import part_names, plan, verify
from texloom.runtime.hub import Hub

__all__ = ["quick", "site"]  # fixtures

INDEX: dict[str, Any] = {
    "_class_name": "StableDiffusion3Pipeline",
    "_diffusers_version": "0.30.3",
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "CLIPTextModelWithProjection"],
    "text_encoder_3": ["transformers", "T5EncoderModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "transformer": ["diffusers", "SD3Transformer2DModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "image_encoder": [None, None],
    "force_zeros": True,
    "sizes": [1, 2],
}
NAMED = {
    "model_index.json": json.dumps(INDEX).encode(),
    "README.md": b"---\nlicense: other\n---\n",
    "LICENSE.md": b"terms",
    "scheduler/scheduler_config.json": b"{}",
    "text_encoder/config.json": b'{"hidden_size": 1}',
    "text_encoder/model.fp16.safetensors": b"clip, half",
    "text_encoder_3/model.fp16-00001-of-00002.safetensors": b"t5, half, one",
    "text_encoder_3/model.fp16-00002-of-00002.safetensors": b"t5, half, two",
    "tokenizer/merges.txt": b"#version: 0.2\n",
    "transformer/diffusion_pytorch_model.fp16.safetensors": b"network, half",
    "vae/diffusion_pytorch_model.fp16.safetensors": b"decoder, half",
}
OTHERS = {
    "text_encoder/model.safetensors": b"clip, whole",
    "transformer/diffusion_pytorch_model.safetensors": b"network, whole",
    "sd3.5_medium.safetensors": b"a copy in one file",
    # What other programs read.
    "text_encoders/clip_l.safetensors": b"clip, again",
    "text_encoders/t5xxl_fp16.safetensors": b"t5, again",
    "text_encoders/README.md": b"for other programs",
    "vae_1_0/diffusion_pytorch_model.safetensors": b"an older decoder",
    "vae_1_0/config.json": b'{"old": true}',
    "image_encoder/model.safetensors": b"not named",
}


@pytest.fixture
def sd3(site: Site) -> Site:
    site.behaviour.files = NAMED | OTHERS
    return site


def row(**changes: Any) -> CatalogRow:
    found = catalog_rows.find("sd-3.5-medium")
    assert found is not None
    fields = {name: getattr(found, name) for name in found.__slots__}
    return CatalogRow(**fields | {"hub": "owner/model", "revision": ""} | changes)


def test_of_a_model_that_nobody_knows(sd3: Site) -> None:
    assert {file.name for file in sd3.plan().files} == set(NAMED)
    folder = sd3.download()
    assert _there(folder) == NAMED and verify(folder) == ()
    # The index is there by now.
    sd3.behaviour.seen.clear()
    assert sd3.plan().missing == () and list(sd3.behaviour.seen) == ["/api/models/owner/model/revision/main"]


def test_of_a_row(sd3: Site) -> None:
    assert {file.name for file in sd3.plan(row=row()).files} == set(NAMED)
    assert {file.name for file in sd3.plan(row=row(only=("model_index.json", "*/*"), skip=())).files} == {
        name for name in NAMED if "/" in name or name == "model_index.json"
    }
    # A row that leaves the index out says by itself what it wants.
    found = sd3.plan(row=row(only=("text_encoders/*",), skip=())).files
    assert {file.name for file in found} == {name for name in OTHERS if name.startswith("text_encoders/")}


def test_only_configurations(sd3: Site) -> None:
    found = {file.name for file in sd3.plan(configuration_only=True).files}
    assert found == {name for name in NAMED if not name.endswith(".safetensors")}


def test_what_was_loaded_too_much_goes(sd3: Site) -> None:
    """By whoever took all folders once."""
    folder = sd3.download()
    extra = folder / "text_encoders" / "clip_l.safetensors"
    extra.parent.mkdir()
    extra.write_bytes(OTHERS["text_encoders/clip_l.safetensors"])
    record = json.loads((folder / model_store.RECORD).read_text())
    record["files"]["text_encoders/clip_l.safetensors"] = {"size": 11, "sha256": "0" * 64, "git_sha1": ""}
    (folder / model_store.RECORD).write_text(json.dumps(record))
    sd3.download()
    assert _there(folder) == NAMED


def test_modular_folders_and_networks_stay_whole(site: Site) -> None:
    """Their indices say where parts lie in another way, or there is none."""
    files = {
        "modular_model_index.json": json.dumps({"vae": ["diffusers", "X", {"subfolder": "decoder"}]}).encode(),
        "decoder/model.safetensors": b"weights",
        "transformer/model.safetensors": b"more of them",
    }
    site.behaviour.files = dict(files)
    assert {file.name for file in site.plan().files} == set(files)
    site.behaviour.files = {"config.json": b"{}", "model.safetensors": b"one", "other/model.safetensors": b"two"}
    assert {file.name for file in site.plan().files} == set(site.behaviour.files)


@pytest.mark.parametrize("index", [b"{}", b"[]", b"no json", b'{"a": [1, 2], "b": [null, null], "c": ["x"]}', b"\xff"])
def test_an_index_that_names_nothing_leaves_nothing_out(index: bytes, site: Site) -> None:
    assert part_names(index) is None
    site.behaviour.files = {"model_index.json": index, "unet/model.safetensors": b"weights"}
    assert len(site.plan().files) == 2


def test_before_the_terms_are_accepted(sd3: Site) -> None:
    """The hub lists such a model and gives no file of it: size and gate are told, and rows leave out what they know."""
    sd3.behaviour.token, sd3.behaviour.open_list, sd3.behaviour.gated = "hf_secret", True, "auto"
    found = sd3.plan(row=row())
    assert found.listing.gated
    assert {file.name.partition("/")[0] for file in found.files} & {"text_encoders", "transformer"} == {"transformer"}
    with pytest.raises(ModelNotFoundError, match="does not give owner/model to you"):
        sd3.download()
    hub = Hub(endpoint=sd3.hub.endpoint, token="hf_secret")
    assert {file.name for file in plan(hub, "owner/model", root=sd3.root).files} == set(NAMED)


def test_an_index_that_does_not_come(sd3: Site) -> None:
    sd3.behaviour.break_after, sd3.behaviour.breaks = 10, 1
    assert {file.name for file in sd3.plan().files} == set(NAMED), "it is asked for again"
    sd3.behaviour.breaks = -1
    with pytest.raises(DownloadError, match=r"model_index\.json of owner/model cannot be loaded"):
        sd3.plan()
    sd3.behaviour.breaks, sd3.behaviour.wrong_bytes = 0, {"model_index.json"}
    with pytest.raises(DownloadError, match="its hash is another"):
        sd3.plan()


def test_rows_of_gated_models_skip_what_their_index_would(sd3: Site) -> None:
    for name in ("sd-3.5-medium", "sd-3.5-large", "sd-3.5-large-turbo"):
        found = catalog_rows.find(name)
        assert found is not None and found.gated == "yes" and "text_encoders/*" in found.skip, name
