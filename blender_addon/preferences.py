# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's preferences: the engine environment, where results go, how materials are built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from . import engine_options, keymap, setup_job
from .core.texloom import settings as machine_settings
from .core.texloom.errors import StorageError
from .core.texloom.runtime.hub import ENDPOINT
from .core.texloom.settings import IDLE_MINUTES
from .engine_options import EngineOptions
from .model_options import ModelOptions
from .translations import iface

STORES = (
    ("PACK", "Packed", "Keep the images inside the .blend file"),
    ("BESIDE", "Beside the .blend", "Save the images in a folder 'textures' beside the .blend file"),
    ("LIBRARY", "In the library", "Use the images where they are, in Texloom's library folder"),
)
DISPLACEMENTS = (
    ("BUMP", "Bump", "Show the relief by shading only"),
    ("DISPLACEMENT", "Displacement", "Move the surface; needs subdivision, and Cycles or a recent EEVEE"),
    ("BOTH", "Displacement and bump", "Move the surface and shade what is finer than its mesh"),
)
SLOTS = (
    ("ACTIVE", "Active slot", "Replace the material of each object's active slot"),
    ("NEW", "New slot", "Add a slot and leave the others alone"),
    ("ALL", "All slots", "Replace the materials of all slots"),
)
FIRST_STEPS = (
    ("NEW", "Not yet", "Shown while there is neither an engine nor a result"),
    ("OPEN", "Shown", "Shown until something is made"),
    ("DONE", "Done", "Not shown"),
)
ACCELERATORS = (
    ("AUTO", "Automatic", "The build of torch that fits this machine"),
    ("cuda", "NVIDIA (CUDA)", "For NVIDIA graphics cards"),
    ("rocm", "AMD (ROCm)", "For AMD graphics cards on Linux"),
    ("mps", "Apple (MPS)", "For Apple silicon"),
    ("xpu", "Intel (XPU)", "For Intel graphics cards"),
    ("cpu", "Processor", "Works everywhere and is the smallest download"),
)


def _engine_changed(self: Any, context: bpy.types.Context) -> None:
    setup_job.state().forget_check()


MODULE = str(__package__)
"""Name of the add-on's module, as Blender's own operators want it."""


class TexloomModelFolder(bpy.types.PropertyGroup):
    """One folder of large models."""

    path: StringProperty(
        name="Model folder", description="Folder of large models, on a network drive as well", subtype="DIR_PATH"
    )  # type: ignore[valid-type]


class TexloomMapModel(bpy.types.PropertyGroup):
    """One folder of a Marigold model."""

    path: StringProperty(
        name="Marigold model",
        description="Folder of a Marigold model for normals, depth or appearance, which sees the maps of pictures "
        "better than the small network does, and slower",
        subtype="DIR_PATH",
    )  # type: ignore[valid-type]


