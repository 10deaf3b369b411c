# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: sentences about previews, variations at a time and GGUF files; see :mod:`.messages`."""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    "The small decoder for previews in {0} cannot be used: {reason}": "{0} 中用于预览的小型解码器无法使用: {reason}",
    "Download it again, or delete its folder.": "请重新下载,或删除其文件夹。",
    "Memory ran out with {0} variations of {1} at a time; they go on with fewer.": (
        "同时绘制 {0} 个变体时 {1} 的内存已用尽;将减少同时绘制的数量并继续。"
    ),
    "Choose off for the setting batch to draw them one by one from the start.": (
        "若要从一开始就逐个绘制,请将设置 batch 设为 off。"
    ),
    "{0} is no sound GGUF file: {reason}.": "{0} 不是完好的 GGUF 文件: {reason}。",
    "{0} is a GGUF file of a whole model; of such files the network that draws can be used alone.": (
        "{0} 是整个模型的 GGUF 文件;此类文件中只有单独的绘图网络可以使用。"
    ),
    "Choose a GGUF file of the network alone, or a .safetensors file.": (
        "请选择仅含绘图网络的 GGUF 文件,或 .safetensors 文件。"
    ),
}
