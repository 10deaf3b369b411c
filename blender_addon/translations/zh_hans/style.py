# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: style images, image adapters and learned words."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "A picture whose look is taken over": "采用其外观的图片",
    "Files of learned words (textual inversions)": "习得词文件 (文本反转 Textual Inversion)",
    # Style image.
    "Style Image": "风格图像",
    "Style image": "风格图像",
    "Whose look is taken over": "沿用哪张图像的外观",
    "No style image": "无风格图像",
    "The look follows from the prompt alone": "外观仅由提示词决定",
    "The look of an image of this file, as it is when the job begins": "沿用此文件中某张图像的外观 (以任务开始时为准)",
    "The look of a picture on disk": "沿用磁盘上某张图像的外观",
    "The image whose look is taken over": "要沿用其外观的图像",
    "The picture whose look is taken over": "要沿用其外观的图像文件",
    "Style strength": "风格强度",
    "How much of its look is taken over: at 0 nothing, at 1 as much as the prompt leaves room for": (
        "沿用其外观的程度: 0 为完全不沿用,1 为在提示词允许的范围内尽可能沿用"
    ),
    "Image adapter": "图像适配器",
    "What sees the style image for the model: a name, a folder or a .safetensors file; empty for what suits": (
        "为模型读取风格图像的适配器: 名称、文件夹或 .safetensors 文件,留空则自动选择合适的"
    ),
    "Choose the image whose look is taken over.": "请选择要沿用其外观的图像。",
    "Choose the picture whose look is taken over.": "请选择要沿用其外观的图像文件。",
    "The chosen model takes no style from a picture; it is left out.": (
        "所选模型不支持从图像获取风格;该图像不会被使用。"
    ),
    "Its colors become those of the material, but for those in the prompt.": (
        "其颜色会成为材质的颜色,提示词中指定的颜色除外。"
    ),
    "Style of {name}": "风格来自 {name}",
    "Take the look of no picture any more": "不再沿用任何图像的外观",
    "No Style Image": "不使用风格图像",
    "It needs an image adapter": "需要图像适配器",
    # Learned words.
    "Learned Words": "习得词",
    "Learned words": "习得词",
    "The learned words": "习得词列表",
    "Learned word": "习得词",
    "A learned word": "习得词文件",
    "A .safetensors file that teaches the model a word; the file's name is the word": (
        "教模型认识一个词的 .safetensors 文件;文件名就是该词"
    ),
    "Whether the model is taught it at all": "是否让模型学习该词",
    "One learned word: a file, and what it was seen to be when it was added": "一个习得词: 文件及添加时识别出的类型",
    "A style image with its strength, and learned words": "风格图像及其强度,以及习得词",
    "There is room for {count} learned words.": "最多可添加 {count} 个习得词。",
    "{word} is in the list already.": "{word} 已在列表中。",
    "Add Learned Word": "添加习得词",
    "Add learned words: textual inversions as .safetensors files, made for the model": (
        "添加习得词: 为该模型制作的文本反转 (Textual Inversion) .safetensors 文件"
    ),
    "Remove Learned Word": "移除习得词",
    "Take the chosen learned word out of the list; its file stays": "将所选习得词从列表中移除;其文件会保留",
    "Put Word into Prompt": "将词加入提示词",
    "Write this word at the end of the prompt, where it is not in it yet": "若提示词中还没有该词,则将其写到提示词末尾",
    "Line": "行",
    "Of the list, from 0": "列表中的行号,从 0 开始",
    "The chosen model reads no learned words; they are left out.": "所选模型不支持习得词;它们不会被使用。",
    "It was made for another kind of model.": "它是为另一类模型制作的。",
    # Stages of the engine, and fields of requests.
    "Loading the image encoder": "正在加载图像编码器",
    "Looking at the style image": "正在读取风格图像",
    "Style model": "风格模型",
    "Embeddings": "习得词",
}

