# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: the prompt, its text, history and styles, first steps, keys."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "-1 for the panel's seed": "-1 表示使用面板中的种子",
    "0 for the panel's number": "0 表示使用面板中的数量",
    "What to make; empty for the panel's prompt": "要生成的内容,留空则使用面板中的提示词",
    "What to avoid: conditions, colors or materials (“moss, cracks, red”)": (
        "要避免的内容: 状态、颜色或材质 (例如 “moss, cracks, red”)"
    ),
    "Put this job's prompt, seed and all other settings back into the panel; without a job those of the last one": (
        "将此任务的提示词、种子和所有其他设置填回面板,未指定任务时使用最后一个任务"
    ),
    # Text datablocks.
    "Text": "文本",
    "A text of this file that is the prompt instead of the field; lines that begin with # are left out": (
        "用此文件中的文本代替输入框作为提示词,以 # 开头的行会被忽略"
    ),
    "Prompt as Text": "以文本编写提示词",
    "Write the prompt in a text editor, with room for long descriptions and notes": (
        "在文本编辑器中编写提示词,可容纳较长的描述和备注"
    ),
    "Lines that begin with # are left out of the prompt.": "以 # 开头的行不属于提示词。",
    "The text is empty": "文本为空",
    # History.
    "Prompt History": "提示词历史",
    "What you generate is listed here.": "生成过的提示词会列在这里。",
    "Use Prompt": "使用提示词",
    "Put this prompt into the panel again": "将此提示词重新填入面板",
    "Search All…": "搜索全部…",
    "Search Prompt History": "搜索提示词历史",
    "Search the prompts of late": "搜索最近的提示词",
    "Nothing was generated yet": "尚未生成任何内容",
    "Clear…": "清除…",
    "Clear": "清除",
    "Clear Prompt History": "清除提示词历史",
    "Forget all prompts of late; results and their settings stay in the library": (
        "清除最近的所有提示词,结果及其设置仍保留在资源库中"
    ),
    "Remember prompts": "记住提示词",
    "Keep a list of the prompts of late on this machine": "在本机保留最近提示词的列表",
    # Styles.
    "Style": "风格",
    "Styles": "风格",
    "No Style": "无风格",
    "Own Words": "自定义词语",
    "No words": "无词语",
    "Style avoids": "风格避免的内容",
    "What the style adds to the negative prompt": "风格为反向提示词添加的内容",
    "Words around the prompt; {prompt} is where it goes, without it the words follow the prompt": (
        "围绕提示词的词语,{prompt} 是提示词的位置,若没有则词语跟在提示词之后"
    ),
    "Sets {names}": "同时设定 {names}",
    "Use Style": "使用风格",
    "Use this style: its words go around the prompt, and it may change settings; taking it off gives them back": (
        "使用此风格: 其词语加在提示词前后,并可能更改设置,取消后恢复原设置"
    ),
    "Take Style Off": "取消风格",
    "Take the style off: its words go, and the settings it has changed are as before": (
        "取消风格: 移除其词语,并恢复其更改过的设置"
    ),
    "Write a style of your own: words that go around every prompt": "编写自己的风格: 加在每个提示词前后的词语",
    "There is no style named {name}.": "没有名为 {name} 的风格。",
    "Save Style": "保存风格",
    "Save as Style…": "保存为风格…",
    "Keep the style's words, and if you like the settings of now, as a style of your own": (
        "将风格的词语 (可连同当前设置) 保存为自己的风格"
    ),
    "Name": "名称",
    "Name of the style": "风格的名称",
    "Size and tiling": "尺寸和平铺",
    "Maps and relief": "贴图和起伏",
    "Real width": "实际宽度",
    "As in the preferences": "与偏好设置相同",
    "Show the relief as the add-on's preferences say": "按插件偏好设置表现起伏",
    "Photoreal weathered": "写实风化",
    "Clean showroom": "洁净展厅",
    "High gloss": "高光泽",
    "Pastel matte": "柔和哑光",
    "Stylized handmade": "风格化手工",
    "Rustic handmade": "质朴手工",
    "Wet night street": "雨夜街道",
    "Snowy": "积雪",
    "Frosty morning": "霜晨",
    "Mossy ruin": "苔藓废墟",
    "Dusty desert": "沙漠尘土",
    "Abandoned": "废弃",
    "Muddy track": "泥泞小路",
    "Sci-fi panels": "科幻面板",
    "Flat reference": "平面参考",
    "Game-ready 1K": "游戏用 1K",
    "Film 4K with displacement": "电影级 4K (含置换)",
    "Close-up half a meter": "半米特写",
    "Wide facade 6 m": "6 米宽立面",
    # First steps.
    "Your first texture": "您的第一个纹理",
    "1. Go online once": "1. 联网一次",
    "2. Set up the engine": "2. 安装引擎",
    "3. Choose what to make": "3. 选择要生成的内容",
    "The engine is downloaded once; what you make stays on this machine.": "引擎只需下载一次,生成的内容都保留在本机。",
    "About 1 GB for the processor, more for a graphics card.": "处理器版约 1 GB,显卡版更大。",
    "Or write your own below.": "或在下方自行输入。",
    "Brick": "砖墙",
    "Cobble": "鹅卵石",
    "Parquet": "拼花地板",
    "Allow Online Access": "允许联网",
    "Allow Blender to go online; Texloom does so only to download the engine when you set it up": (
        "允许 Blender 联网,Texloom 仅在安装引擎时联网下载"
    ),
    "Blender was started in offline mode; start it without --offline-mode": (
        "Blender 以离线模式启动,请不带 --offline-mode 重新启动"
    ),
    "Show First Steps": "显示入门步骤",
    "Show or hide the card that leads to the first texture": "显示或隐藏引导生成第一个纹理的卡片",
    "Show": "显示",
    "Blender keeps no preferences of Texloom here.": "Blender 在此处不保存 Texloom 的偏好设置。",
    "Try Example": "试用示例",
    "Make this, and show materials in the viewport": "生成此内容,并在视图中显示材质",
    # Keys.
    "Keyboard Shortcuts": "键盘快捷键",
    "Generate on Enter": "按回车键生成",
    "Generate when Enter has confirmed the prompt": "用回车键确认提示词后生成",
    "Generate with Enter": "回车键生成",
    "Generate when Enter confirms the prompt; the engine then starts with it, not while you type": (
        "用回车键确认提示词时生成,引擎随之启动,而不在输入时启动"
    ),
}
