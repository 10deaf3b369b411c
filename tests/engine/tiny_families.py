# SPDX-License-Identifier: GPL-3.0-or-later
"""A tiny real folder of every family with an adapter, by the family's name: :data:`SAVERS`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tiny_tokenizers as words
import torch
from tiny_models import save_stable_diffusion, save_z_image, tiny_unet, tiny_vae
from tiny_newer import save_flux3, save_kolors, save_qwen_image_21
from tiny_parts import deep_vae, flow, flux2_vae, qwen_vae, qwen_vl, sana_transformer, wake


def sdxl() -> Any:
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel

    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(8, 16),
        layers_per_block=1,
        cross_attention_dim=64,
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=80,
        norm_num_groups=4,
    ).eval()
    return StableDiffusionXLPipeline(
        vae=tiny_vae(4),
        text_encoder=words.clip_text(),
        text_encoder_2=words.clip_text(projection=32),
        tokenizer=words.clip_tokenizer(),
        tokenizer_2=words.clip_tokenizer(),
        unet=unet,
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            steps_offset=1,
            timestep_spacing="leading",
        ),
        force_zeros_for_empty_prompt=True,
    )


def sd3() -> Any:
    from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline

    transformer = SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=16,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=32,
        caption_projection_dim=32,
        pooled_projection_dim=64,
        out_channels=16,
        pos_embed_max_size=192,
    ).eval()
    return StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=flow(),
        vae=tiny_vae(16, shift_factor=0.06),
        text_encoder=words.clip_text(projection=32),
        tokenizer=words.clip_tokenizer(),
        text_encoder_2=words.clip_text(projection=32),
        tokenizer_2=words.clip_tokenizer(),
        text_encoder_3=words.t5_text(),
        tokenizer_3=words.t5_tokenizer(),
    )


def flux() -> Any:
    from diffusers import FluxPipeline, FluxTransformer2DModel

    transformer = FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        guidance_embeds=True,
        axes_dims_rope=(4, 4, 8),
    ).eval()
    return FluxPipeline(
        scheduler=flow(),
        vae=tiny_vae(4, shift_factor=0.1),
        text_encoder=words.clip_text(),
        tokenizer=words.clip_tokenizer(),
        text_encoder_2=words.t5_text(),
        tokenizer_2=words.t5_tokenizer(),
        transformer=transformer,
    )


def _flux_with(in_channels: int) -> Any:
    """FLUX.1's network with further inputs beside its 16 channels, and its other parts."""
    from diffusers import FluxTransformer2DModel

    transformer = FluxTransformer2DModel(
        in_channels=in_channels,
        out_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        guidance_embeds=True,
        axes_dims_rope=(4, 4, 8),
    ).eval()
    return {
        "scheduler": flow(),
        "vae": tiny_vae(4, shift_factor=0.1),
        "text_encoder": words.clip_text(),
        "tokenizer": words.clip_tokenizer(),
        "text_encoder_2": words.t5_text(),
        "tokenizer_2": words.t5_tokenizer(),
        "transformer": transformer,
    }


def flux_fill() -> Any:
    """Its network sees the masked picture (16 channels) and 2 × 2 masks of 8 × 8 pixels as well."""
    from diffusers import FluxFillPipeline

    return FluxFillPipeline(**_flux_with(16 + 16 + 4 * 64))


def flux_control() -> Any:
    from diffusers import FluxControlPipeline

    return FluxControlPipeline(**_flux_with(16 + 16))


