# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: memory and speed of large models, and models that see the maps of pictures."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "Folders of models that see normals, depth or materials in pictures": (
        "用于从图片中识别法线、深度或材质的模型文件夹"
    ),
    # The fields.
    "Memory and Speed of Large Models": "大型模型的内存与速度",
    "Unload after (minutes)": "闲置后卸载 (分钟)",
    "A large model that nothing has used for so long leaves the memory; 0 keeps it for ever": (
        "大型模型闲置超过此时间后会从内存中移除;0 表示一直保留"
    ),
    "Memory limit (GB)": "内存上限 (GB)",
    "The most memory that models may take on the device, so that other programs have theirs; 0 for all that is free": (
        "模型在设备上最多可占用的内存,为其他程序留出空间;0 表示可使用全部空闲内存"
    ),
    "Leave out steps": "跳过步数",
    "Many large models can leave out steps that would change less than this: 0.05 can hardly be seen, 0.2 is much "
    "faster and less exact; 0 draws every step": (
        "许多大型模型可以跳过变化小于此值的步: 0.05 几乎看不出差别,0.2 快得多但精度较低;0 表示执行每一步"
    ),
    "Compile networks": "编译网络",
    "On NVIDIA and AMD cards, once three pictures of one size were drawn: the next one takes longer, all after it are "
    "faster": "在 NVIDIA 和 AMD 显卡上,画完三张相同尺寸的图像后进行编译: 紧接着的一张较慢,之后的都会更快",
    "Attention": "注意力",
    "How large models compare all parts of a picture with each other; a warning tells where the chosen way cannot be "
    "had": "大型模型如何将图像各部分相互比较;所选方式不可用时会给出警告",
    "What torch chooses for this machine": "由 torch 为本机选择",
    "Of NVIDIA's cuDNN, which comes with torch": "使用 torch 自带的 NVIDIA cuDNN",
    "Needs the package flash-attn in the engine's Python": "需要在引擎的 Python 中安装 flash-attn",
    "For Hopper cards; needs the package flash-attn-interface in the engine's Python": (
        "适用于 Hopper 显卡;需要在引擎的 Python 中安装 flash-attn-interface"
    ),
    "Faster and a little less exact; needs the package sageattention in the engine's Python": (
        "更快,但精度略低;需要在引擎的 Python 中安装 sageattention"
    ),
    "Needs the package xformers in the engine's Python": "需要在引擎的 Python 中安装 xformers",
    "Holds from the next job on.": "从下一个任务开始生效。",
    "Small files made for the chosen model, which add a style or a subject.": (
        "为所选模型制作的小文件,可添加风格或主体。"
    ),
    "Goes to": "存放到",
    "Negative": "反向提示词",
    # Models that see maps.
    "Maps of Pictures": "图像的贴图",
    "Maps of pictures": "图像的贴图",
    "Seen by": "识别模型",
    "Seen by the small network that comes with Texloom.": "由 Texloom 自带的小型网络识别。",
    "Marigold model": "Marigold 模型",
    "Folder of a Marigold model": "Marigold 模型所在的文件夹",
    "Folder of a Marigold model for normals, depth or appearance, which sees the maps of pictures better than the "
    "small network does, and slower": (
        "Marigold 法线、深度或外观模型所在的文件夹,识别图像的贴图比小型网络更准确,但更慢"
    ),
    "Add Marigold Model": "添加 Marigold 模型",
    "Have a Marigold model see the maps of pictures: better than the small network does, and slower": (
        "用 Marigold 模型识别图像的贴图: 比小型网络更准确,但更慢"
    ),
    "Remove Marigold Model": "移除 Marigold 模型",
    "See the maps of pictures without this model; its files stay": "识别图像的贴图时不再使用此模型;其文件会保留",
    # How a model is kept in memory.
    "weights in 4 bits": "4 位权重",
    "weights in 8 bits": "8 位权重",
    "parts wait in main memory for their turn": "各部分在内存中等待轮换",
    "layers come from main memory one by one": "逐层从内存载入",
    "decoding in stripes": "分条解码",
}

MESSAGES: dict[str, str] = {
    "{list}: about {0} of {1} GB": "{list}: 约需 {0} / {1} GB",
    "{list}: about {0} GB": "{list}: 约需 {0} GB",
    "There was too little memory for the Marigold models: the small network has seen the maps.": (
        "内存不足以运行 Marigold 模型: 已由小型网络识别贴图。"
    ),
    "{0} holds no Marigold model.": "{0} 中没有 Marigold 模型。",
}
