# SPDX-License-Identifier: GPL-3.0-or-later
"""Simplified Chinese: sentences about files, pictures, downloads and the scene; fields as in ``messages``."""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    # Files of the library and of the settings.
    "{0} does not exist.": "{0} 不存在。",
    "{0} is missing.": "{0} 不存在。",
    "{0} cannot be read: {reason}.": "无法读取 {0}: {reason}。",
    "Could not write {0}: {reason}.": "无法写入 {0}: {reason}。",
    "Could not {0} {1}: {reason}.": "无法 {0} {1}: {reason}。",
    "Could not read {0}: {reason}.": "无法读取 {0}: {reason}。",
    "Could not write notes into {0}: {reason}.": "无法将备注写入 {0}: {reason}。",
    "Could not make the folder {0}: {reason}.": "无法创建文件夹 {0}: {reason}。",
    "Could not name the folder {0}: {reason}.": "无法命名文件夹 {0}: {reason}。",
    "Could not move aside {0}: {reason}.": "无法移开 {0}: {reason}。",
    "Could not copy to {0}: {reason}.": "无法复制到 {0}: {reason}。",
    "Could not delete {0}: {reason}.": "无法删除 {0}: {reason}。",
    "Could not lock {0}: {reason}.": "无法锁定 {0}: {reason}。",
    "The disk is full.": "磁盘已满。",
    "Free some space, or choose another library folder in the preferences.": (
        "请释放一些空间,或在偏好设置中选择其他资源库文件夹。"
    ),
    "Check that you may write there and that no other program has the file open.": (
        "请检查是否有写入权限,以及是否有其他程序打开了该文件。"
    ),
    "Choose another folder in the preferences.": "请在偏好设置中选择其他文件夹。",
    "{0} is damaged: {reason}.": "{0} 已损坏: {reason}。",
    "{0} is damaged: it holds no JSON object.": "{0} 已损坏: 其中没有 JSON 对象。",
    "{0} is damaged: its schema version is {1}.": "{0} 已损坏: 其架构版本为 {1}。",
    "{0} is damaged: it holds no request.": "{0} 已损坏: 其中没有请求。",
    "{0} is damaged: it holds no results.": "{0} 已损坏: 其中没有结果。",
    "{0} is damaged: a result holds no maps.": "{0} 已损坏: 有一个结果不含贴图。",
    "{0} is damaged: map {1} has no proper file name.": "{0} 已损坏: 贴图 {1} 没有正确的文件名。",
    "{0} is damaged: {1} must be text.": "{0} 已损坏: {1} 必须是文本。",
    "{0} is damaged: a note has the wrong type.": "{0} 已损坏: 有一条备注的类型错误。",
    "{0} is damaged: a variation has no number.": "{0} 已损坏: 有一个变体没有编号。",
    "{0} is damaged: variation {1} holds no maps.": "{0} 已损坏: 变体 {1} 不含贴图。",
    "{0} is damaged: two variations have the same number.": "{0} 已损坏: 有两个变体编号相同。",
    "{0} is damaged: it holds no list of prompts.": "{0} 已损坏: 其中没有提示词列表。",
    "{0} is damaged: an entry holds no prompt.": "{0} 已损坏: 有一项不含提示词。",
    "Correct or delete the file.": "请更正或删除该文件。",
    "{0} was written by a newer Texloom (schema {1}; this version reads up to {2}).": (
        "{0} 由更新版本的 Texloom 写入 (架构 {1},此版本最高读取 {2})。"
    ),
    "Update Texloom.": "请更新 Texloom。",
    "{0} has schema {1}, which this version no longer reads.": "{0} 的架构为 {1},此版本不再读取。",
    "{0} has schema {1} instead of {2}.": "{0} 的架构为 {1},而不是 {2}。",
    "{0} has too many results named {1}.": "{0} 中名为 {1} 的结果过多。",
    "{0} holds no variation {1}.": "{0} 中没有变体 {1}。",
    "Variation {0} in {1} holds no maps.": "{1} 中的变体 {0} 不含贴图。",
    "Make this result again from its settings.": "请根据其设置重新生成此结果。",
    "Make this result again.": "请重新生成此结果。",
    "{0} is not in the library {1}.": "{0} 不在资源库 {1} 中。",
    "{0} is a link to another place.": "{0} 是指向别处的链接。",
    "Delete the link in the file manager if you do not need it.": "如果不需要该链接,请在文件管理器中将其删除。",
    "{0} does not look like a result.": "{0} 不像是一个结果。",
    "Delete it in the file manager.": "请在文件管理器中将其删除。",
    "{0} also holds files that Texloom did not make: {1}.": "{0} 中还有并非由 Texloom 创建的文件: {1}。",
    "Move them first.": "请先将它们移走。",
    "Another program is changing the notes in {0}.": "另一个程序正在更改 {0} 中的备注。",
    "Try again in a moment.": "请稍后再试。",
    "Another program keeps {0} locked.": "另一个程序锁定了 {0}。",
    "Close it and try again.": "请将其关闭后重试。",
    # Pictures.
    "source: {0} has {1} × {2} pixels.": "来源: {0} 有 {1} × {2} 像素。",
    "Up to {0} million pixels are read: make it smaller first.": "最多读取 {0} 百万像素: 请先将其缩小。",
    "source: {0} has only {1} × {2} pixels; 8 each way are the least.": (
        "来源: {0} 只有 {1} × {2} 像素,每个方向至少需要 8 像素。"
    ),
    "source: it holds 32-bit floating-point numbers.": "来源: 它包含 32 位浮点数。",
    "Save it with 8 or 16 bits a channel first.": "请先将其另存为每通道 8 位或 16 位。",
    "source: {0} has too many pixels.": "来源: {0} 的像素过多。",
    "source: {0} is no picture that can be read.": "来源: {0} 不是可读取的图像。",
    "Texloom reads PNG, JPEG, TIFF, WebP and BMP pictures.": "Texloom 可读取 PNG、JPEG、TIFF、WebP 和 BMP 图像。",
    "Texloom reads {0} pictures.": "Texloom 可读取 {0} 图像。",
    "Save it as one of these first.": "请先将其另存为其中一种格式。",
    "source: {0} is damaged and cannot be read ({1}).": "来源: {0} 已损坏,无法读取 ({1})。",
    "Save or download it again.": "请重新保存或下载。",
    "source: the model {0} starts from no picture.": "来源: 模型 {0} 不以图像为起点。",
    "source: the model {0} needs a picture to start from.": "来源: 模型 {0} 需要一张图像作为起点。",
    "Choose the model image, or give no picture.": "请选择模型 image,或不提供图像。",
    "Give the path of a picture.": "请给出图像的路径。",
    "source: {0} is a folder.": "来源: {0} 是文件夹。",
    "source: {0} has {1} MB; up to {2} MB are read.": "来源: {0} 有 {1} MB,最多读取 {2} MB。",
    "source: there is no file {0}.": "来源: 没有文件 {0}。",
    "The picture has other proportions: only its middle was used.": "图像的比例不同: 仅使用了其中间部分。",
    "The picture repeats without a seam already.": "该图像已可无缝重复。",
    "A material has no transparent places: they got the mean color of the others.": (
        "材质没有透明部分: 这些部分使用了其余部分的平均颜色。"
    ),
    "parameters: a material is made of a picture's colors; color must be true.": (
        "parameters: 材质由图像的颜色生成,color 必须为 true。"
    ),
    "count: the model image makes one result of a picture, got {0}.": (
        "count: 模型 image 由一张图像生成一个结果,得到的是 {0}。"
    ),
    "{0} is damaged: it does not hold as many pixels as its size says.": "{0} 已损坏: 像素数量与其尺寸不符。",
    "{0} is damaged: a row has the unknown filter {1}.": "{0} 已损坏: 有一行使用了未知的滤波器 {1}。",
    "{0} is damaged: it is {1} × {2} pixels large.": "{0} 已损坏: 其尺寸为 {1} × {2} 像素。",
    "{0} is no PNG picture.": "{0} 不是 PNG 图像。",
    "{0} is a PNG with a palette, with fewer than 8 bits, or interlaced.": (
        "{0} 是带调色板、少于 8 位或隔行扫描的 PNG。"
    ),
    "Save it again as an ordinary PNG of 8 or 16 bits.": "请将其重新保存为 8 位或 16 位的普通 PNG。",
    # Export.
    "Nothing can be written to {0}: {reason}.": "无法写入 {0}: {reason}。",
    "Choose another folder, or make room and allow writing there.": "请选择其他文件夹,或腾出空间并允许写入。",
    "format: {title} takes no {0}.": "格式: {title} 不支持 {0}。",
    "Choose PNG.": "请选择 PNG。",
    "depth: EXR files hold floats; a number of bits is for PNG.": "深度: EXR 文件存储浮点数,位数仅用于 PNG。",
    "Choose auto.": "请选择自动。",
    "name: {0} cannot be part of a file name.": "名称: {0} 不能用于文件名。",
    "Use letters, digits, - and _.": "请使用字母、数字、- 和 _。",
    "There is nothing to export for {title}: this result has none of the maps it takes.": (
        "没有可为 {title} 导出的内容: 此结果没有它所需的贴图。"
    ),
    "Choose the plain preset.": "请选择普通预设。",
    "{0} has files of these names already: {1}.": "{0} 中已有同名文件: {1}。",
    "Allow overwriting them, or choose another folder or name.": "请允许覆盖,或选择其他文件夹或名称。",
    "{0} cannot be packed: its maps have different sizes.": "{0} 无法合并: 其贴图尺寸不同。",
    "Make the result again, or choose the plain preset, which has one file for each map.": (
        "请重新生成此结果,或选择普通预设,它的每张贴图各有一个文件。"
    ),
    "The normal map has no three channels.": "法向贴图没有三个通道。",
    "The material {0} has no maps of Texloom any more.": "材质 {0} 不再有 Texloom 的贴图。",
    "Choose the result itself instead of the material.": "请选择结果本身,而不是材质。",
    "There is no material {0} (any more).": "没有 (或不再有) 材质 {0}。",
    "{0} has no {title} map.": "{0} 没有{title}贴图。",
    "Make it again with that map.": "请重新生成并包含该贴图。",
    "The image {0} has no pixels; its file is gone.": "图像 {0} 没有像素,其文件已不存在。",
    "Find or replace its file.": "请查找或替换其文件。",
    # The scene.
    "material: {0} is no material of the instant model.": "material: {0} 不是即时模型的材质。",
    "material: there is none named {0}.": "material: 没有名为 {0} 的材质。",
    "strength must be at least 0 and tiles above 0, got {0} and {1}.": (
        "strength 必须不小于 0,tiles 必须大于 0,得到的是 {0} 和 {1}。"
    ),
    "plane_height: must be above 0 metres, got {0}.": "plane_height: 必须大于 0 米,得到的是 {0}。",
    "height_m: must be above 0, got {0}.": "height_m: 必须大于 0,得到的是 {0}。",
    "height: must be above 0, got {0}.": "height: 必须大于 0,得到的是 {0}。",
    "margin: must be 0 or more, got {0}.": "margin: 必须不小于 0,得到的是 {0}。",
    "parts: must be 1 or more, got {0}.": "parts: 必须不小于 1,得到的是 {0}。",
    "opacity: must be from 0 to 1, got {0}.": "opacity: 必须介于 0 和 1 之间,得到的是 {0}。",
    "facing: must be one of {0}, Z, -Z, got {1}.": "facing: 必须是 {0}、Z、-Z 之一,得到的是 {1}。",
    "views: must be one for each of {0} pictures, got {1}.": "views: {0} 张图像各需一个,得到的是 {1} 个。",
    "views: must be of {0}, got {1}.": "views: 必须是 {0} 中的,得到的是 {1}。",
    "files: the maps are {0}, got {1}.": "files: 贴图有 {0},得到的是 {1}。",
    "Image {0} could not be packed: {reason}.": "无法打包图像 {0}: {reason}。",
    "{0} is no text in UTF-8, so no catalogue can be added.": "{0} 不是 UTF-8 文本,因此无法添加目录。",
    "Repair or rename the file.": "请修复或重命名该文件。",
    "{0} has version {1}; this Texloom writes version {2}.": "{0} 的版本为 {1},此 Texloom 写入版本 {2}。",
    "{0} is no picture that Blender can read.": "{0} 不是 Blender 可读取的图像。",
    "Could not load {0}: {reason}.": "无法加载 {0}: {reason}。",
    "Could not pack {0}: {reason}.": "无法打包 {0}: {reason}。",
    # Downloads of models.
    "{0} holds no safetensors weights.": "{0} 不包含 safetensors 权重。",
    "It holds pickle files, which can run any program.": "它包含 pickle 文件,这类文件可以运行任意程序。",
    "Choose another model.": "请选择其他模型。",
    "{0} of {1} cannot be loaded: {reason}.": "无法下载 {1} 的 {0}: {reason}。",
    "Check the connection and start again; what was loaded is kept.": "请检查网络连接后重新开始,已下载的内容会保留。",
    "{0} has {1} free, but {2} must be loaded.": "{0} 的可用空间为 {1},但需要下载 {2}。",
    "Free some space, or choose another model folder in the preferences.": (
        "请释放一些空间,或在偏好设置中选择其他模型文件夹。"
    ),
    "{0} of {1} should have {2} bytes, but the server offers {3}.": (
        "{1} 的 {0} 应有 {2} 字节,但服务器提供的是 {3} 字节。"
    ),
    "Try again later; if a mirror is set, try without it.": "请稍后再试;如果设置了镜像,请尝试不使用镜像。",
    "{0} of {1} is longer than the {2} bytes that the hub promised.": "{1} 的 {0} 超过了服务器承诺的 {2} 字节。",
    "{0} of {1} did not arrive as the hub promised: its hash is another.": (
        "收到的 {1} 的 {0} 与服务器承诺的不符: 其哈希值不同。"
    ),
    "{0} gives no sensible answer: {reason}.": "{0} 没有给出合理的响应: {reason}。",
    "Try again, or another mirror.": "请重试,或使用其他镜像。",
    "{0} is no address of a hub.": "{0} 不是模型库的地址。",
    "Write it like https://huggingface.co.": "请写作 https://huggingface.co 的形式。",
    "{0} is no hub id.": "{0} 不是模型库的 id。",
    "Write it like owner/name.": "请写作 owner/name 的形式。",
    "{0} must be downloaded, and the network may not be used.": "{0} 需要下载,但不允许使用网络。",
    "Allow online access (in Blender: System preferences; else unset TEXLOOM_OFFLINE), or copy the model's folder "
    "into a model folder.": (
        "请允许联网 (在 Blender 中: 系统偏好设置;否则取消设置 TEXLOOM_OFFLINE),或将模型的文件夹复制到模型文件夹中。"
    ),
    "{0} does not give {1} to you.": "{0} 不向您提供 {1}。",
    "Accept its terms at {0} with the account of your token, or check the token.": (
        "请使用令牌所属的账户在 {0} 接受其条款,或检查令牌。"
    ),
    "Sign in at {0}, accept its terms, make an access token there, and give it to Texloom.": (
        "请在 {0} 登录,接受其条款,创建访问令牌,并提供给 Texloom。"
    ),
    "{0} has no {1}, or not this revision or file of it.": "{0} 没有 {1},或没有其该版本或文件。",
    "Check how it is spelt.": "请检查拼写。",
    "{0} answered {1} ({2}).": "{0} 的响应为 {1} ({2})。",
    "Try again later.": "请稍后再试。",
    "{0} cannot be reached: {reason}.": "无法连接 {0}: {reason}。",
    "Check the connection and the proxy, or set a mirror of the hub in the preferences.": (
        "请检查网络连接和代理,或在偏好设置中设置模型库的镜像。"
    ),
    "{0} is no sound safetensors file: {reason}.": "{0} 不是完好的 safetensors 文件: {reason}。",
    "Download it again.": "请重新下载。",
    "{0} is a pickle file: opening it can run any program on this machine.": (
        "{0} 是 pickle 文件: 打开它可能会在本机上运行任意程序。"
    ),
    "Look for the same model as .safetensors, or convert it where you trust its source.": (
        "请查找同一模型的 .safetensors 版本,或在信任其来源的情况下进行转换。"
    ),
    "Choose a .safetensors file.": "请选择 .safetensors 文件。",
}