class TexloomPreferences(bpy.types.AddonPreferences):
    """Settings that hold for all files."""

    bl_idname = __package__

    engine_python: StringProperty(
        name="Existing Python",
        description="Python with torch and transformers that runs the engine, instead of the environment set up here",
        subtype="FILE_PATH",
        update=_engine_changed,
    )  # type: ignore[valid-type]
    accelerator: EnumProperty(
        name="Build of torch", description="What 'Set up engine' installs", items=ACCELERATORS, default="AUTO"
    )  # type: ignore[valid-type]
    quantization: BoolProperty(
        name="Weights in 8 and 4 bits",
        description="'Set up engine' also installs torchao and bitsandbytes, with which large models take less memory "
        "on NVIDIA graphics cards",
    )  # type: ignore[valid-type]
    device: StringProperty(name="Device", description="cpu, cuda, cuda:1, mps or xpu; empty for the best there is")  # type: ignore[valid-type]
    library: StringProperty(
        name="Library", description="Folder of all results; empty for the default", subtype="DIR_PATH"
    )  # type: ignore[valid-type]
    model_folders: CollectionProperty(
        name="Model folders", description="Further folders in which Texloom looks for models", type=TexloomModelFolder
    )  # type: ignore[valid-type]
    model_folder_index: IntProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    hub_endpoint: StringProperty(
        name="Mirror", description="Address of a mirror of huggingface.co; empty for huggingface.co itself"
    )  # type: ignore[valid-type]
    hub_token: StringProperty(
        name="Access token",
        description="Token of your Hugging Face account, for models whose terms you have accepted there; it is sent "
        "to the hub alone",
        subtype="PASSWORD",
    )  # type: ignore[valid-type]
    map_models: CollectionProperty(
        name="Maps of pictures",
        description="Folders of models that see normals, depth or materials in pictures",
        type=TexloomMapModel,
    )  # type: ignore[valid-type]
    idle_minutes: IntProperty(
        name="Unload after (minutes)",
        description="A large model that nothing has used for so long leaves the memory; 0 keeps it for ever",
        min=0,
        max=1440,
        soft_max=120,
        default=int(IDLE_MINUTES),
    )  # type: ignore[valid-type]
    memory_gb: FloatProperty(
        name="Memory limit (GB)",
        description="The most memory that models may take on the device, so that other programs have theirs; 0 for "
        "all that is free",
        min=0.0,
        max=1024.0,
        soft_max=96.0,
        precision=1,
        step=100,
    )  # type: ignore[valid-type]
    step_cache: FloatProperty(
        name="Leave out steps",
        description="Many large models can leave out steps that would change less than this: 0.05 can hardly be "
        "seen, 0.2 is much faster and less exact; 0 draws every step",
        min=0.0,
        max=0.3,
        precision=2,
        step=1,
    )  # type: ignore[valid-type]
    compile: BoolProperty(
        name="Compile networks",
        description="On NVIDIA and AMD cards, once three pictures of one size were drawn: the next one takes longer, "
        "all after it are faster",
        default=False,
    )  # type: ignore[valid-type]
    attention: EnumProperty(
        name="Attention",
        description="How large models compare all parts of a picture with each other; a warning tells where the "
        "chosen way cannot be had",
        items=engine_options.ATTENTIONS,
        default=engine_options.AUTOMATIC,
    )  # type: ignore[valid-type]
    store: EnumProperty(name="Images", description="Where images are kept", items=STORES, default="PACK")  # type: ignore[valid-type]
    displacement: EnumProperty(name="Relief", description="How height is shown", items=DISPLACEMENTS, default="BUMP")  # type: ignore[valid-type]
    slot: EnumProperty(name="Assign to", description="Which slot gets the material", items=SLOTS, default="ACTIVE")  # type: ignore[valid-type]
    preload: BoolProperty(
        name="Load while typing", description="Start the engine while the prompt is typed", default=True
    )  # type: ignore[valid-type]

    enter: BoolProperty(
        name="Generate with Enter",
        description="Generate when Enter confirms the prompt; the engine then starts with it, not while you type",
        default=False,
    )  # type: ignore[valid-type]
    remember: BoolProperty(
        name="Remember prompts", description="Keep a list of the prompts of late on this machine", default=True
    )  # type: ignore[valid-type]
    first_steps: EnumProperty(name="First steps", items=FIRST_STEPS, default="NEW", options={"HIDDEN"})  # type: ignore[valid-type]

    def draw(self, context: bpy.types.Context) -> None:
        """Blender draws the preferences."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        draw_engine(layout.box(), self)
        _draw_models(layout.box(), self)
        engine_options.draw(layout.box(), self)
        column = layout.column()
        column.prop(self, "library", placeholder=str(_default_library()))
        column.prop(self, "store")
        column.prop(self, "displacement")
        column.prop(self, "slot")
        column.prop(self, "preload")
        column.prop(self, "enter")
        row = column.row()
        row.prop(self, "remember")
        row.operator("texloom.clear_history", text="Clear", icon="TRASH")
        box = layout.box()
        box.label(text="Keyboard Shortcuts", icon="KEYINGSET")
        keymap.draw(box)
        layout.operator("texloom.first_steps", icon="HELP")


def draw_engine(layout: Any, preferences: Any) -> None:
    """The engine's state with everything to set it up; also shown in the panel until it is."""
    state = setup_job.state()
    row = layout.row()
    row.label(text="Engine", icon="SYSTEM")
    if state.running:
        layout.progress(factor=state.fraction, text=iface(state.stage))
        if state.detail:
            layout.label(text=state.detail)
        layout.operator("texloom.cancel_setup", text="Cancel", icon="X")
        return
    for text, icon in state.lines():
        layout.label(text=text, icon=icon)
    python = _engine_python(preferences)
    if python is None:
        layout.label(text="Not set up yet: about 1 GB is downloaded once.", icon="INFO")
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    if preferences is not None:
        column.prop(preferences, "accelerator")
        if setup_job.for_nvidia(preferences.accelerator, python):
            column.prop(preferences, "quantization")
    if not bpy.app.online_access:
        column.label(text="Setting up needs online access.", icon="INTERNET_OFFLINE")
        if python is None:
            column.operator("texloom.allow_online", icon="INTERNET")
    action = column.row()
    action.enabled = bpy.app.online_access
    action.operator("texloom.setup_engine", text="Set Up Engine" if python is None else "Set Up Again", icon="IMPORT")
    if preferences is not None:
        column.prop(preferences, "engine_python")
        column.operator("texloom.check_engine", icon="CHECKMARK")
        column.prop(preferences, "device")


