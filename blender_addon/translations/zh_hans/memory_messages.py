# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: sentences about the memory that models take; see :mod:`.messages`."""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    "{0} has too little memory for {1}, even in the leanest way there is.": (
        "即使以最节省的方式,{0} 的内存也不足以运行 {1}。"
    ),
    "Choose a smaller size or a smaller model, or close other programs.": (
        "请选择更小的尺寸或更小的模型,或关闭其他程序。"
    ),
    "Memory ran out with {0}; it goes on in a leaner way, which may take longer: {list}.": (
        "{0} 的内存已用尽;将以更节省的方式继续,可能会更慢: {list}。"
    ),
    "{0} needs {1} GB of main memory, and {2} GB are free.": "{0} 需要 {1} GB 主内存,目前空闲 {2} GB。",
    "Close other programs, or choose a smaller model or one with weights in fewer bits.": (
        "请关闭其他程序,或选择更小的模型,或位数更低的权重。"
    ),
    "Choose a smaller size or a smaller model to avoid that.": "要避免这种情况,请选择更小的尺寸或更小的模型。",
    "Attention cannot be computed by {0} here: {1}": "此处无法用 {0} 计算注意力: {1}",
    "Networks cannot be compiled here: the package triton is missing.": "此处无法编译网络: 缺少软件包 triton。",
    "Networks cannot be compiled here: a C compiler is missing.": "此处无法编译网络: 缺少 C 编译器。",
    "Compiling the networks failed: {0}": "编译网络失败: {0}",
    "This model has no blocks of layers that are known to be worth compiling.": "此模型没有已知值得编译的层块。",
    "The weights of {0} cannot be kept in {1} bits by {2} here: {3}": "此处无法用 {2} 将 {0} 的权重保存为 {1} 位: {3}",
    "The weights of {0} cannot be kept in 8 bits here: {1}": "此处无法将 {0} 的权重保存为 8 位: {1}",
    "It goes on in another way.": "将以其他方式继续。",
    "Set up the package again, or remove it.": "请重新安装该软件包,或将其移除。",
    "This model draws every step: leaving out those that change little is made for others.": (
        "此模型会绘制每一步: 跳过变化很小的步只适用于其他模型。"
    ),
    "Pictures are drawn without it.": "将不使用编译来绘制图像。",
    "Install what is missing, or turn compiling off in the settings.": "请安装缺少的软件,或在设置中关闭编译。",
    "Turn compiling off in the settings.": "请在设置中关闭编译。",
    "Leave the setting for attention empty, or install what it needs.": "请将注意力设置留空,或安装其所需的软件包。",
}
