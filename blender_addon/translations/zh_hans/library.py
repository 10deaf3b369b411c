# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: texts of this part."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    # The panel.
    "Search": "搜索",
    "Words of prompt, material, model, tags or date (2026-01); every word must be found": (
        "提示词、材质、模型、标签或日期 (2026-01) 中的词,须全部匹配"
    ),
    "brick, oak, 2026-01 …": "brick, oak, 2026-01 … (砖、橡木、日期)",
    "Favourites": "收藏",
    "Favourite": "收藏",
    "Show favourites only": "仅显示收藏",
    "Kind": "类型",
    "Which results to show": "显示哪些结果",
    "All Kinds": "全部类型",
    "Everything in the library": "资源库中的全部内容",
    "Materials": "材质",
    "Materials of several maps": "包含多张贴图的材质",
    "Single images": "单张图像",
    "References": "参考",
    "Pictures of reference planes": "参考平面的图像",
    "Damaged": "已损坏",
    "Results that cannot be used any more, and why": "无法再使用的结果及其原因",
    "Order": "排序",
    "In which order": "排列顺序",
    "Newest First": "最新优先",
    "By date, the latest first": "按日期,最新的在前",
    "Oldest First": "最早优先",
    "By date, the earliest first": "按日期,最早的在前",
    "By Name": "按名称",
    "By prompt, in alphabetical order": "按提示词的字母顺序",
    "Rows": "行数",
    "Rows of pictures on a page": "每页图像的行数",
    "Reading the library…": "正在读取资源库…",
    "The library could not be read: {error}": "无法读取资源库: {error}",
    "Nothing matches.": "没有匹配的结果。",
    "Show All": "显示全部",
    "{first}–{last} of {count}": "第 {first}–{last} 个,共 {count} 个",
    "Material": "材质",
    "Date": "日期",
    "Tile": "单块",
    "Tags": "标签",
    "Parameters": "参数",
    "Source": "源图像",
    # Operators.
    "Show this result": "显示此结果",
    "Choose Result": "选择结果",
    "Variation": "变体",
    "Which variation, from 0": "第几个变体,从 0 开始",
    "Name of the result's folder in the library; empty for the one chosen in the panel": (
        "结果在资源库中的文件夹名称,留空则为面板中所选的结果"
    ),
    "Close Result": "关闭结果",
    "Show no result any more": "不再显示结果",
    "Turn Page": "翻页",
    "Turn the page": "翻页",
    "Show All Results": "显示全部结果",
    "Take the search and all filters away": "清除搜索和所有过滤条件",
    "Refresh Library": "刷新资源库",
    "Look at every result on disk again": "重新检查磁盘上的所有结果",
    "Mark this result as a favourite, or take the mark away; it is kept beside the result's files": (
        "将此结果标为收藏或取消收藏,标记保存在结果文件旁"
    ),
    "Mark it, or take the mark away": "标为收藏或取消收藏",
    "Edit Tags": "编辑标签",
    "Give this result tags of your own to find it by": "为此结果添加自定义标签以便查找",
    "Separated by commas": "用逗号分隔",
    "Use Settings": "使用设置",
    "Put everything that made this result into the panel: prompt, seed, size, model and the rest": (
        "将生成此结果的全部设置填回面板: 提示词、种子、尺寸、模型等"
    ),
    "Apply": "应用",
    "Put this result into the scene as the panel's output says: on the selection, as images, as a plane": (
        "按面板的输出方式将此结果放入场景: 应用到选中物体、作为图像或平面"
    ),
    "Show the files of this result in the file manager": "在文件管理器中显示此结果的文件",
    "Delete": "删除",
    "Delete the files of this result for good": "永久删除此结果的文件",
    "Other files too": "包括其他文件",
    "Also delete files in its folder that Texloom did not make": "同时删除其文件夹中并非由 Texloom 创建的文件",
    "It is deleted from the disk and cannot be brought back.": "将从磁盘删除,无法恢复。",
    "{count} images of this file are packed into it first.": "此文件中的 {count} 张图像将先打包到文件内。",
    "Also there: {names}": "其中还有: {names}",
    "Packed into this file first: {names}.": "已先打包到此文件: {names}。",
    "Save": "保存",
    "Save as Asset": "保存为资产",
    "Make a material asset with preview, tags, description and catalogue": "创建带有预览、标签、描述和目录的材质资产",
    "Name of a material in this file, instead of a result in the library": (
        "此文件中材质的名称,用来代替资源库中的结果"
    ),
    "Save To": "保存到",
    "Where the asset goes": "资产的保存位置",
    "This File": "此文件",
    "Mark the material in this .blend file": "在此 .blend 文件中标记材质",
    "Asset Library": "资产库",
    "A .blend file of its own in an asset library; this file stays as it is": (
        "在资产库中保存为单独的 .blend 文件,此文件保持不变"
    ),
    "Asset library of the preferences, or Texloom's own": "偏好设置中的资产库,或 Texloom 自带的资产库",
    "Show in the Asset Browser": "在资产浏览器中显示",
    "Add Texloom's own asset library to the preferences": "将 Texloom 自带的资产库添加到偏好设置",
    "Author": "作者",
    "Who made it": "由谁创建",
    "Further tags, separated by commas": "其他标签,用逗号分隔",
    "Replace": "替换",
    "Overwrite the asset when the library has it already": "资产库中已有该资产时将其覆盖",
    "Save the file first to have a catalogue.": "请先保存文件,才能使用目录。",
    "Saved as an asset: {name}": "已保存为资产: {name}",
    "Add Asset Library": "添加资产库",
    "Show Texloom's own asset library in the Asset Browser, through the preferences": (
        "通过偏好设置在资产浏览器中显示 Texloom 自带的资产库"
    ),
    "It is there already.": "已存在。",
    # Messages.
    "Choose a result in the library first.": "请先在资源库中选择一个结果。",
    "There is nothing in the library yet.": "资源库中还没有任何内容。",
    "{folder} is no longer in the library.": "{folder} 已不在资源库中。",
    "{field}: “{value}” cannot be set in the panel.": "{field}: 无法在面板中设置 “{value}”。",
    "Model: the folder {folder} is not on this machine.": "模型: 本机上没有文件夹 {folder}。",
    "There is no material {name} in this file.": "此文件中没有材质 {name}。",
    "{name} was not made by Texloom.": "{name} 不是由 Texloom 创建的。",
    "{name} is linked from another file.": "{name} 链接自另一个文件。",
    "Make it local first, or save it into an asset library.": "请先将其设为本地,或保存到资产库。",
    "The file has no name yet: save it and save the asset again to have the catalogue {name}.": (
        "文件尚未命名: 请先保存文件并再次保存资产,才能使用目录 {name}。"
    ),
    "The folder of the asset library {name} is not there: {folder}.": "资产库 {name} 的文件夹不存在: {folder}。",
    "Correct it in the preferences (File Paths).": "请在偏好设置 (文件路径) 中更正。",
    "There is no asset library {name}.": "没有资产库 {name}。",
    "The preferences (File Paths) have: {names}.": "偏好设置 (文件路径) 中有: {names}。",
    "{name} is in this asset library already: {file}.": "{name} 已在此资产库中: {file}。",
    "Switch on Replace to overwrite it.": "启用 “替换” 可将其覆盖。",
    "{name} could not be packed; its file is missing.": "{name} 无法打包,其文件缺失。",
}

MESSAGES: dict[str, str] = {
    "tags: at most {0} bytes each, “{1}…” is longer.": "标签: 每个最多 {0} 字节,“{1}…” 超出了长度。",
    "tags: at most {0}, got {1}.": "标签: 最多 {0} 个,实际为 {1} 个。",
    "rating: must be from {0} to {1}, got {2}.": "评分: 必须在 {0} 到 {1} 之间,实际为 {2}。",
}
"""Sentences of the core about notes on results; see :mod:`.messages`."""