def sd_inpainting() -> Any:
    """Stable Diffusion made for inpainting: nine channels go in."""
    from diffusers import DDIMScheduler, StableDiffusionInpaintPipeline

    return StableDiffusionInpaintPipeline(
        vae=tiny_vae(4),
        text_encoder=words.clip_text(),
        tokenizer=words.clip_tokenizer(),
        unet=tiny_unet(9),
        scheduler=DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def qwen_image_edit() -> Any:
    """Without its processor, which :func:`save` writes: diffusers' own wants torchvision."""
    from diffusers import QwenImageEditPlusPipeline

    base = qwen_image()
    return QwenImageEditPlusPipeline(**base.components, processor=None)


def chroma() -> Any:
    from diffusers import ChromaPipeline, ChromaTransformer2DModel

    transformer = ChromaTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        axes_dims_rope=(4, 4, 8),
        approximator_num_channels=8,
        approximator_hidden_dim=32,
        approximator_layers=1,
    ).eval()
    return ChromaPipeline(
        scheduler=flow(),
        vae=tiny_vae(4, shift_factor=0.1),
        text_encoder=words.t5_text(),
        tokenizer=words.t5_tokenizer(),
        transformer=transformer,
    )


def flux2_klein() -> Any:
    from diffusers import Flux2KleinPipeline, Flux2Transformer2DModel

    transformer = Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        timestep_guidance_channels=32,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    ).eval()
    return Flux2KleinPipeline(
        scheduler=flow(),
        vae=flux2_vae(),
        # It reads layers 9, 18 and 27.
        text_encoder=words.qwen3_text(layers=28, language_model=True),
        tokenizer=words.qwen_tokenizer(),
        transformer=transformer,
        is_distilled=True,
    )


def flux2() -> Any:
    """FLUX.2 dev; without its reader of pictures and words, which :func:`save` writes: it wants torchvision."""
    from diffusers import Flux2Pipeline, Flux2Transformer2DModel
    from transformers import Mistral3Config, Mistral3ForConditionalGeneration, MistralConfig, PixtralVisionConfig

    text = MistralConfig(
        vocab_size=264,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=31,  # it reads layers 10, 20 and 30
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
    )
    vision = PixtralVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=16
    )
    transformer = Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        timestep_guidance_channels=32,
        axes_dims_rope=(4, 4, 4, 4),
    ).eval()
    return Flux2Pipeline(
        scheduler=flow(),
        vae=flux2_vae(),
        text_encoder=Mistral3ForConditionalGeneration(
            Mistral3Config(text_config=text, vision_config=vision, image_token_index=261)
        ).eval(),
        tokenizer=words.qwen_tokenizer(),
        transformer=transformer,
    )


def qwen_image() -> Any:
    from diffusers import QwenImagePipeline, QwenImageTransformer2DModel

    transformer = QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=4,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        axes_dims_rope=(4, 4, 8),
    ).eval()
    return QwenImagePipeline(
        scheduler=flow(),
        vae=qwen_vae(),
        text_encoder=qwen_vl("Qwen2_5_VL", "Qwen2_5_VLForConditionalGeneration"),
        tokenizer=words.qwen_tokenizer(),
        transformer=transformer,
    )


def sana() -> Any:
    from diffusers import DPMSolverMultistepScheduler, SanaPipeline

    return SanaPipeline(
        tokenizer=words.gemma_tokenizer(),
        text_encoder=words.gemma_text(),
        vae=deep_vae(),
        transformer=sana_transformer(),
        scheduler=DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
    )


def sana_sprint() -> Any:
    from diffusers import SanaSprintPipeline, SCMScheduler

    return SanaSprintPipeline(
        tokenizer=words.gemma_tokenizer(),
        text_encoder=words.gemma_text(),
        vae=deep_vae(),
        transformer=sana_transformer(guidance_embeds=True, qk_norm="rms_norm_across_heads"),
        scheduler=SCMScheduler(),
    )


def lumina2() -> Any:
    from diffusers import Lumina2Pipeline, Lumina2Transformer2DModel

    transformer = Lumina2Transformer2DModel(
        sample_size=4,
        patch_size=2,
        in_channels=4,
        hidden_size=24,
        num_layers=2,
        num_refiner_layers=1,
        num_attention_heads=3,
        num_kv_heads=1,
        multiple_of=2,
        axes_dim_rope=(4, 2, 2),
        axes_lens=(300, 192, 192),
        cap_feat_dim=16,
    ).eval()
    return Lumina2Pipeline(
        transformer=transformer,
        scheduler=flow(),
        vae=tiny_vae(4, shift_factor=0.1),
        text_encoder=words.gemma_text(),
        tokenizer=words.gemma_tokenizer(),
    )