def _draw_models(layout: Any, preferences: Any) -> None:
    """Folders of large models, and where they are downloaded from."""
    row = layout.row()
    row.label(text="Models", icon="PACKAGE")
    row.operator("texloom.add_model_folder", text="", icon="ADD")
    column = layout.column()
    for number, folder in enumerate(preferences.model_folders):
        row = column.row(align=True)
        row.prop(folder, "path", text="Downloads go to" if number == 0 else "Also look in")
        row.operator("texloom.remove_model_folder", text="", icon="REMOVE").index = number
    column.prop(preferences, "hub_endpoint", placeholder=ENDPOINT)
    column.prop(preferences, "hub_token")
    from .panels import map_models  # not at the top: the panels themselves need this module

    map_models.draw(layout, preferences)


def _engine_python(preferences: Any) -> Any:
    try:
        return setup_job.engine_python(preferences.engine_python if preferences is not None else "")
    except StorageError:
        return None  # the check, and every job, tell what is wrong with the settings


def _default_library() -> object:
    try:
        return machine_settings.library_folder()
    except StorageError:
        return ""


@dataclass
class _Defaults:
    """What counts where Blender keeps no preferences of the add-on, in a script that only imports it."""

    engine_python: str = ""
    accelerator: str = "AUTO"
    quantization: bool = False
    device: str = ""
    library: str = ""
    model_folders: tuple[Any, ...] = ()
    hub_endpoint: str = ""
    hub_token: str = ""
    map_models: tuple[Any, ...] = ()
    idle_minutes: int = int(IDLE_MINUTES)
    memory_gb: float = 0.0
    step_cache: float = 0.0
    compile: bool = False
    attention: str = engine_options.AUTOMATIC
    store: str = "PACK"
    displacement: str = "BUMP"
    slot: str = "ACTIVE"
    preload: bool = True
    enter: bool = False
    remember: bool = True
    first_steps: str = "DONE"


def get() -> Any:
    """The preferences of this user."""
    user: Any = bpy.context.preferences
    addon = user.addons.get(__package__)
    return addon.preferences if addon is not None and addon.preferences is not None else _Defaults()


def get_registered() -> Any:
    """The preferences as Blender's own data, for layouts; None where Blender keeps none."""
    options = get()
    return None if isinstance(options, _Defaults) else options


def model_options() -> ModelOptions:
    """Where models lie and come from, as a value that other threads may have."""
    options = get()
    folders = (bpy.path.abspath(item.path) for item in options.model_folders if item.path.strip())
    return ModelOptions(
        folders=tuple(folders),
        endpoint=options.hub_endpoint.strip(),
        token=options.hub_token.strip(),
        online=bpy.app.online_access,
    )


def engine_settings() -> EngineOptions:
    """Memory and speed of large models, as a value."""
    options = get()
    return EngineOptions(
        map_models=tuple(bpy.path.abspath(item.path) for item in options.map_models if item.path.strip()),
        idle_minutes=options.idle_minutes,
        memory_gb=round(options.memory_gb, 2),
        step_cache=round(options.step_cache, 3),
        compile=options.compile,
        attention="" if options.attention == engine_options.AUTOMATIC else options.attention,
    )


def add_map_model(folder: str) -> bool:
    """Have a model see the maps of pictures; False where Blender keeps no preferences."""
    options = get_registered()
    if options is None:
        return False
    if all(bpy.path.abspath(item.path) != bpy.path.abspath(folder) for item in options.map_models):
        options.map_models.add().path = folder
        _note_change()
    return True


def remove_map_model(folder: str) -> None:
    """See maps without that model, where it is one of those that do."""
    options = get_registered()
    found = [] if options is None else [Path(bpy.path.abspath(item.path)) for item in options.map_models]
    for index in reversed([index for index, path in enumerate(found) if path == Path(folder)]):
        options.map_models.remove(index)
        _note_change()


def _note_change() -> None:
    user: Any = bpy.context.preferences
    user.is_dirty = True  # so that Blender saves them with the others


def set_first_steps(value: str) -> bool:
    """Keep whether the first steps are shown (:data:`FIRST_STEPS`); False where Blender keeps no preferences."""
    options = get_registered()
    if options is None:
        return False
    if options.first_steps != value:
        options.first_steps = value
        _note_change()
    return True


def register() -> None:
    """Make them known to Blender."""
    bpy.utils.register_class(TexloomModelFolder)
    bpy.utils.register_class(TexloomMapModel)
    bpy.utils.register_class(TexloomPreferences)


def unregister() -> None:
    """Take them back."""
    bpy.utils.unregister_class(TexloomPreferences)
    bpy.utils.unregister_class(TexloomMapModel)
    bpy.utils.unregister_class(TexloomModelFolder)
