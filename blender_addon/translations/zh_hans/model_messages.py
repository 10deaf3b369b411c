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
    "Download it first ({0}): texloom models download {1}": "请先下载 ({0}): texloom models download {1}",
    "Download it first: texloom models download {0}": "请先下载: texloom models download {0}",
    "Download what fits first: {0}": "请先下载合适的模型: {0}",
    "Put a diffusers folder of the same model into a model folder.": (
        "请将同一模型的 diffusers 文件夹放入模型文件夹中。"
    ),
    "{0} holds weights alone; {1} must come from a diffusers folder of the same model.": (
        "{0} 只包含权重;{1} 必须来自同一模型的 diffusers 文件夹。"
    ),
    "{0} holds weights alone; {1} of its family must come from a diffusers folder.": (
        "{0} 只包含权重;同系列的 {1} 必须来自 diffusers 文件夹。"
    ),
    "{0} holds weights of a kind that Texloom does not know.": "{0} 包含 Texloom 不认识的一类权重。",
    "{0} is a modular pipeline of diffusers, which Texloom does not open yet.": (
        "{0} 是 diffusers 的模块化管线,Texloom 目前无法打开。"
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
}
