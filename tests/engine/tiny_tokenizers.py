# SPDX-License-Identifier: GPL-3.0-or-later
"""Real tokenizers whose words are single letters, and tiny text encoders that read them."""

from __future__ import annotations

from typing import Any

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN_SPECIALS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)


def byte_alphabet() -> list[str]:
    """The 256 characters that stand for bytes in byte-level tokenizers, in a fixed order."""
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


def clip_tokenizer() -> Any:
    """CLIP's, 77 tokens long."""
    from transformers import CLIPTokenizer

    letters = byte_alphabet()
    pieces = ["<|startoftext|>", "<|endoftext|>", *letters, *(letter + "</w>" for letter in letters)]
    return CLIPTokenizer(vocab={piece: number for number, piece in enumerate(pieces)}, merges=[], model_max_length=77)


def clip_text(hidden: int = 32, *, projection: int = 0) -> Any:
    """CLIP's text encoder, with a projection for SDXL, SD 3 and the like."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=514,
        hidden_size=hidden,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        projection_dim=projection or 512,
    )
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)(config).eval()


def t5_tokenizer() -> Any:
    """T5's: printable ASCII, all else unknown."""
    from transformers import T5TokenizerFast

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0), ("▁", -3.0)]
    return T5TokenizerFast(vocab=[*pieces, *((chr(code), -5.0) for code in range(33, 127))], extra_ids=0)


def t5_text(hidden: int = 32) -> Any:
    """T5's encoder."""
    from transformers import T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=128, d_model=hidden, d_ff=37, d_kv=8, num_layers=2, num_heads=4, pad_token_id=0, eos_token_id=1
    )
    return T5EncoderModel(config).eval()


def qwen_tokenizer() -> Any:
    """Qwen's: bytes and the marks of a chat."""
    from transformers import Qwen2Tokenizer

    pieces = [*byte_alphabet(), *QWEN_SPECIALS]
    tokenizer = Qwen2Tokenizer(
        vocab={piece: number for number, piece in enumerate(pieces)},
        merges=[],
        extra_special_tokens=list(QWEN_SPECIALS[1:]),
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def qwen3_text(hidden: int = 16, layers: int = 2, *, language_model: bool = False) -> Any:
    """Qwen3; with its output layer for FLUX.2 klein."""
    from transformers import Qwen3Config, Qwen3ForCausalLM, Qwen3Model

    config = Qwen3Config(
        vocab_size=264,
        hidden_size=hidden,
        intermediate_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
    )
    return (Qwen3ForCausalLM if language_model else Qwen3Model)(config).eval()


def gemma_tokenizer() -> Any:
    """Gemma's: bytes."""
    from transformers import GemmaTokenizer

    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256))]
    return GemmaTokenizer(vocab={piece: number for number, piece in enumerate(pieces)}, merges=[])


def gemma_text(hidden: int = 16) -> Any:
    """Gemma 2."""
    from transformers import Gemma2Config, Gemma2Model

    config = Gemma2Config(
        vocab_size=264,
        hidden_size=hidden,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
    )
    return Gemma2Model(config).eval()