def pixart() -> Any:
    from diffusers import DPMSolverMultistepScheduler, PixArtSigmaPipeline, PixArtTransformer2DModel

    transformer = PixArtTransformer2DModel(
        sample_size=8,
        num_layers=2,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=3,
        caption_channels=32,
        in_channels=4,
        cross_attention_dim=24,
        out_channels=8,
        attention_bias=True,
        activation_fn="gelu-approximate",
        num_embeds_ada_norm=1000,
        norm_type="ada_norm_single",
        norm_elementwise_affine=False,
        norm_eps=1e-6,
        use_additional_conditions=False,
    ).eval()
    return PixArtSigmaPipeline(
        tokenizer=words.t5_tokenizer(),
        text_encoder=words.t5_text(),
        vae=tiny_vae(4),
        transformer=transformer,
        scheduler=DPMSolverMultistepScheduler(),
    )


def ernie_image() -> Any:
    from diffusers import ErnieImagePipeline, ErnieImageTransformer2DModel

    transformer = ErnieImageTransformer2DModel(
        hidden_size=32,
        num_attention_heads=2,
        num_layers=2,
        ffn_hidden_size=32,
        in_channels=16,
        out_channels=16,
        text_in_dim=16,
        rope_axes_dim=(4, 6, 6),
    ).eval()
    wake(transformer)
    return ErnieImagePipeline(
        transformer=transformer,
        vae=flux2_vae(),
        text_encoder=words.qwen3_text(),
        tokenizer=words.qwen_tokenizer(),
        scheduler=flow(),
    )


def krea2() -> Any:
    from diffusers import Krea2Pipeline, Krea2Transformer2DModel

    transformer = Krea2Transformer2DModel(
        in_channels=16,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=32,
        timestep_embed_dim=16,
        text_hidden_dim=16,
        num_text_layers=2,
        text_num_attention_heads=2,
        text_num_key_value_heads=2,
        text_intermediate_size=16,
        num_layerwise_text_blocks=1,
        num_refiner_text_blocks=1,
        axes_dims_rope=(4, 6, 6),
    ).eval()
    return Krea2Pipeline(
        scheduler=flow(),
        vae=qwen_vae(),
        text_encoder=qwen_vl("Qwen3VL", "Qwen3VLModel"),
        tokenizer=words.qwen_tokenizer(),
        transformer=transformer,
        text_encoder_select_layers=(1, 2),
        is_distilled=True,
        patch_size=2,
    )


def prx() -> Any:
    from diffusers import PRXPipeline, PRXTransformer2DModel
    from transformers import T5GemmaConfig, T5GemmaEncoder

    transformer = PRXTransformer2DModel(
        in_channels=4,
        patch_size=2,
        context_in_dim=16,
        hidden_size=32,
        mlp_ratio=2.0,
        num_heads=2,
        depth=2,
        axes_dim=[8, 8],
    ).eval()
    wake(transformer)
    side = {
        "vocab_size": 264,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
    }
    tokenizer = words.gemma_tokenizer()
    tokenizer.model_max_length = 256
    config = T5GemmaConfig(encoder=side, decoder=side, is_encoder_decoder=False, vocab_size=264)
    return PRXPipeline(
        transformer=transformer,
        scheduler=flow(),
        text_encoder=T5GemmaEncoder(config.encoder).eval(),
        tokenizer=tokenizer,
        vae=tiny_vae(4, shift_factor=0.1),
    )


def ovis() -> Any:
    """A family without an adapter, for the generic way."""
    from diffusers import OvisImagePipeline, OvisImageTransformer2DModel

    transformer = OvisImageTransformer2DModel(
        in_channels=16,
        out_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        axes_dims_rope=(4, 4, 8),
    ).eval()
    return OvisImagePipeline(
        scheduler=flow(),
        vae=tiny_vae(4, shift_factor=0.1),
        text_encoder=words.qwen3_text(),
        tokenizer=words.qwen_tokenizer(),
        transformer=transformer,
    )


