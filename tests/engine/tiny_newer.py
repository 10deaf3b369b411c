# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiny folders of families whose parts are not all saved by their pipelines: Kolors, Qwen-Image 2.1 and FLUX.3."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import tiny_tokenizers as words
from tiny_models import tiny_vae
from tiny_parts import flow, flux2_vae, qwen_vl, wake

SENTENCES = ("red brick wall with mortar", "pale oak planks", "mossy cobblestone, wet", "青苔覆盖的石头,潮湿")


def save_kolors(folder: Path) -> None:
    """SDXL's network with ChatGLM's language model, whose classes are diffusers' own."""
    from diffusers import EulerDiscreteScheduler, KolorsPipeline, UNet2DConditionModel

    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(8, 16),
        layers_per_block=1,
        cross_attention_dim=16,
        encoder_hid_dim=32,
        encoder_hid_dim_type="text_proj",
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=80,
        norm_num_groups=4,
    ).eval()
    folder.mkdir(parents=True, exist_ok=True)
    KolorsPipeline(
        vae=tiny_vae(4),
        text_encoder=_chatglm(),
        tokenizer=_chatglm_tokenizer(folder),
        unet=unet,
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.014,
            beta_schedule="scaled_linear",
            num_train_timesteps=1100,
            steps_offset=1,
            timestep_spacing="leading",
        ),
        force_zeros_for_empty_prompt=False,
    ).save_pretrained(folder)
    (folder / "tokenizer.model").unlink()


def _chatglm() -> Any:
    from diffusers.pipelines.kolors.text_encoder import ChatGLMConfig, ChatGLMModel

    model = ChatGLMModel(
        ChatGLMConfig(
            num_layers=2,
            padded_vocab_size=384,
            hidden_size=32,
            ffn_hidden_size=32,
            kv_channels=8,
            num_attention_heads=4,
            seq_length=256,
            multi_query_attention=True,
            multi_query_group_num=2,
            add_qkv_bias=True,
            original_rope=True,
        )
    ).eval()
    # Its own start leaves memory as it was found.
    for name, weights in model.named_parameters():
        weights.data.normal_(std=0.3) if weights.ndim > 1 else weights.data.fill_(0.0 if "bias" in name else 1.0)
    return model


def _chatglm_tokenizer(folder: Path) -> Any:
    """A sentencepiece model of a few sentences, and bytes for all else."""
    import sentencepiece
    from diffusers.pipelines.kolors.tokenizer import ChatGLMTokenizer

    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=written,
        model_type="bpe",
        vocab_size=330,
        byte_fallback=True,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
    )
    (folder / "tokenizer.model").write_bytes(written.getvalue())
    return ChatGLMTokenizer(str(folder / "tokenizer.model"))


def save_qwen_image_21(folder: Path) -> None:
    """Its pipeline reads the marks of a chat from its processor as soon as it is made."""
    from diffusers import AutoencoderKLQwenImage21, QwenImage21Pipeline, QwenImage21Transformer2DModel
    from texloom.engine.families.picture_reader import picture_reader

    save_processor(folder / "processor")
    transformer = QwenImage21Transformer2DModel(
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        context_in_dim=16,
        mlp_ratio=1,
        axes_dims_rope=(4, 6, 6),
    ).eval()
    wake(transformer)
    pipeline = QwenImage21Pipeline(
        scheduler=flow(),
        vae=AutoencoderKLQwenImage21(
            base_dim=8,
            decoder_base_dim=8,
            z_dim=4,
            dim_mult=[1, 1, 1, 1, 1],
            num_res_blocks=1,
            latents_mean=[0.0, 0.1, -0.1, 0.2],
            latents_std=[1.0, 1.5, 0.8, 1.2],
        ).eval(),
        text_encoder=qwen_vl("Qwen3VL", "Qwen3VLForConditionalGeneration"),
        processor=picture_reader(folder / "processor"),
        transformer=transformer,
    )
    pipeline.register_modules(processor=None)
    pipeline.save_pretrained(folder)
    _enter(folder / "model_index.json", "processor", ["transformers", "Qwen3VLProcessor"])


def save_flux3(folder: Path) -> None:
    """As diffusers writes its modular pipelines: another index, and parts in folders of their own."""
    from diffusers import Flux3Transformer2DModel

    text_encoder = qwen_vl("Qwen3VL", "Qwen3VLForConditionalGeneration", layers=32)  # it reads layers 4, 8, … 32
    transformer = Flux3Transformer2DModel(
        in_channels=16,
        cond_in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16 * 8,
        timestep_channels=32,
        axes_dims_rope=(4, 4, 4, 4),
        flow_map=True,
    ).eval()
    parts = {"text_encoder": text_encoder, "vae": flux2_vae(), "transformer": transformer}
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    save_processor(folder / "tokenizer")
    index: dict[str, Any] = {
        "_class_name": "Flux3DistilledModularPipeline",
        "_blocks_class_name": "Flux3DistilledAutoBlocks",
        "_diffusers_version": "0.42.1",
    }
    kinds = {
        name: ["transformers" if name == "text_encoder" else "diffusers", type(p).__name__] for name, p in parts.items()
    }
    for name, (library, kind) in {**kinds, "tokenizer": ("transformers", "AutoProcessor")}.items():
        place = {"pretrained_model_name_or_path": "black-forest-labs/flux-3-image-klein", "subfolder": name}
        index[name] = [library, kind, place | {"type_hint": [library, kind], "variant": None, "revision": None}]
    # Parts that were not loaded when an index was written have their class in the hint alone.
    index["vae"][:2] = [None, None]
    index["prompt_upsampler"] = [None, None, {"type_hint": ["transformers", "Qwen3_5ForConditionalGeneration"]}]
    (folder / "modular_model_index.json").write_text(json.dumps(index))


def save_processor(folder: Path) -> None:
    """A reader of words and pictures, as transformers writes it where torchvision is installed."""
    from transformers import Qwen2VLImageProcessorPil

    words.qwen_tokenizer().save_pretrained(folder)
    Qwen2VLImageProcessorPil(patch_size=16, temporal_patch_size=2, merge_size=2).save_pretrained(folder)


def _enter(index: Path, name: str, kind: list[str]) -> None:
    known = json.loads(index.read_text())
    known[name] = kind
    index.write_text(json.dumps(known))
