# SPDX-License-Identifier: GPL-3.0-or-later
"""Readers of words and pictures for language models, without the readers that want torchvision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

CLASSES: Final = ("Qwen2VLProcessor", "Qwen3VLProcessor")
"""Classes of transformers that :func:`picture_reader` stands in for."""

_TEMPLATE: Final = "chat_template.json"


def picture_reader(path: Path) -> Any:
    """A ``Qwen2VLProcessor`` or its successor from its folder that does without videos.

    Raises:
        OSError, ValueError: as the readers of transformers.
    """
    from transformers import BatchFeature, Qwen2VLImageProcessorPil, Qwen2VLProcessor

    class Reader(Qwen2VLProcessor):  # type: ignore[misc, no-any-unimported]
        """Puts as many marks into the words as the picture has patches for the language model."""

        def __init__(self, image_processor: Any, tokenizer: Any) -> None:
            # Without the parent's, which insists on a reader of videos.
            self.image_processor = image_processor
            self.tokenizer = tokenizer
            self.image_token = getattr(tokenizer, "image_token", "<|image_pad|>")

        def __call__(self, images: Any = None, text: Any = None, **named: Any) -> Any:
            texts = [text] if isinstance(text, str) else list(text)
            data: dict[str, Any] = {}
            if images is not None:
                data = dict(self.image_processor(images=images, return_tensors="pt"))
                counts = iter(int(grid.prod()) // self.image_processor.merge_size**2 for grid in data["image_grid_thw"])
                parts = [words.split(self.image_token) for words in texts]
                texts = [first + "".join(self.image_token * next(counts) + x for x in rest) for first, *rest in parts]
            # What else callers say (lengths, sides) is for the tokenizer.
            given = {key: value for key, value in named.items() if key != "return_tensors"}
            words = self.tokenizer(texts, **{"padding": True} | given, return_tensors="pt")
            return BatchFeature({**words, **data})

        def apply_chat_template(self, conversation: Any, **named: Any) -> Any:
            """As the parent's, of words alone: in tokens it gives a list of conversations."""
            found = self.tokenizer.apply_chat_template(conversation, **{"tokenize": False} | named)
            return [found] if named.get("tokenize") and not named.get("return_dict", True) else found

    return Reader(Qwen2VLImageProcessorPil.from_pretrained(path, local_files_only=True), word_reader(path))


def word_reader(path: Path) -> Any:
    """The tokenizer in a reader's folder, with the template of a chat.

    Raises:
        OSError, ValueError: as the readers of transformers.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
    # Older folders keep the template where tokenizers do not look.
    if not tokenizer.chat_template and (path / _TEMPLATE).is_file():
        tokenizer.chat_template = json.loads((path / _TEMPLATE).read_text(encoding="utf-8"))["chat_template"]
    return tokenizer