_BUILDERS: dict[str, Callable[[], Any]] = {
    "sdxl": sdxl,
    "sd3": sd3,
    "flux": flux,
    "flux2-klein": flux2_klein,
    "flux2": flux2,
    "qwen-image": qwen_image,
    "sana": sana,
    "sana-sprint": sana_sprint,
    "lumina2": lumina2,
    "pixart-sigma": pixart,
    "ernie-image": ernie_image,
    "krea2": krea2,
    "prx": prx,
    "chroma": chroma,
    "generic": ovis,
}
_SAVERS: dict[str, Callable[[Path], object]] = {
    "stable-diffusion": save_stable_diffusion,
    "z-image": save_z_image,
    "kolors": save_kolors,
    "qwen-image-2.1": save_qwen_image_21,
    "flux3": save_flux3,
}
NAMES = (*_SAVERS, *_BUILDERS)

_FROM_PICTURES: dict[str, Callable[[], Any]] = {
    "flux-fill": flux_fill,
    "flux-control": flux_control,
    "qwen-image-edit": qwen_image_edit,
    "sd-inpainting": sd_inpainting,
}
FROM_PICTURES = tuple(_FROM_PICTURES)
"""Those that draw nothing from words alone."""


def save(name: str, folder: Path) -> Path:
    """Write the tiny model of a family; returns its folder."""
    torch.manual_seed(0)
    if name in _SAVERS:
        _SAVERS[name](folder)
        return folder
    (_BUILDERS | _FROM_PICTURES)[name]().save_pretrained(folder)
    if name == "qwen-image-edit":
        _add_processor(folder)
    if name == "flux2":
        _with_reader(folder)
    if name == "prx":
        _as_published(folder)
    return folder


def _as_published(folder: Path) -> None:
    """PRX's folders describe the whole T5Gemma, of which diffusers' own wrapper loads the encoder."""
    config = json.loads((folder / "text_encoder" / "config.json").read_text())
    side = {key: value for key, value in config.items() if key not in ("architectures", "model_type", "dtype")}
    whole = {"model_type": "t5gemma", "encoder": side, "decoder": side, "is_encoder_decoder": False, "vocab_size": 264}
    (folder / "text_encoder" / "config.json").write_text(json.dumps(whole))
    index = json.loads((folder / "model_index.json").read_text())
    index["text_encoder"] = ["transformers", "T5GemmaEncoder"]
    (folder / "model_index.json").write_text(json.dumps(index))


def _with_reader(folder: Path) -> None:
    """FLUX.2 dev's folders have a reader of pictures and words, Pixtral's, in the place of a tokenizer."""
    from transformers import PixtralImageProcessorPil

    place = folder / "tokenizer"
    pictures = PixtralImageProcessorPil(size={"longest_edge": 32}, patch_size={"height": 16, "width": 16})
    pictures.save_pretrained(place)
    reader = {"processor_class": "PixtralProcessor", "image_token": "[IMG]", "patch_size": 16, "spatial_merge_size": 2}
    (place / "processor_config.json").write_text(json.dumps(reader))
    words_config = json.loads((place / "tokenizer_config.json").read_text())
    (place / "tokenizer_config.json").write_text(json.dumps(words_config | {"processor_class": "PixtralProcessor"}))
    index = json.loads((folder / "model_index.json").read_text())
    index["tokenizer"] = ["transformers", "PixtralProcessor"]
    (folder / "model_index.json").write_text(json.dumps(index))


def _add_processor(folder: Path) -> None:
    """As diffusers writes it where torchvision is installed."""
    from transformers import Qwen2VLImageProcessorPil

    words.qwen_tokenizer().save_pretrained(folder / "processor")
    patches = {"patch_size": 14, "temporal_patch_size": 2, "merge_size": 2}
    Qwen2VLImageProcessorPil(**patches).save_pretrained(folder / "processor")
    index = json.loads((folder / "model_index.json").read_text())
    index["processor"] = ["transformers", "Qwen2VLProcessor"]
    (folder / "model_index.json").write_text(json.dumps(index))
