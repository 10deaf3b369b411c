# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: sentences about models, their folders and single files; see :mod:`.messages`."""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    "There is no folder or file {0}.": "没有文件夹或文件 {0}。",
    "Choose a diffusers folder or .safetensors file that exists, or the model {0}.": (
        "请选择存在的 diffusers 文件夹或 .safetensors 文件,或选择模型 {0}。"
    ),
    "Choose {0}, a name that texloom models lists, a hub id like owner/name, or the path of a diffusers folder or "
    ".safetensors file.": (
        "请选择 {0}、texloom models 列出的名称、形如 owner/name 的模型库标识,或 diffusers 文件夹或 .safetensors "
        "文件的路径。"
    ),
    "Choose a model of a family that texloom models lists, or its diffusers folder.": (
        "请选择 texloom models 所列系列的模型,或其 diffusers 文件夹。"
    ),
    "Choose a model, and this beside it.": "请选择一个模型,并将此文件与之一同使用。",
    "Choose the folder that holds model_index.json, or a single .safetensors file.": (
        "请选择包含 model_index.json 的文件夹,或单个 .safetensors 文件。"
    ),
    "Choose the same model as a diffusers folder with model_index.json, or another model.": (
        "请选择同一模型的带有 model_index.json 的 diffusers 文件夹,或其他模型。"
    ),
    "{0} is not on this machine.": "{0} 不在本机上。",
    "{0} of the commit {1} is not on this machine.": "{0} 的提交 {1} 不在本机上。",
    "Download it first: texloom models download {0}@{1}": "请先下载: texloom models download {0}@{1}",
    "Download it first ({0}): texloom models download {1}": "请先下载 ({0}): texloom models download {1}",
    "Download it first: texloom models download {0}": "请先下载: texloom models download {0}",
    "Download one that fits first: {0}": "请先下载合适的模型之一: {0}",
    "Put a diffusers folder of the same model into a model folder.": (
        "请将同一模型的 diffusers 文件夹放入模型文件夹中。"
    ),
    "{0} holds weights alone; {title} must come from a diffusers folder of the same model.": (
        "{0} 只包含权重;{title} 必须来自同一模型的 diffusers 文件夹。"
    ),
    "{0} holds weights alone; {title} of its family must come from a diffusers folder.": (
        "{0} 只包含权重;同系列的 {title} 必须来自 diffusers 文件夹。"
    ),
    "{0} holds weights of a kind that Texloom does not know.": "{0} 包含 Texloom 不认识的一类权重。",
    "Its index takes that part from {0}: choose a folder that holds them all.": (
        "其索引从 {0} 获取该部件: 请选择包含全部部件的文件夹。"
    ),
    "{0} is the modular pipeline {1}, and diffusers has no pipeline of the usual kind for its parts.": (
        "{0} 是模块化管线 {1},diffusers 没有使用其部件的常规管线。"
    ),
    "{0} is made to fill in parts of a picture; it draws nothing from words alone.": (
        "{0} 用于补全图像的一部分,无法仅凭文字绘制。"
    ),
    "{0} is {1}.": "{0} 是 {1}。",
    "{0} needs the package {1}, which the engine does without.": "{0} 需要软件包 {1},引擎中没有该软件包。",
    "Install it into the engine's Python (pip install {0}), or choose another model.": (
        "请将其安装到引擎的 Python 中 (pip install {0}),或选择其他模型。"
    ),
    "{0} of the model in {1} needs a package that the engine does without: {2}": (
        "{1} 中模型的 {0} 需要引擎中没有的软件包: {2}"
    ),
    "Install it into the engine's Python, or choose another model.": "请将其安装到引擎的 Python 中,或选择其他模型。",
    "{0} is damaged ({1}) at {2}.": "{0} 在 {2} 处已损坏 ({1})。",
    "texloom models lists which models can; choose one of them.": (
        "texloom models 会列出哪些模型可以做到;请选择其中之一。"
    ),
    "operation: {0} cannot fill in parts of a picture.": "操作: {0} 无法补全图像的一部分。",
    "operation: {0} only fills in parts of a picture.": "操作: {0} 只能补全图像的一部分。",
    "Choose inpaint, outpaint or repair_seams.": "请选择 inpaint、outpaint 或 repair_seams。",
    "operation: to repair seams, tile_x or tile_y must be true.": "操作: 要修复接缝,tile_x 或 tile_y 必须为 true。",
    "source: the operation {0} needs a picture.": "来源: 操作 {0} 需要一张图像。",
    "strength: there is no picture to start from.": "强度: 没有可作为起点的图像。",
    "strength: the model {0} has none.": "强度: 模型 {0} 没有此设置。",
    "{0} changes a picture by words alone and has no strength.": "{0} 仅凭文字修改图像,没有强度设置。",
    "mask: the operation {0} takes none; inpaint does.": "遮罩: 操作 {0} 不使用遮罩;inpaint 才使用。",
    "mask: nothing in it is to be drawn.": "遮罩: 其中没有需要绘制的部分。",
    "Paint white into the mask, or make places of the picture transparent.": (
        "请在遮罩中涂上白色,或使图像的某些部分透明。"
    ),
    "mask: it has {0} × {1} pixels, the picture {2} × {3}.": "遮罩: 它有 {0} × {1} 像素,而图像有 {2} × {3} 像素。",
    "Make the mask as large as the picture.": "请使遮罩与图像一样大。",
    "mask: the picture has no transparent places, and there is no mask.": "遮罩: 图像没有透明的部分,也没有遮罩。",
    "Give a mask that is white where something new is to be drawn.": "请提供遮罩,在需要重新绘制的地方为白色。",
    "width, height: do not fit the proportions of the picture.": "宽度和高度: 与图像的比例不符。",
    "width, height: do not fit the proportions of the picture and what is added.": (
        "宽度和高度: 与图像及所添加部分的比例不符。"
    ),
    "Leave the size away; it follows from the picture.": "请不要指定尺寸;它由图像决定。",
    "expand: must be four numbers: left, right, top, bottom.": "扩展: 必须是四个数字: 左、右、上、下。",
    "expand: must be from {0} to {1}, got {2}.": "扩展: 必须介于 {0} 和 {1} 之间,得到的是 {2}。",
    "expand: the operation {0} does not grow a picture; outpaint does.": "扩展: 操作 {0} 不会扩大图像;outpaint 才会。",
    "expand: say by how much a side is to grow, left=0.25 for a quarter of the width.": (
        "扩展: 请说明某一边要扩大多少,例如左侧 0.25 表示宽度的四分之一。"
    ),
    "loras: must be a list of files with weights.": "LoRA: 必须是带有权重的文件列表。",
    "loras: at most {0}, got {1}.": "LoRA: 最多 {0} 个,得到的是 {1} 个。",
    "loras: a weight must be from {0} to {1}, got {2}.": "LoRA: 权重必须介于 {0} 和 {1} 之间,得到的是 {2}。",
    "loras: the same file stands there twice.": "LoRA: 同一文件出现了两次。",
    "loras: {0} takes no LoRA.": "LoRA: {0} 不支持 LoRA。",
    "Choose another model, or no LoRA.": "请选择其他模型,或不使用 LoRA。",
    "LoRAs need the package peft, which this engine lacks.": "LoRA 需要软件包 peft,而此引擎中没有该软件包。",
    "loras: there is no file {0}.": "LoRA: 没有文件 {0}。",
    "Give the path of a .safetensors file.": "请提供 .safetensors 文件的路径。",
    "{0} is no LoRA.": "{0} 不是 LoRA。",
    "Choose a LoRA, or give this file as the model if it is one.": (
        "请选择一个 LoRA;如果此文件是模型,请将其作为模型使用。"
    ),
    "{0} does not fit {1}: {2}.": "{0} 不适合 {1}: {2}。",
    "Choose a LoRA that was made for this model.": "请选择为此模型制作的 LoRA。",
    "{0} has {1} layers, of which {2} are in the model {3}.": "{0} 有 {1} 层,其中 {2} 层在模型 {3} 中。",
    "{0} reads sentences: weights of words have no effect.": "{0} 阅读的是句子: 词语的权重不起作用。",
    "Say in words what matters more.": "请用文字说明什么更重要。",
    "prompt: with the seed {0} nothing is left of it.": "提示词: 使用种子 {0} 时没有剩下任何内容。",
    "Put words outside of the braces.": "请在花括号之外写一些文字。",
    "A seam may show where the picture repeats.": "图像重复之处可能会显出接缝。",
    "Make another variation, or repair it with another model.": "请再生成一个变体,或使用其他模型修复。",
    "{0} holds no Marigold model, but one of {1}.": "{0} 中的模型不是 Marigold 模型,而是 {1}。",
    "Choose folders of Marigold models for normals, depth or appearance.": (
        "请选择用于法线、深度或外观的 Marigold 模型文件夹。"
    ),
    "The Marigold model in {0} cannot be loaded: {1}": "{0} 中的 Marigold 模型无法载入: {1}",
    "Download it again, or take it out of the settings.": "请重新下载,或从设置中移除。",
}