MESSAGES: dict[str, str] = {
    # Style images.
    "style_image: {0} takes no style from a picture.": "风格图像: {0} 不支持从图像获取风格。",
    "Choose a model that does: instant and learned (its colors), {0}.": (
        "请选择支持的模型: instant 和 learned (仅颜色)、{0}。"
    ),
    "Choose a model that draws from words.": "请选择根据文字生成图像的模型。",
    "style_image: there is no picture to take a style from.": "风格图像: 没有可获取风格的图像。",
    "style_image: {0} is no picture that can be read.": "风格图像: {0} 不是可读取的图像。",
    "style_image: {0} has too many pixels.": "风格图像: {0} 的像素过多。",
    "style_image: {0} has {1} × {2} pixels.": "风格图像: {0} 有 {1} × {2} 像素。",
    "style_image: {0} has only {1} × {2} pixels; 8 each way are the least.": (
        "风格图像: {0} 只有 {1} × {2} 像素,每个方向至少需要 8 像素。"
    ),
    "style_image: {0} is damaged and cannot be read ({1}).": "风格图像: {0} 已损坏,无法读取 ({1})。",
    "style_image: it holds 32-bit floating-point numbers.": "风格图像: 它包含 32 位浮点数。",
    "style_model: Texloom's own models take the colors of a style image themselves.": (
        "风格模型: Texloom 自带的模型会直接使用风格图像的颜色。"
    ),
    "Leave it empty.": "请将其留空。",
    "The colors of the style image have no effect: words or locked parameters name them all.": (
        "风格图像的颜色没有效果: 所有颜色都已由文字或锁定的参数指定。"
    ),
    "Leave colors out of the prompt, or unlock them.": "请从提示词中去掉颜色,或解除锁定。",
    # Image adapters.
    "style_model: no image adapter for {0} is known.": "风格模型: 没有适用于 {0} 的已知图像适配器。",
    "Give the file of one, or choose a model with a style: {0}.": "请给出适配器文件,或选择支持风格的模型: {0}。",
    "style_model: there is no file or folder {0}.": "风格模型: 没有文件或文件夹 {0}。",
    "Give an adapter's .safetensors file, its folder, a hub id, or one of {0}.": (
        "请给出适配器的 .safetensors 文件、所在文件夹、仓库 ID,或以下名称之一: {0}。"
    ),
    "Download it first (about {0} GB): texloom models download {1}": (
        "请先下载 (约 {0} GB): texloom models download {1}"
    ),
    "{0}, which a style needs, is not on this machine.": "风格所需的 {0} 不在本机上。",
    "{0} needs the image encoder {1}, which is not on this machine.": "{0} 需要图像编码器 {1},但它不在本机上。",
    "{0} needs an image encoder whose output has {1} numbers, and there is none beside it.": (
        "{0} 需要输出为 {1} 个数值的图像编码器,但其旁边没有。"
    ),
    "{0} needs an image encoder whose layers have {1} numbers, and there is none beside it.": (
        "{0} 需要各层为 {1} 个数值的图像编码器,但其旁边没有。"
    ),
    "Put the encoder's folder, named image_encoder, beside the file.": (
        "请将编码器的文件夹 (命名为 image_encoder) 放在该文件旁边。"
    ),
    "{0} is no image adapter.": "{0} 不是图像适配器。",
    "A style needs an IP-Adapter as .safetensors, with layers named image_proj and ip_adapter.": (
        "风格需要 .safetensors 格式的 IP-Adapter,其中的层名为 image_proj 和 ip_adapter。"
    ),
    "{0} looks at faces by a program that the engine does without.": "{0} 依赖引擎中没有的程序来识别人脸。",
    "Choose an IP-Adapter for whole pictures.": "请选择适用于整张图像的 IP-Adapter。",
    "{0} holds no image adapter for {1}.": "{0} 中没有适用于 {1} 的图像适配器。",
    "Give the .safetensors file of an IP-Adapter that was made for this model.": (
        "请给出为此模型制作的 IP-Adapter 的 .safetensors 文件。"
    ),
    "Choose an image adapter that was made for this model.": "请选择为此模型制作的图像适配器。",
    "layers that the model has are not in the file": "文件中缺少模型所具有的层",
    "The image encoder in {0} has no safetensors weights.": "{0} 中的图像编码器没有 safetensors 权重。",
    "The image encoder in {0} cannot be loaded: {reason}": "无法加载 {0} 中的图像编码器: {reason}",
    "Download it again, with its .safetensors.": "请重新下载,并包含其 .safetensors 文件。",
    "Download the image encoder again.": "请重新下载图像编码器。",
    # Learned words.
    "embeddings: {0} reads no learned words.": "习得词: {0} 不支持习得词。",
    "Choose a model that does, sd-1.5 or sdxl say, or leave them out.": (
        "请选择支持的模型 (例如 sd-1.5 或 sdxl),或不使用习得词。"
    ),
    "embeddings: there is no file {0}.": "习得词: 没有文件 {0}。",
    "embeddings: must be a list of files.": "习得词: 必须是文件列表。",
    "embeddings: at most {0}, got {1}.": "习得词: 最多 {0} 个,得到的是 {1} 个。",
    "embeddings: the same file stands there twice.": "习得词: 同一文件出现了两次。",
    "embeddings: {0} and {1} are the same word.": "习得词: {0} 和 {1} 是同一个词。",
    "Rename one of them.": "请重命名其中一个。",
    "embeddings: {0} has no name that could be a word.": "习得词: {0} 的文件名无法作为词使用。",
    "Rename the file.": "请重命名该文件。",
    "{0} holds no learned word.": "{0} 中没有习得词。",
    "Choose a textual inversion, or give a LoRA as a LoRA.": (
        "请选择文本反转 (Textual Inversion) 文件;如果是 LoRA,请作为 LoRA 使用。"
    ),
    "{0} holds a word of {1} vectors; a text encoder reads up to {2}.": (
        "{0} 中的词有 {1} 个向量,文本编码器最多读取 {2} 个。"
    ),
    "Choose another textual inversion.": "请选择其他文本反转 (Textual Inversion) 文件。",
    "{0} holds vectors of {1} numbers, which is for {2}; {3} needs {4}.": (
        "{0} 中的向量有 {1} 个数值,适用于 {2};{3} 需要 {4}。"
    ),
    "{0} holds vectors of {1} numbers; {2} needs {3}.": "{0} 中的向量有 {1} 个数值;{2} 需要 {3}。",
    "Choose a textual inversion that was made for this model.": (
        "请选择为此模型制作的文本反转 (Textual Inversion) 文件。"
    ),
    "{0} cannot be taught: {reason}": "无法学习 {0}: {reason}",
    "{0} has a tokenizer of an older kind, which cannot be taught words for a while.": (
        "{0} 的分词器属于旧类型,无法临时学习新词。"
    ),
    "The learned word {0} is not in the prompt, so it has no effect.": "习得词 {0} 不在提示词中,因此没有效果。",
    "Write {0} where it belongs in the prompt.": "请在提示词中合适的位置写上 {0}。",
    "{0}: must be a list of objects with {1}.": "{0}: 必须是带有 {1} 的对象列表。",
    "operation: upscale takes no controls and no style; it keeps what is there.": (
        "操作: 放大不接受控制图像和风格;它会保留原有内容。"
    ),
    # Pictures of any field.
    "{0}: {1} is a folder.": "{0}: {1} 是文件夹。",
    "{0}: {1} has {2} MB; up to {3} MB are read.": "{0}: {1} 有 {2} MB,最多读取 {3} MB。",
    "{0}: there is no file {1}.": "{0}: 没有文件 {1}。",
}
"""Sentences of the core."""
